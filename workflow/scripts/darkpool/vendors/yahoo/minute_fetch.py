"""Yahoo's minute bars into the archive, one file a ticker; they stand in for the ticks of a vendor that needs a key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from ... import clock
from ...archive import open_requests
from ...archive.receipts import Entry
from ...archive.store import Archive
from ...market import sessions, symbols
from ..entries import new_entry, of_file
from ..polygon.tick_files import TickFile
from . import minute_bars, unknown_tickers
from .chart import DailyAnswer

KIND = "yahoo/minute_bars"


def fetch(archive: Archive, session: date, tickers: Sequence[str]) -> Iterator[tuple[str, Entry]]:
    """Ask for the session's bars of `tickers` (our spelling), keep what comes, and give each ticker's entry in turn."""
    spelled = {ticker: symbols.to_yahoo(ticker) for ticker in tickers}
    known = {symbol: ticker for ticker, symbol in spelled.items() if symbol}
    answers = minute_bars.fetch(list(known), session)
    not_found = [symbol for symbol, answer in answers.items() if (answer.state, answer.status) == ("absent", 404)]
    doubted = _doubted(archive, session, [known[symbol] for symbol in not_found])
    for ticker, symbol in spelled.items():
        if symbol is None:
            yield ticker, new_entry("absent", "no spelling at Yahoo is known")
            continue
        kept = _keep(archive, session, symbol, answers[symbol])
        if ticker in doubted:
            kept |= {"state": "outage", "reason": f"Yahoo knows no such ticker today: {kept['reason']}"}
        yield ticker, kept


def _doubted(archive: Archive, session: date, unknown: Iterable[str]) -> set[str]:
    """Those of the tickers that Yahoo does not know today which it knew in the sessions before: asked again."""
    today = clock.now().astimezone(sessions.NEW_YORK).date()
    if open_requests.grace_is_over(session, today):
        return set()
    return unknown_tickers.with_bars(archive, sessions.window(session, open_requests.GRACE), unknown)


def _keep(archive: Archive, session: date, symbol: str, answer: DailyAnswer) -> Entry:
    """The entry of an answer; its bars are kept where it has any."""
    said = {"address": answer.address, "status": answer.status, "retrieved_at": answer.retrieved_at}
    if answer.bars.is_empty() or answer.retrieved_at is None:
        return new_entry(answer.state, answer.reason, **said)
    file = TickFile(KIND, session, symbol)
    with file.spool(archive, ("t",), "t") as pages:
        pages.add(answer.bars)
        kept = file.keep(archive, pages, answer.retrieved_at)
    return new_entry(answer.state, answer.reason, **of_file(archive, kept, answer.bars.height), **said)
