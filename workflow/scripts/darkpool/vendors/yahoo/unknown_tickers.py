"""Tickers that Yahoo does not know today though it should: a vendor's lapse, until it has lasted for some sessions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

import polars as pl

from ...archive import layout, open_requests
from ...archive.receipts import Entry
from ...archive.store import Archive, iso
from ...archive.ticker_states import UNKNOWN_SINCE
from ...market import sessions, symbols
from . import daily_files
from .chart import DailyAnswer


def is_unknown(answer: DailyAnswer) -> bool:
    """Whether Yahoo says that there is no such ticker, in so many words or by a chart without any bar."""
    return answer.state == "absent" or (answer.state == "not_yet" and not answer.bars.height)


def doubted(
    archive: Archive,
    window: Sequence[date],
    tickers: Sequence[str],
    entries: Mapping[str, Entry],
    unknown: Mapping[str, str],
    now: datetime,
) -> dict[str, Entry]:
    """Entries of the tickers that Yahoo does not know today (`unknown`, with its words), each with `unknown_since`.

    One that had bars in the window, and all at once, are hardly gone: an outage, asked for again for some sessions.
    After that Yahoo is taken at its word, until it answers with a bar.
    """
    followed = [ticker for ticker in tickers if symbols.to_yahoo(ticker)]
    everyone = len(unknown) > 1 and all(ticker in unknown for ticker in followed)
    had_bars = with_bars(archive, window, unknown)
    since = _unknown_since(archive, window, unknown)
    today = now.astimezone(sessions.NEW_YORK).date()
    found = {}
    for ticker, reason in unknown.items():
        first = since.get(ticker) or iso(now)
        entry: Entry = {**entries[ticker], UNKNOWN_SINCE: first}
        day = datetime.fromisoformat(first).astimezone(sessions.NEW_YORK).date()
        if (ticker in had_bars or everyone) and not open_requests.grace_is_over(day, today):
            why = "no other ticker either" if everyone else "though it had bars in this window"
            entry["state"] = "unsettled" if entry["state"] == "unsettled" else "outage"
            entry["reason"] = f"Yahoo knows no such ticker since {day}, {why}: {reason}"
        found[ticker] = entry
    return found


def with_bars(archive: Archive, window: Sequence[date], tickers: Iterable[str]) -> set[str]:
    """Those of `tickers` of which the archive holds a bar of the window, in whichever session's answer."""
    left = {symbol: ticker for ticker in tickers if (symbol := symbols.to_yahoo(ticker))}
    found = set()
    for day in reversed(window):
        for path in archive.answers(layout.yahoo_daily(day)) if left else ():
            bars = daily_files.rows(path).filter(
                pl.col("symbol").is_in(list(left)) & pl.col("date").is_between(window[0], window[-1])
            )
            found |= {left.pop(symbol) for symbol in bars["symbol"].unique()}
    return found


def _unknown_since(archive: Archive, window: Sequence[date], tickers: Iterable[str]) -> dict[str, str]:
    """When the newest receipts of the window first heard that Yahoo does not know a ticker; none where they know it."""
    left, found = set(tickers), {}
    for day in reversed(window):
        entries = (archive.receipt("yahoo", day) or {"tickers": {}})["tickers"] if left else {}
        for ticker in left & entries.keys():
            found[ticker] = entries[ticker].get(UNKNOWN_SINCE)
        left -= entries.keys()
    return {ticker: moment for ticker, moment in found.items() if moment}
