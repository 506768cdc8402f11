"""Whether a file of the archive is what its receipt says: every kind of file and of damage, by the receipts alone.

What the vendors' sources do with it is in test_integrity_sources.
"""

import json
import os
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkpool.archive import integrity, layout, places, tick_marks
from darkpool.archive.store import Archive
from darkpool.files import sha256
from darkpool.measures.ticks import tick_arrays, tick_file

DAY, LATER = date(2025, 12, 22), date(2025, 12, 23)
NOON = datetime(2025, 12, 23, 12, tzinfo=UTC)
FILES = {
    "regsho": ("finra", layout.regsho("CNMS", DAY)),
    "weekly": ("finra_weekly", layout.otc_weekly(DAY)),
    "daily": ("yahoo", layout.yahoo_daily(DAY)),
    "splits": ("yahoo", layout.yahoo_splits(DAY)),
    "universe": ("yahoo", layout.universe("emps2", DAY)),
    "trades": ("polygon", layout.ticks("polygon/trades", DAY, "AAPL")),
    "quotes": ("polygon", layout.ticks("polygon/quotes", DAY, "TpC")),
    "bars": ("polygon", layout.ticks("polygon/minute_bars", DAY, "BRK.B")),
    "yahoo bars": ("polygon", layout.ticks("yahoo/minute_bars", DAY, "BRK-B")),
}
CONTENT = b"what the vendor said, in so many bytes"


def receipt(archive: Archive, source: str, session: date, *files: str, **more: str) -> None:
    """A receipt as each source nests it: the entries lie under files, tickers and kinds, or weeks and tiers."""
    entries = {
        f: {"state": "published", "reason": None, "file": f, "sha256": sha256(archive.path(f)), **more} for f in files
    }
    nested = {
        "finra": {"files": entries},
        "yahoo": {"tickers": {}, "files": entries},
        "polygon": {"tickers": {"AAPL": entries}},
        "finra_weekly": {"weeks": {str(DAY): entries}},
    }
    archive.write_receipt(source, session, nested[source])


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def write(archive: Archive, relative: str, content: bytes = CONTENT) -> Path:
    path = archive.path(relative)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("source", "name"), FILES.values(), ids=list(FILES))
class TestEveryKind:
    def test_a_whole_file_is_an_answer(self, source: str, name: str, archive: Archive) -> None:
        path = write(archive, name)
        receipt(archive, source, DAY, name)
        assert archive.answers(name) == [path]
        assert archive.damaged(name) == {}

    def test_a_file_without_a_receipt_was_copied_in_and_is_used(self, source: str, name: str, archive: Archive) -> None:
        path = write(archive, name)
        assert archive.answers(name) == [path]

    def test_a_changed_file_is_damaged_and_no_answer(self, source: str, name: str, archive: Archive) -> None:
        path = write(archive, name)
        receipt(archive, source, DAY, name)
        path.write_bytes(CONTENT.replace(b"so", b"SO"))
        assert archive.answers(name) == []
        (why,) = archive.damaged(name).values()
        assert str(path) in why
        assert f"{source}/{DAY}.json" in why

    def test_a_receipt_edited_to_match_nothing_damages_its_file(self, source: str, name: str, archive: Archive) -> None:
        write(archive, name)
        receipt(archive, source, DAY, name, sha256="0" * 64)
        assert archive.answers(name) == []

    def test_an_answer_beside_it_is_judged_by_itself(self, source: str, name: str, archive: Archive) -> None:
        first = write(archive, name)
        later = archive.keep(name, b"more", NOON)
        receipt(archive, source, DAY, name, archive.relative(later))
        later.write_bytes(b"MORE")
        assert archive.answers(name) == [first]
        assert list(archive.damaged(name)) == [later]
        assert list(archive.lost(name)) == [archive.relative(later)]
        assert archive.newest(name) is None

    def test_set_aside_it_lies_under_rejected_with_the_reason_and_its_name_is_free(
        self, source: str, name: str, archive: Archive
    ) -> None:
        path = write(archive, name)
        receipt(archive, source, DAY, name)
        path.write_bytes(b"damaged")
        lost = archive.set_aside(name, NOON)
        assert lost is not None
        assert (lost["state"], lost["file"]) == ("damaged", name)
        assert not path.exists()
        (aside,) = [p for p in archive.path("rejected").rglob("*") if p.suffix in (path.suffix,) and p.is_file()]
        assert aside.read_bytes() == b"damaged"
        assert str(path) in aside.with_name(aside.name + ".reason").read_text()

    def test_its_own_bytes_come_back_under_its_name_and_nothing_else_changes(
        self, source: str, name: str, archive: Archive
    ) -> None:
        path = write(archive, name)
        receipt(archive, source, DAY, name)
        before = archive.receipt_path(source, DAY).read_bytes()
        path.write_bytes(b"damaged")
        assert archive.keep(name, CONTENT, NOON) == path
        assert archive.receipt_path(source, DAY).read_bytes() == before
        assert Archive(archive.root).answers(name) == [path]

    def test_other_bytes_are_kept_and_the_receipt_keeps_its_proof(
        self, source: str, name: str, archive: Archive
    ) -> None:
        path = write(archive, name)
        receipt(archive, source, DAY, name)
        path.write_bytes(b"damaged")
        assert archive.keep(name, b"said anew", NOON) == path
        (entry,) = archive.receipted(name).values()
        assert (entry["state"], entry["sha256"]) == ("damaged", sha256(write(archive, "elsewhere")))


class TestManyReceipts:
    NAME = layout.regsho("CNMS", DAY)

    @pytest.mark.parametrize("edited", [DAY, LATER])
    def test_all_that_name_a_file_must_agree(self, edited: date, archive: Archive) -> None:
        write(archive, self.NAME)
        for session in (DAY, LATER):
            more = {"sha256": "f" * 64} if session == edited else {}
            receipt(archive, "finra", session, self.NAME, **more)
        assert archive.answers(self.NAME) == []

    def test_one_of_an_earlier_session_says_nothing_of_it(self, archive: Archive) -> None:
        path = write(archive, self.NAME)
        receipt(archive, "finra", date(2025, 12, 19), self.NAME, sha256="f" * 64)
        assert archive.answers(self.NAME) == [path]

    def test_all_say_what_is_damaged_and_are_as_before_once_it_is_whole(self, archive: Archive) -> None:
        path = write(archive, self.NAME)
        for session in (DAY, LATER):
            receipt(archive, "finra", session, self.NAME)
        before = {s: archive.receipt_path("finra", s).read_bytes() for s in (DAY, LATER)}
        path.write_bytes(b"")
        archive.set_aside(self.NAME, NOON)
        for session in (DAY, LATER):
            told = json.loads(archive.receipt_path("finra", session).read_bytes())["files"][self.NAME]
            assert (told["state"], told["sha256"]) == ("damaged", sha256(write(archive, "elsewhere")))
        archive.keep(self.NAME, CONTENT, NOON)
        assert {s: archive.receipt_path("finra", s).read_bytes() for s in (DAY, LATER)} == before

    def test_two_files_that_were_swapped_are_both_damaged(self, archive: Archive) -> None:
        other = layout.regsho("CNMS", LATER)
        one, two = write(archive, self.NAME, b"one"), write(archive, other, b"two")
        receipt(archive, "finra", LATER, self.NAME, other)
        aside = one.with_name("aside")
        one.rename(aside)
        two.rename(one)
        aside.rename(two)
        assert [Archive(archive.root).answers(name) for name in (self.NAME, other)] == [[], []]


KINDS = [layout.ticks("polygon/trades", DAY, symbol) for symbol in ("AAPL", "MSFT")]


def test_large_ticks_are_hashed_where_they_were_touched_after_their_receipt_and_by_the_doctor(archive: Archive) -> None:
    large = bytes(integrity.SMALL + 1)
    path = write(archive, KINDS[0], large)
    time.sleep(0.02)
    receipt(archive, "polygon", DAY, KINDS[0])
    seals = integrity.Seals(archive.root)
    assert seals.damage(path) is None
    # A receipt of another file is younger than the file: that is seen where everything is hashed.
    receipt(archive, "polygon", DAY, KINDS[0], sha256="f" * 64)
    seals.forget()
    assert seals.damage(path) is None
    assert seals.damage(path, whole=True) is not None
    receipt(archive, "polygon", DAY, KINDS[0])
    time.sleep(0.02)
    with path.open("r+b") as file:
        file.write(b"1")
    os.utime(path, (0, 0))
    seals.forget()
    assert seals.damage(path) is not None


def test_ticks_that_were_swapped_by_renaming_are_found_though_their_content_is_whole(archive: Archive) -> None:
    one, two = (write(archive, name, name.encode()) for name in KINDS)
    receipt(archive, "polygon", DAY, *KINDS)
    aside = one.with_name("aside")
    one.rename(aside)
    two.rename(one)
    aside.rename(two)
    assert [Archive(archive.root).answers(name) for name in KINDS] == [[], []]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(min_size=1, max_size=300), data=st.data(), kind=st.sampled_from(sorted(FILES)))
def test_whatever_becomes_of_its_bytes_a_file_is_an_answer_only_with_its_own(
    content, data, kind, tmp_path_factory
) -> None:
    archive = Archive(tmp_path_factory.mktemp("archive"))
    source, name = FILES[kind]
    path = write(archive, name, content)
    receipt(archive, source, DAY, name)
    other = data.draw(
        st.one_of(
            st.integers(0, len(content) - 1).map(
                lambda at: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
            ),
            st.integers(0, len(content)).map(lambda at: content[:at]),
            st.binary(max_size=300),
        )
    )
    path.write_bytes(other)
    assert Archive(archive.root).answers(name) == ([path] if other == content else [])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/finra/regsho/CNMSshvol20251222.txt", ("a", "finra/regsho", "2025-12-22")),
        ("a/finra/otc_weekly/2025-12-01@20251223T110000Z.json", ("a", "finra/otc_weekly", "2025-12-01")),
        ("a/universe/emps2/2025-12-22.csv", ("a", "universe", "2025-12-22")),
        ("/x/polygon/trades/2025-12-22/T%70C.parquet", ("/x", "polygon/trades", "2025-12-22")),
        ("yahoo/daily/2025-12-22.parquet", (".", "yahoo/daily", "2025-12-22")),
    ],
)
def test_a_files_place_is_read_from_its_path(path: str, expected: tuple[str, str, str]) -> None:
    there = places.place(Path(path))
    assert there is not None
    assert (str(there.root), there.kind, there.day) == expected


@pytest.mark.parametrize("path", ["features.parquet", "results/emps2/2025-12-22/all", "finra/regsho/notes.txt"])
def test_a_file_of_no_archive_has_no_place(path: str) -> None:
    assert places.place(Path(path)) is None


def test_a_tick_files_symbol_is_the_vendors_whatever_its_name_escapes() -> None:
    there = places.place(Path("a", layout.ticks("polygon/trades", DAY, "TpC")))
    assert there is not None
    assert there.symbol == "TpC"


class TestTicksAsTheyAreRead:
    """A file of a session's trades that no receipt names, or a large one: its marks and the checksums of its pages."""

    ROWS: ClassVar = {
        "exchange": [11] * 400,
        "participant_timestamp": [1_766_400_000_000_000_000 + i for i in range(400)],
        "price": [10.0 + i for i in range(400)],
        "sequence_number": list(range(400)),
        "size": [100] * 400,
    }

    def write(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        there = places.place(path)
        assert there is not None
        table = pa.table(self.ROWS)
        marked = table.replace_schema_metadata(tick_marks.marks(there.kind, there.day, there.symbol))
        pq.write_table(marked, path, write_page_checksum=True)
        return path

    @pytest.mark.parametrize("symbol", ["AAPL", "TpC", "BRK.B"])
    def test_a_file_in_its_place_is_read(self, symbol: str, archive: Archive) -> None:
        path = self.write(archive.path(layout.ticks("polygon/trades", DAY, symbol)))
        assert tick_arrays.read_trades(path).price.tolist() == self.ROWS["price"]
        later = path.rename(path.with_stem(f"{path.stem}@20251224T110000Z"))
        assert len(tick_arrays.read_trades(later)) == 400

    @pytest.mark.parametrize(
        "other",
        [
            layout.ticks("polygon/trades", DAY, "MSFT"),
            layout.ticks("polygon/trades", LATER, "AAPL"),
            layout.ticks("polygon/trades", DAY, "aAPL"),
            layout.ticks("polygon/quotes", DAY, "AAPL"),
        ],
        ids=["symbol", "session", "case", "kind"],
    )
    def test_one_that_lies_in_the_place_of_another_is_refused(self, other: str, archive: Archive) -> None:
        path = self.write(archive.path(layout.ticks("polygon/trades", DAY, "AAPL")))
        there = archive.path(other)
        there.parent.mkdir(parents=True, exist_ok=True)
        path.rename(there)
        with pytest.raises(
            tick_file.TickError, match=r"is damaged: it says that it is of AAPL, 2025-12-22, polygon/trades"
        ):
            tick_arrays.read_trades(there)

    @settings(max_examples=80, deadline=None)
    @given(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
    def test_a_flipped_bit_in_its_pages_is_refused(self, share: float, bit: int, tmp_path_factory) -> None:
        path = self.write(tmp_path_factory.mktemp("archive") / layout.ticks("polygon/trades", DAY, "AAPL"))
        content = bytearray(path.read_bytes())
        end = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
        content[int(4 + share * (end - 4))] ^= 1 << bit
        path.write_bytes(content)
        try:
            found = tick_arrays.read_trades(path)
        except tick_file.TickError:
            return
        # What may be flipped and read is what no number hangs on: statistics in a page's header.
        assert found.price.tolist() == self.ROWS["price"]
        assert found.size.tolist() == self.ROWS["size"]
        assert found.time.tolist() == self.ROWS["participant_timestamp"]

    def test_a_changed_footer_is_refused_though_no_page_changed(self, archive: Archive, monkeypatch) -> None:
        monkeypatch.setattr(integrity, "SMALL", 0)
        name = layout.ticks("polygon/trades", DAY, "AAPL")
        path = self.write(archive.path(name))
        time.sleep(0.02)
        files = {name: {"file": name, "footer": integrity.footer(path)}}
        entry = {"state": "published", "reason": None, "file": name, "sha256": sha256(path)}
        told = {"tickers": {"AAPL": {"trades": entry}}, "files": files}
        content = path.read_bytes()
        path.write_bytes(content.replace(b"\x05price", b"\x05pricf"))
        time.sleep(0.02)
        archive.write_receipt("polygon", DAY, told)
        assert "its footer is not the one of its receipt" in archive.damaged(name)[path]
        with pytest.raises(tick_file.TickError, match="is damaged: its footer"):
            tick_arrays.read_trades(path)

    def test_one_from_before_without_marks_is_hashed_however_large_and_old(self, archive: Archive, monkeypatch) -> None:
        monkeypatch.setattr(integrity, "SMALL", 0)
        name = layout.ticks("polygon/trades", DAY, "AAPL")
        path = archive.path(name)
        path.parent.mkdir(parents=True)
        pl.DataFrame(self.ROWS).write_parquet(path)
        time.sleep(0.02)
        receipt(archive, "polygon", DAY, name)
        assert len(tick_arrays.read_trades(path)) == 400
        receipt(archive, "polygon", DAY, name, sha256="f" * 64)
        with pytest.raises(tick_file.TickError, match=r"is damaged: its sha256"):
            tick_arrays.read_trades(path)
