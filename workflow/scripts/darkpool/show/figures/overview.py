"""The watchlist as one figure: where the session's off-exchange ratios lie, and each ticker against its own window.

FINRA's file gives every symbol's off-exchange volume, but a ratio needs the consolidated volume too, which is asked for
the watchlist alone: the figure says so, and shows no market-wide distribution that nobody here could know.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from ...measures.unusual import window_z
from ...tables import glossary
from ...tables.facts import SPLIT_SCHEMA
from ...tables.glossary import LABELS
from ..page import banners, rows
from ..page.context import PageContext
from . import panel, style
from .style import BAND, BAR, DARK, DIM, DPI, LINE, ORANGE, VIOLET, WARN, numbers, plain

WIDTH, LEFT, RIGHT = 7.0, 0.95, 1.32
MOST_ROWS = 40
MOST_MARKS = 60
"""More tickers than these are counted in bars: their lines would run into one."""
ROW = 0.225
REACH = 3.0
"""Colours end here; what lies further is as bright as they get."""
NOTABLE = 2.0
BIN = 2.5
"""Percentage points of a bar of the distribution."""
LEAST = 20.0
"""The axis of the distribution reaches this far at least."""


def draw(
    features: pl.DataFrame,
    merged: pl.DataFrame,
    context: PageContext,
    *paths: Path | str,
    splits: pl.DataFrame | None = None,
    least: int = 20,
) -> None:
    """Distribution of the watchlist's ratios over the window with the session marked, and ticker by session as a map.

    `features` may hold other sessions, which are not drawn; `merged`: date, ticker, trf_volume?, offex_ratio?, the
    window; `splits` in it: ticker, ex_date, ratio?. Rows are in the order of the table, 40 at most, then a line says
    how many more. `least` is history.min_sessions.
    Raises ValueError as `page_html.render_html` does.
    """
    rows.check(features, context)
    simulated = banners.is_simulated(features, context)
    session = rows.ranked(features.filter(pl.col("date") == context.session))
    days = merged["date"].unique().sort().to_list()
    events = pl.DataFrame(schema=SPLIT_SCHEMA) if splits is None else splits
    z = window_z(merged, events, context.session, least)
    with style.style():
        figure = _figure(session, merged, z, days, context, simulated)
        style.save(figure, *paths)


def _figure(
    session: pl.DataFrame,
    merged: pl.DataFrame,
    z: pl.DataFrame,
    days: list[date],
    context: PageContext,
    simulated: bool,
) -> Figure:
    shown, rows = session.head(MOST_ROWS), min(session.height, MOST_ROWS)
    above, spread, between, below = 0.98, 1.55, 1.12, 0.92
    more = session.height - rows
    height = above + spread + between + ROW * max(rows, 2) + below + (0.25 if more else 0)
    figure = Figure(figsize=(WIDTH, height), dpi=DPI)
    _title(figure, session, context, simulated)
    top = figure.add_axes((0.085, (height - above - spread) / height, 0.885, spread / height))
    _distribution(top, session, merged, context)
    bottom = (height - above - spread - between - ROW * max(rows, 2)) / height
    heat = figure.add_axes((LEFT / WIDTH, bottom, 1 - (LEFT + RIGHT) / WIDTH, ROW * max(rows, 2) / height))
    _heat(heat, shown, z, days)
    _key(figure, heat, height - above - spread - 0.74, height)
    if more:
        figure.text(LEFT / WIDTH, bottom - 0.42 / height, f"and {more} more on the page, table.html", color=DIM,
                    fontsize=10.5, va="top")  # fmt: skip
    if simulated:
        style.mark_simulated(figure)
    return figure


def _title(figure: Figure, session: pl.DataFrame, context: PageContext, simulated: bool) -> None:
    known = session["offex_ratio"].drop_nulls()
    facts = f"{len(known)} of {session.height} tickers with a ratio" + (
        f", median {glossary.written('fraction', known.median())}; the watchlist, not the market" if len(known) else ""
    )
    words = f"{LABELS['overview']} {plain(context.scan, 24)}  {context.session}"
    panel.titled_figure(figure, words, facts, simulated)


def _distribution(axes: Axes, session: pl.DataFrame, merged: pl.DataFrame, context: PageContext) -> None:
    """How often each ratio stands in the window, as bars; each ticker's of the session as a line below the bars."""
    window = 100 * numbers(merged.filter(pl.col("date") < context.session).drop_nulls("offex_ratio"), "offex_ratio")
    today = session.drop_nulls("offex_ratio").sort("offex_ratio")
    marks = 100 * numbers(today, "offex_ratio")
    axes.set_title(LABELS["distribution"])
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.yaxis.set_major_locator(NullLocator())
    axes.set_ylim(-0.3, 1.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    both = np.concatenate([window, marks])
    if not len(both):
        axes.set_xlim(0, 100)
        axes.xaxis.set_major_locator(NullLocator())
        panel.say_nothing(axes)
        return
    # A single absurd ratio, a thousand times the volume, must not press all the others into one bar.
    end = BIN * math.ceil(max(min(both.max(), 100.0), LEAST) / BIN)
    axes.set_xlim(0, end * 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    counts, edges = np.histogram(np.minimum(window, end - 1e-9), bins=np.arange(0, end + BIN / 2, BIN))
    tall = counts / max(counts.max(), 1)
    axes.add_collection(PolyCollection(_bars(edges, tall), facecolors=BAR), autolim=False)
    if len(marks) <= MOST_MARKS:
        axes.vlines(np.minimum(marks, end), -0.25, -0.05, colors=ORANGE, linewidth=2)
        _name_ends(axes, today["ticker"].to_list(), np.minimum(marks, end), end)
    else:
        counts, _ = np.histogram(np.minimum(marks, end - 1e-9), bins=edges)
        axes.add_collection(
            PolyCollection(_bars(edges, -0.28 * counts / counts.max()), facecolors=ORANGE), autolim=False
        )
    axes.axhline(0, color=LINE, linewidth=0.8)
    handles: list[Any] = [
        Patch(facecolor=BAR, label=LABELS["distribution_bars"].format(count=f"{len(window):,}")),
        Line2D([], [], color=ORANGE, linewidth=2, linestyle="none", marker="|", markersize=10, markeredgewidth=2,
               label=LABELS["distribution_marks"].format(session=context.session, count=len(marks))),
    ]  # fmt: skip
    axes.legend(handles=handles, loc="upper left", ncols=2, borderaxespad=0.1, borderpad=0.3, handlelength=1.3)


def _bars(edges: NDArray[np.float64], heights: NDArray[np.float64]) -> list[list[tuple[float, float]]]:
    lows = zip(edges[:-1] + 0.2, edges[1:] - 0.2, heights, strict=True)
    return [[(low, 0), (high, 0), (high, y), (low, y)] for low, high, y in lows]


def _name_ends(axes: Axes, tickers: Sequence[str], marks: NDArray[np.float64], end: float) -> None:
    """The tickers with the lowest and the highest ratio, at their marks."""
    if not len(marks):
        return
    apart = marks[-1] - marks[0] > 0.1 * end
    for place in (0, len(marks) - 1) if apart else (len(marks) - 1,):
        x, ha = float(marks[place]), "right" if place == 0 and apart else "left"
        ha = "left" if x < 0.15 * end else "right" if x > 0.85 * end else ha
        axes.annotate(plain(tickers[place], 10), (x, -0.15), xytext=(5 if ha == "left" else -5, 0), ha=ha, va="center",
                      textcoords="offset points", fontsize=10.5, color=ORANGE)  # fmt: skip


@cache
def _colours() -> Colormap:
    return LinearSegmentedColormap.from_list("window", [(0.0, VIOLET), (0.5, "#1d2733"), (1.0, WARN)], N=61)


def _heat(axes: Axes, shown: pl.DataFrame, z: pl.DataFrame, days: list[date]) -> None:
    """A row a ticker, a column a session; what is unknown is left dark and crossed out."""
    tickers = shown["ticker"].to_list()
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.yaxis.set_major_locator(NullLocator())
    axes.xaxis.set_major_locator(NullLocator())
    axes.set_xlim(0, max(len(days), 1))
    axes.set_ylim(max(len(tickers), 2), 0)
    if not tickers or not days:
        panel.say_nothing(axes, LABELS["no_ticker"])
        return
    grid = _grid(z, tickers, days)
    mesh = axes.pcolormesh(
        np.ma.masked_invalid(grid), cmap=_colours(), vmin=-REACH, vmax=REACH, edgecolors=BAND, linewidth=0.4
    )
    mesh.set_rasterized(False)
    for sign, marker in ((1, "+"), (-1, "_")):
        rows, columns = np.nonzero(np.nan_to_num(sign * grid) >= NOTABLE)
        axes.scatter(columns + 0.5, rows + 0.5, s=18, c=DARK, marker=marker, linewidths=1.1)
    rows, columns = np.nonzero(np.isnan(grid))
    axes.scatter(columns + 0.5, rows + 0.5, s=9, c="#52657b", marker="x", linewidths=0.7)
    _name_rows(axes, shown, len(days))
    places = panel.labelled(len(days))
    axes.xaxis.set_major_locator(FixedLocator([place + 0.5 for place in places]))
    axes.set_xticklabels([f"{days[place]:%m-%d}" for place in places])


def _grid(z: pl.DataFrame, tickers: Sequence[str], days: Sequence[date]) -> NDArray[np.float64]:
    row, column = {name: i for i, name in enumerate(tickers)}, {day: i for i, day in enumerate(days)}
    grid = np.full((len(tickers), len(days)), math.nan)
    for day, ticker, value in z.iter_rows():
        if ticker in row and value is not None:
            grid[row[ticker], column[day]] = value
    return grid


def _name_rows(axes: Axes, shown: pl.DataFrame, width: int) -> None:
    """Ticker on the left; the session's ratio and its z on the right."""

    def write(x: float, y: float, text: str, points: float, **look: Any) -> None:
        axes.annotate(text, (x, y), xytext=(points, 0), textcoords="offset points", ha="right", va="center",
                      annotation_clip=False, **{"fontsize": 10.5, **look})  # fmt: skip

    for words, points in (("ratio", 46), ("z", 84)):
        write(width, -0.55, words, points, color=DIM)
    for i, (ticker, ratio, z) in enumerate(shown.select("ticker", "offex_ratio", "offex_ratio_z").iter_rows()):
        write(0, i + 0.5, plain(ticker, 9), -5, weight="bold")
        write(width, i + 0.5, glossary.written("fraction", ratio), 46)
        write(width, i + 0.5, glossary.written("signed", z), 84, color=DIM)


def _key(figure: Figure, heat: Axes, inches: float, height: float) -> None:
    """Title of the map and the meaning of its colours and signs."""
    figure.text(0.03, (inches + 0.2) / height, LABELS["heat"], fontsize=12, va="center")
    key = figure.add_axes((0.03, (inches - 0.13) / height, 0.26, 0.13 / height))
    key.pcolormesh(np.linspace(-REACH, REACH, 62), [0, 1], np.linspace(-REACH, REACH, 61)[None, :], cmap=_colours())
    key.set_axis_off()
    y = (inches - 0.065) / height
    words = f"−{REACH:g} to +{REACH:g} σ    {LABELS['heat_signs']}    × unknown"
    figure.text(0.305, y, words, fontsize=10.5, color=DIM, va="center")
