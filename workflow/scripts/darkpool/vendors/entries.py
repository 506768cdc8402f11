"""Entries of receipts as every vendor's asking makes them: of an answer, of its file, and of the calendar's say."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

from ..archive.receipts import Entry
from ..archive.store import Archive, iso
from ..files import sha256
from ..market.sessions import NEW_YORK
from ..states import State

NAMES = ("state", "reason", "file", "sha256", "rows", "address", "status", "etag", "retrieved_at")
"""What every entry says; null where there is nothing to say."""


def new_entry(state: State, reason: str | None, **more: Any) -> Entry:
    """An entry of `NAMES`, and of what `more` says besides; a moment may be given as it is (aware)."""
    moment = more.get("retrieved_at")
    if isinstance(moment, datetime):
        more["retrieved_at"] = iso(moment)
    return cast(Entry, {**dict.fromkeys(NAMES), "state": state, "reason": reason or None, **more})


def of_file(archive: Archive, path: Path | None, rows: int | None) -> dict[str, Any]:
    """What an entry says of its file, and of the rows that are the answer's; of no file where there is none."""
    if path is None:
        return {"rows": rows}
    return {"file": archive.relative(path), "sha256": sha256(path), "rows": rows}


def said(entry: Entry) -> str:
    """State and reason as a line of progress says them."""
    return f"{entry['state']}: {entry['reason']}" if entry["reason"] else str(entry["state"])


def asked_on_its_own_day(entry: Entry, session: date) -> bool:
    """Whether a published answer may still change: it came on the session's own New York day."""
    moment = entry["retrieved_at"]
    return bool(
        entry["state"] == "published"
        and moment
        and datetime.fromisoformat(moment).astimezone(NEW_YORK).date() <= session
    )


def unsettled(entry: Entry) -> Entry:
    """The entry of an answer that may still change."""
    return {**entry, "state": "unsettled", "reason": "asked on the session's own New York day"}


def asked_again(before: Entry, entry: Entry) -> Entry:
    """What stands from `before`, where asking again brought nothing: `entry` says why."""
    return {**before, "reason": f"asked again: {entry['reason']}"}
