"""FINRA's file is taken as published or refused with its line; an independent slow reader says what it holds."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from darkpool.vendors.finra import regsho
from darkpool.vendors.finra.regsho import RegshoError
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
    """The layout of FINRA's page, read character by character: symbol to short, exempt, total, facilities.

    Up to ten odd rows are left out, and with them the symbols that they name.
    """
    lines: list[str] = []
    line = ""
    for byte in content:
        if byte == ord("\n"):
            lines.append(line.removesuffix("\r"))
            line = ""
        else:
            line += chr(byte)
    ends_in_a_line_end = not line
    lines += [line] if line else []
    while lines and not lines[-1]:
        lines.pop()
    if len(lines) < 2 or lines[0] != "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market":
        raise Refused
    *rows, trailer = lines[1:]
    if not all(c in "0123456789" for c in trailer) or not trailer:
        raise Refused
    if not ends_in_a_line_end and trailer in ("2025", "20251", "202512", "2025122", "20251222"):
        raise Refused
    if int(trailer) != len(rows):
        rows = [row for row in rows if row]
    if int(trailer) != len(rows):
        raise Refused
    named = [row.split("|")[1].strip() if "|" in row else "" for row in rows]
    odd = [row for row in rows if slow_row(row, day) is None]
    repeats = [i for i, row in enumerate(rows) if slow_row(row, day) and named[i] in named[:i]]
    wrong = {name for row, name in zip(rows, named, strict=True) if row in odd}
    wrong |= {name for name in named if len({row for row, other in zip(rows, named, strict=True) if other == name}) > 1}
    found = {name: slow_row(row, day) for row, name in zip(rows, named, strict=True) if name not in wrong}
    if not found or len(odd) + len(repeats) > 10:
        raise Refused
    return {name: row for name, row in found.items() if row}


def slow_row(row: str, day: date) -> Row | None:
    fields = row.split("|")
    if len(fields) != 6 or fields[0] != day.strftime("%Y%m%d") or not all("!" <= c <= "~" for c in fields[1]):
        return None
    if not 1 <= len(fields[1]) <= 14:
        return None
    numbers = []
    for text in fields[2:5]:
        whole, dot, part = text.partition(".")
        if not all(c in "0123456789" for c in whole + part) or not whole or bool(dot) != bool(part):
            return None
        if len(whole) > 15 or len(part) > 9:
            return None
        numbers.append(Decimal(text))
    # A millionth is FINRA's rounding; compared as the floats that are kept, so that one millionth is one for both.
    short, exempt, total = map(float, numbers)
    if short > total + regsho.ROUNDING or exempt > short + regsho.ROUNDING:
        return None
    if not all(len(letter) == 1 and "A" <= letter <= "Z" for letter in fields[5].split(",")):
        return None
    return (numbers[0], numbers[1], numbers[2], fields[5])


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
        frame, odd = regsho.parse(content, NAME, DAY)
        assert odd == ()
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
        found, said = None, NAME
        try:
            found = as_rows(regsho.parse(content, NAME, DAY).frame)
        except RegshoError as error:
            said = str(error)
        assert said.startswith(NAME)
        assert "\n" not in said
        try:
            assert found == in_floats(slow_parse(content, DAY))
        except Refused:
            assert found is None, f"taken though the layout forbids it: {content!r}"

    @pytest.mark.parametrize("content", [FILE, FILE.replace(b"\r\n", b"\n")])
    def test_a_cut_off_file_is_refused_wherever_it_was_cut(self, content: bytes) -> None:
        """But for the last line end, which is nothing, and the two rows that a lone 2 makes whole by chance."""
        whole = len(content) - 1, len(content.rstrip()), content.index(b"20251222|NA") + 1
        for length in {*range(len(content))} - {*whole}:
            with pytest.raises(RegshoError, match=NAME) as error:
                regsho.parse(content[:length], NAME, DAY)
            assert error.value.state == "truncated"

    def test_the_fraction_of_a_real_row_keeps_every_digit(self) -> None:
        rows = {"AAPL": ("1530208.106834", "0", "4489378.153460", "B,Q,N")}
        frame = regsho.parse(regsho_file(DAY, rows), NAME, DAY).frame
        assert frame["trf_volume"].to_list() == [4489378.153460]
        assert frame["short_volume"].to_list() == [1530208.106834]

    def test_nan_is_a_ticker_and_no_number(self) -> None:
        frame = regsho.parse(regsho_file(DAY, {"NAN": (0, 0, 1, "Q"), "TRUE": (0, 0, 2, "Q")}), NAME, DAY).frame
        assert frame["symbol"].to_list() == ["NAN", "TRUE"]


def line(text: str) -> bytes:
    return FILE.replace(b"20251222|BRK/B|5|0|9|Q", text.encode("latin-1"))


FAULTS = {
    "empty": (b"", "the file is empty", "truncated"),
    "blank": (b"\r\n\r\n", "the file is empty", "truncated"),
    "html": (b"<!DOCTYPE html>\n<html></html>\n", "line 1: expected 'Date.Symbol.* found '<!DOCTYPE html>'", "outage"),
    "json": (b"[]", "line 1: expected", "outage"),
    "comma": (FILE.replace(b"|", b","), "line 1: expected", "outage"),
    "no trailer": (FILE.removesuffix(b"4\r\n"), "cut off: the last line should be the number of rows", "truncated"),
    "cut in a row": (FILE[:100], "cut off", "truncated"),
    "cut in the trailer": (FILE.removesuffix(b"4\r\n") + b"5", "cut off: it ends in '5'", "truncated"),
    "cut in a date": (FILE[:150].rpartition(b"\n")[0] + b"\n202512\r\n", "cut off: it ends in '202512'", "truncated"),
    "one row too few": (FILE.removesuffix(b"4\r\n") + b"5\r\n", "promises 5 rows, the file holds 4", "damaged"),
    "one row too many": (FILE.removesuffix(b"4\r\n") + b"3\r\n", "promises 3 rows, the file holds 4", "damaged"),
    "a number that is not the year": (
        FILE.removesuffix(b"4\r\n") + b"2026\r\n",
        "promises 2026 rows, the file holds 4",
        "damaged",
    ),
    "the first digits of the date": (
        FILE.removesuffix(b"4\r\n") + b"202\r\n",
        "promises 202 rows, the file holds 4",
        "damaged",
    ),
    "no row": (regsho_file(DAY, {}), "holds no row", "damaged"),
    "another day": (regsho_file("2025-12-19", ROWS), "4 odd rows, no sound row: line 2: Date of A is", "damaged"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_spoilt_file_is_refused_with_file_line_and_what_was_expected(fault: str) -> None:
    content, words, state = FAULTS[fault]
    for ends in (content, content.replace(b"\r\n", b"\n")):
        with pytest.raises(RegshoError, match=words) as error:
            regsho.parse(ends, NAME, DAY)
        assert error.value.state == state
        assert str(error.value).startswith(NAME)


ODD = {
    "wrong date": ("20251219|BRK/B|5|0|9|Q", "Date of BRK/B is '20251219', expected 20251222"),
    "words": ("20251222|BRK/B|5|0|nine|Q", "TotalVolume of BRK/B is 'nine'"),
    "no number": ("20251222|BRK/B|5|0||Q", "TotalVolume of BRK/B is ''"),
    "not a number": ("20251222|BRK/B|5|0|NaN|Q", "TotalVolume of BRK/B is 'NaN'"),
    "exponent": ("20251222|BRK/B|5|0|9e3|Q", "TotalVolume of BRK/B is '9e3'"),
    "small exponent": ("20251222|BRK/B|5|1e-06|9|Q", "ShortExemptVolume of BRK/B is '1e-06'"),
    "negative": ("20251222|BRK/B|-5|0|9|Q", "ShortVolume of BRK/B is '-5'"),
    "thousands": ("20251222|BRK/B|5|0|9,000|Q", "TotalVolume of BRK/B is '9,000'"),
    "blank in a number": ("20251222|BRK/B|5|0|9 |Q", "TotalVolume of BRK/B is '9 '"),
    "sixteen digits": ("20251222|BRK/B|5|0|1234567890123456|Q", "TotalVolume of BRK/B is '1234567890123456'"),
    "ten decimals": ("20251222|BRK/B|5|0|9.0123456789|Q", "TotalVolume of BRK/B is '9.0123456789'"),
    "a point alone": ("20251222|BRK/B|5|0|9.|Q", "TotalVolume of BRK/B is '9.'"),
    "short above total": ("20251222|BRK/B|10|0|9|Q", "ShortVolume 10 of BRK/B exceeds TotalVolume 9"),
    "a little above": ("20251222|BRK/B|9.000002|0|9|Q", "ShortVolume 9.000002 of BRK/B exceeds TotalVolume 9"),
    "exempt above short": ("20251222|BRK/B|5|6|9|Q", "ShortExemptVolume 6 of BRK/B exceeds ShortVolume 5"),
    "five fields": ("20251222|BRK/B|5|9|Q", "5 fields, expected 6: '20251222|BRK/B|5|9|Q'"),
    "seven fields": ("20251222|BRK/B|5|0|9|Q|Q", "7 fields, expected 6"),
    "no symbol": ("20251222||5|0|9|Q", "Symbol is ''"),
    "blank in symbol": ("20251222|BRK WS|5|0|9|Q", "Symbol is 'BRK WS'"),
    "padded symbol": ("20251222|BRK/B |5|0|9|Q", "Symbol is 'BRK/B '"),
    "fifteen letters": ("20251222|ABCDEFGHIJKLMNO|5|0|9|Q", "Symbol is 'ABCDEFGHIJKLMNO'"),
    "not ASCII": ("20251222|BRK\xdc|5|0|9|Q", "Symbol is 'BRK"),
    "NUL": ("20251222|BRK\0|5|0|9|Q", "Symbol is 'BRK"),
    "carriage return": ("20251222|BRK\r/B|5|0|9|Q", "Symbol is 'BRK"),
    "no market": ("20251222|BRK/B|5|0|9|", "Market of BRK/B is ''"),
    "small market": ("20251222|BRK/B|5|0|9|q", "Market of BRK/B is 'q'"),
    "two letters": ("20251222|BRK/B|5|0|9|QN", "Market of BRK/B is 'QN'"),
    "junk": ("junk", "1 fields, expected 6: 'junk'"),
    "blanked": ("", "1 fields, expected 6: ''"),
}


class TestOddRows:
    @pytest.mark.parametrize("kind", ODD)
    def test_an_odd_row_is_refused_and_told_and_the_others_are_used(self, kind: str) -> None:
        text, words = ODD[kind]
        content = line(text)
        for ends in (content, content.replace(b"\r\n", b"\n")):
            file = regsho.parse(ends, NAME, DAY)
            assert as_rows(file.frame) == {s: (*map(float, r[:3]), r[3]) for s, r in ROWS.items() if s != "BRK/B"}
            assert [row.what.partition(": ")[0] for row in file.odd] == ["line 3"]
            assert words in file.odd[0].what
            assert file.refused == f"odd rows refused: {file.odd[0].what}"

    def test_a_file_of_sound_rows_tells_nothing(self) -> None:
        assert regsho.parse(FILE, NAME, DAY).refused is None

    def test_rounding_is_no_excess(self) -> None:
        """Neither where every row is sound nor where rows are looked at one by one."""
        for text in ("20251222|BRK/B|1.000001|0|1|Q", "20251222|BRK/B|1|1.000001|9|Q"):
            assert regsho.parse(line(text), NAME, DAY).odd == ()
            beside_another = line(text).replace(b"20251222|NA|", b"20251222|N A|")
            assert [row.symbol for row in regsho.parse(beside_another, NAME, DAY).odd] == ["N A"]

    def test_the_longest_numbers_and_symbols_are_sound(self) -> None:
        rows = {"ABCDEFGHIJKLMN": (0, 0, "123456789012345.123456789", "B,Q,N,D,O")}
        assert regsho.parse(regsho_file(DAY, rows), NAME, DAY).frame["trf_volume"].item() == 123456789012345.123456789

    def test_a_row_is_somebodys_where_its_symbol_can_be_read(self) -> None:
        named = {"five fields": "BRK/B", "padded symbol": "BRK/B", "blank in symbol": "BRK WS", "wrong date": "BRK/B"}
        named |= dict.fromkeys(("no symbol", "not ASCII", "NUL", "carriage return", "junk", "blanked"))
        for kind, symbol in named.items():
            assert [row.symbol for row in regsho.parse(line(ODD[kind][0]), NAME, DAY).odd] == [symbol], kind

    def test_of_two_rows_of_a_symbol_nobody_knows_which_is_right(self) -> None:
        for second in ("20251222|A|5|0|9|Q", "20251222|A|5|0|nine|Q", "20251219|A|10|1|30|B,Q,N"):
            file = regsho.parse(line(second), NAME, DAY)
            assert file.frame["symbol"].to_list() == ["NA", "TpC"]
            assert [row.symbol for row in file.odd] == ["A"]
        file = regsho.parse(FILE.replace(b"20251222|A|10", b"20251222|A|x").replace(b"|BRK/B|", b"|A|"), NAME, DAY)
        assert file.frame["symbol"].to_list() == ["NA", "TpC"]
        assert [row.what for row in file.odd][
            1
        ] == "line 3: Symbol A stands in line 2 already; expected one row per symbol"

    def test_the_same_row_twice_counts_once_and_is_told(self) -> None:
        file = regsho.parse(line("20251222|A|10|1|30|B,Q,N"), NAME, DAY)
        assert file.frame.filter(pl.col("symbol") == "A")["trf_volume"].to_list() == [30.0]
        assert file.odd == (regsho.Odd("A", "line 3: Symbol A stands in line 2 already; expected one row per symbol"),)

    @pytest.mark.parametrize(("count", "is_damaged"), [(1, False), (10, False), (11, True), (300, True)])
    def test_ten_odd_rows_are_refused_and_more_condemn_the_file(self, count: int, is_damaged: bool) -> None:
        content = regsho_file(DAY, {**ROWS, **{f"Z{i:03}": (2, 0, 1, "Q") for i in range(count)}})
        if not is_damaged:
            file = regsho.parse(content, NAME, DAY)
            assert (file.frame.height, len(file.odd)) == (4, count)
            return
        with pytest.raises(
            RegshoError, match=f"^{NAME}: {count} odd rows, more than 10 rows: line 6: .*; line 8: .*; …$"
        ) as error:
            regsho.parse(content, NAME, DAY)
        assert error.value.state == "damaged"

    @pytest.mark.parametrize(
        ("row", "told"),
        [
            ("x" * 99, f"1 fields, expected 6: '{'x' * 80}'"),
            (f"{'9' * 99}|BRK/B|5|0|9|Q", f"Date of BRK/B is '{'9' * 20}', expected 20251222"),
            (f"2|{'B' * 99}|5|0|9|Q", f"Date of {'B' * 14} is '2', expected 20251222"),
            (f"20251222|{'B' * 99}|5|0|9|Q", f"Symbol is '{'B' * 40}', expected 1 to 14"),
            (f"20251222|BRK/B|{'5' * 99}|0|9|Q", f"ShortVolume of BRK/B is '{'5' * 40}', expected a number"),
            (f"20251222|BRK/B|5|0|9|{'Q' * 99}", f"Market of BRK/B is '{'Q' * 40}', expected letters"),
        ],
    )
    def test_of_what_is_too_long_only_the_beginning_is_told(self, row: str, told: str) -> None:
        (odd,) = regsho.parse(line(row), NAME, DAY).odd
        assert told in odd.what

    @pytest.mark.parametrize("content", [b"x" * 99 + b"\n", FILE.removesuffix(b"4\r\n") + b"x" * 99 + b"\r\n"])
    def test_nor_is_a_whole_page_told_of_a_header_or_an_end(self, content: bytes) -> None:
        with pytest.raises(RegshoError, match=f"found '{'x' * 80}'"):
            regsho.parse(content, NAME, DAY)

    def test_a_missing_last_line_end_is_nothing_and_so_are_blank_lines(self) -> None:
        rows = as_rows(regsho.parse(FILE, NAME, DAY).frame)
        blank = FILE.replace(b"20251222|NA", b"\r\n20251222|NA")
        for content in (FILE.removesuffix(b"\r\n"), FILE + b"\r\n", FILE + b"\r\n\r\n", FILE + b"\n", blank):
            file = regsho.parse(content, NAME, DAY)
            assert (as_rows(file.frame), file.odd) == (rows, ())

    def test_a_number_that_begins_the_next_rows_date_is_no_trailer(self) -> None:
        """2025 rows, and then the 2025 of the next row's date."""
        rows = {f"Z{i:04}": (0, 0, 1, "Q") for i in range(2025)}
        content = regsho_file(DAY, rows)
        assert regsho.parse(content, NAME, DAY).frame.height == 2025
        with pytest.raises(RegshoError, match="cut off: it ends in '2025' after 2025 rows"):
            regsho.parse(content.removesuffix(b"\r\n"), NAME, DAY)

    @given(FILES, st.lists(st.sampled_from(sorted(ODD)), min_size=1, max_size=10), st.randoms())
    @settings(max_examples=60, deadline=None)
    def test_any_few_odd_rows_anywhere_leave_the_rest_as_it_is(self, rows, kinds, random) -> None:
        """The odd rows name a symbol that no sound row has."""
        sound = regsho_file(DAY, rows).splitlines()[1:-1]
        assume(not {"BRK/B", "BRK"} & set(rows))
        odd = [ODD[kind][0].encode("latin-1").replace(b"BRK", b"BRK") for kind in kinds]
        both = [*sound, *odd]
        random.shuffle(both)
        content = b"\n".join([regsho.HEADER, *both, str(len(both)).encode(), b""])
        file = regsho.parse(content, NAME, DAY)
        assert as_rows(file.frame) == in_floats(slow_parse(regsho_file(DAY, rows), DAY))
        assert len(file.odd) == len(kinds)


def test_the_display_facilitys_file_may_be_empty() -> None:
    assert regsho.parse(regsho_file(DAY, {}), "FNRAshvol20251222.txt", DAY).frame.height == 0


@pytest.mark.real_data
def test_every_real_file_is_taken_and_reads_as_the_slow_reader_reads_it(real_data: Path) -> None:
    paths = sorted((real_data / "archive/finra/regsho").glob("CNMSshvol*.txt"))
    assert len(paths) >= 60
    for path in paths:
        day = datetime.strptime(path.name[9:17], "%Y%m%d").date()
        content = path.read_bytes()
        frame, odd = regsho.parse(content, path.name, day)
        assert odd == ()
        if path.name in ("CNMSshvol20211231.txt", "CNMSshvol20251222.txt"):
            assert as_rows(frame) == in_floats(slow_parse(content, day))
            assert int(content.split()[-1]) == frame.height
