"""The store never becomes smaller without a word: what a load or rebuild would lose, and how to have it again."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path

from ..session import files
from ..tables.contract import Newer, Unreadable, mend
from . import schema
from .session_tables import Gap, HistoryError, Session
from .store_tables import KEPT, RUNS


def without_loss(session: Session | Gap, folder: Path, before: schema.Holdings) -> Session | Gap:
    """The session; or why not, where a table's rows would be gone: no file, or one that is empty by a fault alone."""
    if not isinstance(session, Session):
        return session
    day, gone = session.session, []
    for name, kept in KEPT.items():
        is_there = name in session.frames and (kept.sparse or not session.frames[name].is_empty())
        if day in before.get(name, ()) and not is_there:
            gone.append(folder / str(day) / files.TABLES[kept.source].path)
    if not gone:
        return session
    there = [path for path in gone if path.is_file()]
    missing = [path for path in gone if path not in there]
    store = folder / files.STORE
    return HistoryError(
        f"{', '.join(map(str, gone))}: without the rows that {store} holds of {day}. To have them again: "
        f"{mend(there, missing)}; {_on_purpose(folder, [day])}",
        paths=there,
        missing=missing,
    )


def refuse_loss(
    folder: Path,
    before: schema.Holdings | None,
    after: schema.Holdings,
    gaps: Mapping[date, Gap],
    emptied: Collection[tuple[str, date]],
    forget: Collection[date],
) -> None:
    """Raises HistoryError where a session would be gone from a table, or may be, since the store cannot be read."""
    held = {RUNS: gaps.keys()} if before is None else before
    lost: dict[date, list[str]] = {}
    for name, days in held.items():
        for day in days - after.get(name, frozenset()) - set(forget):
            if (name, day) not in emptied:
                lost.setdefault(day, []).append(name)
    if not lost:
        return
    alike: dict[str, list[date]] = {}
    for day in sorted(lost):
        part = "" if RUNS in lost[day] else f" ({', '.join(lost[day])})"
        alike.setdefault(f"{part}: {_reason(folder, day, gaps)}", []).append(day)
    reasons = "; ".join(f"{', '.join(map(str, days))}{reason}" for reason, days in alike.items())
    what = "cannot be read, and may hold more than" if before is None else "holds more than"
    paths = [path for day in sorted(lost) if day in gaps for path in _paths(gaps[day])]
    missing = [path for day in lost for path in _missing(folder, day, gaps.get(day))]
    again = f"To have them again: {mend(paths, missing)}; " if paths or missing else ""
    raise HistoryError(
        f"{folder / files.STORE} {what} the sessions on disk, and stays as it is. It would lose {reasons}. "
        f"{again}{_on_purpose(folder, sorted(lost))}"
    )


def _reason(folder: Path, day: date, gaps: Mapping[date, Gap]) -> str:
    """Why there is nothing of the session, in words that are the same for every session of which it is true."""
    gap = gaps.get(day)
    if gap is None:
        return f"{files.FEATURES} is not there"
    return (gap.reason if isinstance(gap, Unreadable) else str(gap)).replace(f"{folder / str(day)}/", "")


def _paths(gap: Gap) -> Sequence[Path]:
    return gap.paths if isinstance(gap, Unreadable | HistoryError) else ()


def _missing(folder: Path, day: date, gap: Gap | None) -> Sequence[Path]:
    if isinstance(gap, HistoryError) and gap.missing:
        return gap.missing
    is_told = isinstance(gap, Newer) or (gap is not None and _paths(gap))
    return [] if is_told else [folder / str(day) / files.MANIFEST]


def _on_purpose(folder: Path, days: Sequence[date]) -> str:
    scan, names = shlex.quote(folder.name), ",".join(map(str, days))
    return f"if they were deleted on purpose: python -m darkpool rebuild --scan {scan} --forget {names}"
