"""What a run is asked for, as a value: made once by the main process and handed to every job in the environment.

A job, on this machine or on a node, builds the workflow anew. What it takes from the request is the same there; of its
own command it reads the job's name and wildcards alone, so that one that was started without a request works too.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from ..archive.store import RUN

VARIABLE = "DARKPOOL_REQUEST"
LAST_MARKED = "DARKPOOL_LAST_MARKED"
"""Set by daily.sh: scan/date of the session that it runs as the last-marked one, though it names it."""
HANDED_ON = (VARIABLE, RUN, "DARKPOOL_NOW", "DARKPOOL_BACKOFF", "DARKPOOL_FINRA_PAUSE", "DARKPOOL_YAHOO_PAUSE")
"""Variables that a job on a node needs, where they are set; no secret is among them."""
LATEST = "latest"
_DATE = r"\d{4}-\d{2}-\d{2}"

Session = tuple[str, str]
"""Scan and date."""


class RequestError(ValueError):
    """The request that was handed on cannot be read; names the variable."""


@dataclass(frozen=True)
class Target:
    """What a command or a job names: a file, or a rule with its wildcards."""

    name: str
    wildcards: Mapping[str, str] = field(default_factory=dict)

    def session(self, scans: Iterable[str]) -> Session | None:
        """The session it belongs to: the folder a file lies in, a job's wildcards, or the rule of a session's plots."""
        if {"scan", "date"} <= self.wildcards.keys():
            return self.wildcards["scan"], self.wildcards["date"]
        known = "|".join(sorted(map(re.escape, scans), key=len, reverse=True))
        found = re.search(rf"(?:^|/)results/({known})/({_DATE})(?:/|$)", self.name) or re.search(
            rf"(?:^|_)draw_plots_({known})_({_DATE})(?:_|$)", self.name
        )
        return (found[1], found[2]) if found else None

    def day_of_archive(self, archives: Mapping[str, str]) -> list[Session]:
        """The session of every scan on the archive that a receipt, or the job that makes one, belongs to."""
        folder, day = self.wildcards.get("archive", ""), self.wildcards.get("session", "")
        if not folder and (found := re.search(rf"^(.+)/receipts/\w+/({_DATE})\.json$", self.name)):
            folder, day = found[1], found[2]
        return [(scan, day) for scan, archive in archives.items() if archive == folder]


@dataclass(frozen=True)
class Request:
    """The sessions a run is for, and what else a job must not decide by itself.

    `sessions`: those that targets name, sorted. `manifests`: those whose manifest is a target. `marked`: the one that
    is reached as the last-marked one and not by its name. `mode` as in the configuration, FETCH_MODE heard. `run`: the
    id under which a vendor's outage is remembered. `at`: the moment by which every job judges what has completed.
    """

    mode: str
    run: str
    at: datetime
    sessions: tuple[Session, ...] = ()
    manifests: tuple[Session, ...] = ()
    marked: Session | None = None

    def text(self) -> str:
        """As it stands in the environment: one line of JSON, days by scan.

        Four thousand sessions, all that FINRA has, stay below the 128 kB that Linux allows one variable.
        """
        parts = {"at": self.at.isoformat(), "sessions": _by_scan(self.sessions), "manifests": _by_scan(self.manifests)}
        return json.dumps({**vars(self), **parts}, sort_keys=True, separators=(",", ":"))

    def with_session(self, *sessions: Session) -> Request:
        return replace(self, sessions=tuple(sorted({*self.sessions, *sessions})))

    def hand_on(self, environment: MutableMapping[str, str]) -> list[str]:
        """Put it into the environment; names of the variables that jobs are to be given."""
        environment.update({VARIABLE: self.text(), RUN: self.run})
        return [name for name in HANDED_ON if name in environment]


def require_places(targets: Iterable[Target], scans: Iterable[str]) -> None:
    """Raise RequestError for a file under results/ whose scan is none, or whose folder is none of a session.

    Snakemake would say of it only that no rule makes it.
    """
    known = sorted(scans)
    for target in targets:
        found = re.fullmatch(r"(?:\./)?results/([^/]+)/([^/]+)(?:/(.*))?", target.name)
        if not found or target.wildcards:
            continue
        scan, day, rest = found[1], found[2], found[3]
        if scan not in known:
            like = get_close_matches(scan.lower(), known, n=1)
            meant = f"; did you mean results/{like[0]}/{day}{'' if rest is None else '/' + rest}?" if like else ""
            raise RequestError(
                f"{target.name}: no scan {scan} in the configuration; the scans are {', '.join(known)}{meant}"
            )
        digits = re.fullmatch(r"(\d{4})\D?(\d{1,2})\D?(\d{1,2})", day)
        if not digits or (re.fullmatch(_DATE, day) and rest):
            continue
        date = f"{digits[1]}-{int(digits[2]):02}-{int(digits[3]):02}"
        raise RequestError(
            f"{target.name}: a session is named YYYY-MM-DD, and its manifest all; "
            f"did you mean results/{scan}/{date}/{rest or 'all'}?"
        )


def require_no_target(configfiles: Iterable[Any]) -> None:
    """Raise RequestError where a target stands among the configuration files: --configfile takes all that follows."""
    for path in map(str, configfiles):
        if re.search(rf"(?:^|/)results/[^/]+/{_DATE}/[^/]+$", path):
            target = path[path.rindex("results/") :]
            raise RequestError(
                f"{target} was taken for a configuration, since --configfile takes every word that follows it; "
                f"name the target first: snakemake --cores 4 {target} --configfile my.yaml"
            )


def made(
    targets: Iterable[Target],
    archives: Mapping[str, str],
    mode: str,
    run: str,
    at: datetime,
    last_marked: Session | None = None,
    told: str | None = None,
) -> Request:
    """The request for what is named; `archives`: the folder of each scan's archive.

    `last_marked`: the session that the command reaches as `latest`, or by naming nothing; None where it does not.
    `told`: what daily.sh says it runs as the last-marked one.
    """
    named = list(targets)
    sessions: set[Session] = set()
    for target in named:
        session = target.session(archives)
        sessions |= {session} if session else set(target.day_of_archive(archives))
    manifests = {session for target in named if target.name.endswith("/all") and (session := target.session(archives))}
    marked = _session(told) if told else last_marked if last_marked not in sessions else None
    if last_marked is not None:
        sessions.add(last_marked)
        manifests.add(last_marked)
    return Request(mode, run, at, tuple(sorted(sessions)), tuple(sorted(manifests)), marked)


def of_run(
    targets: list[Target] | None,
    archives: Mapping[str, str],
    mode: str,
    at: datetime,
    environment: Mapping[str, str],
    last_marked: Callable[[], Session],
    *,
    is_main: bool,
    is_imported: bool,
) -> Request:
    """The request of the process that reads the workflow: made by the main one, and received by a job.

    `targets`: what it was started for, None where only the rules are looked at. `is_imported`: another workflow asks,
    by rules of its own, and naming nothing means its default target. Raises RequestError.
    """
    run = run_id(environment, at)
    if not is_main:
        return of_job(environment, made(targets or [], archives, mode, run, at))
    is_latest = targets is not None and not is_imported and asks_for_latest(targets)
    if not is_imported:
        require_places(targets or [], archives)
    marked = last_marked() if is_latest else None
    return made(targets or [], archives, mode, run, at, marked, environment.get(LAST_MARKED))


def asks_for_latest(targets: Iterable[Target]) -> bool:
    """Whether a command asks for the last-marked session: it names `latest`, or nothing."""
    named = list(targets)
    return not named or any(target.name == LATEST for target in named)


def of_job(environment: Mapping[str, str], own: Request) -> Request:
    """The request of a job: the one handed on, in which its `own` session is always; without one its own alone.

    Raises RequestError where what was handed on cannot be read.
    """
    text = environment.get(VARIABLE)
    return parse(text).with_session(*own.sessions) if text else own


def parse(text: str) -> Request:
    """The request from the environment. Raises RequestError."""
    try:
        found: dict[str, Any] = json.loads(text)
        pairs = {
            name: tuple((str(scan), str(day)) for scan, days in found[name].items() for day in days)
            for name in ("sessions", "manifests")
        }
        marked = found["marked"] and (str(found["marked"][0]), str(found["marked"][1]))
        at = datetime.fromisoformat(found["at"])
        return Request(str(found["mode"]), str(found["run"]), at, **pairs, marked=marked)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise RequestError(f"{VARIABLE} is {text!r}; expected what a main process of the workflow hands on") from None


def run_id(environment: Mapping[str, str], now: datetime) -> str:
    """The id of a main process's run: that of the morning it belongs to, or a new one for each run of this process."""
    given = environment.get(RUN, "")
    return given if given and not given.startswith(_here()) else f"{_here()}{now:%Y%m%dT%H%M%S.%fZ}"


def _here() -> str:
    return f"{os.getpid()}@"


def _by_scan(sessions: Iterable[Session]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for scan, day in sessions:
        found.setdefault(scan, []).append(day)
    return found


def _session(text: str) -> Session:
    scan, _, day = text.partition("/")
    return scan, day
