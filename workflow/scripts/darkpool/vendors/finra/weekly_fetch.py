"""FINRA's weekly rows into the archive: what is due of weeks for a session is asked for, kept, and receipted.

One query asks for one tier of one week: FINRA's partitions, and what becomes visible on one day. Its answer is kept
before the next is asked for, so that an interrupted run loses one tier of one week at most.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from ... import clock
from ...archive import integrity, layout, open_requests
from ...archive.receipts import Entry
from ...archive.store import Archive, retrieved
from ...files import sha256
from ...market import sessions
from ...states import State
from ..entries import new_entry, of_file, said
from ..failure import Failure
from . import otc_weekly
from .client import AUTO, DATA_ADDRESS, Client, Row, Rows
from .daily_fetch import GIVE_UP_AFTER
from .weekly_query import CODES, Query, check, readable

DATASET = "weeklySummary"
FIRM = "_FIRM"
"""What the name of a tier ends in where an entry is of the rows by firm."""
SEVERITY = ("blocked", "outage", "damaged", "truncated", "not_yet")

Week = tuple[date, str]


def fetch(
    archive: Archive,
    session: date,
    tickers: Sequence[str],
    weeks: int,
    *,
    firms: bool = False,
    again: int = 0,
    late: bool = False,
    auth: str = AUTO,
) -> dict[str, Any]:
    """Ask for what is due of the `weeks` newest weeks per tier, keep what comes, and return the receipt.

    `firms` also asks for the rows by firm of `tickers`. `again` is the number of newest weeks per tier that are asked
    for though the archive holds them, for what FINRA restated; what differs is kept beside. `late`: the session's
    morning is over, and what had not come by then is not asked for. FINRA's refusals and failures are states of the
    receipt.
    """
    wanted = open_requests.weeks(session, weeks)
    for monday in {monday for monday, _ in wanted}:
        archive.set_aside(layout.otc_weekly(monday), clock.now())
    before = _receipted(archive, session)
    lost = {week: before[week] for week in wanted if week in before and before[week]["state"] == integrity.DAMAGED}
    entries = {} if again >= weeks else _known(archive, session, wanted)
    for week in open_requests.weeks(session, again):
        entries.pop(week, None)
    if late:
        own = open_requests.weekly_entries(archive, session)
        entries |= {week: own[week] for week in wanted if week in own and own[week]["state"] == "not_yet"}
    asking = [Query(*week) for week in wanted if week not in entries]
    with Client(auth) as client:
        run = _Run(archive, client)
        for number, query in enumerate(asking, start=1):
            week = query.monday, query.tier
            entry = run.ask(query, lost.get(week))
            is_left = entry["file"] or week in lost
            entries[week] = integrity.settle(lost.get(week), entry) if is_left else _beside(archive, query, entry)
            print(f"FINRA weekly: {number}/{len(asking)}, {query.monday} {query.tier} {said(entry)}", file=sys.stderr)
        if firms:
            for query in _firm_queries(archive, wanted, tickers):
                entries[query.monday, query.tier + FIRM] = run.ask(query)
    return receipt(session, entries)


def receipt(session: date, entries: Mapping[Week, Entry]) -> dict[str, Any]:
    """The receipt of a session; of the states of its weeks the worst is its own."""
    by_monday: dict[str, dict[str, Entry]] = {}
    for (monday, tier), entry in sorted(entries.items()):
        by_monday.setdefault(str(monday), {})[tier] = entry
    states = {entry["state"] for entry in entries.values()}
    state = next((state for state in SEVERITY if state in states), "published" if "published" in states else "absent")
    return {"source": "finra_weekly", "session": str(session), "state": state, "weeks": by_monday}


def ask_again(archive: Archive, weeks: Iterable[Week], auth: str = AUTO) -> dict[Week, Entry]:
    """Entries of those `weeks` whose rows FINRA has changed since the archive took them; what differs is kept beside.

    A week that the archive does not hold is not asked for. Failures are said on stderr and leave everything as it is.
    """
    changed = {}
    with Client(auth) as client:
        run = _Run(archive, client)
        for week in weeks:
            if not _held(archive, *week):
                continue
            before = archive.answers(layout.otc_weekly(week[0]))
            entry = run.ask(Query(*week))
            if not entry["file"]:
                print(f"FINRA weekly: asked again for {week[0]} {week[1]}: {entry['reason']}", file=sys.stderr)
            elif archive.path(entry["file"]) not in before:
                changed[week] = entry
    return changed


class _Run:
    """One run's questions: after a refusal of the credentials, and after failures in a row, no more is asked."""

    def __init__(self, archive: Archive, client: Client) -> None:
        self._archive = archive
        self._client = client
        self._failures = 0
        before = archive.given_up("finra_weekly")
        self._given_up: tuple[State, str] | None = ("outage", f"not asked: {before}") if before else None

    def ask(self, query: Query, lost: Entry | None = None) -> Entry:
        """The entry of one query, its rows kept; `lost` is that of the damaged file that they stand for."""
        if self._given_up:
            return _entry(*self._given_up)
        try:
            answer = self._client.rows(DATASET, query.body)
            check(answer.rows, query)
            readable(answer.content)
        except Failure as failure:
            self._failures += 1
            if failure.state == "blocked":
                self._given_up = (failure.state, failure.reason)
            elif self._failures >= GIVE_UP_AFTER:
                reason = f"FINRA failed {GIVE_UP_AFTER} times in a row"
                self._given_up = ("outage", f"not asked: {reason}")
                self._archive.give_up("finra_weekly", reason)
            return _entry(failure.state, failure.reason, status=failure.status)
        self._failures = 0
        return _kept(self._archive, query, answer, lost)


def _kept(archive: Archive, query: Query, answer: Rows, lost: Entry | None) -> Entry:
    answered: dict[str, Any] = {"status": answer.status, "etag": answer.etag, "retrieved_at": answer.retrieved_at}
    if not answer.rows:
        return _entry(*_nothing(query.monday, query.tier, clock.now()), **answered)
    path = _same(archive, query, answer.rows) if lost is None else None
    if path is None:
        # Its rows may be those of an older answer again: the newest answer must say so.
        name, moment = layout.otc_weekly(query.monday), answer.retrieved_at
        path = archive.keep(name, answer.content, moment, repeat=True, lost=[lost] if lost else [])
    return _published(archive, path, len(answer.rows), **answered)


def _nothing(monday: date, tier: str, now: datetime) -> tuple[State, str]:
    """State and reason where FINRA has no row: 204 is no proof that there will be none."""
    expected = monday + timedelta(days=open_requests.WEEKLY_LAGS[tier.removesuffix(FIRM)])
    if open_requests.grace_is_over(expected, now.astimezone(sessions.NEW_YORK).date()):
        return "absent", f"FINRA has no {tier} rows of the week {monday}, five sessions after {expected}"
    return "not_yet", f"FINRA has no {tier} rows of the week {monday} yet, though they are expected from {expected} on"


def _entry(state: State, reason: str | None, **more: Any) -> Entry:
    return new_entry(state, reason, address=DATA_ADDRESS + DATASET, **more)


def _published(archive: Archive, path: Path, rows: int, **more: Any) -> Entry:
    return _entry("published", None, **of_file(archive, path, rows), **more)


def _beside(archive: Archive, query: Query, entry: Entry) -> Entry:
    """An entry that brought nothing; where the archive holds the tier, that stands, and the reason says so."""
    held = _held(archive, query.monday, query.tier)
    return {**held, "reason": f"asked again: {entry['state']}, {entry['reason']}"} if held else entry


def _known(archive: Archive, session: date, wanted: Sequence[Week]) -> dict[Week, Entry]:
    """Entries that need no asking: final states of this receipt and of the one before, tiers that the archive holds."""
    before = _receipted(archive, session)
    known: dict[Week, Entry] = {}
    for week in wanted:
        entry = before.get(week)
        if entry and _is_whole(archive, entry):
            known[week] = {**entry, "state": "published", "reason": None}
        elif entry and entry["state"] == integrity.DAMAGED:
            if healed := _healed(archive, week[0], entry):
                known[week] = healed
        elif entry and entry["state"] == "absent":
            known[week] = entry
        elif held := _held(archive, *week):
            known[week] = held
    return known


def _receipted(archive: Archive, session: date) -> dict[Week, Entry]:
    """Entries of the session's receipt, and where it has none, of the one before."""
    return open_requests.weekly_entries(archive, sessions.previous(session)) | open_requests.weekly_entries(
        archive, session
    )


def _healed(archive: Archive, monday: date, lost: Entry) -> Entry | None:
    """The entry that another session's asking put in the place of the lost one."""
    for entry in archive.receipted(layout.otc_weekly(monday)).values():
        if entry.get("replaces") == lost["sha256"] and entry["state"] != integrity.DAMAGED:
            return entry
    return None


def _is_whole(archive: Archive, entry: Entry) -> bool:
    path = archive.path(entry["file"]) if entry["file"] else None
    return path is not None and path.is_file() and sha256(path) == entry["sha256"]


def _held(archive: Archive, monday: date, tier: str) -> Entry | None:
    """An entry for a tier that the archive holds though no receipt tells: copied in, or an interrupted run."""
    for path in reversed(archive.answers(layout.otc_weekly(monday))):
        rows = [row for row in _read(path) if row.get("tierIdentifier") == CODES[tier] and _is_summary(row)]
        if rows:
            return _published(archive, path, len(rows), retrieved_at=retrieved(path))
    return None


def _is_summary(row: Row) -> bool:
    return row.get("summaryTypeCode") in otc_weekly.SUMMARIES


def _read(path: Path) -> list[Row]:
    """The rows of an answer, none of a damaged one: its tiers are asked for again."""
    try:
        rows = json.loads(path.read_bytes())
        return [row for row in rows if isinstance(row, dict)]
    except (ValueError, TypeError) as error:
        print(f"FINRA weekly: {path} is damaged and counts for nothing: {error}", file=sys.stderr)
        return []


def _same(archive: Archive, query: Query, rows: Sequence[Row]) -> Path | None:
    """The newest answer with summary rows of the query's tier, if it says what `rows` say."""
    if query.symbols:
        return None
    for path in reversed(archive.answers(layout.otc_weekly(query.monday))):
        held = [row for row in _read(path) if row.get("tierIdentifier") == CODES[query.tier] and _is_summary(row)]
        if held:
            return path if _sorted(held) == _sorted(rows) else None
    return None


def _sorted(rows: Iterable[Row]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def _firm_queries(archive: Archive, wanted: Sequence[Week], tickers: Sequence[str]) -> list[Query]:
    """Rows by firm still to be asked for: of the universe's issues with a summary row and no row by firm."""
    spelled = {symbol for ticker in tickers for symbol in otc_weekly.spellings(ticker)}
    queries = []
    for monday, tier in wanted:
        rows = [
            row
            for path in archive.answers(layout.otc_weekly(monday))
            for row in _read(path)
            if row.get("tierIdentifier") == CODES[tier]
            and otc_weekly.trimmed(row.get("issueSymbolIdentifier") or "") in spelled
        ]
        have = {row["issueSymbolIdentifier"] for row in rows if row.get("summaryTypeCode") in otc_weekly.FIRMS}
        missing = {row["issueSymbolIdentifier"] for row in rows if _is_summary(row)} - have
        if missing:
            queries.append(Query(monday, tier, tuple(sorted(missing))))
    return queries
