"""What still has to be asked for a session, read from its receipts: the fetch rules run again only for that."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from .. import credentials
from ..market import sessions
from ..states import FINAL_STATES
from . import layout
from .receipts import Entry
from .store import FIRST, Archive, retrieved

GRACE = 5
"""Sessions after its own during which a vendor may still be late."""
NOT_IN_PLAN = "not in the plan"
"""How the reason of a blocked entry begins that no asking again will change."""
UPGRADE = "; after an upgrade delete this receipt"
"""How it ends."""
NO_KEY = "no key"
"""How the reason of an absent entry begins that a key may change."""

WEEKLY_LAGS = {"T1": 21, "T2": 35, "OTC": 35}
"""Days from the Monday of a week to FINRA's publication of its rows, by tier."""


def finra(archive: Archive, session: date, files: Iterable[str]) -> list[str]:
    """Files of the window whose state is not final, and those that the archive has lost since."""
    receipt = archive.receipt("finra", session)
    if receipt is None:
        return list(files)
    entries = receipt["files"]
    return [
        name
        for name in files
        if _is_due(archive, entries.get(name))
        or archive.damaged(f"finra/regsho/{name}")
        or _is_superseded(archive, name, entries[name])
    ]


def yahoo(archive: Archive, session: date, tickers: Sequence[str]) -> list[str]:
    """Tickers that no answer has and whose state is not final, or whose volume was not settled."""
    receipt = archive.receipt("yahoo", session)
    if receipt is None:
        return list(tickers)
    entries = receipt["tickers"]
    lost = unadjusted(archive, session)
    return [
        ticker
        for ticker in tickers
        if _is_due(archive, entry := entries.get(ticker)) or (entry is not None and entry["file"] in lost)
    ]


def unadjusted(archive: Archive, session: date) -> set[str]:
    """Yahoo's answers for the session whose splits are lost or damaged since, relative to the archive.

    A volume is worth nothing without the splits it was adjusted for.
    """
    splits, broken = archive.answers(layout.yahoo_splits(session)), broken_splits(archive, session)
    return {
        archive.relative(path)
        for path in archive.answers(layout.yahoo_daily(session))
        if not splits or any((retrieved(path) or FIRST) <= moment for moment in broken)
    }


def broken_splits(archive: Archive, session: date) -> list[datetime]:
    """Moments of Yahoo's splits for the session that are not there, or not whole any more."""
    name = layout.yahoo_splits(session)
    whole = {archive.relative(path) for path in archive.answers(name) if _is_whole_parquet(path)}
    kept = [archive.relative(path) for path in [*archive.answers(name), *archive.damaged(name)]]
    return [retrieved(Path(file)) or FIRST for file in {*kept, *archive.receipted(name)} - whole]


def _is_whole_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        begins = file.read(4)
        file.seek(max(0, path.stat().st_size - 4))
        return begins == file.read(4) == b"PAR1"


def ticks(archive: Archive, session: date, tickers: Sequence[str], source: str) -> list[str]:
    """Tickers of which Polygon, or Yahoo where there is no key, is still to be asked for something."""
    if not layout.TICK_KINDS[source]:
        return []
    receipt = archive.receipt("polygon", session)
    if receipt is None:
        return list(tickers)
    by_key, by_store = has_key(source), takes_flat(source)
    entries = receipt["tickers"]

    def is_open(of_ticker: Mapping[str, Entry | None]) -> bool:
        return bool(next_ticks(archive, of_ticker, source, by_key) or (by_store and next_flat(archive, of_ticker)))

    return [ticker for ticker in tickers if is_open(entries.get(ticker) or {})]


def next_flat(archive: Archive, entries: Mapping[str, Entry | None]) -> str | None:
    """What the store of flat files is to be asked for next of one ticker: trades, quotes or None.

    What a plan refuses by page may be in its files, so that such an entry is open here.
    """
    return next_ticks(archive, {name: None if is_refused(e) else e for name, e in entries.items()}, "flat", True)


def has_key(source: str) -> bool:
    """Whether Polygon's pages may be asked for by a value of `lit.source`."""
    return source != "flat" and credentials.which(credentials.POLYGON) is not None


def takes_flat(source: str) -> bool:
    """Whether the store of flat files is asked: where it is chosen, and by `auto` where its keys are set."""
    keys = (credentials.S3_ID, credentials.S3_SECRET)
    return source in ("flat", "auto") and all(credentials.which(names) is not None for names in keys)


def grouped(archive: Archive, session: date) -> bool:
    """Whether Polygon is still to be asked for the prices of every name of the session."""
    relative = layout.polygon_grouped(session)
    receipt = archive.receipt("polygon_grouped", session) or {"files": {}}
    entry = receipt["files"].get(relative)
    return bool(archive.damaged(relative)) or (not is_refused(entry) and _is_due(archive, entry))


def next_ticks(
    archive: Archive, entries: Mapping[str, Entry | None], source: str, with_key: bool, asked: Container[str] = ()
) -> str | None:
    """What to ask for next of one ticker: trades, quotes, minute_bars, or None when nothing is left.

    `entries` are the ticker's by these names; `asked` is what this run has asked for already.
    """

    def is_open(name: str) -> bool:
        entry = entries.get(name)
        if name in asked or is_refused(entry):
            return False
        return _is_due(archive, entry) or (with_key and _lacked_key(entry))

    kinds = layout.TICK_KINDS[source]
    if layout.TICKS[0] in kinds:
        if with_key and is_open("trades"):
            return "trades"
        trades = entries.get("trades")
        if trades and not is_refused(trades) and (with_key or trades["state"] in FINAL_STATES):
            return "quotes" if with_key and trades["file"] and is_open("quotes") else None
    return "minute_bars" if layout.BARS[0] in kinds and is_open("minute_bars") else None


def is_refused(entry: Entry | None) -> bool:
    """Whether the vendor said that the plan does not hold it."""
    return bool(entry and entry["state"] == "blocked" and (entry["reason"] or "").startswith(NOT_IN_PLAN))


def _lacked_key(entry: Entry | None) -> bool:
    return bool(entry and (entry["reason"] or "").startswith(NO_KEY))


def weeks(session: date, count: int) -> list[tuple[date, str]]:
    """Monday and tier of the weeks in which the `count` newest that the session sees lie, per tier, newest first.

    By the tier's lag, and one week more: a publication on a holiday Monday comes on Tuesday, and the session then still
    sees the week before.
    """
    if count < 1:
        return []
    last = sessions.following(session) - timedelta(days=1)
    newest = {tier: last - timedelta(days=lag) for tier, lag in WEEKLY_LAGS.items()}
    found = [
        (day - timedelta(days=day.weekday() + 7 * back), tier)
        for tier, day in newest.items()
        for back in range(count + 1)
    ]
    return sorted(found, key=lambda week: week[0], reverse=True)


def weekly(archive: Archive, session: date, count: int, late: bool = False) -> list[tuple[date, str]]:
    """Monday and tier of those of the session's `weeks` whose state is not final, or whose file is gone or damaged.

    `late` is for a session whose morning is over: what FINRA failed to tell then is due, and what had not come is not,
    since the session could not see it.
    """
    entries = weekly_entries(archive, session)
    wanted = weeks(session, count)
    if late:
        wanted = [week for week in wanted if week in entries and entries[week]["state"] != "not_yet"]
    return [week for week in wanted if _is_due(archive, entries.get(week))]


def weekly_entries(archive: Archive, session: date) -> dict[tuple[date, str], Entry]:
    """What the weekly receipt of a session says, by Monday and tier; empty when nothing was ever asked."""
    told = (archive.receipt("finra_weekly", session) or {"weeks": {}})["weeks"]
    return {(date.fromisoformat(monday), tier): entry for monday in told for tier, entry in told[monday].items()}


def _is_due(archive: Archive, entry: Entry | None) -> bool:
    if entry is None or entry["state"] not in FINAL_STATES:
        return True
    if not entry["file"]:
        return False
    path = archive.path(entry["file"])
    # Ticks are too large to be hashed every morning; a file that was cut off on disk shows at its ends.
    return not archive.is_whole(path) or (path.suffix == ".parquet" and not _is_whole_parquet(path))


def _is_superseded(archive: Archive, name: str, entry: Entry) -> bool:
    """Whether somebody put an answer of FINRA's there that the receipt does not know: a correction, a copied file."""
    kept = archive.answers(f"finra/regsho/{name}")
    return bool(kept) and archive.relative(kept[-1]) != entry["file"]


def grace_is_over(session: date, today: date) -> bool:
    """Whether a vendor that still has nothing for `session` is taken at its word: five sessions later."""
    return len(sessions.between(session, today)) > GRACE
