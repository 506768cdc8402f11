"""What must hold for the mornings to work, checked one by one; each check is a sentence, and says what to do.

A check reads and asks, and changes nothing. Libraries are imported by the check that needs them, so that one that is
missing is a finding.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from .. import clock, credentials, listing, settings
from ..session import files
from ..tables import glossary

State = Literal["ok", "warn", "fault"]
PROJECT = Path(__file__).resolve().parents[4]
OLDEST_PYTHON = (3, 11)
HORIZON = timedelta(days=90)
TIMEOUT = 6.0
"""Seconds for one vendor."""
LITTLE_SPACE, NO_SPACE = 2_000_000_000, 200_000_000
SKEW, WRONG_CLOCK = timedelta(minutes=1), timedelta(minutes=15)
FINRA_HOST, FINRA_API_HOST = "cdn.finra.org", "api.finra.org"
YAHOO_HOST = "query2.finance.yahoo.com"
NEEDED = (FINRA_HOST, YAHOO_HOST)
"""Hosts without which there is no ratio."""
UNITS = ("/etc/systemd/system", "~/.config/systemd/user", "~/Library/LaunchAgents", "/etc/cron.d")


class Check(NamedTuple):
    """A finding: `said` is a sentence, `todo` what to do where the state is not ok."""

    name: str
    state: State
    said: str
    todo: str = ""

    def line(self) -> str:
        return f"{self.state:<6} {self.name:<13} {self.said}" + (f" -> {self.todo}" if self.todo else "")


class Place(NamedTuple):
    """Where to look: the configuration, the folder of the scans, the scan."""

    config: Path
    results: Path
    scan: str

    @property
    def folder(self) -> Path:
        return self.results / self.scan


def examine(place: Place, *, offline: bool = False, archive: bool = False) -> Iterator[Check]:
    """Every check, in an order in which what comes first explains what comes later; with `archive` every file of it."""
    config: dict[str, Any] = {}
    checks: list[tuple[str, Callable[[], Iterator[Check]]]] = [
        ("python", _python),
        ("dependencies", _dependencies),
        ("config", lambda: _config(place, config)),
        ("calendar", _calendar),
        ("keys", _keys),
        ("message", _message),
        ("network", lambda: _network(config, offline or bool(config.get("offline")))),
        ("disk", lambda: _disk(place, config)),
        ("last run", lambda: _last_run(place)),
        ("history", lambda: _history(place)),
        ("schedule", _schedule),
    ]
    if archive:
        checks = [("config", lambda: _config(place, config)), ("archive", lambda: _archive(config))]
    for name, check in checks:
        try:
            yield from check()
        except Exception as error:
            told = credentials.hidden(" ".join(str(error).split()))
            yield Check(name, "fault", f"could not be checked: {type(error).__name__}: {told}", "mend that first")


def as_json(checks: list[Check]) -> str:
    worst = next((state for state in ("fault", "warn") if any(check.state == state for check in checks)), "ok")
    return json.dumps({"state": worst, "checks": [check._asdict() for check in checks]}, indent=1, ensure_ascii=False)


def _python() -> Iterator[Check]:
    told = f"Python {sys.version.split()[0]}, {sys.executable}"
    if sys.version_info >= OLDEST_PYTHON:
        yield Check("python", "ok", told)
    else:
        yield Check("python", "fault", told, "install Python 3.11 or newer, then: make clean, and any make target")


def _dependencies() -> Iterator[Check]:
    from importlib.metadata import PackageNotFoundError, version

    from packaging.requirements import InvalidRequirement, Requirement

    missing, other, pinned = [], [], 0
    for line in (PROJECT / "requirements.txt").read_text().splitlines():
        if "==" not in line or line.startswith((" ", "#")):
            continue
        try:
            wanted = Requirement(line.rstrip("\\ "))
        except InvalidRequirement:
            continue
        if wanted.marker and not wanted.marker.evaluate():
            continue
        pinned += 1
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            missing.append(str(wanted.name))
        else:
            if found not in wanted.specifier:
                other.append(f"{wanted.name} {found} for {wanted.specifier}")
    todo = "make clean, and any make target sets the environment up again"
    if missing:
        yield Check("dependencies", "fault", f"not installed: {listing.named(missing)}", todo)
    elif other:
        yield Check("dependencies", "warn", f"other versions than those tested: {listing.named(other)}", todo)
    else:
        yield Check("dependencies", "ok", f"the {pinned} pinned packages are installed")


def _config(place: Place, config: dict[str, Any]) -> Iterator[Check]:
    """Checks the configuration, and fills `config` with it where it can be used."""
    from ..market import finra_files, sessions
    from ..plan import configuration

    todo = "workflow/schemas/config.schema.yaml describes every key"
    try:
        read = settings.load(place.config)
        found = configuration.settled(read, configuration.schema(PROJECT))
        finra_files.require_whole(found.finra.files, sessions.last_completed(clock.now()))
    except FileNotFoundError:
        yield Check("config", "fault", f"{place.config} is not there", "run from the project's root")
        return
    except (settings.ConfigError, finra_files.FilesError) as error:
        yield Check("config", "fault", str(error), todo)
        return
    except Exception as error:
        yield Check("config", "fault", f"{place.config} is no YAML: {' '.join(str(error).split())}", todo)
        return
    config |= read
    if place.scan not in found.scans:
        yield Check("config", "fault", f"no scan {place.scan}", f"the scans are {', '.join(found.scans)}")
        return
    entry = found.scans[place.scan]
    told = f"scan {place.scan}: {len(entry.tickers)} tickers and {len(entry.universe)} files, mode {found.mode}"
    if not entry.tickers and not entry.universe and place.scan != settings.DEMO:
        yield Check("config", "fault", told, f"put tickers into scans.{place.scan}.tickers")
    else:
        yield Check("config", "ok", told)


def _calendar() -> Iterator[Check]:
    from ..market import sessions

    now = clock.now()
    end = sessions.horizon()
    told = f"XNYS sessions are known to {end}; the last completed one is {sessions.last_completed(now)}"
    if end - now.date() < HORIZON:
        yield Check("calendar", "fault", told, "update exchange-calendars: make requirements, and any make target")
    else:
        yield Check("calendar", "ok", told)


def _keys() -> Iterator[Check]:
    from ..vendors.finra import query_api

    try:
        odd = credentials.check()
    except ValueError as error:
        yield Check("keys", "fault", str(error))
        return
    for fault in listing.few(odd):
        yield Check("keys", "warn", fault, f"correct the line in {credentials.FILE}, or remove it")
    pair = (query_api.KEY, query_api.SECRET)
    told = []
    for name in (*credentials.POLYGON, *pair):
        where = "the environment" if os.environ.get(name, "").strip() else str(credentials.FILE)
        if credentials.which([name]):
            try:
                credentials.read(name)
            except ValueError as error:
                yield Check("keys", "fault", str(error))
                return
            told.append(f"{name} from {where}")
    alone = [name for name in pair if credentials.which([name])]
    if len(alone) == 1:
        (lacking,) = set(pair) - set(alone)
        yield Check("keys", "warn", f"{alone[0]} is set and {lacking} is not", "set both, or remove both")
    elif not credentials.which(credentials.POLYGON):
        said = "; ".join([*told, "no key of Polygon: bought and sold come from Yahoo's minute bars (30 days)"])
        yield Check("keys", "ok", said)
    else:
        yield Check("keys", "ok", "; ".join(told))


def _message() -> Iterator[Check]:
    from ..message import delivery

    addresses = credentials.listed(delivery.ADDRESSES)
    if not addresses:
        yield Check("message", "ok", f"off: {delivery.ADDRESSES} is not set")
        return
    wrong = [f"address {label}: {reason}" for label, reason in delivery.unusable(addresses).items()]
    if wrong:
        todo = f"correct {delivery.ADDRESSES}; the forms are in apprise's documentation, the services"
        yield Check("message", "fault", "; ".join(wrong), todo)
    else:
        yield Check("message", "ok", f"{len(addresses)} addresses; digest --send tries them")


def _network(config: Mapping[str, Any], offline: bool) -> Iterator[Check]:
    if offline:
        yield Check("vendors", "ok", "not asked: offline")
        yield _clock(None)
        return
    from ..vendors.polygon.client import BASES

    hosts = [FINRA_HOST, YAHOO_HOST]
    if config.get("finra", {}).get("weekly", settings.Finra.weekly):
        hosts.append(FINRA_API_HOST)
    if name := credentials.which(credentials.POLYGON):
        hosts.append(BASES[name].removeprefix("https://"))
    skews = []
    with ThreadPoolExecutor(len(hosts)) as pool:
        for host, (reason, status, said_at) in zip(hosts, pool.map(_ask, hosts), strict=True):
            if said_at:
                skews.append(said_at)
            yield _vendor(host, reason, status)
    yield _clock(min(skews, key=abs) if skews else None)


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


def _vendor(host: str, reason: str, status: int | None) -> Check:
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
    return Check("vendors", "fault" if host in NEEDED else "warn", f"{host} does not answer: {reason}", todo)


def _clock(ahead: timedelta | None) -> Check:
    from ..market.sessions import NEW_YORK

    here = datetime.now().astimezone()
    told = f"{here:%Y-%m-%d %H:%M %Z} here, {here.astimezone(NEW_YORK):%H:%M} in New York"
    if os.environ.get("DARKPOOL_NOW"):
        told = f"DARKPOOL_NOW sets the time to {clock.now().astimezone(NEW_YORK):%Y-%m-%d %H:%M} in New York"
        return Check("clock", "warn", told, "unset it: it is for rehearsals")
    if ahead is None:
        return Check("clock", "ok", told + "; no vendor's clock to compare with")
    seconds = abs(ahead).total_seconds()
    told += f"; {seconds:.0f} s {'behind' if ahead > timedelta() else 'ahead of'} the vendors' clocks"
    if abs(ahead) <= SKEW:
        return Check("clock", "ok", told)
    return Check("clock", "fault" if abs(ahead) > WRONG_CLOCK else "warn", told, "let NTP set it")


def _disk(place: Place, config: Mapping[str, Any]) -> Iterator[Check]:
    archive = config.get("scans", {}).get(place.scan, {}).get("archive", settings.Scan.archive)
    for name, folder in (("results", place.results), ("archive", Path(archive))):
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        free = shutil.disk_usage(there).free
        told = f"{name}: {free / 1e9:,.1f} GB free at {folder}"
        if not os.access(there, os.W_OK | os.X_OK):
            yield Check("disk", "fault", f"{name}: {there} cannot be written", f"chown -R {_user()} {there}")
        elif free < NO_SPACE:
            yield Check("disk", "fault", told, "make room; what is archived cannot all be asked again")
        else:
            yield Check("disk", "warn" if free < LITTLE_SPACE else "ok", told, "make room" * (free < LITTLE_SPACE))


def _archive(config: Mapping[str, Any]) -> Iterator[Check]:
    """Every file of every scan's archive against its receipt."""
    from .. import listing
    from ..archive import integrity

    for folder in sorted({Path(scan["archive"]) for scan in config.get("scans", {}).values() if "archive" in scan}):
        if not folder.is_dir():
            yield Check("archive", "ok", f"{folder} is not there yet")
            continue
        found = integrity.examine(folder, lambda line: print(f"{folder}: {line}", file=sys.stderr, flush=True))  # noqa: B023
        for why in found.damaged:
            todo = "the next run online asks again; offline put it back from a backup"
            yield Check("archive", "fault", credentials.hidden(why), todo)
        if found.gone:
            said = f"{folder}: receipts name files that are not there: {listing.named(found.gone)}"
            yield Check("archive", "warn", said, "the next run online asks for them again")
        told = f"{folder}: {found.files:,} files hashed, {found.size / 1e9:,.2f} GB, {len(found.damaged)} damaged"
        told += f"; {found.copied_in:,} without a receipt" if found.copied_in else ""
        if not found.damaged:
            yield Check("archive", "ok", told)


def _user() -> str:
    return os.environ.get("USER") or str(os.geteuid())


def _last_run(place: Place) -> Iterator[Check]:
    from ..market import sessions

    completed = sessions.last_completed(clock.now())
    newest = max(_finished(place.folder), default=None)
    latest = _read_json(place.folder / files.LATEST)
    if latest is None and newest is None:
        yield Check("last run", "warn", f"no finished session in {place.folder} yet", "make latest")
        return
    told = f"the newest finished session is {newest}" if newest else "no session is finished"
    if latest:
        told_of = latest.get("states")
        pairs = told_of.items() if isinstance(told_of, dict) else ()
        states = ", ".join(f"{glossary.source(name)} {glossary.state(state)}" for name, state in pairs)
        told += f"; the last run was for {latest.get('date')}" + (f" ({states})" if states else "")
    logs = place.folder / "logs"
    if latest and latest.get("exit_status") == 1:
        yield Check("last run", "warn", told + " and ended with a fault", f"read the newest log in {logs}")
    elif newest is None or newest < completed:
        yield Check("last run", "warn", told + f", {completed} has completed since", "make latest says what is open")
    else:
        yield Check("last run", "ok", told)


def _history(place: Place) -> Iterator[Check]:
    """Whether the store says what the sessions' folders say."""
    from ..history import lag

    path = place.folder / files.STORE
    if not path.is_file():
        return
    lagging = lag.sentence(place.folder, lag.of(place.folder))
    said, _, todo = lagging.partition("; python")
    if lagging:
        yield Check("history", "warn", said, f"python{todo}")
    else:
        yield Check("history", "ok", f"{path} holds every session on disk as it is")


def _finished(folder: Path) -> Iterator[date]:
    for path in folder.glob(f"????-??-??/{files.MANIFEST}"):
        try:
            yield date.fromisoformat(path.parent.name)
        except ValueError:
            continue


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _schedule() -> Iterator[Check]:
    wanted = ("daily.sh", str(PROJECT))
    listed = ""
    if shutil.which("crontab"):
        done = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False, timeout=10)
        listed = done.stdout
    lines = [line for line in listed.splitlines() if not line.lstrip().startswith("#")]
    if any(all(word in line for word in wanted) for line in lines):
        yield Check("schedule", "ok", "your crontab runs daily.sh of this project")
        return
    for folder in map(os.path.expanduser, UNITS):
        for path in sorted(Path(folder).glob("*")):
            try:
                text = path.read_text()
            except (OSError, UnicodeDecodeError):
                continue
            if all(word in text for word in wanted):
                yield Check("schedule", "ok", f"{path} runs daily.sh of this project")
                return
    yield Check("schedule", "warn", "nothing runs daily.sh of this project by itself", "make cron shows the line")
