"""The manifest `all`: what was made, from what, with what. No clock in it, so two runs on the same answers are equal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from . import tables
from .archive import Archive, sha256


def _output(path: Path, folder: Path) -> dict[str, Any]:
    rows = tables.rows(path) if path.suffix == ".parquet" else None
    return {"path": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size, "sha256": sha256(path), "rows": rows}


def build(
    folder: Path, outputs: Iterable[Path], archive: Archive, inputs: Iterable[Path], facts: Mapping[str, Any]
) -> bytes:
    """The manifest as JSON: `facts` (scan, date, mode, states, versions, config …) beside every output and input."""
    content = {
        **facts,
        "outputs": sorted((_output(path, folder) for path in outputs), key=lambda entry: entry["path"]),
        "inputs": sorted(
            ({"path": archive.relative(path), "bytes": path.stat().st_size, "sha256": sha256(path)} for path in inputs),
            key=lambda entry: entry["path"],
        ),
    }
    return (json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def relevant(config: Mapping[str, Any], scan: str) -> dict[str, Any]:
    """The configuration of one scan, without the folder its archive lies in: that does not change a number."""
    entry = {key: value for key, value in config["scans"][scan].items() if key != "archive"}
    return {**{key: value for key, value in config.items() if key != "scans"}, "scan": entry}
