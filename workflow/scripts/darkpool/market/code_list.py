"""Lists of the vendor's codes, as data: a CSV file with one line a code, refused with its line and column."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

LARGEST = 255
"""Codes are below; a table's entry of this number stands for every code from it on."""


def read(
    path: Path | str, columns: Sequence[str], noun: str, a_code: str, error: type[ValueError]
) -> Iterator[tuple[str, int, dict[str, str]]]:
    """Each line of a file of `columns`, of which the first is the code: where it stands, its code, and its cells.

    `noun` is what a code is of, `a_code` the code with its article. Raises `error`, which names file, line and column.
    """
    column = columns[0]
    seen: set[int] = set()
    with Path(path).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, strict=True)
        if reader.fieldnames != columns:
            raise error(f"{path}: columns are {reader.fieldnames}, expected {columns}")
        for row in reader:
            where, text = f"{path}, line {reader.line_num}", row[column]
            if not (text.isascii() and text.isdigit() and int(text) < LARGEST):
                raise error(f"{where}: column {column} is {text!r}, expected a whole number from 0 to {LARGEST - 1}")
            if int(text) in seen:
                raise error(f"{where}: {noun} {int(text)} stands there twice; one line {a_code} is right")
            seen.add(int(text))
            yield where, int(text), row
