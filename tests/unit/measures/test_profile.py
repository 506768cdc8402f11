"""Where in price and time it traded, against a plain computation and by hand."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool.market import conditions, sessions, venues
from darkpool.measures import lit, sign
from darkpool.measures.prints import profile
from darkpool.measures.ticks import eligibility, tick_arrays
from darkpool.measures.ticks.tick_file import NO_TIME

START = 1_766_413_800_000_000_000  # 2025-12-22 09:30 New York


def sided(*rows: tuple[float, float, float, int]) -> profile.Sided:
    """Rows of (seconds after the open, price, size, side)."""
    seconds, price, size, side = zip(*rows, strict=True) if rows else ((), (), (), ())
    time = np.array([START + int(second * profile.SECOND) for second in seconds], np.int64)
    return profile.Sided(time, np.array(price, float), np.array(size, float), np.array(side, np.int8))


def quoted(count: int, bid: float = 9.99, ask: float = 10.01, late: float = 0.0, time=None) -> profile.Quoted:
    reported = np.full(count, NO_TIME, np.int64) if time is None else time + int(late * profile.SECOND)
    return profile.Quoted(np.full(count, bid), np.full(count, ask), reported)


def test_shares_fall_into_five_minutes_and_price():
    prints = sided((0, 10.00, 100, 1), (299.9, 10.009, 50, -1), (300, 10.00, 7, 0), (1, 10.01, 3, 1))
    rows = profile.cells(prints, quoted(4, time=prints.time), sided((10, 10.00, 40, 1), (10, 10.05, 4, 0))).to_dicts()
    told = [(row["start"] - START, round(row["price_low"], 2)) for row in rows]
    sides = [(row["buy"], row["sell"], row["neutral"]) for row in rows]
    assert [(*place, *side) for place, side in zip(told, sides, strict=True)] == [
        (0, 10.00, 100, 50, 0), (0, 10.01, 3, 0, 0), (0, 10.05, 0, 0, 0), (profile.STEP, 10.00, 0, 0, 7),
    ]  # fmt: skip
    assert [(row["prints"], row["lit_buy"], row["lit_neutral"]) for row in rows] == [
        (2, 40, 0),
        (1, 0, 0),
        (0, 0, 4),
        (1, 0, 0),
    ]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(-5, 60)), min_size=1, max_size=200), st.sampled_from([0, 10**9])
)
def test_pairs_are_numbered_in_their_order_whether_they_are_counted_or_sorted(pairs, far):
    pairs = [*pairs, (0, far)]
    steps = np.array([START // profile.STEP * profile.STEP + step * profile.STEP for step, _ in pairs], np.int64)
    places = np.array([place for _, place in pairs], np.int64)
    every, where = profile._numbered(steps, places)
    expected = sorted(set(zip(steps.tolist(), places.tolist(), strict=True)))
    assert [tuple(row) for row in every.tolist()] == expected
    assert [expected[number] for number in where] == list(zip(steps.tolist(), places.tolist(), strict=True))


@pytest.mark.parametrize(
    ("low", "high", "width"),
    [
        (10.00, 10.59, 1),
        (10.00, 10.60, 2),
        (10.0, 11.19, 2),
        (10.0, 11.20, 5),
        (100.0, 110.0, 20),
        (0.5, 0.5, 1),
        (1.0, 700_000.0, 2e6),
    ],
)
def test_the_width_is_the_smallest_that_gives_sixty_bins(low, high, width):
    assert profile.bin_width(np.array([low, high])) == width


def test_away_is_more_than_a_tenth_of_a_per_cent_and_two_cents_outside():
    prints = sided((0, 100.13, 1, 1), (0, 100.12, 2, 1), (0, 99.80, 4, -1), (0, 99.95, 8, -1))
    rows = profile.cells(prints, quoted(4, 99.98, 100.02), sided()).to_dicts()
    assert sum(row["away"] for row in rows) == 1 + 4  # 0.11 above an ask of 100.02 is; 0.10 is not
    cheap = sided((0, 1.02, 1, 1), (0, 1.04, 2, 1))
    rows = profile.cells(cheap, quoted(2, 1.0, 1.01), sided()).to_dicts()
    assert sum(row["away"] for row in rows) == 2  # a cent above is a per cent, and no two cents
    rows = profile.cells(cheap, quoted(2, math.nan, math.nan), sided()).to_dicts()
    assert sum(row["away"] for row in rows) == 0


def test_late_is_reported_more_than_ten_seconds_after():
    prints = sided((0, 10.0, 1, 0))
    for seconds, late in ((10.0, 0), (10.5, 1)):
        rows = profile.cells(prints, quoted(1, late=seconds, time=prints.time), sided()).to_dicts()
        assert sum(row["late"] for row in rows) == late
    assert profile.cells(prints, quoted(1), sided())["late"].to_list() == [0.0]  # nobody knows when


def by_price(*shares: float) -> pl.DataFrame:
    rows = [
        {"price_low": 10 + place, "price_high": 11.0 + place, "buy": held, "sell": 0.0, "neutral": 0.0}
        for place, held in enumerate(shares)
        if held
    ]
    return pl.DataFrame(rows, schema_overrides=profile.SCHEMA) if rows else profile.cells(sided(), quoted(0), sided())


@pytest.mark.parametrize(
    ("shares", "control", "area"),
    [
        ((1, 5, 3, 1), (11, 12), (11, 13)),  # 8 of 10
        ((5, 5), (10, 11), (10, 12)),
        ((0, 10, 0), (11, 12), (11, 12)),
        ((3, 4, 3), (11, 12), (10, 12)),  # 7 of 10 either way: the lower
        ((2, 6, 0, 2), (11, 12), (10, 12)),
        ((1, 1, 1, 6, 1), (13, 14), (12, 14)),
    ],
)
def test_point_of_control_and_value_area_by_hand(shares, control, area):
    found = profile.levels(by_price(*shares), None, None)
    assert found is not None
    assert (found.control_low, found.control_high) == control
    assert (found.value_low, found.value_high) == area


def test_without_a_print_there_is_no_level():
    assert profile.levels(by_price(), None, None) is None
    assert profile.cells(sided(), quoted(0), sided((0, 10.0, 1, 1))).is_empty()


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60))
def test_the_value_area_is_the_shortest_run_around_the_control(shares):
    rows = by_price(*map(float, shares))
    found = profile.levels(rows, None, None)
    if found is None:
        assert not any(shares)
        return
    control = int(np.argmax(shares))
    assert found.control_low == 10 + control
    wanted, length = 0.7 * sum(shares), round(found.value_high - found.value_low)
    start = round(found.value_low - 10)
    assert start <= control < start + length
    assert sum(shares[start : start + length]) >= wanted - 1e-6
    shorter = [
        sum(shares[at : at + length - 1])
        for at in range(len(shares))
        if at <= control < at + length - 1 and at + length - 1 <= len(shares)
    ]
    assert all(held < wanted for held in shorter)


def plain(archive: Path, day: str, symbol: str):
    """Trade by trade, from the readers' arrays: cells of the prints and of the lit trades."""
    trades = tick_arrays.read_trades(archive / f"polygon/trades/{day}/{symbol}.parquet")
    quotes = tick_arrays.read_quotes(archive / f"polygon/quotes/{day}/{symbol}.parquet")
    eligible = eligibility.reasons(trades, sessions.trading_hours(date.fromisoformat(day)), conditions.load()) == 0
    chosen = np.flatnonzero(eligible & eligibility.by_venue(trades, venues.load()).finra_prints)
    met = tick_arrays.quote_before(quotes, trades.time[chosen], 300 * 10**9).fresh()
    sides = sign.prints(trades.price[chosen], met.bid, met.ask)
    price = [round(100 * float(p) * 1e6) for p in trades.price[chosen]]  # millionths of a cent
    width = next(
        w for w in (f * 10**k for k in range(9) for f in (1, 2, 5))
        if max(price) // (w * 10**6) - min(price) // (w * 10**6) < 60
    )  # fmt: skip
    found: dict = defaultdict(lambda: [0.0, 0.0, 0.0, 0])
    for at, cents, side in zip(chosen, price, sides, strict=True):
        cell = found[int(trades.time[at]) // (300 * 10**9) * 300 * 10**9, cents // (width * 10**6)]
        cell[{1: 0, -1: 1, 0: 2}[int(side)]] += float(trades.size[at])
        cell[3] += 1
    return width, found


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("symbol", "day"),
    [(s, f"2013-10-0{d}") for s in ("AIG", "BAC") for d in (7, 8, 9)] + [("XXX", "2018-01-02")],
)
def test_a_real_day_equals_a_plain_computation_and_the_sums_of_its_flow(real_data, symbol, day):
    archive = real_data / "archive"
    flow = lit.classify_symbol(
        archive / f"polygon/trades/{day}/{symbol}.parquet", archive / f"polygon/quotes/{day}/{symbol}.parquet", None,
        sessions.trading_hours(date.fromisoformat(day)),
    )  # fmt: skip
    assert flow.trf is not None
    rows = pl.DataFrame(flow.cells)
    for name in ("buy", "sell", "neutral"):
        assert rows[name].sum() == pytest.approx(flow.trf[f"trf_{name}_volume"], rel=1e-12)
        assert rows[f"lit_{name}"].sum() == pytest.approx(flow.lit[f"lit_{name}_volume"], rel=1e-12)
    assert rows["prints"].sum() == flow.trf["trf_prints"]
    width, expected = plain(archive, day, symbol)
    there = {
        (row["start"], round(100 * row["price_low"] / width)): [row["buy"], row["sell"], row["neutral"], row["prints"]]
        for row in flow.cells.iter_rows(named=True)
        if row["prints"]
    }
    assert there == dict(expected)
    totals: dict = defaultdict(float)
    for (_, place), cell in expected.items():
        totals[place] += sum(cell[:3])
    control = min(place for place, held in totals.items() if held == max(totals.values()))
    assert flow.levels is not None
    assert flow.levels.control_low == pytest.approx(control * width / 100)
    places = range(min(totals), max(totals) + 1)
    runs = [
        (stop - start, -sum(totals[p] for p in range(start, stop)), start)
        for start in places for stop in range(start + 1, max(totals) + 2)
        if start <= control < stop and sum(totals[p] for p in range(start, stop)) >= 0.7 * sum(totals.values())
    ]  # fmt: skip
    length, _, start = min(runs)
    assert flow.levels.value_low == pytest.approx(start * width / 100)
    assert flow.levels.value_high == pytest.approx((start + length) * width / 100)
