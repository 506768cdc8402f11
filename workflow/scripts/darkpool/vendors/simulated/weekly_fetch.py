"""The demo's weekly vendor into its archive: FINRA's answers as they would have come, late, and the receipt."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import PurePosixPath

from ...archive import layout, open_requests
from ...archive.receipts import Entry
from ...archive.store import Archive, stamp
from ..entries import of_file
from ..finra import otc_weekly
from .files import ASKED_AT, entry, once, receipt
from .weekly_reports import ANSWERS, CODES, answer, published

T1_LEAD = (open_requests.WEEKLY_LAGS["T2"] - open_requests.WEEKLY_LAGS["T1"]) // 7
"""Weeks by which T1 is ahead: so many more are written, and the slower tiers have their `count` too."""


def fetch(archive: Archive, session: date, count: int, seed: int) -> None:
    """Write what FINRA would have published by the session's own morning, and the receipt.

    What `open_requests.weeks` asks for of each tier, so `count` + 3 weeks of which the two newest hold T1 alone. A file
    that is there is left alone. Raises sessions.NotASession for a day outside the calendar, otc_weekly.OtcWeeklyError
    where a file that is there cannot be read.
    """
    visible = open_requests.weeks(session, count + T1_LEAD)
    mondays = sorted(monday for monday, tier in visible if tier == "T1")
    weeks = {
        str(monday): {
            tier: said
            for tiers in ANSWERS
            if (monday, tiers[0]) in visible
            for tier, said in _say(archive, session, monday, tiers, seed).items()
        }
        for monday in mondays
    }
    archive.write_receipt("finra_weekly", session, receipt("finra_weekly", session, seed, weeks=weeks))


def _say(archive: Archive, session: date, monday: date, tiers: tuple[str, ...], seed: int) -> dict[str, Entry]:
    """Write one answer and return the entry of each of its tiers."""
    relative = _name(monday, tiers)
    path = once(archive, relative, lambda: answer(monday, tiers, seed))
    held = otc_weekly.parse(path.read_bytes(), str(path))["tier"].to_list()
    return {
        tier: entry(
            session,
            f"finra/weeklySummary/{monday}/{CODES[tier]}",
            **of_file(archive, path, held.count(tier)),
        )
        for tier in tiers
    }


def _name(monday: date, tiers: tuple[str, ...]) -> str:
    """The answer's file: the first one of a week plain, the later one with the moment at which it came."""
    plain = PurePosixPath(layout.otc_weekly(monday))
    if tiers == ANSWERS[0]:
        return str(plain)
    moment = datetime.combine(published(monday, tiers[0]), ASKED_AT)
    return str(plain.with_stem(f"{plain.stem}@{stamp(moment)}"))
