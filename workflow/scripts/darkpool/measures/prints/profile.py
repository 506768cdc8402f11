"""Where in price and time it traded: FINRA's prints and the lit trades of a symbol and day by five minutes and price.

FINRA does not publish trade direction for off-exchange volume: sides are those of the prints' own rule (`sign.prints`)
and of the lit method, inferred estimates. A level is where volume was, not where it will be.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from .. import sign
from ..ticks.tick_file import NO_TIME, Floats, Integers
from .levels import SECOND, STEP, Levels

MOST_BINS = 60
LATE = 10 * SECOND
AWAY_PART, AWAY_CENTS = 0.001, 2.0
"""How far outside of the quote a print lies that is `away`: more than both."""
VALUE_AREA = 0.70
MOST_CELLS = 4_000_000
"""Pairs of five minutes and bin up to which a table of all is counted: a lit price far out would make it large."""
_NEAR = 1e-9
SCHEMA = pl.Schema(
    {"start": pl.Int64, "price_low": pl.Float64, "price_high": pl.Float64, "buy": pl.Float64, "sell": pl.Float64,
     "neutral": pl.Float64, "away": pl.Float64, "prints": pl.Int64, "late": pl.Float64, "lit_buy": pl.Float64,
     "lit_sell": pl.Float64, "lit_neutral": pl.Float64}
)  # fmt: skip
"""Columns of `cells`."""


class Sided(NamedTuple):
    """Trades with their sides (1 bought, -1 sold, 0 neither), arrays of equal length; times ns UTC of execution."""

    time: Integers
    price: Floats
    size: Floats
    side: npt.NDArray[np.int8]


class Quoted(NamedTuple):
    """What prints have besides: the quote before them (NaN: none), and the time of their report (NO_TIME: none)."""

    bid: Floats
    ask: Floats
    reported: Integers


def bin_width(price: Floats) -> float:
    """Cents: the smallest of 1, 2, 5 × 10^k that gives at most 60 bins over the prices."""
    cents = 100 * price
    for power in range(12):
        for first in (1, 2, 5):
            width = float(first * 10**power)
            if _place(cents.max(), width) - _place(cents.min(), width) < MOST_BINS:
                return width
    raise ValueError(
        f"prices from {price.min()} to {price.max()} USD, expected fewer than 60 × 5 billion dollars apart"
    )


def _place(cents: Any, width: float) -> Any:
    """Bin of a price; one on the edge, up to rounding, belongs to the bin above it."""
    return np.floor(cents / width + _NEAR).astype(np.int64)


def cells(prints: Sided, quoted: Quoted, lit: Sided) -> pl.DataFrame:
    """The columns of `trf_profile` without date and ticker, by start and price; no row where there is no print.

    Prints are those of trf_flow, which may be signed, `lit` the eligible lit trades, in bins of the prints' width.
    """
    if not len(prints.time):
        return pl.DataFrame(schema=SCHEMA)
    width = bin_width(prints.price)
    steps, places = _keys(prints, lit, width)
    every, where = _numbered(steps, places)
    of_prints, of_lit = np.split(where, [len(prints.time)])
    count = len(every)

    def chosen(rows: npt.NDArray[np.bool_]) -> Floats:
        at = np.flatnonzero(rows)
        return np.bincount(of_prints[at], prints.size[at], count).astype(np.float64, copy=False)

    sold, unsigned, bought = _by_side(of_prints, prints, count)
    lit_sold, lit_unsigned, lit_bought = _by_side(of_lit, lit, count)
    late = (quoted.reported != NO_TIME) & (prints.time != NO_TIME) & (quoted.reported - prints.time > LATE)
    columns = {
        "start": every[:, 0],
        "price_low": every[:, 1] * width / 100,
        "price_high": (every[:, 1] + 1) * width / 100,
        "buy": bought,
        "sell": sold,
        "neutral": unsigned,
        "away": chosen(_is_away(prints.price, quoted)),
        "prints": np.bincount(of_prints, minlength=count),
        "late": chosen(late),
        "lit_buy": lit_bought,
        "lit_sell": lit_sold,
        "lit_neutral": lit_unsigned,
    }
    return pl.DataFrame(columns, schema=SCHEMA)


def _by_side(where: npt.NDArray[np.intp], trades: Sided, count: int) -> npt.NDArray[np.float64]:
    """Shares sold, unsigned and bought (3, count) by cell, in one pass."""
    at = (trades.side + np.int8(1)).astype(np.intp) * count + where
    shares: npt.NDArray[Any] = np.bincount(at, weights=trades.size, minlength=3 * count)
    return shares.reshape(3, count)


def _keys(prints: Sided, lit: Sided, width: float) -> tuple[Integers, Integers]:
    """Five minutes (their begin, ns) and bin of the prints and the lit trades, one after the other."""
    time = np.concatenate([prints.time, lit.time])
    price = np.concatenate([prints.price, lit.price])
    return time // STEP * STEP, _place(100 * price, width)


def _numbered(steps: Integers, places: Integers) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    """The pairs that are there, ascending, and the number of each row's pair.

    One integer stands for a pair, and where a table of them all is small it is counted: a sort of pairs takes longer
    than signing does.
    """
    first, lowest = int(steps.min()), int(places.min())
    across = int(places.max()) - lowest + 1
    key = (steps - first) // STEP * across + (places - lowest)
    if int(key.max()) < MOST_CELLS:
        there = np.bincount(key) > 0
        found, where = np.flatnonzero(there), (np.cumsum(there) - 1)[key]
    else:
        found, where = np.unique(key, return_inverse=True)
    return np.column_stack([first + found // across * STEP, lowest + found % across]), where


def _is_away(price: Floats, quoted: Quoted) -> npt.NDArray[np.bool_]:
    """Outside of a valid quote by more than 0.1 % of it and more than 2 cents."""
    valid = sign.valid(quoted.bid, quoted.ask)
    below, above = quoted.bid - price, price - quoted.ask
    with np.errstate(invalid="ignore"):
        far_below = (below > AWAY_PART * quoted.bid) & (100 * below > AWAY_CENTS + _NEAR)
        far_above = (above > AWAY_PART * quoted.ask) & (100 * above > AWAY_CENTS + _NEAR)
    return valid & (far_below | far_above)


def levels(cells: pl.DataFrame, vwap: float | None, lit_vwap: float | None) -> Levels | None:
    """Point of control and value area of `cells`, by the prints' shares; None without one.

    The point of control is the bin with most shares, of equal ones the lowest; the value area the smallest run of bins
    around it that holds 70 % of them, of equal ones that with more shares, then the lower.
    """
    lows, rows, place = np.unique(cells["price_low"].to_numpy(), return_index=True, return_inverse=True)
    held = np.bincount(place, weights=(cells["buy"] + cells["sell"] + cells["neutral"]).to_numpy())
    if not held.any():
        return None
    highs = cells["price_high"].to_numpy()[rows]
    width = float((highs - lows).min())
    bins = np.rint((lows - lows[0]) / width).astype(np.intp)
    shares = np.zeros(bins[-1] + 1)
    shares[bins] = held
    at = dict(zip(bins.tolist(), zip(lows.tolist(), highs.tolist(), strict=True), strict=True))
    control, first = int(np.argmax(shares)), float(lows[0])
    start, stop = _value_area(shares, control)
    low = at[start][0] if start in at else first + start * width
    return Levels(
        at[control][0], at[control][1], low, at[stop][1] if stop in at else first + (stop + 1) * width, vwap, lit_vwap
    )


def _value_area(shares: Floats, control: int) -> tuple[int, int]:
    upto = np.concatenate([[0.0], np.cumsum(shares)])
    wanted = VALUE_AREA * upto[-1] * (1 - _NEAR)
    for length in range(1, len(shares) + 1):
        starts = range(max(0, control - length + 1), min(control, len(shares) - length) + 1)
        held = [(upto[start + length] - upto[start], -start) for start in starts]
        most, start = max(held)
        if most >= wanted:
            return -start, -start + length - 1
    raise AssertionError("all bins hold everything")


def weighted_price(trades: Sided) -> float | None:
    """Volume-weighted price; None without a share."""
    total = float(trades.size.sum())
    return float((trades.price * trades.size).sum()) / total if total > 0 else None
