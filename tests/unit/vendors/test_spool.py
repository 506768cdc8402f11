"""Pages on their way into one sorted file."""

import os
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool.archive import tick_marks
from darkpool.vendors.polygon import spool

TRADES = ("participant_timestamp", "sip_timestamp")


MOMENTS = st.lists(st.one_of(st.none(), st.integers(0, 40)), min_size=1, max_size=8)


@settings(deadline=None)
@given(pages=st.lists(MOMENTS, min_size=1, max_size=8), span=st.integers(1, 20))
def test_a_spool_sorts_as_one_sort_over_everything_would(pages, span, tmp_path_factory):
    folder = tmp_path_factory.mktemp("spool")
    whole, sequence = [], 0
    with spool.Spool(folder / "parts", TRADES, "sequence_number", span) as pending:
        for moments in pages:
            page = []
            for moment in moments:
                sequence += 1
                page.append({"participant_timestamp": moment, "sip_timestamp": 20, "sequence_number": -sequence})
            whole += page
            pending.add(pl.DataFrame(page, schema=dict.fromkeys(page[0], pl.Int64)))
        pending.write(folder / "out.parquet")
    found = pl.read_parquet(folder / "out.parquet").to_dicts()

    def key(row: dict[str, int | None]) -> tuple[int, int]:
        moment = row["participant_timestamp"]
        return (20 if moment is None else moment), row["sequence_number"]

    assert [key(row) for row in found] == sorted(key(row) for row in whole)
    assert os.listdir(folder) == ["out.parquet"]


FEW = st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 2), st.lists(st.integers(0, 1), max_size=2))


@settings(deadline=None)
@given(pages=st.lists(st.lists(FEW, min_size=1, max_size=6), min_size=1, max_size=6), span=st.integers(1, 8))
def test_a_spool_keeps_every_row_that_differs_and_each_of_them_once(pages, span, tmp_path_factory):
    folder = tmp_path_factory.mktemp("spool")
    names = ["participant_timestamp", "sequence_number", "price", "conditions"]
    schema = {**dict.fromkeys(names[:3], pl.Int64), "conditions": pl.List(pl.Int64)}
    with spool.Spool(folder / "parts", TRADES, "sequence_number", span) as pending:
        for page in pages:
            pending.add(pl.DataFrame(page, schema=schema, orient="row"))
        pending.write(folder / "out.parquet")
        repeats = pending.repeats
    found = pl.read_parquet(folder / "out.parquet").select(names).rows()
    every = [(t, s, price, tuple(codes)) for page in pages for t, s, price, codes in page]
    kept = [(t, s, price, tuple(codes)) for t, s, price, codes in found]
    assert sorted(kept) == sorted(set(every))
    assert [row[:2] for row in kept] == sorted(row[:2] for row in kept)
    assert repeats == len(every) - len(set(every))


def test_a_page_larger_than_what_is_read_at_a_time_loses_no_row(tmp_path: Path):
    pages, rows = 3, 3 * spool.BATCH_ROWS + 7
    with spool.Spool(tmp_path / "parts", TRADES, "sequence_number", 5_000) as pending:
        for number in range(pages):
            sequence = pl.int_range(number * rows, (number + 1) * rows, eager=True)
            scattered = sequence * 7_919 % (pages * rows)
            pending.add(pl.DataFrame({"participant_timestamp": scattered, "sequence_number": sequence}))
        pending.write(tmp_path / "out.parquet")
    found = pl.read_parquet(tmp_path / "out.parquet")
    assert found["participant_timestamp"].to_list() == list(range(pages * rows))
    assert found["sequence_number"].sort().to_list() == list(range(pages * rows))


def test_pages_that_differ_in_their_columns_make_one_file_with_all_of_them(tmp_path: Path):
    with spool.Spool(tmp_path / "parts", TRADES, "sequence_number") as pending:
        pending.add(pl.DataFrame({"sip_timestamp": [1], "size": [100], "conditions": [[]]}))
        pending.add(pl.DataFrame({"sip_timestamp": [2], "size": [0.5], "late": ["x"], "conditions": [[12]]}))
        pending.write(tmp_path / "out.parquet")
    found = pl.read_parquet(tmp_path / "out.parquet")
    assert found.to_dicts() == [
        {"conditions": [], "late": None, "sip_timestamp": 1, "size": 100.0},
        {"conditions": [12], "late": "x", "sip_timestamp": 2, "size": 0.5},
    ]


def test_lists_that_are_always_empty_are_lists_of_codes(tmp_path: Path):
    with spool.Spool(tmp_path / "parts", TRADES, "sequence_number") as pending:
        pending.add(pl.DataFrame({"sip_timestamp": [1], "conditions": [[]]}))
        pending.write(tmp_path / "out.parquet")
    assert pl.read_parquet(tmp_path / "out.parquet").schema["conditions"] == pl.List(pl.Int64)


def test_rows_without_any_moment_are_refused(tmp_path: Path):
    with (
        spool.Spool(tmp_path / "parts", TRADES, "sequence_number") as pending,
        pytest.raises(ValueError, match="rows without"),
    ):
        pending.add(pl.DataFrame({"price": [1.0]}))


def spooled(folder: Path, *pages: pl.DataFrame) -> pq.ParquetFile:
    with spool.Spool(folder / "parts", TRADES, "sequence_number", 3) as pending:
        for page in pages:
            pending.add(page)
        pending.write(folder / "out.parquet", tick_marks.marks("polygon/trades", "2025-12-22", "A"))
    return pq.ParquetFile(folder / "out.parquet")


def moments(**columns: list[int | None]) -> pl.DataFrame:
    return pl.DataFrame({"conditions": [[1]] * len(next(iter(columns.values()))), **columns})


def test_a_file_says_in_parquets_own_words_that_its_rows_ascend(tmp_path):
    times, numbers = "participant_timestamp", "sequence_number"
    page = moments(**{times: [5, 4, 3, 2], numbers: [1, 2, 3, 4]})
    file = spooled(tmp_path, page, page)
    assert tick_marks.is_ordered(file)
    assert file.num_row_groups > 1
    [first, then] = file.metadata.row_group(1).sorting_columns
    # Leaves are counted, of which a list is one: conditions.list.element, participant_timestamp, sequence_number.
    assert [(one.column_index, one.descending) for one in (first, then)] == [(1, False), (2, False)]


@pytest.mark.parametrize(
    "page",
    [
        {"participant_timestamp": [1, None], "sip_timestamp": [1, 2], "sequence_number": [1, 2]},
        {"participant_timestamp": [1, 2], "sequence_number": [1, None]},
        {"sip_timestamp": [1, 2], "sequence_number": [1, 2]},
        {"participant_timestamp": [1, 2]},
    ],
    ids=["a moment of the SIP's", "a row without a number", "no participant time", "no numbers"],
)
def test_a_file_whose_order_rests_on_more_does_not_say_so(tmp_path, page):
    whole = {"participant_timestamp": [7, 8], "sequence_number": [7, 8]}
    for pages in ([page], [whole, page], [page, whole]):
        assert not tick_marks.is_ordered(spooled(tmp_path, *(moments(**one) for one in pages)))


def test_a_copy_by_another_program_keeps_the_marks_and_loses_the_order(tmp_path):
    page = moments(participant_timestamp=[1, 2], sequence_number=[1, 2])
    assert tick_marks.is_ordered(spooled(tmp_path, page))
    pq.write_table(pq.read_table(tmp_path / "out.parquet"), tmp_path / "copy.parquet")
    copy = pq.ParquetFile(tmp_path / "copy.parquet")
    assert set(tick_marks.MARKS) <= set(copy.schema_arrow.metadata)
    assert not tick_marks.is_ordered(copy)
