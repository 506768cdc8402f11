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
import re
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from ..files import sha256, version
from . import receipts
from .receipts import Before, Entry

Told = dict[str, dict[str, list[Entry]]]
"""Entries of a receipt by the first name of an answer, and by file."""

RECEIPTS, REJECTED = "receipts", "rejected"
DAMAGED: Final = "damaged"
OWN, LATER = 1, 130
"""Receipts that may name a file: that of its own session, or so many from its day on: a window is 61 sessions long."""
SOURCES: Mapping[str, tuple[str, int]] = {
    "finra/regsho": ("finra", LATER),
    "finra/otc_weekly": ("finra_weekly", LATER),
    "yahoo/daily": ("yahoo", OWN),
    "yahoo/splits": ("yahoo", OWN),
    "yahoo/market": ("yahoo_market", OWN),
    "yahoo/market_splits": ("yahoo_market", OWN),
    "universe": ("yahoo", OWN),
    "polygon/trades": ("polygon", OWN),
    "polygon/quotes": ("polygon", OWN),
    "polygon/minute_bars": ("polygon", OWN),
    "yahoo/minute_bars": ("polygon", OWN),
}
"""Whose receipts name the files of a folder, and how many of them."""
TICKS = frozenset({"polygon/trades", "polygon/quotes", "polygon/minute_bars", "yahoo/minute_bars"})
SMALL = 256_000
"""Bytes of a file of ticks up to which it is hashed whenever it is looked at, like any other."""
EVERY = 2.0
"""Seconds between two words on how far the hashing is."""
TICKER, SESSION, KIND = MARKS = (b"ticker", b"session", b"kind")
"""Keys of a tick file's metadata: the symbol in the vendor's spelling, the session, the folder it lies in."""
_STAMP = re.compile(r"@\d{8}T\d{6}Z(?=\.[a-z]+$)")
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?!\d)")
_ESCAPED = re.compile(r"%([0-9A-F]{2})")


class Place(NamedTuple):
    """Where a file lies: the archive's folder, its path in it, the folder of its kind, its session or Monday."""

    root: Path
    relative: str
    kind: str
    day: str

    @property
    def name(self) -> str:
        """The name of the first answer: without the moment of a later one."""
        return first_name(self.relative)

    @property
    def symbol(self) -> str:
        """The vendor's symbol that a tick file is named for."""
        stem = self.name.rpartition("/")[2].rpartition(".")[0]
        return bytes(_ESCAPED.sub(lambda m: chr(int(m[1], 16)), stem), "latin-1").decode("utf-8", "replace")


def first_name(relative: str) -> str:
    """The name of the first answer, of that or of a later one.

    >>> first_name("yahoo/daily/2025-12-22@20251223T110000Z.parquet")
    'yahoo/daily/2025-12-22.parquet'
    """
    return _STAMP.sub("", relative)


def place(path: Path) -> Place | None:
    """The place of an archive's file, from its path alone; None for a file of no archive."""
    parts = path.parts
    for end in range(len(parts) - 1, 0, -1):
        kind = parts[end - 1] if parts[end - 1] == "universe" else "/".join(parts[max(end - 2, 0) : end])
        if kind in SOURCES:
            start = end - 1 - kind.count("/")
            day = _DAY.search("/".join(parts[end:]))
            return Place(Path(*parts[:start]), "/".join(parts[start:]), kind, "-".join(day.groups())) if day else None
    return None


class Named(NamedTuple):
    """A receipt that names a file, and the entry that does."""

    receipt: Path
    entry: Entry


class Seals:
    """What the receipts of one archive say of its files; they are read once, see `forget`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._kept: dict[Path, tuple[list[str], list[Path]]] = {}
        self._told: dict[Path, Told] = {}

    def forget(self) -> None:
        """Read the receipts again, since one of them was written."""
        self._kept.clear()
        self._told.clear()

    def named(self, there: Place) -> list[Named]:
        """Every receipt that names the file."""
        return [
            Named(receipt, entry)
            for receipt, told in self._receipts(there)
            for entry in told.get(there.name, {}).get(there.relative, ())
        ]

    def answers(self, there: Place) -> dict[str, Entry]:
        """What the receipts name of all answers that share the file's name, by path; one that says `damaged` first."""
        found: dict[str, Entry] = {}
        for _, told in self._receipts(there):
            for relative, every in told.get(there.name, {}).items():
                said = [entry for entry in every if entry.get("sha256")] or every
                lost = [entry for entry in said if entry.get("state") == DAMAGED]
                found |= {relative: lost[0]} if lost else {}
                found.setdefault(relative, said[0])
        return found

    def _receipts(self, there: Place) -> Iterator[tuple[Path, Told]]:
        source, count = SOURCES[there.kind]
        folder = self.root / RECEIPTS / source
        if count == OWN:
            paths = [folder / f"{there.day}.json"]
        else:
            days, kept = self._days(folder)
            start = bisect_left(days, there.day)
            paths = kept[start : start + count]
        for path in paths:
            told = self._told.get(path)
            if told is None:
                told = self._told[path] = _told(path)
            yield path, told

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


def _other_footer(path: Path, found: list[Named]) -> str | None:
    """What is wrong with a tick file that is not hashed, and whose footer a receipt says."""
    said = {entry["footer"] for _, entry in found if entry.get("footer") and entry.get("state") != DAMAGED}
    return f"{path} is damaged: its footer is not the one of its receipt" if said - {footer(path)} else None


def _is_hashed(path: Path, found: list[Named]) -> bool:
    """Whether a tick file is small, or was written, moved or renamed after its receipts.

    Only the system sets that moment.
    """
    told = path.stat()
    written = max(receipt.stat().st_mtime_ns for receipt, _ in found)
    return told.st_size <= SMALL or told.st_ctime_ns >= written


def _told(path: Path) -> Told:
    try:
        key = version(path)
    except FileNotFoundError:
        return {}
    return _cached(path, *key) if key else _parsed(path)


@lru_cache(1024)
def _cached(path: Path, *_: int) -> Told:
    return _parsed(path)


def _parsed(path: Path) -> Told:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise receipts.ReceiptError(path, f"not readable as JSON ({error})") from None
    found: Told = {}
    for entry in entries(content):
        file = str(entry["file"])
        seen = found.setdefault(first_name(file), {}).setdefault(file, [])
        # Yahoo's tickers share a file: one entry of many that say the same is enough.
        if not any(
            all(one.get(key) == entry.get(key) for key in ("sha256", "state", "replaces", "footer")) for one in seen
        ):
            seen.append(entry)
    return found


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
            told = _told(path)
        except ValueError as error:
            spoilt.append(str(error))
        else:
            named |= {file: found[-1] for answers in told.values() for file, found in answers.items()}
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


def mislaid(path: Path) -> str | None:
    """What is wrong with a tick file whose marks are those of another place; None for any other file."""
    there = place(path)
    if there is None or there.kind not in TICKS:
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return check_marks(path, pq.read_schema(path).metadata)
    except (pa.ArrowException, OSError) as error:
        return f"{path} is damaged: no readable Parquet file ({error})"


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


def marks(kind: str, session: object, symbol: str) -> dict[bytes, bytes]:
    """What a tick file carries in its metadata; `symbol` in the vendor's spelling."""
    return dict(zip(MARKS, (symbol.encode(), str(session).encode(), kind.encode()), strict=True))


def _is_marked(metadata: Mapping[bytes, bytes] | None) -> bool:
    return bool(metadata) and all(key in metadata for key in MARKS)  # type: ignore[operator]


def check_marks(path: Path, metadata: Mapping[bytes, bytes] | None) -> str | None:
    """What is wrong with a tick file that carries the marks of another place; None without marks."""
    there = place(path)
    if there is None or metadata is None or not _is_marked(metadata):
        return None
    told = {key: metadata[key] for key in MARKS}
    expected = marks(there.kind, there.day, there.symbol)
    if told != expected:
        said = ", ".join(value.decode("utf-8", "replace") for value in told.values())
        wanted = ", ".join(value.decode() for value in expected.values())
        return f"{path} is damaged: it says that it is of {said}, expected {wanted}"
    return None


def check_ticks(path: Path, metadata: Mapping[bytes, bytes] | None) -> str | None:
    """What is wrong with a tick file that is about to be read; its pages are checked as they are."""
    there = place(path)
    if there is None or there.kind not in TICKS:
        return None
    return check_marks(path, metadata) or Seals(there.root).damage(path, whole=not _is_marked(metadata))
