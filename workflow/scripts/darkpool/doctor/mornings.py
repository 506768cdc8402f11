"""Checks of the mornings: the last run, and what will start the next."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from .. import clock
from ..project import PROJECT
from ..session import files
from ..tables import glossary
from .finding import Check, Place

UNITS = ("/etc/systemd/system", "~/.config/systemd/user", "~/Library/LaunchAgents", "/etc/cron.d")


def last_run(place: Place) -> Iterator[Check]:
    from ..market import sessions

    completed = sessions.last_completed(clock.now())
    newest = max(_finished(place.folder), default=None)
    latest = _read_json(place.folder / files.LATEST)
    if latest is None and newest is None:
        yield Check("last run", "warn", f"no finished session in {place.folder} yet", "make latest")
        return
    said = f"the newest finished session is {newest}" if newest else "no session is finished"
    if latest:
        state_of = latest.get("states")
        pairs = state_of.items() if isinstance(state_of, dict) else ()
        states = ", ".join(f"{glossary.source(name)} {glossary.state(state)}" for name, state in pairs)
        said += f"; the last run was for {latest.get('date')}" + (f" ({states})" if states else "")
    logs = place.folder / "logs"
    if latest and latest.get("exit_status") == 1:
        yield Check("last run", "warn", said + " and ended with a fault", f"read the newest log in {logs}")
    elif newest is None or newest < completed:
        yield Check("last run", "warn", said + f", {completed} has completed since", "make latest says what is open")
    else:
        yield Check("last run", "ok", said)


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


def schedule() -> Iterator[Check]:
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
