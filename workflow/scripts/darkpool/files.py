"""Files that are whole or not there: written under another name and renamed, and known by their content."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

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


def noted(path: Path) -> dict[str, Any]:
    """What a note of ours in JSON holds; nothing where it is missing, cannot be read or is no mapping."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@contextmanager
def sole_holder(lock: Path) -> Iterator[None]:
    """Hold the lock file `lock`, made where it is missing: whoever else asks for it waits until it is let go."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
