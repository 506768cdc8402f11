"""What the picture that goes with a message promises."""

from __future__ import annotations

from datetime import date

import pytest
from PIL import Image

from darkpool.measures import stands_out
from darkpool.show.figures import summary_picture
from darkpool.tables import columns, glossary
from unit.show.test_page_view import NO_TRF, context, features

LEGIBLE = 11
"""Points on a phone: below that letters are read with effort."""


def draw(tmp_path, *rows: dict, **about) -> None:
    summary_picture.draw(features(*rows), context(**about), tmp_path / "t.png")


def test_it_shows_what_stands_out_and_the_columns_that_matter(tmp_path, drawn):
    rows = {}, {"ticker": "NULL", **NO_TRF}
    draw(tmp_path, *rows)
    words = " ".join(drawn["texts"])
    for sentence in stands_out.sentences(features(*rows)):
        assert "".join(sentence.split()) in "".join(words.split())
    for cell in ("33.0%", "0.91×", "56.2%", "–"):
        assert cell in drawn["texts"]
    assert glossary.DISCLAIMER in " ".join(words.split())
    assert "NULL !" in drawn["texts"]
    known = [name for name in columns.also("message") if name != "change_pct"]  # unknown in every row
    labels = [columns.COLUMNS[name].label for name in known]
    assert set(labels) <= set(drawn["texts"])
    assert "Bought" not in drawn["texts"]


@pytest.mark.parametrize("rows", [1, 20, 65])
def test_on_a_phone_its_letters_are_high_enough(tmp_path, drawn, rows):
    draw(tmp_path, *({"ticker": f"T{i:03d}", "accum_score": float(i)} for i in range(rows)))
    with Image.open(tmp_path / "t.png") as image:
        width = image.width
    assert width <= 1200
    body = [text for text in drawn["figure"].texts if text.get_text().startswith("T0")]
    points = min(text.get_fontsize() for text in body) * summary_picture.DPI / 72  # pixels
    assert points * 390 / width >= LEGIBLE


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("simulated", [True, False])
def test_every_word_is_inside_and_no_two_cells_of_a_row_meet(tmp_path, drawn, simulated):
    rows = [
        {"ticker": "WMWMW", "offex_ratio": 12345.678, "trf_spike": 20.0, "offex_ratio_z": -123456.7,
         "lit_buy_ratio": 0.123, "signal": "SELL", "strength": "weak", "quality": "no_lit"},
        {"ticker": "A", "signal": "BOT", "strength": "firm"},
    ]  # fmt: skip
    draw(tmp_path, *rows, simulated=simulated)
    width, height = drawn["figure"].bbox.size
    boxes = {text: text.get_window_extent() for text in drawn["figure"].texts if text.get_rotation() == 0}
    for text, box in boxes.items():
        assert -1 <= box.x0 <= box.x1 <= width + 1, text.get_text()
        assert -1 <= box.y0 <= box.y1 <= height + 1, text.get_text()
    for one, box in boxes.items():
        for other, beside in boxes.items():
            assert one is other or not box.overlaps(beside), (one.get_text(), other.get_text())


def test_a_signal_says_how_far_it_can_be_trusted(tmp_path, drawn):
    draw(tmp_path, {"signal": "BOT", "strength": "firm"}, {"ticker": "L", "signal": "SELL", "strength": "weak"})
    assert {"BOT firm", "SELL weak"} <= set(drawn["texts"])


def test_a_source_in_trouble_stands_before_all_others_do_not(tmp_path, drawn):
    sources = [
        {"source": "yahoo", "state": "published", "retrieved_at": "2025-12-23T11:00:00Z"},
        {"source": "finra", "state": "not_yet", "retrieved_at": "2025-12-23T11:00:00Z", "reason": "403"},
    ]
    draw(tmp_path, {}, sources=sources)
    assert "FINRA daily: not yet, asked 2025-12-23 06:00 New York" in drawn["texts"]
    assert not any("Yahoo" in text for text in drawn["texts"])


def test_above_twenty_rows_it_says_how_many_more_there_are(tmp_path, drawn):
    draw(tmp_path, *({"ticker": f"T{i:03d}", "accum_score": float(i)} for i in range(25)))
    assert "and 5 more on the page" in drawn["texts"]
    assert "T024" in drawn["texts"]
    assert "T004" not in drawn["texts"]


def test_it_shows_the_target_session_alone_and_says_where_there_is_no_row(tmp_path, drawn):
    draw(tmp_path, {}, {"date": date(2025, 12, 19), "ticker": "OLD"})
    assert "OLD" not in drawn["texts"]
    summary_picture.draw(features({}).clear(), context(), tmp_path / "t.png")
    assert glossary.LABELS["no_ticker"] in drawn["texts"]


def test_what_is_true_of_every_row_is_no_mark_and_what_nobody_knows_no_column(tmp_path, drawn):
    """Somebody without a key: no row has a buy ratio, and every row says so."""
    without = {"lit_buy_ratio": None, "estimated_bought": None, "signal": "", "strength": "", "quality": "no_lit"}
    draw(tmp_path, without, {"ticker": "B", **without, "quality": "excess_ratio,no_lit"})
    assert {"AAPL", "B !", "Spike"} <= set(drawn["texts"])
    assert not {"Buy %", "Signal"} & set(drawn["texts"])
