"""Volumes as traded, and the off-exchange ratio.

FINRA's volumes are never split-adjusted; Yahoo's always are, to the day of asking. Dividing one by the other as they
come is wrong by the product of all later splits, so Yahoo's are first put back to what was traded on the day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from ..market.splits import Split, factor

MOST_SHARES = 1e15
"""No volume of one day comes near it, whatever splits it was adjusted for; FINRA's files have as many digits."""
ROUNDED = 0.01
"""Part of a volume up to which Yahoo's rounding to whole adjusted shares may hide what was traded."""


def factor_after(rows: pl.DataFrame, splits: pl.DataFrame) -> pl.Series:
    """Per row of `ticker, date`: product of the ratios (new shares per old) of all splits with ex_date after it."""
    by_ticker = splits_by_ticker(splits)
    return pl.Series(
        "split_factor",
        [factor(by_ticker.get(ticker, ()), after=day) for ticker, day in rows.select("ticker", "date").iter_rows()],
        pl.Float64,
    )


def factor_between(rows: pl.DataFrame, splits: pl.DataFrame, target: date) -> pl.Series:
    """Per row of `ticker, date`: product of the ratios with date < ex_date <= target; the way to the target's basis."""
    by_ticker = splits_by_ticker(splits)
    return pl.Series(
        "basis",
        [factor(by_ticker.get(ticker, ()), day, target) for ticker, day in rows.select("ticker", "date").iter_rows()],
        pl.Float64,
    )


def splits_by_ticker(splits: pl.DataFrame) -> dict[str, list[Split]]:
    found: dict[str, list[Split]] = {}
    for ticker, ex_date, ratio in splits.select("ticker", "ex_date", "ratio").sort("ex_date").iter_rows():
        found.setdefault(ticker, []).append(Split(ex_date, ratio))
    return found


def as_traded(bars: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """`bars` (ticker, date, volume, …) with `split_factor`, `rounded` and `regular_volume`, the shares of the day.

    The factor is null over a split that nobody can vouch for. `rounded`: Yahoo gives whole adjusted shares, so behind a
    reverse split (factor below 1) a volume is known to 0.5 / factor only; where that is more than 1 % it is null.
    """
    frame = bars.with_columns(factor_after(bars, splits))
    rounded = (pl.col("split_factor") < 1) & (0.5 / pl.col("volume") > ROUNDED)
    frame = frame.with_columns(rounded.fill_null(False).alias("rounded"))
    traded = pl.when(~pl.col("rounded")).then(pl.col("volume") / pl.col("split_factor"))
    return frame.with_columns(traded.alias("regular_volume"))


def merge(
    tickers: Sequence[str],
    sessions: Sequence[date],
    off_exchange: pl.DataFrame,
    consolidated: pl.DataFrame,
    flags: Mapping[str, bool],
) -> pl.DataFrame:
    """Universe x sessions: off-exchange volume against consolidated volume.

    `off_exchange`: date, ticker, trf_volume, revised. `consolidated`: date, ticker, split_factor, regular_volume,
    rounded, settled, revised. `flags`: flags that stand on every row. Returns the table `merged`; what is not there is
    null and flagged, and so is a consolidated volume of 0 beside FINRA's: one of the two is wrong.
    """
    grid = pl.DataFrame({"ticker": list(tickers)}, schema={"ticker": pl.String}).join(
        pl.DataFrame({"date": list(sessions)}, schema={"date": pl.Date}), how="cross"
    )
    frame = grid.join(off_exchange, on=["date", "ticker"], how="left").join(
        consolidated.with_columns(answered=pl.lit(True)), on=["date", "ticker"], how="left", suffix="_regular"
    )
    contradicted = (pl.col("regular_volume") == 0) & (pl.col("trf_volume") > 0)
    regular = pl.when(~contradicted.fill_null(False)).then(pl.col("regular_volume")).alias("regular_volume")
    ratio = pl.when(pl.col("regular_volume") > 0).then(pl.col("trf_volume") / pl.col("regular_volume"))
    frame = frame.with_columns(regular).with_columns(ratio.alias("offex_ratio"))
    is_rounded = pl.col("rounded").fill_null(False)
    is_unclear = pl.col("answered").fill_null(False) & pl.col("split_factor").is_null()
    conditions = {
        "excess_ratio": pl.col("offex_ratio") > 1,
        "no_regular": pl.col("regular_volume").is_null() & ~is_rounded & ~is_unclear,
        "no_trf": pl.col("trf_volume").is_null(),
        "rounded_volume": is_rounded,
        "split_unclear": is_unclear,
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
