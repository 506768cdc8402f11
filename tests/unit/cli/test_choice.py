"""Which sessions and tickers a command was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import DAYS, cells
from darkpool.session import selection
from darkpool.tables import glossary


def test_the_newest_session_is_shown_when_no_date_is_asked_for(run):
    status, out, _ = run("table")
    assert status == 0
    names = [f"{glossary.source(name)} published" for name in ("FINRA", "Yahoo")]
    assert out.startswith(f"emps2 2025-12-22  ({', '.join(names)})\n")
    assert [row[0] for row in cells(out)] == ["NA", "TPC", "TpC"]
    assert out.endswith(glossary.DISCLAIMER + "\n")


def test_the_table_shows_the_tickers_and_sessions_asked_for_newest_first(run):
    _, out, _ = run("table", "--dates", "2025-12-18,2025-12-22", "--tickers", "TpC", "--columns", "ticker,trf_volume")
    assert [line.split() for line in out.splitlines() if line.startswith("TpC")] == [["TpC", "3.0K"], ["TpC", "3.0K"]]
    assert out.index("2025-12-22") < out.index("2025-12-18")


@pytest.mark.parametrize(
    ("dates", "told"),
    [
        ("2025-12-20", "2025-12-20 is a Saturday; nearest sessions 2025-12-19 and 2025-12-22"),
        ("2025-12-25", "2025-12-25 is a Thursday without a session; nearest sessions 2025-12-24 and 2025-12-26"),
        ("2025-12-17", "2025-12-17 is a session, but results/emps2 holds nothing for it"),
        ("2025-12-17", "snakemake --cores 4 results/emps2/2025-12-17/all makes it"),
        ("2024", "no session of 2024 in results/emps2; it holds 2025-12-18 to 2025-12-22 (3 sessions)"),
    ],
)
def test_a_date_without_rows_names_the_nearest_sessions(run, dates, told):
    status, out, err = run("table", "--dates", dates)
    assert (status, out) == (1, "")
    assert told in err


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ("latest", DAYS[2:]),
        ("2025-12", DAYS),
        ("2025", DAYS),
        ("12-19", DAYS[1:2]),
        ("2025-12-19:", DAYS[1:]),
        (":2025-12-19", DAYS[:2]),
        ("2025-12-20:2025-12-31", DAYS[2:]),
        ("2025-12-22, 2025-12-18,latest", [DAYS[0], DAYS[2]]),
    ],
)
def test_partial_dates_and_ranges_are_completed_from_what_is_there(project, dates, expected):
    assert selection.days(dates, Path("results/emps2")) == expected


def test_a_ticker_in_another_case_is_not_taken_for_it_but_offered(run):
    status, _, err = run("table", "--tickers", "tpc")
    assert status == 1
    assert err == "error: no row for tpc; did you mean TPC or TpC? (case is identity)\n"


def test_a_ticker_without_rows_is_told_beside_those_that_have_some(run):
    status, out, err = run("table", "--tickers", "NA,ZZZZ")
    assert status == 0
    assert [row[0] for row in cells(out)] == ["NA"]
    assert err == "warning: no row for ZZZZ; there are NA, TPC, TpC\n"
