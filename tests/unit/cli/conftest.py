"""A project with sessions, and its command line."""

from __future__ import annotations

from pathlib import Path

import pytest

import session_folders
from command_line import DAYS
from darkpool.cli import main


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
