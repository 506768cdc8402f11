"""The morning's decisions at moments that others got wrong, each worked out by hand.

session   date that is run, before it what is caught up
acts      whether a scheduler's call with `--at 06:00` acts then, where the morning before was acted on
"""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from darkpool.morning import crontab, open_sessions, schedule

AT = schedule.at_time("06:00")
ZONES = ("America/New_York", "Europe/Berlin", "Asia/Tokyo", "UTC")

# moment in New York, last-marked session by the calendar, what the newest due morning is: the day of it
CALENDAR = [
    # Tuesday after a Monday session
    ("2025-12-23T05:59:00-05:00", "2025-12-22", "2025-12-20"),
    ("2025-12-23T06:00:00-05:00", "2025-12-22", "2025-12-23"),
    ("2025-12-23T06:01:00-05:00", "2025-12-22", "2025-12-23"),
    ("2025-12-23T23:59:00-05:00", "2025-12-23", "2025-12-23"),
    # a weekend: Friday's morning comes on Saturday, and nothing is due on Sunday or Monday
    ("2025-12-20T05:59:59-05:00", "2025-12-19", "2025-12-19"),
    ("2025-12-20T06:00:00-05:00", "2025-12-19", "2025-12-20"),
    ("2025-12-21T06:00:00-05:00", "2025-12-19", "2025-12-20"),
    ("2025-12-22T06:00:00-05:00", "2025-12-19", "2025-12-20"),
    ("2025-12-22T15:59:59-05:00", "2025-12-19", "2025-12-20"),
    ("2025-12-22T16:00:00-05:00", "2025-12-22", "2025-12-20"),
    # half day before Christmas, closed on it, open on the 26th
    ("2025-12-24T12:59:00-05:00", "2025-12-23", "2025-12-24"),
    ("2025-12-24T13:00:00-05:00", "2025-12-24", "2025-12-24"),
    ("2025-12-25T06:00:00-05:00", "2025-12-24", "2025-12-25"),
    ("2025-12-26T06:00:00-05:00", "2025-12-24", "2025-12-25"),
    ("2025-12-27T06:00:00-05:00", "2025-12-26", "2025-12-27"),
    # New Year
    ("2026-01-01T06:00:00-05:00", "2025-12-31", "2026-01-01"),
    ("2026-01-02T06:00:00-05:00", "2025-12-31", "2026-01-01"),
    ("2026-01-03T06:00:00-05:00", "2026-01-02", "2026-01-03"),
    # 2025-01-09, the day of mourning for President Carter: a Thursday without a session
    ("2025-01-09T06:00:00-05:00", "2025-01-08", "2025-01-09"),
    ("2025-01-10T05:59:00-05:00", "2025-01-08", "2025-01-09"),
    ("2025-01-10T06:00:00-05:00", "2025-01-08", "2025-01-09"),
    ("2025-01-11T06:00:00-05:00", "2025-01-10", "2025-01-11"),
    # Good Friday 2025-04-18
    ("2025-04-18T06:00:00-04:00", "2025-04-17", "2025-04-18"),
    ("2025-04-19T06:00:00-04:00", "2025-04-17", "2025-04-18"),
    ("2025-04-21T06:00:00-04:00", "2025-04-17", "2025-04-18"),
    ("2025-04-22T06:00:00-04:00", "2025-04-21", "2025-04-22"),
    # Thanksgiving and the half day after it
    ("2025-11-27T06:00:00-05:00", "2025-11-26", "2025-11-27"),
    ("2025-11-28T06:00:00-05:00", "2025-11-26", "2025-11-27"),
    ("2025-11-28T13:00:00-05:00", "2025-11-28", "2025-11-27"),
    ("2025-11-29T06:00:00-05:00", "2025-11-28", "2025-11-29"),
    # clocks go forward on Sunday 2026-03-08, back on Sunday 2025-11-02
    ("2026-03-07T06:00:00-05:00", "2026-03-06", "2026-03-07"),
    ("2026-03-08T01:59:59-05:00", "2026-03-06", "2026-03-07"),
    ("2026-03-08T03:00:00-04:00", "2026-03-06", "2026-03-07"),
    ("2026-03-10T05:59:00-04:00", "2026-03-09", "2026-03-07"),
    ("2026-03-10T06:00:00-04:00", "2026-03-09", "2026-03-10"),
    ("2025-11-01T06:00:00-04:00", "2025-10-31", "2025-11-01"),
    ("2025-11-02T01:30:00-04:00", "2025-10-31", "2025-11-01"),
    ("2025-11-02T01:30:00-05:00", "2025-10-31", "2025-11-01"),
    ("2025-11-04T05:59:59-05:00", "2025-11-03", "2025-11-01"),
    ("2025-11-04T06:00:00-05:00", "2025-11-03", "2025-11-04"),
    # Juneteenth, Independence Day eve (half day) and the Friday it is kept on
    ("2025-06-20T06:00:00-04:00", "2025-06-18", "2025-06-19"),
    ("2025-07-03T13:00:00-04:00", "2025-07-03", "2025-07-03"),
    ("2025-07-04T06:00:00-04:00", "2025-07-03", "2025-07-04"),
    ("2025-07-07T06:00:00-04:00", "2025-07-03", "2025-07-04"),
]


@pytest.fixture(params=ZONES)
def machine(request, monkeypatch):
    """A machine whose clock shows that zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_the_table_is_long_enough():
    assert len(CALENDAR) >= 40


def test_every_moment_has_its_session_and_its_morning_on_every_machine(machine, tmp_path):
    for text, session, morning in CALENDAR:
        now = datetime.fromisoformat(text).astimezone()
        assert open_sessions.survey(tmp_path, now, "calendar", 10).target == date.fromisoformat(session), text
        due = schedule.newest(now, AT, weekly=False)
        assert due.isoformat()[:16] == f"{morning}T06:00", text
        assert due <= now


@pytest.mark.parametrize(
    ("text", "sunday"),
    [
        ("2025-12-21T05:59:00-05:00", "2025-12-14"),
        ("2025-12-21T06:00:00-05:00", "2025-12-21"),
        ("2025-12-24T09:00:00-05:00", "2025-12-21"),
        ("2026-03-08T05:59:00-04:00", "2026-03-01"),
        ("2026-03-08T06:00:00-04:00", "2026-03-08"),
        ("2025-11-02T05:59:00-05:00", "2025-10-26"),
        ("2025-11-02T06:00:00-05:00", "2025-11-02"),
    ],
)
def test_the_weekly_morning_is_sundays(text, sunday):
    due = schedule.newest(datetime.fromisoformat(text), AT, weekly=True)
    assert due.isoformat()[:16] == f"{sunday}T06:00"


def mark(results, *days, name="own.csv"):
    for day in days:
        (results / day).mkdir(parents=True, exist_ok=True)
        (results / day / name).write_text("x")


NOW = datetime(2025, 12, 23, 11, tzinfo=UTC)  # Tuesday 06:00 in New York


# folders marked by the scan, finished ones, run but not finished, the session expected, stale, caught up before it
@pytest.mark.parametrize(
    ("marked", "finished", "tried", "session", "is_stale", "before"),
    [
        ("", "", "", "22", False, ""),
        ("22", "", "", "22", False, ""),
        ("19", "", "", "19", True, ""),
        ("19 22", "", "", "22", False, "19"),
        ("17 18 19 22", "18", "", "22", False, "17 19"),
        ("17 18 19 22", "17 18 19 22", "", "22", False, ""),
        ("08 22", "", "", "22", False, ""),  # 11 sessions back: too old
        ("09 22", "", "", "22", False, "09"),  # the tenth
        ("22 23", "", "", "22", False, ""),  # today is no morning yet
        ("22 24 26", "", "", "22", False, ""),  # the future
        ("20 21", "", "", "22", False, ""),  # a weekend: no mark at all, so the calendar's
        ("19", "22", "", "19", True, ""),  # one that only this workflow filled is no mark
        ("", "17", "", "22", False, "18 19"),  # no marks: every session since the first that was run
        ("", "", "18", "22", False, "18 19"),
        ("", "17 18 19 22", "", "22", False, ""),
    ],
)
def test_what_is_caught_up(marked, finished, tried, session, is_stale, before, tmp_path):
    mark(tmp_path, *(f"2025-12-{day}" for day in marked.split()))
    mark(tmp_path, *(f"2025-12-{day}" for day in finished.split()), name="all")
    mark(tmp_path, *(f"2025-12-{day}" for day in tried.split()), name="table.html")
    found = open_sessions.survey(tmp_path, NOW, "folder", 10)
    assert (found.target.isoformat(), found.is_stale) == (f"2025-12-{session}", is_stale)
    assert [day.isoformat() for day in found.open] == [f"2025-12-{day}" for day in before.split()]


def test_the_earlier_sessions_of_a_page_are_not_taken_for_missed_mornings(tmp_path):
    mark(tmp_path, "2025-12-18", "2025-12-19", name="features.parquet")
    assert open_sessions.survey(tmp_path, NOW, "calendar", 10).open == []


def test_nothing_is_caught_up_where_that_is_not_wanted(tmp_path):
    mark(tmp_path, "2025-12-19", "2025-12-22")
    assert open_sessions.survey(tmp_path, NOW, "folder", 0).open == []


@pytest.mark.parametrize(
    ("zone", "minutes"),
    [
        ("America/New_York", [0]),
        ("UTC", [0]),
        ("Asia/Tokyo", [0]),
        ("Europe/Berlin", [0]),
        ("Asia/Kolkata", [30]),
        ("Asia/Kathmandu", [45]),
        ("Australia/Adelaide", [30]),
        ("Australia/Lord_Howe", [0, 30]),  # its summer time is half an hour
    ],
)
def test_an_hourly_line_fires_at_six_in_new_york_on_every_day_of_the_year(zone, minutes, tmp_path, monkeypatch):
    monkeypatch.setenv("DARKPOOL_NOW", "2026-01-01T00:00:00+00:00")
    line = crontab.lines(tmp_path, ZoneInfo(zone))[1]
    assert line.split()[:5] == [",".join(map(str, minutes)), "*", "*", "*", "*"]
    for count in range(366):
        six = datetime(2026, 1, 1, 6, tzinfo=ZoneInfo("America/New_York")) + timedelta(days=count)
        assert six.astimezone(ZoneInfo(zone)).minute in minutes


def test_a_crontab_keeps_its_other_lines_and_is_installed_once(tmp_path):
    ours = crontab.lines(tmp_path / "a b%c", ZoneInfo("UTC"))
    assert f"'{tmp_path}/a b\\%c/workflow/scripts/daily.sh' --at 06:00 >/dev/null" in ours[1]
    mine = ["MAILTO=me@example.org", "5 4 * * * mine"]
    once = crontab.merged(mine, ours)
    assert once == [*mine, *ours]
    assert crontab.merged(once, ours) == once
    other = crontab.lines(tmp_path / "other", ZoneInfo("UTC"))
    assert crontab.merged(once, other) == [*once, *other]
    moved = crontab.lines(tmp_path / "a b%c", ZoneInfo("Asia/Kolkata"))
    assert crontab.merged([*once, "6 6 * * * later"], moved) == [*mine, "6 6 * * * later", *moved]


def test_a_crontab_that_somebody_cut_is_left_alone(tmp_path):
    ours = crontab.lines(tmp_path, ZoneInfo("UTC"))
    with pytest.raises(ValueError, match="crontab -e"):
        crontab.merged([ours[0], "5 4 * * * mine"], ours)
