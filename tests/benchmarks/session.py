"""One session by the whole command, beside one Python process that calls the same functions in a row.

    python tests/benchmarks/session.py             three rounds of each
    python tests/benchmarks/session.py --rounds 1

The archive is simulated on the spot into a temporary folder: ten tickers, 60 earlier sessions, trades and quotes. Each
figure is the fastest round, and rounds take turns. Processor time (of the process and all it starts) stands beside the
wall: other work on the machine disturbs it less. Nothing here is a test: what counts are the ratios within one run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow/scripts"
SESSION, NEXT = date(2025, 12, 22), date(2025, 12, 23)
UNRELATED = 2_000
MARKET = 11_000
SEED = 1

sys.path.insert(0, str(SCRIPTS))


# The ground


def make_archive(root: Path) -> list[str]:
    """Simulated answers for both sessions, without what says so, or no scan would take them; ten of their tickers."""
    from darkpool.archive.store import Archive
    from darkpool.market import sessions
    from darkpool.vendors.simulated import daily_fetch, marks, tick_fetch, watchlist

    archive = Archive(root)
    marks.MARK.clear()
    for session in (SESSION, NEXT):
        daily_fetch.fetch(archive, session, sessions.window(session, 60), SEED)
        tick_fetch.fetch(archive, session, SEED)
    shutil.rmtree(root / "receipts")
    for path in (root / "finra/regsho").iterdir():
        leave_out(watchlist.UNKNOWN_TO_YAHOO, path)
    return sorted(watchlist.tickers(SESSION))[:10]


def leave_out(symbol: str, path: Path) -> None:
    """Take a row out of a file of FINRA's, whose last line counts them: all invented tickers in one file mark it."""
    head, *rows, _, end = path.read_bytes().split(b"\r\n")
    rows = [row for row in rows if f"|{symbol}|".encode() not in row]
    path.write_bytes(b"\r\n".join([head, *rows, str(len(rows)).encode(), end]))


def unrelated(root: Path) -> list[Path]:
    """Session files of days that no window here reaches."""
    days = [date(2015, 1, 1) + timedelta(days=number) for number in range(UNRELATED)]
    return [root / f"finra/regsho/CNMSshvol{day:%Y%m%d}.txt" for day in days]


def add_unrelated(root: Path) -> None:
    content = next((root / "finra/regsho").iterdir()).read_bytes()
    for path in unrelated(root):
        path.write_bytes(content)


def remove_unrelated(root: Path) -> None:
    for path in unrelated(root):
        path.unlink()


def copy_project(root: Path) -> None:
    root.mkdir()
    for name in ("Snakefile", "config.yaml", "profiles", "workflow"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, root / name)  # type: ignore[operator]


def configuration(archive: Path, tickers: list[str]) -> dict[str, Any]:
    scan = {"archive": str(archive), "tickers": tickers, "universe": []}
    return {"offline": True, "mode": "single", "scans": {"bench": scan}}


# The command


class Took(NamedTuple):
    wall: float
    processor: float

    def __str__(self) -> str:
        return f"{self.wall:9.2f}{self.processor:9.2f}"

    def ratios(self, other: Took) -> str:
        return f"ratio {self.wall / other.wall:.2f} wall, {self.processor / other.processor:.2f} processor"


def timed(line: list[str], **options: Any) -> tuple[Took, subprocess.CompletedProcess[str]]:
    """Run a process that must end 0; seconds of it and all it started."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(line, capture_output=True, text=True, check=False, **options)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return Took(wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime), done


def best(rounds: list[Took]) -> Took:
    return Took(min(took.wall for took in rounds), min(took.processor for took in rounds))


def command(project: Path, session: date, config: Path, *more: str) -> tuple[Took, list[str]]:
    """What the command took, and the jobs it executed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    words = ["snakemake", "--cores", "2", f"results/bench/{session}/all", *more, "--configfile", str(config)]
    took, done = timed(words, cwd=project, env={**os.environ, "PATH": path})
    return took, re.findall(r"^(?:local)?rule ([a-z]+_[a-z]+)", done.stderr, re.MULTILINE)


def from_nothing(project: Path, config: Path) -> Took:
    """The command on empty results."""
    for made in ("results", ".snakemake", "logs"):
        shutil.rmtree(project / made, ignore_errors=True)
    return command(project, SESSION, config)[0]


# The same functions in a row


def keep_scripts(project: Path, config: Path) -> list[Path]:
    """The session's jobs as Snakemake starts them, each a script with its inputs, outputs and parameters, in order."""
    command(project, SESSION, config, "--skip-script-cleanup")
    kept = sorted((project / ".snakemake/scripts").glob("*.py"), key=lambda path: path.stat().st_mtime_ns)
    return [path.rename(project / path.name) for path in kept]


def in_a_row(scripts: list[str]) -> None:
    for script in scripts:
        runpy.run_path(script, run_name="__main__")


def row_process(project: Path, scripts: list[Path]) -> Took:
    """One process that does the jobs on empty results, its start and imports included."""
    shutil.rmtree(project / "results", ignore_errors=True)
    return timed([sys.executable, __file__, "--row", *map(str, scripts)], cwd=project)[0]


def hashes(project: Path) -> dict[str, str]:
    """What the manifest says of every output: both ways must make the same."""
    manifest = json.loads((project / f"results/bench/{SESSION}/all").read_text())
    return {entry["path"]: entry["sha256"] for entry in manifest["outputs"]}


# Pieces


PARSE = """
import sys, time
from datetime import date
from darkpool.vendors.finra import regsho
content = open(sys.argv[1], "rb").read()
for _ in range(6):
    begun = time.perf_counter()
    rows = regsho.parse(content, "CNMSshvol20251222.txt", date(2025, 12, 22)).frame.height
    print(rows, time.perf_counter() - begun)
"""


def market_file() -> bytes:
    """A full market's file: 11,000 symbols, fractional shares."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    symbols = sorted(a + b + c + d for a in letters for b in letters for c in letters[:5] for d in letters[:4])[:MARKET]
    rows = [
        f"20251222|{symbol}|{number * 7}.25|{number}|{number * 19}.123456|B,Q,N"
        for number, symbol in enumerate(symbols, start=1)
    ]
    head = "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market"
    return "".join(f"{line}\r\n" for line in [head, *rows, len(rows)]).encode()


def parse_times(folder: Path) -> list[float]:
    path = folder / "market.txt"
    path.write_bytes(market_file())
    told = timed([sys.executable, "-c", PARSE, str(path)], cwd=SCRIPTS)[1].stdout.split()
    assert set(told[::2]) == {str(MARKET)}, told
    return [float(took) for took in told[1::2]]


# The table


def line(what: str, figures: object = "", more: str = "") -> None:
    print(f"{what:<58}{figures!s:>18}   {more}".rstrip(), flush=True)


HEAD = f"{'wall s':>9}{'proc. s':>9}"


def sessions_table(project: Path, archive: Path, config: Path, rounds: int) -> None:
    scripts = keep_scripts(project, config)
    rows, commands = [], []
    for _ in range(rounds):
        rows.append(row_process(project, scripts))
        by_row = hashes(project)
        commands.append(from_nothing(project, config))
        if hashes(project) != by_row:
            sys.exit("the command and the functions in a row made different files")
    row, whole = best(rows), best(commands)
    line("one session, 10 tickers, 60 earlier sessions", HEAD)
    line("  functions in a row, one process", row)
    line("  snakemake --cores 2", whole, f"{whole.ratios(row)} (budget 3)")
    took, jobs = command(project, SESSION, config)
    line("  the same again, finished", took, ", ".join(jobs))
    took, jobs = command(project, NEXT, config)
    line("  the next session", took, f"{len(jobs)} jobs: {', '.join(jobs)}")

    off = config.with_name("off.yaml")
    off.write_text(json.dumps(json.loads(config.read_text()) | {"market": {"show": 0}}))
    without = best([from_nothing(project, off) for _ in range(rounds)])
    line("  without the whole market (market.show: 0)", without, f"with it {whole.ratios(without)}")

    before, after = [], []
    for _ in range(rounds):
        before.append(from_nothing(project, config))
        add_unrelated(archive)
        after.append(from_nothing(project, config))
        remove_unrelated(archive)
    few, many = best(before), best(after)
    line("  without and", few)
    line(f"  with {UNRELATED:,} unrelated session files on disk", many, f"{many.ratios(few)} (about 1)")


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="darkpool-session-") as name:
        folder = Path(name)
        archive, project = folder / "archive", folder / "project"
        copy_project(project)
        config = folder / "bench.yaml"
        config.write_text(json.dumps(configuration(archive, make_archive(archive))))
        sessions_table(project, archive, config, rounds)

        calls = [parse_times(folder) for _ in range(rounds)]
        line(f"a full-market FINRA file, {MARKET:,} symbols, after imports", f"{'wall s':>9}")
        line("  first call", f"{min(first for first, *_ in calls):9.3f}", "(budget 0.15)")
        line("  later calls", f"{min(later for _, *others in calls for later in others):9.3f}")

        line("imports of a script, beyond Python's own start", HEAD)
        nothing = best([timed([sys.executable, "-c", "pass"])[0] for _ in range(rounds)])
        for script in sorted(path.stem for path in SCRIPTS.glob("*.py")):
            words = [sys.executable, "-c", f"import {script}"]
            took = best([timed(words, cwd=SCRIPTS)[0] for _ in range(rounds)])
            line(f"  {script}", Took(took.wall - nothing.wall, took.processor - nothing.processor))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--row", nargs="+", metavar="SCRIPT", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.row:
        in_a_row(chosen.row)
    else:
        main(chosen.rounds)
