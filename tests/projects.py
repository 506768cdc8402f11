"""Copies of the project, and its command itself, unmodified: what it makes, asks and says. A plugin of pytest."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

import canaries
from darkpool.market import sessions
from darkpool.session import files
from mornings import PATIENCE
from standin import Request, Vendors

SOURCE = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
DEAD = "http://127.0.0.1:9"
DAY = "2025-12-22"
MORNING = "2025-12-23T06:00:00-05:00"
SHORT = {"ma": 3, "min_sessions": 3, "window": 5}
MADE = (".git", ".venv", ".snakemake", "results", "resources", "logs")
SCALE = {"AAPL": 1, "NA": 10, "BRK.B": 100, "NEW": 5}
AT_FINRA = {"BRK.B": "BRK/B"}
AT_YAHOO = {"BRK.B": "BRK-B"}
MODE = {"FETCH_MODE": "single"}
QUICK = {"DARKPOOL_BACKOFF": "0.05", "DARKPOOL_FINRA_PAUSE": "0", "DARKPOOL_YAHOO_PAUSE": "0"}


@dataclass(frozen=True)
class Run:
    """One call of the command. `rules` counts the jobs it started, by rule; plots by their rule without the session."""

    code: int
    said: str
    rules: Counter[str]

    @property
    def lines(self) -> list[str]:
        return self.said.splitlines()


@dataclass
class Project:
    """A copy of the project, with an environment of its own for the command."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    scan: str = "emps2"

    def environment(self, **variables: str) -> dict[str, str]:
        """What a command finds: `env`, the canary keys as a user would have set them, and `variables` before both."""
        return {**self.env, **canaries.KEYS, **variables}

    def run(self, *arguments: str, config: Mapping[str, Any] | None = None, **variables: str) -> Run:
        """Run `snakemake --cores 2` with `arguments` and, where given, a --configfile holding `config`."""
        command = [str(BIN / "snakemake"), "--cores", "2", *arguments]
        if config is not None:
            overriding = self.root.parent / f"{self.root.name}.yaml"
            overriding.write_text(yaml.safe_dump(dict(config)))
            command += ["--configfile", str(overriding)]
        path = os.pathsep.join([str(BIN), os.environ["PATH"]])
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(**{"PATH": path, **variables}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        started = re.findall(r"^(?:local)?rule ([a-z]+_[a-z]+)(?:_[\w-]+)?:$", done.stdout, re.MULTILINE)
        return Run(done.returncode, done.stdout, Counter(started))

    def finish(self, *arguments: str, **options: Any) -> Run:
        """`run` that must end 0."""
        run = self.run(*arguments, **options)
        assert run.code == 0, run.said
        return run

    def target(self, day: str = DAY, name: str = "all") -> str:
        return f"results/{self.scan}/{day}/{name}"

    def folder(self, day: str = DAY) -> Path:
        return self.root / "results" / self.scan / day

    def table(self, name: str, day: str = DAY) -> pl.DataFrame:
        return pl.read_parquet(self.folder(day) / f"{name}.parquet")

    def features(self, day: str = DAY) -> dict[str, dict[str, Any]]:
        """The rows of `features` by ticker."""
        return {row["ticker"]: row for row in self.table("features", day).to_dicts()}

    def manifest(self, day: str = DAY) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder(day) / "all").read_text())
        return content

    def receipt(self, archive: str, source: str, day: str = DAY) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.root / archive / "receipts" / source / f"{day}.json").read_text())
        return content

    def digests(self, *folders: str) -> dict[str, str]:
        """The sha256 of every file below `folders`, by path; locks and logs aside, which say nothing."""
        return {
            str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for folder in folders
            for path in sorted((self.root / folder).rglob("*"))
            if path.is_file() and path.suffix != ".log" and path.name != ".lock"
        }

    def made(self, *folders: str) -> dict[str, str]:
        """`digests` of what a run makes, the same everywhere: DuckDB numbers a file anew, latest.json has a moment."""
        names = (files.STORE, files.LATEST, "README.md")
        return {path: digest for path, digest in self.digests(*folders).items() if Path(path).name not in names}

    def states(self, day: str = DAY) -> dict[str, str]:
        """State of each source, as the session's tables carry it."""
        told = pl.read_parquet_metadata(self.folder(day) / "features.parquet")["sources"]
        return {source["source"]: source["state"] for source in json.loads(told)}


@dataclass
class Live:
    """A project beside the stand-ins: three tickers, six sessions, one morning.

    AAPL trades 100, 200 … 600 shares off-exchange of 1,000; NA and BRK.B the tenfold and the hundredfold of it.
    """

    project: Project
    vendors: Vendors
    archive: str = "resources/archive"
    tickers: list[str] = field(default_factory=lambda: ["AAPL", "NA", "BRK.B"])
    settings: dict[str, Any] = field(
        default_factory=lambda: {"lit": {"source": "none"}, "history": SHORT, "finra": {"weekly": False}}
    )
    universe: list[str] = field(default_factory=list)
    day: str = DAY
    now: str | None = MORNING

    @property
    def window(self) -> list[date]:
        return sessions.window(date.fromisoformat(self.day), SHORT["window"])

    @property
    def root(self) -> Path:
        return self.project.root / self.archive

    def regsho_rows(self, number: int) -> dict[str, tuple[int, int, int, str]]:
        """FINRA's file of the session with that number in the window, the first being 1."""
        return {
            AT_FINRA.get(ticker, ticker): (scale * number * 10, 0, scale * number * 100, "B,Q,N")
            for ticker, scale in SCALE.items()
        }

    def file_name(self, day: date | str) -> str:
        return f"CNMSshvol{str(day).replace('-', '')}.txt"

    def publish_finra(self, days: Sequence[date] | None = None) -> None:
        for number, day in enumerate(self.window, start=1):
            if days is None or day in days:
                self.vendors.finra.publish(day, self.regsho_rows(number))

    def publish_yahoo(self, tickers: Sequence[str] | None = None, days: Sequence[date] | None = None) -> None:
        for ticker in tickers or SCALE:
            volume = 1_000 * SCALE[ticker]
            bars = dict.fromkeys(days or self.window, (10.0, 11.0, 9.0, 10.5, volume))
            self.vendors.yahoo.bars(AT_YAHOO.get(ticker, ticker), bars)

    def publish(self) -> None:
        self.publish_finra()
        self.publish_yahoo()

    @property
    def config(self) -> dict[str, Any]:
        scan = {"archive": self.archive, "tickers": self.tickers, "universe": self.universe}
        return {**self.settings, "scans": {"emps2": scan}}

    def run(self, *arguments: str, finished: bool | None = None, **variables: str) -> Run:
        """Run the session's target; with `finished`, the exit status must say so."""
        clock = {"DARKPOOL_NOW": self.now} if self.now else {}
        run = self.project.run(
            *(arguments or (self.project.target(self.day),)), config=self.config, **{**clock, **variables}
        )
        if finished is not None:
            assert run.code == (0 if finished else 1), run.said
            assert (self.project.folder(self.day) / "all").exists() is finished
            assert "Traceback (most recent call last)" not in run.said
        return run

    def asked(self, host: str) -> list[Request]:
        """What was asked of a vendor so far, cookies and crumbs aside."""
        return [
            request
            for request in self.vendors.requests
            if f".{request.host}".endswith(f".{host}") and ("/chart/" in request.path or "yahoo" not in request.host)
        ]

    def files_asked(self) -> list[str]:
        return [request.path.rpartition("/")[2] for request in self.asked("finra.org")]

    def symbols_asked(self) -> list[str]:
        return [request.path.partition("/chart/")[2].partition("?")[0] for request in self.asked("yahoo.com")]


def _sources() -> list[str]:
    """Files of the project as a commit would hold them; outside a repository, what an archive of it unpacks to."""
    if (SOURCE / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=True).stdout.split("\0")
    else:
        kept = [path for path in SOURCE.iterdir() if path.name not in (*MADE, "tests")]
        below = [path for top in kept for path in ([top] if top.is_file() else top.rglob("*"))]
        listed = [str(path.relative_to(SOURCE)) for path in below if "__pycache__" not in path.parts]
    return [name for name in listed if name and (SOURCE / name).is_file() and not name.startswith("tests/")]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with its byte code and calendar ready, as after the first run."""
    root = tmp_path_factory.mktemp("template") / "project"
    for name in _sources():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SOURCE / name, root / name)
    scripts = root / "workflow/scripts"
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(scripts)], check=True)
    warm = "import datetime, darkpool.market.sessions as s; s.is_session(datetime.date(2025, 12, 22))"
    subprocess.run([sys.executable, "-c", warm], cwd=scripts, check=True)
    return root


@pytest.fixture(scope="session")
def copy_project(template: Path) -> Callable[[Path], Project]:
    """Make a fresh copy below a folder; its environment reaches no network."""

    def copy(folder: Path) -> Project:
        shutil.copytree(template, folder / "project")
        env = dict(os.environ)
        env |= dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy"), DEAD)
        return Project(folder / "project", {**env, **MODE, "NO_PROXY": "", "no_proxy": ""})

    return copy


@pytest.fixture
def project(copy_project: Callable[[Path], Project], tmp_path: Path) -> Project:
    return copy_project(tmp_path)


@pytest.fixture(scope="session")
def live_in(copy_project: Callable[[Path], Project]) -> Callable[[Path, Vendors], Live]:
    """A fresh project that reaches `vendors`, and nobody else, without waiting between requests."""

    def beside(folder: Path, vendors: Vendors) -> Live:
        project = copy_project(folder)
        project.env = {**vendors.env, **QUICK, **MODE}
        return Live(project, vendors)

    return beside


@pytest.fixture
def live(live_in: Callable[[Path, Vendors], Live], tmp_path: Path) -> Iterator[Live]:
    """A project beside the stand-ins; at the end nothing may have been asked of anybody else."""
    with Vendors(tmp_path / "vendors") as vendors:
        yield live_in(tmp_path, vendors)
        assert not vendors.unexpected, [request.path for request in vendors.unexpected]
