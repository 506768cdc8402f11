"""The demo's tickers on a day: the frame that the daily lane sets, and the character that ticks are drawn by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np

from ...market import sessions
from . import watchlist
from .volumes import MICRO, as_traded, key, uniform

KINDS = ("trades", "quotes", "minute_bars")

CENT = 100
DOLLAR = 10_000
SHARE = MICRO
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
MILLISECOND = 1_000_000

BUYING, BALANCED, SELLING = 0.62, 0.50, 0.38
BOUGHT = 0.76
"""Of a ticker on its day of the story: the whole band of its estimate lies above what counts as neutral."""


class Character(NamedTuple):
    """How a ticker trades: trades a day, narrowest and widest spread in cents, share of hidden executions.

    `crossed`: whether its quotes cross now and then. `available`: what the vendor's plan gives.
    """

    trades: int
    spread: tuple[int, int]
    hidden: float = 0.02
    crossed: bool = False
    available: tuple[str, ...] = KINDS


CHARACTERS = {
    "ALDER": Character(9_000, (1, 3), 0.03),
    "BIRCH": Character(9_000, (1, 2), 0.02),
    "CEDAR": Character(7_000, (1, 4), 0.04),
    "FJORD": Character(8_000, (1, 3), 0.03),
    "HAZEL": Character(6_000, (2, 6), 0.05),
    "MAPLE": Character(9_000, (1, 1), 0.01),
    "BRK.B": Character(18_000, (4, 24), 0.10, crossed=True),
    "NA": Character(15_000, (1, 2)),
    "TPC": Character(12_000, (1, 5), 0.05),
    "TpC": Character(120, (3, 9), 0.05),
    "PENNY": Character(40_000, (1, 1), 0.01),
    "WIDER": Character(10_000, (6, 40), 0.15, crossed=True),
    "SPLYT": Character(24_000, (1, 6), 0.05, crossed=True),
    "ZZUNK": Character(9_000, (1, 1)),
    "NOQTE": Character(14_000, (1, 3), available=("trades", "minute_bars")),
    "BARSO": Character(14_000, (1, 4), available=("minute_bars",)),
    "NOLIT": Character(0, (1, 1), available=()),
}
NEW_LISTING = Character(12_000, (1, 4), 0.04)


class Market(NamedTuple):
    """One ticker's day as the daily lane has it, prices as traded; `start` and `end` of regular hours, ns UTC."""

    ticker: str
    session: date
    start: int
    end: int
    open: float
    high: float
    low: float
    close: float
    regular: int
    trf: int
    """Off-exchange volume in millionths of a share."""
    lit_buying: float
    trf_buying: float
    """Probability that the aggressor of a lit trade, and of an off-exchange print, buys."""


def character(ticker: str) -> Character:
    return CHARACTERS.get(ticker, NEW_LISTING)


def markets_of(tickers: Sequence[str], day: date, seed: int) -> dict[str, Market]:
    start, end = (int(moment.timestamp()) * SECOND for moment in (sessions.opens(day), sessions.closes(day)))
    traded = as_traded(tickers, day, seed)
    regular = traded.regular.astype(np.int64)
    trf = np.rint(traded.trf * SHARE).astype(np.int64)
    markets = {}
    for i, ticker in enumerate(tickers):
        lit_buying, trf_buying = _pressure(i, ticker, day, seed)
        markets[ticker] = Market(
            ticker=ticker,
            session=day,
            start=start,
            end=end,
            open=float(traded.open[i]),
            high=float(traded.high[i]),
            low=float(traded.low[i]),
            close=float(traded.close[i]),
            regular=int(regular[i]),
            trf=int(trf[i]),
            lit_buying=lit_buying,
            trf_buying=trf_buying,
        )
    return markets


def _pressure(position: int, ticker: str, day: date, seed: int) -> tuple[float, float]:
    """Buying probability on exchanges and off them; each stands for a few sessions.

    The first three tickers take turns, so that every page holds all three signals and a ticker whose two differ.
    """
    moods: tuple[float, ...] = (BUYING, SELLING, BALANCED)
    index = sessions.index(day)
    if ticker == watchlist.bought_on(index):
        return BOUGHT, BOUGHT
    if position < len(moods):
        mood, differ = position + index // 3, position == index // 2 % len(moods)
    else:
        drawn = np.array([key(ticker)], np.uint64)
        moods = (*moods, BALANCED, BALANCED)
        mood = int(len(moods) * uniform(drawn, f"{seed} {index // 4} mood")[0])
        differ = bool(uniform(drawn, f"{seed} {index // 4} differ")[0] < 0.3)
    return moods[mood % len(moods)], moods[(mood + differ) % len(moods)]
