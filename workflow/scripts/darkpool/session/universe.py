"""The universe of a session: configured tickers and those in the scan's own files of that day.

The universe used is kept in the archive, so that a rebuild is the same after the scan's files are gone. Keys of the
configuration are read as they stand now; a file that no longer exists counts with what is kept of it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from .. import listing
from ..archive import layout, universe_file
from ..archive.store import Archive
from ..archive.universe_file import Member
from ..files import write_atomic
from ..market import symbols
from . import files as session_files

CONFIGURED = "config"
COLUMNS = ("ticker", "symbol")
"""Columns that hold a ticker, the surer first: a `symbol` beside a `ticker` may be another vendor's code."""
TOTALS = frozenset({"total", "totals", "subtotal", "subtotals", "average", "mean", "median", "count"})
TOTALS_AND_TICKERS = frozenset({"sum", "all", "max", "min", "avg", "std", "tot"})
"""In capitals these have been tickers."""


class UniverseError(ValueError):
    """No universe: a file without the column, or no ticker at all."""


class DamagedUniverse(UniverseError):
    """The universe kept in the archive is not what its receipt says."""


@dataclass(frozen=True)
class Universe:
    members: tuple[Member, ...]
    unmapped: tuple[str, ...] = ()
    """What stands in the scan's files and is no ticker, with file and line."""

    @property
    def tickers(self) -> list[str]:
        return [member.ticker for member in self.members]


EMPTY = "{} is empty: the scan found nothing"
"""A day without hits is no fault: the configured tickers are followed."""


def resolve(
    scan: str,
    session: date,
    tickers: Iterable[str],
    files: Sequence[str],
    folder: Path,
    archive: Archive,
    of_market: Callable[[], Iterable[Member]] = tuple,
) -> Universe:
    """The universe of `scan` on `session`; `folder` is the session's own, where the scan puts its `files`.

    Beside the session's folder lies `follow.csv`, what a person follows since a day. `of_market` gives what the
    market's list of the session before adds; it is asked once, for a session of which no universe is kept.
    Raises UniverseError for a file without a column `ticker` or `symbol`, for an empty universe, and where a file is
    gone and what was kept of it is damaged.
    """
    members = [Member(symbols.normalise(ticker), CONFIGURED) for ticker in tickers]
    unmapped: list[str] = []
    try:
        kept = read_kept(archive, scan, session)
    except DamagedUniverse:
        if not all((folder / name).is_file() for name in files):
            raise
        kept = []
    for name in files:
        path = folder / name
        if path.is_file():
            found, strange = _read_scan_file(path)
            members += found
            unmapped += strange
        else:
            members += [member for member in kept if member.source == name]
    members += read_followed(folder.parent / session_files.FOLLOW, session)
    members += [member for member in kept if member.source not in {CONFIGURED, *files}] if kept else of_market()
    if not members:
        where = ", ".join(files) or "no file"
        raise UniverseError(
            f"scan {scan}, session {session}: the universe is empty; put tickers into config scans.{scan}.tickers "
            f"or a column ticker into one of the scan's files in {folder} ({where})"
        )
    first = {member.ticker: member for member in reversed(members)}
    return Universe(tuple(dict.fromkeys(first[member.ticker] for member in members)), tuple(unmapped))


def read_followed(path: Path, session: date) -> list[Member]:
    """What `python -m darkpool market --follow` wrote, of tickers followed since the session or before it.

    Raises UniverseError for a row that it cannot have written.
    """
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        since = [(symbols.validate(row["ticker"]), date.fromisoformat(row["since"])) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise UniverseError(f"{path}: expected the columns ticker and since, as DSX,2025-12-22: {error}") from None
    return [Member(ticker, path.name) for ticker, day in since if day <= session]


def follow(path: Path, tickers: Iterable[str], session: date) -> list[str]:
    """Add tickers to the followed ones, since `session`; returns those that were not there."""
    there = read_followed(path, date.max)
    new = [ticker for ticker in dict.fromkeys(tickers) if ticker not in {member.ticker for member in there}]
    text = path.read_text(encoding="utf-8") if path.is_file() else "ticker,since\n"
    write_atomic(path, (text + "".join(f"{ticker},{session}\n" for ticker in new)).encode())
    return new


def of_market(path: Path, count: int) -> list[Member]:
    """The first `count` confirmed names of a session's table `market` that are not followed yet; none without one.

    Raises UniverseError for a table that cannot be read.
    """
    if not count or not path.is_file():
        return []
    import polars as pl

    from ..tables import contracts

    try:
        rows = contracts.read("market", path)
    except (OSError, ValueError) as error:
        raise UniverseError(
            f"market.follow reads {path}, which is no table: {error}; delete it, or make it anew"
        ) from None
    listed = rows.filter("confirmed", ~pl.col("is_followed"), pl.col("rank").is_not_null()).sort("rank").head(count)
    return [Member(ticker, f"market of {path.parent.name}") for ticker in listed["ticker"]]


def _read_scan_file(path: Path) -> tuple[list[Member], list[str]]:
    if not path.read_bytes().strip(b"\xef\xbb\xbf \t\r\n"):
        return [], [EMPTY.format(path.name)]
    try:
        return _read_rows(path)
    except csv.Error as error:
        raise UniverseError(f"{path}: not readable as CSV: {error}") from None


def _read_rows(path: Path) -> tuple[list[Member], list[str]]:
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.DictReader(file)
        named = {column.strip().lower(): column for column in reversed(reader.fieldnames or []) if column}
        columns = [named[name] for name in COLUMNS if name in named]
        if not columns:
            there = listing.named(reader.fieldnames or []) or "none"
            raise UniverseError(f"{path}: no column ticker or symbol; the columns are {there}")
        members, strange = [], []
        for row in reader:
            text = (row[columns[0]] or "").strip()
            if not text:
                continue
            try:
                members.append(Member(_ticker(text), path.name))
            except ValueError as error:
                strange.append(f"{path.name}, line {reader.line_num}: {error}")
    return members, strange


def _ticker(text: str) -> str:
    """What stands in a line, as a ticker; raises ValueError, also for the total below a column and for other codes."""
    if text.casefold() in TOTALS or (text.casefold() in TOTALS_AND_TICKERS and not text.isupper()):
        raise ValueError(f"{text!r} is no ticker: a total of the rows above")
    if text.isdecimal():
        raise ValueError(f"{text[:40]!r} is no ticker: a number")
    return symbols.normalise(text)


def read_kept(archive: Archive, scan: str, session: date) -> list[Member]:
    """The universe kept in the archive; empty when there is none. Raises UniverseError."""
    name = layout.universe(scan, session)
    for why in archive.damaged(name).values():
        raise DamagedUniverse(f"{why}; put it back from a backup, or delete it and lose what only it knows")
    answers = archive.answers(name)
    if not answers:
        return []
    with answers[-1].open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        return [Member(symbols.validate(row["ticker"]), row.get("source") or "kept") for row in rows]
    except KeyError:
        raise UniverseError(f"{answers[-1]}: no column ticker") from None
    except ValueError as error:
        raise UniverseError(f"{answers[-1]}: {error}") from None


def to_csv(universe: Universe) -> bytes:
    return universe_file.to_csv(universe.members)


def of_pairs(pairs: Iterable[Sequence[str]]) -> Universe:
    """A universe from (ticker, source) pairs."""
    return Universe(tuple(Member(ticker, source) for ticker, source in pairs))


def together(followed: Mapping[str, Iterable[Sequence[str]]]) -> list[str]:
    """Tickers of several scans, sorted; `followed` holds (ticker, source) pairs by scan."""
    return sorted({ticker for pairs in followed.values() for ticker, _ in pairs})
