"""What the history promises: exactly the folders' rows, whole or not at all, whoever reads or dies meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import session_folders
from darkpool.history import connection, database, session_tables, store_tables
from darkpool.session import files
from darkpool.tables import contracts
from session_folders import FIRST

DAYS = [date(2025, 12, 15), date(2025, 12, 16), date(2025, 12, 17), date(2025, 12, 18)]
SCRIPTS = Path(database.__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four sessions of a scan, nothing loaded."""
    for day in DAYS:
        session_folders.write(tmp_path / "results/emps2", day)
    return tmp_path / "results/emps2"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "archive").mkdir()
    return tmp_path / "archive"


def kept(folder: Path) -> dict[str, pl.DataFrame]:
    """Every table of the store, by name, in the order of its key."""
    with connection.connect(folder) as con:
        names = [*store_tables.KEPT, store_tables.RUNS]
        return {name: con.sql(f"SELECT * FROM {name}").pl().sort(key(name)) for name in names}


def key(name: str) -> list[str]:
    return list(store_tables.KEPT[name].key) if name in store_tables.KEPT else ["session"]


def on_disk(folder: Path, days: list[date]) -> dict[str, pl.DataFrame]:
    """The same from the Parquet files alone, without the code under test."""
    frames = {}
    for name, table in store_tables.KEPT.items():
        parts = []
        for day in days:
            path = folder / str(day) / f"{table.source}.parquet"
            if path.exists():
                part = pl.read_parquet(path)
                parts.append(part.select(pl.lit(day).alias("session"), pl.all()) if table.spans else part)
        frames[name] = pl.concat(parts).sort(key(name))
    return frames


def assert_holds(folder: Path, days: list[date]) -> None:
    """That the store holds exactly these sessions."""
    store = kept(folder)
    for name, expected in on_disk(folder, days).items():
        found = store[name].drop(store_tables.KEPT[name].copies)
        assert found.columns == expected.columns
        assert found.to_dicts() == expected.to_dicts(), name
    assert store[store_tables.RUNS]["session"].to_list() == days


@pytest.mark.parametrize("times", [1, 2, 3])
def test_the_store_holds_exactly_what_the_files_hold_however_often_a_session_is_loaded(folder, archive, times):
    for _ in range(times):
        for day in DAYS:
            database.load(folder, [day], archive)
    assert_holds(folder, DAYS)


def test_sessions_loaded_one_by_one_and_a_rebuild_give_the_same_rows(folder, archive):
    for day in reversed(DAYS):
        database.load(folder, [day], archive)
    one_by_one = kept(folder)
    (folder / files.STORE).unlink()
    database.rebuild(folder, archive)
    again = kept(folder)
    assert all(one_by_one[name].equals(again[name]) for name in one_by_one)


@settings(max_examples=5, deadline=None)
@given(order=st.lists(st.sampled_from(DAYS), min_size=1, max_size=6))
def test_any_order_of_loads_ends_in_the_same_store(tmp_path_factory, order):
    place = tmp_path_factory.mktemp("order") / "emps2"
    for day in sorted(set(order)):
        session_folders.write(place, day)
    for day in order:
        database.load(place, [day], place / "archive")
    assert_holds(place, sorted(set(order)))


def test_a_store_that_holds_these_very_tables_stays_as_it_is(folder, archive):
    database.load(folder, DAYS[3:], archive, beside=DAYS)
    before = (folder / files.STORE).stat()
    assert list(database.load(folder, DAYS[3:], archive, beside=DAYS).receipts) == DAYS[3:]
    after = (folder / files.STORE).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_sessions_on_the_same_page_are_loaded_with_it_and_one_that_is_not_whole_is_a_gap(folder, archive):
    database.load(folder, DAYS, archive)
    for day in DAYS:
        session_folders.write(folder, day, simulated=True)
    (folder / str(DAYS[1]) / "merged.parquet").unlink()
    loaded = database.load(folder, DAYS[3:], archive, beside=DAYS[1:])
    assert list(loaded.receipts) == DAYS[3:]
    assert list(loaded.skipped) == [DAYS[1]]
    assert kept(folder)["runs"]["simulated"].to_list() == [False, False, True, True]


def test_a_session_whose_rows_changed_is_replaced_and_no_other(folder, archive):
    database.rebuild(folder, archive)
    path = folder / str(FIRST) / "features.parquet"
    about = {name: text for name, text in contracts.metadata(path).items() if name not in ("table", "key")}
    changed = contracts.read("features", path).filter(pl.col("ticker") != "TPC").with_columns(log_ratio=pl.lit(-1.0))
    contracts.write("features", changed, path, **about)
    database.load(folder, [FIRST], archive)
    assert_holds(folder, DAYS)
    assert kept(folder)["features"].filter(pl.col("date") == FIRST)["log_ratio"].to_list() == [-1.0, -1.0]


def test_tickers_that_differ_by_case_or_read_as_missing_stay_apart(folder, archive):
    database.rebuild(folder, archive)
    with connection.connect(folder) as con:
        rows = con.execute("SELECT ticker, trf_volume FROM features WHERE date = ? ORDER BY ALL", [FIRST]).fetchall()
    assert rows == [("NA", 1015.0), ("TPC", 2015.0), ("TpC", 3015.0)]


def test_the_source_of_a_finra_week_is_its_tier(folder, archive):
    database.rebuild(folder, archive)
    rows = kept(folder)["finra_otc_volume_raw"]
    assert rows["source"].to_list() == rows["tier"].to_list() == ["T1"] * 4


def test_a_week_stands_as_each_session_saw_it(folder, archive):
    database.rebuild(folder, archive)
    rows = kept(folder)["finra_otc_volume_raw"]
    assert rows["session"].to_list() == DAYS
    assert rows["last_update_date"].to_list()[0] == date(2025, 12, 12)


def test_a_session_without_weeks_holds_none_of_them(folder, archive):
    shutil.rmtree(folder / str(DAYS[1]))
    session_folders.write(folder, DAYS[1], weekly=False)
    database.rebuild(folder, archive)
    assert DAYS[1] not in kept(folder)["weekly"]["session"].to_list()
    assert_holds(folder, DAYS)


def test_columns_carry_unit_and_meaning(folder, archive):
    database.rebuild(folder, archive)
    with connection.connect(folder) as con:
        (comment,) = con.execute(
            "SELECT comment FROM duckdb_columns() WHERE table_name = 'features' AND column_name = 'trf_spike'"
        ).fetchall()[0]
    assert comment.startswith("ratio: ")
    assert comment.endswith("Formula: trf_volume / trf_ma20.")


def test_every_table_and_view_says_which_file_it_comes_from(folder, archive):
    database.rebuild(folder, archive)
    with connection.connect(folder) as con:
        told = dict(
            con.execute(
                "SELECT table_name, comment FROM duckdb_tables() WHERE NOT internal "
                "UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"
            ).fetchall()
        )
    assert [name for name, comment in told.items() if not comment] == []
    assert told["finra_trf_raw"].startswith("finra_trf.parquet of each session")
    assert told["features"].startswith("features.parquet of each session")
    assert "polygon/trades" in told["equity_trades_raw"]


def test_the_summary_shows_volume_lit_flow_and_estimate_side_by_side(folder, archive):
    database.rebuild(folder, archive)
    with connection.connect(folder) as con:
        rows = con.execute(
            "SELECT ticker, finra_off_exchange_volume, lit_buy_volume, inference_version FROM darkpool_daily_summary "
            "WHERE date = ? ORDER BY ticker LIMIT 1", [FIRST]
        ).fetchall()  # fmt: skip
    assert rows == [("NA", 1015.0, 3.0, "1")]


def test_a_run_carries_its_manifest(folder, archive):
    database.load(folder, DAYS[:1], archive)
    with connection.connect(folder) as con:
        mode, simulated, in_manifest = con.execute(
            "SELECT mode, simulated, manifest->>'$.config.history.ma' FROM runs WHERE session = ?", DAYS[:1]
        ).fetchall()[0]
    assert (mode, simulated, in_manifest) == ("single", False, "20")


def test_a_manifest_of_other_tables_is_not_taken_for_theirs(folder, archive):
    session_folders.write(folder, DAYS[0], simulated=True, manifest=False)
    loaded = database.load(folder, DAYS[:1], archive)
    assert kept(folder)["runs"]["manifest"].to_list()[0] is None
    assert "all" not in loaded.receipts[DAYS[0]]["inputs"]


def test_a_manifest_that_does_not_name_a_table_of_an_earlier_mode_still_counts(folder, archive):
    path = folder / str(DAYS[0]) / "all"
    manifest = json.loads(path.read_text())
    manifest["outputs"] = [entry for entry in manifest["outputs"] if entry["path"] != "weekly.parquet"]
    path.write_text(json.dumps(manifest))
    database.load(folder, DAYS[:1], archive)
    assert kept(folder)["runs"]["mode"].to_list() == ["single"] * 4


def test_a_session_without_a_manifest_is_a_run_without_one(folder, archive):
    (folder / str(DAYS[0]) / "all").unlink()
    database.rebuild(folder, archive)
    assert kept(folder)["runs"]["mode"].to_list() == [None, "single", "single", "single"]


def test_the_receipt_names_rows_and_inputs_and_is_the_same_twice(folder, archive):
    first = database.load(folder, DAYS[:1], archive).receipts
    assert list(first) == DAYS[:1]
    assert first == database.load(folder, DAYS[:1], archive).receipts
    receipt = json.loads(json.dumps(first[DAYS[0]]))
    assert (receipt["session"], receipt["scan"]) == ("2025-12-15", "emps2")
    assert receipt["rows"]["features"] == 3
    assert receipt["rows"]["yf_volume_raw"] == 9
    assert set(receipt["inputs"]) == {path.name for path in (folder / "2025-12-15").iterdir()}


def test_a_session_that_lacks_a_table_is_refused_and_changes_nothing(folder, archive):
    database.rebuild(folder, archive)
    before = (folder / files.STORE).read_bytes()
    (folder / str(DAYS[1]) / "lit_flow.parquet").unlink()
    with pytest.raises(session_tables.HistoryError, match=r"2025-12-16/lit_flow\.parquet is not there; snakemake"):
        database.load(folder, DAYS[:2], archive)
    assert (folder / files.STORE).read_bytes() == before


def test_a_rebuild_leaves_out_what_is_not_whole_and_says_so(folder, archive):
    (folder / str(DAYS[1]) / "lit_flow.parquet").write_bytes(b"PAR1")
    loaded = database.rebuild(folder, archive)
    assert list(loaded.skipped) == [DAYS[1]]
    assert "lit_flow.parquet" in loaded.skipped[DAYS[1]]
    assert_holds(folder, [DAYS[0], *DAYS[2:]])


def test_a_table_of_another_day_is_refused(folder, archive):
    for table in ("features", "finra_trf"):
        shutil.copy(folder / str(DAYS[0]) / f"{table}.parquet", folder / str(DAYS[1]))
    with pytest.raises(session_tables.HistoryError, match="holds rows of 2025-12-15, expected 2025-12-16 alone"):
        database.load(folder, [DAYS[1]], archive)


def test_a_lost_store_comes_back_whole_with_the_next_session(folder, archive):
    database.rebuild(folder, archive)
    (folder / files.STORE).unlink()
    database.load(folder, DAYS[-1:], archive)
    assert_holds(folder, DAYS)


@pytest.mark.parametrize("content", [b"", b"no database", b"\0" * 20_000])
def test_a_damaged_store_is_built_anew(folder, archive, content):
    database.rebuild(folder, archive)
    (folder / files.STORE).write_bytes(content)
    database.load(folder, DAYS[-1:], archive)
    assert_holds(folder, DAYS)


def test_a_store_of_another_shape_is_built_anew(folder, archive):
    database.rebuild(folder, archive)
    with duckdb.connect(folder / files.STORE) as con:
        con.execute("ALTER TABLE features DROP COLUMN log_ratio")
    database.load(folder, DAYS[-1:], archive)
    assert_holds(folder, DAYS)


def test_what_somebody_left_in_the_old_write_ahead_log_does_not_reach_the_new_store(folder, archive):
    database.rebuild(folder, archive)
    write = "import duckdb, os; c = duckdb.connect({!r}); c.execute('DELETE FROM features'); os._exit(0)"
    subprocess.run([sys.executable, "-c", write.format(str(folder / files.STORE))], check=True)
    assert (folder / f"{files.STORE}.wal").exists()
    database.load(folder, DAYS[-1:], archive)
    assert_holds(folder, DAYS)


def test_an_open_reader_neither_blocks_a_load_nor_sees_half_of_one(folder, archive):
    for day in DAYS[1:]:
        shutil.rmtree(folder / str(day))
    database.load(folder, DAYS[:1], archive)
    reader = start(READ, folder)
    try:
        assert reader.stdout.readline() == "3\n"
        for day in DAYS[1:3]:
            session_folders.write(folder, day)
            database.load(folder, [day], archive)
        reader.stdin.write("\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "3\n"
    finally:
        reader.stdin.close()
        assert reader.wait(30) == 0
    assert_holds(folder, DAYS[:3])


def test_whoever_opens_the_store_during_loads_sees_whole_sessions(folder, archive):
    database.load(folder, DAYS, archive)
    writer = start(LOAD, folder, archive, *DAYS)
    try:
        seen = set()
        while writer.poll() is None:
            with duckdb.connect(folder / files.STORE, read_only=True) as con:
                seen.add(tuple(con.execute("SELECT date, count(*) FROM features GROUP BY ALL ORDER BY 1").fetchall()))
    finally:
        assert writer.wait(60) == 0
    assert seen <= {tuple((day, 3) for day in DAYS)}


def test_four_sessions_loading_at_once_all_arrive(folder, archive):
    loads = [start(LOAD, folder, archive, day) for day in DAYS]
    assert [load.wait(60) for load in loads] == [0, 0, 0, 0]
    assert_holds(folder, DAYS)


LOAD = """
import sys
from datetime import date
from pathlib import Path
from darkpool.history import database
folder, archive, *days = sys.argv[1:]
for day in days:
    database.load(Path(folder), [date.fromisoformat(day)], Path(archive))
"""

READ = """
import sys
from pathlib import Path
from darkpool.history import connection
with connection.connect(Path(sys.argv[1])) as con:
    count = lambda: con.execute("SELECT count(*) FROM features ").fetchall()[0][0]
    print(count(), flush=True)
    sys.stdin.readline()
    print(count(), flush=True)
"""

KILLED = """
import os, signal, sys
from datetime import date
from pathlib import Path
from darkpool.history import database
folder, archive, day, moment = sys.argv[1:]
left = int(moment)

def count(frame, event, argument):
    global left
    if Path(frame.f_code.co_filename).parent != Path(database.__file__).parent:
        return
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

sys.setprofile(count)
database.load(Path(folder), [date.fromisoformat(day)], Path(archive))
sys.setprofile(None)
print(int(moment) - left)
"""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_load_killed_at_any_moment_leaves_the_store_as_it_was_or_done(folder, archive):
    database.load(folder, DAYS, archive)
    session_folders.write(folder, DAYS[0], simulated=True)
    before = (folder / files.STORE).read_bytes()
    trial = folder.parent / "trial" / "emps2"
    shutil.copytree(folder, trial)
    whole = start(KILLED, trial, archive, DAYS[0], 10**9)
    steps = int(whole.communicate(timeout=300)[0])
    assert whole.returncode == 0

    untouched = 0
    for moment in [1 + round(at * (steps - 1) / 11) for at in range(12)]:
        killed = start(KILLED, folder, archive, DAYS[0], moment)
        killed.communicate(timeout=300)
        assert killed.returncode == -signal.SIGKILL
        if (folder / files.STORE).read_bytes() == before:
            untouched += 1
            assert kept(folder)["runs"]["simulated"].to_list() == [False] * 4
        else:
            assert_holds(folder, DAYS)
            (folder / files.STORE).write_bytes(before)
    assert untouched >= 9
    database.load(folder, [DAYS[0]], archive)
    assert_holds(folder, DAYS)
    assert {path.name for path in folder.iterdir() if path.is_file()} == {files.STORE, database.LOCK}


def test_a_store_that_is_not_there_says_how_to_build_it(tmp_path):
    (tmp_path / "emps2").mkdir()
    with pytest.raises(session_tables.HistoryError, match="python -m darkpool rebuild --scan emps2 builds it"):
        connection.connect(tmp_path / "emps2")


def trades(path: Path, sizes: list[float], **more: list) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = [str(number) for number in range(len(sizes))]
    pq.write_table(pa.table({"id": ids, "size": sizes, "price": [10.0] * len(sizes), **more}), path)


@pytest.fixture
def ticks(archive: Path) -> Path:
    """Trades of two sessions; those of NA on the first were asked for twice; T%70C is TpC."""
    first, second = (archive / "polygon/trades" / str(day) for day in DAYS[:2])
    trades(first / "NA.parquet", [100.0])
    trades(first / "NA@20251217T110000Z.parquet", [100.0, 25.0])
    trades(first / "T%70C.parquet", [7.0], trf_id=[202])
    trades(second / "TPC.parquet", [9.0])
    return archive


@pytest.mark.parametrize("form", ["view", "table"])
def test_trades_are_those_of_the_newest_answers(folder, ticks, form):
    database.rebuild(folder, ticks, form)
    with connection.connect(folder) as con:
        rows = con.execute(
            "SELECT date, symbol, sum(size), max(trf_id) FROM equity_trades_raw GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    assert rows == [(DAYS[0], "NA", 125.0, None), (DAYS[0], "TpC", 7.0, 202), (DAYS[1], "TPC", 9.0, None)]


def test_trades_in_a_table_are_replaced_with_their_session(folder, ticks):
    database.rebuild(folder, ticks, "table")
    trades(ticks / "polygon/trades/2025-12-15/NA@20251218T110000Z.parquet", [1.0])
    database.load(folder, DAYS[:1], ticks, "table")
    with connection.connect(folder) as con:
        assert con.execute("SELECT sum(size) FROM equity_trades_raw").fetchall() == [(17.0,)]


def test_a_condition_on_the_date_keeps_the_other_days_files_shut(folder, ticks):
    database.rebuild(folder, ticks)
    with connection.connect(folder) as con:
        plan = con.execute("EXPLAIN ANALYZE SELECT * FROM equity_trades_raw WHERE date = '2025-12-16'").fetchall()
    assert "Scanning Files: 1/4" in plan[0][1]


@pytest.mark.parametrize("form", ["view", "table"])
def test_without_trades_and_weeks_in_the_archive_their_views_are_empty(folder, archive, form):
    database.rebuild(folder, archive, form)
    with connection.connect(folder) as con:
        for view in ("equity_trades_raw", "finra_otc_answers"):
            assert con.execute(f"SELECT count(*) FROM {view}").fetchall() == [(0,)]
        assert con.sql("SELECT symbol, price, trf_id FROM equity_trades_raw").columns == ["symbol", "price", "trf_id"]


def test_turning_the_view_into_a_table_and_back_loads_every_session(folder, ticks):
    for form in ("view", "table", "view"):
        database.load(folder, DAYS[3:], ticks, form)
        with connection.connect(folder) as con:
            assert con.execute("SELECT count(*) FROM equity_trades_raw").fetchall() == [(4,)]
        assert_holds(folder, DAYS)


def test_a_store_whose_archive_is_gone_opens_and_takes_the_next_session(folder, ticks):
    database.rebuild(folder, ticks)
    shutil.rmtree(ticks)
    with connection.connect(folder) as con:
        assert con.execute("SELECT count(*) FROM features").fetchall() == [(12,)]
    database.load(folder, DAYS[3:], ticks)
    assert_holds(folder, DAYS)


def test_an_archive_path_with_wildcards_and_quotes_is_read_as_it_is(folder, ticks):
    strange = ticks.with_name("it's [old]*")
    ticks.rename(strange)
    database.rebuild(folder, strange)
    with connection.connect(folder) as con:
        assert con.execute("SELECT count(*) FROM equity_trades_raw").fetchall() == [(4,)]


def week_row(kind: str, shares: float, updated: str) -> dict:
    return {
        "issueSymbolIdentifier": "TQQQ", "tierIdentifier": "T1", "weekStartDate": "2025-11-17",
        "initialPublishedDate": "2025-12-08", "lastUpdateDate": updated, "summaryTypeCode": kind,
        "totalWeeklyShareQuantity": shares, "totalWeeklyTradeCount": 2, "MPID": None,
    }  # fmt: skip


def test_what_finra_said_later_about_a_week_stands_beside_what_it_said_first(folder, archive):
    weeks = archive / "finra/otc_weekly"
    weeks.mkdir(parents=True)
    firm = week_row("ATS_W_SMBL_FIRM", 10, "2025-12-08")
    first = [week_row("ATS_W_SMBL", 10, "2025-12-08"), week_row("OTC_W_SMBL", 30, "2025-12-08"), firm]
    later = [week_row("ATS_W_SMBL", 10, "2025-12-08"), week_row("OTC_W_SMBL", 35.5, "2025-12-15")]
    (weeks / "2025-11-17.json").write_text(json.dumps(first))
    (weeks / "2025-11-17@20251216T110000Z.json").write_text(json.dumps(later))
    database.rebuild(folder, archive)
    with connection.connect(folder) as con:
        rows = con.execute(
            "SELECT ats_volume, non_ats_volume, off_exchange_volume, last_update_date, retrieved_at::VARCHAR "
            "FROM finra_otc_answers WHERE symbol = 'TQQQ' ORDER BY retrieved_at NULLS FIRST"
        ).fetchall()
    assert rows == [
        (10.0, 30.0, 40.0, date(2025, 12, 8), None),
        (10.0, 35.5, 45.5, date(2025, 12, 15), "2025-12-16 11:00:00"),
    ]


@pytest.mark.real_data
def test_the_real_week_and_the_real_trades_are_seen_through_the_store(folder, real_data):
    database.rebuild(folder, real_data / "archive")
    with connection.connect(folder) as con:
        week = con.execute(
            "SELECT ats_volume, non_ats_volume, off_exchange_volume, tier FROM finra_otc_answers WHERE symbol = 'TQQQ'"
        ).fetchall()
        prints = con.execute(
            "SELECT count(*) FROM equity_trades_raw WHERE date = '2013-10-08' AND symbol = 'BAC'"
        ).fetchall()
    assert week == [(48_136_092.0, 248_494_799.0, 296_630_891.0, "T2")]
    assert prints == [(125_872,)]
