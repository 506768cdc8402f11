"""History: every session's tables in one DuckDB file, derived from the folders under `results/{scan}` and rebuildable.

A load works on a copy and puts it in the store's place by rename, so that whoever reads sees all of it or nothing, and
a load that is killed leaves the store as it was. One load at a time: the others wait for the scan's lock.

A load or rebuild after which a table would lack a session that it holds is refused (`loss`), and the store stays as it
was.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from ..files import sole_holder
from ..session import files
from ..session.selection import on_disk
from ..settings import History
from . import archive_views, loss, schema, session_tables, store_tables
from .archive_views import Trades
from .session_tables import Gap, Session
from .store_tables import KEPT, RUNS

LOCK = ".history.lock"
DRAFT = ".history.loading.duckdb"
SET_ASIDE = "history.unreadable.duckdb"
"""A store that cannot be read, kept when another takes its place: sessions without a folder may be in it alone."""


class Loaded(NamedTuple):
    """What a load did: a receipt per session, why others were left out, and where a store lies that was unreadable."""

    receipts: dict[date, dict[str, Any]]
    skipped: dict[date, str]
    set_aside: tuple[Path, ...] = ()


def load(
    folder: Path, sessions: Sequence[date], archive: Path, trades: Trades = History.trades, beside: Sequence[date] = ()
) -> Loaded:
    """Replace `sessions` in the store of the scan whose results are in `folder`, and those `beside` them as they are.

    A store that is missing or damaged is first built anew from every session on disk; one of an older shape grows into
    today's and is filled from them; one that holds these very tables already stays as it is, byte for byte.
    `archive` holds the trades and FINRA weeks that the store shows. Raises HistoryError and tables.ContractError for a
    session in `sessions` that is not whole, and the store is then as it was before; one `beside` that is not is a gap.
    Raises HistoryError where the store would hold less than before, and contract.Newer for a store of a later state.
    """
    with sole_holder(folder / LOCK), _draft(folder) as draft:
        asked: dict[date, Session | Gap] = {day: session_tables.read(folder, day) for day in sessions}
        asked |= dict(session_tables.read_tolerantly(folder, [day for day in beside if day not in asked]))
        held = _held(folder / files.STORE, trades)
        if all(not isinstance(found, Session) or held.get(day) == found.inputs for day, found in asked.items()):
            receipts = {day: found.receipt() for day, found in asked.items() if isinstance(found, Session)}
            skipped = {day: str(found) for day, found in asked.items() if not isinstance(found, Session)}
            return Loaded({session: receipts[session] for session in sessions}, skipped)
        before = _held_by_copy(folder / files.STORE, draft, trades)
        with _opened(draft, trades, afresh=not before) as (con, is_today):
            again = [] if is_today else [day for day in on_disk(folder) if day not in asked]
            found = chain(session_tables.read_tolerantly(folder, again), asked.items())
            loaded = _fill(con, folder, found, archive, trades, before, must=sessions)
        loaded = _replaced(draft, folder / files.STORE, loaded, before)
    return loaded._replace(receipts={session: loaded.receipts[session] for session in sessions})


def rebuild(folder: Path, archive: Path, trades: Trades = History.trades, forget: Collection[date] = ()) -> Loaded:
    """The store from nothing: every session on disk; what cannot be loaded is left out, with the reason.

    Raises HistoryError where the store that is there holds more than that, but for the sessions to `forget`.
    """
    with sole_holder(folder / LOCK), _draft(folder) as draft:
        before = _held_by_copy(folder / files.STORE, draft, trades)
        with _opened(draft, trades, afresh=True) as (con, _):
            found = session_tables.read_tolerantly(folder, on_disk(folder))
            loaded = _fill(con, folder, found, archive, trades, before, forget=forget)
        return _replaced(draft, folder / files.STORE, loaded, before)


def is_current(folder: Path, sessions: Iterable[date], trades: Trades = History.trades) -> bool:
    """Whether a load of `sessions` would change nothing, told from hashes alone."""
    held = _held(folder / files.STORE, trades)
    try:
        return all(held.get(session) == session_tables.inputs_of(folder, session) for session in sessions)
    except (ValueError, OSError):
        return False


def _held(path: Path, trades: Trades) -> dict[date, dict[str, str]]:
    """Files whose rows the store holds, with sha256, by session; none of a store that is to be built or loaded anew.

    Ticks in a table follow the archive, of which a session's tables say nothing: they are loaded each time. A
    write-ahead log is somebody else's, so that the store may not hold what it says.
    """
    if trades == "table" or not path.is_file() or Path(f"{path}.wal").exists():
        return {}
    with suppress(duckdb.Error), duckdb.connect(path, read_only=True) as con:
        if schema.is_today(con, store_tables.shape(trades)):
            rows = con.execute(f"SELECT session, inputs FROM {RUNS}").fetchall()
            return {day: json.loads(inputs) for day, inputs in rows}
    return {}


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    """The path of the copy that is worked on; whatever a killed load left there is removed first."""
    draft = folder / DRAFT
    _discard(draft)
    try:
        yield draft
    finally:
        _discard(draft)


def _discard(draft: Path) -> None:
    for path in (draft, Path(f"{draft}.wal")):
        path.unlink(missing_ok=True)


def _held_by_copy(path: Path, draft: Path, trades: Trades) -> schema.Holdings | None:
    """What the store at `path` holds, by a copy at `draft`: empty without a store, None where it cannot be read.

    Raises contract.Newer for a store of a later state of the project.
    """
    if not path.is_file():
        return {}
    shutil.copyfile(path, draft)
    try:
        with duckdb.connect(draft) as con:
            schema.refuse_newer(con, store_tables.shape(trades), str(path))
            return schema.holdings(con, store_tables.shape(trades)) or None
    except duckdb.Error:
        return None


@contextmanager
def _opened(draft: Path, trades: Trades, *, afresh: bool) -> Iterator[tuple[duckdb.DuckDBPyConnection, bool]]:
    """`draft` with the tables of today, empty or grown; and whether it had them already."""
    if afresh:
        _discard(draft)
    with duckdb.connect(draft) as con:
        yield con, not schema.grow(con, store_tables.shape(trades))


def _fill(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    sessions: Iterable[tuple[date, Session | Gap]],
    archive: Path,
    trades: Trades,
    before: schema.Holdings | None,
    *,
    must: Collection[date] = (),
    forget: Collection[date] = (),
) -> Loaded:
    """Put each session in the place of what the store holds of it; a gap has nothing to put there.

    Raises HistoryError where a session in `must` cannot take the place of what was held `before`, and where the store
    would hold less than that, but for the sessions to `forget`.
    """
    loaded, gaps, emptied = Loaded({}, {}), dict[date, Gap](), set[tuple[str, date]]()
    for day, found in sessions:
        session = found if day in forget else loss.without_loss(found, folder, before or {})
        if isinstance(session, Exception):
            if day in must:
                raise session
            gaps[day] = session
            continue
        emptied |= {(name, day) for name, frame in session.frames.items() if frame.is_empty()}
        con.execute("BEGIN")
        _insert(con, session)
        if trades == "table":
            archive_views.insert_trades(con, archive, day)
        con.execute("COMMIT")
        loaded.receipts[day] = session.receipt()
    archive_views.create_views(con, archive, trades)
    con.execute("CHECKPOINT")
    loaded.skipped.update({day: str(gap) for day, gap in gaps.items()})
    loss.refuse_loss(folder, before, schema.holdings(con, store_tables.shape(trades)), gaps, emptied, forget)
    return loaded


def _replaced(draft: Path, path: Path, loaded: Loaded, before: schema.Holdings | None) -> Loaded:
    """Put `draft` in the place of the store at `path`; one that could not be read is set aside."""
    # What somebody wrote into the old store and did not checkpoint would otherwise be replayed into the new one.
    Path(f"{path}.wal").unlink(missing_ok=True)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    if before is None:
        aside = path.with_name(SET_ASIDE)
        os.replace(path, aside)
        loaded = loaded._replace(set_aside=(aside,))
    os.replace(draft, path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return loaded


def _insert(con: duckdb.DuckDBPyConnection, session: Session) -> None:
    for name, kept in KEPT.items():
        con.execute(f"DELETE FROM {name} WHERE {kept.session} = ?", [session.session])
        if name in session.frames:
            con.register("incoming", session.frames[name].to_arrow())
            con.execute(f"INSERT INTO {name} BY NAME SELECT * FROM incoming")
            con.unregister("incoming")
    con.execute(f"DELETE FROM {RUNS} WHERE session = ?", [session.session])
    places = ", ".join("?" * len(session.run))
    con.execute(f"INSERT INTO {RUNS} ({', '.join(session.run)}) VALUES ({places})", list(session.run.values()))
