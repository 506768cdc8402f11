"""Trades and quotes of one symbol and day: reading them, and which trades may be classified.

Arrays instead of frames: a day holds tens of millions of rows, and every step here is one pass over a column.
Files are those of the archive, with the vendor's field names; rows in any order; a field that the vendor left out of
every row may be missing or null. Only the columns needed are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from . import conditions

FINRA = 4
"""The vendor's exchange code of everything that FINRA's facilities report."""

NO_TIME = np.iinfo(np.int64).min

REASONS = ("bad_price_or_size", "correction", "no_volume_condition", "outside_hours", "condition")
"""Why a trade is not eligible, in the order in which they apply."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class TickError(ValueError):
    """A file of ticks is not what it should be; the message names the file and the column."""


@dataclass(frozen=True)
class Trades:
    """Trades in the file's order, arrays of length n; unknown prices and sizes are NaN, an unknown time is `NO_TIME`.

    `time` ns since 1970 UTC (participant, else SIP), `price` dollars, `size` shares, `exchange` and `trf_id` the
    vendor's codes, 0 where there is no `trf_id`; the conditions of trade i are `codes[offsets[i]:offsets[i + 1]]`.
    """

    time: Integers
    sequence: Integers
    price: Floats
    size: Floats
    exchange: npt.NDArray[np.integer]
    trf_id: npt.NDArray[np.integer]
    correction: npt.NDArray[np.integer]
    offsets: npt.NDArray[np.integer]
    codes: npt.NDArray[np.integer]

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True)
class Quotes:
    """NBBO rows in the order (time, sequence): `time` ns since 1970 UTC, `bid` and `ask` dollars, NaN where unknown."""

    time: Integers
    bid: Floats
    ask: Floats


class _Columns:
    """Columns of one Parquet file as arrays, read when asked for."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        try:
            # Reading ahead of need costs a quarter of the time here and pays on remote stores only.
            self._file = pq.ParquetFile(path, pre_buffer=False)
        except pa.ArrowInvalid as error:
            raise TickError(f"{path}: no readable Parquet file ({error})") from error
        self.rows: int = self._file.metadata.num_rows
        self.names = set(self._file.schema_arrow.names)

    def __enter__(self) -> _Columns:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def require(self, *alternatives: str) -> None:
        if self.rows and not self.names.intersection(alternatives):
            wanted = " or ".join(alternatives)
            raise TickError(f"{self.path}: column {wanted} is missing; the file has {sorted(self.names)}")

    def column(self, name: str) -> pa.ChunkedArray | None:
        """The column, or None where it is missing or holds nothing but nulls."""
        if name not in self.names:
            return None
        try:
            # One thread a file: symbols run beside each other already.
            column = self._file.read([name], use_threads=False).column(0)
        except (pa.ArrowException, OSError) as error:
            raise TickError(f"{self.path}: column {name} cannot be read ({error})") from error
        return None if column.null_count == len(column) else column

    def series(self, name: str) -> pl.Series | None:
        column = self.column(name)
        # By way of Polars, since pyarrow's own fill_null and to_numpy import pandas first: 0.2 s.
        return None if column is None else pl.Series(pl.from_arrow(column))

    def floats(self, name: str) -> Floats:
        column = self.series(name)
        if column is None:
            return np.broadcast_to(np.float64(np.nan), self.rows)
        return _filled(self._cast(name, column, pl.Float64), np.nan)

    def integers(self, name: str, missing: int) -> npt.NDArray[np.integer]:
        column = self.series(name)
        if column is None:
            return np.broadcast_to(np.int64(missing), self.rows)
        if column.dtype.is_float():
            # A writer without nullable integers keeps them as floats with NaN.
            column = column.fill_nan(None)
        if not column.dtype.is_integer():
            column = self._cast(name, column, pl.Int64)
        return _filled(column, missing)

    def _cast(self, name: str, column: pl.Series, kind: type[pl.DataType]) -> pl.Series:
        try:
            return column.cast(kind)
        except pl.exceptions.PolarsError as error:
            raise TickError(f"{self.path}: column {name} is {column.dtype}, expected {kind} ({error})") from error

    def times(self) -> Integers:
        """Participant time, SIP time where it is missing, `NO_TIME` where both are."""
        time = self._time("participant_timestamp")
        if time is None:
            time = self._time("sip_timestamp")
        elif time.null_count():
            sip = self._time("sip_timestamp")
            time = time if sip is None else time.zip_with(time.is_not_null(), sip)
        return np.broadcast_to(np.int64(NO_TIME), self.rows) if time is None else _filled(time, NO_TIME)

    def _time(self, name: str) -> pl.Series | None:
        column = self.series(name)
        if column is not None and column.dtype != pl.Int64:
            # A float does not hold nanoseconds: 100 ns and more would be lost.
            raise TickError(f"{self.path}: column {name} is {column.dtype}, expected Int64, ns since 1970 UTC")
        return column

    def sizes(self) -> Floats:
        """Shares: `decimal_size`, the exact text of newer answers, and `size` where that is missing."""
        column = self.series("decimal_size")
        if column is None:
            return self.floats("size")
        exact = _filled(self._cast("decimal_size", column, pl.Float64), np.nan)
        return np.where(np.isnan(exact), self.floats("size"), exact) if column.null_count() else exact

    def lists(self, name: str) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]:
        """Offsets (n + 1) and values of a column of integer lists."""
        column = self.column(name)
        if column is None:
            return np.broadcast_to(np.int64(0), self.rows + 1), np.empty(0, np.int64)
        if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
            raise TickError(f"{self.path}: column {name} is {column.type}, expected lists of whole numbers")
        lists = column.combine_chunks()
        values = pl.Series(pl.from_arrow(lists.values))
        if not values.dtype.is_integer():
            values = self._cast(name, values, pl.Int64)
        return np.from_dlpack(lists.offsets), _filled(values, 0)


def _filled(column: pl.Series, missing: float) -> npt.NDArray[Any]:
    return (column.fill_null(missing) if column.null_count() else column).to_numpy()


def read_trades(path: Path | str) -> Trades:
    """The trades of one file; raises TickError."""
    with _Columns(path) as file:
        file.require("price")
        file.require("size", "decimal_size")
        file.require("exchange")
        file.require("participant_timestamp", "sip_timestamp")
        offsets, codes = file.lists("conditions")
        exchange = file.integers("exchange", -1)
        if (exchange == -1).any():
            raise TickError(f"{path}: column exchange is null at row {np.argmax(exchange == -1)}; every trade has a venue")
        return Trades(
            time=file.times(),
            sequence=file.integers("sequence_number", 0),
            price=file.floats("price"),
            size=file.sizes(),
            exchange=exchange,
            trf_id=file.integers("trf_id", 0),
            correction=file.integers("correction", 0),
            offsets=offsets,
            codes=codes,
        )


def read_quotes(path: Path | str) -> Quotes:
    """The quotes of one file in their order; rows without a time are left out; raises TickError."""
    with _Columns(path) as file:
        file.require("participant_timestamp", "sip_timestamp")
        time = file.times()
        order = ordering(time, file.integers("sequence_number", 0))
        bid, ask = file.floats("bid_price"), file.floats("ask_price")
    if order is not None:
        time, bid, ask = time[order], bid[order], ask[order]
    known = np.searchsorted(time, NO_TIME, side="right")
    return Quotes(time[known:], bid[known:], ask[known:])


def ordering(time: Integers, sequence: npt.NDArray[np.integer]) -> npt.NDArray[np.intp] | None:
    """Positions that bring rows into the order (time, sequence), stable; None where they are in it already."""
    step = np.diff(time)
    if not len(step) or step.min() > 0:
        return None
    if step.min() == 0:
        ties = np.flatnonzero(step == 0)
        if (sequence[ties] <= sequence[ties + 1]).all():
            return None
    return np.lexsort((sequence, time))


def quote_before(quotes: Quotes, time: Integers) -> tuple[Floats, Floats]:
    """Bid and ask of the last quote strictly before each time; NaN where there is none.

    The NBBO row with the greatest (participant time, sequence number) whose participant time is less than the trade's:
    a quote of the same moment may be the trade's own doing.
    """
    if not len(quotes.time):
        nothing = np.full(len(time), np.nan)
        return nothing, nothing
    at = np.searchsorted(quotes.time, time, side="left") - 1
    bid, ask = quotes.bid[at], quotes.ask[at]
    if len(at) and at.min() < 0:
        bid[at < 0] = ask[at < 0] = np.nan
    return bid, ask


def reasons(trades: Trades, hours: tuple[int, int], policy: conditions.Policy) -> npt.NDArray[np.uint8]:
    """Per trade 0 where it is eligible, else 1 + the index in `REASONS` of the first reason that applies.

    `hours` is the half-open interval, ns UTC, in which trades count.
    """
    no_volume, unsigned = _conditions(trades, policy)
    start, end = hours
    # From the last reason to the first, so that the first stays.
    found = np.zeros(len(trades), np.uint8)
    found[unsigned] = 5
    found[(trades.time < start) | (trades.time >= end)] = 4
    found[no_volume] = 3
    found[trades.correction != 0] = 2
    good = (trades.price > 0) & (trades.size > 0) & (trades.price < np.inf) & (trades.size < np.inf)
    found[~good] = 1
    return found


def _conditions(trades: Trades, policy: conditions.Policy) -> tuple[Any, Any]:
    """Positions of the trades with a no-volume condition, and of those that may not be signed."""
    flags = _code_flags(trades.codes, policy)
    return tuple(
        np.searchsorted(trades.offsets, np.flatnonzero(flags & flag), side="right") - 1
        for flag in (conditions.NO_VOLUME, conditions.UNSIGNED)
    )


def _code_flags(codes: npt.NDArray[np.integer], policy: conditions.Policy) -> npt.NDArray[np.uint8]:
    # Seen as unsigned, a negative code is a large one, and so unknown.
    unsigned = codes.view(f"u{codes.dtype.itemsize}")
    if codes.dtype.itemsize > 1:
        unsigned = np.minimum(unsigned, conditions.LARGEST)
    return policy.flags[unsigned]


def unknown_conditions(trades: Trades, policy: conditions.Policy) -> tuple[int, ...]:
    """Condition codes that the policy does not name, ascending."""
    flags = _code_flags(trades.codes, policy)
    return tuple(np.unique(trades.codes[flags == conditions.UNKNOWN]).tolist())


def venues(trades: Trades) -> tuple[Flags, Flags, Flags]:
    """Per trade: lit, FINRA print (a trade reporting facility's), ADF print (FINRA's without a facility; neither)."""
    finra = trades.exchange == FINRA
    facility = trades.trf_id != 0
    return ~finra, finra & facility, finra & ~facility
