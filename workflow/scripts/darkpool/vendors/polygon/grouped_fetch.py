"""Polygon's grouped daily prices of a session into the archive: asked for once, kept as sent, receipted.

Nothing but the study of the whole market reads them, so nothing waits for them: what fails is a state of the receipt.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from ... import clock
from ...archive import integrity, layout, open_requests
from ...archive.receipts import Entry
from ...archive.store import Archive
from ...market.sessions import NEW_YORK
from ..entries import asked_again, asked_on_its_own_day, new_entry, of_file, said, unsettled
from ..failure import Failure
from ..http import Answer
from ..parquet_file import content
from . import client as polygon
from . import grouped

SOURCE = "polygon_grouped"


def fetch(archive: Archive, session: date, calls_per_minute: float | None = None) -> dict[str, Any]:
    """Ask for the session's prices where that is due, keep what comes, and return the receipt.

    `calls_per_minute` as polygon.Client takes it. Whoever calls holds the archive's lock of "polygon". Raises
    ValueError when no key is set, OSError where a file cannot be written.
    """
    relative = layout.polygon_grouped(session)
    archive = Archive(archive.root)  # whose listings are remembered, and this adds to them
    lost = archive.set_aside(relative, clock.now())
    before = (archive.receipt(SOURCE, session) or {"files": {}})["files"].get(relative)
    entry = before or (None if lost else _copied_in(archive, relative, session))
    is_open = before is not None and open_requests.grouped(archive, session)
    if lost or entry is None or is_open:
        fresh = integrity.settle(lost, _asked(archive, session, relative, calls_per_minute))
        stands = entry is not None and not lost and entry["file"] and archive.path(entry["file"]).is_file()
        entry = asked_again(entry, fresh) if entry and stands and not fresh["file"] else fresh
        print(f"Polygon: prices of every name on {session}, {said(entry)}", file=sys.stderr, flush=True)
    return {"source": SOURCE, "session": str(session), "state": entry["state"], "files": {relative: entry}}


def _copied_in(archive: Archive, relative: str, session: date) -> Entry | None:
    """The entry of a file that no receipt tells of: somebody copied it in, or a run was interrupted."""
    path = archive.newest(relative)
    if path is None:
        return None
    try:
        rows = grouped.prices(path, session).height
    except (ValueError, OSError, pa.ArrowException) as error:
        print(f"Polygon: {path} is no such answer and is asked for again: {error}", file=sys.stderr)
        return None
    return new_entry("published", None, **of_file(archive, path, rows))


def _asked(archive: Archive, session: date, relative: str, calls_per_minute: float | None) -> Entry:
    if given_up := archive.given_up(SOURCE):
        return new_entry("outage", f"not asked: {given_up}")
    try:
        with polygon.Client(calls_per_minute=calls_per_minute) as client:
            answer = client.grouped(session)
    except polygon.KeyRefused as refusal:
        archive.give_up(SOURCE, str(refusal))
        return new_entry("blocked", str(refusal), status=401)
    except polygon.NotEntitled as refusal:
        reason = f"{open_requests.NOT_IN_PLAN}: {refusal.reason}{open_requests.UPGRADE}"
        return new_entry("blocked", reason, address=refusal.address, status=refusal.status)
    except Failure as failure:
        if failure.state == "outage":
            archive.give_up(SOURCE, f"Polygon failed for another session: {failure.reason}")
        return new_entry(failure.state, failure.reason, address=failure.address, status=failure.status)
    return _taken(archive, session, relative, answer)


def _taken(archive: Archive, session: date, relative: str, answer: Answer) -> Entry:
    """The entry of an answer of status 200; its rows are kept when it passes its checks, its body aside when not."""
    about: Mapping[str, Any] = {
        "address": answer.url, "status": answer.status, "etag": answer.headers.get("ETag"),
        "retrieved_at": answer.retrieved_at,
    }  # fmt: skip
    try:
        market = grouped.read(answer.body, session)
    except Failure as failure:
        aside = archive.reject(relative.replace(".parquet", ".json"), answer.body, failure.reason, answer.retrieved_at)
        return new_entry(failure.state, f"{failure.reason}; the body is kept in {archive.relative(aside)}", **about)
    if market.rows.is_empty():
        today = answer.retrieved_at.astimezone(NEW_YORK).date()
        is_over = open_requests.grace_is_over(session, today)
        reason = f"Polygon has no prices of {session}" + (", five sessions after it" if is_over else " yet")
        return new_entry("absent" if is_over else "not_yet", reason, **about)
    kept: Path = archive.keep(relative, content(market.rows), answer.retrieved_at)
    entry = new_entry("published", market.refused, **of_file(archive, kept, market.rows.height), **about)
    return unsettled(entry) if asked_on_its_own_day(entry, session) else entry
