"""Text in the cells of a spreadsheet: shown, never run."""

from __future__ import annotations

import polars as pl

FORMULA = r"(^|[;|\t\r\n])([^\S\t\r\n]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20])"
"""A formula at a cell's start, or where a program that parts cells by another sign would see one begin.

The full-width signs are among them: some spreadsheets take them for the plain ones.
"""


def neutral(name: str) -> pl.Expr:
    """The text column `name` with a single quote before whatever a spreadsheet would run; nulls stay."""
    return pl.col(name).str.replace_all(FORMULA, "${1}'${2}").str.replace(r"^([\t\r\n])", "'${1}")
