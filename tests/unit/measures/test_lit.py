"""One symbol's files into one row of lit_flow and one of trf_flow."""

from __future__ import annotations

import math
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkpool.market import conditions, sessions, venues
from darkpool.measures import lit
from darkpool.measures.ticks import tick_file
from darkpool.tables import contracts

HOURS = (1_000, 2_000)
LIT_COLUMNS = {
    "lit_buy_volume", "lit_sell_volume", "lit_neutral_volume", "lit_buy_ratio", "lit_buy_low", "lit_buy_high",
    "lit_ratio_completed", "lit_ratio_variance", "log_buy_sell", "classification_method",
    "lit_coverage_pct", "lit_volume_coverage_pct", "lit_trades", "excluded_volume", "excluded_reasons", "source",
}  # fmt: skip
UNKNOWN_INTERVAL = dict.fromkeys(("lit_buy_low", "lit_buy_high", "lit_ratio_completed", "lit_ratio_variance"))
"""Of a tape of less than half an hour, and of bars."""
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
        **UNKNOWN_INTERVAL,
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
    assert set(flow.lit) == LIT_COLUMNS == set(contracts.CONTRACTS["lit_flow"].names) - {"date", "ticker"}
    assert set(flow.trf) == set(contracts.CONTRACTS["trf_flow"].names) - {"date", "ticker"}


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


def minute(clock: str, zone: str = "America/New_York") -> int:
    """A moment of the session as ns UTC."""
    return int(datetime.combine(SESSION, time.fromisoformat(clock), ZoneInfo(zone)).timestamp()) * 10**9


SESSION = date(2025, 12, 22)
OPEN, CLOSE = minute("09:30"), minute("16:00")
DAY = sessions.trading_hours(SESSION)


def test_trades_are_preferred_to_bars(tmp_path):
    bars = bars_file(tmp_path, [(1, 1.0, 2.0, 1.0)])
    assert lit.classify_symbol(trades_file(tmp_path, TAPE), None, bars, HOURS).lit["source"] == "trades"


# Bounds


def one(folder: Path, rows: list[tuple], least: float = 0, **options) -> lit.SymbolFlow:
    files = trades_file(folder, rows), quotes_file(folder, QUOTES)
    return lit.classify_symbol(*files, None, HOURS, min_lit_volume=least, **options)


def test_hours_hold_their_first_moment_and_not_their_end_for_prints_as_for_lit_trades(tmp_path):
    quotes = quotes_file(tmp_path, [(1, 1, 10.00, 10.02)])
    rows = [(time, i, 10.02, 2.0**i, *venue) for i, (time, venue) in enumerate(
        (time, venue) for time in (999, 1_000, 1_999, 2_000) for venue in ((12,), (4, 202))
    )]  # fmt: skip
    flow = lit.classify_symbol(trades_file(tmp_path, rows), quotes, None, HOURS, min_lit_volume=0)
    assert (flow.lit["lit_buy_volume"], flow.lit["excluded_reasons"]) == (2.0**2 + 2.0**4, {"outside_hours": 65.0})
    assert (flow.trf["trf_buy_volume"], flow.trf["trf_prints"]) == (2.0**3 + 2.0**5, 2)


def test_every_reason_has_its_own_shares_and_prints_and_adf_are_in_none(tmp_path):
    rows = [
        (1_100, 1, 0.0, 1.0), (1_100, 2, 10.0, 2.0), (1_100, 3, 10.0, 4.0, 12, None, [16]), (2_500, 4, 10.0, 8.0),
        (1_100, 5, 10.0, 16.0, 12, None, [2]), (1_100, 6, 0.0, 32.0, 4, 202), (2_500, 7, 10.0, 64.0, 4, None),
        (2_500, 8, 10.0, 128.0, 12, None, [2, 16]), (1_100, 9, math.inf, 256.0), (1_100, 10, 10.0, math.inf),
    ]  # fmt: skip
    path = trades_file(tmp_path, rows)
    corrected = pl.col("sequence_number") == 2
    pl.read_parquet(path).with_columns(correction=corrected.cast(pl.Int32)).write_parquet(path)
    flow = lit.classify_symbol(path, None, None, HOURS)
    assert flow.lit["excluded_reasons"] == {
        "bad_price_or_size": 257.0, "correction": 2.0, "no_volume_condition": 132.0, "outside_hours": 8.0,
        "condition": 16.0,
    }  # fmt: skip
    assert (flow.lit["excluded_volume"], flow.adf_volume, flow.lit["lit_trades"]) == (415.0, 64.0, 0)


def test_prints_have_a_ratio_from_the_same_volume_on(tmp_path):
    rows = [(1_100, 1, 10.02, 300.0, 4, 202), (1_200, 2, 10.00, 100.0, 4, 201), (1_300, 3, 10.01, 400.0, 4, 203)]
    assert one(tmp_path, rows, 400).trf["trf_buy_ratio"] == 0.75
    assert one(tmp_path, rows, 400.5).trf["trf_buy_ratio"] is None
    assert one(tmp_path, rows, 400.5).trf["trf_volume_coverage_pct"] == 50.0


def test_a_day_on_which_nothing_could_be_signed_has_no_ratio_and_a_coverage_of_zero(tmp_path):
    row = one(tmp_path, [(1_100, 1, 10.01, 5.0)]).lit
    assert (row["lit_buy_ratio"], row["log_buy_sell"]) == (None, None)
    assert (row["lit_coverage_pct"], row["lit_volume_coverage_pct"]) == (0.0, 0.0)


def test_a_part_of_a_share_is_enough_where_nothing_more_is_asked_for(tmp_path):
    assert one(tmp_path, [(1_100, 1, 10.02, 0.25), (1_200, 2, 10.00, 0.25)]).lit["lit_buy_ratio"] == 0.5
    assert one(tmp_path, [(1_100, 1, 10.01, 0.25)]).lit["lit_volume_coverage_pct"] == 0.0


def test_a_day_of_sales_alone_has_a_ratio_of_zero_and_no_logarithm(tmp_path):
    row = one(tmp_path, [(1_100, 1, 10.00, 5.0)]).lit
    assert (row["lit_buy_ratio"], row["log_buy_sell"]) == (0.0, None)


def test_a_logarithm_needs_a_ratio(tmp_path):
    rows = [(1_100, 1, 10.02, 300.0), (1_200, 2, 10.00, 100.0)]
    assert one(tmp_path, rows, 400).lit["log_buy_sell"] == math.log(3)
    assert one(tmp_path, rows, 401).lit["log_buy_sell"] is None


def test_a_policy_and_a_list_of_ones_own_are_used(tmp_path):
    policy = conditions.Policy(frozenset({7}), frozenset(), frozenset({14}))
    known = venues.Venues({77: venues.LIT})
    rows = [(1_100, 1, 10.02, 1.0, 77, None, [7]), (1_100, 2, 10.02, 2.0, 77, None, [14]), (1_100, 3, 10.02, 4.0)]
    files = trades_file(tmp_path, rows), quotes_file(tmp_path, QUOTES)
    flow = lit.classify_symbol(*files, None, HOURS, policy=policy, known=known, min_lit_volume=0)
    assert (flow.lit["lit_buy_volume"], flow.lit["excluded_reasons"]) == (1.0, {"condition": 2.0})
    assert (flow.unknown_venues, flow.unknown_conditions) == ({12: 4.0}, ())


@pytest.mark.parametrize(("early", "fits"), [(12 * 3_600 - 1, True), (12 * 3_600, False)])
def test_the_day_of_a_file_reaches_half_a_day_beyond_the_hours(tmp_path, early, fits):
    start, end = DAY
    for moment in (start - early * 10**9, end + early * 10**9):
        path = trades_file(tmp_path, [(moment, 1, 10.0, 1.0)])
        bars = bars_file(tmp_path, [(moment // 10**6, 1.0, 2.0, 3.0)])
        if fits:
            assert lit.classify_symbol(path, None, None, DAY).lit["excluded_reasons"] == {"outside_hours": 1.0}
            assert lit.classify_symbol(None, None, bars, DAY).lit["excluded_reasons"] == {"outside_hours": 3.0}
        else:
            with pytest.raises(tick_file.TickError, match="none of 1 trades is of the session"):
                lit.classify_symbol(path, None, None, DAY)
            with pytest.raises(tick_file.TickError, match="no bar is of the session"):
                lit.classify_symbol(None, None, bars, DAY)


# Quotes that are too old

AGED = [
    (1_100, 1, 10.02, 99.0),  # at the ask of 1,050: 50 old
    (1_200, 2, 10.00, 100.0),  # at the bid: 150 old
    (1_300, 3, 10.01, 1.0),  # 250 old: a tick up
    (1_400, 4, 10.02, 40.0, 4, 202),  # a print at the ask, 350 old
]


def aged(folder: Path, seconds: float, trades: list[tuple] = AGED, **options) -> lit.SymbolFlow:
    files = trades_file(folder, trades), quotes_file(folder, QUOTES)
    return lit.classify_symbol(*files, None, HOURS, min_lit_volume=0, max_quote_age=seconds * 1e-9, **options)


def test_an_old_quote_is_none_for_the_trade_for_the_method_and_for_the_prints(tmp_path):
    flow = aged(tmp_path, 249)
    assert (volumes(flow), flow.lit["classification_method"]) == ((100.0, 100.0, 0.0), "NBBO+TICK")
    assert (flow.trf["trf_buy_volume"], flow.trf["trf_neutral_volume"]) == (0.0, 40.0)
    flow = aged(tmp_path, 350)
    assert (volumes(flow), flow.lit["classification_method"]) == ((99.0, 100.0, 1.0), "NBBO")
    assert (flow.trf["trf_buy_volume"], flow.flags) == (40.0, frozenset())
    assert aged(tmp_path, 349).trf["trf_buy_volume"] == 0.0


def test_a_day_of_old_quotes_alone_is_called_tick(tmp_path):
    flow = aged(tmp_path, 49)
    assert (flow.lit["classification_method"], flow.flags) == ("TICK", {"stale_quotes"})
    assert aged(tmp_path, 49, method="lee_ready").lit["classification_method"] == "TICK_CARRY"


@pytest.mark.parametrize(("size", "flags"), [(1.0, set()), (1.01, {"stale_quotes"})])
def test_stale_is_more_than_one_percent_of_the_eligible_volume(tmp_path, size, flags):
    """99 shares beside fresh quotes and 1 beside an old one are one percent; what is not eligible says nothing."""
    others = [(1_350, 4, 10.02, 500.0, 12, None, [10]), (1_350, 5, 10.02, 500.0, 77), (1_350, 6, 10.02, 500.0, 4, 202)]
    trades = [(1_100, 1, 10.02, 99.0), (1_301, 3, 10.01, size), *others]
    assert aged(tmp_path, 250, trades).flags == flags


def test_trades_before_every_quote_met_none_and_no_old_one(tmp_path):
    assert aged(tmp_path, 1, [(1_000, 1, 10.0, 10.0), (1_050, 2, 10.0, 10.0), (1_051, 3, 10.0, 10.0)]).flags == set()


def test_all_or_nothing_knows_no_ages_and_says_that_quotes_were_old(tmp_path):
    flow = aged(tmp_path, 1, all_or_nothing=True)
    assert (volumes(flow), flow.lit["classification_method"]) == ((99.0, 100.0, 1.0), "NBBO")
    assert (flow.trf["trf_buy_volume"], flow.flags) == (40.0, {"stale_quotes"})


@pytest.mark.parametrize("method", ["tick", "tick_carry"])
def test_a_rule_that_asks_no_quotes_meets_no_old_ones(tmp_path, method):
    assert aged(tmp_path, 1, method=method).flags == set()


def test_the_limit_is_five_minutes_unless_said(tmp_path):
    second = 10**9
    quotes = quotes_file(tmp_path, [(1, 1, 10.00, 10.02)])
    trades = trades_file(tmp_path, [(1 + 300 * second, 1, 10.02, 99.0), (2 + 300 * second, 2, 10.02, 1.01)])
    flow = lit.classify_symbol(trades, quotes, None, (0, 1_000 * second), min_lit_volume=0)
    assert (volumes(flow), flow.flags) == ((99.0, 0.0, 1.01), {"stale_quotes"})


# Venues


def test_an_otc_equity_has_no_lit_trade_and_no_finra_print(tmp_path):
    rows = [(*row[:4], 62) for row in TAPE[:3]]
    flow = lit.classify_symbol(trades_file(tmp_path, rows), quotes_file(tmp_path, QUOTES), None, HOURS)
    assert (volumes(flow), flow.lit["lit_trades"], flow.lit["lit_buy_ratio"]) == ((0.0, 0.0, 0.0), 0, None)
    assert (flow.trf["trf_prints"], flow.adf_volume, flow.unknown_venues) == (0, 0.0, {})
    assert (flow.lit["excluded_volume"], flow.lit["excluded_reasons"]) == (0.0, {})


def test_a_venue_that_nobody_knows_is_reported_with_its_shares_and_not_lit(tmp_path):
    rows = [*TAPE, (1_310, 10, 10.05, 70.0, 77), (1_320, 11, 10.05, 5.0, 77), (3_000, 12, 10.05, 2.0, 300)]
    trades, quotes = trades_file(tmp_path, rows), quotes_file(tmp_path, QUOTES)
    flow = lit.classify_symbol(trades, quotes, None, HOURS, min_lit_volume=400)
    known = lit.classify_symbol(trades_file(tmp_path, TAPE), quotes, None, HOURS, min_lit_volume=400)
    assert (flow.lit, flow.trf) == (known.lit, known.trf)
    assert flow.unknown_venues == {77: 75.0, 300: 2.0}


# Rows that come twice, files of another day


def test_buys_that_stand_in_the_file_twice_do_not_buy_twice(tmp_path):
    quotes = quotes_file(tmp_path, [*QUOTES, *QUOTES])
    once = lit.classify_symbol(trades_file(tmp_path, TAPE), quotes, None, HOURS, min_lit_volume=0)
    twice = lit.classify_symbol(trades_file(tmp_path, [*TAPE, TAPE[0], TAPE[3]]), quotes, None, HOURS, min_lit_volume=0)
    assert (twice.lit, twice.trf) == (once.lit, once.trf)
    assert (once.repeats, twice.repeats) == ({"quotes": 1}, {"quotes": 1, "trades": 2})


def test_trades_of_another_day_or_in_another_unit_are_refused_and_not_none(tmp_path):
    trades = trades_file(tmp_path, [(OPEN // 1_000 + i, i, 10.0, 100.0) for i in range(5)])
    with pytest.raises(
        tick_file.TickError, match=r"trades\.parquet: column participant_timestamp: none of 5 trades is of"
    ):
        lit.classify_symbol(trades, None, None, DAY)


@pytest.mark.parametrize("rows", [[0, 0, 1], [1, 0, 0], [0, 1, 0]])
def test_one_trade_of_the_day_makes_a_file_one_of_the_day(tmp_path, rows):
    trades = trades_file(tmp_path, [(OPEN if own else 5 + i, i, 10.0, 100.0) for i, own in enumerate(rows)])
    assert lit.classify_symbol(trades, None, None, DAY).lit["lit_trades"] == 1


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
