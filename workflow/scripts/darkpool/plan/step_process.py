"""A process that stays and runs one script of a rule after the other, started by `steps` with two file descriptors.

Apart from the rest, so that its start imports nothing that its first script does not need.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

INTERRUPTED = 130


@dataclass(frozen=True)
class Step:
    """A script, the `snakemake` object it finds, and the folder and environment it runs in."""

    script: str
    snakemake: Any
    folder: str
    environment: dict[str, str]


def run(step: Step) -> int:
    """Run a rule's script as a process of its own would; its exit status."""
    beside = str(Path(step.script).parent)
    if beside not in sys.path:
        sys.path.insert(0, beside)
    os.chdir(step.folder)
    if dict(os.environ) != step.environment:
        os.environ.clear()
        os.environ.update(step.environment)
    try:
        runpy.run_path(step.script, {"snakemake": step.snakemake}, "__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def serve(steps: Connection) -> int:
    """Run what comes until nothing more can come; the exit status of the process."""
    try:
        while True:
            steps.send(run(steps.recv()))
    except EOFError:
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED  # Snakemake was told as well, and says so


def end_with(parent: int) -> None:
    """End at once when the other end of `parent` is closed: what a killed Snakemake leaves must not go on writing."""
    os.read(parent, 1)
    os._exit(1)


def main() -> None:
    """Serve what comes by the first file descriptor of the command line, for as long as the second stays open."""
    threading.Thread(target=end_with, args=(int(sys.argv[2]),), daemon=True).start()
    status = serve(Connection(int(sys.argv[1])))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
