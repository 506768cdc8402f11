"""The figures a person reads: the table as a picture, and each ticker's history. The same figure is the same bytes."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from ...tables import glossary
from ...tables.glossary import COLUMNS, LABELS
from ..page import view
from ..page.view import PageContext
from . import style
from .style import (
    BAND,
    BAR,
    BLUE,
    DARK,
    DIM,
    DPI,
    LINE,
    ORANGE,
    RAISED,
    TEXT,
    WARN,
    Numbers,
    mark_simulated,
    numbers,
    plain,
)

MOST_ROWS = 60
SIGNAL_COLOUR = {"BOT": BLUE, "SELL": ORANGE, "": TEXT}
METHOD_MARKER = {
    "NBBO": "o",
    "NBBO+TICK": "s",
    "TICK": "^",
    "TICK_CARRY": "v",
    "LEE_READY": "D",
    "EMO": "P",
    "CLNV": "X",
    "BARS": "d",
    "weekly": "o",
}
OTHER_MARKER = "*"
WEEKLY = "weekly"
"""The method of a week's log ratio: its sessions may have been signed by several."""
MOST_ANNOTATED = 12
SPLIT_TOP = 0.82


@dataclass(frozen=True)
class Scale:
    """What the plots of one page share, so that they can be compared: the greatest ratio, the furthest log ratio.

    A ticker that lies outside has a scale of its own, and its plot says so: one odd day would flatten all the others.
    """

    ratio: float
    log: float


MOST_LOG = math.log(4)


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


def table_png(features: pl.DataFrame, context: PageContext, *paths: Path | str) -> None:
    """The session's rows of `features` as a picture, best score first; above 60 rows a line says how many more.

    Other sessions of `features` are not drawn. Raises ValueError as `page_html.render_html` does.
    """
    view.check(features, context)
    simulated = view.is_simulated(features, context)
    session = view.ranked(features.filter(pl.col("date") == context.session))
    grid = [_table_row(record) for record in session.head(MOST_ROWS).iter_rows(named=True)]
    with style.style():
        figure = _draw_table(grid, session.height - len(grid), view.counts(session), simulated, context)
        style.save(figure, *paths)


def _table_row(record: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Text, exact value and look (plain, dim, BOT, SELL, warn) of every cell of a row."""
    muted = view.is_muted(record["quality"])
    cells = []
    for name in COLUMNS:
        if name == "quality":
            labels = (glossary.term(glossary.FLAGS, flag).label for flag in glossary.flags_of(record["quality"]))
            cells.append((plain(", ".join(labels), 60), "", "warn"))
            continue
        if name == "ticker":
            cells.append((plain(record["ticker"], 14), "", "bold"))
            continue
        cell = view.cell(name, record)
        look = "dim" if cell.kind == "unknown" or (muted and name in view.INFERRED) else "plain"
        if name == "signal" and look == "plain":
            look = cell.value or "dim"
        cells.append((cell.text, cell.value, look))
    return cells


def _head_lines(counts: dict[str, int], context: PageContext) -> list[str]:
    told = ", ".join(f"{count} {label}" for label, count in counts.items())
    lines = [
        f"Scan {context.scan}, mode {context.mode}, {context.ma}-session mean, {context.window}-session window. "
        f"{context.filled(glossary.SIGNAL_RULE)} {sum(counts.values())} tickers: {told}."
    ]
    for source in view.sources(context):
        reasons = " ".join(text for text in (source["reason"], source["detail"]) if text)
        lines.append(
            f"{source['source']}: {source['state']}, {source['fetched']}" + (f". {reasons}" if reasons else "")
        )
    return [plain(line, 230) for line in (*lines, *(f"Note: {note}" for note in context.notes), glossary.DISCLAIMER)]


def _draw_table(
    grid: list[list[tuple[str, str, str]]], more: int, counts: dict[str, int], simulated: bool, context: PageContext
) -> Figure:
    em, row_height, size, margin = 0.084, 0.235, 9.0, 0.25
    columns = list(COLUMNS.values())
    labels = [(context.filled(column.label), column.unit) for column in columns]
    widths = [
        em * max(1.08 * len(label), 0.92 * len(unit), *(1.04 * len(row[i][0]) for row in grid), 3) + 0.16
        for i, (label, unit) in enumerate(labels)
    ]
    head = _head_lines(counts, context)
    top = 0.62 + 0.2 * len(head) + 0.75
    width, height = sum(widths) + 2 * margin, top + row_height * (max(len(grid), 1) + (more > 0)) + 0.25
    figure = Figure(figsize=(width, height), dpi=DPI)

    def write(x: float, y: float, text: str, **look: Any) -> None:
        figure.text(x / width, 1 - y / height, text, **{"va": "center", "fontsize": size, **look})

    title = f"{LABELS['title']} {context.session}"
    write(margin, 0.34, (f"{glossary.SIMULATED}  " if simulated else "") + title,
          fontsize=15, weight="bold", color=WARN if simulated else TEXT)  # fmt: skip
    for i, line in enumerate(head):
        write(margin, 0.68 + 0.2 * i, line, color=TEXT if line == glossary.DISCLAIMER else DIM)
    edges = np.concatenate([[margin], margin + np.cumsum(widths)])
    _table_ground(figure, width, height, top, row_height, rows=len(grid))
    group = ""
    for i, (column, (label, unit)) in enumerate(zip(columns, labels, strict=True)):
        left, right = edges[i] + 0.08, edges[i + 1] - 0.08
        x, ha = (right, "right") if column.kind != "text" else (left, "left")
        if column.group != group:
            group = column.group
            write(left, top - 0.62, group, color=DIM, fontsize=8)
            _rule(figure, edges[i] / width, 1 - (top - 0.75) / height, 1 - (top + row_height * len(grid)) / height)
        write(x, top - 0.37, label, ha=ha, weight="bold")
        write(x, top - 0.16, unit, ha=ha, color=DIM, fontsize=8)
        for j, row in enumerate(grid):
            write(x, top + row_height * (j + 0.5), row[i][0], ha=ha, **_look(row[i][2]))
    last = top + row_height * (len(grid) + 0.5)
    if more:
        write(margin, last, f"and {more} more on the page, table.html", color=DIM)
    if not grid:
        write(margin, last, "No ticker in this session.", color=DIM)
    if simulated:
        mark_simulated(figure)
    return figure


def _look(look: str) -> dict[str, Any]:
    match look:
        case "BOT" | "SELL":
            box = {"boxstyle": "round,pad=0.22", "facecolor": SIGNAL_COLOUR[look], "edgecolor": "none"}
            return {"color": DARK, "weight": "bold", "bbox": box}
        case "dim":
            return {"color": DIM, "style": "italic"}
        case "warn":
            return {"color": WARN}
        case "bold":
            return {"weight": "bold"}
    return {"color": TEXT}


def _rule(figure: Figure, x: float, y0: float, y1: float) -> None:
    figure.add_artist(Line2D([x, x], [y0, y1], color=LINE, linewidth=0.8, zorder=0.5))


def _table_ground(figure: Figure, width: float, height: float, top: float, row_height: float, *, rows: int) -> None:
    """Raised header and a band behind every other row."""
    left, right = 0.25 / width, 1 - 0.25 / width
    bands = [(top - 0.75, top, RAISED)]
    bands += [(top + row_height * j, top + row_height * (j + 1), BAND) for j in range(0, rows, 2)]
    for y0, y1, colour in bands:
        low, high = 1 - y1 / height, 1 - y0 / height
        band = PolyCollection(
            [[(left, low), (right, low), (right, high), (left, high)]], facecolors=colour, zorder=0.1,
            transform=figure.transFigure,
        )  # fmt: skip
        figure.add_artist(band)


def ticker_plot(
    ticker: str,
    history: pl.DataFrame,
    flow: pl.DataFrame,
    context: PageContext,
    *paths: Path | str,
    weekly: pl.DataFrame | None = None,
    scale: Scale | None = None,
) -> None:
    """A ticker's window: off-exchange ratio, off-exchange volume with its mean, and the log ratio where there is one.

    `history`: date, trf_volume?, offex_ratio?, trf_volume_on_basis?, trf_ma20? (both on the session's share basis),
    split_ratio? (on an ex_date), a row for every session of the window, ascending; missing sessions are nulls.
    `flow`: date, log_ratio?, trf_buy_ratio?, finra_off_exchange_volume?, classification_method, signal; may be empty.
    `weekly`: date (Monday of the week), log_ratio?, finra_off_exchange_volume?, classification_method, signal; where it
    has rows, the log ratio by week stands in place of the daily one, and says so.
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
        figure, panels = _panels(3 if with_flow else 2)
        _wipe(figure)
        _plot_title(figure, ticker, history, context)
        _draw_ratio(panels[0], history, scale)
        _draw_volume(panels[1], history, context)
        if weekly is not None and by_week:
            _draw_weeks(panels[2], _every_week(ticker, weekly), context, scale)
        elif with_flow:
            _draw_flow(panels[2], _aligned(flow, history), context, scale)
        style.save(figure, *paths)


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
def _panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure for every plot, axes one below the other at fixed places in inches: nothing is laid out by content."""
    height = 7.6 if count == 3 else 5.2
    figure = Figure(figsize=(7, height), dpi=DPI)
    above, below, gaps = 0.98, 0.72, (0.42, 0.62)[: count - 1]
    each = (height - above - below - sum(gaps)) / count
    lows = [height - above - each * (i + 1) - sum(gaps[:i]) for i in range(count)]
    return figure, [figure.add_axes((0.085, low / height, 0.885, each / height)) for low in lows]


def _plot_title(figure: Figure, ticker: str, history: pl.DataFrame, context: PageContext) -> None:
    height = figure.get_figheight()
    today = history.row(-1, named=True)
    volume, mean = today["trf_volume_on_basis"], today["trf_ma20"]
    spike = volume / mean if volume is not None and mean else None
    against = context.filled(LABELS["mean"])
    facts = (
        f"off-exchange {glossary.written('fraction', today['offex_ratio'])} of volume, "
        f"{glossary.written('shares', volume)} shares, "
        + (f"{against} unknown" if spike is None else f"{glossary.written('ratio', spike)} the {against}")
    )
    figure.text(
        0.03, 1 - 0.26 / height, f"{plain(ticker, 16)}  {context.session}", fontsize=16, weight="bold", va="center"
    )
    if volume is None:
        facts = LABELS["missing_today"]
    figure.text(0.03, 1 - 0.53 / height, facts, fontsize=11, color=DIM, va="center")
    footer = textwrap.fill(glossary.DISCLAIMER, 84)
    figure.text(0.03, 0.06 / height, footer, fontsize=9.5, color=DIM, va="bottom", linespacing=1.15)
    if context.simulated:
        figure.text(
            0.97, 1 - 0.26 / height, glossary.SIMULATED, fontsize=14, weight="bold", color=WARN, ha="right", va="center"
        )
        mark_simulated(figure)


def _session_axis(axes: Axes, days: Sequence[Any], before: float = 1.0, labels: bool = True) -> None:
    """Sessions side by side, so that weekends are no gaps; about six labels, counted back from the last session."""
    step = max(1, math.ceil(len(days) / 6))
    positions = list(range(len(days) - 1, -1, -step))[::-1]
    axes.set_xlim(-before, len(days) if len(days) > 20 else len(days) - 0.4)
    axes.xaxis.set_major_locator(FixedLocator(positions))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{days[i]:%m-%d}" for i in positions] if labels else [""] * len(positions))


def _headroom(axes: Axes, values: Numbers, most_ticks: int = 4, shared: float = 0.0) -> None:
    """From zero to a third above the greatest value: the legend lies in that third. `shared` is the page's greatest."""
    known = bool(np.isfinite(values).any())
    axes.set_ylim(0, (1.36 * max(float(np.nanmax(values)), shared) if known else 0.0) or 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(most_ticks) if known else NullLocator())


def _titled(axes: Axes, title: str, is_own: bool) -> None:
    axes.set_title(f"{title}, {LABELS['own_scale']}" if is_own else title)


def _beyond(values: Numbers, shared: float | None) -> bool:
    """Whether a value lies outside of what the page's plots share."""
    return shared is not None and bool((np.abs(values[np.isfinite(values)]) > shared + 1e-9).any())


def _legend(axes: Axes, handles: list[Any]) -> None:
    axes.legend(
        handles=handles, loc="upper left", ncols=4, handlelength=1.3, columnspacing=1.1, handletextpad=0.5,
        borderaxespad=0.1, borderpad=0.3,
    )  # fmt: skip


def _nothing(axes: Axes) -> None:
    axes.text(0.5, 0.5, LABELS["no_values"], transform=axes.transAxes, ha="center", va="center", color=DIM)


def _mark_splits(axes: Axes, history: pl.DataFrame) -> list[Line2D]:
    """A dashed line before each session on which a split took effect, with its ratio; returns its legend entry."""
    ratios = numbers(history, "split_ratio")
    places = np.flatnonzero(np.isfinite(ratios))
    if not len(places):
        return []
    axes.vlines(
        places - 0.5,
        0,
        SPLIT_TOP,
        colors=WARN,
        linestyles=(0, (3, 2)),
        linewidth=1.1,
        transform=axes.get_xaxis_transform(),
    )
    for place in places:
        late = place > 0.85 * len(ratios)
        axes.annotate(
            glossary.split_words(float(ratios[place])), (place - 0.5, SPLIT_TOP), xycoords=axes.get_xaxis_transform(),
            xytext=(-4 if late else 4, 0), textcoords="offset points", ha="right" if late else "left", va="top",
            color=WARN, fontsize=10.5,
        )  # fmt: skip
    return [Line2D([], [], color=WARN, linestyle=(0, (3, 2)), linewidth=1.1, label=LABELS["split"])]


def _draw_ratio(axes: Axes, history: pl.DataFrame, scale: Scale | None) -> None:
    ratio = 100 * numbers(history, "offex_ratio")
    _titled(axes, LABELS["ratio_axis"], _beyond(ratio, 100 * scale.ratio if scale else None))
    _session_axis(axes, history["date"].to_list(), labels=False)
    _headroom(axes, ratio, shared=100 * scale.ratio if scale else 0.0)
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:g}" if value < 1e4 else glossary.shares(value))
    )
    (line,) = axes.plot(np.arange(len(ratio)), ratio, color=BLUE, marker="o", markersize=3.2, label=LABELS["ratio"])
    if np.isfinite(ratio).any():
        axes.plot(len(ratio) - 1, ratio[-1], "o", color=BLUE, markersize=7)
    else:
        _nothing(axes)
    _legend(axes, [line, *_mark_splits(axes, history)])


def _scale(values: Numbers) -> tuple[float, str]:
    greatest = float(np.nanmax(values, initial=0))
    scales = ((1e12, "trillion shares"), (1e9, "billion shares"), (1e6, "million shares"), (1e3, "thousand shares"))
    return next(((scale, unit) for scale, unit in scales if greatest >= scale), (1.0, "shares"))


def _draw_volume(axes: Axes, history: pl.DataFrame, context: PageContext) -> None:
    volume, mean = numbers(history, "trf_volume_on_basis"), numbers(history, "trf_ma20")
    both = np.concatenate([volume, mean])
    scale, unit = _scale(both)
    title = LABELS["volume_axis"].format(unit=unit)
    if history["split_ratio"].is_not_null().any():
        title += ", " + LABELS["basis"].format(session=context.session)
    axes.set_title(title)
    _session_axis(axes, history["date"].to_list())
    _headroom(axes, both / scale)
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
        _nothing(axes)
    _legend(axes, handles + _mark_splits(axes, history))


def _aligned(flow: pl.DataFrame, history: pl.DataFrame) -> pl.DataFrame:
    """`flow` with a row for every session from its first value, ten sessions at least, to the end of the window."""
    first = flow.filter(pl.col("log_ratio").is_not_null() | pl.col("trf_buy_ratio").is_not_null())["date"].min()
    tenth = history["date"].tail(10)[0]
    days = pl.concat([history["date"], flow["date"]]).unique().sort()
    return pl.DataFrame({"date": days.filter(days >= min(first, tenth))}).join(flow, on="date", how="left").sort("date")


def _prints_log_ratio(flow: pl.DataFrame) -> Numbers:
    ratio = numbers(flow, "trf_buy_ratio")
    inside = (ratio > 0) & (ratio < 1)
    held = np.where(inside, ratio, 0.5)
    return np.where(inside, np.log(held / (1 - held)), np.nan)


def _draw_flow(axes: Axes, flow: pl.DataFrame, context: PageContext, scale: Scale | None) -> None:
    lit, prints = numbers(flow, "log_ratio"), _prints_log_ratio(flow)
    _titled(axes, LABELS["log_axis"], _beyond(lit, scale.log if scale else None))
    _session_axis(axes, flow["date"].to_list(), before=0.15 * flow.height + 0.6)
    band = _log_axis(axes, np.concatenate([lit, prints]), context, scale)
    axes.plot(np.arange(len(lit)), lit, color=DIM, linewidth=1.3)
    handles = _lit_markers(axes, flow, lit)
    there = np.flatnonzero(np.isfinite(prints))
    if len(there):
        handles += axes.plot(
            there, prints[there], "o", markersize=8, markerfacecolor="none", markeredgecolor=WARN, markeredgewidth=1.5,
            label=LABELS["prints"],
        )  # fmt: skip
    _annotate_signals(axes, flow, lit)
    _legend_of_flow(axes, [*handles, band], _sizes(_greatest(flow, lit)))


def _log_axis(axes: Axes, values: Numbers, context: PageContext, scale: Scale | None) -> Any:
    """The axis of log ratios with the thresholds of the signal; returns the neutral band."""
    high, low = math.log(context.thresholds["bot"]), math.log(context.thresholds["sell"])
    reach = max(
        1.5 * high, -1.5 * low, scale.log if scale else 0.0, *(float(abs(v)) for v in values if math.isfinite(v))
    )
    # Room below for the word at the lowest marker, above for that and the legend.
    axes.set_ylim(-1.75 * reach, 2.15 * reach)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    band = axes.axhspan(low, high, color=DIM, alpha=0.13, linewidth=0, label=LABELS["neutral"])
    axes.axhline(0, color=DIM, linewidth=1)
    for level, name, factor in ((high, "BOT", context.thresholds["bot"]), (low, "SELL", context.thresholds["sell"])):
        axes.axhline(level, color=SIGNAL_COLOUR[name], linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(
            f"{name} {factor:.2f}{glossary.TIMES}", (0, level), xycoords=axes.get_yaxis_transform(),
            xytext=(3, 3 if name == "BOT" else -3), textcoords="offset points", fontsize=10, color=SIGNAL_COLOUR[name],
            va="bottom" if name == "BOT" else "top",
        )  # fmt: skip
    return band


def _every_week(ticker: str, weekly: pl.DataFrame) -> pl.DataFrame:
    """`weekly` with a row for every week from its first to its last; raises ValueError where a date is no Monday."""
    odd = weekly.filter(pl.col("date").dt.weekday() != 1)
    if odd.height:
        raise ValueError(f"weekly of {ticker}: {odd['date'][0]} is no Monday, the day by which FINRA names a week")
    mondays = weekly.select(pl.date_range(pl.col("date").min(), pl.col("date").max(), "1w").alias("date"))
    return mondays.join(weekly, on="date", how="left").sort("date")


def _draw_weeks(axes: Axes, weeks: pl.DataFrame, context: PageContext, scale: Scale | None) -> None:
    lit, newest = numbers(weeks, "log_ratio"), weeks["date"][-1]
    monday = context.session - timedelta(days=context.session.weekday())
    title = LABELS["week_axis"].format(week=newest, age=(monday - newest).days // 7)
    _titled(axes, title, _beyond(lit, scale.log if scale else None))
    _session_axis(axes, weeks["date"].to_list(), before=0.15 * weeks.height + 0.6)
    band = _log_axis(axes, lit, context, scale)
    axes.plot(np.arange(len(lit)), lit, color=DIM, linewidth=1.3)
    handles = _lit_markers(axes, weeks, lit)
    _annotate_signals(axes, weeks, lit)
    if not np.isfinite(lit).any():
        axes.text(0.5, 0.5, LABELS["no_week_values"], transform=axes.transAxes, ha="center", va="center", color=DIM)
    _legend_of_flow(axes, [*handles, band], _sizes(_greatest(weeks, lit)))


def _legend_of_flow(axes: Axes, handles: list[Any], sizes: list[Any]) -> None:
    """What the markers are, in rows of four; below it how large a volume is."""

    def legend(shown: list[Any], columns: int, top: float) -> Any:
        return axes.legend(
            handles=shown, loc="upper left", bbox_to_anchor=(0, top), ncols=columns, handlelength=1.3,
            columnspacing=1.1, handletextpad=0.5, borderaxespad=0.1, borderpad=0.3, labelspacing=0.25,
        )  # fmt: skip

    above = legend(handles, min(4, len(handles)), 1)
    if sizes:
        # Axes hold one legend; a second takes its place unless the first is added as something else.
        legend(sizes, len(sizes), 1 - 0.115 * math.ceil(len(handles) / 4))
        axes.add_artist(above)


def _lit_markers(axes: Axes, flow: pl.DataFrame, lit: Numbers) -> list[Any]:
    """A marker a session: its area by off-exchange volume, its form by method, its colour by signal."""
    volume = np.nan_to_num(numbers(flow, "finra_off_exchange_volume"))
    areas = _areas(volume, _greatest(flow, lit))
    methods, signals = flow["classification_method"].to_list(), flow["signal"].to_list()
    handles = []
    for method in sorted({m for m, v in zip(methods, lit, strict=True) if m is not None and math.isfinite(v)}):
        chosen = [i for i, m in enumerate(methods) if m == method and math.isfinite(lit[i])]
        marker = METHOD_MARKER.get(method, OTHER_MARKER)
        colours = [_signal_colour(method, signals[i]) for i in chosen]
        axes.scatter(chosen, lit[chosen], s=areas[chosen], c=colours, marker=marker, zorder=3, linewidths=0)
        words = LABELS["week"] if method == WEEKLY else glossary.term(glossary.METHODS, method).label
        label = plain(words, 40 if method == WEEKLY else 20)
        handles.append(Line2D([], [], linestyle="none", marker=marker, color=TEXT, markersize=7, label=label))
    return handles


def _greatest(flow: pl.DataFrame, lit: Numbers) -> float:
    """The greatest off-exchange volume among the markers."""
    volume = np.nan_to_num(numbers(flow, "finra_off_exchange_volume"))
    return float(volume[np.isfinite(lit)].max(initial=0))


def _areas(volume: Numbers, greatest: float) -> Numbers:
    """Areas of markers in points²: linear in volume, from what can still be seen to 176 at the greatest."""
    return np.asarray(26 + 150 * volume / max(greatest, 1.0))


def _sizes(greatest: float) -> list[Any]:
    """Legend of the markers' areas: two round volumes, the greatest there is and a quarter of it."""
    if greatest < 1:
        return []
    steps, names = [_rounded(greatest), _rounded(greatest / 4)], (LABELS["area"], LABELS["areas"])
    return [
        Line2D([], [], linestyle="none", marker="o", markerfacecolor="none", markeredgecolor=DIM, markeredgewidth=1.2,
               markersize=math.sqrt(area), label=words.format(shares=glossary.shares(volume)))
        for volume, area, words in zip(steps, _areas(np.array(steps), greatest), names, strict=True)
    ]  # fmt: skip


def _rounded(value: float) -> float:
    """Down to 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return max(step * power for step in (1, 2, 5) if step * power <= value * (1 + 1e-9))


def _signal_colour(method: str, signal: str | None) -> str:
    return DIM if method == "BARS" else SIGNAL_COLOUR.get(signal or "", TEXT)


def _annotate_signals(axes: Axes, flow: pl.DataFrame, lit: Numbers) -> None:
    """The signal's word at its marker, strongest first while there is room, and the buy ratio at the last session's."""
    methods, signals = flow["classification_method"].to_list(), flow["signal"].to_list()
    strongest = sorted((i for i in range(len(lit)) if signals[i] and math.isfinite(lit[i])), key=lambda i: -abs(lit[i]))
    apart = len(lit) / 9
    chosen = [len(lit) - 1] if math.isfinite(lit[-1]) else []
    for i in strongest[:MOST_ANNOTATED]:
        if all(abs(i - j) >= (1.6 * apart if j == len(lit) - 1 else apart) for j in chosen):
            chosen.append(i)
    for i in chosen:
        words = signals[i] or ""
        if i == len(lit) - 1:
            words = f"{words} {glossary.written('ratio', math.exp(lit[i]))}".strip()
        axes.annotate(
            words, (i, lit[i]), xytext=(0, 9 if lit[i] >= 0 else -9), textcoords="offset points",
            ha="right" if i == len(lit) - 1 else "center", va="bottom" if lit[i] >= 0 else "top", fontsize=10,
            color=_signal_colour(methods[i], signals[i]), zorder=4,
        )  # fmt: skip
