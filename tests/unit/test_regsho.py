"""FINRA's file is taken as published or refused with its line; an independent slow reader says what it holds."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from darkpool import layout, regsho
from darkpool.archive import Archive
from darkpool.regsho import RegshoError
from standin import regsho_file

DAY = date(2025, 12, 22)
NAME = "CNMSshvol20251222.txt"
NOON = datetime(2025, 12, 23, 12, tzinfo=UTC)
ROWS = {"A": (10, 1, 30, "B,Q,N"), "BRK/B": (5, 0, 9, "Q"), "NA": (1.5, 0, 2.25, "N"), "TpC": (0, 0, 7, "Q")}
FILE = regsho_file(DAY, ROWS)

Row = tuple[Decimal, Decimal, Decimal, str]


class Refused(Exception):
    pass


def slow_parse(content: bytes, day: date) -> dict[str, Row]:
    """The layout of FINRA's page, read character by character: symbol to short, exempt, total, facilities."""
    lines: list[str] = []
    line = ""
    for byte in content:
        if byte == ord("\n"):
            lines.append(line.removesuffix("\r"))
            line = ""
        else:
            line += chr(byte)
    if line or len(lines) < 2 or lines[0] != "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market":
        raise Refused
    *rows, trailer = lines[1:]
    if not all(c in "0123456789" for c in trailer) or not trailer or int(trailer) != len(rows):
        raise Refused
    found: dict[str, Row] = {}
    for row in rows:
        fields = row.split("|")
        if len(fields) != 6 or fields[0] != day.strftime("%Y%m%d") or not all("!" <= c <= "~" for c in fields[1]):
            raise Refused
        if not 1 <= len(fields[1]) <= 14 or fields[1] in found:
            raise Refused
        numbers = []
        for text in fields[2:5]:
            whole, dot, part = text.partition(".")
            if not all(c in "0123456789" for c in whole + part) or not whole or bool(dot) != bool(part):
                raise Refused
            numbers.append(Decimal(text))
        if numbers[0] > numbers[2] or numbers[1] > numbers[0]:
            raise Refused
        letters = fields[5].split(",")
        if not all(len(letter) == 1 and "A" <= letter <= "Z" for letter in letters):
            raise Refused
        found[fields[1]] = (numbers[0], numbers[1], numbers[2], fields[5])
    if not found:
        raise Refused
    return found


def as_rows(frame: pl.DataFrame) -> dict[str, tuple[float, float, float, str]]:
    columns = ["symbol", "short_volume", "short_exempt_volume", "trf_volume", "facilities"]
    return {
        symbol: (short, exempt, total, market) for symbol, short, exempt, total, market in frame.select(columns).rows()
    }


def in_floats(rows: dict[str, Row]) -> dict[str, tuple[float, float, float, str]]:
    return {s: (float(a), float(b), float(c), m) for s, (a, b, c, m) in rows.items()}


@st.composite
def volumes(draw: st.DrawFn) -> tuple[str, str, str, str]:
    places = draw(st.sampled_from([0, 0, 1, 6]))
    exempt, more, rest = (draw(st.integers(0, 10**9)) for _ in range(3))
    values = [Decimal(value).scaleb(-places) for value in (exempt + more, exempt, exempt + more + rest)]
    market = draw(st.sampled_from(["Q", "N", "Q,N", "B,Q,N", "B", "D"]))
    return (f"{values[0]:f}", f"{values[1]:f}", f"{values[2]:f}", market)


SYMBOLS = st.one_of(
    st.sampled_from(
        ["NA", "NAN", "TRUE", "null", "TpC", "TPC", "BRK/B", "1E5", "0", "inf", "CELGr", "VST/WS/A", '"', "#N/A"]
    ),
    st.text(st.sampled_from("ABCXYZprw/.-'\"0123"), min_size=1, max_size=14),
)
FILES = st.dictionaries(SYMBOLS, volumes(), min_size=1, max_size=12)


class TestParsing:
    @given(FILES, st.booleans())
    @settings(max_examples=150, deadline=None)
    def test_any_sound_file_reads_as_the_slow_reader_reads_it(self, rows, crlf: bool) -> None:
        content = regsho_file(DAY, rows)
        content = content if crlf else content.replace(b"\r\n", b"\n")
        frame = regsho.parse(content, NAME, DAY)
        assert as_rows(frame) == in_floats(slow_parse(content, DAY))
        assert frame["symbol"].to_list() == sorted(rows)

    @given(FILES, st.data())
    @settings(max_examples=400, deadline=None)
    def test_a_changed_byte_is_refused_or_read_as_it_stands(self, rows, data: st.DataObject) -> None:
        content = bytearray(regsho_file(DAY, rows))
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.one_of(st.sampled_from(b'\r\n|,.-+eE 0\x00\xff"'), st.integers(0, 255)))
        self.agrees(bytes(content))

    @given(FILES, st.data())
    @settings(max_examples=200, deadline=None)
    def test_a_missing_or_an_added_byte_too(self, rows, data: st.DataObject) -> None:
        content = regsho_file(DAY, rows)
        place = data.draw(st.integers(0, len(content) - 1))
        more = data.draw(st.one_of(st.just(b""), st.binary(min_size=1, max_size=3)))
        self.agrees(content[:place] + more + content[place + (not more) :])

    @given(st.binary(max_size=200))
    def test_any_bytes_are_refused_without_a_crash(self, content: bytes) -> None:
        with pytest.raises(RegshoError):
            regsho.parse(content, NAME, DAY)

    def agrees(self, content: bytes) -> None:
        """Stricter than the slow reader is fine (numbers of unseen length); another reading is not."""
        found, said = None, NAME
        try:
            found = as_rows(regsho.parse(content, NAME, DAY))
        except RegshoError as error:
            said = str(error)
        assert said.startswith(NAME)
        assert "\n" not in said
        if found is None:
            return
        try:
            assert found == in_floats(slow_parse(content, DAY))
        except Refused:
            pytest.fail(f"taken though the layout forbids it: {content!r}")

    @pytest.mark.parametrize("content", [FILE, FILE.replace(b"\r\n", b"\n")])
    def test_a_cut_off_file_is_refused_wherever_it_was_cut(self, content: bytes) -> None:
        """Also where two rows are followed by the 2 that begins the next row's date."""
        for length in range(len(content)):
            with pytest.raises(RegshoError, match=NAME):
                regsho.parse(content[:length], NAME, DAY)

    def test_the_fraction_of_a_real_row_keeps_every_digit(self) -> None:
        rows = {"AAPL": ("1530208.106834", "0", "4489378.153460", "B,Q,N")}
        frame = regsho.parse(regsho_file(DAY, rows), NAME, DAY)
        assert frame["trf_volume"].to_list() == [4489378.153460]
        assert frame["short_volume"].to_list() == [1530208.106834]

    def test_nan_is_a_ticker_and_no_number(self) -> None:
        frame = regsho.parse(regsho_file(DAY, {"NAN": (0, 0, 1, "Q"), "TRUE": (0, 0, 2, "Q")}), NAME, DAY)
        assert frame["symbol"].to_list() == ["NAN", "TRUE"]


def line(text: str) -> bytes:
    return FILE.replace(b"20251222|BRK/B|5|0|9|Q", text.encode())


FAULTS = {
    "empty": (b"", "the file is empty", "truncated"),
    "blank": (b"\r\n\r\n", "the file is empty", "truncated"),
    "html": (b"<!DOCTYPE html>\n<html></html>\n", "line 1: expected 'Date.Symbol.* found '<!DOCTYPE html>'", "outage"),
    "json": (b"[]", "line 1: expected", "outage"),
    "no trailer": (
        FILE.removesuffix(b"4\r\n"),
        "cut off: the last line should be the number of rows and a line end",
        "truncated",
    ),
    "cut in a row": (FILE[:100], "cut off", "truncated"),
    "wrong trailer": (FILE.removesuffix(b"4\r\n") + b"5\r\n", "promises 5 rows, the file holds 4", "truncated"),
    "no row": (regsho_file(DAY, {}), "holds no row", "truncated"),
    "wrong date": (regsho_file("2025-12-19", ROWS), "line 2: Date is '20251219', expected 20251222", "outage"),
    "one wrong date": (line("20251219|BRK/B|5|0|9|Q"), "line 3: Date is '20251219'", "outage"),
    "twice": (line("20251222|A|5|0|9|Q"), "line 3: Symbol A stands in line 2 already", "outage"),
    "words": (line("20251222|BRK/B|5|0|nine|Q"), "line 3: TotalVolume of BRK/B is 'nine'", "outage"),
    "no number": (line("20251222|BRK/B|5|0||Q"), "line 3: TotalVolume of BRK/B is ''", "outage"),
    "not a number": (line("20251222|BRK/B|5|0|NaN|Q"), "line 3: TotalVolume of BRK/B is 'NaN'", "outage"),
    "exponent": (line("20251222|BRK/B|5|0|9e3|Q"), "line 3: TotalVolume of BRK/B is '9e3'", "outage"),
    "negative": (line("20251222|BRK/B|-5|0|9|Q"), "line 3: ShortVolume of BRK/B is '-5'", "outage"),
    "thousands": (line("20251222|BRK/B|5|0|9,000|Q"), "line 3: TotalVolume of BRK/B is '9,000'", "outage"),
    "short above total": (line("20251222|BRK/B|10|0|9|Q"), "line 3: ShortVolume 10 of BRK/B exceeds", "outage"),
    "exempt above short": (line("20251222|BRK/B|5|6|9|Q"), "line 3: ShortExemptVolume 6 of BRK/B exceeds", "outage"),
    "five fields": (line("20251222|BRK/B|5|9|Q"), "line 3: 5 fields, expected 6", "outage"),
    "no symbol": (line("20251222||5|0|9|Q"), "line 3: Symbol is ''", "outage"),
    "blank in symbol": (line("20251222|BRK B|5|0|9|Q"), "line 3: Symbol is 'BRK B'", "outage"),
    "no market": (line("20251222|BRK/B|5|0|9|"), "line 3: Market of BRK/B is ''", "outage"),
    "comma": (FILE.replace(b"|", b","), "line 1: expected", "outage"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_spoilt_file_is_refused_with_file_line_and_what_was_expected(fault: str) -> None:
    content, words, state = FAULTS[fault]
    for ends in (content, content.replace(b"\r\n", b"\n")):
        with pytest.raises(
            RegshoError, match=f"^{re.escape(NAME)}(, line|:).*{words}" if "line" not in words else words
        ) as error:
            regsho.parse(ends, NAME, DAY)
        assert error.value.state == state
        assert str(error.value).startswith(NAME)


def test_the_display_facilitys_file_may_be_empty() -> None:
    assert regsho.parse(regsho_file(DAY, {}), "FNRAshvol20251222.txt", DAY).height == 0


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
        frame, damage = regsho.read_session(archive, DAY, ["CNMS"])
        assert frame is not None
        assert damage is None
        told = dict(frame.select("symbol", "revised").iter_rows())
        assert told == {"A": True, "BRK/B": False, "NA": False, "NEW": False, "TpC": False}
        assert frame.filter(pl.col("symbol") == "A")["trf_volume"].item() == 40

    def test_a_symbol_that_only_an_older_answer_has_keeps_it(self, archive: Archive) -> None:
        self.keep(archive, ROWS)
        self.keep(archive, {"A": ROWS["A"]}, hours=24)
        frame, _ = regsho.read_session(archive, DAY, ["CNMS"])
        assert frame is not None
        assert frame["symbol"].to_list() == sorted(ROWS)
        assert not frame["revised"].any()

    def test_a_revision_taken_back_is_still_a_revision(self, archive: Archive) -> None:
        for hours, total in enumerate([30, 40, 30]):
            self.keep(archive, {"A": (10, 1, total, "Q")}, hours=hours)
        frame, _ = regsho.read_session(archive, DAY, ["CNMS"])
        assert frame is not None
        assert frame.select("trf_volume", "revised").row(0) == (30.0, True)

    def test_a_damaged_later_answer_leaves_the_sound_one_in_force(self, archive: Archive) -> None:
        self.keep(archive, ROWS)
        self.keep(archive, FILE[:60], hours=1)
        frame, damage = regsho.read_session(archive, DAY, ["CNMS"])
        assert frame is not None
        assert frame.height == 4
        assert damage is not None
        assert "cut off" in damage

    def test_a_missing_and_a_damaged_file_are_no_table_of_zeros(self, archive: Archive) -> None:
        assert regsho.read_session(archive, DAY, ["CNMS"]) == (None, None)
        self.keep(archive, FILE[:60])
        frame, damage = regsho.read_session(archive, DAY, ["CNMS"])
        assert frame is None
        assert damage is not None
        assert damage.startswith(NAME)

    def test_facilities_are_added_and_listed_as_cnms_lists_them(self, archive: Archive) -> None:
        self.keep(archive, {"A": (1, 0, 2, "N"), "B": (0, 0, 5.5, "N")}, "FNYX")
        self.keep(archive, {"A": (10, 1, 20, "Q")}, "FNSQ")
        self.keep(archive, {"A": (100, 0, 200, "B"), "C": (0, 0, 1, "X")}, "FNQC")
        frame, _ = regsho.read_session(archive, DAY, ["FNYX", "FNSQ", "FNQC"])
        assert frame is not None
        assert frame.rows() == [
            ("A", 222.0, 111.0, 1.0, "B,Q,N", False),
            ("B", 5.5, 0.0, 0.0, "N", False),
            ("C", 1.0, 0.0, 0.0, "X", False),
        ]

    def test_a_sum_without_one_of_its_parts_is_no_sum(self, archive: Archive) -> None:
        self.keep(archive, {"A": (1, 0, 2, "N")}, "FNYX")
        assert regsho.read_session(archive, DAY, ["FNYX", "FNSQ"]) == (None, None)

    def test_a_window_has_no_row_where_there_is_no_value(self, archive: Archive) -> None:
        friday, thursday = date(2025, 12, 19), date(2025, 12, 18)
        self.keep(archive, ROWS)
        self.keep(archive, {"A": (0, 0, 3, "Q")}, day=friday)
        self.keep(archive, b"junk", day=thursday)
        window = regsho.read_window(archive, [thursday, friday, DAY], ["CNMS"], iter(["A", "NA", "NONE"]))
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
    frame, _ = regsho.read_session(archive, DAY, prefixes)
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
    whole, _ = regsho.read_session(archive, day, ["CNMS"])
    added, _ = regsho.read_session(archive, day, ["FNYX", "FNRA", "FNQC", "FNSQ"])
    otc, _ = regsho.read_session(archive, day, ["FORF"])
    assert whole is not None
    assert added is not None
    assert otc is not None
    assert whole.height > 8000
    assert added.equals(whole)
    assert not set(otc["symbol"]) & set(whole["symbol"])


@pytest.mark.real_data
def test_every_real_file_is_taken_and_reads_as_the_slow_reader_reads_it(real_data: Path) -> None:
    paths = sorted((real_data / "archive/finra/regsho").glob("CNMSshvol*.txt"))
    assert len(paths) >= 60
    for path in paths:
        day = datetime.strptime(path.name[9:17], "%Y%m%d").date()
        content = path.read_bytes()
        frame = regsho.parse(content, path.name, day)
        if path.name in ("CNMSshvol20211231.txt", "CNMSshvol20251222.txt"):
            assert as_rows(frame) == in_floats(slow_parse(content, day))
            assert int(content.split()[-1]) == frame.height
