"""The manifest `all`: what was made, from what, with what. No clock: two runs on the same answers are equal."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..archive import layout
from ..archive.store import Archive
from ..files import sha256
from ..tables import contracts
from . import files

LIBRARIES = (
    "duckdb",
    "exchange-calendars",
    "jinja2",
    "matplotlib",
    "numpy",
    "polars",
    "pyarrow",
    "snakemake",
    "yfinance",
)


def build(
    folder: Path,
    outputs: Iterable[Path],
    features: Iterable[Path],
    archive: Archive,
    session: date,
    told: Mapping[str, Any],
    *,
    scan: str,
    window: Sequence[date],
    tickers: Sequence[str],
    config: Mapping[str, Any],
) -> bytes:
    """The manifest as JSON: outputs and inputs with hashes, versions, configuration, what the tables have `told`.

    `features` are those of every session on the page, the manifest's own among them.
    """
    inputs = layout.volume_answers(archive, session, window, config["finra"]["files"])
    for ticker in tickers:
        inputs += layout.tick_files(archive, session, ticker, config["lit"]["source"]).values()
    weeks = config["backfill_count"] if config["mode"] == "weekly" else 1
    inputs += layout.otc_weekly_answers(archive, session, weeks)
    inputs += archive.answers(layout.universe(scan, session))
    content = {
        **told,
        "scan": scan,
        "date": str(session),
        "mode": config["mode"],
        "tickers": sorted(tickers),
        "config": relevant(config, scan),
        "versions": versions(),
        "outputs": sorted((_output(path, folder) for path in outputs), key=lambda entry: entry["path"]),
        "covers": sorted((_output(path, folder.parent) for path in features), key=lambda entry: entry["path"]),
        "inputs": sorted((_file(path, archive.root) for path in inputs), key=lambda entry: entry["path"]),
    }
    return (json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _file(path: Path, folder: Path) -> dict[str, Any]:
    return {"path": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size, "sha256": sha256(path)}


def _output(path: Path, folder: Path) -> dict[str, Any]:
    return {**_file(path, folder), "rows": contracts.rows(path) if path.suffix == ".parquet" else None}


def relevant(config: Mapping[str, Any], scan: str) -> dict[str, Any]:
    """The configuration of one scan, without what changes no number: where its archive lies, what was asked again."""
    entry = {key: value for key, value in config["scans"].get(scan, {}).items() if key != "archive"}
    rest = {key: value for key, value in config.items() if key not in ("scans", "morning")}
    finra = {key: value for key, value in config["finra"].items() if key != "weeks_again"}
    return {**rest, "finra": finra, "scan": entry}


def folders_id(scan: Path) -> str:
    """Hash over the sessions in a scan's folder: manifest, features and study, and the size of what else an index has.

    It opens those two alone, so that it costs little however many sessions there are.
    """
    digest = hashlib.sha256()
    for place in sorted(scan.glob("????-??-??")):
        digest.update(place.name.encode())
        for name in files.read_by("index"):
            path = place / name
            if path.is_file():
                is_read = name in (files.MANIFEST, files.FEATURES)
                told = path.read_bytes() if is_read else str(path.stat().st_size).encode()
                digest.update(name.encode() + b"\0" + told + b"\0")
    for study in (scan / files.STUDY, scan / files.MARKET_STUDY):
        if study.is_file():
            digest.update(study.read_bytes())
    return digest.hexdigest()[:12]


def versions() -> dict[str, str]:
    """Versions that can change a result."""
    from .. import __version__

    return {"darkpool": __version__, "python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
