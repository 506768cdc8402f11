"""The table of failures, each case as the whole command: never a wrong number, never a lost file, and it heals.

Friday and every other source are in the archive, so the one source that fails is the only one that is asked. What only
the process itself can feel twice in one run (a name that is not found, a disk that fails) strikes for good here;
tests/unit/test_faults.py has it for once too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import fault_table as table
from darkpool.archive.store import Archive
from standin import Vendors

NOBODY = {
    "no connection": "http://127.0.0.1:9",
    # Longer than a name can be, so that no one is asked for it.
    "no such name": f"http://{'.'.join(['a' * 60] * 5)}:3128",
}
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")
SETTINGS: dict[str, dict[str, Any]] = {
    "finra": {},
    "yahoo": {},
    "polygon": {"lit": {"source": "trades", "min_lit_volume": 100, "calls_per_minute": 0}},
    "polygon bars": {"lit": {"source": "minute_bars", "min_lit_volume": 100, "calls_per_minute": 0}},
    "finra_weekly": {"finra": {"weekly": True, "auth": "none"}},
    "finra_token": {"finra": {"weekly": True, "auth": "oauth"}},
}
TOLD = {
    "finra": "FINRA", "yahoo": "Yahoo", "polygon": "Polygon", "polygon bars": "Polygon",
    "finra_weekly": "FINRA weekly", "finra_token": "FINRA weekly",
}  # fmt: skip
"""What the tables call the source."""
RIGHT = {
    "trf_volume": 300,
    "regular_volume": 500,
    "lit_buy_volume": None,
    "week_start_date": date(2025, 11, 24),
    "off_exchange_volume": 3,
}
"""What is published of AAPL, whatever fails; the week is the one that Friday has seen."""
OWN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "finra": ({"trf_volume": 300}, {"trf_volume": None}),
    "yahoo": ({"regular_volume": 500}, {"regular_volume": None}),
    "polygon": ({"lit_buy_volume": 300}, {"lit_buy_volume": None}),
    "polygon bars": ({"lit_buy_volume": 3_000}, {"lit_buy_volume": None}),
    **dict.fromkeys(
        ("finra_weekly", "finra_token"), ({"week_start_date": date(2025, 12, 1), "off_exchange_volume": 300}, {})
    ),
}
"""What the source adds to it where it is published, and where it is not."""
HOLDING = ("FINRA", "Yahoo")
FINAL = ("published", "absent")
SECONDS_BEYOND_PATIENCE = 31
"""Longer than any client waits for an answer."""
IN_THE_MAIN_SUITE = {
    ("finra", "cut", "once"),
    ("finra_weekly", "cut", "once"),
    ("finra", "file altered", "always"),
    ("yahoo", "file altered", "always"),
    ("polygon", "file altered", "always"),
}


def cases(table: list[Any]) -> list[Any]:
    """The cases of the table that a whole command can meet, most of them for `make soak`.

    But for the market's prices, which no table of a session holds: tests/workflow/test_grouped.py.
    """
    for_good = (*NOBODY, "disk full", "read-only")
    return [
        pytest.param(*case.values, id=case.id, marks=() if case.values[:3] in IN_THE_MAIN_SUITE else pytest.mark.soak)
        for case in table
        if case.values[0] in SETTINGS
        if case.values[2] == "always" or case.values[1] not in for_good
    ]


@pytest.fixture(scope="module")
def vendors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendors]:
    with Vendors(tmp_path_factory.mktemp("vendors")) as vendors:
        yield vendors


@pytest.fixture(scope="module")
def mornings(vendors: Vendors, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """An archive that lacks of a source all that DAY's morning brings, and nothing else."""
    friday = Archive(tmp_path_factory.mktemp("friday") / "archive")
    table.keep_friday(vendors, friday)

    def without(name: str) -> Path:
        lacking = friday.root.with_name(f"without {name}")
        if not lacking.exists():
            vendors.reset()
            shutil.copytree(friday.root, lacking)
            with pytest.MonkeyPatch.context() as patch:
                for variable, value in table.variables(vendors).items():
                    patch.setenv(variable, value)
                for other in {"finra", "yahoo"} - {name}:
                    table.SOURCES[other].publish(vendors)
                    table.SOURCES[other].fetch(Archive(lacking))
                if TOLD[name] == "FINRA weekly":
                    keep_other_weeks(vendors, Archive(lacking))
        return lacking

    return without


def keep_other_weeks(vendors: Vendors, archive: Archive) -> None:
    """The weeks that DAY may see, but for the one that the cases are about."""
    weeks = table.SOURCES["finra_weekly"]
    weeks.publish(vendors)
    weeks.fetch(archive)
    for path in weeks.files(archive):
        path.unlink()
    archive.receipt_path(weeks.receipt_name, table.DAY).unlink()


@dataclass
class Morning:
    """One case: the source, the project, and what its archive held before."""

    source: table.Source
    live: Any
    before: dict[str, bytes]

    @property
    def archive(self) -> Archive:
        return Archive(self.live.root)

    def run(self, state: str) -> Any:
        """Run the command while the tables must give the source that state; everything that is published is right."""
        told = TOLD[self.source.name]
        no_key = told == "Polygon" and state == "blocked"
        run = self.live.run(finished=state in FINAL or not (told in HOLDING or no_key))
        states = self.live.project.states()
        assert states[told] == state, run.said
        assert {name for name, other in states.items() if other not in FINAL} <= {told}
        self.publishes_what_is_right(state)
        if run.code == 0:
            assert {entry["source"]: entry["state"] for entry in self.live.project.manifest()["sources"]} == states
        else:
            assert [line for line in run.lines if f"{told} is {state}" in line]
        self.loses_nothing()
        return run

    def publishes_what_is_right(self, state: str) -> None:
        tables = (self.live.project.table(name) for name in ("features", "lit_flow", "otc_weekly"))
        found: dict[str, Any] = {}
        for each in tables:
            for row in each.filter(ticker="AAPL").to_dicts():
                found |= row
        expected = RIGHT | OWN[self.source.name][state != "published"]
        assert {column: found.get(column) for column in expected} == expected

    def loses_nothing(self) -> None:
        table.nothing_lost(self.archive, self.before, self.source)
        table.no_leftovers(self.archive)

    def receipt_state(self) -> str:
        receipt = self.archive.receipt(self.source.receipt_name, table.DAY)
        assert receipt is not None
        return self.source.state(receipt)

    def heals(self) -> None:
        """The vendor is well: the same command ends 0 with the right numbers."""
        self.live.vendors.faults.clear()
        self.run("published")
        assert self.receipt_state() == "published"
        assert self.source.numbers(self.archive) == self.source.good


@pytest.fixture
def morning(vendors, mornings, live_in, tmp_path) -> Iterator[Callable[[str], Morning]]:
    def of(name: str) -> Morning:
        source, lacking = table.SOURCES[name], mornings(name)
        vendors.reset()
        live = live_in(tmp_path, vendors)
        # A disk of its own may be there already.
        shutil.copytree(lacking, live.root, dirs_exist_ok=True)
        for each in table.SOURCES.values():
            each.publish(vendors)
        live.tickers, live.now = ["AAPL"], table.MORNING
        history = {"ma": 2, "min_sessions": 2, "window": table.BACK}
        live.settings = {**live.settings, "history": history, "export": {"csv": False}, **SETTINGS[name]}
        return Morning(source, live, table.snapshot(Archive(live.root)))

    yield of
    assert not vendors.unexpected


def in_the_tables(source: table.Source, failure: str, state: str) -> str:
    """The state that the tables give the source, where its receipt says `state`."""
    if TOLD[source.name] == "Polygon" and failure == "status 403":
        # What the plan does not hold is an answer.
        return "absent"
    return state


@pytest.mark.parametrize(("name", "failure", "times", "state"), cases(table.CASES))
def test_a_failure_is_told_publishes_nothing_wrong_and_heals(name, failure, times, state, morning) -> None:
    of = morning(name)
    reaching = dict(of.live.project.env)
    if failure in NOBODY:
        of.live.project.env |= dict.fromkeys(PROXIES, NOBODY[failure])
    else:
        told = table.fault(of.source, failure)
        if failure == "slow":
            told["seconds"] = SECONDS_BEYOND_PATIENCE
        of.live.vendors.faults.add(times=1 if times == "once" else None, **told)
    of.run(in_the_tables(of.source, failure, state))
    assert of.receipt_state() == state
    assert of.source.numbers(of.archive) == (of.source.good if state == "published" else {})
    of.live.project.env = reaching
    if in_the_tables(of.source, failure, state) == "absent":
        # A plan is asked for again once somebody removes the receipt that says what it lacks.
        of.archive.receipt_path("polygon", table.DAY).unlink()
    if state != "published":
        of.heals()


LOCAL = cases(table.LOCAL_CASES)
DISK = ("disk full", "read-only")


@pytest.mark.parametrize(("name", "failure", "times"), [case for case in LOCAL if case.values[1] not in DISK])
def test_a_file_damaged_on_disk_counts_for_nothing_and_heals(name, failure, times, morning, monkeypatch) -> None:
    of = morning(name)
    with monkeypatch.context() as patch:
        for variable, value in table.variables(of.live.vendors).items():
            patch.setenv(variable, value)
        of.source.fetch(of.archive)
    table.damage(of.source.files(of.archive)[-1], failure)
    of.before = table.snapshot(of.archive)
    if times == "always":
        of.live.vendors.faults.add(**table.fault(of.source, "status 500"))
        of.run("damaged")
        assert of.receipt_state() == "damaged"
        assert of.source.numbers(of.archive) == {}
    of.heals()


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """The archive on a disk of its own, of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> None:
    """Leave no page of it free."""
    free = os.statvfs(disk)
    (disk / "ballast").write_bytes(bytes(free.f_bavail * free.f_frsize))


@pytest.mark.parametrize(("name", "failure", "times"), [case for case in LOCAL if case.values[1] in DISK])
def test_a_disk_that_fails_ends_the_run_and_heals(name, failure, times, morning, small_disk) -> None:
    of = morning(name)
    shutil.copytree(of.live.root, small_disk, dirs_exist_ok=True)
    of.live.archive = str(small_disk)
    of.before = table.snapshot(of.archive)
    if failure == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    else:
        fill(small_disk)
    run = of.live.run()
    assert run.code == 1, run.said
    # Snakemake itself says "Write-protected" where it is to write a receipt anew.
    told = ("Read-only", "Write-protected") if failure == "read-only" else ("No space left",)
    assert any(trouble in run.said for trouble in told), run.said
    assert not (of.live.project.folder() / "all").exists()
    of.loses_nothing()
    assert of.archive.receipt(of.source.receipt_name, table.DAY) is None
    if failure == "read-only":
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    else:
        (small_disk / "ballast").unlink()
    of.heals()
