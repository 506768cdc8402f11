"""`results/{scan}/latest.json`: which session is the newest, how far to trust it, and where its files are.

For the scan and other programs. Paths are relative to the file's own folder; only what is there is named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from ..archive.store import iso
from ..files import noted, sha256, write_atomic
from ..measures import stands_out as unusual_today
from ..tables import contracts
from . import files, outcome, selection
from .selection import on_disk

SCHEMA = 1


def describe(
    results: Path,
    asked: date,
    *,
    mode: str,
    now: datetime,
    exit_status: int | None = None,
    on_page: Sequence[date] = (),
) -> dict[str, Any]:
    """The content; `results` is the scan's folder, `asked` the session to name while none there has features.

    `mode` is that of a session without a manifest, and `on_page` the sessions on its page, where the caller knows them.
    `exit_status` is a morning's; None is what the files say.
    """
    session = max(on_disk(results), default=asked)
    folder = results / str(session)
    told = outcome.facts_of(folder)
    named = {file.key: file.path for file in files.FILES if file.key}
    paths = {key: f"{session}/{path}" for key, path in named.items() if (folder / path).is_file()}
    if (results / files.STORE).is_file():
        paths["history"] = files.STORE
    manifest = _manifest(folder)
    shown = _on_page(results, session, manifest, on_page)
    mode = manifest["mode"] if manifest else mode
    status = outcome.status(told, is_complete=manifest is not None, mode=mode)
    return {
        "schema": SCHEMA,
        "scan": results.name,
        "date": str(session),
        "mode": mode,
        "complete": manifest is not None,
        "stale_mark": told is not None and _is_stale(folder),
        "simulated": bool(told and told["simulated"]),
        "states": outcome.states(told),
        "reasons": _reasons(told),
        "on_page": [str(day) for day in shown],
        "stands_out": _stands_out(results, shown) if told else [],
        "paths": paths,
        "exit_status": status if exit_status is None else exit_status,
        "written_at": iso(now),
    }


def _manifest(folder: Path) -> dict[str, Any] | None:
    """The session's manifest where it vouches for the features that are there."""
    try:
        content: dict[str, Any] = json.loads((folder / files.MANIFEST).read_bytes())
        digests = {entry["path"]: entry["sha256"] for entry in content["outputs"]}
        return content if digests.get(files.FEATURES) == sha256(folder / files.FEATURES) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def stands_out(results: Path, session: date) -> list[str]:
    """What stands out in a session that has features, in the words of its page; `results` is the scan's folder."""
    return _stands_out(results, _on_page(results, session, _manifest(results / str(session))))


def _on_page(
    results: Path, session: date, manifest: Mapping[str, Any] | None, known: Sequence[date] = ()
) -> Sequence[date]:
    """Sessions on the page: by the manifest; while it is refused, by who made the page, and then by what was noted."""
    if manifest:
        return selection.on_page(session, manifest["config"]["mode"], manifest["config"]["backfill_count"])
    if session in known:
        return known
    before = noted(results / files.LATEST)
    noted_days = before.get("on_page") if before.get("date") == str(session) else None
    return [date.fromisoformat(day) for day in noted_days] if noted_days else [session]


def _stands_out(results: Path, shown: Sequence[date]) -> list[str]:
    own = contracts.read("features", results / str(shown[-1]) / files.FEATURES)
    earlier = [own.clear()]
    for day in shown[:-1]:
        with suppress(OSError, ValueError):  # not there or not readable: it tells nothing, and keeps nothing from us
            earlier.append(contracts.read("features", results / str(day) / files.FEATURES))
    blocks = contracts.read_if_there("trf_blocks", results / str(shown[-1]) / files.BLOCKS)
    return unusual_today.sentences(own, blocks, pl.concat(earlier))


def _is_stale(folder: Path) -> bool:
    """Whether the session was reached by a mark that is older than the last completed session."""
    quality = contracts.columns("features", folder / files.FEATURES, ["quality"])["quality"]
    return any("stale_mark" in flags.split(",") for flags in quality)


def _reasons(told: Mapping[str, Any] | None) -> dict[str, str]:
    return {source["source"]: source["reason"] for source in told["sources"] if source.get("reason")} if told else {}


def write(results: Path, content: Mapping[str, Any]) -> None:
    """Write it where something but the moment of writing differs from what is there."""
    path = results / files.LATEST
    if _timeless(noted(path)) != _timeless(content):
        write_atomic(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def _timeless(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != "written_at"}
