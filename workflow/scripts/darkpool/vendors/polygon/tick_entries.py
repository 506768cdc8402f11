"""What a receipt says of ticks: one entry a ticker and kind, null where a kind was never asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from ...archive import integrity, open_requests
from ...archive.receipts import Entry
from ..entries import asked_again, asked_on_its_own_day, unsettled
from .page import KINDS

Entries = dict[str, Entry | None]
"""A ticker's, by kind."""


def by_kind(kinds: Mapping[str, Any]) -> Entries:
    """The entries of a ticker, every kind named."""
    return {name: kinds.get(name) for name in KINDS}


def beside(before: Entry | None, entry: Entry) -> Entry:
    """The entry; when it brings no file, that of the entry before it is still there, as unsettled as it was."""
    if before and before["state"] == integrity.DAMAGED:
        return integrity.settle(before, entry)
    if entry["file"] or not before or before["state"] != "unsettled":
        return entry
    return asked_again(before, entry)


def settled(kinds: Entries, session: date, is_over: bool) -> Entries:
    """The states as the calendar makes them: once the day `is_over`, a vendor that has nothing is taken at its word."""
    return {name: entry and _settle(entry, session, is_over) for name, entry in kinds.items()}


def _settle(entry: Entry, session: date, is_over: bool) -> Entry:
    if asked_on_its_own_day(entry, session):
        return unsettled(entry)
    if entry["state"] == "not_yet" and entry["status"] == 200 and is_over:
        return {**entry, "state": "absent"}
    return entry


def plan_of(everyone: Iterable[Entries]) -> str:
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


def summary(kinds: Entries) -> str:
    """A ticker's entries as a line of progress says them."""
    parts = []
    for name, entry in kinds.items():
        if entry is None or open_requests.is_refused(entry):
            continue
        because = f" ({entry['reason']})" if entry["reason"] else ""
        what = f"{entry['rows']:,}{because}" if entry["file"] else f"{entry['state']}{because}"
        parts.append(f"{name.replace('_', ' ')} {what}")
    return ", ".join(parts) or "nothing in the plan"


def repeated(rows: int) -> str | None:
    """What a receipt says of rows that came more than once."""
    return f"{rows:,} identical rows more than once, kept once" if rows else None
