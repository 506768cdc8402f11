"""The places of the archive's files: what a path says of an answer, and whose receipts name it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

OWN, LATER = 1, 130
"""Receipts that may name a file: that of its own session, or so many from its day on: a window is 61 sessions long."""
SOURCES: Mapping[str, tuple[str, int]] = {
    "finra/regsho": ("finra", LATER),
    "finra/otc_weekly": ("finra_weekly", LATER),
    "yahoo/daily": ("yahoo", OWN),
    "yahoo/splits": ("yahoo", OWN),
    "yahoo/market": ("yahoo_market", OWN),
    "yahoo/market_splits": ("yahoo_market", OWN),
    "universe": ("yahoo", OWN),
    "polygon/trades": ("polygon", OWN),
    "polygon/quotes": ("polygon", OWN),
    "polygon/minute_bars": ("polygon", OWN),
    "yahoo/minute_bars": ("polygon", OWN),
    "polygon/grouped": ("polygon_grouped", OWN),
}
"""Whose receipts name the files of a folder, and how many of them."""
TICKS = frozenset({"polygon/trades", "polygon/quotes", "polygon/minute_bars", "yahoo/minute_bars"})
_STAMP = re.compile(r"@\d{8}T\d{6}Z(?=\.[a-z]+$)")
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?!\d)")
_ESCAPED = re.compile(r"%([0-9A-F]{2})")


class Place(NamedTuple):
    """Where a file lies: the archive's folder, its path in it, the folder of its kind, its session or Monday."""

    root: Path
    relative: str
    kind: str
    day: str

    @property
    def name(self) -> str:
        """The name of the first answer: without the moment of a later one."""
        return first_name(self.relative)

    @property
    def symbol(self) -> str:
        """The vendor's symbol that a tick file is named for."""
        stem = self.name.rpartition("/")[2].rpartition(".")[0]
        return bytes(_ESCAPED.sub(lambda m: chr(int(m[1], 16)), stem), "latin-1").decode("utf-8", "replace")


def first_name(relative: str) -> str:
    """The name of the first answer, of that or of a later one.

    >>> first_name("yahoo/daily/2025-12-22@20251223T110000Z.parquet")
    'yahoo/daily/2025-12-22.parquet'
    """
    return _STAMP.sub("", relative)


def place(path: Path) -> Place | None:
    """The place of an archive's file, from its path alone; None for a file of no archive."""
    parts = path.parts
    for end in range(len(parts) - 1, 0, -1):
        kind = parts[end - 1] if parts[end - 1] == "universe" else "/".join(parts[max(end - 2, 0) : end])
        if kind in SOURCES:
            start = end - 1 - kind.count("/")
            day = _DAY.search("/".join(parts[end:]))
            return (
                Place(path.parents[len(parts) - 1 - start], "/".join(parts[start:]), kind, "-".join(day.groups()))
                if day
                else None
            )
    return None
