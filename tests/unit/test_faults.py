"""Every source x every failure x for once or for good: never a wrong number, never a lost file, and it heals.

The tables of states are written by hand, from what each vendor's refusals mean. A case runs the fetch function itself
against the stand-ins: the morning before is in the archive already, today's answer fails, and the next run finds the
vendor well.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pytest

import canaries
from darkpool import (
    consolidated,
    credentials,
    daily_bars,
    finra,
    layout,
    lit,
    otc_weekly,
    polygon,
    regsho,
    sessions,
    ticks_archive,
    web,
    weekly_archive,
    yahoo,
)
from darkpool.archive import Archive, write_atomic
from standin import Vendors, nanoseconds, regsho_file, weekly_rows

FRIDAY, DAY = date(2025, 12, 19), date(2025, 12, 22)
WINDOW = sessions.window(DAY, 1)
FRIDAYS_MORNING, MORNING = "2025-12-20T06:00:00-05:00", "2025-12-23T06:00:00-05:00"
DEAD = "http://127.0.0.1:9"
NO_SUCH_NAME = f"http://{'a' * 64}.invalid:3128"
"""A label of 64 letters is no name: it is refused without asking anybody."""
KEY = "canary-key"
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")

Numbers = dict[Any, Any]


class Source:
    """A vendor's source: how it is asked, and what an independent reader then finds in the archive for DAY."""

    name: str
    host: str
    path: str | None = None
    good: ClassVar[Any]

    def publish(self, vendors: Vendors) -> None:
        raise NotImplementedError

    def ask(self, archive: Archive, session: date) -> dict[str, Any]:
        raise NotImplementedError

    def state(self, receipt: dict[str, Any]) -> str:
        raise NotImplementedError

    def numbers(self, archive: Archive) -> Numbers:
        raise NotImplementedError

    def bodies(self) -> dict[str, bytes]:
        """What comes with status 200 and is wrong, by failure."""
        raise NotImplementedError

    def files(self, archive: Archive) -> list[Path]:
        """Today's files, for damage on disk."""
        raise NotImplementedError

    def fetch(self, archive: Archive, session: date = DAY) -> dict[str, Any]:
        """What the rule does: ask, and write the receipt."""
        receipt = self.ask(Archive(archive.root), session)
        archive.write_receipt(receipt["source"], session, receipt)
        return receipt


class Regsho(Source):
    name, host = "finra", "cdn.finra.org"
    rows: ClassVar[Any] = {"AAPL": (10, 1, 300, "B,Q,N"), "NA": (1.5, 0, 2.25, "N")}
    good: ClassVar[Any] = {"AAPL": 300.0, "NA": 2.25}

    def publish(self, vendors):
        for day in (*WINDOW, sessions.previous(FRIDAY)):
            vendors.finra.publish(day, self.rows)

    def ask(self, archive, session):
        return finra.fetch(archive, session, sessions.window(session, 0), ["CNMS"])

    def state(self, receipt):
        (entry,) = receipt["files"].values()
        assert entry["state"] == receipt["state"]
        return entry["state"]

    def numbers(self, archive):
        frame, _ = regsho.read_session(archive, DAY, ["CNMS"])
        return {} if frame is None else dict(frame.select("symbol", "trf_volume").iter_rows())

    def files(self, archive):
        return archive.answers(layout.regsho("CNMS", DAY))

    def bodies(self):
        def row(*values: Any) -> bytes:
            return regsho_file(DAY, {**self.rows, "AAPL": (*values, "B,Q,N")})

        twice = regsho_file(DAY, self.rows).replace(b"\r\n2\r\n", b"\r\n20251222|NA|0|0|9|N\r\n3\r\n")
        return {
            "wrong date": regsho_file(FRIDAY, self.rows),
            "wrong schema": regsho_file(DAY, self.rows).replace(b"TotalVolume", b"Volume"),
            "duplicate": twice,
            "negative": row(0, 0, -300),
            "nan": row(0, 0, "nan"),
            "infinite": row(0, 0, "inf"),
            "1e300": row(0, 0, "1e300"),
            "huge": row(0, 0, "9" * 40),
            "inconsistent": row(301, 0, 300),
        }


class Yahoo(Source):
    name, host, path = "yahoo", "yahoo.com", "/chart/"
    bar = (10.0, 12.0, 9.0, 11.0)
    good: ClassVar[Any] = {"AAPL": 500.0}

    def publish(self, vendors):
        vendors.yahoo.bars("AAPL", dict.fromkeys((sessions.previous(FRIDAY), *WINDOW), (*self.bar, 1000)))
        vendors.yahoo.split("AAPL", "2025-12-23", 2)

    def ask(self, archive, session):
        request = daily_bars.Request(sessions.window(session, 1), ["AAPL"])
        return daily_bars.fetch(archive, {session: request})[session]

    def state(self, receipt):
        entry = receipt["tickers"]["AAPL"]
        assert entry["state"] == receipt["state"]
        return entry["state"]

    def numbers(self, archive):
        found = consolidated.read(archive, DAY, {"AAPL": "AAPL"}, WINDOW).bars.filter(pl.col("date") == DAY)
        return dict(found.select("ticker", "regular_volume").iter_rows())

    def files(self, archive):
        return archive.answers(layout.yahoo_daily(DAY))

    def chart(self, days=WINDOW, volumes=("1000", "1000"), **more: Any) -> bytes:
        moments = [nanoseconds(day, "09:30") // 10**9 for day in days]
        quote: dict[str, Any] = {name: [10.0] * len(days) for name in ("open", "high", "low", "close")}
        quote["volume"] = [f"<{volume}>" for volume in volumes[: len(days)]]
        split = nanoseconds("2025-12-23", "09:30") // 10**9
        result = {
            "meta": {"symbol": "AAPL", "exchangeTimezoneName": "America/New_York", "dataGranularity": "1d"},
            "timestamp": moments,
            "events": {"splits": {"1": {"date": split, "numerator": 2.0, "denominator": 1.0}}},
            "indicators": {"quote": [quote]},
            **more,
        }
        text = json.dumps({"chart": {"result": [result], "error": None}})
        return text.replace('"<', "").replace('>"', "").encode()

    def bodies(self):
        return {
            "wrong date": self.chart(days=[sessions.previous(FRIDAY), FRIDAY]),
            "wrong schema": self.chart(indicators={"quotes": []}),
            "duplicate": self.chart(days=[FRIDAY, DAY, DAY], volumes=("1000", "1000", "1000")),
            "negative": self.chart(volumes=("1000", "-1000")),
            "nan": self.chart(volumes=("1000", "NaN")),
            "infinite": self.chart(volumes=("1000", "Infinity")),
            "1e300": self.chart(volumes=("1000", "1e300")),
            "huge": self.chart(volumes=("1000", "9" * 40)),
            "inconsistent": self.chart(volumes=("1000",)),
        }


class Ticks(Source):
    name, host = "polygon", "api.polygon.io"
    source, kind = "trades", "trades"
    good: ClassVar[Any] = {"buy": 300.0}

    def trades(self, **of_the_last: Any) -> list[dict[str, Any]]:
        """Three trades of 100 shares, each at a higher price than the one before but for the first."""
        times = [nanoseconds(DAY, clock) for clock in ("10:00", "10:01", "10:02", "10:03")]
        rows = [
            {"exchange": 11, "id": str(i), "participant_timestamp": t, "sip_timestamp": t + 300, "sequence_number": i,
             "price": 10 + i, "size": 100}
            for i, t in enumerate(times)
        ]  # fmt: skip
        rows[-1] |= of_the_last
        return rows

    def publish(self, vendors):
        vendors.polygon.key = KEY
        vendors.polygon.pages = 2
        vendors.polygon.trades("AAPL", DAY, self.trades())

    def ask(self, archive, session):
        return ticks_archive.fetch(archive, session, ["AAPL"], source=self.source, calls_per_minute=0, workers=1)

    def state(self, receipt):
        entry = receipt["tickers"]["AAPL"][self.kind]
        return entry["state"] if entry else receipt["state"]

    def numbers(self, archive):
        files = layout.tick_files(archive, DAY, "AAPL", self.source)
        if not files:
            return {}
        try:
            flow = lit.classify_symbol(files["polygon/trades"], None, None, sessions.trading_hours(DAY))
        except (OSError, ValueError, pl.exceptions.PolarsError):
            return {}
        return {"buy": flow.lit["lit_buy_volume"]}

    def files(self, archive):
        return archive.answers(layout.ticks(f"polygon/{self.kind}", DAY, "AAPL"))

    def page(self, *rows: dict[str, Any]) -> bytes:
        return json.dumps({"status": "OK", "results": list(rows)}).encode()

    def bodies(self):
        rows = self.trades()
        friday = 3 * 86_400 * 10**9
        return {
            "wrong date": self.page(*({**row, "sip_timestamp": row["sip_timestamp"] - friday} for row in rows)),
            "wrong schema": self.page({"ticker": "AAPL", "volume": 12}),
            "duplicate": self.page(*rows, rows[-1]),
            "nan": self.page(*self.trades(size=float("nan"))),
            "infinite": self.page(*self.trades(size=float("inf"))),
            "1e300": self.page(*self.trades(size=1e300)),
            "huge": self.page(*self.trades(size=int("9" * 40))),
            "inconsistent": self.page(*self.trades(size="a hundred")),
        }


class Bars(Ticks):
    name, source, kind = "polygon bars", "minute_bars", "minute_bars"
    good: ClassVar[Any] = {1000.0, 2000.0}

    def publish(self, vendors):
        vendors.polygon.key = KEY
        vendors.polygon.minute_bars(
            "AAPL", DAY, {"09:30": (10.0, 12.0, 9.0, 11.0, 1000), "09:31": (10.0, 12.0, 9.0, 11.0, 2000)}
        )

    def numbers(self, archive):
        for path in reversed(self.files(archive)):
            try:
                return set(pl.read_parquet(path)["v"])
            except (OSError, pl.exceptions.PolarsError):
                continue
        return {}

    def bar(self, clock: str, **more: Any) -> dict[str, Any]:
        start = nanoseconds(DAY, clock) // 10**6
        return {"t": start, "o": 10.0, "h": 12.0, "l": 9.0, "c": 11.0, "v": 1000, **more}

    def bodies(self):
        one, two = self.bar("09:30"), self.bar("09:31", v=2000)
        return {
            "wrong date": self.page({**one, "t": one["t"] - 3 * 86_400_000}),
            "wrong schema": self.page({"ticker": "AAPL"}),
            "duplicate": self.page(one, two, two),
            "nan": self.page(one, {**two, "v": float("nan")}),
            "infinite": self.page(one, {**two, "v": float("inf")}),
            "1e300": self.page(one, {**two, "v": 1e300}),
            "huge": self.page(one, {**two, "v": int("9" * 40)}),
            "inconsistent": self.page(one, {**two, "v": "a thousand"}),
        }


class Weeks(Source):
    name, host = "finra_weekly", "api.finra.org"
    monday = date(2025, 12, 1)
    good: ClassVar[Any] = {"AAPL": 300.0}
    auth = "none"

    def rows(self, **of_ats: Any) -> list[dict[str, Any]]:
        kinds = ("ATS_W_SMBL", "OTC_W_SMBL")
        rows = weekly_rows(self.monday, "T1", {"AAPL": (100, 200)})
        summary = [row for row in rows if row["summaryTypeCode"] in kinds]
        return [{**row, **(of_ats if row["summaryTypeCode"] == kinds[0] else {})} for row in summary]

    def publish(self, vendors):
        vendors.finra_api.publish(weekly_rows(self.monday, "T1", {"AAPL": (100, 200)}))
        for monday in ("2025-11-17", "2025-11-10", "2025-11-24"):
            for tier, symbol in (("T1", "AAPL"), ("T2", "TQQQ"), ("OTCE", "NSRGY")):
                vendors.finra_api.publish(weekly_rows(monday, tier, {symbol: (1, 2)}))

    def ask(self, archive, session):
        return weekly_archive.fetch(archive, session, ["AAPL"], 1, auth=self.auth)

    def state(self, receipt):
        return receipt["weeks"][str(self.monday)]["T1"]["state"]

    def numbers(self, archive):
        frame = otc_weekly.newest(archive, DAY, ["AAPL"], 1).frame.filter(pl.col("week_start_date") == self.monday)
        return dict(frame.select("ticker", "off_exchange_volume").iter_rows())

    def files(self, archive):
        return archive.answers(layout.otc_weekly(self.monday))

    def bodies(self):
        def page(rows: Any) -> bytes:
            return json.dumps(rows).encode()

        return {
            "wrong date": page(weekly_rows("2019-12-02", "T1", {"AAPL": (7, 8)})),
            "wrong schema": page({"rows": self.rows()}),
            "duplicate": page([*self.rows(), self.rows()[0]]),
            "negative": page(self.rows(totalWeeklyShareQuantity=-100)),
            "nan": page(self.rows(totalWeeklyShareQuantity=float("nan"))),
            "infinite": page(self.rows(totalWeeklyShareQuantity=float("inf"))),
            "1e300": page(self.rows(totalWeeklyShareQuantity=1e300)),
            "huge": page(self.rows(totalWeeklyShareQuantity=int("9" * 40))),
            "inconsistent": page(self.rows(totalWeeklyShareQuantity="a hundred")),
            "endless": page(self.rows()),
        }


class Token(Weeks):
    name, host = "finra_token", "ews.fip.finra.org"
    auth = "oauth"

    def bodies(self):
        return {"wrong schema": b'{"token": "x"}', "inconsistent": b'{"access_token": 7}', "nan": b"NaN"}


SOURCES = {source.name: source for source in (Regsho(), Yahoo(), Ticks(), Bars(), Weeks(), Token())}

# What the receipt says after a failure for once, and after one for good. Passing troubles are asked again within the
# run; a refusal and a wrong body are not.
PASSES = ("published", "outage")
STAYS = ("outage", "outage")
COMMON = {
    "no such name": PASSES,
    "no connection": PASSES,
    "proxy refuses": PASSES,
    "certificate": STAYS,
    "slow": PASSES,
    "cut": PASSES,
    "dropped": PASSES,
    "status 500": PASSES,
    "status 503": PASSES,
    "status 429": PASSES,
    "status 401": ("blocked", "blocked"),
    "status 403": ("blocked", "blocked"),
    "status 404": STAYS,
    "empty": STAYS,
    "html": STAYS,
    "no json": STAYS,
}
BODIES = ("wrong date", "wrong schema", "duplicate", "negative", "nan", "infinite", "1e300", "huge", "inconsistent")
EXPECTED: dict[str, dict[str, tuple[str, str]]] = {
    "finra": {
        **COMMON,
        **dict.fromkeys(BODIES, STAYS),
        "status 404": ("not_yet", "not_yet"),
        "empty": ("truncated", "truncated"),
    },
    # Yahoo is asked in rounds, whatever failed; a bar that is unknown is not there yet, and a day told twice is its
    # live row beside it.
    "yahoo": {
        **dict.fromkeys(COMMON, PASSES),
        **dict.fromkeys(BODIES, PASSES),
        "status 403": ("published", "blocked"),
        "wrong date": ("not_yet", "not_yet"),
        "negative": ("not_yet", "not_yet"),
        "nan": ("not_yet", "not_yet"),
        "infinite": ("not_yet", "not_yet"),
        "duplicate": ("published", "published"),
    },
    "polygon": {**COMMON, **{body: STAYS for body in BODIES if body != "negative"}},
    "polygon bars": {**COMMON, **{body: STAYS for body in BODIES if body != "negative"}},
    "finra_weekly": {
        **COMMON,
        **dict.fromkeys(BODIES, STAYS),
        "duplicate": ("truncated", "truncated"),
        "endless": ("published", "truncated"),
    },
    "finra_token": {**COMMON, "wrong schema": STAYS, "inconsistent": STAYS, "nan": STAYS},
}
LOCAL = ("disk full", "read-only", "file damaged", "file emptied")
TIMES = {"once": 1, "always": None}

CASES = [
    pytest.param(source, failure, times, states[number], id=f"{source}-{failure}-{times}")
    for source, table in EXPECTED.items()
    for failure, states in table.items()
    for number, times in enumerate(TIMES)
]
LOCAL_CASES = [
    pytest.param(source, failure, times, id=f"{source}-{failure}-{times}")
    for source in EXPECTED
    for failure in LOCAL
    for times in TIMES
]


def test_the_table_is_as_large_as_it_was_promised() -> None:
    assert len(CASES) + len(LOCAL_CASES) >= 200


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[tuple[Vendors, Path]]:
    """The vendors, and an archive in which Friday is complete."""
    folder = tmp_path_factory.mktemp("world")
    with Vendors(folder / "vendors") as vendors, pytest.MonkeyPatch.context() as patch:
        for name, value in variables(vendors).items():
            patch.setenv(name, value)
        patch.setenv("DARKPOOL_NOW", FRIDAYS_MORNING)
        archive = Archive(folder / "archive")
        for source in SOURCES.values():
            source.publish(vendors)
        vendors.polygon.trades("AAPL", FRIDAY, [])
        for source in ("finra", "yahoo", "finra_weekly"):
            SOURCES[source].fetch(archive, FRIDAY)
        yield vendors, archive.root


def variables(vendors: Vendors) -> dict[str, str]:
    quick = {"DARKPOOL_BACKOFF": "0", "DARKPOOL_FINRA_PAUSE": "0", "DARKPOOL_YAHOO_PAUSE": "0"}
    keys = {"POLYGON_API_KEY": KEY, **canaries.CREDENTIALS}
    return {**vendors.variables, **quick, **keys, "DARKPOOL_NOW": MORNING}


@dataclass
class Case:
    source: Source
    vendors: Vendors
    archive: Archive
    before: dict[str, bytes]

    def nothing_lost(self) -> None:
        after = snapshot(self.archive)
        own = f"receipts/{self.receipt_source}/{DAY}.json"
        assert {name: after.get(name) for name in self.before if name != own} == {
            name: content for name, content in self.before.items() if name != own
        }

    @property
    def receipt_source(self) -> str:
        return {"polygon bars": "polygon", "finra_token": "finra_weekly"}.get(self.source.name, self.source.name)

    def no_leftovers(self) -> None:
        hidden = [path for path in self.archive.root.rglob(".*") if path.name != ".lock"]
        assert hidden == []

    def heals(self) -> None:
        """The vendor is well: one more run has the right numbers, and the one after it asks nobody."""
        self.vendors.faults.clear()
        receipt = self.source.fetch(self.archive)
        assert self.source.state(receipt) == "published"
        assert self.source.numbers(Archive(self.archive.root)) == self.source.good
        self.nothing_lost()
        self.no_leftovers()
        asked = len(self.vendors.requests)
        assert self.source.fetch(self.archive) == receipt
        assert len(self.vendors.requests) == asked


def snapshot(archive: Archive) -> dict[str, bytes]:
    return {archive.relative(path): path.read_bytes() for path in archive.root.rglob("*") if path.is_file()}


@pytest.fixture
def case(world, tmp_path, monkeypatch) -> Iterator[Callable[[str], Case]]:
    vendors, root = world
    vendors.reset()
    for name in (*credentials.POLYGON, ticks_archive.WORKERS):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables(vendors).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(credentials, "FILE", tmp_path / ".env")

    def of(name: str) -> Case:
        source = SOURCES[name]
        shutil.copytree(root, tmp_path / "archive")
        source.publish(vendors)
        archive = Archive(tmp_path / "archive")
        return Case(source, vendors, archive, snapshot(archive))

    yield of
    assert not vendors.unexpected


def break_route(patch: pytest.MonkeyPatch, proxy: str, times: int | None) -> None:
    """Lead the first `times` attempts to a proxy that is not there; None leads all of them."""
    left = [times]

    def led_astray(attempt: Callable[..., Any]) -> Callable[..., Any]:
        def attempted(*given: Any) -> Any:
            if left[0] == 0:
                return attempt(*given)
            left[0] = left[0] and left[0] - 1
            with pytest.MonkeyPatch.context() as route:
                for name in PROXIES:
                    route.setenv(name, proxy)
                if proxy == NO_SUCH_NAME:
                    # requests asks Python to encode the name, and that fails in another way.
                    route.setattr(socket, "getaddrinfo", no_such_name)
                    for name in PROXIES:
                        route.setenv(name, proxy if attempt.__qualname__.startswith("_Run") else DEAD)
                return attempt(*given)

        return attempted

    patch.setattr(web.Client, "_once", led_astray(web.Client._once))
    patch.setattr(yahoo._Run, "ask", led_astray(yahoo._Run.ask))


def no_such_name(*_: Any, **__: Any) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


FAULTS: dict[str, dict[str, Any]] = {
    "proxy refuses": {"kind": "refuse"},
    "certificate": {"kind": "tls"},
    "slow": {"kind": "slow", "seconds": 30},
    "cut": {"kind": "cut"},
    "dropped": {"kind": "drop"},
    **{f"status {code}": {"kind": "status", "status": code} for code in (401, 403, 404, 500, 503, 429)},
    "empty": {"kind": "empty"},
    "html": {"kind": "html"},
    "no json": {"kind": "body", "body": b'{"status": "OK", "results": [{"t": 1'},
}


def break_vendor(case: Case, failure: str, times: int | None, patch: pytest.MonkeyPatch) -> None:
    if failure in ("no such name", "no connection"):
        break_route(patch, NO_SUCH_NAME if failure == "no such name" else DEAD, times)
        return
    fault = FAULTS.get(failure) or {"kind": "body", "body": case.source.bodies()[failure]}
    if failure in BODIES and case.source.name == "finra_weekly":
        rows = json.loads(fault["body"])
        fault["headers"] = {"Record-Total": str(len(rows))}
    if failure == "slow":
        patch.setitem(web.Client.__init__.__kwdefaults__, "timeout", (5.0, 0.5))
        patch.setitem(web.Client.__init__.__kwdefaults__, "attempts", 2)
        patch.setattr(polygon, "ATTEMPTS", 2)
        patch.setattr(yahoo, "TIMEOUT", 0.5)
        patch.setattr(yahoo, "ROUNDS", 2)
    door = fault["kind"] in ("refuse", "tls")
    # A client keeps its tunnel: what strikes at the door strikes before it is open.
    case.vendors.faults.add(
        host=case.source.host, path_contains=None if door else case.source.path, times=times, **fault
    )


@pytest.mark.parametrize(("name", "failure", "times", "state"), CASES)
def test_a_failure_has_its_state_loses_nothing_and_heals(name, failure, times, state, case, monkeypatch) -> None:
    of = case(name)
    with monkeypatch.context() as patch:
        break_vendor(of, failure, TIMES[times], patch)
        receipt = of.source.fetch(of.archive)
    assert of.source.state(receipt) == state
    numbers = of.source.numbers(Archive(of.archive.root))
    assert numbers == (of.source.good if state == "published" else {})
    of.nothing_lost()
    of.no_leftovers()
    if receipt["source"] == "polygon" and state == "blocked" and "plan" in json.dumps(receipt["tickers"]):
        of.archive.receipt_path("polygon", DAY).unlink()
    of.heals()


@pytest.mark.parametrize(("name", "failure", "times"), LOCAL_CASES)
def test_a_disk_that_fails_loses_nothing_and_heals(name, failure, times, case, monkeypatch) -> None:
    of = case(name)
    if failure.startswith("file"):
        damaged(of, failure, vendor_is_down=times == "always")
    else:
        with monkeypatch.context() as patch:
            break_disk(of, failure, TIMES[times], patch)
            with pytest.raises(OSError, match=r"No space left|Read-only"):
                of.source.fetch(of.archive)
        assert of.source.numbers(Archive(of.archive.root)) in ({}, of.source.good)
        of.nothing_lost()
        of.no_leftovers()
        assert of.archive.receipt(of.receipt_source, DAY) is None
    of.heals()


def damaged(of: Case, failure: str, vendor_is_down: bool) -> None:
    """Today's file is cut on disk: nothing is read from it, and with the vendor down that is said."""
    of.source.fetch(of.archive)
    path = of.source.files(of.archive)[-1]
    path.write_bytes(path.read_bytes()[:-7] if failure == "file damaged" else b"")
    of.before = snapshot(of.archive)
    assert of.source.numbers(Archive(of.archive.root)) == {}
    if vendor_is_down:
        of.vendors.faults.add(kind="status", status=500, host=of.source.host, path_contains=of.source.path)
        assert of.source.state(of.source.fetch(of.archive)) == "outage"
        assert of.source.numbers(Archive(of.archive.root)) == {}
        of.nothing_lost()


def break_disk(of: Case, failure: str, times: int | None, patch: pytest.MonkeyPatch) -> None:
    left = [times]
    code = {"disk full": errno.ENOSPC, "read-only": errno.EROFS}[failure]

    def strikes(path: Any) -> bool:
        if left[0] == 0 or not str(path).startswith(str(of.archive.root)):
            return False
        left[0] = left[0] and left[0] - 1
        return True

    def failing(real: Callable[..., Any], place: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **options: Any) -> Any:
            if strikes(place(*given, **options)):
                raise OSError(code, os.strerror(code))
            return real(*given, **options)

        return call

    if failure == "disk full":
        patch.setattr(os, "replace", failing(os.replace, lambda source, target: target))
    else:
        patch.setattr(tempfile, "mkstemp", failing(tempfile.mkstemp, lambda **options: options.get("dir")))
        patch.setattr(Path, "mkdir", failing(Path.mkdir, lambda path, *_, **__: "" if path.is_dir() else path))


def test_a_write_that_failed_leaves_no_part_of_a_file(tmp_path, monkeypatch) -> None:
    path = tmp_path / "kept"
    write_atomic(path, b"old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(OSError, match="full"):
        write_atomic(path, b"new")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("kept", b"old")]
