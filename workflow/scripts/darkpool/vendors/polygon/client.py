"""Asking Polygon, now Massive, for one symbol's trades, quotes and minute bars of a session, page by page.

The window is the session's day in New York; an answer about another symbol, or on another basis than was asked for, is
refused, and so is a page that came already. The key goes into the Authorization header and nowhere else: pages are
followed on the vendor's own host by the path and query of `next_url` alone, redirects are not followed at all.
"""

from __future__ import annotations

import hashlib
import io
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import polars as pl

from ... import clock, credentials
from ...market.sessions import NEW_YORK
from .. import http

BASES = dict(zip(credentials.POLYGON, ("https://api.polygon.io", "https://api.massive.com"), strict=True))
"""The host that each name of the key stands for; keys are good at both."""
TRADES, QUOTES, MINUTE_BARS = KINDS = ("trades", "quotes", "minute_bars")
ORDERING = ("t", "participant_timestamp", "sip_timestamp", "sequence_number")
AMOUNTS = ("price", "size", "bid_price", "ask_price", *"ohlcv")
TICKER, ADJUSTED, ROW_TICKERS = "ticker", "adjusted", ("T", "sym", "symbol")
MOST = 1e15
"""Dollars or shares; nothing that is traded comes near it."""
MOST_ROWS = 50_000
ATTEMPTS = 7
"""So many that the back-off outlasts a minute, after which the free plan answers again."""
NANOSECOND, MILLISECOND = 1_000_000_000, 1_000


FREE_INTERVAL = 12.0
"""Seconds between calls on the free plan: five a minute."""


class Question(NamedTuple):
    """What a page was asked for: trades, quotes or minute_bars of a symbol in Polygon's spelling."""

    kind: str
    symbol: str


class KeyRefused(RuntimeError):
    """The key is wrong: nothing can be asked, and the message says what to do."""


class Failure(Exception):
    """No usable answer: `state` and `reason` as a receipt carries them, `status` of HTTP where one came."""

    def __init__(self, state: str, reason: str, status: int | None = None, address: str | None = None) -> None:
        super().__init__(reason)
        self.state, self.reason, self.status, self.address = state, reason, status, address


class NotEntitled(Failure):
    """The plan does not hold this kind of data; true for every symbol."""


@dataclass(frozen=True)
class Page:
    """Rows with the vendor's own fields, and the answer they came in; `address` is without secrets."""

    rows: pl.DataFrame
    address: str
    status: int
    etag: str | None
    retrieved_at: datetime


class Client:
    """Polygon under the key that is set; safe to share between threads.

    `calls_per_minute` holds over all threads, 0 is no limit; None is no limit until the plan turns out to be the free
    one (it refuses trades, or the vendor says too fast), whose limit holds from then on. Raises ValueError when no key
    is set.
    """

    def __init__(
        self,
        *,
        calls_per_minute: float | None = 0,
        workers: int = 1,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        name = credentials.which(credentials.POLYGON)
        if name is None:
            names = " or ".join(credentials.POLYGON)
            raise ValueError(f"no key: set {names} in the environment or in {credentials.FILE}")
        self._key_name = name
        self._base = BASES[name]
        self._may_slow_down = calls_per_minute is None
        interval = 60 / calls_per_minute if calls_per_minute else 0.0
        # A call waits for its turn among the workers before each attempt, and that is no fault of the vendor's.
        patience = http.TOTAL_SECONDS + ATTEMPTS * workers * max(interval, FREE_INTERVAL if self._may_slow_down else 0)
        self._web = http.Client(
            pause=interval, attempts=ATTEMPTS, total_seconds=patience, sleep=sleep, heard=self._heard
        )
        # A page takes ten times its size while it is parsed: one at a time, whatever the number of workers.
        self._parsing = threading.Lock()
        self._plan = _Plan()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self._web.__exit__(*error)

    def refuse(self, kind: str, reason: str) -> None:
        """Take it as known that the plan does not hold `kind`, in the vendor's words `reason`."""
        self._plan.refused[kind] = reason
        if kind == TRADES:
            self._slow_down()

    def _heard(self, answer: http.Answer) -> None:
        free = answer.status == 403 and "/v3/trades/" in answer.url and b"NOT_AUTHORIZED" in answer.body
        if free or answer.status == 429:
            self._slow_down()

    def _slow_down(self) -> None:
        """Keep to the free plan's limit from here on."""
        if self._may_slow_down:
            self._may_slow_down = False
            self._web.pace.slow_down(FREE_INTERVAL)
            print(
                f"Polygon: the free plan's limit holds from here, a call every {FREE_INTERVAL:g} s "
                "(lit.calls_per_minute sets another)",
                file=sys.stderr,
            )

    def pages(self, kind: str, symbol: str, session: date) -> Iterator[Page]:
        """The pages of `kind` (trades, quotes, minute_bars) for `symbol`, one at least, in the vendor's order.

        Raises NotEntitled (asked once for all symbols), Failure, and KeyRefused.
        """
        target = first_target(kind, symbol, session)
        seen: set[str] = set()
        told: set[bytes] = set()
        page, target_after = self._plan.first(kind, lambda: self._page(kind, symbol, session, target))
        yield page
        while target_after is not None:
            if target_after in seen:
                raise Failure("truncated", f"page {len(seen) + 1} of {kind} leads back to an earlier one", page.status)
            seen.add(target_after)
            told.add(_digest(page.rows))
            page, target_after = self._page(kind, symbol, session, target_after)
            if target_after not in seen and page.rows.height and _digest(page.rows) in told:
                # Whether it came again beside the page that is due, or in its place, nobody can know.
                raise Failure("truncated", f"page {len(seen) + 1} of {kind} repeats an earlier page", page.status)
            yield page

    def _page(self, kind: str, symbol: str, session: date, target: str) -> tuple[Page, str | None]:
        try:
            answer = self._send(target)
        except http.Outage as outage:
            raise Failure("outage", outage.reason, address=self._base + target) from None
        if answer.status != 200:
            self._refuse(answer, session)
        try:
            with self._parsing:
                rows, following = read_page(answer.body, Question(kind, symbol))
                check(rows, kind, session)
        except ValueError as error:
            raise Failure("outage", f"{kind} of {symbol}: {error}", answer.status, answer.url) from None
        return Page(rows, answer.url, answer.status, answer.headers.get("ETag"), answer.retrieved_at), following

    def _send(self, target: str) -> http.Answer:
        key = credentials.read(self._key_name)
        headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        return self._web.get(self._base + target, headers=headers, allow_redirects=False)

    def _refuse(self, answer: http.Answer, session: date) -> None:
        """Raise what an answer other than 200 amounts to."""
        said = _message(answer.body)
        if answer.status == 401:
            host = urlsplit(self._base).netloc
            raise KeyRefused(
                f"{host} does not know the key in {self._key_name} (401: {said or 'no message'}). "
                f"Correct {self._key_name} in the environment or in {credentials.FILE}, or remove it: without a key "
                "Yahoo's minute bars are taken instead"
            )
        if answer.status == 403 and b"NOT_AUTHORIZED" in answer.body:
            own_day = clock.now().astimezone(NEW_YORK).date() <= session
            if own_day and "timeframe" in said:
                raise Failure("not_yet", f"the plan gives this session later: {said}", 403, answer.url)
            raise NotEntitled("blocked", said, 403, answer.url)
        if answer.status in (401, 403):
            raise Failure("blocked", f"refused with status {answer.status}", answer.status, answer.url)
        if answer.status == 429:
            raise Failure("outage", "rate limit: 429 to every attempt; lower lit.calls_per_minute", 429, answer.url)
        raise Failure("outage", f"HTTP {answer.status}" + (f": {said}" if said else ""), answer.status, answer.url)


class _Plan:
    """What the plan holds, learnt from the first answer of each kind; others wait for it meanwhile."""

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}
        self._held: set[str] = set()
        self._no_key: KeyRefused | None = None
        self._learning = {kind: threading.Lock() for kind in KINDS}

    def first(self, kind: str, ask: Callable[[], tuple[Page, str | None]]) -> tuple[Page, str | None]:
        with self._learning[kind]:
            if self._no_key:
                raise self._no_key
            if kind in self.refused:
                raise NotEntitled("blocked", self.refused[kind])
            if kind not in self._held:
                try:
                    answered = ask()
                except NotEntitled as refusal:
                    self.refused[kind] = refusal.reason
                    raise
                except KeyRefused as error:
                    self._no_key = error
                    raise
                self._held.add(kind)
                return answered
        return ask()


def day_window(session: date) -> tuple[int, int]:
    """The session's day in New York, half-open, in seconds since 1970 UTC."""
    midnights = (datetime.combine(day, clock_time(), NEW_YORK) for day in (session, session + timedelta(days=1)))
    start, end = (int(moment.timestamp()) for moment in midnights)
    return start, end


def first_target(kind: str, symbol: str, session: date) -> str:
    """Path and query of the first page."""
    start, end = day_window(session)
    name = quote(symbol, safe="")
    if kind == MINUTE_BARS:
        # As traded: adjusted bars would change with every later split.
        query = {"adjusted": "false", "sort": "asc", "limit": MOST_ROWS}
        path = f"/v2/aggs/ticker/{name}/range/1/minute/{start * MILLISECOND}/{end * MILLISECOND - 1}"
        return f"{path}?{urlencode(query)}"
    window = {"timestamp.gte": start * NANOSECOND, "timestamp.lt": end * NANOSECOND}
    return f"/v3/{kind}/{name}?{urlencode({**window, 'order': 'asc', 'sort': 'timestamp', 'limit': MOST_ROWS})}"


def read_page(body: bytes, asked: Question | None = None) -> tuple[pl.DataFrame, str | None]:
    """Rows of a page, every field as the vendor sent it, and path and query of the next page where there is one.

    An integer column with one fraction in it is float64. Raises ValueError when the body is no page, a row of it names
    a field twice, or it says that it answers another question than `asked`.
    """
    try:
        page = pl.read_json(io.BytesIO(body), infer_schema_length=None)
    except pl.exceptions.PolarsError:
        began = body[:15].decode("ascii", "replace").strip()
        raise ValueError(f"the answer is no JSON of rows, it begins with {began!r}") from None
    if page.height != 1 or not {"status", "results"} & set(page.columns):
        raise ValueError("the answer is JSON, but no page: expected an object with status and results")
    status = str(page["status"][0]) if "status" in page.columns else "OK"
    if status not in ("OK", "DELAYED"):
        raise ValueError(f"the page's status is {status}: {_message(body)}")
    rows = _rows(page)
    twice = [name for name in ("status", "results", "next_url") if body.count(f'"{name}":'.encode()) > 1]
    # A frame with two columns of one name can be asked for its columns and for nothing else.
    twice += [name for name in rows.columns if rows.columns.count(name) > 1]
    twice = twice or [name for name in rows.columns if _is_named_twice(body, rows, name)]
    twice += [name for name in (TICKER, ADJUSTED) if name not in rows.columns and body.count(f'"{name}":'.encode()) > 1]
    if twice:
        raise ValueError(f"{twice[0]} is named twice")
    if asked:
        _require_the_answer(page, rows, asked)
    return rows, _following(page)


def _is_named_twice(body: bytes, rows: pl.DataFrame, name: str) -> bool:
    """Whether a row names a field twice, of which readers of JSON take the one or the other."""
    if name not in ORDERING and name not in AMOUNTS:
        return False
    key = f'"{name}":'.encode()
    nulls = body.count(key + b"null") + body.count(key + b" null")
    return body.count(key) > rows.height - rows[name].null_count() + nulls


def _require_the_answer(page: pl.DataFrame, rows: pl.DataFrame, asked: Question) -> None:
    """Raise ValueError where page or rows are of another symbol, or bars do not say whose they are and as traded."""
    answered = {str(page[TICKER][0])} if TICKER in page.columns and page[TICKER][0] is not None else set()
    for name in (TICKER, *ROW_TICKERS):
        if name in rows.columns:
            answered |= set(map(str, rows[name].drop_nulls().unique()))
    if others := sorted(answered - {asked.symbol}):
        raise ValueError(f"asked for {asked.symbol}, answered for {', '.join(others[:3])}")
    if asked.kind != MINUTE_BARS or not rows.height:
        return
    if not answered:
        raise ValueError(f"bars without their ticker, expected {asked.symbol}")
    adjusted = page[ADJUSTED][0] if ADJUSTED in page.columns else None
    if adjusted is not False:
        said = "missing" if adjusted is None else str(adjusted).lower()
        raise ValueError(f"{ADJUSTED} is {said}, asked for false: bars as traded")


def check(rows: pl.DataFrame, kind: str, session: date) -> None:
    """Raise ValueError when rows lie outside the day that was asked for, or what orders them is no whole number."""
    if rows.is_empty():
        return
    start, end = day_window(session)
    name, unit = ("t", MILLISECOND) if kind == MINUTE_BARS else ("sip_timestamp", NANOSECOND)
    if name not in rows.columns:
        raise ValueError(f"rows without {name}; they have {', '.join(sorted(rows.columns))}")
    for field in ORDERING:
        found = rows.schema.get(field, pl.Null())
        if not found.is_integer() and found != pl.Null:
            raise ValueError(f"{field} is {found}, expected whole numbers")
    outside = rows.filter(~pl.col(name).is_between(start * unit, end * unit, closed="left"))
    if outside.height:
        example = f"{name} {outside[name][0]}"
        raise ValueError(f"asked for {session}, answered with {outside.height} rows of other days ({example})")
    for field in set(AMOUNTS) & set(rows.columns):
        found = rows.schema[field]
        if not found.is_numeric() and found != pl.Null:
            raise ValueError(f"{field} is {found}, expected numbers")
        absurd = rows.filter(~pl.col(field).is_between(-MOST, MOST)) if found.is_numeric() else rows.clear()
        if absurd.height:
            raise ValueError(f"{field} is {absurd[field][0]}, expected less than {MOST:g}")
    if kind == MINUTE_BARS:
        # Identical rows are one; trades and quotes of one moment and sequence that differ are all real.
        starts = rows.unique()["t"]
        if starts.is_duplicated().any():
            twice = starts.filter(starts.is_duplicated())[0]
            raise ValueError(f"two different bars start at {twice}; one a minute is right")


def _digest(rows: pl.DataFrame) -> bytes:
    """What tells a page from another: its rows in their order."""
    return hashlib.blake2b(rows.hash_rows().to_numpy().tobytes() if rows.height else b"").digest()


def _rows(page: pl.DataFrame) -> pl.DataFrame:
    kind = page.schema.get("results", pl.Null())
    inner = getattr(kind, "inner", None)
    if kind == pl.Null or (isinstance(inner, pl.Null) and not page["results"].list.len().sum()):
        return pl.DataFrame()
    if isinstance(inner, pl.Null) or inner == pl.Struct([]):
        raise ValueError("the rows of the results hold nothing")
    if not isinstance(inner, pl.Struct):
        raise ValueError(f"results are {kind}, expected a list of rows")
    rows = page["results"].explode()
    if rows.null_count():
        raise ValueError("a row of the results is null")
    return rows.struct.unnest()


def _following(page: pl.DataFrame) -> str | None:
    address = page["next_url"][0] if "next_url" in page.columns else None
    if address is None or (isinstance(address, str) and not address):
        return None
    if not isinstance(address, str):
        raise ValueError(f"next_url is {page.schema['next_url']}, expected an address")
    parts = urlsplit(address)
    if not parts.path.startswith(("/v2/", "/v3/")):
        raise ValueError(f"next_url leads to {parts.path!r}, which is no page")
    query = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name.lower() != "apikey"
    ]
    return parts.path + (f"?{urlencode(query)}" if query else "")


def _message(body: bytes) -> str:
    """What the vendor says in the body of an error, one line; empty where it says nothing."""
    import json

    try:
        content: Any = json.loads(body)
        said = content.get("message") or content.get("error") or ""
    except (ValueError, AttributeError, RecursionError):
        return ""
    return " ".join(str(said).split())[:200]
