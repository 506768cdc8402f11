"""Where things lie in the archive (DESIGN 5) and what they are called; names only, so that anyone can import it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from ..market import finra_files, sessions, symbols
from .store import Archive, file_name

VOLUME_SOURCES = ("finra", "yahoo")
TICKS, BARS = ("polygon/trades", "polygon/quotes"), ("polygon/minute_bars", "yahoo/minute_bars")
TICK_KINDS: Mapping[str, tuple[str, ...]] = {
    "auto": TICKS + BARS, "trades": TICKS, "flat": TICKS, "minute_bars": BARS, "none": (),
}  # fmt: skip
"""What each value of `lit.source` allows, the best first."""
_WEEK = re.compile(r"(\d{4}-\d{2}-\d{2})(?:@\d{8}T\d{6}Z)?\.json$")

WEEKS_NOT_PUBLISHED = 8
"""Newest weeks of a full archive that a past session may not have seen (T2 and OTC: five, six around holidays), and two
in which an issue did not trade."""


_DAY, _LATER = r"\d{4}-\d{2}-\d{2}", r"(@\d{8}T\d{6}Z)?"
_WRITTEN = re.compile(
    rf"(rejected/)?(finra/regsho/[A-Z]+shvol\d{{8}}{_LATER}\.txt|finra/otc_weekly/{_DAY}{_LATER}\.json"
    rf"|polygon/grouped/{_DAY}{_LATER}\.(parquet|json)|yahoo/[a-z_]+/{_DAY}{_LATER}\.parquet|(polygon|yahoo)/[a-z_]+/{_DAY}/[A-Z0-9.%-]+{_LATER}\.parquet"
    rf"|universe/[^/]+/{_DAY}{_LATER}\.csv|receipts/[a-z_]+/({_DAY}\.json|\.given_up))(\.reason)?"
)


def is_written(archive: Path, draft: Path, name: str | None) -> bool:
    """Whether a draft in the archive is ours: by its mark (`name` is None), or as that of a file we write there."""
    return name is None or _WRITTEN.fullmatch(draft.relative_to(archive).with_name(name).as_posix()) is not None


def regsho_name(prefix: str, session: date) -> str:
    return f"{prefix}shvol{session:%Y%m%d}.txt"


def regsho_names(prefixes: Sequence[str], days: Sequence[date]) -> dict[str, tuple[str, date]]:
    """Prefix and day of every file of the days, by its name, in their order."""
    return {regsho_name(prefix, day): (prefix, day) for day in days for prefix in finra_files.of_day(prefixes, day)}


def regsho(prefix: str, session: date) -> str:
    return f"finra/regsho/{regsho_name(prefix, session)}"


def yahoo_daily(session: date) -> str:
    return f"yahoo/daily/{session}.parquet"


def yahoo_splits(session: date) -> str:
    return f"yahoo/splits/{session}.parquet"


def yahoo_market(session: date) -> str:
    return f"yahoo/market/{session}.parquet"


def yahoo_market_splits(session: date) -> str:
    return f"yahoo/market_splits/{session}.parquet"


def polygon_grouped(session: date) -> str:
    return f"polygon/grouped/{session}.parquet"


def otc_weekly(monday: date) -> str:
    return f"finra/otc_weekly/{monday}.json"


def otc_weekly_mondays(archive: Archive, session: date, count: int) -> list[date]:
    """Weeks of the archive in which a session's `count` newest visible ones lie, newest first."""
    next_session = sessions.following(session)
    found = {
        match[1]: path for path in archive.path("finra/otc_weekly").glob("*.json") if (match := _WEEK.match(path.name))
    }
    mondays = sorted((day for text, path in found.items() if (day := _day(text, path)) < next_session), reverse=True)
    return mondays[: count + WEEKS_NOT_PUBLISHED]


def _day(text: str, path: Path) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{path}: {text} is no day; expected the Monday of a week, as 2025-11-17.json. Rename it, or move it out "
            "of the archive"
        ) from None


def otc_weekly_answers(archive: Archive, session: date, count: int = 1) -> list[Path]:
    """Every answer that a session's weekly tables are built from."""
    mondays = otc_weekly_mondays(archive, session, count)
    return [path for monday in mondays for path in archive.answers(otc_weekly(monday))]


def universe(scan: str, session: date) -> str:
    return f"universe/{scan}/{session}.csv"


def ticks(kind: str, session: date, symbol: str) -> str:
    """`kind`: polygon/trades, polygon/quotes, polygon/minute_bars or yahoo/minute_bars; `symbol` in its spelling."""
    return f"{kind}/{session}/{file_name(symbol)}.parquet"


def volume_answers(archive: Archive, session: date, window: Sequence[date], prefixes: Sequence[str]) -> list[Path]:
    """Every answer that the volume tables of a session are built from."""
    return [path for name in volume_names(session, window, prefixes) for path in archive.answers(name)]


def tick_files(archive: Archive, session: date, ticker: str, source: str) -> dict[str, Path]:
    """The ticker's newest answer of each kind that `lit.source` allows, by kind.

    None of a kind whose newest answer is damaged: an older one may be of a part of the day.
    """
    return {
        kind: newest
        for kind, name in tick_names(session, ticker, source).items()
        if (newest := archive.newest(name)) is not None
    }


def tick_names(session: date, ticker: str, source: str) -> dict[str, str]:
    """First names of the ticker's answers, by kind; none of a kind whose vendor has no spelling of it that is known."""
    spell = {"polygon": symbols.to_polygon, "yahoo": symbols.to_yahoo}
    spelled = {kind: spell[kind.split("/", 1)[0]](ticker) for kind in TICK_KINDS[source]}
    return {kind: ticks(kind, session, symbol) for kind, symbol in spelled.items() if symbol}


def is_damaged(archive: Archive, names: Iterable[str]) -> bool:
    """Whether an answer of one of these names is damaged."""
    return any(archive.damaged(name) for name in names)


def volume_names(session: date, window: Sequence[date], prefixes: Sequence[str]) -> list[str]:
    """First names of all that the volume tables of a session are built from."""
    names = [regsho(prefix, day) for prefix, day in regsho_names(prefixes, window).values()]
    return [*names, yahoo_daily(session), yahoo_splits(session)]


def damaged_ticks(archive: Archive, session: date, ticker: str, source: str) -> list[str]:
    """What is wrong with the ticker's answers that are damaged, of the kinds that `lit.source` allows."""
    return [why for name in tick_names(session, ticker, source).values() for why in archive.damaged(name).values()]


def has_ticks(archive: Archive, session: date) -> bool:
    """Whether the archive holds trades or minute bars of the session, of any ticker."""
    kinds = ("polygon/trades", *BARS)
    return any(any(archive.path(kind, str(session)).glob("*.parquet")) for kind in kinds)
