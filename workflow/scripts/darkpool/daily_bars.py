"""Yahoo's daily bars into the archive: what is due of a session's universe is asked for, kept, and receipted."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from . import clock, due, layout, sessions, sources, symbols, yahoo
from .archive import Archive, iso, sha256
from .yahoo import DailyAnswer

CHUNK = 100
"""Tickers whose answers are kept together: an interrupted run loses at most these."""

Entry = dict[str, Any]


def fetch(archive: Archive, session: date, window: Sequence[date], tickers: Sequence[str]) -> dict[str, Any]:
    """Ask for what is due of `tickers` (our spelling), keep what comes, and return the receipt."""
    now = clock.now()
    receipt = archive.receipt("yahoo", session) or {"tickers": {}}
    entries: dict[str, Entry] = dict(receipt["tickers"])
    asked = []
    unadjusted = due.unadjusted(archive, session)
    for ticker in due.yahoo(archive, session, tickers):
        kept = _kept_without_receipt(archive, session, ticker, unadjusted) if ticker not in entries else None
        if symbols.to_yahoo(ticker) is None:
            entries[ticker] = _entry("absent", "no spelling at Yahoo is known")
        elif kept is not None:
            entries[ticker] = kept
        else:
            asked.append(ticker)
    given_up = None
    for chunk in (asked[i : i + CHUNK] for i in range(0, len(asked), CHUNK)):
        if given_up:
            left = _entry("outage", f"not asked after: {given_up}")
            entries |= {ticker: _beside(entries.get(ticker), left) for ticker in chunk}
            continue
        by_symbol = {symbols.to_yahoo(ticker): ticker for ticker in chunk}
        answers = yahoo.fetch_daily(list(filter(None, by_symbol)), window[0], session, session)
        found = _keep(archive, session, {by_symbol[symbol]: a for symbol, a in answers.items()}, unadjusted)
        entries |= {ticker: _beside(entries.get(ticker), entry) for ticker, entry in found.items()}
        # What stopped this chunk would stop the next: Yahoo is down, or has had enough of us.
        given_up = next((a.reason for a in answers.values() if a.status == 429 or a.retrieved_at is None), None)
    entries = {ticker: _settle(entry, session, now, entries) for ticker, entry in entries.items()}
    state = sources.day_state([entries[ticker]["state"] for ticker in tickers])
    return {"source": "yahoo", "session": str(session), "state": state, "tickers": entries}


def _entry(state: str, reason: str | None, **more: Any) -> Entry:
    blank = dict.fromkeys(("file", "sha256", "rows", "address", "status", "etag", "retrieved_at"))
    return {"state": state, "reason": reason or None, **blank, **more}


def _beside(before: Entry | None, entry: Entry) -> Entry:
    """The entry; when it brings no volumes, it still points at those of the entry before it, as unsettled as they were."""
    if entry["file"] or not before or not before["file"]:
        return entry
    state = before["state"] if before["state"] == "unsettled" else entry["state"]
    return {**before, "state": state, "reason": f"asked again: {entry['reason']}"}


def _kept_without_receipt(archive: Archive, session: date, ticker: str, unadjusted: AbstractSet[str]) -> Entry | None:
    """An entry for a ticker whose session is in the archive though no receipt tells: copied in, or an interrupted run."""
    for path in reversed(archive.answers(layout.yahoo_daily(session))):
        bars = _rows_of(symbols.to_yahoo(ticker), path)
        if session in bars["date"] and archive.relative(path) not in unadjusted:
            return _entry("published", None, file=archive.relative(path), sha256=sha256(path), rows=bars.height)
    return None


def _rows_of(symbol: str | None, path: Path) -> pl.DataFrame:
    """Date and volume of one symbol; none where the file is damaged, for then it holds no answer."""
    try:
        frame = pl.from_arrow(pq.read_table(path, columns=["symbol", "date", "volume"]))
        assert isinstance(frame, pl.DataFrame)
        kept = frame.cast({"date": pl.Date, "volume": pl.Float64}).filter(pl.col("symbol") == symbol)
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError):
        return pl.DataFrame(schema={"date": pl.Date, "volume": pl.Float64})
    return kept.select("date", "volume").sort("date")


def _keep(
    archive: Archive, session: date, answers: Mapping[str, DailyAnswer], unadjusted: AbstractSet[str]
) -> dict[str, Entry]:
    """Keep what differs from or adds to the archive; an answer that repeats it only moves `retrieved_at`.

    An answer among the `unadjusted` files holds nothing.
    """
    moments = [answer.retrieved_at for answer in answers.values() if answer.retrieved_at]
    fresh = {ticker: _new_rows(archive, session, answer, unadjusted) for ticker, answer in answers.items()}
    changed = {ticker: answers[ticker] for ticker, (_, is_new) in fresh.items() if is_new}
    path = None
    if changed:
        daily_name, splits_name = layout.yahoo_daily(session), layout.yahoo_splits(session)
        moment = archive.free_moment(max(moments), daily_name, splits_name)
        bars = pl.concat([answer.bars for answer in changed.values()]).sort("symbol", "date")
        splits = pl.concat([answer.splits for answer in changed.values()]).sort("symbol", "ex_date")
        # Splits first: bars that a cut-off run left without theirs would pass for volumes as traded.
        if splits.height or not archive.answers(splits_name):
            archive.keep(splits_name, _parquet(splits), moment)
        path = archive.keep(daily_name, _parquet(bars), moment, repeat=bool(unadjusted))
    entries = {}
    for ticker, answer in answers.items():
        holder = path if ticker in changed else fresh[ticker][0]
        entries[ticker] = _entry(
            answer.state,
            answer.reason,
            file=archive.relative(holder) if holder else None,
            sha256=sha256(holder) if holder else None,
            rows=answer.bars.height or None,
            address=answer.address,
            status=answer.status,
            retrieved_at=iso(answer.retrieved_at) if answer.retrieved_at else None,
        )
    return entries


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
        if (others and today > session) or due.grace_is_over(session, today):
            return {**entry, "state": "absent"}
    return entry
