"""A vendor's rows as the bytes of a file of the archive: the same rows give the same bytes."""

from __future__ import annotations

import io

import polars as pl
import pyarrow.parquet as pq


def content(frame: pl.DataFrame) -> bytes:
    """The Parquet file of a frame, its types those that any reader knows."""
    sink = io.BytesIO()
    pq.write_table(frame.to_arrow(compat_level=pl.CompatLevel.oldest()), sink, compression="zstd")
    return sink.getvalue()
