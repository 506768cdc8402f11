"""Minute bars: in which unit their starts are, which count, and where minutes are missing."""

from __future__ import annotations

import itertools
import math
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool.measures import lit, minute_bars
from darkpool.measures.ticks import tick_file
from unit.measures.test_lit import CLOSE, DAY, HOURS, OPEN, UNKNOWN_INTERVAL, bars_file, volumes


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
        **UNKNOWN_INTERVAL,
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


@pytest.mark.parametrize("bad", [(0.0, 2.0, 5.0), (1.0, 0.0, 5.0), (1.0, 2.0, 0.0), (-1.0, 2.0, 5.0), (None, 2.0, 5.0)])
def test_a_bar_without_a_price_or_a_volume_is_left_out_for_it(tmp_path, bad):
    hours = (1_000_000_000, 2_000_000_000)
    flow = lit.classify_symbol(None, None, bars_file(tmp_path, [(1_000, *bad), (1_001, 1.0, 2.0, 3.0)]), hours)
    assert (flow.lit["lit_buy_volume"], flow.lit["lit_trades"]) == (3.0, 1)
    assert flow.lit["excluded_reasons"] == ({"bad_price_or_size": 5.0} if bad[2] else {})


def day_of_bars(folder: Path, kept=lambda i: True, kind=lambda t: t, more=(), unit: int = 10**6) -> Path:
    """390 minutes of 100 shares, bought in the even ones, in `unit` nanoseconds; `kind` makes the column of starts."""
    rows = [(OPEN // unit + i * 60 * 10**9 // unit, 1.0, 2.0 - 1.5 * (i % 2), 100.0) for i in range(390) if kept(i)]
    path = bars_file(folder, [*rows, *more])
    frame = pl.read_parquet(path)
    frame.with_columns(kind(frame["t"]).alias("t")).write_parquet(path)
    return path


def of_bars(path: Path, **options) -> lit.SymbolFlow:
    return lit.classify_symbol(None, None, path, DAY, regular=(OPEN, CLOSE), min_lit_volume=0, **options)


WHOLE_DAY = (19_500.0, 19_500.0, 0.0)


@pytest.mark.parametrize(
    ("unit", "kind"),
    [
        *((unit, kind) for unit in (10**9, 10**6, 10**3, 1) for kind in (pl.Int64, pl.UInt64, pl.Decimal(20, 0))),
        *((unit, pl.Float64) for unit in (10**9, 10**6, 10**3)),
        (10**9, pl.Int32),
        (10**9, pl.UInt32),
    ],
)
def test_bars_are_read_whatever_their_starts_are_counted_in(tmp_path, unit, kind):
    flow = of_bars(day_of_bars(tmp_path, unit=unit, kind=lambda t: t.cast(kind)))
    assert (volumes(flow), flow.lit["excluded_volume"], flow.flags) == (WHOLE_DAY, 0.0, frozenset())


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_bars_whose_starts_are_times_with_their_zone_are_read(tmp_path, unit, zone):
    def zoned(t):
        return t.cast(pl.Datetime("ms", "UTC")).cast(pl.Datetime(unit, "UTC")).dt.convert_time_zone(zone)

    flow = of_bars(day_of_bars(tmp_path, kind=zoned))
    assert (volumes(flow), flow.lit["excluded_volume"]) == (WHOLE_DAY, 0.0)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (lambda t: t.cast(pl.Datetime("ms")), "column t is a time without a zone"),
        (lambda t: t.cast(pl.Float32), "column t is Float32, expected the start of each bar in ms"),
        (lambda t: t.cast(pl.String), "column t is String, expected the start of each bar in ms"),
        (lambda t: t.cast(pl.Datetime("ms")).dt.date(), "column t is Date, expected"),
        (lambda t: t // 10**7, "column t: no bar is of the session, for example 176641"),
        (lambda t: t - 3 * 86_400_000, "column t: no bar is of the session"),
        (lambda t: t - 2 * 10**14, "column t: no bar is of the session"),
        (lambda t: pl.Series([None if i else 5 for i in range(len(t))], dtype=pl.Int64), "no bar is of the session"),
        (lambda t: pl.Series([v // 1_000 if i % 2 else v for i, v in enumerate(t)]), "no bar is of the session"),
    ],
)
def test_bars_whose_starts_nobody_can_read_are_refused_with_file_and_column(tmp_path, kind, why):
    with pytest.raises(tick_file.TickError, match=rf"bars\.parquet: .*{why}"):
        of_bars(day_of_bars(tmp_path, kind=kind))


def test_a_bar_of_another_day_among_those_of_the_session_is_outside_hours(tmp_path):
    stray = (OPEN // 10**6 - 3 * 86_400_000, 1.0, 2.0, 7.0)
    flow = of_bars(day_of_bars(tmp_path, more=[stray]))
    assert (volumes(flow), flow.lit["excluded_reasons"]) == (WHOLE_DAY, {"outside_hours": 7.0})


HALF_DAY, THOUSAND_DAYS = 12 * 3_600_000, 1_000 * 24 * 3_600_000
"""Milliseconds."""


@pytest.mark.parametrize(("moment", "away", "inside"), [(OPEN, -HALF_DAY, 1), (CLOSE, HALF_DAY, -1)])
def test_a_bar_is_of_the_session_within_half_a_day_before_and_after_it(tmp_path, moment, away, inside):
    edge = moment // 10**6 + away
    bars = minute_bars.read_bars(bars_file(tmp_path, [(edge + inside, 1.0, 2.0, 7.0)]), (OPEN, CLOSE))
    assert bars.frame["v"].to_list() == [7.0]
    with pytest.raises(tick_file.TickError, match="no bar is of the session"):
        minute_bars.read_bars(bars_file(tmp_path, [(edge, 1.0, 2.0, 7.0)]), (OPEN, CLOSE))


@pytest.mark.parametrize("side", [-1, 1])
def test_a_bar_a_thousand_days_away_says_that_the_unit_is_another(tmp_path, side):
    start = OPEN // 10**6
    sound, far = (start, 1.0, 2.0, 7.0), start + side * THOUSAND_DAYS
    bars = minute_bars.read_bars(bars_file(tmp_path, [sound, (far - side, 1.0, 2.0, 8.0)]), (OPEN, CLOSE))
    assert bars.frame["v"].to_list() == [7.0, 8.0]
    with pytest.raises(tick_file.TickError, match="no bar is of the session"):
        minute_bars.read_bars(bars_file(tmp_path, [sound, (far, 1.0, 2.0, 8.0)]), (OPEN, CLOSE))


def test_a_file_without_bars_has_none_and_no_repeats(tmp_path):
    bars = minute_bars.read_bars(bars_file(tmp_path, []), DAY)
    assert (bars.frame.height, bars.frame.columns, bars.repeats) == (0, ["t", "o", "c", "v"], 0)


def test_one_other_byte_in_a_page_is_damage_and_no_other_volume(tmp_path):
    path = tmp_path / "bars.parquet"
    table = pl.DataFrame({"t": [OPEN // 10**6], "o": [1.0], "c": [2.0], "v": [300.0]}).to_arrow()
    pq.write_table(
        table, path, compression="none", use_dictionary=False, write_statistics=False, write_page_checksum=True
    )
    assert minute_bars.read_bars(path, DAY).frame["v"].to_list() == [300.0]
    content = path.read_bytes()
    assert content.count(struct.pack("<d", 300.0)) == 1
    path.write_bytes(content.replace(struct.pack("<d", 300.0), struct.pack("<d", 301.0)))
    with pytest.raises(tick_file.TickError, match=r"bars\.parquet"):
        minute_bars.read_bars(path, DAY)


def test_identical_bars_count_once_and_are_counted(tmp_path):
    path = day_of_bars(tmp_path)
    frame = pl.read_parquet(path)
    pl.concat([frame, frame[:20]]).write_parquet(path)
    flow = of_bars(path)
    assert (volumes(flow), flow.repeats) == (WHOLE_DAY, {"bars": 20})


def test_two_different_bars_of_one_minute_are_refused(tmp_path):
    first = OPEN // 10**6
    another = (first, 1.0, 2.0, 101.0)
    with pytest.raises(tick_file.TickError, match=rf"bars\.parquet: column t: two different bars start at {first} ms"):
        of_bars(day_of_bars(tmp_path, more=[another]))


def test_a_row_of_nulls_is_no_second_bar(tmp_path):
    nothing = (OPEN // 10**6, None, None, None)
    assert volumes(of_bars(day_of_bars(tmp_path, more=[nothing]))) == WHOLE_DAY


@pytest.mark.parametrize(
    ("kept", "gap"),
    [
        (lambda i: True, False),
        (lambda i: not 100 <= i < 129, False),
        (lambda i: not 100 <= i < 130, True),
        (lambda i: i >= 30, True),
        (lambda i: i >= 29, False),
        (lambda i: i < 360, True),
        (lambda i: i < 361, False),
        (lambda i: i < 60, True),
        (lambda i: i % 20 == 0, False),
        (lambda i: i >= 30 and i % 2 == 0, True),  # 180 of the 360 others
        (lambda i: i >= 30 and i % 2 == 0 and i != 200, False),  # 179 of them
    ],
)
def test_half_an_hour_without_bars_is_a_gap_where_most_other_minutes_have_one(tmp_path, kept, gap):
    assert of_bars(day_of_bars(tmp_path, kept=kept)).flags == ({"bars_gap"} if gap else set())


def test_a_gap_is_judged_between_open_and_close_alone_and_by_bars_that_say_something(tmp_path):
    late = [(CLOSE // 10**6 + i * 60_000, 1.0, 2.0, 100.0) for i in range(60)]
    assert of_bars(day_of_bars(tmp_path, kept=lambda i: i < 350, more=late)).flags == {"bars_gap"}
    empty = [(OPEN // 10**6 + i * 60_000, 1.0, 2.0, 0.0) for i in range(350, 390)]
    assert of_bars(day_of_bars(tmp_path, kept=lambda i: i < 350, more=empty)).flags == {"bars_gap"}
    early = [(OPEN // 10**6 - 60_000 * i, 1.0, 2.0, 100.0) for i in range(1, 60)]
    assert of_bars(day_of_bars(tmp_path, kept=lambda i: i > 29, more=early)).flags == {"bars_gap"}


def test_a_day_without_any_bar_has_no_gap_in_them():
    assert not minute_bars.has_gap(np.zeros(390, np.bool_))


@given(st.lists(st.booleans(), min_size=1, max_size=120))
def test_a_gap_is_what_a_search_by_hand_finds(there):
    runs = [(value, len(list(run))) for value, run in itertools.groupby(there)]
    longest = max((length for value, length in runs if not value), default=0)
    expected = any(there) and longest >= 30 and 2 * sum(there) >= len(there) - longest
    assert minute_bars.has_gap(np.array(there)) == expected


def test_bars_without_their_columns_are_refused(tmp_path):
    path = tmp_path / "bars.parquet"
    pl.DataFrame({"t": [1], "close": [1.0]}).write_parquet(path)
    with pytest.raises(tick_file.TickError, match=r"bars\.parquet: expected minute bars with the columns t, o, c, v"):
        lit.classify_symbol(None, None, path, HOURS)
