"""An archive examined, every byte of it: each file against the receipts that name it, and against its marks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from .integrity import DAMAGED, RECEIPTS, Seals, answers_named
from .places import SOURCES
from .receipts import Entry
from .tick_marks import mislaid

EVERY = 2.0
"""Seconds between two words on how far the hashing is."""


class Examined(NamedTuple):
    """An archive, every byte of it: what was hashed, and what is wrong, in sentences."""

    files: int
    size: int
    copied_in: int
    """Files that no receipt names."""
    damaged: list[str]
    gone: list[str]
    """Files that receipts name and that are not there."""


def examine(root: Path, say: Callable[[str], None]) -> Examined:
    """Hash every file of an archive, and hold each tick file's marks against its name; `say` is told how far it is."""
    seals, spoilt = Seals(root), []
    named: dict[str, Entry] = {}
    for path in sorted((root / RECEIPTS).glob("*/*.json")):
        try:
            answers = answers_named(path)
        except ValueError as error:
            spoilt.append(str(error))
        else:
            named |= {file: found[-1] for named_alike in answers.values() for file, found in named_alike.items()}
    paths = sorted(
        path for kind in SOURCES for path in (root / kind).rglob("*") if path.is_file() and path.name[0] != "."
    )
    sizes = [path.stat().st_size for path in paths]
    done, whole, begun = 0, sum(sizes), time.monotonic()
    damaged: list[str] = []

    def one(path: Path) -> str | None:
        try:
            return seals.damage(path, whole=True) or mislaid(path)
        except ValueError:
            return None  # its receipt is spoilt, and is among the damaged already

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for number, (why, size) in enumerate(zip(pool.map(one, paths), sizes, strict=True), start=1):
            done += size
            damaged += [why] if why else []
            if time.monotonic() - begun > EVERY or number == len(paths):
                begun = time.monotonic()
                say(f"{number:,} of {len(paths):,} files, {done / 1e9:,.2f} of {whole / 1e9:,.2f} GB")
    there = {path.relative_to(root).as_posix() for path in paths}
    gone = sorted(file for file, entry in named.items() if file not in there and entry.get("state") != DAMAGED)
    return Examined(len(paths), whole, len(there - named.keys()), [*spoilt, *damaged], gone)
