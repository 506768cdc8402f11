"""Yahoo's answers, each with the splits known when it was given, put back to what was traded."""

import io
import math
import tempfile
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.files import sha256
from darkpool.market import sessions
from darkpool.vendors.yahoo import consolidated

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


def keep_splits(archive: Archive, splits: Splits, moment: datetime) -> None:
    rows = [(symbol, day, ratio) for (symbol, day), ratio in splits.items()]
    frame = pl.DataFrame(rows, schema={"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}, orient="row")
    archive.keep(layout.yahoo_splits(MONDAY), parquet(frame), moment)


def keep(archive: Archive, bars: Bars, splits: Splits | None, moment: datetime = LATER) -> str:
    """One answer: what Yahoo gave, and the splits beside it; the name of the file with the bars."""
    if splits is not None:
        keep_splits(archive, splits, moment)
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

    def test_an_older_answers_own_splits_stay_its_own(self, archive) -> None:
        keep(archive, {("TQQQ", FRIDAY): 140.0, ("TQQQ", MONDAY): 200.0}, SPLIT)
        later = {**SPLIT, ("TQQQ", date(2022, 3, 1)): 3.0}
        keep(archive, {("TQQQ", MONDAY): 660.0}, later, LATER + timedelta(days=90))
        assert read(archive).bars.select("date", "split_factor", "regular_volume").rows() == [
            (FRIDAY, 2.0, 70.0),
            (MONDAY, 6.0, 110.0),
        ]

    def test_revised_is_where_another_volume_was_traded_and_nothing_else(self, archive) -> None:
        keep(archive, {("TQQQ", FRIDAY): 70.0, ("TQQQ", MONDAY): 100.0}, {})
        keep(archive, {("TQQQ", FRIDAY): 140.0, ("TQQQ", MONDAY): 210.0}, SPLIT)
        assert read(archive).bars.select("regular_volume", "revised").rows() == [(70.0, False), (105.0, True)]

    def test_yahoos_rounding_to_whole_shares_is_no_revision(self, archive) -> None:
        keep(archive, {("TQQQ", MONDAY): 1005.0}, {})
        keep(archive, {("TQQQ", MONDAY): 101.0}, {("TQQQ", date(2021, 12, 21)): 0.1})
        assert read(archive).bars.select("regular_volume", "revised").rows() == [(pytest.approx(1010), False)]

    @pytest.mark.parametrize(
        ("older", "newer", "ratio", "revised"),
        [
            # 10 old shares a new one: 101 whole shares stand for 1005 to 1015, and what was given whole for itself ± ½
            (1015.0, 101.0, 0.1, False),
            (1015.5, 101.0, 0.1, False),
            (1015.6, 101.0, 0.1, True),
            (1004.5, 101.0, 0.1, False),
            (1004.4, 101.0, 0.1, True),
            # twice the shares: 202 stand for 101, both to half a share
            (101.7, 202.0, 2.0, False),
            (101.8, 202.0, 2.0, True),
            (100.3, 202.0, 2.0, False),
            (100.2, 202.0, 2.0, True),
        ],
    )
    def test_a_difference_beyond_the_rounding_of_both_is_a_revision(
        self, older: float, newer: float, ratio: float, revised: bool, archive
    ) -> None:
        keep(archive, {("TQQQ", MONDAY): older}, {})
        keep(archive, {("TQQQ", MONDAY): newer}, {("TQQQ", date(2021, 12, 21)): ratio})
        assert read(archive).bars["revised"].to_list() == [revised]

    def test_on_one_basis_any_difference_is_a_revision(self, archive) -> None:
        keep(archive, {("TQQQ", MONDAY): 1000.0, ("TQQQ", FRIDAY): 70.0}, {})
        keep(archive, {("TQQQ", MONDAY): 1000.25, ("TQQQ", FRIDAY): 70.0}, {})
        assert read(archive).bars["revised"].to_list() == [False, True]

    def test_another_tickers_answer_supersedes_nothing(self, archive) -> None:
        keep(archive, {("TQQQ", MONDAY): 200.0}, SPLIT)
        keep(archive, {("NA", MONDAY): 7.0}, {})
        told = read(archive, {"TQQQ": "TQQQ", "NA": "NA"}).bars
        assert told.select("ticker", "regular_volume").rows() == [("NA", 7.0), ("TQQQ", 100.0)]

    def test_a_revision_taken_back_is_still_flagged(self, archive) -> None:
        for hours, volume in enumerate([100.0, 120.0, 100.0]):
            keep(archive, {("TQQQ", MONDAY): volume}, {}, LATER + timedelta(hours=hours))
        assert read(archive).bars.select("regular_volume", "revised").rows() == [(100.0, True)]


class TestReplaced:
    """A receipt says that the answer took the place of a damaged one that was another."""

    def say(self, archive: Archive, file: str) -> None:
        entry = {"state": "published", "file": file, "sha256": sha256(archive.path(file)), "replaces": "0" * 64}
        archive.write_receipt("yahoo", MONDAY, {"tickers": {"TQQQ": entry}})

    @pytest.mark.parametrize("replaced", [FRIDAY, MONDAY])
    def test_its_rows_are_revised_and_no_other_answers(self, replaced: date, archive) -> None:
        files = {
            FRIDAY: keep(archive, {("TQQQ", FRIDAY): 100.0}, {}),
            MONDAY: keep(archive, {("TQQQ", MONDAY): 200.0}, None, LATER + timedelta(1)),
        }
        self.say(archive, files[replaced])
        told = dict(read(archive).bars.select("date", "revised").iter_rows())
        assert told == {FRIDAY: replaced == FRIDAY, MONDAY: replaced == MONDAY}

    def test_they_are_revised_where_an_older_answer_said_another_volume_too(self, archive) -> None:
        keep(archive, {("TQQQ", MONDAY): 100.0}, {})
        self.say(archive, keep(archive, {("TQQQ", MONDAY): 200.0}, None, LATER + timedelta(1)))
        assert read(archive).bars["revised"].to_list() == [True]


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
            "close",
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


def put(archive: Archive, session: date, bars: Bars, splits: Splits, moment: datetime | None = None) -> str:
    """An answer under the name of any session."""
    named = [(symbol, day, ratio) for (symbol, day), ratio in splits.items()]
    types = {"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}
    archive.keep(
        layout.yahoo_splits(session), parquet(pl.DataFrame(named, schema=types, orient="row")), moment or LATER
    )
    rows = [(symbol, day, volume) for (symbol, day), volume in bars.items()]
    frame = pl.DataFrame(rows, schema={"symbol": pl.String, "date": pl.Date, "volume": pl.Float64}, orient="row")
    return archive.relative(archive.keep(layout.yahoo_daily(session), parquet(frame), moment or LATER))


LONG = sessions.window(MONDAY, 20)
ALL = dict.fromkeys([("TQQQ", day) for day in LONG], 1000.0)
EX = date(2021, 12, 21)


def long_read(archive: Archive, finra: dict[date, float] | None = None) -> consolidated.Consolidated:
    volumes = {
        "date": list(finra or {}),
        "ticker": ["TQQQ"] * len(finra or {}),
        "trf_volume": list((finra or {}).values()),
    }
    schema = {"date": pl.Date, "ticker": pl.String, "trf_volume": pl.Float64}
    off_exchange = None if finra is None else pl.DataFrame(volumes, schema=schema)
    return consolidated.read(Archive(archive.root), MONDAY, ONE, LONG, off_exchange)


def known(told: consolidated.Consolidated) -> dict[date, float | None]:
    return dict(told.bars.select("date", "regular_volume").iter_rows())


class TestSplitsThatTheVolumesDoNotShow:
    """Yahoo names a split before it adjusts its volumes; an earlier answer with the same days tells."""

    def before(self, day: date) -> Bars:
        return {key: volume for key, volume in ALL.items() if key[1] <= day}

    @pytest.mark.parametrize("ratio", [2.0, 0.05, 10.0])
    @pytest.mark.parametrize("ago", [1, 2, 12])
    def test_an_earlier_sessions_answer_decides(self, ratio: float, ago: int, archive) -> None:
        put(archive, LONG[-1 - ago], self.before(LONG[-1 - ago]), {})
        put(archive, MONDAY, ALL, {("TQQQ", EX): ratio})
        told = long_read(archive)
        assert set(known(told).values()) == {None}
        assert told.bars["split_factor"].null_count() == len(LONG)
        assert told.splits.rows() == [("TQQQ", EX, None, ratio)]
        assert told.doubts == (
            "the split of TQQQ on 2021-12-21: it is named, and an earlier answer has the same volumes without it",
        )

    @pytest.mark.parametrize("ratio", [2.0, 0.05, 10.0])
    def test_volumes_that_show_it_are_as_traded(self, ratio: float, archive) -> None:
        put(archive, FRIDAY, self.before(FRIDAY), {})
        put(archive, MONDAY, {key: volume * ratio for key, volume in ALL.items()}, {("TQQQ", EX): ratio})
        told = long_read(archive)
        assert set(known(told).values()) == {1000.0}
        assert told.doubts == ()

    def test_only_the_sessions_before_the_split_are_unknown(self, archive) -> None:
        ex = LONG[10]
        put(archive, LONG[9], self.before(LONG[9]), {})
        put(archive, MONDAY, ALL, {("TQQQ", ex): 2.0})
        assert known(long_read(archive)) == {day: None if day < ex else 1000.0 for day in LONG}

    def test_an_answer_that_names_it_too_decides_nothing(self, archive) -> None:
        put(archive, FRIDAY, self.before(FRIDAY), {("TQQQ", EX): 2.0})
        put(archive, MONDAY, ALL, {("TQQQ", EX): 2.0})
        assert set(known(long_read(archive)).values()) == {500.0}

    def test_the_answers_between_may_name_it(self, archive) -> None:
        for day in LONG[11:-1]:
            put(archive, day, self.before(day), {("TQQQ", LONG[10]): 2.0})
        put(archive, LONG[8], self.before(LONG[8]), {})
        put(archive, MONDAY, ALL, {("TQQQ", LONG[10]): 2.0})
        assert known(long_read(archive))[LONG[0]] is None

    def test_the_nearest_earlier_answer_decides(self, archive) -> None:
        put(archive, LONG[-3], self.before(LONG[-3]), {})
        put(archive, FRIDAY, dict.fromkeys(self.before(FRIDAY), 500.0), {})
        put(archive, MONDAY, ALL, {("TQQQ", EX): 2.0})
        assert set(known(long_read(archive)).values()) == {500.0}

    def test_another_tickers_answer_decides_nothing(self, archive) -> None:
        put(archive, FRIDAY, {("NA", day): 1000.0 for day in LONG[:-1]}, {})
        put(archive, MONDAY, ALL, {("TQQQ", EX): 2.0})
        assert set(known(long_read(archive)).values()) == {500.0}

    def test_an_older_answer_of_the_same_session_decides_and_stands_where_it_is_the_newest(self, archive) -> None:
        put(archive, MONDAY, {key: volume for key, volume in ALL.items() if key[1] < MONDAY}, {})
        put(archive, MONDAY, {("TQQQ", day): 1000.0 for day in LONG[5:]}, {("TQQQ", EX): 2.0})
        told = long_read(archive)
        assert known(told) == {day: 1000.0 if day < LONG[5] else None for day in LONG}
        assert dict(told.bars.select("date", "revised").iter_rows())[LONG[6]] is True

    @pytest.mark.parametrize(
        ("earlier", "own", "decides"),
        [
            ("2021-12-18T11:00:00Z", "2021-12-21T11:00:00Z", True),
            ("2021-12-21T11:00:00Z", "2021-12-21T11:00:00Z", False),
            ("2021-12-22T11:00:00Z", "2021-12-21T11:00:00Z", False),
            (None, "2021-12-21T11:00:00Z", True),
            ("2021-12-22T11:00:00Z", None, True),
        ],
    )
    def test_earlier_is_what_was_asked_earlier(self, earlier: str | None, own: str, decides: bool, archive) -> None:
        for day, moment in ((FRIDAY, earlier), (MONDAY, own)):
            bars = self.before(day)
            file = put(archive, day, bars, {("TQQQ", EX): 2.0} if day == MONDAY else {})
            entry = {"state": "published", "file": file, "retrieved_at": moment}
            archive.write_receipt("yahoo", day, {"tickers": {"TQQQ": entry}})
        assert set(known(long_read(archive)).values()) == {None if decides else 500.0}

    def test_a_later_answer_of_the_session_was_asked_at_its_own_moment(self, archive) -> None:
        """On the 22nd, whatever the first was; Friday's answer came on the 23rd."""
        file = put(archive, FRIDAY, self.before(FRIDAY), {})
        entry = {"state": "published", "file": file, "retrieved_at": "2021-12-23T11:00:00Z"}
        archive.write_receipt("yahoo", FRIDAY, {"tickers": {"TQQQ": entry}})
        put(archive, MONDAY, {("TQQQ", MONDAY): 1000.0}, {("TQQQ", EX): 2.0})
        put(archive, MONDAY, ALL, {("TQQQ", EX): 2.0}, datetime(2021, 12, 22, 11, tzinfo=UTC))
        assert set(known(long_read(archive)).values()) == {500.0}

    @pytest.mark.parametrize(("number", "traded"), [(5, None), (4, 500.0)])
    def test_of_before_the_splits_day_the_five_nearest_are_asked(
        self, number: int, traded: float | None, archive
    ) -> None:
        """The answers since name the split too, and those between are about another ticker."""
        put(archive, LONG[number], self.before(LONG[number]), {})
        for day in LONG[number + 1 : 10]:
            put(archive, day, {("NA", day): 1000.0}, {})
        for day in LONG[10:]:
            put(archive, day, self.before(day), {("TQQQ", LONG[10]): 2.0})
        told = known(long_read(archive))
        assert {told[day] for day in LONG[:10]} == {traded}

    @pytest.mark.parametrize("content", [b"", b"junk"])
    def test_an_earlier_answer_that_is_damaged_decides_nothing(self, content: bytes, archive) -> None:
        put(archive, FRIDAY, self.before(FRIDAY), {})
        archive.path(layout.yahoo_splits(FRIDAY)).write_bytes(content)
        put(archive, MONDAY, ALL, {("TQQQ", EX): 2.0})
        told = long_read(archive)
        assert set(known(told).values()) == {500.0}
        assert told.faults == ()

    def test_damage_of_later_splits_leaves_the_answer_before_them_its_word(self, archive) -> None:
        put(archive, FRIDAY, self.before(FRIDAY), {})
        archive.keep(layout.yahoo_splits(FRIDAY), b"junk", LATER)
        put(archive, MONDAY, ALL, {("TQQQ", EX): 2.0})
        assert set(known(long_read(archive)).values()) == {None}

    STEP = {("TQQQ", day): 100.0 if day < LONG[10] else 1000.0 for day in LONG}  # noqa: RUF012

    def test_without_one_a_large_step_tells(self, archive) -> None:
        put(archive, MONDAY, self.STEP, {("TQQQ", LONG[10]): 10.0})
        told = long_read(archive)
        assert known(told) == {day: None if day < LONG[10] else 1000.0 for day in LONG}
        assert "the volumes step by its ratio as if they were not adjusted" in told.doubts[0]

    def test_an_earlier_answer_that_has_them_adjusted_clears_the_step(self, archive) -> None:
        put(archive, LONG[9], {("TQQQ", day): 10.0 for day in LONG[:10]}, {})
        put(archive, MONDAY, self.STEP, {("TQQQ", LONG[10]): 10.0})
        assert known(long_read(archive))[LONG[0]] == 10.0

    @pytest.mark.parametrize(("since", "value"), [(400.0, None), (4000.0, 10.0)])
    def test_finras_volume_is_heard_about_the_step(self, since: float, value: float | None, archive) -> None:
        put(archive, MONDAY, self.STEP, {("TQQQ", LONG[10]): 10.0})
        told = long_read(archive, {day: 40.0 if day < LONG[10] else since for day in LONG})
        assert known(told)[LONG[0]] == value

    @pytest.mark.parametrize("other", [LONG[9], LONG[11]])
    @pytest.mark.parametrize(("since", "value"), [(4000.0, None), (8000.0, 2.5)])
    def test_another_split_before_or_after_it_is_no_step_of_finras(
        self, other: date, since: float, value: float | None, archive
    ) -> None:
        """40 FINRA shares before the other split are 160 after: to 4,000 it is 25 times, to 8,000 it is 50."""
        put(archive, MONDAY, self.STEP, {("TQQQ", LONG[10]): 10.0, ("TQQQ", other): 4.0})
        told = long_read(archive, {day: 40.0 if day < LONG[10] else since for day in LONG})
        assert known(told)[LONG[0]] == value


class TestUnclear:
    @pytest.mark.parametrize("named", [[2.0, 3.0], [1.253], [None], [2.0, None]])
    def test_what_no_one_can_know_of_a_split_makes_the_sessions_before_it_unknown(self, named, archive) -> None:
        rows = [("TQQQ", MONDAY, ratio) for ratio in named]
        schema = {"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}
        archive.keep(layout.yahoo_splits(MONDAY), parquet(pl.DataFrame(rows, schema=schema, orient="row")), LATER)
        keep(archive, {("TQQQ", FRIDAY): 600.0, ("TQQQ", MONDAY): 600.0, ("NA", FRIDAY): 7.0}, None)
        told = read(archive, {"TQQQ": "TQQQ", "NA": "NA"})
        assert told.bars.select("date", "ticker", "split_factor", "regular_volume").rows() == [
            (FRIDAY, "NA", 1.0, 7.0),
            (FRIDAY, "TQQQ", None, None),
            (MONDAY, "TQQQ", 1.0, 600.0),
        ]
        assert told.splits.rows() == [("TQQQ", MONDAY, None, None)]

    def test_a_ratio_of_1_and_the_same_ratio_twice_are_no_doubt(self, archive) -> None:
        rows = [("TQQQ", EX, ratio) for ratio in (1.0, 3.0, 3.0)]
        schema = {"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}
        archive.keep(layout.yahoo_splits(MONDAY), parquet(pl.DataFrame(rows, schema=schema, orient="row")), LATER)
        keep(archive, {("TQQQ", MONDAY): 600.0}, None)
        assert read(archive).bars["regular_volume"].to_list() == [200.0]

    def test_a_newer_answer_that_names_one_ratio_clears_the_doubt(self, archive) -> None:
        rows = [("TQQQ", EX, ratio) for ratio in (2.0, 3.0)]
        schema = {"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}
        archive.keep(layout.yahoo_splits(MONDAY), parquet(pl.DataFrame(rows, schema=schema, orient="row")), LATER)
        keep(archive, {("TQQQ", MONDAY): 600.0}, None)
        keep(archive, {("TQQQ", MONDAY): 300.0}, {("TQQQ", EX): 3.0}, LATER + timedelta(hours=1))
        assert read(archive).bars.select("regular_volume", "revised").rows() == [(100.0, True)]

    def test_a_split_without_a_day_may_lie_anywhere(self, archive) -> None:
        rows = [("TQQQ", None, 2.0)]
        schema = {"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}
        archive.keep(layout.yahoo_splits(MONDAY), parquet(pl.DataFrame(rows, schema=schema, orient="row")), LATER)
        keep(archive, {("TQQQ", FRIDAY): 600.0, ("TQQQ", MONDAY): 600.0}, None)
        told = read(archive)
        assert told.bars["regular_volume"].to_list() == [None, None]
        assert [(row[1], row[2]) for row in told.splits.rows()] == [(MONDAY, None), (date.max, None)]
        assert "the split of TQQQ with the ratio 2.0 has no day, expected a date" in told.faults[0]


class TestRounded:
    """Whole adjusted shares behind a reverse split: as traded known to half a share over the factor."""

    @pytest.mark.parametrize(
        ("volume", "ratio", "traded"),
        [
            (50.0, 0.1, 500.0),  # 0.5 of 50 is 1 %
            (49.0, 0.1, None),
            (0.0, 0.1, None),
            (49.0, 2.0, 24.5),  # exact
            (0.0, 2.0, 0.0),
            (0.0, 1.0, 0.0),
            (49.0, 1.0, 49.0),
            (49.0, 110 / 109, 49 * 109 / 110),
            (49.0, 109 / 110, None),
        ],
    )
    def test_more_than_a_hundredth_is_unknown(self, volume: float, ratio: float, traded, archive) -> None:
        keep(archive, {("TQQQ", MONDAY): volume}, {("TQQQ", EX): ratio})
        told = read(archive).bars
        assert told["regular_volume"].to_list() == [traded if traded is None else pytest.approx(traded)]
        assert told["rounded"].to_list() == [traded is None]
        assert told["volume"].to_list() == [volume]

    def test_factors_that_make_1_together_round_nothing(self, archive) -> None:
        keep(archive, {("TQQQ", MONDAY): 3.0}, {("TQQQ", EX): 0.1, ("TQQQ", date(2022, 3, 1)): 10.0})
        assert read(archive).bars.select("regular_volume", "rounded").rows() == [(3.0, False)]


NEW_YORK, TOKYO = "America/New_York", "Asia/Tokyo"


def keep_moments(archive: Archive, moments: list[Any], kind: Any) -> str:
    keep(archive, {}, {})
    frame = pl.DataFrame(
        {"symbol": ["TQQQ"] * len(moments), "date": pl.Series(moments, dtype=kind), "volume": [7.0] * len(moments)}
    )
    return str(archive.keep(layout.yahoo_daily(MONDAY), parquet(frame), LATER))


class TestDays:
    """A date cut from an instant: the column `date` of a file that somebody copied in."""

    @pytest.mark.parametrize("zone", [None, "UTC", NEW_YORK, TOKYO, "Europe/Berlin", "Pacific/Auckland"])
    @pytest.mark.parametrize("unit", ["ms", "us", "ns"])
    def test_midnight_in_its_zone_is_that_day(self, zone: str | None, unit: Any, archive) -> None:
        moments = pl.Series(
            [datetime(2021, 12, day) for day in (17, 20)], dtype=pl.Datetime(unit)
        ).dt.replace_time_zone(zone)
        keep_moments(archive, moments.to_list(), pl.Datetime(unit, zone))
        assert read(archive).bars["date"].to_list() == WINDOW

    @pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
    @pytest.mark.parametrize("day", [date(2021, 7, 6), MONDAY])
    def test_midnight_in_new_york_is_that_day_summer_and_winter(self, zone: str, day: date, archive) -> None:
        moment = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(NEW_YORK)).astimezone(ZoneInfo(zone))
        keep_moments(archive, [moment], pl.Datetime("us", zone))
        told = consolidated.read(Archive(archive.root), MONDAY, ONE, [day])
        assert (told.bars["date"].to_list(), told.faults) == ([day], ())

    @pytest.mark.parametrize(
        ("moment", "zone"),
        [
            (datetime(2021, 12, 20, 9, 30), NEW_YORK),
            (datetime(2021, 12, 20, 14, 30), "UTC"),
            (datetime(2021, 12, 20, 0, 0, 1), "UTC"),
            (datetime(2021, 12, 20, 4, 0), "UTC"),
            (datetime(2021, 12, 20, 16, 0), None),
        ],
    )
    def test_any_other_moment_is_a_fault_that_names_file_and_day(self, moment: datetime, zone, archive) -> None:
        series = pl.Series([moment], dtype=pl.Datetime("us")).dt.replace_time_zone(zone)
        path = keep_moments(archive, series.to_list(), pl.Datetime("us", zone))
        told = read(archive)
        assert told.bars.height == 0
        assert told.faults[0].startswith(f"{path}: date 2021-12-20 {moment:%H:%M:%S}")
        assert "midnight neither in its zone nor in New York" in told.faults[0]

    @pytest.mark.parametrize("day", [date(2021, 12, 19), date(2021, 12, 24), date(1999, 1, 4), date(2999, 1, 4)])
    def test_a_day_that_is_no_session_is_a_fault_and_the_others_count(self, day: date, archive) -> None:
        path = keep_moments(archive, [FRIDAY, day], pl.Date)
        told = read(archive)
        assert told.bars["date"].to_list() == [FRIDAY]
        assert told.faults == (f"{path}: date {day} is no session",)

    def test_ten_are_named_and_the_others_counted(self, archive) -> None:
        sundays = [date(2021, 12, 19) - timedelta(weeks=week) for week in range(30)]
        keep_moments(archive, sundays, pl.Date)
        told = read(archive)
        assert len(told.faults) == 10
        assert "And 20 more like it" in told.faults[-1]

    @given(
        st.sampled_from(LONG),
        st.sampled_from(["UTC", NEW_YORK, TOKYO, "Europe/London", "Australia/Sydney", "America/St_Johns"]),
        st.sampled_from([NEW_YORK, None]),
    )
    @settings(deadline=None)
    def test_a_midnight_is_a_session_whatever_the_zone(self, day: date, zone: str, of: str | None) -> None:
        moment = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(of or zone))
        with tempfile.TemporaryDirectory() as folder:
            keep_moments(Archive(folder), [moment.astimezone(ZoneInfo(zone))], pl.Datetime("us", zone))
            told = consolidated.read(Archive(folder), MONDAY, ONE, LONG)
        assert told.bars["date"].to_list() == [day]

    def test_a_splits_moment_is_read_the_same_way(self, archive) -> None:
        keep(archive, {("TQQQ", FRIDAY): 600.0, ("TQQQ", MONDAY): 600.0}, None)
        moments = pl.Series([datetime(2021, 12, 20)], dtype=pl.Datetime("us")).dt.replace_time_zone(NEW_YORK)
        frame = pl.DataFrame({"symbol": ["TQQQ"], "ex_date": moments.dt.convert_time_zone("UTC"), "ratio": [2.0]})
        archive.keep(layout.yahoo_splits(MONDAY), parquet(frame), LATER)
        assert read(archive).bars["regular_volume"].to_list() == [300.0, 600.0]


class TestAbsurd:
    """What no vendor can mean is never a number, and never spoils what stands beside it."""

    @pytest.mark.parametrize("volume", [1e15, 1e300, math.inf])
    def test_a_volume_is_named_and_left_out(self, volume: float, archive) -> None:
        keep(archive, {("TQQQ", FRIDAY): 5.0, ("TQQQ", MONDAY): volume}, {})
        told = read(archive)
        assert told.bars["date"].to_list() == [FRIDAY]
        assert f"TQQQ has a volume of {volume:g} on 2021-12-20, expected fewer than 1e+15 shares" in told.faults[0]

    def test_the_largest_volume_counts(self, archive) -> None:
        keep(archive, {("TQQQ", MONDAY): 9.99e14}, {})
        assert read(archive).bars["regular_volume"].to_list() == [9.99e14]

    @pytest.mark.parametrize("column", ["volume", "ratio"])
    def test_true_and_false_are_no_numbers(self, column: str, archive) -> None:
        keep(archive, {("TQQQ", MONDAY): 5.0}, {("TQQQ", EX): 2.0})
        name = layout.yahoo_daily(MONDAY) if column == "volume" else layout.yahoo_splits(MONDAY)
        path = archive.path(name)
        path.write_bytes(parquet(pl.read_parquet(path).with_columns(pl.lit(True).alias(column))))
        told = read(archive)
        assert told.bars.height == 0
        assert f"column {column} holds true and false, expected Float64" in told.faults[0]


@pytest.mark.real_data
def test_real_volumes_of_2021_come_back_as_traded(real_data) -> None:
    session = date(2021, 12, 31)
    told = consolidated.read(
        Archive(real_data / "archive"), session, {ticker: ticker for ticker in ("TQQQ", "NVDA", "GLD")}, [session]
    )
    volumes = dict(told.bars.select("ticker", "regular_volume").iter_rows())
    assert volumes == pytest.approx({"TQQQ": 30_124_300, "NVDA": 26_653_000, "GLD": 7_039_300})
    assert told.faults == ()


Prices = dict[tuple[str, date], tuple[float, float | None]]


def keep_prices(archive: Archive, prices: Prices, splits: Splits, moment: datetime = LATER) -> None:
    """One answer: volume and close as Yahoo gave them, and the splits beside it."""
    keep_splits(archive, splits, moment)
    rows = [(symbol, day, volume, close) for (symbol, day), (volume, close) in prices.items()]
    schema = {"symbol": pl.String, "date": pl.Date, "volume": pl.Float64, "close": pl.Float64}
    archive.keep(layout.yahoo_daily(MONDAY), parquet(pl.DataFrame(rows, schema=schema, orient="row")), moment)


def closes(archive: Archive) -> list[float | None]:
    return read(archive).bars.sort("date")["close"].to_list()


class TestCloses:
    """Prices are adjusted as volumes are, the other way: what was traded at 100 before a 4:1 split is told as 25."""

    def test_a_close_is_put_back_to_what_was_traded(self, archive) -> None:
        told: Prices = {("TQQQ", FRIDAY): (40.0, 25.0), ("TQQQ", MONDAY): (40.0, 26.0)}
        keep_prices(archive, told, {("TQQQ", date(2022, 1, 13)): 2.0, ("TQQQ", date(2025, 11, 20)): 2.0})
        assert closes(archive) == [100.0, 104.0]

    def test_a_split_between_two_sessions_moves_the_older_one_alone(self, archive) -> None:
        told: Prices = {("TQQQ", FRIDAY): (40.0, 25.0), ("TQQQ", MONDAY): (40.0, 26.0)}
        keep_prices(archive, told, {("TQQQ", MONDAY): 2.0})
        assert closes(archive) == [50.0, 26.0]

    @pytest.mark.parametrize("close", [None, math.nan, math.inf, 0.0, -1.0])
    def test_a_close_that_is_none_is_unknown_and_leaves_the_volume(self, close: float | None, archive) -> None:
        keep_prices(archive, {("TQQQ", MONDAY): (40.0, close)}, {})
        assert read(archive).bars.select("volume", "close").rows() == [(40.0, None)]

    def test_a_file_without_closes_is_read(self, archive) -> None:
        keep(archive, {("TQQQ", MONDAY): 40.0}, {})
        assert read(archive).bars.select("volume", "close").rows() == [(40.0, None)]

    def test_a_split_that_nobody_can_vouch_for_leaves_the_close_unknown(self, archive) -> None:
        keep_prices(archive, {("TQQQ", MONDAY): (40.0, 25.0)}, {("TQQQ", date(2022, 1, 13)): 1.253})
        assert closes(archive) == [None]

    @pytest.mark.parametrize(("close", "revised"), [(25.0, False), (25.000001, False), (25.01, True), (None, False)])
    def test_a_corrected_close_is_a_correction(self, close: float | None, revised: bool, archive) -> None:
        keep_prices(archive, {("TQQQ", MONDAY): (40.0, 25.0)}, {})
        keep_prices(archive, {("TQQQ", MONDAY): (40.0, close)}, {}, LATER + timedelta(days=1))
        assert read(archive).bars.select("close", "revised").rows() == [(close, revised)]

    @pytest.mark.parametrize(("close", "revised"), [(12.5, False), (25.0, False), (12.0, True)])
    def test_a_split_between_two_answers_corrects_no_close(self, close: float, revised: bool, archive) -> None:
        keep_prices(archive, {("TQQQ", FRIDAY): (40.0, 25.0)}, {})
        keep_prices(archive, {("TQQQ", FRIDAY): (80.0, close)}, {("TQQQ", MONDAY): 2.0}, LATER + timedelta(days=1))
        told = read(archive).bars.row(0, named=True)
        assert (told["regular_volume"], told["close"], told["revised"]) == (40.0, 2 * close, revised)
