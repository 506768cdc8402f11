"""Where in price and time a ticker traded off-exchange: a heat map with its levels and the largest prints."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...market.sessions import NEW_YORK
from ...measures.prints.profile import STEP, Levels
from ...tables import glossary
from . import panel
from .style import BLUE, DIM, ORANGE, TEXT, VIOLET, WARN, save, style

WIDTH, HEIGHT = 9.6, 6.0
"""Inches."""
SECOND = 1_000_000_000


def draw(
    cells: pl.DataFrame,
    levels: Levels,
    blocks: pl.DataFrame,
    close: float | None,
    title: str,
    simulated: bool,
    path: Path,
) -> None:
    """Write the figure of one ticker and session: its rows of `trf_profile` and `trf_blocks`, and its close."""
    starts, lows = cells["start"].to_numpy(), cells["price_low"].to_numpy()
    width = float((cells["price_high"] - cells["price_low"]).median() or 0.0)  # type: ignore[arg-type]
    first = int(starts.min())
    columns = (starts - first) // STEP
    rows = np.round((lows - lows.min()) / width).astype(int)
    shares = np.zeros((rows.max() + 1, columns.max() + 1))
    held = (cells["buy"] + cells["sell"] + cells["neutral"]).to_numpy()
    np.add.at(shares, (rows, columns), held)
    ends = [lows.min() + width * place for place in range(shares.shape[0] + 1)]
    with style():
        figure = Figure(figsize=(WIDTH, HEIGHT))
        facts = f"point of control {_price(levels.control_low)} to {_price(levels.control_high)}, value area "
        facts += f"{_price(levels.value_low)} to {_price(levels.value_high)}, prints' mean {_price(levels.vwap)}"
        panel.titled_figure(figure, title, facts, simulated)
        grid = figure.add_gridspec(1, 2, width_ratios=(5, 1), left=0.09, right=0.97, bottom=0.16, top=0.84, wspace=0.03)
        axes, side = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
        moments = np.arange(shares.shape[1] + 1, dtype=float)
        axes.pcolormesh(moments, ends, np.ma.masked_equal(shares, 0.0), cmap="viridis", shading="flat")
        axes.axhspan(levels.value_low, levels.value_high, facecolor="none", edgecolor=DIM, linestyle="--", linewidth=1)
        axes.axhline((levels.control_low + levels.control_high) / 2, color=ORANGE, linewidth=1.2)
        if close is not None:
            axes.axhline(close, color=TEXT, linewidth=1, linestyle=":")
        inside = blocks.filter(pl.col("excluded") == "")
        axes.plot(
            (inside["time"].to_numpy() - first) / STEP, inside["price"].to_numpy(), "o", markersize=8,
            markerfacecolor="none", markeredgecolor=WARN, markeredgewidth=1.4,
        )  # fmt: skip
        places = range(0, shares.shape[1] + 1, 12)
        axes.set_xticks(list(places), [_clock(first + place * STEP) for place in places])
        axes.set_xlim(0, shares.shape[1])
        axes.set_ylim(ends[0], ends[-1])
        axes.set_ylabel("USD", fontsize=10, color=DIM)
        by_price = shares.sum(axis=1)
        side.barh(ends[:-1], by_price, height=width, align="edge", color=BLUE, alpha=0.8)
        side.step([0.0, *_lit(cells, lows.min(), width, len(by_price))], ends, color=VIOLET, linewidth=1, where="pre")
        side.set_ylim(ends[0], ends[-1])
        side.set_xlim(left=0)
        side.tick_params(labelleft=False, labelbottom=False)
        words = "shares by price; violet: lit. Circles: largest prints; orange: point of control; dots: close"
        figure.text(0.97, 0.105, words, fontsize=9, color=DIM, ha="right")
        save(figure, path)


def _lit(cells: pl.DataFrame, lowest: float, width: float, count: int) -> list[float]:
    found = np.zeros(count)
    places = np.round((cells["price_low"].to_numpy() - lowest) / width).astype(int)
    np.add.at(found, places, (cells["lit_buy"] + cells["lit_sell"] + cells["lit_neutral"]).to_numpy())
    return [float(shares) for shares in found]


def _price(value: float | None) -> str:
    return glossary.written("price", value)


def _clock(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / SECOND, UTC).astimezone(NEW_YORK):%H:%M}"
