"""What the page promises."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import math
import re
from datetime import date, timedelta
from html.parser import HTMLParser

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from browser import made
from darkpool.measures import reconcile
from darkpool.show.page import page_html, rows_csv, values, view
from darkpool.show.page.context import Behind, PageContext
from darkpool.tables import contracts, glossary

SESSION = date(2025, 12, 22)
ROW = {
    "date": SESSION, "ticker": "AAPL", "trf_volume": 12_057_002.0, "regular_volume": 36_571_800.0,
    "offex_ratio": 0.3297, "trf_ma20": 13_290_637.3, "trf_spike": 0.9072, "trf_percentile": 0.2647,
    "offex_ratio_z": 0.5939, "accum_score": 0.6184, "history_sessions": 60, "lit_buy_ratio": 0.5625,
    "lit_buy_low": 0.55, "lit_buy_high": 0.575,
    "classification_method": "NBBO", "lit_coverage_pct": 97.5, "estimated_bought": 6_782_063.6,
    "estimated_sold": 5_274_938.4, "bought_low": 5_600_000.0, "bought_high": 7_900_000.0,
    "buy_ratio": 1.2857, "log_ratio": 0.2513, "signal": "BOT", "strength": "weak", "trf_buy_ratio": 0.48,
    "opinions": "disagree", "finra_week": date(2025, 11, 24), "ats_share": 0.35, "quality": "",
}  # fmt: skip
UNKNOWN = [
    "trf_volume", "offex_ratio", "trf_ma20", "trf_spike", "trf_percentile", "offex_ratio_z", "accum_score",
    "estimated_bought", "estimated_sold", "bought_low", "bought_high", "buy_ratio", "log_ratio",
]  # fmt: skip
NO_TRF = {**dict.fromkeys(UNKNOWN), "signal": "", "strength": "", "quality": "no_trf"}


def features(*rows: dict) -> pl.DataFrame:
    rows = tuple({**ROW, **row} for row in rows)
    return contracts.frame("features", {name: [row[name] for row in rows] for name in ROW})


def context(**given) -> PageContext:
    return PageContext(**{"scan": "emps2", "session": SESSION, "mode": "daily", "simulated": False, **given})


class Page(HTMLParser):
    """The page as a reader of HTML sees it: rows of the first table, attributes, visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[tuple[dict, str]]]] = []
        self.text = ""
        self._cell: list | None = None
        self._body = self._silent = self._aside = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._silent = tag in ("style", "script")
        self._aside = tag == "i"
        if tag == "table":
            self.tables.append([])
        elif tag in ("tbody", "thead"):
            self._body = tag == "tbody"
        elif tag == "tr" and self._body:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self._body:
            self._cell = [dict(attrs), ""]

    def handle_endtag(self, tag):
        self._silent = self._aside = False
        if tag in ("td", "th") and self._cell is not None:
            self.tables[-1][-1].append(tuple(self._cell))
            self._cell = None

    def handle_data(self, data):
        if self._silent:
            return
        self.text += data
        if self._cell is not None and not self._aside:
            self._cell[1] += data

    def row(self, ticker: str) -> dict[str, tuple[dict, str]]:
        (found,) = [cells for cells in self.tables[0] if cells[0][1] == ticker]
        return dict(zip(glossary.COLUMNS, found, strict=True))

    def explanation(self, key: str) -> str:
        return next(attrs for _, attrs in self.tags if attrs.get("id") == key)["id"] or ""


def rendered(*rows: dict, **given) -> Page:
    return Page(page_html.render_html(features(*rows), context(**given)))


def tickers(table) -> list[str]:
    return [cells[0][1] for cells in table]


def told(html: str) -> dict:
    """What the page's script works on."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1])


def test_rows_stand_by_score_with_nulls_last_and_then_by_ticker():
    shown = rendered(
        {"ticker": "B", "accum_score": 1.0}, {"ticker": "A", "accum_score": 1.0}, {"ticker": "Z", "accum_score": 2.0},
        {"ticker": "TpC", **NO_TRF}, {"ticker": "TPC", **NO_TRF},
    )  # fmt: skip
    assert tickers(shown.tables[0]) == ["Z", "A", "B", "TPC", "TpC"]


def test_na_and_true_are_tickers():
    assert tickers(rendered(*({"ticker": t} for t in ("NA", "NAN", "TRUE", "TpC", "TPC"))).tables[0]) == [
        "NA", "NAN", "TPC", "TRUE", "TpC",
    ]  # fmt: skip


def test_volumes_are_short_and_the_exact_value_is_kept_beside():
    html = page_html.render_html(features({}), context())
    assert Page(html).row("AAPL")["trf_volume"][1] == "12.1M"
    columns = told(html)["sessions"][0]["columns"]
    assert (columns["trf_volume"], columns["offex_ratio"]) == ([12057002], [0.3297])


def test_both_components_stand_beside_the_score():
    names = list(glossary.COLUMNS)
    place = names.index("accum_score")
    assert names[place + 1 : place + 3] == ["offex_ratio", "trf_spike"]


def test_the_unknown_is_a_dash_with_its_reason_and_never_zero():
    row = rendered(NO_TRF).row("AAPL")
    for name in UNKNOWN:
        assert row[name][1] == "–"


def test_an_unknown_signal_is_not_a_neutral_one():
    assert rendered({"signal": ""}).row("AAPL")["signal"][1] == "neutral"
    assert rendered(NO_TRF).row("AAPL")["signal"][1] == "–"


def test_a_one_sided_day_has_a_signal_and_no_ratio():
    row = rendered({"buy_ratio": None, "log_ratio": None, "lit_buy_ratio": 1.0, "estimated_sold": 0.0}).row("AAPL")
    assert (row["signal"][1], row["buy_ratio"][1], row["estimated_sold"][1]) == ("BOT weak", "–", "0")


def test_every_dash_flag_and_header_opens_an_explanation_that_is_there():
    shown = rendered(
        NO_TRF, {"ticker": "N", "quality": "brand_new,thin_lit", "classification_method": "ODD", "opinions": "odd"},
        sources=[{"source": "finra", "state": "strange"}],
    )  # fmt: skip
    opened = {attrs["popovertarget"] for _, attrs in shown.tags if "popovertarget" in attrs}
    ids = [attrs["id"] for _, attrs in shown.tags if "id" in attrs]
    assert opened <= set(ids)
    assert len(ids) == len(set(ids))
    assert glossary.FLAGS["no_trf"].sentence in shown.text


def test_thin_and_bar_only_rows_are_muted():
    html = page_html.render_html(features({"quality": "bars_only,no_quotes"}, {"ticker": "B"}), context())
    assert re.findall(r'<tr class="muted">.*?<bdi>(\w+)</bdi>', html) == ["AAPL"]


def test_bars_are_called_consolidated_in_their_row():
    row = rendered({"classification_method": "BARS", "quality": "bars_only"}).row("AAPL")
    assert "consolidated" in row["classification_method"][1]


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a&b", "' onclick='x", "\u202eEVIL"]
)
def test_whatever_comes_from_outside_is_text(text):
    plain = rendered({})
    shown = rendered(
        {"ticker": text},
        scan=text,
        mode=text,
        notes=[text],
        sources=[{"source": text, "state": "outage", "reason": text, "retrieved_at": text, "detail": text}],
    )
    new = {tag for tag, _ in shown.tags} - {tag for tag, _ in plain.tags}
    assert new <= {"p", "ul", "li", "details", "summary", "i"}
    assert not any(name.startswith("on") for _, attrs in shown.tags for name in attrs)
    assert shown.row(text)["ticker"][1].strip() == text
    assert text in shown.text


def test_a_link_to_a_plot_cannot_run_a_script():
    shown = rendered({}, plots={"AAPL": "javascript:alert(1)"})
    assert [attrs["href"] for tag, attrs in shown.tags if tag == "a"] == ["javascript%3Aalert%281%29"]
    assert told(page_html.render_html(features({}), context(plots={"A": "javascript:alert(1)"})))["plots"] == {
        "A": "javascript%3Aalert%281%29"
    }


def test_a_plot_is_linked_where_there_is_one():
    shown = rendered({}, {"ticker": "B"}, plots={"AAPL": "plots/AAPL.png"})
    assert [attrs["href"] for tag, attrs in shown.tags if tag == "a" and "href" in attrs] == ["plots/AAPL.png"]


def test_no_text_can_end_the_data_or_hide_in_it():
    text = "</script><!--<script>\u2028\u2029]]>&amp;"
    html = page_html.render_html(
        features({"ticker": text}), context(notes=[text]), Behind(lit=made.lit(features({"ticker": text})))
    )
    between = html.partition('id="data">')[2].partition("</script>")[0]
    assert not set("<>&\u2028\u2029") & set(between)
    assert json.loads(between)["sessions"][0]["notes"] == [text]


def test_what_is_no_finite_number_is_null_in_the_data():
    frame = features({"log_ratio": float("inf"), "trf_spike": float("nan"), "trf_volume": 0.5}, {"ticker": "B"})
    columns = told(page_html.render_html(frame, context()))["sessions"][0]["columns"]
    assert (columns["log_ratio"], columns["trf_spike"]) == ([None, 0.2513], [None, 0.9072])
    assert columns["trf_volume"] == [0.5, 12_057_002.0]


def test_what_lies_behind_a_row_stands_in_the_order_of_the_rows():
    frame = features(
        {"ticker": "A", "accum_score": 1.0}, {"ticker": "B", "accum_score": 2.0}, {"ticker": "C", **NO_TRF}
    )
    lit = made.lit(frame.filter(pl.col("ticker") != "C")).with_columns(
        lit_trades=pl.when(pl.col("ticker") == "A").then(7).otherwise(8).cast(pl.Int64)
    )
    behind = told(page_html.render_html(frame, context(), Behind(lit=lit)))["sessions"][0]["behind"]
    assert behind["lit_trades"] == [8, 7, None]
    assert behind["excluded"]["outside_hours"] == [30_000, 30_000, None]
    assert behind["excluded"]["bad_price_or_size"] == [None, None, None]


def test_ratios_of_the_window_keep_their_gaps():
    ratios = told(
        page_html.render_html(features({"ticker": "T"}), context(), Behind(merged=made.merged(["T"], SESSION)))
    )["ratios"]
    assert (len(ratios["days"]), ratios["days"][-1]) == (61, "2025-12-22")
    assert (ratios["of"]["T"][0], ratios["of"]["T"][30]) == (0.4, None)


def test_of_other_pages_the_index_alone_is_linked_and_only_from_a_sessions_folder():
    for files, expected in ((["table.csv"], ["../index.html"]), ([], [])):
        shown = rendered({}, files=files)
        assert [attrs["href"] for _, attrs in shown.tags if attrs.get("href", "").startswith("..")] == expected


def test_of_a_thousand_rows_only_the_pages_own_session_stands_in_html():
    days = [date(2025, 12, 19), SESSION]
    frame = features(*({"date": day, "ticker": f"T{i:03}"} for day in days for i in range(view.STATIC_ROWS + 1)))
    html = page_html.render_html(frame, context(files=["table.csv"]))
    assert [len(table) for table in Page(html).tables] == [view.STATIC_ROWS + 1]
    assert [session["rows"] for session in told(html)["sessions"]] == [view.STATIC_ROWS + 1] * 2
    assert '<a href="table.csv">' in html.partition("<noscript>")[2].partition("</noscript>")[0]


def test_the_page_asks_the_network_for_nothing():
    html = page_html.render_html(features({}), context())
    assert "http:" not in html
    assert "https:" not in html
    assert not re.search(r"@import|url\(|<img|<iframe|\ssrc=|fetch\(|XMLHttp|import\(", html)
    assert [attrs["href"][:5] for tag, attrs in Page(html).tags if tag == "link"] == ["data:"]
    assert "default-src 'none'" in html


def test_only_the_pages_own_script_may_run():
    html = page_html.render_html(features({}), context())
    scripts = re.findall(r'<script(?: type="module")?>(.*?)</script>', html, re.DOTALL)
    (policy,) = re.findall(r"script-src ([^;]+);", html)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert policy.split() == [f"'sha256-{found}'" for found in hashes]


def test_the_disclaimer_stands_on_the_page():
    assert glossary.DISCLAIMER in rendered({}).text


@pytest.mark.parametrize("given", [{"simulated": True}, {"row": {"quality": "simulated"}}])
def test_a_simulated_page_says_so_in_title_and_banner(given):
    row = given.pop("row", {})
    html = page_html.render_html(features(row), context(**given))
    assert "<title>SIMULATED" in html
    assert 'class="simulated"' in html


def test_a_real_page_does_not_say_simulated():
    html = page_html.render_html(features({}), context())
    assert "<title>SIMULATED" not in html
    assert 'class="simulated"' not in html


def test_the_state_of_each_source_is_told_with_when_it_was_fetched():
    shown = rendered(
        {},
        sources=[
            {
                "source": "finra",
                "state": "published",
                "reason": None,
                "retrieved_at": "2025-12-23T11:00:00Z",
                "detail": None,
            },
            {"source": "yahoo", "state": "unsettled", "reason": "too early", "retrieved_at": None, "detail": None},
            {"source": "lit", "state": "outage", "retrieved_at": "2025-12-23T11:00:00Z"},
            {"source": "finra_weekly", "state": "outage", "retrieved_at": None},
        ],
    )
    assert "FINRA daily publishedfetched 2025-12-23 06:00 New York" in shown.text
    assert "Yahoo daily unsettled" in shown.text
    assert "time of fetching unknown" in shown.text
    assert "outageasked 2025-12-23 06:00 New York" in shown.text
    assert "outagenothing fetched" in shown.text
    assert "too early" in shown.text


def test_notes_stand_above_the_table():
    shown = rendered({}, notes=["The mark is old."])
    assert shown.text.index("The mark is old.") < shown.text.index("12.1M")


def test_thresholds_and_lengths_are_the_runs_own():
    text = rendered({}, thresholds={"bot": 2.0, "sell": 0.5}, ma=30, window=90).text
    assert "above 2.00 × sold" in text
    assert "30-session mean" in text
    assert "90-session window" in text


def test_earlier_sessions_follow_closed_newest_first():
    days = [date(2025, 12, 18), SESSION, date(2025, 12, 19)]
    html = page_html.render_html(features(*({"date": day, "ticker": f"T{day.day}"} for day in days)), context())
    shown = Page(html)
    assert [tickers(table) for table in shown.tables] == [["T22"], ["T19"], ["T18"]]
    inside = html.partition("<noscript>")[2].partition("</noscript>")[0]
    assert [attrs for tag, attrs in Page(inside).tags if tag == "details"] == [{"class": "session"}] * 2
    assert [session["date"] for session in told(html)["sessions"]] == ["2025-12-18", "2025-12-19", "2025-12-22"]


def test_a_session_without_rows_says_so():
    shown = Page(page_html.render_html(features({}).clear(), context()))
    assert "No ticker in this session." in shown.text


def test_a_session_later_than_the_page_is_refused():
    with pytest.raises(ValueError, match=r"AAPL on 2025-12-22 is later than the page's session 2025-12-19"):
        page_html.render_html(features({}), context(session=date(2025, 12, 19)))


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="columns \\['quality'\\] are missing"):
        page_html.render_html(features({}).drop("quality"), context())


def test_the_same_rows_give_the_same_page():
    one, other = features({}, {"ticker": "B"}), features({"ticker": "B"}, {})
    assert page_html.render_html(one, context()) == page_html.render_html(other, context())


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ink", ["text", "dim", "blue", "orange", "warn", "here"])
@pytest.mark.parametrize("ground", ["ground", "panel", "raised"])
def test_every_ink_is_readable_on_every_ground(ink, ground):
    css = page_html.STYLE.read_text(encoding="utf-8")
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", css.split("@media print")[0]))
    assert contrast(colours[ink], colours[ground]) >= 4.5
    assert contrast(colours["dark"], colours["blue"]) >= 4.5


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_csv_has_every_column_in_the_pages_order():
    rows = read_csv(
        rows_csv.render_csv(features({"ticker": "B", "accum_score": 1.0}, {"ticker": "A", "accum_score": 2.0}))
    )
    assert list(rows[0]) == contracts.CONTRACTS["features"].names
    assert [row["ticker"] for row in rows] == ["A", "B"]


def test_nulls_are_empty_in_the_csv():
    (row,) = read_csv(rows_csv.render_csv(features(NO_TRF)))
    assert {row[name] for name in UNKNOWN} == {""}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_that_a_spreadsheet_would_run_is_neutralised(start):
    (row,) = read_csv(rows_csv.render_csv(features({"ticker": f"{start}cmd"})))
    assert row["ticker"] == f"'{start}cmd"


def test_a_negative_number_stays_a_number():
    (row,) = read_csv(rows_csv.render_csv(features({"log_ratio": -0.25, "offex_ratio_z": -1e-7})))
    assert (float(row["log_ratio"]), float(row["offex_ratio_z"])) == (-0.25, -1e-7)


@settings(deadline=None, max_examples=40)
@given(
    st.floats(allow_nan=False, allow_infinity=False, width=64),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
)
def test_the_csv_gives_back_what_it_was_given(number, ticker):
    (row,) = read_csv(rows_csv.render_csv(features({"log_ratio": number, "ticker": ticker})))
    assert math.isclose(float(row["log_ratio"]), number, rel_tol=0, abs_tol=0)
    assert row["ticker"].removeprefix("'") == ticker.removeprefix("'")


MONDAY = date(2025, 11, 24)
WEEK = {
    "week_start_date": MONDAY, "ticker": "AAPL", "tier": "T1", "finra_off_exchange_volume": 140_300_000.0,
    "lit_buy_volume": 180_100_000.0, "lit_sell_volume": 125_600_000.0, "lit_buy_ratio": 0.589, "lit_buy_low": 0.58,
    "lit_buy_high": 0.6, "bought_low": 70_000_000.0, "bought_high": 95_000_000.0, "sessions_in_week": 4,
    "sessions_with_lit": 4, "estimated_bought": 82_700_000.0, "estimated_sold": 57_600_000.0, "buy_ratio": 1.4358,
    "log_ratio": 0.3617, "signal": "BOT", "finra_period_type": "weekly",
}  # fmt: skip
LABELS = {"published_date": date(2025, 12, 15), "restated": False, "ats_share": 0.227, "methods": "NBBO"}
NO_ESTIMATE = {
    "lit_buy_ratio": None, "estimated_bought": None, "estimated_sold": None, "buy_ratio": None, "log_ratio": None,
    "lit_buy_low": None, "lit_buy_high": None, "bought_low": None, "bought_high": None, "signal": "",
}  # fmt: skip
NO_LIT = {**NO_ESTIMATE, "lit_buy_volume": None, "lit_sell_volume": None, "sessions_with_lit": 0, "methods": ""}


def weekly(*rows: dict) -> pl.DataFrame:
    frame = pl.DataFrame([{**WEEK, **LABELS, **row} for row in rows], infer_schema_length=None)
    return frame.cast({name: pl.Float64 for name in frame.columns if frame[name].dtype == pl.Null})


def with_weeks(*rows: dict, **given) -> Page:
    return Page(page_html.render_html(features({}), context(**given), Behind(weekly=weekly(*rows))))


def week_row(shown: Page, place: int = 0) -> dict[str, tuple[dict, str]]:
    return dict(zip(glossary.WEEK_COLUMNS, shown.tables[1][place], strict=True))


def test_weeks_stand_in_a_table_of_their_own_and_say_weekly():
    shown = with_weeks({})
    assert [len(table) for table in shown.tables] == [1, 1]
    assert "2025-11-24" not in "".join(text for _, text in shown.tables[0][0][:-3])
    row = week_row(shown)
    for name, text in {
        "week_start_date": "2025-11-24", "finra_period_type": "weekly", "age_weeks": "4",
        "published_date": "2025-12-15", "tier": "T1", "finra_off_exchange_volume": "140.3M", "signal": "BOT",
        "ats_share": "22.7%", "methods": "NBBO",
    }.items():  # fmt: skip
        assert row[name][1] == text


def test_the_age_of_a_week_counts_from_the_week_of_the_session():
    days = {SESSION + timedelta(days=i): "4" for i in range(5)} | {date(2025, 12, 29): "5"}
    for day, age in days.items():
        html = page_html.render_html(features({"date": day}), context(session=day), Behind(weekly=weekly({})))
        assert week_row(Page(html))["age_weeks"][1] == age


def test_weeks_follow_the_tickers_of_the_session_newest_week_first():
    earlier = MONDAY - timedelta(weeks=1)
    told = weekly(*({"ticker": t, "week_start_date": day} for t in ("A", "GONE", "Z") for day in (earlier, MONDAY)))
    rows = features({"ticker": "A", "accum_score": 1.0}, {"ticker": "Z", "accum_score": 2.0})
    shown = Page(page_html.render_html(rows, context(), Behind(weekly=told))).tables[1]
    assert [(cells[0][1], cells[1][1]) for cells in shown] == [
        (ticker, str(day)) for ticker in ("Z", "A", "GONE") for day in (MONDAY, earlier)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("week", "flags"),
    [
        ({}, []),
        (NO_LIT, ["no_lit"]),
        (NO_ESTIMATE, ["thin_lit"]),
        ({"sessions_with_lit": 2}, ["partial_lit"]),
        ({"restated": True, "methods": "BARS,NBBO"}, ["bars_only", "restated"]),
    ],
)
def test_a_week_says_what_it_rests_on(week, flags):
    assert values.week_flags({**WEEK, **LABELS, **week}) == flags
    assert week_row(with_weeks(week))["flags"][0]["data-value"] == ",".join(flags)


def test_what_is_unknown_of_a_week_is_a_dash_with_its_reason():
    shown = with_weeks({**NO_LIT, "ats_share": None})
    row = week_row(shown)
    assert {row[name][1] for name in (*NO_LIT, "ats_share") if name != "sessions_with_lit"} == {"–"}
    assert glossary.WEEK_FLAGS["no_lit"].sentence in shown.text


def test_a_one_sided_week_has_a_signal_and_no_ratio():
    row = week_row(with_weeks({"estimated_sold": 0.0, "buy_ratio": None, "log_ratio": None}))
    assert (row["signal"][1], row["buy_ratio"][1]) == ("BOT", "–")
    assert week_row(with_weeks({"signal": ""}))["signal"][1] == "neutral"


def test_the_table_alone_is_enough_for_the_weeks():
    told = weekly({}).drop(list(LABELS))
    row = week_row(Page(page_html.render_html(features({}), context(), Behind(weekly=told))))
    assert (row["published_date"][1], row["methods"][1], row["log_ratio"][1]) == ("–", "–", "+0.36")


def test_no_visible_week_is_said():
    html = page_html.render_html(features({}), context(), Behind(weekly=weekly({}).clear()))
    assert "No FINRA week with one of these tickers had been published by this session." in html


def test_a_page_without_weeks_and_checks_shows_neither():
    html = page_html.render_html(features({}), context())
    assert 'id="weeks"' not in html
    assert 'id="reconciliation"' not in html


def test_a_week_later_than_the_page_is_refused():
    with pytest.raises(ValueError, match="weekly: AAPL on 2025-12-29 is later than the page's session 2025-12-22"):
        with_weeks({"week_start_date": date(2025, 12, 29)})


CHECKS = reconcile.stack(
    [
        reconcile.trf_prints(SESSION, {"AAPL": 100.0, "NVDA": 50.0}, {"AAPL": 100.0, "NVDA": 100.0, "TpC": 1.0}),
        reconcile.facilities(SESSION, {key: {"AAPL": 25.0} for key in reconcile.FACILITIES}, {"AAPL": 100.001}),
    ]
)


def with_checks(checks: pl.DataFrame) -> Page:
    return Page(page_html.render_html(features({}), context(), Behind(checks=checks)))


def test_alarms_stand_open_and_the_other_checks_closed():
    shown = with_checks(CHECKS)
    verdicts = [[cells[3][1] for cells in table] for table in shown.tables[1:]]
    assert verdicts == [["alarm", "alarm"], ["ok", "not comparable"]]
    assert "Reconciliation: 2 alarms, 1 ok, 1 not comparable." in shown.text
    assert shown.text.index("2 alarms") < shown.text.index("12.1M")


def test_a_check_tells_both_numbers_its_band_and_why():
    cells = dict(zip(glossary.CHECK_COLUMNS, with_checks(CHECKS).tables[1][1], strict=True))
    told = {name: text for name, (_, text) in cells.items()}
    assert (told["ticker"].strip(), told["check"], told["date"]) == ("NVDA", "TRF prints", "2025-12-22")
    assert (told["left_name"], told["left"], told["right"]) == ("FINRA prints on the tape", "50", "100")
    assert (told["ratio"], told["low"], told["high"]) == ("0.500", "0.950", "1.050")
    assert told["why"] == reconcile.BANDS["trf_prints"].why


def test_a_narrow_band_is_told_with_the_decimals_it_needs():
    cells = dict(zip(glossary.CHECK_COLUMNS, with_checks(CHECKS).tables[1][0], strict=True))
    assert [cells[name][1] for name in ("ratio", "low", "high", "right")] == [
        "0.999990",
        "0.999999",
        "1.000001",
        "100.00",
    ]


def test_without_an_alarm_the_page_says_so_and_its_head_says_nothing():
    shown = with_checks(CHECKS.filter(pl.col("verdict") != "alarm"))
    assert "No alarm." in shown.text
    assert len(shown.tables) == 2
    assert "Note" not in shown.text
    assert "There was nothing to compare." in with_checks(CHECKS.clear()).text


def test_every_dash_and_header_of_weeks_and_checks_opens_an_explanation_that_is_there():
    odd = CHECKS.vstack(CHECKS.head(1).with_columns(pl.lit("new").alias("check"), pl.lit("odd").alias("verdict")))
    told = weekly(NO_LIT, {"ticker": "B", "sessions_with_lit": 1, "restated": True, "methods": "BARS,ODD"})
    shown = Page(page_html.render_html(features({}), context(), Behind(weekly=told, checks=odd)))
    opened = {attrs["popovertarget"] for _, attrs in shown.tags if "popovertarget" in attrs}
    ids = [attrs["id"] for _, attrs in shown.tags if "id" in attrs]
    assert opened <= set(ids)
    assert len(ids) == len(set(ids))


def test_whatever_comes_from_outside_is_text_in_weeks_and_checks_too():
    text = "<img src=x onerror=alert(1)>"
    told = weekly({"ticker": text, "tier": text, "methods": text, "finra_period_type": text})
    checks = CHECKS.with_columns(pl.lit(text).alias(name) for name in ("ticker", "left_name", "right_name", "why"))
    shown = Page(page_html.render_html(features({}), context(), Behind(weekly=told, checks=checks)))
    assert "img" not in {tag for tag, _ in shown.tags}
    assert text in shown.text


def test_three_hundred_tickers_and_ten_sessions_make_a_page_of_two_megabytes():
    assert len(made.html(made.many(300, 10)).encode()) < 2_500_000


def test_the_page_says_what_its_marks_mean_by_this_runs_thresholds():
    said = rendered({}, thresholds={"bot": 1.5, "sell": 0.5}).text
    assert "what counts as neutral, 33.3% to 60.0%" in said  # 0.5 / 1.5 and 1.5 / 2.5
    assert "(the volume by its own z), a percentile of 95.0% or more or 5.0% or less where" in said
