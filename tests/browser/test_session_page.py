"""What the session page promises in a real browser: every test opens it from disk, and none may hear a complaint."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from playwright.sync_api import expect

from browser import made
from browser.made import TARGET, row
from darkpool.market import sessions
from darkpool.show.page import page_html, rows_csv
from darkpool.show.page.context import Behind
from darkpool.show.page.rows import ranked
from darkpool.show.page.values import cell
from darkpool.tables import columns, glossary

EARLIER, EARLIEST = date(2025, 12, 19), date(2025, 12, 18)
HOSTILE = (
    "<script>document.title='owned'</script>", "</script><script>document.title='owned'</script>",
    '"><img src=x onerror=document.title="owned">', "constructor", "__proto__", "A*&amp;<!--", "\u2028\u202eLIVE",
)  # fmt: skip
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cfc0000003010100"
    "18dd8db00000000049454e44ae426082"
)
Rows = Sequence[str]


def three_sessions() -> pl.DataFrame:
    """AAA, BBB, CCC, DDD by score; BBB bought, CCC sold, DDD without lit data and FINRA volume."""
    rows = []
    for day in (EARLIEST, EARLIER, TARGET):
        rows += [
            row(day, "AAA", trf_volume=3e6, quality="revised"),
            row(day, "BBB", trf_volume=2e6, lit_buy_ratio=0.7, regular_volume=8e6),
            row(day, "CCC", trf_volume=1e6, lit_buy_ratio=0.3, classification_method="BARS", quality="bars_only"),
            row(day, "DDD", trf_volume=None, lit_buy_ratio=None, opinions="none", quality="no_lit,no_trf"),
        ]
    rows[0] |= {"ticker": "OLD"}  # a name that left
    return made.features(sorted(rows, key=lambda found: (found["date"], found["ticker"])))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("emps2") / str(TARGET)
    (folder / "plots").mkdir(parents=True)
    (folder / "plots" / "AAA.png").write_bytes(PIXEL)
    told = {
        EARLIER: {"sources": [{"source": "FINRA", "state": "truncated", "reason": "no trailer"}], "notes": ["A note."]}
    }
    html = made.html(three_sessions(), plots={"AAA": "plots/AAA.png"}, told=told, simulated=True)
    (folder / "table.html").write_text(html, encoding="utf-8")
    return folder / "table.html"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "table.html"
    path.write_text(made.html(made.many(1_000, 2)), encoding="utf-8")
    return path


WHOLE = """() => {
    const frame = document.querySelector("#board");
    const cells = Array.from(document.querySelectorAll("#board tr > *")).filter(cell => cell.offsetWidth);
    return frame.scrollWidth <= frame.clientWidth && cells.every(cell => cell.scrollWidth <= cell.clientWidth + 1);
}"""


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Values as wide as they come: ten figures of volume, bands, many flags, and five lines of what stands out."""
    rows = [
        row(
            TARGET, f"WIDE{i}", trf_volume=1.234e8 - i, regular_volume=4.567e8, lit_buy_ratio=0.2 + 0.1 * i,
            trf_spike=19.99, trf_percentile=0.999, offex_ratio_z=-12.34, volume_z=None if i else -12.34,
            close=1234.56, change_pct=-12.34,
            quality="identity_break,no_quotes,restated,revised,rounded_volume,short_history"[: 45 - i],
        )
        for i in range(7)
    ]  # fmt: skip
    path = tmp_path_factory.mktemp("wide") / "table.html"
    path.write_text(made.html(made.features(rows), simulated=True), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def keyless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    nothing = {
        "lit_buy_ratio": None,
        "trf_buy_ratio": None,
        "opinions": "none",
        "quality": "no_lit",
        "close": 10.0,
        "change_pct": 1.0,
    }
    frame = made.features([row(day, ticker, **nothing) for day in (EARLIER, TARGET) for ticker in ("AAA", "BBB")])
    path = tmp_path_factory.mktemp("keyless") / "table.html"
    path.write_text(made.html(frame), encoding="utf-8")
    return path


def tickers(opened: Any) -> Rows:
    return opened.locator("#board tbody bdi").all_text_contents()


def sort(opened: Any, name: str) -> None:
    opened.locator(f"#board th[data-name={name}] .sort").click()


def sorted_by(opened: Any) -> list[tuple[str, str]]:
    return opened.eval_on_selector_all("#board [aria-sort]", "all => all.map(h => [h.dataset.name, h.ariaSort])")


def fits(opened: Any) -> bool:
    """Whether nothing but the table's own frame scrolls sideways."""
    return bool(opened.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_a_column_sorts_highest_first_then_lowest_then_as_before_with_the_unknown_last(open_page, small):
    opened = open_page(small)
    assert tickers(opened) == ["AAA", "BBB", "CCC", "DDD"]
    assert sorted_by(opened) == [["accum_score", "descending"]]
    for expected, way in (
        (["BBB", "AAA", "CCC", "DDD"], ["lit_buy_ratio", "descending"]),
        (["CCC", "AAA", "BBB", "DDD"], ["lit_buy_ratio", "ascending"]),
        (["AAA", "BBB", "CCC", "DDD"], ["accum_score", "descending"]),
    ):
        sort(opened, "lit_buy_ratio")
        assert tickers(opened) == expected
        assert sorted_by(opened) == [way]


def test_equal_values_keep_their_order_both_ways(open_page, small):
    opened = open_page(small)
    for _ in range(2):
        sort(opened, "trf_percentile")
        assert [t for t in tickers(opened) if t in ("AAA", "BBB")] == ["AAA", "BBB"]


def test_rows_are_filtered_by_text_signal_flag_and_method(open_page, small):
    opened = open_page(small)
    opened.fill("#filter", "revised")
    assert tickers(opened) == ["AAA"]
    opened.fill("#filter", "bot firm")
    assert tickers(opened) == ["BBB"]
    opened.fill("#filter", "bars sell")
    assert tickers(opened) == ["CCC"]
    assert opened.text_content("#left") == "1 of 4 shown"
    opened.fill("#filter", "")
    opened.click("#tiles [data-code=BOT]")
    opened.click("#tiles [data-code=none]")
    assert tickers(opened) == ["BBB", "DDD"]
    assert opened.get_attribute("#tiles [data-code=BOT]", "aria-pressed") == "true"
    opened.select_option("#quality", "no_trf")
    assert tickers(opened) == ["DDD"]
    opened.click("#reset")
    opened.select_option("#method", "BARS")
    assert tickers(opened) == ["CCC"]
    opened.select_option("#method", "")
    opened.select_option("#quality", "-")
    assert tickers(opened) == ["AAA", "BBB"]


def test_columns_are_chosen_and_every_header_stands_over_its_cells(open_page, small):
    opened = open_page(small)
    assert not opened.is_visible("#board th[data-name=trf_ma20]")
    opened.click("#choose")
    opened.check("#columns input[value=trf_ma20]")
    opened.uncheck("#columns input[value=signal]")
    opened.keyboard.press("Escape")
    assert opened.is_visible("#board th[data-name=trf_ma20]")
    lefts = "cells => cells.filter(c => c.offsetWidth).map(c => [c.offsetLeft, c.offsetWidth])"
    heads = opened.eval_on_selector_all("#board .names th", lefts)
    assert heads == opened.eval_on_selector_all("#board tbody tr:first-child > *", lefts)
    groups = "cells => cells.filter(c => c.offsetWidth).reduce((sum, c) => sum + c.colSpan, 0)"
    assert opened.eval_on_selector_all("#board .groups > *", groups) == len(heads)


def test_another_session_of_the_page_is_a_click_away_with_its_own_sources_and_notes(open_page, small):
    opened = open_page(small)
    opened.click(f"#days [data-date='{EARLIER}']")
    assert opened.text_content("#shown") == "Fri 2025-12-19"
    assert "2025-12-19" in opened.title()
    assert opened.text_content("#sources li.warn b") == "truncated"
    assert opened.inner_text("#notes li") == "A note."
    opened.keyboard.press("[")
    assert tickers(opened) == ["OLD", "BBB", "CCC", "DDD"]
    opened.go_back()
    opened.go_back()
    assert opened.text_content("#shown") == "Mon 2025-12-22"
    assert opened.text_content("#sources li.good b") == "published"
    assert opened.is_hidden("#notes")


def test_a_rows_details_tell_what_lies_behind_it(open_page, small):
    opened = open_page(small)
    opened.click("#board tbody tr:first-child td:nth-child(4)")
    told = opened.inner_text("#details")
    for part in (
        "3,000,000", "Coverage, % of volume", "90.0%", "corrected", "10.0K, 25.0%", "outside hours", "30.0K, 75.0%",
        glossary.FLAGS["revised"].sentence, "FINRA daily published", "fetched 2025-12-23 06:00 New York",
        "61 sessions from 2025-09-26 to 2025-12-22", "1 unknown",
    ):  # fmt: skip
        assert part in told, part
    line, bought = opened.locator("#details .trend svg").all()
    assert line.locator("polyline").count() == 2  # the gap breaks it
    assert "Off-exchange ratio, " in line.get_attribute("aria-label")
    assert bought.locator(".strip-neutral").count() == 1
    opened.locator("#details img").scroll_into_view_if_needed()
    opened.locator("#details img").evaluate("image => image.decode()")


def test_the_largest_prints_stand_in_their_rows_details_alone(open_page, small):
    opened = open_page(small, address="#row=AAA")
    cells = [row.locator("td").all_inner_texts() for row in opened.locator("#details .blocks tbody tr").all()]
    assert cells == [
        ["13:30:05.123", "48.59", "250,000", "$12.1M", "94%, buy", "12 s late", "2.7%", ""],
        ["13:30:05.123", "48.59", "125,000", "$6.1M", "94%, buy", "12 s late", "2.7%", "outside hours"],
    ]
    assert "inferred estimate" in opened.inner_text("#details")
    assert "AAA: largest print 250.0K shares" in opened.inner_text("#stands-out")
    assert open_page(small, address="#row=BBB").locator("#details .blocks").count() == 0


def test_what_is_unknown_says_why_in_the_row_and_in_its_details(open_page, small):
    opened = open_page(small, address="#row=DDD")
    why = glossary.FLAGS["no_trf"].sentence
    assert why in opened.inner_text("#details")
    opened.click("#details .close")
    opened.locator("#board tbody tr:nth-child(4) td:nth-child(6) button").focus()
    opened.keyboard.press("Enter")
    assert opened.locator(":popover-open").inner_text().endswith(why)


def test_a_view_lives_in_its_address_and_a_link_opens_it_again(open_page, small):
    opened = open_page(small)
    opened.click(f"#days [data-date='{EARLIER}']")
    sort(opened, "lit_buy_ratio")
    opened.fill("#filter", "b")
    opened.click("#choose")
    opened.check("#columns input[value=buy_ratio]")
    opened.keyboard.press("Escape")
    opened.click("#board tbody tr:first-child td:nth-child(4)")
    address = opened.evaluate("location.hash")
    again = open_page(small, address=address)
    for one in (opened, again):
        assert tickers(one) == ["BBB", "AAA", "CCC"]
        assert sorted_by(one) == [["lit_buy_ratio", "descending"]]
        assert one.is_visible("#board th[data-name=buy_ratio]")
        assert one.text_content("#details-title bdi") == "BBB"
        assert one.text_content("#shown") == "Fri 2025-12-19"


def test_an_address_that_means_nothing_opens_the_page_as_it_is(open_page, small):
    opened = open_page(small, address="#date=1999-01-01&sort=nothing.up&row=NOPE&signal=x&columns=y&flag=odd")
    assert opened.text_content("#shown") == "Mon 2025-12-22"
    assert opened.is_hidden("#details")
    assert tickers(opened) == []
    opened.click("#reset")
    assert tickers(opened) == ["AAA", "BBB", "CCC", "DDD"]
    assert opened.evaluate("location.hash") == ""


def test_back_closes_the_details_and_a_rows_own_link_opens_them(open_page, small):
    opened = open_page(small)
    opened.click("#board tbody tr:nth-child(2) th a")
    assert opened.is_visible("#details")
    opened.go_back()
    assert opened.is_hidden("#details")
    address = opened.get_attribute("#board tbody tr:nth-child(2) th a", "href")
    assert open_page(small, address=address).text_content("#details-title bdi") == "BBB"


def test_keys_alone_reach_everything(open_page, small):
    opened = open_page(small)
    focused = "document.activeElement.textContent"
    opened.keyboard.press("j")
    assert opened.evaluate(focused) == "AAA"
    opened.keyboard.press("ArrowDown")
    opened.keyboard.press("j")
    opened.keyboard.press("k")
    assert opened.evaluate(focused) == "BBB"
    opened.keyboard.press("Enter")
    assert opened.evaluate("document.activeElement.id") == "details-title"
    opened.keyboard.press("j")
    assert opened.text_content("#details-title bdi") == "CCC"
    opened.keyboard.press("Escape")
    assert opened.is_hidden("#details")
    assert opened.evaluate(focused) == "CCC"
    opened.keyboard.press("/")
    opened.keyboard.type("ddd")
    assert tickers(opened) == ["DDD"]
    opened.keyboard.press("Escape")
    assert len(tickers(opened)) == 4
    opened.keyboard.press("Escape")
    opened.keyboard.press("c")
    assert opened.is_visible("#columns")
    opened.keyboard.press("Escape")
    opened.keyboard.press("?")
    assert opened.is_visible("#keys")
    opened.keyboard.press("Escape")
    opened.focus("#board th[data-name=trf_volume] .sort")
    opened.keyboard.press("Enter")
    opened.keyboard.press("Enter")
    assert sorted_by(opened) == [["trf_volume", "ascending"]]
    opened.keyboard.press("Tab")
    opened.keyboard.press("Space")
    assert glossary.COLUMNS["trf_volume"].sentence in opened.locator(":popover-open").inner_text()


def test_one_row_at_a_time_is_a_stop_of_the_tab_key(open_page, small):
    opened = open_page(small)
    opened.keyboard.press("j")
    opened.keyboard.press("j")
    stops = "all => all.filter(a => a.tabIndex === 0).map(a => a.textContent)"
    assert opened.eval_on_selector_all("#board tbody a", stops) == ["BBB"]


def test_every_key_that_the_page_names_is_one_it_hears(open_page, small):
    opened = open_page(small)
    named = {key for keys in glossary.KEYS for key in keys.split() if key != "or"}
    assert named == {"/", "j", "k", "↓", "↑", "Enter", "[", "]", "c", "?"}
    opened.click("#help")
    assert opened.locator("#keys kbd").all_text_contents() == [
        k for keys in glossary.KEYS for k in keys.split() if k != "or"
    ]


def test_without_its_script_the_page_is_a_plain_table_with_every_column_and_session(open_page, small):
    opened = open_page(small, javascript=False)
    assert tickers(opened) == ["AAA", "BBB", "CCC", "DDD"]
    assert opened.locator("#board .names th:visible").count() == len(glossary.COLUMNS)
    assert opened.locator("#tools, #days, #details").locator("visible=true").count() == 0
    assert opened.locator("details.session").count() == 2
    opened.locator("details.session summary").first.click()
    assert opened.locator("details.session tbody tr:visible").count() == 4
    opened.click("#board tbody tr:nth-child(4) td:nth-child(6) button")
    assert opened.locator(":popover-open").inner_text().endswith(glossary.FLAGS["no_trf"].sentence)
    assert opened.get_attribute("#board tbody a", "href") == "plots/AAA.png"


def test_the_script_writes_every_value_as_the_static_table_does(open_page, tmp_path):
    """Two sessions with the same numbers, chosen for their halves and ends: one in HTML, one made by the script."""
    numbers = [0.0, 0.125, 0.375, 0.5, 0.0005, 0.00125, 0.6225, 0.6235, 1.0, 2.675, 9.95, 1e-9, 0.99949999, 0.9995]
    volumes = [0.0, 0.5, 9.95, 10.5, 11.5, 999.4, 999.5, 1000.0, 1250.0, 1350.0, 999_949.0, 999_950.0, 2.5e9, 3.3e12]
    rows = []
    for day in (EARLIER, TARGET):
        for i, (number, volume) in enumerate(zip(numbers, volumes, strict=True)):
            values = {"trf_volume": volume, "regular_volume": volume, "trf_ma20": volume, "estimated_bought": volume}
            ratios = dict.fromkeys(
                ("offex_ratio", "trf_percentile", "lit_buy_ratio", "trf_buy_ratio", "ats_share"), number
            )
            signs = {"log_ratio": number - 0.5, "offex_ratio_z": -number, "lit_coverage_pct": 62.25 + number}
            more = {"trf_spike": volume, "buy_ratio": number, "accum_score": number}
            quality = ["", "bars_only", "no_lit,no_trf,simulated", "stale_mark"][i % 4]
            lacking = {"trf_volume": None, "lit_buy_ratio": None, "opinions": "none"} if i % 4 == 2 else {}
            rows.append(row(day, f"T{i:02}", **{**values, **ratios, **signs, **more, "quality": quality, **lacking}))
    path = tmp_path / "table.html"
    path.write_text(made.html(made.features(rows)), encoding="utf-8")
    parts = """rows => rows.map(row => [row.className.trim(), Array.from(row.cells, cell => [
        cell.textContent, parseFloat(cell.style.getPropertyValue("--bar")) || 0,
        ...Array.from(cell.querySelectorAll("*"), part => [part.tagName, part.className]),
        ...Array.from(cell.querySelectorAll("button"), button => button.getAttribute("popovertarget")),
        ...[cell, ...cell.querySelectorAll("*")].map(part => part.dataset.why || ""),
    ])])"""
    static = open_page(path, javascript=False).eval_on_selector_all("#board tbody tr", parts)
    opened = open_page(path, address=f"#date={EARLIER}")
    by_script = opened.eval_on_selector_all("#board tbody tr:not(.current)", parts)
    assert len(by_script) == len(numbers) - 1
    assert by_script == static[1:]


def test_hostile_strings_are_text_everywhere(open_page, tmp_path):
    rows = [
        row(day, text, classification_method=text, opinions=text, quality=text.replace(",", ""))
        for day in (EARLIER, TARGET)
        for text in HOSTILE
    ]
    frame = made.features(sorted(rows, key=lambda r: (r["date"], r["ticker"].encode())))
    sources = [
        {"source": text, "state": text, "reason": text, "retrieved_at": text, "detail": text} for text in HOSTILE
    ]
    told = {EARLIER: {"sources": sources, "notes": list(HOSTILE)}}
    html = made.html(frame, sources=sources, notes=list(HOSTILE), told=told, scan=HOSTILE[0], mode=HOSTILE[2])
    path = tmp_path / "table.html"
    path.write_text(html, encoding="utf-8")
    opened = open_page(path)
    for day in (TARGET, EARLIER):
        opened.click(f"#days [data-date='{day}']")
        assert sorted(tickers(opened)) == sorted(HOSTILE)
        for number in range(len(HOSTILE)):
            opened.locator("#board tbody tr").nth(number).locator("th a").click()
            ticker = tickers(opened)[number]
            assert opened.text_content("#details-title bdi") == ticker
            assert opened.locator("#details .trend svg").count() == 2
            opened.click("#details .close")
        assert opened.locator("#notes li").all_text_contents() == list(HOSTILE)
    opened.fill("#filter", HOSTILE[1])
    assert tickers(opened) == [HOSTILE[1]]
    assert opened.title() != "owned"
    assert opened.locator("script").count() == 3
    assert opened.locator("img").count() == 0


@pytest.mark.parametrize("width", [1280, 1366, 1440, 1800, 1920])
def test_no_column_shown_unasked_is_cut_and_open_details_push_none_out(open_page, wide, width):
    opened = open_page(wide, width)
    assert opened.evaluate(WHOLE)
    opened.click("#board tbody tr:first-child td:nth-child(4)")
    assert opened.is_visible("#details")
    assert opened.evaluate(WHOLE)


def test_on_a_phone_the_first_row_is_on_the_first_screen(open_page, wide):
    opened = open_page(wide, 390, 844, has_touch=True, is_mobile=True)
    box = opened.locator("#board tbody tr").first.bounding_box()
    assert box["y"] + box["height"] <= 844
    lines = opened.locator("#stands-out li")
    assert [lines.nth(at).is_visible() for at in range(6)] == [True, True, True, False, False, True]
    opened.check("text=all 5 lines")
    assert [lines.nth(at).is_visible() for at in range(6)] == [True] * 6


def test_on_a_desk_and_on_paper_every_line_of_what_stands_out_is_there(open_page, wide):
    opened = open_page(wide)
    for media in ("screen", "print"):
        opened.emulate_media(media=media)
        assert opened.locator("#stands-out li:visible").count() == 6
        assert not opened.is_visible("text=all 5 lines")


def test_a_source_in_trouble_stands_before_those_that_are_fine(open_page, small):
    opened = open_page(small)
    assert opened.locator("#sources summary").all_text_contents() == ["Yahoo daily unsettled", "FINRA daily published"]


def test_columns_of_which_a_session_knows_nothing_are_folded_and_can_be_opened(open_page, keyless):
    opened = open_page(keyless)
    shown = "#board .names th:visible"
    names = opened.eval_on_selector_all(shown, "all => all.map(h => h.dataset.name)")
    assert not {"signal", "estimated_bought", "lit_buy_ratio"} & set(names)
    assert opened.text_content("#fold") == "\u25b8 3 empty columns"
    opened.click("#fold")
    assert opened.is_visible("#board th[data-name=signal]")
    assert opened.text_content("#fold") == "\u25be Fold 3 empty columns"
    again = open_page(keyless, address=opened.evaluate("location.hash"))
    assert again.is_visible("#board th[data-name=estimated_bought]")
    again.click("#reset")
    assert again.is_hidden("#board th[data-name=estimated_bought]")


def test_a_page_without_a_key_says_so_once_and_marks_no_row_for_it(open_page, keyless):
    opened = open_page(keyless)
    said = opened.text_content("#no-estimate")
    assert "POLYGON_API_KEY" in said
    assert "2026-01-20" in said
    assert opened.locator("#board tbody th i").count() == 0
    assert opened.locator("#board .chip.flag.warn").count() == 0
    opened.click("#before")
    assert "2026-01-17" in opened.text_content("#no-estimate")
    assert opened.locator("#board tbody th i").count() == 0


def test_firm_is_filled_weak_is_hollow_and_both_are_words(open_page, tmp_path):
    frame = made.features([row(TARGET, "F", lit_buy_ratio=0.7), row(TARGET, "W", lit_buy_ratio=0.6)])
    path = tmp_path / "table.html"
    path.write_text(made.html(frame), encoding="utf-8")
    for scheme in ("dark", "light"):
        opened = open_page(path, color_scheme=scheme)
        ground = opened.eval_on_selector(".scroll", "e => getComputedStyle(e).backgroundColor")
        inked = {}
        for ticker in "FW":
            found = opened.locator(f"#board tbody tr:has(bdi:text-is('{ticker}'))")
            chip = found.locator(".chip").evaluate("e => getComputedStyle(e).backgroundColor")
            point = found.locator(".band").evaluate("e => getComputedStyle(e, '::after').backgroundColor")
            inked[ticker] = (found.locator("td").first.text_content(), chip, point)
        assert inked["F"][0] == "BOT firm"
        assert inked["F"][1] == inked["F"][2] != ground
        assert inked["W"] == ("BOT weak", "rgba(0, 0, 0, 0)", ground)


@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
def test_nothing_but_the_table_scrolls_sideways(open_page, small, width):
    opened = open_page(small, width)
    assert fits(opened)
    opened.click("#board tbody tr:first-child td:nth-child(4)")
    assert fits(opened)


def test_on_a_phone_a_finger_finds_what_it_taps_and_the_details_fill_the_screen(open_page, small):
    opened = open_page(small, 390, 844, has_touch=True, is_mobile=True)
    heights = "all => Math.min(...all.filter(e => e.offsetHeight).map(e => e.offsetHeight))"
    for what in ("#board tbody tr", "#tools select, #tools input, #tools button", "#days button"):
        assert opened.eval_on_selector_all(what, heights) >= 40, what
    opened.locator("#board tbody tr:nth-child(2) td:nth-child(4)").tap()
    box = opened.locator("#details").bounding_box()
    assert (box["x"], box["y"], box["width"]) == (0, 0, 390)
    opened.locator("#details .close").tap()
    assert opened.is_hidden("#details")


def test_header_and_ticker_stay_in_sight(open_page, large):
    opened = open_page(large, 900, 700)
    opened.click("#choose")
    opened.get_by_role("button", name="All", exact=True).click()
    opened.keyboard.press("Escape")
    opened.evaluate("document.querySelector('#board').scrollTo(600, 5000)")
    board = opened.locator("#board").bounding_box()
    head = opened.locator("#board th[data-name=ticker]").bounding_box()
    cell = opened.locator("#board tbody tr:nth-child(300) th").bounding_box()
    assert abs(head["x"] - board["x"]) <= 1
    assert head["y"] - board["y"] < 40
    assert abs(cell["x"] - board["x"]) <= 1


def test_a_thousand_rows_are_all_there_in_every_order(open_page, large):
    opened = open_page(large)
    expect(opened.locator("#board tbody tr")).to_have_count(1_000)
    sort(opened, "trf_volume")
    sort(opened, "trf_volume")
    expect(opened.locator("#board tbody tr")).to_have_count(1_000)
    frame = made.many(1_000, 2).filter(pl.col("date") == TARGET)
    known = frame.filter(pl.col("trf_volume").is_not_null())
    assert tickers(opened)[: known.height] == ranked(frame).filter(pl.col("trf_volume").is_not_null()).sort(
        "trf_volume", maintain_order=True
    )["ticker"].to_list()  # fmt: skip
    opened.fill("#filter", "t09")
    assert opened.text_content("#left") == "100 of 1000 shown, by Off-exch. volume, lowest first"
    opened.click(f"#days [data-date='{EARLIER}']")
    opened.fill("#filter", "")
    opened.keyboard.press("Escape")
    expect(opened.locator("#board tbody tr")).to_have_count(1_000)


def test_a_thousand_rows_are_all_there_without_the_script(open_page, large):
    opened = open_page(large, javascript=False)
    assert opened.locator("#board tbody tr:visible").count() == 1_000


def test_on_paper_the_page_is_light_whole_and_repeats_its_header(open_page, large):
    opened = open_page(large)
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert len(tickers(opened)) == 1_000
    opened.emulate_media(media="print")
    style = "e => getComputedStyle(e)"
    assert opened.eval_on_selector("body", f"e => ({style})(e).backgroundColor") == "rgb(255, 255, 255)"
    assert opened.eval_on_selector("#board", f"e => ({style})(e).overflow") == "visible"
    assert opened.eval_on_selector("#board thead", f"e => ({style})(e).display") == "table-header-group"
    assert opened.eval_on_selector("#board thead th", f"e => ({style})(e).position") == "static"
    label = "e => getComputedStyle(e, '::before').content"
    assert opened.eval_on_selector("#board th[data-name=trf_spike]", label) == '"Spike"'
    assert opened.locator("#filter").is_hidden()
    assert opened.locator(".disclaimer").is_visible()


def test_a_sheet_of_paper_holds_every_shown_column(open_page, small):
    opened = open_page(small, 1040)  # A4 across, less its margins
    opened.emulate_media(media="print")
    assert fits(opened)


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize(("width", "address"), [(1280, ""), (390, ""), (1280, "#row=DDD"), (390, "#row=AAA")])
def test_axe_finds_nothing_serious(open_page, axe, small, width, address, scheme):
    assert axe(open_page(small, width, address=address, color_scheme=scheme)) == []


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing_serious_in_bands_and_what_is_far_out(open_page, axe, wide, scheme):
    assert axe(open_page(wide, 1280, color_scheme=scheme, address="#row=WIDE3")) == []


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing_serious_in_columns_and_explanations(open_page, axe, small, scheme):
    opened = open_page(small, color_scheme=scheme)
    opened.click("#choose")
    assert axe(opened) == []


def test_the_estimate_is_told_in_words_and_said_to_be_one(open_page, small):
    opened = open_page(small)
    assert opened.locator("#board tbody .chip.BOT").all_text_contents() == ["BOT"]
    assert opened.locator("#board tbody .chip.SELL").all_text_contents() == ["SELL"]
    assert opened.locator(".disclaimer").is_visible()
    assert opened.text_content(".disclaimer") == glossary.DISCLAIMER
    assert opened.locator(".simulated").is_visible()
    assert opened.title().startswith(glossary.SIMULATED)


def test_the_sessions_before_and_after_are_those_of_the_page(open_page, small):
    opened = open_page(small)
    shown = "#pages a:not([hidden])"
    assert opened.locator(shown).all_text_contents() == [f"‹ {EARLIER}", "All sessions"]
    opened.click("#before")
    assert opened.get_attribute("#shown", "datetime") == str(EARLIER)
    assert opened.locator(shown).all_text_contents() == [f"‹ {EARLIEST}", "All sessions", "2025-12-22 ›"]
    assert opened.locator("#stands-out").is_hidden()
    opened.click("#after")
    assert opened.get_attribute("#shown", "datetime") == "2025-12-22"
    assert opened.locator("#stands-out").is_visible()


NUMBERS = [
    0.0, -0.0, 0.5, 1.5, 2.5, -0.5, 0.005, 0.015, 0.025, -0.004, 0.2665, 0.26649999, 0.0005, 0.05, 0.25, 0.75, 1.005,
    1e-9, -1e-9, 0.99949, 0.9995, 9.95, 9.949999, 10.0, 99.95, 999.4999, 999.5, 999.95, 999_499.0, 999_949.999,
    999_950.0, 999_999.5, 1_250_000.0, 1e9, 1.05e9, 12_345_678_901.5, 9.9995e11, 1e12, 3.14159e15, 1 / 3, 2 / 3,
]  # fmt: skip


def test_the_pages_script_writes_every_number_as_python_does(open_page, tmp_path):
    """Every kind of column, values on the edges of rounding and of the scales, and a thousand others."""
    chance = random.Random(14)
    others = [chance.choice((-1, 1)) * 10 ** chance.uniform(-6, 13) for _ in range(1000)]
    halves = [(2 * chance.randrange(10**6) + 1) / 2**power for power in range(1, 12) for _ in range(20)]
    numbers = [*NUMBERS, *(-value for value in NUMBERS), *others, *halves, None]
    kinds = sorted({column.kind for column in columns.COLUMNS.values()} - {"text", "date"} | set(glossary.NUMERIC))
    cases = [(kind, value) for kind in kinds for value in numbers]
    script = page_html.SCRIPTS[1][0].read_text(encoding="utf-8")
    bare = (
        '<!doctype html><title>.</title><script type="application/json" id="data">{"columns":[],"sessions":[]}</script>'
    )
    (tmp_path / "bare.html").write_text(f"{bare}<script>{script}</script>", encoding="utf-8")
    said = open_page(tmp_path / "bare.html").evaluate(
        "(cases) => cases.map(([kind, value]) => written(kind, value))", cases
    )
    assert len(kinds) > 8
    wrong = {case: (text, glossary.written(*case)) for case, text in zip(cases, said, strict=True)}
    assert {case: pair for case, pair in wrong.items() if pair[0] != pair[1]} == {}


def test_one_number_has_one_text_in_the_table_its_details_and_the_csv(open_page, tmp_path):
    """Values that a second rounding would turn: 26.6499% is 26.6%, though its ten-thousandths are 26.65."""
    hostile = {"A": 0.266499, "B": 0.26645, "C": 0.00049999, "D": 0.0625, "E": 0.9994999, "F": 0.1235, "G": 0.5}
    frame = made.features([{**row(TARGET, name), "offex_ratio": value} for name, value in hostile.items()])
    own = frame.select("date", "ticker", exact="offex_ratio")
    merged = made.merged(list(hostile)).join(own, on=["date", "ticker"], how="left")
    merged = merged.with_columns(offex_ratio=pl.coalesce("exact", "offex_ratio")).drop("exact")
    path = tmp_path / "table.html"
    behind = Behind(merged=merged, lit=made.lit(frame))
    path.write_text(page_html.render_html(frame, made.context(), behind), encoding="utf-8")
    csv_of = {line["ticker"]: line for line in csv.DictReader(io.StringIO(rows_csv.render_csv(frame)))}
    for name, value in hostile.items():
        text = glossary.written("fraction", value)
        opened = open_page(path, address=f"#row={name}")
        assert opened.locator("#details .spark-head span").first.text_content() == text, (name, value)
        assert text in opened.locator("#board tbody tr.open td").all_text_contents(), (name, value)
        assert cell("offex_ratio", {"offex_ratio": value, "quality": ""}).text == text
        assert float(csv_of[name]["offex_ratio"]) == value


def test_the_details_begin_with_the_plot_and_say_what_the_band_covers(open_page, small):
    opened = open_page(small, address="#row=AAA")
    titles = opened.locator("#details h3").all_text_contents()
    assert titles[:3] == ["Plot", "How far to trust it", "Over time"]
    said = opened.locator("#details section").nth(1).inner_text()
    assert "1.5M, 1.2M to 1.8M" in said  # 3,000,000 x 0.5, and x 0.4 to x 0.6
    assert "50.0%, 48.0% to 52.0%" in said
    assert "signing + sampling + transfer" in said
    assert "14 of 14" in said
    opened = open_page(small, address="#row=DDD")  # no estimate, so nothing to trust
    assert "How far to trust it" not in opened.locator("#details h3").all_text_contents()


def test_a_chart_has_a_labelled_scale_the_ratio_from_zero_and_the_value_under_the_pointer(open_page, small):
    opened = open_page(small, address="#row=BBB")
    ratio, bought = opened.locator("#details svg").nth(0), opened.locator("#details svg").nth(1)
    labels = ratio.locator("text").all_text_contents()
    assert labels[0] == "0.0%"
    assert labels[-2:] == ["2025-09-26", "2025-12-22"]
    assert bought.locator(".range").count() == 3
    bought.scroll_into_view_if_needed()
    box = bought.bounding_box()
    bought.hover(position={"x": box["width"] * 46 / 380, "y": box["height"] / 2})
    value = opened.locator("#details .trend").nth(1).locator(".spark-head span")
    assert value.text_content() == "2025-12-18: 70.0%, 60.0% to 80.0%"
    opened.mouse.move(5, 5)
    assert value.text_content() == "70.0%"


def test_a_heat_map_reads_its_cells_to_pointer_and_arrow_keys(open_page, small):
    opened = open_page(small, address="#row=AAA")
    heat, said = opened.locator("#details svg.heat"), opened.locator("#details .reading")
    assert said.text_content() == "point of control 48.55, value area 48.40 to 48.70"
    assert heat.locator(".cell").count() == 3
    # 10,000 shares are as full as it gets; 100 are the least, and 1,000 lie half way on a logarithmic scale.
    assert heat.locator(".cell").evaluate_all("all => all.map(e => e.getAttribute('opacity'))") == [
        "0.12",
        "1.00",
        "0.56",
    ]
    heat.focus()
    largest = "09:30 to 09:35, 48.50 to 48.60: 10.0K shares, bought 6.0K, sold 3.0K, unsigned 1.0K, 40 reported late"
    assert said.text_content() == largest
    opened.keyboard.press("ArrowDown")
    assert said.text_content() == "09:30 to 09:35, 48.40 to 48.50: 100 shares, bought 100, sold 0, unsigned 0"
    opened.keyboard.press("ArrowRight")
    assert said.text_content() == "09:35 to 09:40, 48.40 to 48.50: nothing"
    box = heat.bounding_box()
    heat.hover(position={"x": box["width"] * 370 / 380, "y": box["height"] * 20 / 250})
    assert said.text_content().startswith("09:40 to 09:45, 48.60 to 48.70: 1.0K shares")
    assert heat.locator(".print").count() == 1  # the second came after hours
    assert "Levels over sessions" in opened.locator("#details h3").all_text_contents()
    opened = open_page(small, address="#row=BBB")  # nothing at hand
    assert not {"Where it traded", "Levels over sessions"} & set(opened.locator("#details h3").all_text_contents())


def test_closes_before_a_split_are_on_the_shares_after_it(open_page, tmp_path):
    days = sessions.window(TARGET, 1)
    frame = made.features([row(day, "T", close=close) for day, close in zip(days, (100.0, 49.0), strict=True)])
    path = tmp_path / "table.html"
    path.write_text(made.html(frame), encoding="utf-8")
    opened = open_page(path, address="#row=T")
    trend = opened.locator("#details .trend").nth(2).inner_text()
    assert "Close, USD, on the share basis of 2025-12-22" in trend
    assert "least 49.00, greatest 50.00" in trend


def test_a_far_value_is_marked_by_a_sign_and_by_weight(open_page, tmp_path):
    frame = made.features(
        [
            row(TARGET, "HI", offex_ratio_z=2.0, trf_percentile=0.95),
            row(TARGET, "LO", offex_ratio_z=-2.0, trf_percentile=0.01, volume_z=-2.0),
            row(TARGET, "MID", offex_ratio_z=1.99, trf_percentile=0.949),
            row(TARGET, "QUIET", trf_percentile=0.0, volume_z=-1.9),
        ]
    )
    path = tmp_path / "table.html"
    path.write_text(made.html(frame), encoding="utf-8")
    opened = open_page(path)
    sign, weight = "getComputedStyle(e, '::before').content[1]", "getComputedStyle(e).fontWeight"
    found = opened.eval_on_selector_all("#board td.far", f"all => all.map(e => [e.textContent, {sign}, {weight}])")
    assert [text for text, *_ in found] == ["95.0%", "+2.00", "1.0M", "\u22122.00", "\u22122.00"]
    assert [how for _, *how in found] == [["\u25b2", "650"]] * 2 + [["\u25bc", "650"]] * 3


def test_a_link_to_a_row_shows_it_and_its_details_on_one_screen(open_page, large):
    opened = open_page(large, address="#row=T0500")
    inside = """() => {
        const row = document.querySelector("#board tr.open").getBoundingClientRect();
        const frame = document.querySelector("#board").getBoundingClientRect();
        const title = document.querySelector("#details-title").getBoundingClientRect();
        return row.top >= frame.top && row.bottom <= frame.bottom + 1 && frame.top >= -1 && title.bottom <= innerHeight;
    }"""
    assert opened.evaluate(inside)
    opened.keyboard.press("k")
    assert opened.evaluate(inside)
