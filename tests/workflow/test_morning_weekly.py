"""The Sunday run: the weeks of the last-marked session, restated ones included, and nothing of the daily mornings'."""

import json

import polars as pl
import pytest

from mornings import Mornings, link_environment
from standin.finra_api import weekly_rows

FRIDAY, WEDNESDAY = "2025-12-26", "2025-12-24"
SUNDAY = "2025-12-28T06:20:00-05:00"
T1_NEW, T2_WEEK = "2025-12-01", "2025-11-17"
"""The newest weeks of their tiers that a Friday of 2025-12-26 sees."""
API = "api.finra.org"


@pytest.fixture
def sunday(live):
    """Saturday's morning has made Friday's session in mode daily; Wednesday is marked, and was never made."""
    live.day = FRIDAY
    live.publish()
    live.vendors.finra_api.publish(weekly_rows(T1_NEW, "T1", {"AAPL": (300, 700), "NA": (30, 70)}))
    live.vendors.finra_api.publish(weekly_rows(T2_WEEK, "T2", {"BRK/B": (3_000, 7_000)}))
    link_environment(live.project.root)
    variables = {**live.vendors.variables, **{k: v for k, v in live.project.env.items() if k.startswith("DARKPOOL_")}}
    short = {"ma": 3, "min_sessions": 3, "window": 3}
    config = {
        **live.config,
        "mode": "daily",
        "backfill_count": 2,
        "finra": {"weekly": True, "auth": "none"},
        "history": short,
    }
    mornings = Mornings(live.project.root, variables, "2025-12-27T06:00:00-05:00", config)
    mornings.mark(FRIDAY)
    call = mornings.run()
    assert call.code == 0, call.said
    mornings.mark(WEDNESDAY)
    mornings.now = SUNDAY
    live.vendors.requests.clear()
    return mornings


def test_it_makes_the_weeks_with_what_finra_restated_once_and_leaves_the_days_alone(sunday, live):
    live.vendors.finra_api.restate(T1_NEW, "AAPL", "ATS_W_SMBL", 500, "2025-12-28")
    call = sunday.run("--weekly", "--at", "06:00")
    assert call.code == 0, call.said
    summary = call.summary
    assert (summary["action"], summary["mode"], summary["date"]) == ("run", "weekly", FRIDAY)
    assert call.outcomes == {FRIDAY: "done"}
    assert summary["changed"] == ["2025-12-22", "2025-12-23", WEDNESDAY, FRIDAY]
    weeks = pl.read_parquet(sunday.results / FRIDAY / "weekly.parquet")
    newest = weeks.filter(pl.col("week_start_date").cast(pl.String) == T1_NEW, pl.col("ticker") == "AAPL")
    assert newest["finra_off_exchange_volume"].to_list() == [1_200]
    row = live.project.features(FRIDAY)["AAPL"]
    assert row["ats_share"] == 500 / 1_200
    # Restated before the session's own morning: no look ahead, but another number than Saturday's.
    flags = set(row["quality"].split(","))
    assert "revised" in flags
    assert "restated" not in flags
    assert "weekly" in sunday.latest()["paths"]
    assert not (sunday.results / WEDNESDAY / "all").exists()
    # No token either: the configuration wants none, though there are credentials.
    assert {request.host for request in live.vendors.requests} == {API}
    asked = [json.loads(request.body)["compareFilters"] for request in live.vendors.requests]
    asked = [tuple(entry["fieldValue"] for entry in filters) for filters in asked]
    assert len(asked) == len(set(asked))
    assert (T1_NEW, "T1") in asked

    sunday.now = "2025-12-28T07:20:00-05:00"
    assert sunday.run("--weekly", "--at", "06:00").summary["action"] == "wait"


@pytest.mark.soak
def test_an_api_that_is_down_holds_up_the_weeks_alone_and_is_tried_again(sunday, live):
    live.vendors.faults.add(kind="status", host=API, status=504)
    call = sunday.run("--weekly", "--at", "06:00")
    assert call.code == 75, call.said
    assert live.project.features(FRIDAY)["AAPL"]["ats_share"] == 0.3
    live.vendors.faults.clear()
    sunday.now = "2025-12-28T07:20:00-05:00"
    call = sunday.run("--weekly", "--at", "06:00")
    assert (call.code, call.outcomes) == (0, {FRIDAY: "done"})
    assert live.project.features(FRIDAY)["AAPL"]["ats_share"] == 0.3
