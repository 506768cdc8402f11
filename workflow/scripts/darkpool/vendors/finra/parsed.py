"""FINRA's daily files parsed once: a Parquet file per answer, keyed by the hash of its bytes.

A session reads 61 files of which 60 were read the morning before. What is kept here is derived and nobody's: it can be
deleted at any time, is shared by all archives, and lies outside of them, where offline runs may write too.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ...files import write_atomic
from . import regsho
from .regsho import File, Odd, parse

FOLDER = Path("resources/parsed/regsho")
DIGEST = ".sha256"
_KEY = b"parsed"


def read(path: Path, session: date) -> File:
    """As `regsho.parse` of the file's bytes, and raising as it does; kept for the next reader.

    A file here that is not of the bytes its digest says, or says another hash, session, name or maker of itself, is
    made anew. Where nothing can be written, nothing is kept.
    """
    content = path.read_bytes()
    about = json.dumps([_code(), path.name, str(session), hashlib.sha256(content).hexdigest()])
    kept = FOLDER / f"{hashlib.sha256(about.encode()).hexdigest()[:40]}.parquet"
    found = _kept(kept, about)
    if found is None:
        found = parse(content, path.name, session)
        _keep(kept, found, about)
    return found


@cache
def _code() -> str:
    """Of the modules that make a file here: what another state of them made counts for nothing."""
    return hashlib.sha256(Path(regsho.__file__).read_bytes() + Path(__file__).read_bytes()).hexdigest()


def _kept(path: Path, about: str) -> File | None:
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != path.with_suffix(DIGEST).read_text():
            return None  # Polars ends the process over some spoilt footers, where it could have raised
        with pq.ParquetFile(pa.BufferReader(content)) as file:
            said = json.loads(file.schema_arrow.metadata[_KEY])
            if said["of"] != about:
                return None
            frame = pl.from_arrow(file.read(use_threads=False))
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError):
        return None
    assert isinstance(frame, pl.DataFrame)
    return File(frame, tuple(Odd(*row) for row in said["odd"]))


def _keep(path: Path, found: File, about: str) -> None:
    table = found.frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    said = json.dumps({"of": about, "odd": found.odd})
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({_KEY: said}), sink, compression="lz4")
    content = sink.getvalue().to_pybytes()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
        write_atomic(path.with_suffix(DIGEST), hashlib.sha256(content).hexdigest().encode())
    except OSError:
        return  # a read-only place: the next reader parses again
