"""Does a score say anything about the price that follows? A study that dares to answer "nothing", or "too little".

Features of a session are known at 06:00 of the next: enter at its open, leave at the close h sessions on. Per session
the rank correlation over the tickers (IC) and the return of the highest third less the lowest; over the sessions an
interval that holds where features persist and returns overlap (equal-weighted cosine: Lazarus, Lewis, Stock and Watson
2018, "HAR Inference: Recommendations for Practice"), a placebo of circularly shifted sessions, Holm's correction for
the number of questions asked, and what trading costs.

Matrices have a row per session, consecutive and ascending, and a column per ticker in byte order; NaN is missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from . import student
from .rank_correlation import Floats, daily_ic, pairwise_ic

HORIZONS = (1, 5, 10)
COST_BPS = 20.0
"""Of a holding period: four times 5 basis points one way."""
LEAST_FOR_SPREAD, LEAST_FOR_FIFTHS = 9, 50
LEAST_PERIODS, LEAST_MEDIAN, LEAST_SHIFTS = 30, 10, 100
"""Holding periods, median tickers and placebo shifts below which nothing is said."""
LEVEL = 0.05
UNUSUAL = 4.0
"""z from which on a volume's continuation is given in multiples."""


SCHEMA: Mapping[str, type[pl.DataType]] = {
    "feature": pl.String, "horizon": pl.Int64, "sessions": pl.Int64, "tickers_median": pl.Float64,
    "periods": pl.Int64, "ic_mean": pl.Float64, "ic_low": pl.Float64, "ic_high": pl.Float64, "ic_t": pl.Float64,
    "nu": pl.Int64, "placebo_p": pl.Float64, "placebo_shifts": pl.Int64, "p_holm": pl.Float64,
    "spread_bps": pl.Float64, "spread_low": pl.Float64, "spread_high": pl.Float64, "cost_bps": pl.Float64,
    "net_bps": pl.Float64, "verdict": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Prices:
    """Matrices of prices on one share basis: USD, NaN where there is none.

    `part`, where it is not one basis throughout: sessions of different parts have none in common, and no return.
    """

    open: Floats
    close: Floats
    adj_close: Floats
    part: Floats | None = None


class Mean(NamedTuple):
    """Mean of a series with its two-sided 95 % interval; `t` is None where the series does not vary."""

    mean: float
    low: float
    high: float
    t: float | None
    nu: int
    p: float


class Placebo(NamedTuple):
    """`p` of the mean IC among those of `shifts` shifted feature panels, `means` of them in the shifts' order."""

    p: float
    shifts: int
    means: Floats


class Study(NamedTuple):
    """`rows`: every feature at every horizon (SCHEMA). `placebo`: by feature and horizon, between which ICs the middle
    95 % of the placebo's lie; absent where there is none."""

    rows: pl.DataFrame
    placebo: Mapping[tuple[str, int], tuple[float, float]]


def matrix(frame: pl.DataFrame, column: str, sessions: Sequence[object], tickers: Sequence[str]) -> Floats:
    """A column of a long frame (date, ticker, ...) as sessions x tickers, NaN where there is no row or no value."""
    rows = pl.DataFrame({"date": pl.Series(sessions, dtype=pl.Date)}).with_row_index("row")
    columns = pl.DataFrame({"ticker": pl.Series(tickers, dtype=pl.String)}).with_row_index("column")
    cells = frame.select("date", "ticker", pl.col(column).cast(pl.Float64)).join(rows, on="date")
    cells = cells.join(columns, on="ticker")
    values = np.full((len(sessions), len(tickers)), np.nan)
    values[cells["row"].to_numpy(), cells["column"].to_numpy()] = cells[column].fill_null(np.nan).to_numpy()
    return values


def returns(prices: Prices, horizon: int) -> Floats:
    """Simple return of entering at the open after each session and leaving at the close `horizon` sessions after it.

    adj_close(t + h) / (open(t + 1) adj_close(t + 1) / close(t + 1)) - 1; NaN where a price is missing or not positive,
    or the last session comes first, or the two are not of one part.
    """
    found = np.full_like(prices.close, np.nan)
    count = len(found) - horizon
    if count > 0:
        start, close, first, last = (
            np.where(price > 0, price, np.nan)
            for price in (
                prices.open[1 : count + 1],
                prices.close[1 : count + 1],
                prices.adj_close[1 : count + 1],
                prices.adj_close[horizon:],
            )
        )
        found[:count] = last / (start * first / close) - 1
        if prices.part is not None:
            found[:count][prices.part[1 : count + 1] != prices.part[horizon:]] = np.nan
    return found


def daily_spread(feature: Floats, future: Floats) -> Floats:
    """Mean return of the highest third of each session less that of the lowest, fifths from 50 tickers on.

    Ordered by (value, ticker) among those that have both; NaN with fewer than 9.
    """
    both = np.isfinite(feature) & np.isfinite(future)
    order = np.argsort(np.where(both, feature, np.nan), axis=1, kind="stable")
    gained = np.where(both, future, 0.0)
    upto = np.zeros((len(feature), feature.shape[1] + 1))
    np.cumsum(np.take_along_axis(gained, order, 1), axis=1, out=upto[:, 1:])
    count = both.sum(axis=1)
    part = count // np.where(count >= LEAST_FOR_FIFTHS, 5, 3)
    row = np.arange(len(feature))
    lowest, highest = upto[row, part], upto[row, count] - upto[row, count - part]
    return np.where(count >= LEAST_FOR_SPREAD, (highest - lowest) / np.maximum(part, 1), np.nan)


def ewc(values: Floats) -> Mean | None:
    """Mean of a series that may be correlated with itself, by equal-weighted cosines; None below five values."""
    n = len(values)
    if n < 5:
        return None
    nu = max(4, math.floor(0.4 * n ** (2 / 3) + 1e-9))
    mean = float(values.mean())
    at = np.outer(np.arange(1, nu + 1), np.arange(1, n + 1) - 0.5)
    waves = math.sqrt(2 / n) * np.cos(np.pi * at / n) @ (values - mean)
    error = math.sqrt(float(waves @ waves) / nu / n)
    half = student.quantile(1 - LEVEL, nu) * error
    if error == 0:
        return Mean(mean, mean, mean, None, nu, 1.0 if mean == 0 else 0.0)
    return Mean(mean, mean - half, mean + half, mean / error, nu, student.two_sided(mean / error, nu))


def placebo(feature: Floats, future: Floats, horizon: int) -> Placebo:
    """How often the feature of other sessions does as well: every circular shift of them, the same for every ticker.

    Rows are the sessions that have an IC. Shifts by less than `horizon` either way are left out: their returns overlap
    with the real ones.
    """
    n = len(feature)
    pairs = pairwise_ic(feature, future)
    row = np.arange(n)
    means = []
    for shift in range(horizon, n - horizon + 1):
        shifted = pairs[(row + shift) % n, row]
        there = np.isfinite(shifted)
        if there.any():
            means.append(float(shifted[there].mean()))
    real = np.diagonal(pairs)
    beside = np.array(means)
    extreme = 0 if not n else int((np.abs(beside) >= abs(float(real.mean())) - 1e-12).sum())
    return Placebo((1 + extreme) / (1 + len(means)), len(means), beside)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p values (1979), in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, largest = [0.0] * len(p), 0.0
    for before, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        largest = max(largest, min(1.0, (len(p) - before) * p[index]))
        adjusted[index] = largest
    return adjusted


def study(
    features: Mapping[str, Floats],
    prices: Prices,
    horizons: Sequence[int] = HORIZONS,
    cost_bps: float = COST_BPS,
) -> Study:
    """Every feature at every horizon, a row each, sorted by feature and horizon.

    Fractions for ICs, basis points for returns of a whole holding period, null where something cannot be said.
    `verdict`: too_little, none, signal, or net_of_cost where the spread also pays what trading costs.
    """
    futures = {horizon: returns(prices, horizon) for horizon in horizons}
    rows, p_values, placebos = [], [], {}
    for name in sorted(features):
        for horizon in sorted(horizons):
            row, p, beside = _measured(features[name], futures[horizon], horizon, cost_bps)
            rows.append({"feature": name, "horizon": horizon, **row})
            p_values.append(p)
            if len(beside):
                low, high = np.quantile(beside, [LEVEL / 2, 1 - LEVEL / 2])
                placebos[name, horizon] = float(low), float(high)
    asked = [number for number, row in enumerate(rows) if not too_little(row)]
    adjusted = holm([p_values[number] for number in asked])
    for number, p in zip(asked, adjusted, strict=True):
        rows[number]["p_holm"] = p
    for row in rows:
        row["verdict"] = _verdict(row)
    return Study(pl.DataFrame(rows, schema=dict(SCHEMA)), placebos)


def _measured(
    feature: Floats, future: Floats, horizon: int, cost_bps: float
) -> tuple[dict[str, object], float, Floats]:
    ic = daily_ic(feature, future)
    used = np.isfinite(ic)
    feature, future, ic = feature[used], future[used], ic[used]
    tickers = (np.isfinite(feature) & np.isfinite(future)).sum(axis=1)
    mean = ewc(ic)
    beside = placebo(feature, future, horizon)
    spread = daily_spread(feature, future)
    spread = 10_000 * spread[np.isfinite(spread)]
    gained = ewc(spread)
    spread_bps = float(spread.mean()) if len(spread) else None
    return (
        {
            "sessions": len(ic),
            "tickers_median": float(np.median(tickers)) if len(ic) else None,
            "periods": len(ic) // horizon,
            "ic_mean": float(ic.mean()) if len(ic) else None,
            "ic_low": mean and mean.low,
            "ic_high": mean and mean.high,
            "ic_t": mean and mean.t,
            "nu": mean and mean.nu,
            "placebo_p": beside.p,
            "placebo_shifts": beside.shifts,
            "p_holm": None,
            "spread_bps": spread_bps,
            "spread_low": gained and gained.low,
            "spread_high": gained and gained.high,
            "cost_bps": cost_bps,
            "net_bps": None if spread_bps is None else abs(spread_bps) - cost_bps,
        },
        1.0 if mean is None else mean.p,
        beside.means,
    )


def too_little(row: Mapping[str, object]) -> bool:
    """Whether a row of the study has too few holding periods, tickers or shifts to say anything."""
    sessions, tickers = missing(row)
    return bool(sessions or tickers)


def missing(row: Mapping[str, object]) -> tuple[int, int]:
    """Sessions and tickers (in the median) that a row of the study lacks until it may answer."""
    horizon, sessions, median = (row[name] for name in ("horizon", "sessions", "tickers_median"))
    assert isinstance(horizon, int)
    assert isinstance(sessions, int)
    assert isinstance(median, float | None)
    # A panel of n sessions has n + 1 - 2 h shifts.
    needed = max(LEAST_PERIODS * horizon, LEAST_SHIFTS + 2 * horizon - 1)
    return max(0, needed - sessions), max(0, math.ceil(LEAST_MEDIAN - (median or 0.0)))


def _verdict(row: Mapping[str, object]) -> str:
    if too_little(row):
        return "too_little"
    p_holm, placebo_p, net = row["p_holm"], row["placebo_p"], row["net_bps"]
    assert isinstance(p_holm, float)
    assert isinstance(placebo_p, float)
    if p_holm > LEVEL or placebo_p > LEVEL:
        return "none"
    return "net_of_cost" if isinstance(net, float) and net > 0 else "signal"


def sessions_needed(ic: float, tickers: float, horizon: int, t_needed: float = 3.0) -> int | None:
    """Sessions until an effect of `ic` would be seen at `t_needed` in four of five studies; None for one ticker.

    >>> sessions_needed(0.02, 20, 1), sessions_needed(0.02, 500, 1)
    (1941, 74)
    """
    if tickers <= 1 or ic == 0:
        return None
    return math.ceil(horizon * ((t_needed + 0.84) / ic) ** 2 / (tickers - 1))


CONTINUATION: Mapping[str, type[pl.DataType]] = {
    "horizon": pl.Int64, "sessions": pl.Int64, "ic_mean": pl.Float64, "ic_low": pl.Float64, "ic_high": pl.Float64,
    "unusual": pl.Int64, "multiple": pl.Float64,
}  # fmt: skip


def continuation(z: Floats, multiple: Floats, horizons: Sequence[int] = HORIZONS) -> pl.DataFrame:
    """What unusual volume means without any price: how it continues. A row per horizon, the columns of `CONTINUATION`.

    `z` and `multiple` (the market's own day taken out) as the whole market's screen gives them for each session.
    The rank IC of z with the multiple `horizon` sessions later, and over the `unusual` names, with a z of at least 4
    today and a volume then, the median multiple of then.
    """
    rows = []
    for horizon in horizons:
        later = np.full_like(multiple, np.nan)
        if horizon < len(multiple):
            later[:-horizon] = multiple[horizon:]
        ic = daily_ic(z, later)
        ic = ic[np.isfinite(ic)]
        mean = ewc(ic)
        then = later[(z >= UNUSUAL) & np.isfinite(later)]
        rows.append(
            {
                "horizon": horizon,
                "sessions": len(ic),
                "ic_mean": float(ic.mean()) if len(ic) else None,
                "ic_low": mean and mean.low,
                "ic_high": mean and mean.high,
                "unusual": len(then),
                "multiple": float(np.median(then)) if len(then) else None,
            }
        )
    return pl.DataFrame(rows, schema=dict(CONTINUATION))
