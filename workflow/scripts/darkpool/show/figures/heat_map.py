"""A ticker's day as a heat map of time and price, in a figure of its own or as a panel of its plot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from ...measures.prints import levels as profile_levels
from ...tables import contracts
from .. import profile_grid
from .style import DIM, ORANGE, TEXT, WARN, Numbers

LABELLED_MINUTES = 60


@dataclass(frozen=True)
class Day:
    """One ticker and session: its rows of `trf_profile` and `trf_blocks`, what they amount to, and its close, USD."""

    cells: pl.DataFrame
    levels: profile_levels.Levels
    blocks: pl.DataFrame
    close: float | None


def days(profile: str | Path, blocks: str | Path, features: pl.DataFrame) -> dict[str, Day]:
    """The day of each ticker of one session that has a profile, from the session's tables and rows of features.

    A session of a version before the profile has no such file, and none of its tickers a day.
    """
    cells = contracts.read_if_there("trf_profile", profile).partition_by("ticker", as_dict=True)
    if not cells:
        return {}
    printed = contracts.read_if_there("trf_blocks", blocks)
    closes = dict(features.select("ticker", "close").iter_rows())
    return {
        ticker: Day(cells[(ticker,)], own, printed.filter(pl.col("ticker") == ticker), closes.get(ticker))
        for ticker, own in profile_levels.read(profile).items()
        if (ticker,) in cells
    }


class Drawn(NamedTuple):
    """The cells, and the least and the most shares of one."""

    mesh: Any
    least: float
    most: float


def shares_by_cell(cells: pl.DataFrame, grid: profile_grid.Grid, names: tuple[str, ...]) -> Numbers:
    """Shares of the columns `names` by bin and five minutes; what lies outside of the grid is left out."""
    five, bins = grid.places(cells["start"].to_numpy(), cells["price_low"].to_numpy())
    held = cells.select(pl.sum_horizontal(names)).to_series().to_numpy()
    inside = (five >= 0) & (five < grid.columns) & (bins >= 0) & (bins < grid.bins)
    shares = np.zeros((grid.bins, grid.columns))
    np.add.at(shares, (bins[inside], five[inside]), held[inside])
    return shares


def draw(axes: Axes, day: Day, grid: profile_grid.Grid) -> Drawn:
    """Shares of the prints by cell in logarithmic colours, so that one large cell leaves the others to be seen."""
    shares = shares_by_cell(day.cells, grid, ("buy", "sell", "neutral"))
    there = shares[shares > 0]
    least, most = float(there.min()), float(there.max())
    mesh = axes.pcolormesh(
        np.arange(grid.columns + 1, dtype=float), grid.edges, np.ma.masked_equal(shares, 0.0), cmap="viridis",
        norm=LogNorm(least, most if most > least else 2 * least), shading="flat",
    )  # fmt: skip
    levels = day.levels
    axes.axhspan(levels.value_low, levels.value_high, facecolor="none", edgecolor=DIM, linestyle="--", linewidth=1)
    axes.axhline(profile_levels.control(levels), color=ORANGE, linewidth=1.2)
    if day.close is not None:
        axes.axhline(day.close, color=TEXT, linewidth=1, linestyle=":")
    line = profile_levels.price_line(day.cells)
    axes.plot(grid.across(line["start"].to_numpy()) + 0.5, line["price"], color=TEXT, linewidth=0.9)
    inside = day.blocks.filter(pl.col("excluded") == "")
    axes.plot(
        grid.across(inside["time"].to_numpy()), inside["price"].to_numpy(), "o", markersize=7,
        markerfacecolor="none", markeredgecolor=WARN, markeredgewidth=1.3,
    )  # fmt: skip
    step = LABELLED_MINUTES // 5 * max(1, round(grid.columns / 84))
    first = -(grid.minute // 5) % step
    places = list(range(first, grid.columns + 1, step)) or [0]
    axes.set_xticks(places, [_clock(grid.minute + 5 * place) for place in places])
    axes.set_xlim(0, grid.columns)
    axes.set_ylim(grid.edges[0], grid.edges[-1])
    return Drawn(mesh, least, most)


def key(day: Day) -> str:
    """What the lines and marks are."""
    close = "dots: close; " if day.close is not None else ""
    return f"orange: point of control; dashed: value area; white: price; {close}circles: largest prints"


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"
