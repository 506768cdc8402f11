"""A day's flat file into the archive: the wanted tickers' files as pages would have made them, and the receipt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, datetime
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa

from ... import clock
from ...archive.receipts import Entry
from ...archive.store import Archive
from ...market import symbols
from ...settings import Flat
from ..entries import new_entry, of_file
from ..failure import Failure
from . import flat_store, spool, tick_files
from .flat_file import FlatFile, FlatFileError
from .tick_entries import Entries, beside, by_kind, plan_of, repeated
from .tick_files import TIMES, TickFile

WRITERS = 2
"""Files that are sorted and written at a time: each takes memory by its largest span."""


class Answered(NamedTuple):
    """Where a file came from, as a receipt says it, and when (aware)."""

    address: str
    retrieved_at: datetime
    status: int | None = None
    etag: str | None = None


def keep(archive: Archive, file: FlatFile, tickers: Iterable[str], answered: Answered) -> dict[str, Entry]:
    """Keep the rows of `tickers` (our spelling) in the archive's files; their entries, by ticker.

    Nothing is kept before the file has been read to its end. A ticker of whom the file has no row is absent. Whoever
    calls holds the archive's lock of "polygon". Raises FlatFileError, and OSError where files cannot be written.
    """
    kind, told = file.header.kind, answered._asdict()
    spelled = {symbol: ticker for ticker in tickers if (symbol := symbols.to_polygon(ticker))}
    with ExitStack() as stack:
        pages: dict[str, spool.Spool] = {}
        found: dict[str, Entry] = {}
        for symbol, rows in file.rows(spelled):
            if symbol not in pages:
                own = TickFile(f"polygon/{kind}", file.session, symbol)
                pages[symbol] = stack.enter_context(own.spool(archive, TIMES[kind], "sequence_number"))
            pages[symbol].add(rows)

        def kept(symbol: str) -> Entry:
            own = TickFile(f"polygon/{kind}", file.session, symbol)
            try:
                path = own.keep(archive, pages[symbol], answered.retrieved_at)
            except (spool.Misfit, pl.exceptions.PolarsError, pa.ArrowException) as error:
                raise FlatFileError(f"{file.name}, {symbol}: its rows do not fit together ({error})") from None
            repeats = pages[symbol].repeats
            named = of_file(archive, path, pages[symbol].rows - repeats)
            return new_entry("published", repeated(repeats), **named, **told)

        with ThreadPoolExecutor(WRITERS) as pool:
            written = dict(zip(pages, pool.map(kept, pages), strict=True))
        for symbol, ticker in spelled.items():
            nothing = new_entry("absent", f"{file.name} has no {kind} of {symbol}", **told)
            found[ticker] = written.get(symbol, nothing)
    return found


def fetch(
    archive: Archive, session: date, kind: str, tickers: Sequence[str], flat: Flat
) -> tuple[dict[str, Entry], str]:
    """The session's flat file from the store `flat`, for `tickers`: their entries, and what came of it in words.

    Whatever fails is a state of every ticker's entry. Raises OSError where files cannot be written.
    """
    try:
        with flat_store.FlatStore(flat).open(kind, session) as opened:
            file = FlatFile(opened.stream, f"{session}.csv.gz", flat_store.PATIENCE)
            if (file.header.kind, file.session) != (kind, session):
                what = f"asked for {kind} of {session}, answered with {file.header.kind} of {file.session}"
                raise Failure("outage", what, 200, opened.address)
            found = keep(archive, file, tickers, Answered(opened.address, clock.now(), 200, opened.etag))
        return found, summary(found)
    except Failure as failure:
        entry = new_entry(failure.state, failure.reason, address=failure.address, status=failure.status)
    except ValueError as error:
        entry = new_entry("blocked", str(error))
    return dict.fromkeys(tickers, entry), f"{entry['state']}: {entry['reason']}"


def receipt(archive: Archive, file: FlatFile, found: dict[str, Entry]) -> dict[str, Any]:
    """The session's receipt of ticks with what was `found`; what it said of other tickers and kinds stays.

    An entry that names a file is not replaced by one that names none.
    """
    before = archive.receipt("polygon", file.session) or {}
    entries: dict[str, Entries] = {ticker: by_kind(kinds) for ticker, kinds in before.get("tickers", {}).items()}
    for ticker, entry in found.items():
        kinds = entries.setdefault(ticker, by_kind({}))
        known = kinds[file.header.kind]
        if entry["file"] or not (known and known["file"]):
            kinds[file.header.kind] = beside(known, entry)
    plan = plan_of(entries.values())
    head = {"source": "polygon", "session": str(file.session), "state": "published", "reason": None, "plan": plan}
    files = tick_files.footers(archive, before.get("files", {}), entries.values())
    return {**head, "tickers": entries, "files": files}


def summary(found: dict[str, Entry]) -> str:
    """What came of a file, in a line."""
    kept = [entry for entry in found.values() if entry["file"]]
    rows = sum(entry["rows"] or 0 for entry in kept)
    return f"{rows:,} rows of {len(kept)} tickers kept, {len(found) - len(kept)} tickers without a row"
