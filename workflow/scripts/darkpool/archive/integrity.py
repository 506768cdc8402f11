"""Which bytes belong to whose receipt, and whether a file of the archive still holds them.

A receipt names files with their sha256. A file that a receipt names with another one is *damaged*: nobody reads it, and
no receipt takes its new sha256. A file that no receipt names was copied in by somebody, and is used.

FINRA's files stand in the receipts of every session that looks back to them; all that name a file must agree. Ticks are
too large to be hashed every morning. They carry what they are of in their metadata and checksums in their pages, both
checked as they are read; hashed are those that were touched after their receipt was written, which only the system
itself can date, those without these marks, and small ones.
"""

from __future__ import annotations

import hashlib
import json
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from ..files import sha256, version
from . import receipts
from .places import OWN, SOURCES, TICKS, Place, first_name, place
from .receipts import Before, Entry

Answers = dict[str, dict[str, list[Entry]]]
"""Entries of a receipt by the first name of an answer, and by file."""

RECEIPTS, REJECTED = "receipts", "rejected"
DAMAGED: Final = "damaged"
SMALL = 256_000
"""Bytes of a file of ticks up to which it is hashed whenever it is looked at, like any other."""


class Naming(NamedTuple):
    """A receipt that names a file, and the entry that does."""

    receipt: Path
    entry: Entry


class Seals:
    """What the receipts of one archive say of its files; they are read once, see `forget`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._kept: dict[Path, tuple[list[str], list[Path]]] = {}
        self._by_receipt: dict[Path, Answers] = {}
        self._naming: dict[tuple[str, str], list[Path]] = {}

    def forget(self) -> None:
        """Read the receipts again, since one of them was written."""
        self._kept.clear()
        self._by_receipt.clear()
        self._naming.clear()

    def named(self, there: Place) -> list[Naming]:
        """Every receipt that names the file."""
        return [
            Naming(receipt, entry)
            for receipt, answers in self._receipts(there)
            for entry in answers.get(there.name, {}).get(there.relative, ())
        ]

    def answers(self, there: Place) -> dict[str, Entry]:
        """What the receipts name of all answers that share the file's name, by path; one that says `damaged` first."""
        found: dict[str, Entry] = {}
        for _, answers in self._receipts(there):
            for relative, every in answers.get(there.name, {}).items():
                said = [entry for entry in every if entry.get("sha256")] or every
                lost = [entry for entry in said if entry.get("state") == DAMAGED]
                found |= {relative: lost[0]} if lost else {}
                found.setdefault(relative, said[0])
        return found

    def _receipts(self, there: Place) -> Iterator[tuple[Path, Answers]]:
        key = there.kind, there.day
        if key not in self._naming:
            self._naming[key] = self._able_to_name(there)
        for path in self._naming[key]:
            answers = self._by_receipt.get(path)
            if answers is None:
                answers = self._by_receipt[path] = answers_named(path)
            yield path, answers

    def _able_to_name(self, there: Place) -> list[Path]:
        """The receipts that may name a file of this kind and day."""
        source, count = SOURCES[there.kind]
        folder = self.root / RECEIPTS / source
        if count == OWN:
            return [folder / f"{there.day}.json"]
        days, kept = self._days(folder)
        start = bisect_left(days, there.day)
        return kept[start : start + count]

    def _days(self, folder: Path) -> tuple[list[str], list[Path]]:
        """The sessions that the folder has a receipt of, ascending, and the receipts."""
        if folder not in self._kept:
            try:
                names = sorted(name for name in os.listdir(folder) if name.endswith(".json") and name[0] != ".")
            except FileNotFoundError:
                names = []
            self._kept[folder] = [name[:-5] for name in names], [folder / name for name in names]
        return self._kept[folder]

    def damage(self, path: Path, whole: bool = False) -> str | None:
        """What is wrong with a file that is not what its receipts say; None where it is, or none names it.

        With `whole` ticks too are hashed, however large and old.
        """
        there = place(path)
        found = self.named(there) if there and there.root == self.root else []
        if not there or not found:
            return None
        try:
            if there.kind in TICKS and not whole and not _is_hashed(path, found):
                return _other_footer(path, found)
            actual = sha256(path)
        except FileNotFoundError:
            return None
        for receipt, entry in found:
            # What takes the name of a file that was set aside is another file, until a receipt names it.
            said = entry.get("sha256")
            if said not in (actual, None) and entry.get("state") != DAMAGED:
                return (
                    f"{path} is damaged: its sha256 begins with {actual[:12]}, {receipt.parent.name}/{receipt.name} "
                    f"of the receipts says {str(said)[:12]}"
                )
        return None

    def is_replaced(self, path: Path) -> bool:
        """Whether the file took the place of a damaged one without being what that was: its rows are `revised`."""
        there = place(path)
        return bool(there) and any(entry.get("replaces") for _, entry in self.named(there))  # type: ignore[arg-type]


def footer(path: Path) -> str:
    """The sha256 of a Parquet file's footer: its schema, and where each page lies. No page's checksum covers it."""
    with path.open("rb") as file:
        file.seek(-min(8, path.stat().st_size), os.SEEK_END)
        length = int.from_bytes(file.read(8)[:4], "little")
        file.seek(-min(length + 8, path.stat().st_size), os.SEEK_END)
        return hashlib.sha256(file.read()).hexdigest()


def _other_footer(path: Path, found: list[Naming]) -> str | None:
    """What is wrong with a tick file that is not hashed, and whose footer a receipt says."""
    said = {entry["footer"] for _, entry in found if entry.get("footer") and entry.get("state") != DAMAGED}
    return f"{path} is damaged: its footer is not the one of its receipt" if said - {footer(path)} else None


def _is_hashed(path: Path, found: list[Naming]) -> bool:
    """Whether a tick file is small, or was written, moved or renamed after its receipts.

    Only the system sets that moment.
    """
    state = path.stat()
    written = max(receipt.stat().st_mtime_ns for receipt, _ in found)
    return state.st_size <= SMALL or state.st_ctime_ns >= written


def answers_named(path: Path) -> Answers:
    """What a receipt names; nothing where there is none. Raises receipts.ReceiptError."""
    try:
        key = version(path)
    except FileNotFoundError:
        return {}
    return _cached(path, *key) if key else _parsed(path)


@lru_cache(1024)
def _cached(path: Path, *_: int) -> Answers:
    return _parsed(path)


def _parsed(path: Path) -> Answers:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise receipts.ReceiptError(path, f"not readable as JSON ({error})") from None
    found: Answers = {}
    for entry in entries(content):
        file = str(entry["file"])
        seen = found.setdefault(first_name(file), {}).setdefault(file, [])
        # Yahoo's tickers share a file: one entry of many that say the same is enough.
        if not any(
            all(one.get(key) == entry.get(key) for key in ("sha256", "state", "replaces", "footer")) for one in seen
        ):
            seen.append(entry)
    return found


def entries(receipt: Any) -> Iterator[Entry]:
    """Every entry of a receipt that names a file, whatever the receipt is of."""
    if isinstance(receipt, dict):
        if isinstance(receipt.get("file"), str):
            yield cast(Entry, receipt)
        else:
            for value in receipt.values():
                yield from entries(value)


def changed(receipt: Any, file: str, change: Callable[[Entry], Entry]) -> Any:
    """The receipt with every entry that names `file` changed."""
    if not isinstance(receipt, dict):
        return receipt
    if receipt.get("file") == file:
        return change(cast(Entry, receipt))
    return {key: changed(value, file, change) for key, value in receipt.items()}


def damaged(entry: Entry) -> Entry:
    """The entry of a damaged file that was set aside: its name is free, its sha256 says what it was."""
    if entry.get("state") == DAMAGED:
        return entry
    before = cast(Before, {key: value for key, value in entry.items() if key in ("state", "reason")})
    reason = f"{entry['file']} was damaged and lies under {REJECTED}/"
    return {**entry, "state": DAMAGED, "reason": reason, "before": before}


def restored(entry: Entry) -> Entry:
    """The entry of a file that is whole again, as it was before the damage."""
    if entry.get("state") != DAMAGED:
        return entry
    rest = cast(Entry, {key: value for key, value in entry.items() if key not in ("state", "reason", "before")})
    before: Before = {"state": "published", "reason": None}
    return {**rest, **entry.get("before", before)}


def settle(before: Entry | None, fresh: Entry) -> Entry:
    """The entry of what the vendor said when it was asked again for a damaged file, whose entry is `before`.

    With the bytes that the receipt names nothing has changed; other bytes take the old ones' place, and say so; without
    an answer the entry stays what it was, `damaged`, so that the next morning knows what was lost.
    """
    if before is None:
        return fresh
    if not fresh.get("file"):
        said = f"{fresh['state']}, {fresh['reason']}" if fresh.get("reason") else fresh["state"]
        lost = damaged(before)
        return {**lost, "reason": f"{lost['reason']}; asked again: {said}"}
    if fresh["sha256"] == before.get("sha256"):
        return {**restored(before), "file": fresh["file"]}
    return {**fresh, "replaces": before.get("sha256")}
