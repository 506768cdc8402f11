"""Polygon, now Massive: trades, quotes and one-minute bars, by page.

Rows are passed on as the test gives them; a field that the test leaves out (`conditions`, `trf_id`) is missing, as it
often is.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import canaries

from .newyork import Day, nanoseconds, to_date
from .proxy import Answer, Request

MOST_ROWS = 50_000
DAY_NS = 86_400 * 10**9

Row = dict[str, Any]
Query = dict[str, str]


class Polygon:
    """api.polygon.io and api.massive.com.

    key         what `Authorization: Bearer` must say; any other key is 401
    entitled    what the plan holds of trades, quotes, minute_bars and grouped; the rest is 403
    pages       how many pages trades and quotes come in, where there are as many rows; `limit` can only make them more
    next_host   the host of `next_url`; None is the one of the two that was not asked
    """

    hosts = ("api.polygon.io", "api.massive.com")

    def __init__(self) -> None:
        self.key = canaries.POLYGON
        self.entitled = {"trades", "quotes", "minute_bars", "grouped"}
        self.pages = 3
        self.next_host: str | None = None
        self._rows: dict[tuple[str, str], dict[Day, list[Row]]] = {}
        self._market: dict[Day, list[Row]] = {}

    def trades(self, symbol: str, day: Day, rows: Iterable[Row]) -> None:
        """Set a day's trades, fields as /v3/trades names them; `sip_timestamp` (ns) and `sequence_number` are needed.

        Without rows the answer is `"results": []`; for a symbol never named the key is missing.
        """
        self._set("trades", symbol, day, rows)

    def quotes(self, symbol: str, day: Day, rows: Iterable[Row]) -> None:
        """Set a day's NBBO rows, fields as /v3/quotes names them, as for `trades`."""
        self._set("quotes", symbol, day, rows)

    def minute_bars(self, symbol: str, day: Day, rows: Mapping[str, Sequence[float]]) -> None:
        """Set a day's bars: {"09:30": (open, high, low, close, volume[, vwap, trades])}, New York time of the start."""
        bars = [
            dict(zip(("t", *"ohlcv", "vw", "n"), (nanoseconds(day, clock) // 10**6, *bar), strict=False))
            for clock, bar in rows.items()
        ]
        self._set("minute_bars", symbol, day, bars)

    def grouped(self, day: Day, bars: Mapping[str, Sequence[float]]) -> None:
        """Set a day's market: {"AAPL": (open, high, low, close, volume[, vwap, trades])}; it ends at 16:00 New York."""
        end = nanoseconds(day, "16:00") // 10**6
        self._market[to_date(day)] = [
            {"T": symbol, **dict(zip((*"ohlcv", "vw", "n"), bar, strict=False)), "t": end}
            for symbol, bar in bars.items()
        ]

    def answer(self, request: Request) -> Answer:
        address = urlsplit(request.path)
        asked = {name: values[-1] for name, values in parse_qs(address.query).items()}
        if self.key not in (request.headers.get("Authorization", "").removeprefix("Bearer "), asked.get("apiKey")):
            return _error(401)
        match [unquote(part) for part in address.path.strip("/").split("/")]:
            case ["v3", ("trades" | "quotes") as kind, symbol]:
                return self._list(kind, symbol, asked, request, _ticks)
            case ["v2", "aggs", "ticker", symbol, "range", "1", "minute", start, end]:
                return self._list("minute_bars", symbol, {**asked, "from": start, "to": end}, request, _bars)
            case ["v2", "aggs", "grouped", "locale", "us", "market", "stocks", day]:
                return self._whole_market(day, asked)
        return _json(404, {"status": "NOT_FOUND", "request_id": "standin", "message": "page not found"})

    def refusal(self, status: int) -> Answer | None:
        return _error(status) if status in ERRORS else None

    def _set(self, kind: str, symbol: str, day: Day, rows: Iterable[Row]) -> None:
        self._rows.setdefault((kind, symbol), {})[to_date(day)] = list(rows)

    def _list(
        self, kind: str, symbol: str, asked: Query, request: Request, choose: Callable[[list[Row], Query], list[Row]]
    ) -> Answer:
        if kind not in self.entitled:
            return _error(403)
        offset = number = 0
        if "cursor" in asked:
            asked, offset, number = json.loads(base64.urlsafe_b64decode(asked["cursor"]))
        days = self._rows.get((kind, symbol))
        rows = choose([row for day in (days or {}).values() for row in day], asked)
        size = self._page_size(kind, len(rows) - offset, number, asked)
        page = rows[offset : offset + size]
        content: dict[str, Any] = {"status": "OK", "request_id": "standin", "future_field": "ignore me"}
        if kind == "minute_bars":
            content |= {"ticker": symbol, "adjusted": asked.get("adjusted", "true") == "true"}
            content |= {"queryCount": len(page), "resultsCount": len(page), "count": len(page)}
        if page or (days is not None and kind != "minute_bars"):
            content["results"] = [{**row, "future_field": 1} for row in page]
        if offset + size < len(rows):
            content["next_url"] = self._next_url(request, asked, offset + size, number + 1)
        return _json(200, content)

    def _whole_market(self, day: str, asked: Query) -> Answer:
        if "grouped" not in self.entitled:
            return _error(403)
        rows = [{**row, "future_field": 1} for row in self._market.get(to_date(day), [])]
        content = {"status": "OK", "request_id": "standin", "adjusted": asked.get("adjusted", "true") == "true"}
        content |= {"queryCount": len(rows), "resultsCount": len(rows), "count": len(rows)}
        return _json(200, content | ({"results": rows} if rows else {}))

    def _page_size(self, kind: str, rows_left: int, number: int, asked: Query) -> int:
        if kind == "minute_bars":
            return min(int(asked.get("limit", 5_000)), MOST_ROWS)
        share = -(-rows_left // max(1, self.pages - number))
        return max(1, min(int(asked.get("limit", 1_000)), MOST_ROWS, share))

    def _next_url(self, request: Request, asked: Query, offset: int, number: int) -> str:
        """Absolute, with a cursor that means nothing to anybody else, and without the key."""
        kept = {name: value for name, value in asked.items() if name != "apiKey"}
        cursor = base64.urlsafe_b64encode(json.dumps([kept, offset, number]).encode()).decode()
        other = self.hosts[1 - self.hosts.index(request.host)]
        return f"https://{self.next_host or other}{urlsplit(request.path).path}?cursor={cursor}"


def _ticks(rows: list[Row], asked: Query) -> list[Row]:
    """Newest first unless `order=asc`. A bare date in a `timestamp` filter is taken as the day in UTC."""
    start, end = 0, 2**63
    for name, value in asked.items():
        if not name.startswith("timestamp"):
            continue
        first, after = _span(value)
        match name.partition(".")[2]:
            case "":
                start, end = max(start, first), min(end, after)
            case "gte":
                start = max(start, first)
            case "gt":
                start = max(start, after)
            case "lte":
                end = min(end, after)
            case "lt":
                end = min(end, first)
    chosen = [row for row in rows if start <= row["sip_timestamp"] < end]
    newest_first = asked.get("order", "desc") == "desc"
    return sorted(chosen, key=lambda row: (row["sip_timestamp"], row["sequence_number"]), reverse=newest_first)


def _bars(rows: list[Row], asked: Query) -> list[Row]:
    """Bars that start from `from` to `to`: New York days, both included, or milliseconds."""
    start, end = (_milliseconds(asked["from"], "00:00"), _milliseconds(asked["to"], "23:59:59.999"))
    chosen = [row for row in rows if start <= row["t"] <= end]
    return sorted(chosen, key=lambda row: row["t"], reverse=asked.get("sort", "asc") == "desc")


def _span(value: str) -> tuple[int, int]:
    """The nanoseconds that a filter value covers, end exclusive."""
    if value.isdigit():
        return int(value), int(value) + 1
    days = (to_date(value) - to_date("1970-01-01")).days
    return days * DAY_NS, (days + 1) * DAY_NS


def _milliseconds(value: str, clock: str) -> int:
    return int(value) if value.isdigit() else nanoseconds(value, clock) // 10**6


ERRORS: dict[int, dict[str, str]] = {
    401: {"status": "ERROR", "request_id": "standin", "error": "Unknown API Key"},
    403: {
        "status": "NOT_AUTHORIZED",
        "request_id": "standin",
        "message": "You are not entitled to this data. Please upgrade your plan at https://massive.com/pricing",
    },
    429: {
        "status": "ERROR",
        "request_id": "standin",
        "error": "You've exceeded the maximum requests per minute, please wait or upgrade your subscription to "
        "continue. https://massive.com/pricing",
    },
}


def _error(status: int) -> Answer:
    return _json(status, ERRORS[status])


def _json(status: int, content: object) -> Answer:
    return Answer(status, json.dumps(content).encode(), {"Content-Type": "application/json"})
