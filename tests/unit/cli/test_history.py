"""The history, asked and rebuilt from the command line."""

from __future__ import annotations

from command_line import cells


def test_the_history_is_rebuilt_and_asked(run):
    status, out, _ = run("rebuild")
    assert status == 0
    assert out.startswith("results/emps2/history.duckdb: 3 sessions, ")
    _, out, _ = run("query", "select date, log_ratio from features where ticker = 'NA' order by date")
    assert cells(out) == [["2025-12-18", "0.1800"], ["2025-12-19", "0.1900"], ["2025-12-22", "0.2200"]]


def test_a_rebuild_that_leaves_a_session_out_ends_with_1(run, project):
    (project / "results/emps2/2025-12-18/merged.parquet").unlink()
    status, out, err = run("rebuild")
    assert status == 1
    assert "2 sessions" in out
    assert "2025-12-18 left out" in err


def test_a_query_cannot_write(run):
    run("rebuild")
    status, _, err = run("query", "delete from features")
    assert status == 1
    assert "read-only" in err


def test_a_query_without_a_history_says_how_to_build_it(run):
    status, _, err = run("query", "select 1")
    assert (status, err) == (
        1, "error: results/emps2/history.duckdb is not there; python -m darkpool rebuild --scan emps2 builds it\n"
    )  # fmt: skip
