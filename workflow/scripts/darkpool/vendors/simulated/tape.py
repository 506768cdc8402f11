"""The demo's quotes and trades of a day, with the aggressor known. All SIMULATED.

A midpoint walks from the day's open to its close, quotes stand around it, and every trade is placed against the last
quote strictly before it by a side drawn first: that side is the truth, kept apart from what the vendor would have said.
What makes real days hard is there: hidden executions inside the spread, locked and crossed moments, quotes of a trade's
own moment, off-exchange prints reported late, at true midpoints or a tenth of a cent better than the quote, auctions
and their official repeats, odd lots, other sessions' hours, cancelled trades.

Regular-hours FINRA prints add up to FINRA's volume of the day, all trades together to Yahoo's. Prices are counted in
hundredths of a cent and sizes in millionths of a share, whole numbers both, so that nothing is lost to rounding.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .markets import CENT, DOLLAR, MILLISECOND, MINUTE, SECOND, SHARE, Character, Market
from .volumes import FRACTIONAL_FROM

FINRA_EXCHANGE = 4
LIT_EXCHANGES = (12, 11, 10, 19, 8, 15, 21)
FACILITIES = (202, 202, 202, 201, 203)
ODD_LOT, INTERMARKET_SWEEP, FORM_T, OUT_OF_SEQUENCE = 37, 14, 12, 33
OPENING, CLOSING, OFFICIAL_OPEN, OFFICIAL_CLOSE = 25, 8, 16, 15
AWAY_FROM_THE_QUOTE = (2, 10, 22, 53)
CANCELLED = 8

OFF_HOURS_SHARE, OPENING_SHARE, CLOSING_SHARE = 0.03, 0.02, 0.06
OFF_EXCHANGE_TRADES = 0.4
QUOTES_PER_TRADE = 3
REPEATED_SIDE = 0.3
LOCKED = 0.004
CROSSED = 0.004

Numbers = npt.NDArray[np.int64]
Conditions = npt.NDArray[np.int32]


class Quotes(NamedTuple):
    """Arrays of length n in order: `time` ns UTC, `bid` and `ask` in hundredths of a cent, 0 for a missing side."""

    time: Numbers
    bid: Numbers
    ask: Numbers


class Tape(NamedTuple):
    """Trades, arrays of length n: prices in hundredths of a cent, sizes in millionths of a share.

    `trf_time` and `trf_id` are 0 on exchanges; `conditions` (n, 3) is filled up with 0; `side` is the aggressor's,
    1 buyer, -1 seller, 0 where there is none (auctions).
    """

    time: Numbers
    sip_time: Numbers
    trf_time: Numbers
    price: Numbers
    size: Numbers
    exchange: Numbers
    trf_id: Numbers
    correction: Numbers
    conditions: Conditions
    side: Numbers


def _moments(rng: np.random.Generator, n: int, market: Market) -> Numbers:
    """`n` moments of regular hours in order, more of them near the open and the close."""
    u = np.sort(rng.random(n))
    through = 0.6 * u + 0.2 * (1 - np.cos(np.pi * u))
    return market.start + (through * (market.end - market.start - 1)).astype(np.int64)


def draw_quotes(rng: np.random.Generator, market: Market, like: Character) -> Quotes:
    n = QUOTES_PER_TRADE * like.trades
    time = _moments(rng, n, market)
    mid = _midpoints(rng, n, market)
    narrow, wide = like.spread
    # A spread stands for a while: five quotes in a row share one.
    spread = rng.integers(narrow, wide + 1, n // 5 + 1)[np.arange(n) // 5]
    odd = rng.random(n)
    spread = np.where(odd < LOCKED, 0, spread)
    if like.crossed:
        spread = np.where(odd > 1 - CROSSED, -1, spread)
    bid = np.floor(mid - spread / 2).astype(np.int64) * CENT
    ask = bid + spread * CENT
    before, after = _off_hours_quotes(rng, market, like)
    return Quotes(*(np.concatenate(parts) for parts in zip(before, (time, bid, ask), after, strict=True)))


def _midpoints(rng: np.random.Generator, n: int, market: Market) -> npt.NDArray[np.float64]:
    """A Brownian bridge from open to close within the day's range, in cents."""
    walk = np.cumsum(rng.standard_normal(n)) / np.sqrt(n)
    x = np.linspace(0, 1, n)
    bridge = walk - x * walk[-1]
    path = market.open + (market.close - market.open) * x + 0.8 * (market.high - market.low) * bridge
    cents: npt.NDArray[np.float64] = 100 * np.clip(path, market.low, market.high)
    return cents


def _off_hours_quotes(rng: np.random.Generator, market: Market, like: Character) -> tuple[Quotes, Quotes]:
    """Wide quotes before the open, the first of them one-sided, and after the close."""
    n = max(3, like.trades // 200)
    half = (like.spread[1] + 10) // 2 * CENT
    early = np.sort(rng.integers(market.start - 90 * MINUTE, market.start, n))
    late = np.sort(rng.integers(market.end, market.end + 60 * MINUTE, n))
    first, last = round(market.open * 100) * CENT, round(market.close * 100) * CENT
    asks = np.full(n, first + half)
    asks[0] = 0
    return Quotes(early, np.full(n, first - half), asks), Quotes(late, np.full(n, last - half), np.full(n, last + half))


def _before(quotes: Quotes, time: Numbers) -> tuple[Numbers, Numbers]:
    """Bid and ask of the last quote strictly before each moment."""
    at = np.searchsorted(quotes.time, time, side="left") - 1
    return quotes.bid[at], quotes.ask[at]


def draw_tape(rng: np.random.Generator, market: Market, like: Character, quotes: Quotes) -> Tape:
    """Every trade of the day in the order in which the tape carried it."""
    off_hours = round(OFF_HOURS_SHARE * market.regular)
    lit = market.regular - -(-market.trf // SHARE) - off_hours
    opening = round(OPENING_SHARE * lit)
    at_exchanges = min(like.trades - round(OFF_EXCHANGE_TRADES * like.trades), lit // 20)
    continuous = _lit(rng, market, like, quotes, at_exchanges, round((1 - OPENING_SHARE - CLOSING_SHARE) * lit))
    # The closing auction takes what rounding to lots left over.
    closing = lit - opening - int(continuous.size.sum()) // SHARE
    off_exchange = min(round(OFF_EXCHANGE_TRADES * like.trades), -(-market.trf // (20 * SHARE)))
    prints = _prints(rng, market, quotes, off_exchange)
    parts = [continuous, prints, _auctions(market, opening, closing), _off_hours(rng, market, off_hours)]
    parts.append(_cancelled(rng, _joined(parts)))
    tape = _joined(parts)
    return _taken(tape, np.lexsort((tape.time, tape.sip_time)))


def _joined(parts: list[Tape]) -> Tape:
    return Tape(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in Tape._fields})


def _taken(tape: Tape, rows: Numbers) -> Tape:
    return Tape(**{name: getattr(tape, name)[rows] for name in Tape._fields})


def _sides(rng: np.random.Generator, n: int, buying: float) -> Numbers:
    """Aggressors in a row, a buyer with probability `buying`; orders come in pieces, so sides repeat."""
    side = np.where(rng.random(n) < buying, 1, -1)
    fresh = np.where(rng.random(n) >= REPEATED_SIDE, np.arange(n), 0)
    repeated: Numbers = side[np.maximum.accumulate(fresh)]
    return repeated


def _sizes(rng: np.random.Generator, n: int, total: int) -> Numbers:
    """`n` sizes of at least one share, lognormal, that add up to at most `total` shares and nearly so."""
    if n == 0:
        return np.zeros(0, np.int64)
    weight = np.exp(1.1 * rng.standard_normal(n))
    size: Numbers = 1 + np.floor(weight / weight.sum() * (total - n)).astype(np.int64)
    return size


def _lit(rng: np.random.Generator, market: Market, like: Character, quotes: Quotes, n: int, volume: int) -> Tape:
    """Continuous trading on exchanges."""
    time = _moments(rng, n, market)
    inside = np.flatnonzero((quotes.time > market.start) & (quotes.time < market.end))
    # Some trades carry the moment of the quote that they caused; that quote is not theirs.
    own = rng.random(n) < 0.08
    time = np.sort(np.where(own, quotes.time[rng.choice(inside, n)], time))
    bid, ask = _before(quotes, time)
    side = _sides(rng, n, market.lit_buying)
    price = np.where(side > 0, ask, bid)

    kind = rng.random(n)
    spread = ask - bid
    hidden = (kind < like.hidden) & (spread > 0)
    at_a_cent = bid + CENT * np.maximum(1, np.floor(rng.random(n) * spread / CENT).astype(np.int64))
    between = np.where((rng.random(n) < 0.5) & (spread > CENT), at_a_cent, (bid + ask) // 2)
    price = np.where(hidden, between, price)
    price = np.where(kind > 0.99, price + side * CENT, price)

    size = _sizes(rng, n, volume)
    in_lots = (size >= 100) & (rng.random(n) < 0.6)
    size = np.where(in_lots, size // 100 * 100, size)
    conditions = np.zeros((n, 3), np.int32)
    conditions[:, 0] = np.where(rng.random(n) < 0.3, INTERMARKET_SWEEP, 0)
    conditions[:, 1] = np.where(size < 100, ODD_LOT, 0)
    nothing = np.zeros(n, np.int64)
    exchange = rng.choice(LIT_EXCHANGES, n)
    sip_time = time + rng.integers(15_000, 400_000, n)
    return Tape(time, sip_time, nothing, price, size * SHARE, exchange, nothing, nothing, conditions, side)


def _prints(rng: np.random.Generator, market: Market, quotes: Quotes, n: int) -> Tape:
    """Off-exchange prints of regular hours, which add up to FINRA's volume of the day."""
    time = _moments(rng, n, market)
    bid, ask = _before(quotes, time)
    side = _sides(rng, n, market.trf_buying)
    spread = np.maximum(ask - bid, 0)
    price = np.where(side > 0, ask, bid)

    kind = rng.random(n)
    tenths = np.maximum(1, np.floor(rng.uniform(0.05, 0.3, n) * spread / 10).astype(np.int64))
    better = price - side * np.where(spread > 0, 10 * tenths, 0)
    midpoint = (bid + ask) // 2
    away = np.rint(midpoint * (1 + 0.004 * rng.standard_normal(n))).astype(np.int64)
    price = np.select([kind < 0.45, kind < 0.68, kind > 0.97], [better, midpoint, away], price)

    delay = (rng.exponential(15 * MILLISECOND, n)).astype(np.int64) + MILLISECOND
    lateness = rng.random(n)
    delay = np.where(lateness < 0.06, rng.integers(2 * SECOND, 10 * SECOND, n), delay)
    delay = np.where(lateness > 0.996, rng.integers(1 * MINUTE, 20 * MINUTE, n), delay)

    size = _print_sizes(rng, n, market)
    conditions = np.zeros((n, 3), np.int32)
    conditions[:, 0] = np.where(kind > 0.97, rng.choice(AWAY_FROM_THE_QUOTE, n), 0)
    conditions[:, 1] = np.where(size < 100 * SHARE, ODD_LOT, 0)
    conditions[:, 2] = np.where(lateness > 0.996, OUT_OF_SEQUENCE, 0)
    trf_time = time + delay
    exchange = np.full(n, FINRA_EXCHANGE)
    facility = rng.choice(FACILITIES, n)
    sip_time = trf_time + rng.integers(15_000, 400_000, n)
    return Tape(time, sip_time, trf_time, price, size, exchange, facility, np.zeros(n, np.int64), conditions, side)


def _print_sizes(rng: np.random.Generator, n: int, market: Market) -> Numbers:
    """Sizes of the prints in millionths of a share; the largest takes the rest, so that they add up to `market.trf`."""
    size = _sizes(rng, n, market.trf // SHARE) * SHARE
    if market.session >= FRACTIONAL_FROM:
        size -= np.where(rng.random(n) < 0.15, rng.integers(1, SHARE, n), 0)
    if n:
        size[np.argmax(size)] += market.trf - size.sum()
    return size


def _auctions(market: Market, opening: int, closing: int) -> Tape:
    """Opening and closing auction, each followed by the official price, which repeats it and adds no volume."""
    time = np.repeat([market.start, market.end], 2) + np.array([1, 2, 3, 5]) * SECOND // 10
    price = np.repeat([round(market.open * DOLLAR), round(market.close * DOLLAR)], 2)
    size = np.repeat([opening, closing], 2) * SHARE
    nothing = np.zeros(4, np.int64)
    conditions = np.zeros((4, 3), np.int32)
    conditions[:, 0] = [OPENING, OFFICIAL_OPEN, CLOSING, OFFICIAL_CLOSE]
    exchange = np.full(4, LIT_EXCHANGES[0])
    return Tape(time, time + 50_000, nothing, price, size, exchange, nothing, nothing, conditions, nothing)


def _off_hours(rng: np.random.Generator, market: Market, volume: int) -> Tape:
    """Trades before the open and after the close, on exchanges and off them; in no regular-hours volume."""
    n = min(400, volume // 50)
    early = rng.random(n) < 0.4
    time = np.where(
        early,
        rng.integers(market.start - 90 * MINUTE, market.start - MINUTE, n),
        rng.integers(market.end + MINUTE, market.end + 60 * MINUTE, n),
    )
    centre = np.where(early, round(market.open * 100), round(market.close * 100)) * CENT
    side = _sides(rng, n, 0.5)
    price = centre + side * CENT * rng.integers(0, 5, n)
    off_exchange = rng.random(n) < 0.5
    conditions = np.zeros((n, 3), np.int32)
    conditions[:, 0] = FORM_T
    size = _sizes(rng, n, volume)
    if n:
        size[np.argmax(size)] += volume - size.sum()
    conditions[:, 1] = np.where(size < 100, ODD_LOT, 0)
    trf_time = np.where(off_exchange, time + 20 * MILLISECOND, 0)
    return Tape(
        time,
        np.maximum(time, trf_time) + 50_000,
        trf_time,
        price,
        size * SHARE,
        np.where(off_exchange, FINRA_EXCHANGE, rng.choice(LIT_EXCHANGES, n)),
        np.where(off_exchange, rng.choice(FACILITIES, n), 0),
        np.zeros(n, np.int64),
        conditions,
        side,
    )


def _cancelled(rng: np.random.Generator, tape: Tape) -> Tape:
    """Trades entered twice and cancelled once: the cancelled one stays on the tape, marked."""
    chosen = rng.choice(len(tape.time), len(tape.time) // 1000)
    twice = _taken(tape, chosen)
    trf_time = np.where(twice.trf_time > 0, twice.trf_time + MILLISECOND, 0)
    later = {"time": twice.time + MILLISECOND, "sip_time": twice.sip_time + MILLISECOND, "trf_time": trf_time}
    return twice._replace(**later, correction=np.full(len(chosen), CANCELLED))
