"""The largest off-exchange prints: a tape to check by hand, a plain implementation, and real days."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool.market import conditions, sessions
from darkpool.measures import lit
from unit.measures.test_lit import HOURS, QUOTES, SCHEMA, quotes_file, trades_file

ARCHIVE = Path(__file__).parents[4] / "shared" / "data" / "archive"
DAYS = [
    *((f"2013-10-0{day}", ticker) for day in (7, 8, 9) for ticker in ("AIG", "BAC")), ("2018-01-02", "XXX"),
]  # fmt: skip
TAPE = [
    (1_100, 1, 10.02, 900.0),  # lit, the largest of all, and no print
    (1_400, 3, 10.02, 40.0, 4, 202),  # at the ask
    (1_300, 2, 10.00, 40.0, 4, 203, [41, 37]),  # as large and earlier, at the bid
    (1_500, 4, 10.01, 70.0, 4, 203),  # in the middle
    (1_600, 5, 10.02, 50.0, 4, 203, [10]),  # derivatively priced: told, with the reason
    (1_700, 6, 10.02, 60.0, 4, None),  # ADF, no facility's
    (1_000, 7, 10.02, 5.0, 4, 202),  # before the first quote
    (2_500, 8, 10.03, 80.0, 4, 202),  # after hours
    (1_800, 9, 0.0, 99.0, 4, 202),  # without a price it was worth nothing anybody knows
]


def told(folder: Path, tape: list[tuple] = TAPE, quotes: list[tuple] | None = QUOTES, **options) -> list[dict]:
    there = None if quotes is None else quotes_file(folder, quotes)
    return lit.classify_symbol(trades_file(folder, tape), there, None, HOURS, **options).blocks


def test_the_largest_come_first_and_of_one_size_the_earlier(tmp_path):
    rows = told(tmp_path)
    assert [(row["rank"], row["size"], row["time"]) for row in rows] == [
        (1, 80, 2_500), (2, 70, 1_500), (3, 50, 1_600), (4, 40, 1_300), (5, 40, 1_400), (6, 5, 1_000),
    ]  # fmt: skip
    assert [row["side"] for row in rows] == ["buy", "neutral", "buy", "sell", "buy", "unknown"]
    assert [row["excluded"] for row in rows] == ["outside_hours", "", "condition", "", "", ""]
    assert [row["conditions"] for row in rows] == ["", "", "10", "41,37", "", ""]
    assert [row["notional"] for row in rows[:2]] == pytest.approx([802.4, 700.7])
    assert [(row["bid"], row["ask"]) for row in rows[-2:]] == [(10.00, 10.02), (None, None)]


def test_without_quotes_no_side_is_known(tmp_path):
    assert {(row["side"], row["bid"], row["ask"]) for row in told(tmp_path, quotes=None)} == {("unknown", None, None)}


def test_a_crossed_or_old_quote_is_none(tmp_path):
    crossed = [(1_050, 1, 10.03, 10.02)]
    assert {row["side"] for row in told(tmp_path, quotes=crossed)} == {"unknown"}
    rows = told(tmp_path, max_quote_age=300e-9)
    assert [row["side"] for row in rows] == ["unknown", "unknown", "unknown", "sell", "unknown", "unknown"]
    assert [row["side"] for row in told(tmp_path, max_quote_age=300e-9, all_or_nothing=True)][:2] == ["buy", "neutral"]


def test_a_print_says_how_late_it_was_reported(tmp_path):
    second = 1_000_000_000
    rows = [(1_400, 1, 10.0, 40.0, 4, 202, [], 1_400 + 12 * second), (1_500, 2, 10.0, 30.0, 4, 202, [], None)]
    schema = {**SCHEMA, "sip_timestamp": pl.Int64}
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(tmp_path / "t.parquet")
    found = lit.classify_symbol(tmp_path / "t.parquet", None, None, HOURS).blocks
    assert [row["late_s"] for row in found] == [12.0, None]


def test_there_are_twenty_and_the_twenty_first_of_one_size_is_the_latest(tmp_path):
    rows = told(tmp_path, [(1_100 + i, i, 10.0, 7.0, 4, 202) for i in range(25)][::-1])
    assert [row["time"] for row in rows] == [1_100 + i for i in range(20)]


def test_minute_bars_have_no_prints():
    assert lit.classify_symbol(None, None, None, HOURS).blocks == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1_000, 1_999), st.integers(1, 9), st.sampled_from([4, 12])), max_size=60))
def test_any_tape_gives_what_sorting_it_gives(tmp_path_factory, tape):
    rows = [(time, i, 10.0, float(size), venue, 202) for i, (time, size, venue) in enumerate(tape)]
    found = told(tmp_path_factory.mktemp("tape"), rows, None)
    expected = sorted((row for row in rows if row[4] == 4), key=lambda row: (-row[3], row[0], row[1]))[:20]
    assert [(row["size"], row["time"]) for row in found] == [(row[3], row[0]) for row in expected]
    assert [row["rank"] for row in found] == list(range(1, len(found) + 1))


@pytest.mark.parametrize(("day", "ticker"), DAYS)
def test_real_days_agree_with_a_plain_reading_of_their_files(day, ticker):
    paths = [ARCHIVE / "polygon" / kind / day / f"{ticker}.parquet" for kind in ("trades", "quotes")]
    if not paths[0].is_file():
        pytest.skip("the real ticks are not here")
    hours = sessions.trading_hours(date.fromisoformat(day), "09:30", "16:15")
    found = lit.classify_symbol(*paths, None, hours, max_quote_age=300).blocks
    trades, quotes = (pl.read_parquet(path) for path in paths)
    prints = trades.unique(maintain_order=True).filter(
        pl.col("exchange") == 4, pl.col("trf_id") != 0, pl.col("price") > 0, pl.col("size") > 0
    )
    prints = prints.sort(["size", "participant_timestamp", "sequence_number"], descending=[True, False, False]).head(20)
    asked = quotes.sort("participant_timestamp", "sequence_number")
    times = asked["participant_timestamp"].to_numpy()
    policy = conditions.load()
    for row, record in zip(found, prints.iter_rows(named=True), strict=True):
        at = int(np.searchsorted(times, record["participant_timestamp"], side="left")) - 1
        bid, ask = asked["bid_price"][at], asked["ask_price"][at]
        is_quote = at >= 0 and 0 < bid <= ask and record["participant_timestamp"] - times[at] <= 300 * 10**9
        place = (record["price"] - bid) / (ask - bid) if is_quote and ask > bid else None
        side = "unknown" if not is_quote else "neutral"
        if place is not None:
            side = "buy" if place > 0.6 + 1e-9 else "sell" if place < 0.4 - 1e-9 else "neutral"
        assert (row["time"], row["price"], row["size"]) == (
            record["participant_timestamp"], record["price"], record["size"],
        )  # fmt: skip
        assert (row["bid"], row["ask"]) == ((bid, ask) if is_quote else (None, None))
        if ask != bid:
            assert row["side"] == side
        codes = record["conditions"] or []
        assert row["conditions"] == ",".join(map(str, codes))
        inside = hours[0] <= record["participant_timestamp"] < hours[1]
        unsigned = bool(set(codes) & (policy.unsigned | policy.no_volume))
        assert (row["excluded"] == "") == (inside and not unsigned and not (record.get("correction") or 0))
