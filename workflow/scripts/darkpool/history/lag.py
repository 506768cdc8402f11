"""Whether the store says what the files say: by hash, session for session.

A store that lags is not wrong by itself, but a page and a query would then say different things of one day.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from pathlib import Path

import duckdb

from .. import listing
from ..session import files
from ..session.selection import on_disk
from . import connection, session_tables

ABSENT, CHANGED, UNREADABLE = "not in it", "changed since", "the store cannot be read"


def of(folder: Path, days: Collection[date] | None = None) -> dict[date, str]:
    """Sessions on disk, of `days` or all, that the scan's store does not hold as they are, and how; ascending.

    Every one of them where there is no store. Opens the store read-only, and every table of the sessions.
    """
    looked_at = [day for day in on_disk(folder) if days is None or day in days]
    try:
        held = connection.inputs_held(folder / files.STORE)
    except duckdb.Error:
        return dict.fromkeys(looked_at, UNREADABLE)
    found = {day: ABSENT if day not in held else CHANGED for day in looked_at if held.get(day) != _now(folder, day)}
    return dict(sorted(found.items()))


def _now(folder: Path, day: date) -> dict[str, str] | None:
    try:
        return session_tables.inputs_of(folder, day)
    except (ValueError, OSError):  # not whole: the store may hold what it was, and it is no longer that
        return None


def of_store(folder: Path, days: Collection[date] | None = None) -> str:
    """One sentence on a store that is there and lags; empty where it does not, or where there is none."""
    return sentence(folder, of(folder, days)) if (folder / files.STORE).is_file() else ""


def sentence(folder: Path, found: dict[date, str]) -> str:
    if not found:
        return ""
    return (
        f"{folder / files.STORE} lags behind the files: {_days(found)}; "
        f"python -m darkpool rebuild --scan {folder.name} brings it up to date"
    )


def _days(found: dict[date, str]) -> str:
    alike: dict[str, list[date]] = {}
    for day, how in found.items():
        alike.setdefault(how, []).append(day)
    return "; ".join(f"{listing.named(days)} {how}" for how, days in alike.items())
