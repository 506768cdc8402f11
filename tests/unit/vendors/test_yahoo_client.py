"""The whole way through yfinance, against the stand-in of Yahoo."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from darkpool.vendors.yahoo import browser
from darkpool.vendors.yahoo import client as yahoo
from darkpool.vendors.yahoo.chart import DailyAnswer
from standin import Vendors

START, FRIDAY, SESSION = date(2025, 12, 18), date(2025, 12, 19), date(2025, 12, 22)
BAR = (10.0, 12.0, 9.0, 11.0, 1000)
BOTH = {"2025-12-19": BAR, "2025-12-22": (11.0, 13.0, 10.0, 12.0, 2000)}
NOW = datetime(2025, 12, 23, 11, tzinfo=UTC)

Fetch = Callable[..., dict[str, DailyAnswer]]


@pytest.fixture
def vendors(tmp_path, monkeypatch) -> Iterator[Vendors]:
    with Vendors(tmp_path) as running:
        for name, value in running.variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("DARKPOOL_BACKOFF", "1")
        monkeypatch.setenv("DARKPOOL_NOW", NOW.isoformat())
        yield running
        assert not running.unexpected


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def slept() -> list[float]:
    """The back-offs; the pace between requests is left out."""
    return []


@pytest.fixture
def fetch(said, slept) -> Fetch:
    def sleep(seconds: float) -> None:
        if seconds > yahoo.DEFAULT_PAUSE:
            slept.append(seconds)

    def run(*tickers: str, **options: Any) -> dict[str, DailyAnswer]:
        return yahoo.fetch_daily(tickers, START, SESSION, progress=said.append, sleep=sleep, **options)

    return run


@pytest.fixture
def stranger(monkeypatch):
    """yfinance as in a new process: it remembers cookie and crumb for as long as it lives."""
    import yfinance
    from yfinance import cache, data

    yfinance.set_tz_cache_location(browser.private_folder())
    monkeypatch.setattr(data.SingletonMeta, "_instances", {})
    cache.get_cookie_cache().store("curlCffi", None)
    yield
    cache.get_cookie_cache().store("curlCffi", None)


@pytest.fixture(autouse=True)
def no_pace(monkeypatch):
    monkeypatch.setenv("DARKPOOL_YAHOO_PAUSE", "0")


def charts(vendors: Vendors, symbol: str = "") -> int:
    return sum(browser.CHART + symbol in request.path for request in vendors.requests if request.method == "GET")


def test_bars_and_later_splits_come_as_yahoo_gave_them(vendors, fetch):
    vendors.yahoo.bars("AAPL", {**BOTH, "2025-12-23": BAR})
    vendors.yahoo.split("AAPL", "2025-12-18", 3)
    vendors.yahoo.split("AAPL", "2026-03-02", 2)
    answer = fetch("AAPL")["AAPL"]
    assert (answer.state, answer.reason, answer.status, answer.retrieved_at) == ("published", "", 200, NOW)
    assert answer.bars.rows() == [
        ("AAPL", FRIDAY, 10.0, 12.0, 9.0, 11.0, 11.0, 1000.0),
        ("AAPL", SESSION, 11.0, 13.0, 10.0, 12.0, 12.0, 2000.0),
    ]
    assert answer.splits.rows() == [("AAPL", date(2026, 3, 2), 2.0)]


def test_a_ticker_costs_one_request(vendors, fetch):
    for symbol in ("AAPL", "BRK-B", "T-PC"):
        vendors.yahoo.bars(symbol, BOTH)
    assert [answer.state for answer in fetch("AAPL", "BRK-B", "T-PC").values()] == ["published"] * 3
    assert charts(vendors) == 3


def test_the_crumb_is_in_no_address(vendors, fetch):
    vendors.yahoo.bars("AAPL", BOTH)
    assert "crumb" not in (fetch("AAPL")["AAPL"].address or "")


ELSEWHERE = "Domain=.yahoo.com; SameSite=None; Secure"


@pytest.mark.parametrize(
    "cookie",
    [
        f"GUCS=AQ; Max-Age=1800; Path=/; {ELSEWHERE}",
        f"A3=d=standin; Path=/; {ELSEWHERE}",
        f"A3=d=standin; Max-Age=1800; Path=/elsewhere; {ELSEWHERE}",
        f"A3=d=standin; Max-Age=99999999999999; Path=/; {ELSEWHERE}",
        "A3=d=standin; Max-Age=1800; Path=/; Domain=.example.com; Secure",
        "A3",
    ],
    ids=["none of a visitor from Europe", "no expiry", "another path", "far expiry", "another domain", "no value"],
)
def test_a_cookie_that_yfinance_cannot_read_costs_no_chart(stranger, vendors, fetch, cookie):
    vendors.yahoo.cookie = cookie
    symbols = ("AAPL", "SPY", "NA")
    for symbol in symbols:
        vendors.yahoo.bars(symbol, BOTH)
    answers = fetch(*symbols)
    assert {symbol: (answer.state, answer.reason) for symbol, answer in answers.items()} == dict.fromkeys(
        symbols, ("published", "")
    )
    assert charts(vendors) == 3


def test_a_useless_cookie_is_asked_for_once(stranger, vendors, fetch):
    vendors.yahoo.cookie = f"GUCS=AQ; Max-Age=1800; Path=/; {ELSEWHERE}"
    for symbol in ("AAPL", "SPY", "NA"):
        vendors.yahoo.bars(symbol, BOTH)
    fetch("AAPL", "SPY", "NA")
    assert sum(request.host == "fc.yahoo.com" and request.method == "GET" for request in vendors.requests) == 1


def test_what_yfinance_fails_over_is_the_reason(vendors, fetch, monkeypatch):
    import yfinance.data

    def failing(*_: object, **__: object) -> None:
        raise KeyError("A3")

    vendors.yahoo.bars("AAPL", BOTH)
    monkeypatch.setattr(yfinance.data.YfData, "_get_cookie_and_crumb", failing)
    answer = fetch("AAPL", rounds=1)["AAPL"]
    assert (answer.state, answer.reason) == ("outage", "KeyError: 'A3'")


def test_an_unknown_symbol_is_absent_and_the_others_are_there(vendors, fetch):
    vendors.yahoo.bars("AAPL", BOTH)
    answers = fetch("NOPE", "AAPL")
    assert list(answers) == ["NOPE", "AAPL"]
    assert (answers["NOPE"].state, answers["NOPE"].status) == ("absent", 404)
    assert answers["AAPL"].state == "published"


def test_a_session_that_nobody_has_yet_is_asked_for_once(vendors, fetch):
    for symbol in ("AAPL", "SPY"):
        vendors.yahoo.bars(symbol, {"2025-12-19": BAR, "2025-12-22": None})
    answers = fetch("AAPL", "SPY")
    assert [(answer.state, answer.bars.height) for answer in answers.values()] == [("not_yet", 1)] * 2
    assert charts(vendors) == 2


def test_a_session_that_others_have_is_asked_for_again(vendors, fetch):
    vendors.yahoo.bars("AAPL", {"2025-12-19": BAR})
    vendors.yahoo.bars("SPY", BOTH)
    assert fetch("AAPL", "SPY")["AAPL"].state == "not_yet"
    assert (charts(vendors, "AAPL"), charts(vendors, "SPY")) == (yahoo.ROUNDS, 1)


def test_an_answer_is_kept_when_asking_again_fails(vendors, fetch):
    vendors.yahoo.bars("AAPL", {"2025-12-19": BAR})
    vendors.yahoo.bars("SPY", BOTH)

    def break_after_the_first_round(line: str) -> None:
        if "asked again" in line:
            vendors.faults.add(kind="status", status=503, path_contains=browser.CHART)

    answers = yahoo.fetch_daily(
        ["AAPL", "SPY"], START, SESSION, progress=break_after_the_first_round, sleep=lambda _: None
    )
    assert (answers["AAPL"].state, answers["AAPL"].bars.height) == ("not_yet", 1)


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        ({"kind": "status", "status": 503}, "outage", "HTTP 503"),
        ({"kind": "status", "status": 500}, "outage", "HTTP 500"),
        ({"kind": "status", "status": 404}, "outage", "HTTP 404"),
        ({"kind": "status", "status": 403}, "blocked", "HTTP 403"),
        ({"kind": "cut"}, "outage", "cut"),
        ({"kind": "drop"}, "outage", "cut"),
        ({"kind": "html"}, "outage", "no JSON, it begins with '<!DOCTYPE html>'"),
        ({"kind": "empty"}, "outage", "no JSON"),
        ({"kind": "body", "body": b"{}"}, "outage", "no chart"),
    ],
)
def test_each_trouble_has_its_state_and_its_words(vendors, fetch, fault, state, reason):
    vendors.yahoo.bars("AAPL", BOTH)
    vendors.faults.add(path_contains=browser.CHART, **fault)
    answer = fetch("AAPL")["AAPL"]
    assert answer.state == state
    assert reason in answer.reason
    assert answer.bars.is_empty()


@pytest.mark.parametrize(("kind", "reason"), [("tls", "TLS"), ("refuse", "could not connect")])
def test_trouble_at_the_door_is_an_outage(vendors, fetch, kind, reason):
    vendors.faults.add(kind=kind, host="yahoo.com")
    answer = fetch("AAPL")["AAPL"]
    assert (answer.state, answer.status) == ("outage", None)
    assert reason in answer.reason


def test_a_slow_answer_is_a_time_out(vendors, fetch, monkeypatch):
    monkeypatch.setattr(browser, "TIMEOUT", 0.1)
    vendors.yahoo.bars("AAPL", BOTH)
    vendors.faults.add(kind="slow", seconds=0.5, path_contains=browser.CHART)
    assert fetch("AAPL", rounds=1)["AAPL"].reason == "time-out"


@pytest.mark.parametrize("kind", ["cut", "drop", "html", "empty"])
def test_a_trouble_that_passes_leaves_no_trace(vendors, fetch, kind):
    vendors.yahoo.bars("AAPL", BOTH)
    vendors.faults.add(kind=kind, path_contains=browser.CHART, times=1)
    assert fetch("AAPL")["AAPL"].state == "published"


def test_the_rounds_back_off(vendors, fetch, slept):
    vendors.faults.add(kind="status", status=503, path_contains=browser.CHART)
    fetch("AAPL")
    assert slept == [2, 4]


@pytest.mark.parametrize("host", ["fc.yahoo.com", "query1.finance.yahoo.com", "guce.yahoo.com"])
@pytest.mark.parametrize("kind", ["drop", "refuse", "tls", "html"])
def test_the_chart_comes_without_the_cookie_hosts(vendors, fetch, host, kind):
    vendors.yahoo.bars("AAPL", BOTH)
    vendors.yahoo.bars("SPY", BOTH)
    vendors.faults.add(kind=kind, host=host)
    assert [answer.state for answer in fetch("AAPL", "SPY").values()] == ["published"] * 2


def test_a_dead_cookie_host_is_asked_once_a_run(vendors, fetch):
    for symbol in ("AAPL", "SPY", "QQQ"):
        vendors.yahoo.bars(symbol, BOTH)
    fault = vendors.faults.add(kind="drop", host="fc.yahoo.com")
    fetch("AAPL", "SPY", "QQQ")
    assert fault.hits <= 1


def test_a_rate_limit_stops_the_run_for_a_while_and_is_asked_again(vendors, fetch, slept, said):
    vendors.yahoo.bars("AAPL", BOTH)
    vendors.yahoo.bars("SPY", BOTH)
    # yfinance asks each 429 a second time by itself
    vendors.faults.add(kind="status", status=429, path_contains=browser.CHART, times=2)
    assert [answer.state for answer in fetch("AAPL", "SPY").values()] == ["published"] * 2
    assert slept == [10]
    assert said == ["yahoo: rate limit, waiting 10 s"]


def test_the_wait_that_yahoo_asks_for_is_kept(vendors, fetch, slept):
    vendors.yahoo.bars("AAPL", BOTH)
    vendors.faults.add(kind="status", status=429, path_contains=browser.CHART, times=2, retry_after=45)
    assert fetch("AAPL")["AAPL"].state == "published"
    assert slept == [45]


def test_a_rate_limit_that_lasts_ends_the_run_and_marks_the_rest(vendors, fetch, slept):
    for symbol in ("AAPL", "SPY", "QQQ"):
        vendors.yahoo.bars(symbol, BOTH)
    vendors.faults.add(kind="status", status=429, path_contains=browser.CHART + "SPY")
    answers = fetch("AAPL", "SPY", "QQQ")
    assert answers["AAPL"].state == "published"
    assert (answers["SPY"].state, answers["SPY"].reason) == ("outage", "rate limit")
    assert (answers["QQQ"].state, answers["QQQ"].reason) == ("outage", "not asked after: rate limit")
    assert answers["QQQ"].retrieved_at is None
    assert slept == [10, 20, 40, 60]
    assert charts(vendors, "QQQ") == 0


def test_a_wait_above_a_minute_ends_the_run_at_once(vendors, fetch, slept):
    vendors.faults.add(kind="status", status=429, path_contains=browser.CHART, retry_after=3600)
    assert fetch("AAPL", "SPY")["SPY"].state == "outage"
    assert slept == []


def test_a_vendor_that_is_down_is_not_asked_for_every_ticker(vendors, fetch, said):
    fault = vendors.faults.add(kind="drop", path_contains=browser.CHART)
    tickers = [f"T{number}" for number in range(100)]
    answers = fetch(*tickers)
    assert {answer.state for answer in answers.values()} == {"outage"}
    assert list(answers) == tickers
    assert fault.hits == yahoo.ROUNDS * yahoo.MAX_FAILURES
    assert "95 tickers put off" in said[0]


def test_a_thousand_tickers_would_see_how_far_they_are(vendors, fetch, said):
    tickers = [f"T{number}" for number in range(2 * yahoo.PROGRESS_EVERY)]
    for symbol in tickers:
        vendors.yahoo.bars(symbol, BOTH)
    fetch(*tickers)
    assert said == ["yahoo: 20/40 tickers, about 0 min left", "yahoo: 40/40 tickers, about 0 min left"]


def test_nothing_is_printed_by_yahoos_client(vendors, fetch, capfd, caplog, recwarn):
    vendors.yahoo.bars("AAPL", BOTH)
    vendors.faults.add(kind="html", path_contains=browser.CHART + "SPY")
    fetch("NOPE", "SPY", "AAPL")
    assert (capfd.readouterr(), caplog.records, list(recwarn)) == (("", ""), [], [])


def test_yahoos_client_leaves_nothing_in_the_users_cache(vendors, fetch, tmp_path):
    vendors.yahoo.bars("AAPL", BOTH)
    fetch("AAPL")
    assert not (tmp_path / "cache").exists()


def test_two_tickers_of_one_yahoo_symbol_are_refused_before_anything_is_asked():
    with pytest.raises(ValueError, match=r"twice.*AAPL"):
        yahoo.fetch_daily(["AAPL", "SPY", "AAPL"], FRIDAY, SESSION)


@pytest.mark.parametrize("ticker", ["TpC", "aapl", ""])
def test_a_spelling_that_yahoos_client_would_change_is_refused(ticker):
    with pytest.raises(ValueError, match="upper case"):
        yahoo.fetch_daily([ticker], FRIDAY, SESSION)


def test_nobody_to_ask_for_is_no_answer():
    assert yahoo.fetch_daily([], FRIDAY, SESSION) == {}
