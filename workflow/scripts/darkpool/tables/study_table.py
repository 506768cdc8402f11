"""The table `study` with what it carries beside its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from . import contracts


class StudyTable(NamedTuple):
    """A study: `rows` as the contract has them, first and last session, and the number of tickers.

    `without_dividends`: tickers whose returns leave dividends out, None for all of them.
    `placebo`: by feature and horizon the middle 95 % of the placebo's ICs. `continuation`: how unusual volume goes on,
    a row per horizon. `faults`: what was left out, with the reason.
    """

    rows: pl.DataFrame
    first: str
    last: str
    tickers: int
    without_dividends: Sequence[str] | None
    simulated: bool
    placebo: Mapping[tuple[str, int], tuple[float, float]]
    continuation: Sequence[Mapping[str, Any]]
    faults: Sequence[str]


_PLAIN = ("first", "last", "tickers", "without_dividends", "simulated", "continuation", "faults")


def write(told: StudyTable, path: Path) -> None:
    """Write the table with what it carries; the same study gives the same bytes."""
    about = {name: json.dumps(getattr(told, name)) for name in _PLAIN}
    about["placebo"] = json.dumps([[*key, *ends] for key, ends in sorted(told.placebo.items())])
    contracts.write("study", told.rows.select(contracts.CONTRACTS["study"].names), path, **about)


def read(path: Path) -> StudyTable | None:
    """The study at `path`; None where there is none, or none that can be read."""
    try:
        rows, about = contracts.read("study", path), contracts.metadata(path)
        if "dividends" in about:  # as until 0.2.0, which knew of all tickers together alone
            about["without_dividends"] = "[]" if json.loads(about["dividends"]) else "null"
        plain = {name: json.loads(about[name]) for name in _PLAIN}
        placebo = {(name, horizon): (low, high) for name, horizon, low, high in json.loads(about["placebo"])}
        return StudyTable(rows, placebo=placebo, **plain)
    except (OSError, ValueError, KeyError, TypeError):
        return None
