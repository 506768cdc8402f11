"""The table `market` as made by hand: a few core names, a new one, a followed one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from darkpool.tables import contracts

DAY = date(2025, 12, 22)


def name(ticker: str, rank: int | None, **given: Any) -> dict[str, Any]:
    """A row: a core name of that rank, twice its normal; or, with `is_new`, one that is not compared."""
    is_listed = rank is not None
    return {
        "date": DAY, "ticker": ticker, "symbol": ticker, "trf_volume": 2e6, "earlier_sessions": 60,
        "median_volume": 1e6, "volume_multiple": 2.0 if is_listed else None,
        "volume_z": 9.0 - rank / 4 if rank is not None else None, "rank": rank, "is_core": is_listed,
        "is_followed": False, "is_new": False, "regular_volume": None, "offex_ratio": None, "close": None,
        "change_pct": None, "confirmed": False, "market_factor": 1.49, "quality": "", **given,
    }  # fmt: skip


def confirmed(**given: Any) -> dict[str, Any]:
    """What Yahoo adds to a name."""
    return {"confirmed": True, "regular_volume": 4e6, "offex_ratio": 0.5, "close": 12.5, "change_pct": -1.25, **given}


def table(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """The rows as the contract has them."""
    names = contracts.CONTRACTS["market"].names
    ordered = sorted(rows, key=lambda row: row["ticker"])
    return contracts.frame("market", {column: [row[column] for row in ordered] for column in names})


def put(folder: Path, day: date, rows: Sequence[dict[str, Any]]) -> None:
    """`market.parquet` in the session's folder below the scan's."""
    found = table([{**row, "date": day} for row in rows])
    contracts.write("market", found, folder / str(day) / "market.parquet", sources="[]", notes="[]", simulated="false")
