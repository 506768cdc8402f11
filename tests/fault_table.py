"""Every source, every failure, and the state that each must have: one table for the fetch functions and the command.

The states are written by hand, from what each vendor's refusals mean. Friday's morning is in the archive already; what
fails is the answer of DAY, the Monday after.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import canaries
from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.market import sessions
from darkpool.measures import lit
from darkpool.vendors.finra import daily_fetch, off_exchange, otc_weekly, weekly_fetch
from darkpool.vendors.polygon import grouped, grouped_fetch, tick_fetch
from darkpool.vendors.yahoo import bars_fetch, consolidated
from standin import Vendors, nanoseconds, regsho_file, weekly_rows

FRIDAY, DAY = date(2025, 12, 19), date(2025, 12, 22)
BACK = 2
"""Sessions before its own that a session's history needs."""
FRIDAYS_MORNING, MORNING = "2025-12-20T06:00:00-05:00", "2025-12-23T06:00:00-05:00"

PUBLISHED = sessions.window(DAY, BACK + 1)
"""Sessions of which the daily vendors have an answer."""

Numbers = dict[Any, Any]


class Source:
    """A vendor's source: how it is asked, and what an independent reader then finds in the archive for DAY."""

    name: str
    host: str
    path: str | None = None
    good: ClassVar[Any]

    @property
    def receipt_name(self) -> str:
        """Under which receipts the archive keeps it."""
        return {"polygon bars": "polygon", "finra_token": "finra_weekly"}.get(self.name, self.name)

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
        for day in PUBLISHED:
            vendors.finra.publish(day, self.rows)

    def ask(self, archive, session):
        return daily_fetch.fetch(archive, session, sessions.window(session, BACK), ["CNMS"])

    def state(self, receipt):
        entry = receipt["files"][layout.regsho_name("CNMS", DAY)]
        assert entry["state"] == receipt["state"]
        return entry["state"]

    def numbers(self, archive):
        frame = off_exchange.read_session(archive, DAY, ["CNMS"]).frame
        return {} if frame is None else dict(frame.select("symbol", "trf_volume").iter_rows())

    def files(self, archive):
        return archive.answers(layout.regsho("CNMS", DAY))

    def bodies(self):
        def row(*values: Any) -> bytes:
            """Every row spoilt: of a few, the others would be used."""
            return regsho_file(DAY, dict.fromkeys(self.rows, (*values, "B,Q,N")))

        twice = b"\r\n20251222|NA|0|0|9|N\r\n20251222|AAPL|0|0|9|N\r\n4\r\n"
        return {
            "wrong date": regsho_file(FRIDAY, self.rows),
            "wrong schema": regsho_file(DAY, self.rows).replace(b"TotalVolume", b"Volume"),
            "duplicate": regsho_file(DAY, self.rows).replace(b"\r\n2\r\n", twice),
            "negative": row(0, 0, -300),
            "nan": row(0, 0, "nan"),
            "infinite": row(0, 0, "inf"),
            "1e300": row(0, 0, "1e300"),
            "huge": row(0, 0, "9" * 40),
            "inconsistent": row(301, 0, 300),
            "many odd rows": regsho_file(DAY, {**self.rows, **{f"Z{i}": (2, 0, 1, "Q") for i in range(11)}}),
        }


class Yahoo(Source):
    name, host, path = "yahoo", "yahoo.com", "/chart/"
    bar = (10.0, 12.0, 9.0, 11.0)
    good: ClassVar[Any] = {"AAPL": 500.0}

    def publish(self, vendors):
        vendors.yahoo.bars("AAPL", dict.fromkeys(PUBLISHED, (*self.bar, 1000)))
        vendors.yahoo.split("AAPL", "2025-12-23", 2)

    def ask(self, archive, session):
        request = bars_fetch.Request(sessions.window(session, BACK), ["AAPL"])
        return bars_fetch.fetch(archive, {session: request})[session]

    def state(self, receipt):
        entry = receipt["tickers"]["AAPL"]
        assert entry["state"] == receipt["state"]
        return entry["state"]

    def numbers(self, archive):
        found = consolidated.read(archive, DAY, {"AAPL": "AAPL"}, [FRIDAY, DAY]).bars.filter(pl.col("date") == DAY)
        return dict(found.select("ticker", "regular_volume").iter_rows())

    def files(self, archive):
        return archive.answers(layout.yahoo_daily(DAY))

    def chart(self, days=(FRIDAY, DAY), volumes=("1000", "1000"), **more: Any) -> bytes:
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
            "another symbol": self.chart().replace(b'"symbol": "AAPL"', b'"symbol": "AAPL.BA"'),
            "no symbol": self.chart().replace(b'"symbol": "AAPL", ', b""),
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
        vendors.polygon.pages = 2
        vendors.polygon.trades("AAPL", DAY, self.trades())

    def ask(self, archive, session):
        return tick_fetch.fetch(archive, session, ["AAPL"], source=self.source, calls_per_minute=0, workers=1)

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

    def page(self, *rows: dict[str, Any]) -> bytes:
        told = {"status": "OK", "ticker": "AAPL", "adjusted": False, "results": list(rows)}
        return json.dumps(told).encode()

    def bar(self, clock: str, **more: Any) -> dict[str, Any]:
        start = nanoseconds(DAY, clock) // 10**6
        return {"t": start, "o": 10.0, "h": 12.0, "l": 9.0, "c": 11.0, "v": 1000, **more}

    def bodies(self):
        one, two = self.bar("09:30"), self.bar("09:31", v=2000)
        return {
            "wrong date": self.page({**one, "t": one["t"] - 3 * 86_400_000}),
            "wrong schema": self.page({"ticker": "AAPL"}),
            "duplicate": self.page(one, two, two),
            "two bars": self.page(one, two, {**two, "v": 2001}),
            "another symbol": self.page(one, two).replace(b'"AAPL"', b'"AAPL.W"'),
            "no symbol": self.page(one, two).replace(b'"ticker": "AAPL", ', b""),
            "adjusted": self.page(one, two).replace(b'"adjusted": false', b'"adjusted": true'),
            "nan": self.page(one, {**two, "v": float("nan")}),
            "infinite": self.page(one, {**two, "v": float("inf")}),
            "1e300": self.page(one, {**two, "v": 1e300}),
            "huge": self.page(one, {**two, "v": int("9" * 40)}),
            "inconsistent": self.page(one, {**two, "v": "a thousand"}),
        }


class Grouped(Source):
    name, host = "polygon_grouped", "api.polygon.io"
    good: ClassVar[Any] = {"AAPL": 11.0, "NA": 5.5}

    def publish(self, vendors):
        vendors.polygon.grouped(DAY, {"AAPL": (10.0, 12.0, 9.0, 11.0, 1000), "NA": (5.0, 6.0, 4.5, 5.5, 200)})

    def ask(self, archive, session):
        return grouped_fetch.fetch(archive, session, 0)

    def state(self, receipt):
        [entry] = receipt["files"].values()
        assert entry["state"] == receipt["state"]
        return entry["state"]

    def numbers(self, archive):
        newest = archive.newest(layout.polygon_grouped(DAY))
        return {} if newest is None else dict(grouped.prices(newest, DAY).select("symbol", "close").iter_rows())

    def files(self, archive):
        return archive.answers(layout.polygon_grouped(DAY))

    def page(self, *rows: dict[str, Any], **head: Any) -> bytes:
        told = {"status": "OK", "adjusted": False, "queryCount": len(rows), "resultsCount": len(rows), **head}
        return json.dumps({**told, "results": list(rows)}).encode()

    def rows(self, **more: Any) -> list[dict[str, Any]]:
        """Every row spoilt by `more`: of a few, the others would be used."""
        end = nanoseconds(DAY, "16:00") // 10**6
        bars = {"AAPL": (10.0, 12.0, 9.0, 11.0, 1000), "NA": (5.0, 6.0, 4.5, 5.5, 200)}
        return [{"T": name, **dict(zip("ohlcv", bar, strict=True)), "t": end, **more} for name, bar in bars.items()]

    def bodies(self):
        rows = self.rows()
        return {
            "wrong date": self.page(*self.rows(t=rows[0]["t"] - 3 * 86_400_000)),
            "wrong schema": self.page({"ticker": "AAPL"}),
            "duplicate": self.page(*rows, rows[0]),
            "two bars": self.page(rows[0], {**rows[0], "c": 11.01}),
            "adjusted": self.page(*rows, adjusted=True),
            "negative": self.page(*self.rows(v=-1)),
            "nan": self.page(*self.rows(c=float("nan"))),
            "infinite": self.page(*self.rows(o=float("inf"))),
            "1e300": self.page(*self.rows(c=1e300)),
            "huge": self.page(*self.rows(v=int("9" * 40))),
            "inconsistent": self.page(*rows, resultsCount=3, queryCount=3),
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
        return weekly_fetch.fetch(archive, session, ["AAPL"], 1, auth=self.auth)

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


SOURCES = {source.name: source for source in (Regsho(), Yahoo(), Ticks(), Bars(), Grouped(), Weeks(), Token())}

# What the receipt says after a failure for once, and after one for good. Passing troubles are asked again within the
# run; a refusal and a wrong body are not.
PASSES = ("published", "outage")
STAYS = ("outage", "outage")
DAMAGED = ("damaged", "damaged")
NOWHERE = {
    "half an address": "https://[",
    "no port": "https://example.com:port/",
    "a port too high": "https://example.com:99999/",
    "NUL": "https://exa\0mple.com/",
}
"""Addresses that a broken server or a hotel's gate may lead to."""
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
    "nested": STAYS,
    **{f"led to {name}": STAYS for name in NOWHERE},
}
BODIES = ("wrong date", "wrong schema", "duplicate", "negative", "nan", "infinite", "1e300", "huge", "inconsistent")
ONCE = ("published", "published")
EXPECTED: dict[str, dict[str, tuple[str, str]]] = {
    "finra": {
        **COMMON,
        **dict.fromkeys(BODIES, DAMAGED),
        "wrong schema": STAYS,
        "many odd rows": DAMAGED,
        "not there": ("not_yet", "not_yet"),
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
        "duplicate": ONCE,
        "another symbol": PASSES,
        "no symbol": PASSES,
    },
    # Rows that are identical in every field count once; two different bars of one minute are refused.
    "polygon": {**COMMON, **{body: STAYS for body in BODIES if body != "negative"}, "duplicate": ONCE},
    "polygon bars": {
        **COMMON,
        **{body: STAYS for body in BODIES if body != "negative"},
        "duplicate": ONCE,
        **dict.fromkeys(("two bars", "another symbol", "no symbol", "adjusted"), STAYS),
    },
    # The rows of a market that are sound are used; here none is.
    "polygon_grouped": {
        **COMMON,
        **dict.fromkeys((*BODIES, "two bars"), DAMAGED),
        **dict.fromkeys(("wrong date", "adjusted"), STAYS),
        "duplicate": ONCE,
        "inconsistent": ("truncated", "truncated"),
    },
    "finra_weekly": {
        **COMMON,
        **dict.fromkeys(BODIES, STAYS),
        "duplicate": ("truncated", "truncated"),
        "endless": ("published", "truncated"),
    },
    "finra_token": {**COMMON, "wrong schema": STAYS, "inconsistent": STAYS, "nan": STAYS},
}
FAULTS: dict[str, dict[str, Any]] = {
    "proxy refuses": {"kind": "refuse"},
    "certificate": {"kind": "tls"},
    "slow": {"kind": "slow", "seconds": 30},
    "cut": {"kind": "cut"},
    "dropped": {"kind": "drop"},
    **{f"status {code}": {"kind": "status", "status": code} for code in (401, 403, 404, 500, 503, 429)},
    "not there": {"kind": "missing"},
    **{f"led to {name}": {"kind": "redirect", "headers": {"Location": address}} for name, address in NOWHERE.items()},
    "nested": {"kind": "body", "body": b"[" * 100_000},
    "empty": {"kind": "empty"},
    "html": {"kind": "html"},
    "no json": {"kind": "body", "body": b'{"status": "OK", "results": [{"t": 1'},
}

LOCAL = ("disk full", "read-only", "file damaged", "file emptied", "file altered", "row added")
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


def fault(source: Source, failure: str) -> dict[str, Any]:
    """What the stand-ins are told, to fail in that way."""
    told = FAULTS.get(failure) or {"kind": "body", "body": source.bodies()[failure]}
    if failure in BODIES and source.name == "finra_weekly":
        told = {**told, "headers": {"Record-Total": str(len(json.loads(told["body"])))}}
    # A client keeps its tunnel: what strikes at the door strikes before it is open.
    door = told["kind"] in ("refuse", "tls")
    return {**told, "host": source.host, "path_contains": None if door else source.path}


def keep_friday(vendors: Vendors, archive: Archive) -> None:
    """Friday's morning: every source that a session waits for or looks back to is in the archive."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (variables(vendors) | {"DARKPOOL_NOW": FRIDAYS_MORNING}).items():
            patch.setenv(name, value)
        for source in SOURCES.values():
            source.publish(vendors)
        vendors.polygon.trades("AAPL", FRIDAY, [])
        for name in ("finra", "yahoo", "finra_weekly"):
            SOURCES[name].fetch(archive, FRIDAY)


def variables(vendors: Vendors) -> dict[str, str]:
    quick = {"DARKPOOL_BACKOFF": "0", "DARKPOOL_FINRA_PAUSE": "0", "DARKPOOL_YAHOO_PAUSE": "0"}
    return {**vendors.variables, **quick, **canaries.KEYS, "DARKPOOL_NOW": MORNING}


def snapshot(archive: Archive) -> dict[str, bytes]:
    return {archive.relative(path): path.read_bytes() for path in archive.root.rglob("*") if path.is_file()}


def nothing_lost(archive: Archive, before: dict[str, bytes], source: Source) -> None:
    """Every file of `before` is there as it was, a damaged one under `rejected/`.

    Written anew are receipts of the source alone, and Yahoo's, which names the universe.
    """
    anew = (f"receipts/{source.receipt_name}/", "receipts/yahoo/")
    kept = {name: content for name, content in before.items() if not name.startswith(anew)}
    after = snapshot(archive)
    aside = [content for name, content in after.items() if name.startswith("rejected/")]
    assert {name for name in kept if after.get(name) != kept[name] and kept[name] not in aside} == set()


def damage(path: Path, failure: str) -> None:
    """Do to a file on disk what `failure` says; altered, and with a row more, it is a file that anybody can read."""
    content = path.read_bytes()
    if failure == "file emptied":
        path.write_bytes(b"")
    elif failure == "file damaged":
        path.write_bytes(content[:-7])
    elif path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            table = file.read()
        rows = table.slice(0, 1)
        if failure == "file altered":
            name = next(name for name in ("volume", "size", "v", "ratio") if name in table.column_names)
            doubled = pa.array([2 * value for value in table[name].to_pylist()], table[name].type)
            table = table.set_column(table.column_names.index(name), name, doubled)
        pq.write_table(pa.concat_tables([table, rows]) if failure == "row added" else table, path)
    elif path.suffix == ".json":
        rows = json.loads(content)
        rows[0]["totalWeeklyShareQuantity"] *= 2
        path.write_text(json.dumps(rows if failure == "file altered" else [*rows, {**rows[0], "summaryTypeCode": "X"}]))
    elif failure == "file altered":
        path.write_bytes(content.replace(b"|300|", b"|301|"))
    else:
        path.write_bytes(content.replace(b"\r\n2\r\n", f"\r\n{DAY:%Y%m%d}|ZZZ|0|0|9|N\r\n3\r\n".encode()))
    assert path.read_bytes() != content


def no_leftovers(archive: Archive) -> None:
    """No part of a file; locks, and what a run remembers of a vendor that is down, are no parts."""
    assert not [path for path in archive.root.rglob(".*") if path.name not in (".lock", ".given_up")]
