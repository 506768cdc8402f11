"""Whose Snakemake is at work, told by command lines as the operating systems show them."""

import pytest

from darkpool import guard

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
    assert guard.is_snakemake(line.split())


@pytest.mark.parametrize("line", NAMING_IT)
def test_a_program_that_only_names_snakemake_holds_no_morning_up(line):
    assert not guard.is_snakemake(line.split())
