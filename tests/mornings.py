"""The wrapper itself, `daily.sh`, in a copy of the project and under a scheduler's bare environment."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import canaries

PATIENCE = 600
"""Seconds after which a command hangs, and is not merely slow beside other load; a Polygon that never answers takes 210
of them, seven times its time-out."""
BARE = {"PATH": "/usr/bin:/bin"}


@dataclass(frozen=True)
class Call:
    """One call of daily.sh."""

    code: int
    out: str
    said: str

    @property
    def summary(self) -> dict[str, Any]:
        """The line on stdout, which must be the only one."""
        (line,) = self.out.splitlines()
        found: dict[str, Any] = json.loads(line)
        return found

    @property
    def outcomes(self) -> dict[str, str]:
        """What became of each session, in the order they were run."""
        return {entry["date"]: entry["outcome"] for entry in self.summary["sessions"]}


@dataclass
class Mornings:
    """daily.sh of a project; `variables` are all it finds in its environment besides PATH and the canary keys."""

    root: Path
    variables: Mapping[str, str]
    now: str | None = None
    config: Mapping[str, Any] | None = None
    scan: str = "emps2"

    @property
    def script(self) -> Path:
        return self.root / "workflow/scripts/daily.sh"

    @property
    def results(self) -> Path:
        return self.root / "results" / self.scan

    def command(self, *arguments: str) -> list[str]:
        command = [str(self.script), *arguments]
        if self.scan != "emps2":
            command += ["--scan", self.scan]
        if self.config is not None:
            overriding = self.root.parent / f"{self.root.name}.morning.yaml"
            overriding.write_text(yaml.safe_dump(dict(self.config)))
            command += ["--configfile", str(overriding)]
        return command

    def environment(self, **variables: str) -> dict[str, str]:
        clock = {"DARKPOOL_NOW": self.now} if self.now else {}
        return {**BARE, **canaries.KEYS, **clock, **self.variables, **variables}

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd="/",
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, cwd: Path | str = "/", **variables: str) -> Call:
        done = subprocess.run(
            self.command(*arguments),
            cwd=cwd,
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Call(done.returncode, done.stdout, done.stderr)

    def mark(self, *days: str) -> None:
        """Put a file of the scan's own into the sessions' folders."""
        for day in days:
            (self.results / day).mkdir(parents=True, exist_ok=True)
            (self.results / day / "own_scan.csv").write_text("price\n1\n")

    def latest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.results / "latest.json").read_text())
        return found

    def logs(self) -> list[str]:
        return sorted(path.name for path in (self.results / "logs").iterdir())


def link_environment(root: Path) -> None:
    (root / ".venv").symlink_to(sys.prefix, target_is_directory=True)


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Until the condition holds; fails where the process ends before, and where it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, finished(process)
        assert time.monotonic() < deadline, f"still not so after {PATIENCE} s"
        time.sleep(0.02)


def finished(process: subprocess.Popen[str]) -> Call:
    out, said = process.communicate(timeout=PATIENCE)
    return Call(process.returncode, out, said)
