"""New York wall time, in which vendors think of a session."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Day = date | str


def to_date(day: Day) -> date:
    """A date, or its ISO spelling, as a date."""
    return date.fromisoformat(str(day))


def moment(day: Day, clock: str = "09:30") -> datetime:
    """New York time `clock` (HH:MM[:SS[.ffffff]]) of `day`."""
    return datetime.combine(to_date(day), time.fromisoformat(clock), NEW_YORK)


def seconds(day: Day, clock: str = "09:30") -> int:
    """The same moment in whole seconds since 1970 UTC."""
    return int(moment(day, clock).timestamp())


def nanoseconds(day: Day, clock: str = "09:30") -> int:
    """The same moment in nanoseconds since 1970 UTC, exact to the microsecond."""
    return (moment(day, clock) - EPOCH) // timedelta(microseconds=1) * 1000


def to_day(second: int) -> date:
    """The New York day of a second since 1970 UTC."""
    return datetime.fromtimestamp(second, NEW_YORK).date()
