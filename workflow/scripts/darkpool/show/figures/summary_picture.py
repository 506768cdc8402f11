"""The session for a message: what stands out and the few columns that matter, legible on a phone.

The same session is the same bytes. Every column stands in the wide picture (`table_picture`), for who asks for it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from ...measures import stands_out
from ...tables import columns, glossary
from ...tables.column import NUMERIC
from ...tables.glossary import COLUMNS, LABELS
from ..page import banners, rows, values
from ..page.context import PageContext
from ..page.sheet import INFERRED
from . import style, table_picture
from .style import DIM, DPI, TEXT, WARN, mark_simulated, plain

MOST_ROWS = 20
WIDTH = 960 / DPI
"""Inches. On a phone 390 points wide 15 point letters are then 11 points high, the least that is read with ease."""
SIZE, MARGIN, LINE, ROW = 15.0, 0.2, 0.3, 0.38
LETTERS = 54
"""Letters in a line of text of that size."""
ATTENTION = "!"
WHY_ATTENTION = f"{ATTENTION} what to mind in this row stands on the page"


def draw(features: pl.DataFrame, context: PageContext, *paths: Path | str, blocks: pl.DataFrame | None = None) -> None:
    """What stands out in the session, then its rows, best score first; above 20 rows a line says how many more.

    A row whose flags warn has an exclamation mark at its ticker, but for what is true of every row; a column of which
    nothing is known is left out. Other sessions of `features` are not drawn.
    Raises ValueError as `page_html.render_html` does.
    """
    rows.check(features, context)
    simulated = banners.is_simulated(features, context)
    session = rows.ranked(features.filter(pl.col("date") == context.session))
    unusual = stands_out.sentences(session, blocks, features.filter(pl.col("date") < context.session))
    of_rows = [set(glossary.flags_of(quality)) for quality in session["quality"]]
    everywhere = set.intersection(*of_rows) if of_rows else set()
    shown = [_row(record, everywhere) for record in session.head(MOST_ROWS).iter_rows(named=True)]
    with style.style():
        figure = _figure(shown, _head(unusual, context), session.height - len(shown), simulated, context)
        style.save(figure, *paths)


def _row(record: Mapping[str, Any], everywhere: set[str]) -> dict[str, tuple[str, str]]:
    """By column the text and look (as in `table_picture`) of a cell."""
    own = set(glossary.flags_of(record["quality"])) - everywhere
    warned = any(glossary.term(glossary.FLAGS, flag).tone == "warn" for flag in own)
    muted = rows.is_muted(record["quality"])
    cells = {"ticker": (plain(record["ticker"], 8) + (f" {ATTENTION}" if warned else ""), "bold")}
    for name in columns.also("message"):
        cell = values.cell(name, record)
        look = "dim" if cell.kind == "unknown" or (muted and name in INFERRED) else "plain"
        cells[name] = cell.text, look
    signal = values.cell("signal", record)
    strength = record["strength"]
    look = "dim" if muted or not record["signal"] else record["signal"] if strength == "firm" else "lean"
    cells["signal"] = f"{signal.text} {strength}".rstrip(), look
    return cells


def _head(unusual: Sequence[str], context: PageContext) -> list[tuple[str, str]]:
    """Lines above the table with their colours: sources in trouble first, then what stands out."""
    trouble = [source for source in banners.sources(context) if source["tone"] == "warn"]
    said = [(f"{source['source']}: {source['state']}, {source['fetched']}", WARN) for source in trouble]
    said += [(sentence, TEXT) for sentence in unusual]
    return [(line, colour) for words, colour in said for line in _wrapped(plain(words, 6 * LETTERS), LETTERS)]


def _wrapped(words: str, letters: int) -> list[str]:
    """The words in lines; every line but the first is indented."""
    return textwrap.wrap(words, letters, subsequent_indent="   ", break_on_hyphens=False)


def _figure(
    shown: list[dict[str, tuple[str, str]]],
    head: list[tuple[str, str]],
    more: int,
    simulated: bool,
    context: PageContext,
) -> Figure:
    known = {name for row in shown for name, (text, _) in row.items() if text != glossary.UNKNOWN}
    names = [name for name in ("ticker", "signal", *columns.also("message")) if name in known]
    foot = [f"and {more} more on the page"] if more else []
    foot += [WHY_ATTENTION] if any(row["ticker"][0].endswith(ATTENTION) for row in shown) else []
    foot += _wrapped(glossary.DISCLAIMER, LETTERS + 6)
    top = 0.75 + LINE * len(head) + 0.7
    height = top + ROW * max(len(shown), 1) + LINE * len(foot) + 0.3
    figure = Figure(figsize=(WIDTH, height), dpi=DPI)

    def write(x: float, y: float, text: str, **look: Any) -> None:
        figure.text(x / WIDTH, 1 - y / height, text, **{"va": "center", "fontsize": SIZE, "color": TEXT, **look})

    title = f"{LABELS['title']} {context.session}"
    if simulated:
        write(WIDTH - MARGIN, 0.38, glossary.SIMULATED, ha="right", color=WARN, weight="bold")
    write(MARGIN, 0.38, title, weight="bold", fontsize=18 if not simulated else 16)
    for i, (line, colour) in enumerate(head):
        write(MARGIN, 0.8 + LINE * i, line, color=colour)
    table_picture.ground(figure, WIDTH, height, top, ROW, rows=len(shown), head=0.65, margin=MARGIN / 2)
    ends = _ends(names, shown, context)
    for name, (left, right) in zip(names, ends, strict=True):
        x, ha = (right, "right") if COLUMNS[name].kind in NUMERIC else (left, "left")
        write(x, top - 0.45, context.filled(COLUMNS[name].label), ha=ha, weight="bold", fontsize=SIZE - 2)
        write(x, top - 0.18, COLUMNS[name].heading, ha=ha, color=DIM, fontsize=SIZE - 4)
        for j, row in enumerate(shown):
            text, look = row[name]
            write(x, top + ROW * (j + 0.5), text, ha=ha, **table_picture.look_of(look))
    if not shown:
        write(MARGIN, top + ROW / 2, LABELS["no_ticker"], color=DIM)
    for i, line in enumerate(foot):
        write(MARGIN, top + ROW * max(len(shown), 1) + LINE * (i + 0.75), line, color=DIM, fontsize=SIZE - 3)
    if simulated:
        mark_simulated(figure)
    return figure


def _length(text: str) -> float:
    """About how long a text is, in digits: capitals are broader, bold ones and a signal's frame with them."""
    return sum(1.5 if letter in "WM" else 1.2 if letter.isupper() else 1.0 for letter in text)


def _ends(names: list[str], shown: list[dict[str, tuple[str, str]]], context: PageContext) -> list[tuple[float, float]]:
    """Where each column begins and ends, in inches: by its longest text, the room that remains between them all."""
    lengths = [
        max(0.95 * len(context.filled(COLUMNS[name].label)), 0.72 * len(COLUMNS[name].heading), 4,
            *(_length(row[name][0]) for row in shown))
        for name in names
    ]  # fmt: skip
    room = WIDTH - 2 * MARGIN
    letter = min(0.132, room / (sum(lengths) + len(lengths) - 1))
    gap = (room - letter * sum(lengths)) / max(len(lengths) - 1, 1)
    ends, left = [], MARGIN
    for length in lengths:
        ends.append((left, left + letter * length))
        left += letter * length + gap
    return ends
