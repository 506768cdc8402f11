"""What a check finds, and where it looks."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

State = Literal["ok", "warn", "fault"]


class Check(NamedTuple):
    """A finding: `said` is a sentence, `todo` what to do where the state is not ok."""

    name: str
    state: State
    said: str
    todo: str = ""

    def line(self) -> str:
        return f"{self.state:<6} {self.name:<13} {self.said}" + (f" -> {self.todo}" if self.todo else "")


class Place(NamedTuple):
    """Where to look: the configuration, the folder of the scans, the scan."""

    config: Path
    results: Path
    scan: str

    @property
    def folder(self) -> Path:
        return self.results / self.scan
