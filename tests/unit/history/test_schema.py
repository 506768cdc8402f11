"""The history grows with the tables and never becomes less without a word: a load that would lose rows is refused."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest

import session_folders
from darkpool.cli import main
from darkpool.history import connection, database, schema, store_tables
from darkpool.history.session_tables import HistoryError
from darkpool.session import files
from darkpool.tables import contracts
from darkpool.tables.contract import Column, Contract, Newer

DAYS = [date(2025, 12, 15), date(2025, 12, 16), date(2025, 12, 17)]
OLD = Path(__file__).parents[2] / "kept/v1"
ABOUT = {"unit": "USD", "meaning": "made"}
MADE_UP = Column(pa.field("made_up", pa.float64(), True, ABOUT), since=2)
ARCHIVE = Path("archive")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three sessions of a scan, loaded."""
    place = tmp_path / "results/emps2"
    for day in DAYS:
        session_folders.write(place, day)
    database.rebuild(place, ARCHIVE)
    return place


@pytest.fixture
def become(monkeypatch):
    """A table's contract of a later state of the project; a `since` above 1 counts from today's version on."""

    def changed(name: str, *more: Column, without: tuple[str, ...] = ()) -> None:
        today = contracts.CONTRACTS[name]
        later = [c._replace(since=c.since + today.version - 1) if c.since > 1 else c for c in more]
        columns = [c for c in today.columns if c.field.name not in {*without, *(m.field.name for m in more)}]
        kept = {c.was for c in more}
        dropped = {gone: today.version + 1 for gone in without if gone not in kept}
        contract = Contract((*columns[:3], *later, *columns[3:]), today.key, {**today.dropped, **dropped})
        monkeypatch.setattr(contracts, "CONTRACTS", {**contracts.CONTRACTS, name: contract})

    return changed


def held(folder: Path, sql: str) -> list[tuple]:
    with connection.connect(folder) as con:
        return con.execute(sql).fetchall()


def sessions(folder: Path, table: str = "features", column: str = "date") -> list[date]:
    return [day for (day,) in held(folder, f"SELECT DISTINCT {column} FROM {table} ORDER BY 1")]


def again(folder: Path, day: date, table: str, **columns: object) -> None:
    """The session's table written anew by today's state, with other values."""
    path = folder / str(day) / f"{table}.parquet"
    rows = contracts.read(table, path).with_columns(**{name: pl.lit(value) for name, value in columns.items()})
    contracts.write(table, rows, path, **contracts.metadata(path))
    session_folders.vouch(folder / str(day))


def assert_refused(folder: Path, act, *words: str) -> str:
    before = (folder / files.STORE).read_bytes()
    with pytest.raises(HistoryError) as told:
        act()
    assert (folder / files.STORE).read_bytes() == before
    for word in words:
        assert word in str(told.value)
    return str(told.value)


def test_a_new_column_comes_into_the_store_and_no_session_goes_though_its_folder_did(folder, become) -> None:
    shutil.rmtree(folder / str(DAYS[0]))
    become("features", MADE_UP)
    again(folder, DAYS[2], "features", made_up=41.5)
    database.load(folder, DAYS[2:], ARCHIVE)
    rows = held(folder, "SELECT date, trf_volume, made_up FROM features WHERE ticker = 'NA' ORDER BY date")
    assert rows == [(DAYS[0], 1015.0, None), (DAYS[1], 1016.0, None), (DAYS[2], 1017.0, 41.5)]
    version = contracts.CONTRACTS["features"].version
    assert held(folder, "SELECT version FROM contracts WHERE table_name = 'features'") == [(version,)]
    (comment,) = held(folder, "SELECT comment FROM duckdb_columns() WHERE column_name = 'made_up'")
    assert comment == ("USD: made",)


def test_a_store_of_today_takes_files_of_before(folder, become) -> None:
    become("features", MADE_UP)
    database.rebuild(folder, ARCHIVE)
    assert held(folder, "SELECT count(*), count(made_up) FROM features") == [(9, 0)]
    session_folders.write(folder, DAYS[0], simulated=True)
    database.load(folder, DAYS[:1], ARCHIVE)
    assert sessions(folder) == DAYS


def test_a_column_dropped_renamed_or_of_another_type_is_so_in_the_store_too(folder, become) -> None:
    shutil.rmtree(folder / str(DAYS[0]))
    shares = Column(pa.field("off_exchange_volume", pa.float64(), True, ABOUT), since=2, was="trf_volume")
    sessions_before = Column(pa.field("history_sessions", pa.float64(), False, ABOUT), since=2, was="history_sessions")
    become("yf_volume", without=("settled",))
    become("merged", shares, without=("trf_volume",))
    become("lit_flow", Column(pa.field("lit_trades", pa.float64(), True, ABOUT), since=2, was="lit_trades"))
    become("features", sessions_before)
    database.load(folder, DAYS[2:], ARCHIVE)
    assert held(folder, "SELECT min(off_exchange_volume) FROM merged WHERE ticker = 'NA'") == [(1011.0,)]
    with connection.connect(folder) as con:
        assert "settled" not in con.sql("FROM yf_volume_raw").columns
    assert held(folder, "SELECT DISTINCT typeof(history_sessions) FROM features") == [("DOUBLE",)]
    for table, name in store_tables.KEPT.items():
        assert sessions(folder, table, name.session) == DAYS, table


def test_a_column_that_may_be_null_now_takes_nulls_in_a_store_that_forbade_them(folder, become) -> None:
    become("yf_volume", Column(contracts.CONTRACTS["yf_volume"].schema.field("regular_volume").with_nullable(True)))
    again(folder, DAYS[2], "yf_volume", regular_volume=None)
    database.load(folder, DAYS[2:], ARCHIVE)
    assert held(folder, "SELECT count(*), count(regular_volume) FROM yf_volume_raw") == [(27, 18)]


def test_a_store_of_the_state_before_versions_is_read_and_grows_with_the_next_load(tmp_path) -> None:
    """The store of state a332d95 with two sessions, one of which has no folder any more."""
    folder = tmp_path / "results/demo"
    shutil.copytree(OLD / "demo", folder)
    day, gone = date(2025, 12, 22), date(2025, 12, 19)
    with duckdb.connect(folder / files.STORE) as con:
        con.execute((OLD / "store.sql").read_text())
        there = {
            name: kept
            for name, kept in store_tables.KEPT.items()
            if (folder / str(day) / f"{kept.source}.parquet").is_file()
        }
        for name, kept in there.items():
            rows = pl.read_parquet(folder / str(day) / f"{kept.source}.parquet")
            if "session" in (columns := con.sql(f"FROM {name}").columns):
                rows = rows.with_columns(pl.lit(day).alias("session"))
            rows = (
                rows.with_columns(pl.col("tier").alias("source")) if "tier" in columns and "source" in columns else rows
            )
            for at in (day, gone):
                con.register("rows", rows.with_columns(pl.lit(at).alias(kept.session)).to_arrow())
                con.execute(f"INSERT INTO {name} BY NAME SELECT * FROM rows")
        for at in (day, gone):
            con.execute("INSERT INTO runs VALUES (?, 'demo', 'daily', true, '[]', '{}', NULL)", [at])
    database.load(folder, [day], ARCHIVE)
    assert set(store_tables.KEPT) - set(there) == {"trf_blocks", "trf_profile", "market"}  # which came later
    for name, kept in there.items():
        assert sessions(folder, name, kept.session) == [gone, day], name
        same = f"SELECT count(*) FROM {name} WHERE {kept.session} = "
        assert held(folder, f"{same} '{day}'") == held(folder, f"{same} '{gone}'") != [(0,)]
    assert held(folder, "SELECT count(*), min(version) FROM contracts") == [(len(store_tables.KEPT), 1)]


def test_a_column_without_a_version_loses_no_session_but_stops_the_load(folder, become) -> None:
    """What took a store from ten sessions to one with exit status 0."""
    become("features", MADE_UP._replace(since=1))
    (folder / str(DAYS[2]) / "features.parquet").unlink()
    session_folders.write(folder, DAYS[2])
    (folder / str(DAYS[0]) / "all").unlink()
    tables = [f"{folder}/{day}/features.parquet" for day in DAYS[:2]]
    targets = f"{tables[0]} {folder}/{DAYS[1]}/all {tables[1]}"
    for act in (lambda: database.load(folder, DAYS[2:], ARCHIVE), lambda: database.rebuild(folder, ARCHIVE)):
        told = assert_refused(
            folder,
            act,
            "would lose 2025-12-15, 2025-12-16",
            ": features.parquet: table features: column made_up is missing",
        )
        assert f"rm {' '.join(tables)} && snakemake --cores 4 {targets}; if they were deleted" in told
        assert told.endswith("python -m darkpool rebuild --scan emps2 --forget 2025-12-15,2025-12-16")


def test_a_rebuild_without_a_folder_is_refused_until_the_session_is_forgotten(folder) -> None:
    shutil.rmtree(folder / str(DAYS[1]))
    told = assert_refused(
        folder,
        lambda: database.rebuild(folder, ARCHIVE),
        "features.parquet is not there",
        f"snakemake --cores 4 {folder}/2025-12-16/all;",
    )
    assert "2025-12-15" not in told
    database.rebuild(folder, ARCHIVE, forget=[DAYS[1]])
    assert sessions(folder) == sessions(folder, "runs", "session") == [DAYS[0], DAYS[2]]


def test_the_command_ends_with_1_and_names_what_to_say_on_purpose(folder, capsys, monkeypatch) -> None:
    monkeypatch.chdir(folder.parents[1])
    Path("config.yaml").write_text("scans: {emps2: {archive: archive}}\nhistory: {}\n")
    shutil.rmtree(folder / str(DAYS[1]))
    assert main.main(["rebuild"]) == 1
    told = capsys.readouterr().err
    assert "It would lose 2025-12-16: " in told
    command = told.strip().rpartition("python -m darkpool ")[2].split()
    assert main.main(command) == 0
    assert capsys.readouterr().out.startswith("results/emps2/history.duckdb: 2 sessions")
    with pytest.raises(SystemExit) as ended:
        main.main(["rebuild", "--forget", "yesterday"])
    assert ended.value.code == 2


@pytest.mark.parametrize("table", ["features", "merged", "weekly", "reconciliation"])
def test_a_session_whose_folder_was_damaged_keeps_its_rows_and_is_told(table: str, folder) -> None:
    (folder / str(DAYS[1]) / f"{table}.parquet").write_bytes(b"PAR1")
    session_folders.write(folder, DAYS[2], simulated=True)
    loaded = database.load(folder, DAYS[2:], ARCHIVE, beside=DAYS)
    assert f"2025-12-16/{table}.parquet" in loaded.skipped[DAYS[1]]
    assert sessions(folder) == DAYS
    assert_refused(
        folder,
        lambda: database.rebuild(folder, ARCHIVE),
        "would lose 2025-12-16",
        f"rm {folder}/2025-12-16/{table}.parquet",
    )


def test_a_table_that_is_gone_from_a_folder_takes_no_rows_with_it(folder) -> None:
    path = folder / str(DAYS[2]) / "weekly.parquet"
    path.unlink()
    again(folder, DAYS[2], "features", log_ratio=0.5)
    told = assert_refused(folder, lambda: database.load(folder, DAYS[2:], ARCHIVE), str(path))
    assert f"snakemake --cores 4 {folder}/2025-12-17/all {path}; if they were deleted" in told
    database.load(folder, DAYS[:1], ARCHIVE, beside=DAYS)
    assert sessions(folder, "weekly", "session") == DAYS
    database.rebuild(folder, ARCHIVE, forget=DAYS[2:])
    assert sessions(folder, "weekly", "session") == DAYS[:2]


def test_a_table_may_say_that_a_session_has_none_of_it_now_but_not_that_it_has_no_ticker(folder) -> None:
    place = folder / str(DAYS[2])
    empty = contracts.read("trf_flow", place / "trf_flow.parquet").clear()
    contracts.write("trf_flow", empty, place / "trf_flow.parquet")
    database.load(folder, DAYS[2:], ARCHIVE)
    assert sessions(folder, "trf_flow") == DAYS[:2]
    contracts.write(
        "lit_flow", contracts.read("lit_flow", place / "lit_flow.parquet").clear(), place / "lit_flow.parquet"
    )
    assert_refused(
        folder, lambda: database.load(folder, DAYS[2:], ARCHIVE), "2025-12-17/lit_flow.parquet: without the rows"
    )


def test_an_unreadable_store_is_kept_beside_the_new_one_and_not_replaced_by_less(folder) -> None:
    (folder / files.STORE).write_bytes(b"no database")
    (folder / str(DAYS[1]) / "merged.parquet").write_bytes(b"PAR1")
    for act in (lambda: database.load(folder, DAYS[2:], ARCHIVE), lambda: database.rebuild(folder, ARCHIVE)):
        assert_refused(folder, act, "cannot be read, and may hold more", "would lose 2025-12-16")
    session_folders.write(folder, DAYS[1])
    assert database.load(folder, DAYS[2:], ARCHIVE).set_aside == (folder / database.SET_ASIDE,)
    assert (folder / database.SET_ASIDE).read_bytes() == b"no database"
    assert sessions(folder) == DAYS


def test_a_store_of_a_later_state_is_left_alone(folder, become, monkeypatch) -> None:
    today = dict(contracts.CONTRACTS)
    version = today["features"].version
    become("features", MADE_UP)
    again(folder, DAYS[2], "features", made_up=1.0)
    database.load(folder, DAYS[2:], ARCHIVE)
    monkeypatch.setattr(contracts, "CONTRACTS", today)
    before = (folder / files.STORE).read_bytes()
    for act in (lambda: database.load(folder, DAYS[:2], ARCHIVE), lambda: database.rebuild(folder, ARCHIVE)):
        session_folders.write(folder, DAYS[0], simulated=True)
        with pytest.raises(
            Newer, match=rf"history\.duckdb: table features is of version {version + 1}, .* up to {version}; update the"
        ):
            act()
    assert (folder / files.STORE).read_bytes() == before


def test_a_session_of_a_later_state_is_not_offered_for_deletion(folder, become, monkeypatch) -> None:
    today = dict(contracts.CONTRACTS)
    become("features", MADE_UP)
    again(folder, DAYS[2], "features", made_up=1.0)
    monkeypatch.setattr(contracts, "CONTRACTS", today)
    told = assert_refused(
        folder, lambda: database.rebuild(folder, ARCHIVE), "would lose 2025-12-17: ", "update the project"
    )
    assert "rm " not in told
    assert "snakemake" not in told
    session_folders.write(folder, DAYS[0], simulated=True)
    assert DAYS[2] in database.load(folder, DAYS[:1], ARCHIVE, beside=DAYS).skipped
    assert sessions(folder) == DAYS


def test_a_store_without_a_session_yet_is_no_unreadable_one(tmp_path) -> None:
    folder = tmp_path / "results/emps2"
    folder.mkdir(parents=True)
    assert database.rebuild(folder, ARCHIVE).receipts == {}
    session_folders.write(folder, DAYS[0])
    assert database.load(folder, DAYS[:1], ARCHIVE).set_aside == ()


def test_rows_whose_meaning_is_no_longer_known_are_the_folders_to_give_again(folder, become) -> None:
    about = {"unit": "percent", "meaning": "another"}
    frames = {day: contracts.read("features", folder / str(day) / "features.parquet") for day in DAYS}
    become("features", Column(pa.field("offex_ratio", pa.float64(), True, about), since=2))
    told = assert_refused(folder, lambda: database.rebuild(folder, ARCHIVE), *map(str, DAYS))
    version = contracts.CONTRACTS["features"].version
    assert f"column offex_ratio was something else before version {version}" in told
    for day, rows in frames.items():
        path = folder / str(day) / "features.parquet"
        contracts.write("features", rows.with_columns(offex_ratio=pl.lit(50.0)), path, **contracts.metadata(path))
    database.load(folder, DAYS[2:], ARCHIVE)
    assert held(folder, "SELECT DISTINCT offex_ratio FROM features") == [(50.0,)]
    assert sessions(folder) == DAYS


def test_a_table_that_somebody_put_into_the_store_stays_when_it_grows(folder, become) -> None:
    with duckdb.connect(folder / files.STORE) as con:
        con.execute("CREATE TABLE mine AS SELECT 7 AS seven")
    become("features", MADE_UP)
    database.load(folder, DAYS[2:], ARCHIVE)
    assert held(folder, "SELECT seven FROM mine") == [(7,)]
    assert schema.CONTRACTS in [name for (name,) in held(folder, "SELECT table_name FROM duckdb_tables()")]
