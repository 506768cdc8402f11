"""The demo's lit vendor into its archive: ticks and bars of each ticker, the truth beside them, and the receipt."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import pyarrow.parquet as pq

from ...archive import integrity, layout, tick_marks
from ...archive.store import Archive
from ...market import symbols
from ..entries import of_file
from ..polygon.tick_files import footers
from . import watchlist
from .files import entry, once, parquet, receipt
from .markets import KINDS, Market, character, markets_of
from .tick_answers import draw


def fetch(archive: Archive, day: date, seed: int) -> None:
    """Write what Polygon would have said of the session, the true aggressors, and the receipt.

    A ticker whose files are there is left alone. Raises sessions.NotASession for a day that does not trade.
    """
    tickers = watchlist.tickers(day)
    entries = {ticker: _say(archive, market, seed) for ticker, market in markets_of(tickers, day, seed).items()}
    files = footers(archive, {}, entries.values())
    archive.write_receipt("polygon", day, receipt("polygon", day, seed, tickers=entries, files=files))


def _say(archive: Archive, market: Market, seed: int) -> dict[str, Any]:
    """Write a ticker's files and return its entries in the receipt, by kind."""
    symbol = symbols.to_polygon(market.ticker)
    if symbol is None:
        raise ValueError(f"{market.ticker} has no spelling at Polygon; expected one, as BRK.B")
    available = character(market.ticker).available
    names = {kind: layout.ticks(f"polygon/{kind}", market.session, symbol) for kind in available}
    if "trades" in names:
        names["truth"] = layout.ticks("truth", market.session, symbol)
    drawn = cache(lambda: draw(market, seed))
    marks = {kind: tick_marks.marks(f"polygon/{kind}", market.session, symbol) for kind in available}
    paths = {
        kind: once(archive, name, lambda kind=kind: parquet(drawn()[kind], marks.get(kind)))  # type: ignore[misc]
        for kind, name in names.items()
    }
    absent = entry(market.session, f"polygon/{symbol}", state="absent", reason="SIMULATED: not in the plan")
    files = {
        kind: {
            **of_file(archive, paths[kind], pq.read_metadata(paths[kind]).num_rows),
            "footer": integrity.footer(paths[kind]),
        }
        for kind in available
    }
    published = {kind: {**absent, "state": "published", "reason": None, **file} for kind, file in files.items()}
    return {kind: published.get(kind, absent) for kind in KINDS}
