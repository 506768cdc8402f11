"""The index in a real Chromium: on a desktop, on a phone, on paper, by keyboard and without its script."""

from __future__ import annotations

from pathlib import Path

import pytest

import index_folders
from darkpool.show.index import index_page

HOSTILE = "<img src=x onerror=alert(1)>"
SIGNALS = ("BOT", "SELL", "", None)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory) -> Path:
    """Six sessions, one of them missing, one waiting; forty tickers, one with a hostile name."""
    folder = tmp_path_factory.mktemp("results") / "emps2"
    tickers = [*(f"T{i:02d}" for i in range(39)), HOSTILE]
    for number, day in enumerate(("2025-11-26", "2025-11-28", "2025-12-01", "2025-12-03", "2025-12-04")):
        signals = {ticker: SIGNALS[(i // 3 + (number if i % 2 else 0)) % 4] for i, ticker in enumerate(tickers)}
        scores = {ticker: i / 10 for i, ticker in enumerate(tickers)}
        ratios = {ticker: [0.2, 0.4, 0.4 + i / 100] for i, ticker in enumerate(tickers)} | {"T01": [0.2, None, 0.9]}
        index_folders.put(folder, day, signals, ratios=ratios, accum_score=scores, simulated=True)
    index_folders.put(
        folder, "2025-12-05", dict.fromkeys(tickers), states={"FINRA": "not_yet", "Yahoo": "published"}, manifest=False
    )
    return index_page.write(folder)


def first_column(page) -> list[str]:
    return page.locator("table.watch tbody tr:visible th").all_inner_texts()


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_serious_stands_in_a_readers_way(page_file, open_page, axe, width, scheme):
    page = open_page(page_file, width=width, color_scheme=scheme)
    for summary in page.locator("summary").all():
        summary.click()
    assert axe(page) == []


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_page_is_as_wide_as_the_screen_and_wide_tables_scroll_inside(page_file, open_page, width):
    page = open_page(page_file, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width < 700:
        assert page.evaluate("(e => e.scrollWidth > e.clientWidth)(document.querySelector('.scroll'))")


def test_on_a_phone_no_word_of_the_calendar_is_cut(page_file, open_page):
    page = open_page(page_file, width=390)
    cut = page.evaluate(
        "[...document.querySelectorAll('.month td i')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
    )
    assert page.locator(".month td i").count() > 5
    assert cut == 0


def test_hostile_tickers_are_text(page_file, open_page):
    page = open_page(page_file)
    assert HOSTILE in first_column(page)
    assert page.locator("img").count() == 0


def test_the_filter_leaves_matching_rows_and_counts_them(page_file, open_page):
    page = open_page(page_file)
    page.locator("#filter").fill("t1")
    assert first_column(page) == [f"T{i}" for i in range(19, 9, -1)]
    assert page.locator("#left").inner_text() == "10 shown"
    page.locator("#filter").fill("t1 bot")
    assert 0 < len(first_column(page)) < 10
    page.locator("#filter").fill("")
    assert len(first_column(page)) == 40


def test_rows_sort_by_keyboard_alone_and_say_so(page_file, open_page):
    page = open_page(page_file)
    assert first_column(page)[0] == HOSTILE
    heading = page.locator("table.watch thead th", has_text="Score")
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert first_column(page)[0] == "T00"
    page.locator("table.watch thead th", has_text="Ticker").locator("button").press("Space")
    assert heading.get_attribute("aria-sort") is None
    assert first_column(page) == sorted(first_column(page))


def test_what_is_unknown_sorts_last_both_ways(page_file, open_page):
    page = open_page(page_file)
    button = page.locator("table.watch thead th", has_text="Log ratio").locator("button")
    for _ in range(2):
        button.click()
        values = page.evaluate(
            "[...document.querySelectorAll('table.watch tbody tr')].map(r => r.cells[8].dataset.value)"
        )
        assert "" in values
        assert values == [*filter(None, values), *[""] * values.count("")]


def test_without_javascript_all_is_there_by_score(page_file, open_page):
    page = open_page(page_file, javascript=False)
    assert len(first_column(page)) == 40
    assert first_column(page)[:2] == [HOSTILE, "T38"]
    assert not page.locator("#filter").is_visible()
    assert page.locator("table.watch button").count() == 0
    assert page.get_by_text("missing", exact=True).first.is_visible()


def test_links_lead_to_the_sessions_page_and_the_tickers_row_on_it(page_file, open_page):
    page = open_page(page_file)
    page.locator(".month a", has_text="waiting").click()
    assert page.url.endswith("/emps2/2025-12-05/table.html")
    page.go_back()
    page.locator("table.watch a", has_text="T38").click()
    assert page.url.endswith("/emps2/2025-12-04/table.html#row=T38")
    page.go_back()
    page.locator("table.watch a", has_text="img").click()
    assert page.url.endswith("/emps2/2025-12-04/table.html#row=%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E")


def test_on_paper_every_row_is_there_and_the_tools_are_not(page_file, open_page):
    page = open_page(page_file, width=1047)
    page.emulate_media(media="print")
    assert len(first_column(page)) == 40
    assert not page.locator("#filter").is_visible()
    box = page.locator(".scroll").evaluate("e => [e.scrollHeight, e.clientHeight, e.scrollWidth, e.clientWidth]")
    assert box[0] <= box[1] + 1
    assert box[2] <= box[3] + 1
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    wide = "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.id)"
    assert page.locator(".board > section").evaluate_all(wide) == []


def test_signals_are_words_and_simulated_is_said_first(page_file, open_page):
    page = open_page(page_file)
    assert set(page.locator("table.watch .chip").all_inner_texts()) == {"BOT", "SELL"}
    assert page.locator("body").inner_text().startswith("SIMULATED")
