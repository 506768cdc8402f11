"""The demo's daily vendors into its archive: FINRA's files, Yahoo's bars and splits, the universe, two receipts.

What a date holds is a function of seed, ticker and date alone; so windows that overlap share their files.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow.parquet as pq

from ... import settings
from ...archive import layout
from ...archive.store import Archive
from ...archive.universe_file import Member, to_csv
from ...market import symbols
from ..entries import of_file
from ..yahoo import bars_fetch, market_fetch
from . import watchlist
from .daily_answers import bars, regsho_file, split_table
from .files import entry, once, parquet, receipt


def fetch(archive: Archive, session: date, window: Sequence[date], seed: int) -> None:
    """Write what FINRA and Yahoo would have said of the session and its `window` (ascending, the session last).

    FINRA's file of every date, Yahoo's bars and splits, the universe and two receipts. A file that is there is left
    alone. Raises sessions.NotASession for a day that does not trade, ValueError for a window without the session.
    """
    if not window or window[-1] != session:
        raise ValueError(f"the window of {session} should end with it, not with {window[-1] if window else 'nothing'}")
    tickers = watchlist.tickers(session)
    members = [Member(ticker, settings.DEMO) for ticker in tickers]
    once(archive, layout.universe(settings.DEMO, session), lambda: to_csv(members))
    archive.write_receipt("finra", session, _say_finra(archive, session, window, seed))
    archive.write_receipt("yahoo", session, _say_yahoo(archive, session, window, tickers, seed))


def fetch_market(archive: Archive, session: date, window: Sequence[date], names: Sequence[str], seed: int) -> None:
    """Write what Yahoo would have said of other names of the market; files that are there are left alone."""
    answers = bars(names, window, seed)
    path = once(archive, layout.yahoo_market(session), lambda: parquet(answers))
    once(archive, layout.yahoo_market_splits(session), lambda: parquet(split_table(window)))
    found = set(pq.read_table(path, columns=["symbol"]).column(0).to_pylist())
    file = of_file(archive, path, None)
    entries = {
        name: entry(session, f"yahoo/{symbol}", **file)
        if (symbol := symbols.to_yahoo(name)) in found
        else entry(session, f"yahoo/{symbol}", state="absent", status=404, reason=f"SIMULATED: no data for {symbol}")
        for name in names
    }
    archive.write_receipt(market_fetch.SOURCE, session, receipt(market_fetch.SOURCE, session, seed, tickers=entries))


def _say_finra(archive: Archive, session: date, window: Sequence[date], seed: int) -> dict[str, Any]:
    files = {}
    for day in window:
        name, relative = layout.regsho_name(settings.CONSOLIDATED, day), layout.regsho(settings.CONSOLIDATED, day)
        path = once(archive, relative, lambda day=day: regsho_file(day, seed))  # type: ignore[misc]
        rows = max(0, len(path.read_bytes().splitlines()) - 2)
        files[name] = entry(day, f"finra/{name}", **of_file(archive, path, rows))
    return receipt("finra", session, seed, files=files)


def _say_yahoo(
    archive: Archive, session: date, window: Sequence[date], tickers: Sequence[str], seed: int
) -> dict[str, Any]:
    relative = layout.yahoo_daily(session)
    path = once(archive, relative, lambda: parquet(bars(tickers, window, seed)))
    once(archive, layout.yahoo_splits(session), lambda: parquet(split_table(window)))
    found = pq.read_table(path, columns=["symbol"]).column(0).to_pylist()
    file = of_file(archive, path, None)
    entries = {}
    for ticker in tickers:
        symbol = symbols.to_yahoo(ticker)
        rows = found.count(symbol)
        answered = {**file, "rows": rows}
        if not rows:
            answered = {"state": "absent", "status": 404, "reason": f"SIMULATED: Yahoo knows no data for {symbol}"}
        entries[ticker] = entry(session, f"yahoo/{symbol}", **answered)
    files = bars_fetch.files_of(archive, session, entries)
    return receipt("yahoo", session, seed, tickers=entries, files=files)
