"""Intervals of the lit buy ratio and bands of the estimate."""

from __future__ import annotations

import math
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interval_coverage
from darkpool.market import conditions, sessions, venues
from darkpool.measures import sign, trust
from darkpool.measures.ticks import eligibility, tick_arrays
from unit.measures import trust_oracle

THRESHOLDS = {"bot": 1.25, "sell": 0.80}
EXACTLY = {"rel": 0, "abs": 1e-9}


def edges(minute: np.ndarray, count: int) -> np.ndarray:
    """Positions at which minutes begin, of trades whose minutes are known."""
    return np.searchsorted(minute, np.arange(count + 1))


def flow_of(tape: trust_oracle.Tape, count: int, method: str = "nbbo") -> trust.ByMinute:
    """A tape through the product's own signing."""
    side = sign.sign("nbbo", tape.price, tape.bid, tape.ask)
    quoted = sign.valid(tape.bid, tape.ask)
    neutral = np.flatnonzero(side == 0)
    again = neutral, sign.lee_ready_at(tape.price, tape.bid, tape.ask, neutral)
    own = None if method == "nbbo" else sign.sign(method, tape.price, tape.bid, tape.ask)
    tick = float(tape.size[~quoted & (side != 0)].sum())
    return trust.by_minute(side, tape.size, edges(tape.minute, count), again, own=own, tick=tick)


def ratio_of(flow: trust.ByMinute) -> float | None:
    bought, sold = flow.buy.sum(), flow.sell.sum()
    return float(bought / (bought + sold)) if bought + sold else None


def all_of(flow: trust.ByMinute, off_exchange: float | None) -> tuple:
    """r1, r2, lit low and high, estimate low and high, as the oracle gives them."""
    found = trust.signing(flow, ratio_of(flow))
    if found is None:
        return trust_oracle.NOBODY
    band = trust.transfer(ratio_of(flow), found.completed, found.variance, flow.signed, off_exchange, 0.05)
    return ratio_of(flow), found.completed, found.low, found.high, *(band or (None, None))


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("AAPL", (0.462799153, 0.472582049, 0.455291866, 0.480089335)),
        ("AMZN", (0.484264115, 0.479394490, 0.470333016, 0.493325589)),
    ],
)
def test_the_intervals_of_trades_with_a_known_side_are_the_references(real_data, symbol, expected):
    flow = flow_of(trust_oracle.book(real_data / "truth", symbol), 405)
    assert all_of(flow, None)[:4] == pytest.approx(expected, **EXACTLY)


DAYS = {
    ("AIG", "2013-10-07"): (0.476611495, 0.474513600, 0.470826860, 0.480298235, 0.384884942, 0.566240152),
    ("AIG", "2013-10-08"): (0.486664531, 0.477961630, 0.473630316, 0.490995845, 0.389012736, 0.575613425),
    ("AIG", "2013-10-09"): (0.537394852, 0.533380829, 0.529421663, 0.541354018, 0.446766580, 0.624009100),
    ("BAC", "2013-10-07"): (0.460739211, 0.456899511, 0.450841699, 0.466797022, 0.339690507, 0.577948214),
    ("BAC", "2013-10-08"): (0.495756808, 0.493114027, 0.483809614, 0.505061221, 0.399307963, 0.589562871),
    ("BAC", "2013-10-09"): (0.526806542, 0.522849484, 0.515980484, 0.533675541, 0.429942853, 0.619713173),
    ("XXX", "2018-01-02"): (0.449485381, 0.471537826, 0.438961046, 0.482062161, 0.359000192, 0.562023014),
}


def off_exchange(archive: Path, day: str, symbol: str) -> float:
    text = (archive / f"finra/regsho/CNMSshvol{day.replace('-', '')}.txt").read_text()
    return next(float(line.split("|")[4]) for line in text.splitlines() if f"|{symbol}|" in line)


@cache
def eligible(archive: Path, day: str, symbol: str) -> trust_oracle.Tape:
    """The day by the product's own readers."""
    trades = tick_arrays.read_trades(archive / f"polygon/trades/{day}/{symbol}.parquet")
    hours = sessions.trading_hours(date.fromisoformat(day))
    chosen = (eligibility.reasons(trades, hours, conditions.load()) == 0) & eligibility.by_venue(
        trades, venues.load()
    ).lit
    order = np.lexsort((trades.sequence[chosen], trades.time[chosen]))
    time, price, size = (column[chosen][order] for column in (trades.time, trades.price, trades.size))
    quotes = tick_arrays.read_quotes(archive / f"polygon/quotes/{day}/{symbol}.parquet")
    bid, ask, _ = tick_arrays.quote_before(quotes, time)
    minute = (time - hours[0]) // 60_000_000_000
    return trust_oracle.Tape(minute, price, size, bid, ask)


@pytest.mark.real_data
@pytest.mark.parametrize(("symbol", "day"), DAYS)
def test_a_real_day_has_the_references_bands_and_an_independent_programs(real_data, symbol, day):
    archive = real_data / "archive"
    volume = off_exchange(archive, day, symbol)
    found = all_of(flow_of(eligible(archive, day, symbol), 405), volume)
    assert found == pytest.approx(DAYS[symbol, day], **EXACTLY)
    independent = trust_oracle.intervals(trust_oracle.session(archive, day, symbol), 405, volume)
    assert found == pytest.approx(independent, rel=0, abs=1e-12)


@pytest.mark.real_data
@pytest.mark.parametrize("symbol", ["AAPL", "AMZN"])
@pytest.mark.parametrize(
    ("length", "coverage", "width"), [(5, 0.91, 0.147), (10, 0.90, 0.116), (30, 0.92, 0.070)]
)  # of all three symbols of the study, windows of both symbols here within three standard errors
def test_windows_hold_the_true_ratio_about_as_often_as_they_say(real_data, symbol, length, coverage, width):
    tape = trust_oracle.book(real_data / "truth", symbol)
    truth = pl.read_parquet(real_data / f"truth/{symbol}_trades.parquet").sort("sequence")
    side, time = truth["side"].to_numpy(), truth["timestamp"].to_numpy()
    known = interval_coverage.Known(time, tape.price, tape.size, tape.bid, tape.ask, side)
    start = int(time[0] - time[0] % interval_coverage.MINUTE)
    end = start + 390 * interval_coverage.MINUTE
    held, widths = zip(*interval_coverage.by_window(known, length, start, end), strict=True)
    assert abs(np.mean(held) - coverage) <= 3 * math.sqrt(coverage * (1 - coverage) / len(held))
    assert np.mean(widths) == pytest.approx(width, rel=0.35)


def test_the_variance_of_three_minutes_is_what_a_hand_adds_up():
    """Ratio 1/2, so u = (50, -50, 0); one lag of weight 1/2: (5000 + 2 x 1/2 x -2500) / 200^2; M of 3 has L = 1."""
    assert trust.variance(np.array([100.0, 0.0, 0.0]), np.array([0.0, 100.0, 0.0])) == 2500 / 200**2


@pytest.mark.parametrize(("count", "lags"), [(405, 5), (225, 4), (60, 3), (2025, 7)])
def test_as_many_lags_as_the_length_of_the_day_says(count, lags):
    """A change of two minutes `lags` apart is seen in their product, one further apart is not."""

    def spread(distance: int) -> float:
        buy, sell = np.zeros(count), np.zeros(count)
        buy[0] = buy[distance] = 1.0
        sell[count // 2] = 2.0
        return trust.variance(buy, sell)

    assert spread(lags) > spread(lags + 1) == spread(lags + 2)


def made(random: np.random.Generator, count: int, minutes: int, tenths: int = 10) -> trust_oracle.Tape:
    """Trades at, between and through the quotes, some without one (one in `tenths` x 10)."""
    minute = np.sort(random.integers(0, minutes, count))
    bid = 10 + random.integers(0, 20, count) / 100
    ask = bid + random.integers(0, 5, count) / 100
    price = bid + random.integers(-1, 6, count) / 100
    bid[random.random(count) < 0.1 / tenths] = np.nan
    return trust_oracle.Tape(minute, np.round(price, 2), random.integers(1, 400, count).astype(float), bid, ask)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("minutes", [405, 225])
def test_a_made_tape_agrees_with_an_independent_program(seed, minutes):
    tape = made(np.random.default_rng(seed), 600, minutes)
    expected = trust_oracle.intervals(tape, minutes, 40_000.0)
    assert None not in expected
    assert all_of(flow_of(tape, minutes), 40_000.0) == pytest.approx(expected, rel=0, abs=1e-12)


def alternating(minutes: int, size: float = 100.0) -> trust.ByMinute:
    """A share bought, the next minute one sold; nothing between the quotes."""
    buy = np.where(np.arange(405) % 2 == 0, size, 0.0) * (np.arange(405) < minutes)
    sell = np.where(np.arange(405) % 2 == 1, size, 0.0) * (np.arange(405) < minutes)
    nothing = np.zeros(405)
    return trust.ByMinute(buy, sell, buy, sell, nothing, nothing, 0.0, 0.0)


def test_no_interval_below_thirty_minutes_with_a_signed_share():
    assert trust.signing(alternating(29), 0.5) is None
    assert trust.signing(alternating(30), 0.5) is not None


def test_without_a_neutral_share_the_interval_is_a_point():
    found = trust.signing(alternating(60), 0.5)
    assert (found.low, found.high, found.completed) == (0.5, 0.5, 0.5)


def test_no_interval_where_there_is_no_ratio():
    assert trust.signing(alternating(60), None) is None


def test_an_empty_day_has_no_interval_and_no_variance():
    nothing = np.empty(0)
    sides, places = nothing.astype(np.int8), nothing.astype(np.intp)
    flow = trust.by_minute(sides, nothing, edges(nothing, 405), (places, sides))
    assert trust.signing(flow, None) is None
    assert trust.signing(flow, 0.5) is None
    assert trust.variance(flow.buy, flow.sell) == 0.0


def test_a_day_of_one_minute_has_no_interval():
    side = np.array([1, -1, 0], np.int8)
    neutral = np.array([2]), np.array([1], np.int8)
    flow = trust.by_minute(side, np.full(3, 1e6), edges(np.zeros(3), 405), neutral)
    assert trust.signing(flow, 0.5) is None


def test_a_one_sided_day_stays_within_its_bounds():
    """100 minutes of 300 bought and 100 neutral, all of which Lee and Ready call bought: T = 40,000."""
    minute = np.repeat(np.arange(100), 2)
    side = np.tile(np.array([1, 0], np.int8), 100)
    size = np.tile([300.0, 100.0], 100)
    neutral = np.arange(1, 200, 2)
    flow = trust.by_minute(side, size, edges(minute, 405), (neutral, np.ones(100, np.int8)))
    assert trust.signing(flow, 1.0) == (1.0, 1.0, 1.0, 0.0)
    flow = trust.by_minute(side, size, edges(minute, 405), (neutral, -np.ones(100, np.int8)))
    assert trust.signing(flow, 1.0) == (0.75, 1.0, 0.75, 0.0)


@pytest.mark.parametrize(("tick", "known"), [(600.0, True), (600.5, False)])
def test_more_than_a_tenth_signed_by_the_tick_test_leaves_no_interval(tick, known):
    flow = alternating(60)
    assert flow.signed == 6_000
    changed = trust.ByMinute(flow.buy, flow.sell, flow.buy, flow.sell, flow.neutral_buy, flow.neutral_sell, 0.0, tick)
    assert (trust.signing(changed, 0.5) is not None) == known


@pytest.mark.parametrize("method", ["lee_ready", "emo", "clnv"])
def test_another_method_has_the_default_rules_bounds_and_its_own_ratio_and_variance(method):
    tape = made(np.random.default_rng(3), 900, 405)
    default, own = flow_of(tape, 405), flow_of(tape, 405, method)
    r1, r2 = ratio_of(own), trust.signing(default, ratio_of(default)).completed
    neutral, total = default.neutral, default.signed + default.neutral
    half = trust.NORMAL_90 * neutral / total * math.sqrt(trust.variance(default.neutral_buy, default.neutral_sell))
    found = trust.signing(own, r1)
    assert found.completed == r2
    assert found.low == pytest.approx(max(default.buy.sum() / total, min(r1, r2) - half))
    assert found.high == pytest.approx(min((default.buy.sum() + neutral) / total, max(r1, r2) + half))
    side = sign.sign(method, tape.price, tape.bid, tape.ask)
    assert found.variance == pytest.approx(trust_oracle.hac(tape.minute, tape.size, side, 405), rel=1e-12)
    assert own.signed == default.signed != own.buy.sum() + own.sell.sum()


def test_a_week_is_its_sessions_put_end_to_end():
    random = np.random.default_rng(5)
    days = [made(random, 500, minutes) for minutes in (405, 405, 225)]
    week = trust_oracle.Tape(
        np.concatenate([day.minute + 405 * number for number, day in enumerate(days)]),
        *(np.concatenate(columns) for columns in zip(*(day[1:] for day in days), strict=True)),
    )
    lengths = (405, 405, 225)
    joined = trust.end_to_end([flow_of(day, length) for day, length in zip(days, lengths, strict=True)])
    assert len(joined.buy) == 1035
    assert joined.signed == sum(flow_of(day, length).signed for day, length in zip(days, lengths, strict=True))
    default = np.concatenate([trust_oracle.signs(day)[0] for day in days])
    found = trust.signing(joined, ratio_of(joined))
    assert found.variance == pytest.approx(trust_oracle.hac(week.minute, week.size, default, 1035), rel=1e-12)


def test_a_minute_begins_at_its_first_nanosecond():
    time = np.array([0, 59_999_999_999, 60_000_000_000, 24_299_999_999_999]) + 1_000
    assert trust.edges(time, 1_000, 405).tolist() == [0, 2, *[3] * 403, 4]


def test_the_band_without_variance_is_the_transfer_alone():
    low, high = trust.transfer(0.5, 0.52, 0.0, 1e6, 2e6, 0.05)
    assert (low, high) == pytest.approx((0.5 - 1.6448536269514722 * 0.05, 0.52 + 1.6448536269514722 * 0.05))


def test_the_band_grows_where_little_traded_off_exchange():
    """s^2 = .0001 (1 + 3e6 / 1e6) + .05^2 = .0029"""
    low, _ = trust.transfer(0.5, 0.5, 0.0001, 3e6, 1e6, 0.05)
    assert low == pytest.approx(0.5 - 1.6448536269514722 * math.sqrt(0.0029), abs=1e-15)


@pytest.mark.parametrize("volume", [None, 0.0])
def test_without_off_exchange_volume_there_is_no_band(volume):
    assert trust.transfer(0.5, 0.5, 0.001, 1e6, volume, 0.05) is None


def test_a_band_ends_at_nothing_and_at_everything():
    assert trust.transfer(0.01, 0.99, 0.001, 1e6, 1e6, 0.05) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("signal", "low", "high", "expected"),
    [
        ("", 0.9, 0.95, ""),
        ("BOT", 1.25 / 2.25, 0.8, "weak"),
        ("BOT", math.nextafter(1.25 / 2.25, 1), 0.8, "firm"),
        ("SELL", 0.1, 0.80 / 1.80, "weak"),
        ("SELL", 0.1, math.nextafter(0.80 / 1.80, 0), "firm"),
        ("BOT", None, None, "weak"),
        ("SELL", 0.2, 0.6, "weak"),
    ],
)
def test_a_signal_is_firm_where_its_whole_band_is_beyond_the_threshold(signal, low, high, expected):
    assert trust.strength(signal, low, high, THRESHOLDS) == expected


@st.composite
def tapes(draw) -> trust_oracle.Tape:
    seed, count = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 400))
    return made(np.random.default_rng(seed), count, draw(st.sampled_from([40, 225, 405])))


def mirrored(tape: trust_oracle.Tape) -> trust_oracle.Tape:
    """Prices turned about zero, so that bid and ask, up and down change places; kept positive and exact in cents."""
    cents = (np.round(100 * side) for side in (tape.price, tape.ask, tape.bid))
    price, bid, ask = ((10_000 - side) / 128 for side in cents)
    return trust_oracle.Tape(tape.minute, price, tape.size, bid, ask)


def exact(tape: trust_oracle.Tape) -> trust_oracle.Tape:
    """The same prices as whole parts of a power of two, so that a midpoint is exact."""
    price, bid, ask = (np.round(100 * side) / 128 for side in (tape.price, tape.bid, tape.ask))
    return trust_oracle.Tape(tape.minute, price, tape.size, bid, ask)


@settings(deadline=None)
@given(tapes())
def test_an_interval_holds_both_ratios_and_lies_within_every_unsigned_share_one_way(tape):
    flow = flow_of(tape, 405)
    found = trust.signing(flow, ratio_of(flow), least_minutes=1)
    if found is None:
        return
    both = (ratio_of(flow), found.completed)
    assert 0 <= found.low <= min(both) + 1e-15
    assert max(both) - 1e-15 <= found.high <= 1
    total = flow.signed + flow.neutral
    assert found.low >= flow.buy.sum() / total
    assert found.high <= (flow.buy.sum() + flow.neutral) / total
    low, high = trust.transfer(*both, found.variance, flow.signed, 1e5, 0.05)
    assert low <= min(both) <= max(both) <= high


@settings(deadline=None)
@given(tapes())
def test_buyers_and_sellers_changed_turn_the_interval_over(tape):
    flow, other = flow_of(exact(tape), 405), flow_of(mirrored(tape), 405)
    found, turned = (trust.signing(one, ratio_of(one), least_minutes=1) for one in (flow, other))
    assert (found is None) == (turned is None)
    if found is None:
        return
    assert (turned.low, turned.high) == pytest.approx((1 - found.high, 1 - found.low), abs=1e-12)
    assert turned.variance == pytest.approx(found.variance, abs=1e-15)


@settings(deadline=None)
@given(tapes(), st.sampled_from([0.001, 0.5, 3.0, 1e6]))
def test_a_ratio_knows_no_unit_of_shares(tape, scale):
    larger = tape._replace(size=tape.size * scale)
    flow, scaled = flow_of(tape, 405), flow_of(larger, 405)
    found, again = (trust.signing(one, ratio_of(one), least_minutes=1) for one in (flow, scaled))
    assert (found is None) == (again is None)
    if found is not None:
        assert again == pytest.approx(found, rel=1e-9, abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.sampled_from([9.99, 10.0, 10.01]), min_size=0, max_size=60), st.data())
def test_the_neutral_trades_alone_are_signed_as_in_the_whole_tape(prices, data):
    price = np.array(prices)
    quotes = st.sampled_from([(np.nan, np.nan), (9.99, 10.01), (10.0, 10.0), (10.02, 10.0), (0.0, 10.0)])
    drawn = data.draw(st.lists(quotes, min_size=len(prices), max_size=len(prices)))
    bid, ask = np.array(drawn).reshape(len(prices), 2).T
    at = np.array(sorted(data.draw(st.sets(st.integers(0, max(0, len(prices) - 1)), max_size=20)))[: len(prices)], int)
    assert sign.lee_ready_at(price, bid, ask, at).tolist() == sign.sign("lee_ready", price, bid, ask)[at].tolist()
