"""Daily bars and splits from Yahoo Finance, one ticker at a time, each with the state of its answer.

yfinance asks: cookie, crumb, consent and browser likeness are its work. The answer is read here, from the chart that
its session received, because yfinance hides the HTTP status, turns an unknown volume into 0, and moves a split to the
bar before it when the split's own day has none.

Yahoo's prices and volumes are adjusted for every split up to the moment of asking, and it names only the splits of the
range asked for. So the range always ends tomorrow, whatever session is wanted.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import polars as pl
import tenacity

from ... import clock, listing
from ...market import sessions, splits
from ...measures.volume import MOST_SHARES
from .. import http

if TYPE_CHECKING:
    from curl_cffi.requests import Response, Session

NEW_YORK = ZoneInfo("America/New_York")
MIDNIGHT = datetime.min.time()
CHART = "/v8/finance/chart/"
PAUSE = "DARKPOOL_YAHOO_PAUSE"
DEFAULT_PAUSE = 0.5
TIMEOUT = 30.0
MAX_BYTES = 16 * 2**20
"""Of one answer, unpacked; a year of daily bars is 0.1 MB."""
END_THE_TRANSFER = 0xFFFFFFFF
"""What a write callback returns to curl (CURL_WRITEFUNC_ERROR)."""
ROUNDS = 3
RATE_LIMIT_ATTEMPTS = 5
RATE_LIMIT_PATIENCE = 10.0
MAX_FAILURES = 5
PROGRESS_EVERY = 20
LATEST_EXPIRY = 1e14
"""Of a cookie: seconds, or milliseconds, which yfinance takes for such above 2e9."""
BARS = pl.Schema(
    {
        "symbol": pl.String(),
        "date": pl.Date(),
        "open": pl.Float64(),
        "high": pl.Float64(),
        "low": pl.Float64(),
        "close": pl.Float64(),
        "volume": pl.Float64(),
    }
)
SPLITS = pl.Schema({"symbol": pl.String(), "ex_date": pl.Date(), "ratio": pl.Float64()})
PRICES = ("open", "high", "low", "close")
FAILED = frozenset({"outage", "blocked"})

Progress = Callable[[str], None]

# curl's GOT_NOTHING, SEND_ERROR and RECV_ERROR, which its Python class does not tell from a refused connection
_CLOSED_EARLY = (52, 55, 56)

_UNREADABLE = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    OSError,
    RecursionError,
    pl.exceptions.PolarsError,
)


@dataclass(frozen=True)
class DailyAnswer:
    """What Yahoo said about one symbol.

    state         published (the session's bar is there), not_yet (an answer without it), absent (Yahoo knows no such
                  data), blocked (403), outage (anything else; a 429 has the reason "rate limit")
    reason        why, in words; empty when published, unless bars on no session were dropped
    bars          BARS: prices in dollars, volume in shares, both adjusted for splits to `retrieved_at`; sorted by date
    splits        SPLITS: ratio = new shares per old; every one after the first day asked for, to `retrieved_at`
    status        the last HTTP status of the chart; null when none came
    address       of the chart, without crumb
    retrieved_at  UTC; null when the symbol was never asked
    dropped       bars that were left out, in words
    absurd        whether the outage is a chart with values that cannot be
    """

    state: str
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


def pause() -> float:
    """Least seconds between two requests to Yahoo; DARKPOOL_YAHOO_PAUSE overrides the default of 0.5."""
    return float(os.environ.get(PAUSE) or DEFAULT_PAUSE)


def fetch_daily(
    tickers: Sequence[str],
    start: date,
    end: date,
    session: date | None = None,
    *,
    progress: Progress | None = None,
    rounds: int = ROUNDS,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, DailyAnswer]:
    """Ask for the daily bars of `tickers` (Yahoo's spelling) from `start` to `end`, both included.

    `session` (`end` unless given) is the one whose bar decides the state. What failed is asked again, in `rounds`
    rounds with back-off; a 429 stops the run for a while, and ends it when it lasts. `progress` takes a line of text,
    to stderr unless given. Every ticker has an answer, in the order given.

    Raises ValueError on a ticker given twice, or not in upper case: Yahoo's client would change it.
    """
    _refuse_strange(tickers)
    say = progress or (lambda line: print(line, file=sys.stderr, flush=True))
    answers: dict[str, DailyAnswer] = {}
    with _quiet_client(http.Pace(pause(), sleep)) as client:
        run = _Run(client, Wanted(start, end, session or end), say, sleep)
        for number in range(rounds):
            pending = _pending(tickers, answers)
            if not pending:
                break
            if number:
                wait = http.backoff() * 2**number
                say(f"yahoo: {len(pending)} tickers are asked again in {wait:.0f} s")
                sleep(wait)
            if not run.ask_round(pending, answers):
                break
    trouble = next((answer.reason for answer in reversed(answers.values()) if answer.state in FAILED), "no answer")
    return {ticker: answers.get(ticker) or DailyAnswer("outage", f"not asked after: {trouble}") for ticker in tickers}


def read_chart(body: bytes, symbol: str, start: date, end: date) -> Chart:
    """The bars (BARS, `start` to `end`, both included) and splits (SPLITS, after `start`) of a chart's JSON.

    A row without prices or without volume is missing and left out; a volume of 0 beside prices stays. Of two rows of
    one day the later is taken: Yahoo adds a live one. A bar on no session is left out and named.
    Raises Malformed, and Absurd for values that cannot be.
    """
    try:
        result = _result(body)
        check_what_was_asked(result.get("meta") or {}, symbol, "1d")
    except _UNREADABLE as error:
        raise Malformed(f"chart of {symbol}: {type(error).__name__}: {error}") from error
    try:
        bars = _bars(result, symbol).filter(pl.col("date").is_between(start, end))
        events = _splits(result, symbol)
    except _UNREADABLE as error:
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
    code, said = _error(exchange.body)
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
    newest = f"the newest is of {bars['date'][-1]}" if bars.height else f"nor any since {wanted.start}"
    return replace(there, state="not_yet", reason=f"no bar of {wanted.session}, {newest}")


def _refuse_strange(tickers: Sequence[str]) -> None:
    twice = sorted({ticker for ticker in tickers if tickers.count(ticker) > 1})
    if twice:
        raise ValueError(f"asked twice in Yahoo's spelling: {listing.named(twice)}")
    lower = [ticker for ticker in tickers if ticker != ticker.upper() or not ticker]
    if lower:
        raise ValueError(f"not in Yahoo's spelling, which is upper case: {listing.named(map(repr, lower))}")


def _pending(tickers: Sequence[str], answers: dict[str, DailyAnswer]) -> list[str]:
    """Those without an answer to keep. A bar that no ticker has yet is not asked for again: Yahoo is not ready."""
    again = set(FAILED)
    if any(answer.state == "published" for answer in answers.values()):
        again.add("not_yet")
    return [ticker for ticker in tickers if ticker not in answers or answers[ticker].state in again]


@dataclass(frozen=True)
class _Run:
    """One call of `fetch_daily`: who asks, for what, who is told, and how time passes."""

    client: Any
    wanted: Wanted
    say: Progress
    sleep: Callable[[float], None]

    def ask_round(self, pending: list[str], answers: dict[str, DailyAnswer]) -> bool:
        """Ask each of `pending` once, into `answers`; True when another round makes sense."""
        failures = 0
        begun = time.monotonic()
        for done, symbol in enumerate(pending, start=1):
            answer = self.ask_patiently(symbol)
            if answer.dropped:
                self.say(f"yahoo: {symbol}: {answer.dropped}")
            failed = answer.state in FAILED
            if not (failed and symbol in answers and answers[symbol].state not in FAILED):
                answers[symbol] = answer
            if done % PROGRESS_EVERY == 0:
                left = (time.monotonic() - begun) / done * (len(pending) - done)
                self.say(f"yahoo: {done}/{len(pending)} tickers, about {left / 60:.0f} min left")
            if answer.status == 429:
                self.say(f"yahoo: still rate limited, {len(pending) - done} more tickers are not asked")
                return False
            failures = failures + 1 if failed else 0
            if failures == MAX_FAILURES and done < len(pending):
                self.say(
                    f"yahoo: {failures} failures in a row ({answer.reason}), {len(pending) - done} tickers put off"
                )
                break
        return True

    def ask_patiently(self, symbol: str) -> DailyAnswer:
        """Ask, and while Yahoo answers 429 stand still and ask again: one ticker's limit is every ticker's."""
        retrying = tenacity.Retrying(
            sleep=self.sleep,
            wait=_rate_limit_wait,
            before_sleep=lambda state: self.say(f"yahoo: rate limit, waiting {state.upcoming_sleep:.0f} s"),
            stop=tenacity.stop_after_attempt(RATE_LIMIT_ATTEMPTS),
            retry=tenacity.retry_if_result(_worth_waiting),
            retry_error_callback=_outcome,
        )
        answer: DailyAnswer = retrying(self.ask, symbol)
        return answer

    def ask(self, symbol: str) -> DailyAnswer:
        import yfinance
        from yfinance.cache import get_tz_cache

        # Known here, it spares the request that yfinance would spend on it for each ticker.
        get_tz_cache().store(symbol, NEW_YORK.key)
        self.client.chart = None
        failure = "no request was made"
        try:
            yfinance.Ticker(symbol, session=self.client).history(
                start=self.wanted.start,
                end=_tomorrow(),
                interval="1d",
                auto_adjust=False,
                actions=True,
                timeout=TIMEOUT,
            )
        except Exception as error:
            # Whatever its own reading of the answer runs into: it is read here.
            failure = f"{type(error).__name__}: {error}"
        exchange = self.client.chart or Exchange(address=CHART + symbol, failure=failure)
        return judge(exchange, symbol, self.wanted, clock.now())


def _rate_limit_wait(state: tenacity.RetryCallState) -> float:
    grown: float = http.backoff() * RATE_LIMIT_PATIENCE * 2 ** (state.attempt_number - 1)
    return min(max(grown, _outcome(state).retry_after or 0.0), http.LONGEST_WAIT)


def _worth_waiting(answer: DailyAnswer) -> bool:
    return answer.status == 429 and (answer.retry_after or 0.0) <= http.LONGEST_WAIT


def _outcome(state: tenacity.RetryCallState) -> DailyAnswer:
    assert state.outcome is not None
    answer: DailyAnswer = state.outcome.result()
    return answer


def _tomorrow() -> date:
    # A clock set back does not set back what Yahoo has adjusted for, so the true one counts.
    return max(datetime.now(UTC), clock.now()).astimezone(NEW_YORK).date() + timedelta(days=1)


@contextmanager
def _quiet_client(pace: http.Pace) -> Iterator[Session[Response]]:
    """A session for yfinance that remembers the last chart.

    Its loggers and warnings are silent meanwhile, and its exceptions are not: they are the reason where no chart came.
    """
    import yfinance

    yfinance.set_tz_cache_location(_private_folder())
    logger = logging.getLogger("yfinance")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    hidden = yfinance.config.debug.hide_exceptions
    yfinance.config.debug.hide_exceptions = False
    client = _session_class()(pace)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield client
    finally:
        yfinance.config.debug.hide_exceptions = hidden
        logger.setLevel(level)
        client.close()


@cache
def _private_folder() -> str:
    """yfinance's cache is one per process: the shared one fails on a read-only home and between processes."""
    import atexit

    folder = tempfile.mkdtemp(prefix="darkpool-yahoo-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _session_class() -> Any:
    import curl_cffi
    from curl_cffi import requests as curl

    class Recording(curl.Session):  # type: ignore[type-arg]
        """curl_cffi's session; `chart` is the last chart exchange. It keeps the pace and bounds every wait."""

        def __init__(self, pace: http.Pace) -> None:
            https_alone = {curl_cffi.CurlOpt.REDIR_PROTOCOLS_STR: "https"}
            super().__init__(impersonate="chrome", curl_options=https_alone)
            self.chart: Exchange | None = None
            self._pace = pace
            self._dead: dict[str, Exception] = {}
            self._without_cookie: dict[str, Any] = {}

        def request(self, method: Any, url: str, **options: Any) -> Any:  # type: ignore[override]
            chart = CHART in url
            host = urlsplit(url).netloc
            # The cookie hosts are often on block lists and not needed: one time-out there is enough for a run.
            if not chart and host in self._dead:
                raise self._dead[host]
            if not chart and url in self._without_cookie:
                return self._without_cookie[url]
            self._pace.wait()
            body = _Body()
            bounds = {"timeout": TIMEOUT, "content_callback": body.take}
            try:
                response = super().request(method, url, **{**options, **bounds})
            except curl.exceptions.RequestException as error:
                if chart:
                    self.chart = Exchange(address=url, failure=body.failure or _failure(error))
                else:
                    self._dead[host] = error
                raise
            response.content = bytes(body.content)
            if chart:
                self.chart = Exchange(url, response.status_code, response.headers, response.content)
            if self._drop_what_yfinance_cannot_read() and not chart:
                # Charts need no cookie: the question that brought none of use is not put for every ticker.
                self._without_cookie[url] = response
            return response

        def _drop_what_yfinance_cannot_read(self) -> bool:
            """Yahoo's cookies without an A3 (a visitor's from Europe) or with one that yfinance fails over."""
            jar = self.cookies.jar
            found = {cookie.domain for cookie in jar if "yahoo" in cookie.domain}
            useless = found - {cookie.domain for cookie in jar if _is_readable(cookie)}
            for domain in useless:
                jar.clear(domain)
            return bool(useless)

    return Recording


def _is_readable(cookie: Any) -> bool:
    """Whether yfinance keeps and reads the cookie again without an exception, which it would not tell of."""
    return bool(cookie.name == "A3" and cookie.path == "/" and cookie.expires and 0 < cookie.expires < LATEST_EXPIRY)


class _Body:
    """A body as it comes, decoded, up to a size: curl bounds its time alone, and a small one may unpack to any size."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.failure = ""
        self._most = MAX_BYTES

    def take(self, chunk: bytes) -> int:
        if len(self.content) + len(chunk) > self._most:
            self.failure = f"the answer is larger than {self._most} bytes"
            return END_THE_TRANSFER
        self.content += chunk
        return len(chunk)


def _failure(error: Exception) -> str:
    names = {kind.__name__ for kind in type(error).__mro__}
    for name, words in [
        ("DNSError", "DNS: the host's name was not found"),
        ("ProxyError", "the proxy refused the connection"),
        ("InvalidSchema", "redirected out of HTTPS"),
        ("SSLError", "TLS: the certificate is not trusted"),
        ("Timeout", "time-out"),
        ("IncompleteRead", "cut: the connection closed early"),
    ]:
        if name in names:
            return words
    if getattr(error, "code", None) in _CLOSED_EARLY:
        return "cut: the connection closed early"
    if "ConnectionError" in names:
        return "could not connect"
    return f"connection failed ({type(error).__name__})"


def _error(body: bytes) -> tuple[str, str]:
    """Code and description where the chart is one of Yahoo's errors; empty otherwise."""
    try:
        error = json.loads(body)["chart"]["error"] or {}
        code = str(error.get("code") or "")
        return code, str(error.get("description") or code)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", ""


def _result(body: bytes) -> dict[str, Any]:
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
    frame = pl.DataFrame({"symbol": [symbol] * len(days), "date": days, **columns}, schema=BARS)
    absurd = frame.filter(pl.col("volume").is_finite() & (pl.col("volume") >= MOST_SHARES))
    for day, volume in absurd.select("date", "volume").iter_rows():
        raise Absurd(f"chart of {symbol}: {volume:g} shares on {day}, expected fewer than {MOST_SHARES:g}")
    values = [*PRICES, "volume"]
    return (
        frame.with_columns(pl.when(pl.col(values).is_finite()).then(pl.col(values)).name.keep())
        .filter(pl.any_horizontal(pl.col(PRICES).is_not_null()) & (pl.col("volume") >= 0))
        .unique("date", keep="last", maintain_order=True)
        .sort("date")
    )


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
