"""However much there is to name, a person reads ten names and a number."""

import json

from hypothesis import given
from hypothesis import strategies as st

from darkpool import listing
from darkpool.session import volume_tables
from darkpool.tables import facts


@given(st.lists(st.text(st.characters(codec="ascii", categories=["Lu"]), min_size=1, max_size=5), max_size=40))
def test_every_name_is_written_or_counted(names: list[str]) -> None:
    told, _, more = listing.named(names).partition(" and ")
    written = told.split(", ") if told else []
    assert written == names[: listing.MOST]
    assert len(written) + (int(more.split()[0]) if more else 0) == len(names)


def test_2700_bad_lines_are_ten_notes_and_a_count_and_crowd_no_other_note_out() -> None:
    lines = [f"u.csv, line {n}: 'x {n}' is no ticker: letters, digits and single dots" for n in range(2, 2702)]
    faults = [f"/archive/CNMSshvol202512{n:02}.txt: cut off" for n in range(1, 32)]
    tickers = [f"aa{n}" for n in range(500)]
    metadata = facts.pack([], [*volume_tables.notes(tickers, lines, faults), "No row for TQQQ."])
    notes = json.loads(metadata["notes"])
    assert len(notes) == 10 + 10 + 10 + 1
    assert notes[0].startswith("No vendor has a ticker spelled aa0; did you mean AA0?")
    assert notes[9].endswith(" And 490 more like it.")
    assert notes[10].startswith("Not a ticker, left out: u.csv, line 2:")
    assert notes[19].endswith(" And 2,690 more like it.")
    assert notes[29].endswith(" And 21 more like it.")
    assert notes[30] == "No row for TQQQ."
    assert max(map(len, notes)) < 200


def test_notes_that_were_counted_once_are_handed_on_as_they_are() -> None:
    told = facts.pack([], [f"Not a ticker, left out: line {n}." for n in range(30)])
    assert facts.merge(told, told)["notes"] == told["notes"]
