"""What a morning says of itself: its line on stdout, its log, and what went wrong on stderr."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from .. import clock
from ..project import PROJECT
from ..session.outcome import FAULT
from . import run_log, snakemake_process

SCHEMA = 1


@dataclass
class Report:
    """The line on stdout; `action` is run, wait (not due), busy (another run) or dry-run; `show` is a fault's log."""

    scan: str
    action: str = "run"
    date: str | None = None
    mode: str | None = None
    stale_mark: bool = False
    sessions: list[dict[str, Any]] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    message: str | None = None
    log: str | None = None
    reason: str | None = None
    exit_status: int = FAULT
    written_at: str | None = None
    began: float = 0.0
    show: list[str] = field(default_factory=list)

    def line(self) -> str:
        shown = {name: value for name, value in vars(self).items() if name not in ("began", "show")}
        seconds = round(time.monotonic() - self.began, 1)
        return json.dumps({"schema": SCHEMA, **shown, "seconds": seconds}, ensure_ascii=False)

    @contextmanager
    def journal(self, results: Path, now: datetime, keep: int) -> Iterator[IO[bytes]]:
        """The morning's log, which ends with the line; after a fault `show` is what it said."""
        path = run_log.path(results, now)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as log:
            self.log = str(path)
            start = log.tell()
            try:
                yield log
            except snakemake_process.Stopped:
                raise
            except Exception:
                log.write(traceback.format_exc().encode())
                raise
            finally:
                log.write(f"{self.line()}\n".encode())
                run_log.rotate(results, keep)
                if self.exit_status == FAULT:
                    with path.open("rb") as file:
                        file.seek(start)
                        self.show = file.read().decode(errors="replace").splitlines()[:-1]

    def leave_note(self) -> None:
        """A fault before there is a log, a configuration say: cron's own mail may reach nobody."""
        results = Path("results", self.scan)
        with suppress(OSError, ValueError):
            if self.action == "run" and results.is_dir():
                path = run_log.path(results, clock.now())
                path.parent.mkdir(exist_ok=True)
                with path.open("a") as log:
                    log.write(f"error: {self.reason}\n{self.line()}\n")

    def say(self) -> None:
        """What went wrong, on stderr; for a fault also what of the log a person wants to see first."""
        if not self.reason:
            return
        print(f"{'error' if self.exit_status == FAULT else 'later'}: {self.reason}", file=sys.stderr)
        if self.show:
            for line in run_log.telling(self.show):
                print(f"  {line}", file=sys.stderr)
            print(f"the whole log: {PROJECT / str(self.log)}", file=sys.stderr)
