"""Asking FINRA: its CDN for files, and its Query API for the rows of a dataset: token, filters, pages.

The CDN takes a plain GET without credentials, by `http.Client` at the `pause` that holds for both.

Filters go with POST: in a GET they are ignored, and an unfiltered query begins at the oldest partition. A page holds
5,000 rows at most and 3 MB, so a short page is not the end: `Record-Total` is.
Credentials are optional where FINRA lets one in without. They are read by the function that sends them, and no message
carries them or anything FINRA says of them.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ... import credentials
from .. import http
from ..failure import Failure

FILES_ADDRESS = "https://cdn.finra.org/equity/regsho/daily/"
PAUSE = 0.2
"""Seconds between two requests; FINRA publishes no limit for its static files."""
TOKEN_ADDRESS = "https://ews.fip.finra.org/fip/rest/ews/oauth2/access_token?grant_type=client_credentials"
DATA_ADDRESS = "https://api.finra.org/data/group/otcMarket/name/"
KEY, SECRET = "FINRA_API_KEY", "FINRA_API_SECRET"
AUTO, OAUTH, KEY_PAIR, NONE = AUTHS = ("auto", "oauth", "x_api_key", "none")
"""Ways to be let in: a token, the older pair of headers, nothing; auto is a token where credentials are set."""
LIMIT = 5_000
"""Rows of a page; FINRA cuts a larger limit silently."""
MOST_DIGITS = 12
"""Of a count that can be one."""
MOST_ROWS = 500_000
"""FINRA takes no larger offset."""
EARLY = 60.0
"""Seconds before its end at which a token is renewed."""

Row = dict[str, Any]


def pause() -> float:
    """Seconds between requests; DARKPOOL_FINRA_PAUSE overrides."""
    return float(os.environ.get("DARKPOOL_FINRA_PAUSE") or PAUSE)


class Rows(NamedTuple):
    """All rows of a query; `content` is one JSON array of them, their bytes as FINRA sent them."""

    rows: list[Row]
    content: bytes
    address: str
    status: int
    etag: str | None
    retrieved_at: datetime


class Client:
    """The Query API under the credentials that are set; safe to share between threads."""

    def __init__(self, auth: str = AUTO, *, sleep: Callable[[float], None] = time.sleep) -> None:
        if auth not in AUTHS:
            raise ValueError(f"FINRA can be asked with {', '.join(AUTHS)}; {auth!r} was given")
        self._auth = auth
        self._web = http.Client(pause=pause(), sleep=sleep)
        self._lock = threading.Lock()
        self._token: str | None = None
        self._token_ends = 0.0

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self._web.__exit__(*error)

    def rows(self, dataset: str, query: Mapping[str, Any]) -> Rows:
        """Every row that `query` (filters as the API names them) finds in `dataset`, page by page; raises Failure."""
        address, rows, parts = DATA_ADDRESS + dataset, list[Row](), list[bytes]()
        total: int | None = None
        before = b""
        while True:
            answer = self._ask(address, {**query, "limit": LIMIT, "offset": len(rows)})
            page = read_page(answer)
            if page and answer.body == before:
                raise Failure("truncated", f"FINRA answered with the same page again after {len(rows)} rows", 200)
            before = answer.body
            said = _record_total(answer)
            if total is not None and said is not None and said != total:
                raise Failure("truncated", f"FINRA's Record-Total went from {total} to {said} between two pages", 200)
            total = total if said is None else said
            rows += page
            if page:
                parts.append(answer.body.strip()[1:-1])
            if not page or (total is not None and len(rows) >= total):
                break
            if len(rows) >= MOST_ROWS:
                raise Failure("truncated", f"more than {MOST_ROWS} rows: FINRA gives no more of one query", 200)
        if total is not None and len(rows) != total:
            raise Failure("truncated", f"{len(rows)} rows came, FINRA's Record-Total is {total}", answer.status)
        content = b"[" + b",".join(parts) + b"]"
        return Rows(rows, content, address, answer.status, answer.headers.get("ETag"), answer.retrieved_at)

    def _ask(self, address: str, body: Mapping[str, Any]) -> http.Answer:
        answer = self._send(address, body)
        if answer.status == 401 and self._token is not None:
            self._token = None
            answer = self._send(address, body)
        if answer.status not in (200, 204):
            raise _refusal(answer, self._with_credentials())
        return answer

    def _send(self, address: str, body: Mapping[str, Any]) -> http.Answer:
        headers = {"Accept": "application/json", **self._authorization()}
        try:
            return self._web.post(address, json=dict(body), headers=headers, allow_redirects=False)
        except http.Outage as outage:
            raise Failure("outage", outage.reason) from None

    def _with_credentials(self) -> bool:
        if self._auth == AUTO:
            try:
                return any(credentials.which([name]) for name in (KEY, SECRET))
            except ValueError as error:
                raise Failure("blocked", str(error)) from None
        return self._auth != NONE

    def _authorization(self) -> dict[str, str]:
        if not self._with_credentials():
            return {}
        if self._auth == KEY_PAIR:
            key, secret = _pair()
            return {"X-API-KEY": key, "X-API-SECRET": secret}
        with self._lock:
            if self._token is None or time.monotonic() >= self._token_ends:
                self._token, seconds = self._new_token()
                credentials.remember(self._token)
                self._token_ends = time.monotonic() + seconds - EARLY
            return {"Authorization": f"Bearer {self._token}"}

    def _new_token(self) -> tuple[str, float]:
        """A token and the seconds it is good for."""
        try:
            answer = self._web.post(
                TOKEN_ADDRESS, auth=_pair(), headers={"Accept": "application/json"}, allow_redirects=False
            )
        except http.Outage as outage:
            raise Failure("outage", f"no token: {outage.reason}") from None
        said = _object(answer.body)
        if answer.status in (400, 401, 403) and (said.get("error") == "invalid_client" or answer.status != 400):
            raise Failure(
                "blocked",
                f"FINRA does not take the credentials in {KEY} and {SECRET} (status {answer.status}). Correct them in "
                f"the environment or in {credentials.FILE} (a secret is renewed every year), or remove both: FINRA may "
                "let one in without",
                answer.status,
            )
        token = said.get("access_token")
        if answer.status != 200 or not isinstance(token, str) or not token:
            raise Failure("outage", f"no token: FINRA answered with status {answer.status}", answer.status)
        try:
            return token, float(said["expires_in"])
        except (KeyError, TypeError, ValueError, OverflowError):
            return token, 0.0


def _pair() -> tuple[str, str]:
    try:
        pair = credentials.read(KEY), credentials.read(SECRET)
    except ValueError as error:
        raise Failure("blocked", str(error)) from None
    credentials.remember(*pair)
    return pair


class _Twice(Exception):
    """A field that a row names twice: readers of JSON take the one or the other."""


def _row(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return row


def read_page(answer: http.Answer) -> list[Row]:
    """The rows of one answer, none for 204; raises Failure when the body is no JSON array of rows."""
    if answer.status == 204:
        return []
    try:
        page = json.loads(answer.body, object_pairs_hook=_row)
    except _Twice as error:
        raise Failure("outage", f"FINRA's answer has a row that names {error} twice", answer.status) from None
    except (ValueError, RecursionError):
        began = answer.body[:15].decode("ascii", "replace").strip()
        raise Failure("outage", f"FINRA's answer is no JSON, it begins with {began!r}", answer.status) from None
    if not isinstance(page, list) or not all(isinstance(row, dict) for row in page):
        raise Failure("outage", "FINRA's answer is JSON, but no array of rows", answer.status)
    return page


def _record_total(answer: http.Answer) -> int | None:
    text = (answer.headers.get("Record-Total") or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None


def _refusal(answer: http.Answer, with_credentials: bool) -> Failure:
    status = answer.status
    if status in (401, 403):
        todo = (
            f"the credentials in {KEY} and {SECRET} are not entitled to it, or their monthly volume is used up"
            if with_credentials
            else f"FINRA asks for credentials: set {KEY} and {SECRET} in the environment or in {credentials.FILE}"
        )
        return Failure("blocked", f"FINRA refused with status {status}: {todo}", status)
    if status == 429:
        return Failure("outage", "rate limit: FINRA answered 429 to every attempt", status)
    said = " ".join(str(_object(answer.body).get("message") or "").split())[:200] if status == 400 else ""
    return Failure("outage", f"FINRA answered with status {status}" + (f": {said}" if said else ""), status)


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
