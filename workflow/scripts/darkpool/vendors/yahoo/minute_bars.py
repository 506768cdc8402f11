"""One-minute bars of one session from Yahoo, which keeps them for 30 days.

Consolidated, of regular hours: before and after them Yahoo knows prices but no volume. Asked the way `yahoo` asks for
days, with its patience; the session's chart is read here, for the same reasons.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from ..polygon.page import MILLISECOND, day_window
from . import chart
from . import client as yahoo
from .chart import DailyAnswer, Exchange, Malformed, Wanted

BARS = pl.Schema({"t": pl.Int64(), **{name: pl.Float64() for name in "ohlcv"}})
_FIELDS = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}


def fetch(
    symbols: Sequence[str],
    session: date,
    *,
    progress: yahoo.Progress | None = None,
    rounds: int = yahoo.ROUNDS,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, DailyAnswer]:
    """Ask for the session's bars of `symbols` (Yahoo's spelling); every one has an answer, in the order given.

    States are those of `yahoo.fetch_daily`; `bars` are BARS: `t` start in ms UTC, prices in dollars, volume in shares.
    """
    question = yahoo.Question(
        "1m",
        session,
        lambda: session + timedelta(days=1),
        lambda exchange, symbol, now: judge(exchange, symbol, session, now),
        "minute bars of ",
    )
    return yahoo.ask(symbols, question, progress=progress, rounds=rounds, sleep=sleep)


def read_chart(body: bytes, symbol: str, session: date) -> pl.DataFrame:
    """The session's bars (BARS) in a chart's JSON, those without any price left out. Of two bars of one start the later
    is taken: Yahoo adds a live one. Raises Malformed."""
    try:
        result = chart.result_of(body)
        chart.check_what_was_asked(result.get("meta") or {}, symbol, "1m")
        moments: list[int] = result.get("timestamp") or []
        quote: dict[str, Any] = result["indicators"]["quote"][0] if moments else {}
        columns: dict[str, Any] = {ours: quote.get(theirs) if moments else [] for ours, theirs in _FIELDS.items()}
        frame = pl.DataFrame({"t": moments, **columns}, schema=BARS)
    except chart.UNREADABLE as error:
        raise Malformed(f"chart of {symbol}: {type(error).__name__}: {error}") from error
    start, end = day_window(session)
    return (
        frame.filter(pl.col("t").is_between(start, end, closed="left"))
        .filter(pl.any_horizontal(pl.col("o", "h", "l", "c").is_not_null()))
        .with_columns(pl.col("t") * MILLISECOND)
        .unique("t", keep="last", maintain_order=True)
        .sort("t")
    )


def judge(exchange: Exchange, symbol: str, session: date, now: datetime) -> DailyAnswer:
    """The answer that an exchange amounts to; `now` is its moment, UTC."""
    if exchange.status != 200 or chart.said_error(exchange.body)[1]:
        answer = chart.judge(exchange, symbol, Wanted(session, session, session), now)
        return replace(answer, state="absent") if "30 days" in answer.reason else answer
    answer = DailyAnswer("published", status=exchange.status, address=exchange.address, retrieved_at=now)
    try:
        bars = read_chart(exchange.body, symbol, session)
    except Malformed as error:
        return replace(answer, state="outage", reason=str(error))
    if bars.is_empty():
        return replace(answer, state="not_yet", reason=f"Yahoo has no minute bars of {session}")
    return replace(answer, bars=bars)
