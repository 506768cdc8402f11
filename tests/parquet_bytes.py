"""A Parquet file in memory, as an archive keeps a vendor's answer."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import polars as pl
import pyarrow.parquet as pq


def parquet(rows: Sequence[tuple[Any, ...]], schema: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    pq.write_table(frame.to_arrow(compat_level=pl.CompatLevel.oldest()), sink)
    return sink.getvalue()
