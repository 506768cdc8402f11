"""FINRA's Reg SHO daily files into the archive: what is due of a session's window is asked for, kept, and receipted.

A file that is not there answers 403 with S3's AccessDenied, or 404 with its NoSuchKey;
another 403 is a block, another 404 anybody's on the way.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Container, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from ... import clock
from ...archive import integrity, layout, open_requests
from ...archive.receipts import Entry
from ...archive.store import Archive
from ...market import finra_files, sessions
from ...states import State
from ..entries import new_entry, said
from ..http import Answer, Client, Outage
from . import regsho
from .client import FILES_ADDRESS, pause

PUBLISHED_BY = time(18, 30)
"""New York time at which a session's file should be there; FINRA promises 18:00."""
NOT_THERE = {403: b"AccessDenied", 404: b"NoSuchKey"}
"""What S3 says of a file that is not there, by status; without that word it is not S3 that spoke."""
GIVE_UP_AFTER = 2
"""Failures in a row after which the rest is not asked: the vendor is down, and asking 60 times more does not help."""


def fetch(archive: Archive, session: date, window: Sequence[date], prefixes: Sequence[str]) -> dict[str, Any]:
    """Ask for what is due of the window's files, keep what comes, and return the receipt.

    The session's own file is asked for first, then the others, newest first.
    """
    days = sorted(window, reverse=True)
    names = layout.regsho_names(prefixes, days)
    lost = {name: archive.set_aside(layout.regsho(*of), clock.now()) for name, of in names.items()}
    entries = _known(archive, session, names, {name for name, entry in lost.items() if entry})
    entries |= {
        name: _entry("absent", f"FINRA's {prefix} files begin on {finra_files.FIRST[prefix]}", name)
        for name, (prefix, day) in names.items()
        if name not in entries and day < finra_files.FIRST[prefix]
    }
    wanted = [name for name in names if name not in entries]
    with Client(pause=pause()) as client:
        given_up = archive.given_up("finra")
        failures = 0
        for i, name in enumerate(wanted, start=1):
            prefix, day = names[name]
            if failures >= GIVE_UP_AFTER and not given_up:
                given_up = f"FINRA failed {GIVE_UP_AFTER} times in a row"
                archive.give_up("finra", given_up)
            if given_up:
                left = _entry("outage", f"not asked: {given_up}", name)
                entries[name] = integrity.settle(lost[name], left)
                continue
            entries[name] = ask(archive, prefix, day, client, lost[name])
            failures = failures + 1 if entries[name]["state"] in ("outage", "blocked") else 0
            if entries[name]["state"] != "published" or entries[name]["reason"] or i % 10 == 0 or i == len(wanted):
                print(f"FINRA: {i}/{len(wanted)} files, {name} {said(entries[name])}", file=sys.stderr)
    return receipt(session, prefixes, entries)


def receipt(session: date, prefixes: Sequence[str], entries: Mapping[str, Entry]) -> dict[str, Any]:
    """The receipt of a session: its state is that of the session's own files."""
    own = [entries[name] for name in layout.regsho_names(prefixes, [session])]
    state = next((entry["state"] for entry in own if entry["state"] != "published"), "published")
    return {"source": "finra", "session": str(session), "state": state, "files": dict(entries)}


def _known(
    archive: Archive, session: date, names: dict[str, tuple[str, date]], lost: Container[str]
) -> dict[str, Entry]:
    """Entries that need no asking: answers in the archive that pass their checks, and final states."""
    receipts = [archive.receipt("finra", session), archive.receipt("finra", sessions.previous(session))]
    before = {name: entry for receipt in reversed(receipts) if receipt for name, entry in receipt["files"].items()}
    known = {}
    for name, (prefix, day) in names.items():
        receipted = before.get(name)
        answers = archive.answers(layout.regsho(prefix, day))
        if name in lost:
            continue
        if answers:
            content = answers[-1].read_bytes()
            try:
                kept = regsho.parse(content, name, day)
            except regsho.RegshoError as error:
                print(f"FINRA: {answers[-1]} is damaged and asked for again: {error}", file=sys.stderr)
                continue
            digest = hashlib.sha256(content).hexdigest()
            if receipted is None or receipted["sha256"] != digest:
                file = archive.relative(answers[-1])
                receipted = _entry("published", kept.refused, name, file=file, sha256=digest, rows=kept.frame.height)
            known[name] = integrity.restored(receipted)
        elif receipted is not None and receipted["state"] in ("absent", "holiday"):
            known[name] = receipted
    return known


def _entry(state: State, reason: str | None, name: str, answer: Answer | None = None, **more: Any) -> Entry:
    """The entry of the file `name`, of which `answer` says how it was answered for."""
    answered = (
        {"status": answer.status, "etag": answer.headers.get("ETag"), "retrieved_at": answer.retrieved_at}
        if answer
        else {}
    )
    return new_entry(state, reason, address=FILES_ADDRESS + name, **answered, **more)


def ask(archive: Archive, prefix: str, session: date, client: Client, lost: Entry | None = None) -> Entry:
    """Ask for one file and `take` the answer; `lost` is the entry of the damaged file that it is to stand for."""
    name = layout.regsho_name(prefix, session)
    try:
        answer = client.get(FILES_ADDRESS + name)
    except Outage as outage:
        return integrity.settle(lost, _entry("outage", outage.reason, name))
    taken = integrity.settle(lost, take(archive, prefix, session, answer))
    if lost and taken.get("replaces"):
        archive.change_entries(str(lost["file"]), lambda _: taken)
    return taken


def take(archive: Archive, prefix: str, session: date, answer: Answer) -> Entry:
    """The entry of an answer; its file is kept when it passes its checks, its body kept aside when not."""
    name = layout.regsho_name(prefix, session)
    if answer.status != 200:
        state, reason = refusal(answer, session, clock.now())
        return _entry(state, reason, name, answer)
    relative = layout.regsho(prefix, session)
    try:
        sound = regsho.parse(answer.body, name, session)
    except regsho.RegshoError as error:
        aside = archive.reject(relative, answer.body, str(error), answer.retrieved_at)
        return _entry(error.state, f"{error}; the body is kept in {archive.relative(aside)}", name, answer)
    kept = archive.keep(relative, answer.body, answer.retrieved_at)
    digest = hashlib.sha256(answer.body).hexdigest()
    rows = sound.frame.height
    return _entry("published", sound.refused, name, answer, file=archive.relative(kept), sha256=digest, rows=rows)


def refusal(answer: Answer, session: date, now: datetime) -> tuple[State, str]:
    """State and reason of an answer other than 200, by its body, the calendar and the clock."""
    code = NOT_THERE.get(answer.status)
    if code and re.search(rb"<Code>\s*" + code + rb"\s*</Code>", answer.body):
        local = now.astimezone(sessions.NEW_YORK)
        if open_requests.grace_is_over(session, local.date()):
            return "absent", f"FINRA has no file for {session}, five sessions after it"
        if local < datetime.combine(session, PUBLISHED_BY, sessions.NEW_YORK):
            return "not_yet", f"FINRA publishes the file of {session} by {PUBLISHED_BY:%H:%M} New York time"
        return (
            "not_yet",
            f"FINRA has no file for {session} yet, though it should stand since {PUBLISHED_BY:%H:%M} New York time",
        )
    if answer.status in (401, 403):
        return "blocked", f"FINRA's CDN refused with status {answer.status}; wait, and ask less often"
    if answer.status == 429:
        return "outage", "rate limit: FINRA's CDN answered 429 to every attempt"
    return "outage", f"FINRA's CDN answered with status {answer.status}"
