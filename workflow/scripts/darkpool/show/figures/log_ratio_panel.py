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

from ...measures import sign, trust
from ...tables import glossary
from ...tables.glossary import LABELS
from ..page.context import PageContext
from ..sign_methods import METHODS
from . import panel
from .panel import Scale
from .style import BAND, DIM, SIGNAL_COLOUR, TEXT, WARN, Numbers, numbers, plain

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


def _log_ratio(share: Numbers) -> Numbers:
    """ln(bought / sold) of the bought part; none where the other side has nothing."""
    inside = (share > 0) & (share < 1)
    held = np.where(inside, share, 0.5)
    return np.where(inside, np.log(held / (1 - held)), np.nan)


BANDS = (("band_low", "band_high", 0.3, "band_transfer"), ("lit_buy_low", "lit_buy_high", 0.85, "band_signing"))
"""Columns of each band, how dark it is drawn, and its words: the estimate's behind that of the signing."""


def _draw_bands(axes: Axes, flow: pl.DataFrame, lit: Numbers) -> list[Any]:
    """At each value its bands, cut where the axis ends; returns their legend."""
    handles = []
    low, high = axes.get_ylim()
    with np.errstate(divide="ignore"):
        edges = {name: -np.log(1 / numbers(flow, name) - 1) for pair in BANDS for name in pair[:2]}
    for least, most, alpha, words in BANDS:
        there = np.flatnonzero(np.isfinite(lit) & ~np.isnan(edges[least]) & ~np.isnan(edges[most]))
        if len(there):
            ends = np.clip([edges[name][there] for name in (least, most)], low, high)
            axes.vlines(there, ends[0], ends[1], colors=DIM, alpha=alpha, linewidth=5 if alpha < 0.5 else 2.5, zorder=2)
            handles.append(Line2D([], [], color=DIM, alpha=alpha, linewidth=4, label=LABELS[words]))
    return handles


def draw_sessions(axes: Axes, flow: pl.DataFrame, context: PageContext, scale: Scale | None) -> None:
    lit, prints = numbers(flow, "log_ratio"), _log_ratio(numbers(flow, "trf_buy_ratio"))
    panel.titled(axes, LABELS["log_axis"], panel.is_beyond(lit, scale.log if scale else None))
    panel.session_axis(axes, flow["date"].to_list(), before=0.15 * flow.height + 0.6)
    band = _log_axis(axes, np.concatenate([lit, prints]), flow, context, scale)
    axes.plot(np.arange(len(lit)), lit, color=DIM, linewidth=1.3)
    handles = [*_lit_markers(axes, flow, lit, context), *_draw_bands(axes, flow, lit)]
    there = np.flatnonzero(np.isfinite(prints))
    if len(there):
        handles += axes.plot(
            there, prints[there], "o", markersize=8, markerfacecolor="none", markeredgecolor=WARN, markeredgewidth=1.5,
            label=LABELS["prints"],
        )  # fmt: skip
    _annotate_signals(axes, flow, lit)
    _legend_of_flow(axes, [*handles, band], _sizes(_greatest(flow, lit)))


def _log_axis(axes: Axes, values: Numbers, flow: pl.DataFrame, context: PageContext, scale: Scale | None) -> Any:
    """The axis of log ratios with the thresholds of the signal; returns the neutral band."""
    high, low = math.log(context.thresholds["bot"]), math.log(context.thresholds["sell"])
    edges = _log_ratio(np.concatenate([numbers(flow, "band_low"), numbers(flow, "band_high")]))
    # A band reaches as far as any volume would; beyond four to one it is cut, not the axis stretched for it.
    bounded = np.clip(edges, -panel.MOST_LOG, panel.MOST_LOG)
    known = np.abs(np.concatenate([values, bounded]))
    reach = max(1.5 * high, -1.5 * low, scale.log if scale else 0.0, *known[np.isfinite(known)].tolist())
    # Room for the words at the outermost markers: below with the legend of areas, above with up to two rows of another.
    axes.set_ylim(-2 * reach, 2.6 * reach)
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
    band = _log_axis(axes, lit, weeks, context, scale)
    axes.plot(np.arange(len(lit)), lit, color=DIM, linewidth=1.3)
    handles = [*_lit_markers(axes, weeks, lit, context), *_draw_bands(axes, weeks, lit)]
    _annotate_signals(axes, weeks, lit)
    if not np.isfinite(lit).any():
        panel.say_nothing(axes, LABELS["no_week_values"])
    _legend_of_flow(axes, [*handles, band], _sizes(_greatest(weeks, lit)))


def _legend_of_flow(axes: Axes, handles: list[Any], sizes: list[Any]) -> None:
    """What markers and bands are, above, in one row or two; at the foot how large a volume is."""

    def legend(shown: list[Any], columns: int, where: Any) -> Any:
        return axes.legend(
            handles=shown, loc=where, ncols=columns, handlelength=1.3, columnspacing=1.1, handletextpad=0.5,
            borderaxespad=0.1, borderpad=0.3, labelspacing=0.25,
        )  # fmt: skip

    above = legend(handles, len(handles) if len(handles) <= 4 else math.ceil(len(handles) / 2), "upper left")
    if sizes:
        # Axes hold one legend; a second takes its place unless the first is added as something else.
        legend(sizes, len(sizes), "lower left")
        axes.add_artist(above)


def _lit_markers(axes: Axes, flow: pl.DataFrame, lit: Numbers, context: PageContext) -> list[Any]:
    """A marker a session: its area by off-exchange volume, its form by method, its colour by signal, hollow if weak."""
    volume = np.nan_to_num(numbers(flow, "finra_off_exchange_volume"))
    areas = _areas(volume, _greatest(flow, lit))
    methods, signals = flow["classification_method"].to_list(), flow["signal"].to_list()
    bands = zip(signals, flow["band_low"].to_list(), flow["band_high"].to_list(), strict=True)
    strengths = [trust.strength(signal or "", low, high, context.thresholds) for signal, low, high in bands]
    handles = []
    for method in sorted({m for m, v in zip(methods, lit, strict=True) if m is not None and math.isfinite(v)}):
        chosen = [i for i, m in enumerate(methods) if m == method and math.isfinite(lit[i])]
        marker = "o" if method == WEEKLY else sign.MARKERS.get(method, OTHER_MARKER)
        colours = [_signal_colour(method, signals[i]) for i in chosen]
        fills = [BAND if strengths[i] == "weak" else colour for i, colour in zip(chosen, colours, strict=True)]
        axes.scatter(
            chosen, lit[chosen], s=areas[chosen], facecolors=fills, edgecolors=colours, marker=marker, zorder=3,
            linewidths=1.6,
        )  # fmt: skip
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
