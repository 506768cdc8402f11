"""The market in words, on its page and as CSV."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from datetime import date

import pytest

import index_folders
import market_rows
from darkpool.market import sessions
from darkpool.show import elsewhere
from darkpool.show.index import index_page, market_streaks
from darkpool.show.market_page import market_html

DAY = market_rows.DAY
TOLD = {"sources": [], "notes": [], "simulated": False}
ROWS = [
    market_rows.name("XERS", 1, **market_rows.confirmed(trf_volume=23_456_789.0, volume_multiple=39.03)),
    market_rows.name("VST", 2),
    market_rows.name("AAPL", 3, is_followed=True, **market_rows.confirmed()),
    market_rows.name("ABCpD", 4, **market_rows.confirmed(quality="basis_break")),
    market_rows.name("NEWS", None, is_new=True, earlier_sessions=2, trf_volume=3e6),
    market_rows.name("NEWR", None, is_new=True, earlier_sessions=1, trf_volume=5e6),
    market_rows.name("QUIET", None, trf_volume=500.0),
]


def page(rows=ROWS, **given) -> str:
    given = {"show": 50, "lines": {"XERS": [1.0, None, 3.0]}, **given}
    return market_html.render(market_rows.table(rows), "emps2", DAY, TOLD, **given)


def tickers(text: str, table: str) -> list[str]:
    part = text[text.index(f'id="{table}"') :].partition("</table>")[0]
    return re.findall(r'data-ticker="([^"]*)"', part)


def test_a_line_says_how_unusual_how_much_and_what_nobody_confirmed():
    [first, second, third] = elsewhere.lines(market_rows.table(ROWS), 3)
    assert first == "XERS: 39.03× its normal off-exchange volume, +8.75 σ, 23.5M shares, price −1.25%"
    assert second == "VST: 2.00× its normal off-exchange volume, +8.50 σ, 2.0M shares, unconfirmed"
    assert third.startswith("ABCpD: ")  # the followed one stands in the watchlist


def test_where_nobody_was_asked_it_is_said_once():
    bare = market_rows.table([market_rows.name(f"N{rank}", rank) for rank in (1, 2, 3)])
    told = elsewhere.lines(bare, 2)
    assert told[-1] == elsewhere.NONE_CONFIRMED
    assert not any("unconfirmed" in line for line in told[:2])
    assert elsewhere.panel(bare)["doubt"] == elsewhere.NONE_CONFIRMED
    text = page([market_rows.name(f"N{rank}", rank) for rank in (1, 2, 3)])
    assert html.unescape(text).count(elsewhere.NONE_CONFIRMED) == 1
    assert ">unconfirmed<" not in text


def test_the_markets_own_day_is_in_words():
    assert elsewhere.day(market_rows.table(ROWS)).startswith("The market itself traded 1.49× its normal")
    none = [market_rows.name("QUIET", None, market_factor=None)]
    assert elsewhere.day(market_rows.table(none)) == elsewhere.NO_DAY


def test_the_page_lists_by_rank_and_new_names_by_size():
    text = page()
    assert tickers(text, "listed") == ["XERS", "VST", "AAPL", "ABCpD"]
    assert tickers(text, "new") == ["NEWR", "NEWS"]
    assert "7 symbols, 4 of them in the core" in text
    assert text.count(">unconfirmed<") == 1
    assert ">followed<" in text
    assert "QUIET" not in text  # no more than what is shown


def test_as_many_names_as_were_asked_for():
    assert tickers(page(show=2), "listed") == ["XERS", "VST"]
    assert tickers(page(show=1), "new") == ["NEWR"]


def test_an_empty_list_says_so():
    text = page([market_rows.name("QUIET", None, market_factor=None)])
    assert "No name can be ranked" in text
    assert "No new name of that size" in text
    assert elsewhere.NO_DAY in text


def test_the_lines_are_data_and_nothing_else():
    hostile = market_rows.name('</script><b a="', 1)
    text = page([hostile], lines={'</script><b a="': [1.0, 2.0]})
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["lines"] == {'</script><b a="': [1.0, 2.0]}
    assert "<b a=" not in text


def test_the_csv_holds_every_symbol_and_no_formula():
    rows = [*ROWS, market_rows.name("=cmd", None)]
    found = list(csv.DictReader(io.StringIO(market_html.render_csv(market_rows.table(rows)))))
    assert [row["ticker"] for row in found[:4]] == ["XERS", "VST", "AAPL", "ABCpD"]
    assert len(found) == 8
    assert [row["ticker"] for row in found if "cmd" in row["ticker"]] == ["'=cmd"]
    assert found[1]["close"] == ""
    assert found[1]["confirmed"] == "false"


def test_two_renderings_are_the_same_bytes():
    assert page() == page()


class TestIndex:
    """Names on the list several sessions in a row."""

    DAYS = sessions.window(DAY, 3)

    @pytest.fixture
    def scan(self, tmp_path):
        folder = tmp_path / "results" / "emps2"
        for day in self.DAYS:
            index_folders.put(folder, str(day), {"SPY": None})
        return folder

    def put(self, scan, names_by_day: dict[date, list[str]]) -> None:
        for day, names in names_by_day.items():
            market_rows.put(scan, day, [market_rows.name(name, rank) for rank, name in enumerate(names, start=1)])

    def test_a_run_is_counted_back_from_the_newest_list(self, scan):
        a, b, c, d = self.DAYS
        self.put(scan, {a: ["OLD", "XERS"], b: ["XERS"], c: ["VST", "XERS"], d: ["XERS", "VST", "NEWS"]})
        found = market_streaks.read(scan, self.DAYS)
        assert found is not None
        assert [(row["ticker"], row["length"], row["since"]) for row in found.rows] == [("XERS", 4, a), ("VST", 2, c)]

    def test_a_session_without_a_list_ends_every_run(self, scan):
        a, b, _, d = self.DAYS
        self.put(scan, {a: ["XERS"], b: ["XERS"], d: ["XERS"]})
        found = market_streaks.read(scan, self.DAYS)
        assert found is not None
        assert (found.day, found.rows) == (d, [])

    def test_a_damaged_list_stops_nothing(self, scan):
        *_, c, d = self.DAYS
        self.put(scan, {c: ["XERS"], d: ["XERS"]})
        (scan / str(c) / "market.parquet").write_bytes(b"PAR1")
        found = market_streaks.read(scan, self.DAYS)
        assert found is not None
        assert found.rows == []

    def test_the_index_shows_them(self, scan):
        *_, c, d = self.DAYS
        self.put(scan, {c: ["XERS"], d: ["XERS", "ONCE"]})
        text = index_page.render(scan)
        part = text[text.index('<section id="market">') :].partition("</section>")[0]
        assert "XERS" in part
        assert "ONCE" not in part
        assert 'href="#market"' in text

    def test_without_any_list_there_is_no_section(self, scan):
        assert 'id="market"' not in index_page.render(scan)

    def test_ranks_beyond_the_list_count_for_nothing(self, scan):
        *_, c, d = self.DAYS
        market_rows.put(scan, c, [market_rows.name("XERS", 1)])
        market_rows.put(scan, d, [market_rows.name("XERS", market_streaks.LISTED + 1)])
        found = market_streaks.read(scan, self.DAYS)
        assert found is not None
        assert found.rows == []
