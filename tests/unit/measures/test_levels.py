"""Levels over sessions are on the newest session's share basis, and the prints are the largest of them all."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from darkpool.measures.prints import levels

FRIDAY, MONDAY = date(2025, 12, 19), date(2025, 12, 22)
BEFORE = levels.Levels(99.0, 101.0, 98.0, 104.0, None, None)
AFTER = levels.Levels(50.0, 50.5, 49.0, 52.0, None, None)
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


LEVELS = levels.Levels(10.00, 10.02, 9.90, 10.10, 10.01, None)


@pytest.mark.parametrize(("close", "position"), [(9.90, 0.0), (10.0, 0.5), (10.10, 1.0), (9.80, -0.5), (None, None)])
def test_a_close_lies_against_the_value_area_0_at_its_lower_end_and_1_at_its_upper(close, position):
    assert levels.position(close, LEVELS) == (None if position is None else pytest.approx(position))


def test_features_have_the_middle_of_the_fullest_bin_and_nulls_where_nothing_was_at_hand():
    features = pl.DataFrame({"ticker": ["A", "B", "C"], "close": [10.0, 10.0, None]})
    told = levels.beside(features, {"A": LEVELS, "C": LEVELS})
    assert told["point_of_control"].to_list() == [pytest.approx(10.01), None, pytest.approx(10.01)]
    assert told["value_position"].to_list() == [pytest.approx(0.5), None, None]


def test_the_price_line_is_of_lit_trades_and_of_prints_where_there_are_none():
    rows = {
        "start": [0, 0, levels.STEP], "price_low": [10.0, 10.02, 11.0], "price_high": [10.02, 10.04, 11.02],
        "buy": [900.0, 0.0, 5.0], "sell": [0.0] * 3, "neutral": [0.0] * 3,
        "lit_buy": [100.0, 300.0, 0.0], "lit_sell": [0.0] * 3, "lit_neutral": [0.0] * 3,
    }  # fmt: skip
    line = levels.price_line(pl.DataFrame(rows))
    assert line["start"].to_list() == [0, levels.STEP]
    assert line["price"].to_list() == [pytest.approx((10.01 + 3 * 10.03) / 4), pytest.approx(11.01)]
