"""Trades, quotes and minute bars into the archive: what is due of a session's universe is asked for, kept, receipted.

The best that the key at hand buys: trades with quotes, trades, minute bars; Yahoo's minute bars where there is no key.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from datetime import date
from typing import Any

import polars as pl
import pyarrow as pa

from ... import clock, credentials
from ...archive import integrity, layout, open_requests
from ...archive.receipts import Entry
from ...archive.store import Archive
from ...market import sessions, symbols
from ...settings import Flat
from ..entries import new_entry, of_file
from ..failure import Failure
from ..yahoo import minute_fetch, retention
from . import client as polygon
from . import flat_import, spool, tick_files
from .page import MINUTE_BARS, QUOTES, TRADES
from .tick_entries import Entries, beside, by_kind, plan_of, repeated, settled, summary
from .tick_files import TIMES, TickFile

WORKERS = "POLYGON_MAX_WORKERS"
DEFAULT_WORKERS = 4
GIVE_UP_AFTER = 3
"""Tickers in a row without a usable answer after which the rest is not asked: the vendor is down."""

_REFUSED = f"{open_requests.NOT_IN_PLAN}: "


def max_workers() -> int:
    """Requests at the same time; POLYGON_MAX_WORKERS overrides the default of 4. Raises ValueError."""
    text = os.environ.get(WORKERS, "").strip()
    if text and not (text.isascii() and text.isdigit() and 1 <= int(text) <= 32):
        raise ValueError(f"{WORKERS} is {text!r}, expected a whole number from 1 to 32")
    return int(text or DEFAULT_WORKERS)


def fetch(
    archive: Archive,
    session: date,
    tickers: Sequence[str],
    *,
    source: str = "auto",
    flat: Flat | None = None,
    workers: int | None = None,
    calls_per_minute: float | None = None,
) -> dict[str, Any]:
    """Ask for what is due of `tickers` (our spelling), keep what comes, and return the receipt.

    `source` is a key of layout.TICK_KINDS, `flat` the store of flat files, which comes first where it is asked
    (`open_requests.takes_flat`); `workers` as `max_workers` unless given, `calls_per_minute` as
    polygon.Client takes it. Whoever calls holds the archive's lock of "polygon". A key that the vendor refuses ends
    the asking at once, state `blocked`; whatever fails for a ticker is a state of its own. Raises OSError where files
    cannot be written.
    """
    run = _Run(archive, session, source, flat or Flat(), calls_per_minute, workers or max_workers())
    return run.receipt(tickers)


class _Run:
    """One call of `fetch`."""

    def __init__(
        self, archive: Archive, session: date, source: str, flat: Flat, calls_per_minute: float | None, workers: int
    ) -> None:
        # Its own, since listings of folders are remembered and this run adds to them.
        self.archive, self.session, self.source = Archive(archive.root), session, source
        self.calls_per_minute, self.workers = calls_per_minute, workers
        self.flat = flat
        self.with_key = open_requests.has_key(source)
        self.client: polygon.Client | None = None
        self._sorting = threading.Lock()
        self._failures = 0
        self._stopped = threading.Event()

    def receipt(self, tickers: Sequence[str]) -> dict[str, Any]:
        asked = [ticker for ticker in dict.fromkeys(tickers) if layout.TICK_KINDS[self.source]]
        tick_files.sweep(self.archive, self.session)
        self._set_aside(asked)
        before = self.archive.receipt("polygon", self.session) or {}
        entries: dict[str, Entries] = {ticker: by_kind(kinds) for ticker, kinds in before.get("tickers", {}).items()}
        for ticker in asked:
            entries[ticker] = self._kept(ticker, entries.get(ticker) or by_kind({}))
        if open_requests.takes_flat(self.source):
            entries |= self._ask_store(asked, entries)
        pending = [ticker for ticker in asked if self._next(entries[ticker])]
        refused = None
        if self.with_key and pending:
            try:
                entries |= self._ask_polygon(pending, entries)
            except polygon.KeyRefused as refusal:
                refused = str(refusal)
                _say(f"Polygon: {refused}")
        # What a plan refuses is no matter for Yahoo: it stands in where there is no key at all.
        elif pending and self.source != "flat":
            entries |= self._ask_yahoo(pending, entries)
        is_over = clock.now().astimezone(sessions.NEW_YORK).date() > self.session
        entries = {ticker: settled(kinds, self.session, is_over) for ticker, kinds in entries.items()}
        plan = plan_of(entries.values())
        state = "blocked" if refused else "absent" if plan == "none" else "published"
        reason = refused or (self._lacking() if state == "absent" else None)
        head = {"source": "polygon", "session": str(self.session), "state": state, "reason": reason, "plan": plan}
        files = tick_files.footers(self.archive, before.get("files", {}), entries.values())
        return {**head, "tickers": entries, "files": files}

    def _lacking(self) -> str | None:
        """Which keys would have to be set for anybody to be asked; None where somebody was."""
        if self.source == "flat" and not open_requests.takes_flat(self.source):
            needed = " and ".join(names[0] for names in (credentials.S3_ID, credentials.S3_SECRET))
            return f"{open_requests.NO_KEY}: flat files need {needed}"
        if self.source == "trades" and not self.with_key:
            return f"{open_requests.NO_KEY}: trades and quotes need {' or '.join(credentials.POLYGON)}"
        return None

    def _ask_store(self, asked: Sequence[str], before: Mapping[str, Entries]) -> dict[str, Entries]:
        """The day's flat files, of trades and then of quotes, for the tickers that lack them."""
        found = {ticker: dict(before[ticker]) for ticker in asked}
        for kind in (TRADES, QUOTES):
            due = [ticker for ticker, kinds in found.items() if open_requests.next_flat(self.archive, kinds) == kind]
            if due:
                _say(f"Polygon: flat file of {kind}: {len(due)} tickers")
                answered, told = flat_import.fetch(self.archive, self.session, kind, due, self.flat)
                _say(f"Polygon: flat file of {kind}: {told}")
                for ticker, entry in answered.items():
                    found[ticker][kind] = beside(found[ticker][kind], entry)
        return found

    def _next(self, kinds: Entries, asked: Iterable[str] = ()) -> str | None:
        return open_requests.next_ticks(self.archive, kinds, self.source, self.with_key, list(asked))

    def _set_aside(self, tickers: Iterable[str]) -> None:
        for ticker in tickers:
            for name in layout.tick_names(self.session, ticker, self.source).values():
                self.archive.set_aside(name, clock.now())

    def _kept(self, ticker: str, kinds: Entries) -> Entries:
        """The entries, with those of files that no receipt tells of: copied in, or left by an interrupted run."""
        files = layout.tick_files(self.archive, self.session, ticker, self.source)
        found = dict(kinds)
        for kind, path in files.items():
            name = kind.split("/", 1)[1]
            before = found[name]
            is_whole_again = before is not None and before["state"] == integrity.DAMAGED
            is_open = before is None or is_whole_again or not (before["file"] or open_requests.is_refused(before))
            if is_open and (rows := tick_files.rows(path)) is not None:
                found[name] = new_entry("published", None, **of_file(self.archive, path, rows))
        return found

    def _ask_polygon(self, pending: list[str], before: Mapping[str, Entries]) -> dict[str, Entries]:
        self._announce(pending, before)
        found: dict[str, Entries] = {}
        with ExitStack() as stack:
            self.client = stack.enter_context(
                polygon.Client(calls_per_minute=self.calls_per_minute, workers=self.workers)
            )
            for kind, known in ((kind, known) for kinds in before.values() for kind, known in kinds.items()):
                if known and open_requests.is_refused(known):
                    self.client.refuse(
                        kind, str(known["reason"]).removeprefix(_REFUSED).removesuffix(open_requests.UPGRADE)
                    )
            pool = stack.enter_context(ThreadPoolExecutor(self.workers))
            jobs = {pool.submit(self._ask_ticker, ticker, before[ticker]): ticker for ticker in pending}
            try:
                for number, job in enumerate(as_completed(jobs), start=1):
                    ticker = jobs[job]
                    found[ticker] = job.result()
                    _say(f"Polygon: {number}/{len(jobs)} {ticker} {summary(found[ticker])}")
            except BaseException:
                self._stopped.set()
                pool.shutdown(cancel_futures=True)
                raise
        return found

    def _announce(self, pending: list[str], before: Mapping[str, Entries]) -> None:
        if not self.calls_per_minute:
            _say(f"Polygon: {len(pending)} tickers; on the free plan, which has five calls a minute, one takes 12 s")
            return
        first = {self._next(before[ticker]) for ticker in pending}
        calls = len(pending) + (self.source == "auto" and TRADES in first)
        minutes = (calls - 1) / self.calls_per_minute
        about = f"about {minutes:.0f} minutes" if minutes >= 1 else "less than a minute"
        _say(
            f"Polygon: {len(pending)} tickers at {self.calls_per_minute:g} calls a minute: {about}, and more where "
            "trades come in pages (lit.calls_per_minute: 0 on a plan without a limit)"
        )

    def _ask_ticker(self, ticker: str, before: Entries) -> Entries:
        kinds = dict(before)
        asked: list[str] = []
        while name := self._next(kinds, asked):
            asked.append(name)
            kinds[name] = beside(kinds[name], self._ask(name, ticker))
        return kinds

    def _ask(self, name: str, ticker: str) -> Entry:
        symbol = symbols.to_polygon(ticker)
        if symbol is None:
            return new_entry("absent", "no spelling at Polygon is known")
        if self._stopped.is_set() or self._failures >= GIVE_UP_AFTER:
            return new_entry("outage", f"not asked: Polygon failed for {GIVE_UP_AFTER} tickers in a row")
        try:
            answered = self._download(name, symbol)
        except polygon.NotEntitled as refusal:
            reason = f"{_REFUSED}{refusal.reason}{open_requests.UPGRADE}"
            return new_entry("blocked", reason, address=refusal.address, status=refusal.status)
        except (spool.Misfit, pl.exceptions.PolarsError, pa.ArrowException) as error:
            self._failures += 1
            return new_entry("outage", f"the pages do not fit together ({error})")
        except Failure as failure:
            self._failures += 1
            return new_entry(failure.state, failure.reason, address=failure.address, status=failure.status)
        self._failures = 0
        return answered

    def _download(self, name: str, symbol: str) -> Entry:
        assert self.client is not None
        file = TickFile(f"polygon/{name}", self.session, symbol)
        with file.spool(self.archive, TIMES[name], "sequence_number") as pages:
            first = last = None
            for page in self.client.pages(name, symbol, self.session):
                if self._stopped.is_set():
                    raise Failure("outage", "the run was stopped")
                pages.add(page.rows)
                first, last = first or page, page
            assert first is not None
            assert last is not None
            answered = {"address": first.address, "status": last.status, "etag": first.etag}
            if not pages.rows:
                reason = f"Polygon has no {name.replace('_', ' ')} of {self.session}"
                return new_entry("not_yet", reason, **answered, retrieved_at=last.retrieved_at)
            kept = file.keep(self.archive, pages, last.retrieved_at, self._sorting)
        rows = of_file(self.archive, kept, pages.rows - pages.repeats)
        return new_entry("published", repeated(pages.repeats), **rows, **answered, retrieved_at=last.retrieved_at)

    def _ask_yahoo(self, pending: list[str], before: Mapping[str, Entries]) -> dict[str, Entries]:
        name = MINUTE_BARS
        if not retention.still_kept(self.session, clock.now()):
            reason = f"{open_requests.NO_KEY}: Yahoo keeps minute bars for {retention.KEPT.days} days; "
            reason += f"older ones need {' or '.join(credentials.POLYGON)}"
            _say(f"Polygon: {len(pending)} tickers without trades or bars: {reason}")
            absent = new_entry("absent", reason)
            return {ticker: {**before[ticker], name: beside(before[ticker][name], absent)} for ticker in pending}
        spelled = sum(symbols.to_yahoo(ticker) is not None for ticker in pending)
        _say(f"Polygon: no key, so Yahoo is asked for the minute bars of {spelled} tickers")
        found: dict[str, Entries] = {}
        for number, (ticker, answered) in enumerate(minute_fetch.fetch(self.archive, self.session, pending), start=1):
            found[ticker] = {**before[ticker], name: beside(before[ticker][name], answered)}
            _say(f"Yahoo: {number}/{len(pending)} {ticker} {summary(found[ticker])}")
        return found


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
