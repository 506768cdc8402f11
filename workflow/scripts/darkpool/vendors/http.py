"""HTTP as every source needs it: verified, bounded in time and size, patient with a busy server, polite.

Retrying is tenacity's, the connection requests'. Whatever status remains after the retries is an Answer; Outage means
that no whole answer came. Neither carries anything of the request but its address, so no key can reach a log by them.
"""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import tenacity
import urllib3.exceptions

from .. import clock

USER_AGENT = "darkpool/0.1 (personal research workflow)"
CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0
TOTAL_SECONDS = 300.0
ATTEMPTS = 4
MAX_BYTES = 64 * 2**20
MAX_REDIRECTS = 5
LONGEST_WAIT = 60.0
BACKOFF = "DARKPOOL_BACKOFF"
NO_ADDRESS = "redirected to an address that is none"
PREPARED = {"params", "headers", "json", "data", "auth"}
"""Options that make the request itself."""

_CHUNK = 2**16


class Outage(Exception):
    """No whole answer came; `reason` says why in words for a receipt."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Passing(Outage):
    """An outage that may be over at the next attempt."""


@dataclass(frozen=True)
class Answer:
    """What the server said: any status, headers by case-insensitive name, the decoded body, `retrieved_at` in UTC."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    retrieved_at: datetime


class Pace:
    """At most one pass through `wait` every `interval` seconds, over all threads."""

    def __init__(self, interval: float, sleep: Callable[[float], None] = time.sleep) -> None:
        self.interval = interval
        self._sleep = sleep
        self._next = 0.0
        self._lock = threading.Lock()

    def slow_down(self, interval: float) -> None:
        """Keep at least `interval` seconds from the last pass on."""
        with self._lock:
            self._next = max(self._next, time.monotonic()) - self.interval + interval
            self.interval = interval

    def wait(self) -> None:
        if self.interval <= 0:
            return
        with self._lock:
            slot = max(time.monotonic(), self._next)
            self._next = slot + self.interval
        self._sleep(max(0.0, slot - time.monotonic()))


def backoff() -> float:
    """Seconds of the first back-off; DARKPOOL_BACKOFF overrides the default of 1."""
    return float(os.environ.get(BACKOFF) or 1.0)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a Retry-After header (number or HTTP date) asks to wait from `now` (aware); None without one."""
    text = (headers.get("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None


class Client:
    """A session with one vendor; safe to share between threads.

    `pause` is the least interval between two calls in seconds, `total_seconds` the limit of one call with its retries;
    `heard` is told of every answer, those that are asked again included.
    """

    def __init__(
        self,
        *,
        pause: float = 0.0,
        attempts: int = ATTEMPTS,
        max_bytes: int = MAX_BYTES,
        total_seconds: float = TOTAL_SECONDS,
        timeout: tuple[float, float] = (CONNECT_TIMEOUT, READ_TIMEOUT),
        sleep: Callable[[float], None] = time.sleep,
        heard: Callable[[Answer], None] | None = None,
    ) -> None:
        self.pace = Pace(pause, sleep)
        self._heard = heard
        self._sleep = sleep
        self.attempts = attempts
        self.max_bytes = max_bytes
        self.total_seconds = total_seconds
        self.timeout = timeout
        self._session = requests.Session()
        self._session.headers["User-Agent"] = USER_AGENT
        self._session.max_redirects = MAX_REDIRECTS
        self._session.hooks["response"].append(self._stay_verified)
        # Without an auth of its own requests would put a ~/.netrc entry in place of our Authorization header.
        self._session.auth = lambda request: request

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get(self, url: str, **options: Any) -> Answer:
        """`request` with GET."""
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> Answer:
        """`request` with POST."""
        return self.request("POST", url, **options)

    def request(self, method: str, url: str, **options: Any) -> Answer:
        """The answer to one call; 429, 5xx, lost connections and cut bodies are asked again, 403 and 404 are not.

        `options` (params, headers, json, data, auth) go to requests. A Retry-After above 60 seconds ends the asking:
        the 429 is the answer. Raises Outage when no whole answer came.
        """
        deadline = time.monotonic() + self.total_seconds
        retrying = tenacity.Retrying(
            sleep=self._sleep,
            stop=tenacity.stop_after_attempt(self.attempts) | tenacity.stop_before_delay(self.total_seconds),
            wait=_wait,
            retry=tenacity.retry_any(tenacity.retry_if_exception_type(_Passing), tenacity.retry_if_result(_busy)),
            retry_error_callback=_last_outcome,
        )
        answer: Answer = retrying(self._once, method, url, deadline, options)
        return answer

    def _once(self, method: str, url: str, deadline: float, options: dict[str, Any]) -> Answer:
        # Our own address and headers, before what the vendor makes of them: a fault in these is ours and no outage.
        requests.Request(method, url, **{name: options[name] for name in options.keys() & PREPARED}).prepare()
        self.pace.wait()
        try:
            with self._session.request(method, url, timeout=self.timeout, stream=True, **options) as response:
                body = self._read(response, deadline)
        except requests.exceptions.TooManyRedirects as error:
            raise Outage(f"more than {MAX_REDIRECTS} redirects") from error
        except (requests.exceptions.SSLError, urllib3.exceptions.SSLError) as error:
            raise Outage("TLS: the certificate is not trusted") from error
        except requests.exceptions.InvalidProxyURL:
            raise
        except (ValueError, LookupError, ArithmeticError) as error:
            raise Outage(f"an answer that nobody can read ({type(error).__name__})") from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException) as error:
            raise _Passing(_reason(error)) from error
        answer = Answer(response.status_code, response.headers, body, response.url, clock.now())
        if self._heard is not None:
            self._heard(answer)
        return answer

    def _stay_verified(self, response: requests.Response, **_: Any) -> None:
        """Raise Outage before a redirect is followed out of HTTPS: what comes from there is nobody's word."""
        try:
            target = self._session.get_redirect_target(response)
            address = urlsplit(urljoin(response.url, target)) if target else None
            is_one = address is None or ((address.port is None or address.port > 0) and bool(address.hostname))
        except ValueError as error:
            raise Outage(NO_ADDRESS) from error
        if not is_one:
            raise Outage(NO_ADDRESS)
        if address and response.url.startswith("https:") and address.scheme != "https":
            raise Outage("redirected out of HTTPS")

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        body = bytearray()
        # read1 hands over what has come: a dripping server meets the total limit and not only the read time-out.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > self.max_bytes:
                raise Outage(f"the answer is larger than {self.max_bytes} bytes")
            if time.monotonic() > deadline:
                raise Outage(f"took longer than {self.total_seconds:g} s")
        promised = response.headers.get("Content-Length", "")
        if (
            promised.isascii()
            and promised.isdigit()
            and response.request.method != "HEAD"
            and response.raw.tell() < int(promised)
        ):
            raise _Passing(f"cut: {response.raw.tell()} of {promised} bytes came")
        return bytes(body)


def _busy(answer: Answer) -> bool:
    if answer.status == 429:
        return (retry_after(answer.headers, datetime.now(UTC)) or 0.0) <= LONGEST_WAIT
    return answer.status >= 500


def _wait(state: tenacity.RetryCallState) -> float:
    base = backoff()
    if state.outcome is not None and not state.outcome.failed:
        answer: Answer = state.outcome.result()
        asked = retry_after(answer.headers, datetime.now(UTC))
        if asked is not None:
            return min(asked, LONGEST_WAIT)
    return float(tenacity.wait_exponential_jitter(multiplier=base, max=LONGEST_WAIT, jitter=base)(state))


def _last_outcome(state: tenacity.RetryCallState) -> Answer:
    assert state.outcome is not None
    answer: Answer = state.outcome.result()
    return answer


def _reason(error: BaseException) -> str:
    """What went wrong without the address, whose query may hold what no log should."""
    names = {type(link).__name__ for link in _chain(error)}
    for found, words in [
        ({"NameResolutionError", "gaierror"}, "DNS: the host's name was not found"),
        ({"ProxyError"}, "the proxy refused the connection"),
        ({"ConnectTimeout", "ConnectTimeoutError"}, "time-out while connecting"),
        ({"ReadTimeout", "ReadTimeoutError", "TimeoutError"}, "time-out while reading"),
        ({"IncompleteRead", "ChunkedEncodingError", "DecodeError"}, "cut: the body ended early"),
        ({"ConnectionRefusedError"}, "connection refused"),
        ({"RemoteDisconnected", "ConnectionResetError", "BrokenPipeError"}, "connection dropped"),
    ]:
        if names & found:
            return words
    return f"connection failed ({type(error).__name__})"


def _chain(error: BaseException) -> list[BaseException]:
    links: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        link = todo.pop()
        if isinstance(link, BaseException) and not any(link is seen for seen in links):
            links.append(link)
            todo += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
    return links
