"""Rows in the terminal, aligned, in the page's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import terminal
from ..tables import glossary
from ..tables.column import Table

if TYPE_CHECKING:
    import polars as pl


def print_head(title: str, sources: Iterable[Mapping[str, Any]], simulated: bool, gap: bool = False) -> None:
    """What follows, and the state of its sources; that the vendors are simulated stands first."""
    mark = f"{glossary.SIMULATED}  " if simulated else ""
    print(("\n" if gap else "") + mark + f"{title}  ({source_states(sources)})")
    if simulated:
        print(glossary.SIMULATED_SENTENCE)


def source_states(sources: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(f"{glossary.source(one['source'])} {glossary.state(one['state'])}" for one in sources)


def print_features(names: Sequence[str], records: Sequence[Mapping[str, Any]], ahead: Sequence[str] = ()) -> None:
    """Rows of `features` in the page's words, aligned; `ahead` are columns shown as they are."""
    columns = [glossary.COLUMNS[name] for name in names]
    header = [*ahead, *(glossary.filled(column.label) for column in columns)]
    rows = [[*(str(record[name]) for name in ahead), *(_text(name, record) for name in names)] for record in records]
    numeric = {len(ahead) + i for i, column in enumerate(columns) if column.kind in glossary.NUMERIC}
    print(aligned(header, rows, numeric))


def of_columns(names: Sequence[str], table: Table, rows: pl.DataFrame) -> str:
    """Columns of a table of the registry, aligned; a row that is not confirmed says so at its flags."""
    of_table = {column.name: column for column in table.columns}
    shown = [of_table[name] for name in names]
    cells = [
        [
            str(row[column.name])
            if column.name in ("ticker", "quality")
            else glossary.written(column.kind, row[column.name])
            for column in shown
        ]
        for row in rows.iter_rows(named=True)
    ]
    numeric = [i for i, column in enumerate(shown) if column.kind in glossary.NUMERIC]
    return aligned([column.label or column.name for column in shown], cells, numeric)


def _text(name: str, record: Mapping[str, Any]) -> str:
    from ..show.page import values

    if record[name] is None:
        return glossary.UNKNOWN
    if name in ("ticker", "quality"):
        return str(record[name])
    return values.cell(name, record).text


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], right: Iterable[int]) -> str:
    """Rows under their header in columns as wide as their widest cell; those numbered in `right` end together."""
    rows = [[terminal.one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    ends = set(right)

    def line(cells: Sequence[str]) -> str:
        sized = zip(cells, widths, strict=True)
        return "  ".join(c.rjust(w) if i in ends else c.ljust(w) for i, (c, w) in enumerate(sized)).rstrip()

    return "\n".join([line(header), line(["-" * width for width in widths]), *map(line, rows)])
