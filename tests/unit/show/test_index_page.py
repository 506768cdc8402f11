"""A scan's index: every session on disk on one page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import index_folders
from darkpool.cli import main
from darkpool.session import manifest
from darkpool.session.selection import NotThere
from darkpool.show.index import index_page, session_states, signal_history, watchlist
from darkpool.tables import glossary
from unit.show.test_page_view import Page

MONDAY = "2025-12-22"


@pytest.fixture
def scan(tmp_path) -> Path:
    """Five sessions of TQQQ and SPY; 2025-12-17 has tables alone, 2025-12-18 is missing, the newest is complete."""
    folder = tmp_path / "emps2"
    for day, tqqq in (("2025-12-15", "SELL"), ("2025-12-16", ""), ("2025-12-17", "BOT"), ("2025-12-19", "BOT")):
        tables_alone = day == "2025-12-17"
        index_folders.put(folder, day, {"TQQQ": tqqq, "SPY": None}, manifest=not tables_alone, page=not tables_alone)
    index_folders.put(
        folder, MONDAY, {"TQQQ": "BOT", "SPY": None}, ratios={"TQQQ": [0.25, 0.25, 0.5], "SPY": [0.5, 0.5, 0.375]}
    )
    return folder


def states(folder: Path) -> dict[str, str]:
    return {str(session.day): session.state for session in session_states.read(folder)}


def cells(html: str) -> dict[str, str]:
    """The calendar as a reader sees it: the words of each cell by its day of December."""
    december = html.partition("December 2025")[2].partition("</table>")[0]
    found = re.findall(r'<td class="([^"]+)"[^>]*>(.*?)</td>', december)
    texts = [" ".join(re.sub("<[^>]+>", " ", body).split()) for _, body in found]
    return {text.split()[0]: " ".join(text.split()[1:]) for text in texts if text and text.split()[0].isdecimal()}


def test_the_state_of_every_session_is_told(scan):
    assert states(scan) == {
        "2025-12-15": "complete", "2025-12-16": "complete", "2025-12-17": "tables", "2025-12-19": "complete",
        MONDAY: "complete",
    }  # fmt: skip


def test_the_calendar_shows_the_missing_session_as_missing_and_says_what_makes_it(scan):
    html = index_page.render(scan)
    told = cells(html)
    assert [told[day] for day in ("15", "17", "18", "19", "20", "22")] == [
        "complete", "tables", "missing", "complete", "weekend", "complete",
    ]  # fmt: skip
    assert told["12"] == told["23"] == ""
    assert "snakemake --cores 4 results/emps2/2025-12-18/all" in html
    assert "2025-12-17/all" not in html
    assert "5 sessions on disk, 2025-12-15 to 2025-12-22: 4 complete, 1 tables, 1 missing." in html


def test_a_session_with_a_page_is_linked_and_one_without_is_not(scan):
    html = index_page.render(scan)
    assert f'href="{MONDAY}/table.html#row=TQQQ"' in html
    assert set(re.findall(r'href="([^"#]+table\.html)"', html)) == {
        f"{day}/table.html" for day in ("2025-12-15", "2025-12-16", "2025-12-19", MONDAY)
    }


def test_a_streak_stops_at_the_missing_session(scan):
    html = index_page.render(scan)
    assert "No ticker of 2025-12-22 has had the same signal 3 sessions in a row." in html
    index_folders.put(scan, "2025-12-18", {"TQQQ": "BOT"})
    row = re.search(
        r'<tbody>\s*<tr><th scope="row"><bdi><a href="[^"]+">TQQQ</a></bdi></th><td class="text">.*?</tr>',
        index_page.render(scan),
    )
    assert row is not None
    assert re.sub("<[^>]+>", " ", row[0]).split() == ["TQQQ", "BOT", "4", "2025-12-17", "neutral"]


def test_movers_are_measured_in_points_against_the_session_before(scan):
    html = index_page.render(scan)
    movers = html.split('id="movers"')[1].split("</table>")[0]
    assert "Mon 2025-12-22 against 2025-12-19, 2 tickers compared" in movers
    assert re.findall(r"<bdi><a[^>]+>(\w+)</a></bdi>.*?([+−][\d.]+)<", movers) == [
        ("TQQQ", "+25.00"),
        ("SPY", "−12.50"),
    ]


def test_the_watchlist_shows_ratio_change_row_and_tape(scan):
    page = Page(index_page.render(scan))
    rows = {row[0][1]: [text for _, text in row] for row in page.tables[-1]}
    assert set(rows) == {"TQQQ", "SPY"}
    assert rows["TQQQ"][:6] == ["TQQQ", "BOT", "2", "0.70", "50.0%", "+25.00"]
    assert "SELL, neutral, BOT, missing, BOT, BOT" in rows["TQQQ"][10]
    assert rows["SPY"][1:3] == [glossary.UNKNOWN, glossary.UNKNOWN]
    assert "no lit data" in rows["SPY"][11]


def test_a_session_that_waits_says_for_what_and_the_one_before_is_shown(scan):
    waits = {"FINRA": "not_yet", "Yahoo": "published"}
    index_folders.put(scan, "2025-12-23", {"TQQQ": None, "SPY": None}, states=waits, manifest=False)
    html = index_page.render(scan)
    assert states(scan)["2025-12-23"] == "waiting"
    assert "FINRA not yet (FINRA said so)" in html
    assert "2025-12-23 is waiting for its answers: movers, streaks and watchlist are of 2025-12-22." in html
    assert cells(html)["23"] == "waiting"


def test_tables_made_again_after_the_manifest_are_outdated(scan):
    (scan / MONDAY / "all").write_text(
        '{"mode": "daily", "config": {}, "outputs": [{"path": "features.parquet", "sha256": "0"}]}'
    )
    assert states(scan)[MONDAY] == "outdated"
    (scan / MONDAY / "all").write_text("[]")
    assert states(scan)[MONDAY] == "outdated"


def test_a_page_without_a_manifest_though_the_answers_are_final_is_unfinished(scan):
    (scan / MONDAY / "all").unlink()
    assert states(scan)[MONDAY] == "unfinished"


def test_a_damaged_session_is_shown_with_the_reason_and_stops_nothing(scan):
    (scan / MONDAY / "features.parquet").write_bytes(b"PAR1 and no more")
    html = index_page.render(scan)
    assert states(scan)[MONDAY] == "damaged"
    assert f"{MONDAY}/features.parquet: expected the table features as Parquet" in html
    assert "2 tickers of 2025-12-19, by score" in html


def test_a_session_whose_window_is_gone_still_has_its_row(scan):
    for place in scan.iterdir():
        (place / "merged.parquet").unlink()
    html = index_page.render(scan)
    assert "No session holds the volumes that would tell." in html
    assert "no value in this window" in html


def test_a_ticker_of_tables_alone_leads_to_its_plot_where_there_is_one(scan):
    place = index_folders.put(scan, "2025-12-23", {"T/Q": "BOT", "SPY": None}, manifest=False, page=False)
    (place / "plots").mkdir()
    (place / "plots/T%2FQ.png").write_bytes(b"")
    watch = index_page.render(scan).partition('id="watchlist"')[2]
    assert re.findall(r'<a href="([^"]+)"', watch) == ["2025-12-23/plots/T%252FQ.png"]


def test_folders_that_are_no_session_are_passed_over(scan):
    before = index_page.render(scan)
    for name in ("2025-12-20", "2025-13-01", "notes"):
        (scan / name).mkdir()
        (scan / name / "features.parquet").write_bytes(b"x")
    assert index_page.render(scan) == before


def test_the_same_folders_give_the_same_bytes_at_any_hour(scan, monkeypatch):
    monkeypatch.setenv("DARKPOOL_NOW", "2025-12-23T06:00:00-05:00")
    first = index_page.write(scan).read_bytes()
    monkeypatch.setenv("DARKPOOL_NOW", "2031-01-01T00:00:00-05:00")
    assert index_page.write(scan) == scan / "index.html"
    assert (scan / "index.html").read_bytes() == first


def test_simulated_sessions_and_they_alone_say_so(scan):
    assert glossary.SIMULATED not in index_page.render(scan)
    index_folders.put(scan, MONDAY, {"TQQQ": "BOT"}, simulated=True)
    html = index_page.render(scan)
    assert "<title>SIMULATED" in html
    assert glossary.SIMULATED_SENTENCE in html


def test_the_page_carries_the_disclaimer_and_asks_nobody_for_anything(scan):
    html = index_page.render(scan)
    assert glossary.DISCLAIMER in html
    assert not re.search(r"(src|href)=\"(https?:)?//", html)
    assert "default-src 'none'" in html


def test_an_empty_scan_says_so_and_no_scan_is_refused(tmp_path):
    (tmp_path / "emps2").mkdir()
    assert "No session on disk yet." in index_page.write(tmp_path / "emps2").read_text()
    with pytest.raises(NotThere, match="the folder of a scan was expected"):
        index_page.write(tmp_path / "emps3")


def test_tickers_of_any_spelling_are_text(scan):
    hostile = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}"]
    index_folders.put(scan, MONDAY, dict.fromkeys(hostile, "BOT"))
    html = index_page.render(scan)
    assert "<script>alert" not in html
    assert "<img" not in html
    rows = Page(html).tables[-1]
    assert {row[0][1] for row in rows} == set(hostile)


def test_a_digest_changes_with_a_manifest_and_with_tables_and_with_nothing_else(scan):
    before = manifest.folders_id(scan)
    index_page.write(scan)
    (scan / MONDAY / "09_final_universe.csv").write_text("ticker\nA\n")
    assert manifest.folders_id(scan) == before
    (scan / "2025-12-19/all").unlink()
    without = manifest.folders_id(scan)
    index_folders.put(scan, "2025-12-18", {"TQQQ": "BOT"})
    assert len({before, without, manifest.folders_id(scan)}) == 3


def test_the_command_line_writes_it(scan, capsys):
    assert main.main(["index", "--scan", "emps2", "--results", str(scan.parent)]) == 0
    assert capsys.readouterr().out.strip() == str(scan / "index.html")
    assert main.main(["index", "--scan", "emps9", "--results", str(scan.parent)]) == 1


@pytest.mark.parametrize(
    ("values", "path", "last"),
    [
        ([0.0, 0.5, 1.0], "M2 18L50 10L98 2", (98.0, 2.0)),
        ([0.5, None, 1.0], "M2 18h0M98 2h0", (98.0, 2.0)),
        ([1.0, 1.0, None], "M2 10L50 10", None),
        ([0.40, 0.41, 0.42], "M2 18L50 10L98 2", (98.0, 2.0)),
        ([None, None], "", None),
        ([0.5], "M2 10h0", (2.0, 10.0)),
        ([7.0, 0.0], "M2 2L98 18", (98.0, 18.0)),
        ([], "", None),
    ],
)
def test_a_sparkline_leaves_gaps_shows_lonely_values_and_has_its_own_scale(values, path, last):
    drawn = watchlist.spark(values)
    assert (drawn.path, drawn.last) == (path, last)
    assert drawn.words.startswith("from" if any(value is not None for value in values) else "no value")


def test_a_sparklines_scale_stands_beside_it():
    assert watchlist.spark([0.271, None, 0.549, 0.4]).ends == "27.1% to 54.9%"
    assert watchlist.spark([None]).ends == ""


def test_every_state_and_letter_has_its_words():
    assert set(glossary.TAPE) == {
        signal_history.BOT,
        signal_history.SELL,
        signal_history.NEUTRAL,
        signal_history.UNKNOWN,
        signal_history.MISSING,
    }
    assert {signal_history.MISSING, signal_history.HOLIDAY, signal_history.WEEKEND} <= set(glossary.SESSION_STATES)
    assert len({term.label for term in glossary.TAPE.values()}) == len(glossary.TAPE)
