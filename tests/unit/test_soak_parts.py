"""`make soak` can be cut into parts: what has passed on this code is not run again, and nothing else counts."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import soak_parts

TESTS = """
import pathlib, pytest
HERE = pathlib.Path(__file__).parent

@pytest.mark.soak
@pytest.mark.parametrize("number", [1, 2])
def test_short(number, record_property):
    (HERE / f"ran-{number}").open("a").write("x")
    record_property("documents", 10)

@pytest.mark.soak(long=True)
def test_long():
    (HERE / "ran-long").open("a").write("x")
    assert (HERE / "well").exists()
"""


@pytest.fixture
def soak(tmp_path):
    """A project with three soak tests, of which `test_long` passes once the file `well` is there."""
    (tmp_path / "tests").mkdir()
    shutil.copy(soak_parts.__file__, tmp_path / "tests")
    (tmp_path / "tests/conftest.py").write_text('pytest_plugins = ["soak_parts"]\n')
    (tmp_path / "tests/test_it.py").write_text(TESTS)
    (tmp_path / "tests/beside").mkdir()  # pytest then gives each test the plugins of its own folder
    (tmp_path / "tests/beside/conftest.py").touch()
    (tmp_path / "tests/beside/test_quick.py").write_text("def test_quick(): pass\n")
    shutil.copy(Path(__file__).parents[2] / "pyproject.toml", tmp_path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "SOAK_"))}

    def part(*options):
        command = [sys.executable, "-m", "pytest", "-m", "soak", "-p", "no:cacheprovider", "--ledger=ledger.jsonl"]
        done = subprocess.run(
            [*command, *options],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return tmp_path, part


def ran(root):
    return {path.name.removeprefix("ran-"): len(path.read_text()) for path in (root / "tests").glob("ran-*")}


def test_the_next_part_runs_what_is_left_and_says_what_all_of_them_saw(soak):
    root, part = soak
    code, said = part()
    assert code == 1
    assert "2 passed in" in said
    assert "1 left: make soak goes on with them" in said
    assert ran(root) == {"1": 1, "2": 1, "long": 1}
    (root / "tests/well").touch()
    code, said = part()
    assert code == 0
    assert ran(root) == {"1": 1, "2": 1, "long": 2}
    assert re.search(r" 2 passed, +\d+ s, documents: 20  test_it.py::test_short", said)
    assert "3 passed in" in said
    assert "none left" in said


def test_a_part_whose_time_is_over_begins_nothing_and_is_no_success(soak):
    root, part = soak
    code, said = part("--minutes", "0")
    assert code == soak_parts.LATER
    assert ran(root) == {}
    assert "3 left" in said


@pytest.mark.parametrize("changed", ["workflow/scripts/new.py", "tests/test_it.py", "config.yaml"])
def test_a_pass_of_other_code_is_none(soak, changed):
    root, part = soak
    (root / "tests/well").touch()
    assert part()[0] == 0
    (root / changed).parent.mkdir(parents=True, exist_ok=True)
    with (root / changed).open("a") as file:
        file.write("# changed\n")
    assert part()[0] == 0
    assert set(ran(root).values()) == {2}


def test_workers_share_the_ledger_and_the_longest_comes_first(soak):
    root, part = soak
    (root / "tests/well").touch()
    code, said = part("-n", "2", "--dist", "worksteal", "-v")
    assert code == 0, said
    assert "3 passed in" in said
    assert len((root / "ledger.jsonl").read_text().splitlines()) == 3
    code, said = part("--collect-only", "-q")
    assert said.splitlines()[0].endswith("::test_long")
    assert part("-n", "2")[0] == 0
    assert set(ran(root).values()) == {1}
