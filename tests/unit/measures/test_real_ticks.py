"""Figures of real ticks, computed independently of this package."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from darkpool.market import conditions, sessions, venues
from darkpool.measures import lit, sign
from darkpool.measures.ticks import eligibility, tick_arrays

pytestmark = pytest.mark.real_data


@pytest.fixture
def classified(real_data):
    def classify(day: str, symbol: str, *, quotes: bool = True, **options) -> lit.SymbolFlow:
        folder = real_data / "archive/polygon"
        trades, quote_file = (folder / kind / day / f"{symbol}.parquet" for kind in ("trades", "quotes"))
        hours = sessions.trading_hours(date.fromisoformat(day))
        return lit.classify_symbol(trades, quote_file if quotes else None, None, hours, **options)

    return classify


@pytest.mark.parametrize(
    ("day", "symbol", "buy", "sell", "method"),
    [
        ("2013-10-08", "BAC", 24_575_360, 24_996_042, "NBBO"),
        ("2013-10-08", "AIG", 2_599_814, 2_742_293, "NBBO+TICK"),
        ("2018-01-02", "XXX", 650_751, 797_018, "NBBO+TICK"),
    ],
)
def test_lit_volume_is_signed_as_an_independent_program_did(classified, day, symbol, buy, sell, method):
    row = classified(day, symbol).lit
    assert (row["lit_buy_volume"], row["lit_sell_volume"], row["classification_method"]) == (buy, sell, method)


@pytest.mark.parametrize(
    ("day", "symbol", "buy", "sell"),
    [
        ("2013-10-08", "BAC", 18_581_814, 13_012_983),
        ("2013-10-08", "AIG", 1_277_530, 1_001_166),
        ("2018-01-02", "XXX", 491_673, 757_569),
    ],
)
def test_finra_prints_are_signed_as_an_independent_program_did(classified, day, symbol, buy, sell):
    row = classified(day, symbol).trf
    assert (row["trf_buy_volume"], row["trf_sell_volume"]) == (buy, sell)


def test_without_the_fallback_trades_on_crossed_quotes_stay_unsigned(real_data):
    folder = real_data / "archive/polygon"
    trades, quotes = (folder / kind / "2013-10-08/AIG.parquet" for kind in ("trades", "quotes"))
    tape = tick_arrays.read_trades(trades)
    reasons = eligibility.reasons(tape, sessions.trading_hours(date(2013, 10, 8)), conditions.load())
    chosen = (reasons == 0) & eligibility.by_venue(tape, venues.load()).lit
    bid, ask, _ = tick_arrays.quote_before(tick_arrays.read_quotes(quotes), tape.time[chosen])
    quoted = sign.valid(bid, ask)
    side = np.where(quoted, sign.nbbo(tape.price[chosen], bid, ask), 0)
    size = tape.size[chosen]
    assert (~quoted).sum() == 81
    assert (size[side == 1].sum(), size[side == -1].sum()) == (2_597_289, 2_741_022)


def test_the_strict_tick_rule_says_less_and_otherwise(classified):
    row = classified("2013-10-08", "BAC", method="tick").lit
    assert row["lit_buy_ratio"] == pytest.approx(0.357, abs=5e-4)
    assert row["lit_coverage_pct"] == pytest.approx(4, abs=1)


def test_minute_bars_of_a_real_day_are_counted_whole(real_data):
    bars = real_data / "archive/yahoo/minute_bars/2025-12-22/SPY.parquet"
    row = lit.classify_symbol(None, None, bars, sessions.trading_hours(date(2025, 12, 22))).lit
    assert (row["lit_trades"], row["excluded_volume"], row["source"]) == (390, 0.0, "consolidated_bars")
    assert 0 < row["lit_buy_ratio"] < 1


@pytest.mark.parametrize(
    ("day", "symbol"),
    [
        *((day, symbol) for day in ("2013-10-07", "2013-10-08", "2013-10-09") for symbol in ("AIG", "BAC")),
        ("2018-01-02", "XXX"),
    ],
)
def test_on_real_days_no_eligible_trade_has_an_old_quote_no_row_comes_twice_and_every_venue_is_known(
    classified, day, symbol
):
    flow = classified(day, symbol)
    assert (flow.flags, flow.repeats, flow.unknown_venues) == (frozenset(), {}, {})
    assert flow == classified(day, symbol, max_quote_age=86_400.0)
