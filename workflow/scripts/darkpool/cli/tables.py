"""What the sessions say, in the terminal: table, show, sessions."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..session import files, selection
from ..session.selection import NotThere
from ..tables import columns, glossary
from . import choice, exports, text_table
from .command import DONE, Commands

SHOWN = columns.also("terminal")
HISTORY = (
    "offex_ratio", "offex_ratio_z", "trf_volume", "trf_spike", "trf_percentile", "lit_buy_ratio", "log_ratio", "signal",
    "classification_method", "quality",
)  # fmt: skip


def add_to(commands: Commands) -> None:
    table = commands.add("table", _table, "the table of any sessions and tickers, in the terminal or as a page")
    choice.add_arguments(table)
    table.add_argument("--columns", help=f"columns to show, or all (default: {','.join(SHOWN)})")
    table.add_argument("--html", type=Path, metavar="FILE", help="write the page there instead")
    table.add_argument("--png", type=Path, metavar="FILE", help="draw every column there instead, one session: wide")

    show = commands.add("show", _show, "one ticker's history in the terminal")
    show.add_argument("ticker", metavar="TICKER", help="case is identity: TpC is not TPC")
    show.add_argument("--last", type=_positive, default=20, metavar="N", help="sessions shown (default: 20)")

    blocks = commands.add("blocks", _blocks, "the largest off-exchange prints of any sessions and tickers")
    choice.add_arguments(blocks)
    blocks.add_argument("--last", type=_positive, default=20, metavar="N", help="prints shown (default: 20)")

    market = commands.add("market", _market, "what is unusual off-exchange in the whole market")
    market.add_argument("--dates", default=selection.LATEST, help=choice.DATES_HELP)
    market.add_argument("--last", type=_positive, default=20, metavar="N", help="names shown (default: 20)")
    market.add_argument(
        "--follow",
        nargs="+",
        metavar="TICKER",
        help="follow these names from the session on: results/<scan>/follow.csv",
    )

    commands.add("sessions", _sessions, "the sessions on disk, with the state of their sources")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number above 0 was expected")
    return int(text)


def _table(args: argparse.Namespace) -> int:
    from ..session import latest
    from ..show.page.rows import ranked

    folder = choice.scan_folder(args)
    days = selection.days(args.dates, folder)
    known, shown = list(glossary.COLUMNS), list(SHOWN)
    if args.columns:
        shown = known if args.columns == "all" else choice.columns(args.columns, known)
    rows = ranked(choice.of_tickers(choice.read(folder, days), args.tickers))
    if args.html:
        return exports.write_page(args, folder, days, rows)
    if args.png:
        return exports.draw_table(args, folder, days, rows)
    for number, day in enumerate(reversed(days)):
        facts = choice.facts(folder, day)
        text_table.print_head(f"{args.scan} {day}", facts["sources"], facts["simulated"], gap=number > 0)
        for sentence in latest.stands_out(folder, day) if args.tickers is None else ():
            print(f"- {sentence}")
        records = [record for record in rows.iter_rows(named=True) if record["date"] == day]
        text_table.print_features(shown, records)
        for note in facts["notes"]:
            print(f"note: {note}")
    print(glossary.DISCLAIMER)
    return DONE


def _show(args: argparse.Namespace) -> int:
    import polars as pl

    folder = choice.scan_folder(args)
    ticker = selection.tickers(args.ticker)[0]
    days = selection.days(":", folder)
    computed = choice.read(folder, days[-args.last :])
    last = days[-1]
    window = choice.read(folder, [last], "merged").drop("session")
    there = set(computed["ticker"]) | set(window["ticker"])
    if ticker not in there:
        raise NotThere(selection.missing(ticker, there))
    computed = computed.filter(pl.col("ticker") == ticker)
    only_volumes = window.filter(
        (pl.col("ticker") == ticker) & (pl.col("date") <= last) & ~pl.col("date").is_in(computed["date"].to_list())
    )
    rows = pl.concat([computed, only_volumes], how="diagonal").sort("date").tail(args.last)
    facts = choice.facts(folder, last)
    text_table.print_head(
        f"{ticker}  {args.scan}, {rows.height} sessions to {rows['date'][-1]}", facts["sources"], facts["simulated"]
    )
    text_table.print_features(HISTORY, rows.to_dicts(), ahead=["date"])
    if rows["history_sessions"].null_count():
        print(f"{glossary.UNKNOWN} beside a volume: that session was not run for itself; its volumes are from {last}.")
    choice.say_lag(folder)
    print(glossary.DISCLAIMER)
    return DONE


def _blocks(args: argparse.Namespace) -> int:
    from ..show import blocks

    folder = choice.scan_folder(args)
    days = selection.days(args.dates, folder)
    rows = choice.of_tickers(choice.read(folder, days, "trf_blocks"), args.tickers)
    facts = choice.facts(folder, days[-1])
    text_table.print_head(f"{args.scan}, largest off-exchange prints", facts["sources"], facts["simulated"])
    if rows.is_empty():
        print("No trades are at hand for these sessions, so no print is known.")
    else:
        shown = blocks.in_words(rows.sort("notional", "date", "ticker", "rank", descending=[True, True, False, False]))
        print(text_table.aligned(blocks.HEADER, shown[: args.last], blocks.NUMERIC))
    print(glossary.DISCLAIMER)
    return DONE


MARKET = (
    "ticker", "volume_z", "volume_multiple", "trf_volume", "median_volume", "offex_ratio", "close", "change_pct",
    "quality",
)  # fmt: skip


def _market(args: argparse.Namespace) -> int:
    from ..session import universe
    from ..show import elsewhere
    from ..tables import contracts
    from ..tables import facts as carried

    folder = choice.scan_folder(args)
    days = selection.days(args.dates, folder)
    if args.follow:
        known = set(choice.read(folder, [days[-1]], "market")["ticker"])
        wanted = selection.tickers(",".join(args.follow))
        if missing := [ticker for ticker in wanted if ticker not in known]:
            raise NotThere("; ".join(selection.missing(ticker, known) for ticker in missing))
        new = universe.follow(folder / files.FOLLOW, wanted, days[-1])
        print(f"followed from {days[-1]} on: {', '.join(new) or 'nothing that was not followed before'}")
        print(f"python -m darkpool does not fetch; run the session again: snakemake --cores 4 {folder}/{days[-1]}/all")
        return DONE
    for number, day in enumerate(reversed(days)):
        rows = choice.read(folder, [day], "market")
        told = carried.unpack(contracts.metadata(folder / str(day) / files.MARKET_TABLE))
        text_table.print_head(f"{args.scan} {day}, the market", told["sources"], told["simulated"], gap=number > 0)
        print(elsewhere.day(rows))
        for title, listed in (
            ("", elsewhere.ranked(rows, args.last)),
            ("New names:", elsewhere.newest(rows, args.last)),
        ):
            if listed.height:
                print(*[title] * bool(title), text_table.of_columns(MARKET, columns.TABLES["market"], listed), sep="\n")
    print(glossary.DISCLAIMER)
    return DONE


def _sessions(args: argparse.Namespace) -> int:
    from ..history import lag
    from ..show.index import session_states

    folder = choice.scan_folder(args)
    selection.days(":", folder)  # where there is none, it says how to make one
    found = session_states.read(folder)
    lagging, is_kept = lag.of(folder), (folder / files.STORE).is_file()
    rows = []
    for session in found:
        states = text_table.source_states(session.facts.get("sources", []))
        rows.append([
            str(session.day), session.settings.get("mode", glossary.UNKNOWN),
            glossary.SESSION_STATES[session.state].label,
            glossary.UNKNOWN if session.state == "damaged" else str(session.said.height),
            lagging.get(session.day, "loaded") if is_kept else glossary.UNKNOWN,
            session.reason if session.state == "damaged" else states,
        ])  # fmt: skip
    if any(session.simulated for session in found):
        print(f"{glossary.SIMULATED}  {glossary.SIMULATED_SENTENCE}")
    print(text_table.aligned(["session", "mode", "state", "tickers", "history", "sources"], rows, {3}))
    choice.say_lag(folder)
    return DONE
