"""Per reader: it takes a document or raises its own error, and what it took equals an independent slow reading.

A promise is a function of bytes that raises AssertionError, or whatever the reader should not have raised. It returns
whether the document was taken. `SEEDS` are small made documents that are.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from darkpool import settings
from darkpool.market import sessions
from darkpool.plan import configuration
from darkpool.vendors.failure import Failure
from darkpool.vendors.finra import client as finra
from darkpool.vendors.finra import otc_weekly, regsho, weekly_query
from darkpool.vendors.http import Answer
from darkpool.vendors.polygon import grouped
from darkpool.vendors.polygon import page as polygon
from darkpool.vendors.yahoo import chart as yahoo
from standin import nanoseconds, regsho_file, weekly_rows

PROJECT = Path(__file__).parents[2]
DAY, FRIDAY, MONDAY = date(2025, 12, 22), date(2025, 12, 19), date(2025, 12, 1)
NAME = "CNMSshvol20251222.txt"
NOW = datetime(2025, 12, 23, 11, tzinfo=UTC)
QUERY = weekly_query.Query(MONDAY, "T1")
SUMMARIES = ("ATS_W_SMBL", "OTC_W_SMBL")

Promise = Callable[[bytes], bool]


def regsho_files(data: bytes) -> bool:
    try:
        frame, odd = regsho.parse(data, NAME, DAY)
    except regsho.RegshoError:
        return False
    lines = data.decode("latin-1").replace("\r\n", "\n").rstrip("\n").split("\n")
    assert lines[0] == regsho.HEADER.decode()
    assert int(lines[-1]) in (len(lines) - 2, len(list(filter(None, lines))) - 2)
    assert len(odd) <= regsho.MOST_ODD
    refused = {int(re.match(r"line (\d+): ", row.what)[1]) for row in odd}  # type: ignore[index]
    assert len(refused) == len(odd)
    rows = [line.split("|") for n, line in enumerate(lines[1:-1], start=2) if line and n not in refused]
    slow = [(r[1], *(float(Decimal(value)) for value in r[2:5]), r[5]) for r in rows]
    # Of two rows of a symbol that differ, the first goes without being told apart.
    told_twice = {row.symbol for row in odd} - set(frame["symbol"])
    assert frame.rows() == [row for row in slow if row[0] not in told_twice]
    assert {r[0] for r in rows} == {"20251222"}
    assert len({r[1] for r in rows}) == len(rows)
    for _, short, exempt, total, _ in slow:
        assert 0 <= exempt <= short + 1e-6
        assert short <= total + 1e-6
        assert math.isfinite(total)
    return True


def yahoo_charts(data: bytes) -> bool:
    try:
        bars, splits, _ = yahoo.read_chart(data, "AAPL", FRIDAY, DAY)
    except yahoo.Malformed:
        return False
    result = json.loads(data)["chart"]["result"][0]
    meta = result.get("meta") or {}
    assert meta["symbol"] == "AAPL"
    assert meta.get("dataGranularity", "1d") == "1d"
    moments = result.get("timestamp") or []
    quote = result["indicators"]["quote"][0] if moments else {}
    slow = {}
    for i, moment in enumerate(moments):
        prices = [_number(quote[name][i]) for name in yahoo.PRICES]
        volume = _number(quote["volume"][i])
        if any(price is not None for price in prices) and volume is not None and volume >= 0:
            slow[_day(moment)] = (*prices, volume)
    expected = sorted(
        (day, *values) for day, values in slow.items() if FRIDAY <= day <= DAY and sessions.is_session(day)
    )
    assert bars.drop("symbol", "adj_close").rows() == expected
    assert all(price is None or (price > 0 and math.isfinite(price)) for price in bars["adj_close"])
    events = ((result.get("events") or {}).get("splits") or {}).values()
    ratios = [(_day(e["date"]), e["numerator"] / e["denominator"]) for e in events]
    assert sorted(splits.drop("symbol").rows()) == sorted(pair for pair in ratios if pair[0] > FRIDAY)
    assert all(1e-4 <= ratio <= 1e4 for _, ratio in ratios)
    return True


def _day(moment: float) -> date:
    """Midnight in UTC is that date, any other moment its New York date."""
    zone = UTC if moment % 86_400 == 0 else ZoneInfo("America/New_York")
    return datetime.fromtimestamp(moment, zone).date()


def _number(value: Any) -> float | None:
    """A JSON number as it is; NaN, infinities and null are unknown."""
    if value is None:
        return None
    assert isinstance(value, int | float), f"{value!r} was taken for a number"
    assert not isinstance(value, bool), f"{value!r} was taken for a number"
    return float(value) if math.isfinite(value) else None


def _pages(data: bytes, kind: str) -> bool:
    try:
        rows, following = polygon.read_page(data, polygon.Question(kind, "AAPL"))
        polygon.check(rows, kind, DAY)
    except ValueError:
        return False
    page = json.loads(data)
    page = page[0] if isinstance(page, list) else page
    told = page.get("results") or []
    assert rows.height == len(told)
    assert page.get("ticker") in (None, "AAPL")
    assert kind != polygon.MINUTE_BARS or not told or page["adjusted"] is False
    assert following is None or following.startswith(("/v2/", "/v3/"))
    for name in {*polygon.ORDERING, *polygon.AMOUNTS} & set(rows.columns):
        slow = [row.get(name) for row in told]
        assert all(value is None or isinstance(value, int | float) for value in slow), (name, slow)
        assert rows[name].to_list() == slow, name
    return True


def polygon_trades(data: bytes) -> bool:
    return _pages(data, polygon.TRADES)


def polygon_bars(data: bytes) -> bool:
    return _pages(data, polygon.MINUTE_BARS)


def polygon_grouped(data: bytes) -> bool:
    try:
        market = grouped.read(data, DAY)
    except Failure:
        return False
    page = json.loads(data)
    told = page.get("results") or []
    assert not told or page["adjusted"] is False
    assert market.rows.height == len(told) or market.refused or any(told.count(row) > 1 for row in told)
    assert market.rows["T"].is_unique().all()
    for kept in market.rows.iter_rows(named=True):
        assert any(
            row.get("T") == kept["T"]
            and all(type(row.get(name)) in (int, float) and row[name] == kept[name] for name in "ohlcvt")
            for row in told
            if isinstance(row, dict)
        ), kept
        assert all(kept[name] > 0 and math.isfinite(kept[name]) for name in grouped.PRICES)
        assert kept["v"] >= 0
        assert datetime.fromtimestamp(kept["t"] / 1000, ZoneInfo("America/New_York")).date() == DAY
    return True


def weekly_pages(data: bytes) -> bool:
    try:
        rows = finra.read_page(Answer(200, {}, data, "address", NOW))
        weekly_query.check(rows, QUERY)
        weekly_query.readable(data)
    except Failure:
        return False
    assert json.loads(data) == rows
    frame = otc_weekly.parse(data, "page")
    slow = [row for row in rows if (row.get("issueSymbolIdentifier") or "").strip()
            and row.get("totalWeeklyShareQuantity") is not None]  # fmt: skip
    assert {row["weekStartDate"][:10] for row in rows} <= {str(MONDAY)}
    assert frame["symbol"].to_list() == [otc_weekly.trimmed(row["issueSymbolIdentifier"]) for row in slow]
    assert frame["shares"].to_list() == [row["totalWeeklyShareQuantity"] for row in slow]
    assert frame["trades"].to_list() == [row.get("totalWeeklyTradeCount") for row in slow]
    assert frame["kind"].to_list() == [row["summaryTypeCode"] for row in slow]
    return True


def weekly_files(data: bytes) -> bool:
    """A file that somebody copied into the archive: no page of the API has been checked."""
    try:
        frame = otc_weekly.parse(data, "file")
    except otc_weekly.OtcWeeklyError:
        return False
    rows = json.loads(data)
    slow = [
        row
        for row in rows
        if row.get("summaryTypeCode") in SUMMARIES
        and row.get("tierIdentifier") in otc_weekly.TIERS
        and row.get("issueSymbolIdentifier") is not None
        and str(row["issueSymbolIdentifier"]).strip()
        and row.get("totalWeeklyShareQuantity") is not None
        and row["totalWeeklyShareQuantity"] >= 0
    ]
    assert frame["shares"].to_list() == [row["totalWeeklyShareQuantity"] for row in slow]
    return True


SCHEMA: Any = configuration.schema(PROJECT)


def configs(data: bytes) -> bool:
    try:
        config = settings.parse(data, "config.yaml")
        settings.check(config, SCHEMA)
    except settings.ConfigError:
        return False
    assert json.loads(json.dumps(config)) == config
    assert isinstance(config, Mapping)
    assert config["history"]["min_sessions"] <= config["history"]["ma"] <= config["history"]["window"] + 1
    return True


def _chart() -> bytes:
    moments = [nanoseconds(day, "09:30") // 10**9 for day in (FRIDAY, DAY)]
    quote = {name: [10.0, 11.5] for name in yahoo.PRICES} | {"volume": [1000, 2000]}
    event = {"date": moments[1] + 86_400, "numerator": 2.0, "denominator": 1.0}
    meta = {"symbol": "AAPL", "exchangeTimezoneName": "America/New_York", "dataGranularity": "1d"}
    result = {"meta": meta, "timestamp": moments, "events": {"splits": {"1": event}}, "indicators": {"quote": [quote]}}
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


def _trades() -> bytes:
    start = nanoseconds(DAY, "10:00")
    rows = [
        {"sip_timestamp": start + i, "participant_timestamp": start, "sequence_number": i, "id": str(i), "price": 10.5,
         "size": 100, "exchange": 11, "conditions": [14]}
        for i in range(3)
    ]  # fmt: skip
    return json.dumps({"status": "OK", "results": rows, "next_url": "https://api.polygon.io/v3/trades/A?c=1"}).encode()


def _bars() -> bytes:
    start = nanoseconds(DAY, "09:30") // 10**6
    rows = [{"t": start + 60_000 * i, "o": 10.0, "h": 12.0, "l": 9.0, "c": 11.0, "v": 1000} for i in range(3)]
    return json.dumps({"status": "OK", "ticker": "AAPL", "adjusted": False, "results": rows}).encode()


def _grouped() -> bytes:
    bar = {"o": 10.0, "h": 12.0, "l": 9.0, "c": 11.0, "v": 1000, "vw": 10.5, "n": 7}
    rows = [{"T": name, **bar, "t": nanoseconds(DAY, "16:00") // 10**6} for name in ("AAPL", "BRK.B", "NA")]
    head = {"status": "OK", "adjusted": False, "queryCount": 3, "resultsCount": 3}
    return json.dumps({**head, "results": rows}).encode()


def _week() -> bytes:
    rows = weekly_rows(MONDAY, "T1", {"AAPL": (100, 200), "NA": (1.5, None)})
    return json.dumps([row for row in rows if row["summaryTypeCode"] in SUMMARIES]).encode()


SEEDS: dict[str, list[bytes]] = {
    "regsho_files": [regsho_file(DAY, {"AAPL": (10, 1, 300, "B,Q,N"), "BRK/B": (1.5, 0, 2.25, "N")})],
    "yahoo_charts": [_chart()],
    "polygon_trades": [_trades()],
    "polygon_bars": [_bars()],
    "polygon_grouped": [_grouped()],
    "weekly_pages": [_week()],
    "weekly_files": [_week()],
    "configs": [(PROJECT / "config.yaml").read_bytes()],
}  # fmt: skip
PROMISES: dict[str, Promise] = {name: globals()[name] for name in SEEDS}
DICTIONARIES: dict[str, list[str]] = {
    "json": [
        "null",
        "true",
        "NaN",
        "Infinity",
        "-1",
        "1e300",
        "1e-5",
        '"1"',
        "[]",
        "{}",
        "0.5",
        "99999999999999999999",
    ],
    "text": ["|", "\r\n", "nan", "-", "1e5", "+1", "٣", " ", '"', "20251222"],
    "yaml": [
        "null",
        "ON",
        ".nan",
        ".inf",
        "1: 2",
        "? [a]",
        "&a [*a]",
        "!!python/object:os.system",
        "16:15",
        "- ",
        ": ",
    ],
}


def words(name: str) -> list[str]:
    """What to strew into a document of this kind."""
    return DICTIONARIES[{"regsho_files": "text", "configs": "yaml"}.get(name, "json")]
