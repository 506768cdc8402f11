"""What the terminal shows of the sessions."""

from __future__ import annotations

from command_line import cells
from darkpool.tables import glossary


def test_an_unknown_value_is_a_dash_and_never_zero(run):
    _, out, _ = run("table", "--tickers", "NA", "--columns", "ticker,accum_score,log_ratio")
    assert cells(out) == [["NA", glossary.UNKNOWN, "+0.22"]]


def test_a_simulated_session_says_so_first(run):
    for command in (("table",), ("show", "NA"), ("sessions",)):
        status, out, _ = run(*command, "--scan", "demo")
        assert status == 0
        assert out.startswith(glossary.SIMULATED)


def test_a_tickers_history_goes_back_into_sessions_that_were_not_run(run):
    _, out, _ = run("show", "NA", "--last", "4", "--scan", "demo")
    rows = cells(out)
    assert [row[0] for row in rows] == ["2025-12-18", "2025-12-19", "2025-12-22"]
    assert [row[3] for row in rows] == ["1.0K", "1.0K", "1.0K"]
    assert "that session was not run for itself" in out


def test_a_tickers_history_ends_with_the_newest_session(run):
    _, out, _ = run("show", "TpC", "--last", "2")
    assert [row[0] for row in cells(out)] == ["2025-12-19", "2025-12-22"]


def test_the_sessions_on_disk_are_listed_with_their_state(run, project):
    sessions = project / "results/emps2"
    (sessions / "2025-12-18/all").unlink()
    (sessions / "2025-12-18/table.html").touch()
    (sessions / "2025-12-19/features.parquet").write_bytes(b"cut off")
    status, out, _ = run("sessions")
    assert status == 0
    assert out.splitlines()[2].split()[:4] == ["2025-12-18", glossary.UNKNOWN, "unfinished", "3"]
    assert out.splitlines()[3].split()[:4] == ["2025-12-19", glossary.UNKNOWN, "damaged", glossary.UNKNOWN]
    assert "2025-12-19/features.parquet: expected the table features as Parquet" in out.splitlines()[3]
    assert out.splitlines()[4].split()[:4] == ["2025-12-22", "single", "complete", "3"]
