"""Trades, quotes and minute bars into the archive: what is due of a session's universe is asked for, kept, receipted.

The best that the key at hand buys: trades with quotes, trades, minute bars; Yahoo's minute bars where there is no key.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ... import clock, credentials
from ...archive import integrity, layout, open_requests
from ...archive.store import DRAFT, Archive, iso, sha256
from ...market import sessions, symbols
from ..yahoo import bars_fetch, minute_bars
from ..yahoo import client as yahoo
from . import client as polygon
from . import spool

WORKERS = "POLYGON_MAX_WORKERS"
DEFAULT_WORKERS = 4
GIVE_UP_AFTER = 3
"""Tickers in a row without a usable answer after which the rest is not asked: the vendor is down."""

Entry = dict[str, Any]
Entries = dict[str, Entry | None]

_TIMES = {
    polygon.TRADES: ("participant_timestamp", "sip_timestamp"),
    polygon.QUOTES: ("participant_timestamp", "sip_timestamp"),
    polygon.MINUTE_BARS: ("t",),
}
_PARTIAL = f".partial{DRAFT}"
_REFUSED, _UPGRADE = f"{open_requests.NOT_IN_PLAN}: ", "; after an upgrade delete this receipt"


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
    workers: int | None = None,
    calls_per_minute: float | None = None,
) -> dict[str, Any]:
    """Ask for what is due of `tickers` (our spelling), keep what comes, and return the receipt.

    `source` is a key of layout.TICK_KINDS, `workers` as `max_workers` unless given, `calls_per_minute` as
    polygon.Client takes it. Whoever calls holds the archive's lock of "polygon". A key that the vendor refuses ends
    the asking at once, state `blocked`; whatever fails for a ticker is a state of its own. Raises OSError where files
    cannot be written.
    """
    run = _Run(archive, session, source, calls_per_minute, workers or max_workers())
    return run.receipt(tickers)


class _Run:
    """One call of `fetch`."""

    def __init__(
        self, archive: Archive, session: date, source: str, calls_per_minute: float | None, workers: int
    ) -> None:
        # Its own, since listings of folders are remembered and this run adds to them.
        self.archive, self.session, self.source = Archive(archive.root), session, source
        self.calls_per_minute, self.workers = calls_per_minute, workers
        self.with_key = credentials.which(credentials.POLYGON) is not None
        self.client: polygon.Client | None = None
        self._sorting = threading.Lock()
        self._failures = 0
        self._stopped = threading.Event()

    def receipt(self, tickers: Sequence[str]) -> dict[str, Any]:
        asked = [ticker for ticker in dict.fromkeys(tickers) if layout.TICK_KINDS[self.source]]
        self._sweep()
        self._set_aside(asked)
        before = self.archive.receipt("polygon", self.session) or {}
        entries: dict[str, Entries] = {ticker: _three(kinds) for ticker, kinds in before.get("tickers", {}).items()}
        for ticker in asked:
            entries[ticker] = self._kept(ticker, entries.get(ticker) or _three({}))
        pending = [ticker for ticker in asked if self._next(entries[ticker])]
        refused = None
        if self.with_key and pending:
            try:
                entries |= self._ask_polygon(pending, entries)
            except polygon.KeyRefused as refusal:
                refused = str(refusal)
                _say(f"Polygon: {refused}")
        # What a plan refuses is no matter for Yahoo: it stands in where there is no key at all.
        elif pending:
            entries |= self._ask_yahoo(pending, entries)
        entries = {ticker: self._settled(kinds) for ticker, kinds in entries.items()}
        plan = _plan(entries.values())
        state = "blocked" if refused else "absent" if plan == "none" else "published"
        told = {"source": "polygon", "session": str(self.session), "state": state, "reason": refused, "plan": plan}
        files = footers(self.archive, before.get("files", {}), entries.values())
        return {**told, "tickers": entries, "files": files}

    def _next(self, kinds: Entries, asked: Iterable[str] = ()) -> str | None:
        return open_requests.next_ticks(self.archive, kinds, self.source, self.with_key, list(asked))

    def _sweep(self) -> None:
        """Remove what a run that was killed left behind."""
        for kind in layout.TICKS + layout.BARS:
            folder = self.archive.path(kind, str(self.session))
            for partial in folder.glob(".*.parquet.partial*") if folder.is_dir() else ():
                if partial.name.endswith(_PARTIAL) or _is_spool(partial):
                    shutil.rmtree(partial, ignore_errors=True)

    def _set_aside(self, tickers: Iterable[str]) -> None:
        spell = {"polygon": symbols.to_polygon, "yahoo": symbols.to_yahoo}
        for ticker in tickers:
            for kind in layout.TICK_KINDS[self.source]:
                if symbol := spell[kind.split("/", 1)[0]](ticker):
                    self.archive.set_aside(layout.ticks(kind, self.session, symbol), clock.now())

    def _kept(self, ticker: str, kinds: Entries) -> Entries:
        """The entries, with those of files that no receipt tells of: copied in, or left by an interrupted run."""
        files = layout.tick_files(self.archive, self.session, ticker, self.source)
        found = dict(kinds)
        for kind, path in files.items():
            name = kind.split("/", 1)[1]
            entry = found[name]
            is_whole_again = entry is not None and entry["state"] == integrity.DAMAGED
            if entry is None or is_whole_again or (not entry["file"] and not open_requests.is_refused(entry)):
                told = _told(self.archive, path)
                found[name] = _entry("published", None, **told) if told else entry
        return found

    def _ask_polygon(self, pending: list[str], before: Mapping[str, Entries]) -> dict[str, Entries]:
        self._announce(pending, before)
        found: dict[str, Entries] = {}
        with ExitStack() as stack:
            self.client = stack.enter_context(
                polygon.Client(calls_per_minute=self.calls_per_minute, workers=self.workers)
            )
            for kind, entry in ((kind, entry) for kinds in before.values() for kind, entry in kinds.items()):
                if entry and open_requests.is_refused(entry):
                    self.client.refuse(kind, entry["reason"].removeprefix(_REFUSED).removesuffix(_UPGRADE))
            pool = stack.enter_context(ThreadPoolExecutor(self.workers))
            jobs = {pool.submit(self._ask_ticker, ticker, before[ticker]): ticker for ticker in pending}
            try:
                for number, job in enumerate(as_completed(jobs), start=1):
                    ticker = jobs[job]
                    found[ticker] = job.result()
                    _say(f"Polygon: {number}/{len(jobs)} {ticker} {_summary(found[ticker])}")
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
        calls = len(pending) + (self.source == "auto" and polygon.TRADES in first)
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
            kinds[name] = _beside(kinds[name], self._ask(name, ticker))
        return kinds

    def _ask(self, name: str, ticker: str) -> Entry:
        symbol = symbols.to_polygon(ticker)
        if symbol is None:
            return _entry("absent", "no spelling at Polygon is known")
        if self._stopped.is_set() or self._failures >= GIVE_UP_AFTER:
            return _entry("outage", f"not asked: {GIVE_UP_AFTER} tickers in a row before it failed")
        try:
            entry = self._download(name, symbol)
        except polygon.NotEntitled as refusal:
            reason = f"{_REFUSED}{refusal.reason}{_UPGRADE}"
            return _entry("blocked", reason, address=refusal.address, status=refusal.status)
        except (spool.Misfit, pl.exceptions.PolarsError, pa.ArrowException) as error:
            self._failures += 1
            return _entry("outage", f"the pages do not fit together ({error})")
        except polygon.Failure as failure:
            self._failures += 1
            return _entry(failure.state, failure.reason, address=failure.address, status=failure.status)
        self._failures = 0
        return entry

    def _download(self, name: str, symbol: str) -> Entry:
        assert self.client is not None
        relative = layout.ticks(f"polygon/{name}", self.session, symbol)
        target = self.archive.path(relative)
        with spool.Spool(target.with_name(f".{target.name}{_PARTIAL}"), _TIMES[name], "sequence_number") as pages:
            first = last = None
            for page in self.client.pages(name, symbol, self.session):
                if self._stopped.is_set():
                    raise polygon.Failure("outage", "the run was stopped")
                pages.add(page.rows)
                first, last = first or page, page
            assert first is not None
            assert last is not None
            answered = {"address": first.address, "status": last.status, "etag": first.etag}
            answered["retrieved_at"] = iso(last.retrieved_at)
            if not pages.rows:
                return _entry("not_yet", f"Polygon has no {name.replace('_', ' ')} of {self.session}", **answered)
            whole = pages.folder / "whole.parquet"
            with self._sorting:
                pages.write(whole, integrity.marks(f"polygon/{name}", self.session, symbol))
            kept = _adopt(self.archive, relative, whole, last.retrieved_at)
            told = _file(self.archive, kept, pages.rows - pages.repeats)
        return _entry("published", _repeated(pages.repeats), **told, **answered)

    def _ask_yahoo(self, pending: list[str], before: Mapping[str, Entries]) -> dict[str, Entries]:
        name = polygon.MINUTE_BARS
        found = {ticker: dict(before[ticker]) for ticker in pending}
        if not minute_bars.still_kept(self.session, clock.now()):
            reason = f"{open_requests.NO_KEY}: Yahoo keeps minute bars for {minute_bars.KEPT.days} days; "
            reason += f"older ones need {' or '.join(credentials.POLYGON)}"
            _say(f"Polygon: {len(pending)} tickers without trades or bars: {reason}")
            absent = _entry("absent", reason)
            return {ticker: {**kinds, name: _beside(kinds[name], absent)} for ticker, kinds in found.items()}
        spelled = {ticker: symbols.to_yahoo(ticker) for ticker in pending}
        known = {symbol: ticker for ticker, symbol in spelled.items() if symbol}
        _say(f"Polygon: no key, so Yahoo is asked for the minute bars of {len(known)} tickers")
        answers = minute_bars.fetch(list(known), self.session)
        not_found = [symbol for symbol, answer in answers.items() if (answer.state, answer.status) == ("absent", 404)]
        doubted = self._doubted([known[symbol] for symbol in not_found])
        for number, ticker in enumerate(pending, start=1):
            symbol = spelled[ticker]
            unknown = _entry("absent", "no spelling at Yahoo is known")
            entry = self._keep_yahoo(symbol, answers[symbol]) if symbol else unknown
            if ticker in doubted:
                entry = {**entry, "state": "outage", "reason": f"Yahoo knows no such ticker today: {entry['reason']}"}
            found[ticker][name] = _beside(found[ticker][name], entry)
            _say(f"Yahoo: {number}/{len(pending)} {ticker} {_summary(found[ticker])}")
        return found

    def _doubted(self, unknown: Iterable[str]) -> set[str]:
        """Those of the tickers that Yahoo does not know today which it knew in the sessions before: asked again."""
        today = clock.now().astimezone(sessions.NEW_YORK).date()
        if open_requests.grace_is_over(self.session, today):
            return set()
        return bars_fetch.with_bars(self.archive, sessions.window(self.session, open_requests.GRACE), unknown)

    def _keep_yahoo(self, symbol: str, answer: yahoo.DailyAnswer) -> Entry:
        moment = answer.retrieved_at and iso(answer.retrieved_at)
        told = {"address": answer.address, "status": answer.status, "retrieved_at": moment}
        if answer.bars.is_empty() or answer.retrieved_at is None:
            return _entry(answer.state, answer.reason, **told)
        relative = layout.ticks("yahoo/minute_bars", self.session, symbol)
        target = self.archive.path(relative)
        with spool.Spool(target.with_name(f".{target.name}{_PARTIAL}"), ("t",), "t") as pages:
            pages.add(answer.bars)
            whole = pages.folder / "whole.parquet"
            pages.write(whole, integrity.marks("yahoo/minute_bars", self.session, symbol))
            kept = _adopt(self.archive, relative, whole, answer.retrieved_at)
        file = _file(self.archive, kept, answer.bars.height)
        return _entry(answer.state, answer.reason, **file, **told)

    def _settled(self, kinds: Entries) -> Entries:
        """The states as the calendar makes them: the day after, a vendor that has nothing is taken at its word."""
        over = clock.now().astimezone(sessions.NEW_YORK).date() > self.session
        return {name: entry and _settle(entry, self.session, over) for name, entry in kinds.items()}


def footers(
    archive: Archive, before: Mapping[str, Entry], everyone: Iterable[Mapping[str, Entry | None]]
) -> dict[str, Entry]:
    """By file, the footer of each: it tells of a change that no page's checksum covers. `before` is kept as it was."""
    named = (entry["file"] for kinds in everyone for entry in kinds.values() if entry and entry["file"])
    found = {file: entry for file, entry in before.items() if entry.get("state") != integrity.DAMAGED}
    return {
        file: found.get(file) or {"file": file, "footer": integrity.footer(archive.path(file))}
        for file in named
        if archive.path(file).is_file()
    }


def _settle(entry: Entry, session: date, over: bool) -> Entry:
    moment = entry["retrieved_at"] and datetime.fromisoformat(entry["retrieved_at"]).astimezone(sessions.NEW_YORK)
    if entry["state"] == "published" and moment and moment.date() <= session:
        return {**entry, "state": "unsettled", "reason": "asked on the session's own New York day"}
    if entry["state"] == "not_yet" and entry["status"] == 200 and over:
        return {**entry, "state": "absent"}
    return entry


def _entry(state: str, reason: str | None, **more: Any) -> Entry:
    blank = dict.fromkeys(("file", "sha256", "rows", "address", "status", "etag", "retrieved_at"))
    return {"state": state, "reason": reason or None, **blank, **more}


def _is_spool(folder: Path) -> bool:
    """Whether a folder without our mark is what an older version left: pages set aside, and nothing else."""
    return folder.is_dir() and all(path.suffix in (".arrow", ".bin") for path in folder.iterdir())


def _three(kinds: Mapping[str, Any]) -> Entries:
    return {name: kinds.get(name) for name in polygon.KINDS}


def _beside(before: Entry | None, entry: Entry) -> Entry:
    """The entry; when it brings no file, that of the entry before it is still there, as unsettled as it was."""
    if before and before["state"] == integrity.DAMAGED:
        return integrity.settle(before, entry)
    if entry["file"] or not before or before["state"] != "unsettled":
        return entry
    return {**before, "reason": f"asked again: {entry['reason']}"}


def _repeated(rows: int) -> str | None:
    """What a receipt says of rows that came more than once."""
    return f"{rows:,} identical rows more than once, kept once" if rows else None


def _told(archive: Archive, path: Path) -> dict[str, Any] | None:
    """What a file tells of itself; None when it is no whole Parquet file."""
    try:
        with pq.ParquetFile(path) as file:
            rows = file.metadata.num_rows
    except (pa.ArrowException, OSError):
        return None
    return _file(archive, path, rows)


def _file(archive: Archive, path: Path, rows: int) -> dict[str, Any]:
    """What an entry says of its file."""
    return {"file": archive.relative(path), "sha256": sha256(path), "rows": rows}


def _adopt(archive: Archive, relative: str, whole: Path, moment: datetime) -> Path:
    """Keep a finished file by rename, as `Archive.keep` does with bytes: these would not fit into memory."""
    fresh = Archive(archive.root)
    target = fresh.home(relative, sha256(whole), moment)
    if target.exists():
        return target
    with whole.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(whole, target)
    fresh.restore(target)
    return target


def _plan(everyone: Iterable[Entries]) -> str:
    """The best that any ticker was given."""
    entries = [entry for kinds in everyone for entry in kinds.values() if entry]
    kinds = {entry["file"].rsplit("/", 2)[0] for entry in entries if entry["file"]}
    for kind, plan in zip(
        ("polygon/quotes", "polygon/trades", "polygon/minute_bars", "yahoo/minute_bars"),
        ("trades_quotes", "trades", "minute_bars", "yahoo_minute_bars"),
        strict=True,
    ):
        if kind in kinds:
            return plan
    return "none"


def _summary(kinds: Entries) -> str:
    told = []
    for name, entry in kinds.items():
        if entry is None or open_requests.is_refused(entry):
            continue
        because = f" ({entry['reason']})" if entry["reason"] else ""
        what = f"{entry['rows']:,}{because}" if entry["file"] else f"{entry['state']}{because}"
        told.append(f"{name.replace('_', ' ')} {what}")
    return ", ".join(told) or "nothing in the plan"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
