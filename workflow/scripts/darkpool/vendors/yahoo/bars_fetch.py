"""Yahoo's daily bars into the archive: what is due of a session's universe is asked for, kept, and receipted."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ... import clock
from ...archive import integrity, layout, open_requests
from ...archive.store import Archive, iso, sha256
from ...market import sessions, symbols
from ...session import sources
from . import client as yahoo
from . import consolidated
from .client import DailyAnswer

UNKNOWN_SINCE = sources.UNKNOWN_SINCE
CHUNK = 100
"""Tickers whose answers are kept together: an interrupted run loses at most these."""

Entry = dict[str, Any]


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
                entries[session][ticker] = _entry("absent", "no spelling at Yahoo is known")
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
            unknown |= {ticker: answer.reason for ticker, answer in answers.items() if is_unknown(answer)}
        for session, request in requests.items():
            known = entries[session]
            of_session = [ticker for ticker in chunk if ticker in asked[session]]
            windows = {ticker: cut(answers[ticker], request.window) for ticker in of_session if ticker in answers}
            lost = [e for t in windows if (e := known.get(t)) and e["state"] == integrity.DAMAGED]
            fresh = _keep(archive, session, windows, unadjusted[session], lost)
            left = _entry("outage", f"not asked after: {given_up}")
            known |= {ticker: _beside(known.get(ticker), fresh.get(ticker, left)) for ticker in of_session}
        # What stopped this chunk would stop the next: Yahoo is down, or has had enough of us.
        stopped = next((a.reason for a in answers.values() if a.status == 429 or a.retrieved_at is None), None)
        if stopped and not given_up:
            given_up = stopped
            archive.give_up("yahoo", stopped)
    for session, request in requests.items():
        told_unknown = {ticker: reason for ticker, reason in unknown.items() if ticker in asked[session]}
        entries[session] |= _doubted(archive, session, request, entries[session], told_unknown, now)
    return {
        session: receipt(
            session,
            {t: _settle(e, session, now, entries[session]) for t, e in entries[session].items()},
            request.tickers,
            files_of(archive, session, entries[session]),
        )
        for session, request in requests.items()
    }


def is_unknown(answer: DailyAnswer) -> bool:
    """Whether Yahoo says that there is no such ticker, in so many words or by a chart without any bar."""
    return answer.state == "absent" or (answer.state == "not_yet" and not answer.bars.height)


def _doubted(
    archive: Archive,
    session: date,
    request: Request,
    entries: Mapping[str, Entry],
    unknown: Mapping[str, str],
    now: datetime,
) -> dict[str, Entry]:
    """Entries of the tickers that Yahoo does not know today (`unknown`, with its words), each with `unknown_since`.

    One that had bars in the window, and all at once, are hardly gone: an outage, asked for again for some sessions.
    After that Yahoo is taken at its word, until it answers with a bar.
    """
    followed = [ticker for ticker in request.tickers if symbols.to_yahoo(ticker)]
    everyone = len(unknown) > 1 and all(ticker in unknown for ticker in followed)
    had_bars = with_bars(archive, request.window, unknown)
    since = _unknown_since(archive, request.window, unknown)
    today = now.astimezone(sessions.NEW_YORK).date()
    found = {}
    for ticker, reason in unknown.items():
        first = since.get(ticker) or iso(now)
        entry = {**entries[ticker], UNKNOWN_SINCE: first}
        day = datetime.fromisoformat(first).astimezone(sessions.NEW_YORK).date()
        if (ticker in had_bars or everyone) and not open_requests.grace_is_over(day, today):
            why = "no other ticker either" if everyone else "though it had bars in this window"
            state = entry["state"] if entry["state"] == "unsettled" else "outage"
            entry |= {"state": state, "reason": f"Yahoo knows no such ticker since {day}, {why}: {reason}"}
        found[ticker] = entry
    return found


def with_bars(archive: Archive, window: Sequence[date], tickers: Iterable[str]) -> set[str]:
    """Those of `tickers` of which the archive holds a bar of the window, in whichever session's answer."""
    left = {symbol: ticker for ticker in tickers if (symbol := symbols.to_yahoo(ticker))}
    found = set()
    for day in reversed(window):
        for path in archive.answers(layout.yahoo_daily(day)) if left else ():
            bars = _rows(path).filter(
                pl.col("symbol").is_in(list(left)) & pl.col("date").is_between(window[0], window[-1])
            )
            found |= {left.pop(symbol) for symbol in bars["symbol"].unique()}
    return found


def _unknown_since(archive: Archive, window: Sequence[date], tickers: Iterable[str]) -> dict[str, str]:
    """When the newest receipts of the window first heard that Yahoo does not know a ticker; none where they know it."""
    left, found = set(tickers), {}
    for day in reversed(window):
        told = (archive.receipt("yahoo", day) or {"tickers": {}})["tickers"] if left else {}
        for ticker in left & told.keys():
            found[ticker] = told[ticker].get(UNKNOWN_SINCE)
        left -= told.keys()
    return {ticker: moment for ticker, moment in found.items() if moment}


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
    found = {}
    for name in [*names, *(layout.universe(scan, session) for scan in universes)]:
        before = kept.receipted(name)
        for path in kept.answers(name):
            file, digest = kept.relative(path), sha256(path)
            told = before.get(file, {})
            replaces = told.get("replaces") if told.get("sha256") in (digest, None) else told["sha256"]
            found[file] = {"file": file, "sha256": digest, **({"replaces": replaces} if replaces else {})}
            before.pop(file, None)
        if is_needed:
            keys = ("file", "sha256", "state", "reason", "before")
            lost = (integrity.damaged(entry) for entry in before.values())
            found |= {entry["file"]: {key: entry[key] for key in keys if key in entry} for entry in lost}
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
        path = write(archive, session, fresh.values())
        entries = {ticker: told(archive, answer, path) for ticker, answer in fresh.items()}
        files = files_of(archive, session, entries)
        archive.write_receipt("yahoo", session, receipt(session, entries, list(entries), files))


def receipt(
    session: date, entries: Mapping[str, Entry], tickers: Iterable[str], files: Mapping[str, Entry]
) -> dict[str, Any]:
    """The receipt of a session whose state is that of `tickers` together; `files` as `files_of` gives them."""
    state = sources.day_state([entries[ticker] for ticker in tickers])
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
    newest = f"the newest is of {bars['date'][-1]}" if bars.height else f"nor any since {first}"
    return replace(part, state="not_yet", reason=f"no bar of {session}, {newest}")


def _entry(state: str, reason: str | None, **more: Any) -> Entry:
    blank = dict.fromkeys(("file", "sha256", "rows", "address", "status", "etag", "retrieved_at"))
    return {"state": state, "reason": reason or None, **blank, **more}


def _beside(before: Entry | None, entry: Entry) -> Entry:
    """The entry; one without volumes still points at those of the entry before it, as unsettled as they were.

    `absurd_since`: when values that cannot be were first answered; kept until a sound answer comes.
    """
    since = (before or {}).get("absurd_since") or (entry["retrieved_at"] if entry.get("absurd") else None)
    if since and entry["state"] == "outage":
        entry = {**entry, "absurd_since": since}
    if before and before["state"] == integrity.DAMAGED and before["file"]:
        return integrity.settle(before, entry)
    if entry["file"] or not before or not before["file"]:
        return entry
    state = before["state"] if before["state"] == "unsettled" else entry["state"]
    absurd: Entry = {name: entry[name] for name in ("absurd", "absurd_since") if name in entry}
    return {**before, "state": state, "reason": f"asked again: {entry['reason']}", **absurd}


def _kept_without_receipt(archive: Archive, session: date, ticker: str, unadjusted: AbstractSet[str]) -> Entry | None:
    """An entry for a ticker that is in the archive though no receipt tells: copied in, or an interrupted run."""
    for path in reversed(archive.answers(layout.yahoo_daily(session))):
        bars = _rows_of(symbols.to_yahoo(ticker), path)
        if session in bars["date"] and archive.relative(path) not in unadjusted:
            return _entry("published", None, file=archive.relative(path), sha256=sha256(path), rows=bars.height)
    return None


def _rows_of(symbol: str | None, path: Path) -> pl.DataFrame:
    """Date and volume of one symbol."""
    return _rows(path).filter(pl.col("symbol") == symbol).select("date", "volume").sort("date")


def _rows(path: Path) -> pl.DataFrame:
    """Symbol, date and volume; none where the file is damaged, for then it holds no answer."""
    try:
        frame, _ = consolidated.read_file(path, consolidated.VOLUMES)
        return frame
    except (pa.ArrowException, pl.exceptions.PolarsError, ValueError, KeyError, OSError) as error:
        print(f"Yahoo: {path} is damaged and counts for nothing: {' '.join(str(error).split())}", file=sys.stderr)
        return pl.DataFrame(schema={"symbol": pl.String, **consolidated.VOLUMES})


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
    path = write(archive, session, changed.values(), lost=lost) if changed else None
    return {
        ticker: told(archive, answer, path if ticker in changed else fresh[ticker][0])
        for ticker, answer in answers.items()
    }


def write(
    archive: Archive,
    session: date,
    answers: Iterable[DailyAnswer],
    repeat: bool | None = None,
    lost: Iterable[Entry] = (),
) -> Path:
    """Keep answers of one session together, in place of `lost` ones; returns the file with their bars.

    Bars like the newest ones are written again with `repeat`, or, where it is not given, beside lost splits: what is
    whole again is what the bars that are there were adjusted for.
    """
    answers = list(answers)
    daily_name, splits_name = layout.yahoo_daily(session), layout.yahoo_splits(session)
    last = max(answer.retrieved_at for answer in answers if answer.retrieved_at)
    moment = archive.free_moment(last, daily_name, splits_name)
    lost_splits = [e for e in archive.receipted(splits_name).values() if e.get("state") == integrity.DAMAGED]
    bars = pl.concat([answer.bars for answer in answers]).sort("symbol", "date")
    splits = pl.concat([answer.splits for answer in answers]).sort("symbol", "ex_date")
    # Splits first: bars that a cut-off run left without theirs would pass for volumes as traded.
    if splits.height or not archive.answers(splits_name):
        archive.keep(splits_name, _parquet(splits), moment, lost=lost_splits)
    if repeat is None:
        repeat = bool(open_requests.unadjusted(archive, session))
    return archive.keep(daily_name, _parquet(bars), moment, repeat=repeat, lost=lost)


def told(archive: Archive, answer: DailyAnswer, holder: Path | None) -> Entry:
    """The entry of an answer whose bars are in `holder`."""
    return _entry(
        answer.state,
        answer.reason,
        file=archive.relative(holder) if holder else None,
        sha256=sha256(holder) if holder else None,
        rows=answer.bars.height or None,
        address=answer.address,
        status=answer.status,
        retrieved_at=iso(answer.retrieved_at) if answer.retrieved_at else None,
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
        kept = _rows_of(answer.bars["symbol"][0], path)
        if kept.height:
            return path, archive.relative(path) in unadjusted or not kept.equals(asked)
    return None, True


def _parquet(frame: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    pq.write_table(frame.to_arrow(compat_level=pl.CompatLevel.oldest()), sink, compression="zstd")
    return sink.getvalue()


def _settle(entry: Entry, session: date, now: datetime, entries: Mapping[str, Entry]) -> Entry:
    """The state as the calendar and the other tickers make it."""
    today = now.astimezone(sessions.NEW_YORK).date()
    retrieved_at = entry["retrieved_at"] and datetime.fromisoformat(entry["retrieved_at"])
    if entry["state"] == "published" and retrieved_at and retrieved_at.astimezone(sessions.NEW_YORK).date() <= session:
        return {**entry, "state": "unsettled", "reason": "asked on the session's own New York day"}
    if entry["state"] == "not_yet":
        others = any(other["state"] == "published" for other in entries.values())
        if (others and today > session) or open_requests.grace_is_over(session, today):
            return {**entry, "state": "absent"}
    if entry["state"] == "outage" and entry.get("absurd"):
        first = datetime.fromisoformat(entry["absurd_since"]).astimezone(sessions.NEW_YORK).date()
        if open_requests.grace_is_over(first, today):
            return {**entry, "state": "absent"}
    return entry
