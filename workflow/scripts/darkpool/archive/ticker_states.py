"""The state of a source that answers per ticker, from the states of its tickers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..states import State
from .receipts import Entry

UNKNOWN_SINCE: Final = "unknown_since"
"""In a ticker's entry: the moment from which on the vendor has not known it."""


def day_state(entries: Sequence[Entry]) -> State:
    """One state for a source that answers per ticker: single tickers are marked, never the day.

    A ticker that failed does not hold up a day on which others were answered. What does: a block, a rate limit, tickers
    that were no longer asked because the vendor failed, and a day on which no ticker was answered. A single ticker that
    the vendor does not know today makes no such day, though no other is followed.
    """
    unknown = [entry for entry in entries if entry["state"] == "outage" and entry.get(UNKNOWN_SINCE)]
    if len(unknown) == 1:
        entries = [entry for entry in entries if entry is not unknown[0]]
    found = {entry["state"] for entry in entries}
    given_up = any(
        entry["state"] == "outage" and (entry.get("status") == 429 or not entry.get("retrieved_at"))
        for entry in entries
    )
    if not found:
        return "absent"
    if "blocked" in found:
        return "blocked"
    if given_up:
        return "outage"
    best_first: tuple[State, ...] = ("published", "unsettled", "not_yet", "outage", "truncated", "damaged")
    return next((state for state in best_first if state in found), "absent")
