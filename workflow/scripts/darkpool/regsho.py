"""FINRA's Reg SHO daily files: the only free daily record of off-exchange volume.

`TotalVolume` is what was reported to FINRA's facilities for dissemination and executed in regular hours: all
off-exchange trading, not only dark pools. The files say how much, never in which direction: ShortVolume marks the
seller's locate duty, not an opinion. Integers until 2026-02-20, up to six decimals from 2026-02-23.

Layout: https://www.finra.org/finra-data/browse-catalog/short-sale-volume-data/daily-short-sale-volume-files
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.csv as pv

from . import layout
from .archive import Archive

HEADER = b"Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market"
COLUMNS = ["date", "symbol", "short_volume", "short_exempt_volume", "trf_volume", "facilities"]
VOLUMES = ["short_volume", "short_exempt_volume", "trf_volume"]
FACILITY_ORDER = "BQNDO"
"""As CNMS lists them; a letter that is not among them comes last."""
DECIMAL = r"^[0-9]{1,15}(\.[0-9]{1,9})?$"
SYMBOL = r"^[!-{}~]{1,14}$"
MARKET = r"^[A-Z](,[A-Z])*$"
MAY_BE_EMPTY = frozenset({"FNRA"})
"""The ADF's file usually holds no row; any other file without rows is a placeholder, not an answer."""
ROUNDING = 1e-6


class RegshoError(ValueError):
    """A body that is not the file asked for; `state` says what a receipt should call it."""

    def __init__(self, message: str, state: str = "outage") -> None:
        super().__init__(message)
        self.state = state


class Window(NamedTuple):
    """Off-exchange volumes of several sessions, and the files that could not be used."""

    frame: pl.DataFrame
    damaged: dict[date, str]


def parse(content: bytes, name: str, session: date, symbols: Sequence[str] | None = None) -> pl.DataFrame:
    """One file, checked: header, date, field count, numbers, duplicates and trailer.

    Returns `symbol, short_volume, short_exempt_volume, trf_volume, facilities`, volumes in shares, in the file's order;
    with `symbols` only their rows, which then are the only ones whose fields are looked at.
    Raises RegshoError naming file, line and what would have been right.
    """
    body = _body(content, name)
    try:
        table = (
            pv.read_csv(
                pa.py_buffer(body),
                read_options=pv.ReadOptions(column_names=COLUMNS, use_threads=False),
                parse_options=pv.ParseOptions(delimiter="|", quote_char=False, ignore_empty_lines=False),
                convert_options=pv.ConvertOptions(
                    column_types=dict.fromkeys(COLUMNS, pa.string()), strings_can_be_null=False
                ),
            )
            if body
            else pa.schema([(column, pa.string()) for column in COLUMNS]).empty_table()
        )
    except pa.ArrowInvalid as error:
        raise _first_fault(body, name, session) or RegshoError(f"{name}: {error}") from None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    if symbols is not None:
        frame = frame.filter(pl.col("symbol").is_in(symbols))
    sound = [
        pl.col("date") == f"{session:%Y%m%d}",
        *(pl.col(column).str.contains(DECIMAL) for column in VOLUMES),
        pl.col("symbol").str.contains(SYMBOL),
        pl.col("facilities").str.contains(MARKET),
        pl.col("symbol").is_unique(),
    ]
    if not _all(frame, sound):
        raise _first_fault(body, name, session) or RegshoError(f"{name}: not a Reg SHO file")
    frame = frame.drop("date").cast(dict.fromkeys(VOLUMES, pl.Float64))
    ordered = [
        pl.col("short_volume") <= pl.col("trf_volume") + ROUNDING,
        pl.col("short_exempt_volume") <= pl.col("short_volume") + ROUNDING,
    ]
    if not _all(frame, ordered):
        raise _first_fault(body, name, session) or RegshoError(f"{name}: not a Reg SHO file")
    return frame


def _all(frame: pl.DataFrame, checks: Sequence[pl.Expr]) -> bool:
    # With Polars, since pyarrow's comparisons import pandas first: 0.2 s of every step.
    return all(frame.select(check.all().alias(str(number)) for number, check in enumerate(checks)).row(0))


def _body(content: bytes, name: str) -> bytes:
    """The data rows with LF line ends, once header and trailer are seen to be right."""
    if not content.strip():
        raise RegshoError(
            f"{name}: the file is empty; expected a header, one row per symbol and the row count", "truncated"
        )
    text = content.replace(b"\r\n", b"\n")
    if b"\r" in text:
        number = text[: text.index(b"\r")].count(b"\n") + 1
        raise RegshoError(f"{name}, line {number}: a carriage return inside the line; expected line ends of one kind")
    header, _, rest = text.partition(b"\n")
    if header != HEADER:
        found = header[:80].decode("utf-8", "replace")
        raise RegshoError(f"{name}, line 1: expected {HEADER.decode()!r}, found {found!r}")
    lines = rest.removesuffix(b"\n")
    body, _, trailer = lines.rpartition(b"\n")
    # Without its line end the trailer could be the start of the next row's date: 2025 rows and then "2025".
    if lines == rest or not re.fullmatch(rb"[0-9]{1,9}", trailer):
        found = trailer[:80].decode("utf-8", "replace")
        raise RegshoError(
            f"{name}: cut off: the last line should be the number of rows and a line end, found {found!r}", "truncated"
        )
    rows = body.count(b"\n") + 1 if body else 0
    if int(trailer) != rows:
        raise RegshoError(
            f"{name}: cut off: the trailer promises {int(trailer)} rows, the file holds {rows}", "truncated"
        )
    if not rows and name[:4] not in MAY_BE_EMPTY:
        raise RegshoError(f"{name}: holds no row; expected one per symbol traded", "truncated")
    return body + b"\n" if body else b""


def _first_fault(body: bytes, name: str, session: date) -> RegshoError | None:
    """What is wrong with the first bad row, in words; the slow way, walked only when a fast check failed."""
    seen: dict[str, int] = {}
    for number, raw in enumerate(body.removesuffix(b"\n").split(b"\n"), start=2):
        line = raw.decode("utf-8", "replace")
        fields = line.split("|")

        def fault(what: str, number: int = number) -> RegshoError:
            return RegshoError(f"{name}, line {number}: {what}")

        if len(fields) != len(COLUMNS):
            return fault(f"{len(fields)} fields, expected {len(COLUMNS)}: {line[:80]!r}")
        day, symbol, short, exempt, total, market = fields
        if day != f"{session:%Y%m%d}":
            return fault(f"Date is {day[:20]!r}, expected {session:%Y%m%d} as in the file's name")
        if not re.fullmatch(SYMBOL, symbol):
            return fault(f"Symbol is {symbol[:40]!r}, expected 1 to 14 printable characters without blanks")
        if symbol in seen:
            return fault(f"Symbol {symbol} stands in line {seen[symbol]} already; expected one row per symbol")
        seen[symbol] = number
        for column, value in (("ShortVolume", short), ("ShortExemptVolume", exempt), ("TotalVolume", total)):
            if not re.fullmatch(DECIMAL, value):
                return fault(f"{column} of {symbol} is {value[:40]!r}, expected a number of shares, zero or more")
        if float(short) > float(total) + ROUNDING:
            return fault(f"ShortVolume {short} of {symbol} exceeds TotalVolume {total}")
        if float(exempt) > float(short) + ROUNDING:
            return fault(f"ShortExemptVolume {exempt} of {symbol} exceeds ShortVolume {short}")
        if not re.fullmatch(MARKET, market):
            return fault(f"Market of {symbol} is {market[:40]!r}, expected letters separated by commas")
    return None


def read_session(
    archive: Archive, session: date, prefixes: Sequence[str], symbols: Iterable[str] | None = None
) -> tuple[pl.DataFrame | None, str | None]:
    """A session's off-exchange volumes, summed over `prefixes` (CNMS, or the facilities' files).

    The newest sound answer of each file counts; rows whose volume an older one gave otherwise carry `revised`.
    Returns `symbol, trf_volume, short_volume, short_exempt_volume, facilities, revised` (byte order), or None when a
    file is missing, and what was wrong with a file that is there but damaged.
    """
    parts, damage = [], None
    wanted = None if symbols is None else list(symbols)
    for prefix in prefixes:
        answers = []
        for path in archive.answers(layout.regsho(prefix, session)):
            try:
                answers.append(parse(path.read_bytes(), path.name, session, wanted))
            except RegshoError as error:
                damage = str(error)
        if not answers:
            return None, damage
        parts.append(_newest(answers))
    return _sum_facilities(parts), damage


def _newest(answers: list[pl.DataFrame]) -> pl.DataFrame:
    """Per symbol its newest answer; `revised` where an older one gave another volume."""
    if len(answers) == 1:
        return answers[0].with_columns(revised=pl.lit(False))
    stacked = pl.concat(answers)
    revised = stacked.group_by("symbol").agg(revised=pl.col("trf_volume").n_unique() > 1)
    return stacked.unique("symbol", keep="last", maintain_order=True).join(revised, on="symbol")


def _sum_facilities(parts: list[pl.DataFrame]) -> pl.DataFrame:
    frame = pl.concat(parts)
    if len(parts) > 1:
        frame = frame.group_by("symbol").agg(
            pl.col(VOLUMES).sum(), pl.col("facilities").str.join(","), pl.col("revised").any()
        )
        frame = frame.with_columns(pl.col("facilities").map_elements(_in_order, pl.String))
    return frame.select("symbol", "trf_volume", "short_volume", "short_exempt_volume", "facilities", "revised").sort(
        "symbol"
    )


def _in_order(facilities: str) -> str:
    return ",".join(
        sorted(set(facilities.split(",")), key=lambda one: (one not in FACILITY_ORDER, FACILITY_ORDER.find(one), one))
    )


def read_window(archive: Archive, sessions: Sequence[date], prefixes: Sequence[str], symbols: Iterable[str]) -> Window:
    """Off-exchange volumes of `symbols`: `date, symbol, trf_volume, revised`; what is missing has no row."""
    wanted = list(symbols)
    frames, damaged = [], {}
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda session: read_session(archive, session, prefixes, wanted), sessions))
    for session, (frame, damage) in zip(sessions, found, strict=True):
        if frame is not None:
            frames.append(frame.select(pl.lit(session).alias("date"), "symbol", "trf_volume", "revised"))
        elif damage:
            damaged[session] = damage
    schema = {"date": pl.Date, "symbol": pl.String, "trf_volume": pl.Float64, "revised": pl.Boolean}
    return Window(pl.concat(frames) if frames else pl.DataFrame(schema=schema), damaged)
