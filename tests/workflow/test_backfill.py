"""A backfill makes what the plain command makes, byte for byte, however often it was killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

from darkpool.cli import backfill, main
from mornings import PATIENCE

DAYS = ["2025-12-18", "2025-12-19", "2025-12-22"]
CONFIG = {"mode": "daily", "backfill_count": 2, "export": {"xlsx": False}}


def command(project, *more: str) -> list[str]:
    overriding = project.root.parent / "backfill.yaml"
    overriding.write_text(yaml.safe_dump(CONFIG))
    asked = ["--from", DAYS[0], "--to", DAYS[-1], "--scan", "demo", "--cores", "2", "--chunk", "2", *more]
    return [sys.executable, "-m", "darkpool", "backfill", *asked, "--", "--configfile", str(overriding)]


def start(project, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(project, *more), cwd=project.root, env=project.environment(), text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def demo(copy_project, folder):
    project = copy_project(folder)
    project.scan = "demo"
    del project.env["FETCH_MODE"]
    return project


def finished(project) -> int:
    return sum((project.folder(day) / "all").is_file() for day in DAYS)


@pytest.fixture(scope="module")
def plain(copy_project, tmp_path_factory):
    """The sessions by the plain command, in one call."""
    project = demo(copy_project, tmp_path_factory.mktemp("plain"))
    project.finish(*(project.target(day) for day in DAYS), config=CONFIG)
    return project


def test_killed_twice_and_gone_on_with_it_leaves_the_same_bytes(plain, copy_project, tmp_path):
    project = demo(copy_project, tmp_path)
    for at_least in (1, 2):
        running = start(project)
        deadline = time.monotonic() + PATIENCE
        while finished(project) < at_least and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        project.finish("--unlock", config=CONFIG)
    running = start(project)
    said, _ = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, said
    assert f"{len(DAYS)} of {len(DAYS)} sessions have their manifest" in said
    assert len(said.splitlines()) < 60, said
    made, expected = (one.made("results/demo") for one in (project, plain))
    # A manifest lists what the archive held as it was written, and so does what is made of it.
    told = {*(f"results/demo/{day}/all" for day in DAYS), "results/demo/.index.json"}
    assert {path for path in made if made[path] != expected.get(path)} <= told
    assert set(made) == set(expected)
    for day in DAYS:
        assert project.manifest(day)["outputs"] == plain.manifest(day)["outputs"]
    # What it made needs nothing made again: Snakemake has its own record of each file.
    again = project.finish(project.target(), config=CONFIG)
    assert again.rules == {"write_manifest": 1}


def test_what_is_finished_is_left_alone_and_said(plain):
    running = start(plain)
    said, _ = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0
    assert "3 of 3 sessions are finished; --again looks at them too" in said


def test_a_step_that_fails_is_said_and_the_status_tells(copy_project, tmp_path):
    project = demo(copy_project, tmp_path)
    script = project.root / "workflow/scripts/build_features.py"
    broken = 'def main(*_, **__):\n    raise ValueError("on purpose")\n\n\ndef other('
    script.write_text(script.read_text().replace("def main(", broken, 1))
    running = start(project)
    said, _ = running.communicate(timeout=PATIENCE)
    assert running.returncode == 1
    assert "error: on purpose" in said
    assert "not finished: 2025-12-18" in said
    assert (project.root / "logs/demo/2025-12-22/build_features.log").read_text().startswith("error: on purpose")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--from", "2025-12-22", "--to", "2025-12-19"), "--from 2025-12-22 lies after --to 2025-12-19"),
        (("--from", "2025-12-20", "--to", "2025-12-21"), "no session from 2025-12-20 to 2025-12-21"),
    ],
)
def test_a_range_without_a_session_is_refused(given, words, capsys):
    assert main.main(["backfill", *given]) == 2
    assert words in capsys.readouterr().err


def test_a_day_that_is_none_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main.main(["backfill", "--from", "20251222", "--to", "22.12.2025"])
    assert ended.value.code == 2
    assert "'22.12.2025' is no date of the form YYYY-MM-DD" in capsys.readouterr().err


def test_the_time_left_is_that_of_the_sessions_behind():
    assert backfill._told(0, 250, 0.0) == "0 of 250 sessions"
    assert backfill._told(50, 250, 100.0) == "50 of 250 sessions, about 7 min left"
