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
EVERY = 15.0
"""Seconds between two words."""


def time_left(done: int, total: int, seconds: float) -> str:
    """The words for `done` of `total` steps after `seconds`.

    >>> time_left(500, 2000, 300.0)
    'about 15 min left'
    >>> time_left(1900, 2000, 300.0)
    'about 16 s left'
    """
    left = seconds / done * (total - done)
    return f"about {left / 60:.0f} min left" if left >= 90 else f"about {left:.0f} s left"


class TimeLeft(logging.Handler):
    """Listens to the records of Snakemake's progress and says on stderr how long the rest will take."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._began = self._told = clock()

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, at most every 15 s; records of anything else are passed over."""
        if getattr(record, "event", None) != "progress":
            return
        done, total, now = int(getattr(record, "done", 0)), int(getattr(record, "total", 0)), self._clock()
        if total >= LEAST_STEPS and 0 < done < total and now - self._told >= EVERY:
            self._told = now
            print(f"{done} of {total} steps, {time_left(done, total, now - self._began)}", file=sys.stderr)
