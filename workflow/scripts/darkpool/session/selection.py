"""Which sessions and tickers a person means, among those on disk."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from pathlib import Path

from .. import listing
from ..market import sessions, symbols
from . import files

LATEST = "latest"
_PARTIAL = re.compile(r"\d{4}(-\d{2})?|\d{2}-\d{2}")


class NotUnderstood(ValueError):
    """What was asked for is no date or no ticker; the message says what would be one."""


class NotThere(ValueError):
    """What was asked for is not on disk; the message says what is."""


def on_disk(folder: Path) -> list[date]:
    """Sessions of a scan's folder that have features, ascending."""
    found = []
    for path in folder.glob(f"????-??-??/{files.FEATURES}"):
        try:
            found.append(date.fromisoformat(path.parent.name))
        except ValueError:
            continue
    return sorted(found)


def on_page(session: date, mode: str, count: int) -> list[date]:
    """Sessions on a session's page, ascending: in mode daily the `count` ones that end with it, otherwise it alone."""
    return sessions.window(session, count - 1 if mode == "daily" else 0)


def days(text: str, folder: Path) -> list[date]:
    """The sessions on disk that `text` names, ascending.

    Comma-separated: a date, a year or month (`2025-12`), a month and day (`12-22`, the newest), a range (`A:B`, either
    side may be left out), `latest`. Raises NotUnderstood, and NotThere with the nearest sessions.
    """
    there = on_disk(folder)
    if not there:
        raise NotThere(f"{folder} holds no session yet; {_how_to_make(folder, 'YYYY-MM-DD')}")
    chosen: set[date] = set()
    for item in filter(None, (part.strip() for part in text.split(","))):
        chosen.update(_one(item, there, folder))
    if not chosen:
        raise NotUnderstood(f"{text!r} names no date; expected YYYY-MM-DD, YYYY-MM, MM-DD, A:B or {LATEST}")
    return sorted(chosen)


def _one(item: str, there: Sequence[date], folder: Path) -> list[date]:
    if item == LATEST:
        return [there[-1]]
    if ":" in item:
        first, last = (_date(side) if side else None for side in item.split(":", 1))
        found = [day for day in there if (first or day) <= day <= (last or day)]
    elif _PARTIAL.fullmatch(item):
        found = [day for day in there if str(day).startswith(item)]
        found = found or [day for day in there if str(day)[5:] == item][-1:]
    else:
        day = _date(item)
        if day not in there:
            raise NotThere(_near(day, there, folder))
        return [day]
    if not found:
        raise NotThere(f"no session of {item} in {folder}; it holds {there[0]} to {there[-1]} ({len(there)} sessions)")
    return found


def _date(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or text != str(day):
        raise NotUnderstood(f"{text!r} is no date; expected YYYY-MM-DD, YYYY-MM, MM-DD, A:B or {LATEST}")
    return day


def _near(day: date, there: Sequence[date], folder: Path) -> str:
    from ..market import sessions  # the calendar costs more than all the rest of a command's start

    around = [*[d for d in there if d < day][-1:], *[d for d in there if d > day][:1]]
    holds = f"nearest in {folder}: {' and '.join(map(str, around))}"
    try:
        if sessions.is_session(day):
            return f"{day} is a session, but {folder} holds nothing for it; {holds}; {_how_to_make(folder, str(day))}"
        nearest = [sessions.previous(day), *sessions.between(day, day + timedelta(days=14))[:1]]
    except sessions.NotASession as error:
        return f"{error}; {holds}"
    kind = f"a {day:%A}" if day.weekday() > 4 else f"a {day:%A} without a session"
    told = f"{day} is {kind}; nearest sessions {' and '.join(map(str, nearest))}"
    return told if set(nearest) <= set(there) else f"{told}; {holds}"


def _how_to_make(folder: Path, session: str) -> str:
    return f"snakemake --cores 4 {folder}/{session}/all makes it"


def tickers(text: str) -> list[str]:
    """The tickers `text` names, comma-separated, in our spelling; raises NotUnderstood."""
    try:
        found = [symbols.normalise(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise NotUnderstood(str(error)) from None
    if not found:
        raise NotUnderstood(f"{text!r} names no ticker; expected tickers separated by commas, as TQQQ,SPY")
    return list(dict.fromkeys(found))


def missing(ticker: str, there: Collection[str]) -> str:
    """Why there is no row for `ticker`, with the tickers that differ from it by case or little."""
    from difflib import get_close_matches

    alike = [other for other in sorted(there) if other.upper() == ticker.upper()]
    alike = alike or get_close_matches(ticker.upper(), sorted(there), n=3, cutoff=0.7)
    if alike:
        return f"no row for {ticker}; did you mean {_or(alike)}? (case is identity)"
    return f"no row for {ticker}; there are {listing.named(sorted(there))}"


def _or(names: Sequence[str]) -> str:
    return " or ".join(names)
