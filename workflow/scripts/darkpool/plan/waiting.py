"""Says why a job waits on a Slurm cluster: the executor does not, and a run whose nodes are drained would be silent.

Slurm's own word for it is asked of `squeue` (its `%R`); to wait for one's turn is no reason to speak.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

FIRST, EVERY = 10.0, 60.0
"""Seconds until it is asked first, and then between two times."""
PATIENCE = 60.0
"""Seconds that an answer may take: a controller with many jobs is slow."""
IN_TURN = ("(None)", "(Priority)", "(Resources)")
ASK = ("squeue", "--me", "--noheader", "--states=PENDING", "--format=%A|%k|%Z|%R")
"""Number, comment, working folder and reason; the executor's comment names the rule and its wildcards."""


def reasons(listed: str, folder: Path) -> dict[str, str]:
    """What is to be said of each job that was submitted in `folder` and waits for something else than its turn.

    >>> reasons("7|rule_classify_lit_wildcards_emps2_2025-12-22_2-of-3|/p|(PartitionDown)", Path("/p"))
    {'7': 'classify_lit emps2_2025-12-22_2-of-3 waits as Slurm job 7: PartitionDown'}
    """
    found = {}
    for line in listed.splitlines():
        number, comment, place, why = line.split("|", 3)
        if place == str(folder) and comment.startswith("rule_") and why not in IN_TURN:
            rule, _, part = comment.removeprefix("rule_").partition("_wildcards_")
            found[number] = f"{rule} {part} waits as Slurm job {number}: {why.strip('()')}"
    return found


class Watch(threading.Thread):
    """Says each on stderr, once for every reason, until it is stopped; a `squeue` that fails says nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self._folder, self._over, self._said = folder, threading.Event(), set[str]()
        self.start()

    def run(self) -> None:
        seconds = FIRST
        while not self._over.wait(seconds):
            seconds = EVERY
            try:
                asked = subprocess.run(ASK, capture_output=True, text=True, timeout=PATIENCE, check=True)
            except (OSError, subprocess.SubprocessError):
                continue
            for said in reasons(asked.stdout, self._folder).values():
                if said not in self._said:
                    self._said.add(said)
                    print(said, file=sys.stderr, flush=True)

    def stop(self) -> None:
        self._over.set()
