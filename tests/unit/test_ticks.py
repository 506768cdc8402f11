"""Reading ticks as vendors really send them, and which trades may be classified."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool import conditions, ticks

POLICY = conditions.load()
HOURS = (1_000, 2_000)
LIT, TRF = 12, 4


def trade(**fields):
    return {
        "participant_timestamp": 1_500,
        "sequence_number": 1,
        "price": 10.0,
        "size": 100.0,
        "exchange": LIT,
        "trf_id": None,
        "correction": 0,
        "conditions": [],
        **fields,
    }


def trades_file(folder: Path, *rows: dict, drop: tuple[str, ...] = ()) -> Path:
    path = folder / "trades.parquet"
    integers = {"participant_timestamp": pl.Int64, "sip_timestamp": pl.Int64, "conditions": pl.List(pl.Int32)}
    pl.DataFrame(list(rows), schema_overrides=integers, infer_schema_length=None).drop(drop).write_parquet(path)
    return path


def reasons(folder: Path, *rows: dict) -> list[str]:
    found = ticks.reasons(ticks.read_trades(trades_file(folder, *rows)), HOURS, POLICY)
    return [("eligible", *ticks.REASONS)[number] for number in found]


def quotes_file(folder: Path, rows: list[tuple]) -> Path:
    path = folder / "quotes.parquet"
    columns = ["participant_timestamp", "sequence_number", "bid_price", "ask_price"]
    pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None).write_parquet(path)
    return path


def bids_before(folder: Path, rows: list[tuple], *times: int) -> list[float]:
    return ticks.quote_before(ticks.read_quotes(quotes_file(folder, rows)), np.array(times))[0].tolist()


def test_an_ordinary_trade_is_eligible(tmp_path):
    assert reasons(tmp_path, trade()) == ["eligible"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"price": 0.0}, "bad_price_or_size"),
        ({"price": -1.0}, "bad_price_or_size"),
        ({"price": None}, "bad_price_or_size"),
        ({"price": math.nan}, "bad_price_or_size"),
        ({"price": math.inf}, "bad_price_or_size"),
        ({"size": 0.0}, "bad_price_or_size"),
        ({"size": None}, "bad_price_or_size"),
        ({"correction": 1}, "correction"),
        ({"conditions": [16]}, "no_volume_condition"),
        ({"conditions": [37, 38]}, "no_volume_condition"),
        ({"participant_timestamp": 999}, "outside_hours"),
        ({"participant_timestamp": 2_000}, "outside_hours"),
        ({"participant_timestamp": None}, "outside_hours"),
        ({"conditions": [37, 10]}, "condition"),
    ],
)
def test_a_trade_that_may_not_be_classified_is_left_out_for_a_reason(tmp_path, fields, reason):
    assert reasons(tmp_path, trade(), trade(**fields)) == ["eligible", reason]


def test_the_first_reason_counts(tmp_path):
    everything = {"price": 0.0, "correction": 1, "conditions": [15, 12], "participant_timestamp": 1}
    rows = [trade(**dict(list(everything.items())[start:])) for start in range(4)]
    assert reasons(tmp_path, *rows) == ["bad_price_or_size", "correction", "no_volume_condition", "outside_hours"]


def test_hours_begin_with_their_start_and_end_before_their_end(tmp_path):
    assert reasons(tmp_path, trade(participant_timestamp=1_000), trade(participant_timestamp=1_999)) == ["eligible"] * 2


def test_sip_time_stands_in_where_participant_time_is_missing(tmp_path):
    rows = [trade(sip_timestamp=5_000), trade(participant_timestamp=None, sip_timestamp=1_600)]
    assert ticks.read_trades(trades_file(tmp_path, *rows)).time.tolist() == [1_500, 1_600]


def test_sip_time_stands_in_where_the_column_is_missing(tmp_path):
    path = trades_file(tmp_path, trade(sip_timestamp=1_600), drop=("participant_timestamp",))
    assert ticks.read_trades(path).time.tolist() == [1_600]


def test_columns_that_the_vendor_omits_mean_nothing_special(tmp_path):
    omitted = ("conditions", "correction", "trf_id", "sequence_number")
    read = ticks.read_trades(trades_file(tmp_path, trade(), trade(), drop=omitted))
    assert ticks.reasons(read, HOURS, POLICY).tolist() == [0, 0]
    assert read.trf_id.tolist() == [0, 0]


def test_columns_of_nothing_but_nulls_mean_the_same(tmp_path):
    nulls = {"conditions": None, "correction": None, "trf_id": None}
    assert reasons(tmp_path, trade(**nulls), trade(**nulls)) == ["eligible"] * 2


def test_a_null_among_lists_of_conditions_is_no_condition(tmp_path):
    assert reasons(tmp_path, trade(conditions=[2]), trade(conditions=None), trade(conditions=[37, 2])) == [
        "condition",
        "eligible",
        "condition",
    ]


def test_codes_that_nobody_knows_are_kept_and_reported(tmp_path):
    path = trades_file(tmp_path, trade(conditions=[55, 37]), trade(conditions=[300]), trade(conditions=[-7, 55]))
    read = ticks.read_trades(path)
    assert ticks.reasons(read, HOURS, POLICY).tolist() == [0, 0, 0]
    assert ticks.unknown_conditions(read, POLICY) == (-7, 55, 300)


def test_the_exact_text_of_a_size_is_preferred(tmp_path):
    rows = [trade(size=1, decimal_size="0.004321"), trade(size=7, decimal_size=None)]
    assert ticks.read_trades(trades_file(tmp_path, *rows)).size.tolist() == [0.004321, 7.0]


def test_whole_sizes_are_read_as_shares(tmp_path):
    assert ticks.read_trades(trades_file(tmp_path, trade(size=100))).size.tolist() == [100.0]


def test_a_facility_kept_as_float_with_nan_is_read(tmp_path):
    path = trades_file(tmp_path, trade(exchange=TRF, trf_id=202.0), trade(trf_id=math.nan))
    assert ticks.read_trades(path).trf_id.tolist() == [202, 0]


def test_venues_are_lit_print_or_adf(tmp_path):
    rows = [trade(), trade(exchange=TRF, trf_id=202), trade(exchange=TRF, trf_id=0), trade(exchange=TRF)]
    lit, prints, adf = ticks.venues(ticks.read_trades(trades_file(tmp_path, *rows)))
    assert (lit.tolist(), prints.tolist(), adf.tolist()) == (
        [True, False, False, False],
        [False, True, False, False],
        [False, False, True, True],
    )


def test_a_file_without_rows_or_columns_is_read(tmp_path):
    path = tmp_path / "empty.parquet"
    pl.DataFrame().write_parquet(path)
    assert len(ticks.read_trades(path)) == 0
    assert len(ticks.read_quotes(path).time) == 0


@pytest.mark.parametrize("column", ["price", "size", "exchange", "participant_timestamp"])
def test_a_missing_column_is_named_with_its_file(tmp_path, column):
    path = trades_file(tmp_path, trade(), drop=(column,))
    with pytest.raises(ticks.TickError, match=rf"trades\.parquet: column {column}.* is missing"):
        ticks.read_trades(path)


def test_a_trade_without_a_venue_is_refused(tmp_path):
    with pytest.raises(ticks.TickError, match="column exchange is null at row 1"):
        ticks.read_trades(trades_file(tmp_path, trade(), trade(exchange=None)))


def test_times_that_lost_their_nanoseconds_are_refused(tmp_path):
    path = tmp_path / "trades.parquet"
    pl.DataFrame([trade()]).with_columns(pl.col("participant_timestamp").cast(pl.Float64)).write_parquet(path)
    with pytest.raises(ticks.TickError, match="column participant_timestamp is double, expected int64"):
        ticks.read_trades(path)


def test_a_size_that_is_no_number_is_refused(tmp_path):
    with pytest.raises(ticks.TickError, match=r"column decimal_size is .*string, expected Float64"):
        ticks.read_trades(trades_file(tmp_path, trade(decimal_size="a few")))


def test_conditions_as_text_are_refused(tmp_path):
    path = tmp_path / "trades.parquet"
    pl.DataFrame([trade()]).with_columns(conditions=pl.lit("12,37")).write_parquet(path)
    with pytest.raises(ticks.TickError, match=r"column conditions is .*string, expected lists"):
        ticks.read_trades(path)


def test_a_cut_off_file_is_refused(tmp_path):
    path = trades_file(tmp_path, *[trade()] * 100)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ticks.TickError, match=r"trades\.parquet: no readable Parquet file"):
        ticks.read_trades(path)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "trades.parquet"
    path.touch()
    with pytest.raises(ticks.TickError, match=r"trades\.parquet: no readable Parquet file"):
        ticks.read_trades(path)


def test_a_quote_of_the_same_moment_is_not_the_trades_quote(tmp_path):
    assert bids_before(tmp_path, [(10, 1, 1.0, 1.1), (20, 2, 2.0, 2.1)], 20, 21) == [1.0, 2.0]


def test_of_quotes_of_one_moment_the_greatest_sequence_number_counts(tmp_path):
    assert bids_before(tmp_path, [(10, 3, 3.0, 3.1), (10, 1, 1.0, 1.1), (10, 2, 2.0, 2.1)], 11) == [3.0]


def test_before_the_first_quote_there_is_none(tmp_path):
    bid = bids_before(tmp_path, [(10, 1, 1.0, 1.1)], 10, 11)
    assert math.isnan(bid[0])
    assert bid[1] == 1.0


def test_a_quote_without_any_time_is_left_out(tmp_path):
    assert math.isnan(bids_before(tmp_path, [(None, 1, 1.0, 1.1), (50, 2, 2.0, 2.1)], 20)[0])


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=30, unique=True),
    st.lists(st.integers(-1, 32), max_size=20),
)
def test_quotes_in_any_order_give_the_quote_that_a_search_by_hand_gives(tmp_path_factory, keys, times):
    rows = [(time, sequence, float(1 + i), float(2 + i)) for i, (time, sequence) in enumerate(keys)]
    expected = []
    for time in times:
        before = [row for row in rows if row[0] < time]
        expected.append(max(before)[2] if before else math.nan)
    found = bids_before(tmp_path_factory.mktemp("quotes"), rows, *times)
    assert np.array_equal(found, expected, equal_nan=True)
