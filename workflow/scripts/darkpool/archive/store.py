"""The archive: what the vendors said, written once by rename and never edited.

The first answer of a name stands as NAME.EXT; a later one that differs or adds lies beside it as
NAME@YYYYMMDDTHHMMSSZ.EXT, the moment of its retrieval in UTC. Receipts say what was asked and what came.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from .. import credentials
from ..files import sha256, sole_holder, write_atomic
from . import integrity, receipts
from .places import place
from .receipts import Entry

RECEIPTS = integrity.RECEIPTS
RUN, GIVEN_UP = "DARKPOOL_RUN", ".given_up"
REJECTED = integrity.REJECTED
FIRST = datetime.min.replace(tzinfo=UTC)
"""A first answer carries no moment in its name; it is older than any other."""
STAMP = re.compile(r"@(\d{8}T\d{6}Z)$")


def _age(name: str) -> tuple[bool, str]:
    """What answers of one name are sorted by, the first answer first."""
    return "@" in name, name


def file_name(symbol: str) -> str:
    """The symbol as a file name: every byte outside `A-Z 0-9 . -` percent-encoded, since macOS folds case.

    >>> file_name("BRK/B"), file_name("TpC")
    ('BRK%2FB', 'T%70C')
    """
    safe = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"
    return "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in symbol.encode())


def stamp(moment: datetime) -> str:
    """`moment` (aware) as answers carry it in their names."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def iso(moment: datetime) -> str:
    """`moment` (aware) as receipts carry it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Archive:
    """One archive folder."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self._listings: dict[Path, dict[str, list[str]]] = {}
        self._folders: dict[str, Path] = {}
        self._seals = integrity.Seals(self.root)

    def path(self, *parts: str) -> Path:
        return self.root.joinpath(*parts)

    def answers(self, relative: str) -> list[Path]:
        """Every answer kept under this name, oldest first, but for damaged ones; empty when there is none."""
        return [path for path in self._kept(relative) if self._seals.damage(path) is None]

    def damaged(self, relative: str) -> dict[Path, str]:
        """Answers of this name that are not what their receipts say, oldest first, and what is wrong with each."""
        return {path: why for path in self._kept(relative) if (why := self._seals.damage(path))}

    def is_whole(self, path: Path) -> bool:
        """Whether the file is there and is what its receipts say."""
        return path.is_file() and self._seals.damage(path) is None

    def is_replaced(self, path: Path) -> bool:
        """Whether an answer took the place of a damaged one and differs from what that was."""
        return self._seals.is_replaced(path)

    def receipted(self, relative: str) -> dict[str, Entry]:
        """What receipts say of the answers of this name, by path in the archive, whether they are there or not."""
        there = place(self.path(relative))
        return self._seals.answers(there) if there else {}

    def lost(self, relative: str) -> dict[str, Entry]:
        """Entries of the newest answers of this name, where receipts name such as are not there whole any more.

        By path in the archive, oldest first; an answer older than one that is there counts for nothing.
        """
        named = self.receipted(relative)
        return _lost(named, self.answers(relative)) if named else {}

    def newest(self, relative: str) -> Path | None:
        """The newest answer of this name; None where there is none, or where a newer one is damaged or gone."""
        whole = self.answers(relative)
        return whole[-1] if whole and not _lost(self.receipted(relative), whole) else None

    def set_aside(self, relative: str, moment: datetime) -> Entry | None:
        """Move the damaged answers of this name under `rejected/`, and say so in every receipt that names them.

        Returns the entry of the newest one that was damaged, now or before, unless a newer answer is there.
        """
        for path, why in self.damaged(relative).items():
            name = self.relative(path)
            aside = f"{REJECTED}/{name}"
            target = self._stamped(aside, self.free_moment(moment, aside))
            write_atomic(target.with_name(target.name + ".reason"), (credentials.hidden(why) + "\n").encode())
            os.replace(path, target)
            print(f"{why}; it lies in {self.relative(target)} now, and is asked for again", file=sys.stderr)
            self._listings.pop(path.parent, None)
            self.change_entries(name, integrity.damaged)
        lost = [entry for entry in self.lost(relative).values() if entry.get("state") == integrity.DAMAGED]
        return lost[-1] if lost else None

    def _kept(self, relative: str) -> list[Path]:
        inner, _, first = relative.rpartition("/")
        folder = self._folders.get(inner)
        if folder is None:  # made once: thousands of tickers lie in one folder
            folder = self._folders[inner] = self.path(inner)
        found = [folder / name for name in self._listing(folder).get(first, [])]
        for path in found:
            retrieved(path)  # a name that carries no moment is told by whoever reads first
        return found

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        """File names of a folder by the name of their first answer; read once, since windows ask 61 times."""
        if folder not in self._listings:
            listing: dict[str, list[str]] = {}
            try:
                names = sorted(os.listdir(folder), key=_age)
            except FileNotFoundError:
                names = []
            for name in names:
                stem, dot, suffix = name.rpartition(".")
                listing.setdefault(STAMP.sub("", stem) + dot + suffix, []).append(name)
            self._listings[folder] = listing
        return self._listings[folder]

    def keep(
        self,
        relative: str,
        content: bytes,
        moment: datetime,
        repeat: bool = False,
        lost: Iterable[Entry] = (),
    ) -> Path:
        """Keep an answer retrieved at `moment`; returns the file that holds it.

        That is the newest one there when its bytes are equal, unless `repeat`. `lost` are entries of damaged files that
        the answer stands for.
        """
        target = self.home(relative, hashlib.sha256(content).hexdigest(), moment, repeat, lost)
        if not target.exists():
            write_atomic(target, content)
            self.restore(target)
        return target

    def restore(self, path: Path) -> None:
        """Let the receipts say of a file that was written just now what they said before it was damaged, if it was."""
        self._listings.pop(path.parent, None)
        digest, ending = sha256(path), integrity.footer(path)

        def whole_again(entry: Entry) -> Entry:
            is_same = entry["sha256"] == digest if "sha256" in entry else entry.get("footer") == ending
            return integrity.restored(entry) if is_same else entry

        self.change_entries(self.relative(path), whole_again)

    def home(
        self, relative: str, digest: str, moment: datetime, repeat: bool = False, lost: Iterable[Entry] = ()
    ) -> Path:
        """The file that an answer of this sha256 is in, or that is to be written for it.

        What lies there damaged is set aside first. An answer that is whole again takes the very name that its receipt
        says, one that stands for a damaged first answer that one's name, any other the first that is free.
        """
        self.set_aside(relative, moment)
        lost, first = list(lost), self.path(relative)
        for entry in [*lost, *self.lost(relative).values()]:
            file = entry["file"]
            if file and entry.get("sha256") == digest and not self.path(file).exists():
                return self.path(file)
        kept = self.answers(relative)
        if kept and not repeat and sha256(kept[-1]) == digest:
            return kept[-1]
        takes_first = not kept or any(entry["file"] == relative for entry in lost)
        return (
            first if takes_first and not first.exists() else self._stamped(relative, self.free_moment(moment, relative))
        )

    def reject(self, relative: str, content: bytes, reason: str, moment: datetime) -> Path:
        """Keep a body that failed its checks aside, with the reason in a text file beside it."""
        aside = f"{REJECTED}/{relative}"
        target = self._stamped(aside, self.free_moment(moment, aside))
        write_atomic(target, content)
        write_atomic(target.with_name(target.name + ".reason"), (credentials.hidden(reason) + "\n").encode())
        return target

    def _stamped(self, relative: str, moment: datetime) -> Path:
        first = self.path(relative)
        return first.with_name(f"{first.stem}@{stamp(moment)}{first.suffix}")

    def free_moment(self, moment: datetime, *names: str) -> datetime:
        """The first moment from `moment` on whose stamp no answer of `names` has: two can come in one second."""
        while any(self._stamped(name, moment).exists() for name in names):
            moment += timedelta(seconds=1)
        return moment

    def receipt_path(self, source: str, session: date) -> Path:
        return self.path(RECEIPTS, source, f"{session}.json")

    def receipt(self, source: str, session: date) -> dict[str, Any] | None:
        """The receipt of a source for a session; None when nothing was ever asked. Raises receipts.ReceiptError."""
        try:
            return receipts.read(self.receipt_path(source, session))
        except FileNotFoundError:
            return None

    def write_receipt(self, source: str, session: date, receipt: dict[str, Any]) -> None:
        content = json.dumps(receipt, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        write_atomic(self.receipt_path(source, session), credentials.hidden(content).encode())
        self._seals.forget()

    def change_entries(self, file: str, change: Callable[[Entry], Entry]) -> None:
        """Change the entries that name `file` in every receipt that has one."""
        there = place(self.path(file))
        for path in {named.receipt for named in self._seals.named(there)} if there else ():
            before = json.loads(path.read_bytes())
            receipt = integrity.changed(before, file, change)
            if receipt != before:
                self.write_receipt(path.parent.name, date.fromisoformat(path.stem), receipt)

    def relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def give_up(self, source: str, reason: str) -> None:
        """Remember for the rest of this run (DARKPOOL_RUN) that the vendor is down: other jobs need not find out."""
        run = os.environ.get(RUN)
        if run:
            write_atomic(self.path(RECEIPTS, source, GIVEN_UP), json.dumps({"run": run, "reason": reason}).encode())

    def given_up(self, source: str) -> str | None:
        """Why another job of this run gave the vendor up; None where none did."""
        try:
            given_up = json.loads(self.path(RECEIPTS, source, GIVEN_UP).read_bytes())
            return str(given_up["reason"]) if given_up["run"] == os.environ.get(RUN) else None
        except (OSError, ValueError, LookupError, TypeError):
            return None

    @contextmanager
    def sole_asker(self, source: str) -> Iterator[None]:
        """Hold the source's lock: two runs on one archive ask a vendor one after the other, and nothing twice."""
        with sole_holder(self.path(RECEIPTS, source, ".lock")):
            yield


def _lost(named: Mapping[str, Entry], whole: Sequence[Path]) -> dict[str, Entry]:
    """What receipts name that is newer than the newest answer that is whole, oldest first."""
    newest = _age(whole[-1].name) if whole else None
    ages = {name: _age(name.rpartition("/")[2]) for name in named}
    return {name: named[name] for name in sorted(ages, key=ages.__getitem__) if newest is None or ages[name] > newest}


def retrieved(path: Path) -> datetime | None:
    """When a later answer was retrieved, from its name; None for a first answer.

    Raises ValueError where the name carries a moment that cannot be.
    """
    match = STAMP.search(path.stem)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(
            f"{path}: its name carries {match[1]}, which is no moment; expected NAME@YYYYMMDDTHHMMSSZ.EXT, when it was "
            "retrieved (UTC). Rename it, or move it out of the archive"
        ) from None
