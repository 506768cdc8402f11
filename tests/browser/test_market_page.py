"""The page of the market in a real Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest

import market_rows
from darkpool.show.market_page import market_html

TOLD = {"simulated": True, "notes": [], "sources": [
    {"source": "FINRA", "state": "published", "reason": None, "retrieved_at": "2025-12-23T11:00:00Z", "detail": ""},
]}  # fmt: skip


@pytest.fixture(scope="module")
def page_file(tmp_path_factory) -> Path:
    """Fifty names, every second confirmed, three new ones, one with a hostile name."""
    rows = []
    for rank in range(1, 51):
        given = market_rows.confirmed(close=float(rank), quality="basis_break") if rank % 2 else {}
        rows.append(market_rows.name(f"N{rank:02}", rank, trf_volume=1e6 * rank, **given))
    rows += [market_rows.name(f"NEW{i}", None, is_new=True, trf_volume=1e5 * i) for i in (1, 2)]
    rows.append(market_rows.name("<img src=x>", None, is_new=True, trf_volume=9e9))
    table = market_rows.table(rows)
    lines = {name: [1e6, None, 2e6, 1e6, 5e6] for name in table["ticker"]}
    path = tmp_path_factory.mktemp("market") / "market.html"
    path.write_text(market_html.render(table, "emps2", market_rows.DAY, TOLD, show=50, lines=lines))
    return path


def names(page, table: str = "listed") -> list[str]:
    return page.locator(f"#{table} tbody tr:visible th button").all_inner_texts()


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_serious_stands_in_a_readers_way(page_file, open_page, axe, width, scheme):
    page = open_page(page_file, width=width, color_scheme=scheme)
    page.locator("#listed .open").first.click()
    assert axe(page) == []


@pytest.mark.parametrize("width", [390, 1280, 1440])
def test_the_page_is_as_wide_as_the_screen(page_file, open_page, width):
    page = open_page(page_file, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width >= 1280:
        assert page.evaluate("[...document.querySelectorAll('.wide')].every(e => e.scrollWidth <= e.clientWidth)")


def test_names_are_filtered_by_size_price_and_name(page_file, open_page):
    page = open_page(page_file)
    assert len(names(page)) == 50
    page.locator("[name=size]").fill("48000000")
    assert names(page) == ["N48", "N49", "N50"]
    page.locator("[name=close]").fill("1")
    assert names(page) == ["N49"]  # an unknown price is none that is large enough
    assert page.locator("#told").inner_text() == "1 of 53 names"
    page.locator("[name=size]").fill("")
    page.locator("[name=close]").fill("")
    page.locator("[name=name]").fill("n0")
    assert names(page) == [f"N0{i}" for i in range(1, 10)]


def test_a_heading_sorts_down_then_up_with_unknown_ones_last(page_file, open_page):
    page = open_page(page_file)
    heading = page.locator("#listed th:has([data-sort=close])")
    heading.locator("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert names(page)[:2] == ["N49", "N47"]
    heading.locator("button").press("Enter")
    assert names(page)[:2] == ["N01", "N03"]
    assert int(names(page)[-1][1:]) % 2 == 0


def test_a_names_line_opens_and_closes(page_file, open_page):
    page = open_page(page_file)
    button = page.locator("#listed .open").first
    button.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    words = page.locator("tr.line").inner_text()
    assert "5 sessions, 4 with a value" in words
    assert "5,000,000" in words
    assert "median of the earlier ones 1,000,000" in words
    assert page.locator("tr.line polyline").count() == 1  # one session alone before the gap is no line
    button.press("Enter")
    assert page.locator("tr.line").count() == 0


def test_hostile_names_are_text(page_file, open_page):
    page = open_page(page_file)
    assert names(page, "new")[0] == "<img src=x>"
    page.locator("#new .open").first.click()
    assert page.locator("img").count() == 0


def test_without_its_script_every_name_is_there_and_no_tool_that_does_nothing(page_file, open_page):
    page = open_page(page_file, javascript=False)
    assert page.locator("#listed tbody tr").count() == 50
    assert not page.locator("#filters").is_visible()


def test_on_paper_nothing_is_cut(page_file, open_page):
    page = open_page(page_file, width=1000)
    page.emulate_media(media="print")
    assert page.evaluate("[...document.querySelectorAll('.wide')].every(e => e.scrollWidth <= e.clientWidth)")
