"""Volumes as traded, the off-exchange ratio, and the flags that stand for what is unknown."""

import math
import re
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool.measures import volume
from darkpool.tables import facts
from darkpool.vendors.finra import regsho

DAY, FRIDAY = date(2021, 12, 22), date(2021, 12, 21)


def splits(*rows: tuple[str, date, float | None]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=facts.SPLIT_SCHEMA, orient="row")


def bars(*rows: tuple[str, date, float]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={"ticker": pl.String, "date": pl.Date, "volume": pl.Float64}, orient="row")


def test_two_splits_since_the_day_quarter_the_volume_yahoo_gives() -> None:
    twice = splits(
        ("TQQQ", date(2022, 1, 13), 2.0), ("TQQQ", date(2025, 11, 20), 2.0), ("NVDA", date(2024, 6, 10), 10.0)
    )
    restored = volume.as_traded(bars(("TQQQ", DAY, 400.0), ("NVDA", DAY, 400.0), ("SPY", DAY, 400.0)), twice)
    assert restored["split_factor"].to_list() == [4.0, 10.0, 1.0]
    assert restored["regular_volume"].to_list() == [100.0, 40.0, 400.0]


def test_a_reverse_split_raises_the_volume_as_traded() -> None:
    restored = volume.as_traded(bars(("UVXY", DAY, 100.0)), splits(("UVXY", DAY + timedelta(1), 0.1)))
    assert restored["regular_volume"].to_list() == [pytest.approx(1000)]


@pytest.mark.parametrize(
    ("given", "ratio", "rounded", "traded"),
    [
        (50.0, 0.1, False, 500.0),  # half a share of 50 is 1 %
        (49.9, 0.1, True, None),
        (0.0, 0.1, True, None),
        (49.9, 0.99, True, None),
        (49.9, 1.0, False, 49.9),
        (0.0, 1.0, False, 0.0),
        (1.0, 2.0, False, 0.5),
        (1.0, None, False, None),
        (100.0, None, False, None),
    ],
)
def test_whole_adjusted_shares_behind_a_reverse_split_tell_a_volume_to_a_hundredth_or_not_at_all(
    given: float, ratio: float | None, rounded: bool, traded: float | None
) -> None:
    restored = volume.as_traded(bars(("UVXY", DAY, given)), splits(("UVXY", DAY + timedelta(1), ratio)))
    assert restored["rounded"].to_list() == [rounded]
    assert restored["split_factor"].to_list() == [ratio]
    assert restored["regular_volume"].to_list() == [traded if traded is None else pytest.approx(traded)]


def test_a_factor_over_an_unclear_split_is_unknown_and_any_other_is_not() -> None:
    events = splits(("T", DAY, None), ("T", DAY + timedelta(5), 3.0))
    rows = bars(("T", DAY - timedelta(1), 1.0), ("T", DAY, 1.0), ("OTHER", DAY - timedelta(1), 1.0))
    assert volume.factor_after(rows, events).to_list() == [None, 3.0, 1.0]
    assert volume.factor_between(rows, events, DAY).to_list() == [None, 1.0, 1.0]
    assert volume.factor_between(rows, events, DAY - timedelta(1)).to_list() == [1.0, 1.0, 1.0]


def test_a_split_counts_from_its_own_day_on() -> None:
    once = splits(("TQQQ", DAY, 2.0))
    restored = volume.as_traded(bars(("TQQQ", DAY - timedelta(1), 10.0), ("TQQQ", DAY, 10.0)), once)
    assert restored["split_factor"].to_list() == [2.0, 1.0]


def test_the_way_to_the_sessions_basis_takes_only_splits_up_to_it() -> None:
    several = splits(("T", DAY, 2.0), ("T", DAY + timedelta(5), 3.0), ("T", DAY + timedelta(9), 7.0))
    rows = bars(("T", DAY - timedelta(1), 1.0), ("T", DAY, 1.0), ("T", DAY + timedelta(5), 1.0))
    assert volume.factor_between(rows, several, DAY + timedelta(5)).to_list() == [6.0, 3.0, 1.0]
    assert volume.factor_between(rows, several, DAY).to_list() == [2.0, 1.0, 1.0]


def test_the_most_shares_have_one_digit_more_than_finras_files() -> None:
    assert re.fullmatch(regsho.DECIMAL, f"{volume.MOST_SHARES - 1:.0f}")
    assert not re.fullmatch(regsho.DECIMAL, f"{volume.MOST_SHARES:.0f}")


def test_case_is_identity_for_splits_too() -> None:
    restored = volume.as_traded(bars(("TpC", DAY, 8.0), ("TPC", DAY, 8.0)), splits(("TPC", DAY + timedelta(1), 2.0)))
    assert restored["regular_volume"].to_list() == [8.0, 4.0]


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.sampled_from([0.1, 0.5, 2.0, 3.0, 10.0])), max_size=6),
    st.integers(-20, 0),
    st.integers(0, 20),
)
def test_factors_of_two_spans_multiply_to_that_of_both(events, early: int, late: int) -> None:
    table = splits(*(("T", DAY + timedelta(offset), ratio) for offset, ratio in events))
    first, last = bars(("T", DAY + timedelta(early), 1.0)), bars(("T", DAY + timedelta(late), 1.0))
    between = volume.factor_between(first, table, DAY + timedelta(late)).item()
    expected = math.prod(ratio for offset, ratio in events if offset > early)
    assert volume.factor_after(first, table).item() == pytest.approx(expected)
    assert between * volume.factor_after(last, table).item() == pytest.approx(expected)


def merge(trf: list, regular: list, flags: dict[str, bool] | None = None, tickers=("AAPL", "NA")) -> pl.DataFrame:
    off = {"date": pl.Date, "ticker": pl.String, "trf_volume": pl.Float64, "revised": pl.Boolean}
    all_venues = {
        "date": pl.Date,
        "ticker": pl.String,
        "split_factor": pl.Float64,
        "regular_volume": pl.Float64,
        "rounded": pl.Boolean,
        "settled": pl.Boolean,
        "revised": pl.Boolean,
    }
    return volume.merge(
        tickers,
        [FRIDAY, DAY],
        pl.DataFrame(trf, schema=off, orient="row"),
        pl.DataFrame(
            [row if len(row) == len(all_venues) else (*row[:2], 1.0, row[2], False, *row[3:]) for row in regular],
            schema=all_venues,
            orient="row",
        ),
        flags or {},
    ).sort("date", "ticker")


def test_every_ticker_has_a_row_for_every_session() -> None:
    frame = merge([(DAY, "AAPL", 30.0, False)], [(DAY, "AAPL", 100.0, True, False), (DAY, "NA", 50.0, True, False)])
    assert frame.rows() == [
        (FRIDAY, "AAPL", None, None, None, "no_regular,no_trf"),
        (FRIDAY, "NA", None, None, None, "no_regular,no_trf"),
        (DAY, "AAPL", 30.0, 100.0, 0.3, ""),
        (DAY, "NA", None, 50.0, None, "no_trf"),
    ]


@pytest.mark.parametrize(
    ("trf", "regular", "settled", "revised", "ratio", "quality"),
    [
        (150.0, 100.0, True, (False, False), 1.5, "excess_ratio"),
        (100.0, 100.0, True, (False, False), 1.0, ""),
        (10.0, 0.0, True, (False, False), None, "no_regular"),
        (0.25, 0.0, True, (False, False), None, "no_regular"),  # fractions of a share are shares
        (0.25, 0.5, True, (False, False), 0.5, ""),
        (None, 0.0, True, (False, False), None, "no_trf"),
        (0.0, 0.0, True, (False, False), None, ""),
        (0.0, 100.0, True, (False, False), 0.0, ""),
        (10.0, 100.0, False, (False, False), 0.1, "unsettled"),
        (10.0, 100.0, None, (False, False), 0.1, ""),
        (10.0, 100.0, True, (True, False), 0.1, "revised"),
        (10.0, 100.0, False, (False, True), 0.1, "revised,unsettled"),
        (10.0, 100.0, True, (True, True), 0.1, "revised"),
    ],
)
def test_a_ratio_and_its_flags(trf, regular, settled, revised, ratio, quality: str) -> None:
    frame = merge([(DAY, "NA", trf, revised[0])], [(DAY, "NA", regular, settled, revised[1])], tickers=("NA",))
    assert frame.select("offex_ratio", "quality").row(1) == (ratio, quality)


@pytest.mark.parametrize(
    ("factor", "regular", "rounded", "quality"),
    [
        (1.0, 100.0, False, ""),
        (None, None, False, "split_unclear"),
        (0.1, None, True, "rounded_volume"),
        (1.0, None, False, "no_regular"),  # no number for a reason of its own
    ],
)
def test_a_null_names_its_reason(factor, regular, rounded: bool, quality: str) -> None:
    rows = [(DAY, "NA", factor, regular, rounded, True, False)]
    frame = merge([(DAY, "NA", 10.0, False)], rows, tickers=("NA",))
    assert frame.select("regular_volume", "quality").row(1) == (regular, quality)
    assert frame.select("regular_volume", "quality").row(0) == (None, "no_regular,no_trf")


def test_simulated_answers_say_so_on_every_row() -> None:
    frame = merge([(DAY, "NA", 150.0, False)], [(DAY, "NA", 100.0, True, False)], {"simulated": True})
    assert frame["quality"].to_list() == ["no_regular,no_trf,simulated"] * 3 + ["excess_ratio,simulated"]


def test_flags_of_other_rows_than_there_are_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        volume.add_flags(pl.Series(["", ""]), [{"b"}])


def test_flags_are_added_once_and_stay_sorted() -> None:
    column = pl.Series(["", "no_trf", "a,z"])
    assert volume.add_flags(column, [{"b"}, {"no_trf", "bars_only"}, set()]).to_list() == [
        "b",
        "bars_only,no_trf",
        "a,z",
    ]
