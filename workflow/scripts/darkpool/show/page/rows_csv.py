"""The rows of a page as CSV."""

from __future__ import annotations

import polars as pl

from .. import cells
from .rows import ranked


def render_csv(features: pl.DataFrame) -> str:
    """All columns and sessions of `features` in the page's order, as CSV.

    Nulls are empty. A text cell that a spreadsheet would run as a formula gets a single quote before it; numbers
    are never touched.
    """
    neutral = [cells.neutral(name) for name, kind in features.schema.items() if kind == pl.String]
    return ranked(features).with_columns(neutral).write_csv()
