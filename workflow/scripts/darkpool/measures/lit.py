"""What the lit market did: one symbol's files into one row of lit_flow and one of trf_flow.

FINRA does not publish trade direction for off-exchange volume. Bought and sold are inferred estimates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ..market import conditions, venues
from ..settings import Lit
from . import sign, ticks, trust

SECOND, MILLISECOND = 1_000_000_000, 1_000_000
MINUTE_MS, HALF_DAY_MS, YEARS_MS = 60_000, 43_200_000, 86_400_000_000
STALE_PCT = 1.0
"""Of the eligible lit volume: more of it beside old quotes is said, `stale_quotes`."""
TICK_RULES = frozenset({"TICK", "TICK_CARRY"})
"""Methods that no quote stands behind: how often their signs are wrong is not known."""
GAP_MINUTES = 30
UNITS_PER_MS = {"ms": 1, "s": 0.001, "us": 1_000, "ns": 1_000_000}
"""Units in which a bar's start is understood, the archive's own first."""


@dataclass(frozen=True)
class SymbolFlow:
    """One symbol and session. `lit` and `trf` are the columns of lit_flow and trf_flow without date and ticker.

    `trf` is None where there are no trades and quotes both. `unknown_conditions`: codes that the policy does not name.
    `adf_volume`: shares of FINRA prints without a facility, in neither row; None where there are no trades.
    `unknown_venues`: shares by id of trades at venues that the list does not name, in neither row.
    `repeats`: by kind of file (trades, quotes, bars) the rows that are identical to another and count once.
    `flags`: what `quality` says of the source: stale_quotes, bars_gap.
    `minutes`: the signed lit shares by minute; None where the error of their signs is not known (bars, tick rules).
    """

    lit: dict[str, Any]
    trf: dict[str, Any] | None
    unknown_conditions: tuple[int, ...] = ()
    adf_volume: float | None = None
    unknown_venues: Mapping[int, float] = field(default_factory=dict)
    repeats: Mapping[str, int] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    minutes: trust.ByMinute | None = field(default=None, compare=False)


class Bars(NamedTuple):
    """Minute bars: `t` start (ms UTC), `o` and `c` dollars, `v` shares; `repeats` rows were identical to others."""

    frame: pl.DataFrame
    repeats: int


class Item(NamedTuple):
    """The files of one ticker; None where there is none."""

    ticker: str
    trades: Path | None
    quotes: Path | None
    bars: Path | None


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
    method: sign.Rule = "nbbo",
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
    Raises ValueError for an unknown method and ticks.TickError for a file that cannot be read, or is of another day.
    """
    if method not in sign.RULES:
        raise ValueError(f"method is {method!r}, expected one of {', '.join(sign.RULES)}")
    if trades is not None:
        tape = ticks.read_trades(trades)
        _require_the_day(tape, hours, trades)
        return _from_trades(
            tape,
            None if quotes is None else ticks.read_quotes(quotes),
            hours,
            method=method,
            all_or_nothing=all_or_nothing,
            min_lit_volume=min_lit_volume,
            max_quote_age=round(max_quote_age * SECOND),
            policy=policy or conditions.load(),
            known=known or venues.load(),
        )
    if bars is not None:
        return _from_bars(read_bars(bars, hours), hours, regular, min_lit_volume)
    return SymbolFlow(_nothing(), None)


def classify_many(
    items: Iterable[Item], hours: tuple[int, int], *, threads: int = 1, **options: Any
) -> dict[str, SymbolFlow]:
    """`classify_symbol` of several tickers, in their order; `threads` of them at a time.

    Memory follows the `threads` largest symbols. `options` are those of `classify_symbol`.
    """
    items = list(items)
    options["policy"] = options.get("policy") or conditions.load()
    options["known"] = options.get("known") or venues.load()
    # The largest first: none is left running alone at the end.
    largest_first = sorted(range(len(items)), key=lambda number: -_bytes(items[number]))
    with ThreadPoolExecutor(threads) as pool:
        jobs = {number: pool.submit(classify_symbol, *items[number][1:], hours, **options) for number in largest_first}
        try:
            return {item.ticker: jobs[number].result() for number, item in enumerate(items)}
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _bytes(item: Item) -> int:
    return sum(path.stat().st_size for path in (item.trades, item.quotes) if path is not None)


def _require_the_day(trades: ticks.Trades, hours: tuple[int, int], path: Path) -> None:
    """Raise ticks.TickError where trades are there and none is of the day of `hours`."""
    start, end = hours[0] - HALF_DAY_MS * MILLISECOND, hours[1] + HALF_DAY_MS * MILLISECOND
    if len(trades) and start < trades.time[len(trades) // 2] < end:
        return  # what nearly always holds, without a look at the others
    if len(trades) and not ((trades.time > start) & (trades.time < end)).any():
        raise ticks.TickError(
            f"{path}: column participant_timestamp: none of {len(trades)} trades is of the session, "
            f"for example {trades.time[0]}; expected ns since 1970 UTC, from {hours[0]} to {hours[1]}"
        )


def _from_trades(
    trades: ticks.Trades,
    quotes: ticks.Quotes | None,
    hours: tuple[int, int],
    *,
    method: sign.Rule,
    all_or_nothing: bool,
    min_lit_volume: float,
    max_quote_age: int,
    policy: conditions.Policy,
    known: venues.Venues,
) -> SymbolFlow:
    reasons = ticks.reasons(trades, hours, policy)
    venue = ticks.by_venue(trades, known)
    eligible = reasons == 0

    chosen = np.flatnonzero(eligible & venue.lit)
    if not trades.is_sorted:
        chosen = chosen[np.lexsort((trades.sequence[chosen], trades.time[chosen]))]
    time, price, size = trades.time[chosen], trades.price[chosen], trades.size[chosen]
    bid = ask = None
    flags = frozenset[str]()
    if quotes is not None and method not in ("tick", "tick_carry"):
        met = ticks.quote_before(quotes, time, max_quote_age)
        if _is_stale(met.old, size):
            flags = frozenset({"stale_quotes"})
        bid, ask, _ = met if all_or_nothing else met.fresh()
    side = sign.sign(method, price, bid, ask, all_or_nothing=all_or_nothing)
    quoted = None if bid is None or ask is None else sign.valid(bid, ask)
    signed_by = _method(method, quoted, all_or_nothing)
    by_minute = None
    if bid is not None and ask is not None and quoted is not None and signed_by not in TICK_RULES:
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
    trf = None
    if quotes is not None:
        prints = np.flatnonzero(eligible & venue.finra_prints)
        met = ticks.quote_before(quotes, trades.time[prints], max_quote_age)
        trf = _prints(trades, prints, met if all_or_nothing else met.fresh(), min_lit_volume)
    repeats = {"trades": trades.repeats, "quotes": quotes.repeats if quotes else 0}
    return SymbolFlow(
        lit,
        trf,
        ticks.unknown_conditions(trades, policy),
        float(ticks.shares_of(trades.size[venue.adf]).sum()),
        ticks.unknown_venues(trades, venue.unknown) if venue.unknown.any() else {},
        {kind: count for kind, count in repeats.items() if count},
        flags,
        by_minute,
    )


def _by_minute(
    method: sign.Rule,
    side: sign.Sides,
    quoted: ticks.Flags,
    edges: trust.Positions,
    price: sign.Prices,
    size: ticks.Floats,
    bid: sign.Prices,
    ask: sign.Prices,
) -> trust.ByMinute:
    """The signed trades by minute, and the neutral ones of the default rule signed once more."""
    default, own = (side, None) if method == "nbbo" else (sign.sign("nbbo", price, bid, ask), side)
    tick = 0.0 if quoted.all() else float(size[~quoted & (default != 0)].sum())
    neutral = np.flatnonzero(default == 0)
    again = sign.lee_ready_at(price, bid, ask, neutral)
    return trust.by_minute(default, size, edges, (neutral, again), own=own, tick=tick)


def _is_stale(old: np.ndarray, size: np.ndarray) -> bool:
    """Whether more than `STALE_PCT` of the shares are of trades whose quote is old."""
    return bool(100 * size[old].sum() > STALE_PCT * size.sum())


def _prints(trades: ticks.Trades, chosen: np.ndarray, met: ticks.Nbbo, min_lit_volume: float) -> dict[str, Any]:
    tally = _tally(sign.prints(trades.price[chosen], met.bid, met.ask), trades.size[chosen])
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
    bars: Bars, hours: tuple[int, int], regular: tuple[int, int] | None, min_lit_volume: float
) -> SymbolFlow:
    start, end = hours
    good = (pl.col("v") > 0) & (pl.col("o") > 0) & (pl.col("c") > 0)
    inside = (pl.col("t") * MILLISECOND >= start) & (pl.col("t") * MILLISECOND < end)
    reason = pl.when(~good.fill_null(False)).then(1).when(~inside.fill_null(False)).then(4).otherwise(0)
    frame = bars.frame.with_columns(reason=reason.cast(pl.UInt8))
    kept = frame.filter(pl.col("reason") == 0)
    side = sign.bars(kept["o"].to_numpy(), kept["c"].to_numpy())
    excluded = _excluded(frame["reason"].to_numpy(), frame["v"].fill_null(math.nan).to_numpy())
    lit = {
        **_lit_columns(_tally(side, kept["v"].to_numpy()), min_lit_volume),
        "classification_method": "BARS",
        "excluded_volume": math.fsum(excluded.values()),
        "excluded_reasons": excluded,
        "source": "consolidated_bars",
    }
    sound = frame.filter((pl.col("reason") != 1) & pl.col("t").is_not_null())["t"].to_numpy()
    is_holed = regular is not None and has_gap(_minutes_there(sound, regular))
    return SymbolFlow(
        lit,
        None,
        repeats={"bars": bars.repeats} if bars.repeats else {},
        flags=frozenset({"bars_gap"} if is_holed else ()),
    )


def _minutes_there(starts: np.ndarray, regular: tuple[int, int]) -> np.ndarray:
    """Per minute of the half-open interval `regular` (ns UTC) whether one of `starts` (ms UTC) lies in it."""
    first, last = (moment // MILLISECOND // MINUTE_MS for moment in regular)
    minutes = starts // MINUTE_MS
    there = np.zeros(last - first, np.bool_)
    there[minutes[(minutes >= first) & (minutes < last)] - first] = True
    return there


def has_gap(there: np.ndarray) -> bool:
    """Whether `GAP_MINUTES` or more minutes in a row have no bar while at least half of the others have one.

    `there` (minutes of the session): whether each has a bar. A quiet name, of which most minutes have none, has no gap.

    >>> has_gap(np.repeat([True, False, True], [100, 30, 260])), has_gap(np.repeat([True, False], [1, 389]))
    (True, True)
    >>> has_gap(np.arange(390) % 40 == 0)
    False
    """
    bars = np.flatnonzero(there)
    if not len(bars):
        return False
    longest = int(np.diff(bars, prepend=-1, append=len(there)).max()) - 1
    return longest >= GAP_MINUTES and 2 * len(bars) >= len(there) - longest


def read_bars(path: Path | str, hours: tuple[int, int]) -> Bars:
    """Minute bars of one file, identical rows once; raises ticks.TickError.

    `hours` (ns UTC) tell the day: `t` is read in ms, and in s, µs or ns where that is what fits it, or as a timestamp
    with its zone. Which of two different bars of one minute is right nobody can know, so such a file is refused (a row
    of nulls is no bar), and so is one without a bar of the day.
    """
    wanted = {"t": pl.Int64, "o": pl.Float64, "c": pl.Float64, "v": pl.Float64}
    try:
        # Not with Polars, which leaves the checksums of the pages alone.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            ticks.check_whole(path, file)
            frame = pl.from_arrow(file.read())
        assert isinstance(frame, pl.DataFrame)
        if frame.is_empty():
            return Bars(pl.DataFrame(schema=wanted), 0)
        distinct = frame.unique(maintain_order=True)
        starts = _starts(distinct["t"], hours, path)
        bars = distinct.with_columns(starts).select(pl.col(name).cast(kind) for name, kind in wanted.items())
    except (pl.exceptions.PolarsError, pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ticks.TickError(f"{path}: expected minute bars with the columns {', '.join(wanted)} ({error})") from error
    said = bars.drop_nulls()["t"]
    if said.is_duplicated().any():
        twice = said.filter(said.is_duplicated())[0]
        raise ticks.TickError(f"{path}: column t: two different bars start at {twice} ms; one a minute is right")
    return Bars(bars, frame.height - distinct.height)


def _starts(t: pl.Series, hours: tuple[int, int], path: Path | str) -> pl.Series:
    """The starts of bars in ms since 1970 UTC, whatever they are in."""
    expected = "expected the start of each bar in ms since 1970 UTC"
    if isinstance(t.dtype, pl.Datetime):
        if t.dtype.time_zone is None:
            raise ticks.TickError(f"{path}: column t is a time without a zone; {expected}, or a time with its zone")
        t = t.dt.epoch("ms")
    # A float of 32 bits holds no moment: its neighbours are two minutes apart.
    if not t.dtype.is_numeric() or t.dtype == pl.Float32:
        raise ticks.TickError(f"{path}: column t is {t.dtype}, {expected}")
    known = t.fill_nan(None) if t.dtype.is_float() else t.cast(pl.Int64)
    unit = next((unit for unit in UNITS_PER_MS.values() if _fits(known, unit, hours)), None)
    if unit is None:
        some = known.drop_nulls()
        example = f", for example {some[0]}" if len(some) else ""
        raise ticks.TickError(
            f"{path}: column t: no bar is of the session{example}; {expected}, "
            f"from {hours[0] // MILLISECOND} to {hours[1] // MILLISECOND}"
        )
    return (known * 1_000 if unit < 1 else known // unit).cast(pl.Int64).alias("t")


def _fits(t: pl.Series, unit: float, hours: tuple[int, int]) -> bool:
    """Whether some of the moments `t`, `unit` of them a millisecond, are of the day of `hours`, and all near it."""
    start, end = hours[0] // MILLISECOND, hours[1] // MILLISECOND
    moments = t.drop_nulls().cast(pl.Float64) / unit
    of_the_day = (moments > start - HALF_DAY_MS) & (moments < end + HALF_DAY_MS)
    return bool(of_the_day.any() and ((moments - start).abs() < YEARS_MS).all())


def _nothing() -> dict[str, Any]:
    return {
        **dict.fromkeys(_lit_columns(_tally(np.empty(0, np.int8), np.empty(0)), 0.0)),
        "classification_method": "NONE",
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


def _method(method: sign.Rule, quoted: np.ndarray | None, all_or_nothing: bool) -> str:
    """The rule that signed the trades, which is the fallback where no trade had a valid quote (`quoted`)."""
    if method in ("tick", "tick_carry"):
        return method.upper()
    if quoted is None or (len(quoted) and not quoted.any()):
        return "TICK" if method == "nbbo" else "TICK_CARRY"
    if method != "nbbo":
        return method.upper()
    if quoted.all():
        return "NBBO"
    return "TICK" if all_or_nothing else "NBBO+TICK"


def _excluded(reasons: np.ndarray, size: np.ndarray) -> dict[str, float]:
    """Shares by reason, those that took any."""
    shares = np.bincount(reasons, weights=ticks.shares_of(size), minlength=1 + len(ticks.REASONS)).tolist()
    return {name: count for name, count in zip(ticks.REASONS, shares[1:], strict=True) if count > 0}
