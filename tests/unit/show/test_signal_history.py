"""What several sessions say together."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool.market import sessions
from darkpool.show.index import signal_history
from darkpool.show.index.signal_history import (
    BOT,
    HOLIDAY,
    MISSING,
    NEUTRAL,
    OUTSIDE,
    SELL,
    UNKNOWN,
    WEEKEND,
    Mover,
    Streak,
)

DAYS = [date(2025, 12, day) for day in (16, 17, 18, 19, 22)]
SAID = {"date": pl.Date, "ticker": pl.String, "signal": pl.String, "estimated": pl.Boolean}


def days_of(months: list[signal_history.Month]) -> dict[str, signal_history.Day]:
    return {str(day.day): day for month in months for week in month.weeks for day in week if day is not None}


@pytest.fixture(scope="module")
def autumn() -> list[signal_history.Month]:
    """From the Monday before Thanksgiving to the Friday after Christmas 2025, two sessions without a folder."""
    there = [day for day in sessions.between(date(2025, 11, 24), date(2025, 12, 26)) if day.day not in (3, 23)]
    return signal_history.calendar(dict.fromkeys(there, "complete"))


def test_months_run_newest_first_in_weeks_from_monday(autumn):
    assert [month.first for month in autumn] == [date(2025, 12, 1), date(2025, 11, 1)]
    for month in autumn:
        for week in month.weeks:
            assert len(week) == 7
            assert all(day is None or day.day.weekday() == place for place, day in enumerate(week))
    assert len(days_of(autumn)) == 30 + 31


def test_a_session_nobody_ran_is_missing(autumn):
    days = days_of(autumn)
    assert [day for day, told in days.items() if told.state == MISSING] == ["2025-12-03", "2025-12-23"]


def test_holidays_and_weekends_are_told_apart(autumn):
    days = days_of(autumn)
    assert {day for day, told in days.items() if told.state == HOLIDAY} == {"2025-11-27", "2025-12-25"}
    assert {day: told.holiday for day, told in days.items() if told.holiday} == {
        "2025-11-27": "Thanksgiving", "2025-12-25": "Christmas",
    }  # fmt: skip
    assert days["2025-12-20"].state == days["2025-12-21"].state == WEEKEND


def test_an_early_close_is_marked_and_no_other_day(autumn):
    assert {day for day, told in days_of(autumn).items() if told.early_close} == {"2025-11-28", "2025-12-24"}


def test_what_lies_before_the_first_session_or_after_the_newest_is_neither_missing_nor_a_holiday(autumn):
    days = days_of(autumn)
    assert days["2025-11-21"].state == days["2025-12-29"].state == OUTSIDE
    assert signal_history.calendar({}) == []


def test_months_without_any_run_are_named_and_none_of_their_sessions_is_missing():
    there = {date(2025, 3, 31): "complete", date(2025, 11, 28): "complete", date(2025, 12, 1): "complete"}
    months = signal_history.calendar(there)
    assert [(month.first.month, month.unrun) for month in months] == [
        (12, None), (11, (date(2025, 4, 1), date(2025, 10, 1))), (3, None),
    ]  # fmt: skip
    november = list(sessions.between(date(2025, 11, 3), date(2025, 11, 26)))
    assert signal_history.missing(there) == november
    assert not {day for day in days_of(months) if day.startswith("2025-07")}


def test_missing_sessions_are_listed_between_the_first_and_the_last():
    assert signal_history.missing({date(2025, 12, 23): "x", date(2025, 12, 29): "x"}) == [
        date(2025, 12, 24),
        date(2025, 12, 26),
    ]
    assert signal_history.missing({}) == []


def test_a_tape_tells_a_missing_session_from_one_without_an_estimate():
    said = pl.DataFrame(
        [
            (DAYS[0], "A", "BOT", True), (DAYS[2], "A", "", True), (DAYS[3], "A", "", False),
            (DAYS[4], "A", "SELL", True), (DAYS[4], "B", "BOT", True),
        ],
        schema=SAID, orient="row",
    )  # fmt: skip
    assert signal_history.tapes(said, DAYS, ["A", "B"]) == {
        "A": [BOT, MISSING, NEUTRAL, UNKNOWN, SELL],
        "B": [UNKNOWN, MISSING, UNKNOWN, UNKNOWN, BOT],
    }


@pytest.mark.parametrize(
    ("tape", "expected"),
    [
        ([SELL, NEUTRAL, BOT, BOT, BOT], Streak("A", BOT, 3, DAYS[2], NEUTRAL)),
        ([SELL, SELL, SELL, SELL, BOT], Streak("A", BOT, 1, DAYS[4], SELL)),
        ([BOT, BOT, MISSING, BOT, BOT], Streak("A", BOT, 2, DAYS[3], MISSING)),
        ([BOT, BOT, UNKNOWN, BOT, BOT], Streak("A", BOT, 2, DAYS[3], UNKNOWN)),
        ([SELL] * 5, Streak("A", SELL, 5, DAYS[0], None)),
        ([BOT, BOT, BOT, BOT, NEUTRAL], None),
        ([BOT, BOT, BOT, BOT, UNKNOWN], None),
        ([], None),
    ],
)
def test_a_streak_counts_back_from_the_newest_session_and_says_what_came_before(tape, expected):
    assert signal_history.streak("A", tape, DAYS) == expected


def test_streaks_of_three_are_told_and_those_of_two_are_not():
    tapes = {"C": [BOT] * 5, "B": [NEUTRAL, NEUTRAL, SELL, SELL, SELL], "A": [NEUTRAL, BOT, BOT, BOT, SELL],
             "D": [NEUTRAL, NEUTRAL, NEUTRAL, BOT, BOT]}  # fmt: skip
    assert [(one.ticker, one.length) for one in signal_history.streaks(tapes, DAYS, 3)] == [("C", 5), ("B", 3)]


def test_a_streak_is_ended_by_another_signal_and_not_by_silence():
    tapes = {"A": [NEUTRAL, BOT, BOT, BOT, SELL], "B": [BOT, BOT, BOT, BOT, UNKNOWN], "C": [SELL] * 4 + [NEUTRAL],
             "D": [BOT] * 5, "E": [BOT]}  # fmt: skip
    found = signal_history.ended(tapes, DAYS, 3)
    assert [(one.ticker, one.signal, one.length, one.before) for one in found] == [
        ("C", SELL, 4, None), ("A", BOT, 3, NEUTRAL),
    ]  # fmt: skip


@given(st.lists(st.sampled_from([BOT, SELL, NEUTRAL, UNKNOWN, MISSING]), max_size=5))
def test_a_streak_is_the_longest_run_of_one_signal_that_reaches_the_newest_session(tape):
    days = DAYS[: len(tape)]
    found = signal_history.streak("A", tape, days)
    if found is None:
        assert not tape or tape[-1] not in (BOT, SELL)
    else:
        assert set(tape[-found.length :]) == {found.signal}
        assert found.since == days[-found.length]
        assert found.before == (tape[-found.length - 1] if found.length < len(tape) else None)
        assert found.before != found.signal


def window(*rows: tuple[date, str, float | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"date": pl.Date, "ticker": pl.String, "offex_ratio": pl.Float64}, orient="row")


def test_a_change_is_against_the_session_before_across_the_weekend():
    merged = window((DAYS[2], "A", 0.9), (DAYS[3], "A", 0.25), (DAYS[4], "A", 0.5))
    assert signal_history.changes(merged, DAYS[4]) == [Mover("A", 0.25, 0.5)]
    assert signal_history.changes(merged, DAYS[4])[0].change == 0.25


def test_a_ratio_that_is_unknown_on_either_side_is_no_change():
    merged = window(
        (DAYS[3], "A", None), (DAYS[4], "A", 0.5), (DAYS[3], "B", 0.5), (DAYS[4], "B", None),
        (DAYS[4], "C", 0.5), (DAYS[2], "D", 0.1), (DAYS[4], "D", 0.5), (DAYS[3], "E", 0.5), (DAYS[4], "F", 0.5),
    )  # fmt: skip
    assert signal_history.changes(merged, DAYS[4]) == []


def test_the_furthest_movers_come_first_up_or_down_and_equal_ones_by_ticker_and_who_stays_is_no_mover():
    found = [
        Mover("C", 0.5, 0.25),
        Mover("A", 0.25, 0.5),
        Mover("B", 0.5, 0.625),
        Mover("D", 0.0, 1.0),
        Mover("E", 0.5, 0.5),
    ]
    assert [mover.ticker for mover in signal_history.movers(found, 3)] == ["D", "A", "C"]
    assert [mover.ticker for mover in signal_history.movers(found, 9)] == ["D", "A", "C", "B"]
