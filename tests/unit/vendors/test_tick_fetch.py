"""From vendors to archive: trades, quotes and minute bars of a universe, against the stand-ins."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import canaries
from darkpool import credentials
from darkpool.archive import layout, open_requests
from darkpool.archive.store import Archive
from darkpool.files import sha256
from darkpool.market import sessions
from darkpool.measures import lit
from darkpool.settings import Flat
from darkpool.vendors.polygon import client as polygon
from darkpool.vendors.polygon import tick_entries, tick_fetch
from darkpool.vendors.yahoo import client as yahoo
from standin import Answer, Vendors, nanoseconds

SESSION = date(2025, 12, 22)
NEXT_MORNING = "2025-12-23T06:00:00-05:00"
KEY = canaries.POLYGON
TICKERS = ["AAPL", "MSFT", "TSLA"]
BAR = (10.0, 12.0, 9.0, 11.0, 1000.0)
HOUR = 3_600 * 10**9

Fetch = Callable[..., dict[str, Any]]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


@pytest.fixture
def vendors(tmp_path, monkeypatch) -> Iterator[Vendors]:
    monkeypatch.chdir(tmp_path)
    for name in (*credentials.POLYGON, tick_fetch.WORKERS):
        monkeypatch.delenv(name, raising=False)
    with Vendors(tmp_path / "vendors") as running:
        for name, value in running.variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("POLYGON_API_KEY", KEY)
        monkeypatch.setenv("DARKPOOL_BACKOFF", "0.001")
        monkeypatch.setenv("DARKPOOL_YAHOO_PAUSE", "0")
        monkeypatch.setenv("DARKPOOL_NOW", NEXT_MORNING)
        running.polygon.key = KEY
        yield running
        assert not running.unexpected


@pytest.fixture
def fetch(archive, vendors) -> Fetch:
    def run(tickers: list[str] = TICKERS, **options: Any) -> dict[str, Any]:
        receipt = tick_fetch.fetch(archive, SESSION, tickers, **{"calls_per_minute": 0, **options})
        archive.write_receipt("polygon", SESSION, receipt)
        return receipt

    return run


def trade(clock: str, sequence: int, **more: Any) -> dict[str, Any]:
    moment = nanoseconds(SESSION, clock)
    return {
        "exchange": 11,
        "id": str(sequence),
        "participant_timestamp": moment,
        "sip_timestamp": moment + 300,
        "sequence_number": sequence,
        "price": 10.25,
        "size": 100,
        **more,
    }


def quote(clock: str, sequence: int) -> dict[str, Any]:
    moment = nanoseconds(SESSION, clock)
    times = {"participant_timestamp": moment, "sip_timestamp": moment + 300, "sequence_number": sequence}
    return {"bid_price": 10.0, "ask_price": 10.25, **times}


def serve(vendors: Vendors, *tickers: str) -> None:
    for ticker in tickers:
        vendors.polygon.trades(
            ticker, SESSION, [trade("10:00", 1), trade("10:01", 2), trade("10:02", 3, conditions=[14])]
        )
        vendors.polygon.quotes(ticker, SESSION, [quote("09:59", i) for i in range(4)])
        vendors.polygon.minute_bars(ticker, SESSION, {"09:30": (*BAR, 10.5, 7), "09:31": BAR})


def states(receipt: dict[str, Any], kind: str) -> list[str | None]:
    return [entry and entry["state"] for entry in (kinds[kind] for kinds in receipt["tickers"].values())]


def asked(vendors: Vendors, part: str = "") -> int:
    return sum(request.method == "GET" and part in request.path for request in vendors.requests)


def kept(archive: Archive) -> list[str]:
    return sorted(
        archive.relative(path) for path in archive.root.rglob("*") if path.is_file() and "receipts" not in path.parts
    )


def test_trades_and_quotes_are_kept_one_file_a_symbol(fetch, vendors, archive):
    serve(vendors, *TICKERS)
    receipt = fetch()
    assert receipt["plan"] == "trades_quotes"
    assert (receipt["source"], receipt["session"]) == ("polygon", "2025-12-22")
    assert kept(archive) == [f"polygon/{kind}/2025-12-22/{t}.parquet" for kind in ("quotes", "trades") for t in TICKERS]
    entry = receipt["tickers"]["AAPL"]["trades"]
    path = archive.path("polygon/trades/2025-12-22/AAPL.parquet")
    assert entry == {
        "state": "published",
        "reason": None,
        "file": "polygon/trades/2025-12-22/AAPL.parquet",
        "sha256": sha256(path),
        "rows": 3,
        "address": entry["address"],
        "status": 200,
        "etag": None,
        "retrieved_at": "2025-12-23T11:00:00Z",
    }
    assert entry["address"].startswith("https://api.polygon.io/v3/trades/AAPL?timestamp.gte=")
    assert receipt["tickers"]["AAPL"]["minute_bars"] is None


def test_what_is_kept_can_be_classified(fetch, vendors, archive):
    serve(vendors, "AAPL")
    fetch(["AAPL"])
    files = [archive.path(f"polygon/{kind}/2025-12-22/AAPL.parquet") for kind in ("trades", "quotes")]
    flow = lit.classify_symbol(*files, None, sessions.trading_hours(SESSION))
    assert (flow.lit["lit_buy_volume"], flow.lit["classification_method"]) == (300, "NBBO")


def test_the_vendors_fields_are_kept_unchanged(fetch, vendors, archive):
    rows = [trade("10:00", 1), trade("10:01", 2), trade("10:02", 3, size=0.5, decimal_size="0.500000", trf_id=202)]
    vendors.polygon.trades("AAPL", SESSION, rows)
    fetch(["AAPL"])
    found = pl.read_parquet(archive.path("polygon/trades/2025-12-22/AAPL.parquet"))
    said = [{name: value for name, value in row.items() if value is not None} for row in found.to_dicts()]
    assert said == [{**row, "future_field": 1} for row in rows]


def test_rows_that_come_twice_are_kept_once_and_the_receipt_says_so(fetch, vendors, archive):
    """Wherever they come: beside one another, or at both ends of the day's pages."""
    rows = [trade(f"10:0{i}", i) for i in range(7)]
    vendors.polygon.trades("AAPL", SESSION, [*rows, rows[6], rows[0], rows[0]])
    entry = fetch(["AAPL"])["tickers"]["AAPL"]["trades"]
    assert (entry["state"], entry["rows"]) == ("published", 7)
    assert entry["reason"] == "3 identical rows more than once, kept once"
    found = pl.read_parquet(archive.path("polygon/trades/2025-12-22/AAPL.parquet"))
    assert found["id"].to_list() == [str(i) for i in range(7)]


def test_quotes_without_sequence_numbers_condemn_no_symbol(fetch, vendors, archive):
    quotes = [{**quote("09:59", 0), "bid_price": 10 + i / 100, "ask_price": 11.0} for i in range(9)]
    quotes = [{name: value for name, value in row.items() if name != "participant_timestamp"} for row in quotes]
    vendors.polygon.trades("AAPL", SESSION, [trade("10:00", 1)])
    vendors.polygon.quotes("AAPL", SESSION, quotes)
    assert states(fetch(["AAPL"]), "quotes") == ["published"]
    found = pl.read_parquet(archive.path("polygon/quotes/2025-12-22/AAPL.parquet"))
    assert found["bid_price"].to_list() == [row["bid_price"] for row in quotes]


def test_bars_of_another_symbol_are_an_outage_of_that_ticker_alone(fetch, vendors, archive, monkeypatch):
    serve(vendors, "AAPL", "MSFT")
    usual = vendors.polygon.answer

    def answer(request):
        given = usual(request)
        body = given.body.replace(b'"ticker": "AAPL"', b'"ticker": "OTHER"')
        return Answer(given.status, body, given.headers)

    monkeypatch.setattr(vendors.polygon, "answer", answer)
    receipt = fetch(["AAPL", "MSFT"], source="minute_bars")
    assert states(receipt, "minute_bars") == ["outage", "published"]
    assert receipt["tickers"]["AAPL"]["minute_bars"]["reason"].endswith("asked for AAPL, answered for OTHER")
    assert kept(archive) == ["polygon/minute_bars/2025-12-22/MSFT.parquet"]
    monkeypatch.setattr(vendors.polygon, "answer", usual)
    assert states(fetch(["AAPL", "MSFT"], source="minute_bars"), "minute_bars") == ["published"] * 2


def test_rows_lie_by_participant_time_and_not_by_arrival(fetch, vendors, archive):
    late = trade("10:00", 9, sip_timestamp=nanoseconds(SESSION, "15:00"))
    unknown = {name: value for name, value in trade("10:30", 5).items() if name != "participant_timestamp"}
    vendors.polygon.trades("AAPL", SESSION, [trade("10:00", 1), trade("11:00", 2), unknown, late, trade("16:00", 3)])
    fetch(["AAPL"])
    found = pl.read_parquet(archive.path("polygon/trades/2025-12-22/AAPL.parquet"))
    assert found["sequence_number"].to_list() == [1, 9, 5, 2, 3]


def test_tickers_that_differ_in_case_are_two_files(fetch, vendors, archive):
    serve(vendors, "TPC", "TpC", "BRK.B", "NA")
    fetch(["TPC", "TpC", "BRK.B", "NA"], source="minute_bars")
    assert kept(archive) == [f"polygon/minute_bars/2025-12-22/{n}.parquet" for n in ("BRK.B", "NA", "T%70C", "TPC")]


def test_a_plan_without_trades_gives_minute_bars_and_is_asked_once(fetch, vendors, archive):
    serve(vendors, *TICKERS)
    vendors.polygon.entitled = {"minute_bars"}
    receipt = fetch()
    assert receipt["plan"] == "minute_bars"
    assert states(receipt, "minute_bars") == ["published"] * 3
    assert states(receipt, "trades") == ["blocked"] * 3
    assert receipt["tickers"]["AAPL"]["trades"]["reason"].startswith("not in the plan: You are not entitled")
    assert asked(vendors, "/v3/trades/") == 1
    found = pl.read_parquet(archive.path("polygon/minute_bars/2025-12-22/AAPL.parquet"))
    assert found["t"].to_list() == [nanoseconds(SESSION, "09:30") // 10**6, nanoseconds(SESSION, "09:31") // 10**6]
    assert found["vw"].to_list() == [10.5, None]


def test_a_plan_without_quotes_gives_trades_and_is_asked_once(fetch, vendors):
    serve(vendors, *TICKERS)
    vendors.polygon.entitled = {"trades", "minute_bars"}
    receipt = fetch()
    assert receipt["plan"] == "trades"
    assert (states(receipt, "trades"), states(receipt, "quotes")) == (["published"] * 3, ["blocked"] * 3)
    assert asked(vendors, "/v3/quotes/") == 1
    assert not asked(vendors, "/v2/aggs/")


def test_where_only_trades_are_wanted_no_bars_stand_in(fetch, vendors, archive):
    serve(vendors, *TICKERS)
    vendors.polygon.entitled = {"minute_bars"}
    receipt = fetch(source="trades")
    assert receipt["plan"] == "none"
    assert not kept(archive)
    assert open_requests.ticks(archive, SESSION, TICKERS, "trades") == []


def test_nothing_is_asked_where_nothing_is_wanted(fetch, vendors, archive):
    receipt = fetch(source="none")
    assert (receipt["state"], receipt["plan"], receipt["tickers"]) == ("absent", "none", {})
    assert open_requests.ticks(archive, SESSION, TICKERS, "none") == []
    assert not vendors.requests


@pytest.mark.parametrize("entitled", [{"trades", "quotes"}, {"trades"}, {"minute_bars"}])
def test_a_second_run_asks_for_nothing(fetch, vendors, archive, entitled):
    serve(vendors, *TICKERS)
    vendors.polygon.entitled = entitled
    first = fetch()
    before = asked(vendors)
    assert open_requests.ticks(archive, SESSION, TICKERS, "auto") == []
    assert fetch() == first
    assert asked(vendors) == before


def test_a_second_run_asks_only_for_what_is_missing(fetch, vendors, archive, capsys):
    serve(vendors, *TICKERS)
    down = vendors.faults.add(kind="status", status=503, path_contains="/v3/quotes/MSFT")
    receipt = fetch()
    assert states(receipt, "quotes") == ["published", "outage", "published"]
    assert "MSFT trades 3, quotes outage (HTTP 503)" in capsys.readouterr().err
    assert open_requests.ticks(archive, SESSION, TICKERS, "auto") == ["MSFT"]
    down.times = 0
    vendors.requests.clear()
    assert states(fetch(), "quotes") == ["published"] * 3
    assert {request.path.split("?")[0] for request in vendors.requests} == {"/v3/quotes/MSFT"}


def test_a_ticker_new_in_the_universe_is_all_that_is_asked_for(fetch, vendors, archive):
    serve(vendors, *TICKERS, "NVDA")
    fetch()
    assert open_requests.ticks(archive, SESSION, [*TICKERS, "NVDA"], "auto") == ["NVDA"]
    vendors.requests.clear()
    assert list(fetch(["NVDA"])["tickers"]) == [*TICKERS, "NVDA"]
    assert asked(vendors, "NVDA") == asked(vendors)


def test_a_file_lost_from_the_archive_is_asked_for_again(fetch, vendors, archive):
    serve(vendors, *TICKERS)
    fetch()
    archive.path("polygon/quotes/2025-12-22/TSLA.parquet").unlink()
    assert open_requests.ticks(archive, SESSION, TICKERS, "auto") == ["TSLA"]
    fetch()
    assert archive.path("polygon/quotes/2025-12-22/TSLA.parquet").exists()


def test_a_file_copied_in_is_used_and_nobody_is_asked(fetch, vendors, archive):
    serve(vendors, "AAPL")
    fetch(["AAPL"])
    archive.receipt_path("polygon", SESSION).unlink()
    vendors.requests.clear()
    entry = fetch(["AAPL"])["tickers"]["AAPL"]["trades"]
    assert (entry["state"], entry["rows"], entry["retrieved_at"]) == ("published", 3, None)
    assert not vendors.requests


def test_a_symbol_without_trades_is_absent_and_leaves_no_file(fetch, vendors, archive):
    serve(vendors, "AAPL")
    vendors.polygon.trades("MSFT", SESSION, [])
    receipt = fetch(["AAPL", "MSFT", "NEVER"])
    assert states(receipt, "trades") == ["published", "absent", "absent"]
    assert states(receipt, "quotes") == ["published", None, None]
    assert [name for name in kept(archive) if "AAPL" not in name] == []
    assert open_requests.ticks(archive, SESSION, ["AAPL", "MSFT", "NEVER"], "auto") == []


def test_a_session_without_any_answer_on_its_own_day_is_not_yet_there(fetch, vendors, archive, monkeypatch):
    monkeypatch.setenv("DARKPOOL_NOW", "2025-12-22T16:05:00-05:00")
    assert states(fetch(), "trades") == ["not_yet"] * 3
    assert open_requests.ticks(archive, SESSION, TICKERS, "auto") == TICKERS


def test_the_morning_after_a_vendor_without_answers_is_taken_at_its_word(fetch, vendors, archive):
    assert states(fetch(), "trades") == ["absent"] * 3
    assert open_requests.ticks(archive, SESSION, TICKERS, "auto") == []


def test_what_is_asked_on_the_sessions_own_day_is_unsettled_and_asked_again(fetch, vendors, archive, monkeypatch):
    serve(vendors, "AAPL")
    monkeypatch.setenv("DARKPOOL_NOW", "2025-12-22T16:05:00-05:00")
    assert fetch(["AAPL"])["tickers"]["AAPL"]["quotes"]["state"] == "unsettled"
    vendors.polygon.trades("AAPL", SESSION, [trade("10:00", i) for i in range(5)])
    monkeypatch.setenv("DARKPOOL_NOW", NEXT_MORNING)
    assert open_requests.ticks(archive, SESSION, ["AAPL"], "auto") == ["AAPL"]
    kinds = fetch(["AAPL"])["tickers"]["AAPL"]
    assert (kinds["trades"]["state"], kinds["trades"]["rows"]) == ("published", 5)
    assert kinds["trades"]["file"] == "polygon/trades/2025-12-22/AAPL@20251223T110000Z.parquet"
    assert kinds["quotes"]["file"] == "polygon/quotes/2025-12-22/AAPL.parquet"
    assert open_requests.ticks(archive, SESSION, ["AAPL"], "auto") == []


def test_an_answer_that_cannot_be_had_again_leaves_the_unsettled_one(fetch, vendors, archive, monkeypatch):
    serve(vendors, "AAPL")
    monkeypatch.setenv("DARKPOOL_NOW", "2025-12-22T16:05:00-05:00")
    fetch(["AAPL"])
    monkeypatch.setenv("DARKPOOL_NOW", NEXT_MORNING)
    vendors.faults.add(kind="status", status=503)
    entry = fetch(["AAPL"])["tickers"]["AAPL"]["trades"]
    assert (entry["state"], entry["rows"]) == ("unsettled", 3)
    assert entry["reason"].startswith("asked again: HTTP 503")


def test_a_download_that_breaks_off_leaves_nothing_behind_and_begins_anew(fetch, vendors, archive):
    serve(vendors, "AAPL")
    down = vendors.faults.add(kind="drop", path_contains="/v3/trades/AAPL?cursor")
    assert states(fetch(["AAPL"]), "trades") == ["outage"]
    assert kept(archive) == []
    down.times = 0
    assert fetch(["AAPL"])["tickers"]["AAPL"]["trades"]["rows"] == 3


def test_what_a_killed_run_left_is_removed(fetch, vendors, archive):
    folder = archive.path("polygon/trades/2025-12-22")
    ours = [folder / ".GONE.parquet.partial", folder / ".GONE.parquet.partial.darkpool-draft"]
    theirs = [folder / ".own.partial", folder / ".AAPL.parquet.partial"]
    for partial in (*ours, *theirs):
        partial.mkdir(parents=True)
        (partial / "000000.arrow").write_bytes(b"half")
    (theirs[1] / "notes.txt").write_text("kept")
    serve(vendors, "AAPL")
    fetch(["AAPL"])
    assert not [partial for partial in ours if partial.exists()]
    assert all((partial / "000000.arrow").exists() for partial in theirs)


def test_a_vendor_that_is_down_is_not_asked_for_every_ticker(fetch, vendors):
    tickers = [f"A{letter}" for letter in "ABCDEFGHIJKLMNOPQRST"]
    vendors.faults.add(kind="status", status=503)
    receipt = fetch(tickers, workers=1)
    assert states(receipt, "trades") == ["outage"] * 20
    assert asked(vendors) == tick_fetch.GIVE_UP_AFTER * polygon.ATTEMPTS
    assert receipt["tickers"]["AT"]["trades"]["reason"].startswith("not asked")


def test_an_unknown_key_ends_the_run_at_once(fetch, vendors):
    vendors.polygon.key = "another"
    receipt = fetch()
    assert receipt["state"] == "blocked"
    assert "POLYGON_API_KEY" in receipt["reason"]
    assert asked(vendors) == 1


def test_the_number_of_workers_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv(tick_fetch.WORKERS, "2")
    assert tick_fetch.max_workers() == 2
    monkeypatch.delenv(tick_fetch.WORKERS)
    assert tick_fetch.max_workers() == 4
    monkeypatch.setenv(tick_fetch.WORKERS, "many")
    with pytest.raises(ValueError, match="POLYGON_MAX_WORKERS is 'many', expected a whole number from 1 to 32"):
        tick_fetch.max_workers()


def test_the_wait_of_a_slow_plan_is_told_before_it_begins(fetch, vendors, capsys):
    serve(vendors, *TICKERS)
    fetch(calls_per_minute=60_000)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Polygon: 3 tickers at 60000 calls a minute: less than a minute")


def test_ten_tickers_at_five_calls_a_minute_are_two_minutes(archive, vendors, capsys):
    tickers = [f"A{letter}" for letter in "ABCDEFGHIJ"]
    run = tick_fetch._Run(archive, SESSION, "auto", Flat(), 5, 4)
    run._announce(tickers, {ticker: tick_entries.by_kind({}) for ticker in tickers})
    assert "10 tickers at 5 calls a minute: about 2 minutes" in capsys.readouterr().err


def test_without_a_key_yahoo_is_asked_for_its_minutes(fetch, vendors, archive, monkeypatch):
    monkeypatch.delenv("POLYGON_API_KEY")
    vendors.yahoo.minute_bars("AAPL", SESSION, {"09:30": BAR, "09:31": None, "15:59": (11, 11, 11, 10.5, 500)})
    vendors.yahoo.minute_bars("BRK-B", SESSION, {"09:30": BAR})
    receipt = fetch(["AAPL", "BRK.B", "NEVER"])
    assert receipt["plan"] == "yahoo_minute_bars"
    assert states(receipt, "minute_bars") == ["published", "published", "absent"]
    assert kept(archive) == [f"yahoo/minute_bars/2025-12-22/{name}.parquet" for name in ("AAPL", "BRK-B")]
    found = pl.read_parquet(archive.path("yahoo/minute_bars/2025-12-22/AAPL.parquet"))
    assert found.select("t", *"ohlcv").rows() == [
        (nanoseconds(SESSION, "09:30") // 10**6, *BAR),
        (nanoseconds(SESSION, "15:59") // 10**6, 11, 11, 11, 10.5, 500),
    ]
    assert not asked(vendors, "/v3/")
    assert open_requests.ticks(archive, SESSION, ["AAPL", "BRK.B", "NEVER"], "auto") == []


@pytest.mark.parametrize(
    ("now", "state"), [("2025-12-29T06:00:00-05:00", "outage"), ("2025-12-30T06:00:00-05:00", "absent")]
)
def test_a_ticker_that_yahoo_knew_and_does_not_know_today_is_asked_again(
    now, state, fetch, vendors, archive, monkeypatch
):
    monkeypatch.delenv("POLYGON_API_KEY")
    monkeypatch.setenv("DARKPOOL_NOW", now)
    path = archive.path(layout.yahoo_daily(sessions.previous(SESSION)))
    path.parent.mkdir(parents=True)
    pl.DataFrame({"symbol": ["AAPL"], "date": [sessions.previous(SESSION)], "volume": [1.0]}).write_parquet(path)
    receipt = fetch(["AAPL", "NEVER"])
    assert states(receipt, "minute_bars") == [state, "absent"]
    left = ["AAPL"] if state == "outage" else []
    assert open_requests.ticks(archive, SESSION, ["AAPL", "NEVER"], "auto") == left
    vendors.yahoo.minute_bars("AAPL", SESSION, {"09:30": BAR})
    assert states(fetch(["AAPL", "NEVER"]), "minute_bars") == ["published" if left else "absent", "absent"]


def test_a_key_that_comes_later_is_used(fetch, vendors, archive, monkeypatch):
    monkeypatch.delenv("POLYGON_API_KEY")
    monkeypatch.setenv("DARKPOOL_NOW", "2026-03-02T06:00:00-05:00")
    receipt = fetch(["AAPL"])
    entry = receipt["tickers"]["AAPL"]["minute_bars"]
    assert (receipt["plan"], entry["state"]) == ("none", "absent")
    assert entry["reason"].startswith("no key: Yahoo keeps minute bars for 30 days")
    assert open_requests.ticks(archive, SESSION, ["AAPL"], "auto") == []
    assert not vendors.requests
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    assert open_requests.ticks(archive, SESSION, ["AAPL"], "auto") == ["AAPL"]
    assert open_requests.ticks(archive, SESSION, ["AAPL"], "minute_bars") == ["AAPL"]
    serve(vendors, "AAPL")
    assert fetch(["AAPL"], source="minute_bars")["plan"] == "minute_bars"


def test_minutes_that_yahoo_no_longer_keeps_are_absent(fetch, vendors, archive, monkeypatch):
    monkeypatch.delenv("POLYGON_API_KEY")
    vendors.yahoo.minute_bars("AAPL", SESSION, {"09:30": BAR})
    vendors.yahoo.oldest_minute_bars = "2025-12-23"
    entry = fetch(["AAPL"])["tickers"]["AAPL"]["minute_bars"]
    assert (entry["state"], entry["status"]) == ("absent", 422)
    assert "last 30 days" in entry["reason"]


def test_a_ticker_whose_fields_change_their_kind_does_not_stop_the_others(fetch, vendors, archive):
    serve(vendors, "AAPL", "TSLA")
    odd = [trade("10:00", 1), trade("10:01", 2, tape={"code": 3}), trade("10:02", 3, tape=3)]
    vendors.polygon.trades("MSFT", SESSION, odd)
    receipt = fetch()
    assert states(receipt, "trades") == ["published", "outage", "published"]
    assert "tape is Int64 and Struct" in receipt["tickers"]["MSFT"]["trades"]["reason"]
    assert not [name for name in kept(archive) if "MSFT" in name]


def test_yahoos_minutes_are_asked_for_again_when_yahoo_stumbles(fetch, vendors, monkeypatch):
    monkeypatch.delenv("POLYGON_API_KEY")
    vendors.yahoo.minute_bars("AAPL", SESSION, {"09:30": BAR})
    vendors.faults.add(kind="status", status=503, path_contains="interval=1m", times=2)
    assert states(fetch(["AAPL"]), "minute_bars") == ["published"]


def test_a_rate_limit_of_yahoo_is_an_outage(fetch, vendors, archive, monkeypatch):
    monkeypatch.delenv("POLYGON_API_KEY")
    monkeypatch.setattr(yahoo, "RATE_LIMIT_PATIENCE", 0.01)
    vendors.faults.add(kind="status", status=429, host="yahoo.com")
    assert states(fetch(["AAPL"]), "minute_bars") == ["outage"]
    assert open_requests.ticks(archive, SESSION, ["AAPL"], "auto") == ["AAPL"]


def test_the_key_is_nowhere_but_in_the_header(fetch, vendors, archive, tmp_path, monkeypatch, capfd):
    serve(vendors, *TICKERS)
    monkeypatch.delenv("POLYGON_API_KEY")
    (tmp_path / ".env").touch(mode=0o600)
    (tmp_path / ".env").write_text(f"POLYGON_API_KEY={KEY}\n")
    vendors.faults.add(kind="status", status=503, path_contains="/v3/quotes/MSFT")
    vendors.faults.add(kind="drop", path_contains="/v3/quotes/TSLA")
    fetch()
    vendors.polygon.key = "another"
    refused = fetch([*TICKERS, "NVDA"])["reason"]
    vendors.polygon.key = KEY
    assert [path for path in tmp_path.rglob("*") if path.is_file() and KEY in path.read_bytes().decode("latin-1")] == [
        tmp_path / ".env"
    ]
    said = capfd.readouterr()
    assert KEY not in said.out + said.err + refused
    assert KEY not in json.dumps([request.path for request in vendors.requests])
    assert {request.headers["Authorization"] for request in vendors.requests if request.method == "GET"} == {
        f"Bearer {KEY}"
    }
