"""What the command line promises."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

import session_folders
from darkpool.cli import main
from darkpool.session import selection
from darkpool.show import spreadsheet
from darkpool.tables import contracts, glossary

DAYS = [date(2025, 12, 18), date(2025, 12, 19), date(2025, 12, 22)]
SCRIPTS = Path(main.__file__).parents[1]


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project's root with three sessions of emps2 and one of the demo."""
    for day in DAYS:
        session_folders.write(tmp_path / "results/emps2", day)
    session_folders.write(tmp_path / "results/demo", DAYS[-1], simulated=True)
    (tmp_path / "config.yaml").write_text(
        "scans: {emps2: {archive: resources/archive}}\nhistory: {ma: 20, min_sessions: 20, window: 60}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(project, capsys):
    """A command's exit status, output and errors."""

    def run(*argv: str) -> tuple[int, str, str]:
        try:
            status = main.main(argv)
        except SystemExit as ended:
            status = int(ended.code or 0)
        out, err = capsys.readouterr()
        return status, out, err

    return run


def cells(text: str) -> list[list[str]]:
    """The rows of an aligned table, below its rule and above what is said under it."""
    lines = text.splitlines()
    rule = next(i for i, line in enumerate(lines) if set(line) == {"-", " "})
    said = (glossary.DISCLAIMER, f"{glossary.UNKNOWN} beside")
    return [line.split() for line in lines[rule + 1 :] if not line.startswith(said)]


def python(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *argv], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(SCRIPTS), **environment},
    )  # fmt: skip


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


def test_an_unknown_value_is_a_dash_and_never_zero(run):
    _, out, _ = run("table", "--tickers", "NA", "--columns", "ticker,accum_score,log_ratio")
    assert cells(out) == [["NA", glossary.UNKNOWN, "+0.22"]]


def test_a_simulated_session_says_so_first(run):
    for command in (("table",), ("show", "NA"), ("sessions",)):
        status, out, _ = run(*command, "--scan", "demo")
        assert status == 0
        assert out.startswith(glossary.SIMULATED)


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


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("table", "--dates", "2025-13-01"),
        ("table", "--dates", "20251222"),
        ("table", "--dates", ","),
        ("table", "--tickers", "T$"),
        ("table", "--columns", "price"),
        ("show",),
        ("show", "NA", "--last", "0"),
        ("export", "--to", "rows.pdf"),
        ("nothing",),
    ],
)
def test_wrong_usage_ends_with_2_and_one_word_about_it(run, argv):
    status, out, err = run(*argv)
    assert (status, out) == (2, "")
    assert "error: " in err
    assert "Traceback" not in err


def test_a_ticker_in_another_case_is_not_taken_for_it_but_offered(run):
    status, _, err = run("table", "--tickers", "tpc")
    assert status == 1
    assert err == "error: no row for tpc; did you mean TPC or TpC? (case is identity)\n"


def test_a_ticker_without_rows_is_told_beside_those_that_have_some(run):
    status, out, err = run("table", "--tickers", "NA,ZZZZ")
    assert status == 0
    assert [row[0] for row in cells(out)] == ["NA"]
    assert err == "warning: no row for ZZZZ; there are NA, TPC, TpC\n"


def test_a_scan_that_is_not_there_names_those_that_are(run):
    status, _, err = run("table", "--scan", "emps9")
    assert (status, err) == (1, "error: results/emps9 is not there; scans there: demo, emps2\n")


def test_a_damaged_table_is_a_fault_that_names_the_file(run, project):
    (project / "results/emps2/2025-12-22/features.parquet").write_bytes(b"PAR1 and no more PAR1")
    status, _, err = run("table")
    assert status == 1
    assert "results/emps2/2025-12-22/features.parquet" in err
    assert "Traceback" not in err


def test_a_tickers_history_goes_back_into_sessions_that_were_not_run(run):
    _, out, _ = run("show", "NA", "--last", "4", "--scan", "demo")
    rows = cells(out)
    assert [row[0] for row in rows] == ["2025-12-18", "2025-12-19", "2025-12-22"]
    assert [row[3] for row in rows] == ["1.0K", "1.0K", "1.0K"]
    assert "that session was not run for itself" in out


def test_a_tickers_history_ends_with_the_newest_session(run):
    _, out, _ = run("show", "TpC", "--last", "2")
    assert [row[0] for row in cells(out)] == ["2025-12-19", "2025-12-22"]


def test_the_page_of_chosen_rows_links_the_plots_that_exist(run, project):
    plot = project / "results/emps2/2025-12-22/plots/T%70C.png"
    plot.parent.mkdir()
    plot.write_bytes(b"")
    status, out, _ = run("table", "--dates", "2025-12", "--tickers", "TpC,NA", "--html", "pages/chosen.html")
    html = (project / "pages/chosen.html").read_text()
    assert (status, out) == (0, "pages/chosen.html\n")
    assert "../results/emps2/2025-12-22/plots/T%2570C.png" in html
    assert "plots/NA.png" not in html
    assert ">TPC<" not in html
    assert "2025-12-18" in html


def test_a_plot_is_drawn_for_each_ticker_and_session(run, project):
    before = fingerprint(project / "results")
    status, out, _ = run("plots", "--symbols", "NA,TpC", "--to", "pictures")
    assert status == 0
    assert out.split() == ["pictures/NA-2025-12-22.png", "pictures/T%70C-2025-12-22.png"]
    assert all((project / path).read_bytes().startswith(b"\x89PNG") for path in out.split())
    assert fingerprint(project / "results") == before


def fingerprint(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def test_exported_csv_holds_the_chosen_rows_and_columns(run, project):
    chosen = ("--dates", "2025-12-18:2025-12-19", "--tickers", "NA", "--columns", "date,ticker,trf_volume,trf_spike")
    status, out, _ = run("export", *chosen, "--to", "-")
    assert status == 0
    assert out == "date,ticker,trf_volume,trf_spike\n2025-12-18,NA,1018.0,\n2025-12-19,NA,1019.0,\n"


def test_exported_rows_of_simulated_vendors_say_so_in_every_format(run, project):
    for name in ("rows.csv", "rows.xlsx", "rows.parquet"):
        status, _, err = run("export", "--scan", "demo", "--columns", "ticker,trf_volume", "--to", name)
        assert status == 0
        assert glossary.SIMULATED in err
    assert "SIMULATED" in (project / "rows.csv").read_text()
    assert pl.read_parquet(project / "rows.parquet")["vendors"].to_list() == ["SIMULATED"] * 3
    assert sheet_names(project / "rows.xlsx") == ["SIMULATED", "about"]


def test_exported_parquet_keeps_unit_and_meaning(run, project):
    import pyarrow.parquet as pq

    run("export", "--columns", "ticker,trf_volume", "--to", "rows.parquet")
    schema = pq.read_schema(project / "rows.parquet")
    assert schema.field("trf_volume").metadata[b"unit"] == b"shares"
    assert schema.metadata[b"disclaimer"].decode() == glossary.DISCLAIMER


def test_a_table_of_other_days_is_exported_with_its_session(run):
    _, out, _ = run("export", "--table", "merged", "--dates", "2025-12-22", "--tickers", "TPC", "--to", "-")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["session"], row["date"]) for row in rows] == [
        ("2025-12-22", "2025-12-18"), ("2025-12-22", "2025-12-19"), ("2025-12-22", "2025-12-22"),
    ]  # fmt: skip


def test_a_map_is_exported_as_json(run):
    _, out, _ = run("export", "--table", "lit_flow", "--tickers", "NA", "--columns", "excluded_reasons", "--to", "-")
    assert list(csv.DictReader(io.StringIO(out))) == [{"excluded_reasons": '{"condition": 7.0}'}]


XLSX = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheet_names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as book:
        return [
            sheet.get("name") or ""
            for sheet in ElementTree.fromstring(book.read("xl/workbook.xml")).iter(f"{XLSX}sheet")
        ]


def test_a_spreadsheet_never_holds_a_formula():
    rows = pl.DataFrame({"ticker": ["=1+1", "+A1", "-2", "@x", "TRUE", "NA"], "trf_volume": [-1.0, None, 2.5, 0, 1, 2]})
    with zipfile.ZipFile(io.BytesIO(spreadsheet.to_xlsx(rows, "features", simulated=False))) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        texts = [node.text for node in ElementTree.fromstring(book.read("xl/sharedStrings.xml")).iter(f"{XLSX}t")]
    assert not list(sheet.iter(f"{XLSX}f"))
    assert {"'=1+1", "'+A1", "'-2", "'@x", "TRUE", "NA"} <= set(texts)
    kinds = {cell.get("r"): cell.get("t") for cell in sheet.iter(f"{XLSX}c")}
    assert kinds["A6"] == kinds["A7"] == "s"
    assert "B3" not in kinds
    lines = spreadsheet.to_csv(rows).decode().splitlines()
    assert lines[1:4] == ["'=1+1,-1.0", "'+A1,", "'-2,2.5"]


def test_the_same_rows_are_the_same_bytes_as_a_spreadsheet():
    rows = pl.DataFrame({"ticker": ["NA"], "date": [DAYS[0]], "trf_volume": [1.0]})
    assert spreadsheet.to_xlsx(rows, "features", False) == spreadsheet.to_xlsx(rows, "features", False)


def test_more_rows_than_a_sheet_holds_are_refused(monkeypatch):
    monkeypatch.setattr(spreadsheet, "MOST_ROWS", 1)
    with pytest.raises(ValueError, match="2 rows, an Excel sheet holds 1"):
        spreadsheet.to_xlsx(pl.DataFrame({"ticker": ["A", "B"]}), "features", False)


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


@pytest.mark.parametrize("command", [["table"], ["digest"], ["sessions"], ["show", "NA"], ["export", "--to", "-"]])
def test_nothing_that_a_command_prints_steers_the_terminal(run, project, command):
    path = project / f"results/emps2/{DAYS[-1]}/features.parquet"
    about = {name: text for name, text in contracts.metadata(path).items() if name not in ("table", "key")}
    about["notes"] = json.dumps(["Not usable: \x1b[2J\x9b31m\u202e\x07."])
    about["sources"] = json.dumps([{"source": "FINRA\x1b[2J", "state": "published\x07"}])
    contracts.write("features", contracts.read("features", path), path, **about)
    _, out, err = run(*command)
    assert not set(out + err) & {"\x1b", "\x9b", "\u202e", "\x07"}


def test_help_imports_no_library():
    heavy = {"polars", "duckdb", "pyarrow", "matplotlib", "numpy", "jinja2", "pandas", "exchange_calendars"}
    code = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules)); from darkpool import cli; cli.main(['-h'])"
    )
    assert heavy.isdisjoint(python("-c", code).stdout.splitlines()[-1].split())


def test_the_module_runs_from_a_shell_in_a_terminal_without_unicode(project):
    shown = python("-m", "darkpool", "table", PYTHONIOENCODING="ascii")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "emps2 2025-12-22" in shown.stdout
    assert python("-m", "darkpool", "table", "--dates", "2025-12-20").returncode == 1
    assert python("-m", "darkpool", "table", "--dates", "soon").returncode == 2
