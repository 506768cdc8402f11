"""What the panels of a plot share: sessions side by side, room for the legend, and the scale of the page's plots."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from ...tables import glossary
from ...tables.glossary import LABELS
from .style import DIM, WARN, Numbers


@dataclass(frozen=True)
class Scale:
    """What the plots of one page share, so that they can be compared: the greatest ratio, the furthest log ratio.

    A ticker that lies outside has a scale of its own, and its plot says so: one odd day would flatten all the others.
    """

    ratio: float
    log: float


MOST_LOG = math.log(4)
POINTS_AN_INCH = 72
SECOND_ROW = 0.25
"""How much higher the scale ends for a row more of the legend."""
LETTER = 0.56
"""Width of a letter, in its size: a little more than that of the words in use."""


def shared_scale(windows: pl.DataFrame, *flows: pl.DataFrame) -> Scale:
    """The scale of a page's plots, from the columns offex_ratio of all windows and log_ratio of all flows.

    Ratios above 1 and log ratios beyond four to one do not count.
    """
    ratios = windows["offex_ratio"]
    logs = pl.concat([flow["log_ratio"] for flow in flows]).abs() if flows else pl.Series([], dtype=pl.Float64)
    greatest, furthest = ratios.filter(ratios <= 1).max(), logs.filter(logs <= MOST_LOG).max()
    return Scale(_float(greatest), _float(furthest))


def _float(value: object) -> float:
    return float(value) if isinstance(value, float | int) else 0.0


def titled_figure(figure: Figure, title: str, facts: str, simulated: bool) -> None:
    """Title and facts above the panels, the disclaimer below them; whether the vendors are simulated at the title."""
    height = figure.get_figheight()
    figure.text(0.03, 1 - 0.26 / height, title, fontsize=16, weight="bold", va="center")
    figure.text(0.03, 1 - 0.53 / height, facts, fontsize=11, color=DIM, va="center")
    footer = textwrap.fill(glossary.DISCLAIMER, 84)
    figure.text(0.03, 0.06 / height, footer, fontsize=9.5, color=DIM, va="bottom", linespacing=1.15)
    if simulated:
        figure.text(
            0.97, 1 - 0.26 / height, glossary.SIMULATED, fontsize=14, weight="bold", color=WARN, ha="right", va="center"
        )


def labelled(count: int) -> list[int]:
    """Which of so many sessions are labelled: about six, counted back from the last."""
    step = max(1, math.ceil(count / 6))
    return list(range(count - 1, -1, -step))[::-1]


def session_axis(axes: Axes, days: Sequence[Any], before: float = 1.0, labels: bool = True) -> None:
    """Sessions side by side, so that weekends are no gaps."""
    positions = labelled(len(days))
    axes.set_xlim(-before, len(days) if len(days) > 20 else len(days) - 0.4)
    axes.xaxis.set_major_locator(FixedLocator(positions))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{days[i]:%m-%d}" for i in positions] if labels else [""] * len(positions))


def headroom(axes: Axes, values: Numbers, most_ticks: int = 4, shared: float = 0.0) -> None:
    """From zero to a third above the greatest value: the legend lies in that third. `shared` is the page's greatest."""
    known = bool(np.isfinite(values).any())
    axes.set_ylim(0, (1.36 * max(float(np.nanmax(values)), shared) if known else 0.0) or 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(most_ticks) if known else NullLocator())


def titled(axes: Axes, title: str, is_own: bool) -> None:
    axes.set_title(f"{title}, {LABELS['own_scale']}" if is_own else title)


def is_beyond(values: Numbers, shared: float | None) -> bool:
    """Whether a value lies outside of what the page's plots share."""
    return shared is not None and bool((np.abs(values[np.isfinite(values)]) > shared + 1e-9).any())


def legend(axes: Axes, handles: list[Any]) -> int:
    """The legend at the upper left, in as many columns as the panel is wide enough for, four at most; returns its rows.

    More than one row take room from what is below them: the panel's scale, which begins at zero, ends higher.
    """
    room = axes.get_position().width * axes.figure.get_size_inches()[0] * POINTS_AN_INCH  # type: ignore[union-attr]
    columns = next((count for count in (4, 3, 2) if _width(handles, count) <= room), 1)
    axes.legend(
        handles=handles, loc="upper left", ncols=columns, handlelength=1.3, columnspacing=1.1, handletextpad=0.5,
        borderaxespad=0.1, borderpad=0.3,
    )  # fmt: skip
    rows = math.ceil(len(handles) / columns)
    axes.set_ylim(top=axes.get_ylim()[1] * (1 + SECOND_ROW * (rows - 1)))
    return rows


def _width(handles: list[Any], columns: int) -> float:
    """Points that a legend is wide, its letters taken as wide as the mean one: to measure it would draw the figure."""
    size = FontProperties(size=rcParams["legend.fontsize"]).get_size_in_points()
    parts = [part for part in np.array_split([len(handle.get_label()) for handle in handles], columns) if len(part)]
    return size * (LETTER * sum(int(part.max()) for part in parts) + (1.3 + 0.5 + 1.1) * len(parts))


def say_nothing(axes: Axes, words: str = LABELS["no_values"]) -> None:
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=DIM)
