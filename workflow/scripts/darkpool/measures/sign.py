"""Trade classification: who started the trade. Estimates all of them.

FINRA does not publish trade direction for off-exchange volume. Bought and sold are inferred estimates.

Every rule takes the trades of one symbol and day in their order and gives an int8 array: 1 BUY, -1 SELL, 0 neutral or
unknown. Prices are compared exactly, as the vendor gave them: a price a tenth of a cent below the ask is below it.
A quote is valid where bid > 0 and ask >= bid; a crossed, one-sided or missing one (NaN) is no quote, and the trade
falls back on the tick. A locked quote (ask = bid) is valid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Rule = Literal["nbbo", "tick", "tick_carry", "lee_ready", "emo", "clnv"]
RULES: tuple[Rule, ...] = get_args(Rule)

UPPER, LOWER, TOLERANCE = 0.6, 0.4, 1e-9

Prices = npt.NDArray[np.float64]
Sides = npt.NDArray[np.int8]


def sign(
    rule: Rule, price: Prices, bid: Prices | None = None, ask: Prices | None = None, *, all_or_nothing: bool = False
) -> Sides:
    """Sides of the trades by `rule`, one of `RULES`.

    `price` (n,) dollars, trades in their order; `bid` and `ask` (n,) the quote of each trade, NaN where it has none,
    or None where there are no quotes at all. With `all_or_nothing` one trade without a valid quote turns nbbo into
    tick for every trade. Raises ValueError for an unknown rule.
    """
    if rule not in RULES:
        raise ValueError(f"rule is {rule!r}, expected one of {', '.join(RULES)}")
    if rule == "tick":
        return tick(price)
    if rule == "tick_carry" or bid is None or ask is None:
        return tick(price) if rule == "nbbo" else tick_carry(price)
    quoted = valid(bid, ask)
    if rule == "nbbo":
        if all_or_nothing and not quoted.all():
            return tick(price)
        return _with_fallback(nbbo(price, bid, ask), quoted, tick, price)
    return _with_fallback(_HYBRIDS[rule](price, bid, ask), quoted, tick_carry, price)


def _with_fallback(
    side: Sides, quoted: npt.NDArray[np.bool_], fallback: Callable[[Prices], Sides], price: Prices
) -> Sides:
    return side if quoted.all() else np.where(quoted, side, fallback(price))


def valid(bid: Prices, ask: Prices) -> npt.NDArray[np.bool_]:
    """Whether each quote is one: both sides there and not crossed."""
    return (bid > 0) & (ask >= bid)


def _compare(left: Prices, right: Prices) -> Sides:
    return (left > right).view(np.int8) - (left < right).view(np.int8)


def tick(price: Prices) -> Sides:
    """Tick test without memory: against the previous price; unchanged is neutral, and so is the first trade."""
    side = np.zeros(len(price), np.int8)
    side[1:] = _compare(price[1:], price[:-1])
    return side


def tick_carry(price: Prices) -> Sides:
    """Tick test of Lee & Ready (1991): against the last different price, so a zero tick keeps its side."""
    side = tick(price)
    last_change = np.where(side != 0, np.arange(len(price)), 0)
    return side[np.maximum.accumulate(last_change)]


def nbbo(price: Prices, bid: Prices, ask: Prices) -> Sides:
    """At or through the ask BUY, at or through the bid SELL, nothing between; at a locked quote neutral."""
    return (price >= ask).view(np.int8) - (price <= bid).view(np.int8)


def quote(price: Prices, bid: Prices, ask: Prices) -> Sides:
    """Quote rule: above the midpoint BUY, below SELL, at it nothing (Lee & Ready 1991)."""
    return _compare(price, 0.5 * (bid + ask))


def lee_ready(price: Prices, bid: Prices, ask: Prices) -> Sides:
    """Lee & Ready (1991), "Inferring Trade Direction from Intraday Data": quote rule, at the midpoint the tick test."""
    side = quote(price, bid, ask)
    return np.where(side == 0, tick_carry(price), side)


def lee_ready_at(price: Prices, bid: Prices, ask: Prices, at: npt.NDArray[np.intp]) -> Sides:
    """`lee_ready` of the trades at the positions `at`, ascending, alone; without a valid quote the tick test."""
    bid, ask = bid[at], ask[at]
    side = np.where(valid(bid, ask), quote(price[at], bid, ask), np.int8(0))
    left = np.flatnonzero(side == 0)
    side[left] = _tick_carry_at(price, at[left])
    return side


def _tick_carry_at(price: Prices, at: npt.NDArray[np.intp]) -> Sides:
    if not len(at):
        return np.empty(0, np.int8)
    changed = np.zeros(len(price), np.bool_)
    np.not_equal(price[1:], price[:-1], out=changed[1:])
    # Numbers of the changes up to each trade: a running count, since looking each one up takes five times as long.
    number = np.cumsum(changed, dtype=np.int32)[at]
    last = np.append(0, np.flatnonzero(changed))[number]
    return np.where(number > 0, _compare(price[last], price[last - 1]), np.int8(0))


def emo(price: Prices, bid: Prices, ask: Prices) -> Sides:
    """Ellis, Michaely & O'Hara (2000), "The Accuracy of Trade Classification Rules": at the ask BUY, at the bid SELL,
    everywhere else the tick test."""
    side = (price == ask).view(np.int8) - (price == bid).view(np.int8)
    return np.where(side == 0, tick_carry(price), side)


def clnv(price: Prices, bid: Prices, ask: Prices) -> Sides:
    """Chakrabarty, Li, Nguyen & Van Ness (2007), "Trade classification algorithms for electronic communications
    network trades": quote rule in the upper and the lower three deciles of the spread, else, and outside the quotes,
    the tick test.

    The decile bounds are computed as tclf does, to the bit: they are no exact numbers, and the two must agree on them.
    """
    upper = ((1.0 - 0.3) * ask + 0.3 * bid <= price) & (price <= ask)
    lower = (bid <= price) & (price <= 0.3 * ask + (1.0 - 0.3) * bid)
    return np.where(upper ^ lower, quote(price, bid, ask), tick_carry(price))


_HYBRIDS: dict[str, Callable[[Prices, Prices, Prices], Sides]] = {"lee_ready": lee_ready, "emo": emo, "clnv": clnv}


def prints(price: Prices, bid: Prices, ask: Prices) -> Sides:
    """Off-exchange prints by their position in the spread: above 0.6 BUY, below 0.4 SELL, nothing between or without a
    valid quote; at a locked quote above it BUY, below it SELL.

    Barber, Huang, Jorion, Odean & Schwarz (2024), "A (Sub)penny for Your Thoughts". The paper is about *retail* prints;
    most off-exchange volume is not retail.
    """
    spread = ask - bid
    with np.errstate(divide="ignore", invalid="ignore"):
        position = (price - bid) / spread
    inside = (position > UPPER + TOLERANCE).view(np.int8) - (position < LOWER - TOLERANCE).view(np.int8)
    side = np.where(spread == 0, _compare(price, bid), inside)
    return np.where(valid(bid, ask), side, np.int8(0))


def bars(open_: Prices, close: Prices) -> Sides:
    """Minute bars: a bar that closed higher is bought, lower is sold, with its whole volume; a flat one is neutral."""
    return _compare(close, open_)
