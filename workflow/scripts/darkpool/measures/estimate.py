"""Bought and sold off-exchange, estimated: the lit market's buy ratio applied to FINRA's off-exchange volume.

FINRA does not publish trade direction for off-exchange volume. Bought and sold are inferred estimates.

The method ("Option B") assumes that off-exchange volume was bought and sold in the proportion of the signed lit volume.
Off-exchange volume then cancels out of the log ratio: it is the lit market's opinion, sized by the dark volume.
Beside it stands what the FINRA prints say when they are signed by themselves (Barber et al. 2024, a rule for retail
prints; most off-exchange volume is not retail). Neither replaces the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from ..tables import contracts
from . import trust
from .volume import add_flags

VERSION = "option-b/1"


def split(volume: str, ratio: str) -> tuple[pl.Expr, pl.Expr]:
    """Shares bought and sold of the column `volume` by the column `ratio`; null where either is unknown."""
    bought = pl.col(volume) * pl.col(ratio)
    return bought, pl.col(volume) - bought


def dark_flow(
    volumes: pl.DataFrame,
    lit_flow: pl.DataFrame,
    transfer_sd: float,
    signed: Mapping[str, float] | None = None,
) -> pl.DataFrame:
    """Table `dark_flow`: `volumes` (date, ticker, trf_volume) split by the ticker's lit buy ratio.

    bought = volume x ratio, sold = volume - bought, in shares; null where either is unknown. `transfer_sd`: standard
    deviation of the off-exchange ratio around the lit one, for the band; `signed`: shares by ticker that the default
    rule signed, for tickers where that is not the rule of the ratio.
    """
    behind = ["lit_buy_ratio", "lit_ratio_completed", "lit_ratio_variance", "lit_buy_volume", "lit_sell_volume"]
    rows = volumes.select("date", "ticker", "trf_volume").join(
        lit_flow.select("date", "ticker", *behind), on=["date", "ticker"], how="left", maintain_order="left"
    )
    bands = [_band(row, signed or {}, transfer_sd) for row in rows.iter_rows(named=True)]
    bought, sold = split("trf_volume", "lit_buy_ratio")
    return rows.select(
        "date",
        "ticker",
        pl.col("trf_volume").alias("finra_off_exchange_volume"),
        pl.col("lit_buy_ratio").alias("applied_lit_buy_ratio"),
        bought.alias("estimated_dark_buy_volume"),
        sold.alias("estimated_dark_sell_volume"),
        pl.Series("bought_low", [low for low, _ in bands], pl.Float64),
        pl.Series("bought_high", [high for _, high in bands], pl.Float64),
        pl.lit("daily").alias("finra_period_type"),
        pl.lit(VERSION).alias("inference_version"),
    )


def _band(row: Mapping[str, Any], signed: Mapping[str, float], sd: float) -> tuple[float | None, float | None]:
    """Least and greatest number of shares bought; None where the interval of the ratio is not known."""
    if row["lit_buy_ratio"] is None or row["lit_ratio_completed"] is None:
        return None, None
    shares = signed.get(row["ticker"], row["lit_buy_volume"] + row["lit_sell_volume"])
    ratios = row["lit_buy_ratio"], row["lit_ratio_completed"], row["lit_ratio_variance"]
    band = trust.transfer(*ratios, shares, row["trf_volume"], sd)
    return (None, None) if band is None else (row["trf_volume"] * band[0], row["trf_volume"] * band[1])


def signal(bought: float | None, sold: float | None, thresholds: Mapping[str, float]) -> str:
    """BOT where bought exceeds `bot` times sold, SELL where it is below `sell` times sold, else empty.

    >>> signal(126.0, 100.0, {"bot": 1.25, "sell": 0.80}), signal(125.0, 100.0, {"bot": 1.25, "sell": 0.80})
    ('BOT', '')
    """
    if bought is None or sold is None:
        return ""
    if bought > thresholds["bot"] * sold:
        return "BOT"
    return "SELL" if bought < thresholds["sell"] * sold else ""


def opinions(lit_ratio: float | None, trf_ratio: float | None, thresholds: Mapping[str, float]) -> str:
    """Whether lit trades and FINRA prints fall into the same class: agree, disagree, lit_only, trf_only or none."""
    if lit_ratio is None:
        return "none" if trf_ratio is None else "trf_only"
    if trf_ratio is None:
        return "lit_only"
    same = signal(lit_ratio, 1 - lit_ratio, thresholds) == signal(trf_ratio, 1 - trf_ratio, thresholds)
    return "agree" if same else "disagree"


def _flags(lit: Mapping[str, Any]) -> set[str]:
    if lit["source"] == "none":
        return {"no_lit"}
    flags = {"consolidated_bars": {"bars_only"}, "trades": {"no_quotes"}}.get(lit["source"], set())
    if not lit["lit_trades"] and not lit["excluded_volume"]:
        # The source answered, and not one trade of it was lit: an OTC equity, a name that trades off-exchange alone.
        flags = flags | {"no_lit"}
    return flags if lit["lit_buy_ratio"] is not None else flags | {"thin_lit"}


def add(
    features: pl.DataFrame,
    lit_flow: pl.DataFrame,
    trf_flow: pl.DataFrame,
    dark: pl.DataFrame,
    thresholds: Mapping[str, float],
    lit_flags: Mapping[str, Sequence[str]],
) -> pl.DataFrame:
    """`features` with the lit columns, the estimate, the signal and the prints' own opinion of its session.

    `lit_flags`: flags by ticker that the columns of `lit_flow` do not tell (stale_quotes, bars_gap).
    """
    lit_rows = {row["ticker"]: row for row in lit_flow.iter_rows(named=True)}
    trf_rows = {row["ticker"]: row for row in trf_flow.iter_rows(named=True)}
    dark_rows = {row["ticker"]: row for row in dark.iter_rows(named=True)}
    rows = [
        _row(lit_rows[t], trf_rows.get(t, {}).get("trf_buy_ratio"), dark_rows[t], thresholds)
        for t in features["ticker"]
    ]
    flags = [row.pop("flags").union(lit_flags.get(t, ())) for t, row in zip(features["ticker"], rows, strict=True)]
    columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}
    directed = contracts.frame("features", columns).select(list(columns))
    return features.hstack(directed).with_columns(add_flags(features["quality"], flags))


def _row(
    lit: Mapping[str, Any], trf_ratio: float | None, dark: Mapping[str, Any], thresholds: Mapping[str, float]
) -> dict[str, Any]:
    bought, sold = dark["estimated_dark_buy_volume"], dark["estimated_dark_sell_volume"]
    buy_ratio = bought / sold if bought is not None and sold else None
    verdict = signal(bought, sold, thresholds)
    low, high = dark["bought_low"], dark["bought_high"]
    volume = dark["finra_off_exchange_volume"]
    least, most = (None, None) if low is None else (low / volume, high / volume)
    return {
        "lit_buy_ratio": lit["lit_buy_ratio"],
        "lit_buy_low": lit["lit_buy_low"],
        "lit_buy_high": lit["lit_buy_high"],
        "classification_method": lit["classification_method"],
        "lit_coverage_pct": lit["lit_coverage_pct"],
        "estimated_bought": bought,
        "estimated_sold": sold,
        "bought_low": low,
        "bought_high": high,
        "buy_ratio": buy_ratio,
        "log_ratio": math.log(buy_ratio) if buy_ratio else None,
        "signal": verdict,
        "strength": trust.strength(verdict, least, most, thresholds),
        "trf_buy_ratio": trf_ratio,
        "opinions": opinions(lit["lit_buy_ratio"], trf_ratio, thresholds),
        "flags": _flags(lit),
    }
