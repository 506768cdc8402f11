"""How unusual a session's off-exchange volume is against the sessions before it, and what was bought and sold.

FINRA does not publish trade direction for off-exchange volume. Bought and sold are inferred estimates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl

from . import listing, tables
from .volume import add_flags, factor_between

MAD_TO_SIGMA = 1.4826
"""Makes the median absolute deviation of a normal sample estimate its standard deviation."""


def percentile(earlier: np.ndarray, today: float) -> float:
    """Fraction of `earlier` below `today`, ties counted half (mid-rank); 0 to 1.

    >>> percentile(np.array([1.0, 2.0, 2.0, 3.0]), 2.0)
    0.5
    """
    return float(((earlier < today).sum() + 0.5 * (earlier == today).sum()) / len(earlier))


def robust_z(earlier: np.ndarray, today: float) -> float | None:
    """Distance of `today` from the median of `earlier` in robust standard deviations; None when they do not vary."""
    median = float(np.median(earlier))
    mad = float(np.median(np.abs(earlier - median)))
    return None if mad == 0 else (today - median) / (MAD_TO_SIGMA * mad)


def window_z(merged: pl.DataFrame, session: date, least: int) -> pl.DataFrame:
    """Every ratio of the window against the median and MAD of the ticker's sessions before `session`: date, ticker, z?.

    One yardstick for the whole window, so that the values of a row can be compared; that of `session` itself is
    `offex_ratio_z`. Null without a ratio, with fewer than `least` earlier ones, and where those do not vary.
    """
    known = pl.col("offex_ratio").filter((pl.col("date") < session) & pl.col("offex_ratio").is_not_null())
    measured = merged.group_by("ticker").agg(
        known.median().alias("median"), (known - known.median()).abs().median().alias("mad"), known.len().alias("n")
    )
    z = (pl.col("offex_ratio") - pl.col("median")) / (MAD_TO_SIGMA * pl.col("mad"))
    usable = (pl.col("n") >= least) & (pl.col("mad") > 0)
    return (
        merged.join(measured, on="ticker", how="left")
        .select("date", "ticker", pl.when(usable).then(z).alias("z"))
        .sort("ticker", "date")
    )


def compute(
    merged: pl.DataFrame,
    splits: pl.DataFrame,
    session: date,
    history: Mapping[str, int],
    weights: Mapping[str, float],
) -> pl.DataFrame:
    """The volume columns of `features` for `session`; lit columns null with the flag `no_lit`.

    `merged` holds universe x window (DESIGN 7); `splits`: ticker, ex_date, ratio. `history`: ma, min_sessions, window.
    The same session gives the same row whatever else stands in `merged` outside its window.
    Raises ValueError for a ticker without a row for the session, which `volume.merge` never leaves out.
    """
    frame = merged.filter(pl.col("date") <= session).sort("ticker", "date")
    without = sorted(set(merged["ticker"]) - set(frame.filter(pl.col("date") == session)["ticker"]))
    if without or not frame.height:
        raise ValueError(f"merged has no row for session {session} of {listing.named(without) or 'any ticker'}")
    days = sorted(frame["date"].unique())[-(history["window"] + 1) :]
    frame = frame.filter(pl.col("date").is_in(days))
    on_basis = (frame["trf_volume"] * factor_between(frame, splits, session)).alias("on_basis")
    frame = frame.with_columns(on_basis)
    broken = set(splits.filter((pl.col("ex_date") > days[0]) & (pl.col("ex_date") <= session))["ticker"])
    rows = [
        _row(ticker, group, days, session, history, weights, ticker in broken)
        for (ticker,), group in frame.group_by("ticker", maintain_order=True)
    ]
    columns = {name: [row.get(name) for row in rows] for name in tables.CONTRACTS["features"].names}
    return tables.frame("features", columns).sort("date", "ticker")


def trailing(merged: pl.DataFrame, splits: pl.DataFrame, session: date, history: Mapping[str, int]) -> pl.DataFrame:
    """The window of every ticker on the share basis of `session`, for a plot.

    Columns: date, ticker, trf_volume and offex_ratio (as traded), trf_volume_on_basis, trf_ma20 (trailing mean of each
    session, on the same basis), split_ratio (on the first session that trades on a new basis).
    """
    frame = merged.sort("ticker", "date")
    on_basis = (frame["trf_volume"] * factor_between(frame, splits, session)).alias("trf_volume_on_basis")
    mean = pl.col("trf_volume_on_basis").rolling_mean(history["ma"], min_samples=history["min_sessions"]).over("ticker")
    # A mean of a session without a value of its own would say something about a day that is missing.
    mean = pl.when(pl.col("trf_volume_on_basis").is_not_null()).then(mean).alias("trf_ma20")
    ratios = splits.select("ticker", pl.col("ex_date").alias("date"), pl.col("ratio").alias("split_ratio"))
    return (
        frame.with_columns(on_basis)
        .with_columns(mean)
        .join(ratios, on=["ticker", "date"], how="left")
        .select("date", "ticker", "trf_volume", "offex_ratio", "trf_volume_on_basis", "trf_ma20", "split_ratio")
        .sort("ticker", "date")
    )


def _row(
    ticker: object,
    group: pl.DataFrame,
    days: Sequence[date],
    session: date,
    history: Mapping[str, int],
    weights: Mapping[str, float],
    basis_break: bool,
) -> dict[str, object]:
    today = group.row(-1, named=True)
    volumes = _values(group, "on_basis", days)
    ratios = _values(group, "offex_ratio", days)
    volume, ratio = today["trf_volume"], today["offex_ratio"]
    earlier_volumes = volumes[:-1][~np.isnan(volumes[:-1])]
    earlier_ratios = ratios[:-1][~np.isnan(ratios[:-1])]
    recent = volumes[-history["ma"] :]
    recent = recent[~np.isnan(recent)]
    enough = history["min_sessions"]

    mean = float(np.mean(recent)) if volume is not None and len(recent) >= enough else None
    spike = volume / mean if mean else None
    score = None
    if ratio is not None and spike is not None:
        score = weights["offex_ratio"] * ratio + weights["trf_spike"] * spike
    flags = {"no_lit"}
    if basis_break:
        flags.add("basis_break")
    if min(len(recent), len(earlier_volumes)) < enough or (ratio is not None and len(earlier_ratios) < enough):
        flags.add("short_history")
    return {
        "date": session,
        "ticker": ticker,
        "trf_volume": volume,
        "regular_volume": today["regular_volume"],
        "offex_ratio": ratio,
        "trf_ma20": mean,
        "trf_spike": spike,
        "trf_percentile": percentile(earlier_volumes, volume)
        if volume is not None and len(earlier_volumes) >= enough
        else None,
        "offex_ratio_z": robust_z(earlier_ratios, ratio)
        if ratio is not None and len(earlier_ratios) >= enough
        else None,
        "accum_score": score,
        "history_sessions": len(earlier_volumes),
        "classification_method": "NONE",
        "signal": "",
        "opinions": "none",
        "quality": add_flags(pl.Series([today["quality"]]), [flags])[0],
    }


def _values(group: pl.DataFrame, column: str, days: Sequence[date]) -> np.ndarray:
    """The column over `days`, NaN where there is no row or no value."""
    at = dict(zip(group["date"], group[column], strict=True))
    return np.array([np.nan if (value := at.get(day)) is None else value for day in days], dtype=float)
