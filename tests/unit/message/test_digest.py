"""What the morning's message says, and what no vendor can make it say."""

from __future__ import annotations

from datetime import date
from html.parser import HTMLParser

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool.measures import stands_out
from darkpool.measures.streaks import Streak, streaks
from darkpool.message import digest
from darkpool.tables import contracts, glossary

DAY = date(2025, 12, 22)
FINAL = [{"source": "FINRA", "state": "published"}, {"source": "Yahoo", "state": "published"}]
HOSTILE = "<b>@everyone</b> [x](https://evil.example) *now*\r\n\x1b[31mBcc: all\u2028\u202e `rm`"


def row(ticker: str, **values: object) -> dict[str, object]:
    usual = {
        "date": DAY, "ticker": ticker, "signal": "", "strength": "", "accum_score": None,
        "offex_ratio": 0.5, "trf_spike": 1.5,
        "trf_percentile": 0.75, "history_sessions": 60, "lit_buy_ratio": 0.6, "classification_method": "NBBO",
        "estimated_bought": 60.0, "estimated_sold": 40.0, "opinions": "none", "quality": "",
    }  # fmt: skip
    return {**usual, **values}


def features(*rows: dict[str, object]) -> pl.DataFrame:
    names = contracts.CONTRACTS["features"].names
    return contracts.frame("features", {name: [row.get(name) for row in rows] for name in names})


def compose(*rows: dict[str, object], since=None, complete: bool = True, link: str = "page.html", **told: object):
    facts = {"sources": FINAL, "notes": [], "simulated": False, **told}
    return digest.compose(
        "emps2", DAY, features(*rows), facts, since=since or {}, link=link, complete=complete,
        stands_out=stands_out.sentences(features(*rows)),
    )  # fmt: skip


def test_a_row_says_why_it_is_there_in_the_words_of_the_page():
    told = compose(
        row("AAA", signal="BOT", quality="bars_only", classification_method="BARS"), since={"AAA": Streak("new", 1)}
    )
    (line,) = [line for line in told.text.splitlines() if line.startswith("1. ")]
    assert line == (
        "1. AAA: BOT NEW, Off-exch. 50.0%, Spike 1.50×, Percentile 75.0%, Buy % 60.0%, Method BARS consolidated "
        "(bars only)"
    )


@pytest.mark.parametrize(("strength", "said"), [("firm", "firm BOT signal NEW"), ("weak", "leans BOT NEW")])
def test_only_a_firm_signal_is_called_one_and_bought_stands_in_its_band(strength, said):
    banded = row("AAA", signal="BOT", strength=strength, bought_low=55.0, bought_high=66.0, trf_volume=100.0)
    told = compose(banded, since={"AAA": Streak("new", 1)})
    assert f"1. AAA: {said}, bought 60, 55 to 66, Off-exch. 50.0%" in told.text


def test_what_is_unknown_is_left_out_and_never_zero():
    told = compose(
        row("AAA", offex_ratio=None, trf_spike=None, lit_buy_ratio=None, estimated_bought=None, quality="no_lit")
    )
    assert "1. AAA: Percentile 75.0%, Method NBBO (no lit data)\n" in told.text
    assert told.title == "emps2 Mon 2025-12-22: 1 no estimate"


def test_the_first_rows_of_the_page_come_first_and_no_more_than_five():
    told = compose(*(row(f"T{i}", accum_score=float(i)) for i in range(9)))
    assert [line[3:5] for line in told.text.splitlines() if line[:2] in {f"{i}." for i in range(10)}] == [
        "T8", "T7", "T6", "T5", "T4"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("earlier", "streak"),
    [
        ([], Streak("first", 1)),
        ([None, {"A": "BOT"}], Streak("first", 1)),
        ([{"A": "SELL"}], Streak("new", 1)),
        ([{"A": ""}, {"A": "BOT"}], Streak("new", 1)),
        ([{"B": "BOT"}], Streak("new", 1)),
        ([{"A": "BOT"}], Streak("continuing", 2)),
        ([{"A": "BOT"}, {"A": "BOT"}, {"A": "SELL"}, {"A": "BOT"}], Streak("continuing", 3)),
        ([{"A": "BOT"}, None, {"A": "BOT"}], Streak("continuing", 2)),
    ],
)
def test_a_signal_is_new_or_continuing_by_the_sessions_before(earlier, streak):
    assert streaks({"A": "BOT", "Z": ""}, earlier) == {"A": streak}


def test_earlier_sessions_are_read_no_further_than_the_longest_streak():
    def sessions():
        yield {"A": "BOT", "B": "SELL"}
        yield {"A": "BOT", "B": ""}
        yield {"A": "", "B": "SELL"}
        raise AssertionError("no streak is left to follow")

    assert streaks({"A": "BOT", "B": "SELL"}, sessions()) == {
        "A": Streak("continuing", 3),
        "B": Streak("continuing", 2),
    }


def test_new_and_continuing_signals_revised_rows_and_open_sources_are_listed():
    told = compose(
        row("AAA", signal="BOT", quality="revised"), row("BBB", signal="SELL"), row("CCC", signal="BOT"), row("DDD"),
        since={"AAA": Streak("new", 1), "BBB": Streak("continuing", 4), "CCC": Streak("first", 1)},
        complete=False, notes=["No spelling at Yahoo is known for TPC."],
        sources=[{"source": "FINRA", "state": "not_yet", "reason": "by 18:30"}, FINAL[1]],
    )  # fmt: skip
    assert told.title == f"emps2 Mon 2025-12-22: {glossary.source('FINRA')} not yet; 2 BOT, 1 SELL, 1 neutral"
    for part in (
        "NEW:\n- BOT AAA\n", "CONTINUING:\n- SELL BBB day 4\n", "FIRST SEEN:\n- BOT CCC\n", "Revised:\n- AAA\n",
        f"Sources:\n- {glossary.source('FINRA')}: not yet. by 18:30\n",
        "Notes:\n- No spelling at Yahoo is known for TPC.\n", "Page: page.html\n",
    ):  # fmt: skip
        assert part in told.text
    assert told.text.endswith(glossary.DISCLAIMER + "\n")
    assert glossary.DISCLAIMER in told.html


def test_a_thousand_signals_are_still_a_short_message():
    rows = [row(f"T{i:03}", signal="BOT") for i in range(1000)]
    told = compose(*rows, since={f"T{i:03}": Streak("new", 1) for i in range(1000)})
    assert len(told.text) < 1_500
    assert "T019 and 980 more" in told.text


def test_a_simulated_session_says_so_first():
    told = compose(row("AAA", quality="simulated"), simulated=True)
    assert told.title.startswith("SIMULATED: ")
    assert told.text.startswith("SIMULATED: ")
    assert told.html.startswith("<p><b>SIMULATED: ")


def test_a_session_without_trades_says_why_and_what_would_bring_them_before_its_rows():
    bare = {"classification_method": "NONE", "lit_buy_ratio": None, "estimated_bought": None, "quality": "no_lit"}
    told = compose(row("AAA", **bare), row("BBB", **bare))
    assert told.text.startswith("No estimate of bought and sold, for neither trades nor minute bars")
    assert "POLYGON_API_KEY" in told.text.splitlines()[0]
    assert "POLYGON_API_KEY" not in compose(row("AAA", **bare), row("BBB")).text


def test_reasons_and_links_make_no_new_message_but_numbers_states_and_signals_do():
    usual = compose(row("AAA"), sources=[{"source": "Yahoo", "state": "outage", "reason": "time-out"}])
    assert usual.fingerprint == compose(
        row("AAA"), link="x", sources=[{"source": "Yahoo", "state": "outage", "reason": "dropped"}]
    ).fingerprint  # fmt: skip
    others = [
        compose(row("AAA")), compose(row("AAA", signal="BOT")), compose(row("AAA", trf_spike=2.0)),
        compose(row("AAA", quality="revised")), compose(row("AAA"), complete=False),
        compose(row("AAA"), simulated=True),
    ]  # fmt: skip
    assert len({usual.fingerprint, *(other.fingerprint for other in others)}) == 7


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, attrs))


def test_what_a_vendor_says_is_text_in_every_service():
    told = compose(row("AAA"), notes=[HOSTILE], sources=[{"source": HOSTILE, "state": HOSTILE, "reason": HOSTILE}])
    for text in (told.title, told.text):
        assert not set("<>@*`[]\x1b\r\u2028\u202e") & set(text.replace(glossary.DISCLAIMER, ""))
    assert {tag for tag, _ in Tags(told.html).found} <= {"p", "b", "i", "ol", "ul", "li"}
    assert len(told.text.splitlines()) == len(
        compose(row("AAA"), notes=["x"], sources=[{"source": "x", "state": "x"}]).text.splitlines()
    )


def test_an_address_of_the_page_is_a_link_and_a_path_is_none():
    assert (
        Tags(compose(row("A"), link='https://h/"><script>').html).found.count(("a", [("href", 'https://h/"><script>')]))
        == 1
    )
    assert not [tag for tag, _ in Tags(compose(row("A"), link="javascript:x").html).found if tag == "a"]


@given(st.text())
def test_plain_text_is_one_short_line_without_controls(text):
    line = digest.plain(text)
    assert len(line) <= digest.MOST_CHARACTERS
    assert line.splitlines() in ([line], [])
    assert line.isprintable()
    assert not set("<>@*_`[]~|\\") & set(line)


def test_a_morning_without_tables_says_so():
    told = digest.without_tables("emps2", DAY, {"FINRA": "outage"}, link="page.html")
    assert told.title == "emps2 Mon 2025-12-22: nothing to show"
    assert "No table was made for this session." in told.text
    assert f"- {glossary.source('FINRA')}: outage" in told.text
