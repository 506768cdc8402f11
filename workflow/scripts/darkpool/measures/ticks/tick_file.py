"""One Parquet file of ticks as arrays: only the columns needed are read, and what cannot be right is refused.

Fields have the vendor's names; one that the vendor left out of every row may be missing or null.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ...archive import tick_marks

NO_TIME = np.iinfo(np.int64).min

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer]
Flags = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.intp]


class TickError(ValueError):
    """A file of ticks is not what it should be; the message names the file and the column."""


def check_whole(path: Path | str, file: pq.ParquetFile) -> None:
    """Raise TickError for a file of an archive that is not what its name, or its receipt, says; see `integrity`."""
    why = tick_marks.check_ticks(Path(path), file.schema_arrow.metadata)
    if why:
        raise TickError(why)


class TickFile:
    """Columns of one Parquet file as arrays; `columns` are read at once, any other when asked for.

    `is_ordered`: whether the file says that its rows ascend by time and sequence, no two of them identical.
    """

    def __init__(self, path: Path | str, columns: list[str]) -> None:
        self.path = path
        try:
            # Mapped, since files of the archive never change; reading ahead pays on remote stores only.
            self._file = pq.ParquetFile(pa.memory_map(str(path)), pre_buffer=False, page_checksum_verification=True)
        except (pa.ArrowInvalid, OSError) as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise TickError(f"{path}: no readable Parquet file ({error})") from error
        check_whole(path, self._file)
        self.rows: int = self._file.metadata.num_rows
        self.names = set(self._file.schema_arrow.names)
        self.is_ordered = tick_marks.is_ordered(self._file)
        # A third of the time of reading is the sequence, which an ordered file has no need of.
        self._read = self._table([name for name in columns if not (self.is_ordered and name == tick_marks.ORDER[1])])

    def __enter__(self) -> TickFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _table(self, columns: list[str]) -> pa.Table:
        try:
            # One thread a file: symbols run beside each other already.
            return self._file.read([name for name in columns if name in self.names], use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise TickError(f"{self.path}: columns {', '.join(columns)} cannot be read ({error})") from error

    def require(self, *alternatives: str) -> None:
        if self.rows and not self.names.intersection(alternatives):
            wanted = " or ".join(alternatives)
            raise TickError(f"{self.path}: column {wanted} is missing; the file has {sorted(self.names)}")

    def column(self, name: str) -> pa.ChunkedArray | None:
        """The column, or None where it is missing or holds nothing but nulls."""
        if name not in self.names:
            return None
        table = self._read if name in self._read.column_names else self._table([name])
        column = table.column(name)
        return None if column.null_count == len(column) else column

    def floats(self, name: str) -> Floats:
        column = self.column(name)
        if column is None:
            return np.broadcast_to(np.float64(np.nan), self.rows)
        return _array(column) if _plain(column, pa.float64()) else self._converted(name, column, pl.Float64, np.nan)

    def integers(self, name: str, missing: int) -> Integers:
        column = self.column(name)
        if column is None:
            return np.broadcast_to(np.int64(missing), self.rows)
        if _plain(column, pa.int32()) or _plain(column, pa.int64()):
            return _array(column)
        return self._converted(name, column, pl.Int64, missing)

    def _converted(
        self, name: str, column: pa.ChunkedArray | pa.Array, kind: type[pl.DataType], missing: float
    ) -> npt.NDArray[Any]:
        # By way of Polars, since pyarrow's fill_null imports pandas first: 0.2 s.
        series = pl.Series(pl.from_arrow(column))
        try:
            if series.dtype.is_float():
                # A writer without nullable integers keeps them as floats with NaN.
                series = series.fill_nan(None)
            if series.dtype == pl.Float32:
                # By way of the text: 10.02 of 32 bits is above 10.02 of 64, and prices are compared exactly.
                series = series.cast(pl.String)
            return series.cast(kind).fill_null(missing).to_numpy()
        except pl.exceptions.PolarsError as error:
            raise TickError(f"{self.path}: column {name} is {column.type}, expected {kind} ({error})") from error

    def in_order(self) -> tuple[Integers, Integers, Positions | None, Positions]:
        """Times (n,), what orders rows of one moment (n,), the order (time, sequence) or None where rows lie in it
        already, and the positions of rows that are identical, in every field, to a later one."""
        time = self.times()
        if self.is_ordered and not (time[1:] < time[:-1]).any():
            return time, np.arange(self.rows), None, np.empty(0, np.intp)
        sequence = self.integers("sequence_number", 0)
        order, alike = _order(time, sequence)
        return time, sequence, order, self._repeats(order, alike)

    def _repeats(self, order: Positions | None, alike: Flags) -> Positions:
        """Positions of rows that are identical, in every field, to a later one.

        `alike` (n - 1): whether a row agrees with the one before it in time and sequence, in the order `order`, or in
        the file's own where that is None. Rows that are not alike are not identical, and not looked at.
        """
        if not alike.any():
            return np.empty(0, np.intp)
        suspect = np.append(alike, False) | np.insert(alike, 0, False)
        rows = np.flatnonzero(suspect) if order is None else np.sort(order[suspect])
        parts: list[pl.DataFrame] = []
        seen = 0
        try:
            for batch in self._file.iter_batches(use_threads=False):
                first, last = np.searchsorted(rows, [seen, seen + batch.num_rows])
                few = pa.Table.from_batches([batch.take(pa.array(rows[first:last] - seen))])
                parts.append(pl.DataFrame(few))
                seen += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise TickError(f"{self.path}: its rows cannot be read ({error})") from error
        frame = pl.concat(parts)
        kept = frame.with_row_index("\0").unique(frame.columns, keep="last")["\0"].to_numpy()
        return np.delete(rows, kept)

    def times(self) -> Integers:
        """Participant time, SIP time where it is missing, `NO_TIME` where both are."""
        time = self._time("participant_timestamp")
        column = self.column("participant_timestamp")
        if column is not None and not column.null_count:
            return time
        return np.where(time == NO_TIME, self._time("sip_timestamp"), time)

    def _time(self, name: str) -> Integers:
        column = self.column(name)
        if column is not None and column.type != pa.int64():
            # A float does not hold nanoseconds: 100 ns and more would be lost.
            raise TickError(f"{self.path}: column {name} is {column.type}, expected int64, ns since 1970 UTC")
        return self.integers(name, NO_TIME)

    def sizes(self) -> Floats:
        """Shares: `decimal_size`, the exact text of newer answers, and `size` where that is missing."""
        if self.column("decimal_size") is None:
            return self.floats("size")
        exact = self.floats("decimal_size")
        unknown = np.isnan(exact)
        return np.where(unknown, self.floats("size"), exact) if unknown.any() else exact

    def lists(self, name: str) -> tuple[Integers, Integers]:
        """Offsets (n + 1) and values of a column of integer lists."""
        column = self.column(name)
        if column is None:
            return np.broadcast_to(np.int64(0), self.rows + 1), np.empty(0, np.int64)
        if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
            raise TickError(f"{self.path}: column {name} is {column.type}, expected lists of whole numbers")
        lists = column.combine_chunks()
        values = lists.values
        plain = _plain(values, pa.int32()) or _plain(values, pa.int64())
        return _view(lists.offsets), _view(values) if plain else self._converted(name, values, pl.Int64, 0)


def _order(time: Integers, sequence: Integers) -> tuple[Positions | None, Flags]:
    """The order (time, sequence), rows of the same of both as they come, or None where rows lie in it already; and
    whether a row agrees in both with the one before it in that order (n - 1)."""
    together = time[1:] == time[:-1]
    together &= sequence[1:] <= sequence[:-1]
    if (time[1:] < time[:-1]).any() or (together.any() and (together & (sequence[1:] < sequence[:-1])).any()):
        order = np.lexsort((sequence, time))
        time, sequence = time[order], sequence[order]
        return order, (time[1:] == time[:-1]) & (sequence[1:] == sequence[:-1])
    return None, together


def _plain(column: pa.ChunkedArray | pa.Array, kind: pa.DataType) -> bool:
    return bool(column.type == kind and not column.null_count)


def _view(values: pa.Array) -> npt.NDArray[Any]:
    # By DLPack, since pyarrow's to_numpy imports pandas first.
    return np.from_dlpack(values)


def _array(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """A column without nulls, not copied where it lies in one piece."""
    pieces = [_view(chunk) for chunk in column.chunks]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
