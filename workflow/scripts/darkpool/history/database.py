"""History: every session's tables in one DuckDB file, derived from the folders under `results/{scan}` and rebuildable.

A load works on a copy and puts it in the store's place by rename, so that whoever reads sees all of it or nothing, and
a load that is killed leaves the store as it was. One load at a time: the others wait for the scan's lock.

The store never becomes smaller without a word: a load or rebuild after which a table would lack a session that it holds
is refused with the sessions' names, and the store stays as it was.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple

import duckdb
import polars as pl
import pyarrow as pa

from ..files import sha256
from ..session import files
from ..session.selection import on_disk
from ..settings import History
from ..tables import contracts
from ..tables.contract import Newer, Unreadable, mend
from . import schema as store

STORE = files.STORE
LOCK = ".history.lock"
DRAFT = ".history.loading.duckdb"
SET_ASIDE = "history.unreadable.duckdb"
"""A store that cannot be read, kept when another takes its place: sessions without a folder may be in it alone."""

Trades = Literal["view", "table"]


class HistoryError(ValueError):
    """A session cannot be loaded; names the file and what is wrong with it.

    `paths`: tables that cannot be used; `missing`: tables that are not there.
    """

    def __init__(self, message: str, *, paths: Sequence[Path] = (), missing: Sequence[Path] = ()) -> None:
        super().__init__(message)
        self.paths, self.missing = paths, missing


@dataclass(frozen=True)
class Kept:
    """How a table of a session's folder stands in the store.

    `spans` is true where its rows are of other days than the session's own: the store adds the column `session`.
    `optional` tables may be missing from a folder, `sparse` ones may have no row; `copies` are columns the store has
    twice, by new name.
    """

    source: str
    spans: bool = False
    optional: bool = False
    sparse: bool = False
    copies: Mapping[str, str] = field(default_factory=dict)

    @property
    def session(self) -> str:
        return "session" if self.spans else "date"

    @property
    def key(self) -> tuple[str, ...]:
        key = contracts.CONTRACTS[self.source].key
        return ("session", *key) if self.spans else key


COPIES = {"finra_otc_volume_raw": {"source": "tier"}}
KEPT: Mapping[str, Kept] = {
    file.store: Kept(name, file.spans, file.optional, file.sparse, COPIES.get(file.store, {}))
    for name, file in files.TABLES.items()
    if file.store
}
RUNS = "runs"
TRADES = "equity_trades_raw"
WEEK_ANSWERS = "finra_otc_answers"
SUMMARY = "darkpool_daily_summary"

RUNS_COLUMNS = {
    "session": ("DATE NOT NULL", "XNYS session"),
    "scan": ("VARCHAR NOT NULL", "scan"),
    "mode": ("VARCHAR", "mode of the manifest; null without one"),
    "simulated": ("BOOLEAN NOT NULL", "whether the vendors were simulated"),
    "sources": ("JSON NOT NULL", "state of each source, as the tables carry it"),
    "inputs": ("JSON NOT NULL", "sha256 of the files that were loaded, by name"),
    "manifest": ("JSON", "the manifest `all`; null where there is none, or it is of other tables than these"),
}
TRADE_COLUMNS = {
    "date": "DATE NOT NULL",
    "symbol": "VARCHAR NOT NULL",
    "conditions": "INTEGER[]",
    "correction": "INTEGER",
    "decimal_size": "DOUBLE",
    "exchange": "INTEGER",
    "id": "VARCHAR",
    "participant_timestamp": "BIGINT",
    "price": "DOUBLE",
    "sequence_number": "BIGINT",
    "sip_timestamp": "BIGINT",
    "size": "DOUBLE",
    "tape": "INTEGER",
    "trf_id": "INTEGER",
    "trf_timestamp": "BIGINT",
}
TRADE_TABLE = {name: (kind, "as /v3/trades names it") for name, kind in TRADE_COLUMNS.items()}
ANSWER_COLUMNS = {
    "issueSymbolIdentifier": "VARCHAR",
    "tierIdentifier": "VARCHAR",
    "weekStartDate": "DATE",
    "initialPublishedDate": "DATE",
    "lastUpdateDate": "DATE",
    "summaryTypeCode": "VARCHAR",
    "totalWeeklyShareQuantity": "DOUBLE",
    "totalWeeklyTradeCount": "DOUBLE",
}
WEEK_ANSWER_COLUMNS = {
    "week_start_date": "DATE",
    "symbol": "VARCHAR",
    "tier": "VARCHAR",
    "ats_volume": "DOUBLE",
    "non_ats_volume": "DOUBLE",
    "off_exchange_volume": "DOUBLE",
    "published_date": "DATE",
    "last_update_date": "DATE",
    "retrieved_at": "TIMESTAMP",
}
_TYPES = {
    pa.date32(): "DATE",
    pa.string(): "VARCHAR",
    pa.float64(): "DOUBLE",
    pa.int64(): "BIGINT",
    pa.bool_(): "BOOLEAN",
    pa.map_(pa.string(), pa.float64()): "MAP(VARCHAR, DOUBLE)",
}
CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
"""What a connection for readers is opened with: nothing is fetched for it, and Python's own variables are no tables."""
_PATTERNS = re.compile(r"'((?:[^']|'')*/(?:polygon/trades|finra/otc_weekly))/")
"""Folders in the texts of the views over the archive, as `_pattern` writes them."""
_ANSWER = r"(@[0-9TZ]+)?\.(parquet|json)$"
"""What follows the name that all answers of a thing share."""


class Session(NamedTuple):
    """One session as its folder holds it: frames by the store's table names, its row of `runs`, inputs with sha256."""

    session: date
    frames: dict[str, pl.DataFrame]
    run: dict[str, Any]
    inputs: dict[str, str]

    def receipt(self) -> dict[str, Any]:
        """What was loaded: rows by table, inputs by hash; no clock in it."""
        rows = {name: frame.height for name, frame in self.frames.items()}
        return {"scan": self.run["scan"], "session": str(self.session), "rows": rows, "inputs": self.inputs}


Gap = ValueError | KeyError | OSError
"""Why there is nothing of a session."""


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
    with _sole_loader(folder), _draft(folder) as draft:
        asked: dict[date, Session | Gap] = {session: read_session(folder, session) for session in sessions}
        asked |= dict(_tolerant(folder, [day for day in beside if day not in asked]))
        held = _held(folder / STORE, trades)
        if all(not isinstance(found, Session) or held.get(day) == found.inputs for day, found in asked.items()):
            receipts = {day: found.receipt() for day, found in asked.items() if isinstance(found, Session)}
            skipped = {day: str(found) for day, found in asked.items() if not isinstance(found, Session)}
            return Loaded({session: receipts[session] for session in sessions}, skipped)
        before = _held_by_copy(folder / STORE, draft, trades)
        with _opened(draft, trades, afresh=not before) as (con, is_today):
            again = [] if is_today else [day for day in on_disk(folder) if day not in asked]
            found = chain(_tolerant(folder, again), asked.items())
            loaded = _fill(con, folder, found, archive, trades, before, must=sessions)
        loaded = _replaced(draft, folder / STORE, loaded, before)
    return loaded._replace(receipts={session: loaded.receipts[session] for session in sessions})


def rebuild(folder: Path, archive: Path, trades: Trades = History.trades, forget: Collection[date] = ()) -> Loaded:
    """The store from nothing: every session on disk; what cannot be loaded is left out and told.

    Raises HistoryError where the store that is there holds more than that, but for the sessions to `forget`.
    """
    with _sole_loader(folder), _draft(folder) as draft:
        before = _held_by_copy(folder / STORE, draft, trades)
        with _opened(draft, trades, afresh=True) as (con, _):
            loaded = _fill(con, folder, _tolerant(folder, on_disk(folder)), archive, trades, before, forget=forget)
        return _replaced(draft, folder / STORE, loaded, before)


def connect(folder: Path) -> duckdb.DuckDBPyConnection:
    """The scan's store, read-only, without network and extensions, and of all files with those its views read alone.

    No statement can change that. Raises HistoryError where there is no store or it cannot be read.
    """
    path = folder / STORE
    if not path.is_file():
        raise HistoryError(f"{path} is not there; python -m darkpool rebuild --scan {folder.name} builds it")
    try:
        con = duckdb.connect(path, read_only=True, config=CLOSED)
        folders = ", ".join(map(store.quoted, _folders_of_views(con)))
        con.execute(f"SET allowed_directories = [{folders}]")
        con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
        return con
    except duckdb.Error as error:
        told = str(error).splitlines()[0]
        raise HistoryError(
            f"{path} cannot be read ({told}); python -m darkpool rebuild --scan {folder.name} builds it anew"
        ) from None


def _folders_of_views(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Folders of the archive that the store's views read, as their own texts name them.

    DuckDB compares texts, that of a pattern and those of the files that it finds: signs that a pattern has to mark
    stand in both.
    """
    views = con.execute(
        "SELECT sql FROM duckdb_views() WHERE NOT internal AND view_name IN (?, ?)", [TRADES, WEEK_ANSWERS]
    ).fetchall()
    patterns = {match.replace("''", "'") for (sql,) in views for match in _PATTERNS.findall(sql)}
    return sorted(patterns | {re.sub(r"\[([*?\[])\]", r"\1", folder) for folder in patterns})


def read_session(folder: Path, session: date) -> Session:
    """One session's tables, checked against their contracts.

    Raises HistoryError where one is missing, and tables.ContractError that names all that cannot be read.
    """
    place = folder / str(session)
    frames, inputs = {}, {}
    refused: list[Unreadable] = []
    for name, kept in KEPT.items():
        path = place / files.TABLES[kept.source].path
        try:
            inputs[path.name] = sha256(path)
            frame = contracts.read(kept.source, path)
        except FileNotFoundError:
            if kept.optional:
                continue
            raise HistoryError(
                f"{path} is not there; snakemake --cores 4 {place}/all makes it, then the session can be loaded",
                missing=[path],
            ) from None
        except Unreadable as error:
            refused.append(error)
            continue
        frame = frame.with_columns(pl.col(old).alias(new) for new, old in kept.copies.items())
        if not kept.spans and not frame["date"].eq(session).all():
            found = ", ".join(map(str, frame["date"].unique().sort().to_list()))
            raise HistoryError(f"{path} holds rows of {found}, expected {session} alone", paths=[path])
        frames[name] = frame.insert_column(0, pl.lit(session).alias("session")) if kept.spans else frame
    if refused:
        raise Unreadable("; ".join(error.reason for error in refused), *(path for e in refused for path in e.paths))
    told = contracts.metadata(place / files.FEATURES)
    manifest = _manifest(place / files.MANIFEST, inputs)
    run = {
        "session": session,
        "scan": folder.name,
        "mode": json.loads(manifest)["mode"] if manifest else None,
        "simulated": json.loads(told["simulated"]),
        "sources": told["sources"],
        "inputs": json.dumps(inputs, sort_keys=True),
        "manifest": manifest,
    }
    return Session(session, frames, run, inputs)


def inputs_of(folder: Path, session: date) -> dict[str, str]:
    """Files that `read_session` would read, with sha256, without their rows.

    Raises OSError where a table that every session has is missing, and HistoryError for a manifest that is none.
    """
    place = folder / str(session)
    paths = {kept.source: (place / files.TABLES[kept.source].path, kept.optional) for kept in KEPT.values()}
    inputs = {path.name: sha256(path) for path, optional in paths.values() if not optional or path.is_file()}
    _manifest(place / files.MANIFEST, inputs)
    return inputs


def inputs_held(path: Path) -> dict[date, dict[str, str]]:
    """Files whose rows the store at `path` says it holds, with sha256, by session; raises duckdb.Error."""
    if not path.is_file():
        return {}
    with duckdb.connect(path, read_only=True, config=CLOSED) as con:
        rows = con.execute(f"SELECT session, inputs FROM {RUNS}").fetchall()
    return {day: json.loads(inputs) for day, inputs in rows}


def is_current(folder: Path, sessions: Iterable[date], trades: Trades = "view") -> bool:
    """Whether a load of `sessions` would change nothing, told from hashes alone."""
    held = _held(folder / STORE, trades)
    try:
        return all(held.get(session) == inputs_of(folder, session) for session in sessions)
    except (ValueError, OSError):
        return False


def _manifest(path: Path, inputs: dict[str, str]) -> str | None:
    """The manifest's text where it vouches for these very tables; a table it does not name is of an earlier mode."""
    try:
        text = path.read_text(encoding="utf-8")
        outputs = {entry["path"]: entry["sha256"] for entry in json.loads(text)["outputs"]}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise HistoryError(f"{path} is no manifest ({error!r}); delete it and snakemake makes it again") from None
    if files.FEATURES not in outputs or any(outputs.get(name, digest) != digest for name, digest in inputs.items()):
        return None
    inputs[path.name] = sha256(path)
    return text


def _tolerant(folder: Path, days: Iterable[date]) -> Iterator[tuple[date, Session | Gap]]:
    """Sessions nobody asked for: one that is not whole is a gap with a reason, never an error."""
    for day in days:
        try:
            yield day, read_session(folder, day)
        except (ValueError, KeyError, OSError) as error:
            yield day, error


def _held(path: Path, trades: Trades) -> dict[date, dict[str, str]]:
    """Files whose rows the store holds, with sha256, by session; none of a store that is to be built or loaded anew.

    Ticks in a table follow the archive, of which a session's tables say nothing: they are loaded each time. A
    write-ahead log is somebody else's, so that the store may not hold what it says.
    """
    if trades == "table" or not path.is_file() or Path(f"{path}.wal").exists():
        return {}
    with suppress(duckdb.Error), duckdb.connect(path, read_only=True) as con:
        if store.is_today(con, _shape(trades)):
            rows = con.execute(f"SELECT session, inputs FROM {RUNS}").fetchall()
            return {day: json.loads(inputs) for day, inputs in rows}
    return {}


@contextmanager
def _sole_loader(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


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


def _held_by_copy(path: Path, draft: Path, trades: Trades) -> store.Holdings | None:
    """What the store at `path` holds, told by a copy at `draft`: empty without a store, None where it cannot be read.

    Raises contract.Newer for a store of a later state of the project.
    """
    if not path.is_file():
        return {}
    shutil.copyfile(path, draft)
    try:
        with duckdb.connect(draft) as con:
            store.refuse_newer(con, _shape(trades), str(path))
            return store.holdings(con, _shape(trades)) or None
    except duckdb.Error:
        return None


@contextmanager
def _opened(draft: Path, trades: Trades, *, afresh: bool) -> Iterator[tuple[duckdb.DuckDBPyConnection, bool]]:
    """`draft` with the tables of today, empty or grown; and whether it had them already."""
    if afresh:
        _discard(draft)
    with duckdb.connect(draft) as con:
        yield con, not store.grow(con, _shape(trades))


def _fill(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    sessions: Iterable[tuple[date, Session | Gap]],
    archive: Path,
    trades: Trades,
    before: store.Holdings | None,
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
        session = found if day in forget else _without_loss(found, folder, before or {})
        if isinstance(session, Exception):
            if day in must:
                raise session
            gaps[day] = session
            continue
        emptied |= {(name, day) for name, frame in session.frames.items() if frame.is_empty()}
        con.execute("BEGIN")
        _insert(con, session)
        if trades == "table":
            _insert_trades(con, archive, day)
        con.execute("COMMIT")
        loaded.receipts[day] = session.receipt()
    _create_views(con, archive, trades)
    con.execute("CHECKPOINT")
    loaded.skipped.update({day: str(gap) for day, gap in gaps.items()})
    _refuse_loss(folder, before, store.holdings(con, _shape(trades)), gaps, emptied, forget)
    return loaded


def _without_loss(session: Session | Gap, folder: Path, before: store.Holdings) -> Session | Gap:
    """The session; or why not, where a table's rows would be gone: no file, or one that is empty by a fault alone."""
    if not isinstance(session, Session):
        return session
    day, gone = session.session, []
    for name, kept in KEPT.items():
        is_there = name in session.frames and (kept.sparse or not session.frames[name].is_empty())
        if day in before.get(name, ()) and not is_there:
            gone.append(folder / str(day) / files.TABLES[kept.source].path)
    if not gone:
        return session
    there = [path for path in gone if path.is_file()]
    missing = [path for path in gone if path not in there]
    return HistoryError(
        f"{', '.join(map(str, gone))}: without the rows that {folder / STORE} holds of {day}. To have them again: "
        f"{mend(there, missing)}; {_on_purpose(folder, [day])}",
        paths=there,
        missing=missing,
    )


def _refuse_loss(
    folder: Path,
    before: store.Holdings | None,
    after: store.Holdings,
    gaps: Mapping[date, Gap],
    emptied: Collection[tuple[str, date]],
    forget: Collection[date],
) -> None:
    """Raises HistoryError where a session would be gone from a table, or may be, since the store cannot be read."""
    held = {RUNS: gaps.keys()} if before is None else before
    lost: dict[date, list[str]] = {}
    for name, days in held.items():
        for day in days - after.get(name, frozenset()) - set(forget):
            if (name, day) not in emptied:
                lost.setdefault(day, []).append(name)
    if not lost:
        return
    alike: dict[str, list[date]] = {}
    for day in sorted(lost):
        part = "" if RUNS in lost[day] else f" ({', '.join(lost[day])})"
        alike.setdefault(f"{part}: {_reason(folder, day, gaps)}", []).append(day)
    reasons = "; ".join(f"{', '.join(map(str, days))}{reason}" for reason, days in alike.items())
    what = "cannot be read, and may hold more than" if before is None else "holds more than"
    paths = [path for day in sorted(lost) if day in gaps for path in _paths(gaps[day])]
    missing = [path for day in lost for path in _missing(folder, day, gaps.get(day))]
    again = f"To have them again: {mend(paths, missing)}; " if paths or missing else ""
    raise HistoryError(
        f"{folder / STORE} {what} the sessions on disk, and stays as it is. It would lose {reasons}. "
        f"{again}{_on_purpose(folder, sorted(lost))}"
    )


def _reason(folder: Path, day: date, gaps: Mapping[date, Gap]) -> str:
    """Why there is nothing of the session, in words that are the same for every session of which it is true."""
    gap = gaps.get(day)
    if gap is None:
        return f"{files.FEATURES} is not there"
    return (gap.reason if isinstance(gap, Unreadable) else str(gap)).replace(f"{folder / str(day)}/", "")


def _paths(gap: Gap) -> Sequence[Path]:
    return gap.paths if isinstance(gap, Unreadable | HistoryError) else ()


def _missing(folder: Path, day: date, gap: Gap | None) -> Sequence[Path]:
    if isinstance(gap, HistoryError) and gap.missing:
        return gap.missing
    is_told = isinstance(gap, Newer) or (gap is not None and _paths(gap))
    return [] if is_told else [folder / str(day) / files.MANIFEST]


def _on_purpose(folder: Path, days: Sequence[date]) -> str:
    scan, names = shlex.quote(folder.name), ",".join(map(str, days))
    return f"if they were deleted on purpose: python -m darkpool rebuild --scan {scan} --forget {names}"


def _replaced(draft: Path, path: Path, loaded: Loaded, before: store.Holdings | None) -> Loaded:
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


def _insert_trades(con: duckdb.DuckDBPyConnection, archive: Path, session: date) -> None:
    con.execute(f"DELETE FROM {TRADES} WHERE date = ?", [session])
    if not any((archive / "polygon/trades" / str(session)).glob("*.parquet")):
        return
    answers = _pattern(archive, f"polygon/trades/{session}/*.parquet")
    # A field the vendor left out of every row is missing from the file: the empty row set brings its column.
    con.execute(
        f"INSERT INTO {TRADES} SELECT {', '.join(TRADE_COLUMNS)} FROM "
        f"(({_nothing(TRADE_COLUMNS)}) UNION ALL BY NAME ({_trades(answers)}))"
    )


def _shape(trades: Trades) -> dict[str, store.Table]:
    """Every table of the store, and what must be a view."""
    shape = {
        name: store.Table(_columns(kept), kept.session, kept.source, contracts.CONTRACTS[kept.source], kept.copies)
        for name, kept in KEPT.items()
    }
    shape |= {RUNS: store.Table(RUNS_COLUMNS, "session"), store.CONTRACTS: store.VERSIONS}
    return shape | {TRADES: store.Table(TRADE_TABLE if trades == "table" else {})}


def _columns(kept: Kept) -> dict[str, tuple[str, str]]:
    """Type and meaning of the columns of a table of the store."""
    schema = contracts.CONTRACTS[kept.source].schema
    columns = {"session": ("DATE NOT NULL", "session whose folder holds the row")} if kept.spans else {}
    for name in schema.names:
        about = schema.field(name)
        described = about.metadata or {}
        kind = _TYPES[about.type] + ("" if about.nullable else " NOT NULL")
        columns[name] = (kind, f"{described[b'unit'].decode()}: {described[b'meaning'].decode()}")
    return columns | {new: columns[old] for new, old in kept.copies.items()}


def _pattern(archive: Path, names: str) -> str:
    """A glob under the archive as an SQL text; what would be a wildcard in the archive's own path is none."""
    root = re.sub(r"([*?\[])", r"[\1]", str(archive.resolve()))
    return store.quoted(f"{root}/{names}")


def _newest(pattern: str) -> str:
    """Condition that a row is of the newest answer of its name: NAME.EXT sorts before NAME@STAMP.EXT."""
    return f"filename IN (SELECT max(file) FROM glob({pattern}) GROUP BY regexp_replace(file, '{_ANSWER}', ''))"


def _trades(pattern: str) -> str:
    # `date` is computed from the file's name alone, so a condition on it keeps the other days' files shut.
    return (
        r"SELECT regexp_extract(filename, '(\d{4}-\d{2}-\d{2})/[^/]*$', 1)::DATE AS date, "
        rf"url_decode(regexp_extract(filename, '/([^/@]*){_ANSWER}', 1)) AS symbol, * EXCLUDE (filename) "
        f"FROM read_parquet({pattern}, union_by_name = true, filename = true) WHERE {_newest(pattern)}"
    )


def _week_answers(pattern: str) -> str:
    fields = ", ".join(f"{name}: '{kind}'" for name, kind in ANSWER_COLUMNS.items())
    volume = "sum(totalWeeklyShareQuantity) FILTER (summaryTypeCode = '{}')"
    return (
        "SELECT weekStartDate AS week_start_date, issueSymbolIdentifier AS symbol, tierIdentifier AS tier, "
        f"{volume.format('ATS_W_SMBL')} AS ats_volume, {volume.format('OTC_W_SMBL')} AS non_ats_volume, "
        "sum(totalWeeklyShareQuantity) AS off_exchange_volume, initialPublishedDate AS published_date, "
        "max(lastUpdateDate) AS last_update_date, "
        r"strptime(nullif(regexp_extract(filename, '@(\d{8}T\d{6})Z', 1), ''), '%Y%m%dT%H%M%S') AS retrieved_at "
        f"FROM read_json({pattern}, format = 'array', filename = true, columns = {{{fields}}}) "
        "WHERE summaryTypeCode IN ('ATS_W_SMBL', 'OTC_W_SMBL') AND issueSymbolIdentifier IS NOT NULL "
        "GROUP BY filename, week_start_date, symbol, tier, published_date"
    )


_SUMMARY = """
SELECT f.date, f.ticker, f.trf_volume AS finra_off_exchange_volume, f.regular_volume, f.offex_ratio,
    l.lit_buy_volume, l.lit_sell_volume, l.lit_neutral_volume, f.lit_buy_ratio, f.lit_buy_low, f.lit_buy_high,
    l.log_buy_sell, f.classification_method, f.lit_coverage_pct, d.applied_lit_buy_ratio, d.estimated_dark_buy_volume,
    d.estimated_dark_sell_volume, d.bought_low, d.bought_high, f.buy_ratio, f.log_ratio, f.signal, f.strength,
    f.trf_buy_ratio, f.opinions,
    d.finra_period_type, d.inference_version, f.quality
FROM features f LEFT JOIN equity_lit_directional_flow l USING (date, ticker)
    LEFT JOIN darkpool_estimated_flow d USING (date, ticker)
"""


def _create_views(con: duckdb.DuckDBPyConnection, archive: Path, trades: Trades) -> None:
    """Views over the archive follow its files as they are when asked; without any they are empty."""
    con.execute(f"CREATE OR REPLACE VIEW {SUMMARY} AS {_SUMMARY}")
    if trades == "view":
        there = any((archive / "polygon/trades").glob("*/*.parquet"))
        select = _trades(_pattern(archive, "polygon/trades/*/*.parquet")) if there else _nothing(TRADE_COLUMNS)
        con.execute(f"CREATE OR REPLACE VIEW {TRADES} AS {select}")
    there = any((archive / "finra/otc_weekly").glob("*.json"))
    select = _week_answers(_pattern(archive, "finra/otc_weekly/*.json")) if there else _nothing(WEEK_ANSWER_COLUMNS)
    con.execute(f"CREATE OR REPLACE VIEW {WEEK_ANSWERS} AS {select}")


def _nothing(columns: Mapping[str, str]) -> str:
    return (
        "SELECT " + ", ".join(f"NULL::{store.bare(kind)} AS {name}" for name, kind in columns.items()) + " WHERE false"
    )
