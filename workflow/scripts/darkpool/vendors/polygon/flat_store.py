"""The vendor's store of flat files, by S3: a day's file of trades or quotes as a stream, or why there is none.

The month is listed first: a key that is refused and a day that is not there are then two things, which the store's own
answer to a missing object need not tell apart.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs
from requests.utils import get_environ_proxies, select_proxy

from ... import clock, credentials
from ...archive import open_requests
from ...market.sessions import NEW_YORK
from ...settings import Flat
from ..failure import Failure
from .flat_file import FlatFileError
from .page import QUOTES, TRADES

FOLDERS = {TRADES: "us_stocks_sip/trades_v1", QUOTES: "us_stocks_sip/quotes_v1"}
ATTEMPTS = 3
CONNECT_SECONDS, PATIENCE = 10.0, 60.0
"""Seconds for a connection, and for the next piece of a file: what stalls longer is an outage of today."""
CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
READY = "about 11:00 New York on the day after"
_REFUSALS = ("ACCESS_DENIED", "AccessDenied", "INVALID_ACCESS_KEY", "InvalidAccessKey", "SIGNATURE", "Signature",
             "INVALID_CLIENT_TOKEN", "HTTP status 403", "HTTP response code: 403", "HTTP status 401")  # fmt: skip

_CODE = re.compile(r"AWS Error [A-Z_]+")


class Opened(NamedTuple):
    """A file of the store while it is read; `address` is without keys, `etag` what tells that it was replaced."""

    stream: io.RawIOBase
    address: str
    etag: str | None


class FlatStore:
    """The bucket of `flat`, by the keys that are set. Raises ValueError for an endpoint or a key that is none."""

    def __init__(self, flat: Flat) -> None:
        parts = urlsplit(flat.endpoint)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(
                f"lit.flat.endpoint is {flat.endpoint!r}, expected an address as https://files.massive.com"
            )
        names = [credentials.which(names) for names in (credentials.S3_ID, credentials.S3_SECRET)]
        identity, secret = (credentials.read(name) if name else "" for name in names)
        # Arrow's client reads neither of these from the environment, as those of the other vendors do.
        proxy = flat.proxy or select_proxy(flat.endpoint, get_environ_proxies(flat.endpoint))
        bundle = next(filter(None, map(credentials.setting, CA_BUNDLES)), None)
        more: dict[str, Any] = {"proxy_options": proxy} if proxy else {}
        self._files = fs.S3FileSystem(
            access_key=identity, secret_key=secret, region="us-east-1", scheme=parts.scheme,
            endpoint_override=parts.netloc, force_virtual_addressing=False, connect_timeout=CONNECT_SECONDS,
            request_timeout=PATIENCE, retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
            tls_ca_file_path=bundle, **more,
        )  # fmt: skip
        self._bucket, self._endpoint = flat.bucket, f"{parts.scheme}://{parts.netloc}"

    @contextmanager
    def open(self, kind: str, session: date) -> Iterator[Opened]:
        """The day's file; raises Failure, also for what goes wrong while it is read."""
        path = f"{self._bucket}/{FOLDERS[kind]}/{session:%Y/%m}/{session}.csv.gz"
        address = f"{self._endpoint}/{path}"
        try:
            there = {found.path for found in self._files.get_file_info(fs.FileSelector(path.rpartition("/")[0], True))}
        except FileNotFoundError:
            there = set()
        except OSError as error:
            raise _failure(error, address) from None
        if path not in there:
            raise _missing(session, address)
        try:
            stream = self._files.open_input_stream(path, compression=None)  # unpacked by who reads it
        except FileNotFoundError:
            raise _missing(session, address) from None
        except OSError as error:
            raise _failure(error, address) from None
        with stream:
            etag = (stream.metadata() or {}).get("ETag", b"").decode().strip('"') or None
            try:
                yield Opened(_Reader(stream, address), address, etag)
            except FlatFileError as error:
                raise Failure("truncated", str(error), None, address) from None
            except TimeoutError as error:
                raise _failure(error, address) from None


class _Reader(io.RawIOBase):
    """The stream, whose own failures are the store's: an OSError of whoever reads it is about his own files."""

    def __init__(self, stream: Any, address: str) -> None:
        self._stream, self._address = stream, address

    def read(self, size: int = -1) -> bytes:
        try:
            return bytes(self._stream.read(size))
        except (OSError, pa.ArrowException) as error:
            raise _failure(error, self._address) from None


def _missing(session: date, address: str) -> Failure:
    today = clock.now().astimezone(NEW_YORK).date()
    if open_requests.grace_is_over(session, today):
        return Failure("absent", f"the store has no file of {session}", 404, address)
    return Failure("not_yet", f"the store has no file of {session} yet; it comes {READY}", 404, address)


def _failure(error: BaseException, address: str) -> Failure:
    said = credentials.hidden(" ".join(str(error).split()))[:300]
    if code := _CODE.search(said):
        said = code[0]
    if any(words in said for words in _REFUSALS):
        return Failure("blocked", f"the store refuses the keys: {said}", 403, address)
    return Failure("outage", f"the store does not answer: {said}", None, address)
