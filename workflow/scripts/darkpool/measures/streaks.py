"""For how many sessions in a row a ticker has had its signal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from ..market import sessions
from ..tables import glossary


@dataclass(frozen=True)
class Streak:
    """How long a ticker has had its signal: `code` of `glossary.STREAKS`, and the number of sessions in a row."""

    code: str
    day: int

    @property
    def words(self) -> str:
        label = glossary.STREAKS[self.code].label
        return f"{label} day {self.day}" if self.code == "continuing" else label


def streaks(signals: Mapping[str, str], earlier: Iterable[Mapping[str, str] | None]) -> dict[str, Streak]:
    """How long each ticker with a signal has had it.

    `signals` by ticker; `earlier` the same of the sessions before, newest first, None for one that is not on disk,
    where the looking ends. It is read no further than the longest streak.
    """
    days = {ticker: 1 for ticker, signal in signals.items() if signal}
    running, looked = set(days), False
    for before in earlier:
        if before is None:
            break
        looked = True
        running = {ticker for ticker in running if before.get(ticker) == signals[ticker]}
        for ticker in running:
            days[ticker] += 1
        if not running:
            break
    fresh = "new" if looked else "first"
    return {ticker: Streak("continuing" if day > 1 else fresh, day) for ticker, day in days.items()}


def words(features: pl.DataFrame, earlier: pl.DataFrame) -> dict[str, str]:
    """How each signal of `features`, rows of one session, stands to those of the sessions `earlier`: NEW or day n.

    Both have date, ticker, signal. "day n or more" where no session at hand ends the streak; no word for a ticker
    while the session before is not at hand.
    """
    signals = dict(features.select("ticker", "signal").iter_rows())
    before: dict[date, dict[str, str]] = {}
    for day, ticker, signal in earlier.select("date", "ticker", "signal").iter_rows():
        before.setdefault(day, {})[ticker] = signal
    known, day = [], sessions.previous(features["date"][0]) if features.height else None
    while day in before:
        known.append(before[day])
        day = sessions.previous(day)
    found = streaks(signals, known) if known else {}
    return {ticker: _beside(streak, len(known)) for ticker, streak in found.items()}


def _beside(streak: Streak, known: int) -> str:
    if streak.code == "new":
        return glossary.STREAKS["new"].label
    return f"day {streak.day} or more" if streak.day > known else f"day {streak.day}"
