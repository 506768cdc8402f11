"""A day of FINRA's is parsed once; what is kept of it is derived, and trusted only as far as it says whose it is."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from darkpool.vendors.finra import parsed, regsho
from standin import regsho_file

DAY = date(2025, 12, 22)
ROWS = {"AAPL": (1, 0, 30, "B,Q,N"), "NA": (0.5, 0, 2.5, "N"), "TpC": (0, 0, 5, "Q")}


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(parsed, "FOLDER", tmp_path / "kept" / "regsho")
    return tmp_path / "kept" / "regsho"


@pytest.fixture
def answer(tmp_path) -> Path:
    path = tmp_path / "CNMSshvol20251222.txt"
    path.write_bytes(regsho_file(DAY, ROWS))
    return path


@pytest.fixture
def parses(monkeypatch) -> list[str]:
    """Names of the files that were parsed."""
    done: list[str] = []

    def counted(content: bytes, name: str, session: date) -> regsho.File:
        done.append(name)
        return regsho.parse(content, name, session)

    monkeypatch.setattr(parsed, "parse", counted)
    return done


def test_a_day_is_parsed_once_and_reads_the_same(place, answer, parses):
    first, second = parsed.read(answer, DAY), parsed.read(answer, DAY)
    assert parses == [answer.name]
    straight = regsho.parse(answer.read_bytes(), answer.name, DAY)
    for found in (first, second):
        assert found.frame.equals(straight.frame)
        assert found.frame.schema == straight.frame.schema
        assert found.odd == straight.odd


def test_odd_rows_are_kept_with_their_reason(place, answer, parses):
    answer.write_bytes(regsho_file(DAY, ROWS).replace(b"|NA|", b"| |"))
    first, second = parsed.read(answer, DAY), parsed.read(answer, DAY)
    assert first.odd == second.odd == regsho.parse(answer.read_bytes(), answer.name, DAY).odd
    assert len(first.odd) == 1
    assert parses == [answer.name]


def test_other_bytes_are_another_answer(place, answer, parses):
    parsed.read(answer, DAY)
    answer.write_bytes(regsho_file(DAY, {**ROWS, "AAPL": (1, 0, 31, "B,Q,N")}))
    found = parsed.read(answer, DAY).frame
    assert found.filter(found["symbol"] == "AAPL")["trf_volume"].to_list() == [31.0]
    assert len(parses) == 2
    assert len(list(place.glob("*.parquet"))) == 2


@pytest.mark.parametrize("spoil", ["empty", "cut", "other"])
def test_a_spoilt_copy_is_made_anew(spoil, place, answer, parses):
    whole = parsed.read(answer, DAY)
    [kept] = place.glob("*.parquet")
    content = kept.read_bytes()
    kept.write_bytes({
        "empty": b"",
        "cut": content[:-9],
        "other": b"PAR1 nothing of the kind PAR1",
    }[spoil])  # fmt: skip
    assert parsed.read(answer, DAY).frame.equals(whole.frame)
    assert len(parses) == 2
    assert kept.read_bytes() == content


def test_whichever_byte_of_a_copy_is_spoilt_no_number_changes(place, answer):
    whole = parsed.read(answer, DAY)
    [kept] = place.glob("*.parquet")
    content = kept.read_bytes()
    for at in range(0, len(content), 3):
        kept.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        found = parsed.read(answer, DAY)
        assert found.frame.equals(whole.frame), at
        assert found.frame.schema == whole.frame.schema, at
        assert found.odd == whole.odd, at


def test_a_copy_under_anothers_name_counts_for_nothing(place, answer, tmp_path, parses):
    """As after a hash that was forged, or a file copied by hand."""
    parsed.read(answer, DAY)
    [mine] = place.glob("*.parquet")
    other = tmp_path / "FNYXshvol20251222.txt"
    other.write_bytes(regsho_file(DAY, {"AAPL": (1, 0, 7, "N")}))
    parsed.read(other, DAY)
    [its] = set(place.glob("*.parquet")) - {mine}
    its.write_bytes(mine.read_bytes())
    its.with_suffix(parsed.DIGEST).write_bytes(mine.with_suffix(parsed.DIGEST).read_bytes())
    assert parsed.read(other, DAY).frame["trf_volume"].to_list() == [7.0]


def test_what_another_state_of_the_parser_made_counts_for_nothing(place, answer, parses, monkeypatch):
    parsed.read(answer, DAY)
    monkeypatch.setattr(parsed, "_code", lambda: "another state")
    parsed.read(answer, DAY)
    assert len(parses) == 2


def test_a_file_that_is_refused_is_refused_again_and_leaves_nothing(place, answer):
    answer.write_bytes(regsho_file(DAY, ROWS)[:-4])
    for _ in range(2):
        with pytest.raises(ValueError, match=answer.name):
            parsed.read(answer, DAY)
    assert not place.exists() or not list(place.iterdir())


def test_where_nothing_can_be_written_it_reads_all_the_same(place, answer, parses):
    place.parent.mkdir()
    place.write_bytes(b"a file where the folder would be")
    assert parsed.read(answer, DAY).frame.height == 3
    assert parsed.read(answer, DAY).frame.height == 3
    assert len(parses) == 2
    assert place.read_bytes() == b"a file where the folder would be"


def test_processes_at_once_leave_one_whole_file(place, answer):
    code = (
        "import sys, datetime, pathlib; from darkpool.vendors.finra import parsed;"
        "parsed.FOLDER = pathlib.Path(sys.argv[1]);"
        "print(parsed.read(pathlib.Path(sys.argv[2]), datetime.date(2025, 12, 22)).frame.height)"
    )
    command = [sys.executable, "-c", code, str(place), str(answer)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ)) for _ in range(4)]
    assert [one.communicate()[0].strip() for one in running] == [b"3"] * 4
    assert len(list(place.glob("*.parquet"))) == 1
