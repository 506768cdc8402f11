"""The market's most unusual names in words, for the session's page, the digest and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from ..tables import glossary

UNCONFIRMED = "unconfirmed"
NONE_CONFIRMED = (
    "None of these names is confirmed: no answer of Yahoo's about their splits and volume is at hand, so a split may "
    "stand behind a number."
)
ON_PAGE, IN_DIGEST = 10, 3
NO_DAY = (
    "Fewer than 100 names traded off-exchange on most days of the window and in size, so there is no market day to "
    "compare with, and no name is ranked."
)


def ranked(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    """The most unusual names of the core, by the table `market`."""
    return rows.filter(pl.col("rank").is_not_null()).sort("rank").head(most)


def newest(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    """The largest new names."""
    return rows.filter("is_new").sort(["trf_volume", "symbol"], descending=[True, False]).head(most)


def day(rows: pl.DataFrame) -> str:
    """What kind of day it was for the market itself."""
    factor = rows["market_factor"][0] if rows.height else None
    if factor is None:
        return NO_DAY
    return f"The market itself traded {glossary.written('ratio', factor)} its normal off-exchange volume."


def caveat(rows: pl.DataFrame) -> str:
    """What is true of every one of `rows` is said once: that nobody confirmed any. Empty otherwise."""
    return NONE_CONFIRMED if rows.height and not rows["confirmed"].any() else ""


def line(row: Mapping[str, Any], *, with_doubt: bool = True) -> str:
    """A name in words: how unusual, how much, and `with_doubt` where Yahoo does not confirm it."""
    said = [
        f"{glossary.written('ratio', row['volume_multiple'])} its normal off-exchange volume",
        f"{glossary.written('signed', row['volume_z'])} σ",
        f"{glossary.written('shares', row['trf_volume'])} shares",
    ]
    if row["change_pct"] is not None:
        said.append(f"price {glossary.written('change', row['change_pct'])}")
    if with_doubt and not row["confirmed"]:
        said.append(UNCONFIRMED)
    return f"{row['ticker']}: {', '.join(said)}"


def lines(rows: pl.DataFrame, most: int) -> list[str]:
    """The first names that are not followed anyhow; where none of them is confirmed the last line says so."""
    shown = ranked(rows.filter(~pl.col("is_followed")), most)
    doubt = caveat(shown)
    told = [line(row, with_doubt=not doubt) for row in shown.iter_rows(named=True)]
    return [*told, doubt] if doubt else told


def panel(rows: pl.DataFrame) -> dict[str, Any]:
    """What the session's page shows of the market."""
    shown = lines(rows, ON_PAGE)
    doubt = NONE_CONFIRMED if NONE_CONFIRMED in shown else ""
    return {"day": day(rows), "lines": [line for line in shown if line != doubt], "doubt": doubt}
