"""What the lit market did: one symbol's files into one row of lit_flow and one of trf_flow.

FINRA does not publish trade direction for off-exchange volume. Bought and sold are inferred estimates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from . import classify, conditions, ticks

MILLISECOND = 1_000_000


@dataclass(frozen=True)
class SymbolFlow:
    """One symbol and session. `lit` and `trf` are the columns of lit_flow and trf_flow without date and ticker.

    `trf` is None where there are no trades and quotes both. `unknown_conditions`: codes that the policy does not name.
    `adf_volume`: shares of FINRA prints without a facility, in neither row; None where there are no trades.
    """

    lit: dict[str, Any]
    trf: dict[str, Any] | None
    unknown_conditions: tuple[int, ...] = ()
    adf_volume: float | None = None


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
    method: classify.Rule = "nbbo",
    all_or_nothing: bool = False,
    min_lit_volume: float = 10_000.0,
    policy: conditions.Policy | None = None,
) -> SymbolFlow:
    """One symbol by the best source there is: trades with quotes, trades, minute bars, none.

    `hours` is the half-open interval, ns UTC, in which a trade counts; `min_lit_volume` the signed shares below which
    no ratio is given. Raises ValueError for an unknown method and ticks.TickError for a file that cannot be read.
    """
    if method not in classify.RULES:
        raise ValueError(f"method is {method!r}, expected one of {', '.join(classify.RULES)}")
    if trades is not None:
        return _from_trades(
            ticks.read_trades(trades),
            None if quotes is None else ticks.read_quotes(quotes),
            hours,
            method=method,
            all_or_nothing=all_or_nothing,
            min_lit_volume=min_lit_volume,
            policy=policy or conditions.load(),
        )
    if bars is not None:
        return SymbolFlow(_from_bars(bars, hours, min_lit_volume), None)
    return SymbolFlow(_nothing(), None)


def classify_many(
    items: Iterable[Item], hours: tuple[int, int], *, threads: int = 1, **options: Any
) -> dict[str, SymbolFlow]:
    """`classify_symbol` of several tickers, in their order; `threads` of them at a time.

    Memory follows the `threads` largest symbols. `options` are those of `classify_symbol`.
    """
    items = list(items)
    options["policy"] = options.get("policy") or conditions.load()
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


def _from_trades(
    trades: ticks.Trades,
    quotes: ticks.Quotes | None,
    hours: tuple[int, int],
    *,
    method: classify.Rule,
    all_or_nothing: bool,
    min_lit_volume: float,
    policy: conditions.Policy,
) -> SymbolFlow:
    reasons = ticks.reasons(trades, hours, policy)
    on_exchange, finra_print, adf = ticks.venues(trades)
    eligible = reasons == 0

    chosen = np.flatnonzero(eligible & on_exchange)
    if not ticks.in_order(trades.time, trades.sequence):
        chosen = chosen[np.lexsort((trades.sequence[chosen], trades.time[chosen]))]
    time, price = trades.time[chosen], trades.price[chosen]
    bid = ask = None
    if quotes is not None and method not in ("tick", "tick_carry"):
        bid, ask = ticks.quote_before(quotes, time)
    side = classify.sign(method, price, bid, ask, all_or_nothing=all_or_nothing)
    out = ~eligible & on_exchange
    excluded = _excluded(reasons[out], trades.size[out])

    lit = {
        **_lit_columns(_tally(side, trades.size[chosen]), min_lit_volume),
        "classification_method": _method(method, bid, ask, all_or_nothing),
        "excluded_volume": math.fsum(excluded.values()),
        "excluded_reasons": excluded,
        "source": "trades" if quotes is None else "trades_quotes",
    }
    return SymbolFlow(
        lit,
        None if quotes is None else _prints(trades, np.flatnonzero(eligible & finra_print), quotes, min_lit_volume),
        ticks.unknown_conditions(trades, policy),
        float(_shares(trades.size[adf]).sum()),
    )


def _prints(trades: ticks.Trades, chosen: np.ndarray, quotes: ticks.Quotes, min_lit_volume: float) -> dict[str, Any]:
    bid, ask = ticks.quote_before(quotes, trades.time[chosen])
    tally = _tally(classify.prints(trades.price[chosen], bid, ask), trades.size[chosen])
    return {
        "trf_buy_volume": tally.buy,
        "trf_sell_volume": tally.sell,
        "trf_neutral_volume": tally.neutral,
        "trf_buy_ratio": _ratio(tally, min_lit_volume),
        "trf_volume_coverage_pct": _volume_coverage(tally),
        "trf_prints": tally.trades,
        "source": "trades_quotes",
    }


def _from_bars(path: Path, hours: tuple[int, int], min_lit_volume: float) -> dict[str, Any]:
    frame = read_bars(path)
    start, end = hours
    good = (pl.col("v") > 0) & (pl.col("o") > 0) & (pl.col("c") > 0)
    inside = (pl.col("t") * MILLISECOND >= start) & (pl.col("t") * MILLISECOND < end)
    reason = pl.when(~good.fill_null(False)).then(1).when(~inside.fill_null(False)).then(4).otherwise(0)
    frame = frame.with_columns(reason=reason.cast(pl.UInt8))
    kept = frame.filter(pl.col("reason") == 0)
    side = classify.bars(kept["o"].to_numpy(), kept["c"].to_numpy())
    excluded = _excluded(frame["reason"].to_numpy(), frame["v"].fill_null(math.nan).to_numpy())
    return {
        **_lit_columns(_tally(side, kept["v"].to_numpy()), min_lit_volume),
        "classification_method": "BARS",
        "excluded_volume": math.fsum(excluded.values()),
        "excluded_reasons": excluded,
        "source": "consolidated_bars",
    }


def read_bars(path: Path | str) -> pl.DataFrame:
    """Minute bars of one file: `t` start (ms UTC), `o` and `c` dollars, `v` shares; raises ticks.TickError."""
    wanted = {"t": pl.Int64, "o": pl.Float64, "c": pl.Float64, "v": pl.Float64}
    try:
        frame = pl.read_parquet(path)
        if frame.is_empty():
            return pl.DataFrame(schema=wanted)
        return frame.select(pl.col(name).cast(kind) for name, kind in wanted.items())
    except pl.exceptions.PolarsError as error:
        raise ticks.TickError(f"{path}: expected minute bars with the columns {', '.join(wanted)} ({error})") from error


def _nothing() -> dict[str, Any]:
    return {
        **dict.fromkeys(_lit_columns(_tally(np.empty(0, np.int8), np.empty(0)), 0.0)),
        "classification_method": "NONE",
        "excluded_volume": None,
        "excluded_reasons": {},
        "source": "none",
    }


def _lit_columns(tally: Tally, min_lit_volume: float) -> dict[str, Any]:
    ratio = _ratio(tally, min_lit_volume)
    two_sided = ratio is not None and tally.buy > 0 and tally.sell > 0
    return {
        "lit_buy_volume": tally.buy,
        "lit_sell_volume": tally.sell,
        "lit_neutral_volume": tally.neutral,
        "lit_buy_ratio": ratio,
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


def _method(method: classify.Rule, bid: np.ndarray | None, ask: np.ndarray | None, all_or_nothing: bool) -> str:
    """The rule that signed the trades, which is the fallback where no trade had a valid quote."""
    if method in ("tick", "tick_carry"):
        return method.upper()
    quoted = None if bid is None or ask is None else classify.valid(bid, ask)
    if quoted is None or (len(quoted) and not quoted.any()):
        return "TICK" if method == "nbbo" else "TICK_CARRY"
    if method != "nbbo":
        return method.upper()
    if quoted.all():
        return "NBBO"
    return "TICK" if all_or_nothing else "NBBO+TICK"


def _shares(size: np.ndarray) -> np.ndarray:
    """Sizes, with 0 for what is no number of shares at all."""
    return np.where((size > 0) & (size < np.inf), size, 0.0)


def _excluded(reasons: np.ndarray, size: np.ndarray) -> dict[str, float]:
    """Shares by reason, those that took any."""
    shares = np.bincount(reasons, weights=_shares(size), minlength=1 + len(ticks.REASONS)).tolist()
    return {name: count for name, count in zip(ticks.REASONS, shares[1:], strict=True) if count > 0}
