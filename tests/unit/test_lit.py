"""One symbol's files into one row of lit_flow and one of trf_flow."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkpool import lit, tables, ticks

HOURS = (1_000, 2_000)
LIT_COLUMNS = {
    "lit_buy_volume", "lit_sell_volume", "lit_neutral_volume", "lit_buy_ratio", "log_buy_sell", "classification_method",
    "lit_coverage_pct", "lit_volume_coverage_pct", "lit_trades", "excluded_volume", "excluded_reasons", "source",
}  # fmt: skip
SCHEMA = {
    "participant_timestamp": pl.Int64,
    "sequence_number": pl.Int64,
    "price": pl.Float64,
    "size": pl.Float64,
    "exchange": pl.Int32,
    "trf_id": pl.Int32,
    "conditions": pl.List(pl.Int32),
}


def trades_file(folder: Path, rows: list[tuple], name="trades.parquet", **options) -> Path:
    """Rows are (time, sequence, price, size) and, if they differ from a lit trade, exchange, trf_id and conditions."""
    path = folder / name
    filled = [(*row, *(12, None, [])[len(row) - 4 :]) for row in rows]
    pl.DataFrame(filled, schema=SCHEMA, orient="row").write_parquet(path, **options)
    return path


def quotes_file(folder: Path, rows: list[tuple], name="quotes.parquet", **options) -> Path:
    path = folder / name
    schema = {
        "participant_timestamp": pl.Int64,
        "sequence_number": pl.Int64,
        "bid_price": pl.Float64,
        "ask_price": pl.Float64,
    }
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(path, **options)
    return path


def bars_file(folder: Path, rows: list[tuple]) -> Path:
    path = folder / "bars.parquet"
    schema = {"t": pl.Int64, "o": pl.Float64, "c": pl.Float64, "v": pl.Float64}
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(path)
    return path


TAPE = [
    (1_100, 1, 10.02, 300.0),  # at the ask
    (1_200, 2, 10.00, 100.0),  # at the bid
    (1_300, 3, 10.01, 50.0),  # between
    (1_400, 4, 10.02, 40.0, 4, 202),  # FINRA print at the ask
    (1_400, 5, 10.01, 30.0, 4, 203),  # FINRA print in the middle
    (1_400, 6, 10.00, 20.0, 4, None),  # ADF
    (1_500, 7, 10.02, 7.0, 12, None, [10]),  # derivatively priced
    (1_600, 8, 10.02, 9.0, 12, None, [15]),  # official close
    (2_000, 9, 10.02, 5.0),  # after hours
]
QUOTES = [(1_050, 1, 10.00, 10.02)]


@pytest.fixture
def flow(tmp_path):
    trades, quotes = trades_file(tmp_path, TAPE), quotes_file(tmp_path, QUOTES)
    return lit.classify_symbol(trades, quotes, None, HOURS, min_lit_volume=400)


def volumes(flow: lit.SymbolFlow) -> tuple[float, float, float]:
    return tuple(flow.lit[f"lit_{side}_volume"] for side in ("buy", "sell", "neutral"))


def test_a_tape_gives_what_a_hand_adds_up(flow):
    assert flow.lit == {
        "lit_buy_volume": 300.0,
        "lit_sell_volume": 100.0,
        "lit_neutral_volume": 50.0,
        "lit_buy_ratio": 0.75,
        "log_buy_sell": math.log(3),
        "lit_coverage_pct": pytest.approx(200 / 3),
        "lit_volume_coverage_pct": pytest.approx(100 * 400 / 450),
        "lit_trades": 3,
        "classification_method": "NBBO",
        "excluded_volume": 21.0,
        "excluded_reasons": {"condition": 7.0, "no_volume_condition": 9.0, "outside_hours": 5.0},
        "source": "trades_quotes",
    }


def test_finra_prints_stand_apart_and_sign_themselves(flow):
    assert flow.trf == {
        "trf_buy_volume": 40.0,
        "trf_sell_volume": 0.0,
        "trf_neutral_volume": 30.0,
        "trf_buy_ratio": None,
        "trf_volume_coverage_pct": pytest.approx(100 * 40 / 70),
        "trf_prints": 2,
        "source": "trades_quotes",
    }


def test_adf_prints_are_in_neither_and_reported(flow):
    assert flow.adf_volume == 20.0


def test_the_rows_fit_the_tables(flow):
    assert set(flow.lit) == LIT_COLUMNS == set(tables.CONTRACTS["lit_flow"].names) - {"date", "ticker"}
    assert set(flow.trf) == set(tables.CONTRACTS["trf_flow"].names) - {"date", "ticker"}


def test_a_thin_day_has_no_ratio_but_its_coverage(tmp_path):
    trades, quotes = trades_file(tmp_path, TAPE), quotes_file(tmp_path, QUOTES)
    flow = lit.classify_symbol(trades, quotes, None, HOURS, min_lit_volume=401)
    assert (flow.lit["lit_buy_ratio"], flow.lit["log_buy_sell"]) == (None, None)
    assert flow.lit["lit_volume_coverage_pct"] == pytest.approx(100 * 400 / 450)


def test_a_one_sided_day_has_a_ratio_and_no_logarithm(tmp_path):
    trades, quotes = trades_file(tmp_path, TAPE[:1]), quotes_file(tmp_path, QUOTES)
    flow = lit.classify_symbol(trades, quotes, None, HOURS, min_lit_volume=0)
    assert (flow.lit["lit_buy_ratio"], flow.lit["log_buy_sell"]) == (1.0, None)


def test_without_quotes_the_tick_decides_and_prints_have_no_row(tmp_path):
    flow = lit.classify_symbol(trades_file(tmp_path, TAPE), None, None, HOURS)
    assert (flow.lit["classification_method"], flow.lit["source"], flow.trf) == ("TICK", "trades", None)
    assert volumes(flow) == (50.0, 100.0, 300.0)


def test_trades_before_the_first_quote_fall_back_on_the_tick(tmp_path):
    quotes = quotes_file(tmp_path, [(1_150, 1, 10.00, 10.02)])
    flow = lit.classify_symbol(trades_file(tmp_path, TAPE), quotes, None, HOURS)
    assert flow.lit["classification_method"] == "NBBO+TICK"
    assert volumes(flow) == (0.0, 100.0, 350.0)


def test_all_or_nothing_calls_that_day_tick(tmp_path):
    quotes = quotes_file(tmp_path, [(1_150, 1, 10.00, 10.02)])
    flow = lit.classify_symbol(trades_file(tmp_path, TAPE), quotes, None, HOURS, all_or_nothing=True)
    assert flow.lit["classification_method"] == "TICK"
    assert (flow.lit["lit_buy_volume"], flow.lit["lit_sell_volume"]) == (50.0, 100.0)


def test_all_or_nothing_keeps_a_fully_quoted_day(tmp_path):
    trades, quotes = trades_file(tmp_path, TAPE), quotes_file(tmp_path, QUOTES)
    assert lit.classify_symbol(trades, quotes, None, HOURS, all_or_nothing=True).lit["classification_method"] == "NBBO"


def test_a_day_of_crossed_quotes_is_called_tick(tmp_path):
    quotes = quotes_file(tmp_path, [(1_050, 1, 10.03, 10.02)])
    flow = lit.classify_symbol(trades_file(tmp_path, TAPE), quotes, None, HOURS)
    assert (flow.lit["classification_method"], flow.lit["source"]) == ("TICK", "trades_quotes")
    assert flow.trf["trf_neutral_volume"] == 70.0


@pytest.mark.parametrize(
    ("method", "with_quotes", "without"),
    [
        ("nbbo", "NBBO", "TICK"),
        ("tick", "TICK", "TICK"),
        ("tick_carry", "TICK_CARRY", "TICK_CARRY"),
        ("lee_ready", "LEE_READY", "TICK_CARRY"),
        ("emo", "EMO", "TICK_CARRY"),
        ("clnv", "CLNV", "TICK_CARRY"),
    ],
)
def test_the_method_named_is_the_one_that_signed(tmp_path, method, with_quotes, without):
    trades, quotes = trades_file(tmp_path, TAPE), quotes_file(tmp_path, QUOTES)
    assert lit.classify_symbol(trades, quotes, None, HOURS, method=method).lit["classification_method"] == with_quotes
    assert lit.classify_symbol(trades, None, None, HOURS, method=method).lit["classification_method"] == without


def test_an_unknown_method_is_refused(tmp_path):
    with pytest.raises(ValueError, match="method is 'bvc', expected one of nbbo"):
        lit.classify_symbol(None, None, None, HOURS, method="bvc")


def test_a_day_without_any_source_is_unknown_and_not_zero():
    flow = lit.classify_symbol(None, None, None, HOURS)
    known = {"classification_method": "NONE", "source": "none", "excluded_reasons": {}}
    assert flow.lit == dict.fromkeys(LIT_COLUMNS) | known
    assert (flow.trf, flow.adf_volume) == (None, None)


def test_an_answer_without_trades_is_zero_and_not_unknown(tmp_path):
    flow = lit.classify_symbol(trades_file(tmp_path, []), quotes_file(tmp_path, []), None, HOURS, min_lit_volume=0)
    assert (flow.lit["lit_buy_volume"], flow.lit["lit_sell_volume"], flow.lit["lit_trades"]) == (0.0, 0.0, 0)
    assert (flow.lit["lit_buy_ratio"], flow.lit["lit_coverage_pct"], flow.lit["lit_volume_coverage_pct"]) == (None,) * 3
    assert flow.lit["source"] == "trades_quotes"
    assert flow.trf["trf_prints"] == 0


def test_a_bad_size_takes_no_shares(tmp_path):
    flow = lit.classify_symbol(trades_file(tmp_path, [(1_100, 1, 10.0, -5.0), (1_100, 2, 0.0, 3.0)]), None, None, HOURS)
    assert flow.lit["excluded_reasons"] == {"bad_price_or_size": 3.0}


def test_bars_count_by_their_start_with_their_whole_volume(tmp_path):
    milliseconds = 1_000_000
    hours = (1_000 * milliseconds, 2_000 * milliseconds)
    rows = [
        (999, 1.0, 2.0, 1_000.0),
        (1_000, 1.0, 2.0, 300.0),
        (1_500, 2.0, 1.0, 100.0),
        (1_600, 2.0, 2.0, 50.0),
        (1_999, 2.0, 3.0, 100.0),
        (1_999, None, 3.0, 10.0),
        (2_000, 2.0, 3.0, 1_000.0),
    ]
    flow = lit.classify_symbol(None, None, bars_file(tmp_path, rows), hours, min_lit_volume=500)
    assert flow.lit == {
        "lit_buy_volume": 400.0,
        "lit_sell_volume": 100.0,
        "lit_neutral_volume": 50.0,
        "lit_buy_ratio": 0.8,
        "log_buy_sell": math.log(4),
        "lit_coverage_pct": 75.0,
        "lit_volume_coverage_pct": pytest.approx(100 * 500 / 550),
        "lit_trades": 4,
        "classification_method": "BARS",
        "excluded_volume": 2_010.0,
        "excluded_reasons": {"bad_price_or_size": 10.0, "outside_hours": 2_000.0},
        "source": "consolidated_bars",
    }
    assert (flow.trf, flow.adf_volume) == (None, None)


def test_trades_are_preferred_to_bars(tmp_path):
    bars = bars_file(tmp_path, [(1, 1.0, 2.0, 1.0)])
    assert lit.classify_symbol(trades_file(tmp_path, TAPE), None, bars, HOURS).lit["source"] == "trades"


def test_bars_without_their_columns_are_refused(tmp_path):
    path = tmp_path / "bars.parquet"
    pl.DataFrame({"t": [1], "close": [1.0]}).write_parquet(path)
    with pytest.raises(ticks.TickError, match=r"bars\.parquet: expected minute bars with the columns t, o, c, v"):
        lit.classify_symbol(None, None, path, HOURS)


# Invariants


def random_files(folder: Path, seed: int, trades: int = 120, quotes: int = 200) -> tuple[list[tuple], list[tuple]]:
    random = np.random.default_rng(seed)
    level = 1_000 + np.cumsum(random.integers(-1, 2, quotes))
    quote_rows = [
        (int(time), number, int(mid - spread) / 100, int(mid + 1) / 100)
        for number, (time, mid, spread) in enumerate(
            zip(np.sort(random.integers(900, 2_100, quotes)), level, random.integers(-2, 3, quotes), strict=True)
        )
    ]
    trade_rows = [
        (int(time), number, int(cents) / 100, float(size), int(exchange), 202 if exchange == 4 else None, codes)
        for number, (time, cents, size, exchange, codes) in enumerate(
            zip(
                np.sort(random.integers(900, 2_100, trades)),
                random.choice(level, trades),
                random.integers(1, 500, trades),
                random.choice([4, 11, 12], trades),
                [[], [37], [10], [37, 14]] * (trades // 4),
                strict=True,
            )
        )
    ]
    return trade_rows, quote_rows


def both(folder: Path, trades: list[tuple], quotes: list[tuple], hours=HOURS, **options) -> lit.SymbolFlow:
    return lit.classify_symbol(
        trades_file(folder, trades, **options), quotes_file(folder, quotes, **options), None, hours, min_lit_volume=0
    )


few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@few
@given(seed=st.integers(0, 2**32 - 1), order=st.randoms(use_true_random=False))
def test_the_order_of_rows_in_a_file_changes_nothing(tmp_path, seed, order):
    trades, quotes = random_files(tmp_path, seed)
    sorted_flow = both(tmp_path, trades, quotes)
    order.shuffle(trades)
    order.shuffle(quotes)
    assert both(tmp_path, trades, quotes) == sorted_flow


@few
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 70))
def test_splitting_a_symbols_file_into_row_groups_changes_nothing(tmp_path, seed, rows):
    trades, quotes = random_files(tmp_path, seed)
    assert both(tmp_path, trades, quotes, row_group_size=rows) == both(tmp_path, trades, quotes)


@few
@given(seed=st.integers(0, 2**32 - 1), shift=st.integers(1, 10**18))
def test_a_shift_of_time_changes_nothing(tmp_path, seed, shift):
    trades, quotes = random_files(tmp_path, seed)
    later = [[(row[0] + shift, *row[1:]) for row in rows] for rows in (trades, quotes)]
    assert both(tmp_path, *later, hours=(HOURS[0] + shift, HOURS[1] + shift)) == both(tmp_path, trades, quotes)


@few
@given(seed=st.integers(0, 2**32 - 1))
def test_every_lit_share_is_signed_neutral_or_excluded(tmp_path, seed):
    trades, quotes = random_files(tmp_path, seed)
    row = both(tmp_path, trades, quotes).lit
    parts = ("lit_buy_volume", "lit_sell_volume", "lit_neutral_volume", "excluded_volume")
    assert sum(row[part] for part in parts) == sum(trade[3] for trade in trades if trade[4] != 4)
    assert row["excluded_volume"] == sum(row["excluded_reasons"].values())


def test_results_do_not_depend_on_threads_or_parts(tmp_path):
    items = []
    for number in range(7):
        trades, quotes = random_files(tmp_path, number)
        paths = trades_file(tmp_path, trades, f"t{number}"), quotes_file(tmp_path, quotes, f"q{number}")
        items.append(lit.Item(f"S{number}", *paths, None))
    items.append(lit.Item("NA", None, None, None))
    whole = lit.classify_many(items, HOURS, min_lit_volume=0)
    assert list(whole) == [item.ticker for item in items]
    assert lit.classify_many(items, HOURS, threads=3, min_lit_volume=0) == whole
    parts = [lit.classify_many(items[start::3], HOURS, min_lit_volume=0) for start in range(3)]
    assert {ticker: flow for part in parts for ticker, flow in part.items()} == whole


def test_a_fault_in_one_file_is_raised_with_its_name(tmp_path):
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"no parquet")
    items = [lit.Item("A", trades_file(tmp_path, TAPE), None, None), lit.Item("B", broken, None, None)]
    with pytest.raises(ticks.TickError, match=r"broken\.parquet"):
        lit.classify_many(items, HOURS, threads=2)
