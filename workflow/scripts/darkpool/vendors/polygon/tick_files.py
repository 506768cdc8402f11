"""Files of ticks and minute bars in the archive: made of pages, one ticker and kind each, whichever vendor's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ...archive import integrity, layout, tick_marks
from ...archive.receipts import Entry
from ...archive.store import Archive
from ...files import DRAFT, sha256
from .page import MINUTE_BARS, QUOTES, TRADES
from .spool import Spool

TIMES = {
    TRADES: ("participant_timestamp", "sip_timestamp"),
    QUOTES: ("participant_timestamp", "sip_timestamp"),
    MINUTE_BARS: ("t",),
}
"""By kind the columns of moments; the first that a row has counts."""
_PARTIAL, WHOLE = f".partial{DRAFT}", "whole.parquet"


class TickFile(NamedTuple):
    """One file: its kind, as polygon/trades, its session, and its symbol in the vendor's spelling."""

    kind: str
    session: date
    symbol: str

    @property
    def relative(self) -> str:
        """Where its first answer lies in the archive."""
        return layout.ticks(self.kind, self.session, self.symbol)

    def spool(self, archive: Archive, times: Sequence[str], sequence: str) -> Spool:
        """Where its pages are set aside; `times` and `sequence` as Spool takes them."""
        target = archive.path(self.relative)
        return Spool(target.with_name(f".{target.name}{_PARTIAL}"), times, sequence)

    def keep(
        self,
        archive: Archive,
        pages: Spool,
        moment: datetime,
        sorting: AbstractContextManager[object] = nullcontext(),  # noqa: B008
    ) -> Path:
        """Keep the rows of `pages`, retrieved at `moment`, with the marks of what they are of; returns the file.

        `sorting` is held while they are sorted, which takes memory.
        """
        whole = pages.folder / WHOLE
        with sorting:
            pages.write(whole, tick_marks.marks(*self))
        return _adopt(archive, self.relative, whole, moment)


def sweep(archive: Archive, session: date) -> None:
    """Remove what a run that was killed left behind."""
    for kind in layout.TICKS + layout.BARS:
        folder = archive.path(kind, str(session))
        for partial in folder.glob(".*.parquet.partial*") if folder.is_dir() else ():
            if partial.name.endswith(_PARTIAL) or _is_spool(partial):
                shutil.rmtree(partial, ignore_errors=True)


def _is_spool(folder: Path) -> bool:
    """Whether a folder without our mark is what an older version left: pages set aside, and nothing else."""
    return folder.is_dir() and all(path.suffix in (".arrow", ".bin") for path in folder.iterdir())


def _adopt(archive: Archive, relative: str, whole: Path, moment: datetime) -> Path:
    """Keep a finished file by rename, as `Archive.keep` does with bytes: these would not fit into memory."""
    fresh = Archive(archive.root)
    target = fresh.home(relative, sha256(whole), moment)
    if target.exists():
        return target
    with whole.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(whole, target)
    fresh.restore(target)
    return target


def rows(path: Path) -> int | None:
    """The number of rows of a file; None when it is no whole Parquet file."""
    try:
        with pq.ParquetFile(path) as file:
            return int(file.metadata.num_rows)
    except (pa.ArrowException, OSError):
        return None


def footers(
    archive: Archive, before: Mapping[str, Entry], everyone: Iterable[Mapping[str, Entry | None]]
) -> dict[str, Entry]:
    """By file, the footer of each: it tells of a change that no page's checksum covers. `before` is kept as it was."""
    named = (entry["file"] for kinds in everyone for entry in kinds.values() if entry and entry["file"])
    found = {file: entry for file, entry in before.items() if entry.get("state") != integrity.DAMAGED}
    return {
        file: found.get(file) or {"file": file, "footer": integrity.footer(archive.path(file))}
        for file in named
        if archive.path(file).is_file()
    }
