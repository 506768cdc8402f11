"""Whether a score says anything about the price that follows."""

from __future__ import annotations

import math
import warnings
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from darkpool.measures.study import rank_correlation, study

NAN = math.nan


def studied(*given, **more) -> pl.DataFrame:
    return study.study(*given, **more).rows


def plain_ic(feature, future) -> float:
    """One session by scipy."""
    both = [(x, y) for x, y in zip(feature, future, strict=True) if math.isfinite(x) and math.isfinite(y)]
    if len(both) < 3 or len({x for x, _ in both}) == 1 or len({y for _, y in both}) == 1:
        return NAN
    return float(stats.spearmanr(*zip(*both, strict=True)).statistic)


def plain_placebo(feature, future, horizon: int) -> tuple[float, int]:
    """Shift by shift and session by session, on the sessions that have an IC."""
    used = [t for t in range(len(feature)) if math.isfinite(plain_ic(feature[t], future[t]))]
    n = len(used)

    def mean(shift: int) -> float:
        pairs = [plain_ic(feature[used[(k + shift) % n]], future[used[k]]) for k in range(n)]
        pairs = [value for value in pairs if math.isfinite(value)]
        return sum(pairs) / len(pairs) if pairs else NAN

    shifts = [mean(s) for s in range(1, n) if s >= horizon and n - s >= horizon]
    shifts = [value for value in shifts if math.isfinite(value)]
    extreme = sum(abs(value) >= abs(mean(0)) - 1e-12 for value in shifts) if n else 0
    return (1 + extreme) / (1 + len(shifts)), len(shifts)


def panel(seed: int, sessions: int, tickers: int, missing: float = 0.0, values: int = 0) -> np.ndarray:
    """Made values, `values` different ones (0: all different), a part of them missing."""
    random = np.random.default_rng(seed)
    made = random.normal(size=(sessions, tickers))
    if values:
        made = np.floor(made * values / 4)
    made[random.random(made.shape) < missing] = np.nan
    return made


panels = st.tuples(
    st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 9), st.sampled_from([0.0, 0.1, 0.5]), st.integers(0, 4)
)


@settings(deadline=None, max_examples=60)
@given(panels, st.integers(0, 10_000), st.sampled_from([0.0, 0.3]))
def test_every_pair_of_sessions_has_scipys_rank_correlation(made, seed, missing):
    feature = panel(*made)
    future = panel(seed, *made[1:3], missing, made[4])
    expected = [[plain_ic(one, other) for other in future] for one in feature]
    assert rank_correlation.pairwise_ic(feature, future) == pytest.approx(np.array(expected), abs=1e-12, nan_ok=True)
    diagonal = [expected[t][t] for t in range(len(feature))]
    assert rank_correlation.daily_ic(feature, future) == pytest.approx(np.array(diagonal), abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("values", [0, 3])
@pytest.mark.parametrize("horizon", [1, 5])
def test_the_placebo_is_that_of_a_plain_loop(missing, values, horizon):
    feature, future = panel(1, 24, 12, missing, values), panel(2, 24, 12, missing)
    used = np.isfinite(rank_correlation.daily_ic(feature, future))
    found = study.placebo(feature[used], future[used], horizon)
    p, shifts = plain_placebo(feature, future, horizon)
    assert (found.p, found.shifts) == (pytest.approx(p, abs=1e-15), shifts)


def test_sessions_with_a_few_masks_in_common_are_ranked_as_those_with_none():
    """Half of the sessions lack one ticker, so that masks repeat."""
    feature, future = panel(3, 12, 8), panel(4, 12, 8)
    feature[::2, 3] = future[::3, 5] = np.nan
    expected = [[plain_ic(one, other) for other in future] for one in feature]
    assert rank_correlation.pairwise_ic(feature, future) == pytest.approx(np.array(expected), abs=1e-12)


@pytest.mark.parametrize("shift", [1, 2, 8, 9])
def test_shifts_that_overlap_the_real_returns_are_left_out(shift):
    """Ten sessions, h = 3: shifts 3 to 7 remain. A feature that is the return of `shift` sessions on finds nothing."""
    future = panel(5, 10, 20)
    found = study.placebo(np.roll(future, -shift, axis=0), future, 3)
    assert found.shifts == 5
    assert np.abs(found.means).max() < 0.9


def test_a_return_is_from_the_next_open_to_the_close_h_sessions_on_with_its_dividends():
    """t = 0, h = 2: open(1) 20 on the basis of adj_close is 20 x 9 / 18 = 10; adj_close(2) is 11."""
    prices = study.Prices(*(np.array(column)[:, None] for column in ([1.0, 20, 3], [1.0, 18, 22], [1.0, 9, 11])))
    assert study.returns(prices, 2)[:, 0] == pytest.approx([0.1, NAN, NAN], nan_ok=True)
    assert study.returns(prices, 1)[:, 0] == pytest.approx([9 / 10 - 1, 11 / 1.5 - 1, NAN], nan_ok=True)


@pytest.mark.parametrize("name", ["open", "close", "adj_close"])
@pytest.mark.parametrize("bad", [NAN, 0.0, -1.0])
def test_no_return_where_a_price_is_missing(name, bad):
    made = {column: np.full((4, 1), 10.0) for column in ("open", "close", "adj_close")}
    made[name][1] = bad
    found = study.returns(study.Prices(**made), 1)[:, 0]
    assert math.isnan(found[0])
    assert found[1:3].tolist() == [0.0, 0.0]


def walk(seed: int, sessions: int, tickers: int) -> study.Prices:
    random = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(random.normal(0, 0.02, (sessions, tickers)), axis=0))
    return study.Prices(close * np.exp(random.normal(0, 0.005, close.shape)), close, close)


def test_no_price_before_the_entry_counts():
    """Moved up to the session of the feature nothing changes; moved from the entry on, that session's return does."""
    prices = walk(1, 30, 5)
    before = study.returns(prices, 5)
    for until, same in ((10, True), (11, False)):
        moved = study.Prices(*(np.where(np.arange(30)[:, None] <= until, 2 * p, p) for p in
                               (prices.open, prices.close, prices.adj_close)))  # fmt: skip
        after = study.returns(moved, 5)
        assert np.array_equal(after[10], before[10]) == same


def test_the_spread_is_that_of_the_highest_and_the_lowest_third():
    """Ten tickers: thirds of three; equal features in the tickers' order."""
    feature = np.array([[5.0, 5, 5, 1, 2, 3, 4, 6, 7, 8]])
    future = np.array([[0.01, 0.02, 0.03, 0.10, 0.20, 0.30, 0.4, 0.5, 0.6, 0.7]])
    assert study.daily_spread(feature, future)[0] == pytest.approx((0.5 + 0.6 + 0.7) / 3 - (0.1 + 0.2 + 0.3) / 3)
    feature[0, 3] = 6.0  # lowest 2, 3, 4; highest 6 (the later ticker), 7, 8
    assert study.daily_spread(feature, future)[0] == pytest.approx((0.5 + 0.6 + 0.7) / 3 - (0.2 + 0.3 + 0.4) / 3)


@pytest.mark.parametrize(("tickers", "part"), [(8, None), (9, 3), (11, 3), (49, 16), (50, 10), (54, 10)])
def test_as_many_tickers_as_there_are_make_thirds_or_fifths(tickers, part):
    """The return is the place: the mean of the last `part` places less that of the first is tickers - part."""
    places = np.arange(float(tickers))[None, :]
    found = study.daily_spread(places, places)[0]
    assert math.isnan(found) if part is None else found == pytest.approx(tickers - part)


def plain_ewc(x) -> tuple[float, float, float, float, int]:
    n, mean = len(x), sum(x) / len(x)
    nu = max(4, math.floor(0.4 * n ** (2 / 3) + 1e-9))
    squares = 0.0
    for j in range(1, nu + 1):
        wave = sum((x[t - 1] - mean) * math.cos(math.pi * j * (t - 0.5) / n) for t in range(1, n + 1))
        squares += (math.sqrt(2 / n) * wave) ** 2
    error = math.sqrt(squares / nu / n)
    half = stats.t.ppf(0.975, nu) * error
    return mean, mean - half, mean + half, mean / error, nu


@pytest.mark.parametrize("n", [5, 27, 64, 125, 250])
def test_the_interval_of_a_mean_is_the_references_formula(n):
    values = panel(n, n, 1)[:, 0]
    found = study.ewc(values)
    assert found[:5] == pytest.approx(plain_ewc(values.tolist()), rel=1e-9)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(found.t), found.nu), abs=1e-14)


@pytest.mark.parametrize(("n", "nu"), [(5, 4), (31, 4), (64, 6), (125, 10), (1000, 40)])
def test_the_degrees_follow_the_length(n, nu):
    """0.4 x 64^(2/3) = 6.4; 125: exactly 10, which a float would miss."""
    assert study.ewc(panel(1, n, 1)[:, 0]).nu == nu


def test_no_interval_below_five_values():
    assert study.ewc(np.ones(4)) is None


def test_values_that_do_not_vary_have_no_t():
    assert study.ewc(np.full(40, 0.5))[:4] == (0.5, 0.5, 0.5, None)
    assert study.ewc(np.zeros(40)).p == 1.0


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holms_values_never_fall_and_never_undercut_bonferronis_smallest(p):
    adjusted = study.holm(p)
    order = sorted(range(len(p)), key=lambda i: p[i])
    assert [adjusted[i] for i in order] == sorted(adjusted)
    assert adjusted[order[0]] == min(1.0, len(p) * min(p))
    assert all(own <= other <= 1 for own, other in zip(p, adjusted, strict=True))


def planted(seed: int, sessions: int, tickers: int, ic: float) -> tuple[np.ndarray, study.Prices]:
    """A feature whose correlation with the next session's return is `ic`, and prices that follow it."""
    random = np.random.default_rng(seed)
    feature, noise = random.normal(size=(2, sessions, tickers))
    move = ic * feature + math.sqrt(1 - ic**2) * noise
    close = 50 * np.exp(np.cumsum(0.02 * np.vstack([np.zeros(tickers), move[:-1]]), axis=0))
    opened = np.vstack([close[:1], close[:-1]])
    return feature, study.Prices(opened, close, close)


def row_of(table: pl.DataFrame, feature: str, horizon: int) -> dict:
    return table.filter(pl.col("feature") == feature, pl.col("horizon") == horizon).row(0, named=True)


def test_a_planted_effect_is_found_and_none_where_the_sessions_are_shuffled():
    feature, prices = planted(7, 250, 60, 0.1)
    shuffled = np.random.default_rng(8).permutation(feature)
    table = studied({"planted": feature, "shuffled": shuffled}, prices)
    found = row_of(table, "planted", 1)
    assert found["verdict"] == "net_of_cost"
    assert found["ic_low"] < 0.1 < found["ic_high"]
    assert found["placebo_p"] == pytest.approx(1 / 249)
    assert found["net_bps"] == pytest.approx(abs(found["spread_bps"]) - 20)
    assert [row_of(table, "shuffled", horizon)["verdict"] for horizon in (1, 5)] == ["none", "none"]


def test_an_effect_below_its_cost_is_a_signal_and_no_more():
    feature, prices = planted(7, 250, 60, 0.1)
    assert row_of(studied({"planted": feature}, prices, cost_bps=1e4), "planted", 1)["verdict"] == "signal"


def test_an_effect_against_the_score_counts_as_one_with_it():
    feature, prices = planted(7, 250, 60, -0.1)
    found = row_of(studied({"planted": feature}, prices), "planted", 1)
    assert found["verdict"] == "net_of_cost"
    assert found["spread_bps"] < 0 < found["net_bps"]


def test_the_table_has_its_columns_a_row_per_question_and_numbers_or_nulls():
    feature, prices = planted(1, 40, 12, 0.0)
    empty = np.full(feature.shape, np.nan)
    table = studied({"b": feature, "a": empty}, prices)
    assert table.schema == dict(study.SCHEMA)
    assert table.select("feature", "horizon").rows() == [(f, h) for f in "ab" for h in (1, 5, 10)]
    assert table.row(0, named=True) | {"feature": "a", "horizon": 1} == {
        "feature": "a", "horizon": 1, "sessions": 0, "tickers_median": None, "periods": 0, "ic_mean": None,
        "ic_low": None, "ic_high": None, "ic_t": None, "nu": None, "placebo_p": 1.0, "placebo_shifts": 0,
        "p_holm": None, "spread_bps": None, "spread_low": None, "spread_high": None, "cost_bps": 20.0,
        "net_bps": None, "verdict": "too_little",
    }  # fmt: skip
    numbers = table.select(pl.selectors.float()).to_numpy()
    assert not np.isinf(numbers).any()


def test_a_row_says_how_much_is_missing_until_it_may_answer():
    feature, prices = planted(1, 28, 7, 0.0)
    table = studied({"x": feature}, prices)
    row = row_of(table, "x", 5)
    assert (row["sessions"], row["periods"], row["tickers_median"], row["placebo_shifts"]) == (23, 4, 7.0, 14)
    assert row["verdict"] == "too_little"
    assert study.missing(row) == (150 - 23, 3)  # 30 periods of 5 sessions
    assert study.missing(row_of(table, "x", 1)) == (101 - 27, 3)  # 100 shifts


@pytest.mark.parametrize(("sessions", "verdict"), [(101, "too_little"), (102, "none")])
def test_a_hundred_shifts_are_needed(sessions, verdict):
    """One session has no return, so 100 or 101 remain; of 101 the shifts are 1 to 100."""
    feature, prices = planted(2, sessions, 12, 0.0)
    assert row_of(studied({"x": feature}, prices), "x", 1)["verdict"] == verdict


def test_questions_that_cannot_be_answered_are_no_part_of_the_family():
    """At 10 sessions ahead 250 sessions are too few periods: two questions of two features remain, not three."""
    feature, prices = planted(3, 250, 30, 0.05)
    table = studied({"x": feature}, prices)
    assert table["verdict"][2] == "too_little"
    assert table["p_holm"].null_count() == 1
    ic = study.ewc(rank_correlation.daily_ic(feature, study.returns(prices, 1))[:-1])
    assert table["p_holm"][0] in (pytest.approx(2 * ic.p), pytest.approx(ic.p))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.floats(0.001, 1000), st.floats(-5, 5))
def test_only_the_order_of_a_feature_counts(seed, scale, shift):
    feature, prices = planted(seed, 30, 12, 0.0)
    plain, other = (studied({"x": one}, prices) for one in (feature, np.exp(feature) * scale + shift))
    assert other.equals(plain)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_a_feature_turned_over_turns_its_correlation_over(seed):
    feature, prices = planted(seed, 30, 12, 0.0)
    plain, other = (row_of(studied({"x": one}, prices), "x", 1) for one in (feature, -feature))
    assert other["ic_mean"] == pytest.approx(-plain["ic_mean"], abs=1e-12)
    assert (other["ic_low"], other["placebo_p"]) == pytest.approx((-plain["ic_high"], plain["placebo_p"]))


def test_a_long_frame_becomes_a_matrix_with_holes():
    days = [date(2025, 12, 1) + timedelta(number) for number in range(3)]
    frame = pl.DataFrame({"date": [days[0], days[2], days[2]], "ticker": ["A", "B", "X"], "v": [1.0, None, 3.0]})
    found = study.matrix(frame, "v", days, ["A", "B"])
    assert found == pytest.approx(np.array([[1.0, NAN], [NAN, NAN], [NAN, NAN]]), nan_ok=True)


def test_a_number_of_sessions_is_told_until_an_effect_would_show():
    assert [study.sessions_needed(0.02, *about) for about in ((20, 1), (500, 1), (20, 5))] == [1941, 74, 9702]
    assert study.sessions_needed(0.02, 1, 1) is None


def test_unusual_volume_that_fades_is_seen_to_fade():
    """The logarithm halves from day to day: what is 8 times its normal is 2.8 times the day after."""
    random = np.random.default_rng(1)
    logs = np.zeros((80, 200))
    for t in range(1, 80):
        logs[t] = 0.5 * logs[t - 1] + random.normal(0, 0.4, 200)
    logs[40, :5] = math.log(8)
    logs[41, :5] = math.log(8) / 2
    z = logs / 0.45
    table = study.continuation(z, np.exp(logs))
    assert table.schema == dict(study.CONTINUATION)
    one, five, _ = table.iter_rows(named=True)
    assert one["ic_mean"] == pytest.approx(0.5, abs=0.05)
    assert one["ic_low"] < one["ic_mean"] < one["ic_high"]
    assert abs(five["ic_mean"]) < 0.1
    assert (one["unusual"], one["multiple"]) == (int((z[:-1] >= 4).sum()), pytest.approx(math.sqrt(8)))


def test_without_a_later_session_nothing_is_said_of_its_volume():
    table = study.continuation(np.ones((1, 5)), np.ones((1, 5)))
    assert table.drop("horizon").row(0, named=True) == {
        "sessions": 0, "ic_mean": None, "ic_low": None, "ic_high": None, "unusual": 0, "multiple": None,
    }  # fmt: skip


def persistent(random: np.random.Generator, effect: float = 0.0) -> tuple[np.ndarray, study.Prices]:
    """All that misleads: features that persist, returns with a common factor and unequal betas.

    250 sessions of 100 names; `effect`: how many standard deviations of a day's own return the feature moves it.
    """
    sessions, tickers = 250, 100
    feature = np.empty((sessions, tickers))
    feature[0] = random.normal(size=tickers)
    for t in range(1, sessions):
        feature[t] = 0.95 * feature[t - 1] + math.sqrt(1 - 0.95**2) * random.normal(size=tickers)
    factor = random.normal(0, 0.01, (sessions, 1)) * random.normal(1, 0.5, tickers)
    move = factor + random.normal(0, 0.02, (sessions, tickers))
    move[1:] += 0.02 * effect * feature[:-1]
    close = 50 * np.exp(np.cumsum(move, axis=0))
    return feature, study.Prices(np.vstack([close[:1], close[:-1]]), close, close)


@pytest.mark.soak
def test_the_size_of_the_test_under_a_null_is_what_it_says():
    random, refused, by_placebo = np.random.default_rng(20_251_222), 0, 0
    rounds = 400
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(rounds):
            feature, prices = persistent(random)
            row = studied({"x": feature}, prices, horizons=(5,)).row(0, named=True)
            refused += not row["ic_low"] <= 0 <= row["ic_high"]
            by_placebo += row["placebo_p"] <= 0.05
    assert 0.02 <= refused / rounds <= 0.08
    assert 0.02 <= by_placebo / rounds <= 0.08


@pytest.mark.soak
def test_an_effect_of_five_hundredths_is_found():
    """Over five sessions an effect of .03 a day adds up to an IC of .05; with 50 periods most studies see it."""
    random = np.random.default_rng(20_251_222)
    rows = [
        studied({"x": feature}, prices, horizons=(5,)).row(0, named=True)
        for feature, prices in (persistent(random, 0.03) for _ in range(100))
    ]
    assert np.mean([row["ic_mean"] for row in rows]) == pytest.approx(0.05, abs=0.01)
    assert np.mean([row["verdict"] in ("signal", "net_of_cost") for row in rows]) >= 0.85


@pytest.mark.real_data
def test_on_a_month_of_real_data_the_study_says_how_much_is_missing(real_data):
    """FINRA's volumes and Yahoo's prices of December 2021: 22 sessions of 9 tickers."""
    prices = pl.read_parquet(real_data / "archive/yahoo/daily/2021-12-31.parquet").rename({"symbol": "ticker"})
    rows = []
    for path in sorted((real_data / "archive/finra/regsho").glob("CNMSshvol202112*.txt")):
        day = date(2021, 12, int(path.stem[-2:]))
        fields = [line.split("|") for line in path.read_text().splitlines()[1:-1]]
        rows += [(day, row[1], float(row[4])) for row in fields]
    volumes = pl.DataFrame(rows, schema=["date", "ticker", "volume"], orient="row")
    sessions, tickers = volumes["date"].unique().sort().to_list(), sorted(prices["ticker"].unique())
    opened, close = (study.matrix(prices, name, sessions, tickers) for name in ("open", "close"))
    feature = study.matrix(volumes, "volume", sessions, tickers)
    table = studied({"trf_volume": feature}, study.Prices(opened, close, close))
    assert table["verdict"].to_list() == ["too_little"] * 3
    assert table["sessions"].to_list() == [21, 17, 12]
    assert [study.missing(row) for row in table.iter_rows(named=True)] == [(80, 1), (133, 1), (288, 1)]
