"""What the figure of the whole watchlist promises."""

from __future__ import annotations

import math
from datetime import date, timedelta

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

from darkpool.market import sessions
from darkpool.measures import unusual as statistics
from darkpool.show.figures import overview
from darkpool.tables import glossary
from darkpool.tables.facts import SPLIT_SCHEMA
from unit.show.test_page_view import NO_TRF, SESSION, context, features
from unit.show.test_ticker_plot import size

DAYS = sessions.window(SESSION, 60)
NO_SPLITS = pl.DataFrame(schema=SPLIT_SCHEMA)
SCHEMA = {"date": pl.Date, "ticker": pl.String, "trf_volume": pl.Float64, "offex_ratio": pl.Float64}


def window(**ratios: list[float | None]) -> pl.DataFrame:
    """The last sessions' ratios by ticker; all before them are unknown."""
    rows = [
        (day, ticker, None if value is None else 1000 * value, value)
        for ticker, values in ratios.items()
        for day, value in zip(DAYS, [None] * (len(DAYS) - len(values)) + values, strict=True)
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def waves(count: int) -> pl.DataFrame:
    return window(**{f"T{i:03d}": [0.3 + 0.1 * math.sin(i + 0.7 * j) for j in range(61)] for i in range(count)})


def rows(merged: pl.DataFrame) -> pl.DataFrame:
    """The session's rows of features that belong to a window."""
    today = merged.filter(pl.col("date") == SESSION).sort("ticker")
    return features(
        *(
            {"ticker": t, "offex_ratio": r, "accum_score": r}
            for t, r in today.select("ticker", "offex_ratio").iter_rows()
        )
    )


def test_z_of_the_session_is_that_of_features_and_the_window_has_one_yardstick():
    merged = window(A=[0.1, 0.2, 0.3, 0.4, 0.9])
    z = statistics.window_z(merged, NO_SPLITS, SESSION, 4).filter(pl.col("z").is_not_null())
    assert z["date"].to_list() == DAYS[-5:]
    expected = statistics.robust_z(np.array([0.1, 0.2, 0.3, 0.4]), 0.9)
    assert z["z"][-1] == pytest.approx(expected, abs=1e-12)
    # median 0.25, MAD 0.1
    assert z["z"].to_list() == pytest.approx([(x - 0.25) / 0.14826 for x in (0.1, 0.2, 0.3, 0.4, 0.9)])


def test_z_is_unknown_below_the_least_number_of_sessions_and_where_nothing_varies():
    merged = window(FEW=[0.1, 0.2, 0.3], FLAT=[0.5] * 30, GAP=[0.1, 0.3] * 15 + [None])
    known = statistics.window_z(merged, NO_SPLITS, SESSION, 20).drop_nulls("z")
    assert set(known["ticker"]) == {"GAP"}
    assert SESSION not in known["date"].to_list()


def test_the_figure_says_what_it_shows_and_what_it_cannot(tmp_path, drawn):
    merged = window(A=[0.2, 0.4] * 15 + [0.9], B=[0.3, 0.4] * 15 + [0.25])
    overview.draw(rows(merged), merged, context(), tmp_path / "o.png")
    text = "\n".join(drawn["texts"])
    assert "Watchlist emps2  2025-12-22" in text
    assert "2 of 2 tickers with a ratio, median 57.5%; the watchlist, not the market" in text
    assert "window: 60 values" in text
    assert "2025-12-22: 2 values" in text
    assert glossary.DISCLAIMER in text.replace("\n", " ")
    assert {"A", "B", "90.0%", "25.0%", "+ above +2, − below −2"} <= {
        part for t in drawn["texts"] for part in (t, *t.split("    "))
    }
    assert size(tmp_path / "o.png")[0] == 910


def test_what_is_far_out_carries_a_sign_beside_its_colour_and_the_unknown_a_cross(tmp_path, drawn):
    merged = window(A=[0.3, 0.4] * 15 + [0.9], B=[0.3, 0.4] * 15 + [0.01])
    overview.draw(rows(merged), merged, context(), tmp_path / "o.png")
    heat = drawn["figure"].axes[1]
    high, low, unknown = (np.asarray(marks.get_offsets()) for marks in heat.collections[1:])
    assert high.tolist() == [[60.5, 0.5]]
    assert low.tolist() == [[60.5, 1.5]]
    assert len(unknown) == 2 * 30


def words_of(figure: Figure) -> list[mpl.text.Text]:
    """Titles, names and legends; Matplotlib holds labels of ticks in store that lie outside and are not drawn."""
    ticks = {label for axes in figure.axes for label in (*axes.get_xticklabels(), *axes.get_yticklabels())}
    texts = [
        text for text in figure.findobj(mpl.text.Text) if text.get_visible() and text.get_text() and text not in ticks
    ]
    return [text for text in texts if text.get_text() != glossary.SIMULATED or text.get_rotation() == 0]


@pytest.mark.parametrize(
    "merged",
    [
        window(A=[None]),
        window(A=[0.4]),
        window(A=[0.0] * 61, B=[0.0] * 61),
        window(A=[0.3, None] * 15 + [0.4], B=[None] * 30 + [0.2]),
        window(A=[1e-9] * 60 + [1.0], B=[0.4] * 60 + [5000.0]),
        waves(3),
        waves(70),
    ],
    ids=["no value", "one point", "zeros", "gaps", "huge range", "three", "many"],
)
@pytest.mark.filterwarnings("error")
def test_any_watchlist_is_drawn_with_every_word_inside(tmp_path, drawn, merged):
    overview.draw(rows(merged), merged, context(simulated=True), tmp_path / "o.png")
    figure = drawn["figure"]
    width, height = figure.bbox.size
    for text in words_of(figure):
        box = text.get_window_extent()
        assert -1 <= box.x0 <= box.x1 <= width + 1, text.get_text()
        assert -1 <= box.y0 <= box.y1 <= height + 1, text.get_text()
    low, high = figure.axes[0].get_xlim()
    assert 0 <= low < high <= 102


def test_a_ratio_of_a_thousand_times_the_volume_leaves_the_others_their_place(tmp_path, drawn):
    merged = window(A=[0.3, 0.4] * 30 + [0.35], B=[0.4, 0.5] * 30 + [5000.0])
    overview.draw(rows(merged), merged, context(), tmp_path / "o.png")
    assert drawn["figure"].axes[0].get_xlim()[1] == pytest.approx(102)


def test_above_forty_rows_the_figure_says_how_many_more(tmp_path, drawn):
    merged = waves(45)
    overview.draw(rows(merged), merged, context(), tmp_path / "o.png")
    assert "and 5 more on the page, table.html" in drawn["texts"]
    assert sum(text.startswith("T0") for text in drawn["texts"]) == 40 + 2


def test_no_ticker_is_said_to_be_none(tmp_path, drawn):
    overview.draw(features({}).clear(), window(A=[]).clear(), context(), tmp_path / "o.png")
    assert glossary.LABELS["no_ticker"] in drawn["texts"]
    assert glossary.LABELS["no_values"] in drawn["texts"]


def test_a_ticker_without_a_value_keeps_its_row(tmp_path, drawn):
    frame = features({}, {"ticker": "NULL", **NO_TRF})
    overview.draw(frame, window(AAPL=[0.3] * 61), context(), tmp_path / "o.png")
    assert "1 of 2 tickers with a ratio, median 33.0%; the watchlist, not the market" in drawn["texts"]
    assert "NULL" in drawn["texts"]


def test_earlier_sessions_are_not_drawn_and_later_ones_are_refused(tmp_path, drawn):
    frame = features({}, {"ticker": "OLD", "date": date(2025, 12, 19)})
    overview.draw(frame, window(AAPL=[0.3] * 61), context(), tmp_path / "o.png")
    assert "OLD" not in drawn["texts"]
    with pytest.raises(ValueError, match="later than the page's session"):
        overview.draw(features({"date": SESSION + timedelta(days=1)}), waves(1), context(), tmp_path / "p.png")


def test_the_same_watchlist_is_the_same_bytes_as_png_and_as_svg(tmp_path):
    merged = waves(3)
    for name in ("a", "b"):
        overview.draw(rows(merged), merged, context(), tmp_path / f"{name}.png", tmp_path / f"{name}.svg")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
