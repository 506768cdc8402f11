"""The study as a figure: a panel per feature, its correlation with the return against what chance alone would give."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...tables import glossary
from .. import study_words
from . import panel
from .style import BLUE, DIM, ORANGE, TEXT, save, style

COLUMNS = 3
WIDTH, ROW_HEIGHT, HEAD = 9.6, 2.4, 1.1
"""Inches."""
COLOUR = {"too_little": DIM, "none": TEXT, "signal": ORANGE, "net_of_cost": BLUE}


def draw(
    rows: pl.DataFrame,
    placebo: Mapping[tuple[str, int], tuple[float, float]],
    title: str,
    facts: str,
    simulated: bool,
    path: Path,
) -> None:
    """Write the figure of the table `study`; `placebo` as it carries it."""
    names = list(dict.fromkeys(rows["feature"]))
    lines = -(-len(names) // COLUMNS)
    ends = [rows["ic_low"].min(), rows["ic_high"].max(), *(end for pair in placebo.values() for end in pair)]
    known = [abs(end) for end in ends if isinstance(end, float)]
    most = 1.1 * max(known, default=0.1)
    with style():
        height = HEAD + ROW_HEIGHT * lines + 0.5
        figure = Figure(figsize=(WIDTH, height))
        panel.titled_figure(figure, title, facts, simulated)
        bottom, top = 0.75 / height, 1 - HEAD / height
        grid = figure.add_gridspec(
            lines, COLUMNS, left=0.08, right=0.98, bottom=bottom, top=top, hspace=0.55, wspace=0.12
        )
        for number, name in enumerate(names):
            axes = figure.add_subplot(grid[number // COLUMNS, number % COLUMNS])
            _panel(axes, name, rows.filter(pl.col("feature") == name), placebo)
            axes.set_ylim(-most, most)
            if number % COLUMNS:
                axes.tick_params(labelleft=False)
            else:
                axes.set_ylabel("IC", fontsize=10, color=DIM)
        save(figure, path)


def _panel(axes: Axes, name: str, rows: pl.DataFrame, placebo: Mapping[tuple[str, int], tuple[float, float]]) -> None:
    axes.set_title(study_words.label(name), fontsize=11, loc="left")
    axes.axhline(0, color=DIM, linewidth=0.8)
    at = [float(place) for place in range(rows.height)]
    for x, row in zip(at, rows.iter_rows(named=True), strict=True):
        if ends := placebo.get((name, row["horizon"])):
            axes.fill_between([x - 0.32, x + 0.32], *ends, color=DIM, alpha=0.3, linewidth=0)
        if row["ic_mean"] is None:
            axes.text(x, 0, glossary.UNKNOWN, ha="center", va="center", color=DIM, fontsize=11)
            continue
        colour = COLOUR[row["verdict"]]
        if row["ic_low"] is not None:
            axes.plot([x, x], [row["ic_low"], row["ic_high"]], color=colour, linewidth=1.8)
        hollow = row["verdict"] in ("too_little", "none")
        axes.plot([x], [row["ic_mean"]], "o", color=colour, markerfacecolor="none" if hollow else colour, markersize=6)
    axes.set_xticks(at, [f"{horizon} d" for horizon in rows["horizon"]])
    axes.set_xlim(-0.6, rows.height - 0.4)
