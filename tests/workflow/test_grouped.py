"""The whole market's prices on a morning: asked for once a session, and nothing waits for them."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import numpy as np
import polars as pl
import pytest
import yaml

from darkpool.market import sessions
from standin import Vendors

DAY, DONE = "2025-12-22", "published"
SETTINGS = {
    "lit": {"source": "none", "calls_per_minute": 0}, "finra": {"weekly": False}, "study": {"grouped": True},
    "history": {"ma": 3, "min_sessions": 3, "window": 5},
}  # fmt: skip
MARKET = {"AAPL": (270.0, 273.0, 269.0, 271.5, 3.5e7), "BRK.B": (500.0, 501.0, 499.0, 500.5, 3e6)}


def set_up(live):
    live.publish()
    live.settings = SETTINGS
    live.vendors.polygon.grouped(DAY, MARKET)
    return live


def calls(live) -> list[str]:
    return [request.path for request in live.asked("polygon.io")]


def receipt(live, day: str = DAY) -> dict:
    [entry] = live.project.receipt(live.archive, "polygon_grouped", day)["files"].values()
    return entry


@pytest.fixture(scope="module")
def morning(live_in, tmp_path_factory):
    """A finished session; read only."""
    folder = tmp_path_factory.mktemp("grouped")
    with Vendors(folder / "vendors") as vendors:
        live = set_up(live_in(folder, vendors))
        live.said = live.run(finished=True).said
        yield live
        assert not vendors.unexpected


def test_the_market_is_asked_once_and_kept(morning):
    assert calls(morning) == [f"/v2/aggs/grouped/locale/us/market/stocks/{DAY}?adjusted=false"]
    entry = receipt(morning)
    assert (entry["state"], entry["rows"]) == ("published", 2)
    assert pl.read_parquet(morning.root / entry["file"])["T"].to_list() == ["AAPL", "BRK.B"]


def test_a_second_run_asks_nothing_and_makes_the_manifest_alone(morning):
    before = (morning.project.folder() / "all").read_bytes()
    count = len(calls(morning))
    assert morning.run(finished=True).rules == {"write_manifest": 1}
    assert len(calls(morning)) == count
    assert (morning.project.folder() / "all").read_bytes() == before


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ({"kind": "status", "status": 503}, "outage"),
        ({"kind": "status", "status": 429}, "outage"),
        ({"kind": "cut"}, "outage"),
        ({"kind": "status", "status": 403}, "blocked"),
        ({"kind": "status", "status": 401}, "blocked"),
        ({"kind": "body", "body": b'{"status": "OK", "resultsCount": 0, "queryCount": 0}'}, "not_yet"),
    ],
)
def test_whatever_polygon_says_the_session_is_complete_and_the_receipt_says_it(live, fault, state):
    set_up(live).vendors.faults.add(host="polygon.io", **fault)
    said = live.run(finished=True).said
    assert receipt(live)["state"] == state
    assert f"prices of every name on {DAY}, {state}" in said
    live.vendors.faults.clear()
    count = len(calls(live))
    assert live.run(finished=True).rules["write_manifest"] == 1
    # A plan's refusal is an answer; anything else is asked for again.
    assert (len(calls(live)) - count, receipt(live)["state"]) == (
        (0, state) if fault.get("status") == 403 else (1, DONE)
    )


def test_every_session_on_the_page_has_its_market_asked_for(live):
    set_up(live).settings = {**SETTINGS, "backfill_count": 2}
    earlier = str(sessions.previous(date.fromisoformat(DAY)))
    live.vendors.polygon.grouped(earlier, MARKET)
    live.run(finished=True, FETCH_MODE="daily")
    assert [receipt(live, day)["state"] for day in (earlier, DAY)] == [DONE, DONE]


def test_without_setting_or_key_or_network_nobody_is_asked(live):
    set_up(live).settings = {**SETTINGS, "study": {"grouped": False}}
    live.run(finished=True)
    live.settings = SETTINGS
    live.run(finished=True, POLYGON_API_KEY="", MASSIVE_API_KEY="")
    live.settings = {**SETTINGS, "offline": True}
    live.run(finished=True)
    assert calls(live) == []
    assert not (live.root / "receipts/polygon_grouped").exists()


def test_two_mornings_of_a_whole_market_are_studied_by_the_command(live):
    """120 names over 25 sessions: screened by FINRA's files, priced by Polygon, and compared by the study."""
    window, names = sessions.window(date.fromisoformat(DAY), 25), [f"N{number:03}" for number in range(120)]
    following = "2025-12-23"
    random = np.random.default_rng(8)
    for day in [*window, date.fromisoformat(following)]:
        volumes = (1e6 * np.exp(random.normal(0, 0.2, len(names)))).astype(int).tolist()
        rows = {name: (0, 0, volume, "B,Q,N") for name, volume in zip(names, volumes, strict=True)}
        live.vendors.finra.publish(day, rows | {"AAPL": (0, 0, 600_000, "Q"), "BRK/B": (0, 0, 5_000, "Q")})
    live.publish_yahoo(days=[*window, date.fromisoformat(following)])
    live.tickers = ["AAPL"]
    live.settings = {**SETTINGS, "history": {**SETTINGS["history"], "window": 25}, "market": {"confirm": 0}}
    opened, close = (50 * np.exp(random.normal(0, 0.03, len(names))) for _ in range(2))
    bars = {
        n: (o, max(o, c), min(o, c), c, 4e6) for n, o, c in zip(names, opened.tolist(), close.tolist(), strict=True)
    }
    for day, now in ((DAY, live.now), (following, "2025-12-24T06:00:00-05:00")):
        live.vendors.polygon.grouped(day, bars)
        live.day, live.now = day, now
        live.run(finished=True)
    config = live.project.root / "config.yaml"
    config.write_text(yaml.safe_dump(live.config))
    command = [sys.executable, "-m", "darkpool", "study"]
    done = subprocess.run(command, cwd=live.project.root, capture_output=True, text=True, check=True)
    assert f"emps2, the whole market, {DAY} to {following}, 121 tickers" in done.stdout
    assert "What is missing until it can be said: 1 session later 100 sessions;" in done.stdout
    found = pl.read_parquet(live.project.root / "results/emps2/study_market.parquet")
    z = live.project.table("market_screen", DAY).filter(pl.col("ticker").is_in(names)).sort("ticker")["volume_z"]
    ranks = [pl.Series(values).rank() for values in (z, close / opened - 1)]
    expected = np.corrcoef(*ranks)[0, 1]
    [row] = found.filter(pl.col("feature") == "volume_z", pl.col("horizon") == 1).to_dicts()
    assert (row["sessions"], row["tickers_median"], row["verdict"]) == (1, 120, "too_little")
    assert row["ic_mean"] == pytest.approx(expected, abs=1e-12)
