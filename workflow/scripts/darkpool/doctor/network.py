"""Checks of what lies outside: the vendors' hosts, and the clock against theirs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from .. import clock, credentials, settings
from .finding import Check

TIMEOUT = 6.0
"""Seconds for one vendor."""
SKEW, WRONG_CLOCK = timedelta(minutes=1), timedelta(minutes=15)
YAHOO_HOST = "query2.finance.yahoo.com"
"""yfinance knows it, and gives it no name."""


def vendors(config: Mapping[str, Any], offline: bool) -> Iterator[Check]:
    if offline:
        yield Check("vendors", "ok", "not asked: offline")
        yield _clock(None)
        return
    from ..vendors.finra.client import DATA_ADDRESS, FILES_ADDRESS
    from ..vendors.polygon.client import BASES

    needed = hosts = [_host(FILES_ADDRESS), YAHOO_HOST]  # without which there is no ratio
    if config.get("finra", {}).get("weekly", settings.Finra.weekly):
        hosts = [*hosts, _host(DATA_ADDRESS)]
    if name := credentials.which(credentials.POLYGON):
        hosts = [*hosts, _host(BASES[name])]
    skews = []
    with ThreadPoolExecutor(len(hosts)) as pool:
        for host, (reason, status, said_at) in zip(hosts, pool.map(_ask, hosts), strict=True):
            if said_at:
                skews.append(said_at)
            yield _vendor(host, reason, status, host in needed)
    yield _clock(min(skews, key=abs) if skews else None)


def _host(address: str) -> str:
    return urlsplit(address).netloc


def _ask(host: str) -> tuple[str, int | None, timedelta | None]:
    """What keeps the host from answering, its status, and how far its clock is ahead of ours."""
    from ..vendors import http
    from ..vendors.yahoo import browser

    headers: Mapping[str, Any] = {}
    status: int | None = None
    reason = ""
    try:
        if host == YAHOO_HOST:
            from curl_cffi import requests as curl

            response = curl.head(f"https://{host}/", impersonate="chrome", timeout=TIMEOUT, allow_redirects=False)
            status, headers = response.status_code, response.headers
        else:
            with http.Client(attempts=1, timeout=(TIMEOUT, TIMEOUT), total_seconds=2 * TIMEOUT) as client:
                answer = client.request("HEAD", f"https://{host}/", allow_redirects=False)
                status, headers = answer.status, answer.headers
    except http.Outage as outage:
        reason = outage.reason
    except Exception as error:
        reason = browser.failure_of(error)
    try:
        ahead = parsedate_to_datetime(headers["Date"]) - datetime.now(UTC)
    except (KeyError, TypeError, ValueError):
        ahead = None
    return reason, status, ahead


def _vendor(host: str, reason: str, status: int | None, is_needed: bool) -> Check:
    if not reason and status == 429:
        return Check("vendors", "warn", f"{host} answers, with 429: too many requests from here", "wait an hour")
    if not reason and status is not None and status >= 500:
        return Check("vendors", "warn", f"{host} answers, with {status}", "try again later")
    if not reason:
        return Check("vendors", "ok", f"{host} answers")
    todo = "check the connection and the firewall"
    if "TLS" in reason:
        todo = "where a proxy opens TLS, point REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE at its certificate"
    elif "proxy" in reason:
        todo = "check HTTPS_PROXY"
    elif "DNS" in reason:
        todo = "check the connection; behind a proxy set HTTPS_PROXY"
    return Check("vendors", "fault" if is_needed else "warn", f"{host} does not answer: {reason}", todo)


def _clock(ahead: timedelta | None) -> Check:
    from ..market.sessions import NEW_YORK

    here = datetime.now().astimezone()
    said = f"{here:%Y-%m-%d %H:%M %Z} here, {here.astimezone(NEW_YORK):%H:%M} in New York"
    if os.environ.get("DARKPOOL_NOW"):
        said = f"DARKPOOL_NOW sets the time to {clock.now().astimezone(NEW_YORK):%Y-%m-%d %H:%M} in New York"
        return Check("clock", "warn", said, "unset it: it is for rehearsals")
    if ahead is None:
        return Check("clock", "ok", said + "; no vendor's clock to compare with")
    seconds = abs(ahead).total_seconds()
    said += f"; {seconds:.0f} s {'behind' if ahead > timedelta() else 'ahead of'} the vendors' clocks"
    if abs(ahead) <= SKEW:
        return Check("clock", "ok", said)
    return Check("clock", "fault" if abs(ahead) > WRONG_CLOCK else "warn", said, "let NTP set it")
