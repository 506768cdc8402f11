"""The demo's market, day by day: who trades, at which prices, how much, and where, drawn from a seed. All SIMULATED.

What a date holds is a function of seed, ticker and date alone: never of the session asked for, of the other tickers
or of the clock. So windows that overlap share their files, and the same seed gives the same bytes.

The draws come from SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators"), a hash of
key and counter: every ticker and date has its own number without drawing those before it.

A day's volume is the ticker's own level times a slow wave, the weekday's habit, noise and now and then a spike, which
ordinary tickers have on their day of the story alone (`watchlist.bought_on`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...market import sessions
from . import watchlist

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]

MARKET_SIZE = 400
LISTING_LIFE = 70
"""Sessions for which a new listing stays in FINRA's files: longer than the longest window that looks back at it."""
SPLIT_EVERY = 45
"""Sessions between two splits of the splitting ticker: fewer than a window, so that each holds one."""
FRACTIONAL_FROM = date(2026, 2, 23)
"""First day on which FINRA's volumes carry fractions of a share."""
MICRO = 1_000_000

EARLY_CLOSE_VOLUME = 0.45
WEEKDAY_HABIT = (0.0, 0.04, 0.05, 0.03, 0.10)
LARGEST_MOVE = 1.6
"""Bound of the logarithm of a day's volume over its level: a fivefold day is the largest."""
STORY_SPIKE = 1.1
"""Logarithm of what a day of the story trades over its level: three times."""
RATIO_RANGE = (0.26, 0.59)
GAP_CHANCE = 0.04


@cache
def key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def uniform(keys: Keys, label: str) -> Floats:
    """A number in (0, 1) for each key, another one for each label."""
    mixed = keys ^ np.uint64(key(label))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    uniform: Floats = ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return uniform


def normal(keys: Keys, label: str) -> Floats:
    """A standard normal number for each key (Box & Muller 1958)."""
    radius = np.sqrt(-2 * np.log(uniform(keys, label + " radius")))
    angle = 2 * np.pi * uniform(keys, label + " angle")
    normal: Floats = radius * np.cos(angle)
    return normal


class Profile(NamedTuple):
    """What a ticker is like: shares a day, dollars a share, off-exchange share of the volume."""

    level: float
    price: float
    ratio: float


PROFILES = {
    "ALDER": Profile(2_100_000, 47.3, 0.43),
    "BIRCH": Profile(3_300_000, 28.6, 0.46),
    "CEDAR": Profile(1_600_000, 92.4, 0.41),
    "FJORD": Profile(2_700_000, 55.8, 0.44),
    "HAZEL": Profile(1_200_000, 133.5, 0.40),
    "MAPLE": Profile(4_000_000, 18.9, 0.48),
    "BRK.B": Profile(3_600_000, 482.0, 0.45),
    "NA": Profile(1_800_000, 22.4, 0.38),
    "TPC": Profile(1_300_000, 64.1, 0.33),
    "TpC": Profile(2_400, 19.6, 0.42),
    "PENNY": Profile(14_000_000, 11.5, 0.47),
    "WIDER": Profile(900_000, 212.0, 0.52),
    "SPLYT": Profile(4_200_000, 140.0, 0.41),
    "ZZUNK": Profile(1_100_000, 7.3, 0.44),
    "NOQTE": Profile(2_500_000, 35.2, 0.50),
    "BARSO": Profile(5_000_000, 88.0, 0.36),
    "NOLIT": Profile(950_000, 61.0, 0.41),
}
SPORADIC = frozenset({"TpC"})
"""Tickers that on some days do not trade off-exchange at all, so that FINRA's file has no row for them."""


class Day(NamedTuple):
    """One date, arrays of length n, one entry a ticker; prices and shares as traded.

    `regular` and `trf` are consolidated and off-exchange shares, `short` and `exempt` parts of `trf`; `trf` is 0 where
    the ticker did not trade off-exchange. Whole shares, from 2026-02-23 on millionths in `trf`, `short` and `exempt`.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    regular: Floats
    trf: Floats
    short: Floats
    exempt: Floats


def market(day: date) -> list[str]:
    """Every ticker that trades on `day`, in our spelling: the standing ones, and the last 70 sessions' listings."""
    newest = sessions.index(day)
    return [*_standing(), *(watchlist.listed_on(index) for index in range(newest - LISTING_LIFE + 1, newest + 1))]


@cache
def _standing() -> tuple[str, ...]:
    """The watchlist's, the spellings that careless parsers lose, and invented names to the market's size."""
    names = dict.fromkeys([*watchlist.STANDING, "NAN", "TRUE", "SPXW"])
    endings = ("pA", ".A", "pD", ".WS", "w", ".U", "r")
    number = 0
    while len(names) < MARKET_SIZE:
        name = _invented(number)
        names[name] = None
        if number % 8 == 0:
            names[name[:3] + endings[number // 8 % len(endings)]] = None
        number += 1
    return tuple(names)


def _invented(number: int) -> str:
    """A name of five letters, consonants and vowels in turn."""
    rest, name = number * 7919, ""
    for letters in ("BCDFGHJKLMNPQRSTVWXYZ", "AEIOU") * 2 + ("BCDFGHJKLMNPQRSTVWXYZ",):
        rest, letter = divmod(rest, len(letters))
        name += letters[letter]
    return name


def splits(until: int, since: int = 0) -> list[tuple[int, float]]:
    """Splits of the splitting ticker with since < number of the ex-date <= until: that number, new shares per old."""
    first = since // SPLIT_EVERY + 1
    return [(k * SPLIT_EVERY, 2.0 if k % 2 == 0 else 0.5) for k in range(first, until // SPLIT_EVERY + 1)]


def share_basis(tickers: Sequence[str], index: int) -> Floats:
    """Shares that stand for one share of the level, per ticker: 2 after a 2:1 split, 1 again after the 1:2."""
    split = 2.0 if index // SPLIT_EVERY % 2 == 0 else 1.0
    return np.where(np.array(tickers) == watchlist.SPLITTING, split, 1.0)


def _profiles(tickers: Sequence[str], keys: Keys, seed: int) -> tuple[Floats, Floats, Floats]:
    """Level, price and ratio per ticker: the watchlist's own, the others drawn."""
    level = 10 ** (4.0 + 3.2 * uniform(keys, f"{seed} level"))
    price = np.exp(1.8 + 3.4 * uniform(keys, f"{seed} price"))
    ratio = 0.32 + 0.2 * uniform(keys, f"{seed} ratio")
    for i, ticker in enumerate(tickers):
        if ticker in PROFILES:
            level[i], price[i], ratio[i] = PROFILES[ticker]
        elif ticker.startswith("NW"):
            level[i], price[i] = 1_500_000, 31.0
    return level, price, ratio


def as_traded(tickers: Sequence[str], day: date, seed: int) -> Day:
    """The date's prices and volumes of `tickers`; each ticker's are the same whatever others are asked for."""
    index = sessions.index(day)
    keys = np.array([key(ticker) for ticker in tickers], np.uint64)
    level, price, ratio = _profiles(tickers, keys, seed)
    basis = share_basis(tickers, index)
    today = f"{seed} {day}"

    wave = np.sin(2 * np.pi * (index / (80 + 60 * uniform(keys, f"{seed} period")) + uniform(keys, f"{seed} phase")))
    spike = np.where(uniform(keys, f"{today} spike") < 0.06, 0.7 + 0.7 * uniform(keys, f"{today} height"), 0.0)
    of_story = np.array(tickers) == (watchlist.bought_on(index) or "")
    spike = np.where(np.isin(tickers, watchlist.ORDINARY), STORY_SPIKE * of_story, spike)
    move = 0.22 * wave + WEEKDAY_HABIT[day.weekday()] + 0.24 * normal(keys, f"{today} volume") + spike
    length = EARLY_CLOSE_VOLUME if sessions.is_early_close(day) else 1.0
    regular = np.rint(level * basis * length * np.exp(np.clip(move, -LARGEST_MOVE, LARGEST_MOVE))) + 100

    # A spike off-exchange is part of why a day stands out, so the ratio rises with it.
    ratio = ratio + 0.03 * wave + 0.04 * normal(keys, f"{today} ratio") + 0.06 * spike
    trf = _shares(regular * np.clip(ratio, *RATIO_RANGE), keys, day, today)
    trf[np.array([t in SPORADIC for t in tickers], bool) & (uniform(keys, f"{today} gap") < GAP_CHANCE)] = 0.0
    short = np.minimum(_shares(trf * (0.3 + 0.35 * uniform(keys, f"{today} short")), keys, day, f"{today} short"), trf)
    exempt = np.floor(short * 0.015 * uniform(keys, f"{today} exempt"))

    before = f"{seed} {sessions.previous(day)}"
    centre = price / basis * np.exp(0.12 * wave)
    close = np.round(centre * np.exp(0.011 * normal(keys, f"{today} close")), 2)
    overnight = 0.011 * normal(keys, f"{before} close") + 0.003 * normal(keys, f"{today} open")
    open_ = np.round(centre * np.exp(overnight), 2)
    reach = 0.002 + 0.01 * uniform(keys, f"{today} reach")
    high = np.round(np.maximum(open_, close) * (1 + reach), 2)
    low = np.round(np.minimum(open_, close) * (1 - reach), 2)
    return Day(open_, high, low, close, regular, trf, short, exempt)


def _shares(volume: Floats, keys: Keys, day: date, label: str) -> Floats:
    """Whole shares; from the fractional era on most tickers carry millionths."""
    whole = np.floor(volume)
    if day < FRACTIONAL_FROM:
        return whole
    parts = np.floor(MICRO * uniform(keys, f"{label} millionths"))
    fractional = (volume > 0) & (uniform(keys, f"{label} fractional") < 0.93)
    return np.where(fractional, whole + parts / MICRO, whole)
