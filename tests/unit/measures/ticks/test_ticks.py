"""Reading ticks as vendors really send them, and which trades may be classified."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool.archive import tick_marks
from darkpool.market import conditions, venues
from darkpool.measures.ticks import eligibility, tick_arrays, tick_file

POLICY = conditions.load()
HOURS = (1_000, 2_000)
LIT, TRF = 12, 4


def trade(**fields):
    return {
        "participant_timestamp": 1_500,
        "sequence_number": None,
        "price": 10.0,
        "size": 100.0,
        "exchange": LIT,
        "trf_id": None,
        "correction": 0,
        "conditions": [],
        **fields,
    }


def trades_file(folder: Path, *rows: dict, drop: tuple[str, ...] = ()) -> Path:
    """The rows, numbered in their order but for those that have a sequence number."""
    path = folder / "trades.parquet"
    integers = {"participant_timestamp": pl.Int64, "sip_timestamp": pl.Int64, "conditions": pl.List(pl.Int32)}
    numbered = [row | {"sequence_number": row["sequence_number"] or i} for i, row in enumerate(rows, start=1)]
    pl.DataFrame(numbered, schema_overrides=integers, infer_schema_length=None).drop(drop).write_parquet(path)
    return path


def reasons(folder: Path, *rows: dict) -> list[str]:
    found = eligibility.reasons(tick_arrays.read_trades(trades_file(folder, *rows)), HOURS, POLICY)
    return [("eligible", *eligibility.REASONS)[number] for number in found]


def quotes_file(folder: Path, rows: list[tuple]) -> Path:
    path = folder / "quotes.parquet"
    columns = ["participant_timestamp", "sequence_number", "bid_price", "ask_price"]
    pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None).write_parquet(path)
    return path


def bids_before(folder: Path, rows: list[tuple], *times: int) -> list[float]:
    return tick_arrays.quote_before(tick_arrays.read_quotes(quotes_file(folder, rows)), np.array(times)).bid.tolist()


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
    assert tick_arrays.read_trades(trades_file(tmp_path, *rows)).time.tolist() == [1_500, 1_600]


def test_sip_time_stands_in_where_the_column_is_missing(tmp_path):
    path = trades_file(tmp_path, trade(sip_timestamp=1_600), drop=("participant_timestamp",))
    assert tick_arrays.read_trades(path).time.tolist() == [1_600]


def test_columns_that_the_vendor_omits_mean_nothing_special(tmp_path):
    omitted = ("conditions", "correction", "trf_id", "sequence_number")
    read = tick_arrays.read_trades(trades_file(tmp_path, trade(), trade(size=200.0), drop=omitted))
    assert eligibility.reasons(read, HOURS, POLICY).tolist() == [0, 0]
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
    read = tick_arrays.read_trades(path)
    assert eligibility.reasons(read, HOURS, POLICY).tolist() == [0, 0, 0]
    assert eligibility.unknown_conditions(read, POLICY) == (-7, 55, 300)


def test_the_exact_text_of_a_size_is_preferred(tmp_path):
    rows = [trade(size=1, decimal_size="0.004321"), trade(size=7, decimal_size=None)]
    assert tick_arrays.read_trades(trades_file(tmp_path, *rows)).size.tolist() == [0.004321, 7.0]


def test_prices_of_32_bits_are_the_prices_that_were_meant(tmp_path):
    path = trades_file(tmp_path, *[trade(price=price) for price in (10.02, 0.0001, 1_234.56)])
    pl.read_parquet(path).with_columns(pl.col("price").cast(pl.Float32)).write_parquet(path)
    assert tick_arrays.read_trades(path).price.tolist() == [10.02, 0.0001, 1_234.56]


def test_whole_sizes_are_read_as_shares(tmp_path):
    assert tick_arrays.read_trades(trades_file(tmp_path, trade(size=100))).size.tolist() == [100.0]


def test_a_facility_kept_as_float_with_nan_is_read(tmp_path):
    path = trades_file(tmp_path, trade(exchange=TRF, trf_id=202.0), trade(trf_id=math.nan))
    assert tick_arrays.read_trades(path).trf_id.tolist() == [202, 0]


def test_venues_are_lit_print_adf_otc_or_unknown(tmp_path):
    rows = [
        trade(), trade(exchange=TRF, trf_id=202), trade(exchange=TRF, trf_id=0), trade(exchange=TRF),
        trade(exchange=62), trade(exchange=77), trade(exchange=-1_000, trf_id=202),
    ]  # fmt: skip
    kinds = eligibility.by_venue(tick_arrays.read_trades(trades_file(tmp_path, *rows)), venues.load())
    assert [np.flatnonzero(kind).tolist() for kind in kinds] == [[0], [1], [2, 3], [4], [5, 6]]


def test_a_file_without_rows_or_columns_is_read(tmp_path):
    path = tmp_path / "empty.parquet"
    pl.DataFrame().write_parquet(path)
    assert len(tick_arrays.read_trades(path)) == 0
    assert len(tick_arrays.read_quotes(path).time) == 0


@pytest.mark.parametrize("column", ["price", "size", "exchange", "participant_timestamp"])
def test_a_missing_column_is_named_with_its_file(tmp_path, column):
    path = trades_file(tmp_path, trade(), drop=(column,))
    with pytest.raises(tick_file.TickError, match=rf"trades\.parquet: column {column}.* is missing"):
        tick_arrays.read_trades(path)


def test_a_trade_without_a_venue_is_refused(tmp_path):
    with pytest.raises(tick_file.TickError, match="column exchange is null at row 1"):
        tick_arrays.read_trades(trades_file(tmp_path, trade(), trade(exchange=None)))


def test_times_that_lost_their_nanoseconds_are_refused(tmp_path):
    path = tmp_path / "trades.parquet"
    pl.DataFrame([trade()]).with_columns(pl.col("participant_timestamp").cast(pl.Float64)).write_parquet(path)
    with pytest.raises(tick_file.TickError, match="column participant_timestamp is double, expected int64"):
        tick_arrays.read_trades(path)


def test_a_size_that_is_no_number_is_refused(tmp_path):
    with pytest.raises(tick_file.TickError, match=r"column decimal_size is .*string, expected Float64"):
        tick_arrays.read_trades(trades_file(tmp_path, trade(decimal_size="a few")))


def test_conditions_as_text_are_refused(tmp_path):
    path = tmp_path / "trades.parquet"
    pl.DataFrame([trade()]).with_columns(conditions=pl.lit("12,37")).write_parquet(path)
    with pytest.raises(tick_file.TickError, match=r"column conditions is .*string, expected lists"):
        tick_arrays.read_trades(path)


def test_a_cut_off_file_is_refused(tmp_path):
    path = trades_file(tmp_path, *[trade()] * 100)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(tick_file.TickError, match=r"trades\.parquet: no readable Parquet file"):
        tick_arrays.read_trades(path)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "trades.parquet"
    path.touch()
    with pytest.raises(tick_file.TickError, match=r"trades\.parquet: no readable Parquet file"):
        tick_arrays.read_trades(path)


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


# Ages


def met(folder: Path, rows: list[tuple], times: list[int], max_age: int | None) -> tick_arrays.Nbbo:
    return tick_arrays.quote_before(tick_arrays.read_quotes(quotes_file(folder, rows)), np.array(times), max_age)


def test_a_quote_is_old_when_it_is_more_than_the_limit_older_than_the_trade(tmp_path):
    found = met(tmp_path, [(10, 1, 1.0, 1.1), (50, 2, 2.0, 2.1)], [10, 30, 31, 50, 51, 70, 71], 20)
    assert found.old.tolist() == [False, False, True, True, False, False, True]
    assert np.array_equal(found.bid, [math.nan, 1, 1, 1, 2, 2, 2], equal_nan=True)
    fresh = found.fresh()
    assert np.array_equal(fresh.bid, [math.nan, 1, math.nan, math.nan, 2, 2, math.nan], equal_nan=True)
    assert np.array_equal(np.isnan(fresh.ask), np.isnan(fresh.bid))


def test_without_a_limit_no_quote_is_old(tmp_path):
    found = met(tmp_path, [(10, 1, 1.0, 1.1)], [11, 10**18], None)
    assert not found.old.any()
    assert found.fresh().bid.tolist() == [1.0, 1.0]


def test_a_trade_before_every_quote_has_none_and_no_old_one(tmp_path):
    assert met(tmp_path, [(50, 1, 1.0, 1.1)], [10], 5).old.tolist() == [False]
    assert met(tmp_path, [], [10], 5).old.tolist() == [False]


# Rows that come twice


def shares(folder: Path, *rows: dict, drop: tuple[str, ...] = ()) -> tuple[list[float], int]:
    read = tick_arrays.read_trades(trades_file(folder, *rows, drop=drop))
    return read.size.tolist(), read.repeats


def test_identical_trades_count_once_and_are_counted(tmp_path):
    rows = [trade(sequence_number=i, size=float(i), conditions=[37] * i, id=str(i)) for i in (1, 2, 3)]
    assert shares(tmp_path, *rows, *rows, rows[1]) == ([1.0, 3.0, 2.0], 4)
    assert shares(tmp_path, *rows) == ([1.0, 2.0, 3.0], 0)


def test_the_conditions_stay_with_their_trades_when_others_are_left_out(tmp_path):
    rows = [trade(sequence_number=i, conditions=codes) for i, codes in enumerate([[10], None, []], start=1)]
    read = tick_arrays.read_trades(trades_file(tmp_path, *rows, rows[0], trade(sequence_number=4, conditions=[37, 12])))
    lists = [read.codes[a:b].tolist() for a, b in zip(read.offsets[:-1], read.offsets[1:], strict=True)]
    assert dict(zip(read.sequence.tolist(), lists, strict=True)) == {1: [10], 2: [], 3: [], 4: [37, 12]}
    assert eligibility.reasons(read, HOURS, POLICY).tolist() == [0, 0, 5, 5]


@pytest.mark.parametrize(
    "other",
    [
        {"id": "b"},
        {"size": 200.0},
        {"price": 10.01},
        {"exchange": 11},
        {"conditions": [37]},
        {"tape": 3},
        {"trf_id": 0},
    ],
)
def test_trades_that_differ_in_one_field_alone_are_all_real(tmp_path, other):
    one = {"sequence_number": None, "id": "a", "tape": None}
    rows = [trade(**one), trade(**one | other)]
    assert shares(tmp_path, *rows, drop=("sequence_number",))[1] == 0
    assert shares(tmp_path, *rows, rows[0], drop=("sequence_number",))[1] == 1


def test_trades_without_a_sequence_number_are_told_apart_by_their_other_fields(tmp_path):
    rows = [trade(size=size) for size in (1.0, 2.0, 1.0, 3.0)]
    assert shares(tmp_path, *rows, drop=("sequence_number",)) == ([2.0, 1.0, 3.0], 1)


def test_quotes_with_nothing_but_zeros_for_a_sequence_are_all_there_and_the_last_of_a_moment_counts(tmp_path):
    rows = [(10, 0, 1.0, 1.1), (10, 0, 1.2, 1.3), (10, 0, 1.4, 1.5)]
    read = tick_arrays.read_quotes(quotes_file(tmp_path, rows))
    assert (len(read.time), read.repeats) == (3, 0)
    assert bids_before(tmp_path, rows, 11) == [1.4]


def test_identical_quotes_are_counted_and_the_last_of_a_moment_counts_all_the_same(tmp_path):
    rows = [(10, 0, 1.0, 1.1), (10, 0, 1.2, 1.3), (10, 0, 1.0, 1.1), (20, 0, 2.0, 2.1), (20, 0, 2.0, 2.1)]
    assert tick_arrays.read_quotes(quotes_file(tmp_path, rows)).repeats == 2
    assert bids_before(tmp_path, rows, 11, 21) == [1.0, 2.0]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(1, 3), st.booleans()), max_size=12),
    st.randoms(use_true_random=False),
    st.integers(1, 5),
)
def test_a_file_in_which_rows_stand_twice_reads_as_without_the_second(tmp_path_factory, keys, order, group):
    folder = tmp_path_factory.mktemp("twice")
    once = [
        trade(participant_timestamp=1_500 + t, sequence_number=1 + s, size=float(size), conditions=[37] if odd else [])
        for t, s, size, odd in dict.fromkeys(keys)
    ]
    again = [*once, *(row for row in once if order.random() < 0.5)]
    order.shuffle(again)
    path = trades_file(folder, *again) if again else None
    if path is None:
        return
    pl.read_parquet(path).write_parquet(path, row_group_size=group)
    read = tick_arrays.read_trades(path)
    assert read.repeats == len(again) - len(once)
    assert sorted(zip(read.time, read.sequence, read.size, strict=True)) == sorted(
        (row["participant_timestamp"], row["sequence_number"], row["size"]) for row in once
    )


def test_shares_at_unknown_venues_are_told_by_id(tmp_path):
    rows = [trade(exchange=venue, size=size) for venue, size in [(77, 3.0), (5, 1.5), (77, 4.0), (77, None)]]
    read = tick_arrays.read_trades(trades_file(tmp_path, trade(), *rows))
    unknown = eligibility.by_venue(read, venues.load()).unknown
    assert eligibility.unknown_venues(read, unknown) == {5: 1.5, 77: 7.0}


MARKS = tick_marks.marks("polygon/trades", "2025-12-22", "A")


def as_kept(path: Path, **more: object) -> Path:
    """The file as the archive keeps one whose rows ascend: with its marks and its order."""
    table = pq.read_table(path).replace_schema_metadata(MARKS)
    pq.write_table(table, path, sorting_columns=tick_marks.ordering(table.schema), **more)
    return path


@given(
    st.lists(
        st.tuples(st.integers(1_000, 1_004), st.integers(1, 3), *[st.sampled_from([1.0, 2.0])] * 2),
        min_size=1, max_size=12, unique=True,
    )
)  # fmt: skip
def test_rows_that_a_file_says_ascend_are_read_as_if_they_were_sorted(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("ordered")
    rows = sorted(rows, key=lambda row: row[:2])
    names = ("participant_timestamp", "sequence_number", "price", "size")
    path = trades_file(folder, *(trade(**dict(zip(names, row, strict=True))) for row in rows))
    looked_at = tick_arrays.read_trades(path)
    believed = tick_arrays.read_trades(as_kept(path, row_group_size=5))
    for name in ("time", "price", "size", "repeats", "is_sorted"):
        assert np.array_equal(getattr(looked_at, name), getattr(believed, name)), name
    assert np.array_equal(
        np.lexsort((looked_at.sequence, looked_at.time)), np.lexsort((believed.sequence, believed.time))
    )
    quotes = quotes_file(folder, [(time, number, price, size + 3) for time, number, price, size in rows])
    looked_at, believed = tick_arrays.read_quotes(quotes), tick_arrays.read_quotes(as_kept(quotes))
    assert all(np.array_equal(getattr(looked_at, name), getattr(believed, name)) for name in ("time", "bid", "ask"))


def test_a_file_whose_times_do_not_ascend_is_sorted_whatever_it_says(tmp_path):
    path = trades_file(tmp_path, trade(participant_timestamp=1_600, price=2.0), trade(participant_timestamp=1_500))
    assert not tick_arrays.read_trades(as_kept(path)).is_sorted
    rows = [(1_600, 1, 9.0, 9.1), (1_500, 2, 8.0, 8.1)]
    assert tick_arrays.read_quotes(as_kept(quotes_file(tmp_path, rows))).bid.tolist() == [8.0, 9.0]


def test_the_sequence_of_a_file_in_order_is_not_read(tmp_path, monkeypatch):
    read = []
    whole = tick_file.TickFile._table
    monkeypatch.setattr(tick_file.TickFile, "_table", lambda self, names: read.append(names) or whole(self, names))
    path = trades_file(tmp_path, trade())
    tick_arrays.read_trades(path)
    tick_arrays.read_trades(as_kept(path))
    assert ["sequence_number" in names for names in read] == [True, False]
