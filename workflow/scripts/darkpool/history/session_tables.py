"""One session as its folder holds it: its tables, checked, and its row of `runs`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from ..files import sha256
from ..session import files
from ..tables import contracts
from ..tables.contract import Unreadable
from .store_tables import KEPT


class HistoryError(ValueError):
    """A session cannot be loaded; names the file and what is wrong with it.

    `paths`: tables that cannot be used; `missing`: tables that are not there.
    """

    def __init__(self, message: str, *, paths: Sequence[Path] = (), missing: Sequence[Path] = ()) -> None:
        super().__init__(message)
        self.paths, self.missing = paths, missing


class Session(NamedTuple):
    """One session as its folder holds it: frames by the store's table names, its row of `runs`, inputs with sha256."""

    session: date
    frames: dict[str, pl.DataFrame]
    run: dict[str, Any]
    inputs: dict[str, str]

    def receipt(self) -> dict[str, Any]:
        """What was loaded: rows by table, inputs by hash; no clock in it."""
        rows = {name: frame.height for name, frame in self.frames.items()}
        return {"scan": self.run["scan"], "session": str(self.session), "rows": rows, "inputs": self.inputs}


Gap = ValueError | KeyError | OSError
"""Why there is nothing of a session."""


def read(folder: Path, session: date) -> Session:
    """One session's tables, checked against their contracts.

    Raises HistoryError where one is missing, and tables.ContractError that names all that cannot be read.
    """
    place = folder / str(session)
    frames, inputs = {}, {}
    refused: list[Unreadable] = []
    for name, kept in KEPT.items():
        path = place / files.TABLES[kept.source].path
        try:
            inputs[path.name] = sha256(path)
            frame = contracts.read(kept.source, path)
        except FileNotFoundError:
            if kept.optional:
                continue
            raise HistoryError(
                f"{path} is not there; snakemake --cores 4 {place}/all makes it, then the session can be loaded",
                missing=[path],
            ) from None
        except Unreadable as error:
            refused.append(error)
            continue
        frame = frame.with_columns(pl.col(old).alias(new) for new, old in kept.copies.items())
        if not kept.spans and not frame["date"].eq(session).all():
            found = ", ".join(map(str, frame["date"].unique().sort().to_list()))
            raise HistoryError(f"{path} holds rows of {found}, expected {session} alone", paths=[path])
        frames[name] = frame.insert_column(0, pl.lit(session).alias("session")) if kept.spans else frame
    if refused:
        raise Unreadable("; ".join(error.reason for error in refused), *(path for e in refused for path in e.paths))
    facts = contracts.metadata(place / files.FEATURES)
    manifest = _manifest(place / files.MANIFEST, inputs)
    run = {
        "session": session,
        "scan": folder.name,
        "mode": json.loads(manifest)["mode"] if manifest else None,
        "simulated": json.loads(facts["simulated"]),
        "sources": facts["sources"],
        "inputs": json.dumps(inputs, sort_keys=True),
        "manifest": manifest,
    }
    return Session(session, frames, run, inputs)


def inputs_of(folder: Path, session: date) -> dict[str, str]:
    """Files that `read` would read, with sha256, without their rows.

    Raises OSError where a table that every session has is missing, and HistoryError for a manifest that is none.
    """
    place = folder / str(session)
    paths = {kept.source: (place / files.TABLES[kept.source].path, kept.optional) for kept in KEPT.values()}
    inputs = {path.name: sha256(path) for path, optional in paths.values() if not optional or path.is_file()}
    _manifest(place / files.MANIFEST, inputs)
    return inputs


def _manifest(path: Path, inputs: dict[str, str]) -> str | None:
    """The manifest's text where it vouches for these very tables; a table it does not name is of an earlier mode."""
    try:
        text = path.read_text(encoding="utf-8")
        outputs = {entry["path"]: entry["sha256"] for entry in json.loads(text)["outputs"]}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise HistoryError(f"{path} is no manifest ({error!r}); delete it and snakemake makes it again") from None
    if files.FEATURES not in outputs or any(outputs.get(name, digest) != digest for name, digest in inputs.items()):
        return None
    inputs[path.name] = sha256(path)
    return text


def read_tolerantly(folder: Path, days: Iterable[date]) -> Iterator[tuple[date, Session | Gap]]:
    """Sessions nobody asked for: one that is not whole is a gap with a reason, never an error."""
    for day in days:
        try:
            yield day, read(folder, day)
        except (ValueError, KeyError, OSError) as error:
            yield day, error
