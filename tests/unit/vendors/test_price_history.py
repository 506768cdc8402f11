"""Prices of many sessions on one share basis, from whatever answers an archive holds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.market import sessions
from darkpool.vendors.yahoo import price_history
from parquet_bytes import parquet

DAY = date(2025, 12, 22)
A, B, C, D = sessions.window(DAY, 3)
BARS = {"symbol": pl.String, "date": pl.Date, "open": pl.Float64, "close": pl.Float64, "volume": pl.Float64}
SPLITS = {"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}
OURS = {"TpC": "T-PC", "SPY": "SPY"}


@pytest.fixture
def archive(tmp_path) -> Archive:
    return Archive(tmp_path)


def keep(archive: Archive, session: date, bars: list[tuple], splits: tuple[tuple, ...] = (), hour: int = 12) -> None:
    moment = datetime(session.year, session.month, session.day, hour, tzinfo=UTC)
    archive.keep(layout.yahoo_daily(session), parquet(bars, BARS), moment)
    archive.keep(layout.yahoo_splits(session), parquet(list(splits), SPLITS), moment)


def bar(day: date, price: float, symbol: str = "SPY") -> tuple:
    return symbol, day, price, price + 1, 1e6


def closes(archive: Archive) -> dict[date, float | None]:
    found = price_history.read(Archive(archive.root), OURS)
    assert found.faults == ()
    return dict(found.rows.filter(pl.col("ticker") == "SPY").select("date", "close").iter_rows())


def test_of_several_answers_the_newest_counts_and_names_are_ours(archive):
    keep(archive, A, [bar(A, 10), bar(A, 5, "T-PC"), bar(A, 7, "QQQ")])
    keep(archive, B, [bar(A, 10.5), bar(B, 11)])
    found = price_history.read(archive, OURS).rows
    assert found.select("date", "ticker", "open", "close").rows() == [
        (A, "SPY", 10.5, 11.5), (A, "TpC", 5.0, 6.0), (B, "SPY", 11.0, 12.0),
    ]  # fmt: skip
    assert found["adj_close"].null_count() == 3


def test_a_file_whose_name_begins_with_no_date_is_named(archive):
    keep(archive, A, [bar(A, 10)])
    for name in ("notes.parquet", "2025-13-40.parquet"):
        archive.path(f"yahoo/daily/{name}").write_bytes(b"")
    told = price_history.read(Archive(archive.root), OURS).faults
    assert [Path(line.partition(":")[0]).name for line in told] == ["2025-13-40.parquet", "notes.parquet"]
    assert all(line.endswith("its name begins with no date, expected YYYY-MM-DD") for line in told)


def test_a_split_that_a_later_answer_names_brings_earlier_ones_to_its_basis(archive):
    """2:1 on C: what was asked before it has 20, what came with it 10."""
    keep(archive, A, [bar(A, 19)])
    keep(archive, C, [bar(C, 9.0)], (("SPY", C, 2.0),))
    assert closes(archive) == {A: 10.0, C: 10.0}


def test_an_answer_that_names_the_split_is_adjusted_already(archive):
    keep(archive, C, [bar(A, 9.0), bar(B, 9.0), bar(C, 9.0)], (("SPY", C, 2.0),))
    keep(archive, D, [bar(D, 9.0)])  # which does not name it again, for nothing of it lies before
    assert closes(archive) == dict.fromkeys((A, B, C, D), 10.0)


def test_before_a_split_that_nobody_can_vouch_for_there_is_no_price(archive):
    keep(archive, C, [bar(B, 9.0), bar(C, 9.0)], (("SPY", C, 1.253),))
    assert closes(archive) == {B: None, C: 10.0}


def test_dividends_are_known_where_the_answer_has_them(archive):
    schema = {**BARS, "adj_close": pl.Float64}
    moment = datetime(2025, 12, 23, 12, tzinfo=UTC)
    archive.keep(layout.yahoo_daily(DAY), parquet([(*bar(DAY, 9.0), 9.5)], schema), moment)
    archive.keep(layout.yahoo_splits(DAY), parquet([], SPLITS), moment)
    assert price_history.read(archive, OURS).rows["adj_close"].to_list() == [9.5]


def test_a_dividend_that_went_ex_between_two_answers_is_no_loss(archive):
    """10 % on C: the older answer has 10.0 for all, the newer 9.0 before it; together 9.0, 9.0, 10.0."""
    schema = {**BARS, "adj_close": pl.Float64}
    for session, days, before in ((B, (A, B), 10.0), (C, (B, C), 9.0)):
        rows = [("SPY", day, 10.0, 10.0, 1e6, before if day < C else 10.0) for day in days]
        moment = datetime(session.year, session.month, session.day, 12, tzinfo=UTC)
        archive.keep(layout.yahoo_daily(session), parquet(rows, schema), moment)
        archive.keep(layout.yahoo_splits(session), parquet([], SPLITS), moment)
    found = price_history.read(archive, OURS).rows
    assert found["close"].to_list() == [10.0, 10.0, 10.0]
    assert found["adj_close"].to_list() == pytest.approx([9.0, 9.0, 10.0])


def test_an_answer_that_shares_no_session_with_a_later_one_has_no_known_dividends(archive):
    schema = {**BARS, "adj_close": pl.Float64}
    for session in (A, D):
        moment = datetime(session.year, session.month, session.day, 12, tzinfo=UTC)
        archive.keep(layout.yahoo_daily(session), parquet([(*bar(session, 9.0), 9.5)], schema), moment)
        archive.keep(layout.yahoo_splits(session), parquet([], SPLITS), moment)
    found = price_history.read(archive, OURS).rows
    assert found["close"].to_list() == [10.0, 10.0]
    assert found["adj_close"].to_list() == [None, 9.5]


def test_an_odd_price_is_none_and_a_spoilt_file_is_named(archive):
    keep(archive, A, [("SPY", A, -1.0, float("nan"), 1e6)])
    keep(archive, B, [bar(B, 11)])
    path = archive.path(layout.yahoo_daily(B))
    path.write_bytes(path.read_bytes()[:-30])
    found = price_history.read(Archive(archive.root), OURS)
    assert found.rows.select("date", "open", "close").rows() == [(A, None, None)]
    [fault] = found.faults
    assert path.name in fault


def test_a_bar_on_no_session_is_none(archive):
    keep(archive, DAY, [bar(date(2025, 12, 21), 9.0), bar(DAY, 9.0)])
    assert list(closes(archive)) == [DAY]


def test_nothing_in_the_archive_is_an_empty_history(archive):
    assert price_history.read(archive, OURS).rows.is_empty()
