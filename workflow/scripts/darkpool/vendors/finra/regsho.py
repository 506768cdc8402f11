"""FINRA's Reg SHO daily files: the only free daily record of off-exchange volume.

`TotalVolume` is what was reported to FINRA's facilities for dissemination and executed in regular hours: all
off-exchange trading, not only dark pools. The files say how much, never in which direction: ShortVolume marks the
seller's locate duty, not an opinion. Integers until 2026-02-20, up to six decimals from 2026-02-23.

Layout: https://www.finra.org/finra-data/browse-catalog/short-sale-volume-data/daily-short-sale-volume-files
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.csv as pv

from ...states import State

HEADER = b"Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market"
COLUMNS = ["date", "symbol", "short_volume", "short_exempt_volume", "trf_volume", "facilities"]
VOLUMES = ["short_volume", "short_exempt_volume", "trf_volume"]
MOST_ODD = 10
"""Odd rows of one file that are refused one by one; a file with more is damaged as a whole."""
DECIMAL = r"^[0-9]{1,15}(\.[0-9]{1,9})?$"
SYMBOL = r"^[!-{}~]{1,14}$"
NAMED = r"[ -~]{1,20}"
"""What can be told to be somebody's symbol, though it may not be one of FINRA's."""
MARKET = r"^[A-Z](,[A-Z])*$"
MAY_BE_EMPTY = frozenset({"FNRA"})
"""The ADF's file usually holds no row; any other file without rows is a placeholder, not an answer."""
ROUNDING = 1e-6
YEAR = 4
"""Digits of a date that tell it from a number of rows."""


class RegshoError(ValueError):
    """A body that is not the file asked for; `state` says what a receipt should call it."""

    def __init__(self, message: str, state: State = "damaged") -> None:
        super().__init__(message)
        self.state = state


class Odd(NamedTuple):
    """A row that was refused: whose it is, None where nobody can tell, and what is odd about it in which line."""

    symbol: str | None
    what: str


class File(NamedTuple):
    """The sound rows of a whole file, and those that were refused."""

    frame: pl.DataFrame
    odd: tuple[Odd, ...]

    @property
    def refused(self) -> str | None:
        """The refused rows in words; None where there are none."""
        if not self.odd:
            return None
        return f"odd rows refused: {'; '.join(row.what for row in self.odd)}"


class _Body(NamedTuple):
    rows: bytes
    blank_is_row: bool


def parse(content: bytes, name: str, session: date) -> File:
    """One file, checked: header, trailer, and of each row date, field count, symbol, numbers, facilities, repeats.

    The frame is `symbol, short_volume, short_exempt_volume, trf_volume, facilities`, volumes in shares, in the file's
    order. A row that is none is refused and told, up to MOST_ODD; of two different rows of a symbol nobody knows which
    is right, and a symbol whose row is odd has none. Raises RegshoError naming file, line and what would have been
    right: `truncated` where the file is cut off, `damaged` where it says of itself what it does not hold.
    """
    body = _body(content, name, session)
    frame = _sound(body, session)
    if frame is not None:
        return File(frame, ())
    frame, odd = _sift(body, session)
    if len(odd) > MOST_ODD or not frame.height:
        first = "; ".join(row.what for row in odd[:3])
        rest = "no sound row" if not frame.height else f"more than {MOST_ODD} rows"
        raise RegshoError(f"{name}: {len(odd)} odd rows, {rest}: {first}{'; …' if len(odd) > 3 else ''}")
    return File(frame, tuple(odd))


def _sound(body: _Body, session: date) -> pl.DataFrame | None:
    """The rows where every one is sound, the fast way; None where one is not."""
    if b"\r" in body.rows:
        return None
    try:
        table = (
            pv.read_csv(
                pa.py_buffer(body.rows),
                read_options=pv.ReadOptions(column_names=COLUMNS, use_threads=False),
                parse_options=pv.ParseOptions(delimiter="|", quote_char=False, ignore_empty_lines=False),
                convert_options=pv.ConvertOptions(
                    column_types=dict.fromkeys(COLUMNS, pa.string()), strings_can_be_null=False
                ),
            )
            if body.rows
            else pa.schema([(column, pa.string()) for column in COLUMNS]).empty_table()
        )
    except pa.ArrowInvalid:
        return None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    sound = [
        pl.col("date") == f"{session:%Y%m%d}",
        *(pl.col(column).str.contains(DECIMAL) for column in VOLUMES),
        pl.col("symbol").str.contains(SYMBOL),
        pl.col("facilities").str.contains(MARKET),
        pl.col("symbol").is_unique(),
    ]
    if not _all(frame, sound):
        return None
    frame = frame.drop("date").cast(dict.fromkeys(VOLUMES, pl.Float64))
    ordered = [
        pl.col("short_volume") <= pl.col("trf_volume") + ROUNDING,
        pl.col("short_exempt_volume") <= pl.col("short_volume") + ROUNDING,
    ]
    return frame if _all(frame, ordered) else None


def _all(frame: pl.DataFrame, checks: Sequence[pl.Expr]) -> bool:
    # With Polars, since pyarrow's comparisons import pandas first: 0.2 s of every step.
    return all(frame.select(check.all().alias(str(number)) for number, check in enumerate(checks)).row(0))


def _body(content: bytes, name: str, session: date) -> _Body:
    """The data rows with LF line ends, once header and trailer are seen to be right."""
    if not content.strip():
        raise RegshoError(
            f"{name}: the file is empty; expected a header, one row per symbol and the row count", "truncated"
        )
    header, _, rest = content.replace(b"\r\n", b"\n").partition(b"\n")
    if header != HEADER:
        found = header[:80].decode("utf-8", "replace")
        is_begun = not rest and HEADER.startswith(header.removesuffix(b"\r"))
        expected = f"{name}, line 1: expected {HEADER.decode()!r}, found {found!r}"
        raise RegshoError(expected, "truncated" if is_begun else "outage")
    lines = rest.rstrip(b"\n")
    body, _, trailer = lines.rpartition(b"\n")
    if not re.fullmatch(rb"[0-9]{1,9}", trailer):
        found = trailer[:80].decode("utf-8", "replace")
        raise RegshoError(f"{name}: cut off: the last line should be the number of rows, found {found!r}", "truncated")
    rows = body.count(b"\n") + 1 if body else 0
    filled = rows - body.split(b"\n").count(b"")
    agrees = int(trailer) in (rows, filled)
    # What looks like a trailer may be the start of the next row's date: 2025 rows and then "2025".
    is_date = len(trailer) >= YEAR and f"{session:%Y%m%d}".encode().startswith(trailer)
    is_ended = lines != rest
    if not (agrees and is_ended) and (is_date or not (agrees or is_ended)):
        raise RegshoError(f"{name}: cut off: it ends in {trailer.decode()!r} after {rows} rows", "truncated")
    if not agrees:
        raise RegshoError(f"{name}: the trailer promises {int(trailer)} rows, the file holds {rows}")
    if not rows and name[:4] not in MAY_BE_EMPTY:
        raise RegshoError(f"{name}: holds no row; expected one per symbol traded")
    return _Body(body + b"\n" if body else b"", int(trailer) == rows)


def _sift(body: _Body, session: date) -> tuple[pl.DataFrame, list[Odd]]:
    """Sound and odd rows apart, row by row: the slow way, walked only where the fast one met something odd."""
    sound: dict[str, list[str]] = {}
    lines: dict[str, int] = {}
    odd: list[Odd] = []
    refused: set[str] = set()
    for number, raw in enumerate(body.rows.removesuffix(b"\n").split(b"\n"), start=2):
        if not raw and not body.blank_is_row:
            continue
        fields = raw.decode("utf-8", "replace").split("|")
        symbol = fields[1].strip() if len(fields) > 1 else ""
        fault = _fault(fields, session)
        is_repeat = fault is None and sound.get(symbol) == fields
        if fault is None and symbol in lines:
            fault = f"Symbol {symbol} stands in line {lines[symbol]} already; expected one row per symbol"
        lines.setdefault(symbol, number)
        if fault is None:
            sound[symbol] = fields
            continue
        odd.append(Odd(symbol if re.fullmatch(NAMED, symbol) else None, f"line {number}: {fault}"))
        # The same row once more says nothing new; another one says that one of the two is wrong.
        if not is_repeat:
            refused.add(symbol)
    rows = [fields[1:] for symbol, fields in sound.items() if symbol not in refused]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS[1:], pl.String), orient="row")
    return frame.cast(dict.fromkeys(VOLUMES, pl.Float64)), odd


def _fault(fields: Sequence[str], session: date) -> str | None:
    """What is wrong with a row by itself, and what would have been right."""
    if len(fields) != len(COLUMNS):
        return f"{len(fields)} fields, expected {len(COLUMNS)}: {'|'.join(fields)[:80]!r}"
    day, symbol, short, exempt, total, market = fields
    if day != f"{session:%Y%m%d}":
        return f"Date of {symbol[:14]} is {day[:20]!r}, expected {session:%Y%m%d} as in the file's name"
    if not re.fullmatch(SYMBOL, symbol):
        return f"Symbol is {symbol[:40]!r}, expected 1 to 14 printable characters without blanks"
    for column, value in (("ShortVolume", short), ("ShortExemptVolume", exempt), ("TotalVolume", total)):
        if not re.fullmatch(DECIMAL, value):
            return f"{column} of {symbol} is {value[:40]!r}, expected a number of shares, zero or more"
    if float(short) > float(total) + ROUNDING:
        return f"ShortVolume {short} of {symbol} exceeds TotalVolume {total}"
    if float(exempt) > float(short) + ROUNDING:
        return f"ShortExemptVolume {exempt} of {symbol} exceeds ShortVolume {short}"
    if not re.fullmatch(MARKET, market):
        return f"Market of {symbol} is {market[:40]!r}, expected letters separated by commas"
    return None
