"""What a command was asked for: the scan, its sessions, tickers and columns, and what they were computed with."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..session import files, selection
from ..session.selection import LATEST, NotThere, NotUnderstood

if TYPE_CHECKING:
    import polars as pl

    from ..show.page.context import PageContext
    from ..tables.facts import SessionFacts

DATES_HELP = f"comma-separated: YYYY-MM-DD, YYYY-MM, MM-DD, a range A:B, or {LATEST} (default: {LATEST})"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Which sessions and tickers."""
    command.add_argument("--dates", default=LATEST, help=DATES_HELP)
    command.add_argument("--tickers", "--symbols", help="comma-separated, as TQQQ,SPY (default: all of the session)")


def scan_folder(args: argparse.Namespace) -> Path:
    folder: Path = args.results / args.scan
    if not folder.is_dir():
        scans = sorted(path.name for path in args.results.glob("*/")) if args.results.is_dir() else []
        there = f"scans there: {', '.join(scans)}" if scans else "no scan is there; run from the project's root"
        raise NotThere(f"{folder} is not there; {there}")
    return folder


def read(folder: Path, days: Iterable[date], table: str = "features") -> pl.DataFrame:
    """Rows of `table` in the sessions' folders; a session that never had that table has no rows."""
    import polars as pl

    from ..tables import contracts

    frames = []
    for day in days:
        path = folder / str(day) / files.TABLES[table].path
        if path.is_file():
            frame = contracts.read(table, path)
            frames.append(frame.insert_column(0, pl.lit(day).alias("session")) if files.TABLES[table].spans else frame)
    if not frames:
        raise NotThere(f"no {files.TABLES[table].path} in the chosen sessions of {folder}")
    return pl.concat(frames)


def of_tickers(frame: pl.DataFrame, tickers: str | None) -> pl.DataFrame:
    """Rows of the tickers asked for; a ticker without any is told on stderr, and when none has one it is an error."""
    import polars as pl

    from ..market import symbols

    if tickers is None:
        return frame
    column = "symbol" if "symbol" in frame.columns else "ticker"
    wanted = selection.tickers(tickers)
    spelled = {ticker: symbols.to_finra(ticker) if column == "symbol" else ticker for ticker in wanted}
    there = set(frame[column])
    reasons = [selection.missing(ticker, there) for ticker, name in spelled.items() if name not in there]
    if len(reasons) == len(wanted):
        raise NotThere("; ".join(reasons))
    for reason in reasons:
        print(f"warning: {reason}", file=sys.stderr)
    return frame.filter(pl.col(column).is_in([name for name in spelled.values() if name]))


def columns(text: str, known: Sequence[str]) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in known]:
        raise NotUnderstood(f"no column {', '.join(unknown)}; the columns are {', '.join(known)}")
    if not names:
        raise NotUnderstood(f"no column was named; the columns are {', '.join(known)}")
    return list(dict.fromkeys(names))


def facts(folder: Path, day: date) -> SessionFacts:
    from ..tables import contracts
    from ..tables import facts as carried

    return carried.unpack(contracts.metadata(folder / str(day) / files.FEATURES))


def session_config(folder: Path, day: date, path: Path) -> Mapping[str, Any]:
    """What the session was computed with: the manifest's configuration or, before there is one, the file's."""
    try:
        config: Mapping[str, Any] = json.loads((folder / str(day) / files.MANIFEST).read_bytes())["config"]
    except FileNotFoundError:
        config = config_file(path)
    return config


def config_file(path: Path) -> Mapping[str, Any]:
    from .. import settings

    try:
        config: Mapping[str, Any] = settings.load(path)
    except FileNotFoundError:
        raise NotThere(f"{path} is not there; run from the project's root, or name it with --config") from None
    return config


def context(args: argparse.Namespace, folder: Path, day: date, tickers: Sequence[str]) -> PageContext:
    from ..show.page import page_context
    from ..tables import contracts

    config = session_config(folder, day, args.config)
    return page_context.context(
        contracts.metadata(folder / str(day) / files.FEATURES), args.scan, day, tickers=tickers, mode=config["mode"],
        signal=config["signal"], history=config["history"],
    )  # fmt: skip


def say_lag(folder: Path) -> None:
    """Say on stderr where the store is behind the sessions' folders: a query and a page would then differ."""
    from ..history import lag

    if lagging := lag.of_store(folder):
        print(f"warning: {lagging}", file=sys.stderr)
