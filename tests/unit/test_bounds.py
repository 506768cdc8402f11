"""No vendor can fill the memory, show another's certificate, or lead a key to another host."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import canaries
from darkpool.vendors import http
from darkpool.vendors.failure import Failure
from darkpool.vendors.finra import client as finra
from darkpool.vendors.polygon import client as polygon
from darkpool.vendors.yahoo import browser, minute_bars
from darkpool.vendors.yahoo import client as yahoo
from darkpool.vendors.yahoo.chart import DailyAnswer
from standin import Answer, Vendors

SESSION = date(2025, 12, 22)
BAR = (10.0, 12.0, 9.0, 11.0, 1000)


@pytest.fixture
def vendors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendors]:
    with Vendors(tmp_path) as running:
        for name, value in running.variables.items():
            monkeypatch.setenv(name, value)
        for name, value in {
            "DARKPOOL_BACKOFF": "0.01", "DARKPOOL_NOW": "2025-12-23T06:00:00-05:00", "DARKPOOL_YAHOO_PAUSE": "0",
            "DARKPOOL_FINRA_PAUSE": "0", **canaries.KEYS,
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        running.yahoo.bars("AAPL", {"2025-12-22": BAR})
        yield running
        assert not running.unexpected


def daily(rounds: int = 1) -> DailyAnswer:
    return yahoo.fetch_daily(["AAPL"], SESSION, SESSION, progress=lambda _: None, rounds=rounds)["AAPL"]


def minutes() -> DailyAnswer:
    return minute_bars.fetch(["AAPL"], SESSION, progress=lambda _: None, rounds=1)["AAPL"]


@pytest.mark.parametrize("ask", [daily, minutes])
def test_a_body_of_yahoos_that_is_too_large_is_not_taken(vendors: Vendors, monkeypatch: Any, ask: Any) -> None:
    monkeypatch.setattr(browser, "MAX_BYTES", 10_000)
    vendors.faults.add(kind="body", path_contains="/chart/AAPL", body=b" " * 10_001)
    answer = ask()
    assert (answer.state, answer.reason) == ("outage", "the answer is larger than 10000 bytes")


def test_a_small_body_of_yahoos_that_unpacks_to_a_large_one_is_not_taken(vendors: Vendors, monkeypatch: Any) -> None:
    packed = gzip.compress(b" " * 10_000_000)
    assert len(packed) < 10_000
    monkeypatch.setattr(browser, "MAX_BYTES", 1_000_000)
    usual = vendors.yahoo.answer
    monkeypatch.setattr(
        vendors.yahoo, "answer",
        lambda r: Answer(200, packed, {"Content-Encoding": "gzip"}) if "/chart/" in r.path else usual(r),
    )  # fmt: skip
    answer = daily()
    assert (answer.state, answer.reason) == ("outage", "the answer is larger than 1000000 bytes")


def test_a_body_up_to_the_limit_is_taken(vendors: Vendors, monkeypatch: Any) -> None:
    assert daily().state == "published"
    monkeypatch.setattr(browser, "MAX_BYTES", 100)
    assert daily().reason == "the answer is larger than 100 bytes"


def through_web() -> str:
    with http.Client(attempts=1) as client, pytest.raises(http.Outage) as refused:
        client.get("https://cdn.finra.org/")
    return refused.value.reason


def through_polygon() -> str:
    with polygon.Client() as client, pytest.raises(Failure) as refused:
        list(client.pages("trades", "AAPL", SESSION))
    return refused.value.reason


def through_finra_api() -> str:
    with finra.Client() as client, pytest.raises(Failure) as refused:
        client.rows("weeklySummary", {})
    return refused.value.reason


@pytest.mark.parametrize(
    "ask",
    [through_web, through_polygon, through_finra_api, lambda: daily().reason, lambda: minutes().reason],
    ids=["FINRA", "Polygon", "FINRA weekly", "Yahoo", "Yahoo minutes"],
)
def test_a_certificate_of_another_name_is_refused_by_every_client(vendors: Vendors, ask: Any) -> None:
    vendors.faults.add(kind="tls")
    assert ask().removeprefix("no token: ") == "TLS: the certificate is not trusted"


@pytest.mark.parametrize("ask", [through_polygon, through_finra_api], ids=["Polygon", "FINRA weekly"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_takes_no_key_to_another_host(vendors: Vendors, monkeypatch: Any, ask: Any, status: int) -> None:
    elsewhere = Answer(status, b"", {"Location": "https://query2.finance.yahoo.com/v8/finance/chart/AAPL"})
    for vendor in (vendors.polygon, vendors.finra_api):
        monkeypatch.setattr(vendor, "answer", lambda _: elsewhere)
    assert str(status) in ask()
    assert {request.host for request in vendors.requests} <= {"api.polygon.io", *vendors.finra_api.hosts}


@pytest.mark.parametrize(
    ("ask", "vendor"), [(through_web, "finra"), (lambda: daily().reason, "yahoo"), (lambda: minutes().reason, "yahoo")],
    ids=["FINRA", "Yahoo", "Yahoo minutes"],
)  # fmt: skip
def test_no_redirect_leads_out_of_https(vendors: Vendors, monkeypatch: Any, ask: Any, vendor: str) -> None:
    plain = Answer(302, b"", {"Location": "http://cdn.finra.org/equity/x"})
    monkeypatch.setattr(getattr(vendors, vendor), "answer", lambda _: plain)
    assert ask() == "redirected out of HTTPS"


def test_nothing_in_the_workflow_runs_a_shell_or_turns_verification_off() -> None:
    root = Path(polygon.__file__).parents[5]
    sources = [root / "Snakefile", *(root / "workflow").rglob("*.py"), *(root / "workflow").rglob("*.smk")]
    forbidden = (
        "shell=True", "os.system", "os.popen", "eval(", "exec(", "pickle", "verify=False", "CERT_NONE",
        "_create_unverified", "disable_warnings", "yaml.load(", "    shell:",
    )  # fmt: skip
    found = [(path.name, word) for path in sources for word in forbidden if word in path.read_text()]
    assert len(sources) > 50
    assert found == []
