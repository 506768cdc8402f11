"""What the plot of a ticker promises."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from PIL import Image

from browser import made
from darkpool.show.figures import heat_map, panel, style, table_picture, ticker_plot
from darkpool.tables import glossary
from unit.show.test_page_view import SESSION, context, features

NUMBERS = ("trf_volume", "offex_ratio", "trf_volume_on_basis", "trf_ma20", "close_on_basis", "split_ratio")
EDGES_OF_BANDS = ("lit_buy_low", "lit_buy_high", "band_low", "band_high")
FLOW = {
    "date": pl.Date, "log_ratio": pl.Float64, "trf_buy_ratio": pl.Float64, "finra_off_exchange_volume": pl.Float64,
    "classification_method": pl.String, "signal": pl.String, **dict.fromkeys(EDGES_OF_BANDS, pl.Float64),
}  # fmt: skip
DAYS = [SESSION - timedelta(days=60 - i) for i in range(61)]


def history(**changes: dict[int, float | None]) -> pl.DataFrame:
    columns: dict[str, list] = {
        "trf_volume": [1e6] * 61, "offex_ratio": [0.4] * 61, "trf_volume_on_basis": [1e6] * 61,
        "trf_ma20": [1e6] * 61, "close_on_basis": [None] * 61, "split_ratio": [None] * 61,
    }  # fmt: skip
    for name, values in changes.items():
        for place, value in values.items():
            columns[name][place] = value
    return pl.DataFrame({"date": DAYS, **columns}, schema={"date": pl.Date, **dict.fromkeys(NUMBERS, pl.Float64)})


def flow(*rows: tuple) -> pl.DataFrame:
    """Rows of the columns of FLOW; the bands, where they are not given, are not known."""
    return pl.DataFrame([(*row, *[None] * (len(FLOW) - len(row))) for row in rows], schema=FLOW, orient="row")


SOME_FLOW = flow(
    (DAYS[-3], 0.3, 0.6, 1e6, "NBBO", "BOT"),
    (DAYS[-2], None, None, 1e6, "NONE", ""),
    (DAYS[-1], -0.4, 0.5, 2e6, "BARS", "SELL"),
)


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return image.size


def test_a_plot_has_title_units_legend_and_disclaimer(tmp_path, drawn):
    ticker_plot.draw("AAPL", history(), flow(), context(), tmp_path / "p.png")
    text = "\n".join(drawn["texts"])
    for word in ("AAPL  2025-12-22", "% of volume", "million shares", "20-session mean", "off-exchange ratio"):
        assert word in text
    assert glossary.DISCLAIMER in text.replace("\n", " ")
    assert size(tmp_path / "p.png") == (910, 676)


def test_a_ticker_without_lit_values_has_two_panels_and_one_with_has_three(tmp_path, drawn):
    nothing = flow((SESSION, None, None, 1e6, "NONE", ""))
    for table, panels in ((flow(), 2), (nothing, 2), (SOME_FLOW, 3)):
        ticker_plot.draw("AAPL", history(), table, context(), tmp_path / "p.png")
        assert drawn["panels"] == panels


@pytest.mark.parametrize("close", [48.59, None])
def test_a_day_that_is_known_has_a_panel_of_its_own_below(tmp_path, drawn, close):
    printed = made.blocks(["A"])
    day = heat_map.Day(made.profile("A"), made.LEVELS, printed, close)
    ticker_plot.draw("A", history(), SOME_FLOW, context(), tmp_path / "p.png", day=day)
    assert drawn["panels"] == 4
    assert "Where it traded, USD; 100 (dark) to 10.0K shares (light)" in drawn["texts"]
    assert any("dots: close" in text for text in drawn["texts"]) is (close is not None)
    ticker_plot.draw("A", history(), SOME_FLOW, context(), tmp_path / "p.png")
    assert drawn["panels"] == 3


def test_the_prints_alone_are_reason_enough_for_the_third_panel(tmp_path, drawn):
    ticker_plot.draw("A", history(), flow((SESSION, None, 0.6, 1e6, "NONE", "")), context(), tmp_path / "p.png")
    assert drawn["panels"] == 3
    assert any(np.allclose(line, [math.log(0.6 / 0.4)]) for line in drawn["lines"])


def test_a_missing_session_is_a_gap(tmp_path, drawn):
    ticker_plot.draw("A", history(offex_ratio={30: None}), SOME_FLOW, context(), tmp_path / "p.png")
    ratio = next(line for line in drawn["lines"] if len(line) == 61)
    assert np.flatnonzero(np.isnan(ratio)).tolist() == [30]
    lit = next(line for line in drawn["lines"] if len(line) == 10)
    assert np.flatnonzero(np.isfinite(lit)).tolist() == [7, 9]


def test_a_split_is_marked_and_the_share_basis_named(tmp_path, drawn):
    ticker_plot.draw("A", history(split_ratio={40: 0.1}), flow(), context(), tmp_path / "p.png")
    assert drawn["texts"].count("1:10") == 2
    assert "Off-exchange volume, million shares, on the share basis of 2025-12-22" in drawn["texts"]


def test_methods_thresholds_band_and_signals_are_named(tmp_path, drawn):
    ticker_plot.draw("A", history(), SOME_FLOW, context(), tmp_path / "p.png")
    for words in ("NBBO", "BARS consolidated", "prints' own opinion", "neutral band", "BOT 1.25×", "SELL 0.80×", "BOT"):
        assert words in drawn["texts"]
    assert "SELL 0.67×" in drawn["texts"]


def test_the_mean_carries_the_configured_length(tmp_path, drawn):
    ticker_plot.draw("A", history(), flow(), context(ma=30), tmp_path / "p.png")
    assert "30-session mean" in drawn["texts"]


def test_a_window_without_any_value_is_said_to_be_empty(tmp_path, drawn):
    nothing = dict.fromkeys(range(61))
    empty = history(**dict.fromkeys(NUMBERS, nothing))
    ticker_plot.draw("A", empty, flow(), context(), tmp_path / "p.png")
    assert drawn["texts"].count(glossary.LABELS["no_values"]) == 2


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_figures_and_they_alone_say_so(tmp_path, drawn, simulated):
    ticker_plot.draw("A", history(), flow(), context(simulated=simulated), tmp_path / "p.png")
    assert ("SIMULATED" in drawn["texts"]) is simulated
    table_picture.draw(features({}), context(simulated=simulated), tmp_path / "t.png")
    assert ("SIMULATED" in " ".join(drawn["texts"])) is simulated


def test_a_hostile_ticker_is_drawn_as_text(tmp_path, drawn):
    ticker_plot.draw("$a_b^{c}$\u202e\u6f22", history(), flow(), context(), tmp_path / "p.png")
    assert "$a_b^{c}$??  2025-12-22" in drawn["texts"]
    table_picture.draw(features({"ticker": "$\\frac{"}, {"ticker": "\x00\n"}), context(), tmp_path / "t.png")
    assert "$\\frac{" in drawn["texts"]
    assert "??" in drawn["texts"]


def test_an_unordered_history_is_refused(tmp_path):
    with pytest.raises(ValueError, match="history of AAPL: expected the sessions of the window, ascending"):
        ticker_plot.draw("AAPL", history().reverse(), flow(), context(), tmp_path / "p.png")
    with pytest.raises(ValueError, match="history of AAPL"):
        ticker_plot.draw("AAPL", history().clear(), flow(), context(), tmp_path / "p.png")


def test_a_plot_is_the_same_bytes_whatever_was_drawn_before(tmp_path):
    def draw(name: str, ticker: str, table: pl.DataFrame, split: dict) -> bytes:
        ticker_plot.draw(ticker, history(split_ratio=split), table, context(), tmp_path / name)
        return (tmp_path / name).read_bytes()

    first = draw("a.png", "AAPL", SOME_FLOW, {})
    draw("b.png", "OTHER", flow((DAYS[5], 2.0, 0.1, 5.0, "CLNV", "BOT")), {3: 2.0})
    assert draw("c.png", "AAPL", SOME_FLOW, {}) == first


def test_a_plot_is_the_same_bytes_under_anybodys_settings(tmp_path):
    (tmp_path / "matplotlibrc").write_text("font.size: 30\naxes.grid: False\nsavefig.dpi: 40\nlines.linewidth: 9\n")
    code = (
        "import sys; sys.path[:0] = sys.argv[1:3]; from unit.show.test_ticker_plot import *; from pathlib import Path;"
        "ticker_plot.draw('AAPL', history(), SOME_FLOW, context(), Path(sys.argv[3]))"
    )
    folders = [str(Path(ticker_plot.__file__).parents[3]), str(Path(__file__).parents[2])]
    subprocess.run([sys.executable, "-c", code, *folders, str(tmp_path / "there.png")], cwd=tmp_path, check=True)
    ticker_plot.draw("AAPL", history(), SOME_FLOW, context(), tmp_path / "here.png")
    assert (tmp_path / "there.png").read_bytes() == (tmp_path / "here.png").read_bytes()


def test_a_figure_carries_neither_version_nor_time(tmp_path):
    table_picture.draw(features({}), context(), tmp_path / "t.png")
    with Image.open(tmp_path / "t.png") as image:
        assert set(image.info) <= {"dpi"}


def weeks(*rows: tuple) -> pl.DataFrame:
    return flow(*((monday, ratio, None, *more) for monday, ratio, *more in rows)).drop("trf_buy_ratio")


MONDAYS = [date(2025, 11, 3), date(2025, 11, 10), date(2025, 11, 24)]
SOME_WEEKS = weeks(
    (MONDAYS[0], 0.3, 4e8, "weekly", "BOT"), (MONDAYS[1], None, 3e8, "weekly", ""),
    (MONDAYS[2], -0.4, 5e8, "weekly", "SELL"),
)  # fmt: skip


def test_a_plot_by_week_says_weekly_and_how_old_its_newest_week_is(tmp_path, drawn):
    ticker_plot.draw("A", history(), SOME_FLOW, context(), tmp_path / "p.png", weekly=SOME_WEEKS)
    assert "WEEKLY ln(bought / sold) by Monday; newest 2025-11-24, 4 weeks back" in drawn["texts"]
    assert "weekly estimate, area by weekly volume" in drawn["texts"]
    assert "SELL 0.67×" in drawn["texts"]


def test_no_day_stands_in_the_panel_of_weeks_and_a_missing_week_is_a_gap(tmp_path, drawn):
    ticker_plot.draw("A", history(), SOME_FLOW, context(), tmp_path / "p.png", weekly=SOME_WEEKS)
    assert glossary.LABELS["log_axis"] not in drawn["texts"]
    assert glossary.LABELS["prints"] not in drawn["texts"]
    ratio = next(line for line in drawn["lines"] if len(line) == 4)
    assert np.flatnonzero(np.isfinite(ratio)).tolist() == [0, 3]


def test_weeks_without_an_estimate_are_said_to_be_so(tmp_path, drawn):
    nothing = weeks((MONDAYS[2], None, 4e8, "weekly", ""))
    ticker_plot.draw("A", history(), flow(), context(), tmp_path / "p.png", weekly=nothing)
    assert drawn["panels"] == 3
    assert glossary.LABELS["no_week_values"] in drawn["texts"]


def test_without_a_week_the_plot_is_the_daily_one(tmp_path):
    for name, more in (("a.png", {}), ("b.png", {"weekly": weeks()})):
        ticker_plot.draw("A", history(), SOME_FLOW, context(), tmp_path / name, **more)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_week_that_starts_on_another_day_is_refused(tmp_path):
    odd = weeks((date(2025, 11, 25), 0.1, 1.0, "weekly", ""))
    with pytest.raises(ValueError, match="weekly of A: 2025-11-25 is no Monday"):
        ticker_plot.draw("A", history(), flow(), context(), tmp_path / "p.png", weekly=odd)


def test_the_close_is_a_line_between_its_ends_and_the_legend_says_which(tmp_path, drawn):
    closes = {**dict.fromkeys(range(61), 100.0), 3: 40.0, 10: 70.0, 30: None}
    ticker_plot.draw("A", history(close_on_basis=closes), flow(), context(), tmp_path / "p.png")
    assert {"Off-exchange volume, million shares; close to its own scale", "close 40.00 to 100.00 USD"} <= set(
        drawn["texts"]
    )
    volumes = drawn["figure"].axes[1]
    line = next(
        np.asarray(line.get_ydata())
        for line in volumes.lines
        if len(line.get_ydata()) == 61 and np.isnan(line.get_ydata()[30])
    )
    assert line[[3, 10, 0]] == pytest.approx([0.06, 0.06 + 0.64 / 2, 0.70])
    ticker_plot.draw("A", history(close_on_basis={60: 0.5}), flow(), context(), tmp_path / "p.png")
    assert "close 0.5000 to 0.5000 USD" in drawn["texts"]
    ticker_plot.draw("A", history(), flow(), context(), tmp_path / "p.png")
    assert not any(text.startswith("close") for text in drawn["texts"])


@pytest.mark.parametrize("most", [0.5, 98765.4], ids=["cents", "tens of thousands"])
def test_the_legend_of_volumes_ends_inside_its_panel(tmp_path, drawn, most):
    everything = history(
        close_on_basis={**dict.fromkeys(range(61), most), 3: 0.9 * most},
        split_ratio={30: 2.0}, trf_volume_on_basis={5: None}, trf_ma20={5: None},
    )  # fmt: skip
    ticker_plot.draw("A", everything, flow(), context(), tmp_path / "p.png")
    FigureCanvasAgg(drawn["figure"]).draw()
    volumes = drawn["figure"].axes[1]
    legend = volumes.get_legend()
    assert len(legend.get_texts()) == 5
    panel_, box = volumes.get_window_extent(), legend.get_window_extent()
    assert panel_.x0 <= box.x0
    assert box.x1 <= panel_.x1
    bars = next(found for found in volumes.collections if isinstance(found, PolyCollection))
    top = max(path.get_extents().y1 for path in bars.get_paths())
    assert volumes.transData.transform((0, top))[1] <= box.y0
    assert volumes.title.get_window_extent().x1 <= drawn["figure"].bbox.x1
    [words] = [text for text in volumes.texts if text.get_text() == "2:1"]
    assert words.get_window_extent().y1 <= box.y0


def test_a_value_stands_in_its_bands_and_a_weak_signal_is_hollow(tmp_path, drawn):
    lit = flow(
        (DAYS[-2], 1.0, None, 1e6, "NBBO", "BOT", 0.7, 0.75, 0.6, 0.8),
        (DAYS[-1], 0.3, None, 1e6, "NBBO", "BOT", 0.55, 0.6, 0.5, 0.7),
    )
    ticker_plot.draw("A", history(), lit, context(), tmp_path / "p.png")
    axes = drawn["figure"].axes[2]
    bars = [[segment[:, 1].tolist() for segment in band.get_segments()] for band in axes.collections[-2:]]
    assert bars[0] == [pytest.approx([math.log(0.6 / 0.4), math.log(4)]), pytest.approx([0, math.log(0.7 / 0.3)])]
    assert bars[1] == [
        pytest.approx([math.log(7 / 3), math.log(3)]),
        pytest.approx([math.log(0.55 / 0.45), math.log(1.5)]),
    ]
    assert {"signing", "with transfer"} <= set(drawn["texts"])
    (markers,) = (one for one in axes.collections if len(one.get_facecolors()) == 2)
    firm, weak = (mpl.colors.to_hex(colour) for colour in markers.get_facecolors())
    assert (firm, weak) == (style.SIGNAL_COLOUR["BOT"], style.BAND)
    assert {mpl.colors.to_hex(colour) for colour in markers.get_edgecolors()} == {style.SIGNAL_COLOUR["BOT"]}


def test_a_band_that_ends_at_one_side_is_cut_where_the_axis_ends(tmp_path, drawn):
    ticker_plot.draw(
        "A", history(), flow((SESSION, 0.3, None, 1e6, "NBBO", "", 0.4, 0.6, 0.0, 1.0)), context(), tmp_path / "p.png"
    )
    axes = drawn["figure"].axes[2]
    (segment,) = axes.collections[-2].get_segments()
    assert segment[:, 1].tolist() == pytest.approx(list(axes.get_ylim()))


ZEROS, NOTHING = dict.fromkeys(range(61), 0.0), dict.fromkeys(range(61))
EDGES = {
    "zeros": (
        history(**dict.fromkeys(("trf_volume", "offex_ratio", "trf_volume_on_basis", "trf_ma20"), ZEROS)),
        flow((SESSION, 0.0, 0.5, 0.0, "NBBO", "")),
    ),
    "one point": (
        history(**{name: {**NOTHING, 60: 0.5} for name in ("trf_volume", "offex_ratio", "trf_volume_on_basis")},
                trf_ma20=NOTHING),
        flow((SESSION, 0.5, None, 0.5, "NBBO", "BOT")),
    ),
    "no point": (history(**dict.fromkeys(NUMBERS, NOTHING)), flow((SESSION, 0.5, None, None, "NBBO", "BOT"))),
    "gaps": (
        history(offex_ratio=dict.fromkeys(range(0, 61, 2)), trf_volume_on_basis=dict.fromkeys(range(0, 61, 3))),
        SOME_FLOW,
    ),
    "huge range": (
        history(offex_ratio={60: 5000.0}, trf_volume_on_basis={30: 1e12, 60: 1.0}),
        flow((DAYS[-2], 12.0, 0.999999, 1e12, "NBBO", "BOT"), (SESSION, -9.0, 1e-6, 1.0, "EMO", "SELL")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.filterwarnings("error")
def test_any_history_is_drawn_with_every_word_inside(tmp_path, drawn, edge):
    table, lit = EDGES[edge]
    ticker_plot.draw("AAPL", table, lit, context(simulated=True), tmp_path / "p.png", scale=panel.Scale(0.6, 0.5))
    figure = drawn["figure"]
    width, height = figure.bbox.size
    stored = {label for axes in figure.axes for label in (*axes.get_xticklabels(), *axes.get_yticklabels())}
    inside = {label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in _labels_in_view(axis)}
    for text in figure.findobj(mpl.text.Text):
        if text.get_visible() and text.get_text() and (text not in stored or text in inside):
            box = text.get_window_extent()
            assert -1 <= box.x0 <= box.x1 <= width + 1, text.get_text()
            assert -1 <= box.y0 <= box.y1 <= height + 1, text.get_text()


def _labels_in_view(axis: mpl.axis.Axis) -> list[mpl.text.Text]:
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


def test_a_single_point_is_seen_and_a_lonely_one_too(tmp_path, drawn):
    ticker_plot.draw("A", EDGES["one point"][0], flow(), context(), tmp_path / "p.png")
    (ratio, today) = drawn["figure"].axes[0].lines
    assert ratio.get_marker() == "o"
    assert (today.get_xdata().tolist(), today.get_ydata().tolist()) == ([60], [50.0])


def test_markers_areas_are_explained_by_two_round_volumes(tmp_path, drawn):
    lit = flow((DAYS[-2], 0.3, None, 2.5e6, "NBBO", "BOT"), (SESSION, 0.1, None, 4e5, "NBBO", ""))
    ticker_plot.draw("A", history(), lit, context(), tmp_path / "p.png")
    assert {"area: 2.0M shares", "500.0K shares"} <= set(drawn["texts"])
    greatest, quarter = (h.get_markersize() ** 2 for h in drawn["figure"].axes[2].get_legend().legend_handles)
    assert greatest == pytest.approx(26 + 150 * 2 / 2.5)
    assert quarter == pytest.approx(26 + 150 * 0.5 / 2.5)


def test_plots_of_a_page_share_their_scale_and_one_outside_says_it_has_its_own(tmp_path, drawn):
    windows = pl.concat([history(offex_ratio={5: 0.75}), history(offex_ratio={5: 9.0})])
    scale = panel.shared_scale(windows, SOME_FLOW, flow((SESSION, 1.0, None, 1.0, "NBBO", "BOT")))
    assert scale == panel.Scale(0.75, 1.0)
    limits = []
    for table in (history(), history(offex_ratio={5: 0.75})):
        ticker_plot.draw("A", table, SOME_FLOW, context(), tmp_path / "p.png", scale=scale)
        limits.append([axes.get_ylim() for axes in (drawn["figure"].axes[0], drawn["figure"].axes[2])])
        assert not any(glossary.LABELS["own_scale"] in text for text in drawn["texts"])
    assert limits[0] == limits[1]
    ticker_plot.draw("A", history(offex_ratio={5: 9.0}), SOME_FLOW, context(), tmp_path / "p.png", scale=scale)
    assert f"{glossary.LABELS['ratio_axis']}, {glossary.LABELS['own_scale']}" in drawn["texts"]


def test_a_scale_of_nothing_is_each_plots_own(tmp_path):
    nothing = panel.shared_scale(history(offex_ratio=NOTHING), flow())
    assert nothing == panel.Scale(0.0, 0.0)
    assert panel.shared_scale(history(offex_ratio=NOTHING)) == nothing


def test_a_figure_is_an_svg_too_where_its_name_says_so(tmp_path):
    for name in ("a", "b"):
        ticker_plot.draw("<&>", history(), SOME_FLOW, context(), tmp_path / f"{name}.png", tmp_path / f"{name}.svg")
        ticker_plot.draw("OTHER", history(split_ratio={3: 2.0}), flow(), context(), tmp_path / "between.svg")
    drawing = (tmp_path / "a.svg").read_text()
    assert drawing == (tmp_path / "b.svg").read_text()
    assert size(tmp_path / "a.png") == size(tmp_path / "b.png") == (910, 988)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert ElementTree.fromstring(drawing).tag.endswith("svg")
    assert "<dc:date>" not in drawing
    assert mpl.__version__ not in drawing
    assert 'href="http' not in drawing
