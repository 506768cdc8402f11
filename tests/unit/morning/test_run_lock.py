"""Whose Snakemake is at work, told by command lines as the operating systems show them."""

import pytest

from darkpool.morning import run_lock

RUNNING = [
    "/home/me/darkpool/.venv/bin/python /home/me/darkpool/.venv/bin/snakemake --cores 4 latest",
    "python3.11 -m snakemake latest",
    "/usr/bin/python3 -X utf8 -P -m snakemake latest",
    "/Library/Frameworks/Python.framework/Versions/3.13/Resources/Python.app/Contents/MacOS/Python -m snakemake latest",
    "snakemake --cores 4 latest",
]
NAMING_IT = [
    "man snakemake",
    "SCREEN -S snakemake",
    "grep -rn snakemake .",
    "tail -f snakemake",
    "snakemake -n latest",
    "python -m snakemake --dry-run latest",
    "python -m pytest tests/snakemake.py",
    "",
]


@pytest.mark.parametrize("line", RUNNING)
def test_a_snakemake_at_work_is_seen_however_it_was_started(line):
    assert run_lock.is_snakemake(line.split())


@pytest.mark.parametrize("line", NAMING_IT)
def test_a_program_that_only_names_snakemake_holds_no_morning_up(line):
    assert not run_lock.is_snakemake(line.split())


def test_a_lock_left_behind_is_removed_and_everything_else_of_snakemake_stays(tmp_path):
    (tmp_path / ".snakemake/metadata").mkdir(parents=True)
    assert not run_lock.unlock(tmp_path)
    locks = tmp_path / run_lock.LOCKS
    locks.mkdir()
    assert not run_lock.unlock(tmp_path)
    (locks / "0.input.lock").write_text("resources/demo\n")
    assert run_lock.unlock(tmp_path)
    assert [entry.name for entry in (tmp_path / ".snakemake").iterdir()] == ["metadata"]
