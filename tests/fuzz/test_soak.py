"""The coverage-guided fuzzer on every reader, SOAK_SECONDS (60) each; part of `make soak`."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fuzz import promises

RUN = Path(__file__).with_name("run.py")
CORPORA = Path(__file__).parents[2] / ".soak" / "corpora"
"""What a fuzzer has found so far: the next run goes on from there."""


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(promises.PROMISES))
def test_no_bytes_crash_hang_or_deceive_a_reader(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    pytest.importorskip("atheris", reason="atheris is there on Linux alone: make soak installs it")
    seconds = int(os.environ.get("SOAK_SECONDS") or 60)
    done = subprocess.run(
        [sys.executable, str(RUN), name, str(seconds), str(CORPORA / name)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=5 * seconds + 120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    runs = re.findall(r"^Done (\d+) runs", done.stderr, re.MULTILINE)
    assert runs, done.stderr[-4000:]
    record_property("documents", int(runs[-1]))
