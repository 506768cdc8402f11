"""Levels over sessions are on the newest session's share basis, and the prints are the largest of them all."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from darkpool.measures.prints import levels, profile

FRIDAY, MONDAY = date(2025, 12, 19), date(2025, 12, 22)
BEFORE = profile.Levels(99.0, 101.0, 98.0, 104.0, None, None)
AFTER = profile.Levels(50.0, 50.5, 49.0, 52.0, None, None)
CLOSES = pl.DataFrame({"date": [FRIDAY, MONDAY], "ticker": ["A", "A"], "close": [102.0, None]})


def blocks(*rows: tuple[date, int, float, float, str]) -> pl.DataFrame:
    """Rows of date, time, price, size and why it may not be signed."""
    names = ("date", "time", "price", "size", "excluded")
    frame = pl.DataFrame(
        rows, dict(zip(names, (pl.Date, pl.Int64, pl.Float64, pl.Float64, pl.String), strict=True)), orient="row"
    )
    return frame.with_columns(ticker=pl.lit("A"))


def splits(*rows: tuple[date, float | None]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, {"ex_date": pl.Date, "ratio": pl.Float64}, orient="row")
    return frame.with_columns(ticker=pl.lit("A"))


def test_what_lies_before_a_split_is_brought_to_the_shares_after_it():
    found = levels.over(
        {FRIDAY: {"A": BEFORE}, MONDAY: {"A": AFTER}}, CLOSES,
        blocks((FRIDAY, 1, 100.0, 1_000.0, ""), (MONDAY, 2, 50.0, 1_500.0, "")), splits((MONDAY, 2.0)),
    )  # fmt: skip
    # Friday: 100 is 50, 98 to 104 is 49 to 52, 102 is 51; 1,000 shares are 2,000, more than Monday's 1,500.
    assert found.days.rows() == [("A", FRIDAY, 50.0, 49.0, 52.0, 51.0), ("A", MONDAY, 50.25, 49.0, 52.0, None)]
    assert found.prints.rows() == [("A", 1, FRIDAY, 50.0, 2_000.0), ("A", 2, MONDAY, 50.0, 1_500.0)]


def test_what_lies_before_a_split_that_nobody_can_vouch_for_is_on_no_basis():
    prints = blocks((FRIDAY, 1, 100.0, 1_000.0, ""), (MONDAY, 2, 50.0, 10.0, ""))
    found = levels.over({FRIDAY: {"A": BEFORE}, MONDAY: {"A": AFTER}}, CLOSES, prints, splits((MONDAY, None)))
    assert found.days["date"].to_list() == found.prints["date"].to_list() == [MONDAY]


def test_ten_prints_are_left_that_may_be_signed_and_of_one_size_the_earlier_is_first():
    rows = [(MONDAY, at, 50.0, 100.0, "") for at in range(12)]
    found = levels.over(
        {MONDAY: {"A": AFTER}}, CLOSES, blocks(*rows, (MONDAY, 99, 50.0, 9e9, "outside_hours")), splits()
    )
    assert found.prints["rank"].to_list() == list(range(1, 11))
    assert found.prints["size"].to_list() == pytest.approx([100.0] * 10)


def test_a_session_without_any_is_none():
    found = levels.over({MONDAY: {}}, CLOSES, blocks(), splits())
    assert found.days.is_empty()
    assert found.prints.is_empty()
