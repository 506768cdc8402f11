"""Snakemake as a process group of its own, which ends when we are told to end."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
GRACE = 10.0
"""Seconds that a run has to end by itself after SIGTERM."""


class Stopped(BaseException):
    """The morning was told to end; not an error of anything it does."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise Stopped at the first signal to end; the later ones cannot interrupt the tidying up."""

    def stop(number: int, _: FrameType | None) -> None:
        for ending in ENDING:
            signal.signal(ending, signal.SIG_IGN)
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str], log: IO[bytes]) -> int:
    """Run `command` in `folder`, all it says into `log`; its exit status, negative when a signal ended it.

    Raises Stopped after the whole group has ended, where we were told to end meanwhile.
    """
    with subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            return process.wait()
        except BaseException:
            _end(process)
            raise


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
