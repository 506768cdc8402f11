"""The list of venues and its reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from darkpool.market import venues

HEADER = ",".join(venues.COLUMNS)


def venues_file(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "venues.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_every_exchange_of_the_vendors_list_is_lit_and_both_of_finras_are_not():
    kinds = venues.load().kinds
    assert {number for number, kind in kinds.items() if kind == venues.LIT} == {*range(1, 24)} - {4, 5, 13}
    assert (kinds[4], kinds[62]) == (venues.FINRA, venues.OTC)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.int64])
def test_an_id_that_the_list_does_not_name_is_unknown_whatever_its_size(kind):
    ids = np.array([12, 4, 62, 5, 24, 0, np.iinfo(kind).max, np.iinfo(kind).min - (kind == np.uint8)], np.int64)
    found = venues.load().of(ids.astype(kind))
    assert found.tolist() == [venues.LIT, venues.FINRA, venues.OTC, *[venues.UNKNOWN] * 5]


def test_an_id_beyond_the_list_is_not_taken_for_the_one_it_would_wrap_to():
    found = venues.load().of(np.array([256 + 12, -244, 2**32 + 12], np.int64))
    assert found.tolist() == [venues.UNKNOWN] * 3


def test_a_list_of_ones_own_says_what_it_says(tmp_path):
    known = venues.load(venues_file(tmp_path, "254,Somewhere,lit,note", "0,Elsewhere,otc,"))
    assert known.of(np.array([254, 0, 255, 12])).tolist() == [venues.LIT, venues.OTC, venues.UNKNOWN, venues.UNKNOWN]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["x,A,lit,s"], r"venues\.csv, line 2: column id is 'x'"),
        (["-1,A,lit,s"], "line 2: column id is '-1'"),
        (["255,A,lit,s"], "line 2: column id is '255'"),
        (["7, ,lit,s"], "line 2: column name is empty"),
        (["7,A,dark,s"], "line 2: column kind is 'dark', expected lit, finra, otc"),
        (["7,A,lit,s", "7,B,otc,s"], "line 3: venue 7 stands there twice"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number_and_column(tmp_path, lines, why):
    with pytest.raises(venues.VenueError, match=why):
        venues.load(venues_file(tmp_path, *lines))


def test_other_columns_are_refused(tmp_path):
    with pytest.raises(venues.VenueError, match="columns are"):
        venues.load(venues_file(tmp_path, "7,A", header="id,name"))
