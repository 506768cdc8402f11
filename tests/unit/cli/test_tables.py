"""What the terminal shows of the sessions."""

from __future__ import annotations

import market_rows
from command_line import DAYS, cells
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


def test_the_market_lists_the_most_unusual_names_and_the_new_ones(project, run):
    rows = [
        market_rows.name("XERS", 1, **market_rows.confirmed()),
        market_rows.name("VST", 2, volume_z=None, volume_multiple=None),
        market_rows.name("NEWR", None, is_new=True),
    ]
    market_rows.put(project / "results/emps2", DAYS[-1], rows)
    status, out, err = run("market")
    assert (status, err) == (0, "")
    assert "The market itself traded 1.49" in out
    listed, _, new = out.partition("New names:")
    assert cells(listed)[-2:][0][0] == "XERS"
    assert "NEWR" in new
    assert "NEWR" not in listed
    assert glossary.UNKNOWN in out
    assert glossary.DISCLAIMER in out


def test_as_many_names_as_asked_for(project, run):
    market_rows.put(project / "results/emps2", DAYS[-1], [market_rows.name(f"N{rank}", rank) for rank in range(1, 9)])
    _, out, _ = run("market", "--last", "3")
    assert "N3" in out
    assert "N4" not in out


def test_following_a_name_writes_it_down_and_says_what_brings_it(project, run):
    market_rows.put(project / "results/emps2", DAYS[-1], [market_rows.name("XERS", 1)])
    status, out, _ = run("market", "--follow", "XERS")
    assert status == 0
    assert f"followed from {DAYS[-1]} on: XERS" in out
    assert (project / "results/emps2/follow.csv").read_text() == f"ticker,since\nXERS,{DAYS[-1]}\n"
    assert "nothing that was not followed before" in run("market", "--follow", "XERS")[1]


def test_a_name_that_the_market_does_not_have_is_not_followed(project, run):
    market_rows.put(project / "results/emps2", DAYS[-1], [market_rows.name("XERS", 1)])
    status, _, err = run("market", "--follow", "XERZ")
    assert status == 1
    assert "XERZ" in err
    assert not (project / "results/emps2/follow.csv").exists()


def test_a_session_without_the_market_says_so(project, run):
    (project / "results/emps2" / str(DAYS[-1]) / "market.parquet").unlink()
    status, out, err = run("market")
    assert (status, out) == (1, "")
    assert "market" in err
