"""One look for every figure: what is drawn today is held against what was looked at and kept in `figures/`.

The pictures are compared at half size, so that another machine's smoothing of an edge does not count. Looked at anew,
they are kept with `KEEP_FIGURES=1 pytest tests/unit/show/test_style.py`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from matplotlib.testing.compare import compare_images
from PIL import Image

from darkpool.show.figures import overview, panel, style, summary_picture, table_picture, ticker_plot
from unit.show.test_overview import rows, window
from unit.show.test_page_view import NO_TRF, context, features
from unit.show.test_ticker_plot import DAYS, SOME_FLOW, flow, history

KEPT = Path(__file__).parent / "figures"
TOLERANCE = 1.0
"""Root mean square of the difference of a colour channel, of 255. Without its grid alone a plot differs by 1.7."""
WAVE = {i: 0.4 + 0.1 * math.sin(i / 3) for i in range(61)}
VOLUMES = {i: 1e6 * (2 + math.sin(i / 5)) for i in range(61)}


def draw_plot(path: Path) -> None:
    closes = {i: 50 + 5 * math.cos(i / 9) for i in range(61)}
    window_ = history(
        offex_ratio={**WAVE, 30: None}, trf_volume_on_basis=VOLUMES, close_on_basis=closes, split_ratio={20: 0.5}
    )
    firm = flow((DAYS[-4], 1.0, 0.7, 1e6, "NBBO", "BOT", 0.6, 0.8, 0.57, 0.83))
    ticker_plot.draw(
        "TQQQ", window_, pl.concat([firm, SOME_FLOW]), context(simulated=True), path, scale=panel.Scale(0.6, 0.5)
    )


def draw_overview(path: Path) -> None:
    merged = window(A=[*WAVE.values()], B=[1 - value for value in WAVE.values()], NEW=[0.2, 0.3])
    overview.draw(rows(merged), merged, context(simulated=True), path)


def draw_table(path: Path) -> None:
    frame = features({}, {"ticker": "SOLD", "signal": "SELL", "accum_score": 0.5}, {"ticker": "NULL", **NO_TRF})
    table_picture.draw(frame, context(), path)


def draw_summary(path: Path) -> None:
    rows = {"strength": "firm"}, {"ticker": "SOLD", "signal": "SELL", "accum_score": 0.5}, {"ticker": "NULL", **NO_TRF}
    summary_picture.draw(features(*rows), context(), path)


DRAWN: dict[str, Callable[[Path], None]] = {
    "plot": draw_plot,
    "overview": draw_overview,
    "table": draw_table,
    "summary": draw_summary,
}


def difference(name: str, folder: Path) -> float:
    """How far the figure is from the one that is kept."""
    whole, half = folder / f"{name}-whole.png", folder / f"{name}.png"
    DRAWN[name](whole)
    with Image.open(whole) as image:
        image.reduce(2).save(half, optimize=True)
    if os.environ.get("KEEP_FIGURES"):
        (KEPT / half.name).write_bytes(half.read_bytes())
    found = compare_images(str(KEPT / half.name), str(half), tol=0, in_decorator=True)
    return float(found["rms"]) if found else 0.0


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_looks_as_it_did_when_it_was_looked_at(tmp_path, name):
    assert difference(name, tmp_path) < TOLERANCE


CHANGES = {
    "the colour of a line": lambda patch: patch.setattr(ticker_plot, "BLUE", "#66cc66"),
    "the size of a title": lambda patch: patch.setitem(style._style(), "axes.titlesize", 15.0),
    "the ground": lambda patch: patch.setitem(style._style(), "axes.facecolor", "#202020"),
    "the grid": lambda patch: patch.setitem(style._style(), "axes.grid", False),
    "the font": lambda patch: patch.setitem(style._style(), "font.family", ["DejaVu Serif"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_style_is_seen(tmp_path, monkeypatch, change):
    ticker_plot._panels.cache_clear()
    CHANGES[change](monkeypatch)
    try:
        assert difference("plot", tmp_path) > TOLERANCE
    finally:
        ticker_plot._panels.cache_clear()


def test_the_kept_figures_are_small():
    assert {path.stem for path in KEPT.glob("*.png")} == set(DRAWN)
    assert sum(path.stat().st_size for path in KEPT.glob("*.png")) < 300_000


def test_the_font_is_the_one_matplotlib_ships():
    import matplotlib as mpl
    from matplotlib import font_manager

    with style.style():
        found = Path(font_manager.findfont("DejaVu Sans"))
    assert Path(mpl.get_data_path()) in found.parents


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [style.TEXT, style.DIM, style.BLUE, style.ORANGE, style.WARN, style.VIOLET])
@pytest.mark.parametrize("ground", [style.DARK, style.BAND, style.RAISED])
def test_every_colour_of_words_and_lines_stands_out_from_its_ground(colour, ground):
    light, dark = sorted((_luminance(colour), _luminance(ground)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize("pair", [(style.BLUE, style.ORANGE), (style.WARN, style.VIOLET)])
def test_colours_of_opposites_differ_for_those_who_see_no_red_or_no_green(pair):
    """Viénot, Brettel and Mollon 1999: what a protanope and a deuteranope see, in linear light."""
    seen = {"protan": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
            "deutan": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0))}  # fmt: skip
    linear = [[(int(colour[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)] for colour in pair]
    for matrix in seen.values():
        one, other = ([sum(m * c for m, c in zip(row, rgb, strict=True)) for row in matrix] for rgb in linear)
        assert math.dist(one, other) > 0.4
