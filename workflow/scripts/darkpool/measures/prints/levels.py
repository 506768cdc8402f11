"""Levels of a ticker over sessions, on the newest one's share basis: points of control, value areas, largest prints.

A level is where volume was, not where it will be. Prices before a split are divided by its ratio, shares multiplied.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import polars as pl

from .. import volume
from . import profile

MOST_PRINTS = 10
SENTENCE = "A level is where volume was, not where it will be."


class Levels(NamedTuple):
    """Levels by ticker and session, ascending, and the largest prints of them all.

    `days`: ticker, date, control, value_low, value_high, close? (USD on the basis). `prints`: ticker, rank, date, price
    (USD), size (shares), both on the basis; rank 1 is the largest, of one size the earlier one.
    """

    days: pl.DataFrame
    prints: pl.DataFrame


def over(
    found: Mapping[date, Mapping[str, profile.Levels]], closes: pl.DataFrame, blocks: pl.DataFrame, splits: pl.DataFrame
) -> Levels:
    """Levels of sessions by date, with `closes` (date, ticker, close?, as traded) and the rows of their `trf_blocks`.

    `splits`: ticker, ex_date, ratio?. What lies before a split of unknown ratio is left out: it is on nobody's basis.
    Of prints only those count that may be signed.
    """
    target = max(found)
    rows = [
        (ticker, day, profile.control(own), own.value_low, own.value_high)
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
    return Levels(days, prints.filter(pl.col("rank") <= MOST_PRINTS).select("ticker", "rank", "date", "price", "size"))


def _on_basis(rows: pl.DataFrame, splits: pl.DataFrame, target: date) -> pl.DataFrame:
    """Rows with the way to the target's share basis, those without one left out."""
    return rows.with_columns(volume.factor_between(rows, splits, target)).filter(pl.col("basis").is_not_null())
