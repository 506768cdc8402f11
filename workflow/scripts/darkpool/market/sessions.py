"""XNYS sessions: which days trade, when they open and close, which session is the last complete one.

The calendar is `exchange_calendars`' XNYS. Importing it takes 0.9 s, which every step would pay, so its sessions
are kept beside the byte code, keyed by the library's version: a new version (an unscheduled closure, say) is read anew.
"""

from __future__ import annotations

import json
import os
import tempfile
from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
FIRST_DAY = date(2007, 1, 1)
REGULAR_CLOSE = time(16, 0)
LATE_PRINTS = timedelta(minutes=15)
"""Trades are still counted for this long after an early close, as 16:15 stands after a regular one."""


class NotASession(ValueError):
    """The day is no XNYS session, or lies outside the calendar."""


class Calendar(NamedTuple):
    days: list[date]
    opens: list[int]  # seconds, UTC
    closes: list[int]
    holidays: dict[date, str]


UNSCHEDULED = "Closed"
"""What a weekday without a session is called that no holiday explains: a hurricane, a day of mourning."""


def _from_library(last_day: date) -> dict[str, Any]:
    import exchange_calendars

    calendar = exchange_calendars.get_calendar("XNYS", start=FIRST_DAY.isoformat(), end=last_day.isoformat())
    schedule = calendar.schedule
    named = calendar.regular_holidays.holidays(FIRST_DAY.isoformat(), last_day.isoformat(), return_name=True)
    seconds = schedule[["open", "close"]].map(lambda moment: int(moment.timestamp()))
    return {
        "days": [day.date().isoformat() for day in schedule.index],
        "opens": seconds["open"].tolist(),
        "closes": seconds["close"].tolist(),
        "holidays": {day.date().isoformat(): name for day, name in named.items()},
    }


def _keep(path: Path, content: dict[str, Any]) -> None:
    """Write by rename; a read-only installation simply asks the library each time."""
    try:
        path.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(handle, "w") as file:
            json.dump(content, file)
        os.replace(name, path)
    except OSError:
        return


@cache
def _calendar() -> Calendar:
    last_day = date(datetime.now(UTC).year + 1, 12, 31)
    kept = Path(__file__).parent / "__pycache__" / f"xnys-{version('exchange-calendars')}-{last_day.year}.json"
    try:
        return _as_calendar(json.loads(kept.read_bytes()))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        content = _from_library(last_day)
        _keep(kept, content)
        return _as_calendar(content)


def horizon() -> date:
    """The last session that the calendar knows."""
    return _calendar().days[-1]


def _as_calendar(content: dict[str, Any]) -> Calendar:
    holidays = {date.fromisoformat(day): name for day, name in content["holidays"].items()}
    days = [date.fromisoformat(day) for day in content["days"]]
    return Calendar(days, content["opens"], content["closes"], holidays)


def _position(session: date) -> int:
    days = _calendar().days
    index = bisect_left(days, session)
    if index < len(days) and days[index] == session:
        return index
    if not days[0] <= session <= days[-1]:
        raise NotASession(f"{session} lies outside the calendar, which runs from {days[0]} to {days[-1]}")
    raise NotASession(
        f"{session} ({session:%A}) is no XNYS session; the previous session is {days[index - 1]}, "
        f"the next one {days[index] if index < len(days) else 'unknown'}"
    )


def is_session(day: date) -> bool:
    days = _calendar().days
    index = bisect_left(days, day)
    return index < len(days) and days[index] == day


def previous(day: date) -> date:
    """The newest session before `day`, which need not be a session itself."""
    days = _calendar().days
    index = bisect_left(days, day)
    if index == 0 or day.year > days[-1].year:
        raise NotASession(f"no session is known before {day}; the calendar runs from {days[0]} to {days[-1]}")
    return days[index - 1]


def following(day: date) -> date:
    """The first session after `day`, which need not be a session itself."""
    days = _calendar().days
    index = bisect_right(days, day)
    if index >= len(days):
        raise NotASession(f"no session is known after {day}; the calendar ends on {days[-1]}")
    return days[index]


def window(session: date, earlier: int) -> list[date]:
    """The session and the `earlier` sessions before it, oldest first."""
    index = _position(session)
    return _calendar().days[max(0, index - earlier) : index + 1]


def between(first: date, last: date) -> list[date]:
    """Sessions from `first` to `last`, both included."""
    days = _calendar().days
    return days[bisect_left(days, first) : bisect_right(days, last)]


def index(session: date) -> int:
    """Number of the session in the calendar; differences count sessions."""
    return _position(session)


def opens(session: date) -> datetime:
    """Opening time in UTC."""
    return datetime.fromtimestamp(_calendar().opens[_position(session)], UTC)


def closes(session: date) -> datetime:
    """Closing time in UTC; early closes are known."""
    return datetime.fromtimestamp(_calendar().closes[_position(session)], UTC)


def is_early_close(session: date) -> bool:
    return closes(session).astimezone(NEW_YORK).time() < REGULAR_CLOSE


def closure(day: date) -> str:
    """Why a weekday has no session: the holiday's name, or UNSCHEDULED."""
    return _calendar().holidays.get(day, UNSCHEDULED)


def trading_hours(session: date, rth_start: str = "09:30", rth_end: str = "16:15") -> tuple[int, int]:
    """Half-open interval, ns since 1970 UTC, in which a trade of the session is counted.

    `rth_start` and `rth_end` are New York times "HH:MM"; on an early close the interval ends 15 minutes after it.
    """
    start = datetime.combine(session, time.fromisoformat(rth_start), NEW_YORK)
    if is_early_close(session):
        end = closes(session) + LATE_PRINTS
    else:
        end = datetime.combine(session, time.fromisoformat(rth_end), NEW_YORK)
    return int(start.timestamp()) * 1_000_000_000, int(end.timestamp()) * 1_000_000_000


def last_completed(now: datetime) -> date:
    """The newest session whose close is not after `now` (aware)."""
    calendar = _calendar()
    ended = bisect_right(calendar.closes, int(now.timestamp()))
    if not ended:
        raise NotASession(f"no session is known before {now:%Y-%m-%d %H:%M}; the calendar begins on {calendar.days[0]}")
    return calendar.days[ended - 1]


def require_completed(text: str, now: datetime) -> date:
    """The session named by `text` (YYYY-MM-DD).

    Raises NotASession, naming the previous session, for a day that does not trade, a session that has not ended
    at `now`, or text that is no date.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise NotASession(f"{text!r} is no date of the form YYYY-MM-DD; the last session is {last_completed(now)}")
    if day > now.astimezone(NEW_YORK).date():
        raise NotASession(f"{day} lies in the future; the previous session is {last_completed(now)}")
    _position(day)
    if closes(day) > now:
        raise NotASession(
            f"session {day} has not ended (it closes at {closes(day):%Y-%m-%d %H:%M} UTC); "
            f"the previous session is {previous(day)}"
        )
    return day
