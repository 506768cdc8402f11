"""What a vendor said is written whole or not at all, and never changed."""

import errno
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool.archive import store
from darkpool.archive.store import Archive

NAME = "finra/regsho/CNMSshvol20251222.txt"
NOON = datetime(2025, 12, 23, 12, tzinfo=UTC)
SESSION = date(2025, 12, 22)


@pytest.fixture
def kept(tmp_path) -> Archive:
    return Archive(tmp_path / "archive")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("symbol", "name"),
    [("AAPL", "AAPL"), ("BRK/B", "BRK%2FB"), ("BRK-B", "BRK-B"), ("TpC", "T%70C"), ("é@%", "%C3%A9%40%25")],
)
def test_symbols_are_percent_encoded_lower_case_too(symbol: str, name: str) -> None:
    assert store.file_name(symbol) == name


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_symbols_never_share_a_file_even_where_case_is_folded(one: str, other: str) -> None:
    names = store.file_name(one), store.file_name(other)
    assert (names[0].lower() == names[1].lower()) == (one == other)
    assert not set(names[0]) & set("/@ \\:*")


class TestAnswers:
    def test_the_first_has_the_plain_name_and_a_later_one_its_moment(self, kept: Archive) -> None:
        first = kept.keep(NAME, b"one", NOON)
        later = kept.keep(NAME, b"two", NOON + timedelta(hours=1))
        assert [first.name, later.name] == ["CNMSshvol20251222.txt", "CNMSshvol20251222@20251223T130000Z.txt"]
        assert kept.answers(NAME) == [first, later]
        assert first.read_bytes() == b"one"
        assert store.retrieved(later) == NOON + timedelta(hours=1)
        assert store.retrieved(first) is None

    def test_an_answer_like_the_newest_is_not_kept_twice(self, kept: Archive) -> None:
        first = kept.keep(NAME, b"one", NOON)
        assert kept.keep(NAME, b"one", NOON + timedelta(days=1)) == first
        assert kept.answers(NAME) == [first]

    def test_an_answer_that_returns_to_an_older_one_is_the_newest(self, kept: Archive) -> None:
        for hours, content in enumerate([b"one", b"two", b"one"]):
            kept.keep(NAME, content, NOON + timedelta(hours=hours))
        assert [path.read_bytes() for path in kept.answers(NAME)] == [b"one", b"two", b"one"]

    def test_answers_of_one_second_do_not_overwrite_each_other(self, kept: Archive) -> None:
        for content in (b"one", b"two", b"three", b"four"):
            kept.keep(NAME, content, NOON)
        assert [path.read_bytes() for path in kept.answers(NAME)] == [b"one", b"two", b"three", b"four"]

    def test_a_new_answer_is_the_newest_also_where_the_first_was_removed(self, kept: Archive) -> None:
        kept.keep(NAME, b"one", NOON).unlink()
        kept.path(NAME).with_name("CNMSshvol20251222@20251223T130000Z.txt").write_bytes(b"two")
        again = Archive(kept.root)
        again.keep(NAME, b"three", NOON + timedelta(hours=2))
        assert [path.read_bytes() for path in again.answers(NAME)] == [b"two", b"three"]

    def test_other_names_and_other_types_are_other_answers(self, kept: Archive) -> None:
        kept.keep("yahoo/daily/2025-12-22.parquet", b"a", NOON)
        kept.keep("yahoo/daily/2025-12-22.csv", b"b", NOON)
        kept.keep("yahoo/daily/2025-12-2.parquet", b"c", NOON)
        assert [path.read_bytes() for path in kept.answers("yahoo/daily/2025-12-22.parquet")] == [b"a"]

    def test_a_folder_that_is_not_there_holds_none(self, kept: Archive) -> None:
        assert kept.answers(NAME) == []
        assert not kept.root.exists()

    def test_a_rejected_body_lies_aside_with_its_reason_and_is_no_answer(self, kept: Archive) -> None:
        aside = [kept.reject(NAME, body, "line 1: no header", NOON) for body in (b"<html>", b"<HTML>")]
        assert [path.read_bytes() for path in aside] == [b"<html>", b"<HTML>"]
        assert aside[0].with_name(aside[0].name + ".reason").read_text() == "line 1: no header\n"
        assert kept.answers(NAME) == []


class TestWriting:
    def test_a_full_disk_leaves_nothing_half_written_and_the_old_file_whole(self, tmp_path, monkeypatch) -> None:
        target = tmp_path / "receipt.json"
        store.write_atomic(target, b"old")

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            store.write_atomic(target, b"new")
        assert contents(tmp_path) == {"receipt.json": b"old"}

    def test_a_real_limit_of_the_file_size_does_the_same(self, tmp_path) -> None:
        code = (
            "import resource, sys; from pathlib import Path; from darkpool.files import write_atomic\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
            "write_atomic(Path(sys.argv[1], 'small'), b'x' * 1000)\n"
            "write_atomic(Path(sys.argv[1], 'large'), b'x' * 1001)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env={"PYTHONPATH": str(Path(store.__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "File too large" in done.stderr
        assert contents(tmp_path) == {"small": b"x" * 1000}

    def test_a_folder_that_cannot_be_written_is_named(self, tmp_path) -> None:
        (tmp_path / "archive").write_text("a file where the folder should be")
        with pytest.raises(OSError, match=str(tmp_path / "archive")):
            Archive(tmp_path / "archive").keep(NAME, b"one", NOON)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_read_only_folder_is_named(self, tmp_path) -> None:
        tmp_path.chmod(0o500)
        with pytest.raises(PermissionError, match=str(tmp_path)):
            store.write_atomic(tmp_path / "x", b"")

    def test_files_are_readable_by_others(self, tmp_path) -> None:
        store.write_atomic(tmp_path / "x", b"")
        assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


class TestReceipts:
    def test_a_receipt_comes_back_as_written_and_in_one_form(self, kept: Archive) -> None:
        receipt = {"source": "yahoo", "session": "2025-12-22", "tickers": {"NA": {"state": "published", "rows": None}}}
        kept.write_receipt("yahoo", SESSION, receipt)
        assert kept.receipt("yahoo", SESSION) == receipt
        before = kept.receipt_path("yahoo", SESSION).read_bytes()
        kept.write_receipt("yahoo", SESSION, dict(reversed(receipt.items())))
        assert kept.receipt_path("yahoo", SESSION).read_bytes() == before

    def test_no_receipt_is_none(self, kept: Archive) -> None:
        assert kept.receipt("yahoo", SESSION) is None

    @pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"source": "yahoo"}'])
    def test_a_spoilt_receipt_is_named_with_what_to_do(self, content: str, kept: Archive) -> None:
        path = kept.receipt_path("yahoo", SESSION)
        store.write_atomic(path, content.encode())
        with pytest.raises(ValueError, match=rf"{path}.*receipt.*delete it"):
            kept.receipt("yahoo", SESSION)


def test_a_second_asker_waits_for_the_first(kept: Archive) -> None:
    code = (
        "import sys; from darkpool.archive.store import Archive\n"
        "print('asks', flush=True)\n"
        "with Archive(sys.argv[1]).sole_asker('yahoo'): print('holds', flush=True)\n"
    )
    with kept.sole_asker("yahoo"), kept.sole_asker("finra"):
        second = subprocess.Popen(
            [sys.executable, "-c", code, str(kept.root)],
            env={"PYTHONPATH": str(Path(store.__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert second.stdout is not None
        assert second.stdout.readline() == "asks\n"
        assert second.poll() is None
    assert second.communicate()[0] == "holds\n"
