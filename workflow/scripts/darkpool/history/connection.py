"""The store for readers: nothing is written, nothing is fetched, and no other file is read."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import duckdb

from ..session import files
from . import archive_views, schema
from .session_tables import HistoryError
from .store_tables import RUNS

CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
"""What a connection for readers is opened with: nothing is fetched for it, and Python's own variables are no tables."""


def connect(folder: Path) -> duckdb.DuckDBPyConnection:
    """The scan's store, read-only, without network and extensions, and of all files with those its views read alone.

    No statement can change that. Raises HistoryError where there is no store or it cannot be read.
    """
    path = folder / files.STORE
    if not path.is_file():
        raise HistoryError(f"{path} is not there; python -m darkpool rebuild --scan {folder.name} builds it")
    try:
        con = duckdb.connect(path, read_only=True, config=CLOSED)
        folders = ", ".join(map(schema.quoted, archive_views.folders_read(con)))
        con.execute(f"SET allowed_directories = [{folders}]")
        con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
        return con
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise HistoryError(
            f"{path} cannot be read ({reason}); python -m darkpool rebuild --scan {folder.name} builds it anew"
        ) from None


def inputs_held(path: Path) -> dict[date, dict[str, str]]:
    """Files whose rows the store at `path` says it holds, with sha256, by session; raises duckdb.Error."""
    if not path.is_file():
        return {}
    with duckdb.connect(path, read_only=True, config=CLOSED) as con:
        rows = con.execute(f"SELECT session, inputs FROM {RUNS}").fetchall()
    return {day: json.loads(inputs) for day, inputs in rows}
