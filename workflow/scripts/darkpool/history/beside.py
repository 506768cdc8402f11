"""What stands beside a scan's sessions, kept up with them: the store, the index and `latest.json`.

The step that writes or refuses a session's manifest brings all three up to date in the same job, so that whatever
command made the session, nothing is left behind that says something else. What is up to date is told by hashes and not
made again. A fault here costs no session its manifest: it is told, and the store that lags says so where it is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

from ..files import noted, sha256, sole_holder, write_atomic
from ..session import files, latest, manifest
from ..session.selection import on_disk
from . import database, lag
from .archive_views import Trades

LOCK = ".beside.lock"
"""Two jobs of one command, or two commands, tell of one scan one after the other: the last has seen all."""
LOOKED_AT = 60
"""Newest sessions of which the index tells whether the store holds them: a long history takes time to hash."""


def update(
    folder: Path,
    session: date,
    archive: Path,
    *,
    on_page: Sequence[date],
    trades: Trades,
    mode: str,
    code: str,
    now: datetime,
) -> list[str]:
    """Bring the store, the index and `latest.json` of the scan in `folder` up to what its sessions' folders hold.

    `session` is the one whose manifest was just written or refused, `on_page` the sessions on its page. Returns what
    went wrong, in sentences: none of the three is kept from the others.
    """
    faults: list[str] = []
    with _told(faults, "the session is not in the history"):
        faults += _load(folder, session, archive, on_page, trades)
    return faults + tell(folder, session, mode=mode, code=code, now=now, on_page=on_page)


@contextmanager
def _told(faults: list[str], what: str) -> Iterator[None]:
    """Whatever goes wrong, a fault of the program too, is added to `faults` as a sentence: the manifest stands."""
    try:
        yield
    except Exception as error:
        faults.append(f"{what}: {type(error).__name__}: {error}")


def _load(folder: Path, session: date, archive: Path, on_page: Sequence[date], trades: Trades) -> Iterator[str]:
    there = set(on_disk(folder))
    days = [session, *(day for day in on_page if day in there and day != session)]
    if database.is_current(folder, days, trades):
        return
    loaded = database.load(folder, [session], archive, trades, beside=on_page)
    for path in loaded.set_aside:
        yield f"the history could not be read and was built anew; it is kept as {path}"
    for day, reason in loaded.skipped.items():
        if day in there:
            yield f"left out of the history: {day}: {reason}"


def tell(
    folder: Path,
    asked: date,
    *,
    mode: str,
    now: datetime,
    code: str | None = None,
    exit_status: int | None = None,
    on_page: Sequence[date] = (),
) -> list[str]:
    """The index and `latest.json`, one writer at a time; returns what went wrong.

    `exit_status` is that of a morning; without one the files say it. `code` as in `write_index`, `on_page` as in
    `latest.describe`.
    """
    faults: list[str] = []
    with _told(faults, f"nothing in {folder} could be written"), sole_holder(folder / LOCK):
        with _told(faults, f"{folder / files.LATEST} could not be written"):
            content = latest.describe(folder, asked, mode=mode, exit_status=exit_status, now=now, on_page=on_page)
            latest.write(folder, content)
        with _told(faults, f"{folder / files.INDEX} could not be written"):
            write_index(folder, code)
    return faults


def write_index(folder: Path, code: str | None = None) -> None:
    """The index, where it is not of these folders, or not written by this `code`; None is any code."""
    target, before = folder / files.INDEX, noted(folder / files.INDEX_NOTE)
    lagging = lag.of_store(folder, on_disk(folder)[-LOOKED_AT:])
    made_of = hashlib.sha256(f"{manifest.folders_id(folder)}\0{lagging}".encode()).hexdigest()[:12]
    is_same = before.get("made_of") == made_of and code in (None, before.get("code"))
    if is_same and target.is_file() and sha256(target) == before.get("sha256"):
        return
    from ..show.index import index_page  # what draws it is imported where there is something to draw

    index_page.write(folder, lagging)
    note = {"code": code or before.get("code"), "made_of": made_of, "sha256": sha256(target)}
    if note != before:
        write_atomic(folder / files.INDEX_NOTE, (json.dumps(note, sort_keys=True) + "\n").encode())
