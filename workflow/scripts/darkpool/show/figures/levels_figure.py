"""A ticker's levels over sessions: points of control, value areas and the largest prints, on one share basis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from ...measures.prints import levels
from ...tables import glossary
from . import panel
from .style import BAR, DIM, ORANGE, TEXT, WARN, numbers, save, style

WIDTH, HEIGHT = 9.6, 5.2
"""Inches."""


def draw(ticker: str, found: levels.Over, simulated: bool, path: Path) -> None:
    """Write the figure of the one ticker that `found` holds."""
    days = found.days["date"].to_list()
    low, high = numbers(found.days, "value_low"), numbers(found.days, "value_high")
    with style():
        figure = Figure(figsize=(WIDTH, HEIGHT))
        title = f"{ticker}: levels of {len(days)} sessions to {days[-1]}"
        panel.titled_figure(
            figure, title, f"USD on the share basis of {days[-1]}. {glossary.LEVEL_SENTENCE}", simulated
        )
        axes = figure.add_axes((0.09, 0.2, 0.88, 0.62))
        for place, (bottom, top) in enumerate(zip(low, high, strict=True)):
            axes.add_patch(Rectangle((place - 0.36, bottom), 0.72, top - bottom, facecolor=BAR, alpha=0.55))
        control = numbers(found.days, "control")
        axes.hlines(control, np.arange(len(days)) - 0.36, np.arange(len(days)) + 0.36, color=ORANGE, linewidth=2)
        axes.plot(np.arange(len(days)), numbers(found.days, "close"), "o-", color=TEXT, linewidth=1, markersize=3)
        at = [days.index(day) if day in days else np.nan for day in found.prints["date"]]
        axes.plot(
            at, found.prints["price"].to_numpy(), "o", markersize=9, markerfacecolor="none", markeredgecolor=WARN,
            markeredgewidth=1.4,
        )  # fmt: skip
        panel.session_axis(axes, days)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        words = "bars: value areas; orange: points of control; white: closes; circles: the ten largest prints"
        figure.text(0.97, 0.105, words, fontsize=9, color=DIM, ha="right")
        save(figure, path)
