"""A ticker's history as a plot: its ratio, its volume, its log ratio. The same history is the same bytes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ...tables import glossary
from ...tables.glossary import LABELS
from .. import profile_grid
from ..page.context import PageContext
from . import heat_map, log_ratio_panel, panel, style
from .panel import Scale
from .style import BAR, BLUE, DIM, DPI, ORANGE, TEXT, WARN, Numbers, mark_simulated, numbers, plain

LONGEST_TITLE = 70
"""Letters that fit above a panel; a longer title is written smaller."""
SPLIT_TOP, SPLIT_TOP_CROWDED = 0.82, 0.67
"""Where the words of a split end, in the panel's height: below a legend of one row, and of two."""
CLOSES = (0.06, 0.70)
"""Where in the panel the window's lowest and highest close lie, in its height."""


def draw(
    ticker: str,
    history: pl.DataFrame,
    flow: pl.DataFrame,
    context: PageContext,
    *paths: Path | str,
    weekly: pl.DataFrame | None = None,
    scale: Scale | None = None,
    day: heat_map.Day | None = None,
) -> None:
    """A ticker's window: off-exchange ratio, off-exchange volume with its mean, and the log ratio where there is one.

    Where the session's `day` is known, a heat map of it lies below.

    `history`: date, trf_volume?, offex_ratio?, trf_volume_on_basis?, trf_ma20?, close_on_basis? (USD; all three on the
    session's share basis), split_ratio? (on an ex_date), a row for every session of the window, ascending; missing
    sessions are nulls.
    `flow`: date, log_ratio?, trf_buy_ratio?, finra_off_exchange_volume?, classification_method, signal, and the bought
    part's intervals lit_buy_low?, lit_buy_high?, band_low?, band_high?; may be empty.
    `weekly`: the same without trf_buy_ratio, date the Monday of the week; where it has rows, the log ratio by week
    stands in place of the daily one, and says so.
    `scale` is that of the page the plot stands on, `shared_scale`; without one the plot has its own.
    Nulls are gaps, never interpolated. Raises ValueError where `history` is empty or its dates do not ascend, and where
    a date of `weekly` is no Monday.
    """
    days = history["date"]
    if history.is_empty() or not (days.is_sorted() and days.n_unique() == history.height):
        raise ValueError(f"history of {ticker}: expected the sessions of the window, ascending, each once")
    flow = flow.sort("date")
    by_week = weekly is not None and not weekly.is_empty()
    with_flow = by_week or flow["log_ratio"].is_not_null().any() or flow["trf_buy_ratio"].is_not_null().any()
    with style.style():
        figure, panels = _panels(3 if with_flow else 2, day is not None)
        _wipe(figure)
        _plot_title(figure, ticker, history, context)
        _draw_ratio(panels[0], history, scale)
        _draw_volume(panels[1], history, context)
        if weekly is not None and by_week:
            log_ratio_panel.draw_weeks(panels[2], log_ratio_panel.every_week(ticker, weekly), context, scale)
        elif with_flow:
            log_ratio_panel.draw_sessions(panels[2], log_ratio_panel.aligned(flow, history), context, scale)
        if day is not None:
            _draw_day(panels[-1], day)
        style.save(figure, *paths)


def _draw_day(axes: Axes, day: heat_map.Day) -> None:
    _, *ends = heat_map.draw(axes, day, profile_grid.of(day.cells))
    least, most = map(glossary.shares, ends)
    axes.set_title(f"Where it traded, USD; {least} (dark) to {most} shares (light)")
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(axis="y", labelsize=9)
    axes.text(
        0, -0.2, heat_map.key(day), transform=axes.transAxes, fontsize=9, color=DIM, va="top", ha="left", clip_on=False
    )


def _wipe(figure: Figure) -> None:
    """Take away what the last plot drew and keep the axes, which are the dearest part of a figure."""
    for axes in figure.axes:
        for artist in [*axes.lines, *axes.collections, *axes.patches, *axes.texts, *axes.artists]:
            artist.remove()
        if (legend := axes.get_legend()) is not None:
            legend.remove()
    for text in [*figure.texts]:
        text.remove()


@cache
def _panels(count: int, with_day: bool) -> tuple[Figure, list[Axes]]:
    """A figure for every plot, axes one below the other at fixed places in inches: nothing is laid out by content."""
    own = 3.1 if with_day else 0.0
    height = (7.6 if count == 3 else 5.2) + own
    figure = Figure(figsize=(7, height), dpi=DPI)
    above, below, gaps = 0.98, 0.72 + own, (0.42, 0.62)[: count - 1]
    each = (height - above - below - sum(gaps)) / count
    lows = [height - above - each * (i + 1) - sum(gaps[:i]) for i in range(count)]
    places = [(0.085, low / height, 0.885, each / height) for low in lows]
    if with_day:
        places.append((0.085, 1.12 / height, 0.885, 2.0 / height))
    return figure, [figure.add_axes(place) for place in places]


def _plot_title(figure: Figure, ticker: str, history: pl.DataFrame, context: PageContext) -> None:
    today = history.row(-1, named=True)
    volume, mean = today["trf_volume_on_basis"], today["trf_ma20"]
    spike = volume / mean if volume is not None and mean else None
    against = context.filled(LABELS["mean"])
    facts = (
        f"off-exchange {glossary.written('fraction', today['offex_ratio'])} of volume, "
        f"{glossary.written('shares', volume)} shares, "
        + (f"{against} unknown" if spike is None else f"{glossary.written('ratio', spike)} the {against}")
    )
    if volume is None:
        facts = LABELS["missing_today"]
    panel.titled_figure(figure, f"{plain(ticker, 16)}  {context.session}", facts, context.simulated)
    if context.simulated:
        mark_simulated(figure)


def _split_handles(history: pl.DataFrame) -> list[Line2D]:
    if not history["split_ratio"].is_not_null().any():
        return []
    return [Line2D([], [], color=WARN, linestyle=(0, (3, 2)), linewidth=1.1, label=LABELS["split"])]


def _mark_splits(axes: Axes, history: pl.DataFrame, legend_rows: int) -> None:
    """A dashed line before each session on which a split took effect, with its ratio, below the panel's legend."""
    ratios = numbers(history, "split_ratio")
    places = np.flatnonzero(np.isfinite(ratios))
    top = SPLIT_TOP if legend_rows < 2 else SPLIT_TOP_CROWDED
    axes.vlines(
        places - 0.5,
        0,
        top,
        colors=WARN,
        linestyles=(0, (3, 2)),
        linewidth=1.1,
        transform=axes.get_xaxis_transform(),
    )
    for place in places:
        late = place > 0.85 * len(ratios)
        axes.annotate(
            glossary.split_words(float(ratios[place])), (place - 0.5, top), xycoords=axes.get_xaxis_transform(),
            xytext=(-4 if late else 4, 0), textcoords="offset points", ha="right" if late else "left", va="top",
            color=WARN, fontsize=10.5,
        )  # fmt: skip


def _draw_ratio(axes: Axes, history: pl.DataFrame, scale: Scale | None) -> None:
    ratio = 100 * numbers(history, "offex_ratio")
    panel.titled(axes, LABELS["ratio_axis"], panel.is_beyond(ratio, 100 * scale.ratio if scale else None))
    panel.session_axis(axes, history["date"].to_list(), labels=False)
    panel.headroom(axes, ratio, shared=100 * scale.ratio if scale else 0.0)
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:g}" if value < 1e4 else glossary.shares(value))
    )
    (line,) = axes.plot(np.arange(len(ratio)), ratio, color=BLUE, marker="o", markersize=3.2, label=LABELS["ratio"])
    if np.isfinite(ratio).any():
        axes.plot(len(ratio) - 1, ratio[-1], "o", color=BLUE, markersize=7)
    else:
        panel.say_nothing(axes)
    _mark_splits(axes, history, panel.legend(axes, [line, *_split_handles(history)]))


def _volume_unit(values: Numbers) -> tuple[float, str]:
    greatest = float(np.nanmax(values, initial=0))
    scales = ((1e12, "trillion shares"), (1e9, "billion shares"), (1e6, "million shares"), (1e3, "thousand shares"))
    return next(((scale, unit) for scale, unit in scales if greatest >= scale), (1.0, "shares"))


def _draw_volume(axes: Axes, history: pl.DataFrame, context: PageContext) -> None:
    volume, mean = numbers(history, "trf_volume_on_basis"), numbers(history, "trf_ma20")
    both = np.concatenate([volume, mean])
    scale, unit = _volume_unit(both)
    title = LABELS["volume_axis"].format(unit=unit)
    if history["split_ratio"].is_not_null().any():
        title += ", " + LABELS["basis"].format(session=context.session)
    if history["close_on_basis"].is_not_null().any():
        title += "; " + LABELS["close_scale"]
    axes.set_title(title, fontsize=rcParams["axes.titlesize"] * min(1.0, LONGEST_TITLE / len(title)))
    panel.session_axis(axes, history["date"].to_list())
    panel.headroom(axes, both / scale)
    there = np.flatnonzero(np.isfinite(volume))
    missing = np.flatnonzero(~np.isfinite(volume))
    bars = PolyCollection(
        [[(i - 0.4, 0), (i + 0.4, 0), (i + 0.4, volume[i] / scale), (i - 0.4, volume[i] / scale)] for i in there],
        facecolors=[BLUE if i == len(volume) - 1 else BAR for i in there],
    )
    axes.add_collection(bars, autolim=False)
    (line,) = axes.plot(
        np.arange(len(mean)), mean / scale, color=ORANGE, linewidth=2, label=context.filled(LABELS["mean"])
    )
    alone = np.isfinite(mean) & ~np.isfinite(np.append(np.nan, mean[:-1])) & ~np.isfinite(np.append(mean[1:], np.nan))
    if alone.any():
        axes.plot(np.flatnonzero(alone), mean[alone] / scale, "_", color=ORANGE, markersize=9, markeredgewidth=2)
    handles: list[Any] = [Patch(facecolor=BAR, label=LABELS["volume"]), line]
    if len(missing):
        marks = axes.plot(
            missing, np.full(len(missing), 0.025), "x", color=DIM, markersize=4, label=LABELS["missing"], clip_on=False,
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip
        handles += marks
    if not len(there):
        panel.say_nothing(axes)
    handles += _draw_closes(axes, history)
    _mark_splits(axes, history, panel.legend(axes, handles + _split_handles(history)))


def _draw_closes(axes: Axes, history: pl.DataFrame) -> list[Line2D]:
    """The closes as a thin line over the bars, the least and greatest at fixed heights; returns its legend entry.

    A second axis would cost as much as a panel, and its ticks be read for shares: the legend gives the two ends.
    """
    close = numbers(history, "close_on_basis")
    if not np.isfinite(close).any():
        return []
    low, high = float(np.nanmin(close)), float(np.nanmax(close))
    place = (close - low) / (high - low) if high > low else np.where(np.isfinite(close), 0.5, np.nan)
    bottom, top = CLOSES
    words = LABELS["close"].format(low=glossary.written("price", low), high=glossary.written("price", high))
    return axes.plot(
        np.arange(len(close)), bottom + (top - bottom) * place, color=TEXT, linewidth=1.1, label=words,
        transform=axes.get_xaxis_transform(),
    )  # fmt: skip
