"""Yahoo's consolidated volume as the archive keeps it, put back to what was traded on the day.

Yahoo adjusts volume for splits to the day of asking, so every volume row belongs to the splits known when it was asked
for. A split that first appears beside a newer answer for the symbol is not applied to a row of an older one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from . import layout
from .archive import FIRST, Archive, retrieved
from .sessions import NEW_YORK
from .volume import as_traded

VOLUMES = {"date": pl.Date(), "volume": pl.Float64()}
SPLITS = {"ex_date": pl.Date(), "ratio": pl.Float64()}


class Consolidated(NamedTuple):
    bars: pl.DataFrame
    """date, ticker, volume, split_factor, regular_volume, settled, revised; one row per key, the newest answer."""
    splits: pl.DataFrame
    """ticker, ex_date, ratio (new shares per old), up to the day of asking."""
    faults: tuple[str, ...]
    """Files that are there and cannot be used."""


def read(archive: Archive, session: date, spelling: Mapping[str, str], window: Sequence[date]) -> Consolidated:
    """Daily volumes for the session's `window`; `spelling` maps our tickers to Yahoo's symbols."""
    faults: list[str] = []
    ours = pl.DataFrame(
        {"ticker": list(spelling), "symbol": list(spelling.values())}, schema={"ticker": pl.String, "symbol": pl.String}
    )
    daily_name, splits_name = layout.yahoo_daily(session), layout.yahoo_splits(session)
    splits, lost = _read_all(archive.answers(splits_name), SPLITS, ours, faults)
    daily, _ = _read_all(archive.answers(daily_name), VOLUMES, ours, faults)
    if daily.height and not archive.answers(splits_name):
        faults.append(f"{splits_name} is missing beside {daily_name}: volumes cannot be put back to as traded")
        daily = daily.clear()
    # A later answer brings all splits of its tickers along; one as old as the damaged splits has lost its own.
    daily = daily.filter(pl.col("answer") > max(lost)) if lost else daily
    bars = daily.filter(pl.col("date").is_in(list(window)) & pl.col("volume").is_finite() & (pl.col("volume") >= 0))
    traded = _as_traded_per_answer(bars, splits)
    newest = splits.sort("answer").unique(["ticker", "ex_date"], keep="last").select("ticker", "ex_date", "ratio")
    settled = _settled(traded, archive, session)
    return Consolidated(
        _newest(traded.with_columns(settled)).sort("date", "ticker"), newest.sort("ticker", "ex_date"), tuple(faults)
    )


def _read_all(
    answers: Sequence[Path], types: dict[str, pl.DataType], ours: pl.DataFrame, faults: list[str]
) -> tuple[pl.DataFrame, list[datetime]]:
    """All answers of one name, stacked, each row with the moment of its `answer`, and the moments of damaged ones."""
    parts, damaged = [], []
    for path in answers:
        moment = retrieved(path) or FIRST
        try:
            part = _read_one(path, types)
        except (pa.ArrowException, pl.exceptions.PolarsError, ValueError, KeyError, OSError) as error:
            why = str(error).splitlines()[0]
            faults.append(f"{path}: not a readable answer with the columns symbol, {', '.join(types)}: {why}")
            damaged.append(moment)
            continue
        parts.append(part.with_columns(pl.lit(moment).cast(pl.Datetime("us", "UTC")).alias("answer")))
    schema: dict[str, pl.DataType] = {"symbol": pl.String(), **types, "answer": pl.Datetime("us", "UTC")}
    stacked = pl.concat(parts) if parts else pl.DataFrame(schema=schema)
    key = ["ticker", next(iter(types)), "answer"]
    return stacked.join(ours, on="symbol").unique(key, keep="last", maintain_order=True), damaged


def _read_one(path: Path, types: dict[str, pl.DataType]) -> pl.DataFrame:
    # Not read_table, which imports pandas first: 0.2 s of every step.
    with pq.ParquetFile(path) as file:
        missing = {"symbol", *types} - set(file.schema_arrow.names)
        if missing:
            raise KeyError(f"columns {', '.join(sorted(missing))} are missing")
        table = pl.from_arrow(file.read(columns=["symbol", *types]))
    assert isinstance(table, pl.DataFrame)
    frame = table.select(
        pl.col(name).cast(kind) for name, kind in {"symbol": pl.String(), **types}.items()
    ).drop_nulls()
    if "ratio" in types:
        strange = frame.filter(~(pl.col("ratio").is_finite() & (pl.col("ratio") > 0)))
        for symbol, ex_date, ratio in strange.select("symbol", "ex_date", "ratio").iter_rows():
            raise ValueError(f"the split of {symbol} on {ex_date} has the ratio {ratio}, expected a number above 0")
    return frame


def _as_traded_per_answer(bars: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """As-traded volumes, each row by the splits known before its ticker's next answer."""
    asked = bars.select("ticker", "answer").unique().sort("ticker", "answer")
    asked = asked.with_columns(pl.col("answer").shift(-1).over("ticker").alias("superseded"))
    parts = []
    for (answer,), group in bars.group_by("answer", maintain_order=True):
        upto = asked.filter(pl.col("answer") == answer).select("ticker", "superseded")
        known = splits.join(upto, on="ticker").filter(
            pl.col("superseded").is_null() | (pl.col("answer") < pl.col("superseded"))
        )
        known = known.sort("answer").unique(["ticker", "ex_date"], keep="last")
        parts.append(as_traded(group, known))
    if parts:
        return pl.concat(parts)
    return bars.with_columns(split_factor=pl.lit(1.0), regular_volume=pl.col("volume"))


def _settled(bars: pl.DataFrame, archive: Archive, session: date) -> pl.Series:
    """Whether each row was retrieved after its own New York day; null where the moment is unknown."""
    receipt = archive.receipt("yahoo", session) or {}
    told = {
        ticker: (retrieved(Path(entry["file"])) or FIRST, datetime.fromisoformat(entry["retrieved_at"]))
        for ticker, entry in receipt.get("tickers", {}).items()
        if entry.get("file") and entry.get("retrieved_at")
    }
    values = []
    for ticker, day, answer in bars.select("ticker", "date", "answer").iter_rows():
        of_file, moment = told.get(ticker, (None, None))
        if of_file != answer:
            moment = None if answer == FIRST else answer
        values.append(None if moment is None else moment.astimezone(NEW_YORK).date() > day)
    return pl.Series("settled", values, pl.Boolean)


def differs(newer: pl.Expr, newer_factor: pl.Expr, older: pl.Expr, older_factor: pl.Expr) -> pl.Expr:
    """Whether two volumes as traded, each with the split factor it was put back by, differ in value.

    Yahoo rounds adjusted volumes to whole shares: a difference that this explains is none.
    """
    rounding = 0.5 / pl.min_horizontal(newer_factor, older_factor) + 0.5 / pl.max_horizontal(newer_factor, older_factor)
    difference = (newer - older).abs()
    return pl.when(newer_factor == older_factor).then(difference > 0).otherwise(difference > rounding)


def _newest(bars: pl.DataFrame) -> pl.DataFrame:
    """The newest answer per ticker and date, `revised` where an older one meant another as-traded volume."""
    newest = bars.sort("answer").unique(["ticker", "date"], keep="last", maintain_order=True)
    older = bars.select(
        "ticker",
        "date",
        pl.col("answer").alias("older"),
        pl.col("regular_volume").alias("older_volume"),
        pl.col("split_factor").alias("older_factor"),
    )
    columns = [pl.col(name) for name in ("regular_volume", "split_factor", "older_volume", "older_factor")]
    revised = (
        newest.join(older, on=["ticker", "date"])
        .filter(pl.col("older") < pl.col("answer"))
        .filter(differs(*columns))
        .select("ticker", "date")
        .unique()
        .with_columns(pl.lit(True).alias("revised"))
    )
    return (
        newest.join(revised, on=["ticker", "date"], how="left")
        .with_columns(pl.col("revised").fill_null(False))
        .select("date", "ticker", "volume", "split_factor", "regular_volume", "settled", "revised")
    )
