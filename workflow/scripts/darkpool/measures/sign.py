"""Trade classification: who started the trade. Estimates all of them.

FINRA does not publish trade direction for off-exchange volume. Bought and sold are inferred estimates.

Every rule takes the trades of one symbol and day in their order and gives an int8 array: 1 BUY, -1 SELL, 0 neutral or
unknown. Prices are compared exactly, as the vendor gave them: a price a tenth of a cent below the ask is below it.
A quote is valid where bid > 0 and ask >= bid; a crossed, one-sided or missing one (NaN) is no quote, and the trade
falls back on the tick. A locked quote (ask = bid) is valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

UPPER, LOWER, TOLERANCE = 0.6, 0.4, 1e-9

Prices = npt.NDArray[np.float64]
Sides = npt.NDArray[np.int8]


class Method(NamedTuple):
    """A code of `classification_method`: its words, and its form in a plot, empty where nothing is drawn."""

    code: str
    label: str
    sentence: str
    marker: str
    is_warned_of: bool = False


class Rule(NamedTuple):
    """A sign rule, with all that is said of it anywhere; `RULES` is the table of them.

    `name`      in the configuration, `lit.method`; in capitals it is the `classification_method`
    `function`  of price, bid and ask, or of the price alone for a rule that asks for no quotes
    `fallback`  name of the rule that signs trades without a valid quote; None for a rule that asks for none
    `sentence`, `marker`  words for the page, form in a plot
    `bought`, `source`    when a trade is bought, and who says so, for the table of the docs
    `mixed`     the code where some trades had no quote and the fallback signed them; None where `name` stands for it
    """

    name: str
    function: Callable[..., Sides]
    fallback: str | None
    sentence: str
    marker: str
    bought: str
    source: str
    mixed: Method | None = None

    @property
    def code(self) -> str:
        return self.name.upper()


def sign(
    rule: str, price: Prices, bid: Prices | None = None, ask: Prices | None = None, *, all_or_nothing: bool = False
) -> Sides:
    """Sides of the trades by `rule`, one of `RULES`.

    `price` (n,) dollars, trades in their order; `bid` and `ask` (n,) the quote of each trade, NaN where it has none,
    or None where there are no quotes at all. With `all_or_nothing` one trade without a valid quote turns nbbo into
    tick for every trade. Raises ValueError for an unknown rule.
    """
    chosen = of(rule)
    if chosen.fallback is None:
        return chosen.function(price)
    fallback = RULES[chosen.fallback].function
    if bid is None or ask is None:
        return fallback(price)
    quoted = valid(bid, ask)
    if quoted.all():
        return chosen.function(price, bid, ask)
    if all_or_nothing and rule == DEFAULT:
        return fallback(price)
    return np.where(quoted, chosen.function(price, bid, ask), fallback(price))


def of(rule: str) -> Rule:
    """The entry of `rule`; raises ValueError for an unknown one."""
    if rule not in RULES:
        raise ValueError(f"rule is {rule!r}, expected one of {', '.join(RULES)}")
    return RULES[rule]


def method(rule: str, quoted: npt.NDArray[np.bool_] | None, *, all_or_nothing: bool = False) -> str:
    """The code of what `sign` did: the fallback's where no trade had a valid quote; `quoted` (n,), None for no quotes.

    >>> [method(rule, np.array([True, False])) for rule in ("nbbo", "emo", "tick")], method("emo", None)
    (['NBBO+TICK', 'EMO', 'TICK'], 'TICK_CARRY')
    """
    chosen = RULES[rule]
    if chosen.fallback is None:
        return chosen.code
    if quoted is None or (len(quoted) and not quoted.any()):
        return RULES[chosen.fallback].code
    if chosen.mixed is None or quoted.all():
        return chosen.code
    return RULES[chosen.fallback].code if all_or_nothing and rule == DEFAULT else chosen.mixed.code


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


def prints(price: Prices, bid: Prices, ask: Prices) -> Sides:
    """Off-exchange prints by their position in the spread: above 0.6 BUY, below 0.4 SELL, nothing between or without a
    valid quote; at a locked quote above it BUY, below it SELL.

    Barber, Huang, Jorion, Odean & Schwarz (2024), "A (Sub)penny for Your Thoughts". The paper is about *retail* prints;
    most off-exchange volume is not retail.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        position = (price - bid) / (ask - bid)  # infinite off a locked quote, none at it
    side = (position > UPPER + TOLERANCE).view(np.int8) - (position < LOWER - TOLERANCE).view(np.int8)
    return np.where(valid(bid, ask), side, np.int8(0))


def bars(open_: Prices, close: Prices) -> Sides:
    """Minute bars: a bar that closed higher is bought, lower is sold, with its whole volume; a flat one is neutral."""
    return _compare(close, open_)


DEFAULT = "nbbo"
"""The rule from which every bound of `trust` is taken, whatever the rule of the ratio."""

RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            "nbbo",
            nbbo,
            "tick",
            "Every eligible trade had a valid quote: bought at the ask or above, sold at the bid or below.",
            "o",
            "at the ask or above; sold at the bid or below; neither inside; `tick` where there is no valid quote",
            "quote rule, strict",
            Method(
                "NBBO+TICK",
                "NBBO+TICK",
                "Quotes where there were valid ones, the tick rule for the trades that had none.",
                "s",
            ),
        ),
        Rule(
            "tick",
            tick,
            None,
            "The tick rule: bought above the previous price, sold below it, unsigned at it.",
            "^",
            "above the previous price; sold below it; neither at it",
            "tick rule without carry",
        ),
        Rule(
            "tick_carry",
            tick_carry,
            None,
            "The tick rule, carrying the last direction over unchanged prices.",
            "v",
            "as `tick`, carrying the last direction over equal prices",
            "Lee and Ready 1991",
        ),
        Rule(
            "lee_ready",
            lee_ready,
            "tick_carry",
            "Lee and Ready: against the midpoint, the tick rule at it.",
            "D",
            "above the midpoint, `tick_carry` at it",
            "Lee and Ready 1991",
        ),
        Rule(
            "emo",
            emo,
            "tick_carry",
            "Ellis, Michaely and O'Hara: at the quotes by the quote, elsewhere by the tick rule.",
            "P",
            "at the ask; sold at the bid; `tick_carry` elsewhere",
            "Ellis, Michaely and O'Hara 2000",
        ),
        Rule(
            "clnv",
            clnv,
            "tick_carry",
            "Chakrabarty, Li, Nguyen and Van Ness: near the quotes by the quote, elsewhere by the tick rule.",
            "X",
            "in the upper 30 % of the spread up to the ask; sold in the lower 30 %; `tick_carry` elsewhere",
            "Chakrabarty, Li, Nguyen and Van Ness 2007",
        ),
    )
}
"""Every sign rule: a new one is an entry here. The configuration's schema, page, plots and docs take theirs from it."""

BARS = Method(
    "BARS",
    "BARS consolidated",
    "Minute bars, each signed whole by close against open. Consolidated: off-exchange prints are in them.",
    "d",
    is_warned_of=True,
)
NOTHING = Method("NONE", "none", "No lit data, so nothing was signed.", "")


def _methods() -> Iterator[Method]:
    for rule in RULES.values():
        yield Method(rule.code, rule.code, rule.sentence, rule.marker)
        if rule.mixed:
            yield rule.mixed
    yield from (BARS, NOTHING)


METHODS: Mapping[str, Method] = {method.code: method for method in _methods()}
"""Every code of `classification_method`."""
MARKERS: Mapping[str, str] = {method.code: method.marker for method in METHODS.values() if method.marker}
"""Forms in a plot."""
WITHOUT_QUOTES = frozenset(rule.code for rule in RULES.values() if rule.fallback is None)
"""Codes that no quote stands behind: how often their signs are wrong is not known."""


def markdown() -> str:
    """The rules as the docs' table."""
    rows = [
        f"| `{rule.name}`{' (default)' if rule.name == DEFAULT else ''} | {rule.bought} | {rule.source} |"
        for rule in RULES.values()
    ]
    bars = (
        "| minute bars (fallback) | the bar closed above its open, with its whole volume "
        "| coarse; and consolidated: off-exchange prints are in it |"
    )
    return "\n".join(["| `lit.method` | a trade is bought when | source |", "|---|---|---|", *rows, bars])
