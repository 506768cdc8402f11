"""Checks of what is installed: Python, its packages, the calendar."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta

from .. import clock, listing
from ..project import PROJECT
from .finding import Check

OLDEST_PYTHON = (3, 11)
HORIZON = timedelta(days=90)


def python() -> Iterator[Check]:
    said = f"Python {sys.version.split()[0]}, {sys.executable}"
    if sys.version_info >= OLDEST_PYTHON:
        yield Check("python", "ok", said)
    else:
        yield Check("python", "fault", said, "install Python 3.11 or newer, then: make clean, and any make target")


def dependencies() -> Iterator[Check]:
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


def calendar() -> Iterator[Check]:
    from ..market import sessions

    now = clock.now()
    end = sessions.horizon()
    said = f"XNYS sessions are known to {end}; the last completed one is {sessions.last_completed(now)}"
    if end - now.date() < HORIZON:
        yield Check("calendar", "fault", said, "update exchange-calendars: make requirements, and any make target")
    else:
        yield Check("calendar", "ok", said)
