"""Where in price and time it traded: FINRA's prints and the lit trades of a symbol and day by five minutes and price.

FINRA does not publish trade direction for off-exchange volume: sides are those of the prints' own rule (`sign.prints`)
and of the lit method, inferred estimates. A level is where volume was, not where it will be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

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


def cells(prints: Sided, quoted: Quoted, lit: Sided) -> list[dict[str, Any]]:
    """The columns of `trf_profile` without date and ticker, by start and price; none where there is no print.

    Prints are those of trf_flow, which may be signed, `lit` the eligible lit trades, in bins of the prints' width.
    """
    if not len(prints.time):
        return []
    width = bin_width(prints.price)
    steps, places = _keys(prints, lit, width)
    every, where = _numbered(steps, places)
    of_prints, of_lit = np.split(where, [len(prints.time)])
    count = len(every)

    def shares(at: npt.NDArray[np.intp], size: Floats, chosen: npt.NDArray[np.bool_]) -> list[float]:
        return [float(held) for held in np.bincount(at[chosen], weights=size[chosen], minlength=count)]

    late = (quoted.reported != NO_TIME) & (prints.time != NO_TIME) & (quoted.reported - prints.time > LATE)
    columns: dict[str, list[Any]] = {
        "start": every[:, 0].tolist(),
        "price_low": (every[:, 1] * width / 100).tolist(),
        "price_high": ((every[:, 1] + 1) * width / 100).tolist(),
        "buy": shares(of_prints, prints.size, prints.side > 0),
        "sell": shares(of_prints, prints.size, prints.side < 0),
        "neutral": shares(of_prints, prints.size, prints.side == 0),
        "away": shares(of_prints, prints.size, _is_away(prints.price, quoted)),
        "prints": np.bincount(of_prints, minlength=count).tolist(),
        "late": shares(of_prints, prints.size, late),
        "lit_buy": shares(of_lit, lit.size, lit.side > 0),
        "lit_sell": shares(of_lit, lit.size, lit.side < 0),
        "lit_neutral": shares(of_lit, lit.size, lit.side == 0),
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


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


def levels(rows: Sequence[Mapping[str, Any]], vwap: float | None, lit_vwap: float | None) -> Levels | None:
    """Point of control and value area of `cells`, by the prints' shares; None without one.

    The point of control is the bin with most shares, of equal ones the lowest; the value area the smallest run of bins
    around it that holds 70 % of them, of equal ones that with more shares, then the lower.
    """
    by_price: dict[float, tuple[float, float]] = {}
    for row in rows:
        held = row["buy"] + row["sell"] + row["neutral"]
        low = row["price_low"]
        by_price[low] = (row["price_high"], by_price.get(low, (0.0, 0.0))[1] + held)
    if not by_price or not any(held for _, held in by_price.values()):
        return None
    width = min(high - low for low, (high, _) in by_price.items())
    first = min(by_price)
    at = {round((low - first) / width): low for low in by_price}
    shares = np.zeros(max(at) + 1)
    for place, low in at.items():
        shares[place] = by_price[low][1]
    control = int(np.argmax(shares))
    start, stop = _value_area(shares, control)
    return Levels(
        at[control], by_price[at[control]][0], at.get(start, first + start * width),
        by_price[at[stop]][0] if stop in at else first + (stop + 1) * width, vwap, lit_vwap,
    )  # fmt: skip


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
    total = math.fsum(trades.size)
    return math.fsum(trades.price * trades.size) / total if total > 0 else None
