"""The demo's weeks come as FINRA's do: late, tier by tier, and each share counted more than once among their rows."""

import hashlib
import json
import os
import subprocess
import sys
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from darkpool.archive import open_requests
from darkpool.archive.store import Archive, retrieved
from darkpool.market import sessions, symbols
from darkpool.vendors.finra import otc_weekly, regsho
from darkpool.vendors.simulated import daily_answers, watchlist, weekly_fetch, weekly_reports
from darkpool.vendors.simulated import volumes as simulate
from darkpool.vendors.simulated.files import asked_at

SEED = 7
COUNT = 4
SESSION = date(2025, 12, 22)
FRACTIONAL = date(2026, 4, 20)
WEEK = date(2025, 11, 17)
SUMMARIES = ("ATS_W_SMBL", "OTC_W_SMBL")

some_session = st.sampled_from(sessions.between(date(2019, 1, 2), date(2026, 10, 30)))


def write(root: Path, session: date = SESSION, count: int = COUNT, seed: int = SEED) -> Archive:
    weekly_fetch.fetch(Archive(root), session, count, seed)
    return Archive(root)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    root = tmp_path_factory.mktemp("weeks")
    for session in (SESSION, FRACTIONAL):
        write(root, session)
    return Archive(root)


def files(archive: Archive) -> dict[str, str]:
    folder = archive.path("finra/otc_weekly")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def rows(archive: Archive, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(archive.path("finra/otc_weekly", name).read_bytes())
    return found


def receipt(archive: Archive, session: date = SESSION) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(archive.receipt_path("finra_weekly", session).read_bytes())
    return told


@cache
def published(day: date) -> dict[str, float]:
    """FINRA's daily file as the workflow reads it: off-exchange shares by symbol."""
    frame = regsho.parse(daily_answers.regsho_file(day, SEED), f"{day}", day).frame
    return dict(frame.select("symbol", "trf_volume").iter_rows())


def standing() -> list[str]:
    return list(watchlist.STANDING)


def restated_row(archive: Archive, name: str) -> dict[str, Any]:
    (row,) = [row for row in rows(archive, name) if row["initialPublishedDate"] != row["lastUpdateDate"]]
    return row


class TestPublication:
    def test_a_week_is_there_when_its_tier_is_published_and_not_before(self, tmp_path: Path) -> None:
        assert list(files(write(tmp_path, SESSION, 1))) == [
            "2025-11-10.json",
            "2025-11-10@20251215T100000Z.json",
            "2025-11-17.json",
            "2025-11-17@20251222T100000Z.json",
            "2025-11-24.json",
            "2025-12-01.json",
        ]

    def test_the_session_before_sees_one_week_less_of_each_tier(self, tmp_path: Path) -> None:
        assert list(files(write(tmp_path, sessions.previous(SESSION), 1))) == [
            "2025-11-03.json",
            "2025-11-03@20251208T100000Z.json",
            "2025-11-10.json",
            "2025-11-10@20251215T100000Z.json",
            "2025-11-17.json",
            "2025-11-24.json",
        ]

    @hypothesis_settings(max_examples=10, deadline=None)
    @given(some_session)
    def test_nothing_is_dated_on_or_after_the_next_session(
        self, tmp_path_factory: pytest.TempPathFactory, session: date
    ) -> None:
        archive = write(tmp_path_factory.mktemp("weeks"), session, 1)
        told = [row for name in files(archive) for row in rows(archive, name)]
        assert max(row["lastUpdateDate"] for row in told) < str(sessions.following(session))

    def test_t1_comes_in_the_first_answer_and_the_other_tiers_in_the_later_one(self, archive: Archive) -> None:
        first = {(row["tierIdentifier"], row["initialPublishedDate"]) for row in rows(archive, "2025-11-17.json")}
        assert first == {("T1", "2025-12-08")}
        later = rows(archive, "2025-11-17@20251222T100000Z.json")
        assert {(row["tierIdentifier"], row["initialPublishedDate"]) for row in later} == {
            ("T2", "2025-12-22"), ("OTCE", "2025-12-22"), ("T1", "2025-12-08"),
        }  # fmt: skip

    def test_a_week_is_the_same_whichever_session_asks_for_it(self, tmp_path: Path) -> None:
        early = files(write(tmp_path / "a", date(2025, 12, 8)))
        late = files(write(tmp_path / "b", SESSION))
        shared = early.keys() & late.keys()
        assert {"2025-11-17.json", "2025-11-03@20251208T100000Z.json"} <= shared
        assert {name: early[name] for name in shared} == {name: late[name] for name in shared}

    def test_a_later_session_adds_answers_and_changes_none(self, tmp_path: Path) -> None:
        before = files(write(tmp_path, date(2025, 12, 8)))
        after = files(write(tmp_path, SESSION))
        assert after.items() > before.items()
        assert "2025-11-17@20251222T100000Z.json" in after.keys() - before.keys()

    def test_an_answer_that_is_there_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "finra/otc_weekly/2025-11-17.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"[]")
        archive = write(tmp_path)
        assert path.read_bytes() == b"[]"
        entry = receipt(archive)["weeks"]["2025-11-17"]["T1"]
        assert (entry["sha256"], entry["rows"]) == (hashlib.sha256(b"[]").hexdigest(), 0)


class TestSeed:
    def test_the_same_seed_writes_the_same_bytes_in_another_process(self, tmp_path: Path) -> None:
        here = write(tmp_path / "a", SESSION, 1)
        program = (
            "import sys; from datetime import date; from darkpool.vendors.simulated import weekly_fetch\n"
            "from darkpool.archive.store import Archive\n"
            "weekly_fetch.fetch(Archive(sys.argv[1]), date.fromisoformat(sys.argv[2]), 1, int(sys.argv[3]))"
        )
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "b"), str(SESSION), str(SEED)],
            check=True,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(weekly_reports.__file__).parents[3]),
                "PYTHONHASHSEED": "42",
                "TZ": "Asia/Tokyo",
            },
        )
        there = Archive(tmp_path / "b")
        assert files(here) == files(there)
        assert receipt(here) == receipt(there)

    def test_another_seed_is_another_market_in_the_same_tiers(self, tmp_path: Path) -> None:
        def told(seed: int) -> tuple[dict[str, str], dict[str, float]]:
            frame = otc_weekly.table(write(tmp_path / str(seed), SESSION, 1, seed), SESSION, standing()).table
            tiers = dict(frame.select("ticker", "tier").iter_rows())
            return tiers, dict(frame.select("ticker", "off_exchange_volume").iter_rows())

        (tiers, volumes), (other_tiers, other_volumes) = told(1), told(2)
        assert tiers == other_tiers
        assert not set(volumes.items()) & set(other_volumes.items())


class TestReading:
    def test_the_watchlist_has_both_nms_tiers_and_t1_is_a_fortnight_ahead(self, archive: Archive) -> None:
        weekly = otc_weekly.table(archive, SESSION, standing())
        assert (weekly.unmatched, weekly.faults) == ((), ())
        newest = set(weekly.table.select("tier", "week_start_date").iter_rows())
        assert newest == {("T1", date(2025, 12, 1)), ("T2", date(2025, 11, 17))}

    def test_every_ticker_has_the_weeks_asked_for(self, archive: Archive) -> None:
        weeks = otc_weekly.weeks(archive, SESSION, standing(), COUNT)
        assert dict(weeks.group_by("ticker").len().iter_rows()) == dict.fromkeys(standing(), COUNT)

    def test_a_ticker_that_is_not_listed_yet_has_no_week(self, archive: Archive) -> None:
        listed_today = watchlist.listed_on(sessions.index(SESSION))
        assert otc_weekly.table(archive, SESSION, [listed_today]).unmatched == (listed_today,)

    @pytest.mark.parametrize("session", [SESSION, FRACTIONAL])
    def test_a_week_is_its_daily_files_and_the_extended_hours(self, archive: Archive, session: date) -> None:
        compared = 0
        for row in otc_weekly.weeks(archive, session, standing(), COUNT).iter_rows(named=True):
            monday, symbol = row["week_start_date"], symbols.to_finra(row["ticker"])
            days = sessions.between(monday, monday + timedelta(days=4))
            assert symbol
            daily = sum(published(day).get(symbol, 0.0) for day in days)
            whole = row["finra_off_exchange_volume"]
            assert 1.02 * daily - 1 <= whole <= 1.10 * daily + 1
            assert 0.10 * whole - 1 <= row["ats_volume"] <= 0.25 * whole
            assert row["ats_volume"] + row["non_ats_volume"] == pytest.approx(whole, abs=1e-5)
            compared += 1
        assert compared == len(standing()) * COUNT

    def test_only_sessions_of_the_week_are_in_it(self, archive: Archive) -> None:
        thanksgiving = date(2025, 11, 24)
        days = sessions.between(thanksgiving, thanksgiving + timedelta(days=6))
        assert len(days) == 4
        daily = sum(simulate.as_traded(["NA"], day, SEED).trf[0] for day in days)
        week = otc_weekly.weeks(archive, SESSION, ["NA"], 2)["finra_off_exchange_volume"][0]
        assert 1.02 * daily - 1 <= week <= 1.10 * daily + 1

    def test_shares_turn_fractional_with_the_week_of_2026_02_23(self) -> None:
        def shares(monday: date) -> list[float]:
            answer = json.loads(weekly_reports.answer(monday, ("T2", "OTC"), SEED))
            return [row["totalWeeklyShareQuantity"] for row in answer]

        assert all(isinstance(value, int) for value in shares(date(2026, 2, 16)))
        after = shares(date(2026, 2, 23))
        assert sum(isinstance(value, float) for value in after) > 0.8 * len(after)

    def test_case_and_class_shares_keep_their_spelling(self, archive: Archive) -> None:
        found = {row["issueSymbolIdentifier"] for name in files(archive) for row in rows(archive, name)}
        assert {"BRK.B", "NA", "NAN", "TRUE", "TPC", "T$C", None} <= found


class TestTraps:
    @pytest.mark.parametrize("name", ["2025-11-17.json", "2025-11-17@20251222T100000Z.json"])
    def test_summing_every_row_is_wrong(self, archive: Archive, name: str) -> None:
        told = rows(archive, name)
        right = sum(row["totalWeeklyShareQuantity"] for row in told if row["summaryTypeCode"] in SUMMARIES)
        assert sum(row["totalWeeklyShareQuantity"] for row in told) > 2 * right

    @pytest.mark.parametrize("name", ["2025-11-17.json", "2026-02-23@20260330T100000Z.json"])
    def test_rows_by_firm_and_totals_add_up_to_the_issues(self, archive: Archive, name: str) -> None:
        told = [r for r in rows(archive, name) if r["initialPublishedDate"] == r["lastUpdateDate"]]

        def shares(kind: str, symbols: set[str] | None = None) -> float:
            return sum(
                float(row["totalWeeklyShareQuantity"])
                for row in told
                if row["summaryTypeCode"] == kind and (symbols is None or row["issueSymbolIdentifier"] in symbols)
            )

        with_firms = {row["issueSymbolIdentifier"] for row in told if row["summaryTypeCode"].endswith("_FIRM")}
        assert 1 < len(with_firms) < 12
        for kind in SUMMARIES:
            assert shares(kind + "_FIRM") == pytest.approx(shares(kind, with_firms), rel=1e-12)
            assert shares(kind.replace("SMBL", "VOL_STATS")) == pytest.approx(shares(kind), rel=1e-12)

    def test_a_firm_outside_the_atss_has_no_mpid(self, archive: Archive) -> None:
        told = rows(archive, "2025-11-17.json")
        assert {bool(row["MPID"]) for row in told if row["summaryTypeCode"] == "ATS_W_SMBL_FIRM"} == {True}
        assert {row["MPID"] for row in told if row["summaryTypeCode"] == "OTC_W_SMBL_FIRM"} == {None}

    def test_one_row_of_a_week_is_restated_and_read_from_the_newer_answer(self, archive: Archive) -> None:
        row = restated_row(archive, "2025-11-17@20251222T100000Z.json")
        assert (row["tierIdentifier"], row["initialPublishedDate"], row["lastUpdateDate"]) == (
            "T1", "2025-12-08", "2025-12-22",
        )  # fmt: skip
        symbol = row["issueSymbolIdentifier"]
        at_first = {
            r["summaryTypeCode"]: r["totalWeeklyShareQuantity"]
            for r in rows(archive, "2025-11-17.json")
            if r["issueSymbolIdentifier"] == symbol
        }
        assert row["totalWeeklyShareQuantity"] > at_first["OTC_W_SMBL"]
        ticker = symbol.replace("/", ".")
        week = otc_weekly.weeks(archive, SESSION, [ticker], 3).row(0, named=True)
        assert week["week_start_date"] == WEEK
        expected = at_first["ATS_W_SMBL"] + row["totalWeeklyShareQuantity"]
        assert (week["finra_off_exchange_volume"], week["revised"], week["restated"]) == (expected, True, False)
        assert otc_weekly.table(archive, date(2025, 12, 12), [ticker]).restated == {ticker}

    @hypothesis_settings(max_examples=10, deadline=None)
    @given(st.integers(0, 300), st.integers(0, 2**31))
    def test_what_is_restated_is_never_on_a_watchlist(self, back: int, seed: int) -> None:
        content = weekly_reports.answer(WEEK - timedelta(days=7 * back), ("T2", "OTC"), seed)
        (symbol,) = [r["issueSymbolIdentifier"] for r in json.loads(content) if r["tierIdentifier"] == "T1"]
        assert symbol.replace("/", ".") not in watchlist.STANDING
        assert not symbol.startswith("NW")

    def test_an_earlier_session_is_the_same_after_a_later_one_was_simulated(self, tmp_path: Path) -> None:
        days = sessions.window(SESSION, 10)[::2]

        def read(day: date) -> otc_weekly.Weekly:
            return otc_weekly.newest(Archive(tmp_path), day, watchlist.tickers(day), 2)

        before = []
        for day in days:
            write(tmp_path, day, 2)
            before.append(read(day))
        for day, told in zip(days, before, strict=True):
            assert told.frame.equals(read(day).frame)
            assert told.unmatched == read(day).unmatched


class TestReceipt:
    def test_the_receipt_says_simulated_and_leaves_nothing_due(self, archive: Archive) -> None:
        told = receipt(archive)
        assert (told["source"], told["session"], told["state"]) == ("finra_weekly", "2025-12-22", "published")
        assert (told["simulated"], told["seed"]) == (True, SEED)
        assert open_requests.weekly(archive, SESSION, COUNT) == []

    def test_the_newest_two_weeks_have_t1_alone(self, archive: Archive) -> None:
        tiers = {week: sorted(entries) for week, entries in receipt(archive)["weeks"].items()}
        assert tiers == {
            "2025-12-01": ["T1"],
            "2025-11-24": ["T1"],
            "2025-11-17": ["OTC", "T1", "T2"],
            "2025-11-10": ["OTC", "T1", "T2"],
            "2025-11-03": ["OTC", "T1", "T2"],
            "2025-10-27": ["OTC", "T1", "T2"],
            "2025-10-20": ["OTC", "T1", "T2"],
        }

    def test_an_entry_names_its_answer_and_the_summary_rows_in_it(self, archive: Archive) -> None:
        for week, entries in receipt(archive)["weeks"].items():
            for tier, entry in entries.items():
                content = archive.path(entry["file"]).read_bytes()
                assert entry["sha256"] == hashlib.sha256(content).hexdigest()
                code = {"OTC": "OTCE"}.get(tier, tier)
                summaries = [r for r in json.loads(content) if r["summaryTypeCode"] in SUMMARIES]
                assert entry["rows"] == sum(r["tierIdentifier"] == code for r in summaries) > 0
                assert entry["address"] == f"simulated://finra/weeklySummary/{week}/{code}"
                assert (entry["state"], entry["status"], entry["retrieved_at"]) == (
                    "published", 200, "2025-12-23T10:00:00Z",
                )  # fmt: skip

    def test_no_answer_is_stamped_after_it_was_retrieved(self, archive: Archive) -> None:
        entries = [entry for tiers in receipt(archive)["weeks"].values() for entry in tiers.values()]
        stamps = [moment for entry in entries if (moment := retrieved(archive.path(entry["file"])))]
        assert max(stamps) < asked_at(SESSION)
