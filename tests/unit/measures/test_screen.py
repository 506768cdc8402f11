"""The whole market against its own past."""

from __future__ import annotations

import math
import statistics
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool.measures import screen

TODAY = date(2025, 12, 22)
Volumes = dict[date, dict[str, float]]


def independent(volumes: Volumes, session: date, splits: tuple = ()) -> tuple[dict, float | None]:
    """Written from the reference text alone: (z, multiple, rank, core, new, sessions) by symbol, and the factor."""
    earlier = sorted(day for day in volumes if day < session)
    past = {s: {d: volumes[d][s] for d in earlier if volumes[d].get(s, 0) > 0} for s in volumes[session]}
    core = sorted(s for s, had in past.items() if len(had) >= 20 and statistics.median(had.values()) >= 100_000)
    if len(core) < 100:
        days = None
    else:
        m = {s: statistics.median(math.log(v) for v in past[s].values()) for s in core}
        days = {}
        for d in [*earlier, session]:
            away = [math.log(volumes[d][s]) - m[s] for s in core if volumes[d].get(s, 0) > 0]
            days[d] = statistics.median(away) if away else None
    found = {}
    for s, had in past.items():
        new = len(had) < 20 and volumes[session][s] >= 100_000
        z = multiple = None
        if days and len(had) >= 20 and volumes[session][s] > 0:

            def on_basis(day: date, shares: float, symbol: str = s) -> float:
                ratios = (ratio for name, ex, ratio in splits if name == symbol and day < ex <= session)
                return shares * math.prod(ratios)

            y = [math.log(on_basis(d, v)) - days[d] for d, v in had.items() if days[d] is not None]
            now = math.log(volumes[session][s]) - days[session]
            sd = statistics.stdev(y)
            z = (now - statistics.fmean(y)) / sd if sd > 1e-12 else None
            multiple = math.exp(now - statistics.median(y))
        found[s] = (z, multiple, s in core, new, len(had))
    order = sorted((s for s in core if found[s][0] is not None), key=lambda s: (-found[s][0], s.encode()))
    rank = {s: number for number, s in enumerate(order, start=1)}
    return {s: (*row, rank.get(s)) for s, row in found.items()}, math.exp(days[session]) if days else None


def frames(volumes: Volumes, session: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    schema = {"date": pl.Date, "symbol": pl.String, "trf_volume": pl.Float64}
    rows = [(day, symbol, shares) for day, held in volumes.items() for symbol, shares in held.items()]
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.filter(pl.col("date") == session).drop("date"), frame.filter(pl.col("date") < session)


def screened(volumes: Volumes, session: date = TODAY, splits: tuple = (), unclear: tuple = ()) -> screen.Screen:
    known = pl.DataFrame(list(splits), schema=["symbol", "ex_date", "ratio"], orient="row") if splits else None
    return screen.screen(*frames(volumes, session), session, known, unclear)


def by_symbol(found: screen.Screen) -> dict[str, dict]:
    return {row["symbol"]: row for row in found.rows.iter_rows(named=True)}


def assert_agree(found: screen.Screen, volumes: Volumes, session: date, splits: tuple = ()) -> None:
    expected, factor = independent(volumes, session, splits)
    rows = by_symbol(found)
    assert list(rows) == sorted(expected, key=str.encode)
    for symbol, (z, multiple, core, new, sessions, rank) in expected.items():
        row = rows[symbol]
        assert (row["is_core"], row["is_new"], row["earlier_sessions"], row["rank"]) == (core, new, sessions, rank)
        assert row["volume_z"] == (None if z is None else pytest.approx(z, rel=0, abs=1e-9))
        assert row["volume_multiple"] == (None if multiple is None else pytest.approx(multiple, rel=1e-11, abs=1e-9))
        assert row["market_factor"] == (None if factor is None else pytest.approx(factor, rel=0, abs=1e-12))


@cache
def december(folder: Path) -> Volumes:
    """All of December 2021, read without the package."""
    volumes: Volumes = {}
    for path in sorted(folder.glob("CNMSshvol202112*.txt")):
        fields = [line.split("|") for line in path.read_text().splitlines()[1:-1]]
        volumes[date(2021, 12, int(path.stem[-2:]))] = {row[1]: float(row[4]) for row in fields}
    return volumes


REFERENCES = {
    date(2021, 12, 31): (
        (0.712802921, 3455, 10261, 49),
        {
            "XERS": (7.856594937, 39.031281725),
            "LXRX": (6.827793659, 14.786267317),
            "LMNL": (5.504917351, 12.889502795),
            "DSX": (5.032649364, 3.061431887),
            "GLYC": (4.845459433, 4.927911394),
            "XOS": (4.774249770, 3.921516879),
            "DCPH": (4.535193713, 5.627805910),
            "SLYV": (4.467685531, 8.738216758),
            "TAIL": (4.288298625, 6.485490842),
            "STPZ": (4.199076306, 14.607994091),
        },
    ),
    date(2021, 12, 30): (
        (0.786710386, 3468, 10253, 59),
        {"VGR": (10.644169515, None), "SCHR": (9.057760655, None), "VST": (7.721988641, None)},
    ),
}


@pytest.mark.real_data
@pytest.mark.parametrize("session", REFERENCES)
def test_a_real_session_lists_what_the_reference_lists(real_data, session):
    (factor, core, symbols, new), listed = REFERENCES[session]
    rows = screened(december(real_data / "archive/finra/regsho"), session).rows
    assert (rows["is_core"].sum(), len(rows), rows["is_new"].sum()) == (core, symbols, new)
    assert rows["market_factor"].unique().to_list() == [pytest.approx(factor, rel=0, abs=1e-9)]
    top = rows.sort("rank", nulls_last=True).head(len(listed))
    assert top["symbol"].to_list() == list(listed)
    for row in top.iter_rows(named=True):
        z, multiple = listed[row["symbol"]]
        assert row["volume_z"] == pytest.approx(z, rel=0, abs=1e-9)
        assert multiple is None or row["volume_multiple"] == pytest.approx(multiple, rel=0, abs=1e-9)


@pytest.mark.real_data
@pytest.mark.parametrize("session", REFERENCES)
def test_every_symbol_of_a_real_session_agrees_with_an_independent_program(real_data, session):
    volumes = december(real_data / "archive/finra/regsho")
    assert_agree(screened(volumes, session), volumes, session)


def days(count: int) -> list[date]:
    return [TODAY - timedelta(days=number) for number in range(count, 0, -1)]


def market(seed: int = 1, symbols: int = 120, sessions: int = 30) -> Volumes:
    """A made market: every symbol has its own size and a day's noise, every day is the market's own."""
    random = np.random.default_rng(seed)
    size = np.exp(random.normal(13.5, 0.8, symbols))
    volumes: Volumes = {}
    for day in [*days(sessions), TODAY]:
        shares = np.round(size * np.exp(random.normal(0, 0.3) + random.normal(0, 0.4, symbols)))
        volumes[day] = {f"S{number:03}": float(value) for number, value in enumerate(shares)}
    return volumes


def test_a_day_of_the_whole_market_is_nobodys_own():
    """Every volume of today twice over: the factor doubles, and no z moves."""
    volumes = market()
    before = screened(volumes)
    volumes[TODAY] = {symbol: 2 * shares for symbol, shares in volumes[TODAY].items()}
    after = screened(volumes)
    assert after.rows["market_factor"][0] == pytest.approx(2 * before.rows["market_factor"][0])
    assert after.rows["volume_z"].to_list() == pytest.approx(before.rows["volume_z"].to_list())


def test_what_trades_ten_times_its_normal_is_on_top():
    volumes = market()
    volumes[TODAY]["S042"] *= 30
    row = by_symbol(screened(volumes))["S042"]
    assert row["rank"] == 1
    assert row["volume_multiple"] > 10


def test_the_known_basis_moves_a_symbols_own_values_and_nothing_else():
    volumes = market()
    ex_date = days(5)[0]
    for day in [*days(5), TODAY]:
        volumes[day]["S007"] *= 10
    plain, known = screened(volumes), screened(volumes, splits=(("S007", ex_date, 10.0),))
    assert by_symbol(known)["S007"]["volume_z"] != by_symbol(plain)["S007"]["volume_z"]
    assert known.days == plain.days
    columns = ["symbol", "median_volume", "is_core", "volume_z", "volume_multiple"]
    others = pl.col("symbol") != "S007"
    assert known.rows.filter(others).select(columns).equals(plain.rows.filter(others).select(columns))
    assert by_symbol(known)["S007"]["median_volume"] == by_symbol(plain)["S007"]["median_volume"]
    assert_agree(known, volumes, TODAY, (("S007", ex_date, 10.0),))


def test_a_reverse_split_that_hid_a_name_shows_it_once_it_is_known():
    """1 for 20 on the day itself: the file holds a tenth of the shares, twice the volume on the new basis."""
    volumes = market()
    volumes[TODAY]["S011"] = 0.1 * math.exp(statistics.fmean(math.log(volumes[d]["S011"]) for d in days(30)))
    splits = (("S011", TODAY, 1 / 20),)
    hidden, shown = by_symbol(screened(volumes))["S011"], by_symbol(screened(volumes, splits=splits))["S011"]
    assert hidden["volume_z"] < -2 < 0.5 < shown["volume_z"]
    assert shown["rank"] < hidden["rank"]
    assert shown["volume_multiple"] / hidden["volume_multiple"] == pytest.approx(20)


def test_two_splits_of_one_symbol_multiply_and_a_later_one_counts_for_nothing():
    volumes = market()
    splits = (("S001", days(9)[0], 2.0), ("S001", days(4)[0], 3.0), ("S001", TODAY + timedelta(days=1), 50.0))
    assert_agree(screened(volumes, splits=splits), volumes, TODAY, splits)


def test_a_symbol_whose_basis_nobody_knows_has_no_value_and_no_rank():
    volumes = market()
    volumes[TODAY]["S003"] *= 30
    row = by_symbol(screened(volumes, unclear=("S003",)))["S003"]
    assert (row["volume_z"], row["volume_multiple"], row["rank"], row["is_core"]) == (None, None, None, True)


def test_fewer_than_a_hundred_core_names_make_no_market_day():
    found = screened(market(symbols=99))
    assert found.rows["is_core"].sum() < 100
    for column in ("volume_z", "volume_multiple", "rank", "market_factor"):
        assert found.rows[column].null_count() == 99
    assert found.days == {}


def test_a_file_of_three_rows_today_lists_nothing():
    volumes = market()
    volumes[TODAY] = dict.fromkeys(("S000", "S001", "S002"), 1e9)
    assert screened(volumes).rows["rank"].to_list() == [None] * 3


@pytest.mark.parametrize("missing", ["a missing session", "an extract of three rows", "an empty session", "one name"])
def test_an_odd_day_in_the_window_makes_no_false_top_name(missing):
    volumes = market()
    day = days(10)[0]
    match missing:
        case "a missing session":
            del volumes[day]
        case "an extract of three rows":
            volumes[day] = {symbol: volumes[day][symbol] for symbol in ("S000", "S001", "S002")}
        case "an empty session":
            volumes[day] = {}
        case "one name":
            volumes[day] = {"NOBODY": 5e5}
    found = screened(volumes)
    assert_agree(found, volumes, TODAY)
    assert found.rows["volume_z"].max() < 4


def test_a_day_without_one_core_name_is_no_session_of_anybody():
    """NEAR trades on 20 days, one of which holds nothing else: 19 are comparable, one too few."""
    volumes = market(sessions=25)
    for day in days(25)[:20]:
        volumes[day]["NEAR"] = 50.0
    volumes[days(25)[3]] = {"NEAR": 50.0}
    volumes[TODAY]["NEAR"] = 5e6
    row = by_symbol(screened(volumes))["NEAR"]
    assert (row["earlier_sessions"], row["volume_z"], row["volume_multiple"]) == (20, None, None)


def test_a_volume_of_zero_is_no_session_and_no_value():
    volumes = market(sessions=20)
    volumes[days(3)[0]]["S000"] = 0.0
    volumes[TODAY]["S001"] = 0.0
    rows = by_symbol(screened(volumes))
    assert (rows["S000"]["earlier_sessions"], rows["S000"]["is_core"], rows["S000"]["volume_z"]) == (19, False, None)
    assert (rows["S001"]["is_core"], rows["S001"]["volume_z"], rows["S001"]["rank"]) == (True, None, None)


def test_fractional_volumes_count():
    volumes = market()
    for day in volumes:
        volumes[day]["TINY"] = 0.000001 if day != TODAY else 0.000003
    row = by_symbol(screened(volumes))["TINY"]
    assert row["is_core"] is False
    assert row["rank"] is None
    assert 1 < row["volume_multiple"] < 10


def test_a_name_that_came_lately_is_new_and_not_compared():
    volumes = market()
    for day in days(19):
        volumes[day]["IPO"] = 3e5
    volumes[TODAY] |= {"IPO": 100_000.0, "SMALL": 99_999.0}
    rows = by_symbol(screened(volumes))
    assert [rows[name]["is_new"] for name in ("IPO", "SMALL", "S000")] == [True, False, False]
    assert (rows["IPO"]["volume_z"], rows["IPO"]["median_volume"], rows["SMALL"]["median_volume"]) == (None, 3e5, None)


def test_a_name_that_moved_with_the_market_to_the_share_has_no_z():
    volumes = market()
    factors = screened(volumes).days
    for day in volumes:
        volumes[day]["SAME"] = 50_000 * math.exp(factors[day])  # below the core, which it must not move
    row = by_symbol(screened(volumes))["SAME"]
    assert row["volume_z"] is None
    assert row["volume_multiple"] == pytest.approx(1)


def test_equal_values_are_ranked_in_byte_order():
    volumes = market()
    for day in volumes:
        volumes[day]["ZZ"] = volumes[day]["Zz"] = volumes[day]["S000"]
    rows = by_symbol(screened(volumes))
    assert rows["ZZ"]["rank"] - rows["S000"]["rank"] == rows["Zz"]["rank"] - rows["ZZ"]["rank"] == 1


def test_no_earlier_session_at_all_is_a_list_without_values():
    rows = screened({TODAY: {"A": 1e6, "B": 10.0}}).rows
    assert rows["median_volume"].null_count() == rows["volume_z"].null_count() == 2
    assert rows["is_new"].to_list() == [True, False]


@pytest.mark.parametrize("after", [0, 1])
def test_a_session_that_is_not_earlier_is_refused(after):
    day = TODAY + timedelta(after)
    today, earlier = frames(market(), TODAY)
    late = pl.DataFrame({"date": [day], "symbol": ["S000"], "trf_volume": [1.0]})
    with pytest.raises(ValueError, match=f"holds the session {day}, expected sessions before 2025-12-22"):
        screen.screen(today, pl.concat([earlier, late]), TODAY)


def test_ranks_after_confirmation_follow_the_new_values():
    rows = screened(market()).rows
    first = rows.filter(pl.col("rank") == 1)["symbol"][0]
    z = pl.when(pl.col("symbol") == first).then(-99.0).otherwise("volume_z").alias("volume_z")
    again = screen.ranked_by_z(rows.with_columns(z))
    assert again.columns == rows.columns
    assert rows.columns[rows.columns.index("volume_z") + 1] == "rank"
    assert again.filter(pl.col("symbol") == first)["rank"].to_list() == [rows["rank"].max()]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(19, 40), st.floats(0, 0.6))
def test_any_made_market_agrees_with_an_independent_program(seed, sessions, gaps):
    volumes = market(seed, 130, sessions)
    random = np.random.default_rng(seed)
    for day in days(sessions):
        volumes[day] = {
            s: v if random.random() < 0.9 else 0.0 for s, v in volumes[day].items() if random.random() > gaps
        }
    splits = (("S005", days(sessions)[sessions // 2], 4.0), ("S006", TODAY, 0.1))
    assert_agree(screened(volumes, splits=splits), volumes, TODAY, splits)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10_000))
def test_the_order_of_the_rows_changes_nothing(seed):
    today, earlier = frames(market(), TODAY)
    shuffled = earlier.sample(fraction=1.0, shuffle=True, seed=seed)
    again = screen.screen(today.sample(fraction=1.0, shuffle=True, seed=seed), shuffled, TODAY)
    assert again.rows.equals(screen.screen(today, earlier, TODAY).rows)
