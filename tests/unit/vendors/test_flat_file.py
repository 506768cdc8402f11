"""A flat file of the whole tape is read once, line by line true, and refused as a whole where it is not whole."""

from __future__ import annotations

import gzip
import io
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flat_tape
from darkpool.vendors.polygon import flat_file
from flat_tape import OPEN, SECOND, quote, trade

NAME = "2025-12-22.csv.gz"


def read(content: bytes, *tickers: str, name: str = NAME) -> dict[str, list[dict]]:
    file = flat_file.FlatFile(io.BytesIO(content), name)
    found: dict[str, list[dict]] = {}
    for ticker, rows in file.rows(tickers or ("A",)):
        found.setdefault(ticker, []).extend(rows.to_dicts())
    return found


def test_rows_have_the_fields_and_kinds_of_a_page():
    [row] = read(flat_tape.packed([trade(conditions="12,37", trf_id=202, trf_timestamp=OPEN, exchange=4)]))["A"]
    assert row == {
        "conditions": [12, 37], "correction": 0, "exchange": 4, "id": "7", "participant_timestamp": OPEN,
        "price": 10.0, "sequence_number": 1, "sip_timestamp": OPEN + 1000, "size": 100.0, "tape": 1, "trf_id": 202,
        "trf_timestamp": OPEN,
    }  # fmt: skip
    [row] = read(flat_tape.packed([quote()]))["A"]
    assert (row["bid_price"], row["ask_price"], row["conditions"], row["indicators"]) == (9.99, 10.01, [1], [604])


def test_what_a_page_would_leave_out_is_null_and_not_a_moment_in_1970():
    [row] = read(flat_tape.packed([trade(participant_timestamp=0, trf_id=0, trf_timestamp=0)]))["A"]
    assert [row[name] for name in ("participant_timestamp", "trf_id", "trf_timestamp", "conditions")] == [None] * 4


def test_tickers_that_read_as_missing_or_differ_by_case_are_tickers():
    names = ["NA", "NULL", "nan", "TRUE", "TpC", "TPC", "BRK.B", "A"]
    found = read(flat_tape.packed(trade(name, size=number) for number, name in enumerate(names, start=1)), *names)
    assert {ticker: rows[0]["size"] for ticker, rows in found.items()} == dict(zip(names, range(1, 9), strict=True))


def test_columns_may_stand_anywhere_and_unknown_ones_are_kept():
    rows = [trade(number, size=3, decimal_size="2.5") for number in ("B", "A", "B")]
    order = ["price", "decimal_size", *(name for name in rows[0] if name not in ("price", "decimal_size"))]
    for columns in (None, order):
        found = read(gzip.compress(flat_tape.csv(rows, columns)), "A", "B")
        assert [(ticker, [row["decimal_size"] for row in own]) for ticker, own in sorted(found.items())] == [
            ("A", ["2.5"]), ("B", ["2.5", "2.5"]),
        ]  # fmt: skip


TICKERS = st.sampled_from(["A", "AA", "NA", "B"])


@settings(deadline=None)
@given(st.lists(TICKERS, min_size=1, max_size=60), st.integers(300, 2_000), st.sets(TICKERS), st.booleans())
def test_every_wanted_line_is_taken_once_whatever_the_order_and_the_blocks(order, block, wanted, in_members):
    rows = [trade(ticker, second=i, sequence_number=i) for i, ticker in enumerate(order)]
    text = flat_tape.csv(rows)
    content = gzip.compress(text[:200]) + gzip.compress(text[200:]) if in_members else text
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flat_file, "BLOCK", block)
        found = read(content, *wanted, "?", name="2025-12-22.csv")
    assert {ticker: [row["sequence_number"] for row in own] for ticker, own in found.items()} == {
        ticker: [i for i, other in enumerate(order) if other == ticker] for ticker in wanted if ticker in order
    }


ROWS = [trade(second=number, sequence_number=number, conditions="12,37") for number in range(5)]
TEXT = flat_tape.csv(ROWS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(TEXT)[:-20], "is cut off"),
        (gzip.compress(TEXT)[:-8] + b"12345678", "is damaged: .*incorrect data check"),
        (gzip.compress(TEXT) + b"more", "is damaged"),
        (TEXT + b"A,12,0,4\n", "A: a line has not the 13 fields of the header"),
        (TEXT + TEXT.splitlines()[1] + b",1\n", "A: a line has not the 13 fields of the header"),
        (TEXT[: TEXT.rindex(b",")], "A: a line has not the 13 fields of the header"),
        (TEXT.replace(b",10.0,4,", b",1O.0,4,"), "A: column price is '1O.0', expected a number"),
        (TEXT.replace(b",10.0,4,", b",true,4,"), "A: column price is 'true', expected a number"),
        (TEXT.replace(b",10.0,4,", b",inf,4,"), "A: price is inf, expected less than"),
        (TEXT.replace(b",10.0,4,", b",1e300,4,"), r"A: price is 1e\+300, expected less than"),
        (TEXT.replace(b",0,11,", b",0,11.5,"), "column exchange is '11.5', expected a whole number"),
        (TEXT.replace(b'"12,37"', b'"12,x"'), "column conditions is '12,x', expected whole numbers"),
        (flat_tape.csv([*ROWS, trade(second=86_400)]), "A: asked for 2025-12-22, answered with 1 rows of other days"),
        (TEXT.replace(b"sip_timestamp", b"sip"), "has no column sip_timestamp; its header is"),
        (TEXT.replace(b"trf_id", b"price"), "has a column twice"),
        (TEXT.splitlines(keepends=True)[0], "has no row"),
        (b"<html>", "has no column ticker"),
        (b"", "has no column ticker"),
    ],
)
def test_what_is_not_whole_is_refused_with_the_file_and_the_field(content, said):
    with pytest.raises(flat_file.FlatFileError, match=said) as refused:
        read(content)
    assert NAME in str(refused.value)


def test_what_is_wrong_with_lines_of_other_tickers_is_no_matter():
    assert len(read(TEXT + b"B,,0,x,,,,,,,,,\n")["A"]) == 5


def test_the_day_is_the_first_rows_in_new_york_and_the_name_may_not_say_another():
    late = flat_tape.packed([trade(second=14 * 3600)])  # 23:30 in New York, the day after in UTC
    assert flat_file.FlatFile(io.BytesIO(late), "tape.csv.gz").session == date(2025, 12, 22)
    with pytest.raises(flat_file.FlatFileError, match="named for 2025-12-23, and its first row is of 2025-12-22"):
        flat_file.FlatFile(io.BytesIO(late), "trades_v1/2025-12-23.csv.gz")


def test_lines_of_windows_and_a_last_line_without_its_end_are_lines():
    for content in (TEXT.replace(b"\n", b"\r\n"), TEXT[:-1]):
        rows = pl.DataFrame(read(content)["A"])
        assert rows.equals(pl.DataFrame(read(TEXT)["A"]))
        assert rows["participant_timestamp"].to_list() == [OPEN + number * SECOND for number in range(5)]
