"""Yahoo through the stand-in: only what is missing is asked for, what came is kept, what failed spoils nothing."""

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from darkpool.archive import layout, open_requests
from darkpool.archive.store import Archive
from darkpool.market import sessions
from darkpool.vendors.yahoo import bars_fetch, consolidated
from standin import Vendors
from unit.vendors.test_yahoo_chart import chart, open_of

DAY = date(2025, 12, 22)
WINDOW = sessions.window(DAY, 2)
EVENING, MORNING, NEXT = "2025-12-22T17:00:00-05:00", "2025-12-23T06:00:00-05:00", "2025-12-24T06:00:00-05:00"

Fetch = Callable[..., dict[str, Any]]


def bars(volume: float, days: list[date] = WINDOW) -> dict[date, tuple[float, ...]]:
    return dict.fromkeys(days, (10.0, 12.0, 9.0, 11.0, volume))


@pytest.fixture
def vendors(well: Vendors) -> Vendors:
    for symbol in ("AAPL", "NA", "T-PC"):
        well.yahoo.bars(symbol, bars(1000))
    return well


@pytest.fixture
def fetch(archive: Archive, monkeypatch) -> Fetch:
    """What the rule does: ask, and write the receipt."""

    def run(*tickers: str, now: str | None = None) -> dict[str, Any]:
        if now:
            monkeypatch.setenv("DARKPOOL_NOW", now)
        request = bars_fetch.Request(WINDOW, tickers or ("AAPL", "TpC"))
        receipt = bars_fetch.fetch(Archive(archive.root), {DAY: request})[DAY]
        archive.write_receipt("yahoo", DAY, receipt)
        entries: dict[str, Any] = receipt["tickers"]
        return entries

    return run


def asked(vendors: Vendors) -> list[str]:
    """Symbols whose chart was asked for, in order."""
    paths = [request.path for request in vendors.requests if request.method == "GET"]
    return [path.split("/chart/")[1].partition("?")[0] for path in paths if "/chart/" in path]


def kept(archive: Archive) -> dict[str, bytes]:
    folder = archive.path("yahoo")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read(archive: Archive, *tickers: str) -> dict[str, tuple[Any, ...]]:
    """As-traded volume of the session, factor, settled, revised, by ticker."""
    spelling = {ticker: {"TpC": "T-PC"}.get(ticker, ticker) for ticker in tickers or ("AAPL", "TpC")}
    told = consolidated.read(Archive(archive.root), DAY, spelling, WINDOW).bars.filter(pl.col("date") == DAY)
    columns = ["ticker", "regular_volume", "split_factor", "settled", "revised"]
    return {ticker: tuple(rest) for ticker, *rest in told.select(columns).iter_rows()}


def test_answers_are_kept_in_yahoos_spelling_and_receipted_in_ours(vendors, archive, fetch) -> None:
    vendors.yahoo.split("AAPL", "2025-12-23", 2)
    entries = fetch()
    assert set(kept(archive)) == {"daily/2025-12-22.parquet", "splits/2025-12-22.parquet"}
    table = pq.read_table(archive.path(layout.yahoo_daily(DAY)))
    assert table.column_names == ["symbol", "date", "open", "high", "low", "close", "adj_close", "volume"]
    assert sorted(set(table["symbol"].to_pylist())) == ["AAPL", "T-PC"]
    assert pq.read_table(archive.path(layout.yahoo_splits(DAY))).to_pylist() == [
        {"symbol": "AAPL", "ex_date": date(2025, 12, 23), "ratio": 2.0}
    ]
    entry = entries["TpC"]
    assert (entry["state"], entry["rows"], entry["status"]) == ("published", 3, 200)
    assert (entry["file"], entry["retrieved_at"]) == ("yahoo/daily/2025-12-22.parquet", "2025-12-23T11:00:00Z")
    assert "crumb" not in entry["address"]
    assert read(archive) == {"AAPL": (500.0, 2.0, True, False), "TpC": (1000.0, 1.0, True, False)}


def test_a_second_run_asks_for_nothing_and_changes_nothing(vendors, archive, fetch) -> None:
    first, before = fetch(), kept(archive)
    count = len(vendors.requests)
    assert fetch() == first
    assert len(vendors.requests) == count
    assert kept(archive) == before


def test_a_ticker_added_later_is_asked_for_alone_and_kept_beside(vendors, archive, fetch) -> None:
    fetch()
    before, count = kept(archive), len(asked(vendors))
    entries = fetch("AAPL", "NA", "TpC", now=NEXT)
    assert asked(vendors)[count:] == ["NA"]
    assert {name: kept(archive)[name] for name in before} == before
    assert entries["NA"]["file"] == "yahoo/daily/2025-12-22@20251224T110000Z.parquet"
    assert entries["AAPL"]["retrieved_at"] == "2025-12-23T11:00:00Z"
    assert read(archive, "AAPL", "NA", "TpC") == dict.fromkeys(("AAPL", "NA", "TpC"), (1000.0, 1.0, True, False))


def test_a_ticker_that_yahoo_does_not_know_is_absent_for_good(vendors, archive, fetch) -> None:
    entries = fetch("AAPL", "GONE")
    assert (entries["GONE"]["state"], entries["GONE"]["file"]) == ("absent", None)
    assert open_requests.yahoo(Archive(archive.root), DAY, ["AAPL", "GONE"]) == []
    assert list(read(archive, "AAPL", "GONE")) == ["AAPL"]


class TestUnknownToday:
    """Yahoo's 404 of a ticker that had bars, or of every ticker at once, is hardly its last word."""

    FIRST, FIFTH, SIXTH = "2025-12-23T06:00:00-05:00", "2025-12-30T06:00:00-05:00", "2025-12-31T06:00:00-05:00"

    def before(self, archive: Archive, *tickers: str, volume: float = 1000) -> None:
        """What the session before left: its answer holds bars of its own window."""
        day = sessions.previous(DAY)
        window = sessions.window(day, 2)
        rows = [(ticker, one, volume) for ticker in tickers for one in window]
        frame = pl.DataFrame(rows, schema={"symbol": pl.String, "date": pl.Date, "volume": pl.Float64}, orient="row")
        path = archive.path(layout.yahoo_daily(day))
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path)

    def unlist(self, vendors: Vendors, *symbols: str) -> list[Any]:
        body = b'{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found"}}}'
        return [vendors.faults.add(kind="body", status=404, body=body, path_contains=f"/chart/{s}?") for s in symbols]

    def test_one_that_had_bars_is_an_outage_that_holds_nothing_up_and_heals(self, vendors, archive, fetch) -> None:
        self.before(archive, "NA")
        self.unlist(vendors, "NA")
        entries = fetch("AAPL", "NA")
        assert (entries["NA"]["state"], entries["NA"]["unknown_since"]) == ("outage", "2025-12-23T11:00:00Z")
        assert entries["NA"]["reason"] == (
            "Yahoo knows no such ticker since 2025-12-23, though it had bars in this window: No data found"
        )
        assert (archive.receipt("yahoo", DAY) or {})["state"] == "published"
        assert open_requests.yahoo(Archive(archive.root), DAY, ["AAPL", "NA"]) == ["NA"]
        vendors.faults.clear()
        entries = fetch("AAPL", "NA")
        assert entries["NA"]["state"] == "published"
        assert "unknown_since" not in entries["NA"]
        assert read(archive, "NA")["NA"][0] == 1000.0

    @pytest.mark.parametrize(("now", "state"), [(FIFTH, "outage"), (SIXTH, "absent")])
    def test_five_sessions_after_the_first_time_yahoo_is_taken_at_its_word(
        self, now, state, vendors, archive, fetch
    ) -> None:
        self.before(archive, "NA")
        self.unlist(vendors, "NA")
        fetch("AAPL", "NA", now=self.FIRST)
        entries = fetch("AAPL", "NA", now=now)
        assert (entries["NA"]["state"], entries["NA"]["unknown_since"]) == (state, "2025-12-23T11:00:00Z")
        assert open_requests.yahoo(Archive(archive.root), DAY, ["AAPL", "NA"]) == (["NA"] if state == "outage" else [])

    def test_the_next_session_knows_since_when(self, vendors, archive, monkeypatch) -> None:
        """The session before the day was the first to hear it, ten days ago."""
        self.before(archive, "NA")
        self.unlist(vendors, "NA")
        told = {"state": "outage", "file": None, "unknown_since": "2025-12-12T11:00:00Z"}
        archive.write_receipt("yahoo", sessions.previous(DAY), {"tickers": {"NA": told}})
        receipt = bars_fetch.fetch(Archive(archive.root), {DAY: bars_fetch.Request(WINDOW, ("AAPL", "NA"))})[DAY]
        assert receipt["tickers"]["NA"]["state"] == "absent"
        archive.write_receipt(
            "yahoo", sessions.previous(DAY), {"tickers": {"NA": {"state": "published", "file": None}}}
        )
        receipt = bars_fetch.fetch(Archive(archive.root), {DAY: bars_fetch.Request(WINDOW, ("AAPL", "NA"))})[DAY]
        assert receipt["tickers"]["NA"]["unknown_since"] == "2025-12-23T11:00:00Z"

    def test_bars_before_the_window_are_none(self, vendors, archive, fetch) -> None:
        self.unlist(vendors, "NA")
        path = archive.path(layout.yahoo_daily(DAY))
        path.parent.mkdir(parents=True)
        old = {"symbol": ["NA"], "date": [sessions.previous(WINDOW[0])], "volume": [1.0]}
        pl.DataFrame(old).write_parquet(path)
        assert fetch("AAPL", "NA")["NA"]["state"] == "absent"

    def test_all_at_once_are_an_outage_though_nobody_knew_them(self, vendors, archive, fetch) -> None:
        self.unlist(vendors, "AAPL", "NA")
        entries = fetch("AAPL", "NA")
        assert {entry["state"] for entry in entries.values()} == {"outage"}
        assert "no other ticker either" in entries["NA"]["reason"]
        assert (archive.receipt("yahoo", DAY) or {})["state"] == "outage"
        assert {entry["state"] for entry in fetch("AAPL", "NA", now=self.SIXTH).values()} == {"absent"}

    def test_a_ticker_alone_holds_nothing_up(self, vendors, archive, fetch) -> None:
        self.before(archive, "NA")
        self.unlist(vendors, "NA")
        assert fetch("NA")["NA"]["state"] == "outage"
        assert (archive.receipt("yahoo", DAY) or {})["state"] == "absent"

    def test_a_chart_without_any_bar_says_no_more_than_a_404(self, vendors, archive, fetch) -> None:
        self.before(archive, "EMPTY")
        vendors.yahoo.bars("EMPTY", {})
        assert fetch("AAPL", "EMPTY")["EMPTY"]["state"] == "outage"
        assert fetch("AAPL", "EMPTY", now=self.SIXTH)["EMPTY"]["state"] == "absent"


def test_a_ticker_without_a_spelling_is_not_asked_for(vendors, fetch) -> None:
    entries = fetch("AAPL", "ECCA.CL")
    assert (entries["ECCA.CL"]["state"], entries["ECCA.CL"]["reason"]) == ("absent", "no spelling at Yahoo is known")
    assert asked(vendors) == ["AAPL"]


class TestSettling:
    def test_a_volume_of_the_sessions_own_day_is_asked_for_again(self, vendors, archive, fetch) -> None:
        assert {entry["state"] for entry in fetch(now=EVENING).values()} == {"unsettled"}
        assert read(archive)["AAPL"] == (1000.0, 1.0, False, False)
        assert open_requests.yahoo(Archive(archive.root), DAY, ["AAPL", "TpC"]) == ["AAPL", "TpC"]

    def test_repeated_the_next_morning_it_is_settled_and_nothing_new_is_kept(self, vendors, archive, fetch) -> None:
        fetch(now=EVENING)
        before = kept(archive)
        entries = fetch(now=MORNING)
        assert {entry["state"] for entry in entries.values()} == {"published"}
        assert kept(archive) == before
        assert read(archive)["AAPL"] == (1000.0, 1.0, True, False)

    def test_changed_by_the_next_morning_it_is_kept_beside_and_flagged(self, vendors, archive, fetch) -> None:
        fetch(now=EVENING)
        before = kept(archive)
        vendors.yahoo.bars("AAPL", bars(1001, [DAY]))
        fetch(now=MORNING)
        assert {name: kept(archive)[name] for name in before} == before
        assert read(archive) == {"AAPL": (1001.0, 1.0, True, True), "TpC": (1000.0, 1.0, True, False)}

    def test_a_split_overnight_changes_no_volume_as_traded(self, vendors, archive, fetch) -> None:
        fetch(now=EVENING)
        vendors.yahoo.bars("AAPL", bars(2000))
        vendors.yahoo.split("AAPL", "2025-12-23", 2)
        fetch(now=MORNING)
        assert read(archive)["AAPL"] == (1000.0, 2.0, True, False)

    def test_a_failure_the_next_morning_leaves_it_unsettled(self, vendors, archive, fetch) -> None:
        """It must not pass for settled, or for unknown, because nobody could be asked."""
        fetch(now=EVENING)
        vendors.faults.add(kind="status", status=500, host="yahoo.com")
        entries = fetch(now=MORNING)
        assert {entry["state"] for entry in entries.values()} == {"unsettled"}
        assert "asked again: " in entries["AAPL"]["reason"]
        assert read(archive)["AAPL"] == (1000.0, 1.0, False, False)
        vendors.faults.clear()
        assert fetch(now=NEXT)["AAPL"]["state"] == "published"
        assert read(archive)["AAPL"] == (1000.0, 1.0, True, False)


class TestLateBars:
    def test_a_bar_that_no_ticker_has_is_not_there_yet(self, vendors, archive, fetch) -> None:
        for symbol in ("AAPL", "T-PC"):
            vendors.yahoo.bars(symbol, {DAY: None})
        assert {entry["state"] for entry in fetch().values()} == {"not_yet"}
        assert open_requests.yahoo(Archive(archive.root), DAY, ["AAPL", "TpC"]) == ["AAPL", "TpC"]
        for symbol in ("AAPL", "T-PC"):
            vendors.yahoo.bars(symbol, bars(1000))
        assert {entry["state"] for entry in fetch(now=NEXT).values()} == {"published"}

    def test_a_bar_that_all_others_have_is_absent(self, vendors, archive, fetch) -> None:
        vendors.yahoo.bars("T-PC", {DAY: None})
        assert fetch()["TpC"]["state"] == "absent"
        assert list(read(archive)) == ["AAPL"]
        assert open_requests.yahoo(Archive(archive.root), DAY, ["AAPL", "TpC"]) == []


class TestFailures:
    @pytest.mark.parametrize("kind", ["html", "empty", "cut", "drop"])
    def test_an_answer_that_is_none_is_an_outage_and_nothing_is_kept(self, kind, vendors, archive, fetch) -> None:
        vendors.faults.add(kind=kind, host="yahoo.com", path_contains="/chart/T-PC")
        entries = fetch()
        assert (entries["AAPL"]["state"], entries["TpC"]["state"], entries["TpC"]["file"]) == (
            "published",
            "outage",
            None,
        )
        assert entries["TpC"]["reason"]
        assert open_requests.yahoo(Archive(archive.root), DAY, ["AAPL", "TpC"]) == ["TpC"]
        vendors.faults.clear()
        count = len(asked(vendors))
        assert fetch()["TpC"]["state"] == "published"
        assert asked(vendors)[count:] == ["T-PC"]

    @pytest.mark.parametrize(("status", "state"), [(403, "blocked"), (500, "outage")])
    def test_a_refusal_has_a_name(self, status: int, state: str, vendors, archive, fetch) -> None:
        vendors.faults.add(kind="status", status=status, host="yahoo.com", path_contains="/chart/")
        entries = fetch()
        assert {entry["state"] for entry in entries.values()} == {state}
        assert {name for name in kept(archive) if "daily" in name} == set()

    def test_a_rate_limit_ends_the_asking_of_all_chunks(self, vendors, archive, fetch, monkeypatch) -> None:
        monkeypatch.setattr(bars_fetch, "CHUNK", 1)
        monkeypatch.setattr("darkpool.vendors.yahoo.client.RATE_LIMIT_PATIENCE", 0.01)
        vendors.faults.add(kind="status", status=429, retry_after=3600, host="yahoo.com", path_contains="/chart/")
        entries = fetch()
        assert entries["AAPL"]["reason"] == "rate limit"
        assert entries["TpC"]["reason"] == "not asked after: rate limit"
        assert set(asked(vendors)) == {"AAPL"}

    def test_chunks_of_one_second_are_all_kept_with_their_splits(self, vendors, archive, fetch, monkeypatch) -> None:
        monkeypatch.setattr(bars_fetch, "CHUNK", 1)
        for symbol in ("AAPL", "NA", "T-PC"):
            vendors.yahoo.split(symbol, "2025-12-23", 2)
        fetch("AAPL", "NA", "TpC")
        assert read(archive, "AAPL", "NA", "TpC") == dict.fromkeys(("AAPL", "NA", "TpC"), (500.0, 2.0, True, False))
        names = {name.partition("/")[2] for name in kept(archive)}
        assert kept(archive).keys() == {f"{kind}/{name}" for kind in ("daily", "splits") for name in names}


def of_chart(splits: dict[date, tuple[Any, Any]], volume: Any = 1000, day: date = DAY) -> bytes:
    rows = [(open_of(one), (10.0, 12.0, 9.0, 11.0, volume)) for one in sorted({*WINDOW, day})]
    return chart(rows, splits)


ABSURD = {
    "too large": of_chart({DAY: (10_001, 1)}),
    "too small": of_chart({DAY: (1, 10_001)}),
    "by zero": of_chart({DAY: (2, 0)}),
    "zero": of_chart({DAY: (0, 2)}),
    "true": of_chart({DAY: (True, 1)}),
    "false": of_chart({DAY: (2, False)}),
    "a word": of_chart({DAY: ("2", 1)}),
    "a true volume": of_chart({}, volume=True),
    "too many shares": of_chart({}, volume=10**15),
}


class TestAbsurdValues:
    @pytest.mark.parametrize("body", ABSURD.values(), ids=ABSURD)
    def test_it_is_an_outage_of_that_ticker_alone(self, body: bytes, vendors, archive, fetch) -> None:
        vendors.faults.add(kind="body", body=body, path_contains="/chart/AAPL")
        entries = fetch("AAPL", "NA")
        assert (entries["AAPL"]["state"], entries["NA"]["state"]) == ("outage", "published")
        assert entries["AAPL"]["reason"].startswith("chart of AAPL")
        assert read(archive, "AAPL", "NA") == {"NA": (1000.0, 1.0, True, False)}
        assert open_requests.yahoo(Archive(archive.root), DAY, ["AAPL", "NA"]) == ["AAPL"]

    def test_it_is_asked_again_for_five_sessions_then_absent_with_the_reason(self, vendors, archive, fetch) -> None:
        vendors.faults.add(kind="body", body=ABSURD["too large"], path_contains="/chart/AAPL")
        mornings = sessions.between(date(2026, 2, 2), date(2026, 2, 9))  # long after the session
        states = [fetch("AAPL", "NA", now=f"{day}T06:00:00-05:00")["AAPL"] for day in mornings]
        assert [entry["state"] for entry in states] == ["outage"] * 5 + ["absent"]
        assert {entry["absurd_since"] for entry in states} == {"2026-02-02T11:00:00Z"}
        assert "the split on 2025-12-22 has the ratio 10001" in states[-1]["reason"]
        count = len(vendors.requests)
        fetch("AAPL", "NA", now="2026-02-10T06:00:00-05:00")
        assert len(vendors.requests) == count

    def test_an_outage_is_none_of_them_and_starts_no_new_count(self, vendors, archive, fetch) -> None:
        mornings = sessions.between(date(2026, 2, 2), date(2026, 2, 13))
        down = {"kind": "status", "status": 503}
        states = []
        for day in mornings:
            is_absurd = day in (mornings[0], mornings[-1])
            vendors.faults.clear()
            vendors.faults.add(
                path_contains="/chart/AAPL", **({"kind": "body", "body": ABSURD["zero"]} if is_absurd else down)
            )
            states.append(fetch("AAPL", now=f"{day}T06:00:00-05:00")["AAPL"]["state"])
        assert states == ["outage"] * 9 + ["absent"]

    def test_a_sound_answer_heals_it(self, vendors, archive, fetch) -> None:
        vendors.faults.add(kind="body", body=ABSURD["true"], path_contains="/chart/AAPL")
        fetch("AAPL")
        vendors.faults.clear()
        entry = fetch("AAPL", now=NEXT)["AAPL"]
        assert (entry["state"], entry.get("absurd_since")) == ("published", None)


class TestDaysOfBars:
    def test_a_bar_on_no_session_is_dropped_and_told(self, vendors, archive, fetch, capfd) -> None:
        sunday = date(2025, 12, 21)
        vendors.faults.add(kind="body", body=of_chart({}, day=sunday), path_contains="/chart/AAPL")
        entry = fetch("AAPL")["AAPL"]
        assert (entry["state"], entry["rows"]) == ("published", 3)
        assert entry["reason"] == "left out, for it is no session: the bar of 2025-12-21"
        assert "yahoo: AAPL: left out, for it is no session: the bar of 2025-12-21" in capfd.readouterr().err
        assert pl.read_parquet(archive.path(layout.yahoo_daily(DAY)))["date"].to_list() == WINDOW


class TestLosses:
    def test_a_lost_answer_is_due_and_comes_back(self, vendors, archive, fetch) -> None:
        fetch()
        archive.path(layout.yahoo_daily(DAY)).unlink()
        assert open_requests.yahoo(Archive(archive.root), DAY, ["AAPL", "TpC"]) == ["AAPL", "TpC"]
        fetch()
        assert read(archive)["AAPL"] == (1000.0, 1.0, True, False)
        assert open_requests.yahoo(Archive(archive.root), DAY, ["AAPL", "TpC"]) == []

    @pytest.mark.parametrize("content", [None, b"", b"PAR1 and no end"])
    def test_volumes_whose_splits_are_lost_are_asked_for_again(
        self, content: bytes | None, vendors, archive, fetch
    ) -> None:
        vendors.yahoo.split("AAPL", "2025-12-23", 2)
        fetch()
        splits = archive.path(layout.yahoo_splits(DAY))
        splits.unlink() if content is None else splits.write_bytes(content)
        assert read(archive) == {}
        assert open_requests.yahoo(Archive(archive.root), DAY, ["AAPL", "TpC"]) == ["AAPL", "TpC"]
        fetch(now=NEXT)
        asides = [path.read_bytes() for path in archive.path("rejected/yahoo/splits").glob("*.parquet")]
        assert asides == ([] if content is None else [content])
        assert {ticker: told[:2] for ticker, told in read(archive).items()} == {
            "AAPL": (500.0, 2.0),
            "TpC": (1000.0, 1.0),
        }
        assert open_requests.yahoo(Archive(archive.root), DAY, ["AAPL", "TpC"]) == []

    @pytest.mark.parametrize("content", [b"", b"<html>"])
    def test_a_damaged_copy_without_a_receipt_is_asked_for_and_left(
        self, content: bytes, vendors, archive, fetch
    ) -> None:
        path = archive.keep(layout.yahoo_daily(DAY), content, sessions.closes(DAY))
        entries = fetch()
        assert {entry["state"] for entry in entries.values()} == {"published"}
        assert path.read_bytes() == content
        assert read(archive)["AAPL"][:2] == (1000.0, 1.0)

    def test_an_answer_copied_in_is_used_and_its_moment_unknown(self, vendors, archive, fetch) -> None:
        fetch()
        archive.receipt_path("yahoo", DAY).unlink()
        count = len(asked(vendors))
        entries = fetch()
        assert asked(vendors)[count:] == []
        assert (entries["AAPL"]["state"], entries["AAPL"]["retrieved_at"]) == ("published", None)
        assert read(archive)["AAPL"] == (1000.0, 1.0, None, False)

    @pytest.mark.parametrize("writes", [0, 1])
    def test_a_full_disk_leaves_no_volumes_without_splits(
        self, writes: int, vendors, archive, fetch, full_disk
    ) -> None:
        vendors.yahoo.split("AAPL", "2025-12-23", 2)
        with full_disk(writes):
            fetch()
        assert not [name for name in kept(archive) if name.startswith("daily")]
        fetch()
        assert read(archive) == {"AAPL": (500.0, 2.0, True, False), "TpC": (1000.0, 1.0, True, False)}


def test_another_scans_tickers_stay_in_the_receipt(vendors, fetch) -> None:
    fetch("AAPL")
    assert set(fetch("NA")) == {"AAPL", "NA"}


class TestSeveralSessions:
    FRIDAY = WINDOW[-2]

    def requests(self, *tickers: str) -> dict[date, bars_fetch.Request]:
        return {day: bars_fetch.Request(sessions.window(day, 1), tickers) for day in (self.FRIDAY, DAY)}

    def test_yahoo_is_asked_once_per_ticker_and_each_session_gets_its_own_window(self, vendors, archive) -> None:
        vendors.yahoo.split("AAPL", self.FRIDAY, 2)
        receipts = bars_fetch.fetch(archive, self.requests("AAPL", "NA"))
        assert asked(vendors) == ["AAPL", "NA"]
        assert {receipt["state"] for receipt in receipts.values()} == {"published"}
        for day, expected in ((self.FRIDAY, sessions.window(self.FRIDAY, 1)), (DAY, sessions.window(DAY, 1))):
            table = pl.read_parquet(archive.path(layout.yahoo_daily(day)))
            assert sorted(set(table["date"])) == expected
        assert pl.read_parquet(archive.path(layout.yahoo_splits(self.FRIDAY))).height == 1
        assert pl.read_parquet(archive.path(layout.yahoo_splits(DAY))).height == 0

    def test_a_bar_missing_on_one_session_is_missing_there_alone(self, vendors, archive) -> None:
        vendors.yahoo.bars("NA", {self.FRIDAY: None})
        receipts = bars_fetch.fetch(archive, self.requests("AAPL", "NA"))
        assert receipts[self.FRIDAY]["tickers"]["NA"]["state"] == "absent"
        assert receipts[DAY]["tickers"]["NA"]["state"] == "published"

    def test_a_session_that_is_complete_is_left_alone(self, vendors, archive) -> None:
        requests = self.requests("AAPL")
        first = bars_fetch.fetch(archive, {self.FRIDAY: requests[self.FRIDAY]})[self.FRIDAY]
        archive.write_receipt("yahoo", self.FRIDAY, first)
        before = kept(archive)
        receipts = bars_fetch.fetch(Archive(archive.root), requests)
        assert receipts[self.FRIDAY] == first
        assert {name: kept(archive)[name] for name in before} == before
        assert kept(archive).keys() - before.keys() == {"daily/2025-12-22.parquet", "splits/2025-12-22.parquet"}

    def test_a_vendor_that_is_down_fails_every_session(self, vendors, archive) -> None:
        vendors.faults.add(kind="status", status=500, host="yahoo.com", path_contains="/chart/")
        receipts = bars_fetch.fetch(archive, self.requests("AAPL", "NA"))
        assert {receipt["state"] for receipt in receipts.values()} == {"outage"}
