"""The client of Polygon, against its stand-in."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest

import canaries
from darkpool import credentials
from darkpool.vendors.failure import Failure
from darkpool.vendors.polygon import client as polygon
from darkpool.vendors.polygon.page import day_window
from standin import Answer, Vendors, nanoseconds

SESSION = date(2025, 12, 22)
NOW = datetime(2025, 12, 23, 11, tzinfo=UTC)
KEY = canaries.POLYGON
NOON = nanoseconds(SESSION, "12:00")


@pytest.fixture
def vendors(tmp_path, monkeypatch) -> Iterator[Vendors]:
    monkeypatch.chdir(tmp_path)
    for name in credentials.POLYGON:
        monkeypatch.delenv(name, raising=False)
    with Vendors(tmp_path / "vendors") as running:
        for name, value in running.variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("POLYGON_API_KEY", KEY)
        monkeypatch.setenv("DARKPOOL_BACKOFF", "1")
        monkeypatch.setenv("DARKPOOL_NOW", NOW.isoformat())
        yield running
        assert not running.unexpected


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def client(vendors, slept) -> Iterator[polygon.Client]:
    with polygon.Client(sleep=slept.append) as running:
        yield running


def trade(moment: int, sequence: int, **more: object) -> dict[str, object]:
    return {
        "exchange": 11,
        "participant_timestamp": moment,
        "sip_timestamp": moment + 300,
        "sequence_number": sequence,
        "price": 10.25,
        "size": 100,
        **more,
    }


def rows(client: polygon.Client, kind: str = "trades", symbol: str = "AAPL") -> pl.DataFrame:
    return pl.concat([page.rows for page in client.pages(kind, symbol, SESSION)], how="diagonal_relaxed")


def asked(vendors: Vendors) -> list[str]:
    return [request.path for request in vendors.requests if request.method == "GET"]


def test_every_page_comes_with_every_field_of_the_vendor(client, vendors):
    vendors.polygon.trades("AAPL", SESSION, [trade(NOON + i, i, decimal_size=f"{i}.5") for i in range(1, 8)])
    found = rows(client)
    assert found["sequence_number"].to_list() == [1, 2, 3, 4, 5, 6, 7]
    assert found["decimal_size"].to_list() == [f"{i}.5" for i in range(1, 8)]
    assert found["future_field"].to_list() == [1] * 7
    assert len(asked(vendors)) == 3


def test_the_window_is_the_day_in_new_york(client, vendors):
    for day, sequence, clock in [("2025-12-21", 1, "23:59:59.999999"), ("2025-12-23", 4, "00:00")]:
        vendors.polygon.trades("AAPL", day, [trade(NOON, sequence, sip_timestamp=nanoseconds(day, clock))])
    inside = {2: "00:00", 3: "23:59:59.999999"}
    own = [trade(NOON, sequence, sip_timestamp=nanoseconds(SESSION, clock)) for sequence, clock in inside.items()]
    vendors.polygon.trades("AAPL", SESSION, own)
    assert rows(client)["sequence_number"].to_list() == [2, 3]


@pytest.mark.parametrize(("day", "hours"), [(SESSION, 24), (date(2025, 11, 3), 24), (date(2025, 7, 1), 24)])
def test_a_day_begins_at_midnight_in_winter_and_in_summer(day, hours):
    start, end = day_window(day)
    assert (end - start) / 3600 == hours
    assert start * 10**9 == nanoseconds(day, "00:00")


def test_the_question_is_in_ascending_order_with_the_largest_pages(client, vendors):
    vendors.polygon.trades("BRK.B", SESSION, [trade(NOON, 1)])
    rows(client, symbol="BRK.B")
    address = urlsplit(asked(vendors)[0])
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert address.path == "/v3/trades/BRK.B"
    assert (query["order"], query["sort"], query["limit"]) == ("asc", "timestamp", "50000")


def test_minute_bars_are_asked_for_as_traded(client, vendors):
    vendors.polygon.minute_bars("AAPL", SESSION, {"09:30": (10, 12, 9, 11, 1000, 10.5, 7)})
    found = rows(client, "minute_bars")
    assert found.select("t", *"ohlcv", "vw", "n").row(0) == (
        nanoseconds(SESSION, "09:30") // 10**6,
        10,
        12,
        9,
        11,
        1000,
        10.5,
        7,
    )
    assert "adjusted=false" in asked(vendors)[0]


def test_a_next_page_is_asked_for_on_our_own_host_whatever_its_address_says(client, vendors):
    vendors.polygon.next_host = "evil.example"
    vendors.polygon.trades("AAPL", SESSION, [trade(NOON + i, i) for i in range(6)])
    assert rows(client).height == 6
    assert {request.host for request in vendors.requests} == {"api.polygon.io"}


def test_a_redirect_is_not_followed_with_the_key(client, vendors, monkeypatch):
    away = Answer(302, b"", {"Location": "https://api.massive.com/v3/trades/AAPL"})
    monkeypatch.setattr(vendors.polygon, "answer", lambda request: away)
    with pytest.raises(Failure, match="HTTP 302") as failure:
        rows(client)
    assert failure.value.state == "outage"
    assert len(asked(vendors)) == 1


def test_pages_that_lead_in_a_circle_are_refused(client, vendors):
    page = {"status": "OK", "results": [trade(NOON, 1)], "next_url": "https://api.polygon.io/v3/trades/AAPL?again=1"}
    vendors.faults.add(kind="body", body=json.dumps(page).encode())
    with pytest.raises(Failure, match="leads back") as failure:
        rows(client)
    assert failure.value.state == "truncated"


@pytest.mark.parametrize(("kind", "shown"), [("trades", 3), ("trades", 4), ("quotes", 5)])
def test_a_page_that_comes_again_however_much_later_is_refused(client, vendors, monkeypatch, kind, shown):
    """The first of five pages in the place of a later one; the vendor leads on as if nothing were wrong."""
    vendors.polygon.pages = 5
    getattr(vendors.polygon, kind)("AAPL", SESSION, [trade(NOON + i, i) for i in range(15)])
    usual, told = vendors.polygon.answer, []

    def answer(request):
        given = usual(request)
        told.append(json.loads(given.body))
        content = told[-1] if len(told) != shown else {**told[-1], "results": told[0]["results"]}
        return Answer(given.status, json.dumps(content).encode(), given.headers)

    monkeypatch.setattr(vendors.polygon, "answer", answer)
    with pytest.raises(Failure, match=f"page {shown} of {kind} repeats an earlier page") as failure:
        rows(client, kind)
    assert failure.value.state == "truncated"


def test_a_vendor_that_repeats_itself_for_ever_is_left(client, vendors, monkeypatch):
    count = iter(range(1_000))

    def answer(request):
        target = f"https://api.polygon.io/v3/trades/AAPL?cursor={next(count)}"
        content = {"status": "OK", "results": [trade(NOON, 1)], "next_url": target}
        return Answer(200, json.dumps(content).encode(), {})

    monkeypatch.setattr(vendors.polygon, "answer", answer)
    with pytest.raises(Failure, match="page 2 of trades repeats"):
        rows(client)
    assert len(asked(vendors)) == 2


def test_empty_pages_are_no_repeats(client, vendors, monkeypatch):
    targets = iter(["https://x/v3/trades/AAPL?c=1", "https://x/v3/trades/AAPL?c=2", None])

    def answer(request):
        content = {"status": "OK", "results": [], "next_url": next(targets)}
        return Answer(200, json.dumps(content).encode(), {})

    monkeypatch.setattr(vendors.polygon, "answer", answer)
    assert [page.rows.height for page in client.pages("trades", "AAPL", SESSION)] == [0, 0, 0]


def test_quotes_that_agree_in_moment_and_sequence_and_differ_are_all_real(client, vendors):
    """As recorded: a sequence number of 0 in every row, no participant time, moments that many rows share."""
    said = [
        {"sip_timestamp": NOON + 256 * (i // 4), "sequence_number": 0, "bid_price": 10 + i / 100, "ask_price": 11}
        for i in range(16)
    ]
    vendors.polygon.quotes("AAPL", SESSION, said)
    assert rows(client, "quotes").drop("future_field").to_dicts() == said


def test_massive_is_asked_where_only_its_key_is_set(vendors, monkeypatch):
    monkeypatch.delenv("POLYGON_API_KEY")
    monkeypatch.setenv("MASSIVE_API_KEY", KEY)
    with polygon.Client() as client:
        rows(client)
    assert {request.host for request in vendors.requests} == {"api.massive.com"}


@pytest.mark.parametrize(
    "line", [f"POLYGON_API_KEY={KEY}", f'export POLYGON_API_KEY="{KEY}"', f"POLYGON_API_KEY = {KEY} # mine"]
)
def test_a_key_in_the_env_file_is_found(vendors, monkeypatch, tmp_path, line):
    monkeypatch.delenv("POLYGON_API_KEY")
    (tmp_path / ".env").touch(mode=0o600)
    (tmp_path / ".env").write_text(f"# keys\n\n{line}\n")
    with polygon.Client() as client:
        assert rows(client).is_empty()


def test_the_environment_comes_before_the_env_file(vendors, tmp_path):
    (tmp_path / ".env").touch(mode=0o600)
    (tmp_path / ".env").write_text("POLYGON_API_KEY=another\n")
    assert credentials.read("POLYGON_API_KEY") == KEY


def test_without_a_key_it_is_said_which_to_set(vendors, monkeypatch):
    monkeypatch.delenv("POLYGON_API_KEY")
    with pytest.raises(ValueError, match="POLYGON_API_KEY or MASSIVE_API_KEY"):
        polygon.Client()


@pytest.mark.parametrize("key", ["can ary", "can\nary", "canarÿ"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(vendors, monkeypatch, key):
    monkeypatch.setenv("POLYGON_API_KEY", key)
    with polygon.Client() as client, pytest.raises(ValueError, match="POLYGON_API_KEY holds characters") as error:
        rows(client)
    assert key not in str(error.value)
    assert not vendors.requests


def test_an_unknown_key_fails_at_once_and_says_what_to_do(client, vendors):
    vendors.polygon.key = "another"
    with pytest.raises(polygon.KeyRefused, match=r"POLYGON_API_KEY.*Unknown API Key.*remove it") as error:
        rows(client)
    assert KEY not in str(error.value)
    with pytest.raises(polygon.KeyRefused):
        rows(client, symbol="MSFT")
    assert len(asked(vendors)) == 1


def test_a_plan_without_trades_is_asked_once(client, vendors):
    vendors.polygon.entitled = {"minute_bars"}
    for symbol in ("AAPL", "MSFT", "TSLA"):
        with pytest.raises(polygon.NotEntitled):
            rows(client, symbol=symbol)
    assert len(asked(vendors)) == 1


def test_a_403_of_somebody_else_is_a_block_and_not_the_plan(client, vendors):
    page = b"<html>Request blocked.</html>"
    vendors.faults.add(kind="status", status=403, times=1)
    vendors.polygon.refusal = lambda status: None
    with pytest.raises(Failure) as failure:
        rows(client)
    assert failure.value.state == "blocked"
    assert not isinstance(failure.value, polygon.NotEntitled)
    assert page not in str(failure.value).encode()
    assert rows(client).is_empty()


@pytest.mark.parametrize("retry_after", [None, 7])
def test_a_rate_limit_is_waited_for(client, vendors, slept, retry_after):
    vendors.polygon.trades("AAPL", SESSION, [trade(NOON, 1)])
    vendors.faults.add(kind="status", status=429, retry_after=retry_after, times=2)
    assert rows(client).height == 1
    assert len(slept) == 2
    assert all(seconds == 7 for seconds in slept) if retry_after else 0 < slept[0] <= 3


@pytest.mark.parametrize("kind", ["status", "drop", "cut"])
def test_a_server_that_stumbles_is_asked_again(client, vendors, kind):
    vendors.polygon.trades("AAPL", SESSION, [trade(NOON + i, i) for i in range(6)])
    vendors.faults.add(kind=kind, status=503, path_contains="cursor", times=2)
    assert rows(client)["sequence_number"].to_list() == [0, 1, 2, 3, 4, 5]


def test_a_server_that_stays_down_is_an_outage(client, vendors):
    vendors.faults.add(kind="status", status=500)
    with pytest.raises(Failure, match="HTTP 500") as failure:
        rows(client)
    assert failure.value.state == "outage"
    assert len(asked(vendors)) == polygon.ATTEMPTS


def test_the_free_plan_is_slowed_to_five_calls_a_minute_once_it_shows(vendors):
    vendors.polygon.entitled = {"minute_bars"}
    vendors.polygon.minute_bars("AAPL", SESSION, {"09:30": (10, 11, 9, 10, 100)})
    slept: list[float] = []
    with polygon.Client(calls_per_minute=None, sleep=slept.append) as client:
        with pytest.raises(polygon.NotEntitled):
            next(client.pages("trades", "AAPL", SESSION))
        assert max(slept, default=0) < 1
        next(client.pages("minute_bars", "AAPL", SESSION))
    assert slept[-1] == pytest.approx(polygon.FREE_INTERVAL, abs=1)


def test_a_plan_without_a_limit_is_not_slowed(vendors):
    vendors.polygon.trades("AAPL", SESSION, [trade(NOON + n, n) for n in range(6)])
    slept: list[float] = []
    with polygon.Client(calls_per_minute=None, sleep=slept.append) as client:
        assert sum(page.rows.height for page in client.pages("trades", "AAPL", SESSION)) == 6
    assert max(slept, default=0) < 1
