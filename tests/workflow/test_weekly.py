"""FINRA's weekly data through the whole command: let in, turned away, cut into pages, late, restated; in every mode."""

import json

import polars as pl
import pytest

import canaries
from darkpool.tables import contracts, facts
from standin.finra_api import weekly_rows

T1_NEW, T1_OLD, T2_WEEK = "2025-12-01", "2025-11-24", "2025-11-17"
"""Published on 2025-12-22, 2025-12-15 and, being of tier T2, on 2025-12-22."""
API = "api.finra.org"


@pytest.fixture
def weekly(live):
    """Three tickers, of which AAPL and NA are of tier T1 and BRK.B of T2, each with 30 % on ATSs."""
    live.settings["finra"] = {"weekly": True}
    live.publish()
    publish_weeks(live.vendors.finra_api)
    return live


def publish_weeks(api):
    api.publish(weekly_rows(T1_NEW, "T1", {"AAPL": (300, 700), "NA": (30, 70), "OTHER": (5, None)}))
    api.publish(weekly_rows(T1_OLD, "T1", {"AAPL": (900, 100), "NA": (90, 10)}))
    api.publish(weekly_rows(T2_WEEK, "T2", {"BRK.B  ": (3_000, 7_000)}))
    api.publish(weekly_rows(T2_WEEK, "OTCE", {"ZZZZF": (1, 1)}))


def weeks_seen(live, day=None):
    """Newest week and ATS share by ticker."""
    return {
        ticker: (row["finra_week"] and str(row["finra_week"]), row["ats_share"])
        for ticker, row in live.project.features(day or live.day).items()
    }


def queries(live):
    """Week, tier and offset of every query so far."""
    bodies = [json.loads(request.body) for request in live.vendors.requests if request.host == API]
    return [(*(entry["fieldValue"] for entry in body["compareFilters"]), body["offset"]) for body in bodies]


SEEN = {"AAPL": (T1_NEW, 0.3), "NA": (T1_NEW, 0.3), "BRK.B": (T2_WEEK, 0.3)}


def test_a_token_lets_in_and_a_short_page_is_not_the_last(weekly):
    """The tier has five summary rows: pages of 2, 2 and 1, each far from the limit that was asked for."""
    weekly.vendors.finra_api.open = False
    weekly.vendors.finra_api.page_rows = 2
    weekly.run(finished=True)
    assert weeks_seen(weekly) == SEEN
    assert weekly.vendors.finra_api.tokens == 1
    assert [offset for week, tier, offset in queries(weekly) if (week, tier) == (T1_NEW, "T1")] == [0, 2, 4]
    table = {row["ticker"]: row for row in weekly.project.table("otc_weekly").to_dicts()}
    assert (table["AAPL"]["ats_volume"], table["AAPL"]["non_ats_volume"], table["AAPL"]["tier"]) == (300, 700, "T1")
    assert (table["BRK.B"]["off_exchange_volume"], str(table["BRK.B"]["published_date"])) == (10_000, "2025-12-22")
    assert weekly.project.states()["FINRA weekly"] == "published"


def test_a_token_that_ended_is_renewed_once(weekly):
    weekly.vendors.finra_api.open = False
    weekly.vendors.faults.add(kind="status", status=401, host=API, times=1)
    weekly.run(finished=True)
    assert weeks_seen(weekly) == SEEN
    assert weekly.vendors.finra_api.tokens == 2


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        pytest.param(
            canaries.NO_KEYS,
            "FINRA asks for credentials: set FINRA_API_KEY and FINRA_API_SECRET",
            marks=pytest.mark.soak,
        ),
        ({"FINRA_API_SECRET": "wrong-secret"}, "FINRA does not take the credentials"),
    ],
    ids=["without credentials", "with refused credentials"],
)
def test_a_refusal_leaves_the_weeks_unknown_and_the_day_complete(weekly, variables, told):
    weekly.vendors.finra_api.open = False
    run = weekly.run(finished=True, **variables)
    assert weeks_seen(weekly) == dict.fromkeys(SEEN, (None, None))
    assert weekly.project.states()["FINRA weekly"] == "blocked"
    assert told in run.said
    assert told in (weekly.project.folder() / "table.html").read_text()
    assert "wrong-secret" not in run.said


def test_a_busy_vendor_is_asked_again(weekly):
    weekly.vendors.faults.add(kind="status", host=API, status=429, times=1)
    weekly.run(finished=True)
    assert weekly.project.states()["FINRA weekly"] == "published"
    assert weeks_seen(weekly) == SEEN


def test_nothing_found_is_no_proof_and_never_zero(weekly):
    """A 204 for the newest week: the tier shows the week before, with its age."""
    weekly.vendors.finra_api.withdraw(T1_NEW, "T1")
    weekly.run(finished=True)
    assert weekly.project.states()["FINRA weekly"] == "not_yet"
    assert weeks_seen(weekly)["AAPL"] == (T1_OLD, 0.9)
    assert weeks_seen(weekly)["BRK.B"] == (T2_WEEK, 0.3)
    before = weekly.project.digests("results", "resources")
    assert weekly.run(finished=True).rules == {"write_manifest": 1}
    assert weekly.project.digests("results", "resources") == before


def test_a_restated_week_is_kept_beside_when_a_run_asks_for_it(weekly):
    weekly.run(finished=True)
    first = weekly.root / f"finra/otc_weekly/{T1_NEW}.json"
    kept = first.read_bytes()
    weekly.vendors.finra_api.restate(T1_NEW, "AAPL", "ATS_W_SMBL", 500, "2025-12-29")
    weekly.settings["finra"] = {"weekly": True, "weeks_again": 1}
    weekly.now = "2025-12-30T06:00:00-05:00"
    weekly.run(finished=True)
    row = weekly.project.features()["AAPL"]
    assert (str(row["finra_week"]), row["ats_share"]) == (T1_NEW, 500 / 1_200)
    assert {"restated", "revised"} <= set(row["quality"].split(","))
    assert not {"restated", "revised"} & set(weekly.project.features()["NA"]["quality"].split(","))
    assert first.read_bytes() == kept
    assert [path.name for path in first.parent.glob(f"{T1_NEW}@*.json")] == [f"{T1_NEW}@20251230T110000Z.json"]


def test_every_session_of_a_page_sees_the_weeks_of_its_own_morning_and_a_week_is_asked_for_once(weekly):
    weekly.settings |= {"backfill_count": 3, "history": {"ma": 3, "min_sessions": 3, "window": 3}}
    weekly.run(finished=True, FETCH_MODE="daily")
    assert {day: weeks_seen(weekly, day)["AAPL"] for day in ("2025-12-18", "2025-12-19", "2025-12-22")} == {
        "2025-12-18": (T1_OLD, 0.9),
        "2025-12-19": (T1_OLD, 0.9),
        "2025-12-22": (T1_NEW, 0.3),
    }
    assert weeks_seen(weekly, "2025-12-19")["BRK.B"] == (None, None)
    notes = facts.unpack(contracts.metadata(weekly.project.folder("2025-12-19") / "features.parquet"))["notes"]
    assert "No row in FINRA's weekly data for BRK.B." in notes
    assert not any("stale_mark" in row["quality"] for row in weekly.project.features("2025-12-19").values())
    asked = queries(weekly)
    assert [week for week in asked if week[0] == T1_NEW and week[1] == "T1"] == [(T1_NEW, "T1", 0)]
    assert [week for week in asked if week[0] == T1_OLD and week[1] == "T1"] == [(T1_OLD, "T1", 0)]
    manifest = weekly.project.manifest()
    assert [entry["path"] for entry in manifest["covers"]] == [
        f"{day}/features.parquet" for day in ("2025-12-18", "2025-12-19", "2025-12-22")
    ]
    assert not (weekly.project.folder("2025-12-19") / "table.html").exists()
    page = (weekly.project.folder() / "table.html").read_text()
    assert all(day in page for day in ("2025-12-18", "2025-12-19", "2025-12-22"))


def test_the_mode_weekly_makes_a_table_of_weeks_and_waits_for_finra(weekly):
    weekly.settings["backfill_count"] = 2
    weekly.vendors.faults.add(kind="status", host=API, status=504)
    run = weekly.run(finished=False, FETCH_MODE="weekly")
    assert "FINRA weekly is outage" in run.said
    weekly.vendors.faults.clear()
    weekly.run(finished=True, FETCH_MODE="weekly")
    weeks = weekly.project.table("weekly")
    assert weeks.select(
        "week_start_date", "ticker", "tier", "finra_off_exchange_volume", "sessions_in_week"
    ).rows() == [
        (pl.Series([T2_WEEK]).str.to_date()[0], "BRK.B", "T2", 10_000, 5),
        (pl.Series([T1_OLD]).str.to_date()[0], "AAPL", "T1", 1_000, 4),
        (pl.Series([T1_OLD]).str.to_date()[0], "NA", "T1", 100, 4),
        (pl.Series([T1_NEW]).str.to_date()[0], "AAPL", "T1", 1_000, 5),
        (pl.Series([T1_NEW]).str.to_date()[0], "NA", "T1", 100, 5),
    ]
    assert weeks["estimated_bought"].null_count() == weeks.height
    assert weekly.project.manifest()["mode"] == "weekly"
    assert set(weekly.project.table("dark_flow")["finra_period_type"]) == {"daily"}
    assert set(weeks["finra_period_type"]) == {"weekly"}


def test_a_vendor_that_is_down_is_found_out_once_a_run_and_not_by_every_session(weekly):
    """Two questions, each asked four times."""
    weekly.settings |= {"backfill_count": 3, "history": {"ma": 3, "min_sessions": 3, "window": 3}}
    weekly.vendors.faults.add(kind="status", host=API, status=504)
    weekly.run(finished=True, FETCH_MODE="daily")
    assert len(queries(weekly)) == 2 * 4


def test_a_second_scan_asks_for_the_weeks_that_the_first_could_not_have(weekly):
    """The archive is shared: that one scan is finished makes no week late for the other, which asks for it once."""
    weekly.vendors.finra_api.withdraw(T1_NEW, "T1")
    weekly.run(finished=True)
    publish_weeks(weekly.vendors.finra_api)
    config = weekly.config
    config["scans"]["emps3"] = {"archive": weekly.archive, "tickers": ["AAPL"]}
    both = (weekly.project.target(), f"results/emps3/{weekly.day}/all")
    before = len(queries(weekly))
    weekly.project.finish(*both, config=config, DARKPOOL_NOW=weekly.now)
    rows = pl.read_parquet(weekly.project.root / f"results/emps3/{weekly.day}/features.parquet")
    assert str(rows["finra_week"].item()) == T1_NEW
    assert queries(weekly)[before:] == [(T1_NEW, "T1", 0)]
    run = weekly.project.finish(*both, config=config, DARKPOOL_NOW=weekly.now)
    assert run.rules == {"write_manifest": 2}
    assert len(queries(weekly)) == before + 1
