"""Simulated answers as files and entries of the demo's archive, marked as what they are."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ... import clock, settings
from ...archive.places import first_name
from ...archive.receipts import Entry
from ...archive.store import Archive
from ...files import write_atomic
from ...market import sessions
from ..entries import new_entry
from . import marks as simulated

ASKED_AT = time(10, 0, tzinfo=UTC)


def asked_at(session: date) -> datetime:
    """When the simulated vendors were asked: 10:00 UTC of the next session's day."""
    return datetime.combine(sessions.following(session), ASKED_AT)


def once(archive: Archive, relative: str, content: Callable[[], bytes]) -> Path:
    """The file, written unless it is there whole.

    Runs beside each other write the same bytes, so neither needs a lock but to set a damaged file aside.
    """
    path = archive.path(relative)
    if relative in map(archive.relative, archive.damaged(first_name(relative))):
        with archive.sole_asker(settings.DEMO):
            Archive(archive.root).set_aside(first_name(relative), clock.now())
    if not path.exists():
        write_atomic(path, content())
        archive.restore(path)
    return path


def parquet(table: pa.Table, marks: Mapping[bytes, bytes] | None = None) -> bytes:
    """The table as a file that says it is simulated; `marks` are those of ticks."""
    sink = io.BytesIO()
    marked = table.replace_schema_metadata({**(table.schema.metadata or {}), **simulated.MARK, **(marks or {})})
    pq.write_table(marked, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def entry(session: date, address: str, **more: Any) -> Entry:
    """A receipt's entry for an answer of the morning after `session`; `more` overrides."""
    usual = {"state": "published", "reason": None, "status": 200, "retrieved_at": asked_at(session)}
    return new_entry(**{**usual, "address": f"simulated://{address}", **more})


def receipt(source: str, session: date, seed: int, **entries: Mapping[str, Any]) -> dict[str, Any]:
    """A receipt that says it is simulated, and from which seed."""
    return {"source": source, "session": str(session), "state": "published", "simulated": True, "seed": seed, **entries}
