"""For tests of the command line: its sessions, what it prints, and a Python that knows the package."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

from darkpool.cli import main
from darkpool.tables import glossary

DAYS = [date(2025, 12, 18), date(2025, 12, 19), date(2025, 12, 22)]
SCRIPTS = Path(main.__file__).parents[2]


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
