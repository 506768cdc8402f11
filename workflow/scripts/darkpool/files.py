"""Files that are whole or not there: written under another name and renamed, and known by their content."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from functools import lru_cache
from pathlib import Path

TICK = 100_000_000
"""Nanoseconds in which two writes may carry the same moment; file systems count in steps of some milliseconds."""
DRAFT = ".darkpool-draft"
"""What the name of a file ends in before it is whole: our mark, by which what a killed run had begun is known."""


def version(path: Path) -> tuple[int, ...] | None:
    """What changes whenever a file does; None where it was written just now, and could be again in the same tick."""
    told = path.stat()
    is_fresh = time.time_ns() - told.st_ctime_ns < TICK
    return None if is_fresh else (told.st_size, told.st_mtime_ns, told.st_ctime_ns, told.st_ino)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(8192)
def _digest(path: Path, *_: int) -> str:
    return _hash(path)


def sha256(path: Path) -> str:
    """The sha256 of a file, which is read once as long as the system says that it is as it was."""
    key = version(path)
    return _digest(path, *key) if key else _hash(path)


def write_atomic(path: Path, content: bytes) -> None:
    """Write `content` under a temporary name in the same folder and rename it: a reader sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=DRAFT)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
