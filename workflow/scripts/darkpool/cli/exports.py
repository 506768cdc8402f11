"""What the sessions say, in files for people and other programs: export, plots, index."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ..session import files, selection
from ..session.selection import NotUnderstood
from ..tables import glossary

if TYPE_CHECKING:
    import polars as pl

from . import choice
from .command import DONE, Commands


def add_to(commands: Commands) -> None:
    export = commands.add("export", _export, "rows as csv, xlsx or parquet")
    choice.add_arguments(export)
    export.add_argument("--columns", help="comma-separated (default: all)")
    exported = [name for name, file in files.TABLES.items() if file.exported]
    export.add_argument("--table", choices=exported, default="features", help="table to export (default: features)")
    export.add_argument("--to", required=True, metavar="FILE", help="NAME.csv, NAME.xlsx, NAME.parquet; - is csv here")

    plots = commands.add("plots", _plots, "a plot per ticker and session")
    choice.add_arguments(plots)
    plots.add_argument("--to", type=Path, default=Path("plots"), metavar="FOLDER", help="folder (default: plots)")

    commands.add("index", _index, "the page over every session on disk, results/<scan>/index.html")


def write_page(args: argparse.Namespace, folder: Path, days: Sequence[date], rows: pl.DataFrame) -> int:
    """The page of the chosen rows: `table --html`."""
    from dataclasses import replace
    from urllib.parse import quote

    from ..archive.store import file_name
    from ..files import write_atomic
    from ..show.page import page_html

    target = folder / str(days[-1])
    context = choice.context(args, folder, days[-1], rows["ticker"].unique().to_list())
    plots = {ticker: target / files.PLOTS / f"{file_name(ticker)}.png" for ticker in context.plots}
    links = {
        ticker: quote(Path(os.path.relpath(path, args.html.parent)).as_posix())
        for ticker, path in plots.items()
        if path.is_file()
    }
    simulated = any(choice.facts(folder, day)["simulated"] for day in days)
    context = replace(context, plots=links, simulated=simulated)
    write_atomic(args.html, page_html.render_html(rows, context).encode())
    print(args.html)
    return DONE


def draw_table(args: argparse.Namespace, folder: Path, days: Sequence[date], rows: pl.DataFrame) -> int:
    """Every column of the chosen rows as a picture: `table --png`."""
    from ..show.figures import table_picture

    if len(days) > 1:
        raise NotUnderstood(f"--png draws one session, and {len(days)} were asked for: --dates {days[-1]}")
    context = choice.context(args, folder, days[-1], rows["ticker"].to_list())
    table_picture.draw(rows, context, args.png)
    print(args.png)
    return DONE


def _plots(args: argparse.Namespace) -> int:
    import polars as pl

    from ..archive.store import file_name
    from ..measures import unusual
    from ..show.figures import heat_map, ticker_plot
    from ..show.page import page_context
    from ..tables import contracts
    from ..tables import facts as carried

    folder = choice.scan_folder(args)
    there = selection.on_disk(folder)
    for day in selection.days(args.dates, folder):
        rows = choice.of_tickers(choice.read(folder, [day]), args.tickers)
        tickers = rows["ticker"].to_list()
        context = choice.context(args, folder, day, tickers)
        place = folder / str(day)
        path = place / files.MERGED
        carried_by = contracts.metadata(path)
        splits, closes = carried.splits(carried_by), carried.closes(carried_by)
        history = choice.session_config(folder, day, args.config)["history"]
        windows = unusual.trailing(contracts.read("merged", path), splits, day, history, closes)
        first = windows["date"].to_list()[0]
        flows = page_context.flow(choice.read(folder, [other for other in there if first <= other <= day]), tickers)
        days = heat_map.days(place / files.TABLES["trf_profile"].path, place / files.BLOCKS, rows)
        for ticker in tickers:
            target = args.to / f"{file_name(ticker)}-{day}.png"
            of_ticker = pl.col("ticker") == ticker
            own = (windows.filter(of_ticker), flows.filter(of_ticker))
            ticker_plot.draw(ticker, *own, context, target, day=days.get(ticker))
            print(target)
    return DONE


def _export(args: argparse.Namespace) -> int:
    import polars as pl

    from ..files import write_atomic
    from ..show import spreadsheet

    kind = "csv" if args.to == "-" else Path(args.to).suffix.lstrip(".").lower()
    if kind not in ("csv", "xlsx", "parquet"):
        raise NotUnderstood(f"--to {args.to}: expected a name that ends in .csv, .xlsx or .parquet, or -")
    folder = choice.scan_folder(args)
    days = selection.days(args.dates, folder)
    rows = choice.of_tickers(choice.read(folder, days, args.table), args.tickers)
    simulated = any(choice.facts(folder, day)["simulated"] for day in days)
    if args.columns:
        rows = rows.select(choice.columns(args.columns, rows.columns))
    if simulated:
        rows = rows.with_columns(pl.lit(glossary.SIMULATED).alias("vendors"))
        print(f"{glossary.SIMULATED}: {glossary.SIMULATED_SENTENCE}", file=sys.stderr)
    match kind:
        case "csv":
            content = spreadsheet.to_csv(rows)
        case "xlsx":
            content = spreadsheet.to_xlsx(rows, args.table, simulated)
        case _:
            content = spreadsheet.to_parquet(rows, args.table, simulated=json.dumps(simulated))
    if args.to == "-":
        sys.stdout.write(content.decode())
        return DONE
    write_atomic(Path(args.to), content)
    print(f"{args.to}: {rows.height} rows, {days[0]} to {days[-1]}")
    return DONE


def _index(args: argparse.Namespace) -> int:
    from ..history import beside

    folder = choice.scan_folder(args)
    beside.write_index(folder)
    print(folder / files.INDEX)
    return DONE
