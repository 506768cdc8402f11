"""Pages of rows on their way into one sorted Parquet file, in memory that the number of rows does not decide.

Each page is sorted and set aside on disk. Since a page is sorted, the rows of a span of time are one slice of it: the
file is written span by span, each the slices of all pages in order (a distribution sort). Pages need not agree on
their columns: the file has the union, with the narrowest types that hold every page. Rows that are identical in every
field count once, whichever pages they came on; rows that differ in any are all real.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ...archive import tick_marks

SPAN_ROWS = 100_000
"""About how many rows are sorted at a time; also a row group of the file."""
BATCH_ROWS = 4_096
"""Rows that are read together from a page set aside: of a page that reaches into a span by a few rows, only these."""
SAMPLED = 64
"""One row in so many decides where the spans end."""

Integers = npt.NDArray[np.int64]

_MOMENTS = "moments.bin"
_ROW = "row\0"
_NO_TIME = int(np.iinfo(np.int64).min)


class Misfit(ValueError):
    """Pages that cannot be rows of one file; the message names the column."""


class Spool:
    """The pages of one file; `folder` is its own, made and removed here, with whatever an interrupted run left in it.

    `times` are columns of moments, the first that a row has counts; `sequence` orders rows of one moment. Rows without
    a moment come first. `rows` were added; `repeats` of them, once written, are left out.
    """

    def __init__(self, folder: Path, times: Sequence[str], sequence: str, span_rows: int = SPAN_ROWS) -> None:
        self.folder = folder
        self.rows = self.repeats = 0
        self._keys = (tuple(times), sequence)
        self._span_rows = span_rows
        self._ends: list[int] = []
        self._sample: list[Integers] = []
        self._schemas: list[pl.Schema] = []
        self._has_order = (times[0], sequence) == tick_marks.ORDER

    def __enter__(self) -> Spool:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, page: pl.DataFrame) -> None:
        """Set a page aside. Raises Misfit when it has none of the columns of moments."""
        if page.is_empty():
            return
        page = self._sorted(page)
        page.write_ipc(
            self._part(len(self._ends)),
            compression="lz4",
            record_batch_size=BATCH_ROWS,
            compat_level=pl.CompatLevel.newest(),
        )
        moments = page.select(self._moment(page.columns)).to_series().to_numpy()
        with (self.folder / _MOMENTS).open("ab") as file:
            moments.tofile(file)
        self._sample.append(moments[::SAMPLED].copy())
        self._schemas.append(page.schema)
        names = tick_marks.ORDER
        self._has_order &= all(name in page.columns and not page[name].null_count() for name in names)
        self.rows += page.height
        self._ends.append(self.rows)

    def write(self, path: Path, marks: Mapping[bytes, bytes] | None = None) -> None:
        """Write every row once, sorted by moment and sequence, columns by name, as Parquet. Raises Misfit.

        `marks` go into its metadata, and a checksum into each of its pages.
        """
        schema = union(self._schemas)
        kinds = pl.DataFrame(schema=schema).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
        marked = kinds.with_metadata({**(kinds.metadata or {}), **(marks or {})})
        with pq.ParquetWriter(
            path,
            marked,
            compression="zstd",
            compression_level=1,
            write_page_checksum=True,
            sorting_columns=tick_marks.ordering(marked) if self._has_order else None,
        ) as writer:
            for start, end in self._spans():
                rows = self._distinct(self._sorted(pl.concat(list(self._slices(start, end, schema)))))
                table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
                writer.write_table(table.cast(kinds), row_group_size=2 * self._span_rows)
                pa.default_memory_pool().release_unused()

    def _part(self, number: int) -> Path:
        return self.folder / f"{number:06}.arrow"

    def _moment(self, columns: Sequence[str]) -> pl.Expr:
        there = [name for name in self._keys[0] if name in columns]
        if not there:
            raise Misfit(f"rows without {' or '.join(self._keys[0])}; they have {', '.join(sorted(columns))}")
        return pl.coalesce(pl.col(there).cast(pl.Int64)).fill_null(_NO_TIME)

    def _sorted(self, page: pl.DataFrame) -> pl.DataFrame:
        return page.sort([self._moment(page.columns), *self._sequence(page.columns)], maintain_order=True)

    def _distinct(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Sorted rows without those that are identical to a later one: of one moment the last row counts."""
        keys = rows.select(self._moment(rows.columns).alias("moment"), *self._sequence(rows.columns))
        alike = keys.select(pl.all_horizontal(pl.all().eq_missing(pl.all().shift()))).to_series()
        if rows.height:
            alike[0] = False
        if not alike.any():
            return rows
        # Equal moments are never parted, so that what is identical is here, among rows alike to their neighbours.
        is_suspect = alike | alike.shift(-1, fill_value=False)
        suspect, kept = rows.with_row_index(_ROW).filter(is_suspect), ~is_suspect
        kept[suspect.unique(rows.columns, keep="last")[_ROW]] = True
        self.repeats += rows.height - int(kept.sum())
        return rows.filter(kept)

    def _sequence(self, columns: Sequence[str]) -> list[pl.Expr]:
        return [pl.col(self._keys[1])] if self._keys[1] in columns else []

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Half-open spans of moments that cover every row, `span_rows` or so each; equal moments are never parted."""
        count = -(-self.rows // self._span_rows)
        sample = np.sort(np.concatenate(self._sample))
        inner = sample[np.linspace(0, len(sample), count, endpoint=False).astype(np.int64)[1:]].tolist()
        edges = sorted({_NO_TIME, *inner})
        return zip(edges, [*edges[1:], np.iinfo(np.int64).max], strict=True)

    def _slices(self, start: int, end: int, schema: pl.Schema) -> Iterator[pl.DataFrame]:
        yield pl.DataFrame(schema=schema)
        moments = np.memmap(self.folder / _MOMENTS, np.int64, "r")
        for number, (begin, finish) in enumerate(pairwise([0, *self._ends])):
            first, last = np.searchsorted(moments[begin:finish], [start, end]).tolist()
            if last > first:
                part = pl.scan_ipc(self._part(number)).slice(first, last - first).collect()
                yield part.select(_column(name, kind, part.schema) for name, kind in schema.items())


def union(schemas: Sequence[pl.Schema]) -> pl.Schema:
    """Columns of all `schemas`, by name, each with a type that holds what every one of them says. Raises Misfit."""
    for name in {name for schema in schemas for name in schema}:
        kinds = {schema[name] for schema in schemas if name in schema} - {pl.Null()}
        if len({kind.base_type() if kind.is_nested() else None for kind in kinds}) > 1:
            raise Misfit(f"{name} is {' and '.join(sorted(map(str, kinds)))}, on different pages")
    frames = [pl.DataFrame(schema=schema) for schema in schemas]
    found = pl.concat(frames, how="diagonal_relaxed").schema
    # A list that was empty in every row says nothing of its kind; the vendor's lists hold codes.
    known: dict[str, Any] = {n: pl.List(pl.Int64) if k == pl.List(pl.Null) else k for n, k in found.items()}
    return pl.Schema({name: known[name] for name in sorted(known)})


def _column(name: str, kind: pl.DataType, there: pl.Schema) -> pl.Expr:
    column = pl.col(name) if name in there else pl.lit(None)
    return column.cast(kind).alias(name)
