"""Yahoo Finance, as far as yfinance 1.7 asks it: cookie, crumb, and the chart with daily or one-minute bars.

Numbers are answered as the test gives them, so a test that wants Yahoo's split adjustment gives adjusted numbers.
"""

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .newyork import Day, moment, seconds, to_day
from .proxy import Answer, Request

CHART = "/v8/finance/chart/"
FIELDS = ("open", "high", "low", "close", "volume")
DAY = 86_400

# yfinance 1.7 cannot read a cookie back that has no expiry
COOKIE = "A3=d=standin; Max-Age=31536000; Domain=.yahoo.com; Path=/; SameSite=None; Secure; HttpOnly"

VALID_RANGES = ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"]

Bar = Sequence[float | None]
Bars = dict[int, Bar]


class Yahoo:
    """query1, query2 and the cookie hosts. A symbol that no test named is answered as Yahoo answers an unknown one.

    cookie               what fc.yahoo.com sets
    oldest_minute_bars   one-minute bars of earlier days are refused, as Yahoo does after 30 days; None refuses nothing
    """

    hosts = (
        "query1.finance.yahoo.com",
        "query2.finance.yahoo.com",
        "fc.yahoo.com",
        "guce.yahoo.com",
        "consent.yahoo.com",
    )

    def __init__(self) -> None:
        self.cookie = COOKIE
        self.oldest_minute_bars: Day | None = None
        self._daily: dict[str, Bars] = {}
        self._minutes: dict[str, Bars] = {}
        self._hours: dict[str, dict[int, int]] = {}
        self._splits: dict[str, dict[int, Fraction]] = {}

    def bars(self, symbol: str, bars: Mapping[Any, Bar | None]) -> None:
        """Add daily bars: {day: (open, high, low, close, volume)}, volume in shares.

        None for a value, or for the whole bar, is Yahoo's null. Without any bar the symbol is known and has no data.
        """
        self._learn(symbol).update({seconds(day): bar or (None,) * 5 for day, bar in bars.items()})

    def minute_bars(self, symbol: str, day: Day, rows: Mapping[str, Bar | None], close: str = "16:00") -> None:
        """Add one-minute bars: {"09:30": (open, high, low, close, volume)}, New York time of the bar's start.

        `close` is the end of the regular session. Bars outside it are answered only where pre and post are asked for.
        """
        self._learn(symbol)
        self._hours.setdefault(symbol, {})[seconds(day)] = seconds(day, close)
        known = self._minutes.setdefault(symbol, {})
        known.update({seconds(day, clock): bar or (None,) * 5 for clock, bar in rows.items()})

    def split(self, symbol: str, ex_date: Day, ratio: float | Fraction) -> None:
        """Add a split event, `ratio` new shares per old: 2 for 2:1, 0.1 for 1:10. It adjusts no bar."""
        self._learn(symbol)
        exact = Fraction(ratio).limit_denominator(10_000)
        self._splits.setdefault(symbol, {})[seconds(ex_date)] = exact

    def answer(self, request: Request) -> Answer:
        address = urlsplit(request.path)
        if request.host == "fc.yahoo.com":
            return Answer(404, b"Not Found\n", {"Content-Type": "text/html", "Set-Cookie": self.cookie})
        if address.path == "/v1/test/getcrumb":
            return Answer(200, b"standin.crumb", {"Content-Type": "text/plain"})
        if address.path.startswith(CHART):
            return self._chart(
                unquote(address.path.removeprefix(CHART)).upper(),
                {name: values[-1] for name, values in parse_qs(address.query).items()},
            )
        return _nothing_else(address.path)

    def refusal(self, status: int) -> Answer | None:
        if status == 429:
            return Answer(429, b"Too Many Requests\r\n", {"Content-Type": "text/html"})
        return None

    def _learn(self, symbol: str) -> Bars:
        if symbol != symbol.upper():
            raise ValueError(f"{symbol!r} is no spelling of Yahoo's: it has capitals only, `T-PC` for TpC")
        return self._daily.setdefault(symbol, {})

    def _chart(self, symbol: str, asked: dict[str, str]) -> Answer:
        interval = asked.get("interval", "1d")
        if symbol not in self._daily:
            return _chart_error(404, "Not Found", "No data found, symbol may be delisted")
        if interval not in ("1d", "1m"):
            return _chart_error(400, "Bad Request", f"Invalid input - interval={interval} is not supported.")
        every = self._daily[symbol] if interval == "1d" else self._minutes.get(symbol, {})
        start, end = _range(asked, every)
        if interval == "1m" and (refused := self._refuse_minutes(start, end)):
            return _chart_error(422, "Unprocessable Entity", refused)
        hours = self._hours_between(symbol, start, end)
        chosen = {t: every[t] for t in sorted(every) if start <= t < end}
        if interval == "1m" and asked.get("includePrePost", "false").lower() != "true":
            chosen = {t: bar for t, bar in chosen.items() if any(a <= t < b for a, b in hours)}
        result = {"meta": self._meta(symbol, interval, hours), **_indicators(chosen, interval)}
        splits = self._split_events(symbol, start, end)
        if splits and "split" in asked.get("events", ""):
            result["events"] = {"splits": splits}
        return _json(200, {"chart": {"result": [result], "error": None}})

    def _refuse_minutes(self, start: int, end: int) -> str | None:
        if end - start > 8 * DAY:
            return "Only 8 days worth of 1m granularity data are allowed to be fetched per request."
        if self.oldest_minute_bars and start < seconds(self.oldest_minute_bars, "00:00"):
            return (
                f"1m data not available for startTime={start} and endTime={end}. "
                "The requested range must be within the last 30 days."
            )
        return None

    def _hours_between(self, symbol: str, start: int, end: int) -> list[tuple[int, int]]:
        hours = sorted(self._hours.get(symbol, {}).items())
        return [(opens, closes) for opens, closes in hours if opens < end and closes > start]

    def _split_events(self, symbol: str, start: int, end: int) -> dict[str, dict[str, Any]]:
        return {
            str(t): {
                "date": t,
                "numerator": float(ratio.numerator),
                "denominator": float(ratio.denominator),
                "splitRatio": f"{ratio.numerator}:{ratio.denominator}",
            }
            for t, ratio in sorted(self._splits.get(symbol, {}).items())
            if start <= t < end
        }

    def _meta(self, symbol: str, interval: str, hours: list[tuple[int, int]]) -> dict[str, Any]:
        days = sorted(self._daily[symbol]) or sorted(self._hours.get(symbol, {})) or [seconds("2000-01-03")]
        opens = days[-1]
        closes = opens + 6 * 3600 + 1800
        meta = {
            "currency": "USD",
            "symbol": symbol,
            "exchangeName": "NMS",
            "fullExchangeName": "NasdaqGS",
            "instrumentType": "EQUITY",
            "firstTradeDate": days[0],
            "regularMarketTime": closes,
            "hasPrePostMarketData": True,
            "gmtoffset": _period(opens, closes)["gmtoffset"],
            "timezone": _period(opens, closes)["timezone"],
            "exchangeTimezoneName": "America/New_York",
            "priceHint": 2,
            "currentTradingPeriod": {
                "pre": _period(opens - 19_800, opens),
                "regular": _period(opens, closes),
                "post": _period(closes, closes + 14_400),
            },
            "dataGranularity": interval,
            "range": "",
            "validRanges": VALID_RANGES,
        }
        if interval == "1m":
            meta["tradingPeriods"] = [[_period(opens, closes)] for opens, closes in hours or [(opens, closes)]]
        return meta


def _range(asked: Mapping[str, str], bars: Bars) -> tuple[int, int]:
    """The seconds asked for, end exclusive; the named ranges 1d and 5d are the last days, the others everything."""
    if "period1" in asked:
        return int(asked["period1"]), int(asked["period2"])
    days = sorted({to_day(t) for t in bars})
    if not days:
        return 0, 0
    last = {"1d": 1, "5d": 5}.get(asked.get("range", "1d"), len(days))
    return seconds(days[-last:][0], "00:00"), seconds(days[-1], "00:00") + DAY


def _indicators(bars: Bars, interval: str) -> dict[str, Any]:
    """Without a bar, Yahoo leaves the timestamps out and the columns empty."""
    daily = interval == "1d"
    if not bars:
        return {"indicators": {"quote": [{}], **({"adjclose": [{}]} if daily else {})}}
    columns = {name: [bar[i] for bar in bars.values()] for i, name in enumerate(FIELDS)}
    adjusted = {"adjclose": [{"adjclose": columns["close"]}]} if daily else {}
    return {"timestamp": list(bars), "indicators": {"quote": [columns], **adjusted}}


def _period(start: int, end: int) -> dict[str, Any]:
    opens = moment(to_day(start))
    offset = opens.utcoffset()
    assert offset is not None
    return {"timezone": opens.tzname(), "start": start, "end": end, "gmtoffset": int(offset.total_seconds())}


def _nothing_else(path: str) -> Answer:
    """What yfinance asks after a failed chart, in the hope of a time zone: answered as for a symbol nobody knows."""
    if path.startswith("/v7/finance/quote"):
        return _json(200, {"quoteResponse": {"result": [], "error": None}})
    if path.startswith("/ws/fundamentals-timeseries/"):
        return _json(200, {"timeseries": {"result": [], "error": None}})
    family = "quoteSummary" if path.startswith("/v10/finance/quoteSummary/") else "finance"
    return _json(404, {family: {"result": None, "error": {"code": "Not Found", "description": f"nothing at {path}"}}})


def _chart_error(status: int, code: str, description: str) -> Answer:
    return _json(status, {"chart": {"result": None, "error": {"code": code, "description": description}}})


def _json(status: int, content: object) -> Answer:
    return Answer(status, json.dumps(content).encode(), {"Content-Type": "application/json;charset=utf-8"})
