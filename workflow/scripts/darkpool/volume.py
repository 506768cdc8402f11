"""Volumes as traded, and the off-exchange ratio.

FINRA's volumes are never split-adjusted; Yahoo's always are, to the day of asking. Dividing one by the other as they
come is wrong by the product of all later splits, so Yahoo's are first put back to what was traded on the day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import polars as pl

SPLIT_SCHEMA = {"ticker": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}


def factor_after(rows: pl.DataFrame, splits: pl.DataFrame) -> pl.Series:
    """Per row of `ticker, date`: product of the ratios (new shares per old) of all splits with ex_date after it."""
    by_ticker = _splits_by_ticker(splits)
    return pl.Series(
        "split_factor",
        [_product(by_ticker.get(ticker, ()), after=day) for ticker, day in rows.select("ticker", "date").iter_rows()],
        pl.Float64,
    )


def factor_between(rows: pl.DataFrame, splits: pl.DataFrame, target: date) -> pl.Series:
    """Per row of `ticker, date`: product of the ratios with date < ex_date <= target; the way to the target's basis."""
    by_ticker = _splits_by_ticker(splits)
    return pl.Series(
        "basis",
        [_product(by_ticker.get(ticker, ()), day, target) for ticker, day in rows.select("ticker", "date").iter_rows()],
        pl.Float64,
    )


def _splits_by_ticker(splits: pl.DataFrame) -> dict[str, list[tuple[date, float]]]:
    found: dict[str, list[tuple[date, float]]] = {}
    for ticker, ex_date, ratio in splits.select("ticker", "ex_date", "ratio").sort("ex_date").iter_rows():
        found.setdefault(ticker, []).append((ex_date, ratio))
    return found


def _product(splits: Iterable[tuple[date, float]], after: date, until: date = date.max) -> float:
    product = 1.0
    for ex_date, ratio in splits:
        if after < ex_date <= until:
            product *= ratio
    return product


def as_traded(bars: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """`bars` (ticker, date, volume, …) with `split_factor` and `regular_volume`, the shares traded on the day."""
    factor = factor_after(bars, splits)
    return bars.with_columns(factor, (pl.col("volume") / factor).alias("regular_volume"))


def merge(
    tickers: Sequence[str],
    sessions: Sequence[date],
    off_exchange: pl.DataFrame,
    consolidated: pl.DataFrame,
    flags: Mapping[str, bool],
) -> pl.DataFrame:
    """Universe x sessions: off-exchange volume against consolidated volume.

    `off_exchange`: date, ticker, trf_volume, revised. `consolidated`: date, ticker, regular_volume, settled, revised.
    `flags`: flags that stand on every row. Returns the table `merged`; what is not there is null and flagged.
    """
    grid = pl.DataFrame({"ticker": list(tickers)}, schema={"ticker": pl.String}).join(
        pl.DataFrame({"date": list(sessions)}, schema={"date": pl.Date}), how="cross"
    )
    frame = grid.join(off_exchange, on=["date", "ticker"], how="left").join(
        consolidated, on=["date", "ticker"], how="left", suffix="_regular"
    )
    ratio = pl.when(pl.col("regular_volume") > 0).then(pl.col("trf_volume") / pl.col("regular_volume"))
    frame = frame.with_columns(ratio.alias("offex_ratio"))
    conditions = {
        "excess_ratio": pl.col("offex_ratio") > 1,
        "no_regular": pl.col("regular_volume").is_null(),
        "no_trf": pl.col("trf_volume").is_null(),
        "revised": pl.col("revised").fill_null(False) | pl.col("revised_regular").fill_null(False),
        "unsettled": ~pl.col("settled"),
        **{name: pl.lit(value) for name, value in flags.items()},
    }
    return frame.with_columns(quality(conditions)).select(
        "date", "ticker", "trf_volume", "regular_volume", "offex_ratio", "quality"
    )


def quality(conditions: Mapping[str, pl.Expr]) -> pl.Expr:
    """Flags that hold, sorted and comma-separated."""
    flags = [pl.when(conditions[name]).then(pl.lit(name)) for name in sorted(conditions)]
    return pl.concat_str(flags, separator=",", ignore_nulls=True).alias("quality")


def add_flags(column: pl.Series, more: Sequence[set[str]]) -> pl.Series:
    """`quality` with further flags per row."""
    return pl.Series(
        "quality",
        [",".join(sorted({*filter(None, text.split(",")), *extra})) for text, extra in zip(column, more, strict=True)],
        pl.String,
    )
