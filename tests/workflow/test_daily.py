"""Mode daily on the demo: several sessions on one page, the next day adds its own, the history holds the files."""

import os
import subprocess
import sys
from datetime import date

import duckdb
import polars as pl
import pytest

from darkpool.history import store_tables
from darkpool.session import files

DAYS = ["2025-12-18", "2025-12-19", "2025-12-22"]
NEXT = "2025-12-23"
DAILY = {"mode": "daily", "backfill_count": 3}
A_SESSION = {
    "simulate_vendors", "simulate_ticks", "simulate_weekly", "build_volumes", "classify_lit", "gather_lit",
    "screen_market", "build_features",
}  # fmt: skip
A_PAGE = {
    "reconcile_sources", "simulate_market", "publish_market", "publish_table", "draw_plots", "write_manifest",
}  # fmt: skip


@pytest.fixture(scope="module")
def daily(copy_project, tmp_path_factory):
    """A demo whose page holds three sessions, and how it was made."""
    project = copy_project(tmp_path_factory.mktemp("daily"))
    project.scan = "demo"
    del project.env["FETCH_MODE"]
    return project, project.finish(project.target(), project.target(name=".history.json"), config=DAILY)


def assert_the_store_holds_the_files(project, days):
    con = duckdb.connect(project.root / "results/demo" / files.STORE, read_only=True)
    for name, table in store_tables.KEPT.items():
        for day in days:
            rows = con.sql(f"SELECT * EXCLUDE ({table.session}) FROM {name} WHERE {table.session} = '{day}'").pl()
            path = project.folder(day) / f"{table.source}.parquet"
            expected = pl.read_parquet(path) if path.exists() else rows.clear()
            found = rows.select([column for column in expected.columns if column in rows.columns])
            expected = expected.select(found.columns)
            assert sorted(map(str, found.rows())) == sorted(map(str, expected.rows())), (name, day)
    loaded = con.sql("SELECT session FROM runs ORDER BY session").fetchall()
    assert loaded == [(date.fromisoformat(day),) for day in days]
    con.close()


def test_one_page_stands_for_all_and_each_session_has_its_own_tables(daily):
    project, run = daily
    assert run.rules == {**dict.fromkeys(A_SESSION, 3), **dict.fromkeys(A_PAGE, 1), "load_history": 1}
    page = (project.folder() / "table.html").read_text()
    assert all(day in page for day in DAYS)
    assert all((project.folder(day) / "features.parquet").exists() for day in DAYS)
    assert not any((project.folder(day) / "table.html").exists() for day in DAYS[:-1])
    assert [entry["path"] for entry in project.manifest()["covers"]] == [f"{day}/features.parquet" for day in DAYS]
    assert project.manifest()["mode"] == "daily"


@pytest.mark.soak
def test_the_numbers_of_a_session_do_not_hang_on_the_mode(daily, project):
    together, _ = daily
    project.scan = "demo"
    project.finish(project.target(DAYS[1]))
    assert (project.folder(DAYS[1]) / "features.parquet").read_bytes() == (
        together.folder(DAYS[1]) / "features.parquet"
    ).read_bytes()


def test_the_next_day_adds_its_own_jobs_alone_and_the_store_follows(daily):
    project, _ = daily
    assert_the_store_holds_the_files(project, DAYS)
    run = project.finish(project.target(NEXT), config=DAILY)
    assert run.rules == dict.fromkeys(A_SESSION | A_PAGE, 1)
    run = project.finish(project.target(NEXT, ".history.json"), config=DAILY)
    assert run.rules == {"write_manifest": 1, "load_history": 1}
    assert_the_store_holds_the_files(project, [*DAYS, NEXT])
    store = project.root / "results/demo" / files.STORE
    store.unlink()
    command = [sys.executable, "-m", "darkpool", "rebuild", "--scan", "demo"]
    env = {**os.environ, "PYTHONPATH": "workflow/scripts"}
    subprocess.run(command, cwd=project.root, env=env, check=True, capture_output=True)
    assert_the_store_holds_the_files(project, [*DAYS, NEXT])


def test_the_environment_comes_before_the_configuration_and_a_wrong_word_is_refused(daily):
    project, _ = daily
    run = project.run(project.target(), "--dry-run", config=DAILY, FETCH_MODE="hourly")
    assert run.code == 1
    assert '"hourly"' in run.said
    assert "single" in run.said
    run = project.finish(project.target(), "--dry-run", config=DAILY, FETCH_MODE="single")
    assert run.rules["publish_table"] == 1
    assert run.rules["build_features"] == 0
