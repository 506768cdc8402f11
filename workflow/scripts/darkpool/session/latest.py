"""`results/{scan}/latest.json`: which session is the newest, how far to trust it, and where its files are.

For the scan and other programs. Paths are relative to the file's own folder; only what is there is named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ..archive.store import iso
from ..files import write_atomic
from . import files, outcome

SCHEMA = 1


def describe(
    results: Path, session: date, *, mode: str, exit_status: int, stale_mark: bool, now: datetime
) -> dict[str, Any]:
    """The content; `results` is the scan's folder."""
    folder = results / str(session)
    told = outcome.told_of(folder)
    named = {file.key: file.path for file in files.FILES if file.key}
    paths = {key: f"{session}/{path}" for key, path in named.items() if (folder / path).is_file()}
    if (results / files.STORE).is_file():
        paths["history"] = files.STORE
    return {
        "schema": SCHEMA,
        "scan": results.name,
        "date": str(session),
        "mode": mode,
        "complete": "manifest" in paths,
        "stale_mark": stale_mark,
        "simulated": bool(told and told["simulated"]),
        "states": outcome.states(told),
        "reasons": _reasons(told),
        "paths": paths,
        "exit_status": exit_status,
        "written_at": iso(now),
    }


def _reasons(told: Mapping[str, Any] | None) -> dict[str, str]:
    return {source["source"]: source["reason"] for source in told["sources"] if source["reason"]} if told else {}


def write(results: Path, content: Mapping[str, Any]) -> None:
    write_atomic(results / files.LATEST, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
