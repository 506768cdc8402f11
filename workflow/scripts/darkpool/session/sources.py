"""The state of each source for a session, from its receipt or, where nothing is asked, from what the archive holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from .. import listing
from ..archive import integrity, layout, open_requests
from ..archive.receipts import Entry
from ..archive.store import Archive
from ..archive.ticker_states import day_state
from ..states import FINAL_STATES, State
from ..tables.facts import Source

if TYPE_CHECKING:
    from ..vendors.finra.regsho import RegshoError

OFFLINE = "and offline is set"


class NotFinal(RuntimeError):
    """A source's answer for the session is still to come or has failed."""


def _source(name: str, state: State, reason: str | None, retrieved_at: str | None, detail: str) -> Source:
    return {"source": name, "state": state, "reason": reason, "retrieved_at": retrieved_at, "detail": detail}


def _newest(entries: Iterable[Entry]) -> str | None:
    """When the newest answer came; None where none says it."""
    return max((moment for entry in entries if (moment := entry.get("retrieved_at"))), default=None)


def _damage(archive: Archive, relative: str, offline: bool) -> list[str]:
    """What is wrong with the answers of one name: those that are damaged, and those that were and lie aside."""
    lost = [entry for entry in archive.lost(relative).values() if entry.get("state") == integrity.DAMAGED]
    here = [f"{why}, {OFFLINE}" if offline else why for why in archive.damaged(relative).values()]
    return [*here, *(reason for entry in lost if (reason := entry.get("reason")))]


def finra(
    archive: Archive, session: date, prefixes: Sequence[str], offline: bool, damage: RegshoError | None
) -> Source:
    """FINRA's file of the session itself."""
    receipt = archive.receipt("finra", session) or {}
    names = layout.regsho_names(prefixes, [session])
    entries: dict[str, Entry | None] = {name: receipt.get("files", {}).get(name) for name in names}
    there = {name: archive.answers(layout.regsho(*of)) for name, of in names.items()}
    detail = ", ".join(entries)
    moments = [moment for entry in entries.values() if entry and (moment := entry.get("retrieved_at"))]
    retrieved_at = max(moments) if moments and len(moments) == len(entries) else None
    broken = [why for of in names.values() for why in _damage(archive, layout.regsho(*of), offline)]
    if broken:
        return _source("FINRA", integrity.DAMAGED, broken[0], retrieved_at, detail)
    if damage:
        return _source("FINRA", damage.state, str(damage), retrieved_at, detail)
    if all(there.values()):
        return _source("FINRA", "published", None, retrieved_at, detail)
    missing = ", ".join(name for name, answers in there.items() if not answers)
    if offline:
        return _source("FINRA", "absent", f"{missing} is not in the archive, {OFFLINE}", None, detail)
    failing = [entry for entry in entries.values() if entry and entry["state"] != "published"]
    if not failing:
        return _source("FINRA", "absent", f"{missing} was never asked for", None, detail)
    worst = next((entry for entry in failing if entry["state"] not in FINAL_STATES), failing[0])
    return _source("FINRA", worst["state"], worst["reason"], worst["retrieved_at"], detail)


def yahoo(
    archive: Archive,
    session: date,
    tickers: Sequence[str],
    answered: Mapping[str, bool | None],
    offline: bool,
    faults: Sequence[str],
) -> Source:
    """Yahoo's daily volume; `answered` maps tickers with a volume for the session to whether it is settled."""
    receipt = archive.receipt("yahoo", session) or {}
    of_tickers: dict[str, Entry] = receipt.get("tickers", {})
    entries = {ticker: entry for ticker, entry in of_tickers.items() if ticker in set(tickers)}
    retrieved_at = _newest(entries.values())
    missing = [ticker for ticker in tickers if ticker not in answered]
    detail = f"{len(answered)} of {len(tickers)} tickers" + (
        f"; without volume: {listing.named(missing)}" if missing else ""
    )
    broken = [
        why
        for name in (layout.yahoo_daily(session), layout.yahoo_splits(session))
        for why in _damage(archive, name, offline)
    ]
    if broken:
        return _source("Yahoo", integrity.DAMAGED, broken[0], retrieved_at, detail)
    if any(settled is False for settled in answered.values()):
        reason = "asked on the session's own New York day: the volume still changes; run again tomorrow"
        return _source("Yahoo", "unsettled", reason, retrieved_at, detail)
    if faults and not answered:
        return _source("Yahoo", "truncated", listing.named(faults, separator="; "), retrieved_at, detail)
    if offline:
        if answered:
            return _source("Yahoo", "published", None, retrieved_at, detail)
        return _source("Yahoo", "absent", f"no volume in the archive, {OFFLINE}", retrieved_at, detail)
    state = day_state(list(entries.values()))
    reasons = sorted(
        {
            f"{ticker}: {entry['reason']}"
            for ticker, entry in entries.items()
            if entry.get("reason") and entry["state"] == state
        }
    )
    told = listing.named(reasons, 3, "; ")
    return _source("Yahoo", state, told if state != "published" and told else None, retrieved_at, detail)


HOLDING = ("FINRA", "Yahoo")
"""Sources whose answer the manifest waits for."""
LIT_SOURCES = {
    "trades_quotes": "trades and quotes",
    "trades": "trades alone",
    "consolidated_bars": "minute bars",
    "none": "nothing",
}


def lit(archive: Archive, session: date, by_source: Mapping[str, int], offline: bool) -> Source:
    """Where the lit side comes from; `by_source` counts tickers by `lit_flow.source`."""
    source = _lit(archive, session, by_source, offline)
    if asked := _asked(archive, session, by_source):
        source["asked"] = asked
    return source


def _asked(archive: Archive, session: date, by_source: Mapping[str, int]) -> str:
    """Who was asked for the lit side, or gave it, where that was not Polygon; else empty."""
    receipt = archive.receipt("polygon", session) or {}
    if receipt.get("state") == "blocked" or any(by_source.get(name) for name in ("trades_quotes", "trades")):
        return ""
    of_kinds: list[Mapping[str, Entry | None]] = list(receipt.get("tickers", {}).values())
    if any(_is_polygons(kind, entry) for kinds in of_kinds for kind, entry in kinds.items() if entry):
        return ""
    if any(entry for kinds in of_kinds for entry in kinds.values()):
        return "yahoo_minute_bars"
    if not by_source.get("consolidated_bars"):
        return "lit"
    return "" if archive.root.joinpath(layout.BARS[0], str(session)).is_dir() else "yahoo_minute_bars"


def _is_polygons(kind: str, entry: Entry) -> bool:
    """Whether Polygon was asked: for ticks it alone is, for bars it is where there is a key."""
    where = f"{entry.get('file') or ''} {entry.get('address') or ''}"
    return kind != "minute_bars" or layout.BARS[0] in where or "/v2/aggs/" in where


def _lit(archive: Archive, session: date, by_source: Mapping[str, int], offline: bool) -> Source:
    receipt = archive.receipt("polygon", session) or {}
    told = [f"{words} for {by_source[name]}" for name, words in LIT_SOURCES.items() if by_source.get(name)]
    detail = f"{', '.join(told) or 'nothing'} of {sum(by_source.values())} tickers"
    entries: list[Entry] = [one for kinds in receipt.get("tickers", {}).values() for one in kinds.values() if one]
    retrieved_at = _newest(entries)
    there = any(count for name, count in by_source.items() if name != "none")
    if receipt.get("state") == "blocked":
        return _source("Polygon", "blocked", receipt.get("reason"), retrieved_at, detail)
    # What the plan does not hold is an answer, and the next best source stands in for it.
    failing = [entry for entry in entries if entry["state"] not in FINAL_STATES and not open_requests.is_refused(entry)]
    broken = [
        why for told_of in receipt.get("tickers", {}) for why in layout.damaged_ticks(archive, session, told_of, "auto")
    ]
    if broken:
        reason = f"{broken[0]}, {OFFLINE}" if offline else broken[0]
        return _source("Polygon", integrity.DAMAGED, reason, retrieved_at, detail)
    if failing and not offline:
        return _source("Polygon", failing[0]["state"], failing[0].get("reason"), retrieved_at, detail)
    return _source("Polygon", "published" if there else "absent", receipt.get("reason"), retrieved_at, detail)


def weekly(archive: Archive, session: date, table: pl.DataFrame, offline: bool) -> list[Source]:
    """FINRA's weekly data, as old as it is; none at all where nobody asked and nothing is there."""
    receipt = archive.receipt("finra_weekly", session)
    if receipt is None and not table.height:
        return []
    entries = list(open_requests.weekly_entries(archive, session).values())
    retrieved_at = _newest(entries)
    told = [
        f"{tier} week of {monday}, {(session - monday).days // 7} weeks old, for {count}"
        for tier, monday, count in table.group_by("tier", "week_start_date")
        .len()
        .sort("tier", "week_start_date")
        .iter_rows()
    ]
    detail = ("; ".join(told) or "no week") + " tickers"
    oldest = min(table["week_start_date"].to_list(), default=date.min)
    mondays = [day for day in layout.otc_weekly_mondays(archive, session, 1) if day >= oldest]
    broken = [why for day in mondays for why in _damage(archive, layout.otc_weekly(day), offline)]
    if broken:
        return [_source("FINRA weekly", integrity.DAMAGED, broken[0], retrieved_at, detail)]
    open_ones = [entry for entry in entries if entry["state"] not in FINAL_STATES]
    if open_ones and not offline:
        return [_source("FINRA weekly", open_ones[0]["state"], open_ones[0]["reason"], retrieved_at, detail)]
    return [_source("FINRA weekly", "published" if table.height else "absent", None, retrieved_at, detail)]


def holds_up(source: Source, mode: str) -> bool:
    """Whether the manifest waits for this source in this mode.

    FINRA's and Yahoo's answers of the session must be final. The lit side holds nothing up unless a vendor refuses the
    key: that is for its owner to mend. FINRA's weeks hold up the mode whose numbers they are, and only while FINRA
    fails: a tier that is late shows the week before.
    """
    name, state = source["source"], source["state"]
    if name in HOLDING:
        return state not in FINAL_STATES
    if name == "Polygon":
        return bool(state == "blocked")
    return name == "FINRA weekly" and mode == "weekly" and state in ("outage", "blocked", "truncated", "damaged")


def is_for_its_owner(source: Source) -> bool:
    """Whether no asking again mends it: a vendor that refuses, a damaged file that nobody is asked for."""
    is_hopeless = source["state"] == integrity.DAMAGED and (source["reason"] or "").endswith(OFFLINE)
    return is_hopeless or bool(source["state"] == "blocked")


def described(source: Source) -> str:
    """State and reason, as a sentence says them."""
    return f"{source['source']} is {source['state']}" + (f" ({source['reason']})" if source["reason"] else "")


def require_final(sources: Sequence[Source], session: date, mode: str) -> None:
    """Raise NotFinal, naming source and state, while an answer that the manifest waits for is not final."""
    open_ones = [source for source in sources if holds_up(source, mode)]
    if open_ones:
        told = "; ".join(map(described, open_ones))
        raise NotFinal(
            f"session {session} is not complete: {told}. Tables, page and plots are there and say so; "
            "the manifest `all` is written once the answers are final: run the same command again later"
        )


def sentence(sources: Sequence[Source]) -> str:
    """The states as a log says them, one line."""
    return ", ".join(
        f"{source['source']} {source['state']}" + (f" ({source['reason']})" if source["reason"] else "")
        for source in sources
    )
