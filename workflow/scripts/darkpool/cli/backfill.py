"""Past sessions: many of them by Snakemake, in parts, with the time that is left; their ticks from flat files."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ..session import files
from ..session.selection import NotThere, NotUnderstood
from . import choice
from .command import DONE, FAULT, Commands

if TYPE_CHECKING:
    from ..archive.store import Archive
    from ..settings import Settings

CHUNK = 20
"""Sessions a call of Snakemake: its own share of the work grows faster than the steps."""


def add_to(commands: Commands) -> None:
    backfill = commands.add("backfill", _backfill, "many past sessions, those first that are not there")
    backfill.add_argument("--from", dest="first", type=_day, required=True, metavar="DATE", help="first session")
    backfill.add_argument("--to", dest="last", type=_day, required=True, metavar="DATE", help="last session")
    backfill.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)")
    backfill.add_argument("--again", action="store_true", help="look at the finished sessions too")
    backfill.add_argument("--chunk", type=int, default=CHUNK, help=f"sessions a call of Snakemake (default: {CHUNK})")
    flat = commands.add("import-flat", _import, "flat files of trades or quotes into the scan's archive")
    flat.add_argument("files", nargs="+", type=Path, metavar="FILE", help="YYYY-MM-DD.csv.gz of trades_v1 or quotes_v1")
    backfill.add_argument("more", nargs="*", metavar="OPTION", help="after --: handed on to Snakemake, as --configfile")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date of the form YYYY-MM-DD") from None


def _backfill(args: argparse.Namespace) -> int:
    from ..market import sessions

    if args.first > args.last:
        raise NotUnderstood(f"--from {args.first} lies after --to {args.last}")
    asked = sessions.between(args.first, args.last)
    if not asked:
        raise NotUnderstood(f"no session from {args.first} to {args.last}")
    folder = args.results / args.scan
    days = [day for day in asked if args.again or not (folder / str(day) / files.MANIFEST).is_file()]
    if len(days) < len(asked):
        print(f"{len(asked) - len(days)} of {len(asked)} sessions are finished; --again looks at them too")
    status, began = DONE, time.monotonic()
    for start in range(0, len(days), args.chunk):
        chunk = days[start : start + args.chunk]
        print(f"{_told(start, len(days), time.monotonic() - began)}: {chunk[0]} to {chunk[-1]}", flush=True)
        status = max(status, _run(_command(args, chunk)))
    open_ones = [day for day in asked if not (folder / str(day) / files.MANIFEST).is_file()]
    print(f"{len(asked) - len(open_ones)} of {len(asked)} sessions have their manifest")
    if open_ones:
        shown = ", ".join(map(str, open_ones[:5])) + (" and others" if len(open_ones) > 5 else "")
        print(f"not finished: {shown}; the same command goes on there", file=sys.stderr)
    return FAULT if status else DONE


def _told(done: int, total: int, seconds: float) -> str:
    """What is behind and how long the rest takes, as far as the sessions behind can say."""
    from ..plan.progress import time_left

    left = f", {time_left(done, total, seconds)}" if done else ""
    return f"{done} of {total} sessions{left}"


def _command(args: argparse.Namespace, days: Sequence[date]) -> list[str]:
    targets = [f"{args.results}/{args.scan}/{day}/{files.MANIFEST}" for day in days]
    given = ["--cores", str(args.cores), "--quiet", "all", *args.more]
    return [sys.executable, "-m", "snakemake", *given, "--", *targets]


def _run(command: Sequence[str]) -> int:
    """Snakemake's exit status; told to end, it ends what it started."""
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    with subprocess.Popen(command, env={**os.environ, "PATH": beside}) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise


def _import(args: argparse.Namespace) -> int:
    from .. import clock, settings
    from ..archive.store import Archive
    from ..vendors.polygon import flat_file, flat_import

    config = settings.Settings.of(choice.config_file(args.config))
    if args.scan == settings.DEMO or args.scan not in config.archives:
        others = sorted(set(config.archives) - {settings.DEMO})
        raise NotThere(f"scan {args.scan} is none that ticks are kept for; there are {', '.join(others) or 'none'}")
    if config.offline:
        raise NotThere("offline: true in the configuration: nothing is written into the archive; set it to false")
    archive = Archive(config.archives[args.scan])
    for path in args.files:
        with path.open("rb") as stream, archive.sole_asker("polygon"):
            file = flat_file.FlatFile(stream, path.name)
            answered = flat_import.Answered(path.name, clock.now())
            tickers = _tickers(config, args.scan, file.session, args.results, archive)
            print(f"{path}: {file.header.kind} of {file.session}, {len(tickers)} tickers wanted", file=sys.stderr)
            found = flat_import.keep(archive, file, tickers, answered)
            archive.write_receipt("polygon", file.session, flat_import.receipt(archive, file, found))
        print(f"{path}: {flat_import.summary(found)}")
    return DONE


def _tickers(config: Settings, scan: str, session: date, results: Path, archive: Archive) -> list[str]:
    """The universe of every scan that has the same archive, as a session's own step would ask for."""
    from ..session import universe

    together = [name for name, place in config.archives.items() if place == config.archives[scan]]
    found: set[str] = set()
    for name in together:
        entry = config.scans[name]
        place = results / name / str(session)
        found |= set(universe.resolve(name, session, entry.tickers, entry.universe, place, archive).tickers)
    return sorted(found)
