"""Yahoo's daily bars into the archive: what is due of a session's universe is asked for, kept, and receipted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import polars as pl

from ... import clock
from ...archive import integrity, layout, open_requests
from ...archive.receipts import Entry
from ...archive.store import Archive
from ...archive.ticker_states import day_state
from ...files import sha256
from ...market import sessions, symbols
from ..entries import asked_again, asked_on_its_own_day, new_entry, of_file, unsettled
from . import chart, daily_files, unknown_tickers
from . import client as yahoo
from .chart import DailyAnswer

CHUNK = 100
"""Tickers whose answers are kept together: an interrupted run loses at most these."""


class Request(NamedTuple):
    """What is wanted of one session: its window (ascending, the session last) and its universe, in our spelling."""

    window: Sequence[date]
    tickers: Sequence[str]


def fetch(archive: Archive, requests: Mapping[date, Request]) -> dict[date, dict[str, Any]]:
    """Ask for what is due of the `requests`, keep what comes, and return a receipt per session.

    Yahoo is asked once per ticker, whatever the number of sessions: each is given its own window of the answer.
    """
    now = clock.now()
    entries: dict[date, dict[str, Entry]] = {}
    asked: dict[date, set[str]] = {}
    for session in requests:
        set_aside(archive, session)
    unadjusted = {session: open_requests.unadjusted(archive, session) for session in requests}
    for session, request in requests.items():
        before = archive.receipt("yahoo", session) or {"tickers": {}}
        entries[session], asked[session] = dict(before["tickers"]), set()
        for ticker in open_requests.yahoo(archive, session, request.tickers):
            kept = (
                None
                if ticker in entries[session]
                else _kept_without_receipt(archive, session, ticker, unadjusted[session])
            )
            if symbols.to_yahoo(ticker) is None:
                entries[session][ticker] = new_entry("absent", "no spelling at Yahoo is known")
            elif kept is not None:
                entries[session][ticker] = kept
            else:
                asked[session].add(ticker)

    tickers = sorted(set().union(*asked.values()))
    start = min((request.window[0] for session, request in requests.items() if asked[session]), default=None)
    given_up = archive.given_up("yahoo")
    unknown: dict[str, str] = {}
    for chunk in (tickers[i : i + CHUNK] for i in range(0, len(tickers), CHUNK)):
        answers: dict[str, DailyAnswer] = {}
        if not given_up and start is not None:
            by_symbol = {symbol: ticker for ticker in chunk if (symbol := symbols.to_yahoo(ticker))}
            last = max(session for session in requests if asked[session])
            found = yahoo.fetch_daily(list(by_symbol), start, last, last)
            answers = {by_symbol[symbol]: answer for symbol, answer in found.items()}
            unknown |= {
                ticker: answer.reason for ticker, answer in answers.items() if unknown_tickers.is_unknown(answer)
            }
        for session, request in requests.items():
            known = entries[session]
            of_session = [ticker for ticker in chunk if ticker in asked[session]]
            windows = {ticker: cut(answers[ticker], request.window) for ticker in of_session if ticker in answers}
            lost = [e for t in windows if (e := known.get(t)) and e["state"] == integrity.DAMAGED]
            fresh = _keep(archive, session, windows, unadjusted[session], lost)
            left = new_entry("outage", f"not asked after: {given_up}")
            known |= {ticker: _beside(known.get(ticker), fresh.get(ticker, left)) for ticker in of_session}
        # What stopped this chunk would stop the next: Yahoo is down, or has had enough of us.
        stopped = next((a.reason for a in answers.values() if a.status == 429 or a.retrieved_at is None), None)
        if stopped and not given_up:
            given_up = stopped
            archive.give_up("yahoo", stopped)
    for session, request in requests.items():
        own = {ticker: reason for ticker, reason in unknown.items() if ticker in asked[session]}
        entries[session] |= unknown_tickers.doubted(archive, *request, entries[session], own, now)
    return {
        session: receipt(
            session,
            {t: _settle(e, session, now, entries[session]) for t, e in entries[session].items()},
            request.tickers,
            files_of(archive, session, entries[session]),
        )
        for session, request in requests.items()
    }


def set_aside(archive: Archive, session: date) -> None:
    """Set aside what is damaged of the session's answers; the receipt says so from then on."""
    for name in (layout.yahoo_daily(session), layout.yahoo_splits(session)):
        archive.set_aside(name, clock.now())


def files_of(archive: Archive, session: date, entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The session's answers themselves, each with its sha256: splits and universes, which no ticker names, too.

    One that is lost stays as long as one of `entries`, by ticker, needs it.
    """
    kept = Archive(archive.root)
    universes = sorted(path.parent.name for path in kept.path("universe").glob(f"*/{session}.csv"))
    names = [layout.yahoo_daily(session), layout.yahoo_splits(session)]
    unadjusted = open_requests.unadjusted(kept, session)
    is_needed = any(e["state"] == integrity.DAMAGED or e["file"] in unadjusted for e in entries.values())
    found: dict[str, Entry] = {}
    for name in [*names, *(layout.universe(scan, session) for scan in universes)]:
        before = kept.receipted(name)
        for path in kept.answers(name):
            file, digest = kept.relative(path), sha256(path)
            named: Entry = before.get(file, {})
            replaces = named.get("replaces") if named.get("sha256") in (digest, None) else named["sha256"]
            found[file] = {"file": file, "sha256": digest}
            if replaces:
                found[file]["replaces"] = replaces
            before.pop(file, None)
        if is_needed:
            keys = ("file", "sha256", "state", "reason", "before")
            for file, lost in before.items():
                said = {key: value for key, value in integrity.damaged(lost).items() if key in keys}
                found[file] = cast(Entry, said)
    return found


def take_ahead(archive: Archive, session: date, window: Sequence[date], answers: Mapping[str, DailyAnswer]) -> None:
    """Keep what `answers` to another question say of a session; `fetch` asks for the tickers that are left.

    A session of which the archive holds anything is left alone, and so are answers without a bar of the session.
    """
    if archive.receipt("yahoo", session) or archive.answers(layout.yahoo_daily(session)):
        return
    windows = {ticker: cut(answer, window) for ticker, answer in answers.items()}
    fresh = {ticker: answer for ticker, answer in windows.items() if answer.state == "published"}
    if fresh:
        path = daily_files.write(archive, session, fresh.values())
        entries = {ticker: entry_of(archive, answer, path) for ticker, answer in fresh.items()}
        files = files_of(archive, session, entries)
        archive.write_receipt("yahoo", session, receipt(session, entries, list(entries), files))


def receipt(
    session: date, entries: Mapping[str, Entry], tickers: Iterable[str], files: Mapping[str, Entry]
) -> dict[str, Any]:
    """The receipt of a session whose state is that of `tickers` together; `files` as `files_of` gives them."""
    state = day_state([entries[ticker] for ticker in tickers])
    return {"source": "yahoo", "session": str(session), "state": state, "tickers": entries, "files": files}


def cut(answer: DailyAnswer, window: Sequence[date]) -> DailyAnswer:
    """The part of an answer that one session's window is about; splits up to the day of asking."""
    first, session = window[0], window[-1]
    bars = answer.bars.filter(pl.col("date").is_between(first, session))
    part = replace(answer, bars=bars, splits=answer.splits.filter(pl.col("ex_date") > first))
    if answer.state not in ("published", "not_yet"):
        return part
    if session in bars["date"]:
        return replace(part, state="published", reason=answer.dropped)
    return replace(part, state="not_yet", reason=chart.no_bar(bars, first, session))


def _beside(before: Entry | None, fresh: Entry) -> Entry:
    """The entry; one without volumes still points at those of the entry before it, as unsettled as they were.

    `absurd_since`: when values that cannot be were first answered; kept until a sound answer comes.
    """
    since = (before or {}).get("absurd_since") or (fresh["retrieved_at"] if fresh.get("absurd") else None)
    if since and fresh["state"] == "outage":
        fresh = {**fresh, "absurd_since": since}
    if before and before["state"] == integrity.DAMAGED and before["file"]:
        return integrity.settle(before, fresh)
    if fresh["file"] or not before or not before["file"]:
        return fresh
    state = before["state"] if before["state"] == "unsettled" else fresh["state"]
    absurd = cast(Entry, {name: value for name, value in fresh.items() if name in ("absurd", "absurd_since")})
    return {**asked_again(before, fresh), "state": state, **absurd}


def _kept_without_receipt(archive: Archive, session: date, ticker: str, unadjusted: AbstractSet[str]) -> Entry | None:
    """An entry for a ticker that is in the archive though no receipt tells: copied in, or an interrupted run."""
    for path in reversed(archive.answers(layout.yahoo_daily(session))):
        bars = daily_files.rows_of(symbols.to_yahoo(ticker), path)
        if session in bars["date"] and archive.relative(path) not in unadjusted:
            return new_entry("published", None, **of_file(archive, path, bars.height))
    return None


def _keep(
    archive: Archive,
    session: date,
    answers: Mapping[str, DailyAnswer],
    unadjusted: AbstractSet[str],
    lost: Iterable[Entry],
) -> dict[str, Entry]:
    """Keep what differs from or adds to the archive; an answer that repeats it only moves `retrieved_at`.

    An answer among the `unadjusted` files holds nothing; `lost` are entries of damaged ones.
    """
    fresh = {ticker: _new_rows(archive, session, answer, unadjusted) for ticker, answer in answers.items()}
    changed = {ticker: answers[ticker] for ticker, (_, is_new) in fresh.items() if is_new}
    path = daily_files.write(archive, session, changed.values(), lost=lost) if changed else None
    return {
        ticker: entry_of(archive, answer, path if ticker in changed else fresh[ticker][0])
        for ticker, answer in answers.items()
    }


def entry_of(archive: Archive, answer: DailyAnswer, holder: Path | None) -> Entry:
    """The entry of an answer whose bars are in `holder`."""
    return new_entry(
        answer.state,
        answer.reason,
        **of_file(archive, holder, answer.bars.height or None),
        address=answer.address,
        status=answer.status,
        retrieved_at=answer.retrieved_at,
        **({"absurd": True} if answer.absurd else {}),
    )


def _new_rows(
    archive: Archive, session: date, answer: DailyAnswer, unadjusted: AbstractSet[str]
) -> tuple[Path | None, bool]:
    """The file that already holds this answer, and whether the answer must be kept because none does."""
    if not answer.bars.height:
        return None, False
    asked = answer.bars.select("date", "volume").sort("date")
    for path in reversed(archive.answers(layout.yahoo_daily(session))):
        kept = daily_files.rows_of(answer.bars["symbol"][0], path)
        if kept.height:
            return path, archive.relative(path) in unadjusted or not kept.equals(asked)
    return None, True


def _settle(answered: Entry, session: date, now: datetime, everyone: Mapping[str, Entry]) -> Entry:
    """The state as the calendar and the other tickers make it."""
    today = now.astimezone(sessions.NEW_YORK).date()
    if asked_on_its_own_day(answered, session):
        return unsettled(answered)
    if answered["state"] == "not_yet":
        others = any(other["state"] == "published" for other in everyone.values())
        if (others and today > session) or open_requests.grace_is_over(session, today):
            return {**answered, "state": "absent"}
    if answered["state"] == "outage" and answered.get("absurd"):
        first = datetime.fromisoformat(answered["absurd_since"]).astimezone(sessions.NEW_YORK).date()
        if open_requests.grace_is_over(first, today):
            return {**answered, "state": "absent"}
    return answered
