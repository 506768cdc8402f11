"""No link of any page leads nowhere: each is clicked in a real Chromium, and what it opens is what was promised."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import expect

from standin import Vendors

SESSIONS = ["2025-12-18", "2025-12-19", "2025-12-22"]
DAY = SESSIONS[-1]
BESIDE = {"table.csv", "table.png"}
SHORT = {"ma": 3, "min_sessions": 3, "window": 5}
UNFOLD = "document.querySelectorAll('details').forEach(one => { one.open = true; })"
TARGETS = "all => all.map(link => link.href)"
VISIBLE = "href => Array.from(document.links).find(link => link.href === href && link.checkVisibility())"
CAN_BE_SEEN = "href => Array.from(document.links).some(link => link.href === href && link.checkVisibility())"


def unfolded(opened: Any, address: str) -> list[str]:
    """Go to a page and open all that is folded; where its links lead."""
    opened.goto(address)
    opened.evaluate(UNFOLD)
    return sorted(set(opened.eval_on_selector_all("a[href]", TARGETS)))


def follow(opened: Any, href: str) -> Path:
    """Click the link that leads to `href`, see that it did, and return the file."""
    path = Path(unquote(urlsplit(href).path))
    assert path.is_file(), f"{opened.url} leads to {href}, which is not there"
    link = opened.evaluate_handle(VISIBLE, href).as_element()
    assert link, f"nobody can click on {href} of {opened.url}"
    if path.suffix in (".csv", ".parquet"):
        with opened.expect_download() as download:
            link.click()
        assert Path(download.value.path()).read_bytes() == path.read_bytes()
        return path
    link.click()
    opened.wait_for_url(href)
    place = unquote(urlsplit(href).fragment)
    if path.suffix == ".png":
        assert opened.evaluate("document.images[0].naturalWidth") > 100
    elif place.startswith("row=") and opened.locator("#tools").is_visible():
        expect(opened.locator("#details-title bdi")).to_have_text(place.removeprefix("row="))
    elif place.startswith("row="):  # without the script nothing opens: the row stands there
        expect(opened.locator("#board th bdi").get_by_text(place.removeprefix("row="), exact=True)).to_be_visible()
    elif place and "=" not in place:
        assert opened.evaluate("id => document.getElementById(id) !== null", place), f"{href} names no place"
    return path


def follow_all(open_page: Any, start: Path, **how: Any) -> set[str]:
    """Click every link of the page, and of every page that it leads to; what was opened, as seen from its scan."""
    scan = start.parent.parent
    opened = open_page(start, **how)
    followed: set[Path] = set()
    ahead, pages = [start], {start}
    while ahead:
        page = ahead.pop().as_uri()
        for href in unfolded(opened, page):
            if not opened.evaluate(CAN_BE_SEEN, href):
                unfolded(opened, page)
            path = follow(opened, href)
            followed.add(path)
            if path.suffix == ".html" and path not in pages:
                pages.add(path)
                ahead.append(path)
    return {str(path.relative_to(scan)) for path in followed}


def rows_of(opened: Any) -> list[str]:
    found: list[str] = opened.locator("#board tbody bdi").all_text_contents()
    return found


def plots_in_details(opened: Any) -> dict[str, Path]:
    """Open each row's details by its link, and the plot that they show; the plot by ticker."""
    plots = {}
    for ticker in rows_of(opened):
        opened.locator("#board tbody th a", has=opened.get_by_text(ticker, exact=True)).click()
        expect(opened.locator("#details-title bdi")).to_have_text(ticker)
        for href in opened.eval_on_selector_all("#details a[href]", TARGETS):
            plots[ticker] = follow(opened, href)
            opened.go_back()
            expect(opened.locator("#details-title bdi")).to_have_text(ticker)
        opened.keyboard.press("Escape")
    return plots


def walk(opened: Any, link: str) -> list[str]:
    """Follow `link`, before or after, until it is gone; the sessions on the way."""
    seen = [opened.locator("#shown").get_attribute("datetime")]
    while opened.locator(link).is_visible():
        opened.locator(link).click()
        expect(opened.locator("#shown")).not_to_have_attribute("datetime", seen[-1])
        seen.append(opened.locator("#shown").get_attribute("datetime"))
        assert rows_of(opened)
    return seen


@pytest.fixture(scope="module")
def demo(copy_project, tmp_path_factory) -> Path:
    """The scan's folder of a demo of three sessions on a page."""
    project = copy_project(tmp_path_factory.mktemp("demo"))
    project.finish(f"results/demo/{DAY}/all", config={"backfill_count": 3}, FETCH_MODE="daily")
    return project.root / "results/demo"


@pytest.fixture(scope="module")
def scans(live_in, tmp_path_factory) -> dict[str, Path]:
    """Session folders made by the main command alone, in a scan that had none: a good morning and a bad one.

    On the bad one FINRA's file of the day cannot be had, and NEW, of the scan's own file, has no plot.
    """
    folders = {}
    for name in ("fresh", "bad"):
        folder = tmp_path_factory.mktemp(name)
        with Vendors(folder / "vendors") as vendors:
            live = live_in(folder, vendors)
            live.settings |= {"history": SHORT, "plots": {"most": 0}}
            live.publish()
            if name == "bad":
                live.universe = ["01_scan.csv"]
                live.project.folder().mkdir(parents=True)
                (live.project.folder() / "01_scan.csv").write_text("ticker\nNEW\n")
                vendors.faults.add(kind="status", status=503, path_contains="CNMSshvol20251222")
            live.run(finished=name == "fresh")
            assert not vendors.unexpected
        folders[name] = live.project.folder()
    return folders


def test_every_link_of_the_demo_leads_where_it_says(demo, open_page):
    followed = follow_all(open_page, demo / DAY / "table.html")
    assert followed >= {"index.html", f"{DAY}/market.html", *(f"{DAY}/{name}" for name in BESIDE)}


def test_the_demos_rows_open_their_plots_and_its_sessions_follow_each_other(demo, open_page):
    opened = open_page(demo / DAY / "table.html")
    plots = plots_in_details(opened)
    assert sorted(plots) == sorted(rows_of(opened))
    assert len({path.name for path in plots.values()}) == len(plots)
    assert walk(opened, "#before") == SESSIONS[::-1]
    assert plots_in_details(opened) == {}  # plots are the page's own session's
    assert walk(opened, "#after") == SESSIONS


@pytest.mark.parametrize("name", ["fresh", "bad"])
def test_every_link_on_a_scan_of_one_session_leads_where_it_says(scans, open_page, name):
    folder = scans[name]
    followed = follow_all(open_page, folder / "table.html")
    assert followed >= {"index.html", f"{DAY}/table.html", *(f"{DAY}/{name}" for name in BESIDE)}
    opened = open_page(folder / "table.html")
    assert sorted(plots_in_details(opened)) == ["AAPL", "BRK.B", "NA"]
    assert sorted(rows_of(opened)) == ["AAPL", "BRK.B", "NA", *(["NEW"] if name == "bad" else [])]
    assert (walk(opened, "#before"), walk(opened, "#after")) == ([DAY], [DAY])


@pytest.mark.parametrize(("name", "plots"), [("demo", 18), ("bad", 3)])
def test_every_link_leads_where_it_says_without_javascript_too(demo, scans, open_page, name, plots):
    folder = {"demo": demo / DAY, **scans}[name]
    followed = follow_all(open_page, folder / "table.html", javascript=False)
    assert len([path for path in followed if "/plots/" in path]) == plots
