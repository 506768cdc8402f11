"""The stand-ins answer as the vendors do, break as asked, and let nothing out."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

import canaries
from standin import Kind, Vendors, moment, nanoseconds

DAY = "2025-12-22"
CDN = "https://cdn.finra.org/equity/regsho/daily/"
FILE = CDN + "CNMSshvol20251222.txt"
ROWS = {"TpC": (1, 0, 2, "Q"), "AAPL": (3_442_423, 71_150, 12_057_002, "B,Q,N"), "NA": (1.5, 0, 4489378.153460, "N")}

YFINANCE = """
import json, warnings
import yfinance as yf
warnings.simplefilter("ignore")
daily = yf.download(["AAPL", "NOPE"], start="2025-12-19", end="2025-12-24", auto_adjust=False, actions=True,
                    threads=False, progress=False)
minutes = yf.download(["AAPL"], start="2025-12-22", end="2025-12-23", interval="1m", threads=False, progress=False)
apple = daily.xs("AAPL", axis=1, level="Ticker").dropna()
print(json.dumps({
    "days": [str(day.date()) for day in apple.index],
    "volume": apple["Volume"].tolist(),
    "close": apple["Close"].tolist(),
    "splits": apple["Stock Splits"].tolist(),
    "nope": bool(daily.xs("NOPE", axis=1, level="Ticker").isna().all().all()),
    "starts": [f"{start:%H:%M %Z}" for start in minutes.index],
    "minute_volume": minutes[("Volume", "AAPL")].tolist(),
}))
"""


@pytest.fixture
def vendors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendors]:
    with Vendors(tmp_path) as v:
        for name, value in v.variables.items():
            monkeypatch.setenv(name, value)
        yield v


def trade(clock: str, number: int, **fields: object) -> dict[str, object]:
    stamp = nanoseconds(DAY, clock)
    return {"sip_timestamp": stamp, "sequence_number": number, "price": 10.0, "size": 100, **fields}


def bearer(key: str = canaries.POLYGON) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


class TestYahoo:
    @pytest.mark.parametrize("without_curl", ["0", "1"])
    def test_yfinance_returns_the_numbers_given(self, vendors: Vendors, without_curl: str) -> None:
        vendors.yahoo.bars(
            "AAPL",
            {
                "2025-12-18": (1, 1, 1, 1, 1),
                "2025-12-19": (270, 274, 269, 273.5, 144_632_000),
                "2025-12-22": (272.75, 273.75, 270.5, 271, 36_571_800),
                "2025-12-23": None,
            },
        )
        vendors.yahoo.split("AAPL", DAY, 0.1)
        vendors.yahoo.split("AAPL", "2025-12-29", 4)
        vendors.yahoo.minute_bars(
            "AAPL", DAY, {"09:29": (1, 1, 1, 1, 5), "09:30": (1, 2, 1, 2, 700), "15:59": (2, 2, 1, 1, 800)}
        )

        done = subprocess.run(
            [sys.executable, "-c", YFINANCE],
            env={**vendors.env, "YF_DISABLE_CURL_CFFI": without_curl},
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[-1]) == {
            "days": ["2025-12-19", "2025-12-22"],
            "volume": [144_632_000, 36_571_800],
            "close": [273.5, 271.0],
            "splits": [0.0, 0.1],
            "nope": True,
            "starts": ["09:30 EST", "15:59 EST"],
            "minute_volume": [700, 800],
        }
        assert "NOPE" in done.stderr
        assert "possibly delisted; no timezone found" in done.stderr
        assert not vendors.unexpected
        assert {r.host for r in vendors.requests} <= set(vendors.yahoo.hosts)

    def test_splits_are_answered_only_inside_the_range_asked_for(self, vendors: Vendors) -> None:
        vendors.yahoo.split("TQQQ", "2022-01-13", 2)
        asked: dict[str, Any] = {"interval": "1d", "events": "div,splits", "period1": stamp("2021-12-01")}

        def splits(period2: int) -> Any:
            address = "https://query2.finance.yahoo.com/v8/finance/chart/TQQQ"
            answer = requests.get(address, params={**asked, "period2": period2}).json()
            return answer["chart"]["result"][0].get("events")

        ex = stamp("2022-01-13", "09:30")
        assert splits(ex) is None
        assert splits(ex + 1) == {
            "splits": {str(ex): {"date": ex, "numerator": 2.0, "denominator": 1.0, "splitRatio": "2:1"}}
        }

    def test_an_unknown_symbol_is_404_and_a_known_one_without_bars_is_not(self, vendors: Vendors) -> None:
        vendors.yahoo.bars("QUIET", {})
        address = "https://query2.finance.yahoo.com/v8/finance/chart/"
        unknown = requests.get(address + "NOPE?range=1d&interval=1d")
        known = requests.get(address + "QUIET?range=1d&interval=1d")
        assert unknown.status_code == 404
        assert unknown.json()["chart"]["error"]["code"] == "Not Found"
        assert known.status_code == 200
        assert "timestamp" not in known.json()["chart"]["result"][0]

    def test_old_minute_bars_are_refused(self, vendors: Vendors) -> None:
        vendors.yahoo.minute_bars("SPY", DAY, {"09:30": (1, 1, 1, 1, 1)})
        vendors.yahoo.oldest_minute_bars = "2025-12-23"
        address = "https://query2.finance.yahoo.com/v8/finance/chart/SPY"
        asked: dict[str, Any] = {"interval": "1m", "period1": stamp(DAY), "period2": stamp("2025-12-23")}
        answer = requests.get(address, params=asked)
        assert answer.status_code == 422
        assert "within the last 30 days" in answer.json()["chart"]["error"]["description"]

    def test_a_symbol_in_lower_case_is_refused_at_once(self, vendors: Vendors) -> None:
        with pytest.raises(ValueError, match="capitals only"):
            vendors.yahoo.bars("TpC", {})

    def test_an_unknown_path_is_404_json(self, vendors: Vendors) -> None:
        answer = requests.get("https://query1.finance.yahoo.com/v1/finance/lookup")
        assert answer.status_code == 404
        assert answer.json()["finance"]["error"]["code"] == "Not Found"


def stamp(day: str, clock: str = "00:00") -> int:
    return int(moment(day, clock).timestamp())


class TestFinra:
    def test_a_file_is_answered_byte_for_byte(self, vendors: Vendors) -> None:
        published = vendors.finra.publish(date(2025, 12, 22), ROWS)
        answer = requests.get(FILE)
        assert answer.content == published
        assert published == (
            b"Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market\r\n"
            b"20251222|AAPL|3442423|71150|12057002|B,Q,N\r\n"
            b"20251222|NA|1.500000|0|4489378.153460|N\r\n"
            b"20251222|TpC|1|0|2|Q\r\n"
            b"3\r\n"
        )

    def test_a_day_without_rows_is_65_bytes_long(self, vendors: Vendors) -> None:
        assert len(vendors.finra.publish(DAY, {}, prefix="FNRA")) == 65
        assert requests.get(CDN + "FNRAshvol20251222.txt").content.endswith(b"Market\r\n0\r\n")

    def test_what_is_not_published_is_403_access_denied_in_xml(self, vendors: Vendors) -> None:
        answer = requests.get(FILE)
        assert answer.status_code == 403
        assert answer.headers["Content-Type"] == "application/xml"
        assert "<Code>AccessDenied</Code>" in answer.text

    def test_a_corrected_file_has_another_etag(self, vendors: Vendors) -> None:
        vendors.finra.publish(DAY, ROWS)
        first = requests.get(FILE).headers["ETag"]
        assert requests.get(FILE, headers={"If-None-Match": first}).status_code == 304
        vendors.finra.publish(DAY, b"corrected")
        second = requests.get(FILE, headers={"If-None-Match": first})
        assert (second.status_code, second.content) == (200, b"corrected")
        vendors.finra.withdraw(DAY)
        assert requests.get(FILE).status_code == 403

    def test_a_window_of_sessions_is_answered_to_many_connections_at_once(self, vendors: Vendors) -> None:
        days = [date(2025, 10, 1) + timedelta(days=n) for n in range(61)]
        published = {day: vendors.finra.publish(day, {"AAPL": (1, 0, 2 + day.day, "Q")}) for day in days}
        with ThreadPoolExecutor(16) as pool:
            answers = pool.map(lambda day: requests.get(f"{CDN}CNMSshvol{day:%Y%m%d}.txt").content, days)
        assert list(answers) == list(published.values())
        assert len(vendors.requests) == 61


class TestPolygon:
    TRADES = "https://api.polygon.io/v3/trades/AAPL"

    def test_a_wrong_key_is_401_and_a_poor_plan_403(self, vendors: Vendors) -> None:
        vendors.polygon.trades("AAPL", DAY, [])
        assert requests.get(self.TRADES).json()["error"] == "Unknown API Key"
        assert requests.get(self.TRADES, headers=bearer("wrong")).status_code == 401
        vendors.polygon.entitled = {"minute_bars"}
        refused = requests.get(self.TRADES, headers=bearer())
        assert (refused.status_code, refused.json()["status"]) == (403, "NOT_AUTHORIZED")

    @pytest.mark.parametrize(("kind", "count"), [("trades", 4), ("trades", 7), ("quotes", 9)])
    def test_ticks_come_in_three_pages_whose_addresses_hold_no_key(
        self, vendors: Vendors, kind: str, count: int
    ) -> None:
        rows = [trade("10:00", n) for n in range(count)]
        getattr(vendors.polygon, kind)("AAPL", DAY, rows)
        seen: list[int] = []
        query = urlencode({"timestamp": DAY, "order": "asc", "limit": 50_000, "apiKey": canaries.POLYGON})
        address = f"https://api.polygon.io/v3/{kind}/AAPL?{query}"
        asked = []
        while address:
            asked.append(address)
            answer = requests.get(address, headers=bearer()).json()
            seen += [row["sequence_number"] for row in answer["results"]]
            address = answer.get("next_url", "")
        assert seen == list(range(count))
        assert len(asked) == 3
        assert asked[1].startswith(f"https://api.massive.com/v3/{kind}/AAPL?cursor=")
        assert asked[2].startswith(f"https://api.polygon.io/v3/{kind}/AAPL?cursor=")
        assert canaries.in_text(asked[1] + asked[2]) == set()

    def test_rows_keep_their_fields_and_gain_one_nobody_knows(self, vendors: Vendors) -> None:
        vendors.polygon.trades("AAPL", DAY, [trade("10:00", 1, conditions=[12, 37]), trade("10:01", 2)])
        first, second = (row for page in self._pages({"order": "asc"}) for row in page["results"])
        assert first["conditions"] == [12, 37]
        assert "conditions" not in second
        assert first["future_field"] == second["future_field"] == 1

    def test_times_are_cut_by_the_filters(self, vendors: Vendors) -> None:
        vendors.polygon.pages = 1
        clocks = ["09:30", "10:00", "10:30", "18:59:59.999999", "19:00"]
        vendors.polygon.trades("AAPL", DAY, [trade(clock, n) for n, clock in enumerate(clocks)])

        def numbers(**filters: object) -> list[int]:
            query = {name.replace("_", "."): value for name, value in filters.items()}
            return [row["sequence_number"] for page in self._pages(query) for row in page["results"]]

        assert numbers(timestamp_gte=nanoseconds(DAY, "10:00"), timestamp_lt=nanoseconds(DAY, "18:00")) == [2, 1]
        assert numbers(timestamp_gt=nanoseconds(DAY, "10:00"), timestamp_lte=nanoseconds(DAY, "10:30")) == [2]
        assert numbers(timestamp=DAY, order="asc") == [0, 1, 2, 3]

    def test_no_rows_is_an_empty_list_and_an_unknown_symbol_has_no_results_key(self, vendors: Vendors) -> None:
        vendors.polygon.trades("AAPL", DAY, [])
        assert self._pages({})[0]["results"] == []
        answer = requests.get("https://api.massive.com/v3/quotes/TPC", headers=bearer())
        assert answer.status_code == 200
        assert "results" not in answer.json()

    def test_minute_bars_start_in_new_york_milliseconds_and_the_empty_answer_has_no_results(
        self, vendors: Vendors
    ) -> None:
        vendors.polygon.minute_bars("AAPL", DAY, {"09:30": (1, 2, 0.5, 1.5, 700, 1.25, 9), "19:59": (1, 1, 1, 1, 3)})
        bars = "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/minute"
        there = requests.get(f"{bars}/{DAY}/{DAY}", headers=bearer()).json()
        assert there["results"][0] == {
            "t": 1_766_413_800_000, "o": 1, "h": 2, "l": 0.5, "c": 1.5, "v": 700, "vw": 1.25, "n": 9, "future_field": 1,
        }  # fmt: skip
        assert there["resultsCount"] == 2
        empty = requests.get(f"{bars}/2025-12-23/2025-12-23", headers=bearer()).json()
        assert empty["resultsCount"] == 0
        assert "results" not in empty

    def test_too_fast_is_said_in_polygons_own_words(self, vendors: Vendors) -> None:
        vendors.faults.add(kind="status", status=429, host="api.polygon.io")
        answer = requests.get(self.TRADES, headers=bearer())
        assert answer.status_code == 429
        assert "maximum requests per minute" in answer.json()["error"]

    def _pages(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = []
        address, asked = self.TRADES, query
        while address:
            answers.append(requests.get(address, params=asked, headers=bearer()).json())
            address, asked = answers[-1].get("next_url", ""), {}
        return answers


class TestFaults:
    @pytest.fixture(autouse=True)
    def published(self, vendors: Vendors) -> bytes:
        return vendors.finra.publish(DAY, ROWS)

    @pytest.mark.parametrize("status", [403, 404, 429, 500, 502, 503, 504])
    def test_a_status_is_answered_as_often_as_asked(self, vendors: Vendors, published: bytes, status: int) -> None:
        fault = vendors.faults.add(kind="status", status=status, host="cdn.finra.org", times=2)
        first, second, third = (requests.get(FILE) for _ in range(3))
        assert first.status_code == second.status_code == status
        assert "Retry-After" not in first.headers
        assert third.content == published
        assert fault.hits == 2

    def test_a_blocked_403_is_a_page_and_not_the_bucket(self, vendors: Vendors) -> None:
        vendors.faults.add(kind="status", status=403)
        answer = requests.get(FILE)
        assert answer.headers["Content-Type"] == "text/html"
        assert "blocked" in answer.text
        assert "AccessDenied" not in answer.text

    def test_nothing_found_has_no_body_and_keeps_the_connection(self, vendors: Vendors, published: bytes) -> None:
        vendors.faults.add(kind="status", status=204, times=1)
        with requests.Session() as session:
            nothing = session.get(FILE)
            assert (nothing.status_code, nothing.content) == (204, b"")
            assert session.get(FILE).content == published

    def test_retry_after_is_sent_where_asked_for(self, vendors: Vendors) -> None:
        vendors.faults.add(kind="status", status=429, retry_after=7)
        assert requests.get(FILE).headers["Retry-After"] == "7"

    def test_a_cut_body_is_shorter_than_promised(self, vendors: Vendors, published: bytes) -> None:
        vendors.faults.add(kind="cut")
        with requests.get(FILE, stream=True) as answer:
            assert answer.headers["Content-Length"] == str(len(published))
            half = len(published) // 2
            assert b"".join(islice(answer.iter_content(1), half)) == published[:half]
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                next(answer.iter_content(1))

    def test_a_late_answer_is_missed_by_an_impatient_client_only(self, vendors: Vendors, published: bytes) -> None:
        vendors.faults.add(kind="slow", seconds=600, times=1)
        with pytest.raises(requests.exceptions.ReadTimeout):
            requests.get(FILE, timeout=(60, 0.2))
        vendors.faults.add(kind="slow", seconds=0.1)
        assert requests.get(FILE).content == published

    def test_a_dripping_answer_begins_at_once_and_never_times_out_between_bytes(
        self, vendors: Vendors, published: bytes
    ) -> None:
        vendors.faults.add(kind="slow", seconds=0.3, drip=True, times=1)
        assert requests.get(FILE).content == published
        vendors.faults.add(kind="slow", seconds=600, drip=True)
        with requests.get(FILE, stream=True, timeout=60) as answer:
            assert answer.status_code == 200

    def test_a_dropped_connection_has_no_answer(self, vendors: Vendors, published: bytes) -> None:
        vendors.faults.add(kind="drop", times=1)
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(FILE)
        assert requests.get(FILE).content == published

    @pytest.mark.parametrize(
        ("kind", "said", "expected"),
        [("html", b"", b"<!DOCTYPE html>"), ("empty", b"", b""), ("body", b"\xff\x00", b"\xff\x00")],
    )
    def test_a_wrong_body_comes_with_status_200(
        self, vendors: Vendors, kind: Kind, said: bytes, expected: bytes
    ) -> None:
        vendors.faults.add(kind=kind, body=said)
        answer = requests.get(FILE)
        assert answer.status_code == 200
        assert answer.content[: max(len(expected), 1)] == expected

    def test_the_certificate_of_another_name_is_refused_by_the_client(self, vendors: Vendors, published: bytes) -> None:
        vendors.faults.add(kind="tls", host="finra.org", times=1)
        with pytest.raises(requests.exceptions.SSLError, match="not valid for"):
            requests.get(FILE)
        assert requests.get(FILE).content == published
        assert [r.method for r in vendors.requests] == ["CONNECT", "GET"]

    def test_a_host_can_be_out_of_reach(self, vendors: Vendors, published: bytes) -> None:
        vendors.faults.add(kind="refuse", host="cdn.finra.org", times=1)
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(FILE)
        assert requests.get(FILE).content == published
        assert not vendors.unexpected

    def test_a_fault_strikes_only_what_it_names(self, vendors: Vendors, published: bytes) -> None:
        vendors.faults.add(kind="status", host="yahoo.com")
        vendors.faults.add(kind="status", path_contains="20251223")
        vendors.faults.add(kind="status", method="POST")
        assert requests.get(FILE).content == published
        assert requests.get("https://query1.finance.yahoo.com/v1/test/getcrumb").status_code == 503
        vendors.faults.clear()
        assert requests.get("https://query1.finance.yahoo.com/v1/test/getcrumb").text == "standin.crumb"

    def test_a_fault_that_cannot_strike_is_refused(self, vendors: Vendors) -> None:
        with pytest.raises(ValueError, match="one of status, cut"):
            vendors.faults.add(kind="explode")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="by host alone"):
            vendors.faults.add(kind="tls", path_contains="/equity")


class TestGuard:
    def test_an_unknown_host_is_answered_502_and_remembered(self, vendors: Vendors) -> None:
        with pytest.raises(requests.exceptions.ProxyError, match="502"):
            requests.get("https://example.org/secret")
        assert [(r.host, r.method, r.path) for r in vendors.unexpected] == [
            ("example.org", "CONNECT", "example.org:443")
        ]

    def test_a_vendor_on_another_port_is_unexpected(self, vendors: Vendors) -> None:
        with pytest.raises(requests.exceptions.ProxyError):
            requests.get("https://cdn.finra.org:8443/")
        assert [r.path for r in vendors.unexpected] == ["cdn.finra.org:8443"]

    def test_plain_http_is_unexpected_even_for_a_vendor(self, vendors: Vendors) -> None:
        assert requests.get("http://cdn.finra.org/equity").status_code == 502
        assert [r.path for r in vendors.unexpected] == ["http://cdn.finra.org/equity"]

    def test_requests_are_kept_in_order_with_headers_and_body(self, vendors: Vendors) -> None:
        with requests.Session() as session:
            session.get(FILE, headers={"X-Mark": "first"})
            session.post(FILE, data=iter([b"chun", b"ked"]))
            session.head(FILE)
        first, second, third = vendors.requests
        assert (first.host, first.method, first.path) == (
            "cdn.finra.org",
            "GET",
            "/equity/regsho/daily/CNMSshvol20251222.txt",
        )
        assert first.headers["x-mark"] == "first"
        assert (second.method, second.body) == ("POST", b"chunked")
        assert third.method == "HEAD"
        assert first.time <= second.time <= third.time

    def test_the_stand_ins_listen_on_loopback_alone(self, vendors: Vendors) -> None:
        assert vendors.variables["HTTPS_PROXY"].startswith("http://127.0.0.1:")

    def test_nobody_elses_keys_reach_the_subprocess(self, vendors: Vendors, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("POLYGON_API_KEY", "mine")
        assert "POLYGON_API_KEY" not in vendors.env
        assert vendors.env["PATH"] == os.environ["PATH"]
        assert vendors.env.get("HOME") == os.environ.get("HOME")

    def test_a_stopped_stand_in_refuses_also_on_open_connections(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with requests.Session() as session:
            with Vendors(tmp_path) as v:
                for name, value in v.variables.items():
                    monkeypatch.setenv(name, value)
                assert session.get(FILE).status_code == 403
            with pytest.raises(requests.exceptions.ConnectionError):
                session.get(FILE)
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(FILE)

    def test_a_stand_in_without_an_address_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match="before"):
            _ = Vendors(tmp_path).env

    def test_a_fault_of_the_stand_in_itself_is_not_hidden(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        v = Vendors(tmp_path).__enter__()
        for name, value in v.variables.items():
            monkeypatch.setenv(name, value)
        v.yahoo.bars("AAPL", {DAY: (1, 1, 1, 1, 1)})
        assert requests.get("https://query2.finance.yahoo.com/v8/finance/chart/AAPL?period1=1").status_code == 500
        with pytest.raises(KeyError, match="period2"):
            v.__exit__(None, None, None)
