"""No text in a cell is a formula, whatever program opens the file; numbers are numbers."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool.archive import store
from darkpool.archive.store import Archive
from darkpool.market import symbols
from darkpool.session import universe
from darkpool.show import cells, spreadsheet

SIGNS = "=+-@＝＋－＠"


def neutral(text: str | None) -> str | None:
    return pl.DataFrame({"a": [text]}, schema={"a": pl.String}).select(cells.neutral("a"))["a"][0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t'=1"), ("\rx", "'\rx"),
        ("  =1", "'  =1"), ("＝1", "'＝1"), ("A;=cmd|' /C calc'!A0", "A;'=cmd|' /C calc'!A0"), ("A\n-1", "A\n'-1"),
        ("AAPL", "AAPL"), ("BRK-B", "BRK-B"), ("a = b", "a = b"), ("bars_only,no_trf", "bars_only,no_trf"), ("", ""),
        (None, None),
    ],
)  # fmt: skip
def test_a_formula_is_shown_and_not_run(text, shown):
    assert neutral(text) == shown


@given(st.text(alphabet=st.sampled_from(f"{SIGNS} \t\r\n;|,\"'A1"), max_size=12))
def test_no_cell_begins_with_a_formula_whatever_parts_the_cells(text):
    shown = neutral(text)
    assert shown.replace("'", "") == text.replace("'", "")
    for separator in ";|\t\r\n":
        for cell in shown.split(separator):
            assert not cell.lstrip().startswith(tuple(SIGNS))


def test_numbers_stay_numbers_in_the_file():
    frame = pl.DataFrame({"x": [-1.5, None, 2.0], "n": [-3, 0, None], "t": ["=1", "-", None]})
    rows = list(csv.DictReader(io.StringIO(spreadsheet.to_csv(frame).decode())))
    assert [row["x"] for row in rows] == ["-1.5", "", "2.0"]
    assert [row["n"] for row in rows] == ["-3", "0", ""]
    assert [row["t"] for row in rows] == ["'=1", "'-", ""]


HOSTILE = [
    "../../etc/passwd", "..", "/etc/passwd", "A/../B", "A\\..\\B", "C:\\x", "A\x00B", "A\nB", "A\x1b[31m", "A" * 21,
    "A" * 100_000, "$(reboot)", "`id`", "A;rm", "A|B", "A&B", "~root", "-rf", ".", ".A", "A.", "A..B", "A B", "Ä", "А",
    "A\u202eB", "A%2e%2e", "<b>", "'", '"', "*", "?", "{}",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_ticker_reaches_no_path(text):
    with pytest.raises(ValueError, match="no ticker"):
        symbols.normalise(text)


@given(st.text(max_size=60))
def test_a_name_in_the_archive_is_one_plain_part_of_a_path(text):
    name = store.file_name(text) + ".parquet"
    assert Path("x", name).parent == Path("x")
    assert name.isascii()
    assert not set("/\\\x00:") & set(name)
    assert (Path("/a/b") / name).resolve().parent == Path("/a/b")


@given(st.text(max_size=40))
def test_what_passes_for_a_ticker_is_safe_in_every_path_and_address(text):
    try:
        ticker = symbols.normalise(text)
    except ValueError:
        return
    assert len(ticker) <= symbols.MAX_LENGTH
    assert ticker.isascii()
    assert ticker.replace(".", "").isalnum()
    assert ".." not in ticker


def test_a_hostile_universe_file_yields_its_tickers_and_names_the_rest_by_line(tmp_path):
    (tmp_path / "u.csv").write_text("ticker\nAAPL\n../../x\n\"=cmd|'/C calc'!A0\"\n<script>\n" + "B" * 5000 + "\nNA\n")
    found = universe.resolve("emps2", date(2025, 12, 22), [], ["u.csv"], tmp_path, Archive(tmp_path / "archive"))
    assert found.tickers == ["AAPL", "NA"]
    assert [text.partition(":")[0] for text in found.unmapped] == [f"u.csv, line {line}" for line in (3, 4, 5, 6)]
    assert all(len(text) < 200 for text in found.unmapped)
