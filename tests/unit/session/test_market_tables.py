"""The whole market of a session, from the archive to its two tables."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.market import sessions
from darkpool.session import market_tables
from darkpool.tables import contracts
from darkpool.tables.facts import SessionFacts
from darkpool.vendors.yahoo import market_fetch
from parquet_bytes import parquet
from standin import regsho_file

DAY = date(2025, 12, 22)
WINDOW = sessions.window(DAY, 30)
NOON = datetime(2025, 12, 23, 12, tzinfo=UTC)
TOLD: SessionFacts = {"sources": [], "notes": [], "simulated": False}  # type: ignore[typeddict-item]
NO_SPLITS = pl.DataFrame(schema={"ticker": pl.String, "ex_date": pl.Date, "ratio": pl.Float64})
BARS = {"symbol": pl.String, "date": pl.Date, "close": pl.Float64, "volume": pl.Float64}
SPLITS = {"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}
FOLLOWED = pl.DataFrame(
    {"ticker": ["A"], "regular_volume": [4e6], "close": [10.0], "change_pct": [1.0]},
    schema={"ticker": pl.String, "regular_volume": pl.Float64, "close": pl.Float64, "change_pct": pl.Float64},
)


def volumes(**today: float) -> dict[date, dict[str, float]]:
    """A made market of 120 names around a million shares; `today` sets the last session's, 0 takes a name away."""
    rng = np.random.default_rng(7)
    names = ["A", "BRK/B", "TpC", *(f"N{number:03}" for number in range(117))]
    noise = rng.normal(0, 0.2, (len(WINDOW), len(names)))
    made = {
        day: dict(zip(names, np.round(1e6 * np.exp(row)), strict=True)) for day, row in zip(WINDOW, noise, strict=True)
    }
    made[DAY] |= today
    made[DAY] = {name: shares for name, shares in made[DAY].items() if shares}
    return made


@pytest.fixture
def archive(tmp_path) -> Archive:
    return Archive(tmp_path / "archive")


def keep(archive: Archive, made: dict[date, dict[str, float]]) -> None:
    for day, held in made.items():
        rows = {name: (0, 0, shares, "B,Q,N") for name, shares in held.items()}
        archive.keep(layout.regsho("CNMS", day), regsho_file(day, rows), NOON)


def screened(archive: Archive, tickers=("A", "BRK.B"), excluded=(), splits=NO_SPLITS) -> pl.DataFrame:
    archive = Archive(archive.root)
    found = market_tables.screened(archive, WINDOW, ["CNMS"], excluded, tickers, splits, TOLD)
    contracts.write("market_screen", found, archive.path("market_screen.parquet"))
    return found


def answer(archive: Archive, bars: dict[str, dict[date, tuple[float, float]]], splits: tuple[Any, ...] = ()) -> None:
    """What Yahoo said, as `market_fetch.fetch` keeps it: close and volume by symbol and day, splits, the receipt."""
    rows = [(symbol, day, *bar) for symbol, days in bars.items() for day, bar in days.items()]
    archive.keep(layout.yahoo_market(DAY), parquet(rows, BARS), NOON)
    archive.keep(layout.yahoo_market_splits(DAY), parquet(list(splits), SPLITS), NOON)
    entries = {symbol: {"state": "published"} for symbol in bars}
    archive.write_receipt(
        market_fetch.SOURCE, DAY,
        {"source": market_fetch.SOURCE, "session": str(DAY), "state": "published", "tickers": entries, "files": {}},
    )  # fmt: skip


def confirmed(archive: Archive, table: pl.DataFrame) -> pl.DataFrame:
    found = market_tables.confirmed(table, Archive(archive.root), WINDOW, ["CNMS"], NO_SPLITS, FOLLOWED)
    contracts.write("market", found, archive.path("market.parquet"))
    return found


def of(table: pl.DataFrame, ticker: str) -> dict[str, Any]:
    [row] = table.filter(pl.col("ticker") == ticker).rows(named=True)
    return row


def steady(volume: float, close: float = 5.0) -> dict[date, tuple[float, float]]:
    return dict.fromkeys(WINDOW, (close, volume))


def test_every_symbol_is_in_the_list_in_our_spelling_where_it_has_one(archive):
    keep(archive, volumes(**{"ZVZZT": 5.0, "AB.C": 3.0}))
    table = screened(archive)
    assert table.height == 122
    assert of(table, "BRK.B")["symbol"] == "BRK/B"
    assert of(table, "AB.C")["symbol"] == "AB.C"
    assert of(table, "A")["is_followed"]
    assert not of(table, "N000")["is_followed"]
    assert table["ticker"].is_sorted()


def test_what_the_scan_excludes_is_no_name_of_the_market(archive):
    keep(archive, volumes(N005=3e7))
    assert "N005" not in screened(archive, excluded=("N005",))["ticker"]


def test_a_session_without_its_file_has_an_empty_table(archive):
    made = volumes()
    del made[DAY]
    keep(archive, made)
    assert screened(archive).is_empty()


def test_ten_times_the_normal_is_first_and_asked_about(archive):
    keep(archive, volumes(N007=1e7))
    table = screened(archive)
    assert of(table, "N007")["rank"] == 1
    assert of(table, "N007")["volume_multiple"] == pytest.approx(10, rel=0.15)
    assert market_tables.names(table, 5)[0] == "N007"


def test_names_are_the_first_the_last_and_the_largest_new_ones_and_no_followed_one(archive):
    fresh = {f"Q{number:02}": 1e5 + number for number in range(25)}
    keep(archive, volumes(N007=1e7, N008=1e4, A=2e7, **fresh))
    table = screened(archive)
    assert of(table, "A")["rank"] == 1
    chosen = market_tables.names(table, 3)
    assert chosen[0] == "N007"
    assert "A" not in chosen
    assert "N008" in chosen  # the last by z
    assert [name for name in chosen if name.startswith("Q")] == [f"Q{number:02}" for number in range(24, 4, -1)]
    assert len(chosen) == 3 + 20 + 20
    assert market_tables.names(table, 0) == []


def test_a_followed_tickers_split_is_its_basis_before_yahoo_is_asked(archive):
    """2:1 today doubles the shares: as published 2.0 × normal, on one basis 1.0."""
    keep(archive, volumes(A=2e6))
    split = pl.DataFrame({"ticker": ["A"], "ex_date": [DAY], "ratio": [2.0]})
    plain, known = of(screened(archive), "A"), of(screened(archive, splits=split), "A")
    assert plain["volume_multiple"] / known["volume_multiple"] == pytest.approx(2, rel=1e-12)
    assert known["quality"] == "basis_break"
    unclear = of(screened(archive, splits=split.with_columns(ratio=pl.lit(None, pl.Float64))), "A")
    assert (unclear["volume_multiple"], unclear["volume_z"], unclear["rank"]) == (None, None, None)
    assert "split_unclear" in unclear["quality"]


def test_a_confirmed_name_has_ratio_close_and_change(archive):
    keep(archive, volumes(N007=1e7))
    bars = {**steady(2e7), DAY: (6.0, 4e7)}
    answer(archive, {"N007": bars})
    row = of(confirmed(archive, screened(archive)), "N007")
    assert row["confirmed"]
    assert (row["regular_volume"], row["offex_ratio"], row["close"]) == (4e7, 0.25, 6.0)
    assert row["change_pct"] == pytest.approx(20)
    assert row["quality"] == ""


def test_what_is_not_confirmed_keeps_its_screen_and_no_price(archive):
    keep(archive, volumes(N007=1e7))
    table = screened(archive)
    row, before = of(confirmed(archive, table), "N007"), of(table, "N007")
    assert not row["confirmed"]
    assert {row[name] for name in ("regular_volume", "offex_ratio", "close", "change_pct")} == {None}
    assert {name: row[name] for name in ("volume_z", "volume_multiple", "rank")} == {
        name: before[name] for name in ("volume_z", "volume_multiple", "rank")
    }


def test_a_split_that_yahoo_names_takes_a_name_off_the_top(archive):
    """10:1 today: ten times the shares are no news. Yahoo's volumes are on today's basis, all alike."""
    keep(archive, volumes(N007=1e7))
    answer(archive, {"N007": steady(2e7)}, (("N007", DAY, 10.0),))
    row = of(confirmed(archive, screened(archive)), "N007")
    assert row["volume_multiple"] == pytest.approx(1, rel=0.15)
    assert row["rank"] > 10
    assert row["quality"] == "basis_break"


def test_a_reverse_split_that_hid_a_name_shows_it(archive):
    """1:20 today, and six times the normal on the new basis: 0.3 of it as published, at the list's end."""
    keep(archive, volumes(N007=3e5))
    table = screened(archive)
    assert of(table, "N007")["rank"] == 120
    assert "N007" in market_tables.names(table, 1)
    answer(archive, {"N007": steady(1e6)}, (("N007", DAY, 0.05),))
    row = of(confirmed(archive, table), "N007")
    assert row["rank"] == 1
    assert row["volume_multiple"] == pytest.approx(6, rel=0.15)


def test_a_ratio_that_is_no_share_split_leaves_the_name_without_a_number(archive):
    keep(archive, volumes(N007=1e7))
    answer(archive, {"N007": steady(2e7)}, (("N007", DAY, 1.253),))
    row = of(confirmed(archive, screened(archive)), "N007")
    assert (row["volume_z"], row["volume_multiple"], row["rank"]) == (None, None, None)
    assert "split_unclear" in row["quality"]


def test_more_off_exchange_than_consolidated_is_flagged(archive):
    keep(archive, volumes(N007=1e7))
    answer(archive, {"N007": steady(8e6)})
    row = of(confirmed(archive, screened(archive)), "N007")
    assert row["offex_ratio"] == pytest.approx(1.25)
    assert row["quality"] == "excess_ratio"


def test_a_volume_of_zero_beside_finras_is_no_volume(archive):
    keep(archive, volumes(N007=1e7))
    answer(archive, {"N007": {**steady(2e7), DAY: (5.0, 0.0)}})
    row = of(confirmed(archive, screened(archive)), "N007")
    assert (row["regular_volume"], row["offex_ratio"]) == (None, None)
    assert row["quality"] == "no_regular"


def test_a_followed_ticker_has_what_its_own_tables_say(archive):
    keep(archive, volumes())
    row = of(confirmed(archive, screened(archive)), "A")
    assert row["confirmed"]
    assert (row["regular_volume"], row["close"], row["change_pct"]) == (4e6, 10.0, 1.0)


def test_features_take_the_screens_values(archive):
    keep(archive, volumes(A=5e6))
    table = screened(archive)
    features = pl.DataFrame({"ticker": ["A", "GONE"], "volume_z": [None, None], "volume_multiple": [None, None]})
    found = market_tables.beside(features, table)
    assert of(found, "A")["volume_z"] == of(table, "A")["volume_z"]
    assert of(found, "GONE")["volume_z"] is None


def test_lines_are_the_windows_volumes_as_published(archive):
    made = volumes(N007=1e7)
    del made[WINDOW[3]]["N007"]
    keep(archive, made)
    table = screened(archive)
    lines = market_tables.lines(Archive(archive.root), WINDOW, ["CNMS"], table.filter(pl.col("ticker") == "N007"))
    assert list(lines) == ["N007"]
    assert lines["N007"] == [made[day].get("N007") for day in WINDOW]
    assert lines["N007"][3] is None


def test_a_file_of_three_rows_lists_nothing_and_stops_nothing(archive):
    made = volumes()
    made[DAY] = {name: made[DAY][name] for name in ("A", "N001", "N002")}
    keep(archive, made)
    table = screened(archive)
    assert table.height == 3
    assert table["rank"].null_count() == table["market_factor"].null_count() == 3
    assert market_tables.names(table, 50) == []
    assert confirmed(archive, table).height == 3


def test_an_odd_row_costs_its_symbol_alone(archive):
    made = volumes(N007=1e7)
    keep(archive, made)
    path = archive.path(layout.regsho("CNMS", DAY))
    path.write_bytes(path.read_bytes().replace(b"|N009|", b"| |"))
    table = screened(archive)
    assert "N009" not in table["ticker"]
    assert of(table, "N007")["rank"] == 1


def test_a_symbol_that_comes_and_goes_is_compared_on_its_own_days(archive):
    made = volumes(N007=1e7)
    for day in WINDOW[2:9]:
        del made[day]["N007"]
    keep(archive, made)
    row = of(screened(archive), "N007")
    assert row["earlier_sessions"] == 23
    assert row["rank"] == 1
    assert math.isfinite(row["volume_z"])
