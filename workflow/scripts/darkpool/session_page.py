"""What the page and the plots of a session say besides their rows, gathered from what its tables carry."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import quote

import polars as pl

from .archive import file_name
from .page import PageContext


def context(
    metadata: Mapping[str, str],
    scan: str,
    session: date,
    *,
    tickers: Sequence[str],
    mode: str,
    signal: Mapping[str, float],
    history: Mapping[str, int],
) -> PageContext:
    """The context of a page, from the metadata of the session's `features`."""
    facts = told(metadata)
    return PageContext(
        scan=scan,
        session=session,
        mode=mode,
        simulated=facts["simulated"],
        sources=facts["sources"],
        thresholds={"bot": signal["bot"], "sell": signal["sell"]},
        ma=history["ma"],
        window=history["window"],
        notes=facts["notes"],
        plots={ticker: f"plots/{quote(file_name(ticker))}.png" for ticker in tickers},
    )


def told(metadata: Mapping[str, str]) -> dict[str, Any]:
    """States of the sources, notes and whether the vendors were simulated, as a table carries them."""
    return {name: json.loads(metadata[name]) for name in ("sources", "notes", "simulated")}


def flow(features: pl.DataFrame) -> pl.DataFrame:
    """The directional columns of `features` that a plot shows."""
    return features.select(
        "date", "ticker", "log_ratio", "trf_buy_ratio",
        pl.col("trf_volume").alias("finra_off_exchange_volume"), "classification_method", "signal",
    )
