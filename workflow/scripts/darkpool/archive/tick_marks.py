"""The marks of tick files: what each carries of itself in its metadata, held against the place where it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .integrity import Seals
from .places import TICKS, place

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MARKS = (b"ticker", b"session", b"kind")
"""Keys of a tick file's metadata: the symbol in the vendor's spelling, the session, the folder it lies in."""
ORDER = ("participant_timestamp", "sequence_number")
"""Columns by which the rows of a tick file ascend."""


def marks(kind: str, session: object, symbol: str) -> dict[bytes, bytes]:
    """What a tick file carries in its metadata; `symbol` in the vendor's spelling."""
    return dict(zip(MARKS, (symbol.encode(), str(session).encode(), kind.encode()), strict=True))


def ordering(schema: pa.Schema) -> Sequence[pq.SortingColumn]:
    """What a tick file says of its row groups in Parquet's own words: rows ascend by participant time, then sequence.

    It says so where no row lacks either and no two rows are identical, and in no other file.
    """
    import pyarrow.parquet as pq

    columns: Sequence[pq.SortingColumn] = pq.SortingColumn.from_ordering(
        schema, [(name, "ascending") for name in ORDER]
    )
    return columns


def is_ordered(file: pq.ParquetFile) -> bool:
    """Whether a tick file bears our marks and says of each of its row groups that they are in `ordering`.

    A copy made by another program keeps the marks and loses the ordering, so that it is looked at as a whole.
    """
    there = file.metadata
    if not _is_marked(file.schema_arrow.metadata) or not set(ORDER) <= set(file.schema_arrow.names):
        return False
    expected = tuple(ordering(file.schema_arrow))
    return all(there.row_group(number).sorting_columns == expected for number in range(there.num_row_groups))


def _is_marked(metadata: Mapping[bytes, bytes] | None) -> bool:
    return bool(metadata) and all(key in metadata for key in MARKS)  # type: ignore[operator]


def check_marks(path: Path, metadata: Mapping[bytes, bytes] | None) -> str | None:
    """What is wrong with a tick file that carries the marks of another place; None without marks."""
    there = place(path)
    if there is None or metadata is None or not _is_marked(metadata):
        return None
    carried = {key: metadata[key] for key in MARKS}
    expected = marks(there.kind, there.day, there.symbol)
    if carried != expected:
        said = ", ".join(value.decode("utf-8", "replace") for value in carried.values())
        wanted = ", ".join(value.decode() for value in expected.values())
        return f"{path} is damaged: it says that it is of {said}, expected {wanted}"
    return None


def check_ticks(path: Path, metadata: Mapping[bytes, bytes] | None) -> str | None:
    """What is wrong with a tick file that is about to be read; its pages are checked as they are."""
    there = place(path)
    if there is None or there.kind not in TICKS:
        return None
    return check_marks(path, metadata) or Seals(there.root).damage(path, whole=not _is_marked(metadata))


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
