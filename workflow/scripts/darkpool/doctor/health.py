"""What must hold for the mornings to work, checked one by one; each check is a sentence, and says what to do.

A check reads and asks, and changes nothing. Libraries are imported by the check that needs them, so that one that is
missing is a finding.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from .. import credentials
from . import configuration, installation, mornings, network, storage
from .finding import Check, Place


def examine(place: Place, *, offline: bool = False, archive: bool = False) -> Iterator[Check]:
    """Every check, in an order in which what comes first explains what comes later; with `archive` every file of it."""
    config: dict[str, Any] = {}
    checks: list[tuple[str, Callable[[], Iterator[Check]]]] = [
        ("python", installation.python),
        ("dependencies", installation.dependencies),
        ("config", lambda: configuration.config(place, config)),
        ("calendar", installation.calendar),
        ("keys", configuration.keys),
        ("message", configuration.message),
        ("network", lambda: network.vendors(config, offline or bool(config.get("offline")))),
        ("disk", lambda: storage.disk(place, config)),
        ("market", lambda: storage.market(place, config)),
        ("last run", lambda: mornings.last_run(place)),
        ("history", lambda: storage.history(place)),
        ("schedule", mornings.schedule),
    ]
    if archive:
        checks = [("config", lambda: configuration.config(place, config)), ("archive", lambda: storage.archive(config))]
    for name, check in checks:
        try:
            yield from check()
        except Exception as error:
            reason = credentials.hidden(" ".join(str(error).split()))
            yield Check(name, "fault", f"could not be checked: {type(error).__name__}: {reason}", "mend that first")


def as_json(checks: list[Check]) -> str:
    worst = next((state for state in ("fault", "warn") if any(check.state == state for check in checks)), "ok")
    return json.dumps({"state": worst, "checks": [check._asdict() for check in checks]}, indent=1, ensure_ascii=False)
