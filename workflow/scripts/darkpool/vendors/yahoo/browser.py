"""The session through which yfinance asks Yahoo: a browser's likeness that keeps the pace, bounds every wait and every
body, follows nothing out of HTTPS, and remembers the last chart as it came.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .. import http
from .chart import Exchange

if TYPE_CHECKING:
    from curl_cffi.requests import Response, Session

CHART = "/v8/finance/chart/"
TIMEOUT = 30.0
MAX_BYTES = 16 * 2**20
"""Of one answer, unpacked; a year of daily bars is 0.1 MB."""
END_THE_TRANSFER = 0xFFFFFFFF
"""What a write callback returns to curl (CURL_WRITEFUNC_ERROR)."""
LATEST_EXPIRY = 1e14
"""Of a cookie: seconds, or milliseconds, which yfinance takes for such above 2e9."""

# curl's GOT_NOTHING, SEND_ERROR and RECV_ERROR, which its Python class does not tell from a refused connection
_CLOSED_EARLY = (52, 55, 56)


@contextmanager
def quiet_session(pace: http.Pace) -> Iterator[Session[Response]]:
    """A session for yfinance that remembers the last chart.

    Its loggers and warnings are silent meanwhile, and its exceptions are not: they are the reason where no chart came.
    """
    import yfinance

    yfinance.set_tz_cache_location(private_folder())
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
def private_folder() -> str:
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
                    self.chart = Exchange(address=url, failure=body.failure or failure_of(error))
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


def failure_of(error: Exception) -> str:
    """Why no answer came, in words for a receipt; nothing of the request."""
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
