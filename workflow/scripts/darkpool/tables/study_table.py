"""The table `study` with what it carries beside its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from . import contracts

WATCHLIST, MARKET = "watchlist", "market"


class StudyTable(NamedTuple):
    """A study: `rows` as the contract has them, first and last session, and the number of tickers.

    `without_dividends`: tickers whose returns leave dividends out, None for all of them.
    `placebo`: by feature and horizon the middle 95 % of the placebo's ICs. `continuation`: how unusual volume goes on,
    a row per horizon. `faults`: what was left out, with the reason. `panel`: whose tickers these are, `watchlist` or
    `market`; of the market `steps` is how many steps of a price could be splits that nobody named.
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
    panel: str = WATCHLIST
    steps: int = 0


_PLAIN = ("first", "last", "tickers", "without_dividends", "simulated", "continuation", "faults")
_OF_PANEL = {"panel": WATCHLIST, "steps": 0}
"""What a file from before there were two panels says by saying nothing."""


def write(told: StudyTable, path: Path) -> None:
    """Write the table with what it carries; the same study gives the same bytes."""
    about = {name: json.dumps(getattr(told, name)) for name in _PLAIN}
    about |= {name: json.dumps(value) for name in _OF_PANEL if (value := getattr(told, name)) != _OF_PANEL[name]}
    about["placebo"] = json.dumps([[*key, *ends] for key, ends in sorted(told.placebo.items())])
    contracts.write("study", told.rows.select(contracts.CONTRACTS["study"].names), path, **about)


def read(path: Path) -> StudyTable | None:
    """The study at `path`; None where there is none, or none that can be read."""
    try:
        rows, about = contracts.read("study", path), contracts.metadata(path)
        if "dividends" in about:  # as until 0.2.0, which knew of all tickers together alone
            about["without_dividends"] = "[]" if json.loads(about["dividends"]) else "null"
        plain = {name: json.loads(about[name]) for name in _PLAIN}
        plain |= {name: json.loads(about[name]) if name in about else before for name, before in _OF_PANEL.items()}
        placebo = {(name, horizon): (low, high) for name, horizon, low, high in json.loads(about["placebo"])}
        return StudyTable(rows, placebo=placebo, **plain)
    except (OSError, ValueError, KeyError, TypeError):
        return None
