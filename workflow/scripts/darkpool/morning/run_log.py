"""A morning's own log: dated, kept for a while, and the part of it that a person wants to read at 06:05."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from ..market import sessions

FOLDER = "logs"
_NAME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{6}\.log")
_TELLING = re.compile(r"^(error|warning): |^[\w.]*(Error|Exception): .|^config: ")
_HEADING = re.compile(r"^[\w.]*(Error|Exception)( in file .*)?:$")
"""Snakemake's own errors: what is wrong stands in the line after."""
_GENERAL = re.compile(r"^At least one job did not complete|^CalledProcessError")
SHOWN = 12
"""Lines of a log shown on a failure."""


def path(results: Path, now: datetime) -> Path:
    """Where the log of a run begun at `now` (aware) lies: `logs/<New York date>T<time>.log` in the scan's folder."""
    return results / FOLDER / f"{now.astimezone(sessions.NEW_YORK):%Y-%m-%dT%H%M%S}.log"


def rotate(results: Path, keep: int) -> list[Path]:
    """Remove all but the newest `keep` logs; other files in the folder stay. Returns what was removed."""
    logs = sorted(entry for entry in (results / FOLDER).iterdir() if _NAME.fullmatch(entry.name))
    old = logs[:-keep]
    for entry in old:
        entry.unlink()
    return old


def telling(lines: Iterable[str]) -> list[str]:
    """The lines that say what went wrong, each once; where none does, the last ones.

    >>> telling(["Building DAG of jobs...", "error: a.csv: no column ticker", "Exiting because a job failed"])
    ['error: a.csv: no column ticker']
    """
    written = [line.strip() for line in lines if line.strip() and not set(line.strip()) <= set("=-")]
    after = (line for heading, line in pairwise(written) if _HEADING.match(heading))
    saying = {line for line in written if _TELLING.match(line)}.union(after)
    found = [line for line in dict.fromkeys(written) if line in saying and not _GENERAL.match(line)]
    return (found or written)[-SHOWN:]
