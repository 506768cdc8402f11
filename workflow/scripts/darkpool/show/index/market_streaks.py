"""Names of the market's list several sessions in a row, from the sessions' own tables `market`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import polars as pl

from ...market import sessions
from ...session import files
from ...tables import contracts

LOOKED_AT = 20
"""Sessions that a run of them is followed back through."""
LEAST = 2
MOST = 15
"""Names shown, the longest run first."""
LISTED = 50
"""Ranks that count as being on the list."""
COLUMNS = ("date", "ticker", "rank", "volume_multiple", "volume_z", "is_followed", "confirmed")


class Streaks(NamedTuple):
    """Names listed in sessions in a row up to `day`; `rows` as COLUMNS of `day`, with `length` and `since`.

    `page` says whether the session has a page of the market to link to.
    """

    day: date
    rows: list[dict[str, object]]
    page: bool


def read(folder: Path, days: Sequence[date]) -> Streaks | None:
    """Of the newest of `days` with a table; None where no session has one. A table that cannot be read ends a run."""
    held = [day for day in days if (folder / str(day) / files.MARKET_TABLE).is_file()]
    if not held:
        return None
    newest = held[-1]
    latest = _listed(folder, newest)
    length = dict.fromkeys(latest["ticker"].to_list(), 1)
    day, running = newest, set(length)
    for _ in range(LOOKED_AT - 1):
        day = sessions.previous(day)
        if day not in held or not running:
            break
        running &= set(_listed(folder, day)["ticker"].to_list())
        for ticker in running:
            length[ticker] += 1
    rows = [
        {**row, "length": length[row["ticker"]], "since": sessions.window(newest, length[row["ticker"]] - 1)[0]}
        for row in latest.iter_rows(named=True)
        if length[row["ticker"]] >= LEAST
    ]
    rows.sort(key=lambda row: (-row["length"], row["rank"]))
    return Streaks(newest, rows[:MOST], (folder / str(newest) / files.MARKET_PAGE).is_file())


def _listed(folder: Path, day: date) -> pl.DataFrame:
    try:
        found = contracts.columns("market", folder / str(day) / files.MARKET_TABLE, list(COLUMNS))
    except (OSError, ValueError, KeyError):
        return pl.DataFrame(schema={**dict.fromkeys(COLUMNS, pl.String), "rank": pl.Int64})
    return found.filter(pl.col("rank") <= LISTED).sort("rank")
