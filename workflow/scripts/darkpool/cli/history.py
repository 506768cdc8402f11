"""The history in DuckDB: query, rebuild."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from .. import settings
from ..session import files
from ..session.selection import NotThere
from ..tables import glossary
from . import choice, text_table
from .command import DONE, FAULT, Commands


def add_to(commands: Commands) -> None:
    query = commands.add("query", _query, "ask the history in DuckDB, read-only")
    query.add_argument("sql", metavar="SQL", help="tables: features, darkpool_daily_summary, finra_trf_raw, runs, …")
    query.add_argument("--csv", action="store_true", help="print csv")

    rebuild = commands.add("rebuild", _rebuild, "build the history anew from the sessions on disk")
    rebuild.add_argument(
        "--forget", type=_sessions_named, default=[], metavar="DATES",
        help="sessions that were deleted on purpose, comma-separated: the history may be without them",
    )  # fmt: skip


def _sessions_named(text: str) -> list[date]:
    try:
        return [date.fromisoformat(part.strip()) for part in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; sessions were expected, as 2025-12-22,2025-12-23") from None


def _query(args: argparse.Namespace) -> int:
    import duckdb

    from ..history import connection, query
    from ..show import spreadsheet

    folder = choice.scan_folder(args)
    choice.say_lag(folder)
    with connection.connect(folder) as con:
        try:
            query.check(args.sql)
            rows = con.sql(args.sql).pl()
            simulated = con.execute("SELECT coalesce(bool_or(simulated), false) FROM runs").fetchall()[0][0]
        except duckdb.Error as error:
            raise ValueError(f"{folder / files.STORE}: {error}") from None
    if simulated:
        print(f"{glossary.SIMULATED}: {glossary.SIMULATED_SENTENCE}", file=sys.stderr)
    if args.csv:
        sys.stdout.write(spreadsheet.to_csv(rows).decode())
    else:
        numeric = {i for i, kind in enumerate(rows.dtypes) if kind.is_numeric()}
        print(text_table.aligned(rows.columns, [[_plain(value) for value in row] for row in rows.iter_rows()], numeric))
    return DONE


def _plain(value: object) -> str:
    if value is None:
        return glossary.UNKNOWN
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.4f}"
    return str(value)


def _rebuild(args: argparse.Namespace) -> int:
    from ..history import database

    folder = choice.scan_folder(args)
    config = choice.config_file(args.config)
    entry = config["scans"].get(args.scan)
    if entry is None:
        raise NotThere(f"{args.config}: no scan {args.scan}; the scans are {', '.join(config['scans'])}")
    trades = config["history"].get("trades", settings.History.trades)
    loaded = database.rebuild(folder, Path(entry["archive"]), trades, args.forget)
    rows = sum(sum(receipt["rows"].values()) for receipt in loaded.receipts.values())
    print(f"{folder / files.STORE}: {len(loaded.receipts)} sessions, {rows:,} rows")
    for path in loaded.set_aside:
        print(f"warning: the store before could not be read; it is kept as {path}", file=sys.stderr)
    for day, reason in loaded.skipped.items():
        print(f"warning: {day} left out: {reason}", file=sys.stderr)
    return FAULT if loaded.skipped else DONE
