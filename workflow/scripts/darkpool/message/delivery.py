"""Sending the morning's digest to the addresses in DARKPOOL_NOTIFY, through apprise.

An address holds a token, so nothing of it is ever said: a failure names its number and kind. What was sent is
remembered beside the sessions, in a file that can be deleted: then a message may come once more.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import polars as pl

from .. import credentials
from ..files import write_atomic
from ..market import sessions
from ..measures import streaks
from ..session import files, latest, selection
from ..tables import contracts, facts
from . import digest
from .digest import Digest

ADDRESSES = "DARKPOOL_NOTIFY"
PAGES = "DARKPOOL_PAGE_URL"
"""Where `results/` is served, for the link; without it the message names the path."""
PATIENCE = 60.0
"""Seconds after which an address that has not answered counts as failed; all are asked at once."""
LARGEST_PICTURE = 8_000_000
LOOKED_BACK = 60
KEPT = 30


def announce(folder: Path, session: date) -> str:
    """Send the digest of `session`; `folder` is results/<scan>.

    Returns `sent`, `unchanged` (every address has had this content), `off` (no address), or `failed: ` and why.
    Never raises, prints nothing, and returns within PATIENCE and the time to read the tables.
    """
    try:
        addresses = credentials.listed(ADDRESSES)
        if not addresses:
            return "off"
        return _announce(folder, session, addresses)
    except Exception as error:
        # A message is a courtesy: whatever its libraries run into, the morning goes on.
        reason = str(error) if isinstance(error, ValueError | OSError) else "see the digest command"
        return credentials.hidden(f"failed: {type(error).__name__}: {' '.join(reason.split())}")


def compose(folder: Path, session: date) -> Digest:
    """The digest of `session` from the tables on disk, those of earlier sessions included."""
    place = folder / str(session)
    link = _link(folder, session)
    if not (place / files.FEATURES).is_file():
        return digest.without_tables(folder.name, session, _latest_states(folder, session), link=link)
    features = contracts.read("features", place / files.FEATURES)
    carried = facts.unpack(contracts.metadata(place / files.FEATURES))
    signals = _signals(features)
    since = streaks.streaks(signals, _earlier(folder, session) if any(signals.values()) else [])
    complete = (place / files.MANIFEST).is_file()
    return digest.compose(
        folder.name, session, features, carried, since=since, link=link, complete=complete,
        stands_out=latest.stands_out(folder, session),
        market=contracts.read_if_there("market", place / files.MARKET_TABLE),
    )  # fmt: skip


def _signals(features: pl.DataFrame) -> dict[str, str]:
    return dict(features.select("ticker", "signal").iter_rows())


def _earlier(folder: Path, session: date) -> Iterator[Mapping[str, str] | None]:
    """The signals of the sessions before, newest first; None for one that is not on disk or cannot be read."""
    there = set(selection.on_disk(folder))
    for _ in range(LOOKED_BACK):
        session = sessions.previous(session)
        found = None
        if session in there:
            with suppress(ValueError, OSError):
                found = _signals(contracts.read("features", folder / str(session) / files.FEATURES))
        yield found


def _latest_states(folder: Path, session: date) -> dict[str, str]:
    """States by source as the last run left them, where it was about this session."""
    try:
        latest: dict[str, Any] = json.loads((folder / files.LATEST).read_bytes())
        states = latest["states"] if latest["date"] == str(session) else {}
        if isinstance(states, list):
            states = {source["source"]: source["state"] for source in states}
        return {str(source): str(state) for source, state in states.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _link(folder: Path, session: date) -> str:
    base = credentials.setting(PAGES)
    if not base:
        return str(folder / str(session) / files.PAGE)
    parts = urlsplit(base)
    path = f"{parts.path.rstrip('/')}/{quote(folder.name)}/{session}/{files.PAGE}"
    # A user and password in it would stand in the message.
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", ""))


def _announce(folder: Path, session: date, addresses: list[str]) -> str:
    message = compose(folder, session)
    labels = _labels(addresses)
    remembered = _remembered(folder)
    had = remembered.get(str(session), {})
    wanted = {label: a for label, a in zip(labels, addresses, strict=True) if had.get(label) != message.fingerprint}
    if not wanted:
        return "unchanged"
    picture = folder / str(session) / files.PICTURE
    failures = _send_all(wanted, message, picture if _attachable(picture) else None)
    done = {label: message.fingerprint for label in wanted if label not in failures}
    if done:
        remembered[str(session)] = {**had, **done}
        newest = dict(sorted(remembered.items())[-KEPT:])
        with suppress(OSError):
            write_atomic(folder / files.SENT, (json.dumps(newest, indent=1) + "\n").encode())
    if failures:
        why = "; ".join(f"address {label}: {reason}" for label, reason in failures.items())
        return f"failed: {why}"
    return "sent"


def _labels(addresses: Sequence[str]) -> list[str]:
    return [f"{number} ({_kind(address)})" for number, address in enumerate(addresses, start=1)]


def _kind(address: str) -> str:
    scheme = address.partition("://")[0] if "://" in address else ""
    return scheme.lower() if re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,19}", scheme) else "no scheme"


def _remembered(folder: Path) -> dict[str, dict[str, str]]:
    """What was sent, by session and address; nothing where the file is missing or damaged."""
    try:
        content = json.loads((folder / files.SENT).read_bytes())
        return {str(day): dict(sent) for day, sent in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _attachable(picture: Path) -> bool:
    return picture.is_file() and picture.stat().st_size <= LARGEST_PICTURE


def _send_all(wanted: Mapping[str, str], message: Digest, picture: Path | None) -> dict[str, str]:
    """Send to every address at once; the reasons of those that failed, by label."""
    outcome: dict[str, str] = {}

    def send(label: str, address: str) -> None:
        try:
            outcome[label] = _send(address, message, picture)
        except Exception as error:
            outcome[label] = f"apprise failed ({type(error).__name__})"

    # Daemons: a service that never answers keeps neither this call nor the process.
    threads = [threading.Thread(target=send, args=pair, daemon=True) for pair in wanted.items()]
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = f"no answer within {PATIENCE:g} s"
    return {label: reason for label in wanted if (reason := outcome.get(label, late))}


def unusable(addresses: Sequence[str]) -> dict[str, str]:
    """Why addresses cannot be used, by number and kind, without asking anybody."""
    services = zip(_labels(addresses), map(_service, addresses), strict=True)
    return {label: service for label, service in services if isinstance(service, str)}


def _service(address: str) -> Any:
    """The service of an address; a text says why there is none, without a word of the address."""
    import apprise

    log = logging.getLogger("apprise")  # its texts hold addresses
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    asset = apprise.AppriseAsset(
        app_id="darkpool",
        app_desc="darkpool",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        http_redirects=False,
        service_timeout=PATIENCE,
        storage_mode="memory",
    )
    service = apprise.Apprise.instantiate(address, asset=asset)
    if service is None:
        return "apprise does not know such an address"
    if not service.verify_certificate:
        return "the address turns the check of certificates off (verify=no); take that out"
    service.redirects = False  # an address may say otherwise, and a token must not follow a redirect
    return service


def _send(address: str, message: Digest, picture: Path | None) -> str:
    """Send to one address; empty when it was taken, else why not, without a word of the address."""
    import apprise

    service = _service(address)
    if isinstance(service, str):
        return service
    box = apprise.Apprise(asset=service.asset)
    box.add(service)
    formats = service.notify_format
    in_html = (formats[0] if isinstance(formats, tuple) else formats) == apprise.NotifyFormat.HTML
    options: dict[str, Any] = {
        "title": message.title,
        "body": message.html if in_html else message.text,
        "body_format": apprise.NotifyFormat.HTML if in_html else apprise.NotifyFormat.TEXT,
    }
    # An ear of the service's own, since all are asked at once.
    ear = _Ear()
    service.logger = logging.Logger("service", logging.DEBUG)
    service.logger.addHandler(ear)
    if picture is not None and service.attachment_support and box.notify(attach=str(picture), **options):
        return ""
    # A service that refuses the picture is still told the words.
    return "" if box.notify(**options) else ear.words or "the service did not take it"


class _Ear(logging.Handler):
    """Keeps of what a service's plugin logs the kind of failure alone: its texts hold addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.words = ""

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage().lower()
        if status := re.search(r"\berror=(\d{3})\b", said):
            self.words = f"HTTP status {status[1]}"
            return
        for sign, words in _SIGNS.items():
            if sign in said and "exception" in said:
                self.words = words
                return


_SIGNS = {
    "timed out": "time-out",
    "timeout": "time-out",
    "certificate": "TLS: the certificate is not trusted",
    "resolve": "DNS: the host's name was not found",
    "getaddrinfo": "DNS: the host's name was not found",
    "refused": "connection refused",
    "reset by peer": "connection dropped",
    "remote end closed": "connection dropped",
}
"""What the errors of requests and of the mail library hold, most telling first."""
