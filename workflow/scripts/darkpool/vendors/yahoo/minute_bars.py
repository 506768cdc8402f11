"""One-minute bars of one session from Yahoo, which keeps them for 30 days.

Consolidated, of regular hours: before and after them Yahoo knows prices but no volume. Asked the way `yahoo` asks for
days, with its patience; the session's chart is read here, for the same reasons.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from ... import clock
from ...market.sessions import NEW_YORK
from .. import http
from ..polygon.client import MILLISECOND, day_window
from . import client as yahoo

KEPT = timedelta(days=30)
BARS = pl.Schema({"t": pl.Int64(), **{name: pl.Float64() for name in "ohlcv"}})
_FIELDS = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}


def still_kept(session: date, now: datetime) -> bool:
    """Whether Yahoo still has the session's minutes at `now` (aware)."""
    return now.astimezone(NEW_YORK).date() - session < KEPT


def fetch(
    symbols: Sequence[str],
    session: date,
    *,
    progress: yahoo.Progress | None = None,
    rounds: int = yahoo.ROUNDS,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, yahoo.DailyAnswer]:
    """Ask for the session's bars of `symbols` (Yahoo's spelling); every one has an answer, in the order given.

    States are those of `yahoo.fetch_daily`; `bars` are BARS: `t` start in ms UTC, prices in dollars, volume in shares.
    """
    say = progress or (lambda line: print(line, file=sys.stderr, flush=True))
    answers: dict[str, yahoo.DailyAnswer] = {}
    with yahoo._quiet_client(http.Pace(yahoo.pause(), sleep)) as client:
        run = _Minutes(client, yahoo.Wanted(session, session, session), say, sleep)
        for number in range(rounds):
            pending = yahoo._pending(symbols, answers)
            if number and pending:
                wait = http.backoff() * 2**number
                say(f"yahoo: minute bars of {len(pending)} tickers are asked again in {wait:.0f} s")
                sleep(wait)
            if not pending or not run.ask_round(pending, answers):
                break
    left = yahoo.DailyAnswer("outage", "not asked after failures")
    return {symbol: answers.get(symbol, left) for symbol in symbols}


def read_chart(body: bytes, symbol: str, session: date) -> pl.DataFrame:
    """The session's bars (BARS) in a chart's JSON, those without any price left out. Of two bars of one start the later
    is taken: Yahoo adds a live one. Raises yahoo.Malformed."""
    try:
        result = yahoo._result(body)
        yahoo.check_what_was_asked(result.get("meta") or {}, symbol, "1m")
        moments: list[int] = result.get("timestamp") or []
        quote: dict[str, Any] = result["indicators"]["quote"][0] if moments else {}
        columns: dict[str, Any] = {ours: quote.get(theirs) if moments else [] for ours, theirs in _FIELDS.items()}
        frame = pl.DataFrame({"t": moments, **columns}, schema=BARS)
    except yahoo._UNREADABLE as error:
        raise yahoo.Malformed(f"chart of {symbol}: {type(error).__name__}: {error}") from error
    start, end = day_window(session)
    return (
        frame.filter(pl.col("t").is_between(start, end, closed="left"))
        .filter(pl.any_horizontal(pl.col("o", "h", "l", "c").is_not_null()))
        .with_columns(pl.col("t") * MILLISECOND)
        .unique("t", keep="last", maintain_order=True)
        .sort("t")
    )


def judge(exchange: yahoo.Exchange, symbol: str, session: date, now: datetime) -> yahoo.DailyAnswer:
    """The answer that an exchange amounts to; `now` is its moment, UTC."""
    if exchange.status != 200 or yahoo._error(exchange.body)[1]:
        answer = yahoo.judge(exchange, symbol, yahoo.Wanted(session, session, session), now)
        return replace(answer, state="absent") if "30 days" in answer.reason else answer
    answer = yahoo.DailyAnswer("published", status=exchange.status, address=exchange.address, retrieved_at=now)
    try:
        bars = read_chart(exchange.body, symbol, session)
    except yahoo.Malformed as error:
        return replace(answer, state="outage", reason=str(error))
    if bars.is_empty():
        return replace(answer, state="not_yet", reason=f"Yahoo has no minute bars of {session}")
    return replace(answer, bars=bars)


class _Minutes(yahoo._Run):
    def ask(self, symbol: str) -> yahoo.DailyAnswer:
        import yfinance
        from yfinance.cache import get_tz_cache
        from yfinance.data import YfData

        get_tz_cache().store(symbol, NEW_YORK.key)
        # It remembers answers about the past, refusals and errors too: asking again would not reach Yahoo.
        YfData.cache_get.cache_clear()
        self.client.chart = None
        failure = "no request was made"
        session = self.wanted.session
        try:
            yfinance.Ticker(symbol, session=self.client).history(
                start=session,
                end=session + timedelta(days=1),
                interval="1m",
                auto_adjust=False,
                prepost=False,
                timeout=yahoo.TIMEOUT,
            )
        except Exception as error:
            # Whatever its own reading of the answer runs into: it is read here.
            failure = f"{type(error).__name__}: {error}"
        exchange = self.client.chart or yahoo.Exchange(address=yahoo.CHART + symbol, failure=failure)
        return judge(exchange, symbol, session, clock.now())
