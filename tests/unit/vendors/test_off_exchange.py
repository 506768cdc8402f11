"""Off-exchange volume from the archive's answers of FINRA's daily files."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.vendors.finra import off_exchange
from standin import regsho_file
from unit.vendors.test_regsho import DAY, FILE, FILES, NAME, NOON, ROWS, line, slow_parse


class TestSession:
    @pytest.fixture
    def archive(self, tmp_path) -> Archive:
        return Archive(tmp_path)

    def keep(self, archive: Archive, rows, prefix: str = "CNMS", hours: int = 0, day: date = DAY) -> Path:
        content = rows if isinstance(rows, bytes) else regsho_file(day, rows)
        return archive.keep(layout.regsho(prefix, day), content, NOON + timedelta(hours=hours))

    def test_a_corrected_file_counts_and_flags_what_it_changed(self, archive: Archive) -> None:
        self.keep(archive, ROWS)
        self.keep(archive, {**ROWS, "A": (10, 1, 40, "B,Q,N"), "NEW": (0, 0, 1, "Q")}, hours=24)
        frame, damage, *_ = off_exchange.read_session(archive, DAY, ["CNMS"])
        assert frame is not None
        assert damage is None
        told = dict(frame.select("symbol", "revised").iter_rows())
        assert told == {"A": True, "BRK/B": False, "NA": False, "NEW": False, "TpC": False}
        assert frame.filter(pl.col("symbol") == "A")["trf_volume"].item() == 40

    def test_a_row_that_the_newest_file_lacks_was_withdrawn(self, archive: Archive) -> None:
        self.keep(archive, ROWS)
        self.keep(archive, {"A": ROWS["A"], "NA": ROWS["NA"]}, hours=24)
        found = off_exchange.read_session(archive, DAY, ["CNMS"])
        assert found.frame is not None
        assert found.frame["symbol"].to_list() == ["A", "NA"]
        assert not found.frame["revised"].any()
        assert found.withdrawn == {"BRK/B", "TpC"}
        window = off_exchange.read_window(archive, [DAY], ["CNMS"], ["A", "TpC"])
        assert window.frame["symbol"].to_list() == ["A"]
        assert window.withdrawn.rows() == [(DAY, "TpC")]

    def test_a_row_withdrawn_and_given_again_is_revised(self, archive: Archive) -> None:
        self.keep(archive, ROWS)
        self.keep(archive, {"A": ROWS["A"]}, hours=1)
        self.keep(archive, {**ROWS, "NEW": (0, 0, 1, "Q")}, hours=2)
        found = off_exchange.read_session(archive, DAY, ["CNMS"])
        assert found.frame is not None
        told = dict(found.frame.select("symbol", "revised").iter_rows())
        assert told == {"A": False, "BRK/B": True, "NA": True, "NEW": False, "TpC": True}
        assert found.withdrawn == set()

    def test_a_row_withdrawn_from_one_part_leaves_the_others_revised(self, archive: Archive) -> None:
        self.keep(archive, {"A": (0, 0, 5, "Q"), "B": (0, 0, 7, "Q"), "C": (0, 0, 9, "Q")}, "FNSQ")
        self.keep(archive, {"C": (0, 0, 9, "Q")}, "FNSQ", hours=1)
        self.keep(archive, {"A": (0, 0, 2, "N"), "C": (0, 0, 1, "N")}, "FNYX")
        found = off_exchange.read_session(archive, DAY, ["FNSQ", "FNYX"])
        assert found.frame is not None
        assert found.frame.select("symbol", "trf_volume", "revised").rows() == [("A", 2.0, True), ("C", 10.0, False)]
        assert found.withdrawn == {"B"}

    def test_a_sum_with_a_refused_part_is_no_sum(self, archive: Archive) -> None:
        self.keep(archive, {"A": (0, 0, 5, "Q"), "B": (9, 0, 7, "Q")}, "FNSQ")
        self.keep(archive, {"A": (0, 0, 2, "N"), "B": (0, 0, 1, "N")}, "FNYX")
        found = off_exchange.read_session(archive, DAY, ["FNSQ", "FNYX"])
        assert found.frame is not None
        assert found.frame["symbol"].to_list() == ["A"]
        assert [(name, row.symbol) for name, row in found.odd] == [("FNSQshvol20251222.txt", "B")]

    def test_a_part_with_a_row_that_nobody_can_name_gives_no_sum_to_what_it_does_not_list(
        self, archive: Archive
    ) -> None:
        junk = regsho_file(DAY, {"A": (0, 0, 5, "Q"), "B": (0, 0, 7, "Q")}).replace(b"20251222|B|0|0|7|Q", b"junk")
        self.keep(archive, junk, "FNSQ")
        self.keep(archive, {"A": (0, 0, 2, "N"), "B": (0, 0, 1, "N")}, "FNYX")
        found = off_exchange.read_session(archive, DAY, ["FNSQ", "FNYX"])
        assert found.frame is not None
        assert found.frame.select("symbol", "trf_volume").rows() == [("A", 7.0)]

    def test_a_row_that_nobody_can_name_among_otc_equities_touches_no_listed_one(self, archive: Archive) -> None:
        junk = regsho_file(DAY, {"O": (0, 0, 5, "O"), "P": (0, 0, 7, "O")}).replace(b"20251222|P|0|0|7|O", b"junk")
        self.keep(archive, junk, "FORF")
        self.keep(archive, {"A": (0, 0, 2, "N")}, "CNMS")
        found = off_exchange.read_session(archive, DAY, ["CNMS", "FORF"])
        assert found.frame is not None
        assert found.frame["symbol"].to_list() == ["A", "O"]

    def test_an_odd_row_in_the_newest_file_takes_the_older_volume_with_it(self, archive: Archive) -> None:
        self.keep(archive, ROWS)
        self.keep(archive, line("20251222|BRK/B|5|0|nine|Q"), hours=24)
        found = off_exchange.read_session(archive, DAY, ["CNMS"], ["A", "BRK/B"])
        assert found.frame is not None
        assert found.frame["symbol"].to_list() == ["A"]
        assert found.withdrawn == {"BRK/B"}
        assert [row.symbol for _, row in found.odd] == ["BRK/B"]

    def test_odd_rows_of_others_are_told_by_the_session_and_not_by_a_window(self, archive: Archive) -> None:
        self.keep(archive, line("20251222|ZZ WS|5|0|9|Q"))
        assert len(off_exchange.read_session(archive, DAY, ["CNMS"]).odd) == 1
        window = off_exchange.read_window(archive, [DAY], ["CNMS"], ["A", "BRK/B"])
        assert (window.odd, window.damaged, window.frame["symbol"].to_list()) == ((), {}, ["A"])
        assert off_exchange.read_window(archive, [DAY], ["CNMS"], ["ZZ WS"]).odd == (
            f"{NAME}, line 3: Symbol is 'ZZ WS', expected 1 to 14 printable characters without blanks",
        )

    def test_a_damaged_answer_that_was_asked_again_is_told_no_more(self, archive: Archive) -> None:
        self.keep(archive, FILE[:60])
        self.keep(archive, ROWS, hours=1)
        assert off_exchange.read_session(archive, DAY, ["CNMS"]).damage is None

    @pytest.mark.parametrize(
        ("content", "state"),
        [(FILE[:-9], "truncated"), (b"<html>", "damaged"), (FILE.replace(b"4\r\n", b"9\r\n"), "damaged")],
    )
    def test_in_the_archive_a_file_is_cut_off_or_damaged(self, archive: Archive, content: bytes, state: str) -> None:
        self.keep(archive, content)
        found = off_exchange.read_session(archive, DAY, ["CNMS"])
        assert found.frame is None
        assert found.damage is not None
        assert found.damage.state == state

    def test_before_chicagos_facility_the_others_are_the_whole(self, archive: Archive) -> None:
        friday, monday = date(2018, 9, 7), date(2018, 9, 10)
        for day in (friday, monday):
            self.keep(archive, {"A": (0, 0, 5, "Q")}, "FNSQ", day=day)
            self.keep(archive, {"A": (0, 0, 2, "N")}, "FNYX", day=day)
        window = off_exchange.read_window(archive, [friday, monday], ["FNSQ", "FNYX", "FNQC"], ["A"])
        assert window.frame.select("date", "trf_volume").rows() == [(friday, 7.0)]
        assert off_exchange.read_session(archive, friday, ["FNQC"]) == (None, None, (), frozenset())

    def test_a_revision_taken_back_is_still_a_revision(self, archive: Archive) -> None:
        for hours, total in enumerate([30, 40, 30]):
            self.keep(archive, {"A": (10, 1, total, "Q")}, hours=hours)
        frame = off_exchange.read_session(archive, DAY, ["CNMS"]).frame
        assert frame is not None
        assert frame.select("trf_volume", "revised").row(0) == (30.0, True)

    def test_a_damaged_later_answer_leaves_the_sound_one_in_force(self, archive: Archive) -> None:
        self.keep(archive, ROWS)
        self.keep(archive, FILE[:60], hours=1)
        frame, damage, *_ = off_exchange.read_session(archive, DAY, ["CNMS"])
        assert frame is not None
        assert frame.height == 4
        assert damage is not None
        assert "cut off" in str(damage)

    def test_a_missing_and_a_damaged_file_are_no_table_of_zeros(self, archive: Archive) -> None:
        assert off_exchange.read_session(archive, DAY, ["CNMS"])[:2] == (None, None)
        self.keep(archive, FILE[:60])
        frame, damage, *_ = off_exchange.read_session(archive, DAY, ["CNMS"])
        assert frame is None
        assert damage is not None
        assert str(damage).startswith(NAME)

    def test_facilities_are_added_and_listed_as_cnms_lists_them(self, archive: Archive) -> None:
        self.keep(archive, {"A": (1, 0, 2, "N"), "B": (0, 0, 5.5, "N")}, "FNYX")
        self.keep(archive, {"A": (10, 1, 20, "Q")}, "FNSQ")
        self.keep(archive, {"A": (100, 0, 200, "B"), "C": (0, 0, 1, "X")}, "FNQC")
        frame = off_exchange.read_session(archive, DAY, ["FNYX", "FNSQ", "FNQC"]).frame
        assert frame is not None
        assert frame.rows() == [
            ("A", 222.0, 111.0, 1.0, "B,Q,N", False),
            ("B", 5.5, 0.0, 0.0, "N", False),
            ("C", 1.0, 0.0, 0.0, "X", False),
        ]

    def test_one_file_is_taken_as_it_stands(self, archive: Archive) -> None:
        self.keep(archive, {"A": (0, 0, 5, "N,Q,B")})
        frame = off_exchange.read_session(archive, DAY, ["CNMS"]).frame
        assert frame is not None
        assert frame["facilities"].to_list() == ["N,Q,B"]

    def test_a_sum_without_one_of_its_parts_is_no_sum(self, archive: Archive) -> None:
        self.keep(archive, {"A": (1, 0, 2, "N")}, "FNYX")
        assert off_exchange.read_session(archive, DAY, ["FNYX", "FNSQ"])[:2] == (None, None)

    def test_a_window_has_no_row_where_there_is_no_value(self, archive: Archive) -> None:
        friday, thursday = date(2025, 12, 19), date(2025, 12, 18)
        self.keep(archive, ROWS)
        self.keep(archive, {"A": (0, 0, 3, "Q")}, day=friday)
        self.keep(archive, b"junk", day=thursday)
        window = off_exchange.read_window(archive, [thursday, friday, DAY], ["CNMS"], iter(["A", "NA", "NONE"]))
        assert window.frame.sort("date", "symbol").rows() == [
            (friday, "A", 3.0, False),
            (DAY, "A", 30.0, False),
            (DAY, "NA", 2.25, False),
        ]
        assert list(window.damaged) == [thursday]


@given(st.lists(FILES, min_size=2, max_size=3))
@settings(max_examples=30, deadline=None)
def test_the_sum_of_facilities_is_the_sum_of_decimals(tmp_path_factory, files) -> None:
    archive = Archive(tmp_path_factory.mktemp("archive"))
    prefixes = ["FNSQ", "FNYX", "FNQC"][: len(files)]
    totals: dict[str, Decimal] = {}
    for prefix, rows in zip(prefixes, files, strict=True):
        content = regsho_file(DAY, rows)
        archive.keep(layout.regsho(prefix, DAY), content, NOON)
        for symbol, row in slow_parse(content, DAY).items():
            totals[symbol] = totals.get(symbol, Decimal(0)) + row[2]
    assume(totals)
    frame = off_exchange.read_session(archive, DAY, prefixes).frame
    assert frame is not None
    assert frame["symbol"].to_list() == sorted(totals)
    for symbol, volume in frame.select("symbol", "trf_volume").iter_rows():
        assert volume == pytest.approx(float(totals[symbol]), rel=1e-12)


@pytest.mark.real_data
@pytest.mark.parametrize("day", [date(2020, 1, 2), date(2020, 1, 3)])
def test_the_facilities_of_a_real_day_add_up_to_cnms(day: date, real_data: Path, tmp_path) -> None:
    archive = Archive(tmp_path)
    for path in (real_data / "finra_families").glob(f"*shvol{day:%Y%m%d}.txt"):
        archive.keep(f"finra/regsho/{path.name}", path.read_bytes(), NOON)
    whole = off_exchange.read_session(archive, day, ["CNMS"]).frame
    added = off_exchange.read_session(archive, day, ["FNYX", "FNRA", "FNQC", "FNSQ"]).frame
    otc = off_exchange.read_session(archive, day, ["FORF"]).frame
    assert whole is not None
    assert added is not None
    assert otc is not None
    assert whole.height > 8000
    assert added.equals(whole)
    assert not set(otc["symbol"]) & set(whole["symbol"])
