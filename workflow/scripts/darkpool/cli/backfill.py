"""Many past sessions: what Snakemake would make, by Snakemake itself, in parts, with the time that is left."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from ..session import files
from ..session.selection import NotUnderstood
from .command import DONE, FAULT, Commands

CHUNK = 20
"""Sessions a call of Snakemake: its own share of the work grows faster than the steps."""


def add_to(commands: Commands) -> None:
    backfill = commands.add("backfill", _backfill, "many past sessions, those first that are not there")
    backfill.add_argument("--from", dest="first", type=_day, required=True, metavar="DATE", help="first session")
    backfill.add_argument("--to", dest="last", type=_day, required=True, metavar="DATE", help="last session")
    backfill.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)")
    backfill.add_argument("--again", action="store_true", help="look at the finished sessions too")
    backfill.add_argument("--chunk", type=int, default=CHUNK, help=f"sessions a call of Snakemake (default: {CHUNK})")
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
