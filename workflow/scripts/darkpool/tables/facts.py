"""What a table says besides its columns, carried in its metadata to the tables and pages built from it.

States of the sources, notes for the reader, whether the vendors were simulated, the splits and closes of the window,
and flags by ticker.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NotRequired, TypedDict, cast

import polars as pl

from .. import listing
from ..states import State

SPLIT_SCHEMA = {"ticker": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}
"""`ratio` is null where it cannot be known (`splits.judged`); so is then every factor over the split."""
CLOSE_SCHEMA = {"ticker": pl.String, "date": pl.Date, "close": pl.Float64}
PRICES = "prices"
"""Where the closes stand. Of older tables, whose `closes` held two sessions alone, nothing is read."""


class Source(TypedDict):
    """The state of one source for a session, as a page shows it; `retrieved_at` is UTC, ISO 8601.

    `asked`: who was asked in its place, by `glossary.SOURCES`.
    """

    source: str
    state: State
    reason: str | None
    retrieved_at: str | None
    detail: str
    asked: NotRequired[str]


class SessionFacts(TypedDict):
    """States of the sources, notes for the reader, and whether the vendors were simulated."""

    sources: list[Source]
    notes: list[str]
    simulated: bool


def pack(
    sources: Sequence[Source],
    notes: Iterable[str],
    simulated: bool = False,
    splits: pl.DataFrame | None = None,
    is_counted: bool = False,
    flags: Mapping[str, Iterable[str]] | None = None,
    closes: pl.DataFrame | None = None,
) -> dict[str, str]:
    """Metadata of a table, JSON texts by name; of notes of one kind a few stand for all, unless that was seen to."""
    return {
        "sources": json.dumps(list(sources)),
        "notes": json.dumps(list(notes) if is_counted else listing.few_of_each(notes)),
        "simulated": json.dumps(simulated),
        "splits": json.dumps([] if splits is None else _lines(splits)),
        **({} if closes is None else {PRICES: json.dumps(_wide(closes))}),
        "flags": json.dumps({ticker: sorted(of_ticker) for ticker, of_ticker in sorted((flags or {}).items())}),
    }


def _lines(frame: pl.DataFrame) -> list[list[object]]:
    """Rows of ticker, day and value."""
    return [[ticker, str(day), value] for ticker, day, value in frame.iter_rows()]


def _wide(closes: pl.DataFrame) -> dict[str, object]:
    """The days, and by ticker a close for each: a row a session would be ten times the text."""
    days = closes["date"].unique().sort().to_list()
    places = {day: place for place, day in enumerate(days)}
    of: dict[str, list[float | None]] = {}
    for ticker, day, close in closes.sort("ticker", "date").iter_rows():
        of.setdefault(ticker, [None] * len(days))[places[day]] = close
    return {"days": [str(day) for day in days], "of": of}


def unpack(metadata: Mapping[str, str]) -> SessionFacts:
    """What `pack` was given of the sources."""
    return cast(SessionFacts, {name: json.loads(metadata[name]) for name in SessionFacts.__annotations__})


def merge(*parts: Mapping[str, str]) -> dict[str, str]:
    """One table's metadata from those of the tables it is built from, in their order, nothing said twice."""
    heard = [unpack(part) for part in parts]
    sources = {json.dumps(source): source for part in heard for source in part["sources"]}
    notes = dict.fromkeys(note for part in heard for note in part["notes"])
    return pack(list(sources.values()), notes, any(part["simulated"] for part in heard), is_counted=True)


def of_same(metadata: Mapping[str, str]) -> dict[str, str]:
    """What a table says that is made of the one with this metadata, and of nothing that has a state of its own."""
    return {name: metadata[name] for name in ("sources", "notes", "simulated", "splits") if name in metadata}


def flags(metadata: Mapping[str, str]) -> dict[str, list[str]]:
    """Flags by ticker, beside those that the table's own columns tell; none in a table from before there were any."""
    found: dict[str, list[str]] = json.loads(metadata.get("flags", "{}"))
    return found


def splits(metadata: Mapping[str, str]) -> pl.DataFrame:
    """Splits (ticker, ex_date, ratio) of the window."""
    return _frame(metadata["splits"], SPLIT_SCHEMA)


def closes(metadata: Mapping[str, str]) -> pl.DataFrame:
    """Closes (ticker, date, close in USD, as traded) of the window, those that are known; none in an older table."""
    found = json.loads(metadata.get(PRICES, '{"days": [], "of": {}}'))
    days = [date.fromisoformat(day) for day in found["days"]]
    rows = [
        (ticker, day, close)
        for ticker, values in found["of"].items()
        for day, close in zip(days, values, strict=True)
        if close is not None
    ]
    return pl.DataFrame(rows, schema=CLOSE_SCHEMA, orient="row")


def _frame(text: str, schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    rows = [(ticker, date.fromisoformat(day), value) for ticker, day, value in json.loads(text)]
    return pl.DataFrame(rows, schema=schema, orient="row")
