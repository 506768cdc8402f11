"""What every command of the command line promises."""

from __future__ import annotations

import json

import pytest

from command_line import DAYS, python
from darkpool.tables import contracts


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


def test_a_scan_that_is_not_there_names_those_that_are(run):
    status, _, err = run("table", "--scan", "emps9")
    assert (status, err) == (1, "error: results/emps9 is not there; scans there: demo, emps2\n")


def test_a_damaged_table_is_a_fault_that_names_the_file(run, project):
    (project / "results/emps2/2025-12-22/features.parquet").write_bytes(b"PAR1 and no more PAR1")
    status, _, err = run("table")
    assert status == 1
    assert "results/emps2/2025-12-22/features.parquet" in err
    assert "Traceback" not in err


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
    code = "import atexit, sys; atexit.register(lambda: print(*sys.modules)); from darkpool.cli.main import main"
    shown = python("-c", f"{code}; main(['-h'])").stdout
    assert "usage: python -m darkpool" in shown
    assert heavy.isdisjoint(shown.splitlines()[-1].split())


def test_the_module_runs_from_a_shell_in_a_terminal_without_unicode(project):
    shown = python("-m", "darkpool", "table", PYTHONIOENCODING="ascii")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "emps2 2025-12-22" in shown.stdout
    assert python("-m", "darkpool", "table", "--dates", "2025-12-20").returncode == 1
    assert python("-m", "darkpool", "table", "--dates", "soon").returncode == 2
