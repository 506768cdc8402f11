"""A flat file of the whole tape, streamed once: the rows of the wanted tickers, a frame at a time, as pages have them.

A day's trades or quotes of every ticker in one CSV, gzipped. It is grouped by ticker, and nobody promises that: every
line's ticker is looked at, and one that comes again is taken again. Only lines that are wanted are parsed.
"""

from __future__ import annotations

import queue
import re
import threading
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from ...market.sessions import NEW_YORK
from . import page
from .page import QUOTES, TRADES

BLOCK = 4 << 20
"""Bytes of CSV that are looked at together."""
AHEAD = 4
"""Blocks that may wait to be looked at while the next ones are unpacked."""
LONGEST = 24
"""Bytes within which a line's ticker ends."""
TICKER = "ticker"
WHOLE = ("participant_timestamp", "sip_timestamp", "trf_timestamp", "sequence_number", "exchange", "tape", "trf_id",
         "correction", "ask_exchange", "bid_exchange")  # fmt: skip
NUMBERS = ("price", "size", "ask_price", "ask_size", "bid_price", "bid_size")
LISTS = ("conditions", "indicators")
NEVER_ZERO = ("participant_timestamp", "sip_timestamp", "trf_timestamp", "trf_id")
"""Fields that a page leaves out where the file has a 0."""
NEEDED = {
    TRADES: (TICKER, "price", "size", "exchange", "sip_timestamp", "sequence_number", "conditions"),
    QUOTES: (TICKER, "bid_price", "ask_price", "sip_timestamp", "sequence_number"),
}
_GZIP = b"\x1f\x8b"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

Lines = npt.NDArray[np.intp]


class Stream(Protocol):
    """What a file is read from."""

    def read(self, size: int, /) -> bytes | None: ...


class FlatFileError(ValueError):
    """A file that is no whole flat file; the message names it, and the column, the ticker or the line."""


class Wanted(NamedTuple):
    """Rows of a ticker in the vendor's spelling, columns as a page of its answers has them."""

    ticker: str
    rows: pl.DataFrame


@dataclass(frozen=True)
class Header:
    """The columns in the file's order, and whether it holds trades or quotes."""

    columns: tuple[str, ...]
    kind: str


class FlatFile:
    """Trades or quotes of the whole market, read from `stream`; `name` is what messages call it.

    `header` and `session` are known at once, the latter from the first row's SIP time in New York; `patience` seconds
    are waited for each piece. Raises FlatFileError for what is no such file, or of another day than its name says,
    and TimeoutError for a stream that stalls.
    """

    def __init__(self, stream: Stream, name: str, patience: float | None = None) -> None:
        self.name = name
        self._blocks = _blocks(stream, name, patience)
        line, _, rest = next(self._blocks, b"").partition(b"\n")
        self.header = self._header(line)
        rest = rest or next(self._blocks, b"")
        if not rest.strip():
            raise FlatFileError(f"{name} has no row; a day of trades or quotes was expected")
        self._first = rest
        self._lines = 1
        self.session = self._session(rest)

    def _header(self, line: bytes) -> Header:
        names = [field.strip().strip('"').lstrip("\ufeff") for field in line.decode("utf-8", "replace").split(",")]
        columns = [name.lower() if name.lower() == TICKER else name for name in names]
        kind = QUOTES if "bid_price" in columns else TRADES
        missing = [column for column in NEEDED[kind] if column not in columns]
        if missing or len(set(columns)) < len(columns):
            what = f"no column {', '.join(missing)}" if missing else "a column twice"
            raise FlatFileError(f"{self.name} has {what}; its header is {line[:200].decode('utf-8', 'replace')!r}")
        return Header(tuple(columns), kind)

    def _session(self, rows: bytes) -> date:
        frame = self._parsed(rows[: rows.index(b"\n") + 1] if b"\n" in rows else rows + b"\n", "the first row")
        moment = frame["sip_timestamp"][0]
        if moment is None:
            raise FlatFileError(f"{self.name}, line 2, column sip_timestamp: empty; ns since 1970 UTC were expected")
        day = datetime.fromtimestamp(moment // page.NANOSECOND, UTC).astimezone(NEW_YORK).date()
        named = _DAY.search(self.name.rpartition("/")[2])
        if named and named[0] != str(day):
            raise FlatFileError(f"{self.name} is named for {named[0]}, and its first row is of {day}")
        return day

    def rows(self, tickers: Collection[str]) -> Iterator[Wanted]:
        """The rows of `tickers`, in pieces in the file's order; the same ticker may come any number of times.

        Raises FlatFileError where the file is cut or damaged, and for a row that is not of its columns or its day.
        """
        wanted = {ticker.encode(): ticker for ticker in tickers}
        is_first = self.header.columns[0] == TICKER
        block: bytes | None = self._first
        while block is not None:
            for ticker, lines in _runs(block) if is_first else [(None, block)]:
                if ticker is None:
                    yield from self._filtered(lines, set(wanted.values()))
                elif name := wanted.get(ticker.strip(b'"')):
                    yield Wanted(name, self._checked(self._parsed(lines, name), name))
            self._lines += block.count(b"\n")
            block = next(self._blocks, None)

    def _filtered(self, lines: bytes, wanted: Collection[str]) -> Iterator[Wanted]:
        """Where the ticker is not the first column: everything is parsed."""
        frame = self._parsed(lines, f"lines from {self._lines + 1}", keep_ticker=True)
        for (ticker,), rows in frame.partition_by(TICKER, as_dict=True, maintain_order=True).items():
            if ticker in wanted:
                yield Wanted(str(ticker), self._checked(rows.drop(TICKER), str(ticker)))

    def _checked(self, rows: pl.DataFrame, ticker: str) -> pl.DataFrame:
        try:
            page.check(rows, self.header.kind, self.session)
        except ValueError as error:
            raise FlatFileError(f"{self.name}, {ticker}: {error}") from None
        return rows

    def _parsed(self, lines: bytes, where: str, *, keep_ticker: bool = False) -> pl.DataFrame:
        columns = self.header.columns
        kinds = {name: pl.Int64 if name in WHOLE else pl.Float64 if name in NUMBERS else pl.String for name in columns}
        try:
            frame = self._csv(lines, kinds)
        except pl.exceptions.PolarsError:
            raise FlatFileError(f"{self.name}, {where}: {self._fault(lines)}") from None
        strings = [name for name in columns if kinds[name] == pl.String]
        inside = frame.select(pl.sum_horizontal(pl.col(strings).str.count_matches(",", literal=True).sum())).item() or 0
        if lines.count(b",") - inside != frame.height * (len(columns) - 1):
            raise FlatFileError(f"{self.name}, {where}: {self._uneven}")
        texts = {name: pl.when(pl.col(name) != "").then(pl.col(name)) for name in LISTS if name in columns}
        listed = [text.str.split(",").cast(pl.List(pl.Int64)).alias(name) for name, text in texts.items()]
        zeros = [pl.when(pl.col(name) != 0).then(pl.col(name)).alias(name) for name in NEVER_ZERO if name in columns]
        try:
            frame = frame.with_columns(*listed, *zeros)
        except pl.exceptions.PolarsError:
            raise FlatFileError(f"{self.name}, {where}: {self._fault(lines)}") from None
        return frame if keep_ticker else frame.drop(TICKER)

    def _csv(self, lines: bytes, kinds: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
        return pl.read_csv(lines, has_header=False, schema=kinds, extra_columns="raise", truncate_ragged_lines=False)

    def _fault(self, lines: bytes) -> str:
        """The first field that is no number of its column, in words, or that a line has too few fields or too many."""
        try:
            frame = self._csv(lines, dict.fromkeys(self.header.columns, pl.String))
        except pl.exceptions.PolarsError:
            return self._uneven
        for name in self.header.columns:
            text, expected = pl.col(name), "a number"
            if name in WHOLE:
                good, expected = text.cast(pl.Int64, strict=False).is_not_null(), "a whole number"
            elif name in NUMBERS:
                good = text.cast(pl.Float64, strict=False).is_not_null()
            elif name in LISTS:
                good, expected = text.str.contains(r"^-?\d{1,9}(,-?\d{1,9})*$"), "whole numbers separated by commas"
            else:
                continue
            bad = frame.filter((text != "") & ~good)
            if bad.height:
                return f"column {name} is {bad[name][0]!r}, expected {expected}"
        return self._uneven

    @property
    def _uneven(self) -> str:
        return f"a line has not the {len(self.header.columns)} fields of the header"


def _runs(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The tickers of a block of whole lines, each with the lines in a row that are its own; empty lines are none."""
    held = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(held == ord("\n"))
    starts = np.concatenate([[0], ends[:-1] + 1])
    padded = np.frombuffer(block + b"\n" * LONGEST, np.uint8)
    names = np.lib.stride_tricks.sliding_window_view(padded, LONGEST)[starts]
    # What stands after the ticker's comma is no part of it.
    upto = (names == ord(",")).argmax(axis=1)
    names = np.where(np.arange(LONGEST) < upto[:, None], names, 0).view(f"S{LONGEST}").ravel()
    changed = np.flatnonzero(names[1:] != names[:-1]) + 1
    for first, last in zip([0, *changed.tolist()], [*changed.tolist(), len(starts)], strict=True):
        if names[first]:
            yield bytes(names[first]), block[starts[first] : ends[last - 1] + 1]


def _blocks(stream: Stream, name: str, patience: float | None) -> Iterator[bytes]:
    """Whole lines of the unpacked stream, a block at a time, unpacked in a thread of its own while they are used.

    The thread is left behind where the stream stalls: no client's own time limit holds in every such case.
    """
    pieces: queue.Queue[bytes | BaseException | None] = queue.Queue(AHEAD)
    stopped = threading.Event()

    def put(piece: bytes | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                pieces.put(piece, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def unpack() -> None:
        try:
            for piece in _unpacked(stream, name):
                if not put(piece):
                    return
            put(None)
        except BaseException as error:
            put(error)

    threading.Thread(target=unpack, daemon=True).start()
    rest = b""
    try:
        while (piece := _waited(pieces, patience)) is not None:
            if isinstance(piece, BaseException):
                raise piece
            end = piece.rfind(b"\n") + 1
            if end:
                yield _plain(b"".join((rest, memoryview(piece)[:end])))
                rest = b""
            rest += piece[end:]
        if rest:
            yield _plain(rest + b"\n")
    finally:
        stopped.set()


def _plain(lines: bytes) -> bytes:
    return lines.replace(b"\r\n", b"\n") if b"\r" in lines else lines


def _waited(pieces: queue.Queue[bytes | BaseException | None], patience: float | None) -> bytes | BaseException | None:
    try:
        return pieces.get(timeout=patience)
    except queue.Empty:
        raise TimeoutError(f"nothing came for {patience:g} s") from None


def _unpacked(stream: Stream, name: str) -> Iterator[bytes]:
    """The stream's bytes, unpacked where they are gzip: one member after the other, each to its checksum."""
    packed = stream.read(BLOCK) or b""
    if not packed.startswith(_GZIP):
        while packed:
            yield packed
            packed = stream.read(BLOCK) or b""
        return
    member = zlib.decompressobj(wbits=31)
    while packed:
        try:
            while packed:
                piece = member.decompress(packed, BLOCK)
                packed = member.unconsumed_tail
                if piece:
                    yield piece
                if member.eof:
                    packed = member.unused_data or stream.read(BLOCK) or b""
                    if not packed:
                        return
                    member = zlib.decompressobj(wbits=31)
        except zlib.error as error:
            raise FlatFileError(f"{name} is damaged: {error}; fetch it anew") from None
        packed = stream.read(BLOCK) or b""
    if not member.eof:
        raise FlatFileError(f"{name} is cut off: its last gzip member has no end; fetch it anew")
