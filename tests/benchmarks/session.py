"""One session by the whole command, beside one Python process that calls the same functions in a row.

    python tests/benchmarks/session.py             three rounds of each
    python tests/benchmarks/session.py --rounds 1

The archive is simulated on the spot into a temporary folder: ten tickers, 60 earlier sessions, trades and quotes. Each
figure is the fastest round. Nothing here is a test: what counts are the ratios within one run, and they mean little on
a machine that is busy with something else.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow/scripts"
SESSION, NEXT = date(2025, 12, 22), date(2025, 12, 23)
UNRELATED = 2_000
MARKET = 11_000
STEPS = ("build_volumes", "classify_lit", "build_features", "publish_table", "draw_plots", "write_manifest")
FETCHES = ("fetch_regsho", "fetch_yahoo", "fetch_ticks")
SEED = 1

sys.path.insert(0, str(SCRIPTS))


# The ground


def make_archive(root: Path) -> list[str]:
    """Simulated answers for both sessions, without the receipts that say so; returns ten of their tickers."""
    from darkpool import sessions, simulate, simulate_ticks, watchlist
    from darkpool.archive import Archive

    archive = Archive(root)
    for session in (SESSION, NEXT):
        simulate.daily(archive, session, sessions.window(session, 60), SEED)
        simulate_ticks.session(archive, session, SEED)
    shutil.rmtree(root / "receipts")
    return sorted(watchlist.tickers(SESSION))[:10]


def add_unrelated(root: Path) -> None:
    """Session files of days that no window here reaches."""
    content = next((root / "finra/regsho").iterdir()).read_bytes()
    for number in range(UNRELATED):
        day = date(2015, 1, 1) + timedelta(days=number)
        (root / f"finra/regsho/CNMSshvol{day:%Y%m%d}.txt").write_bytes(content)


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


def command(project: Path, session: date, config: Path) -> tuple[float, list[str]]:
    """Wall seconds of the command, and the jobs it executed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    line = ["snakemake", "--cores", "2", f"results/bench/{session}/all", "--configfile", str(config)]
    begun = time.perf_counter()
    done = subprocess.run(
        line, cwd=project, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    took = time.perf_counter() - begun
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return took, re.findall(r"^(?:local)?rule ([a-z]+_[a-z]+)", done.stderr, re.MULTILINE)


def timed_commands(project: Path, config: Path, rounds: int) -> float:
    """The fastest of `rounds` from empty results."""
    walls = []
    for _ in range(rounds):
        for made in ("results", ".snakemake", "logs"):
            shutil.rmtree(project / made, ignore_errors=True)
        walls.append(command(project, SESSION, config)[0])
    return min(walls)


# The same functions in a row


def in_a_row(project: Path, config_file: Path) -> None:
    """What the jobs of the session do, called one after the other in this process."""
    import build_features
    import build_volumes
    import classify_lit
    import draw_plots
    import publish_table
    import write_manifest
    import yaml

    from darkpool import sessions
    from darkpool.archive import Archive, file_name

    given = yaml.safe_load((project / "config.yaml").read_text()) | yaml.safe_load(config_file.read_text())
    root, tickers = given["scans"]["bench"]["archive"], given["scans"]["bench"]["tickers"]
    window = sessions.window(SESSION, given["history"]["window"])
    folder = project / f"results/bench/{SESSION}"
    table = {
        name: folder / f"{name}.parquet"
        for name in ("finra_trf", "yf_volume", "merged", "lit_flow", "trf_flow", "dark_flow", "features")
    }
    pages = {kind: folder / f"table.{kind}" for kind in ("html", "png", "csv")}
    parts = [str(folder / f".parts/{name}.parquet") for name in ("lit", "trf")]
    look = {"mode": given["mode"], "signal": given["signal"], "history": given["history"]}

    build_volumes.main(
        {name: table[name] for name in ("finra_trf", "yf_volume", "merged")},
        root,
        "bench",
        window=window,
        tickers=tickers,
        unmapped=[],
        prefixes=given["finra"]["files"],
        excluded=given["excluded_finra_tickers"],
        offline=True,
    )
    classify_lit.main(root, parts[0], parts[1], SESSION, tickers, given["lit"], 2)
    build_features.main(
        str(table["merged"]),
        parts[:1],
        parts[1:],
        {name: str(table[name]) for name in ("lit_flow", "trf_flow", "dark_flow", "features")},
        SESSION,
        given["history"],
        given["accum_score"],
        given["signal"],
        {"archive": Archive(root), "offline": True},
    )
    publish_table.main([str(table["features"])], pages, "bench", SESSION, **look)
    draw_plots.main(
        str(table["merged"]), [str(table["features"])], folder / "plots", "bench", SESSION, tickers, **look
    )
    plots = [folder / "plots" / f"{file_name(ticker)}.png" for ticker in tickers]
    write_manifest.main(
        folder / "all",
        [*table.values(), *pages.values(), *plots],
        root,
        SESSION,
        scan="bench",
        window=window,
        tickers=tickers,
        config=given,
    )


def timed_rows(project: Path, config: Path, rounds: int) -> float:
    """The fastest of `rounds` processes, start and imports included."""
    walls = []
    for _ in range(rounds):
        shutil.rmtree(project / "results", ignore_errors=True)
        begun = time.perf_counter()
        subprocess.run([sys.executable, __file__, "--row", str(project), str(config)], check=True)
        walls.append(time.perf_counter() - begun)
    return min(walls)


def hashes(project: Path) -> dict[str, str]:
    """What the manifest says of every output: both ways must make the same."""
    manifest = json.loads((project / f"results/bench/{SESSION}/all").read_text())
    return {entry["path"]: entry["sha256"] for entry in manifest["outputs"]}


# Pieces


PARSE = """
import sys, time
from datetime import date
from darkpool import regsho
content = open(sys.argv[1], "rb").read()
for _ in range(6):
    begun = time.perf_counter()
    rows = regsho.parse(content, "CNMSshvol20251222.txt", date(2025, 12, 22)).height
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
    told = run_python(PARSE, str(path)).split()
    assert set(told[::2]) == {str(MARKET)}, told
    return [float(took) for took in told[1::2]]


def run_python(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=SCRIPTS, capture_output=True, text=True, check=True
    )
    return done.stdout


def import_times(rounds: int) -> Iterator[tuple[str, float]]:
    """Wall seconds of a process that imports the script, less those of one that imports nothing."""

    def wall(program: str) -> float:
        walls = []
        for _ in range(rounds + 1):
            begun = time.perf_counter()
            run_python(program)
            walls.append(time.perf_counter() - begun)
        return min(walls)

    nothing = wall("pass")
    for script in (*STEPS, *FETCHES):
        yield script, wall(f"import {script}") - nothing


# The table


def line(what: str, figure: str, more: str = "") -> None:
    print(f"{what:<58}{figure:>12}   {more}".rstrip(), flush=True)


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="darkpool-session-") as name:
        folder = Path(name)
        archive, project = folder / "archive", folder / "project"
        copy_project(project)
        tickers = make_archive(archive)
        config = folder / "bench.yaml"
        config.write_text(json.dumps(configuration(archive, tickers)))

        line("one session, 10 tickers, 60 earlier sessions", "wall s")
        row = timed_rows(project, config, rounds)
        by_row = hashes(project)
        whole = timed_commands(project, config, rounds)
        if hashes(project) != by_row:
            sys.exit("the command and the functions in a row made different files")
        line("  functions in a row, one process", f"{row:.2f}")
        line("  snakemake --cores 2", f"{whole:.2f}", f"ratio {whole / row:.2f} (budget 3)")
        took, jobs = command(project, SESSION, config)
        line("  the same again, finished", f"{took:.2f}", ", ".join(jobs))
        took, jobs = command(project, NEXT, config)
        line("  the next session", f"{took:.2f}", f"{len(jobs)} jobs: {', '.join(jobs)}")

        add_unrelated(archive)
        more = timed_commands(project, config, rounds)
        line(f"  with {UNRELATED:,} more session files on disk", f"{more:.2f}", f"ratio {more / whole:.2f} (about 1)")

        first, *others = parse_times(folder)
        line(f"a full-market FINRA file, {MARKET:,} symbols, after imports", "wall s")
        line("  first call", f"{first:.3f}", "(budget 0.15)")
        line("  later calls", f"{min(others):.3f}")

        line("imports of a script, beyond Python's own start", "wall s")
        for script, took in import_times(rounds):
            line(f"  {script}", f"{took:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--row", nargs=2, metavar=("PROJECT", "CONFIG"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.row:
        in_a_row(*map(Path, chosen.row))
    else:
        main(chosen.rounds)
