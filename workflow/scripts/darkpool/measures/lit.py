"""What the lit market did: one symbol's files into one row of lit_flow and one of trf_flow.

FINRA does not publish trade direction for off-exchange volume. Bought and sold are inferred estimates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from ..market import conditions, venues
from ..settings import Lit
from . import minute_bars, sign, trust
from .prints import blocks, profile
from .prints.levels import Levels
from .ticks import eligibility, tick_arrays, tick_file
from .ticks.tick_arrays import Nbbo, Quotes, Trades

SECOND = 1_000_000_000
HALF_DAY = 43_200 * SECOND
STALE_PCT = 1.0
"""Of the eligible lit volume: more of it beside old quotes is said, `stale_quotes`."""


@dataclass(frozen=True)
class SymbolFlow:
    """One symbol and session. `lit` and `trf` are the columns of lit_flow and trf_flow without date and ticker.

    `trf` is None where there are no trades and quotes both; `blocks` are rows of trf_blocks, without date, ticker and
    share_of_trf. `unknown_conditions`: codes that the policy does not name.
    `cells`: trf_profile without date and ticker, None without prints, and `levels` what they amount to.
    `adf_volume`: shares of FINRA prints without a facility, in neither row; None where there are no trades.
    `unknown_venues`: shares by id of trades at venues that the list does not name, in neither row.
    `repeats`: by kind of file (trades, quotes, bars) the rows that are identical to another and count once.
    `flags`: what `quality` says of the source: stale_quotes, bars_gap.
    `minutes`: the signed lit shares by minute; None where the error of their signs is not known (bars, tick rules).
    """

    lit: dict[str, Any]
    trf: dict[str, Any] | None
    blocks: list[dict[str, Any]] = field(default_factory=list, compare=False)
    cells: pl.DataFrame | None = field(default=None, compare=False)
    levels: Levels | None = field(default=None, compare=False)
    unknown_conditions: tuple[int, ...] = ()
    adf_volume: float | None = None
    unknown_venues: Mapping[int, float] = field(default_factory=dict)
    repeats: Mapping[str, int] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    minutes: trust.ByMinute | None = field(default=None, compare=False)


class Tally(NamedTuple):
    """Signed trades added up: shares by side, and trades."""

    buy: float
    sell: float
    neutral: float
    signed: int
    trades: int


def classify_symbol(
    trades: Path | None,
    quotes: Path | None,
    bars: Path | None,
    hours: tuple[int, int],
    *,
    regular: tuple[int, int] | None = None,
    method: str = Lit.method,
    all_or_nothing: bool = False,
    min_lit_volume: float = Lit.min_lit_volume,
    max_quote_age: float = Lit.max_quote_age,
    policy: conditions.Policy | None = None,
    known: venues.Venues | None = None,
) -> SymbolFlow:
    """One symbol by the best source there is: trades with quotes, trades, minute bars, none.

    `hours` is the half-open interval, ns UTC, in which a trade counts, and `regular` that from the session's open to
    its close, whose minutes should have bars; `min_lit_volume` the signed shares below which no ratio is given;
    `max_quote_age` seconds after which a quote is none. `all_or_nothing`, the original's rule, knows no ages.
    Raises ValueError for an unknown method, tick_file.TickError for a file that cannot be read or is of another day.
    """
    if method not in sign.RULES:
        raise ValueError(f"method is {method!r}, expected one of {', '.join(sign.RULES)}")
    if trades is not None:
        tape = tick_arrays.read_trades(trades)
        _require_the_day(tape, hours, trades)
        return _from_trades(
            tape,
            None if quotes is None else tick_arrays.read_quotes(quotes),
            hours,
            method=method,
            all_or_nothing=all_or_nothing,
            min_lit_volume=min_lit_volume,
            max_quote_age=round(max_quote_age * SECOND),
            policy=policy or conditions.load(),
            known=known or venues.load(),
        )
    if bars is not None:
        return _from_bars(minute_bars.read_bars(bars, hours), hours, regular, min_lit_volume)
    return SymbolFlow(_nothing(), None)


def _require_the_day(trades: Trades, hours: tuple[int, int], path: Path) -> None:
    """Raise tick_file.TickError where trades are there and none is of the day of `hours`."""
    start, end = hours[0] - HALF_DAY, hours[1] + HALF_DAY
    if len(trades) and start < trades.time[len(trades) // 2] < end:
        return  # what nearly always holds, without a look at the others
    if len(trades) and not ((trades.time > start) & (trades.time < end)).any():
        raise tick_file.TickError(
            f"{path}: column participant_timestamp: none of {len(trades)} trades is of the session, "
            f"for example {trades.time[0]}; expected ns since 1970 UTC, from {hours[0]} to {hours[1]}"
        )


def _from_trades(
    trades: Trades,
    quotes: Quotes | None,
    hours: tuple[int, int],
    *,
    method: str,
    all_or_nothing: bool,
    min_lit_volume: float,
    max_quote_age: int,
    policy: conditions.Policy,
    known: venues.Venues,
) -> SymbolFlow:
    reasons = eligibility.reasons(trades, hours, policy)
    venue = eligibility.by_venue(trades, known)
    eligible = reasons == 0

    chosen = np.flatnonzero(eligible & venue.lit)
    if not trades.is_sorted:
        chosen = chosen[np.lexsort((trades.sequence[chosen], trades.time[chosen]))]
    time, price, size = trades.time[chosen], trades.price[chosen], trades.size[chosen]
    bid = ask = None
    flags = frozenset[str]()
    if quotes is not None and sign.RULES[method].fallback is not None:
        met = tick_arrays.quote_before(quotes, time, max_quote_age)
        if _is_stale(met.old, size):
            flags = frozenset({"stale_quotes"})
        bid, ask, _ = met if all_or_nothing else met.fresh()
    side = sign.sign(method, price, bid, ask, all_or_nothing=all_or_nothing)
    quoted = None if bid is None or ask is None else sign.valid(bid, ask)
    signed_by = sign.method(method, quoted, all_or_nothing=all_or_nothing)
    by_minute = None
    if bid is not None and ask is not None and quoted is not None and signed_by not in sign.WITHOUT_QUOTES:
        edges = trust.edges(time, hours[0], -(-(hours[1] - hours[0]) // trust.MINUTE))
        by_minute = _by_minute(method, side, quoted, edges, price, size, bid, ask)
    out = ~eligible & venue.lit
    excluded = _excluded(reasons[out], trades.size[out])

    lit = {
        **_lit_columns(_tally(side, size), min_lit_volume, by_minute),
        "classification_method": signed_by,
        "excluded_volume": math.fsum(excluded.values()),
        "excluded_reasons": excluded,
        "source": "trades" if quotes is None else "trades_quotes",
    }
    trf, quote_before, cells, levels = None, None, None, None
    if quotes is not None:

        def quote_before(moments: tick_file.Integers) -> Nbbo:
            met = tick_arrays.quote_before(quotes, moments, max_quote_age)
            return met if all_or_nothing else met.fresh()

        prints = np.flatnonzero(eligible & venue.finra_prints)
        met = quote_before(trades.time[prints])
        printed = profile.Sided(
            trades.time[prints],
            trades.price[prints],
            trades.size[prints],
            sign.prints(trades.price[prints], met.bid, met.ask),
        )
        trf = _prints(printed, min_lit_volume)
        on_lit = profile.Sided(time, price, size, side)
        cells = profile.cells(printed, profile.Quoted(met.bid, met.ask, trades.reported[prints]), on_lit)
        levels = profile.levels(cells, profile.weighted_price(printed), profile.weighted_price(on_lit))
    repeats = {"trades": trades.repeats, "quotes": quotes.repeats if quotes else 0}
    return SymbolFlow(
        lit,
        trf,
        blocks.largest(trades, venue.finra_prints, reasons, quote_before),
        cells,
        levels,
        eligibility.unknown_conditions(trades, policy),
        float(eligibility.shares_of(trades.size[venue.adf]).sum()),
        eligibility.unknown_venues(trades, venue.unknown) if venue.unknown.any() else {},
        {kind: count for kind, count in repeats.items() if count},
        flags,
        by_minute,
    )


def _by_minute(
    method: str,
    side: sign.Sides,
    quoted: tick_file.Flags,
    edges: trust.Positions,
    price: sign.Prices,
    size: tick_file.Floats,
    bid: sign.Prices,
    ask: sign.Prices,
) -> trust.ByMinute:
    """The signed trades by minute, and the neutral ones of the default rule signed once more."""
    default, own = (side, None) if method == sign.DEFAULT else (sign.sign(sign.DEFAULT, price, bid, ask), side)
    tick = 0.0 if quoted.all() else float(size[~quoted & (default != 0)].sum())
    neutral = np.flatnonzero(default == 0)
    again = sign.lee_ready_at(price, bid, ask, neutral)
    return trust.by_minute(default, size, edges, (neutral, again), own=own, tick=tick)


def _is_stale(old: np.ndarray, size: np.ndarray) -> bool:
    """Whether more than `STALE_PCT` of the shares are of trades whose quote is old."""
    return bool(100 * size[old].sum() > STALE_PCT * size.sum())


def _prints(printed: profile.Sided, min_lit_volume: float) -> dict[str, Any]:
    tally = _tally(printed.side, printed.size)
    return {
        "trf_buy_volume": tally.buy,
        "trf_sell_volume": tally.sell,
        "trf_neutral_volume": tally.neutral,
        "trf_buy_ratio": _ratio(tally, min_lit_volume),
        "trf_volume_coverage_pct": _volume_coverage(tally),
        "trf_prints": tally.trades,
        "source": "trades_quotes",
    }


def _from_bars(
    bars: minute_bars.Bars, hours: tuple[int, int], regular: tuple[int, int] | None, min_lit_volume: float
) -> SymbolFlow:
    start, end = hours
    good = (pl.col("v") > 0) & (pl.col("o") > 0) & (pl.col("c") > 0)
    inside = (pl.col("t") * minute_bars.MILLISECOND >= start) & (pl.col("t") * minute_bars.MILLISECOND < end)
    reason = pl.when(~good.fill_null(False)).then(1).when(~inside.fill_null(False)).then(4).otherwise(0)
    frame = bars.frame.with_columns(reason=reason.cast(pl.UInt8))
    kept = frame.filter(pl.col("reason") == 0)
    side = sign.bars(kept["o"].to_numpy(), kept["c"].to_numpy())
    excluded = _excluded(frame["reason"].to_numpy(), frame["v"].fill_null(math.nan).to_numpy())
    lit = {
        **_lit_columns(_tally(side, kept["v"].to_numpy()), min_lit_volume),
        "classification_method": sign.BARS.code,
        "excluded_volume": math.fsum(excluded.values()),
        "excluded_reasons": excluded,
        "source": "consolidated_bars",
    }
    sound = frame.filter((pl.col("reason") != 1) & pl.col("t").is_not_null())["t"].to_numpy()
    is_holed = regular is not None and minute_bars.has_gap(minute_bars.minutes_there(sound, regular))
    return SymbolFlow(
        lit,
        None,
        repeats={"bars": bars.repeats} if bars.repeats else {},
        flags=frozenset({"bars_gap"} if is_holed else ()),
    )


def _nothing() -> dict[str, Any]:
    return {
        **dict.fromkeys(_lit_columns(_tally(np.empty(0, np.int8), np.empty(0)), 0.0)),
        "classification_method": sign.NOTHING.code,
        "excluded_volume": None,
        "excluded_reasons": {},
        "source": "none",
    }


def _lit_columns(tally: Tally, min_lit_volume: float, by_minute: trust.ByMinute | None = None) -> dict[str, Any]:
    ratio = _ratio(tally, min_lit_volume)
    trusted = None if by_minute is None else trust.signing(by_minute, ratio)
    two_sided = ratio is not None and tally.buy > 0 and tally.sell > 0
    return {
        "lit_buy_volume": tally.buy,
        "lit_sell_volume": tally.sell,
        "lit_neutral_volume": tally.neutral,
        "lit_buy_ratio": ratio,
        "lit_buy_low": trusted and trusted.low,
        "lit_buy_high": trusted and trusted.high,
        "lit_ratio_completed": trusted and trusted.completed,
        "lit_ratio_variance": trusted and trusted.variance,
        "log_buy_sell": math.log(tally.buy / tally.sell) if two_sided else None,
        "lit_coverage_pct": 100 * tally.signed / tally.trades if tally.trades else None,
        "lit_volume_coverage_pct": _volume_coverage(tally),
        "lit_trades": tally.trades,
    }


def _tally(side: np.ndarray, size: np.ndarray) -> Tally:
    sold, neutral, bought = np.bincount(side + np.int8(1), weights=size, minlength=3).tolist()
    return Tally(bought, sold, neutral, int(np.count_nonzero(side)), len(side))


def _ratio(tally: Tally, min_lit_volume: float) -> float | None:
    signed = tally.buy + tally.sell
    return tally.buy / signed if signed > 0 and signed >= min_lit_volume else None


def _volume_coverage(tally: Tally) -> float | None:
    signed = tally.buy + tally.sell
    return 100 * signed / (signed + tally.neutral) if signed + tally.neutral > 0 else None


def _excluded(reasons: np.ndarray, size: np.ndarray) -> dict[str, float]:
    """Shares by reason, those that took any."""
    shares = np.bincount(reasons, weights=eligibility.shares_of(size), minlength=1 + len(eligibility.REASONS)).tolist()
    return {name: count for name, count in zip(eligibility.REASONS, shares[1:], strict=True) if count > 0}
