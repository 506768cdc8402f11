"""Where in price and time a ticker traded off-exchange: a heat map with its levels and the largest prints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ...tables import glossary
from .. import profile_grid
from . import heat_map, panel
from .heat_map import Day
from .style import BLUE, DIM, VIOLET, save, style

WIDTH, HEIGHT = 9.6, 6.0
"""Inches."""


def draw(day: Day, title: str, simulated: bool, path: Path) -> None:
    """Write the figure of one ticker and session."""
    grid, levels = profile_grid.of(day.cells), day.levels
    with style():
        figure = Figure(figsize=(WIDTH, HEIGHT))
        facts = f"point of control {_price(levels.control_low)} to {_price(levels.control_high)}, value area "
        facts += f"{_price(levels.value_low)} to {_price(levels.value_high)}, prints' mean {_price(levels.vwap)}"
        panel.titled_figure(figure, title, facts, simulated)
        places = figure.add_gridspec(
            1, 3, width_ratios=(5, 1, 0.12), left=0.09, right=0.93, bottom=0.16, top=0.84, wspace=0.06
        )
        axes, side, key = (figure.add_subplot(places[at]) for at in range(3))
        mesh = heat_map.draw(axes, day, grid).mesh
        axes.set_ylabel("USD", fontsize=10, color=DIM)
        by_price = heat_map.shares_by_cell(day.cells, grid, ("buy", "sell", "neutral")).sum(axis=1)
        lit = heat_map.shares_by_cell(day.cells, grid, ("lit_buy", "lit_sell", "lit_neutral")).sum(axis=1)
        side.barh(grid.edges[:-1], by_price, height=grid.width, align="edge", color=BLUE, alpha=0.8)
        side.step(np.concatenate([[0.0], lit]), grid.edges, color=VIOLET, linewidth=1, where="pre")
        side.set_ylim(grid.edges[0], grid.edges[-1])
        side.set_xlim(left=0)
        side.tick_params(labelleft=False, labelbottom=False)
        bar = figure.colorbar(mesh, cax=key, format=FuncFormatter(lambda value, _: glossary.shares(value)))
        bar.ax.tick_params(labelsize=9, which="major")
        bar.outline.set_visible(False)
        words = f"{heat_map.key(day)}. Right: shares by price, violet: lit"
        figure.text(0.09, 0.095, words, fontsize=9, color=DIM)
        save(figure, path)


def _price(value: float | None) -> str:
    return glossary.written("price", value)
