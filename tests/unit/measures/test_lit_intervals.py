"""Intervals and bands through the product's own tables: lit_flow, dark_flow, features and weekly."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool.measures import estimate, lit, trust, weekly
from darkpool.session import minutes
from darkpool.tables import contracts
from unit.measures import trust_oracle
from unit.measures.test_lit import bars_file, quotes_file, trades_file

MINUTE = 60_000_000_000
HOURS = (0, 405 * MINUTE)
EARLY = (0, 225 * MINUTE)
DAY = date(2025, 12, 22)
SIGNAL = {"bot": 1.25, "sell": 0.80}
VOLUME = 50_000.0
WHOLE = ("lit_buy_low", "lit_buy_high", "lit_ratio_completed", "lit_ratio_variance")


class Made:
    """A made tape as files, and as the oracle takes it. Every trade has a quote of its own, `stale` ns before it."""

    def __init__(self, folder: Path, seed: int, count: int = 500, hours: tuple[int, int] = HOURS, bought: float = 0.5):
        random = np.random.default_rng(seed)
        folder.mkdir(exist_ok=True)
        time = np.sort(random.choice(hours[1] // 1_000_000_000, count, replace=False)) * 1_000_000_000 + 500
        bid = 10 + random.integers(0, 20, count) / 100
        ask = np.round(bid + random.integers(1, 4, count) / 100, 2)
        middle = np.round(bid + 0.01, 2)
        price = np.where(random.random(count) < 0.3, middle, np.where(random.random(count) < bought, ask, bid))
        size = random.integers(50, 400, count).astype(float)
        self.tape = trust_oracle.Tape(time // MINUTE, price, size, bid, ask)
        self.hours, self.count = hours, hours[1] // MINUTE
        self.trades = trades_file(folder, list(zip(time.tolist(), range(count), price, size, strict=True)))
        moments = (time - 100).tolist()
        self.quotes = quotes_file(folder, list(zip(moments, range(count), bid, ask, strict=True)))

    def flow(self, **options) -> lit.SymbolFlow:
        return lit.classify_symbol(self.trades, self.quotes, None, self.hours, **options)


def lit_flow(flow: lit.SymbolFlow, ticker: str = "A", day: date = DAY) -> pl.DataFrame:
    return contracts.frame(
        "lit_flow", {"date": [day], "ticker": [ticker], **{name: [v] for name, v in flow.lit.items()}}
    )


def dark(flow: lit.SymbolFlow, volume: float | None = VOLUME, sd: float = 0.05) -> dict:
    volumes = pl.DataFrame({"date": [DAY], "ticker": ["A"], "trf_volume": [volume]}, schema_overrides={
        "trf_volume": pl.Float64
    })  # fmt: skip
    signed = {} if flow.minutes is None else {"A": flow.minutes.signed}
    return estimate.dark_flow(volumes, lit_flow(flow), sd, signed).row(0, named=True)


def features(flow: lit.SymbolFlow, volume: float = VOLUME) -> dict:
    row = pl.DataFrame({"date": [DAY], "ticker": ["A"], "trf_volume": [volume], "quality": [""]})
    of_dark = estimate.dark_flow(row, lit_flow(flow), 0.05, {} if flow.minutes is None else {"A": flow.minutes.signed})
    return estimate.add(row, lit_flow(flow), contracts.frame("trf_flow", {}), of_dark, SIGNAL, {}).row(0, named=True)


@pytest.mark.parametrize("hours", [HOURS, EARLY])
@pytest.mark.parametrize("seed", range(3))
def test_the_columns_are_those_of_an_independent_program(tmp_path, hours, seed):
    made = Made(tmp_path, seed, hours=hours)
    flow = made.flow()
    r1, r2, low, high, least, most = trust_oracle.intervals(made.tape, made.count, VOLUME)
    exactly = {"rel": 0, "abs": 1e-12}
    assert [flow.lit["lit_buy_ratio"], *(flow.lit[name] for name in WHOLE[:3])] == pytest.approx(
        [r1, low, high, r2], **exactly
    )
    default, _ = trust_oracle.signs(made.tape)
    variance = trust_oracle.hac(made.tape.minute, made.tape.size, default, made.count)
    assert flow.lit["lit_ratio_variance"] == pytest.approx(variance, **exactly)
    found = dark(flow)
    assert (found["bought_low"], found["bought_high"]) == pytest.approx((VOLUME * least, VOLUME * most), abs=1e-7)


@pytest.mark.parametrize("method", ["lee_ready", "emo", "clnv"])
def test_another_method_keeps_the_default_rules_bounds_and_volumes(tmp_path, method):
    made = Made(tmp_path, 4)
    default, own = made.flow(), made.flow(method=method)
    assert own.lit["classification_method"] == method.upper()
    assert own.lit["lit_ratio_completed"] == default.lit["lit_ratio_completed"]
    r1, r2, variance = own.lit["lit_buy_ratio"], own.lit["lit_ratio_completed"], own.lit["lit_ratio_variance"]
    signed = default.lit["lit_buy_volume"] + default.lit["lit_sell_volume"]
    assert own.lit["lit_buy_volume"] + own.lit["lit_sell_volume"] != signed
    s = math.sqrt(variance * (1 + signed / VOLUME) + 0.05**2)
    assert dark(own)["bought_low"] == pytest.approx(VOLUME * (min(r1, r2) - 1.6448536269514722 * s), rel=1e-12)


@pytest.mark.parametrize("method", ["tick", "tick_carry"])
def test_the_tick_rules_have_no_interval_and_no_firm_signal(tmp_path, method):
    flow = Made(tmp_path, 4, bought=0.95).flow(method=method)
    assert flow.minutes is None
    assert [flow.lit[name] for name in WHOLE] == [None] * 4
    row = features(flow)
    assert (row["bought_low"], row["bought_high"]) == (None, None)
    assert row["strength"] == ("weak" if row["signal"] else "")


def test_trades_without_quotes_have_no_interval_and_no_firm_signal(tmp_path):
    made = Made(tmp_path, 4)
    rising = [(i * MINUTE, i, 10.0 + i / 100, 500.0) for i in range(100)]
    flow = lit.classify_symbol(trades_file(tmp_path, rising), None, None, made.hours)
    row = features(flow)
    assert (row["signal"], row["strength"], row["lit_buy_low"], row["bought_high"]) == ("BOT", "weak", None, None)


def test_bars_have_no_interval_and_no_firm_signal(tmp_path):
    bars = bars_file(tmp_path, [(i * 60_000, 1.0, 2.0, 500.0) for i in range(100)])
    row = features(lit.classify_symbol(None, None, bars, HOURS))
    assert (row["signal"], row["strength"], row["lit_buy_low"], row["bought_high"]) == ("BOT", "weak", None, None)


@pytest.mark.parametrize(("without", "known"), [(25, True), (80, False)])
def test_more_than_a_tenth_signed_by_the_tick_test_leaves_no_interval(tmp_path, without, known):
    """500 trades, the first of which come before the first quote."""
    made = Made(tmp_path, 6)
    frame = pl.read_parquet(made.quotes)
    frame[without:].write_parquet(made.quotes)
    flow = made.flow()
    assert flow.lit["classification_method"] == "NBBO+TICK"
    assert (flow.lit["lit_buy_low"] is not None) == known
    assert flow.minutes is not None  # a week may still be signed by quotes for more than nine tenths


def test_a_ratio_that_is_not_given_has_no_interval(tmp_path):
    flow = Made(tmp_path, 4).flow(min_lit_volume=1e9)
    assert [flow.lit[name] for name in WHOLE] == [None] * 4


@pytest.mark.parametrize("rows", [[], [(500, 1, 10.01, 1e6), (600, 2, 10.0, 1e6)]])
def test_an_empty_day_and_a_day_of_one_minute_have_no_interval(tmp_path, rows):
    quotes = quotes_file(tmp_path, [(100, 1, 10.0, 10.01)])
    flow = lit.classify_symbol(trades_file(tmp_path, rows), quotes, None, HOURS, max_quote_age=1e9)
    assert [flow.lit[name] for name in WHOLE] == [None] * 4
    assert features(flow)["bought_low"] is None


def test_a_one_sided_day_has_a_firm_signal_where_the_transfer_leaves_no_doubt(tmp_path):
    """Every trade at the ask: the interval is the ratio itself, the band all but .05 x 1.645 of the volume."""
    rows = [(i * MINUTE + 500, i, 10.01, 500.0) for i in range(60)]
    quotes = quotes_file(tmp_path, [(i * MINUTE, i, 10.0, 10.01) for i in range(60)])
    row = features(lit.classify_symbol(trades_file(tmp_path, rows), quotes, None, HOURS))
    assert (row["lit_buy_low"], row["lit_buy_high"], row["bought_high"]) == (1.0, 1.0, VOLUME)
    assert row["bought_low"] == pytest.approx(VOLUME * (1 - 1.6448536269514722 * 0.05))
    assert (row["signal"], row["strength"], row["buy_ratio"]) == ("BOT", "firm", None)


def test_a_ratio_just_beyond_the_threshold_is_a_weak_signal(tmp_path):
    row = features(Made(tmp_path, 5, bought=0.62).flow())
    assert (row["signal"], row["strength"]) == ("BOT", "weak")
    assert row["bought_low"] / VOLUME < 1.25 / 2.25 < row["lit_buy_ratio"]


@pytest.mark.parametrize("volume", [None, 0.0])
def test_without_off_exchange_volume_there_is_no_band(tmp_path, volume):
    found = dark(Made(tmp_path, 5).flow(), volume)
    assert (found["bought_low"], found["bought_high"]) == (None, None)


def test_a_table_from_elsewhere_counts_its_own_signed_volume(tmp_path):
    flow = Made(tmp_path, 5).flow()
    volumes = pl.DataFrame({"date": [DAY], "ticker": ["A"], "trf_volume": [VOLUME]})
    assert estimate.dark_flow(volumes, lit_flow(flow), 0.05).row(0, named=True) == dark(flow)


MONDAY = date(2025, 11, 24)
SESSIONS = weekly.sessions_by_week([MONDAY])[MONDAY]
LENGTHS = [405, 405, 405, 225]


@pytest.fixture
def week(tmp_path) -> list[Made]:
    """The sessions of a week with an early close."""
    return [Made(tmp_path / str(k), 20 + k, hours=(0, length * MINUTE)) for k, length in enumerate(LENGTHS)]


def table(flows: list[lit.SymbolFlow], least: float = 10_000.0) -> dict:
    weeks = pl.DataFrame({
        "week_start_date": [MONDAY], "ticker": ["A"], "tier": ["T1"], "finra_off_exchange_volume": [VOLUME],
    })  # fmt: skip
    days = list(zip(SESSIONS, flows, strict=False))
    frames = pl.concat([lit_flow(flow, day=day) for day, flow in days])
    by_minute = {(day, "A"): flow.minutes for day, flow in days if flow.minutes is not None}
    return weekly.table(weeks, frames, {MONDAY: SESSIONS}, SIGNAL, least, 0.05, by_minute).row(0, named=True)


def test_a_weeks_interval_is_that_of_its_minutes_put_end_to_end(week):
    found = table([made.flow() for made in week])
    offsets = np.cumsum([0, *LENGTHS[:-1]])
    columns = [np.concatenate([made.tape[number] for made in week]) for number in range(1, 5)]
    joined = np.concatenate([made.tape.minute + offset for made, offset in zip(week, offsets, strict=True)])
    signs = [trust_oracle.signs(made.tape) for made in week]
    default, again = ([side for one in signs for side in one[rule]] for rule in (0, 1))
    size = columns[1]
    sums = {side: math.fsum(z for z, d in zip(size, default, strict=True) if d == side) for side in (1, -1, 0)}
    unsigned = [(k, z, a) for k, z, d, a in zip(joined, size, default, again, strict=True) if d == 0]
    more = {side: math.fsum(z for _, z, a in unsigned if a == side) for side in (1, -1)}
    bought, sold, neutral = sums[1], sums[-1], sums[0]
    r1, r2 = bought / (bought + sold), (bought + more[1]) / (bought + sold + more[1] + more[-1])
    half = trust_oracle.C * neutral / (bought + sold + neutral)
    half *= math.sqrt(trust_oracle.hac(*zip(*unsigned, strict=True), 1440))
    assert found["lit_buy_ratio"] == pytest.approx(r1, abs=1e-12)
    assert found["lit_buy_low"] == pytest.approx(min(r1, r2) - half, abs=1e-12)
    assert found["lit_buy_high"] == pytest.approx(max(r1, r2) + half, abs=1e-12)
    s = math.sqrt(trust_oracle.hac(joined, size, default, 1440) * (1 + (bought + sold) / VOLUME) + 0.05**2)
    band = [VOLUME * (min(r1, r2) - trust_oracle.C * s), VOLUME * (max(r1, r2) + trust_oracle.C * s)]
    assert [found["bought_low"], found["bought_high"]] == pytest.approx(band, abs=1e-7)


def test_a_session_too_thin_for_itself_counts_in_its_week(week):
    flows = [made.flow(min_lit_volume=1e9) for made in week]
    assert flows[0].lit["lit_buy_low"] is None
    assert table(flows)["lit_buy_low"] is not None


def test_a_week_with_a_session_whose_error_is_not_known_has_no_interval(week):
    flows = [made.flow() for made in week]
    flows[2] = week[2].flow(method="tick")
    found = table(flows)
    assert found["lit_buy_ratio"] is not None
    assert [found[name] for name in ("lit_buy_low", "lit_buy_high", "bought_low", "bought_high")] == [None] * 4


def test_a_session_that_is_not_there_leaves_the_weeks_interval_to_the_others(week):
    flows = [made.flow() for made in week[:3]]
    nothing = lit.classify_symbol(None, None, None, HOURS)
    assert table([*flows, nothing])["lit_buy_low"] == table(flows)["lit_buy_low"] is not None


def test_a_weeks_ratio_that_is_not_given_has_no_interval(week):
    assert table([made.flow() for made in week], least=1e9)["lit_buy_low"] is None


def test_the_minutes_travel_with_the_table(tmp_path):
    flow, other = Made(tmp_path / "a", 1).flow(), Made(tmp_path / "b", 2, hours=EARLY).flow(method="emo")
    known = {(DAY, "NA"): flow.minutes, (DAY, "TpC"): other.minutes}
    path = tmp_path / "lit_flow.parquet"
    both = pl.concat([lit_flow(flow, "NA"), lit_flow(other, "TpC")])
    contracts.write("lit_flow", both, path, **minutes.pack(known))
    found = minutes.unpack(contracts.metadata(path))
    assert found.keys() == known.keys()
    for key, by_minute in found.items():
        assert trust.signing(by_minute, 0.5) == trust.signing(known[key], 0.5)
        assert by_minute.tick == known[key].tick
    assert minutes.signed(found) == {"NA": flow.minutes.signed, "TpC": other.minutes.signed}
    assert path.read_bytes() == _written(both, dict(reversed(found.items())), tmp_path / "again.parquet")


def _written(frame: pl.DataFrame, known: dict, path: Path) -> bytes:
    contracts.write("lit_flow", frame, path, **minutes.pack(known))
    return path.read_bytes()


def test_a_table_from_before_carries_no_minutes():
    assert minutes.unpack({"table": "lit_flow"}, {}) == {}


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 1e12), min_size=1, max_size=20),
    st.floats(0, 1e12),
    st.booleans(),
)
def test_minutes_packed_and_unpacked_are_the_same_to_the_last_bit(shares, neutral, is_default):
    one = np.array(shares)
    others = (one, one[::-1]) if is_default else (one + 1, one * 2)
    made = trust.ByMinute(*others, *((one, one[::-1]) if not is_default else others), one / 3, one / 7, neutral, 1.5)
    (found,) = minutes.unpack(minutes.pack({(DAY, "A"): made})).values()
    assert all(
        np.array_equal(getattr(found, name), getattr(made, name))
        for name in ("buy", "sell", "default_buy", "neutral_sell")
    )
    assert (found.neutral, found.tick) == (neutral, 1.5)


def test_what_the_tick_test_signed_without_a_quote_is_bought_and_sold_alike(tmp_path):
    second = 1_000_000_000
    trades = trades_file(
        tmp_path,
        [
            (1 * second, 1, 10.00, 100.0),  # no quote and no price before it
            (2 * second, 2, 10.01, 300.0),  # no quote: bought by the tick test
            (3 * second, 3, 10.00, 500.0),  # no quote: sold by it
            (9 * second, 4, 10.02, 700.0),  # at the ask
        ],
    )
    quotes = quotes_file(tmp_path, [(8 * second, 1, 10.00, 10.02)])
    flow = lit.classify_symbol(trades, quotes, None, HOURS, min_lit_volume=0)
    assert flow.lit["classification_method"] == "NBBO+TICK"
    assert flow.minutes.tick == 300 + 500
