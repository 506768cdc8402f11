"""Asking Polygon, now Massive, for one symbol's trades, quotes and minute bars of a session, page by page.

The window is the session's day in New York; an answer about another symbol, or on another basis than was asked for, is
refused, and so is a page that came already. The key goes into the Authorization header and nowhere else: pages are
followed on the vendor's own host by the path and query of `next_url` alone, redirects are not followed at all.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from urllib.parse import quote, urlencode, urlsplit

from ... import clock, credentials
from ...market.sessions import NEW_YORK
from .. import http
from ..failure import Failure
from .page import (
    KINDS,
    MILLISECOND,
    MINUTE_BARS,
    NANOSECOND,
    TRADES,
    Page,
    Question,
    check,
    day_window,
    digest,
    message,
    read_page,
)

BASES = dict(zip(credentials.POLYGON, ("https://api.polygon.io", "https://api.massive.com"), strict=True))
"""The host that each name of the key stands for; keys are good at both."""
MOST_ROWS = 50_000
ATTEMPTS = 7
"""So many that the back-off outlasts a minute, after which the free plan answers again."""
AS_TRADED = {"adjusted": "false"}
"""Adjusted bars would change with every later split."""
FREE_INTERVAL = 12.0
"""Seconds between calls on the free plan: five a minute."""


class KeyRefused(RuntimeError):
    """The key is wrong: nothing can be asked, and the message says what to do."""


class NotEntitled(Failure):
    """The plan does not hold this kind of data; true for every symbol."""


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
        digests: set[bytes] = set()
        page, target_after = self._plan.first(kind, lambda: self._page(kind, symbol, session, target))
        yield page
        while target_after is not None:
            if target_after in seen:
                raise Failure("truncated", f"page {len(seen) + 1} of {kind} leads back to an earlier one", page.status)
            seen.add(target_after)
            digests.add(digest(page.rows))
            page, target_after = self._page(kind, symbol, session, target_after)
            if target_after not in seen and page.rows.height and digest(page.rows) in digests:
                # Whether it came again beside the page that is due, or in its place, nobody can know.
                raise Failure("truncated", f"page {len(seen) + 1} of {kind} repeats an earlier page", page.status)
            yield page

    def grouped(self, session: date) -> http.Answer:
        """The answer, of status 200, about every name of the session. Raises NotEntitled, Failure and KeyRefused."""
        return self._answer(f"/v2/aggs/grouped/locale/us/market/stocks/{session}?{urlencode(AS_TRADED)}", session)

    def _answer(self, target: str, session: date) -> http.Answer:
        try:
            answer = self._send(target)
        except http.Outage as outage:
            raise Failure("outage", outage.reason, address=self._base + target) from None
        if answer.status != 200:
            self._refuse(answer, session)
        return answer

    def _page(self, kind: str, symbol: str, session: date, target: str) -> tuple[Page, str | None]:
        answer = self._answer(target, session)
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
        said = message(answer.body)
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


def first_target(kind: str, symbol: str, session: date) -> str:
    """Path and query of the first page."""
    start, end = day_window(session)
    name = quote(symbol, safe="")
    if kind == MINUTE_BARS:
        query = {**AS_TRADED, "sort": "asc", "limit": MOST_ROWS}
        path = f"/v2/aggs/ticker/{name}/range/1/minute/{start * MILLISECOND}/{end * MILLISECOND - 1}"
        return f"{path}?{urlencode(query)}"
    window = {"timestamp.gte": start * NANOSECOND, "timestamp.lt": end * NANOSECOND}
    return f"/v3/{kind}/{name}?{urlencode({**window, 'order': 'asc', 'sort': 'timestamp', 'limit': MOST_ROWS})}"
