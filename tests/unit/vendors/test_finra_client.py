"""FINRA's Query API is asked as it wants to be asked, and what it says is taken for what it means."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import canaries
from darkpool import credentials
from darkpool.vendors.failure import Failure
from darkpool.vendors.finra import client as finra
from darkpool.vendors.finra.client import Client
from standin import Vendors, weekly_rows

WEEK = "2025-11-17"
QUERY: dict[str, Any] = {
    "compareFilters": [
        {"fieldName": "weekStartDate", "compareType": "EQUAL", "fieldValue": WEEK},
        {"fieldName": "tierIdentifier", "compareType": "EQUAL", "fieldValue": "T2"},
    ],
    "domainFilters": [{"fieldName": "summaryTypeCode", "values": ["ATS_W_SMBL", "OTC_W_SMBL"]}],
}


@pytest.fixture
def vendors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendors]:
    monkeypatch.setattr(credentials, "FILE", tmp_path / ".env")
    monkeypatch.setenv("DARKPOOL_FINRA_PAUSE", "0")
    monkeypatch.setenv("DARKPOOL_BACKOFF", "0.001")
    for name in ("FINRA_API_KEY", "FINRA_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    with Vendors(tmp_path / "vendors") as v:
        for name, value in v.variables.items():
            monkeypatch.setenv(name, value)
        v.finra_api.publish(weekly_rows(WEEK, "T2", {"TQQQ": (300, 700), "NA": (1.5, 2.25)}))
        yield v


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, key in canaries.CREDENTIALS.items():
        monkeypatch.setenv(name, key)


def ask(**options: Any) -> list[dict[str, Any]]:
    with Client(**options) as client:
        return client.rows("weeklySummary", QUERY).rows


def failure(**options: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        ask(**options)
    return caught.value


def many(count: int) -> list[dict[str, Any]]:
    return weekly_rows(WEEK, "T2", {f"S{n}": (n, None) for n in range(count)})


def data_requests(vendors: Vendors) -> list[dict[str, Any]]:
    return [json.loads(r.body) for r in vendors.requests if r.host == "api.finra.org" and r.method == "POST"]


class TestPages:
    def test_only_the_rows_of_the_filters_come(self, vendors: Vendors) -> None:
        rows = ask()
        assert [(r["issueSymbolIdentifier"], r["summaryTypeCode"], r["totalWeeklyShareQuantity"]) for r in rows] == [
            ("TQQQ", "ATS_W_SMBL", 300), ("TQQQ", "OTC_W_SMBL", 700),
            ("NA", "ATS_W_SMBL", 1.5), ("NA", "OTC_W_SMBL", 2.25),
        ]  # fmt: skip

    def test_a_short_page_is_not_the_end(self, vendors: Vendors) -> None:
        vendors.finra_api.page_rows = 3
        assert len(ask()) == 4
        assert [body["offset"] for body in data_requests(vendors)] == [0, 3]

    def test_5001_rows_take_two_pages_of_at_most_5000(self, vendors: Vendors) -> None:
        vendors.finra_api.publish(many(5_001))
        assert [row["issueSymbolIdentifier"] for row in ask()] == [f"S{n}" for n in range(5_001)]
        assert [(body["limit"], body["offset"]) for body in data_requests(vendors)] == [(5_000, 0), (5_000, 5_000)]

    def test_an_exact_multiple_of_the_page_is_whole(self, vendors: Vendors) -> None:
        vendors.finra_api.page_rows = 2
        assert len(ask()) == 4
        assert len(data_requests(vendors)) == 2

    def test_without_record_total_an_empty_page_is_the_end(self, vendors: Vendors) -> None:
        vendors.finra_api.totals = False
        vendors.finra_api.page_rows = 3
        assert len(ask()) == 4
        assert [body["offset"] for body in data_requests(vendors)] == [0, 3, 4]

    def test_204_and_an_empty_array_are_both_nothing(self, vendors: Vendors) -> None:
        vendors.finra_api.publish([{"weekStartDate": WEEK, "tierIdentifier": "T2", "summaryTypeCode": "X"}])
        assert ask() == []
        vendors.faults.add(kind="body", body=b"[]", host="api.finra.org")
        assert ask() == []

    def test_fewer_rows_than_promised_are_truncated(self, vendors: Vendors) -> None:
        vendors.finra_api.stops_after = 3
        cut = failure()
        assert (cut.state, cut.reason) == ("truncated", "3 rows came, FINRA's Record-Total is 4")

    def test_the_rows_are_kept_in_finras_own_bytes(self, vendors: Vendors) -> None:
        vendors.finra_api.page_rows = 1
        with Client() as client:
            answer = client.rows("weeklySummary", QUERY)
        assert json.loads(answer.content) == answer.rows
        assert b'"totalWeeklyShareQuantity": 2.25' in answer.content

    @pytest.mark.parametrize("body", [b"<html>", b'{"rows": []}', b"[1]", b'"weekStartDate","tier"'])
    def test_what_is_no_array_of_rows_is_an_outage(self, vendors: Vendors, body: bytes) -> None:
        vendors.faults.add(kind="body", body=body, host="api.finra.org")
        assert failure().state == "outage"


class TestCredentials:
    def test_without_any_nothing_is_sent(self, vendors: Vendors) -> None:
        assert len(ask()) == 4
        assert all("Authorization" not in r.headers for r in vendors.requests)

    def test_one_token_serves_many_questions(self, vendors: Vendors, keys: None) -> None:
        vendors.finra_api.open = False
        vendors.finra_api.page_rows = 1
        assert len(ask()) == 4
        assert vendors.finra_api.tokens == 1
        asked = next(r for r in vendors.requests if r.host == "ews.fip.finra.org")
        assert (asked.method, asked.path.partition("?")[2], asked.body) == (
            "POST",
            "grant_type=client_credentials",
            b"",
        )

    def test_a_token_whose_life_is_text_is_kept_too(self, vendors: Vendors, keys: None) -> None:
        vendors.finra_api.expires_in = "1800"
        vendors.finra_api.page_rows = 1
        ask()
        assert vendors.finra_api.tokens == 1

    def test_a_token_near_its_end_is_renewed(self, vendors: Vendors, keys: None) -> None:
        vendors.finra_api.expires_in = 59
        vendors.finra_api.page_rows = 2
        ask()
        assert vendors.finra_api.tokens == 2

    def test_a_refused_token_is_dropped_and_asked_for_once_more(self, vendors: Vendors, keys: None) -> None:
        with Client() as client:
            client.rows("weeklySummary", QUERY)
            vendors.finra_api.expire_tokens()
            assert len(client.rows("weeklySummary", QUERY).rows) == 4
        assert vendors.finra_api.tokens == 2

    def test_401_again_is_blocked(self, vendors: Vendors, keys: None) -> None:
        vendors.faults.add(kind="status", status=401, host="api.finra.org")
        assert failure().state == "blocked"
        assert len(data_requests(vendors)) == 2

    def test_invalid_client_is_blocked_and_says_what_to_do(
        self, vendors: Vendors, keys: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FINRA_API_SECRET", "not-this-one")
        refused = failure()
        assert (refused.state, refused.status) == ("blocked", 400)
        assert "Correct them in the environment or in " in refused.reason
        assert "not-this-one" not in str(refused)
        assert not data_requests(vendors)

    @pytest.mark.parametrize("kind", ["drop", "refuse", "tls", "html"])
    def test_a_broken_network_is_no_matter_of_credentials(self, vendors: Vendors, keys: None, kind: Any) -> None:
        vendors.faults.add(kind=kind, host="ews.fip.finra.org")
        broken = failure()
        assert broken.state == "outage"
        assert broken.reason.startswith("no token: ")

    def test_half_a_pair_is_blocked_and_the_other_half_named(
        self, vendors: Vendors, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FINRA_API_KEY", canaries.FINRA_KEY)
        assert "FINRA_API_SECRET is not set" in failure().reason

    def test_a_closed_door_without_credentials_asks_for_them(self, vendors: Vendors) -> None:
        vendors.finra_api.open = False
        closed = failure()
        assert closed.state == "blocked"
        assert "set FINRA_API_KEY and FINRA_API_SECRET" in closed.reason

    def test_the_older_pair_of_headers_asks_for_no_token(self, vendors: Vendors, keys: None) -> None:
        vendors.finra_api.open = False
        assert len(ask(auth="x_api_key")) == 4
        assert vendors.finra_api.tokens == 0

    def test_none_sends_nothing_though_keys_are_set(self, vendors: Vendors, keys: None) -> None:
        assert len(ask(auth="none")) == 4
        assert vendors.finra_api.tokens == 0

    def test_an_unknown_way_in_is_refused(self) -> None:
        with pytest.raises(ValueError, match="auto, oauth, x_api_key, none"):
            Client(auth="cookie")


class TestTrouble:
    @pytest.mark.parametrize("status", [429, 504])
    def test_a_busy_api_is_asked_again(self, vendors: Vendors, status: int) -> None:
        vendors.faults.add(kind="status", status=status, host="api.finra.org", times=2)
        assert len(ask()) == 4

    @pytest.mark.parametrize(("status", "state"), [(429, "outage"), (504, "outage"), (400, "outage"), (403, "blocked")])
    def test_what_lasts_is_told_by_its_state(self, vendors: Vendors, status: int, state: str) -> None:
        vendors.faults.add(kind="status", status=status, host="api.finra.org")
        assert (failure().state, failure().status) == (state, status)

    def test_a_redirect_carries_no_token_elsewhere(self, vendors: Vendors, keys: None) -> None:
        vendors.faults.add(kind="status", status=302, host="api.finra.org")
        assert failure().state == "outage"
        assert {r.host for r in vendors.requests} == {"api.finra.org", "ews.fip.finra.org"}

    def test_no_message_holds_key_secret_or_token(self, vendors: Vendors, keys: None) -> None:
        for status in (400, 403, 429, 500):
            vendors.faults.clear()
            vendors.faults.add(kind="status", status=status, host="api.finra.org")
            assert canaries.in_text(repr(failure()) + failure().reason) == set()


class TestStandin:
    def test_a_get_is_not_filtered_and_begins_at_the_oldest_week(self, vendors: Vendors) -> None:
        import requests

        vendors.finra_api.publish(weekly_rows("2025-11-10", "T1", {"OLD": (1, 2)}))
        rows = requests.get(finra.DATA_ADDRESS + "weeklySummary", params={"weekStartDate": WEEK}).json()
        assert rows[0]["weekStartDate"] == "2025-11-10"

    def test_sorting_without_the_partition_is_refused(self, vendors: Vendors) -> None:
        import requests

        address = finra.DATA_ADDRESS + "weeklySummary"
        assert requests.post(address, json={"sortFields": ["weekStartDate"]}).status_code == 400
        assert requests.post(address, json={**QUERY, "sortFields": ["MPID"]}).status_code == 200

    def test_firm_rows_and_totals_count_the_same_shares_again(self) -> None:
        rows = weekly_rows(WEEK, "T1", {"AAPL": (100, 301)})

        def shares(kind: str) -> float:
            return sum(row["totalWeeklyShareQuantity"] for row in rows if row["summaryTypeCode"] == kind)

        assert shares("ATS_W_SMBL") == shares("ATS_W_SMBL_FIRM") == shares("ATS_W_VOL_STATS") == 100
        assert shares("OTC_W_SMBL") == shares("OTC_W_SMBL_FIRM") == shares("OTC_W_VOL_STATS") == 301
