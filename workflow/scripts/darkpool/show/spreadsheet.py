"""Rows for other programs: CSV, Excel and Parquet. The same rows are the same bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import polars as pl

from ..tables import glossary
from ..tables.column import Column, by_name
from ..tables.columns import TABLES
from . import cells

MOST_ROWS = 1_048_575
"""Rows that an Excel sheet holds below its header."""
_CREATED = datetime(2000, 1, 1)
"""Excel files carry a moment; a fixed one keeps equal rows equal bytes."""
_FORMATS: Mapping[str, str] = {"shares": "#,##0", "fraction": "0.0%", "count": "0", "date": "yyyy-mm-dd"}
_OTHER_NUMBERS = "0.00##"


def neutral(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with maps as JSON text, and a quote before every text that a spreadsheet would run as a formula."""
    texts = [_as_json(column) if isinstance(column.dtype, pl.Map) else column for column in frame]
    return pl.DataFrame(texts).with_columns(cells.neutral(column.name) for column in texts if column.dtype == pl.String)


def _as_json(column: pl.Series) -> pl.Series:
    cells = (None if cell is None else json.dumps(dict(cell), sort_keys=True) for cell in column.to_list())
    return pl.Series(column.name, list(cells), dtype=pl.String)


def to_csv(frame: pl.DataFrame) -> bytes:
    """`frame` as CSV with a header; nulls are empty, numbers are never touched."""
    return neutral(frame).write_csv().encode()


def to_parquet(frame: pl.DataFrame, table: str, **metadata: str) -> bytes:
    """`frame` as Parquet; columns of `table` keep the unit and meaning of their contract."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    described = {column.name: column.about for column in TABLES[table].columns}
    rows = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    fields = [about.with_metadata(described.get(about.name)) for about in rows.schema]
    schema = pa.schema(fields, metadata={"table": table, "disclaimer": glossary.DISCLAIMER, **metadata})
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(rows.columns, schema=schema), sink, compression="zstd")
    return sink.getvalue()


def to_xlsx(frame: pl.DataFrame, table: str, simulated: bool) -> bytes:
    """`frame` as an Excel file of two sheets: the rows, and what the columns mean.

    Raises ValueError for more rows than a sheet holds.
    """
    import xlsxwriter  # type: ignore[import-untyped]

    if frame.height > MOST_ROWS:
        raise ValueError(f"{frame.height:,} rows, an Excel sheet holds {MOST_ROWS:,}; fewer dates, or csv or parquet")
    described = by_name(TABLES[table].columns)
    sink = io.BytesIO()
    with xlsxwriter.Workbook(sink, {"in_memory": True}) as book:
        book.set_properties({"created": _CREATED, "comments": glossary.DISCLAIMER})
        bold = book.add_format({"bold": True})
        sheet = book.add_worksheet(glossary.SIMULATED if simulated else table)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(frame.height, 1), frame.width - 1)
        for at, column in enumerate(neutral(frame)):
            look = book.add_format({"num_format": _format(column, described)})
            sheet.set_column(at, at, max(11, len(column.name) + 2))
            sheet.write_string(0, at, column.name, bold)
            for row, value in enumerate(column, start=1):
                _write(sheet, row, at, value, look)
        about = book.add_worksheet("about")
        said = [glossary.SIMULATED_SENTENCE] if simulated else []
        lines = [(text, "", "") for text in (*said, glossary.DISCLAIMER)]
        for row, cells in enumerate([*lines, ("column", "unit", "meaning"), *_meanings(frame, described)]):
            for at, text in enumerate(cells):
                about.write_string(row, at, text)
    return sink.getvalue()


def _format(column: pl.Series, described: Mapping[str, Column]) -> str:
    if column.name in described:
        return _FORMATS.get(described[column.name].kind, _OTHER_NUMBERS)
    return _FORMATS["date"] if column.dtype == pl.Date else _OTHER_NUMBERS


def _write(sheet: Any, row: int, at: int, value: object, look: Any) -> None:
    match value:
        case None:
            return
        case bool():
            sheet.write_boolean(row, at, value)
        case int() | float():
            sheet.write_number(row, at, value, look)
        case date():
            sheet.write_datetime(row, at, value, look)
        case _:
            sheet.write_string(row, at, str(value))


def _meanings(frame: pl.DataFrame, described: Mapping[str, Column]) -> list[tuple[str, str, str]]:
    found = [described[name] for name in frame.columns if name in described]
    return [(column.name, column.unit, column.meaning) for column in found]
