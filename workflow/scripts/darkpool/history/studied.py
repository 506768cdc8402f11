"""Does a score mean anything? The study of one scan, from its sessions' features and its archive's prices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from ..archive.store import Archive
from ..market import sessions, symbols
from ..measures.study import study
from ..measures.study.rank_correlation import Floats
from ..session import files
from ..session.selection import NotThere
from ..tables import contracts, study_table
from ..vendors.yahoo import price_history

FEATURES = ("offex_ratio", "trf_spike", "accum_score", "trf_percentile", "offex_ratio_z", "volume_z", "log_ratio")
_MARKET = ("symbol", "is_core", "volume_z", "volume_multiple")


class Panel(NamedTuple):
    """What is studied: consecutive sessions, tickers in byte order, and a matrix of both per feature; prices likewise.

    `without_dividends`: tickers of which a close lacks Yahoo's adjustment for dividends, so that its closes stand; None
    for all of them.
    """

    sessions: list[date]
    tickers: list[str]
    features: Mapping[str, Floats]
    prices: study.Prices
    without_dividends: tuple[str, ...] | None
    simulated: bool
    faults: tuple[str, ...]


def panel(folder: Path, archive: Archive) -> Panel:
    """From the sessions in `folder` (results/<scan>). Raises NotThere where there is none that can be read."""
    frames, simulated, faults = [], False, list[str]()
    for path in places(folder, files.FEATURES):
        try:
            frame = contracts.columns("features", path, ["date", "ticker", *FEATURES])
            simulated |= json.loads(contracts.metadata(path).get("simulated", "false"))
        except (ValueError, OSError) as error:
            faults.append(str(error))
            continue
        frames.append(frame)
    if not frames:
        raise NotThere(f"no session in {folder} can be studied: none has a table {files.FEATURES} that can be read")
    features = pl.concat(frames)
    tickers = sorted(features["ticker"].unique(), key=str.encode)
    spelling = {ticker: symbol for ticker in tickers if (symbol := symbols.to_yahoo(ticker))}
    history = price_history.read(archive, spelling)
    first, last = features["date"].min(), max([*features["date"], *history.rows["date"]])
    assert isinstance(first, date)
    days = sessions.between(first, last)
    matrices = {name: study.matrix(features, name, days, tickers) for name in FEATURES}
    opened, close, adjusted = (study.matrix(history.rows, name, days, tickers) for name in price_history.PRICES)
    whole: npt.NDArray[np.bool_] = np.all(np.isfinite(adjusted) | ~np.isfinite(close), axis=0)
    without = tuple(ticker for ticker, one in zip(tickers, whole.tolist(), strict=True) if not one)
    prices = study.Prices(opened, close, np.where(whole, adjusted, close))
    return Panel(
        days, tickers, matrices, prices, without if whole.any() else None, simulated, (*faults, *history.faults)
    )


def continuation(folder: Path) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """How unusual volume continues over the whole market, by the screens in `folder`: a row a horizon, and what of them
    could not be read."""
    frames, faults = [], list[str]()
    for path in places(folder, files.SCREEN):
        try:
            frame = contracts.columns("market_screen", path, ["date", *_MARKET]).filter("is_core")
        except (ValueError, OSError) as error:
            faults.append(str(error))
            continue
        frames.append(frame.rename({"symbol": "ticker"}).filter(pl.col("volume_z").is_not_null()))
    rows = pl.concat(frames) if frames else pl.DataFrame()
    if rows.is_empty():
        return [], tuple(faults)
    days = sessions.between(*(_day(rows["date"].min()), _day(rows["date"].max())))
    names = sorted(rows["ticker"].unique(), key=str.encode)
    z, multiple = (study.matrix(rows, name, days, names) for name in ("volume_z", "volume_multiple"))
    return study.continuation(z, multiple).to_dicts(), tuple(faults)


def write(folder: Path, archive: Archive) -> Path:
    """Study the scan in `folder` and write its table `study`; the same folders and archive give the same bytes."""
    found = panel(folder, archive)
    done = study.study(found.features, found.prices)
    continued, unread = continuation(folder)
    told = study_table.StudyTable(
        done.rows, str(found.sessions[0]), str(found.sessions[-1]), len(found.tickers), found.without_dividends,
        found.simulated, done.placebo, continued, (*found.faults, *unread),
    )  # fmt: skip
    path = folder / files.STUDY
    study_table.write(told, path)
    return path


def places(folder: Path, name: str) -> list[Path]:
    """A table of every session on disk, oldest first."""
    return sorted(folder.glob(f"????-??-??/{name}"))


def _day(value: object) -> date:
    assert isinstance(value, date)
    return value
