"""The explanations that a page shows on hover or tap, and the keys by which its cells name them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ...measures import stands_out
from ...tables import glossary
from ...tables.column import Column
from ..sign_methods import METHODS
from .context import PageContext
from .sheet import COLUMN_SETS

TERMS = {
    "check": glossary.CHECKS,
    "excluded": glossary.EXCLUDED,
    "flag": glossary.FLAGS,
    "lit-source": glossary.LIT_SOURCES,
    "method": METHODS,
    "opinion": glossary.OPINIONS,
    "signal": glossary.SIGNALS,
    "state": glossary.STATES,
    "strength": glossary.STRENGTHS,
    "verdict": glossary.VERDICTS,
    "week-flag": glossary.WEEK_FLAGS,
}


def marks(context: PageContext) -> dict[str, str]:
    """What the signs in the rows mean, with the values from which they stand."""
    low, high = (glossary.written("fraction", edge) for edge in (stands_out.LOW, stands_out.HIGH))
    strip = " to ".join(glossary.written("percent", edge) for edge in context.neutral_strip)
    return {
        "▲ ▼": (
            f"Far out: a z of {stands_out.FAR:g} or more either way (the volume by its own z), a percentile of "
            f"{high} or more or {low} or less where the market's day is not known, a change of the ratio by "
            f"{100 * stands_out.CHANGE:g} points or more."
        ),
        "Buy %": (
            "The point is the bought part of the off-exchange volume, the bar its band, drawn from 20% to 80%; the "
            f"strip is what counts as neutral, {strip}. Filled is firm, hollow weak or neutral."
        ),
        "*": "A flag in the row's last column is a warning. What is true of every row is said above the table instead.",
        glossary.UNKNOWN: "Unknown, never zero. It opens the reason.",
    }


class Entry(NamedTuple):
    """An explanation that the page shows on hover or tap."""

    key: str
    title: str
    sentence: str
    formula: str = ""


def key(prefix: str, code: str) -> str:
    """The key of an explanation, as it may stand in an HTML id: its kind and its code."""
    return f"{prefix}-{re.sub('[^A-Za-z0-9_-]', '_', code)}"


def entries(context: PageContext, used: Mapping[str, set[str]]) -> list[Entry]:
    """Every explanation the page can show; `used` codes that nobody described are said to be so."""
    entries = []
    for table, columns in COLUMN_SETS.items():
        for column in columns.values():
            entries.append(Entry(key(f"{table}column", column.name), column.label, column.sentence, column.formula))
            if column.unknown_by or column.unknown != Column.unknown:
                entries.append(Entry(key(f"{table}why", column.name), f"{column.label}: unknown", column.unknown))
    for kind, terms in TERMS.items():
        for code in [*terms, *sorted(used.get(kind, set()) - set(terms))]:
            term = glossary.term(terms, code)
            entries.append(Entry(key(kind, code or "neutral"), term.label, term.sentence))
    return [Entry(key, *(context.filled(text) for text in words)) for key, *words in entries]
