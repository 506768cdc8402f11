"""The house style of every figure: palette, font, sizes, and how a figure becomes a file. Nobody's settings enter."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from ...files import write_atomic
from ...tables import glossary

STYLE = Path(__file__).parent / "style.mplstyle"
DPI = 130
TEXT, DIM, LINE, RAISED = "#dbe3ec", "#93a1b3", "#263342", "#1a2430"
BLUE, ORANGE, WARN, DARK = "#6cb6ff", "#ffb05c", "#f2cc60", "#0b0f14"
BAR, BAND, VIOLET = "#3f6690", "#121922", "#9a8cff"
"""Blue and orange are bought and sold, yellow and violet above and below: two pairs that no common colour blindness
makes alike, each with a word or a sign beside it."""
SIGNAL_COLOUR = {"BOT": BLUE, "SELL": ORANGE, "": TEXT}
TYPOGRAPHIC = frozenset("–—×−…’½")

Numbers = NDArray[np.float64]


@cache
def _style() -> dict[str, Any]:
    """The house style over matplotlib's own defaults, whatever the user's settings are."""
    style = cast(dict[str, Any], mpl.rc_params_from_file(STYLE, use_default_template=True))
    return {key: value for key, value in style.items() if not key.startswith(("backend", "interactive", "toolbar"))}


@contextmanager
def style() -> Iterator[None]:
    with mpl.rc_context(cast(Any, _style())):
        yield


def save(figure: Figure, *paths: Path | str) -> None:
    """Write the figure under each of `paths`, as PNG or SVG by the name: the same figure is the same bytes."""
    for path in map(Path, paths):
        write_atomic(path, _svg(figure) if path.suffix == ".svg" else _png(figure))


def _png(figure: Figure) -> bytes:
    """Opaque, with no version and no time in it."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    sink = io.BytesIO()
    opaque = np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
    Image.fromarray(opaque).save(sink, format="png", dpi=(DPI, DPI), compress_level=3)
    return sink.getvalue()


def _svg(figure: Figure) -> bytes:
    """With its letters as outlines, so that it looks the same where the font is not; no version and no time in it."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    sink = io.BytesIO()
    canvas: Any = FigureCanvasSVG(figure)
    try:
        canvas.print_svg(sink, metadata=dict.fromkeys(("Date", "Creator")))
    finally:
        # It leaves the figure at 72 dpi, and the next plot is drawn into the same figure.
        figure.dpi = DPI
    return sink.getvalue()


def plain(text: str, width: int) -> str:
    """Text from outside as a figure can show it: what DejaVu Sans cannot be trusted to draw is `?`, cut at `width`."""
    shown = "".join(c if c.isprintable() and (ord(c) < 0x530 or c in TYPOGRAPHIC) else "?" for c in text)
    return shown if len(shown) <= width else shown[: width - 1] + "…"


def numbers(frame: pl.DataFrame, name: str) -> Numbers:
    """A column as floats, NaN where it is null."""
    return frame[name].cast(pl.Float64).fill_null(math.nan).to_numpy()


def mark_simulated(figure: Figure) -> None:
    figure.text(0.5, 0.5, glossary.SIMULATED, fontsize=54, color=WARN, alpha=0.13, ha="center", va="center",
                rotation=24, weight="bold", zorder=10)  # fmt: skip
