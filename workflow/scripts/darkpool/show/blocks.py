"""The largest off-exchange prints in words, for page and terminal: one text a number, wherever it stands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl

from ..market.sessions import NEW_YORK
from ..tables import glossary

HEADER = (
    "Date",
    "Ticker",
    "Time",
    "Price",
    "Shares",
    "Value",
    "In the spread",
    "Reported",
    "Of off-exch.",
    "Not signed",
)
NUMERIC = (3, 4, 5, 8)
LATE_S = 10.0
"""Seconds from execution to report after which a print is late (FINRA Rule 6380A asks for 10)."""
SECOND, MICROSECOND = 1_000_000_000, 1_000


def in_words(blocks: pl.DataFrame) -> list[list[str]]:
    """Rows of trf_blocks as texts under `HEADER`, in the frame's order; times are New York's."""
    return [_row(block) for block in blocks.iter_rows(named=True)]


def _row(block: Mapping[str, Any]) -> list[str]:
    seconds, rest = divmod(block["time"], SECOND)
    moment = datetime.fromtimestamp(seconds, UTC).astimezone(NEW_YORK).replace(microsecond=rest // MICROSECOND)
    return [
        str(block["date"]),
        block["ticker"],
        f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}",
        glossary.written("price", block["price"]),
        glossary.exact_shares(block["size"]),
        glossary.written("money", block["notional"]),
        _place(block),
        _report(block["late_s"]),
        glossary.written("fraction", block["share_of_trf"]),
        glossary.term(glossary.EXCLUDED, block["excluded"]).label if block["excluded"] else "",
    ]


def _place(block: Mapping[str, Any]) -> str:
    """Where in the spread it was made, in hundredths from bid to ask, and the side that is inferred from it."""
    if block["bid"] is None:
        return "no valid quote"
    spread = block["ask"] - block["bid"]
    side = block["side"]
    if spread <= 0:
        return f"locked, {side}"
    place = 100 * (block["price"] - block["bid"]) / spread
    where = "below the bid" if place < 0 else "above the ask" if place > 100 else f"{place:.0f}%"
    return f"{where}, {side}"


def _report(late: float | None) -> str:
    if late is None:
        return glossary.UNKNOWN
    return f"{late:,.0f} s late" if late > LATE_S else "in time"
