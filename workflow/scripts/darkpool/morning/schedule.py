"""When a morning is due, in New York time whatever the machine's zone, and which minutes of the hour to look at.

The daily morning comes at the given time of the day after each session, the weekly one on Sundays. A scheduler need
only call often enough: the newest due moment is acted on once, at the first call after it.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo

from ..market import sessions

SUNDAY = 6
YEAR_AND_MORE = 400
"""Days in which a zone shows every offset it has in a year."""


def newest(now: datetime, at: time, weekly: bool) -> datetime:
    """The newest due moment that is not after `now` (aware); `at` is New York time."""
    today = now.astimezone(sessions.NEW_YORK).date()
    day = today if moment(today, at) <= now else today - timedelta(days=1)
    while not is_due(day, weekly):
        day -= timedelta(days=1)
    return moment(day, at)


def is_due(day: date, weekly: bool) -> bool:
    """Whether the New York day has a morning of that kind: the day after a session, or a Sunday."""
    return day.weekday() == SUNDAY if weekly else sessions.is_session(day - timedelta(days=1))


def moment(day: date, at: time) -> datetime:
    return datetime.combine(day, at, sessions.NEW_YORK)


def minutes(at: time, first: date, zone: tzinfo | None = None) -> list[int]:
    """Minutes of the hour at which `at` in New York falls on the clock of `zone` (the machine's own for None).

    Usually one; two where a zone changes by half an hour. `first` is the day from which a year is looked at.

    >>> from zoneinfo import ZoneInfo
    >>> [minutes(time(6), date(2026, 1, 1), ZoneInfo(name)) for name in ("Europe/Berlin", "Asia/Kolkata")]
    [[0], [30]]
    """
    days = (first + timedelta(days=count) for count in range(YEAR_AND_MORE))
    return sorted({moment(day, at).astimezone(zone).minute for day in days})


def at_time(text: str) -> time:
    """HH:MM as a time; ValueError says what was expected."""
    try:
        parsed = time.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or f"{parsed:%H:%M}" != text:
        raise ValueError(f"--at {text}: expected a New York time HH:MM, as 06:00")
    return parsed
