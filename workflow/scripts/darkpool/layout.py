"""Where things lie in the archive (DESIGN 5) and what they are called; names only, so that anyone can import it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from . import symbols
from .archive import Archive, file_name

VOLUME_SOURCES = ("finra", "yahoo")
TICKS, BARS = ("polygon/trades", "polygon/quotes"), ("polygon/minute_bars", "yahoo/minute_bars")
TICK_KINDS: Mapping[str, tuple[str, ...]] = {"auto": TICKS + BARS, "trades": TICKS, "minute_bars": BARS, "none": ()}
"""What each value of `lit.source` allows, the best first."""


def regsho_name(prefix: str, session: date) -> str:
    return f"{prefix}shvol{session:%Y%m%d}.txt"


def regsho(prefix: str, session: date) -> str:
    return f"finra/regsho/{regsho_name(prefix, session)}"


def yahoo_daily(session: date) -> str:
    return f"yahoo/daily/{session}.parquet"


def yahoo_splits(session: date) -> str:
    return f"yahoo/splits/{session}.parquet"


def universe(scan: str, session: date) -> str:
    return f"universe/{scan}/{session}.csv"


def ticks(kind: str, session: date, symbol: str) -> str:
    """`kind`: polygon/trades, polygon/quotes, polygon/minute_bars or yahoo/minute_bars; `symbol` as that vendor spells it."""
    return f"{kind}/{session}/{file_name(symbol)}.parquet"


def volume_answers(archive: Archive, session: date, window: Sequence[date], prefixes: Sequence[str]) -> list[Path]:
    """Every answer that the volume tables of a session are built from."""
    names = [regsho(prefix, day) for day in window for prefix in prefixes]
    return [path for name in (*names, yahoo_daily(session), yahoo_splits(session)) for path in archive.answers(name)]


def tick_files(archive: Archive, session: date, ticker: str, source: str) -> dict[str, Path]:
    """The ticker's newest answer of each kind that `lit.source` allows, by kind."""
    spell = {"polygon": symbols.to_polygon, "yahoo": symbols.to_yahoo}
    found = {}
    for kind in TICK_KINDS[source]:
        symbol = spell[kind.split("/", 1)[0]](ticker)
        if symbol and (answers := archive.answers(ticks(kind, session, symbol))):
            found[kind] = answers[-1]
    return found
