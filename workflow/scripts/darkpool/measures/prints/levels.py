"""What a day's profile amounts to, and the levels of several sessions on the newest one's share basis.

Apart from `profile`, which signs trades: who only reads levels hangs on no sale condition. A level is where volume was,
not where it will be.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

import polars as pl

from ...tables import contracts
from .. import volume

SECOND = 1_000_000_000
STEP = 300 * SECOND
"""Of execution time, ns: how wide a profile's cells are."""
METADATA = "levels"
"""Where `trf_profile` says its levels."""
MOST_PRINTS = 10


class Levels(NamedTuple):
    """What a day's profile amounts to, USD; the prints' and the lit trades' volume-weighted prices may be unknown."""

    control_low: float
    control_high: float
    value_low: float
    value_high: float
    vwap: float | None
    lit_vwap: float | None


def pack(found: Mapping[str, Levels]) -> dict[str, str]:
    """What `trf_profile` says besides its rows: its levels by ticker."""
    return {METADATA: json.dumps({ticker: one._asdict() for ticker, one in sorted(found.items())})}


def read(path: Path | str) -> dict[str, Levels]:
    """What the table `trf_profile` at `path` says of each ticker's levels."""
    return {ticker: Levels(**one) for ticker, one in json.loads(contracts.metadata(path).get(METADATA, "{}")).items()}


def control(levels: Levels) -> float:
    """The point of control as one price, USD: the middle of its bin."""
    return (levels.control_low + levels.control_high) / 2


def position(close: float | None, levels: Levels) -> float | None:
    """Where a close lies against the value area: 0 its lower end, 1 its upper one; None without a close."""
    return None if close is None else (close - levels.value_low) / (levels.value_high - levels.value_low)


def beside(features: pl.DataFrame, found: Mapping[str, Levels]) -> pl.DataFrame:
    """`features` (ticker, close?, as traded) with point_of_control? and value_position? by `found`."""
    pairs = [(found.get(ticker), close) for ticker, close in features.select("ticker", "close").iter_rows()]
    known = [(None, None) if levels is None else (control(levels), position(close, levels)) for levels, close in pairs]
    return features.with_columns(
        pl.Series(name, [pair[place] for pair in known], pl.Float64)
        for place, name in enumerate(("point_of_control", "value_position"))
    )


def price_line(cells: pl.DataFrame) -> pl.DataFrame:
    """Volume-weighted price by five minutes (start, price in USD), ascending, from rows of `trf_profile` of one day.

    Of the lit trades, and of the prints in minutes without them; a price is the middle of its bin.
    """
    middle = (pl.col("price_low") + pl.col("price_high")) / 2
    lit, prints = pl.sum_horizontal("lit_buy", "lit_sell", "lit_neutral"), pl.sum_horizontal("buy", "sell", "neutral")
    means = [(middle * size).sum() / size.sum() for size in (lit, prints)]
    line = cells.group_by("start").agg(pl.when(lit.sum() > 0).then(means[0]).otherwise(means[1]).alias("price"))
    return line.filter(pl.col("price").is_finite()).sort("start")


class Over(NamedTuple):
    """Levels by ticker and session, ascending, and the largest prints of them all.

    `days`: ticker, date, control, value_low, value_high, close? (USD on the basis). `prints`: ticker, rank, date, price
    (USD), size (shares), both on the basis; rank 1 is the largest, of one size the earlier one.
    """

    days: pl.DataFrame
    prints: pl.DataFrame


def over(
    found: Mapping[date, Mapping[str, Levels]], closes: pl.DataFrame, blocks: pl.DataFrame, splits: pl.DataFrame
) -> Over:
    """Levels of sessions by date, with `closes` (date, ticker, close?, as traded) and the rows of their `trf_blocks`.

    `splits`: ticker, ex_date, ratio?. What lies before a split of unknown ratio is left out: it is on nobody's basis.
    Of prints only those count that may be signed.
    """
    target = max(found)
    rows = [
        (ticker, day, control(own), own.value_low, own.value_high)
        for day, by_ticker in found.items()
        for ticker, own in by_ticker.items()
    ]
    names = ("ticker", "date", "control", "value_low", "value_high")
    types = (pl.String, pl.Date, pl.Float64, pl.Float64, pl.Float64)
    days = pl.DataFrame(rows, dict(zip(names, types, strict=True)), orient="row")
    days = days.join(closes.select("ticker", "date", "close"), on=["ticker", "date"], how="left").sort("ticker", "date")
    prices = ("control", "value_low", "value_high", "close")
    days = _on_basis(days, splits, target).with_columns(pl.col(prices) / pl.col("basis")).drop("basis")
    signed = blocks.filter(pl.col("excluded") == "").select("ticker", "date", "time", "price", "size")
    prints = _on_basis(signed, splits, target).with_columns(
        price=pl.col("price") / pl.col("basis"), size=pl.col("size") * pl.col("basis")
    )
    prints = prints.sort("ticker", -pl.col("size"), "time").with_columns(
        rank=pl.int_range(1, pl.len() + 1).over("ticker").cast(pl.Int64)
    )
    return Over(days, prints.filter(pl.col("rank") <= MOST_PRINTS).select("ticker", "rank", "date", "price", "size"))


def _on_basis(rows: pl.DataFrame, splits: pl.DataFrame, target: date) -> pl.DataFrame:
    """Rows with the way to the target's share basis, those without one left out."""
    return rows.with_columns(volume.factor_between(rows, splits, target)).filter(pl.col("basis").is_not_null())
