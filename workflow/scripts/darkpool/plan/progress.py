"""How long a long run still takes: a word beside Snakemake's own count of steps.

Steps are alike within a backfill, since each session has the same ones, so the mean of those behind stands for those
ahead. A short run says nothing: its steps are too different.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable

LEAST_STEPS = 60
EVERY, ALONE = 15.0, 5.0
"""Seconds between two words; and where Snakemake itself is silent, so that ours are all that is read."""
STEPS_FAILED = "At least one job did not complete successfully"
"""How a run ends whose steps have said for themselves what failed."""


def time_left(done: int, total: int, seconds: float) -> str:
    """The words for `done` of `total` steps after `seconds`.

    >>> time_left(500, 2000, 300.0)
    'about 15 min left'
    >>> time_left(1900, 2000, 300.0)
    'about 16 s left'
    """
    left = seconds / done * (total - done)
    return f"about {left / 60:.0f} min left" if left >= 90 else f"about {left:.0f} s left"


def keep_whole_log(logger: logging.Logger) -> None:
    """Let Snakemake's log file have what --quiet keeps from the terminal: it would be empty else."""
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            for one in (handler.formatter, *handler.filters):
                if hasattr(one, "quiet"):
                    vars(one)["quiet"] = set()


class TimeLeft(logging.Handler):
    """Listens to the records of Snakemake's progress and says on stderr how long the rest will take.

    `alone`: Snakemake says nothing of it (--quiet), so that a short run has its count of steps too. `silent`: it says
    nothing at all (--quiet all), so that what ends a run before or between its steps is said here: a folder that is
    locked, a configuration that is refused. What a step says of itself is heard in any case.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, alone: bool = False, silent: bool = False
    ) -> None:
        super().__init__()
        self._clock, self._alone, self._silent = clock, alone, silent
        self._every = ALONE if alone else EVERY
        self._began = self._told = clock()

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, at most every 15 s; records of anything else but errors are passed over."""
        event = getattr(record, "event", None)
        if self._silent and event == "error" and STEPS_FAILED not in record.getMessage():
            print(record.getMessage().strip(), file=sys.stderr)
        if event != "progress":
            return
        done, total, now = int(getattr(record, "done", 0)), int(getattr(record, "total", 0)), self._clock()
        if not 0 < done < total or now - self._told < self._every:
            return
        if total >= LEAST_STEPS:
            self._told = now
            print(f"{done} of {total} steps, {time_left(done, total, now - self._began)}", file=sys.stderr)
        elif self._alone:
            self._told = now
            print(f"{done} of {total} steps", file=sys.stderr)
