"""The whole market on a morning: the list stands whatever Yahoo does, and costs what it says."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from darkpool.market import sessions
from standin import Vendors

DAY = "2025-12-22"
HISTORY = {"ma": 3, "min_sessions": 3, "window": 25}
WINDOW = sessions.window(date.fromisoformat(DAY), HISTORY["window"])
CORE = [f"N{number:03}" for number in range(120)]
CONFIRM = 5


def publish(live) -> None:
    """120 names around a million shares and the three followed ones; N007 trades ten times, LATE is new today."""
    noise = np.random.default_rng(3).normal(0, 0.2, (len(WINDOW), len(CORE)))
    for number, day in enumerate(WINDOW):
        rows = {name: (0, 0, int(1e6 * np.exp(noise[number, i])), "B,Q,N") for i, name in enumerate(CORE)}
        rows |= {
            "AAPL": (0, 0, 600_000 + number, "Q"),
            "NA": (0, 0, 300_000 + 7 * number, "Q"),
            "BRK/B": (0, 0, 5_000, "Q"),
        }
        if str(day) == DAY:
            rows |= {"N007": (0, 0, 10_000_000, "B,Q,N"), "LATE": (0, 0, 700_000, "N")}
        live.vendors.finra.publish(day, rows)
    for symbol in (*CORE, "LATE", "AAPL", "NA", "BRK-B"):
        live.vendors.yahoo.bars(symbol, dict.fromkeys(WINDOW, (10.0, 11.0, 9.0, 10.5, 2e7)))


def settings(**market: int) -> dict:
    return {
        "lit": {"source": "none"}, "history": HISTORY, "finra": {"weekly": False},
        "market": {"show": 10, "confirm": CONFIRM, "follow": 0, **market},
    }  # fmt: skip


def rows(live, day: str = DAY) -> dict[str, dict]:
    return {row["ticker"]: row for row in live.project.table("market", day).to_dicts()}


@pytest.fixture(scope="module")
def morning(live_in, tmp_path_factory):
    """A finished session; read only."""
    folder = tmp_path_factory.mktemp("market")
    with Vendors(folder / "vendors") as vendors:
        live = live_in(folder, vendors)
        live.settings = settings()
        publish(live)
        live.run(finished=True)
        yield live
        assert not vendors.unexpected


def test_the_most_unusual_name_is_first_and_confirmed(morning):
    found = rows(morning)
    top = found["N007"]
    assert (top["rank"], top["confirmed"], top["regular_volume"], top["close"]) == (1, True, 2e7, 10.5)
    assert top["offex_ratio"] == 0.5
    assert found["LATE"]["is_new"]
    assert found["LATE"]["confirmed"]
    assert found["AAPL"]["is_followed"]
    confirmed = [row for row in found.values() if row["confirmed"] and not row["is_followed"]]
    assert len(confirmed) == CONFIRM + 20 + 1


def test_names_are_asked_once_and_followed_ones_not_again(morning):
    asked = morning.symbols_asked()
    assert len(asked) == len(set(asked)) == 3 + CONFIRM + 20 + 1


def test_features_have_the_tables_z(morning):
    found, features = rows(morning), morning.project.features()
    for ticker in ("AAPL", "NA", "BRK.B"):
        for name in ("volume_z", "volume_multiple"):
            assert features[ticker][name] == found[ticker][name]
    assert features["AAPL"]["volume_z"] is not None


def test_page_index_digest_and_manifest_know_it(morning):
    page = (morning.project.folder() / "table.html").read_text()
    assert "Elsewhere in the market" in page
    assert "N007: " in page
    assert 'href="market.html"' in page
    assert "N007" in (morning.project.folder() / "market.html").read_text()
    made = {entry["path"] for entry in morning.project.manifest()["outputs"]}
    assert {"market.html", "market.csv", "market.parquet", "market_screen.parquet"} <= made
    assert "Elsewhere in the market" in (morning.project.root / "results/emps2/index.html").read_text()


def test_another_run_makes_and_asks_nothing(morning):
    morning.vendors.requests.clear()
    again = morning.run(finished=True)
    assert morning.vendors.requests == []
    assert again.rules == {"write_manifest": 1}


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ({"kind": "status", "status": 503}, "outage"),
        ({"kind": "cut"}, "outage"),
    ],
)
def test_where_yahoo_fails_for_the_market_the_list_stands_unconfirmed(live, fault, state):
    """The watchlist's three answers come first; then Yahoo is in trouble."""
    live.settings = settings()
    publish(live)
    for name in (*CORE, "LATE"):
        live.vendors.faults.add(host="query2.finance.yahoo.com", path_contains=f"/{name}", **fault)
    live.run(finished=True)
    found = rows(live)
    assert found["N007"]["rank"] == 1
    assert not any(row["confirmed"] for row in found.values() if not row["is_followed"])
    assert live.project.states() == {"FINRA": "published", "Yahoo": "published", "Polygon": "absent"}
    told = live.project.receipt(live.archive, "yahoo_market")
    assert {entry["state"] for entry in told["tickers"].values()} <= {state, "blocked"}
    assert all(entry["reason"] for entry in told["tickers"].values())
    assert "None of these names is confirmed" in (live.project.folder() / "table.html").read_text()


def test_offline_the_list_is_there_and_nobody_is_asked(live):
    live.settings = settings()
    publish(live)
    live.run(finished=True)
    before = live.project.folder().joinpath("market_screen.parquet").read_bytes()
    live.vendors.requests.clear()
    for name in ("market.parquet", "market_screen.parquet", "all"):
        live.project.folder().joinpath(name).unlink()
    live.settings = {**settings(), "offline": True}
    live.run(finished=True)
    assert live.vendors.requests == []
    assert live.project.folder().joinpath("market_screen.parquet").read_bytes() == before
    assert rows(live)["N007"]["confirmed"]  # the archive knows


def test_switched_off_there_is_no_list_and_no_z(live):
    live.settings = settings(show=0)
    publish(live)
    live.run(finished=True)
    assert not [path.name for path in live.project.folder().iterdir() if path.name.startswith("market")]
    row = live.project.features()["AAPL"]
    assert (row["volume_z"], row["volume_multiple"], row["quality"]) == (None, None, "no_lit")
    assert len(live.symbols_asked()) == 3
    assert "Elsewhere in the market" not in (live.project.folder() / "table.html").read_text()


def test_the_first_confirmed_name_is_followed_on_the_next_session(live):
    live.settings = settings(follow=1)
    publish(live)
    live.run(finished=True)
    live.day, live.now = "2025-12-23", "2025-12-24T06:00:00-05:00"
    day = date.fromisoformat(live.day)
    live.vendors.finra.publish(day, {"AAPL": (0, 0, 1, "Q"), "N007": (0, 0, 4_000_000, "Q")})
    for symbol in ("AAPL", "NA", "BRK-B", "N007"):
        live.vendors.yahoo.bars(symbol, {day: (10.0, 11.0, 9.0, 10.5, 2e7)})
    live.run(finished=True)
    assert live.project.features(live.day)["N007"]["offex_ratio"] == 0.2
    kept = (live.root / f"universe/emps2/{live.day}.csv").read_text()
    assert f"N007,market of {DAY}" in kept


def test_a_session_on_an_earlier_page_is_screened_and_not_confirmed(live):
    """Mode daily: the page holds earlier sessions; Yahoo is asked about the market of the target alone."""
    live.settings = {**settings(), "backfill_count": 2}
    publish(live)
    earlier = str(WINDOW[-2])
    run = live.project.run(live.project.target(), config=live.config, DARKPOOL_NOW=live.now, FETCH_MODE="daily")
    assert run.code == 0, run.said
    assert live.project.folder(earlier).joinpath("features.parquet").is_file()
    assert not live.project.folder(earlier).joinpath("market.parquet").exists()
    receipts = sorted(path.stem for path in (live.root / "receipts/yahoo_market").glob("*.json"))
    assert receipts == [DAY]
    assert pl.read_parquet_metadata(live.project.folder() / "market.parquet")["simulated"] == "false"
