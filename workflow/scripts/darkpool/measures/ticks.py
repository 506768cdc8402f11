"""Trades and quotes of one symbol and day: reading them, and which trades may be classified.

Arrays instead of frames: a day holds tens of millions of rows, and every step here is one pass over a column.
Files are those of the archive, with the vendor's field names; rows in any order; a field that the vendor left out of
every row may be missing or null. Only the columns needed are read, and the others of the few rows that may be repeats:
rows that agree in every field are one, told again; rows that differ in any are all real.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ..archive import integrity
from ..market import conditions, venues

NO_TIME = np.iinfo(np.int64).min

REASONS = ("bad_price_or_size", "correction", "no_volume_condition", "outside_hours", "condition")
"""Why a trade is not eligible, in the order in which they apply."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer]
Flags = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.intp]


TRADE_COLUMNS = [
    "conditions",
    "correction",
    "decimal_size",
    "exchange",
    "participant_timestamp",
    "price",
    "sequence_number",
    "size",
    "trf_id",
]
QUOTE_COLUMNS = ["ask_price", "bid_price", "participant_timestamp", "sequence_number"]


class TickError(ValueError):
    """A file of ticks is not what it should be; the message names the file and the column."""


@dataclass(frozen=True)
class Trades:
    """Trades in the file's order, arrays of length n; unknown prices and sizes are NaN, an unknown time is `NO_TIME`.

    `time` ns since 1970 UTC (participant, else SIP), `price` dollars, `size` shares, `exchange` and `trf_id` the
    vendor's codes, 0 where there is no `trf_id`; the conditions of trade i are `codes[offsets[i]:offsets[i + 1]]`.
    `repeats`: rows of the file that were left out, since another row is identical. `is_sorted`: whether they are known
    to lie in the order (time, sequence).
    """

    time: Integers
    sequence: Integers
    price: Floats
    size: Floats
    exchange: Integers
    trf_id: Integers
    correction: Integers
    offsets: Integers
    codes: Integers
    repeats: int = 0
    is_sorted: bool = False

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True)
class Quotes:
    """NBBO rows in the order (time, sequence): `time` ns since 1970 UTC, `bid` and `ask` dollars, NaN where unknown.

    `repeats`: rows that are identical to a later one. They are still there: of one moment the last row counts.
    """

    time: Integers
    bid: Floats
    ask: Floats
    repeats: int = 0


class Nbbo(NamedTuple):
    """The last quote before each of n trades: `bid` and `ask` dollars, NaN where there is none, and whether it is
    older than quotes may be."""

    bid: Floats
    ask: Floats
    old: Flags

    def fresh(self) -> Nbbo:
        """The same, with an old quote as none."""
        if not self.old.any():
            return self
        return Nbbo(np.where(self.old, np.nan, self.bid), np.where(self.old, np.nan, self.ask), self.old)


class ByVenue(NamedTuple):
    """Per trade where it was made: a lit exchange, a FINRA print (a trade reporting facility's), an ADF print (FINRA's
    without a facility), an OTC equity's print, or a venue that nobody knows."""

    lit: Flags
    finra_prints: Flags
    adf: Flags
    otc: Flags
    unknown: Flags


class VenueVolume(NamedTuple):
    """Shares by venue, as `ByVenue` tells them apart."""

    lit: float
    finra_prints: float
    adf: float
    otc: float
    unknown: float


def check_whole(path: Path | str, file: pq.ParquetFile) -> None:
    """Raise TickError for a file of an archive that is not what its name, or its receipt, says; see `integrity`."""
    why = integrity.check_ticks(Path(path), file.schema_arrow.metadata)
    if why:
        raise TickError(why)


class _Columns:
    """Columns of one Parquet file as arrays; `columns` are read at once, any other when asked for."""

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
        self._read = self._table(columns)

    def __enter__(self) -> _Columns:
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

    def repeats(self, order: Positions | None, alike: Flags) -> Positions:
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


def _plain(column: pa.ChunkedArray | pa.Array, kind: pa.DataType) -> bool:
    return bool(column.type == kind and not column.null_count)


def _view(values: pa.Array) -> npt.NDArray[Any]:
    # By DLPack, since pyarrow's to_numpy imports pandas first.
    return np.from_dlpack(values)


def _array(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """A column without nulls, not copied where it lies in one piece."""
    pieces = [_view(chunk) for chunk in column.chunks]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def read_trades(path: Path | str) -> Trades:
    """The trades of one file, identical rows once; raises TickError."""
    with _Columns(path, TRADE_COLUMNS) as file:
        file.require("price")
        file.require("size", "decimal_size")
        file.require("exchange")
        file.require("participant_timestamp", "sip_timestamp")
        offsets, codes = file.lists("conditions")
        exchange = file.integers("exchange", -1)
        if (exchange == -1).any():
            row = np.argmax(exchange == -1)
            raise TickError(f"{path}: column exchange is null at row {row}; every trade has a venue")
        time, sequence = file.times(), file.integers("sequence_number", 0)
        order, alike = _order(time, sequence)
        trades = Trades(
            time=time,
            sequence=sequence,
            price=file.floats("price"),
            size=file.sizes(),
            exchange=exchange,
            trf_id=file.integers("trf_id", 0),
            correction=file.integers("correction", 0),
            offsets=offsets,
            codes=codes,
            is_sorted=order is None,
        )
        return _without(trades, file.repeats(order, alike))


def _without(trades: Trades, rows: Positions) -> Trades:
    """The trades but for those at the positions `rows`, which are repeats."""
    if not len(rows):
        return trades
    kept = np.ones(len(trades), np.bool_)
    kept[rows] = False
    lengths = np.diff(trades.offsets)
    codes = trades.codes[trades.offsets[0] : trades.offsets[-1]][np.repeat(kept, lengths)]
    offsets = np.insert(np.cumsum(lengths[kept]), 0, 0)
    columns = {name: getattr(trades, name)[kept] for name in _BY_TRADE}
    return replace(trades, **columns, offsets=offsets, codes=codes, repeats=len(rows))


_BY_TRADE = ("time", "sequence", "price", "size", "exchange", "trf_id", "correction")


def read_quotes(path: Path | str) -> Quotes:
    """The quotes of one file in their order; rows without a time are left out; raises TickError."""
    with _Columns(path, QUOTE_COLUMNS) as file:
        file.require("participant_timestamp", "sip_timestamp")
        time, sequence = file.times(), file.integers("sequence_number", 0)
        bid, ask = file.floats("bid_price"), file.floats("ask_price")
        order, alike = _order(time, sequence)
        repeats = len(file.repeats(order, alike))
    if order is not None:
        time, bid, ask = time[order], bid[order], ask[order]
    known = np.searchsorted(time, NO_TIME, side="right")
    return Quotes(time[known:], bid[known:], ask[known:], repeats)


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


def quote_before(quotes: Quotes, time: Integers, max_age: int | None = None) -> Nbbo:
    """The last quote strictly before each time (n,), and whether it is more than `max_age` ns older.

    The NBBO row with the greatest (participant time, sequence number) whose participant time is less than the trade's:
    a quote of the same moment may be the trade's own doing.
    """
    if not len(quotes.time):
        nothing = np.full(len(time), np.nan)
        return Nbbo(nothing, nothing, np.zeros(len(time), np.bool_))
    at = np.searchsorted(quotes.time, time, side="left") - 1
    bid, ask = quotes.bid[at], quotes.ask[at]
    old = np.zeros(len(time), np.bool_) if max_age is None else time - quotes.time[at] > max_age
    if len(at) and at.min() < 0:
        before = at < 0
        bid[before] = ask[before] = np.nan
        old[before] = False
    return Nbbo(bid, ask, old)


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


def _conditions(trades: Trades, policy: conditions.Policy) -> tuple[Positions, Positions]:
    """Positions of the trades with a no-volume condition, and of those that may not be signed."""
    flags = _code_flags(trades.codes, policy)

    def positions(flag: np.uint8) -> Positions:
        return np.searchsorted(trades.offsets, np.flatnonzero(flags & flag), side="right") - 1

    return positions(conditions.NO_VOLUME), positions(conditions.UNSIGNED)


def _code_flags(codes: Integers, policy: conditions.Policy) -> npt.NDArray[np.uint8]:
    # Seen as unsigned, a negative code is a large one, and so unknown.
    unsigned = codes.view(f"u{codes.dtype.itemsize}")
    if codes.dtype.itemsize > 1:
        unsigned = np.minimum(unsigned, conditions.LARGEST)
    flags: npt.NDArray[np.uint8] = policy.flags[unsigned]
    return flags


def unknown_conditions(trades: Trades, policy: conditions.Policy) -> tuple[int, ...]:
    """Condition codes that the policy does not name, ascending."""
    flags = _code_flags(trades.codes, policy)
    return tuple(np.unique(trades.codes[flags == conditions.UNKNOWN]).tolist())


def by_venue(trades: Trades, known: venues.Venues) -> ByVenue:
    """Per trade the kind of its venue by the list `known`."""
    kind = known.of(trades.exchange)
    finra = kind == venues.FINRA
    facility = trades.trf_id != 0
    return ByVenue(
        kind == venues.LIT,
        finra & facility,
        finra & ~facility,
        kind == venues.OTC,
        kind == venues.UNKNOWN,
    )


def unknown_venues(trades: Trades, unknown: Flags) -> dict[int, float]:
    """Shares by id of the trades at venues that the list does not name, ascending; `unknown` as in `ByVenue`."""
    ids, at = np.unique(trades.exchange[unknown], return_inverse=True)
    shares = np.bincount(at, weights=shares_of(trades.size[unknown]), minlength=len(ids))
    return dict(zip(ids.tolist(), shares.tolist(), strict=True))


def shares_of(size: Floats) -> Floats:
    """Sizes, with 0 for what is no number of shares at all."""
    return np.where((size > 0) & (size < np.inf), size, 0.0)


def volume_by_venue(
    trades: Trades, policy: conditions.Policy, known: venues.Venues, hours: tuple[int, int] | None = None
) -> VenueVolume:
    """Shares that count in volume, whether or not they may be signed: no repeats, no corrections.

    `hours` is the half-open interval, ns UTC, in which trades count; None is the whole day. What FINRA's daily file
    adds up is the prints from open to close of the session, not those of the hours in which trades are signed.
    """
    counts = (trades.correction == 0) & (trades.size > 0) & (trades.size < np.inf)
    counts[_conditions(trades, policy)[0]] = False
    if hours is not None:
        counts &= (trades.time >= hours[0]) & (trades.time < hours[1])
    return VenueVolume(*(float(trades.size[counts & venue].sum()) for venue in by_venue(trades, known)))
