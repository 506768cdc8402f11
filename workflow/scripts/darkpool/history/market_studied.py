"""Does a score mean anything in the whole market? The study of the core names, by Polygon's grouped daily prices.

It has a table of its own, of the same contract: readers of `study` find one row a feature and horizon there, and the
watchlist's answer, whose p values are corrected for the questions asked, does not hang on whether the market is asked.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from .. import listing
from ..archive import layout
from ..archive.store import Archive
from ..market import sessions, symbols
from ..measures.study import share_basis, study
from ..measures.study.rank_correlation import Flags, Floats
from ..session import files
from ..tables import contracts, study_table
from ..vendors.polygon import grouped, grouped_fetch
from ..vendors.yahoo import daily_files, price_history
from . import studied

FEATURES = ("offex_ratio", "volume_multiple", "volume_z")
"""What a session's screen and prices say of every core name; all else needs Yahoo's volumes or a tape."""
_SCREEN = ("date", "ticker", "trf_volume", "is_core", "volume_multiple", "volume_z")
_PRICES: dict[str, Any] = {"date": pl.Date, **grouped.READ}


class Panel(NamedTuple):
    """As `studied.Panel`, of the names that were core on some session. `steps` as `StudyTable` has them."""

    sessions: list[date]
    tickers: list[str]
    features: dict[str, Floats]
    prices: study.Prices
    steps: int
    simulated: bool
    faults: tuple[str, ...]


def is_wanted(archive: Archive, is_asked: bool) -> bool:
    """Whether there is a market to study: its prices are asked for, or lie in the archive."""
    return is_asked or any(archive.path("polygon/grouped").glob("????-??-??*.parquet"))


def panel(folder: Path, archive: Archive) -> Panel:
    """From the screens of the sessions in `folder` (results/<scan>) and the prices in the archive."""
    faults: list[str] = []
    core, simulated = _core(folder, faults)
    spelling = {t: s for t in sorted(core["ticker"].unique(), key=str.encode) if (s := symbols.to_polygon(t))}
    tickers, screened = list(spelling), core["date"].unique().sort().to_list()
    days = sessions.between(screened[0], max([screened[-1], *_priced(archive)])) if screened else []
    rows = _prices(archive, days, {symbol: ticker for ticker, symbol in spelling.items()}, faults)
    opened, close, volume = (study.matrix(rows, name, days, tickers) for name in ("open", "close", "volume"))
    known = price_history.read_splits(archive, {t: s for t in tickers if (s := symbols.to_yahoo(t))})
    basis = share_basis.basis(opened, close, volume, *_splits(known, days, tickers))
    traded, *others = (study.matrix(core, name, days, tickers) for name in ("trf_volume", *FEATURES[1:]))
    ratio = np.full_like(traded, np.nan)
    np.divide(traded, volume, out=ratio, where=(volume > 0) & np.isfinite(traded))
    priced = set(rows["date"])
    faults += _without_prices(archive, [day for day in screened if day not in priced])
    closed = close * basis.factor
    return Panel(
        days, tickers, dict(zip(FEATURES, (ratio, *others), strict=True)),
        study.Prices(opened * basis.factor, closed, closed, basis.part), basis.steps, simulated,
        (*faults, *known.faults),
    )  # fmt: skip


def write(folder: Path, archive: Archive) -> Path:
    """Study the market by the scan in `folder` and write its table; the same folders and archive, the same bytes."""
    found = panel(folder, archive)
    done = study.study(found.features, found.prices)
    first, last = (str(found.sessions[end]) if found.sessions else "" for end in (0, -1))
    told = study_table.StudyTable(
        done.rows, first, last, len(found.tickers), None, found.simulated, done.placebo, [], found.faults,
        study_table.MARKET, found.steps,
    )  # fmt: skip
    path = folder / files.MARKET_STUDY
    study_table.write(told, path)
    return path


def _core(folder: Path, faults: list[str]) -> tuple[pl.DataFrame, bool]:
    """The screens' rows of core names, and whether one of them is simulated."""
    found, simulated = [contracts.frame("market_screen", {}).select(_SCREEN)], False
    for path in studied.places(folder, files.SCREEN):
        try:
            found.append(contracts.columns("market_screen", path, list(_SCREEN)).filter("is_core"))
            simulated |= json.loads(contracts.metadata(path).get("simulated", "false"))
        except (ValueError, OSError) as error:
            faults.append(str(error))
    return pl.concat(found), simulated


def _priced(archive: Archive) -> list[date]:
    """Sessions that the archive has prices of, whatever they are worth."""
    found = set()
    for path in archive.path("polygon/grouped").glob("????-??-??*.parquet"):
        with suppress(ValueError):
            found.add(date.fromisoformat(path.name[:10]))
    return [day for day in sorted(found) if sessions.is_session(day)]


def _prices(archive: Archive, days: Sequence[date], ours: dict[str, str], faults: list[str]) -> pl.DataFrame:
    """date, ticker, open?, close?, volume? as traded, of the names in `ours` (Polygon's spelling to ours)."""
    found = [pl.DataFrame(schema=_PRICES)]
    for day in days:
        name = layout.polygon_grouped(day)
        faults += archive.damaged(name).values()
        path = archive.newest(name)
        if path is None:
            continue
        try:
            rows = grouped.prices(path, day)
        except (ValueError, OSError, pa.ArrowException) as error:
            faults.append(str(error) if str(path) in str(error) else f"{path}: {error}")
            continue
        found.append(rows.filter(pl.col("symbol").is_in(list(ours))).select(pl.lit(day).alias("date"), *grouped.READ))
    rows = pl.concat(found)
    return rows.with_columns(ticker=pl.col("symbol").replace_strict(ours, default=None, return_dtype=pl.String))


def _splits(known: price_history.Splits, days: Sequence[date], tickers: Sequence[str]) -> tuple[Floats, Flags]:
    """`splits` and `asked` of share_basis, from what Yahoo said."""
    asked = np.isfinite(study.matrix(known.asked.with_columns(said=pl.lit(1.0)), "said", days, tickers))
    ratios, place = np.ones(asked.shape), {ticker: column for column, ticker in enumerate(tickers)}
    for ticker, ex_date, ratio in known.rows.iter_rows():
        row = bisect_left(days, ex_date)  # the first session from it on
        if ex_date == daily_files.NO_DAY:
            asked[:, place[ticker]] = False  # it may lie anywhere
        elif row < len(days):
            ratios[row, place[ticker]] *= math.nan if ratio is None else ratio
    return ratios, asked


def _without_prices(archive: Archive, days: Sequence[date]) -> list[str]:
    """What to say of sessions that have a screen and no prices, by what the receipts say became of the question."""
    by_state: dict[str, list[date]] = {}
    for day in days:
        receipt = archive.receipt(grouped_fetch.SOURCE, day)
        by_state.setdefault(str(receipt["state"]) if receipt else "not asked for", []).append(day)
    return [
        f"sessions with a screen and no prices of the market ({state}), {len(without):,}: {listing.named(without)}"
        for state, without in sorted(by_state.items())
    ]
