"""What several sessions say together: their calendar, who moved, and whose signal lasts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, pairwise, takewhile

import polars as pl

from ...market import sessions

BOT, SELL, NEUTRAL, UNKNOWN, MISSING = "BOT", "SELL", "neutral", "no estimate", "missing"
"""What a session says of a ticker: a signal, none though there is an estimate, no estimate, no such session here."""
ESTIMATED = frozenset({BOT, SELL, NEUTRAL})
"""What a session says of a ticker of which it has an estimate."""
HOLIDAY, WEEKEND, OUTSIDE = "holiday", "weekend", ""


@dataclass(frozen=True)
class Day:
    """A day of the calendar. `state` is that of a session, MISSING, HOLIDAY, WEEKEND, or OUTSIDE of what the scan
    covers; `holiday` its name."""

    day: date
    state: str
    early_close: bool = False
    holiday: str = ""


@dataclass(frozen=True)
class Month:
    """A month as weeks of seven days from Monday; None where a day is of another month.

    `unrun`: first days of the oldest and the newest of the months before it of which no session is there, or None.
    """

    first: date
    weeks: list[list[Day | None]]
    unrun: tuple[date, date] | None = None


@dataclass(frozen=True)
class Streak:
    """The same signal in `length` sessions in a row, the newest among them; `before` is what ended it looking back.

    None where the sessions looked at begin with it: it may be longer.
    """

    ticker: str
    signal: str
    length: int
    since: date
    before: str | None


@dataclass(frozen=True)
class Mover:
    """The off-exchange ratio of a ticker in a session and in the session before it, as fractions."""

    ticker: str
    before: float
    now: float

    @property
    def change(self) -> float:
        return self.now - self.before


def calendar(states: Mapping[date, str]) -> list[Month]:
    """The months from the first session of `states` to the last, newest first, but those without any of them.

    Sessions between the two that `states` does not name are MISSING; what lies before or after is OUTSIDE.
    """
    if not states:
        return []
    first, last = min(states), max(states)
    trading = set(sessions.between(first, last))
    days = [first.replace(day=1)]
    end = (last.replace(day=28) + timedelta(days=4)).replace(day=1)
    while days[-1] + timedelta(days=1) < end:
        days.append(days[-1] + timedelta(days=1))

    def day_of(day: date) -> Day:
        if day.weekday() > 4:
            return Day(day, WEEKEND)
        if not first <= day <= last:
            return Day(day, OUTSIDE)
        if day not in trading:
            return Day(day, HOLIDAY, holiday=sessions.closure(day))
        return Day(day, states.get(day, MISSING), sessions.is_early_close(day))

    run, found, unrun = _months(states), list[Month](), list[date]()
    for first_of_month, group in groupby(days, key=_month_of):
        if first_of_month in run:
            found.append(_month([day_of(day) for day in group], unrun))
            unrun = []
        else:
            unrun.append(first_of_month)
    return found[::-1]


def _month_of(day: date) -> date:
    return day.replace(day=1)


def _months(states: Iterable[date]) -> set[date]:
    return {_month_of(day) for day in states}


def _month(days: Sequence[Day], unrun: Sequence[date]) -> Month:
    first = days[0].day
    padded: list[Day | None] = [*[None] * first.weekday(), *days]
    padded += [None] * (-len(padded) % 7)
    weeks = [padded[i : i + 7] for i in range(0, len(padded), 7)]
    return Month(first, weeks, (unrun[0], unrun[-1]) if unrun else None)


def missing(states: Mapping[date, str]) -> list[date]:
    """Sessions between the first and the last of `states` that it does not name, ascending.

    A month of which nothing was run is none that somebody forgot.
    """
    if not states:
        return []
    run = _months(states)
    between = sessions.between(min(states), max(states))
    return [day for day in between if day not in states and _month_of(day) in run]


def tapes(said: pl.DataFrame, days: Sequence[date], tickers: Sequence[str]) -> dict[str, list[str]]:
    """What each of `days` says of each of `tickers`, in their order.

    `said`: date, ticker, signal (BOT, SELL, empty), estimated (whether there is an estimate). A day of which it has no
    row at all is MISSING; a ticker without a row on a day that is there has no estimate.
    """
    there = set(said["date"])
    found = {
        (day, ticker): signal or (NEUTRAL if estimated else UNKNOWN)
        for day, ticker, signal, estimated in said.select("date", "ticker", "signal", "estimated").iter_rows()
    }
    return {
        ticker: [found.get((day, ticker), UNKNOWN) if day in there else MISSING for day in days] for ticker in tickers
    }


def streak(ticker: str, tape: Sequence[str], days: Sequence[date]) -> Streak | None:
    """The streak that the newest of `days` belongs to; None where that day has no signal.

    A session that is not here, or has no estimate, ends a streak: nobody knows what it would have said.
    """
    signal = tape[-1] if tape else UNKNOWN
    if signal not in (BOT, SELL):
        return None
    length = sum(1 for _ in takewhile(lambda code: code == signal, reversed(tape)))
    before = tape[-length - 1] if length < len(tape) else None
    return Streak(ticker, signal, length, days[-length], before)


def streaks(tapes: Mapping[str, Sequence[str]], days: Sequence[date], least: int) -> list[Streak]:
    """Streaks of `least` sessions and more, longest first, then by ticker."""
    found = [streak(ticker, tape, days) for ticker, tape in tapes.items()]
    return sorted(
        (one for one in found if one is not None and one.length >= least), key=lambda one: (-one.length, one.ticker)
    )


def ended(tapes: Mapping[str, Sequence[str]], days: Sequence[date], least: int) -> list[Streak]:
    """Streaks of `least` sessions and more that the newest of `days` has ended, longest first, then by ticker.

    A newest session that says nothing ends none: what is unknown is no change.
    """
    turned = {
        ticker: tape[:-1]
        for ticker, tape in tapes.items()
        if len(tape) > 1 and tape[-1] in ESTIMATED and tape[-1] != tape[-2]
    }
    return streaks(turned, days[:-1], least)


def changes(merged: pl.DataFrame, session: date) -> list[Mover]:
    """Every ticker whose off-exchange ratio is known in `session` and in the session before it, by ticker.

    `merged`: date, ticker, offex_ratio?. A ratio needs no share basis, so that a split between the two changes nothing.
    """
    earlier = sessions.previous(session)
    ratios = merged.filter(pl.col("date").is_in([earlier, session]) & pl.col("offex_ratio").is_not_null())
    rows = ratios.sort("ticker", "date").select("ticker", "offex_ratio").iter_rows()
    return [Mover(ticker, before, now) for (ticker, before), (other, now) in pairwise(rows) if ticker == other]


def movers(found: Sequence[Mover], most: int) -> list[Mover]:
    """The `most` that moved furthest, up or down; equal ones by ticker. What did not move is no mover."""
    moved = [mover for mover in found if mover.change]
    return sorted(moved, key=lambda mover: (-abs(mover.change), mover.ticker))[:most]
