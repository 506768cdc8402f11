"""The kinds of table on a page: which columns each shows, in which groups."""

from __future__ import annotations

from typing import NamedTuple

from ...tables.column import Column
from ...tables.columns import CHECK_COLUMNS, COLUMNS, FLOW, WEEK_COLUMNS

COLUMN_SETS = {"": COLUMNS, "week-": WEEK_COLUMNS, "check-": CHECK_COLUMNS}
"""Columns of the page's tables by what stands before the names of their explanations."""
INFERRED = frozenset({"signal"} | {name for name, column in COLUMNS.items() if column.group == FLOW})
"""Columns that are estimated, not measured."""


class Sheet(NamedTuple):
    """A kind of table on the page: its columns, their groups, the places its style needs, its explanations' prefix."""

    columns: list[Column]
    groups: list[tuple[str, int]]
    layout: dict[str, list[int]]
    prefix: str


def sheet(prefix: str) -> Sheet:
    """The table whose explanations have this prefix."""
    columns = list(COLUMN_SETS[prefix].values())
    return Sheet(columns, _groups(columns), _layout(columns), prefix)


def _groups(columns: list[Column]) -> list[tuple[str, int]]:
    groups: list[tuple[str, int]] = []
    for column in columns:
        if groups and groups[-1][0] == column.group:
            groups[-1] = (column.group, groups[-1][1] + 1)
        else:
            groups.append((column.group, 1))
    return groups


def _layout(columns: list[Column]) -> dict[str, list[int]]:
    """Positions (from 1) of columns that are text, that start a group, and that are inferred."""
    numbered = list(enumerate(columns, 1))
    return {
        "text": [i for i, column in numbered if column.kind == "text"],
        "starts": [i for i, column in numbered if i > 1 and column.group != columns[i - 2].group],
        "inferred": [i for i, column in numbered if column.name in INFERRED],
    }
