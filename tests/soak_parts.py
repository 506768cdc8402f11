"""`make soak` in parts: what has passed stands in a ledger, and the next part goes on with the rest.

A pass counts for the code it was made with: the workflow, its settings and pins, and the test's own file. After a
change of any of them the test is run again. A part begins no test after its minutes, so it ends a test later at most.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parent.parent
PRODUCT = ("Snakefile", "config.yaml", "pyproject.toml", "requirements*.txt", "profiles/**/*", "workflow/**/*")
LATER = 75
"""Exit status of a part that leaves tests to the next one."""
UNTIL = "SOAK_PART_UNTIL"
"""Tells the workers when the part ends: seconds since 1970."""


@cache
def _digest(*patterns: str) -> str:
    found = {path for pattern in patterns for path in PROJECT.glob(pattern)}
    content = hashlib.sha256()
    for path in sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts):
        content.update(f"{path.relative_to(PROJECT)}\0".encode())
        content.update(path.read_bytes())
    return content.hexdigest()[:16]


def code_of(test: str) -> str:
    """What a pass of the test (`tests/folder/file.py::name`) depends on."""
    return _digest(*PRODUCT, test.partition("::")[0])


@dataclass
class Ledger:
    """One line of JSON per pass: test, code, seconds, and what the test recorded of itself."""

    path: Path
    passed: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lines = self.path.read_text().splitlines() if self.path.is_file() else []
        entries = [json.loads(line) for line in lines]
        self.passed = {entry["test"]: entry for entry in entries if entry["code"] == code_of(entry["test"])}

    def add(self, test: str, seconds: float, figures: dict[str, Any]) -> None:
        entry = {"test": test, "code": code_of(test), "seconds": round(seconds, 1), "figures": figures}
        self.passed[test] = entry
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def told(self) -> Iterator[str]:
        """Per test function: how many passed, in how many seconds, and the sums of what they recorded."""
        groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for test, entry in sorted(self.passed.items()):
            groups[test.partition("[")[0]].append(entry)
        for name, entries in groups.items():
            sums: dict[str, float] = defaultdict(int)
            for entry in entries:
                for figure, value in entry["figures"].items():
                    sums[figure] += value
            figures = "".join(f", {figure}: {value:,}" for figure, value in sums.items())
            seconds = sum(entry["seconds"] for entry in entries)
            yield f"{len(entries):4} passed, {seconds:7,.0f} s{figures}  {name.removeprefix('tests/')}"


@dataclass(eq=False)
class Part:
    """One call of `make soak`; it is in every worker as well, which write no ledger."""

    ledger: Ledger
    until: float
    is_worker: bool
    left: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The longest first, so that none of them is begun as the part ends."""
        items.sort(key=lambda item: not any(mark.kwargs.get("long") for mark in item.iter_markers("soak")))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if item.nodeid in self.ledger.passed:
            pytest.skip("has passed on this code")
        if time.time() > self.until:
            pytest.skip("left to the next part")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.is_worker or report.nodeid in self.ledger.passed:
            return
        self.left.add(report.nodeid)
        self.seconds[report.nodeid] += report.duration
        if report.when == "call" and report.outcome == "passed":
            self.ledger.add(report.nodeid, self.seconds[report.nodeid], dict(report.user_properties))
            self.left.discard(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus == pytest.ExitCode.OK and self.left:
            session.exitstatus = LATER

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("soak, all parts on this code")
        for line in self.ledger.told():
            terminalreporter.write_line(line)
        seconds = sum(entry["seconds"] for entry in self.ledger.passed.values())
        rest = f"{len(self.left)} left: make soak goes on with them" if self.left else "none left"
        terminalreporter.write_line(f"{len(self.ledger.passed)} passed in {seconds:,.0f} s of tests, {rest}")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("soak", "long runs in parts")
    group.addoption("--ledger", type=Path, help="keep what passed here, and go on with the rest")
    group.addoption("--minutes", type=float, default=50.0, help="with --ledger: begin no test after so many (50)")


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--ledger")
    if path:
        until = float(os.environ.setdefault(UNTIL, str(time.time() + 60 * config.getoption("--minutes"))))
        part = Part(Ledger(config.rootpath / path), until, hasattr(config, "workerinput"))
        config.pluginmanager.register(part, "soak-part")
