"""Numbers that two vendors, or two files of one, tell about the same volume, held against each other.

No pair is equal: hours, odd lots and the closing cross differ. Each check has the band in which the ratio of a sound
pair lies, and why it is not one; a ratio outside is an alarm, for a vendor's mistake shows itself there. A pair with
one side missing is not comparable, and says which.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

OK, ALARM, NOT_COMPARABLE = VERDICTS = ("ok", "alarm", "not comparable")

SCHEMA: Mapping[str, pl.DataType] = {
    "check": pl.String(),
    "date": pl.Date(),
    "ticker": pl.String(),
    "left_name": pl.String(),
    "left": pl.Float64(),
    "right_name": pl.String(),
    "right": pl.Float64(),
    "ratio": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "verdict": pl.String(),
    "why": pl.String(),
}
"""Columns of the checks; `left` and `right` in shares, `ratio` = left / right; `date` a session, or a week's Monday."""


class Band(NamedTuple):
    """What a check compares, the least and the greatest ratio of a sound pair, and why it need not be one."""

    left: str
    right: str
    low: float
    high: float
    why: str


BANDS: Mapping[str, Band] = {
    "trf_prints": Band(
        "FINRA prints on the tape",
        "FINRA daily file",
        0.95,
        1.05,
        "Both count prints from open to close that count in volume; late reports and corrections may be in one alone.",
    ),
    "weekly_sum": Band(
        "FINRA daily, summed",
        "FINRA weekly, ATS + non-ATS",
        0.80,
        1.02,
        "The daily files hold regular hours; the weekly data holds all hours, so that the sum falls short of it.",
    ),
    "facilities": Band(
        "FINRA facilities, summed",
        "FINRA consolidated",
        1 - 1e-6,
        1 + 1e-6,
        "The consolidated file is the sum of the facilities' files; rounding of fractional shares alone may differ.",
    ),
    "yahoo_polygon": Band(
        "Yahoo daily, as traded",
        "Polygon trades of the whole day",
        0.97,
        1.03,
        "Both hold all venues and all hours; odd lots, late corrections and the day's cut-off differ by little.",
    ),
    "minute_bars": Band(
        "minute bars, summed",
        "daily volume, as traded",
        0.50,
        1.02,
        "No minute bar holds the closing cross, and bars may leave out extended hours: the sum falls short of the day.",
    ),
}

FACILITIES = ("FNSQ", "FNYX", "FNQC", "FNRA")
"""FINRA's files that make up the consolidated one, CNMS; FORF (OTC equities) is not in it."""

Shares = Mapping[str, float | None]
"""Shares by ticker; unknown is null, or no key at all."""


def trf_prints(day: date, prints: Shares, trf: Shares) -> pl.DataFrame:
    """FINRA prints on the tape against the session's TotalVolume.

    `prints`: `finra_prints + adf + otc` of `eligibility.volume_by_venue` from the session's open to its close. Not the
    hours in which trades are signed: those go on to 16:15, and FINRA's file does not.
    """
    return _rows("trf_prints", day, prints, trf)


def weekly_sum(monday: date, sessions: Sequence[date], daily: pl.DataFrame, weekly: Shares) -> pl.DataFrame:
    """The week's daily TotalVolumes against ATS + non-ATS; a partial sum is not compared.

    `sessions` are the XNYS sessions of the week, `daily` holds date, ticker, trf_volume? of any sessions.
    """
    known = daily.filter(pl.col("date").is_in(list(sessions)) & pl.col("trf_volume").is_not_null())
    sums, there = dict[str, float](), dict[str, int]()
    for ticker, volume, count in known.group_by("ticker").agg(pl.col("trf_volume").sum(), pl.len()).iter_rows():
        sums[ticker], there[ticker] = volume, count
    whole = {ticker: volume for ticker, volume in sums.items() if there[ticker] == len(sessions)}
    missing = {
        ticker: f"FINRA's daily files hold {there.get(ticker, 0)} of the week's {len(sessions)} sessions."
        for ticker in {*sums, *weekly} - set(whole)
    }
    return _rows("weekly_sum", monday, whole, weekly, missing)


def facilities(day: date, by_facility: Mapping[str, Shares], consolidated: Shares) -> pl.DataFrame:
    """FINRA's facility files against its consolidated one.

    `by_facility`: each file's TotalVolume by its prefix. A symbol that a file does not list had no volume there;
    without one of the files there is no sum.
    """
    absent = [prefix for prefix in FACILITIES if prefix not in by_facility]
    tickers = {*consolidated, *(ticker for shares in by_facility.values() for ticker in shares)}
    if absent:
        return _rows("facilities", day, {}, consolidated, dict.fromkeys(tickers, f"Not there: {', '.join(absent)}."))
    parts = {ticker: [by_facility[prefix].get(ticker, 0.0) for prefix in FACILITIES] for ticker in tickers}
    sums = {ticker: None if None in shares else math.fsum(s or 0.0 for s in shares) for ticker, shares in parts.items()}
    return _rows("facilities", day, sums, consolidated)


def yahoo_polygon(day: date, yahoo: Shares, polygon: Shares) -> pl.DataFrame:
    """Yahoo's volume as traded against all Polygon trades that count in volume.

    `polygon`: the sum of `eligibility.volume_by_venue` over the whole day.
    """
    return _rows("yahoo_polygon", day, yahoo, polygon)


def minute_bars(day: date, bars: Shares, daily: Shares) -> pl.DataFrame:
    """Minute bars added up against the consolidated daily volume, both as traded."""
    return _rows("minute_bars", day, bars, daily)


def stack(checks: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Checks in one frame: by check, date and ticker; columns as in `SCHEMA`."""
    found = [pl.DataFrame(schema=SCHEMA), *checks]
    return pl.concat(found).sort("check", "date", "ticker")


def counts(checks: pl.DataFrame) -> dict[str, int]:
    """Number of pairs by verdict."""
    return {verdict: int((checks["verdict"] == verdict).sum()) for verdict in VERDICTS}


def summary(checks: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Number of pairs by check and verdict; a check without pairs is not there."""
    return {str(name): counts(rows) for (name,), rows in sorted(checks.group_by("check"))}


def verdict(left: float | None, right: float | None, low: float, high: float) -> str:
    """ok where left lies between low and high times right, both included.

    >>> verdict(95.0, 100.0, 0.95, 1.05), verdict(94.0, 100.0, 0.95, 1.05), verdict(None, 100.0, 0.95, 1.05)
    ('ok', 'alarm', 'not comparable')
    """
    if left is None or right is None:
        return NOT_COMPARABLE
    if right == 0:
        return OK if left == 0 else ALARM
    return OK if low <= left / right <= high else ALARM


def _rows(check: str, day: date, left: Shares, right: Shares, missing: Mapping[str, str] | None = None) -> pl.DataFrame:
    """A row per ticker of either side; `missing` says why a ticker has no left side."""
    band = BANDS[check]
    rows = []
    for ticker in sorted({*left, *right, *(missing or {})}):
        a, b = left.get(ticker), right.get(ticker)
        sides = [(missing or {}).get(ticker) or f"Not there: {band.left}."] if a is None else []
        sides += [f"Not there: {band.right}."] if b is None else []
        rows.append(
            {
                "check": check,
                "date": day,
                "ticker": ticker,
                "left_name": band.left,
                "left": a,
                "right_name": band.right,
                "right": b,
                "ratio": a / b if a is not None and b else None,
                "low": band.low,
                "high": band.high,
                "verdict": verdict(a, b, band.low, band.high),
                "why": " ".join([*sides, band.why]),
            }
        )
    return pl.DataFrame(rows, schema=SCHEMA)
