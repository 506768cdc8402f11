"""What a table says besides its columns, carried in its metadata to the tables and pages built from it.

States of the sources, notes for the reader, whether the vendors were simulated, the splits of the window, the
last two closes, and flags by ticker.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TypedDict, cast

import polars as pl

from .. import listing
from ..states import State

SPLIT_SCHEMA = {"ticker": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}
"""`ratio` is null where it cannot be known (`splits.judged`); so is then every factor over the split."""
CLOSE_SCHEMA = {"ticker": pl.String, "date": pl.Date, "close": pl.Float64}


class Source(TypedDict):
    """The state of one source for a session, as a page shows it; `retrieved_at` is UTC, ISO 8601."""

    source: str
    state: State
    reason: str | None
    retrieved_at: str | None
    detail: str


class Told(TypedDict):
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
        **({} if closes is None else {"closes": json.dumps(_lines(closes))}),
        "flags": json.dumps({ticker: sorted(of_ticker) for ticker, of_ticker in sorted((flags or {}).items())}),
    }


def _lines(frame: pl.DataFrame) -> list[list[object]]:
    """Rows of ticker, day and value."""
    return [[ticker, str(day), value] for ticker, day, value in frame.iter_rows()]


def told(metadata: Mapping[str, str]) -> Told:
    """What `pack` was given of the sources."""
    return cast(Told, {name: json.loads(metadata[name]) for name in Told.__annotations__})


def merge(*parts: Mapping[str, str]) -> dict[str, str]:
    """One table's metadata from those of the tables it is built from, in their order, nothing said twice."""
    heard = [told(part) for part in parts]
    sources = {json.dumps(source): source for part in heard for source in part["sources"]}
    notes = dict.fromkeys(note for part in heard for note in part["notes"])
    return pack(list(sources.values()), notes, any(part["simulated"] for part in heard), is_counted=True)


def flags(metadata: Mapping[str, str]) -> dict[str, list[str]]:
    """Flags by ticker, beside those that the table's own columns tell; none in a table from before there were any."""
    found: dict[str, list[str]] = json.loads(metadata.get("flags", "{}"))
    return found


def splits(metadata: Mapping[str, str]) -> pl.DataFrame:
    """Splits (ticker, ex_date, ratio) of the window."""
    return _frame(metadata["splits"], SPLIT_SCHEMA)


def closes(metadata: Mapping[str, str]) -> pl.DataFrame:
    """Closes (ticker, date, close in USD, as traded) of the session and the one before; none in an older table."""
    return _frame(metadata.get("closes", "[]"), CLOSE_SCHEMA)


def _frame(text: str, schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    rows = [(ticker, date.fromisoformat(day), value) for ticker, day, value in json.loads(text)]
    return pl.DataFrame(rows, schema=schema, orient="row")
