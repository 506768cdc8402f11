"""The plot's panel of bought to sold: the log ratio by session or by week, with the thresholds of its signal."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ...measures import sign
from ...tables import glossary
from ...tables.glossary import LABELS
from ..page.context import PageContext
from ..sign_methods import METHODS
from . import panel
from .panel import Scale
from .style import DIM, SIGNAL_COLOUR, TEXT, WARN, Numbers, numbers, plain

OTHER_MARKER = "*"
WEEKLY = "weekly"
"""The method of a week's log ratio: its sessions may have been signed by several."""
MOST_ANNOTATED = 12


def aligned(flow: pl.DataFrame, history: pl.DataFrame) -> pl.DataFrame:
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


def draw_sessions(axes: Axes, flow: pl.DataFrame, context: PageContext, scale: Scale | None) -> None:
    lit, prints = numbers(flow, "log_ratio"), _prints_log_ratio(flow)
    panel.titled(axes, LABELS["log_axis"], panel.is_beyond(lit, scale.log if scale else None))
    panel.session_axis(axes, flow["date"].to_list(), before=0.15 * flow.height + 0.6)
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


def every_week(ticker: str, weekly: pl.DataFrame) -> pl.DataFrame:
    """`weekly` with a row for every week from its first to its last; raises ValueError where a date is no Monday."""
    odd = weekly.filter(pl.col("date").dt.weekday() != 1)
    if odd.height:
        raise ValueError(f"weekly of {ticker}: {odd['date'][0]} is no Monday, the day by which FINRA names a week")
    mondays = weekly.select(pl.date_range(pl.col("date").min(), pl.col("date").max(), "1w").alias("date"))
    return mondays.join(weekly, on="date", how="left").sort("date")


def draw_weeks(axes: Axes, weeks: pl.DataFrame, context: PageContext, scale: Scale | None) -> None:
    lit, newest = numbers(weeks, "log_ratio"), weeks["date"][-1]
    monday = context.session - timedelta(days=context.session.weekday())
    title = LABELS["week_axis"].format(week=newest, age=(monday - newest).days // 7)
    panel.titled(axes, title, panel.is_beyond(lit, scale.log if scale else None))
    panel.session_axis(axes, weeks["date"].to_list(), before=0.15 * weeks.height + 0.6)
    band = _log_axis(axes, lit, context, scale)
    axes.plot(np.arange(len(lit)), lit, color=DIM, linewidth=1.3)
    handles = _lit_markers(axes, weeks, lit)
    _annotate_signals(axes, weeks, lit)
    if not np.isfinite(lit).any():
        panel.say_nothing(axes, LABELS["no_week_values"])
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
        marker = "o" if method == WEEKLY else sign.MARKERS.get(method, OTHER_MARKER)
        colours = [_signal_colour(method, signals[i]) for i in chosen]
        axes.scatter(chosen, lit[chosen], s=areas[chosen], c=colours, marker=marker, zorder=3, linewidths=0)
        words = LABELS["week"] if method == WEEKLY else glossary.term(METHODS, method).label
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
