"""Processes that stay run scripts as processes of their own would, and end with whoever started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from darkpool.plan import engine, steps
from darkpool.plan.step_process import Step

PATIENCE = 20


@pytest.fixture
def process():
    made = steps.Process()
    yield made
    made.end()


@pytest.fixture
def script(tmp_path):
    def write(source: str) -> Step:
        path = tmp_path / "script.py"
        path.write_text(f"import os, signal, sys\nfrom pathlib import Path\n{source}\n")
        return Step(str(path), {"given": "NA"}, str(tmp_path), dict(os.environ))

    return write


def test_a_script_finds_its_snakemake_folder_and_environment(process, script, tmp_path):
    says = "Path('said').write_text(f\"{__name__} {snakemake['given']} {os.getcwd()} {os.environ.get('OF_STEP')}\")"
    step = script(says)
    step.environment["OF_STEP"] = "1"
    assert process.run(step) == 0
    assert (tmp_path / "said").read_text() == f"__main__ NA {tmp_path} 1"
    # The next step's environment is its own, not what the one before it found or left.
    assert process.run(script(f"os.environ['LEFT'] = '1'\n{says}")) == 0
    assert (tmp_path / "said").read_text().endswith(" None")
    assert process.run(script("sys.exit('LEFT' in os.environ)")) == 0


@pytest.mark.parametrize(
    ("source", "status"),
    [("pass", 0), ("sys.exit()", 0), ("sys.exit(3)", 3), ("sys.exit('in words')", 1), ("sys.exit(True)", 1)],
)
def test_the_status_is_that_of_the_script(process, script, source, status):
    assert process.run(script(source)) == status


def test_steps_share_a_process(process, script, tmp_path):
    for _ in range(2):
        process.run(script("with open('pids', 'a') as file: print(os.getpid(), file=file)"))
    first, second = (tmp_path / "pids").read_text().split()
    assert first == second != str(os.getpid())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_step_has_no_status_and_the_signal_is_known(script, number):
    process = steps.Process()
    assert process.run(script(f"os.kill(os.getpid(), {int(number)})\nsignal.pause()")) is None
    assert process.end() == -number


def test_an_exception_that_leaves_the_script_is_said_and_the_process_stays(script, capfd):
    process = steps.Process()
    assert process.run(script("raise LookupError('of the script')")) == 1
    assert process.run(script("pass")) == 0
    assert process.end() == 0
    assert "LookupError: of the script" in capfd.readouterr().err


def test_it_ends_in_the_middle_of_a_step_with_the_one_that_started_it(script, tmp_path):
    """As after a `kill -9` of Snakemake, whose steps would otherwise go on writing."""
    step = script("Path('pid').write_text(str(os.getpid()))\nimport time\ntime.sleep(600)")
    starter = (
        "import sys; from darkpool.plan import steps; from darkpool.plan.step_process import Step\n"
        f"steps.Process().run(Step({step.script!r}, None, {step.folder!r}, {{}}))"
    )
    env = {**os.environ, "PYTHONPATH": str(steps.SCRIPTS)}
    with subprocess.Popen([sys.executable, "-c", starter], env=env) as starting:
        pid = _number_in(tmp_path / "pid")
        starting.kill()
    deadline = time.monotonic() + PATIENCE
    while _lives(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _lives(pid)


def test_snakemakes_local_steps_are_run_so(monkeypatch):
    from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

    local = ExecutorPluginRegistry().plugins["local"]
    monkeypatch.setattr(local, "executor", local.executor)
    engine.keep_processes()
    assert local.executor is steps.Executor


def _number_in(path: Path) -> int:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.02)
    raise AssertionError(f"nothing in {path}")


def _lives(pid: int) -> bool:
    """Whether it runs; one that ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
