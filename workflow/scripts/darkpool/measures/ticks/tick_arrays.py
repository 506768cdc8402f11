"""The tape of one symbol and day: its trades, its quotes, and the quote before each trade.

Arrays instead of frames: a day holds tens of millions of rows, and every step here is one pass over a column.
Files are those of the archive; rows in any order. Rows that agree in every field are one that came again; rows that
differ in any are all real, so the other columns of the few rows that may be repeats are read too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .tick_file import NO_TIME, Flags, Floats, Integers, Positions, TickError, TickFile

TRADE_COLUMNS = [
    "conditions",
    "correction",
    "decimal_size",
    "exchange",
    "participant_timestamp",
    "price",
    "sequence_number",
    "sip_timestamp",
    "size",
    "trf_id",
]
QUOTE_COLUMNS = ["ask_price", "bid_price", "participant_timestamp", "sequence_number"]


@dataclass(frozen=True)
class Trades:
    """Trades in the file's order, arrays of length n; unknown prices and sizes are NaN, an unknown time is `NO_TIME`.

    `time` ns since 1970 UTC (participant, else SIP), `reported` the SIP's, `sequence` what orders trades of one moment
    (the vendor's numbers, or places in a file that is in order), `price` dollars, `size` shares, `exchange` and
    `trf_id` the vendor's codes, 0 where there is no `trf_id`; the conditions of trade i are
    `codes[offsets[i]:offsets[i + 1]]`.
    `repeats`: rows of the file that were left out, since another row is identical. `is_sorted`: whether they are known
    to lie in the order (time, sequence).
    """

    time: Integers
    reported: Integers
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


def read_trades(path: Path | str) -> Trades:
    """The trades of one file, identical rows once; raises TickError."""
    with TickFile(path, TRADE_COLUMNS) as file:
        file.require("price")
        file.require("size", "decimal_size")
        file.require("exchange")
        file.require("participant_timestamp", "sip_timestamp")
        offsets, codes = file.lists("conditions")
        exchange = file.integers("exchange", -1)
        if (exchange == -1).any():
            row = np.argmax(exchange == -1)
            raise TickError(f"{path}: column exchange is null at row {row}; every trade has a venue")
        time, sequence, order, repeats = file.in_order()
        trades = Trades(
            time=time,
            reported=file.integers("sip_timestamp", NO_TIME),
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
        return _without(trades, repeats)


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


_BY_TRADE = ("time", "reported", "sequence", "price", "size", "exchange", "trf_id", "correction")


def read_quotes(path: Path | str) -> Quotes:
    """The quotes of one file in their order; rows without a time are left out; raises TickError."""
    with TickFile(path, QUOTE_COLUMNS) as file:
        file.require("participant_timestamp", "sip_timestamp")
        time, _, order, repeats = file.in_order()
        bid, ask = file.floats("bid_price"), file.floats("ask_price")
    if order is not None:
        time, bid, ask = time[order], bid[order], ask[order]
    known = np.searchsorted(time, NO_TIME, side="right")
    return Quotes(time[known:], bid[known:], ask[known:], len(repeats))


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
