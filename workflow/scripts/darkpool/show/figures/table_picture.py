"""The session's table with every column as one wide picture. The same table is the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...tables import glossary
from ...tables.glossary import COLUMNS, LABELS
from ..page import banners, rows, values
from ..page.context import PageContext
from ..page.sheet import INFERRED
from . import style
from .style import BAND, DARK, DIM, DPI, LINE, RAISED, SIGNAL_COLOUR, TEXT, WARN, mark_simulated, plain

MOST_ROWS = 60


def draw(features: pl.DataFrame, context: PageContext, *paths: Path | str) -> None:
    """The session's rows of `features` as a picture, best score first; above 60 rows a line says how many more.

    Other sessions of `features` are not drawn. Raises ValueError as `page_html.render_html` does.
    """
    rows.check(features, context)
    simulated = banners.is_simulated(features, context)
    session = rows.ranked(features.filter(pl.col("date") == context.session))
    grid = [_table_row(record) for record in session.head(MOST_ROWS).iter_rows(named=True)]
    with style.style():
        figure = _draw_table(grid, session.height - len(grid), banners.counts(session), simulated, context)
        style.save(figure, *paths)


def _table_row(record: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Text, exact value and look (plain, dim, BOT, SELL, warn) of every cell of a row."""
    muted = rows.is_muted(record["quality"])
    cells = []
    for name in COLUMNS:
        if name == "quality":
            labels = (glossary.term(glossary.FLAGS, flag).label for flag in glossary.flags_of(record["quality"]))
            cells.append((plain(", ".join(labels), 60), "", "warn"))
            continue
        if name == "ticker":
            cells.append((plain(record["ticker"], 14), "", "bold"))
            continue
        cell = values.cell(name, record)
        look = "dim" if cell.kind == "unknown" or (muted and name in INFERRED) else "plain"
        if name == "signal" and look == "plain":
            look = cell.value or "dim"
        cells.append((cell.text, cell.value, look))
    return cells


def _head_lines(counts: dict[str, int], context: PageContext) -> list[str]:
    by_signal = ", ".join(f"{count} {label}" for label, count in counts.items())
    lines = [
        f"Scan {context.scan}, mode {context.mode}, {context.ma}-session mean, {context.window}-session window. "
        f"{context.filled(glossary.SIGNAL_RULE)} {sum(counts.values())} tickers: {by_signal}."
    ]
    for source in banners.sources(context):
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
    labels = [(context.filled(column.label), column.heading) for column in columns]
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
    ground(figure, width, height, top, row_height, rows=len(grid))
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
            write(x, top + row_height * (j + 0.5), row[i][0], ha=ha, **look_of(row[i][2]))
    last = top + row_height * (len(grid) + 0.5)
    if more:
        write(margin, last, f"and {more} more on the page, table.html", color=DIM)
    if not grid:
        write(margin, last, LABELS["no_ticker"], color=DIM)
    if simulated:
        mark_simulated(figure)
    return figure


def look_of(look: str) -> dict[str, Any]:
    """How a cell's text is drawn: a signal boxed, one that only leans in its colour and framed."""
    match look:
        case "lean":
            return {"color": TEXT, "bbox": {"boxstyle": "round,pad=0.22", "facecolor": "none", "edgecolor": DIM}}
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


def ground(
    figure: Figure,
    width: float,
    height: float,
    top: float,
    row_height: float,
    *,
    rows: int,
    head: float = 0.75,
    margin: float = 0.25,
) -> None:
    """Raised header and a band behind every other row; lengths in inches, `top` is where the first row begins."""
    left, right = margin / width, 1 - margin / width
    bands = [(top - head, top, RAISED)]
    bands += [(top + row_height * j, top + row_height * (j + 1), BAND) for j in range(0, rows, 2)]
    for y0, y1, colour in bands:
        low, high = 1 - y1 / height, 1 - y0 / height
        band = PolyCollection(
            [[(left, low), (right, low), (right, high), (left, high)]], facecolors=colour, zorder=0.1,
            transform=figure.transFigure,
        )  # fmt: skip
        figure.add_artist(band)
