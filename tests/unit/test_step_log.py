"""A failed step says why in one line, ends with status 1, and keeps the rest for its log."""

import subprocess
import sys
from pathlib import Path

import pytest

from darkpool import step_log
from darkpool.vendors.finra.regsho import RegshoError

PACKAGE = Path(step_log.__file__).parents[1]


def test_what_is_said_stands_on_the_terminal_and_in_the_log(tmp_path, capsys) -> None:
    with step_log.logged(tmp_path / "log"):
        print("FINRA: 1/61 files ë", file=sys.stderr)
    assert capsys.readouterr().err == "FINRA: 1/61 files ë\n"
    assert (tmp_path / "log").read_text(encoding="utf-8") == "FINRA: 1/61 files ë\n"


@pytest.mark.parametrize(
    "error", [RegshoError("x.txt, line 2: no"), OSError(28, "No space left on device", "x.parquet")]
)
def test_an_expected_fault_is_one_line_without_traceback(error, tmp_path, capsys) -> None:
    terminal = sys.stderr
    with pytest.raises(SystemExit) as ended, step_log.logged(tmp_path / "log"):
        raise error
    assert ended.value.code == 1
    assert sys.stderr is terminal
    assert capsys.readouterr().err == f"error: {error}\n"
    assert (tmp_path / "log").read_text() == f"error: {error}\n"


def test_a_bare_fault_keeps_its_traceback_for_the_log_alone(tmp_path, capsys) -> None:
    with pytest.raises(SystemExit), step_log.logged(tmp_path / "log"):
        raise ValueError("what")
    assert capsys.readouterr().err == "error: what\n"
    assert "Traceback" in (tmp_path / "log").read_text()


def test_a_fault_of_the_program_shows_its_traceback_and_fails(tmp_path, capsys) -> None:
    with pytest.raises(SystemExit) as ended, step_log.logged(tmp_path / "log"):
        raise KeyError("AAPL")
    assert ended.value.code == 1
    assert "Traceback" in capsys.readouterr().err
    assert "KeyError: 'AAPL'" in (tmp_path / "log").read_text()


FULL = """
import resource, sys
from darkpool import files, step_log
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
with step_log.logged(sys.argv[1] + "/log"):
    files.write_atomic(Path(sys.argv[1], "answer.txt"), b"content")
"""


def test_a_full_disk_still_tells_the_terminal(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        env={"PYTHONPATH": str(PACKAGE), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: [Errno 27]")
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_what_a_vendor_says_steers_no_terminal(tmp_path, capsys) -> None:
    with step_log.logged(tmp_path / "log"):
        print("said \x1b[2J\x07\x9b31m and\rmore\tëλ", file=sys.stderr)
    for text in (capsys.readouterr().err, (tmp_path / "log").read_text()):
        assert text == "said ?[2J??31m and?more\tëλ\n"
