"""What a table promises, and how it grows: a contract has a version, kept in every file, and older files are read.

The version is the newest `since` of the columns and the newest number in `dropped`, so that a change is one line:

    a column more        `since=` the next version; where it may not be null, `fill=` what is true of older files
    another name         the same, and `was=` the name in older files
    another type         the same, and `was=` its own name, where every older value fits the new type
    another meaning      the same, without `was`: older files are then refused
    a column less        its name in `dropped`, with the next version

The order of columns may change without any of them: files are read by name. Files without a version are of the first.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

FIRST = 1
VERSION = "version"
MANIFEST = "all"


class ContractError(ValueError):
    """A table does not hold what its contract promises."""


class Unreadable(ContractError):
    """Tables on disk are refused; `paths` are the files, the message ends with the command that makes them anew."""

    def __init__(self, reason: str, *paths: Path) -> None:
        super().__init__(f"{reason}; {mend(paths)}")
        self.reason, self.paths = reason, paths


class Newer(ContractError):
    """A table or store was written by a later state of the project, which alone knows what it holds."""

    def __init__(self, what: str, name: str, version: int, known: int) -> None:
        super().__init__(
            f"{what}: table {name} is of version {version}, and this state of the project knows it up to {known}; "
            "update the project to the state that wrote it"
        )


class Column(NamedTuple):
    """A column as Arrow has it, with the version of its table that brought it, and how older files are read."""

    field: pa.Field
    since: int = FIRST
    fill: object = None
    was: str | None = None


@dataclass(frozen=True)
class Contract:
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def schema(self) -> pa.Schema:
        return pa.schema([column.field for column in self.columns])

    @property
    def names(self) -> list[str]:
        return list(self.schema.names)

    @cached_property
    def version(self) -> int:
        return max(*(column.since for column in self.columns), *self.dropped.values(), FIRST)

    def sources(self, held: Collection[str], version: int) -> dict[str, str | None]:
        """Of each column the one that holds it in a file of `version` with the columns `held`; None where none does.

        Raises ContractError where a file of that version can have no such columns.
        """
        found = {column.field.name: self._source(column, held, version) for column in self.columns}
        known = {name for name in found.values() if name} | {name for name, at in self.dropped.items() if at > version}
        if unknown := [name for name in held if name not in known]:
            raise ContractError(f"columns {unknown} are unknown; version {self.version} has {self.names}")
        return found

    def _source(self, column: Column, held: Collection[str], version: int) -> str | None:
        name: str = column.field.name
        if version >= column.since:
            if name not in held:
                raise ContractError(f"column {name} is missing, which version {version} has")
            return name
        if column.was is not None and column.was in held:
            return column.was
        if name in held:
            raise ContractError(f"column {name} was something else before version {column.since}")
        if not column.field.nullable and column.fill is None:
            raise ContractError(f"column {name} came with version {column.since}, and what it was before is not known")
        return None

    def evolved(self, table: pa.Table, sources: Mapping[str, str | None], version: int) -> pa.Table:
        """`table`, of a file of `version`, as the columns of `sources` are today: what it lacks is filled or null.

        Types are as in the file, but for columns taken from another (`was`). Raises ContractError.
        """
        wanted = [column for column in self.columns if column.field.name in sources]
        arrays = [_filled(column, table, sources[column.field.name], version) for column in wanted]
        return pa.Table.from_arrays(arrays, names=[column.field.name for column in wanted])


def _filled(column: Column, table: pa.Table, source: str | None, version: int) -> pa.ChunkedArray:
    kind = column.field.type
    if source is None:
        return pa.chunked_array([pa.repeat(pa.scalar(column.fill, kind), table.num_rows)], kind)
    found = table.column(source)
    if version >= column.since:
        return found
    try:
        return found.cast(kind)
    except pa.ArrowException as error:
        told = f"column {column.field.name} was {source} ({found.type}) before version {column.since}"
        raise ContractError(f"{told}, and is no {kind}: {error}") from None


def version_of(metadata: Mapping[bytes, bytes] | None) -> int:
    """The version that a Parquet file says it has; raises ContractError where that is no number."""
    text = (metadata or {}).get(VERSION.encode(), b"%d" % FIRST)
    if not text.isdigit() or int(text) < FIRST:
        raise ContractError(f"its version {text.decode(errors='replace')!r} is no whole number from {FIRST} on")
    return int(text)


def mend(paths: Iterable[Path], missing: Iterable[Path] = ()) -> str:
    """The command that makes files of sessions' folders anew, from what the vendors said, and those that are `missing`.

    A finished session is finished again; one that stands on another's page alone has but its tables.

    >>> mend([Path("results/emps2/2025-12-22/merged.parquet")], [Path("results/emps2/2025-12-19/all")])
    'rm results/emps2/2025-12-22/merged.parquet && snakemake --cores 4 results/emps2/2025-12-19/all \
results/emps2/2025-12-22/merged.parquet'
    """
    files = list(paths)
    remove = f"rm {shlex.join(map(str, files))}"
    targets = {str(target) for path in (*files, *missing) for target in _targets(path)}
    make = f"snakemake --cores 4 {shlex.join(sorted(targets))}"
    return (f"{remove} && {make}" if files else make) if targets else f"{remove}, and make it again"


def _targets(path: Path) -> set[Path]:
    """What is asked for to have the file at `path` again; nothing outside the folder of a session."""
    folder = next((folder for folder in path.parents if _is_session(folder.name)), None)
    if folder is None:
        return set()
    finished = {folder / MANIFEST} if (folder / MANIFEST).is_file() else set()
    return finished | ({path} if path.parent == folder else set())


def _is_session(name: str) -> bool:
    try:
        return str(date.fromisoformat(name)) == name
    except ValueError:
        return False
