"""Minute bars of one file, in whatever unit their starts are written, and whether minutes are missing."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from .ticks import tick_file

MILLISECOND = 1_000_000
MINUTE_MS, HALF_DAY_MS, YEARS_MS = 60_000, 43_200_000, 86_400_000_000
GAP_MINUTES = 30
UNITS_PER_MS = {"ms": 1, "s": 0.001, "us": 1_000, "ns": 1_000_000}
"""Units in which a bar's start is understood, the archive's own first."""


class Bars(NamedTuple):
    """Minute bars: `t` start (ms UTC), `o` and `c` dollars, `v` shares; `repeats` rows were identical to others."""

    frame: pl.DataFrame
    repeats: int


def minutes_there(starts: np.ndarray, regular: tuple[int, int]) -> np.ndarray:
    """Per minute of the half-open interval `regular` (ns UTC) whether one of `starts` (ms UTC) lies in it."""
    first, last = (moment // MILLISECOND // MINUTE_MS for moment in regular)
    minutes = starts // MINUTE_MS
    there = np.zeros(last - first, np.bool_)
    there[minutes[(minutes >= first) & (minutes < last)] - first] = True
    return there


def has_gap(there: np.ndarray) -> bool:
    """Whether `GAP_MINUTES` or more minutes in a row have no bar while at least half of the others have one.

    `there` (minutes of the session): whether each has a bar. A quiet name, of which most minutes have none, has no gap.

    >>> has_gap(np.repeat([True, False, True], [100, 30, 260])), has_gap(np.repeat([True, False], [1, 389]))
    (True, True)
    >>> has_gap(np.arange(390) % 40 == 0)
    False
    """
    bars = np.flatnonzero(there)
    if not len(bars):
        return False
    longest = int(np.diff(bars, prepend=-1, append=len(there)).max()) - 1
    return longest >= GAP_MINUTES and 2 * len(bars) >= len(there) - longest


def read_bars(path: Path | str, hours: tuple[int, int]) -> Bars:
    """Minute bars of one file, identical rows once; raises tick_file.TickError.

    `hours` (ns UTC) tell the day: `t` is read in ms, and in s, µs or ns where that is what fits it, or as a timestamp
    with its zone. Which of two different bars of one minute is right nobody can know, so such a file is refused (a row
    of nulls is no bar), and so is one without a bar of the day.
    """
    wanted = {"t": pl.Int64, "o": pl.Float64, "c": pl.Float64, "v": pl.Float64}
    try:
        # Not with Polars, which leaves the checksums of the pages alone.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            tick_file.check_whole(path, file)
            frame = pl.from_arrow(file.read())
        assert isinstance(frame, pl.DataFrame)
        if frame.is_empty():
            return Bars(pl.DataFrame(schema=wanted), 0)
        distinct = frame.unique(maintain_order=True)
        starts = _starts(distinct["t"], hours, path)
        bars = distinct.with_columns(starts).select(pl.col(name).cast(kind) for name, kind in wanted.items())
    except (pl.exceptions.PolarsError, pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise tick_file.TickError(
            f"{path}: expected minute bars with the columns {', '.join(wanted)} ({error})"
        ) from error
    said = bars.drop_nulls()["t"]
    if said.is_duplicated().any():
        twice = said.filter(said.is_duplicated())[0]
        raise tick_file.TickError(f"{path}: column t: two different bars start at {twice} ms; one a minute is right")
    return Bars(bars, frame.height - distinct.height)


def _starts(t: pl.Series, hours: tuple[int, int], path: Path | str) -> pl.Series:
    """The starts of bars in ms since 1970 UTC, whatever they are in."""
    expected = "expected the start of each bar in ms since 1970 UTC"
    if isinstance(t.dtype, pl.Datetime):
        if t.dtype.time_zone is None:
            raise tick_file.TickError(f"{path}: column t is a time without a zone; {expected}, or a time with its zone")
        t = t.dt.epoch("ms")
    # A float of 32 bits holds no moment: its neighbours are two minutes apart.
    if not t.dtype.is_numeric() or t.dtype == pl.Float32:
        raise tick_file.TickError(f"{path}: column t is {t.dtype}, {expected}")
    known = t.fill_nan(None) if t.dtype.is_float() else t.cast(pl.Int64)
    unit = next((unit for unit in UNITS_PER_MS.values() if _fits(known, unit, hours)), None)
    if unit is None:
        some = known.drop_nulls()
        example = f", for example {some[0]}" if len(some) else ""
        raise tick_file.TickError(
            f"{path}: column t: no bar is of the session{example}; {expected}, "
            f"from {hours[0] // MILLISECOND} to {hours[1] // MILLISECOND}"
        )
    return (known * 1_000 if unit < 1 else known // unit).cast(pl.Int64).alias("t")


def _fits(t: pl.Series, unit: float, hours: tuple[int, int]) -> bool:
    """Whether some of the moments `t`, `unit` of them a millisecond, are of the day of `hours`, and all near it."""
    start, end = hours[0] // MILLISECOND, hours[1] // MILLISECOND
    moments = t.drop_nulls().cast(pl.Float64) / unit
    of_the_day = (moments > start - HALF_DAY_MS) & (moments < end + HALF_DAY_MS)
    return bool(of_the_day.any() and ((moments - start).abs() < YEARS_MS).all())
