"""Checks of what is kept: room on the disk, the history, and every file of the archives."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import credentials, listing, settings
from ..session import files
from .finding import Check, Place

LITTLE_SPACE, NO_SPACE = 2_000_000_000, 200_000_000


def _archive(place: Place, config: Mapping[str, Any]) -> str:
    return str(config.get("scans", {}).get(place.scan, {}).get("archive", settings.Scan.archive))


def disk(place: Place, config: Mapping[str, Any]) -> Iterator[Check]:
    archive = _archive(place, config)
    for name, folder in (("results", place.results), ("archive", Path(archive))):
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        free = shutil.disk_usage(there).free
        said = f"{name}: {free / 1e9:,.1f} GB free at {folder}"
        if not os.access(there, os.W_OK | os.X_OK):
            yield Check("disk", "fault", f"{name}: {there} cannot be written", f"chown -R {_user()} {there}")
        elif free < NO_SPACE:
            yield Check("disk", "fault", said, "make room; what is archived cannot all be asked again")
        else:
            yield Check("disk", "warn" if free < LITTLE_SPACE else "ok", said, "make room" * (free < LITTLE_SPACE))


def history(place: Place) -> Iterator[Check]:
    """Whether the store says what the sessions' folders say."""
    from ..history import lag

    path = place.folder / files.STORE
    if not path.is_file():
        return
    lagging = lag.sentence(place.folder, lag.of(place.folder))
    said, _, todo = lagging.partition("; python")
    if lagging:
        yield Check("history", "warn", said, f"python{todo}")
    else:
        yield Check("history", "ok", f"{path} holds every session on disk as it is")


def market(place: Place, config: Mapping[str, Any]) -> Iterator[Check]:
    """What became of the whole market's prices, where they are asked for: nothing else waits for them."""
    from ..archive import receipts

    if place.scan == settings.DEMO or not (config.get("study") or {}).get("grouped"):
        return
    if credentials.which(credentials.POLYGON) is None:
        said = "study.grouped is on, and no key of Polygon is set: the market's prices are not asked for"
        yield Check("market", "warn", said, f"set {credentials.POLYGON[0]}, or study.grouped: false")
        return
    told = sorted(Path(_archive(place, config), "receipts/polygon_grouped").glob("????-??-??.json"))
    if not told:
        yield Check("market", "ok", "the market's prices were not asked for yet")
        return
    [entry] = receipts.read(told[-1])["files"].values()
    said = f"prices of {told[-1].stem}: {entry['state']}" + (f", {entry['reason']}" if entry["reason"] else "")
    if entry["state"] in ("published", "unsettled", "not_yet"):
        yield Check("market", "ok", said)
    else:
        todo = "they are asked for again while the session is on a page; without them the study of the market has gaps"
        yield Check("market", "warn", said, todo)


def archive(config: Mapping[str, Any]) -> Iterator[Check]:
    """Every file of every scan's archive against its receipt."""
    from ..archive import examination

    for folder in sorted({Path(scan["archive"]) for scan in config.get("scans", {}).values() if "archive" in scan}):
        if not folder.is_dir():
            yield Check("archive", "ok", f"{folder} is not there yet")
            continue
        found = examination.examine(folder, lambda line: print(f"{folder}: {line}", file=sys.stderr, flush=True))  # noqa: B023
        for why in found.damaged:
            todo = "the next run online asks again; offline put it back from a backup"
            yield Check("archive", "fault", credentials.hidden(why), todo)
        if found.gone:
            said = f"{folder}: receipts name files that are not there: {listing.named(found.gone)}"
            yield Check("archive", "warn", said, "the next run online asks for them again")
        counts = f"{folder}: {found.files:,} files hashed, {found.size / 1e9:,.2f} GB, {len(found.damaged)} damaged"
        counts += f"; {found.copied_in:,} without a receipt" if found.copied_in else ""
        if not found.damaged:
            yield Check("archive", "ok", counts)


def _user() -> str:
    return os.environ.get("USER") or str(os.geteuid())
