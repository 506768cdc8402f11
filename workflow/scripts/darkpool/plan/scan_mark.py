"""The last-marked date: the newest session folder that the scan itself has put something into."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from ..market import sessions
from ..session import files


def is_marked(folder: Path) -> bool:
    """Whether the folder holds something this workflow did not write; hidden files do not count."""
    return any(not files.is_ours(entry.name) for entry in folder.iterdir())


def last_marked(results: Path, now: datetime, mode: str) -> date:
    """The session `latest` stands for at `now` (aware).

    `results` is the scan's folder; `mode` is `folder` or `calendar`. Folders that are no session, of today or later, or
    that only this workflow filled do not count; without any, and for `calendar`, it is the last completed session.
    """
    completed = sessions.last_completed(now)
    today = now.astimezone(sessions.NEW_YORK).date()
    if mode == "calendar" or not results.is_dir():
        return completed
    for folder in sorted(results.iterdir(), reverse=True):
        try:
            day = date.fromisoformat(folder.name)
        except ValueError:
            continue
        if (
            folder.name == day.isoformat()
            and day < today
            and sessions.is_session(day)
            and folder.is_dir()
            and is_marked(folder)
        ):
            return day
    return completed
