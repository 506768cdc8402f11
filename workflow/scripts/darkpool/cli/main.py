"""The command line: what the sessions on disk say, in the terminal and in files for other programs.

It reads the sessions' own folders, so that it always shows what is there; `query` alone reads the history in DuckDB.
Libraries are imported where they are needed: help and a mistyped command cost no more than Python itself.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import terminal
from ..session import files, selection
from ..session.selection import LATEST, NotThere, NotUnderstood
from ..tables import glossary

if TYPE_CHECKING:
    import polars as pl

    from ..show.page.view import PageContext

DONE, FAULT, USAGE = 0, 1, 2
SHOWN = (
    "ticker", "signal", "accum_score", "offex_ratio", "trf_spike", "trf_volume", "trf_percentile", "offex_ratio_z",
    "lit_buy_ratio", "log_ratio", "classification_method", "quality",
)  # fmt: skip
HISTORY = (
    "offex_ratio", "offex_ratio_z", "trf_volume", "trf_spike", "trf_percentile", "lit_buy_ratio", "log_ratio", "signal",
    "classification_method", "quality",
)  # fmt: skip
DATES_HELP = f"comma-separated: YYYY-MM-DD, YYYY-MM, MM-DD, a range A:B, or {LATEST} (default: {LATEST})"
EXAMPLES = """examples:
  python -m darkpool table --dates 2025-12-22 --tickers TQQQ,SPY
  python -m darkpool show TQQQ --last 10
  python -m darkpool plots --symbols TQQQ,SPY --to pictures
  python -m darkpool export --dates 2025-12 --columns ticker,offex_ratio,log_ratio --to december.xlsx
  python -m darkpool digest --dates 2025-12-22 --send
  python -m darkpool index --scan emps2
  python -m darkpool query "select date, log_ratio from features where ticker = 'TQQQ' order by date"

exit status: 0 done, 1 nothing found or a fault, 2 wrong usage
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given[:1] == ["morning"]:  # hands on what it does not know itself, as argparse's commands cannot
        from ..morning import unattended

        return unattended.main(given[1:])
    with terminal.harmless():
        args = _parser().parse_args(given)
        try:
            run: Callable[[argparse.Namespace], int] = args.run
            return run(args)
        except NotUnderstood as error:
            return _told(error, USAGE)
        except (ValueError, OSError, RuntimeError) as error:
            return _told(error, FAULT)


def _told(error: object, status: int) -> int:
    print(f"error: {error}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--scan", default="emps2", help="scan to read (default: emps2)")
    common.add_argument("--results", type=Path, default=Path("results"), help="folder of the scans (default: results)")
    common.add_argument("--config", type=Path, default=Path("config.yaml"), help="configuration (default: config.yaml)")
    parser = argparse.ArgumentParser(
        prog="python -m darkpool",
        description="Off-exchange volume of the sessions on disk. " + glossary.DISCLAIMER,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")

    def command(name: str, run: Callable[[argparse.Namespace], int], help_: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, parents=[common], help=help_, description=help_)
        added.set_defaults(run=run)
        return added

    table = command("table", _table, "the table of any sessions and tickers, in the terminal or as a page")
    _add_choice(table)
    table.add_argument("--columns", help=f"columns to show, or all (default: {','.join(SHOWN)})")
    table.add_argument("--html", type=Path, metavar="FILE", help="write the page there instead")

    plots = command("plots", _plots, "a plot per ticker and session")
    _add_choice(plots)
    plots.add_argument("--to", type=Path, default=Path("plots"), metavar="FOLDER", help="folder (default: plots)")

    show = command("show", _show, "one ticker's history in the terminal")
    show.add_argument("ticker", metavar="TICKER", help="case is identity: TpC is not TPC")
    show.add_argument("--last", type=_positive, default=20, metavar="N", help="sessions shown (default: 20)")

    export = command("export", _export, "rows as csv, xlsx or parquet")
    _add_choice(export)
    export.add_argument("--columns", help="comma-separated (default: all)")
    exported = [name for name, file in files.TABLES.items() if file.exported]
    export.add_argument("--table", choices=exported, default="features", help="table to export (default: features)")
    export.add_argument("--to", required=True, metavar="FILE", help="NAME.csv, NAME.xlsx, NAME.parquet; - is csv here")

    command("sessions", _sessions, "the sessions on disk, with the state of their sources")

    digest = command("digest", _digest, "the morning's message of a session, printed, or sent with --send")
    digest.add_argument("--dates", default=LATEST, help=DATES_HELP)
    digest.add_argument("--send", action="store_true", help="send it to the addresses in DARKPOOL_NOTIFY, once")
    command("index", _index, "the page over every session on disk, results/<scan>/index.html")

    query = command("query", _query, "ask the history in DuckDB, read-only")
    query.add_argument("sql", metavar="SQL", help="tables: features, darkpool_daily_summary, finra_trf_raw, runs, …")
    query.add_argument("--csv", action="store_true", help="print csv")

    doctor = command("doctor", _doctor, "whether everything is there that the mornings need, and what to do where not")
    doctor.add_argument("--offline", action="store_true", help="ask no vendor")
    doctor.add_argument("--archive", action="store_true", help="hash every file of the archives instead, with progress")
    doctor.add_argument("--json", action="store_true", help="print JSON")

    rebuild = command("rebuild", _rebuild, "build the history anew from the sessions on disk")
    rebuild.add_argument(
        "--forget", type=_sessions_named, default=[], metavar="DATES",
        help="sessions that were deleted on purpose, comma-separated: the history may be without them",
    )  # fmt: skip
    cron = command("cron", _cron, "the crontab lines of the unattended run")
    cron.add_argument("--install", action="store_true", help="put them into your crontab, whose other lines stay")
    commands.add_parser("morning", add_help=False, help="the unattended run that workflow/scripts/daily.sh starts")
    return parser


def _add_choice(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dates", default=LATEST, help=DATES_HELP)
    command.add_argument("--tickers", "--symbols", help="comma-separated, as TQQQ,SPY (default: all of the session)")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number above 0 was expected")
    return int(text)


def _sessions_named(text: str) -> list[date]:
    try:
        return [date.fromisoformat(part.strip()) for part in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; sessions were expected, as 2025-12-22,2025-12-23") from None


def _folder(args: argparse.Namespace) -> Path:
    folder: Path = args.results / args.scan
    if not folder.is_dir():
        scans = sorted(path.name for path in args.results.glob("*/")) if args.results.is_dir() else []
        there = f"scans there: {', '.join(scans)}" if scans else "no scan is there; run from the project's root"
        raise NotThere(f"{folder} is not there; {there}")
    return folder


def _read(folder: Path, days: Iterable[date], table: str = "features") -> pl.DataFrame:
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


def _chosen(frame: pl.DataFrame, tickers: str | None) -> pl.DataFrame:
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


def _columns(text: str, known: Sequence[str]) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in known]:
        raise NotUnderstood(f"no column {', '.join(unknown)}; the columns are {', '.join(known)}")
    if not names:
        raise NotUnderstood(f"no column was named; the columns are {', '.join(known)}")
    return list(dict.fromkeys(names))


def _facts(folder: Path, day: date) -> dict[str, Any]:
    from ..tables import contracts
    from ..tables import facts as carried

    return carried.told(contracts.metadata(folder / str(day) / files.FEATURES))


def _config(folder: Path, day: date, path: Path) -> Mapping[str, Any]:
    """What the session was computed with: the manifest's configuration or, before there is one, the file's."""
    try:
        config: Mapping[str, Any] = json.loads((folder / str(day) / files.MANIFEST).read_bytes())["config"]
    except FileNotFoundError:
        config = _config_file(path)
    return config


def _config_file(path: Path) -> Mapping[str, Any]:
    from .. import settings

    try:
        config: Mapping[str, Any] = settings.load(path)
    except FileNotFoundError:
        raise NotThere(f"{path} is not there; run from the project's root, or name it with --config") from None
    return config


def _context(args: argparse.Namespace, folder: Path, day: date, tickers: Sequence[str]) -> PageContext:
    from ..show.page import page_context
    from ..tables import contracts

    config = _config(folder, day, args.config)
    return page_context.context(
        contracts.metadata(folder / str(day) / files.FEATURES), args.scan, day, tickers=tickers, mode=config["mode"],
        signal=config["signal"], history=config["history"],
    )  # fmt: skip


def _table(args: argparse.Namespace) -> int:
    from ..show.page import view

    folder = _folder(args)
    days = selection.days(args.dates, folder)
    shown = list(SHOWN)
    if args.columns:
        shown = list(glossary.COLUMNS) if args.columns == "all" else _columns(args.columns, list(glossary.COLUMNS))
    rows = view.ranked(_chosen(_read(folder, days), args.tickers))
    if args.html:
        return _write_page(args, folder, days, rows)
    for number, day in enumerate(reversed(days)):
        facts = _facts(folder, day)
        _head(f"{args.scan} {day}", facts["sources"], facts["simulated"], gap=number > 0)
        records = [record for record in rows.iter_rows(named=True) if record["date"] == day]
        _print_features(shown, records)
        for note in facts["notes"]:
            print(f"note: {note}")
    print(glossary.DISCLAIMER)
    return DONE


def _head(title: str, sources: Iterable[Mapping[str, Any]], simulated: bool, gap: bool = False) -> None:
    states = ", ".join(f"{glossary.source(told['source'])} {glossary.state(told['state'])}" for told in sources)
    print(("\n" if gap else "") + (f"{glossary.SIMULATED}  " if simulated else "") + title + f"  ({states})")
    if simulated:
        print(glossary.SIMULATED_SENTENCE)


def _print_features(names: Sequence[str], records: Sequence[Mapping[str, Any]], ahead: Sequence[str] = ()) -> None:
    """Rows of `features` in the page's words, aligned; `ahead` are columns shown as they are."""
    columns = [glossary.COLUMNS[name] for name in names]
    header = [*ahead, *(glossary.filled(column.label) for column in columns)]
    rows = [[*(str(record[name]) for name in ahead), *(_text(name, record) for name in names)] for record in records]
    numeric = {len(ahead) + i for i, column in enumerate(columns) if column.kind in glossary.NUMERIC}
    print(aligned(header, rows, numeric))


def _text(name: str, record: Mapping[str, Any]) -> str:
    from ..show.page import view

    if record[name] is None:
        return glossary.UNKNOWN
    if name in ("ticker", "quality"):
        return str(record[name])
    return view.cell(name, record).text


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], right: Iterable[int]) -> str:
    """Rows under their header in columns as wide as their widest cell; those numbered in `right` end together."""
    rows = [[terminal.one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    ends = set(right)

    def line(cells: Sequence[str]) -> str:
        sized = zip(cells, widths, strict=True)
        return "  ".join(c.rjust(w) if i in ends else c.ljust(w) for i, (c, w) in enumerate(sized)).rstrip()

    return "\n".join([line(header), line(["-" * width for width in widths]), *map(line, rows)])


def _write_page(args: argparse.Namespace, folder: Path, days: Sequence[date], rows: pl.DataFrame) -> int:
    from dataclasses import replace
    from urllib.parse import quote

    from ..archive.store import file_name, write_atomic
    from ..show.page import page_html

    target = folder / str(days[-1])
    context = _context(args, folder, days[-1], rows["ticker"].unique().to_list())
    plots = {ticker: target / files.PLOTS / f"{file_name(ticker)}.png" for ticker in context.plots}
    links = {
        ticker: quote(Path(os.path.relpath(path, args.html.parent)).as_posix())
        for ticker, path in plots.items()
        if path.is_file()
    }
    simulated = any(_facts(folder, day)["simulated"] for day in days)
    context = replace(context, plots=links, simulated=simulated)
    write_atomic(args.html, page_html.render_html(rows, context).encode())
    print(args.html)
    return DONE


def _plots(args: argparse.Namespace) -> int:
    import polars as pl

    from ..archive.store import file_name
    from ..measures import unusual
    from ..show.figures import ticker_plot
    from ..show.page import page_context
    from ..tables import contracts
    from ..tables import facts as carried

    folder = _folder(args)
    there = selection.on_disk(folder)
    for day in selection.days(args.dates, folder):
        tickers = _chosen(_read(folder, [day]), args.tickers)["ticker"].to_list()
        context = _context(args, folder, day, tickers)
        path = folder / str(day) / files.MERGED
        splits = carried.splits(contracts.metadata(path))
        history = _config(folder, day, args.config)["history"]
        windows = unusual.trailing(contracts.read("merged", path), splits, day, history)
        first = windows["date"].to_list()[0]
        flows = page_context.flow(_read(folder, [other for other in there if first <= other <= day]), tickers)
        for ticker in tickers:
            target = args.to / f"{file_name(ticker)}-{day}.png"
            of_ticker = pl.col("ticker") == ticker
            ticker_plot.draw(ticker, windows.filter(of_ticker), flows.filter(of_ticker), context, target)
            print(target)
    return DONE


def _show(args: argparse.Namespace) -> int:
    import polars as pl

    folder = _folder(args)
    ticker = selection.tickers(args.ticker)[0]
    days = selection.days(":", folder)
    computed = _read(folder, days[-args.last :])
    last = days[-1]
    window = _read(folder, [last], "merged").drop("session")
    there = set(computed["ticker"]) | set(window["ticker"])
    if ticker not in there:
        raise NotThere(selection.missing(ticker, there))
    computed = computed.filter(pl.col("ticker") == ticker)
    only_volumes = window.filter(
        (pl.col("ticker") == ticker) & (pl.col("date") <= last) & ~pl.col("date").is_in(computed["date"].to_list())
    )
    rows = pl.concat([computed, only_volumes], how="diagonal").sort("date").tail(args.last)
    facts = _facts(folder, last)
    _head(f"{ticker}  {args.scan}, {rows.height} sessions to {rows['date'][-1]}", facts["sources"], facts["simulated"])
    _print_features(HISTORY, rows.to_dicts(), ahead=["date"])
    if rows["history_sessions"].null_count():
        print(f"{glossary.UNKNOWN} beside a volume: that session was not run for itself; its volumes are from {last}.")
    print(glossary.DISCLAIMER)
    return DONE


def _export(args: argparse.Namespace) -> int:
    import polars as pl

    from ..archive.store import write_atomic
    from ..show import spreadsheet

    kind = "csv" if args.to == "-" else Path(args.to).suffix.lstrip(".").lower()
    if kind not in ("csv", "xlsx", "parquet"):
        raise NotUnderstood(f"--to {args.to}: expected a name that ends in .csv, .xlsx or .parquet, or -")
    folder = _folder(args)
    days = selection.days(args.dates, folder)
    rows = _chosen(_read(folder, days, args.table), args.tickers)
    simulated = any(_facts(folder, day)["simulated"] for day in days)
    if args.columns:
        rows = rows.select(_columns(args.columns, rows.columns))
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


def _sessions(args: argparse.Namespace) -> int:
    from ..show.index import session_states

    folder = _folder(args)
    selection.days(":", folder)  # where there is none, it says how to make one
    found = session_states.read(folder)
    rows = []
    for session in found:
        states = [
            f"{glossary.source(source['source'])} {glossary.state(source['state'])}"
            for source in session.facts.get("sources", [])
        ]
        rows.append([
            str(session.day), session.settings.get("mode", glossary.UNKNOWN),
            glossary.SESSION_STATES[session.state].label,
            glossary.UNKNOWN if session.state == "damaged" else str(session.said.height),
            "loaded" if (folder / str(session.day) / files.RECEIPT).is_file() else glossary.UNKNOWN,
            session.reason if session.state == "damaged" else ", ".join(states),
        ])  # fmt: skip
    if any(session.simulated for session in found):
        print(f"{glossary.SIMULATED}  {glossary.SIMULATED_SENTENCE}")
    print(aligned(["session", "mode", "state", "tickers", "history", "sources"], rows, {3}))
    return DONE


def _digest(args: argparse.Namespace) -> int:
    from ..message import delivery

    folder = _folder(args)
    failed = False
    for number, day in enumerate(selection.days(args.dates, folder)):
        told = delivery.compose(folder, day)
        print(("\n" if number else "") + told.title + "\n\n" + told.text, end="")
        if args.send:
            outcome = delivery.announce(folder, day)
            failed |= outcome.startswith("failed")
            print(f"message: {outcome}", file=sys.stderr)
    return FAULT if failed else DONE


def _index(args: argparse.Namespace) -> int:
    from ..show.index import index_page

    print(index_page.write(_folder(args)))
    return DONE


def _query(args: argparse.Namespace) -> int:
    import duckdb

    from ..history import database, query
    from ..show import spreadsheet

    folder = _folder(args)
    with database.connect(folder) as con:
        try:
            query.check(args.sql)
            rows = con.sql(args.sql).pl()
            simulated = con.execute("SELECT coalesce(bool_or(simulated), false) FROM runs").fetchall()[0][0]
        except duckdb.Error as error:
            raise ValueError(f"{folder / database.STORE}: {error}") from None
    if simulated:
        print(f"{glossary.SIMULATED}: {glossary.SIMULATED_SENTENCE}", file=sys.stderr)
    if args.csv:
        sys.stdout.write(spreadsheet.to_csv(rows).decode())
    else:
        numeric = {i for i, kind in enumerate(rows.dtypes) if kind.is_numeric()}
        print(aligned(rows.columns, [[_plain(value) for value in row] for row in rows.iter_rows()], numeric))
    return DONE


def _plain(value: object) -> str:
    if value is None:
        return glossary.UNKNOWN
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.4f}"
    return str(value)


def _doctor(args: argparse.Namespace) -> int:
    from ..doctor import health

    found = []
    place = health.Place(args.config, args.results, args.scan)
    for check in health.examine(place, offline=args.offline, archive=args.archive):
        found.append(check)
        if not args.json:
            print(check.line(), flush=True)
    if args.json:
        print(health.as_json(found))
    return FAULT if any(check.state == "fault" for check in found) else DONE


def _rebuild(args: argparse.Namespace) -> int:
    from ..history import database

    folder = _folder(args)
    config = _config_file(args.config)
    entry = config["scans"].get(args.scan)
    if entry is None:
        raise NotThere(f"{args.config}: no scan {args.scan}; the scans are {', '.join(config['scans'])}")
    trades = config["history"].get("trades", "view")
    loaded = database.rebuild(folder, Path(entry["archive"]), trades, args.forget)
    rows = sum(sum(receipt["rows"].values()) for receipt in loaded.receipts.values())
    print(f"{folder / database.STORE}: {len(loaded.receipts)} sessions, {rows:,} rows")
    for path in loaded.set_aside:
        print(f"warning: the store before could not be read; it is kept as {path}", file=sys.stderr)
    for day, reason in loaded.skipped.items():
        print(f"warning: {day} left out: {reason}", file=sys.stderr)
    return FAULT if loaded.skipped else DONE


def _cron(args: argparse.Namespace) -> int:
    from ..morning import crontab

    lines = crontab.lines(crontab.PROJECT)
    print("\n".join(lines))
    if args.install:
        told = "installed" if crontab.install(lines) else "installed already"
        print(f"{told}; crontab -l shows it", file=sys.stderr)
    return DONE
