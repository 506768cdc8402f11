"""Polygon's grouped daily prices: what is taken of an answer, and what becomes of one that is none."""

from __future__ import annotations

import json
import math
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool.vendors.failure import Failure
from darkpool.vendors.parquet_file import content
from darkpool.vendors.polygon import grouped
from standin import nanoseconds

DAY = date(2025, 12, 22)
END = nanoseconds(str(DAY), "16:00") // 10**6


def row(name: str = "AAPL", **fields: Any) -> dict[str, Any]:
    return {"T": name, "o": 10, "h": 12.5, "l": 9, "c": 11.25, "v": 1000, "vw": 10.5, "n": 7, "t": END, **fields}


def answer(*rows: Any, **head: Any) -> bytes:
    told = {"status": "OK", "adjusted": False, "queryCount": len(rows), "resultsCount": len(rows), "results": rows}
    return json.dumps({**told, **head}).encode()


def refused(body: bytes) -> tuple[str, str]:
    with pytest.raises(Failure) as failure:
        grouped.read(body, DAY)
    return failure.value.state, failure.value.reason


def test_rows_are_kept_as_sent_by_name_and_what_nobody_knows_with_them():
    rows, said = grouped.read(answer(row("TSLA", otc=True), row("BRK.B", v=0.25, mood={"a": [1]}), row("NA")), DAY)
    assert said is None
    assert rows["T"].to_list() == ["BRK.B", "NA", "TSLA"]
    assert dict(rows.schema) == {
        "T": pl.String, "v": pl.Float64, "vw": pl.Float64, "o": pl.Float64, "c": pl.Float64, "h": pl.Float64,
        "l": pl.Float64, "t": pl.Int64, "n": pl.Int64, "mood": pl.String, "otc": pl.Boolean,
    }  # fmt: skip
    assert rows.row(0) == ("BRK.B", 0.25, 10.5, 10.0, 11.25, 12.5, 9.0, END, 7, '{"a": [1]}', None)
    assert rows["otc"].to_list() == [None, None, True]


def test_count_and_average_may_be_missing():
    bare = {name: value for name, value in row().items() if name not in ("vw", "n")}
    rows, said = grouped.read(answer(bare, row("B", vw=None, n=None)), DAY)
    assert (rows.height, said) == (2, None)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"c": True}, "c of ODD is True, expected a price"),
        ({"c": "11.25"}, "c of ODD is '11.25', expected a price"),
        ({"o": None}, "o of ODD is None, expected a price"),
        ({"o": 0}, "o of ODD is 0, expected a price"),
        ({"l": -1}, "l of ODD is -1, expected a price"),
        ({"h": 1e300}, "h of ODD is 1e+300, expected a price"),
        ({"c": math.nan}, "c of ODD is nan, expected a price"),
        ({"c": math.inf}, "c of ODD is inf, expected a price"),
        ({"v": -5}, "v of ODD is -5, expected a volume"),
        ({"v": False}, "v of ODD is False, expected a volume"),
        ({"v": 10**400}, "v of ODD is 1000"),
        ({"vw": [1]}, "vw of ODD is [1], expected a price"),
        ({"n": 1.5}, "n of ODD is 1.5, expected a count"),
        ({"t": "2025"}, "t of ODD is '2025', expected milliseconds"),
        ({"T": ""}, "T is '', expected a symbol"),
        ({"T": "\ud800"}, "expected a symbol"),
        ({"T": 5}, "T is 5, expected a symbol"),
    ],
)
def test_an_odd_row_is_refused_and_told_and_the_others_are_used(fields, what):
    rows, said = grouped.read(answer(row("FINE"), row("ODD", **fields)), DAY)
    assert rows["T"].to_list() == ["FINE"]
    assert said is not None
    assert said.startswith("1 odd rows refused: ")
    assert what in said


def test_a_row_that_names_a_field_twice_is_refused():
    text = answer(row("FINE"), row("ODD")).decode().replace('"T": "ODD", "o": 10', '"T": "ODD", "o": 10, "o": 99')
    rows, said = grouped.read(text.encode(), DAY)
    assert rows["T"].to_list() == ["FINE"]
    assert said == "1 odd rows refused: ODD names a field twice"


def test_of_a_name_that_comes_twice_the_same_counts_once_and_what_differs_not_at_all():
    rows, said = grouped.read(answer(row("A"), row("A"), row("B"), row("B", c=11.26), row("C")), DAY)
    assert rows["T"].to_list() == ["A", "C"]
    assert said == "1 odd rows refused: B: two bars that differ, expected one"


def test_more_than_ten_odd_rows_are_a_damaged_answer():
    ten = [row(f"X{number}", c=0) for number in range(10)]
    assert grouped.read(answer(row("FINE"), *ten), DAY).rows.height == 1
    state, reason = refused(answer(row("FINE"), *ten, 7))
    assert state == "damaged"
    assert reason.startswith("11 of 12 rows are odd: c of X0 is 0")
    assert refused(answer(row("ONE", c=0)))[0] == "damaged"  # and no day without prices


@pytest.mark.parametrize(
    ("body", "state", "reason"),
    [
        (answer(row(), adjusted=True), "outage", "adjusted is true, asked for false: prices as traded"),
        (answer(row(), adjusted=None), "outage", "adjusted is null, asked for false"),
        (answer(row(), adjusted=0), "outage", "adjusted is 0, asked for false"),
        (answer(row(), row("B", t=END - 86_400_000)), "outage", "asked for 2025-12-22, answered with 1 rows of other"),
        (answer(row(), resultsCount=2), "truncated", "resultsCount is 2, 1 rows came"),
        (answer(resultsCount=2), "truncated", "resultsCount is 2, 0 rows came"),
        (answer(row(), resultsCount=True), "outage", "resultsCount is True, expected a whole number"),
        (answer(row(), queryCount=-1), "outage", "queryCount is -1, expected a whole number"),
        (answer(row(), queryCount=0), "outage", "queryCount is 0, fewer than the 1 rows that came"),
        (answer(row(), next_url="https://api.polygon.io/v2/more"), "truncated", "names a further page"),
        (answer(row(), results={"a": 1}), "outage", "results are dict, expected a list of rows"),
        (answer(row(), status="ERROR", error="sorry"), "outage", "the answer's status is ERROR: sorry"),
        (answer(row())[:-20], "outage", "the answer is no JSON, it begins with"),
        (b"<html>", "outage", "the answer is no JSON, it begins with '<html>'"),
        (b"", "outage", "the answer is no JSON"),
        (b"[" * 100_000, "outage", "the answer is no JSON"),
        (b"[]", "outage", "the answer is JSON, but no page"),
        (b'{"status": "OK", "status": "OK", "results": []}', "outage", "the answer names a field twice"),
    ],
)  # fmt: skip
def test_what_is_no_answer_to_the_question_is_refused_as_a_whole(body, state, reason):
    found = refused(body)
    assert found[0] == state
    assert reason in found[1]


@pytest.mark.parametrize("head", [{}, {"results": None}, {"adjusted": True}])
def test_a_day_without_prices_has_no_row(head):
    assert grouped.read(answer(**head), DAY).rows.is_empty()
    bare = b'{"status": "OK", "queryCount": 0, "resultsCount": 0}'
    assert grouped.read(bare, DAY).rows.is_empty()


def test_the_end_of_the_bar_is_on_the_new_york_date(tmp_path):
    """20:00 in New York is the next day in UTC."""
    late = nanoseconds(str(DAY), "20:00") // 10**6
    assert grouped.read(answer(row(t=late)), DAY).rows["t"].to_list() == [late]


def taken(body: bytes) -> grouped.Market | Failure:
    try:
        return grouped.read(body, DAY)
    except Failure as failure:
        return failure


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.dictionaries(st.sampled_from([*row(), "otc", "new"]), JSON, max_size=4)


@given(
    st.lists(st.builds(lambda name, fields: row(name, **fields), st.sampled_from("ABCD"), FIELDS) | JSON, max_size=14),
    st.dictionaries(st.sampled_from(["status", "adjusted", "resultsCount", "queryCount"]), JSON, max_size=2),
)  # fmt: skip
def test_whatever_comes_is_taken_or_refused_and_what_is_taken_makes_a_file(tmp_path_factory, rows, head):
    market = taken(answer(*rows, **head))
    if isinstance(market, Failure):
        assert market.state in ("outage", "truncated", "damaged")
        assert market.reason
        return
    names = market.rows["T"].to_list()
    assert names == sorted(set(names))
    assert len(names) == len(rows) or market.refused or any(rows.count(one) > 1 for one in rows)
    path = tmp_path_factory.mktemp("grouped") / "kept.parquet"
    path.write_bytes(content(market.rows))
    read_back = grouped.prices(path, DAY)
    assert read_back["symbol"].to_list() == names
    sent = {one["T"]: one for one in rows if isinstance(one, dict) and one.get("T") in names}
    for symbol, opened, close, volume in read_back.iter_rows():
        if sum(isinstance(one, dict) and one.get("T") == symbol for one in rows) == 1:
            assert (opened, close, volume) == (sent[symbol]["o"], sent[symbol]["c"], sent[symbol]["v"])
        assert 0 < opened < 1e15
        assert 0 < close < 1e15
        assert 0 <= volume < 1e15


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(body):
    found = taken(body)
    assert isinstance(found, Failure)
    assert found.state == "outage"


def kept(folder: Path, rows: pl.DataFrame) -> Path:
    path = folder / "2025-12-22.parquet"
    rows.write_parquet(path)
    return path


def test_a_file_that_was_copied_in_gives_only_prices_that_can_be(tmp_path):
    columns = {"T": ["A", "B", "B", "C", "D"], "o": [1.0, 1, 2, math.nan, 3], "c": [1.0, 1, 1, 1e300, 2]}
    rows = pl.DataFrame({**columns, "v": [1.0, 2, 2, -1, math.inf], "t": [END] * 5})
    assert grouped.prices(kept(tmp_path, rows), DAY).rows() == [
        ("A", 1.0, 1.0, 1.0), ("C", None, None, None), ("D", 3.0, 2.0, None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (pl.col("c").cast(pl.String), "column c is String, expected Float64"),
        (pl.lit(True).alias("v"), "column v is Boolean, expected Float64"),
        (pl.col("t").cast(pl.Float64), "column t is Float64, expected Int64"),
        (pl.lit(7).alias("T"), "column T is Int32, expected String"),
        (pl.col("t") + 86_400_000, "1 rows of other days than 2025-12-22"),
    ],
)
def test_a_file_that_is_none_names_column_and_kind(tmp_path, change, what):
    path = kept(tmp_path, pl.DataFrame([row()]).with_columns(change))
    with pytest.raises(ValueError, match=what) as error:
        grouped.prices(path, DAY)
    assert str(path) in str(error.value)
    with pytest.raises(ValueError, match="columns o are missing"):
        grouped.prices(kept(tmp_path, pl.DataFrame([row()]).drop("o")), DAY)
