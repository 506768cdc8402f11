"""Yahoo's answers, each with the splits known when it was given, put back to what was traded."""

import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from darkpool import consolidated, layout
from darkpool.archive import Archive

FRIDAY, MONDAY = date(2021, 12, 17), date(2021, 12, 20)
WINDOW = [FRIDAY, MONDAY]
LATER = datetime(2021, 12, 22, 12, tzinfo=UTC)
ONE = {"TQQQ": "TQQQ"}

Bars = dict[tuple[str, date], Any]
Splits = dict[tuple[str, date], Any]


@pytest.fixture
def archive(tmp_path) -> Archive:
    return Archive(tmp_path)


def parquet(frame: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    pq.write_table(frame.to_arrow(compat_level=pl.CompatLevel.oldest()), sink)
    return sink.getvalue()


def keep(archive: Archive, bars: Bars, splits: Splits | None, moment: datetime = LATER) -> str:
    """One answer: what Yahoo gave, and the splits beside it; the name of the file with the bars."""
    if splits is not None:
        rows = [(symbol, day, ratio) for (symbol, day), ratio in splits.items()]
        frame = pl.DataFrame(rows, schema={"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}, orient="row")
        archive.keep(layout.yahoo_splits(MONDAY), parquet(frame), moment)
    rows = [(symbol, day, volume) for (symbol, day), volume in bars.items()]
    frame = pl.DataFrame(rows, schema={"symbol": pl.String, "date": pl.Date, "volume": pl.Float64}, orient="row")
    return archive.relative(archive.keep(layout.yahoo_daily(MONDAY), parquet(frame), moment))


def read(archive: Archive, spelling: dict[str, str] = ONE) -> consolidated.Consolidated:
    return consolidated.read(Archive(archive.root), MONDAY, spelling, WINDOW)


def say(archive: Archive, ticker: str, file: str, retrieved_at: str | None) -> None:
    entry = {"state": "published", "file": file, "retrieved_at": retrieved_at}
    archive.write_receipt("yahoo", MONDAY, {"tickers": {ticker: entry}})


def test_a_real_days_ratio_is_right_only_as_traded(archive) -> None:
    """TQQQ split 2:1 on 2022-01-13 and on 2025-11-20; what Yahoo gives today is four times what was traded."""
    keep(archive, {("TQQQ", MONDAY): 400e6}, {("TQQQ", date(2022, 1, 13)): 2.0, ("TQQQ", date(2025, 11, 20)): 2.0})
    bars = read(archive).bars
    assert bars.select("volume", "split_factor", "regular_volume").row(0) == (400e6, 4.0, 100e6)


def test_rows_come_in_our_spelling_and_only_of_the_window(archive) -> None:
    keep(
        archive,
        {("T-PC", MONDAY): 5.0, ("TPC", MONDAY): 6.0, ("TPC", date(2021, 12, 16)): 7.0, ("OTHER", MONDAY): 8.0},
        {},
    )
    bars = read(archive, {"TpC": "T-PC", "TPC": "TPC"}).bars
    assert bars.select("date", "ticker", "regular_volume").rows() == [(MONDAY, "TPC", 6.0), (MONDAY, "TpC", 5.0)]


@pytest.mark.parametrize("volume", [None, float("nan"), float("inf"), -5.0])
def test_a_volume_that_is_none_is_no_row_and_never_zero(volume: float | None, archive) -> None:
    keep(archive, {("TQQQ", FRIDAY): volume, ("TQQQ", MONDAY): 0.0}, {})
    assert read(archive).bars.select("date", "volume").rows() == [(MONDAY, 0.0)]


SPLIT = {("TQQQ", date(2021, 12, 21)): 2.0}


class TestAnswers:
    def test_a_split_that_appears_later_does_not_touch_rows_of_the_older_answer(self, archive) -> None:
        keep(archive, {("TQQQ", FRIDAY): 70.0, ("TQQQ", MONDAY): 100.0}, {})
        keep(archive, {("TQQQ", MONDAY): 200.0}, SPLIT)
        told = read(archive)
        assert told.bars.select("date", "split_factor", "regular_volume", "revised").rows() == [
            (FRIDAY, 1.0, 70.0, False),
            (MONDAY, 2.0, 100.0, False),
        ]
        assert told.splits.rows() == [("TQQQ", date(2021, 12, 21), 2.0, 2.0)]

    def test_revised_is_where_another_volume_was_traded_and_nothing_else(self, archive) -> None:
        keep(archive, {("TQQQ", FRIDAY): 70.0, ("TQQQ", MONDAY): 100.0}, {})
        keep(archive, {("TQQQ", FRIDAY): 140.0, ("TQQQ", MONDAY): 210.0}, SPLIT)
        assert read(archive).bars.select("regular_volume", "revised").rows() == [(70.0, False), (105.0, True)]

    def test_yahoos_rounding_to_whole_shares_is_no_revision(self, archive) -> None:
        keep(archive, {("TQQQ", MONDAY): 1005.0}, {})
        keep(archive, {("TQQQ", MONDAY): 101.0}, {("TQQQ", date(2021, 12, 21)): 0.1})
        assert read(archive).bars.select("regular_volume", "revised").rows() == [(pytest.approx(1010), False)]

    def test_another_tickers_answer_supersedes_nothing(self, archive) -> None:
        keep(archive, {("TQQQ", MONDAY): 200.0}, SPLIT)
        keep(archive, {("NA", MONDAY): 7.0}, {})
        told = read(archive, {"TQQQ": "TQQQ", "NA": "NA"}).bars
        assert told.select("ticker", "regular_volume").rows() == [("NA", 7.0), ("TQQQ", 100.0)]

    def test_a_revision_taken_back_is_still_flagged(self, archive) -> None:
        for hours, volume in enumerate([100.0, 120.0, 100.0]):
            keep(archive, {("TQQQ", MONDAY): volume}, {}, LATER + timedelta(hours=hours))
        assert read(archive).bars.select("regular_volume", "revised").rows() == [(100.0, True)]


class TestSettled:
    def test_it_is_unknown_where_nobody_told_when_the_answer_came(self, archive) -> None:
        keep(archive, {("TQQQ", MONDAY): 1.0}, {})
        assert read(archive).bars["settled"].to_list() == [None]

    @pytest.mark.parametrize(
        ("moment", "settled"),
        [
            ("2021-12-20T22:00:00Z", False),  # 17:00 in New York, the session's own day
            ("2021-12-21T04:59:59Z", False),  # 23:59:59 in New York
            ("2021-12-21T05:00:00Z", True),
        ],
    )
    def test_it_is_true_from_the_next_new_york_day_on(self, moment: str, settled: bool, archive) -> None:
        file = keep(archive, {("TQQQ", FRIDAY): 1.0, ("TQQQ", MONDAY): 1.0}, {})
        say(archive, "TQQQ", file, moment)
        assert read(archive).bars["settled"].to_list() == [True, settled]

    def test_a_later_answer_carries_its_own_moment(self, archive) -> None:
        keep(archive, {("TQQQ", MONDAY): 1.0}, {})
        keep(archive, {("TQQQ", MONDAY): 2.0}, {}, datetime(2021, 12, 20, 22, tzinfo=UTC))
        assert read(archive).bars["settled"].to_list() == [False]

    def test_a_receipt_speaks_of_its_own_file_alone(self, archive) -> None:
        first = keep(archive, {("TQQQ", MONDAY): 1.0, ("NA", MONDAY): 1.0}, {})
        keep(archive, {("TQQQ", MONDAY): 2.0}, {})
        say(archive, "TQQQ", first, "2021-12-20T22:00:00Z")
        told = read(archive, {"TQQQ": "TQQQ", "NA": "NA"}).bars
        assert dict(told.select("ticker", "settled").iter_rows()) == {"TQQQ": True, "NA": None}


class TestDamage:
    def test_an_archive_without_answers_is_empty_without_fault(self, archive) -> None:
        told = read(archive)
        assert (told.bars.height, told.splits.height, told.faults) == (0, 0, ())
        assert told.bars.columns == [
            "date",
            "ticker",
            "volume",
            "split_factor",
            "regular_volume",
            "rounded",
            "settled",
            "revised",
        ]

    def test_volumes_without_their_splits_are_not_used(self, archive) -> None:
        keep(archive, {("TQQQ", MONDAY): 400.0}, None)
        told = read(archive)
        assert told.bars.height == 0
        assert "splits/2021-12-20.parquet is missing" in told.faults[0]

    @pytest.mark.parametrize("content", [b"", b"<html></html>", b"PAR1 cut off PAR1"])
    def test_nor_are_those_whose_splits_are_damaged(self, content: bytes, archive) -> None:
        path = archive.keep(layout.yahoo_splits(MONDAY), content, LATER)
        keep(archive, {("TQQQ", MONDAY): 400.0}, None)
        told = read(archive)
        assert told.bars.height == 0
        assert str(path) in told.faults[0]

    @pytest.mark.parametrize("ratio", [None, 0.0, -2.0, float("nan"), float("inf"), 1e-5, 10_001.0, 1e300])
    def test_a_ratio_that_is_none_is_named_and_leaves_its_own_ticker_unknown_alone(self, ratio: Any, archive) -> None:
        keep(archive, {("TQQQ", MONDAY): 400.0, ("NA", MONDAY): 9.0}, {("TQQQ", date(2022, 1, 13)): ratio})
        told = read(archive, {"TQQQ": "TQQQ", "NA": "NA"})
        assert told.bars.select("ticker", "volume", "split_factor", "regular_volume").rows() == [
            ("NA", 9.0, 1.0, 9.0),
            ("TQQQ", 400.0, None, None),
        ]
        assert f"the split of TQQQ on 2022-01-13 has the ratio {ratio}, expected one from 0.0001" in told.faults[0]

    def test_a_later_whole_answer_counts_again(self, archive) -> None:
        archive.keep(layout.yahoo_splits(MONDAY), b"junk", LATER)
        keep(archive, {("TQQQ", MONDAY): 400.0, ("NA", MONDAY): 9.0}, None)
        keep(archive, {("TQQQ", MONDAY): 400.5}, {("TQQQ", date(2022, 1, 13)): 4.0})
        told = read(archive, {"TQQQ": "TQQQ", "NA": "NA"})
        assert told.bars.select("ticker", "regular_volume").rows() == [("TQQQ", 100.125)]
        assert len(told.faults) == 1

    @pytest.mark.parametrize("columns", [["symbol", "date"], ["symbol", "volume"], ["date", "volume"]])
    def test_an_answer_without_a_column_is_named_with_what_was_expected(self, columns: list[str], archive) -> None:
        keep(archive, {("TQQQ", MONDAY): 1.0}, {})
        frame = pl.DataFrame({"symbol": ["TQQQ"], "date": [MONDAY], "volume": [2.0]}).select(columns)
        path = archive.keep(layout.yahoo_daily(MONDAY), parquet(frame), LATER)
        told = read(archive)
        assert told.bars["volume"].to_list() == [1.0]
        assert f"{path}: not a readable answer with the columns symbol, date, volume" in told.faults[0]

    def test_volumes_that_are_words_are_a_fault(self, archive) -> None:
        frame = pl.DataFrame({"symbol": ["TQQQ"], "date": [MONDAY], "volume": ["many"]})
        archive.keep(layout.yahoo_daily(MONDAY), parquet(frame), LATER)
        keep(archive, {}, {})
        assert "not a readable answer" in read(archive).faults[0]


@pytest.mark.real_data
def test_real_volumes_of_2021_come_back_as_traded(real_data) -> None:
    session = date(2021, 12, 31)
    told = consolidated.read(
        Archive(real_data / "archive"), session, {ticker: ticker for ticker in ("TQQQ", "NVDA", "GLD")}, [session]
    )
    volumes = dict(told.bars.select("ticker", "regular_volume").iter_rows())
    assert volumes == pytest.approx({"TQQQ": 30_124_300, "NVDA": 26_653_000, "GLD": 7_039_300})
    assert told.faults == ()
