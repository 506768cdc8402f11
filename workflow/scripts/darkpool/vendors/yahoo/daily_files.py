"""Yahoo's daily bars and splits as files of the archive: written from its answers, and read back with what is strange.

Bars and splits of one asking lie under one moment, since the volumes are adjusted for the splits beside them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ... import listing
from ...archive import integrity, layout, open_requests
from ...archive.receipts import Entry
from ...archive.store import FIRST, Archive, retrieved
from ...market import sessions, splits
from ...market.sessions import NEW_YORK
from ...measures.volume import MOST_SHARES
from ..parquet_file import content

if TYPE_CHECKING:
    from .chart import DailyAnswer

VOLUMES = {"date": pl.Date(), "volume": pl.Float64()}
BARS = {**VOLUMES, "close": pl.Float64()}
"""With the close, adjusted like the volume; null in a file without it."""
SPLITS = {"ex_date": pl.Date(), "ratio": pl.Float64()}
NO_DAY = date.max
"""Stands for the day of a split that a file names without one."""

DAMAGED = (pa.ArrowException, pl.exceptions.PolarsError, ValueError, KeyError, OSError)
"""What reading a file runs into that is no such answer."""


def write(
    archive: Archive,
    session: date,
    answers: Iterable[DailyAnswer],
    repeat: bool | None = None,
    lost: Iterable[Entry] = (),
) -> Path:
    """Keep answers of one session together, in place of `lost` ones; returns the file with their bars.

    Bars like the newest ones are written again with `repeat`, or, where it is not given, beside lost splits: what is
    whole again is what the bars that are there were adjusted for.
    """
    answers = list(answers)
    daily_name, splits_name = layout.yahoo_daily(session), layout.yahoo_splits(session)
    last = max(answer.retrieved_at for answer in answers if answer.retrieved_at)
    moment = archive.free_moment(last, daily_name, splits_name)
    lost_splits = [e for e in archive.receipted(splits_name).values() if e.get("state") == integrity.DAMAGED]
    bars = pl.concat([answer.bars for answer in answers]).sort("symbol", "date")
    named = pl.concat([answer.splits for answer in answers]).sort("symbol", "ex_date")
    # Splits first: bars that a cut-off run left without theirs would pass for volumes as traded.
    if named.height or not archive.answers(splits_name):
        archive.keep(splits_name, content(named), moment, lost=lost_splits)
    if repeat is None:
        repeat = bool(open_requests.unadjusted(archive, session))
    return archive.keep(daily_name, content(bars), moment, repeat=repeat, lost=lost)


def write_as(archive: Archive, names: tuple[str, str], answers: Sequence[DailyAnswer]) -> Path:
    """Keep bars and splits of `answers` under the two `names`; returns the file with the bars."""
    daily_name, splits_name = names
    last = max(answer.retrieved_at for answer in answers if answer.retrieved_at)
    moment = archive.free_moment(last, daily_name, splits_name)
    bars = pl.concat([answer.bars for answer in answers]).sort("symbol", "date")
    named = pl.concat([answer.splits for answer in answers]).sort("symbol", "ex_date")
    archive.keep(splits_name, content(named), moment)
    return archive.keep(daily_name, content(bars), moment)


def read(
    answers: Sequence[Path], types: dict[str, pl.DataType], ours: pl.DataFrame, faults: list[str]
) -> tuple[pl.DataFrame, list[datetime]]:
    """All answers of one name, stacked, each row with the moment of its `answer`, and the moments of damaged ones."""
    parts, damaged = [], []
    for path in answers:
        moment = retrieved(path) or FIRST
        try:
            part, strange = read_file(path, types)
        except DAMAGED as error:
            why = str(error).splitlines()[0]
            faults.append(f"{path}: not a readable answer with the columns symbol, {', '.join(types)}: {why}")
            damaged.append(moment)
            continue
        faults += [f"{path}: {line}" for line in strange]
        parts.append(part.with_columns(pl.lit(moment).cast(pl.Datetime("us", "UTC")).alias("answer")))
    schema: dict[str, pl.DataType] = {"symbol": pl.String(), **types, "answer": pl.Datetime("us", "UTC")}
    stacked = pl.concat(parts) if parts else pl.DataFrame(schema=schema)
    key = ["ticker", "answer", *(types if "ratio" in types else ["date"])]
    return stacked.join(ours, on="symbol").unique(key, keep="last", maintain_order=True), damaged


def read_file(path: Path, types: Mapping[str, pl.DataType]) -> tuple[pl.DataFrame, list[str]]:
    """An answer's symbol and columns of `types`, and what of its rows is strange, each with symbol, day and value.

    A row of volumes whose day or volume is none is left out; a close that is none is null. A split stays,
    whatever is strange about it: one of a day or a ratio that nobody knows makes the volumes before it unknown.
    Raises ValueError, KeyError, OSError, ArrowException or PolarsError for a file that is no such answer.
    """
    # Not read_table, which imports pandas first: 0.2 s of every step.
    with pq.ParquetFile(path) as file:
        held = set(file.schema_arrow.names)
        missing = {"symbol", *types} - held - {"close"}
        if missing:
            raise KeyError(f"columns {', '.join(sorted(missing))} are missing")
        table = pl.from_arrow(file.read(columns=["symbol", *(name for name in types if name in held)]))
    assert isinstance(table, pl.DataFrame)
    if "close" in types and "close" not in held:
        table = table.with_columns(close=pl.lit(None, pl.Float64))
    truths = [name for name in types if table[name].dtype == pl.Boolean]
    if truths:
        raise ValueError(f"column {truths[0]} holds true and false, expected {types[truths[0]]}")
    day, value, *more = types
    close = pl.col("close").cast(pl.Float64, strict=False)
    frame = table.select(
        pl.col("symbol").cast(pl.String),
        as_days(table[day]),
        pl.col(value).cast(pl.Float64),
        *([pl.when(close.is_finite() & (close > 0)).then(close)] if more else []),
    )
    return _usable_splits(frame) if value == "ratio" else _usable_volumes(frame, table[day])


def as_days(column: pl.Series) -> pl.Series:
    """Dates; of a moment the date of the zone, or else of New York, in which it is midnight; null where it is not."""
    if not isinstance(column.dtype, pl.Datetime):
        return column.str.to_date() if column.dtype == pl.String else column.cast(pl.Date)
    local = column.dt.replace_time_zone(None)
    readings = [local]
    if column.dtype.time_zone:
        readings.append(column.dt.convert_time_zone(NEW_YORK.key).dt.replace_time_zone(None))
    frame = pl.DataFrame([reading.alias(str(i)) for i, reading in enumerate(readings)])
    midnight = [pl.when(pl.col(name) == pl.col(name).dt.truncate("1d")).then(pl.col(name)) for name in frame.columns]
    return frame.select(pl.coalesce(midnight).cast(pl.Date).alias(column.name)).to_series()


def _usable_volumes(frame: pl.DataFrame, given: pl.Series) -> tuple[pl.DataFrame, list[str]]:
    days = frame["date"].unique()
    trading = [day for day in days if day is not None and sessions.is_session(day)]
    is_volume = pl.col("volume").is_finite() & (pl.col("volume") >= 0) & (pl.col("volume") < MOST_SHARES)
    usable = frame.filter(is_volume & pl.col("date").is_in(trading) & pl.col("symbol").is_not_null())
    no_day = given.filter(frame["date"].is_null() & given.is_not_null()).unique(maintain_order=True)
    absurd = frame.filter(pl.col("volume").is_not_nan() & (pl.col("volume") >= MOST_SHARES))
    return usable, [
        *listing.few([f"date {day} is no session" for day in sorted(set(days.drop_nulls()) - set(trading))]),
        *listing.few([f"date {moment} is midnight neither in its zone nor in New York" for moment in no_day]),
        *listing.few(
            [
                f"{symbol} has a volume of {volume:g} on {day}, expected fewer than {MOST_SHARES:g} shares"
                for symbol, day, volume, *_ in absurd.iter_rows()
            ]
        ),
    ]


def _usable_splits(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    frame = frame.filter(pl.col("symbol").is_not_null())
    low, high = splits.SMALLEST, splits.LARGEST
    strange = []
    for symbol, day, ratio in frame.iter_rows():
        if day is None:
            strange.append(f"the split of {symbol} with the ratio {ratio} has no day, expected a date")
        elif not splits.is_possible(ratio):
            strange.append(
                f"the split of {symbol} on {day} has the ratio {ratio}, expected one from {low:g} to {high:g}"
            )
    no_day = pl.col("ex_date").is_null()
    ratio = pl.when(~no_day).then(pl.col("ratio")).alias("ratio")
    return frame.with_columns(ratio, pl.col("ex_date").fill_null(NO_DAY)), listing.few(strange)


def rows_of(symbol: str | None, path: Path) -> pl.DataFrame:
    """Date and volume of one symbol."""
    return rows(path).filter(pl.col("symbol") == symbol).select("date", "volume").sort("date")


def rows(path: Path) -> pl.DataFrame:
    """Symbol, date and volume; none where the file is damaged, for then it holds no answer."""
    try:
        frame, _ = read_file(path, VOLUMES)
        return frame
    except DAMAGED as error:
        print(f"Yahoo: {path} is damaged and counts for nothing: {' '.join(str(error).split())}", file=sys.stderr)
        return pl.DataFrame(schema={"symbol": pl.String, **VOLUMES})
