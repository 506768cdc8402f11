"""The crontab lines of the mornings, right for the machine's zone and across every change of clocks.

Debian's cron knows no zone but the machine's, and a machine may sleep. So the lines fire every hour, at the minute at
which New York's time falls there, and `--at` lets the wrapper act once a morning: at the first firing after it is due.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from datetime import time, tzinfo
from pathlib import Path

from .. import clock
from . import schedule

AT = time(6)
WEEKLY_AFTER = 20
"""Minutes after the daily line at which the weekly one fires, so that they do not meet."""


def lines(project: Path, zone: tzinfo | None = None, at: time = AT) -> list[str]:
    """The crontab's lines for the project, between two comments that find them again; `zone` None is the machine's."""
    minutes = schedule.minutes(at, clock.now().date(), zone)
    # cron reads % as the end of the command
    command = shlex.quote(str(project / "workflow/scripts/daily.sh")).replace("%", r"\%") + f" --at {at:%H:%M}"
    begin, end = _fence(project)
    return [
        begin,
        f"{_every_hour(minutes)} {command} >/dev/null",
        f"{_every_hour([(minute + WEEKLY_AFTER) % 60 for minute in minutes])} {command} --weekly >/dev/null",
        end,
    ]


def _every_hour(minutes: Sequence[int]) -> str:
    return f"{','.join(map(str, sorted(minutes)))} * * * *"


def _fence(project: Path) -> tuple[str, str]:
    return f"# darkpool {project}: begin, written by make cron", f"# darkpool {project}: end"


def merged(there: Sequence[str], ours: Sequence[str]) -> list[str]:
    """The crontab `there` with `ours` in place of what an earlier installation put between the same comments.

    >>> merged(["MAILTO=me", "# begin", "old", "# end", "1 2 * * * mine"], ["# begin", "new", "# end"])
    ['MAILTO=me', '1 2 * * * mine', '# begin', 'new', '# end']
    """
    begin, end = ours[0], ours[-1]
    if begin in there:
        start = list(there).index(begin)
        if end not in there[start:]:
            raise ValueError(f"the crontab has the line {begin!r} without {end!r}: remove it with crontab -e")
        stop = list(there).index(end, start)
        there = [*there[:start], *there[stop + 1 :]]
    return [*there, *ours]


def install(ours: Sequence[str]) -> bool:
    """Put the lines into the user's crontab, keeping all others; whether anything changed.

    Raises RuntimeError where there is no cron, or it does not take them.
    """
    try:
        listed = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise RuntimeError(
            "crontab is not there: install cron, or use the systemd timer in docs/systemd, or the scheduler you have"
        ) from None
    if listed.returncode and "no crontab" not in listed.stderr:
        raise RuntimeError(f"crontab -l: {listed.stderr.strip()}")
    there = listed.stdout.splitlines() if not listed.returncode else []
    wanted = merged(there, ours)
    if wanted == there:
        return False
    text = "\n".join(wanted) + "\n"
    done = subprocess.run(["crontab", "-"], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"crontab did not take the lines: {done.stderr.strip()}")
    return True
