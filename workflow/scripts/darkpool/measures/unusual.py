"""How unusual a session's off-exchange volume is against the sessions before it, and what was bought and sold.

FINRA does not publish trade direction for off-exchange volume. Bought and sold are inferred estimates.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from .. import listing
from ..tables import contracts, facts
from .volume import add_flags, factor_between

MAD_TO_SIGMA = 1.4826
"""Makes the median absolute deviation of a normal sample estimate its standard deviation."""
ANOTHER = 50.0
"""Times by which volume and ratio both leave what they were where a ticker has passed to another security."""
LEAST_BEFORE = 5
"""Valued sessions before such a day, for what they were to be known."""

Floats = npt.NDArray[np.float64]


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


def identity_break(volumes: Floats, ratios: Floats) -> int | None:
    """Position of the first session of another security under a used ticker; None where there is no break.

    `volumes` (on one share basis) and `ratios` by session, oldest first, NaN where missing; a session is valued with
    both. From the break on every valued session has volume and ratio at least 50 times, or at most 1/50 of, the medians
    of the valued sessions before it, of which there are 5 or more, and the last of those has not: that is where the
    ticker passed on. Of several breaks the latest counts. One session after it is enough.
    """
    valued = np.flatnonzero(~np.isnan(volumes) & ~np.isnan(ratios))
    volumes, ratios = volumes[valued], ratios[valued]
    # Medians cost time; where all values lie within 50 times there is no break to look for.
    if not len(valued) or any(values.max() < ANOTHER * values.min() for values in (volumes, ratios)):
        return None
    for k in range(len(valued) - 1, LEAST_BEFORE - 1, -1):
        volume, ratio = float(np.median(volumes[:k])), float(np.median(ratios[:k]))
        if not volume > 0:  # nor is then the ratio: no scale to be 50 times of
            continue
        above = (volumes >= ANOTHER * volume) & (ratios >= ANOTHER * ratio)
        below = (volumes <= volume / ANOTHER) & (ratios <= ratio / ANOTHER)
        if any(side[k:].all() and not side[k - 1] for side in (above, below)):
            return int(valued[k])
    return None


def on_basis(merged: pl.DataFrame, splits: pl.DataFrame, session: date) -> pl.DataFrame:
    """`merged` up to the session, sorted, with what its trailing statistics rest on.

    `basis`: shares of `session` for one of the row's day, null before an unclear split; `on_basis`: trf_volume in them.
    `of_now`: whether the row is
    of the security that the ticker stands for at `session` (`identity_break`). `unclear`, `broken`: whether a split
    that nobody can vouch for, or any split, lies inside the ticker's window.
    """
    frame = merged.filter(pl.col("date") <= session).sort("ticker", "date")
    frame = frame.with_columns(factor_between(frame, splits, session).alias("basis"))
    frame = frame.with_columns((pl.col("trf_volume") * pl.col("basis")).alias("on_basis"))
    starts = [
        (ticker, group["date"][k])
        for (ticker,), group in frame.group_by("ticker")
        if (k := identity_break(*(_values(group, name) for name in ("on_basis", "offex_ratio")))) is not None
    ]
    began = pl.DataFrame(starts, schema={"ticker": pl.String, "began": pl.Date}, orient="row")
    first = min(frame["date"], default=session)
    inside = splits.filter((pl.col("ex_date") > first) & (pl.col("ex_date") <= session))
    unclear = inside.filter(pl.col("ratio").is_null())
    return frame.join(began, on="ticker", how="left", maintain_order="left").with_columns(
        (pl.col("began").is_null() | (pl.col("date") >= pl.col("began"))).alias("of_now"),
        pl.col("ticker").is_in(unclear["ticker"].to_list()).alias("unclear"),
        pl.col("ticker").is_in(inside["ticker"].to_list()).alias("broken"),
    )


def window_z(merged: pl.DataFrame, splits: pl.DataFrame, session: date, least: int) -> pl.DataFrame:
    """Every ratio of the window against the median and MAD of the ticker's sessions before `session`: date, ticker, z?.

    One yardstick for the whole window, so that the values of a row can be compared; that of `session` itself is
    `offex_ratio_z`. Null without a ratio, with fewer than `least` earlier ones, where those do not vary, before the
    ticker passed to its security, and with an unclear split inside the window.
    """
    merged = on_basis(merged, splits, session)
    usual = (pl.col("date") < session) & pl.col("of_now") & pl.col("offex_ratio").is_not_null()
    known = pl.col("offex_ratio").filter(usual)
    measured = merged.group_by("ticker").agg(
        known.median().alias("median"), (known - known.median()).abs().median().alias("mad"), known.len().alias("n")
    )
    z = (pl.col("offex_ratio") - pl.col("median")) / (MAD_TO_SIGMA * pl.col("mad"))
    usable = (pl.col("n") >= least) & (pl.col("mad") > 0) & pl.col("of_now") & ~pl.col("unclear")
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
    closes: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The columns of `features` for `session` that volumes and prices give, by ticker.

    `merged` holds universe x window (DESIGN 7); `splits`: ticker, ex_date, ratio. `history`: ma, min_sessions, window.
    `closes`: ticker, date, close (USD, as traded) of the window, where they are known.
    The same session gives the same row whatever else stands in `merged` outside its window.
    Raises ValueError for a ticker without a row for the session, which `volume.merge` never leaves out.
    """
    there = merged.filter(pl.col("date") <= session)
    without = sorted(set(merged["ticker"]) - set(there.filter(pl.col("date") == session)["ticker"]))
    if without or not there.height:
        raise ValueError(f"merged has no row for session {session} of {listing.named(without) or 'any ticker'}")
    days = sorted(there["date"].unique())[-(history["window"] + 1) :]
    grid = there.select("ticker").unique().join(pl.DataFrame({"date": days}), how="cross")
    closes = pl.DataFrame(schema=facts.CLOSE_SCHEMA) if closes is None else closes
    rows_of_window = grid.join(there, on=["ticker", "date"], how="left").join(
        closes, on=["ticker", "date"], how="left", maintain_order="left"
    )
    frame = on_basis(rows_of_window, splits, session)
    rows = [
        _row(ticker, group, session, history, weights)
        for (ticker,), group in frame.group_by("ticker", maintain_order=True)
    ]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return contracts.frame("features", columns).select(list(columns)).sort("date", "ticker")


def trailing(
    merged: pl.DataFrame, splits: pl.DataFrame, session: date, history: Mapping[str, int], closes: pl.DataFrame
) -> pl.DataFrame:
    """The window of every ticker on the share basis of `session`, for a plot.

    Columns: date, ticker, trf_volume and offex_ratio (as traded), trf_volume_on_basis, trf_ma20 (trailing mean of each
    session, on the same basis), close_on_basis (USD, null before the ticker passed to its security), split_ratio (on
    the first session that trades on a new basis). `closes`: ticker, date, close (USD, as traded).
    """
    frame = on_basis(merged, splits, session)
    known = pl.col("on_basis").is_not_null() & ~pl.col("unclear")
    mean = pl.col("on_basis").rolling_mean(history["ma"], min_samples=history["min_sessions"]).over("ticker", "of_now")
    ratios = splits.select("ticker", pl.col("ex_date").alias("date"), pl.col("ratio").alias("split_ratio"))
    return (
        # A mean of a session without a value of its own would say something about a day that is missing.
        frame.with_columns(pl.when(known).then(mean).alias("trf_ma20"))
        .join(ratios, on=["ticker", "date"], how="left")
        .join(closes, on=["ticker", "date"], how="left")
        .with_columns(pl.when(pl.col("of_now")).then(pl.col("close") / pl.col("basis")).alias("close_on_basis"))
        .rename({"on_basis": "trf_volume_on_basis"})
        .select(
            "date",
            "ticker",
            "trf_volume",
            "offex_ratio",
            "trf_volume_on_basis",
            "trf_ma20",
            "close_on_basis",
            "split_ratio",
        )
        .sort("ticker", "date")
    )


def _row(
    ticker: object, group: pl.DataFrame, session: date, history: Mapping[str, int], weights: Mapping[str, float]
) -> dict[str, object]:
    """The row of a ticker; `group`: its rows of `on_basis`, one a session of the window, the session last."""
    today = group.row(-1, named=True)
    volume, ratio = today["trf_volume"], today["offex_ratio"]
    now = group.with_columns(pl.when(pl.col("of_now")).then(pl.col("trf_volume", "on_basis", "offex_ratio", "close")))
    traded, volumes, ratios = (_values(now, name) for name in ("trf_volume", "on_basis", "offex_ratio"))
    earlier_volumes, earlier_ratios = _known(volumes[:-1]), _known(ratios[:-1])
    valued = _known(traded[:-1])
    recent, recent_valued = (_known(column[-history["ma"] :]) for column in (volumes, traded))
    enough = history["min_sessions"]
    is_measured = volume is not None and not today["unclear"]

    mean = float(np.mean(recent)) if is_measured and len(recent) >= enough else None
    spike = volume / mean if mean else None
    score = None
    if ratio is not None and spike is not None:
        score = weights["offex_ratio"] * ratio + weights["trf_spike"] * spike
    close = today["close"]
    before = now.row(-2, named=True) if now.height > 1 else dict.fromkeys(today)
    conditions = {
        "basis_break": today["broken"],
        "identity_break": not group["of_now"].all(),
        "split_unclear": today["unclear"],
        "short_history": min(len(recent_valued), len(valued)) < enough
        or (ratio is not None and len(earlier_ratios) < enough),
    }
    flags = {name for name, holds in conditions.items() if holds}
    return {
        "date": session,
        "ticker": ticker,
        "trf_volume": volume,
        "regular_volume": today["regular_volume"],
        "offex_ratio": ratio,
        "offex_ratio_change": None if ratio is None or before["offex_ratio"] is None else ratio - before["offex_ratio"],
        "close": close,
        "change_pct": _change(before["close"], before["basis"], close),
        "offex_notional": None if volume is None or close is None else volume * close,
        "trf_ma20": mean,
        "trf_spike": spike,
        "trf_percentile": percentile(earlier_volumes, volume)
        if is_measured and len(earlier_volumes) >= enough
        else None,
        "offex_ratio_z": robust_z(earlier_ratios, ratio)
        if ratio is not None and not today["unclear"] and len(earlier_ratios) >= enough
        else None,
        "accum_score": score,
        "history_sessions": len(valued),
        "quality": add_flags(pl.Series([today["quality"]]), [flags])[0],
    }


def _change(before: float | None, basis: float | None, close: float | None) -> float | None:
    """Percent from the close before to this one; `basis`: shares of today for one of then, the way across a split."""
    if before is None or basis is None or close is None:
        return None
    return 100 * (close * basis / before - 1)


def _values(group: pl.DataFrame, column: str) -> Floats:
    """The column, NaN where there is no value."""
    return group[column].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _known(values: Floats) -> Floats:
    known: Floats = values[~np.isnan(values)]
    return known
