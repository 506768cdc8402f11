"""The lit lane on a live Polygon: by page, with a key that nobody else may see, and without what the plan lacks."""

import shutil
from dataclasses import replace

import pytest

import canaries
from standin import Vendors, nanoseconds

DAY = "2025-12-22"
SETTINGS = {
    "finra": {"weekly": False},
    "lit": {"min_lit_volume": 100, "calls_per_minute": 0},
    "history": {"ma": 3, "min_sessions": 3, "window": 5},
}


def trade(number, price, size, **fields):
    stamp = nanoseconds(DAY, f"10:00:{number:02}")
    times = {"sip_timestamp": stamp + 1000, "participant_timestamp": stamp}
    return {**times, "sequence_number": number, "price": price, "size": size, "exchange": 11, "tape": 3, **fields}


def quote(number, bid, ask):
    stamp = nanoseconds(DAY, f"09:59:{number:02}")
    times = {"sip_timestamp": stamp + 1000, "participant_timestamp": stamp}
    sides = {"bid_price": bid, "ask_price": ask, "bid_size": 1, "ask_size": 1, "bid_exchange": 11, "ask_exchange": 11}
    return {**times, "sequence_number": number, "tape": 3, **sides}


def set_the_tape(polygon):
    """AAPL: 300 shares bought and 100 sold on lit markets at 9.99 x 10.01, and 500 FINRA prints at the bid."""
    lit = [trade(number, 10.01, 50) for number in range(1, 7)] + [trade(number, 9.99, 50) for number in (7, 8)]
    polygon.trades("AAPL", DAY, [*lit, trade(9, 9.99, 500, exchange=4, trf_id=202)])
    polygon.quotes("AAPL", DAY, [quote(number, 9.99, 10.01) for number in range(1, 8)])
    polygon.minute_bars("AAPL", DAY, {"10:00": (10.0, 10.2, 9.9, 10.1, 900), "10:01": (10.1, 10.2, 9.9, 10.0, 100)})


def set_up(live):
    live.publish()
    set_the_tape(live.vendors.polygon)
    live.tickers, live.settings = ["AAPL"], SETTINGS
    return live


@pytest.fixture(scope="module")
def morning(live_in, tmp_path_factory):
    """A finished session of one ticker with trades and quotes in three pages each; read only."""
    folder = tmp_path_factory.mktemp("ticks")
    with Vendors(folder / "vendors") as vendors:
        live = set_up(live_in(folder, vendors))
        live.said = live.run(finished=True).said
        yield live
        assert not vendors.unexpected, [request.path for request in vendors.unexpected]


@pytest.fixture
def ticks(live):
    return set_up(live)


def kinds_asked(live):
    """Pages asked for, by kind."""
    asked = [*live.asked("polygon.io"), *live.asked("massive.com")]
    names = [request.path.partition("?")[0].split("/")[2] for request in asked]
    return {name: names.count(name) for name in names}


def key_is_nowhere(live, said):
    files = [path for path in live.project.root.rglob("*") if path.is_file()]
    assert len(files) > 50
    assert canaries.in_tree(live.project.root) == {}
    assert canaries.in_text(said) == set()
    assert not [request.path for request in live.vendors.requests if canaries.in_text(request.path)]


def test_trades_signed_by_their_quotes_size_the_estimate(morning):
    row = morning.project.features()["AAPL"]
    assert (row["lit_buy_ratio"], row["classification_method"], row["lit_coverage_pct"]) == (0.75, "NBBO", 100)
    assert (row["estimated_bought"], row["estimated_sold"], row["buy_ratio"]) == (450, 150, 3)
    assert (row["signal"], row["trf_buy_ratio"], row["opinions"]) == ("BOT", 0, "disagree")
    assert row["quality"] == ""
    lit = morning.project.table("lit_flow").to_dicts()[0]
    assert (lit["lit_buy_volume"], lit["lit_sell_volume"], lit["lit_trades"]) == (300, 100, 8)
    assert morning.project.states()["Polygon"] == "published"


def test_every_page_is_asked_for_once_and_kept_in_one_file(morning):
    assert kinds_asked(morning) == {"trades": 3, "quotes": 3}
    for kind, rows in (("trades", 9), ("quotes", 7)):
        entry = morning.project.receipt(morning.archive, "polygon")["tickers"]["AAPL"][kind]
        assert (entry["state"], entry["rows"], entry["file"]) == (
            "published",
            rows,
            f"polygon/{kind}/{DAY}/AAPL.parquet",
        )


def test_the_key_is_sent_in_a_header_and_found_nowhere_else(morning):
    key_is_nowhere(morning, morning.said)


def test_a_finished_session_asks_polygon_never_again(morning, tmp_path):
    root = tmp_path / "project"
    shutil.copytree(morning.project.root, root)
    later = replace(morning, project=replace(morning.project, root=root))
    before, asked = later.project.digests("results", "resources"), len(morning.vendors.requests)
    assert later.run(finished=True).rules == {"write_manifest": 1}
    assert len(morning.vendors.requests) == asked
    assert later.project.digests("results", "resources") == before


def test_busy_servers_and_a_page_cut_in_the_middle_are_asked_again(ticks, morning):
    faults = [
        ticks.vendors.faults.add(kind="status", status=429, retry_after=0, path_contains="/v3/trades/AAPL?t", times=1),
        ticks.vendors.faults.add(kind="cut", path_contains="/v3/trades/AAPL?cursor", times=1),
        ticks.vendors.faults.add(kind="status", status=503, path_contains="/v3/quotes", times=1),
    ]
    ticks.run(finished=True)
    assert [fault.hits for fault in faults] == [1, 1, 1]
    assert ticks.project.features() == morning.project.features()


def test_the_key_never_goes_to_another_host_that_a_next_page_names(ticks, morning):
    """Only the cursor is taken from the address; the page is asked for where the first one was."""
    ticks.vendors.polygon.next_host = "collector.example.com"
    run = ticks.run(finished=True)
    assert not [request for request in ticks.vendors.requests if "example.com" in request.host + request.path]
    assert ticks.project.features() == morning.project.features()
    key_is_nowhere(ticks, run.said)


def test_a_refused_key_fails_the_run_in_one_line_that_does_not_show_it(ticks):
    ticks.vendors.polygon.key = "another"
    run = ticks.run(finished=False)
    assert [line for line in run.lines if "POLYGON_API_KEY" in line or "401" in line], run.said
    assert sum(kinds_asked(ticks).values()) <= 2
    key_is_nowhere(ticks, run.said)

    ticks.vendors.polygon.key = canaries.POLYGON
    ticks.vendors.requests.clear()
    ticks.run(finished=True)
    assert not ticks.files_asked()
    assert ticks.project.features()["AAPL"]["signal"] == "BOT"


def test_a_plan_without_trades_falls_back_to_bars_and_says_so(ticks):
    ticks.vendors.polygon.entitled = {"minute_bars"}
    ticks.run(finished=True)
    row = ticks.project.features()["AAPL"]
    assert (row["lit_buy_ratio"], row["classification_method"]) == (0.9, "BARS")
    assert row["quality"] == "bars_only"
    lit = ticks.project.table("lit_flow").to_dicts()[0]
    assert (lit["lit_buy_volume"], lit["lit_sell_volume"], lit["source"]) == (900, 100, "consolidated_bars")


def test_a_plan_without_quotes_signs_by_the_tick_rule_and_says_so(ticks):
    """Eight lit trades, one lower than the one before: the others sign nothing."""
    ticks.vendors.polygon.entitled = {"trades", "minute_bars"}
    ticks.run(finished=True)
    row = ticks.project.features()["AAPL"]
    assert (row["classification_method"], row["lit_coverage_pct"]) == ("TICK", 12.5)
    assert row["quality"] == "no_quotes,thin_lit"
    assert ticks.project.states()["Polygon"] == "published"
    ticks.vendors.requests.clear()
    assert ticks.run(finished=True).rules == {"write_manifest": 1}
    assert not ticks.vendors.requests


@pytest.mark.soak
def test_a_polygon_that_is_down_holds_up_nobody_and_is_asked_again(ticks):
    ticks.vendors.faults.add(kind="status", status=503, host="polygon.io")
    ticks.vendors.faults.add(kind="status", status=503, host="massive.com")
    ticks.run(finished=True)
    assert ticks.project.states() == {"FINRA": "published", "Yahoo": "published", "Polygon": "outage"}
    assert ticks.project.features()["AAPL"]["quality"] == "no_lit"

    ticks.vendors.faults.clear()
    ticks.vendors.requests.clear()
    ticks.run(finished=True)
    assert not ticks.files_asked()
    assert not ticks.symbols_asked()
    assert ticks.project.features()["AAPL"]["signal"] == "BOT"


def test_without_a_key_yahoos_minute_bars_are_named_for_what_they_are(ticks):
    clock = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(9 * 60 + 30, 16 * 60)]
    bars = dict.fromkeys(clock, (10.0, 10.2, 9.9, 10.1, 60))
    ticks.vendors.yahoo.minute_bars("AAPL", DAY, bars)
    ticks.run(finished=True, **canaries.NO_KEYS)
    assert not kinds_asked(ticks)
    row = ticks.project.features()["AAPL"]
    assert (row["classification_method"], row["quality"]) == ("BARS", "bars_only")
    page = (ticks.project.folder() / "table.html").read_text(encoding="utf-8")
    assert "<summary>Yahoo minute bars <b>published</b></summary>" in page
    assert "<summary>Polygon <b>" not in page
    assert "Bought and sold rest on minute bars, which hold the off-exchange prints too" in page
    assert '<i aria-hidden="true">*</i></th>' not in page  # what the head says marks no row
