"""Prices as traded on one share basis, as far as it is known, for names whose splits nobody was asked about.

A split multiplies the shares and divides the price overnight, and leaves what trades in dollars as it was; news moves
the price and multiplies the dollars. A step between a close and the next open that is large, or near the ratio of a
common split, on ordinary dollars may be either. Whether it is cannot be known, so no return crosses it.

Matrices have a row per session, consecutive and ascending, and a column per ticker; NaN is missing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .rank_correlation import Flags, Floats

COMMON = (5 / 4, 4 / 3, 3 / 2, 5 / 3)
"""Ratios of splits, either way, below `LARGE`."""
NEAR = 0.04
"""By how much, in logarithms, a step may be off such a ratio: the market moved that night as well."""
LARGE, HUGE = 1.8, 3.0
"""Steps from which on the ratio is not looked at, and from which on the dollars are not either."""
SHOWN = 1.2
"""Step, on the basis that a known split makes, up to which the price shows it; half of the split's own if that is more.
"""
BUSY = 4.0
"""Dollars traded, of their usual, above which a step is news."""
LOOKED_AT = 10
"""Sessions before a step whose median volume is the usual one, and over which a step still counts."""


class Basis(NamedTuple):
    """`factor`: what a price is multiplied by to stand on the first session's shares. `part`: sessions of different
    parts have no basis in common that is known. `steps`: how many steps could be splits that nobody named."""

    factor: Floats
    part: Floats
    steps: int


def basis(opened: Floats, close: Floats, volume: Floats, splits: Floats, asked: Flags) -> Basis:
    """The share basis of prices (USD) and volumes (shares) as traded.

    `splits`: new shares per old with their ex-date in the session, 1 where none is known, NaN where nobody can vouch
    for one. `asked`: whether somebody said which splits there were up to the session, so that no step is doubted.
    A known split that the price does not show leaves no basis in common either.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # of what is missing, and of a volume of 0
        return _basis(opened, close, volume, splits, asked)


def _basis(opened: Floats, close: Floats, volume: Floats, splits: Floats, asked: Flags) -> Basis:
    factor: Floats = np.cumprod(np.where(np.isfinite(splits), splits, 1.0), axis=0, dtype=np.float64)
    first = np.where(np.isfinite(opened), opened, close) * factor
    last, shares = close * factor, volume / factor
    part = np.zeros_like(close)
    steps = 0
    before, at = np.full(close.shape[1], np.nan), np.full(close.shape[1], -LOOKED_AT - 1)
    named = np.ones(close.shape[1])
    for row in range(len(close)):
        named = named * splits[row]
        step = np.log(first[row] / before)
        usual = _median(shares[max(0, row - LOOKED_AT) : row])
        doubted = _may_be_split(step, np.log(shares[row] / usual) + step) & ~asked[row]
        steps += int((doubted & (row - at <= LOOKED_AT)).sum())
        is_not_shown = np.abs(step) > np.maximum(np.abs(np.log(named)) / 2, math.log(SHOWN))
        broken = doubted | (np.isfinite(step) & (~np.isfinite(named) | ((named != 1) & is_not_shown)))
        part[row] = (part[row - 1] if row else 0) + broken
        known = np.isfinite(last[row])
        before, at = np.where(known, last[row], before), np.where(known, row, at)
        named = np.where(known, 1.0, named)
    return Basis(factor, part, steps)


def _may_be_split(step: Floats, dollars: Floats) -> Flags:
    """By the logarithms of a step on the known basis, and of the dollars traded by their usual."""
    size = np.abs(step)
    near = np.any([np.abs(size - math.log(ratio)) <= NEAR for ratio in COMMON], axis=0)
    is_ordinary = ~(dollars > math.log(BUSY))
    found: Flags = (size >= math.log(HUGE)) | (is_ordinary & (near | (size >= math.log(LARGE))))
    return found


def _median(values: Floats) -> Floats:
    """Of every column, of the values that there are; NaN where there is none."""
    ordered = np.sort(np.where(values > 0, values, np.nan), axis=0)
    count = np.isfinite(ordered).sum(axis=0)
    if not len(values):
        return np.full(values.shape[1], np.nan)
    column = np.arange(values.shape[1])
    low, high = (np.maximum(count - 1, 0) // 2, np.minimum(count // 2, len(values) - 1))
    middle: Floats = np.where(count > 0, (ordered[low, column] + ordered[high, column]) / 2, np.nan)
    return middle
