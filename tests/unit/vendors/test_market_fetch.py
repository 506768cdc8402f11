"""Names of the whole market are asked for once, through the one client, and never hold anything up."""

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest

from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.market import sessions
from darkpool.vendors.yahoo import market_fetch
from standin import Vendors

DAY = date(2025, 12, 22)
WINDOW = sessions.window(DAY, 3)
BEFORE = WINDOW[-2]

Fetch = Callable[..., dict[str, Any]]


@pytest.fixture
def vendors(well: Vendors) -> Vendors:
    for symbol, close, volume in (("XERS", 3.0, 900_000.0), ("T-PC", 20.0, 50_000.0), ("SLYV", 80.0, 400_000.0)):
        well.yahoo.bars(symbol, dict.fromkeys(WINDOW, (close, close, close, close, volume)))
    return well


@pytest.fixture
def fetch(archive: Archive) -> Fetch:
    def run(*names: str) -> dict[str, Any]:
        receipt = market_fetch.fetch(Archive(archive.root), DAY, WINDOW, names)
        archive.write_receipt(market_fetch.SOURCE, DAY, receipt)
        return receipt

    return run


def asked(vendors: Vendors) -> list[str]:
    return sorted(r.path.partition("/chart/")[2].partition("?")[0] for r in vendors.requests if "/chart/" in r.path)


def read(archive: Archive, finra: dict[str, dict[date, float]] | None = None) -> market_fetch.Confirmed:
    return market_fetch.read(Archive(archive.root), DAY, WINDOW, finra or {})


def of(found: market_fetch.Confirmed, ticker: str) -> dict[str, Any]:
    [row] = found.rows.filter(pl.col("ticker") == ticker).rows(named=True)
    return row


def test_names_are_asked_in_yahoos_spelling_and_kept_beside_the_watchlists_answers(vendors, archive, fetch):
    receipt = fetch("XERS", "TpC")
    assert asked(vendors) == ["T-PC", "XERS"]
    assert receipt["state"] == "published"
    assert {name: entry["state"] for name, entry in receipt["tickers"].items()} == {
        "XERS": "published", "TpC": "published",
    }  # fmt: skip
    assert set(receipt["files"]) == {"yahoo/market/2025-12-22.parquet", "yahoo/market_splits/2025-12-22.parquet"}
    assert not archive.path(layout.yahoo_daily(DAY)).exists()
    found = read(archive)
    assert of(found, "TpC")["regular_volume"] == 50_000
    assert found.splits.is_empty()


def test_a_name_is_asked_for_once(vendors, archive, fetch):
    fetch("XERS", "SLYV")
    vendors.requests.clear()
    fetch("XERS", "TpC")
    assert asked(vendors) == ["T-PC"]
    assert sorted(read(archive).rows["ticker"]) == ["SLYV", "TpC", "XERS"]


def test_close_and_change_are_of_one_basis(vendors, archive, fetch):
    bar = (4.0, 4.0, 4.0, 4.5, 900_000.0)
    vendors.yahoo.bars("XERS", {DAY: bar})
    fetch("XERS")
    row = of(read(archive), "XERS")
    assert (row["close"], row["regular_volume"]) == (4.5, 900_000)
    assert row["change_pct"] == pytest.approx(50.0, abs=1e-12)  # 3.00 before


def test_a_later_split_brings_volume_and_close_back_to_what_was_traded(vendors, archive, fetch, monkeypatch):
    """2:1 on the next day, asked for after it: Yahoo has 900,000 at 3.00, traded were 450,000 at 6.00."""
    monkeypatch.setenv("DARKPOOL_NOW", "2025-12-24T06:00:00-05:00")
    vendors.yahoo.split("XERS", "2025-12-23", 2)
    fetch("XERS")
    found = read(archive)
    row = of(found, "XERS")
    assert (row["regular_volume"], row["close"], row["change_pct"]) == (450_000, 6.0, 0.0)
    assert found.splits.rows() == [("XERS", date(2025, 12, 23), 2.0)]


def test_a_ratio_that_nobody_can_vouch_for_leaves_no_number(vendors, archive, fetch):
    vendors.yahoo.split("XERS", DAY, 1.253)
    fetch("XERS")
    found = read(archive)
    assert found.splits.rows() == [("XERS", DAY, None)]
    assert of(found, "XERS")["change_pct"] is None


def test_an_unknown_name_stays_unconfirmed_and_is_not_asked_again(vendors, archive, fetch):
    receipt = fetch("XERS", "GONE")
    assert receipt["tickers"]["GONE"]["state"] == "absent"
    assert read(archive).rows["ticker"].to_list() == ["XERS"]
    vendors.requests.clear()
    fetch("XERS", "GONE")
    assert asked(vendors) == []


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 429},
        {"kind": "cut"},
        {"kind": "refuse"},
    ],
)
def test_a_vendor_in_trouble_costs_confirmations_and_nothing_else(fault, vendors, archive, fetch):
    vendors.faults.add(host="query2.finance.yahoo.com", **fault)
    receipt = fetch("XERS", "SLYV")
    assert receipt["state"] != "published"
    assert {entry["state"] for entry in receipt["tickers"].values()} <= {"outage", "blocked"}
    assert all(entry["reason"] for entry in receipt["tickers"].values())
    assert read(archive).rows.is_empty()
    assert market_fetch.open_names(archive, DAY, ["XERS", "SLYV"]) == ["XERS", "SLYV"]
    vendors.faults.clear()
    fetch("XERS", "SLYV")
    assert sorted(read(archive).rows["ticker"]) == ["SLYV", "XERS"]


def test_a_volume_is_worth_nothing_without_the_splits_it_was_adjusted_for(vendors, archive, fetch):
    fetch("XERS")
    archive.path(layout.yahoo_market_splits(DAY)).unlink()
    assert read(archive).rows.is_empty()


def test_a_spoilt_file_is_no_confirmation_and_is_asked_for_again(vendors, archive, fetch):
    fetch("XERS")
    path = archive.path(layout.yahoo_market(DAY))
    path.write_bytes(path.read_bytes()[:-20])
    assert read(archive).rows.is_empty()
