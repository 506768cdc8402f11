"""How unusual a session is: numbers to check by hand, a plain implementation of the design, and real days."""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool.archive.store import Archive
from darkpool.market import sessions
from darkpool.measures import unusual
from darkpool.tables import contracts, facts

DAY = date(2025, 12, 22)
SHORT = {"ma": 3, "min_sessions": 3, "window": 4}
WEIGHTS = {"offex_ratio": 0.5, "trf_spike": 0.5}
NO_SPLITS = pl.DataFrame(schema=facts.SPLIT_SCHEMA)
NO_CLOSES = pl.DataFrame(schema=facts.CLOSE_SCHEMA)


class Value(NamedTuple):
    trf: float | None
    regular: float | None = None


def merged(values: dict[str, Sequence[Value]], session: date = DAY) -> pl.DataFrame:
    """Values of the last sessions up to `session`, oldest first, as the table `merged`."""
    rows = []
    for ticker, series in values.items():
        for day, (trf, regular) in zip(sessions.window(session, len(series) - 1), series, strict=True):
            ratio = trf / regular if trf is not None and regular else None
            rows.append((day, ticker, trf, regular, ratio, "no_trf" if trf is None else ""))
    schema = {"date": pl.Date, "ticker": pl.String, "trf_volume": pl.Float64, "regular_volume": pl.Float64}
    return pl.DataFrame(rows, schema={**schema, "offex_ratio": pl.Float64, "quality": pl.String}, orient="row")


def splits(*rows: tuple[str, date, float | None]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=facts.SPLIT_SCHEMA, orient="row")


def row(frame: pl.DataFrame, events: pl.DataFrame = NO_SPLITS, history=SHORT, weights=WEIGHTS) -> dict[str, Any]:
    return unusual.compute(frame, events, DAY, history, weights).row(0, named=True)


def priced(events: pl.DataFrame = NO_SPLITS, values: Sequence[Value] = (), **closes: float) -> dict[str, Any]:
    """The row of `A` whose closes, as traded, were `before` and `today`."""
    days = dict(zip(("before", "today"), sessions.window(DAY, 1), strict=True))
    rows = [("A", days[name], close) for name, close in closes.items()]
    known = pl.DataFrame(rows, schema=facts.CLOSE_SCHEMA, orient="row")
    frame = merged({"A": values or of(10, 20, 30, 20, 40)})
    return unusual.compute(frame, events, DAY, SHORT, WEIGHTS, known).row(0, named=True)


def of(*trf: float | None, regular: float = 100.0) -> list[Value]:
    return [Value(value, regular) for value in trf]


class TestPrices:
    def test_ratio_and_close_are_held_against_the_session_before(self) -> None:
        told = priced(before=50.0, today=51.0)
        assert told["offex_ratio_change"] == pytest.approx(0.4 - 0.2)
        assert told["close"] == 51.0
        assert told["change_pct"] == pytest.approx(2.0)
        assert told["offex_notional"] == 40 * 51.0

    def test_two_sessions_are_enough_for_a_change_and_one_is_not(self) -> None:
        told = priced(values=of(20, 40), before=50.0, today=51.0)
        assert (told["offex_ratio_change"], told["change_pct"]) == (pytest.approx(0.2), pytest.approx(2.0))
        told = priced(values=of(40), today=51.0)
        assert (told["close"], told["offex_ratio_change"], told["change_pct"]) == (51.0, None, None)

    @pytest.mark.parametrize(("ratio", "before", "change"), [(2.0, 50.0, 4.0), (0.1, 2.5, 4.0), (4.0, 104.0, 0.0)])
    def test_a_split_between_two_closes_is_no_change_of_price(self, ratio: float, before: float, change: float) -> None:
        told = priced(splits(("A", DAY, ratio)), before=before, today=before / ratio * (1 + change / 100))
        assert told["change_pct"] == pytest.approx(change, abs=1e-9)
        assert told["close"] == pytest.approx(before / ratio * (1 + change / 100))
        assert told["offex_ratio_change"] == pytest.approx(0.2)  # of the same day's shares, whatever they are

    def test_a_split_on_another_day_leaves_the_change_alone(self) -> None:
        for day in (sessions.window(DAY, 1)[0], DAY + timedelta(1)):
            assert priced(splits(("A", day, 2.0)), before=50.0, today=51.0)["change_pct"] == pytest.approx(2.0)

    def test_a_split_that_nobody_can_vouch_for_leaves_the_change_unknown(self) -> None:
        told = priced(splits(("A", DAY, None)), before=50.0, today=51.0)
        assert (told["close"], told["change_pct"]) == (51.0, None)

    def test_a_missing_close_is_unknown_and_never_zero(self) -> None:
        told = priced(today=51.0)
        assert (told["close"], told["change_pct"], told["offex_notional"]) == (51.0, None, 40 * 51.0)
        told = priced(before=50.0)
        assert (told["close"], told["change_pct"], told["offex_notional"]) == (None, None, None)
        assert row(merged({"A": of(10, 20, 30, 20, 40)}))["close"] is None

    def test_a_missing_ratio_has_no_change_and_a_missing_volume_no_value(self) -> None:
        told = priced(values=of(10, 20, 30, None, 40), before=50.0, today=51.0)
        assert (told["offex_ratio_change"], told["offex_notional"]) == (None, 40 * 51.0)
        told = priced(values=of(10, 20, 30, 20, None), before=50.0, today=51.0)
        assert (told["offex_ratio_change"], told["offex_notional"]) == (None, None)
        assert told["change_pct"] == pytest.approx(2.0)

    def test_nothing_is_held_against_another_security(self) -> None:
        values = [*[Value(10, 100)] * 6, Value(60_000, 100_000 * 0.1)]
        days = sessions.window(DAY, 1)
        closes = pl.DataFrame([("A", days[0], 2.0), ("A", DAY, 30.0)], schema=facts.CLOSE_SCHEMA, orient="row")
        history = {"ma": 3, "min_sessions": 3, "window": 10}
        told = unusual.compute(merged({"A": values}), NO_SPLITS, DAY, history, WEIGHTS, closes).row(0, named=True)
        assert "identity_break" in told["quality"]
        assert (told["close"], told["change_pct"], told["offex_ratio_change"]) == (30.0, None, None)


class TestByHand:
    def test_every_statistic_of_five_days(self) -> None:
        told = row(merged({"A": of(10, 20, 30, 20, 40)}))
        assert told["trf_volume"] == 40
        assert told["offex_ratio"] == 0.4
        assert told["trf_ma20"] == 30  # (30 + 20 + 40) / 3
        assert told["trf_spike"] == pytest.approx(4 / 3)
        assert told["trf_percentile"] == 1.0
        assert told["offex_ratio_z"] == pytest.approx((0.4 - 0.2) / (1.4826 * 0.05))  # 0.1 0.2 0.3 0.2: MAD 0.05
        assert told["accum_score"] == pytest.approx(0.5 * 0.4 + 0.5 * 4 / 3)
        assert told["history_sessions"] == 4
        assert told["quality"] == ""

    def test_ties_count_half(self) -> None:
        assert row(merged({"A": of(10, 20, 30, 20, 20)}))["trf_percentile"] == 0.5  # (1 + 2/2) / 4

    def test_ratios_that_do_not_vary_have_no_z(self) -> None:
        told = row(merged({"A": of(20, 20, 20, 90, 40)}))
        assert told["offex_ratio_z"] is None
        assert told["trf_percentile"] == 0.75

    def test_a_missing_session_is_missing_and_never_zero(self) -> None:
        told = row(merged({"A": of(10, 20, None, 20, 40)}), history={**SHORT, "min_sessions": 2})
        assert told["trf_ma20"] == 30  # (20 + 40) / 2: the mean reaches back three sessions, not three values
        assert told["history_sessions"] == 3
        assert told["trf_percentile"] == 1.0

    def test_too_few_sessions_give_nulls_and_say_so(self) -> None:
        told = row(merged({"A": of(20, 40)}))
        assert (told["trf_volume"], told["offex_ratio"], told["history_sessions"]) == (40, 0.4, 1)
        assert [told[name] for name in ("trf_ma20", "trf_spike", "trf_percentile", "offex_ratio_z", "accum_score")] == [
            None
        ] * 5
        assert told["quality"] == "short_history"

    def test_a_session_without_a_value_of_its_own_has_no_statistic(self) -> None:
        told = row(merged({"A": of(10, 20, 30, 20, None)}))
        assert [told[name] for name in ("trf_volume", "trf_ma20", "trf_spike", "trf_percentile", "accum_score")] == [
            None
        ] * 5
        assert told["history_sessions"] == 4
        assert "no_trf" in told["quality"]

    def test_a_ratio_that_is_missing_leaves_the_volumes_alone(self) -> None:
        told = row(merged({"A": [*of(10, 20, 30, 20), Value(40, None)]}))
        assert told["trf_spike"] == pytest.approx(4 / 3)
        assert (told["offex_ratio"], told["offex_ratio_z"], told["accum_score"]) == (None, None, None)

    def test_zero_volume_is_a_value(self) -> None:
        told = row(merged({"A": of(0, 0, 0, 0, 0)}))
        assert (told["trf_ma20"], told["trf_spike"], told["trf_percentile"]) == (0, None, 0.5)

    def test_ratios_that_are_too_few_are_said_where_volumes_are_enough(self) -> None:
        few = [Value(10, None), Value(20, None), Value(30, 100), Value(20, 100), Value(40, 100)]
        told = row(merged({"A": few}))
        assert (told["trf_ma20"], told["offex_ratio_z"]) == (30, None)
        assert told["quality"] == "short_history"
        told = row(merged({"A": [*few[:4], Value(40, None)]}))  # no ratio today: nothing that history would give
        assert told["quality"] == ""

    def test_weights_are_used_as_given(self) -> None:
        told = row(merged({"A": of(10, 20, 30, 20, 40)}), weights={"offex_ratio": 2.0, "trf_spike": 0.0})
        assert told["accum_score"] == pytest.approx(0.8)

    def test_a_split_inside_the_window_puts_earlier_volumes_on_todays_basis(self) -> None:
        window = sessions.window(DAY, 4)
        told = row(merged({"A": of(10, 20, 30, 40, 40)}), splits(("A", window[3], 2.0)))
        assert told["trf_ma20"] == pytest.approx((60 + 40 + 40) / 3)
        assert told["trf_percentile"] == pytest.approx((1 + 0.5 * 2) / 4)  # 20 40 60 40 against 40
        assert told["offex_ratio"] == 0.4
        assert told["quality"] == "basis_break"

    @pytest.mark.parametrize("offset", [-1, 0])
    def test_a_split_on_the_session_breaks_the_basis_and_one_before_the_window_does_not(self, offset: int) -> None:
        day = DAY if offset == 0 else sessions.window(DAY, 4)[0]
        told = row(merged({"A": of(10, 20, 30, 40, 40)}), splits(("A", day, 0.5)))
        assert ("basis_break" in told["quality"]) == (offset == 0)
        assert told["trf_ma20"] == pytest.approx((15 + 20 + 40) / 3 if offset == 0 else (30 + 40 + 40) / 3)

    def test_a_split_after_the_session_changes_nothing(self) -> None:
        frame = merged({"A": of(10, 20, 30, 40, 40)})
        assert row(frame, splits(("A", DAY + timedelta(1), 2.0))) == row(frame)

    def test_a_session_without_a_row_is_refused_and_no_older_one_taken_for_it(self) -> None:
        frame = merged({"A": of(1, 2, 3), "B": of(1, 2, 3)}).filter((pl.col("date") < DAY) | (pl.col("ticker") == "A"))
        with pytest.raises(ValueError, match="no row for session 2025-12-22 of B"):
            unusual.compute(frame, NO_SPLITS, DAY, SHORT, WEIGHTS)


OLD, NEW = Value(10, 1000.0), Value(900, 1500.0)  # ratio 0.01, then 0.6: volume 90 times, ratio 60 times as much
LONG = {"ma": 3, "min_sessions": 3, "window": 60}


class TestAnotherSecurity:
    """A used ticker: an old fund's sessions, then a new company's."""

    def test_the_windows_begin_with_the_new_company(self) -> None:
        told = row(merged({"A": [OLD] * 8 + [NEW, Value(1000, 2000.0), Value(1100, 2000.0), NEW]}), history=LONG)
        assert (told["trf_volume"], told["offex_ratio"]) == (900, 0.6)
        assert told["history_sessions"] == 3
        assert told["trf_ma20"] == 1000  # (1000 + 1100 + 900) / 3
        assert told["trf_percentile"] == pytest.approx(0.5 / 3)  # 900 1000 1100 against 900
        assert told["offex_ratio_z"] == pytest.approx((0.6 - 0.55) / (1.4826 * 0.05))  # 0.6 0.5 0.55
        assert told["quality"] == "identity_break"

    def test_one_session_of_it_is_enough_and_leaves_no_statistic(self) -> None:
        told = row(merged({"A": [*[OLD] * 54, NEW]}), history={"ma": 20, "min_sessions": 20, "window": 60})
        assert (told["trf_volume"], told["regular_volume"], told["offex_ratio"]) == (900, 1500, 0.6)
        assert [told[name] for name in ("trf_ma20", "trf_spike", "trf_percentile", "offex_ratio_z", "accum_score")] == [
            None
        ] * 5
        assert told["history_sessions"] == 0
        assert told["quality"] == "identity_break,short_history"

    @pytest.mark.parametrize(
        ("before", "now", "breaks"),
        [
            (Value(10, 1000.0), Value(500, 1000.0), True),  # both exactly 50 times
            (Value(10, 1000.0), Value(499, 998.0), False),  # the volume 49.9 times
            (Value(10, 1000.0), Value(500, 1001.0), False),  # the ratio 49.95 times
            (Value(500, 1000.0), Value(10, 1000.0), True),  # both exactly a 50th
            (Value(500, 1000.0), Value(10.1, 1010.0), False),
            (Value(500, 1000.0), Value(10, 999.0), False),
            (Value(10, 1000.0), Value(900, 90_000.0), False),  # a busy day: the ratio as ever
            (Value(10, 1000.0), Value(10, 10.0), False),  # the volume as ever
            (Value(500, 500.0), Value(50_000, 5_000_000.0), False),  # one up, the other down
            (Value(0, 1000.0), NEW, False),  # no scale to be 50 times of
        ],
    )
    def test_both_must_leave_what_they_were_by_50_times_and_the_same_way(self, before, now, breaks: bool) -> None:
        told = row(merged({"A": [*[before] * 6, now]}), history=LONG)
        assert ("identity_break" in told["quality"]) == breaks
        assert told["history_sessions"] == (0 if breaks else 6)
        # One wild session on either side moves no median.
        wild = [Value(1, 10_000.0), Value(100_000, 1000.0)]
        told = row(merged({"A": [*wild, *[before] * 6, now]}), history=LONG)
        assert ("identity_break" in told["quality"]) == breaks

    def test_a_day_without_volume_is_none_where_most_are(self) -> None:
        quiet, trade = Value(0, 1000.0), Value(5, 1000.0)
        assert "identity_break" not in row(merged({"A": [*[quiet] * 5, trade, quiet]}), history=LONG)["quality"]

    @pytest.mark.parametrize(("count", "breaks"), [(4, False), (5, True)])
    def test_five_valued_sessions_must_lie_before_it(self, count: int, breaks: bool) -> None:
        nameless = [Value(10, None), Value(None, 1000.0)]
        told = row(merged({"A": [*nameless, *[OLD] * count, NEW]}), history=LONG)
        assert ("identity_break" in told["quality"]) == breaks

    def test_every_later_session_must_be_the_new_ones(self) -> None:
        told = row(merged({"A": [*[OLD] * 6, NEW, OLD, Value(20, 1000.0)]}), history=LONG)
        assert "identity_break" not in told["quality"]
        assert told["history_sessions"] == 8

    def test_of_two_breaks_the_latest_counts(self) -> None:
        newest = Value(90_000, 100_000.0)
        middle = Value(1000, 60_000.0)
        told = row(merged({"A": [*[Value(10, 60_000.0)] * 6, *[middle] * 6, *[newest] * 4]}), history=LONG)
        assert told["history_sessions"] == 3

    def test_sessions_without_a_value_neither_make_nor_unmake_it(self) -> None:
        told = row(merged({"A": [*[OLD] * 6, NEW, Value(None, 1000.0), NEW, Value(950, None), NEW]}), history=LONG)
        assert "identity_break" in told["quality"]
        assert told["history_sessions"] == 3

    def test_a_split_explains_a_volume_on_its_basis(self) -> None:
        """100:1 on the session: what was 10 shares a day is 1,000 now, and 900 is a day like any other."""
        told = row(merged({"A": [*[OLD] * 6, NEW]}), splits(("A", DAY, 100.0)), LONG)
        assert told["quality"] == "basis_break"

    def test_the_plots_mean_begins_with_it_too(self) -> None:
        told = unusual.trailing(merged({"A": [*[OLD] * 6, *[NEW] * 3]}), NO_SPLITS, DAY, SHORT, NO_CLOSES)
        assert told["trf_ma20"].to_list() == [None, None, 10, 10, 10, 10, None, None, 900]

    def test_the_overviews_z_is_its_own_sessions(self) -> None:
        values = [*[OLD] * 8, NEW, Value(1000, 2000.0), Value(1100, 2000.0), NEW]
        told = unusual.window_z(merged({"A": values}), NO_SPLITS, DAY, 3)["z"].to_list()
        scale = 1.4826 * 0.05
        expected = [(ratio - 0.55) / scale for ratio in (0.6, 0.5, 0.55, 0.6)]
        assert told == [*[None] * 8, *(pytest.approx(value, abs=1e-12) for value in expected)]


class TestUnclearSplits:
    """A split whose ratio nobody knows is null in the table of splits."""

    VALUES: Sequence[Value] = (*of(10, 20, 30, 20, 40),)

    def test_inside_the_window_the_trailing_statistics_are_null(self) -> None:
        day = sessions.window(DAY, 4)[3]
        told = row(merged({"A": self.VALUES}), splits(("A", day, None)))
        assert (told["trf_volume"], told["offex_ratio"], told["history_sessions"]) == (40, 0.4, 4)
        assert [told[name] for name in ("trf_ma20", "trf_spike", "trf_percentile", "offex_ratio_z", "accum_score")] == [
            None
        ] * 5
        assert told["quality"] == "basis_break,split_unclear"

    @pytest.mark.parametrize(("ago", "inside"), [(4, False), (3, True), (0, True), (-1, False)])
    def test_inside_is_after_the_windows_first_session_and_up_to_the_last(self, ago: int, inside: bool) -> None:
        day = sessions.window(DAY, 4)[4 - ago] if ago >= 0 else sessions.following(DAY)
        told = row(merged({"A": self.VALUES, "B": self.VALUES}), splits(("A", day, None)))
        assert ("split_unclear" in told["quality"]) == inside
        assert (told["trf_ma20"] is None) == inside

    def test_another_tickers_is_its_own_affair(self) -> None:
        told = row(merged({"A": self.VALUES, "B": self.VALUES}), splits(("B", DAY, None)))
        assert told["quality"] == ""

    def test_plots_and_overview_leave_out_what_nobody_knows(self) -> None:
        frame, events = merged({"A": self.VALUES}), splits(("A", sessions.window(DAY, 4)[3], None))
        told = unusual.trailing(frame, events, DAY, {**SHORT, "min_sessions": 2}, NO_CLOSES)
        assert told["trf_volume_on_basis"].to_list() == [None, None, None, 20, 40]
        assert told["trf_ma20"].to_list() == [None] * 5
        assert unusual.window_z(frame, events, DAY, 3)["z"].to_list() == [None] * 5


def changeover(trf: Sequence[float | None], ratios: Sequence[float | None]) -> int:
    """DESIGN 7, `identity_break`: where the windows begin; 0 without a break."""
    pairs = [(i, v, r) for i, (v, r) in enumerate(zip(trf, ratios, strict=True)) if v is not None and r is not None]
    for k in reversed(range(5, len(pairs))):
        volume, ratio = (median(pair[column] for pair in pairs[:k]) for column in (1, 2))
        if not volume or not ratio:
            continue
        above = [v >= 50 * volume and r >= 50 * ratio for _, v, r in pairs]
        below = [50 * v <= volume and 50 * r <= ratio for _, v, r in pairs]
        if any(all(side[k:]) and not side[k - 1] for side in (above, below)):
            return pairs[k][0]
    return 0


def plain(
    values: Sequence[Value],
    events: Sequence[tuple[int, float | None]],
    history: dict[str, int],
    weights: dict[str, float],
) -> dict[str, Any]:
    """DESIGN 7 without a library: `values` oldest first, `events` as (sessions before today, ratio or unknown)."""
    window = list(values[-(history["window"] + 1) :])
    trf: list[float | None] = []
    unclear = any(ratio is None and 0 <= when < len(window) - 1 for when, ratio in events)
    for ago, value in zip(range(len(window) - 1, -1, -1), window, strict=True):
        factors = [ratio for when, ratio in events if 0 <= when < ago]
        known = value.trf is not None and None not in factors
        trf.append(value.trf * math.prod(f for f in factors if f) if known and value.trf is not None else None)
    today, today_trf = window[-1], trf[-1]
    ratios = [v.trf / v.regular if v.trf is not None and v.regular else None for v in window]
    start = changeover(trf, ratios)
    traded = [v.trf for v in window[start:-1] if v.trf is not None]
    trf[:start], ratios[:start] = [None] * start, [None] * start
    earlier = [v for v in trf[:-1] if v is not None]
    earlier_ratios = [r for r in ratios[:-1] if r is not None]
    recent = [v for v in trf[-history["ma"] :] if v is not None]
    enough = history["min_sessions"]
    measured = today_trf is not None and not unclear
    mean = sum(recent) / len(recent) if measured and len(recent) >= enough else None
    spike = today_trf / mean if mean and today_trf is not None else None
    percentile = z = None
    if measured and today_trf is not None and len(earlier) >= enough:
        percentile = sum(1.0 if v < today_trf else 0.5 if v == today_trf else 0.0 for v in earlier) / len(earlier)
    ratio = ratios[-1]
    if ratio is not None and not unclear and len(earlier_ratios) >= enough:
        middle = median(earlier_ratios)
        mad = median(abs(r - middle) for r in earlier_ratios)
        z = (ratio - middle) / (1.4826 * mad) if mad else None
    score = None
    if ratio is not None and spike is not None:
        score = weights["offex_ratio"] * ratio + weights["trf_spike"] * spike
    return {
        "trf_volume": today.trf,
        "regular_volume": today.regular,
        "offex_ratio": ratio,
        "trf_ma20": mean,
        "trf_spike": spike,
        "trf_percentile": percentile,
        "offex_ratio_z": z,
        "accum_score": score,
        "history_sessions": len(traded),
        "split_unclear": unclear,
        "identity_break": start > 0,
    }


# Few distinct whole numbers: ties and a MAD of zero come often. Ratios are powers of two, exact in floats.
TRF = st.one_of(st.none(), st.sampled_from([0.0, 1.0, 2.0, 3.0]), st.floats(0, 1e9))
VALUES = st.builds(Value, TRF, st.one_of(st.none(), st.just(0.0), st.sampled_from([4.0, 8.0]), st.floats(1, 1e10)))
EVENTS = st.lists(
    st.tuples(st.integers(-3, 12), st.sampled_from([0.25, 0.5, 2.0, 4.0, None])), max_size=3, unique_by=lambda e: e[0]
)


@given(st.lists(VALUES, min_size=1, max_size=14), EVENTS, st.integers(2, 6), st.integers(0, 4), st.integers(5, 13))
@settings(max_examples=300, deadline=None)
def test_a_plain_implementation_of_the_design_agrees(values, events, ma: int, fewer: int, window: int) -> None:
    history = {"ma": ma, "min_sessions": max(2, ma - fewer), "window": window}
    days = sessions.window(sessions.window(DAY, 0)[0], 12)
    later = [DAY + timedelta(days=k) for k in (1, 2, 3)]
    table = splits(*(("A", days[-1 - ago] if ago >= 0 else later[-ago - 1], ratio) for ago, ratio in events))
    told = row(merged({"A": values}), table, history)
    expected = plain(values, events, history, WEIGHTS)
    for flag in ("split_unclear", "identity_break"):
        assert (flag in told["quality"].split(",")) == expected.pop(flag)
    for name, value in expected.items():
        assert told[name] == (value if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)), name


@given(st.lists(VALUES, min_size=6, max_size=10), st.lists(VALUES, min_size=6, max_size=10))
@settings(max_examples=50, deadline=None)
def test_the_same_session_gives_the_same_row_whatever_else_is_computed(one, other) -> None:
    history = {"ma": 3, "min_sessions": 2, "window": 4}
    alone = unusual.compute(merged({"A": one[-5:]}), NO_SPLITS, DAY, history, WEIGHTS)
    beside = unusual.compute(
        merged({"A": one, "B": other}).sample(fraction=1, shuffle=True), NO_SPLITS, DAY, history, WEIGHTS
    )
    assert beside.filter(pl.col("ticker") == "A").equals(alone)


def test_later_sessions_are_never_looked_at() -> None:
    later = sessions.following(DAY)
    frame = merged({"A": of(10, 20, 30, 20, 40, 1_000_000)}, later)
    expected = merged({"A": of(10, 20, 30, 20, 40)})
    assert row(frame) == row(expected)


def test_the_result_is_columns_of_the_table_features_by_ticker_in_byte_order() -> None:
    frame = unusual.compute(merged({"TpC": of(1, 2, 3), "TPC": of(3, 2, 1)}), NO_SPLITS, DAY, SHORT, WEIGHTS)
    known = dict(contracts.frame("features", {}).schema)
    assert {name: known[name] for name in frame.columns} == dict(frame.schema)
    assert frame["ticker"].to_list() == ["TPC", "TpC"]


class TestWindowZ:
    """The yardstick of the overview: median and MAD of the sessions before the last, for every session."""

    RATIOS = of(10, 20, 30, 40, 90)  # 0.1 0.2 0.3 0.4 before 0.9: median 0.25, deviations 0.15 0.05 0.05 0.15, MAD 0.1

    def z(self, values: Sequence[Value], least: int = 4) -> list[float | None]:
        told = unusual.window_z(merged({"A": values}), NO_SPLITS, DAY, least)
        assert told.columns == ["date", "ticker", "z"]
        assert told["date"].to_list() == sessions.window(DAY, len(values) - 1)
        return [None if value is None else round(value, 9) for value in told["z"]]

    def test_every_value_by_hand(self) -> None:
        assert self.z(self.RATIOS) == [round(x / (1.4826 * 0.1), 9) for x in (-0.15, -0.05, 0.05, 0.15, 0.65)]

    def test_its_last_is_that_of_features(self) -> None:
        told = row(merged({"A": self.RATIOS}))["offex_ratio_z"]
        assert self.z(self.RATIOS)[-1] == pytest.approx(told, abs=1e-9)

    @pytest.mark.parametrize(("least", "known"), [(3, True), (4, True), (5, False)])
    def test_the_least_number_counts_the_sessions_before_with_a_ratio(self, least: int, known: bool) -> None:
        gap = [Value(None, 100.0), Value(5, None)]
        assert [value is not None for value in self.z([*gap, *self.RATIOS], least)] == [False] * 2 + [known] * 5

    def test_sessions_that_do_not_vary_are_no_yardstick(self) -> None:
        assert self.z(of(20, 20, 20, 90, 40), 3) == [None] * 5

    def test_each_ticker_has_its_own(self) -> None:
        frame = merged({"B": self.RATIOS, "A": of(20, 40, 60, 80, 180)})
        told = unusual.window_z(frame, NO_SPLITS, DAY, 4)
        assert told["ticker"].to_list() == ["A"] * 5 + ["B"] * 5
        assert told["z"].to_list()[:5] == pytest.approx([x / (1.4826 * 0.2) for x in (-0.3, -0.1, 0.1, 0.3, 1.3)])

    def test_later_sessions_are_not_looked_at(self) -> None:
        frame = merged({"A": [*self.RATIOS, Value(1e6, 1e6)]}, sessions.following(DAY))
        told = unusual.window_z(frame, NO_SPLITS, DAY, 4)
        assert told.height == 5


class TestTrailing:
    def test_the_mean_of_today_is_the_one_of_features(self) -> None:
        window = sessions.window(DAY, 4)
        frame, events = merged({"A": of(10, 20, 30, 40, 40)}), splits(("A", window[3], 2.0))
        told = unusual.trailing(frame, events, DAY, SHORT, NO_CLOSES)
        assert told["trf_volume_on_basis"].to_list() == [20, 40, 60, 40, 40]
        assert told["trf_ma20"].to_list() == [None, None, 40, pytest.approx(140 / 3), pytest.approx(140 / 3)]
        assert told["trf_ma20"][-1] == pytest.approx(row(frame, events)["trf_ma20"])
        assert told["split_ratio"].to_list() == [None, None, None, 2.0, None]
        assert told["trf_volume"].to_list() == [10, 20, 30, 40, 40]

    def test_closes_stand_on_the_share_basis_of_the_session(self) -> None:
        """2:1 before the fourth session: 100 a share then is 50 a share now; a close that is not known is a gap."""
        window = sessions.window(DAY, 4)
        closes = pl.DataFrame(
            [("A", window[0], 100.0), ("A", window[2], 104.0), ("A", window[3], 53.0), ("B", DAY, 9.0)],
            schema=facts.CLOSE_SCHEMA, orient="row",
        )  # fmt: skip
        frame, events = merged({"A": of(10, 20, 30, 40, 40)}), splits(("A", window[3], 2.0))
        told = unusual.trailing(frame, events, DAY, SHORT, closes)
        assert told["close_on_basis"].to_list() == [50, None, 52, 53, None]
        unclear = unusual.trailing(frame, splits(("A", window[3], None)), DAY, SHORT, closes)
        assert unclear["close_on_basis"].to_list() == [None, None, None, 53, None]

    def test_the_price_of_another_security_is_not_drawn(self) -> None:
        closes = pl.DataFrame({"ticker": ["A", "A"], "date": sessions.window(DAY, 8)[-4:-2], "close": [5.0, 80.0]})
        told = unusual.trailing(merged({"A": [*[OLD] * 6, *[NEW] * 3]}), NO_SPLITS, DAY, SHORT, closes)
        assert told["close_on_basis"].to_list() == [None] * 6 + [80, None, None]

    def test_a_gap_has_no_mean(self) -> None:
        told = unusual.trailing(
            merged({"A": of(10, 20, 30, None, 40)}), NO_SPLITS, DAY, {**SHORT, "min_sessions": 2}, NO_CLOSES
        )
        assert told["trf_ma20"].to_list() == [None, 15, 20, None, 35]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.floats(-1e6, 1e6))
def test_a_percentile_is_a_fraction_and_mirrors(earlier: list[float], today: float) -> None:
    share = unusual.percentile(np.array(earlier), today)
    assert 0 <= share <= 1
    assert unusual.percentile(-np.array(earlier), -today) == pytest.approx(1 - share)


HISTORY = {"ma": 20, "min_sessions": 20, "window": 60}
REAL = {
    ("2021-12-31", "TQQQ"): (8_946_799, 30_124_300, 0.2970, 13_471_438.75, 0.6641, 0.0, 1.019499),
    ("2021-12-31", "NVDA"): (14_512_780, 26_653_000, 0.5445, 27_582_414.75, 0.5262, None, -0.603971),
    ("2021-12-31", "GLD"): (1_443_689, 7_039_300, 0.2051, 1_424_423.85, 1.0135, 0.619048, -0.292004),
    ("2025-12-22", "AAPL"): (12_057_002, 36_571_800, 0.3297, 13_290_637.30, 0.9072, 0.264706, 0.593897),
    ("2025-12-22", "TSLA"): (48_288_288, 86_916_100, 0.5556, 43_232_389.05, 1.1169, None, None),
    ("2013-10-09", "BAC"): (33_004_290, 94_549_594, 0.3491, None, None, None, None),
}


@pytest.mark.real_data
@pytest.mark.parametrize(("day", "ticker"), REAL)
def test_real_days_have_the_values_computed_elsewhere(day: str, ticker: str, real_data: Path) -> None:
    from darkpool.session import volume_tables

    session = date.fromisoformat(day)
    built, metadata = volume_tables.volumes(
        Archive(real_data / "archive"),
        "emps2",
        window=sessions.window(session, 60),
        tickers=[ticker],
        unmapped=[],
        prefixes=["CNMS"],
        excluded=["SPXW"],
        offline=True,
    )
    events = facts.splits(metadata)
    told = unusual.compute(built["merged"], events, session, HISTORY, WEIGHTS).row(0, named=True)
    trf, regular, ratio, mean, spike, percentile, z = REAL[day, ticker]
    assert (told["trf_volume"], told["regular_volume"]) == (trf, pytest.approx(regular))
    assert told["offex_ratio"] == pytest.approx(ratio, abs=5e-5)
    assert told["trf_ma20"] == (mean if mean is None else pytest.approx(mean))
    assert told["trf_spike"] == (spike if spike is None else pytest.approx(spike, abs=5e-5))
    if percentile is not None:
        assert told["trf_percentile"] == pytest.approx(percentile, abs=5e-7)
    if z is not None:
        assert told["offex_ratio_z"] == pytest.approx(z, abs=5e-7)
    if mean is None:
        assert told["history_sessions"] == 2
        assert "short_history" in told["quality"]


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("day", "ticker", "closes", "notional"),
    [
        ("2025-12-22", "AAPL", (273.67, 270.97), 12_057_002 * 270.97),
        ("2025-12-22", "TSLA", (481.20, 488.73), 48_288_288 * 488.73),
        # Yahoo tells 39.6254 of 2021-12-31, two 2:1 splits later; 2:1 twice is a factor of 4.
        ("2021-12-31", "TQQQ", (161.503433, 158.501663), 8_946_799 * 158.501663),
    ],
)
def test_real_closes_are_as_traded(
    day: str, ticker: str, closes: tuple[float, float], notional: float, real_data: Path
) -> None:
    from darkpool.session import volume_tables

    session = date.fromisoformat(day)
    built, metadata = volume_tables.volumes(
        Archive(real_data / "archive"), "emps2", window=sessions.window(session, 60), tickers=[ticker],
        unmapped=[], prefixes=["CNMS"], excluded=[], offline=True,
    )  # fmt: skip
    told = unusual.compute(
        built["merged"], facts.splits(metadata), session, HISTORY, WEIGHTS, facts.closes(metadata)
    ).row(0, named=True)
    assert told["close"] == pytest.approx(closes[1], rel=1e-8)
    assert told["change_pct"] == pytest.approx(100 * (closes[1] / closes[0] - 1), abs=1e-6)
    assert told["offex_notional"] == pytest.approx(notional, rel=1e-8)
