"""What the table as a picture promises."""

from __future__ import annotations

from datetime import date

from darkpool.show.figures import table_picture
from darkpool.tables import glossary
from unit.show.test_page_view import NO_TRF, context, features


def test_the_table_shows_what_the_page_shows(tmp_path, drawn):
    sources = [{"source": "finra", "state": "not_yet", "retrieved_at": "2025-12-23T11:00:00Z", "reason": "403"}]
    rows = ({}, {"ticker": "NULL", **NO_TRF})
    table_picture.draw(features(*rows), context(sources=sources, notes=["Old mark."]), tmp_path / "t.png")
    for words in ("12.1M", "33.0%", "0.91×", "BOT", "56.2%", "1.29×", "97.5%", "NBBO", "–", "no FINRA volume"):
        assert words in drawn["texts"]
    assert "FINRA daily: not yet, asked 2025-12-23 06:00 New York. 403" in drawn["texts"]
    assert "Note: Old mark." in drawn["texts"]
    assert glossary.DISCLAIMER in drawn["texts"]


def test_above_sixty_rows_the_table_says_how_many_more_there_are(tmp_path, drawn):
    rows = [{"ticker": f"T{i:03d}", "accum_score": float(i)} for i in range(65)]
    table_picture.draw(features(*rows), context(), tmp_path / "t.png")
    assert "and 5 more on the page, table.html" in drawn["texts"]
    assert "T064" in drawn["texts"]
    assert "T004" not in drawn["texts"]


def test_the_table_shows_the_target_session_alone(tmp_path, drawn):
    table_picture.draw(features({}, {"date": date(2025, 12, 19), "ticker": "OLD"}), context(), tmp_path / "t.png")
    assert "OLD" not in drawn["texts"]


def test_a_table_without_rows_says_so(tmp_path, drawn):
    table_picture.draw(features({}).clear(), context(), tmp_path / "t.png")
    assert "No ticker in this session." in drawn["texts"]
