"""What Yahoo answers: one symbol's daily chart, and the state that an exchange about it amounts to.

Prices and volumes are adjusted for every split up to the moment of asking, and only the splits of the range asked for
are named.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import polars as pl

from ...market import sessions, splits
from ...market.sessions import NEW_YORK
from ...measures.volume import MOST_SHARES
from ...states import State
from .. import http

MIDNIGHT = datetime.min.time()
BARS = pl.Schema(
    {
        "symbol": pl.String(),
        "date": pl.Date(),
        "open": pl.Float64(),
        "high": pl.Float64(),
        "low": pl.Float64(),
        "close": pl.Float64(),
        "adj_close": pl.Float64(),
        "volume": pl.Float64(),
    }
)
SPLITS = pl.Schema({"symbol": pl.String(), "ex_date": pl.Date(), "ratio": pl.Float64()})
PRICES = ("open", "high", "low", "close")
FAILED = frozenset({"outage", "blocked"})

UNREADABLE = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    OSError,
    RecursionError,
    pl.exceptions.PolarsError,
)
"""What reading a chart runs into where it is none."""


@dataclass(frozen=True)
class DailyAnswer:
    """What Yahoo said about one symbol.

    state         published (the session's bar is there), not_yet (an answer without it), absent (Yahoo knows no such
                  data), blocked (403), outage (anything else; a 429 has the reason "rate limit")
    reason        why, in words; empty when published, unless bars on no session were dropped
    bars          BARS: prices in dollars, volume in shares, both adjusted for splits to `retrieved_at`; sorted by date;
                  `adj_close` for dividends too, null where Yahoo does not give it
    splits        SPLITS: ratio = new shares per old; every one after the first day asked for, to `retrieved_at`
    status        the last HTTP status of the chart; null when none came
    address       of the chart, without crumb
    retrieved_at  UTC; null when the symbol was never asked
    dropped       bars that were left out, in words
    absurd        whether the outage is a chart with values that cannot be
    """

    state: State
    reason: str = ""
    bars: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=BARS))
    splits: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SPLITS))
    status: int | None = None
    address: str | None = None
    retrieved_at: datetime | None = None
    retry_after: float | None = None
    dropped: str = ""
    absurd: bool = False


class Wanted(NamedTuple):
    """Bars from `start` to `end`, both included, and the session whose bar decides the state."""

    start: date
    end: date
    session: date


class Malformed(Exception):
    """The chart is not what Yahoo publishes; the message says in what."""


class Absurd(Malformed):
    """It is a chart of what was asked, with values that cannot be."""


class Chart(NamedTuple):
    """What a chart says: BARS and SPLITS of the days asked for, and days with a bar that are no session."""

    bars: pl.DataFrame
    splits: pl.DataFrame
    dropped: tuple[date, ...] = ()


@dataclass(frozen=True)
class Exchange:
    """The last chart that the session asked for: an answer, or the failure that came in its place."""

    address: str
    status: int | None = None
    headers: Any = None
    body: bytes = b""
    failure: str = ""


def read_chart(body: bytes, symbol: str, start: date, end: date) -> Chart:
    """The bars (BARS, `start` to `end`, both included) and splits (SPLITS, after `start`) of a chart's JSON.

    A row without prices or without volume is missing and left out; a volume of 0 beside prices stays. Of two rows of
    one day the later is taken: Yahoo adds a live one. A bar on no session is left out and named.
    Raises Malformed, and Absurd for values that cannot be.
    """
    try:
        result = result_of(body)
        check_what_was_asked(result.get("meta") or {}, symbol, "1d")
    except UNREADABLE as error:
        raise Malformed(f"chart of {symbol}: {type(error).__name__}: {error}") from error
    try:
        bars = _bars(result, symbol).filter(pl.col("date").is_between(start, end))
        events = _splits(result, symbol)
    except UNREADABLE as error:
        raise Absurd(f"chart of {symbol}: {type(error).__name__}: {error}") from error
    strange = [day for day in bars["date"] if not sessions.is_session(day)]
    return Chart(bars.filter(~pl.col("date").is_in(strange)), events.filter(pl.col("ex_date") > start), tuple(strange))


def judge(exchange: Exchange, symbol: str, wanted: Wanted, now: datetime) -> DailyAnswer:
    """The answer that an exchange amounts to; `now` is its moment, UTC."""
    blank = DailyAnswer("outage", status=exchange.status, address=exchange.address, retrieved_at=now)
    if exchange.status is None:
        return replace(blank, reason=exchange.failure)
    if exchange.status == 429:
        return replace(blank, reason="rate limit", retry_after=http.retry_after(exchange.headers or {}, now))
    if exchange.status == 403:
        return replace(blank, state="blocked", reason="HTTP 403")
    code, said = said_error(exchange.body)
    if code == "Not Found" or "doesn't exist" in said:
        return replace(blank, state="absent", reason=said)
    if exchange.status != 200 or said:
        return replace(blank, reason=f"HTTP {exchange.status}" + (f": {said}" if said else ""))
    try:
        bars, events, strange = read_chart(exchange.body, symbol, wanted.start, wanted.end)
    except Malformed as error:
        return replace(blank, reason=str(error), absurd=isinstance(error, Absurd))
    dropped = f"left out, for it is no session: the bar of {', '.join(map(str, strange))}" if strange else ""
    there = replace(blank, bars=bars, splits=events, dropped=dropped)
    if wanted.session in bars["date"]:
        return replace(there, state="published", reason=dropped)
    return replace(there, state="not_yet", reason=no_bar(bars, wanted.start, wanted.session))


def no_bar(bars: pl.DataFrame, start: date, session: date) -> str:
    """The reason of an answer whose `bars` from `start` on lack the session's."""
    newest = f"the newest is of {bars['date'][-1]}" if bars.height else f"nor any since {start}"
    return f"no bar of {session}, {newest}"


def said_error(body: bytes) -> tuple[str, str]:
    """Code and description where the chart is one of Yahoo's errors; empty otherwise."""
    try:
        error = json.loads(body)["chart"]["error"] or {}
        code = str(error.get("code") or "")
        return code, str(error.get("description") or code)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", ""


def result_of(body: bytes) -> dict[str, Any]:
    try:
        chart = json.loads(body)
    except (ValueError, RecursionError) as error:
        began = body[:15].decode("ascii", "replace").strip()
        raise Malformed(f"the answer is no JSON, it begins with {began!r}") from error
    try:
        result = chart["chart"]["result"][0]
    except (KeyError, TypeError, IndexError) as error:
        raise Malformed("the answer is JSON, but no chart") from error
    if not isinstance(result, dict):
        raise Malformed("the answer is JSON, but no chart")
    return result


def check_what_was_asked(meta: dict[str, Any], symbol: str, step: str) -> None:
    """Raise Malformed for a chart that is not of `symbol` in bars of `step`, or does not say whose it is."""
    answered, found = meta.get("symbol"), meta.get("dataGranularity", step)
    if answered is None:
        raise Malformed(f"asked for {symbol}, and the answer does not say whose it is")
    if answered != symbol:
        raise Malformed(f"asked for {symbol}, answered for {answered}")
    if found != step:
        raise Malformed(f"asked for bars of {step}, answered with {found}")


def _day(moment: Any) -> date:
    """The day that a chart's moment stands for: 00:00 UTC is that UTC date, any other its New York date."""
    instant = datetime.fromtimestamp(_number(moment), UTC)
    return instant.date() if instant.time() == MIDNIGHT else instant.astimezone(NEW_YORK).date()


def _number(value: Any) -> float:
    """Refuses true and false, which Python counts with."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return value


def _bars(result: dict[str, Any], symbol: str) -> pl.DataFrame:
    moments = result.get("timestamp") or []
    if not moments:
        return pl.DataFrame(schema=BARS)
    quote = result["indicators"]["quote"][0]
    columns = {name: quote.get(name) for name in (*PRICES, "volume")}
    for name, values in columns.items():
        if values is None or len(values) != len(moments):
            raise Absurd(f"chart of {symbol}: {len(values or [])} of {name} for {len(moments)} timestamps")
        if any(isinstance(value, bool) for value in values):
            raise Absurd(f"chart of {symbol}: {name} holds true or false, expected numbers")
    days = [_day(moment) for moment in moments]
    columns["adj_close"] = _adjusted(result, len(days))
    frame = pl.DataFrame({"symbol": [symbol] * len(days), "date": days, **columns}, schema=BARS)
    absurd = frame.filter(pl.col("volume").is_finite() & (pl.col("volume") >= MOST_SHARES))
    for day, volume in absurd.select("date", "volume").iter_rows():
        raise Absurd(f"chart of {symbol}: {volume:g} shares on {day}, expected fewer than {MOST_SHARES:g}")
    values = [*PRICES, "adj_close", "volume"]
    return (
        frame.with_columns(pl.when(pl.col(values).is_finite()).then(pl.col(values)).name.keep())
        .filter(pl.any_horizontal(pl.col(PRICES).is_not_null()) & (pl.col("volume") >= 0))
        .unique("date", keep="last", maintain_order=True)
        .sort("date")
    )


def _adjusted(result: dict[str, Any], count: int) -> list[float | None]:
    """Closes adjusted for dividends; nothing but the study reads them, so that an odd one is none and no outage."""
    try:
        told = result["indicators"]["adjclose"][0]["adjclose"]
    except (LookupError, TypeError):
        return [None] * count
    if not isinstance(told, list) or len(told) != count:
        return [None] * count
    return [_positive(value) for value in told]


def _positive(value: Any) -> float | None:
    try:
        return float(_number(value)) if _number(value) > 0 else None
    except (TypeError, OverflowError):
        return None


def _splits(result: dict[str, Any], symbol: str) -> pl.DataFrame:
    events = ((result.get("events") or {}).get("splits") or {}).values()
    rows = [
        (symbol, _day(event["date"]), _number(event["numerator"]) / _number(event["denominator"])) for event in events
    ]
    for _, ex_date, ratio in rows:
        if not splits.is_possible(ratio):
            raise Absurd(
                f"chart of {symbol}: the split on {ex_date} has the ratio {ratio:g}, "
                f"expected one from {splits.SMALLEST:g} to {splits.LARGEST:g}"
            )
    return pl.DataFrame(rows, schema=SPLITS, orient="row").sort("ex_date")
