"""What a week of bought and sold promises."""

from __future__ import annotations

import math
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool.archive.store import Archive
from darkpool.measures import estimate, weekly
from darkpool.tables import contracts
from darkpool.vendors.finra import otc_weekly

MONDAY, BEFORE = date(2025, 11, 17), date(2025, 11, 10)
DAYS = [date(2025, 11, day) for day in range(17, 22)]
THRESHOLDS = {"bot": 1.25, "sell": 0.80}
WEEKS = {
    "week_start_date": pl.Date, "ticker": pl.String, "tier": pl.String, "finra_off_exchange_volume": pl.Float64,
    "ats_volume": pl.Float64, "non_ats_volume": pl.Float64, "published_date": pl.Date, "restated": pl.Boolean,
    "revised": pl.Boolean,
}  # fmt: skip
LIT = {
    "date": pl.Date, "ticker": pl.String, "lit_buy_volume": pl.Float64, "lit_sell_volume": pl.Float64,
    "classification_method": pl.String, "source": pl.String,
}  # fmt: skip


def weeks(*rows: tuple[date, str]) -> pl.DataFrame:
    week = [(*row, "T1", 1_000.0, 200.0, 800.0, date(2025, 12, 8), False, False) for row in rows]
    return pl.DataFrame(week, schema=WEEKS, orient="row")


def lit(*rows: tuple) -> pl.DataFrame:
    """Session, ticker, bought, sold; a session of which nothing is known has None for both."""
    week = [(*row, "NONE" if row[2] is None else "NBBO", "none" if row[2] is None else "trades_quotes") for row in rows]
    return pl.DataFrame(week, schema=LIT, orient="row")


def table(found: pl.DataFrame, flows: pl.DataFrame, least: float = 0.0) -> pl.DataFrame:
    return weekly.table(found, flows, weekly.sessions_by_week(found["week_start_date"]), THRESHOLDS, least, 0.05)


def row(*flows: tuple, least: float = 0.0) -> dict:
    return table(weeks((MONDAY, "A")), lit(*flows), least).row(0, named=True)


def test_the_ratio_of_a_week_is_that_of_its_sums():
    week = row((DAYS[0], "A", 300.0, 100.0), (DAYS[3], "A", 100.0, 500.0))
    assert (week["lit_buy_volume"], week["lit_sell_volume"], week["lit_buy_ratio"]) == (400.0, 600.0, 0.4)
    assert (week["estimated_bought"], week["estimated_sold"], week["signal"]) == (400.0, 600.0, "SELL")
    assert week["buy_ratio"] == pytest.approx(2 / 3)
    assert week["log_ratio"] == pytest.approx(math.log(2 / 3))


def test_how_many_sessions_the_ratio_rests_on_stands_beside_it():
    week = row((DAYS[0], "A", 300.0, 100.0), (DAYS[1], "A", None, None), (DAYS[2], "A", 0.0, 0.0))
    assert (week["sessions_in_week"], week["sessions_with_lit"]) == (5, 2)


def test_a_week_with_a_holiday_has_fewer_sessions():
    thanksgiving = date(2025, 11, 24)
    assert table(weeks((thanksgiving, "A")), lit()).row(0, named=True)["sessions_in_week"] == 4


def test_a_week_without_lit_data_is_unknown_and_not_zero():
    for week in (row(), row((DAYS[0], "A", None, None))):
        unknown = ["lit_buy_volume", "lit_sell_volume", "lit_buy_ratio", "estimated_bought", "buy_ratio", "log_ratio"]
        assert [week[name] for name in unknown] == [None] * 6
        assert (week["signal"], week["sessions_with_lit"], week["finra_off_exchange_volume"]) == ("", 0, 1_000.0)


def test_a_week_in_which_nothing_could_be_signed_has_sums_of_zero_and_no_ratio():
    week = row((DAYS[0], "A", 0.0, 0.0))
    assert (week["lit_buy_volume"], week["lit_buy_ratio"], week["sessions_with_lit"]) == (0.0, None, 1)


def test_the_least_lit_volume_is_asked_of_the_whole_week():
    flows = (DAYS[0], "A", 3_000.0, 3_000.0), (DAYS[1], "A", 3_000.0, 1_000.0)
    assert row(*flows, least=10_000.0)["lit_buy_ratio"] == 0.6
    thin = row(*flows, least=10_000.5)
    assert (thin["lit_buy_volume"], thin["lit_buy_ratio"], thin["signal"]) == (6_000.0, None, "")


def test_a_one_sided_week_has_a_signal_and_no_ratio():
    week = row((DAYS[0], "A", 100.0, 0.0))
    assert (week["signal"], week["estimated_sold"], week["buy_ratio"], week["log_ratio"]) == (
        "BOT",
        0.0,
        None,
        None,
    )
    week = row((DAYS[0], "A", 0.0, 100.0))
    assert (week["signal"], week["buy_ratio"], week["log_ratio"]) == ("SELL", 0.0, None)


def test_sessions_of_other_weeks_and_tickers_in_other_case_do_not_count():
    flows = lit(
        (date(2025, 11, 14), "TPC", 9.0, 1.0), (DAYS[0], "TPC", 1.0, 3.0), (DAYS[0], "TpC", 3.0, 1.0),
        (date(2025, 11, 24), "TPC", 9.0, 1.0),
    )  # fmt: skip
    week = table(weeks((MONDAY, "TpC"), (MONDAY, "TPC")), flows)
    assert week.select("ticker", "lit_buy_ratio").rows() == [("TPC", 0.25), ("TpC", 0.75)]


def test_every_row_says_weekly_and_keeps_the_contract(tmp_path):
    week = table(weeks((MONDAY, "B"), (BEFORE, "B"), (MONDAY, "A")), lit((DAYS[0], "A", 1.0, 1.0)))
    assert week["finra_period_type"].unique().to_list() == ["weekly"]
    contracts.write("weekly", week, tmp_path / "weekly.parquet")
    assert contracts.read("weekly", tmp_path / "weekly.parquet").equals(week)
    assert week.select(weekly.KEY).rows() == [(BEFORE, "B"), (MONDAY, "A"), (MONDAY, "B")]


def test_no_week_is_an_empty_table():
    assert table(weeks(), lit()).height == 0


def test_a_week_without_its_sessions_is_refused():
    with pytest.raises(ValueError, match="sessions_of lacks the week 2025-11-17"):
        weekly.table(weeks((MONDAY, "A")), lit(), {}, THRESHOLDS, 0.0, 0.05)


def test_a_session_twice_is_refused():
    with pytest.raises(ValueError, match="holds A on 2025-11-17 twice"):
        row((DAYS[0], "A", 1.0, 1.0), (DAYS[0], "A", 1.0, 1.0))


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)), min_size=1, max_size=5),
    st.sampled_from([0.0, 10_000.0]),
)
def test_a_week_follows_the_daily_rules(flows, least):
    """One week told as one session with the week's sums gives what the daily estimate gives."""
    week = row(*((DAYS[i], "A", buy, sell) for i, (buy, sell) in enumerate(flows)), least=least)
    ratio = week["lit_buy_ratio"]
    if ratio is None:
        assert week["estimated_bought"] is None
        return
    daily = pl.DataFrame({"date": [MONDAY], "ticker": ["A"], "trf_volume": [1_000.0], "lit_buy_ratio": [ratio]})
    unknown = ("lit_ratio_completed", "lit_ratio_variance", "lit_buy_volume", "lit_sell_volume")
    flow = daily.with_columns(pl.lit(None, pl.Float64).alias(name) for name in unknown)
    dark = estimate.dark_flow(daily, flow, 0.05).row(0, named=True)
    assert week["estimated_bought"] == dark["estimated_dark_buy_volume"]
    assert week["estimated_sold"] == dark["estimated_dark_sell_volume"]
    assert week["signal"] == estimate.signal(week["estimated_bought"], week["estimated_sold"], THRESHOLDS)


def test_publication_ats_share_and_methods_travel_with_the_table(tmp_path):
    found = weeks((MONDAY, "A"), (BEFORE, "A"))
    flows = lit((DAYS[0], "A", 1.0, 1.0), (DAYS[1], "A", None, None)).vstack(
        lit((DAYS[2], "A", 1.0, 1.0)).with_columns(pl.lit("BARS").alias("classification_method"))
    )
    week = weekly.labels(found, flows, weekly.sessions_by_week(found["week_start_date"]))
    path = tmp_path / "weekly.parquet"
    contracts.write("weekly", table(found, flows), path, **weekly.about(week))
    back = weekly.labelled(contracts.read("weekly", path), contracts.metadata(path))
    assert back.select(*weekly.LABELS).rows() == [
        (BEFORE, "A", date(2025, 12, 8), False, 0.2, ""),
        (MONDAY, "A", date(2025, 12, 8), False, 0.2, "BARS,NBBO"),
    ]
    assert weekly.labelled(table(weeks(), lit()), weekly.about(week.clear())).height == 0


@pytest.mark.real_data
def test_a_real_week_takes_finras_volume_whole(real_data):
    session = date(2025, 12, 22)
    found = otc_weekly.weeks(Archive(real_data / "archive"), session, ["TQQQ"], 10)
    week = table(found, lit((DAYS[0], "TQQQ", 60.0, 40.0))).row(0, named=True)
    assert (week["finra_off_exchange_volume"], week["tier"]) == (296_630_891.0, "T2")
    assert week["estimated_bought"] == pytest.approx(177_978_534.6)
