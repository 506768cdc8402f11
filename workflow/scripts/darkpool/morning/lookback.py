"""Looking back: vendors are asked again for the last finished sessions, and what they corrected is kept beside.

Nothing that is there is ever replaced: a correction lies beside the answer it corrects, and an answer that is worse
than the one at hand (none, a refusal, a damaged body, a volume gone to zero) is said on stderr and changes nothing.
Receipts change only where an answer did, so that what is rebuilt is what depends on it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from .. import clock, listing, settings
from ..archive import integrity, layout, open_requests
from ..archive.receipts import Entry
from ..archive.store import Archive
from ..files import sha256
from ..market import finra_files, sessions, splits, symbols
from ..measures import volume
from ..session import universe
from ..vendors import http
from ..vendors.finra import client as finra
from ..vendors.finra import daily_fetch, regsho, weekly_fetch
from ..vendors.yahoo import bars_fetch, consolidated, daily_files
from ..vendors.yahoo import client as yahoo
from ..vendors.yahoo.chart import DailyAnswer

ATTEMPTS = 2
"""Per file of FINRA's: what fails this morning is asked for again the next."""
ROUNDS = 1
LEAST_OF_A_BASIS = 3
"""Sessions in a row from the first on whose volumes all change by one factor: that is a split, not a correction."""
SAME_FACTOR = 1e-3


def recheck(
    archive: Archive,
    scan: str,
    days: Sequence[date],
    *,
    prefixes: Sequence[str],
    window: int,
    following: date | None = None,
) -> list[date]:
    """Ask FINRA and Yahoo again for the finished sessions `days` (ascending); what differs in value is kept beside.

    FINRA's own file of each day is asked for by its ETag, Yahoo once per ticker of the universe kept for the days.
    What Yahoo's answers say of `following`, a later session not asked for yet, is kept for it: one question a morning.
    Returns the days to be built again: those whose own answer changed, and the later ones of `days`, since a change
    lies in their windows (`window` earlier sessions). A vendor's failure is told on stderr and is no error.
    Simulated vendors are never asked.
    """
    if scan == settings.DEMO or not days:
        return []
    today = clock.now().astimezone(sessions.NEW_YORK).date()
    # An archive remembers the listings of its folders: those read before the lock may be of before another run.
    with archive.sole_asker("finra"):
        corrected = _finra(Archive(archive.root), days, prefixes)
    with archive.sole_asker("yahoo"):
        past = [day for day in days if day < today]
        ahead = following if following and following < today else None
        changed = _yahoo(Archive(archive.root), scan, past, window, ahead)
    if corrected:
        changed |= {day for day in days if min(corrected) in sessions.window(day, window)}
    return sorted(changed)


def recheck_weeks(archive: Archive, days: Sequence[date], *, weeks: int = 1, auth: str = finra.AUTO) -> list[date]:
    """Ask FINRA again for the `weeks` newest weeks per tier that the finished sessions `days` see, for restatements.

    What differs is kept beside; returns the days that see a changed week. Failures are told on stderr.
    """
    seen = {day: set(open_requests.weeks(day, weeks)) for day in days}
    if not seen:
        return []
    with archive.sole_asker("finra_weekly"):
        archive = Archive(archive.root)
        changed = weekly_fetch.ask_again(archive, sorted(set().union(*seen.values()), reverse=True), auth)
        found = [day for day in days if seen[day] & changed.keys()]
        for day in found:
            known = open_requests.weekly_entries(archive, day)
            fresh = {week: entry for week, entry in changed.items() if week in known}
            if fresh:
                archive.write_receipt("finra_weekly", day, weekly_fetch.receipt(day, known | fresh))
    return found


def _say(line: str) -> None:
    print(f"look-back: {line}", file=sys.stderr, flush=True)


def _finra(archive: Archive, days: Sequence[date], prefixes: Sequence[str]) -> set[date]:
    """Days whose own file FINRA has changed in value; their receipts, and those of the later days, say so."""
    corrected: set[date] = set()
    failures = 0
    with http.Client(pause=finra.pause(), attempts=ATTEMPTS) as client:
        for day in reversed(days):
            for prefix in finra_files.of_day(prefixes, day):
                if failures >= daily_fetch.GIVE_UP_AFTER:
                    _say(f"FINRA is not asked for {day} and earlier: it failed {failures} times in a row")
                    return corrected
                failed, entry = _ask_finra(archive, prefix, day, client)
                failures = failures + 1 if failed else 0
                if entry:
                    corrected.add(day)
                    _tell_receipts(archive, days, prefixes, layout.regsho_name(prefix, day), entry)
    return corrected


def _ask_finra(archive: Archive, prefix: str, day: date, client: http.Client) -> tuple[bool, Entry | None]:
    """Whether FINRA failed, and the entry of its file where that differs in value from the newest kept."""
    name, relative = layout.regsho_name(prefix, day), layout.regsho(prefix, day)
    lost = archive.set_aside(relative, clock.now())
    if lost:
        return _ask_for_lost(archive, prefix, day, client, lost)
    kept = archive.answers(relative)
    known = (archive.receipt("finra", day) or {"files": {}})["files"].get(name)
    is_newest = kept and known and known["file"] == archive.relative(kept[-1]) and known["sha256"] == sha256(kept[-1])
    headers = {"If-None-Match": known["etag"]} if is_newest and known["etag"] else {}
    try:
        answer = client.get(finra.FILES_ADDRESS + name, headers=headers)
    except http.Outage as outage:
        _say(f"FINRA, {name}: {outage.reason}; what is there stands")
        return True, None
    if answer.status == 304 or (answer.status == 200 and kept and kept[-1].read_bytes() == answer.body):
        return False, None
    if answer.status == 200 and kept and _same_file(kept[-1].read_bytes(), answer.body, name, day):
        return False, None
    entry = daily_fetch.take(archive, prefix, day, answer)
    if not entry["file"]:
        _say(f"FINRA, {name}: {entry['state']}, {entry['reason']}; what is there stands")
        return entry["state"] in ("outage", "blocked"), None
    _say(f"FINRA, {name}: corrected since, kept as {entry['file']}")
    return False, entry


def _ask_for_lost(
    archive: Archive, prefix: str, day: date, client: http.Client, lost: Entry
) -> tuple[bool, Entry | None]:
    """As `_ask_finra`, for a file that was damaged: with the bytes it had, nothing has changed."""
    entry = daily_fetch.ask(archive, prefix, day, client, lost)
    if entry["state"] == integrity.DAMAGED:
        _say(f"FINRA: {entry['reason']}")
        return True, None
    archive.change_entries(str(lost["file"]), lambda _: entry)
    _say(f"FINRA, {layout.regsho_name(prefix, day)}: whole again in {entry['file']}")
    return False, entry if entry.get("replaces") else None


def _same_file(older: bytes, newer: bytes, name: str, day: date) -> bool:
    """Whether two files say the same of every symbol, whatever their order and line ends."""
    try:
        first, second = (regsho.parse(content, name, day) for content in (older, newer))
    except regsho.RegshoError:
        return False
    refused = [{row.symbol for row in file.odd} for file in (first, second)]
    return first.frame.sort("symbol").equals(second.frame.sort("symbol")) and refused[0] == refused[1]


def _tell_receipts(archive: Archive, days: Sequence[date], prefixes: Sequence[str], name: str, entry: Entry) -> None:
    """Put the entry into the receipts of the `days` that have the file in their window."""
    for day in days:
        receipt = archive.receipt("finra", day)
        own = set(layout.regsho_names(prefixes, [day]))
        if receipt and name in receipt["files"] and own <= receipt["files"].keys():
            archive.write_receipt("finra", day, daily_fetch.receipt(day, prefixes, {**receipt["files"], name: entry}))


class _Kept(NamedTuple):
    """What the archive holds of a session: its window, the universe in Yahoo's spelling, bars and splits by ticker."""

    window: list[date]
    spelling: dict[str, str]
    bars: dict[str, pl.DataFrame]
    events: dict[str, pl.DataFrame]


def _yahoo(archive: Archive, scan: str, days: Sequence[date], window: int, following: date | None) -> set[date]:
    """Days of whose window Yahoo has changed a volume as traded."""
    kept = {day: found for day in days if (found := _kept(archive, scan, day, window))}
    tickers = {ticker: symbol for found in kept.values() for ticker, symbol in found.spelling.items()}
    if not tickers:
        return set()
    by_symbol = {symbol: ticker for ticker, symbol in sorted(tickers.items())}
    start, last = min(found.window[0] for found in kept.values()), following or max(kept)
    answers = yahoo.fetch_daily(list(by_symbol), start, last, last, progress=_say, rounds=ROUNDS)
    failed = [f"{by_symbol[symbol]} {answer.reason}" for symbol, answer in answers.items() if not answer.bars.height]
    if failed:
        _say(f"Yahoo, no answer for {len(failed)} of {len(answers)} tickers ({failed[0]}); what is there stands")
    if following:
        told = {ticker: answers[symbol] for ticker, symbol in tickers.items()}
        bars_fetch.take_ahead(archive, following, sessions.window(following, window), told)
    changed = set()
    for day, found in kept.items():
        fresh = {}
        for ticker, symbol in found.spelling.items():
            answer = bars_fetch.cut(answers[symbol], found.window)
            if answer.state == "published" and _is_news(ticker, day, answer, found):
                fresh[ticker] = answer
        if fresh:
            _keep(archive, day, fresh)
            changed.add(day)
            _say(f"Yahoo, {day}: corrected since, kept beside: {listing.named(sorted(fresh))}")
    return changed


def _kept(archive: Archive, scan: str, day: date, window: int) -> _Kept | None:
    try:
        tickers = [member.ticker for member in universe.read_kept(archive, scan, day)]
    except universe.UniverseError as error:
        _say(f"Yahoo is not asked again for {day}: {error}")
        return None
    spelling = {ticker: symbol for ticker in tickers if (symbol := symbols.to_yahoo(ticker))}
    days = sessions.window(day, window)
    stored = consolidated.read(archive, day, spelling, days)
    return _Kept(days, spelling, _by_ticker(stored.bars), _by_ticker(stored.splits))


def _by_ticker(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {str(ticker): part for (ticker,), part in frame.group_by("ticker")}


def _is_news(ticker: str, day: date, answer: DailyAnswer, kept: _Kept) -> bool:
    """Whether the answer adds or changes a volume as traded, or a split of the window, and is no worse answer.

    A split since the session changes every volume that Yahoo gives and none as traded: that is no news.
    """
    older = kept.bars.get(ticker)
    if older is None:
        return True
    bars = answer.bars.select(pl.lit(ticker).alias("ticker"), "date", "volume")
    named = splits.judged(list(answer.splits.select("ex_date", "ratio").iter_rows()))
    events = consolidated.split_frame({ticker: named})
    newer = volume.as_traded(bars, events).filter(pl.col("date") >= older["date"].min())
    older = older.select(
        "date",
        pl.col("volume").alias("older_given"),
        pl.col("regular_volume").alias("older_volume"),
        pl.col("split_factor").alias("older_factor"),
    )
    both = newer.join(older, on="date").sort("date")
    if both.filter((pl.col("regular_volume") == 0) & (pl.col("older_volume") > 0)).height:
        _say(f"Yahoo, {ticker}, window of {day}: a volume is 0 now that was more; what is there stands")
        return False
    if both.filter(pl.col("split_factor").is_null() & pl.col("older_factor").is_not_null()).height:
        doubts = "; ".join(f"the split on {split.ex_date}: {split.doubt}" for split in named if split.doubt)
        _say(f"Yahoo, {ticker}, window of {day}: {doubts}; what is there stands")
        return False
    columns = [pl.col(name) for name in ("regular_volume", "split_factor", "older_volume", "older_factor")]
    both = both.with_columns(consolidated.differs(*columns).alias("differs"))
    if is_another_basis(both.drop_nulls("differs")):
        _say(
            f"Yahoo, {ticker}, window of {day}: volumes changed by one factor that no split explains; "
            "what is there stands"
        )
        return False
    # What was not known may be now: where Yahoo gives another volume, or one split where it had named no possible one.
    was_unknown = pl.col("older_volume").is_null() & pl.col("regular_volume").is_not_null()
    is_known_now = both.filter(was_unknown & (pl.col("volume") != pl.col("older_given"))).height > 0
    before = kept.events.get(ticker, events.clear())
    impossible = set(before.filter(pl.col("ratio").is_null() & pl.col("named").is_null())["ex_date"])
    cleared = {split.ex_date for split in named if split.ratio} & impossible
    new_splits = _of_window(events, day) - _of_window(before, day)
    return newer.height > both.height or bool(both["differs"].any()) or is_known_now or bool(cleared | new_splits)


def _of_window(events: pl.DataFrame, day: date) -> set[tuple[date, float | None]]:
    found = events.filter(pl.col("ex_date") <= day)
    return set(found.select("ex_date", "named").iter_rows())


def is_another_basis(pairs: pl.DataFrame) -> bool:
    """Whether volumes differ because one of two answers is adjusted for a split that it does not name, or the reverse.

    `pairs`, sorted by date: regular_volume, split_factor, older_volume, older_factor, differs. Yahoo has been seen to
    name a split hours before it adjusts its volumes. Then the rows before the split, and they alone, change by one
    factor. Where that is the factor of splits that both answers name, it is the older one that was not adjusted yet.
    """
    changed = pairs["differs"].to_list()
    count = sum(changed)
    if count < LEAST_OF_A_BASIS or not all(changed[:count]):
        return False
    first = pairs.head(count).filter(pl.col("older_volume") > 0)
    factors = (first["regular_volume"] / first["older_volume"]).to_list()
    if not factors or max(factors) > min(factors) * (1 + SAME_FACTOR) or abs(factors[0] - 1) < SAME_FACTOR:
        return False
    healed = first.filter(
        (pl.col("split_factor") == pl.col("older_factor"))
        & ((pl.col("regular_volume") / pl.col("older_volume") / pl.col("split_factor") - 1).abs() < SAME_FACTOR)
    )
    return healed.height < first.height


def _keep(archive: Archive, day: date, answers: Mapping[str, DailyAnswer]) -> None:
    bars_fetch.set_aside(archive, day)
    receipt = archive.receipt("yahoo", day) or {"tickers": {}}
    lost = {t: e for t in answers if (e := receipt["tickers"].get(t)) and e["state"] == integrity.DAMAGED}
    path = daily_files.write(archive, day, answers.values(), repeat=True, lost=lost.values())
    if not receipt["tickers"]:
        return
    fresh = {t: integrity.settle(lost.get(t), bars_fetch.entry_of(archive, a, path)) for t, a in answers.items()}
    entries = {**receipt["tickers"], **fresh}
    files = bars_fetch.files_of(archive, day, entries)
    archive.write_receipt("yahoo", day, bars_fetch.receipt(day, entries, list(entries), files))
