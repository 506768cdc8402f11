"""Which sessions a morning runs: the last-marked, what earlier mornings left open, what later answers outdated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from ..archive import layout
from ..archive.store import Archive
from ..market import sessions
from ..plan import scan_mark
from ..session import files


class Backlog(NamedTuple):
    """The last-marked session, whether a newer one has completed, and the recent sessions that lack their manifest."""

    target: date
    is_stale: bool
    open: list[date]


def survey(results: Path, now: datetime, mode: str, count: int) -> Backlog:
    """What is to be done at `now`; `results` is the scan's folder, `mode` is `marked` of the configuration.

    Open are those of the last `count` sessions before the target that are marked and have no manifest. Where the mark
    is the calendar's (`calendar`, or no marked folder at all) every session counts from the first that was run for
    itself: folders that a page of several sessions fills for its earlier ones are no mark, and a first morning is one.
    """
    target = scan_mark.last_marked(results, now, mode)
    newest = sessions.last_completed(now)
    earlier = [day for day in recent(now, count) if day < target]
    by_folder = mode == "folder" and (results / str(target)).is_dir() and scan_mark.is_marked(results / str(target))
    if by_folder:
        counted = [day for day in earlier if _is_marked(results / str(day))]
    else:
        run = [day for day in earlier if _was_run(results / str(day))]
        counted = [day for day in earlier if run and day >= run[0]]
    return Backlog(target, target < newest, [day for day in counted if not is_finished(results, day)])


def recent(now: datetime, count: int) -> list[date]:
    """The last `count` completed sessions, oldest first."""
    return sessions.window(sessions.last_completed(now), count - 1) if count else []


def is_finished(results: Path, day: date) -> bool:
    return (results / str(day) / files.MANIFEST).is_file()


def _is_marked(folder: Path) -> bool:
    return folder.is_dir() and scan_mark.is_marked(folder)


def _was_run(folder: Path) -> bool:
    """Whether the session was once a target: a session on another's page has tables, but no page of its own."""
    return (folder / files.PAGE).is_file() or (folder / files.MANIFEST).is_file()


def outdated(
    results: Path, archive: Archive, days: Sequence[date], prefixes: Sequence[str], earlier: int
) -> list[date]:
    """Finished sessions of `days` whose manifest does not know every answer that the archive now has for its window.

    That is read from the files alone: a run killed between a vendor's correction and the rebuild loses nothing.
    `earlier` is `history.window`.
    """
    found = []
    for day in days:
        path = results / str(day) / files.MANIFEST
        if not path.is_file():
            continue
        try:
            known = {entry["path"] for entry in json.loads(path.read_bytes())["inputs"]}
        except (ValueError, KeyError, TypeError):
            found.append(day)
            continue
        answers = layout.volume_answers(archive, day, sessions.window(day, earlier), prefixes)
        if any(archive.relative(answer) not in known for answer in answers):
            found.append(day)
    return found
