"""The watchlist of a session for the index: a row per ticker with its line and tape, and who moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import polars as pl

from ...archive.store import file_name
from ...market import sessions
from ...session import files
from ...tables import contracts, glossary
from ..page import values
from ..page.rows import is_muted, ranked
from . import signal_history
from .session_states import DECISIVE, Session

LOOKED_AT = 60
"""Sessions in which a streak is looked for."""
LEAST_STREAK = 3
TAPE_LENGTH = 10
MOVING_SESSIONS = 5
MOST_MOVERS = 8
SHOWN = (
    "signal", "streak", "accum_score", "offex_ratio", "change", "trf_spike", "offex_ratio_z", "log_ratio", "ratios",
    "tape", "quality",
)  # fmt: skip
IN_FEATURES = frozenset(glossary.COLUMNS) - {"quality"}


class Spark(NamedTuple):
    """A line of values as the path of an SVG of 100 by 20; `last` is the place of the newest value.

    `ends` is its scale in words, the least and the greatest value.
    """

    path: str
    last: tuple[float, float] | None
    words: str
    ends: str


class Moved(NamedTuple):
    """The movers of a session, beside how many tickers could be compared with the session before."""

    day: date
    before: date
    rows: list[tuple[signal_history.Mover, dict[str, Any]]]
    compared: int


def movers(folder: Path, readable: Sequence[Session]) -> list[Moved]:
    """Movers of the last sessions on disk, newest first; each against the session before it, from its own window."""
    moved = []
    for session in reversed(readable[-MOVING_SESSIONS:]):
        place = folder / str(session.day)
        try:
            merged = contracts.columns("merged", place / files.MERGED, ["date", "ticker", "offex_ratio"])
            features = contracts.columns(
                "features", place / files.FEATURES, ["ticker", "trf_spike", "signal", "quality", *DECISIVE[1:]]
            )
        except (ValueError, OSError):
            continue
        found = signal_history.changes(merged, session.day)
        rows = {row["ticker"]: row for row in features.iter_rows(named=True)}
        shown = [
            (mover, rows[mover.ticker]) for mover in signal_history.movers(found, MOST_MOVERS) if mover.ticker in rows
        ]
        moved.append(Moved(session.day, sessions.previous(session.day), shown, len(found)))
    return moved


class Watchlist(NamedTuple):
    """The watchlist of a session: a row per ticker, plots, streaks, what became of those it ended, and the tape."""

    rows: list[dict[str, Any]]
    links: dict[str, str]
    streaks: list[signal_history.Streak]
    ended: list[tuple[signal_history.Streak, str]]
    tape: list[date]
    days: int


def read(folder: Path, shown: Session, readable: Sequence[Session]) -> Watchlist:
    """The watchlist of the session `shown`; its tape and streaks are from the sessions of `readable`."""
    place = folder / str(shown.day)
    features = ranked(contracts.read("features", place / files.FEATURES))
    try:
        merged = contracts.columns("merged", place / files.MERGED, ["date", "ticker", "offex_ratio"])
    except (ValueError, OSError):
        merged = pl.DataFrame(schema={"date": pl.Date, "ticker": pl.String, "offex_ratio": pl.Float64})
    days = sessions.window(shown.day, LOOKED_AT - 1)
    first = max(readable[0].day, days[0])
    days = [day for day in days if day >= first]
    said = pl.concat([session.said for session in readable if session.day >= days[0]])
    tapes = signal_history.tapes(said, days, features["ticker"].to_list())
    changes = {mover.ticker: mover.change for mover in signal_history.changes(merged, shown.day)}
    window = merged["date"].unique().sort().to_list()
    ratios = _ratios(merged, window)
    links = _links(shown, place, features["ticker"].to_list())
    rows = []
    for record in features.iter_rows(named=True):
        ticker = record["ticker"]
        tape = tapes[ticker]
        one = signal_history.streak(ticker, tape, days)
        rows.append(
            {
                "ticker": ticker,
                "link": links.get(ticker, ""),
                "cells": {name: values.cell(name, record) for name in SHOWN if name in IN_FEATURES},
                "muted": is_muted(record["quality"]),
                "streak": one.length if one else None,
                "change": changes.get(ticker),
                "spark": spark(ratios.get(ticker, [None] * len(window))),
                "tape": tape[-TAPE_LENGTH:],
                "flags": [glossary.term(glossary.FLAGS, flag) for flag in glossary.flags_of(record["quality"])],
            }
        )
    ended = [(one, tapes[one.ticker][-1]) for one in signal_history.ended(tapes, days, LEAST_STREAK)]
    return Watchlist(
        rows, links, signal_history.streaks(tapes, days, LEAST_STREAK), ended, days[-TAPE_LENGTH:], len(window)
    )


def _links(shown: Session, place: Path, tickers: Sequence[str]) -> dict[str, str]:
    """Where each ticker leads, relative to the index: its row on the session's page, or without a page its plot."""
    if shown.has_page:
        return {ticker: f"{place.name}/table.html#row={quote(ticker, safe='')}" for ticker in tickers}
    there = {path.name for path in place.glob("plots/*.png")}
    names = {ticker: f"{file_name(ticker)}.png" for ticker in tickers}
    return {ticker: f"{place.name}/plots/{quote(name)}" for ticker, name in names.items() if name in there}


def _ratios(merged: pl.DataFrame, window: Sequence[date]) -> dict[str, list[float | None]]:
    place = {day: i for i, day in enumerate(window)}
    found: dict[str, list[float | None]] = {}
    for day, ticker, ratio in merged.iter_rows():
        found.setdefault(ticker, [None] * len(window))[place[day]] = ratio
    return found


def spark(values: Sequence[float | None]) -> Spark:
    """The values from left to right on their own scale; nulls are gaps, a value between two gaps is a dot."""
    known = [value for value in values if value is not None]
    least, greatest = (min(known), max(known)) if known else (0.0, 0.0)
    step = 96 / max(len(values) - 1, 1)
    points = [
        None if value is None else (2 + i * step, _height(value, least, greatest)) for i, value in enumerate(values)
    ]
    path, previous = [], None
    for i, point in enumerate(points):
        if point is not None:
            path.append(f"{'M' if previous is None else 'L'}{point[0]:.4g} {point[1]:.3g}")
            if previous is None and (i + 1 == len(points) or points[i + 1] is None):
                path.append("h0")
        previous = point
    if not known:
        return Spark("", None, "no value in this window", "")
    low, high = (glossary.written("fraction", value) for value in (least, greatest))
    words = f"from {low} to {high} over {len(known)} of {len(values)} sessions"
    return Spark("".join(path), points[-1], words, f"{low} to {high}")


def _height(value: float, least: float, greatest: float) -> float:
    """From 18 for the least to 2 for the greatest; in the middle where all are equal."""
    return 18 - 16 * (value - least) / (greatest - least) if greatest > least else 10.0
