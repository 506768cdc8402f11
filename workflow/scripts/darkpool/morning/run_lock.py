"""One run at a time in a project, and nothing left over from a run that was killed.

A run holds a lock that its children do not inherit, so it ends with the wrapper's process, however that ends. Every
process a run starts carries a mark in its environment: whoever carries it while we hold the lock was left behind, may
still write, and is ended. A process group would miss what outlived its leader's number, and a number in a file may by
now be somebody else's.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path

import psutil

from ..archive import layout
from ..files import DRAFT
from ..session import files

MARK = "DARKPOOL_MORNING"
LOCK = ".morning.lock"
LOCKS = Path(".snakemake/locks")
GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError)
DRY_RUN = {"-n", "--dry-run", "--dryrun"}
MOST_FLAGS = 6
"""Parts of a command line among which an interpreter's flags end."""
_PYTHON = re.compile(r"python[\d.]*", re.IGNORECASE)
_DRAFT = re.compile(rf"\.(?P<name>.+)\.[a-z0-9_]{{8}}(?P<mark>{re.escape(DRAFT)})?")
"""How `archive.write_atomic` names a file before it is whole; older versions did without the mark."""


class Busy(RuntimeError):
    """Another run is at work in this project."""


def mark(project: Path) -> dict[str, str]:
    """What every process of a run carries in its environment."""
    return {MARK: str(project)}


@contextmanager
def sole_run(project: Path) -> Iterator[bool]:
    """Hold the project's lock; gives whether the run before this one ended without saying so.

    Raises Busy at once where another wrapper holds it.
    """
    with (project / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"another morning is at work in {project} (process {_told(file.read, file.seek)})") from None
        file.seek(0)
        was_killed = bool(file.read())
        _write(file.fileno(), json.dumps({"pid": os.getpid()}))
        yield was_killed
        # Not reached by whatever a kill interrupts: the next run then sees this one's note.
        _write(file.fileno(), "")


def _told(read: Callable[[], str], seek: Callable[[int], int]) -> object:
    seek(0)
    try:
        return json.loads(read())["pid"]
    except (ValueError, KeyError, TypeError):
        return "unknown"


def _write(handle: int, text: str) -> None:
    os.ftruncate(handle, 0)
    os.write(handle, text.encode())


def end_left_behind(project: Path) -> list[int]:
    """End every process of a run that is over, and jobs whose Snakemake is gone; returns their numbers.

    Only under the lock, and with nobody at work by hand.
    """
    ended: list[int] = []
    while found := [*_marked(project), *_orphaned_jobs(project)]:
        for process in found:
            try:
                process.kill()
            except GONE:
                continue
        psutil.wait_procs(found, timeout=10)
        ended += [process.pid for process in found]
        if len(ended) > len(set(ended)) + 50:
            raise RuntimeError(f"processes {sorted(set(ended))} of an earlier run cannot be ended; end them by hand")
    return sorted(set(ended))


def _others() -> Iterator[psutil.Process]:
    ours = {os.getpid(), os.getppid()}
    for process in psutil.process_iter():
        if process.pid not in ours:
            try:
                if process.status() != psutil.STATUS_ZOMBIE:
                    yield process
            except GONE:
                continue


def _environment(process: psutil.Process) -> Mapping[str, str]:
    try:
        environment: Mapping[str, str] = process.environ()
        return environment
    except GONE:
        return {}


def _marked(project: Path) -> list[psutil.Process]:
    return [process for process in _others() if _environment(process).get(MARK) == str(project)]


def _working_in(project: Path) -> Iterator[tuple[psutil.Process, list[str]]]:
    for process in _others():
        try:
            if process.cwd() == str(project):
                yield process, process.cmdline()
        except GONE:
            continue


def is_snakemake(command: Sequence[str]) -> bool:
    """Whether a process with that command line runs jobs of Snakemake; one that only names it does not.

    >>> is_snakemake(["/usr/bin/python3", "-m", "snakemake", "latest"]), is_snakemake(["man", "snakemake"])
    (True, False)
    """
    names = [Path(part).name for part in command[:MOST_FLAGS]]
    # Behind an interpreter rather one too many than one too few: the lock of a run at work must stand.
    programs = names[1:] if names and _PYTHON.fullmatch(names[0]) else names[:1]
    return "snakemake" in programs and not DRY_RUN & set(command)


def started_by_hand(project: Path) -> int | None:
    """The number of a Snakemake at work in the project that no morning started; None when there is none."""
    for process, command in _working_in(project):
        if is_snakemake(command) and _environment(process).get(MARK) != str(project):
            return int(process.pid)
    return None


def _orphaned_jobs(project: Path) -> list[psutil.Process]:
    """Jobs of a Snakemake started by hand and killed: they go on writing."""
    jobs = [process for process, command in _working_in(project) if any("/.snakemake/scripts/" in c for c in command)]
    return [process for process in jobs if not _has_snakemake(process)]


def _has_snakemake(process: psutil.Process) -> bool:
    try:
        return any(is_snakemake(parent.cmdline()) for parent in process.parents())
    except GONE:
        return False


def unlock(project: Path) -> bool:
    """Remove Snakemake's own lock, which with nobody at work is a killed run's; whether there was one.

    As `snakemake --unlock` does it, but without a process that could be killed in its turn and leave the lock standing.
    """
    folder = project / LOCKS
    if not folder.is_dir() or not any(folder.iterdir()):
        return False
    shutil.rmtree(folder)
    return True


def sweep(project: Path, results: Path, archive: Path) -> list[Path]:
    """Remove files that a killed run had begun and not yet given their name; returns them.

    Of the hidden files in the archive and in `results`, the scan's folder, those alone that bear this project's mark,
    or are named as an older version named a draft of what the workflow writes at that very place. An archive outside
    the project is left alone: others may be writing there just now.
    """
    begun = []
    if (project / archive).is_relative_to(project):
        begun += [path for path, name in _drafts(archive.rglob(".*")) if layout.is_written(archive, path, name)]
    for folder in (results, *results.glob("????-??-??")):
        for place, names in files.with_drafts(folder).items():
            found = _drafts(place.glob(".*"))
            begun += [path for path, name in found if name is None or any(fnmatchcase(name, n) for n in names)]
        begun += [path for pattern in files.swept_names() for path in folder.glob(pattern)]
    for path in begun:
        path.unlink(missing_ok=True)
    for folder in results.glob("????-??-??"):
        for emptied in files.swept(folder):
            with suppress(OSError):  # not there, or somebody keeps something in it
                emptied.rmdir()
    return begun


def _drafts(paths: Iterator[Path]) -> list[tuple[Path, str | None]]:
    """Files named as drafts, with the name each was to be given; None for one that bears the mark, and so is ours."""
    named = [(path, _DRAFT.fullmatch(path.name)) for path in paths if path.is_file() and not path.is_symlink()]
    return [(path, None if draft["mark"] else draft["name"]) for path, draft in named if draft]
