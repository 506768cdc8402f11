"""What is due of FINRA's weeks is asked for, kept whole, and receipted; nothing that FINRA does stops the day."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import canaries
from darkpool import credentials
from darkpool.archive import open_requests
from darkpool.archive.store import Archive
from darkpool.market import sessions
from darkpool.vendors.finra import client as finra
from darkpool.vendors.finra import otc_weekly, weekly_fetch
from standin import Vendors, weekly_rows

SESSION = date(2025, 12, 22)
T1_WEEK, T2_WEEK = date(2025, 12, 1), date(2025, 11, 17)
TICKERS = ["AAPL", "TQQQ", "NSRGY"]
WEEK_BEFORE = timedelta(days=7)
ASKED = [
    ("2025-12-01", "T1"), ("2025-11-24", "T1"), ("2025-11-17", "T2"), ("2025-11-17", "OTCE"),
    ("2025-11-10", "T2"), ("2025-11-10", "OTCE"),
]  # fmt: skip


@pytest.fixture
def vendors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendors]:
    monkeypatch.setattr(credentials, "FILE", tmp_path / ".env")
    monkeypatch.setenv("DARKPOOL_FINRA_PAUSE", "0")
    monkeypatch.setenv("DARKPOOL_BACKOFF", "0.001")
    monkeypatch.setenv("DARKPOOL_NOW", "2025-12-23T06:00:00-05:00")
    for name in ("FINRA_API_KEY", "FINRA_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    with Vendors(tmp_path / "vendors") as v:
        for name, value in v.variables.items():
            monkeypatch.setenv(name, value)
        for back in range(6):
            week = T1_WEEK - timedelta(days=7 * back)
            v.finra_api.publish(weekly_rows(week, "T1", {"AAPL": (100 + back, 200)}))
            if week <= T2_WEEK:
                v.finra_api.publish(weekly_rows(week, "T2", {"TQQQ": (300 + back, 700)}))
                v.finra_api.publish(weekly_rows(week, "OTCE", {"NSRGY": (1.5, 2.25)}))
        yield v


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def run(archive: Archive, session: date = SESSION, weeks: int = 1, **options: Any) -> dict[str, Any]:
    receipt = weekly_fetch.fetch(archive, session, TICKERS, weeks, **options)
    archive.write_receipt("finra_weekly", session, receipt)
    return receipt


def published(monday: date, lag: int) -> date:
    """As FINRA has been seen to: on the Monday of the tier's lag, and on Tuesday where that is a holiday."""
    day = monday + timedelta(days=lag)
    return day if sessions.is_session(day) else day + timedelta(days=1)


def files(archive: Archive) -> list[str]:
    return sorted(path.name for path in archive.path("finra/otc_weekly").glob("*"))


def asked(vendors: Vendors) -> list[tuple[str, str]]:
    bodies = [json.loads(r.body) for r in vendors.requests if r.host == "api.finra.org"]
    return [(b["compareFilters"][0]["fieldValue"], b["compareFilters"][1]["fieldValue"]) for b in bodies]


def states(receipt: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(week, tier): e["state"] for week, tiers in receipt["weeks"].items() for tier, e in tiers.items()}


class TestDue:
    def test_t1_comes_after_three_weeks_and_the_others_after_five(self) -> None:
        assert open_requests.weeks(SESSION, 1)[::2] == [(T1_WEEK, "T1"), (T2_WEEK, "T2"), (T2_WEEK - WEEK_BEFORE, "T2")]

    def test_of_every_tier_one_week_more_is_due_and_none_where_none_is_wanted(self) -> None:
        assert open_requests.weeks(SESSION, 1) == [
            (T1_WEEK, "T1"), (T1_WEEK - WEEK_BEFORE, "T1"), (T2_WEEK, "T2"), (T2_WEEK, "OTC"),
            (T2_WEEK - WEEK_BEFORE, "T2"), (T2_WEEK - WEEK_BEFORE, "OTC"),
        ]  # fmt: skip
        assert open_requests.weeks(SESSION, 0) == []

    @given(st.sampled_from(sessions.between(date(2018, 8, 1), date(2026, 6, 30))), st.integers(1, 4))
    def test_the_newest_weeks_are_asked_for_though_every_holiday_monday_publishes_on_tuesday(
        self, session: date, count: int
    ) -> None:
        for tier, lag in open_requests.WEEKLY_LAGS.items():
            mondays = [session - timedelta(days=session.weekday() + 7 * back) for back in range(12)]
            seen = [monday for monday in mondays if published(monday, lag) < sessions.following(session)]
            assert {(monday, tier) for monday in seen[:count]} <= set(open_requests.weeks(session, count))

    def test_a_week_is_due_only_for_the_session_on_the_day_of_publication(self) -> None:
        assert (T2_WEEK, "T2") not in open_requests.weeks(date(2025, 12, 19), 1)

    def test_nothing_is_due_when_all_is_published_and_there(self, vendors: Vendors, archive: Archive) -> None:
        assert len(open_requests.weekly(archive, SESSION, 2)) == 9
        run(archive, weeks=2)
        assert open_requests.weekly(archive, SESSION, 2) == []
        archive.path("finra/otc_weekly/2025-12-01.json").unlink()
        assert open_requests.weekly(archive, SESSION, 2) == [(T1_WEEK, "T1")]

    def test_a_damaged_receipt_says_what_to_do(self, archive: Archive) -> None:
        path = archive.receipt_path("finra_weekly", SESSION)
        path.parent.mkdir(parents=True)
        path.write_text('{"weeks"')
        with pytest.raises(ValueError, match="delete it"):
            open_requests.weekly(archive, SESSION, 1)


class TestFetch:
    def test_one_query_per_tier_and_week_and_each_answer_is_kept(self, vendors: Vendors, archive: Archive) -> None:
        receipt = run(archive)
        assert asked(vendors) == ASKED
        assert files(archive) == [
            "2025-11-10.json", "2025-11-10@20251223T110000Z.json", "2025-11-17.json",
            "2025-11-17@20251223T110000Z.json", "2025-11-24.json", "2025-12-01.json",
        ]  # fmt: skip
        assert receipt["state"] == "published"
        entry = receipt["weeks"]["2025-12-01"]["T1"]
        assert (entry["state"], entry["file"], entry["rows"], entry["status"], entry["retrieved_at"]) == (
            "published", "finra/otc_weekly/2025-12-01.json", 2, 200, "2025-12-23T11:00:00Z",
        )  # fmt: skip
        assert entry["address"] == "https://api.finra.org/data/group/otcMarket/name/weeklySummary"
        seen = otc_weekly.table(archive, SESSION, TICKERS)
        assert dict(seen.table.select("ticker", "off_exchange_volume").iter_rows()) == {
            "AAPL": 300.0, "TQQQ": 1000.0 + 2, "NSRGY": 3.75,
        }  # fmt: skip
        assert (seen.unmatched, seen.faults) == ((), ())

    def test_a_second_run_asks_for_nothing(self, vendors: Vendors, archive: Archive) -> None:
        first = run(archive, weeks=2)
        questions = len(vendors.requests)
        assert run(archive, weeks=2) == first
        assert len(vendors.requests) == questions

    def test_the_next_session_asks_only_for_what_is_new(self, vendors: Vendors, archive: Archive) -> None:
        run(archive, date(2025, 12, 19), weeks=2)
        before = len(asked(vendors))
        run(archive, weeks=2)
        assert asked(vendors)[before:] == [("2025-12-01", "T1"), ("2025-11-17", "T2"), ("2025-11-17", "OTCE")]

    def test_a_week_copied_in_is_used_and_its_retrieval_unknown(self, vendors: Vendors, archive: Archive) -> None:
        archive.path("finra/otc_weekly").mkdir(parents=True)
        copied = archive.path("finra/otc_weekly/2025-11-17.json")
        copied.write_text(json.dumps(weekly_rows("2025-11-17", "T2", {"TQQQ": (1, 2)})))
        receipt = run(archive)
        assert ("2025-11-17", "T2") not in asked(vendors)
        entry = receipt["weeks"]["2025-11-17"]["T2"]
        assert (entry["state"], entry["file"], entry["rows"], entry["retrieved_at"]) == (
            "published", "finra/otc_weekly/2025-11-17.json", 2, None,
        )  # fmt: skip

    def test_an_interrupted_run_keeps_what_had_come(self, vendors: Vendors, archive: Archive) -> None:
        whole = finra.Client.rows

        def interrupted(client: finra.Client, dataset: str, query: Any) -> finra.Rows:
            if asked(vendors):
                raise KeyboardInterrupt
            return whole(client, dataset, query)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(finra.Client, "rows", interrupted)
            with pytest.raises(KeyboardInterrupt):
                run(archive)
        assert files(archive) == ["2025-12-01.json"]
        run(archive)
        assert asked(vendors) == ASKED

    def test_a_damaged_answer_is_asked_for_again(self, vendors: Vendors, archive: Archive) -> None:
        run(archive)
        archive.path("finra/otc_weekly/2025-12-01.json").write_text("[{")
        receipt = run(archive)
        assert asked(vendors)[6:] == [("2025-12-01", "T1")]
        assert receipt["weeks"]["2025-12-01"]["T1"]["file"] == "finra/otc_weekly/2025-12-01.json"
        (aside,) = archive.path("rejected/finra/otc_weekly").glob("*.json")
        assert aside.read_text() == "[{"
        assert open_requests.weekly(archive, SESSION, 1) == []

    def test_fractional_shares_are_kept_as_they_came(self, vendors: Vendors, archive: Archive) -> None:
        run(archive)
        assert any(b"2.25" in path.read_bytes() for path in archive.path("finra/otc_weekly").iterdir())


class TestNothingThere:
    def test_a_week_that_is_late_is_not_yet(self, vendors: Vendors, archive: Archive) -> None:
        vendors.finra_api.withdraw(T1_WEEK, "T1")
        receipt = run(archive)
        assert (receipt["state"], states(receipt)["2025-12-01", "T1"]) == ("not_yet", "not_yet")
        assert receipt["weeks"]["2025-12-01"]["T1"]["file"] is None
        assert not archive.path("finra/otc_weekly/2025-12-01.json").exists()
        assert open_requests.weekly(archive, SESSION, 1) == [(T1_WEEK, "T1")]

    def test_a_session_whose_morning_is_over_asks_for_what_failed_and_not_for_what_was_late(
        self, vendors: Vendors, archive: Archive
    ) -> None:
        vendors.faults.add(kind="status", status=504, host="api.finra.org")
        run(archive)
        vendors.faults.clear()
        vendors.requests.clear()
        vendors.finra_api.withdraw(T1_WEEK, "T1")
        assert len(open_requests.weekly(archive, SESSION, 1, late=True)) == 6
        receipt = run(archive, late=True)
        assert set(states(receipt).values()) == {"published", "not_yet"}
        assert len(asked(vendors)) == 6
        assert open_requests.weekly(archive, SESSION, 1, late=True) == []
        assert open_requests.weekly(archive, SESSION, 1) == [(T1_WEEK, "T1")]
        assert run(archive, late=True) == receipt
        assert len(asked(vendors)) == 6

    def test_five_sessions_later_it_is_absent_and_not_asked_again(
        self, vendors: Vendors, archive: Archive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DARKPOOL_NOW", "2026-03-02T06:00:00-05:00")
        vendors.finra_api.withdraw(T1_WEEK, "T1")
        receipt = run(archive)
        assert (receipt["state"], states(receipt)["2025-12-01", "T1"]) == ("published", "absent")
        run(archive)
        assert len(asked(vendors)) == 6
        assert open_requests.weekly(archive, SESSION, 1) == []


class TestTrouble:
    def test_a_dead_vendor_is_an_outage_and_is_not_asked_for_every_week(
        self, vendors: Vendors, archive: Archive
    ) -> None:
        vendors.faults.add(kind="status", status=504, host="api.finra.org")
        receipt = run(archive, weeks=4)
        assert (receipt["state"], set(states(receipt).values())) == ("outage", {"outage"})
        assert len(set(asked(vendors))) == 2
        assert files(archive) == []

    def test_wrong_credentials_are_blocked_at_once_and_say_what_to_do(
        self, vendors: Vendors, archive: Archive, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("FINRA_API_KEY", "my-key")
        monkeypatch.setenv("FINRA_API_SECRET", "my-secret")
        receipt = run(archive, weeks=4)
        assert receipt["state"] == "blocked"
        assert "FINRA_API_KEY and FINRA_API_SECRET" in receipt["weeks"]["2025-12-01"]["T1"]["reason"]
        assert len([r for r in vendors.requests if r.host == "ews.fip.finra.org"]) == 1
        told = json.dumps(receipt) + capfd.readouterr().err
        assert "my-key" not in told
        assert "my-secret" not in told

    def test_neither_key_nor_token_reaches_the_archive(
        self, vendors: Vendors, archive: Archive, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        for name, key in canaries.CREDENTIALS.items():
            monkeypatch.setenv(name, key)
        run(archive, firms=True)
        assert vendors.finra_api.tokens == 1
        assert canaries.in_text(capfd.readouterr().err) == set()
        assert canaries.in_tree(archive.root) == {}

    @pytest.mark.parametrize("field", ["weekStartDate", "tierIdentifier", "summaryTypeCode"])
    def test_an_ignored_filter_is_noticed_and_nothing_is_kept(
        self, vendors: Vendors, archive: Archive, field: str
    ) -> None:
        vendors.finra_api.deaf_to = {field}
        receipt = run(archive)
        assert receipt["state"] == "outage"
        told = [entry for tiers in receipt["weeks"].values() for entry in tiers.values() if entry["status"]]
        assert any(f"answered with {field}" in entry["reason"] for entry in told if entry["state"] == "outage")
        assert len(files(archive)) == sum(entry["state"] == "published" for entry in told)

    def test_overlapping_pages_are_truncated(self, vendors: Vendors, archive: Archive) -> None:
        row = weekly_rows(T1_WEEK, "T1", {"AAPL": (1, None)})[2]
        vendors.finra_api.publish([row, row])
        assert states(run(archive))["2025-12-01", "T1"] == "truncated"

    def test_the_second_page_lost_loses_no_other_week(self, vendors: Vendors, archive: Archive) -> None:
        vendors.finra_api.publish(weekly_rows(T1_WEEK, "T1", {f"S{n}": (n, n) for n in range(9)}))
        vendors.finra_api.page_rows = 10
        vendors.finra_api.stops_after = 10
        told = states(run(archive))
        assert told.pop(("2025-12-01", "T1")) == "truncated"
        assert set(told.values()) == {"published"}


class TestRevisions:
    def test_a_restated_week_is_kept_beside_and_used(self, vendors: Vendors, archive: Archive) -> None:
        run(archive)
        vendors.finra_api.restate(T1_WEEK, "AAPL", "OTC_W_SMBL", 250, updated="2025-12-29")
        assert run(archive)["weeks"]["2025-12-01"]["T1"]["file"] == "finra/otc_weekly/2025-12-01.json"
        receipt = run(archive, again=1)
        assert receipt["weeks"]["2025-12-01"]["T1"]["file"] == "finra/otc_weekly/2025-12-01@20251223T110000Z.json"
        seen = otc_weekly.table(archive, SESSION, ["AAPL"])
        assert seen.table["off_exchange_volume"].to_list() == [350.0]
        assert seen.restated == seen.revised == {"AAPL"}

    def test_asking_again_for_the_same_writes_nothing(self, vendors: Vendors, archive: Archive) -> None:
        first = run(archive, weeks=2)
        kept = files(archive)
        again = run(archive, weeks=2, again=2)
        assert files(archive) == kept
        assert states(again) == states(first)
        assert len(asked(vendors)) == 18

    def test_what_the_archive_holds_stands_when_asking_again_fails(self, vendors: Vendors, archive: Archive) -> None:
        run(archive)
        vendors.faults.add(kind="status", status=504, host="api.finra.org")
        receipt = run(archive, again=1)
        assert receipt["state"] == "published"
        assert receipt["weeks"]["2025-12-01"]["T1"]["reason"].startswith("asked again: outage")


class TestHolidayMonday:
    def test_the_session_before_a_tuesday_of_publication_sees_the_week_before(
        self, vendors: Vendors, archive: Archive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DARKPOOL_NOW", "2023-09-05T06:00:00-04:00")
        vendors.finra_api.publish(weekly_rows("2023-08-07", "T1", {"AAPL": (300, 700)}, published="2023-08-28"))
        session = date(2023, 9, 1)
        receipt = run(archive, session)
        assert states(receipt)["2023-08-14", "T1"] == "not_yet"
        seen = otc_weekly.table(archive, session, ["AAPL"]).table
        assert seen.select("week_start_date", "off_exchange_volume").rows() == [(date(2023, 8, 7), 1000.0)]


class TestFirms:
    def test_firm_rows_are_of_the_universe_alone_and_change_no_volume(self, vendors: Vendors, archive: Archive) -> None:
        vendors.finra_api.publish(weekly_rows(T1_WEEK, "T1", {"AAPL": (100, 200), "MSFT": (5, 6)}))
        run(archive)
        plain = otc_weekly.table(archive, SESSION, TICKERS).table
        receipt = run(archive, firms=True)
        entry = receipt["weeks"]["2025-12-01"]["T1_FIRM"]
        rows = json.loads(archive.path(entry["file"]).read_bytes())
        assert {(r["issueSymbolIdentifier"], r["summaryTypeCode"]) for r in rows} == {
            ("AAPL", "ATS_W_SMBL_FIRM"), ("AAPL", "OTC_W_SMBL_FIRM"),
        }  # fmt: skip
        assert otc_weekly.table(archive, SESSION, TICKERS).table.equals(plain)

    def test_firm_rows_that_are_there_are_not_asked_for_again(self, vendors: Vendors, archive: Archive) -> None:
        run(archive, firms=True)
        questions = len(asked(vendors))
        run(archive, firms=True)
        assert len(asked(vendors)) == questions == 12
