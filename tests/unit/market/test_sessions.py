"""The calendar knows what no weekday arithmetic knows."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool.market import sessions

DAYS = st.dates(date(2008, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("day", "session"),
    [
        (date(2025, 1, 10), date(2025, 1, 8)),  # 2025-01-09: day of mourning
        (date(2024, 4, 1), date(2024, 3, 28)),  # Good Friday, no federal holiday
        (date(2012, 10, 31), date(2012, 10, 26)),  # two days of a hurricane
        (date(2025, 12, 22), date(2025, 12, 19)),
        (date(2025, 12, 21), date(2025, 12, 19)),  # from a Sunday
    ],
)
def test_the_previous_session_is_no_previous_weekday(day: date, session: date) -> None:
    assert sessions.previous(day) == session


@pytest.mark.parametrize("day", ["2025-01-09", "2024-03-29", "2025-12-25", "2025-12-20", "2021-12-24"])
def test_a_day_that_does_not_trade_is_no_session(day: str) -> None:
    assert not sessions.is_session(date.fromisoformat(day))


def test_a_day_that_does_not_trade_has_a_name() -> None:
    named = {"2024-03-29": "Good Friday", "2025-12-25": "Christmas", "2025-01-09": sessions.UNSCHEDULED}
    assert {day: sessions.closure(date.fromisoformat(day)) for day in named} == named


@given(DAYS)
def test_previous_and_following_undo_each_other(day: date) -> None:
    session = sessions.following(day)
    assert sessions.is_session(session)
    assert session > day
    before = sessions.previous(session)
    assert before <= day
    assert sessions.following(before) == session
    assert sessions.index(session) - sessions.index(before) == 1


def test_a_window_holds_the_session_and_those_before_it() -> None:
    window = sessions.window(date(2025, 12, 22), 60)
    assert len(window) == 61
    assert window[-1] == date(2025, 12, 22)
    assert window[0] == date(2025, 9, 26)
    assert window == sorted(set(window))
    assert sessions.between(window[0], window[-1]) == window


def test_a_window_of_a_day_that_does_not_trade_is_refused() -> None:
    with pytest.raises(sessions.NotASession, match=r"2025-01-09 \(Thursday\).*previous session is 2025-01-08"):
        sessions.window(date(2025, 1, 9), 5)


def test_hours_follow_new_york_through_summer_time_and_early_closes() -> None:
    assert sessions.opens(date(2025, 7, 1)) == datetime(2025, 7, 1, 13, 30, tzinfo=UTC)
    assert sessions.closes(date(2025, 7, 1)) == datetime(2025, 7, 1, 20, tzinfo=UTC)
    assert sessions.opens(date(2025, 12, 22)) == datetime(2025, 12, 22, 14, 30, tzinfo=UTC)
    assert sessions.closes(date(2025, 12, 24)) == datetime(2025, 12, 24, 18, tzinfo=UTC)
    assert sessions.closes(date(2025, 7, 3)) == datetime(2025, 7, 3, 17, tzinfo=UTC)
    assert sessions.is_early_close(date(2025, 11, 28))
    assert not sessions.is_early_close(date(2025, 12, 22))


def nanoseconds(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 10**9  # type: ignore[misc, arg-type]


def test_trades_count_until_a_quarter_past_the_close() -> None:
    regular, early = date(2025, 12, 22), date(2025, 12, 24)
    assert sessions.trading_hours(regular) == (nanoseconds(2025, 12, 22, 14, 30), nanoseconds(2025, 12, 22, 21, 15))
    assert sessions.trading_hours(early) == (nanoseconds(2025, 12, 24, 14, 30), nanoseconds(2025, 12, 24, 18, 15))
    chosen = sessions.trading_hours(regular, "10:00", "15:00")
    assert chosen == (nanoseconds(2025, 12, 22, 15), nanoseconds(2025, 12, 22, 20))


@pytest.mark.parametrize(
    ("now", "session"),
    [
        (datetime(2025, 12, 22, 20, 59, 59, tzinfo=UTC), date(2025, 12, 19)),
        (datetime(2025, 12, 22, 21, tzinfo=UTC), date(2025, 12, 22)),
        (datetime(2025, 12, 23, 3, tzinfo=UTC), date(2025, 12, 22)),
        (datetime(2025, 12, 28, 12, tzinfo=UTC), date(2025, 12, 26)),
    ],
)
def test_a_session_is_complete_at_its_close(now: datetime, session: date) -> None:
    assert sessions.last_completed(now) == session
    assert sessions.require_completed(str(session), now) == session


NOW = datetime(2025, 12, 23, 11, tzinfo=UTC)  # 06:00 in New York, a session about to begin


def test_a_completed_session_is_taken() -> None:
    assert sessions.require_completed("2025-12-22", NOW) == date(2025, 12, 22)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2025-12-23", "has not ended.*previous session is 2025-12-22"),
        ("2025-12-24", "lies in the future; the previous session is 2025-12-22"),
        ("2031-01-02", "lies in the future; the previous session is 2025-12-22"),
        ("2025-12-20", r"\(Saturday\) is no XNYS session; the previous session is 2025-12-19"),
        ("2025-01-09", "is no XNYS session; the previous session is 2025-01-08"),
        ("1999-12-31", "outside the calendar"),
        ("2025-02-30", "no date of the form YYYY-MM-DD; the last session is 2025-12-22"),
        ("20251222", "no date of the form YYYY-MM-DD"),
        ("2025-W52-1", "no date of the form YYYY-MM-DD"),
        ("yesterday", "no date of the form YYYY-MM-DD"),
    ],
)
def test_any_other_day_names_the_session_to_take(text: str, words: str) -> None:
    with pytest.raises(sessions.NotASession, match=words):
        sessions.require_completed(text, NOW)


def test_the_calendar_does_not_guess_beyond_its_ends() -> None:
    for ask in (sessions.previous, sessions.following, sessions.index):
        with pytest.raises(sessions.NotASession, match="calendar"):
            ask(date(2099, 1, 4))
    with pytest.raises(sessions.NotASession, match="calendar"):
        sessions.previous(date(2006, 1, 4))
    with pytest.raises(sessions.NotASession, match="calendar"):
        sessions.last_completed(datetime(2006, 1, 4, tzinfo=UTC))


@pytest.mark.parametrize("content", ["", "{", '{"days": []}'])
def test_a_spoilt_copy_of_the_calendar_is_made_anew(content: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sessions, "__file__", str(tmp_path / "sessions.py"))
    folder = tmp_path / "__pycache__"
    sessions._calendar.__wrapped__()
    kept = next(folder.iterdir())
    sound = kept.read_text()
    kept.write_text(content)
    assert sessions._calendar.__wrapped__().days[0] == date(2007, 1, 3)
    assert kept.read_text() == sound
