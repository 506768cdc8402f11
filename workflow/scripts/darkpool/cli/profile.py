"""Where in price and time it traded off-exchange."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..session import files
from ..session.selection import NotThere, NotUnderstood
from ..tables import glossary
from . import choice, text_table
from .command import DONE, Commands

LIMIT = "A level is where volume was, not where it will be."


def add_to(commands: Commands) -> None:
    profile = commands.add("profile", _profile, "where in price and time it traded off-exchange")
    choice.add_arguments(profile)
    profile.add_argument("--png", type=Path, metavar="FILE", help="one ticker and session as a heat map")


def _profile(args: argparse.Namespace) -> int:
    import polars as pl

    from ..session import selection, tick_flows

    folder = choice.scan_folder(args)
    days = selection.days(args.dates, folder)
    rows = choice.of_tickers(choice.read(folder, days, "trf_profile"), args.tickers)
    if rows.is_empty():
        raise NotThere("no ticker of these sessions has trades and quotes at hand, so nothing says where it traded")
    pairs = sorted(set(rows.select("date", "ticker").iter_rows()))
    if args.png:
        if len(pairs) != 1:
            raise NotUnderstood(f"--png draws one ticker of one session; {len(pairs)} were chosen")
        return _draw(args, folder, rows)
    facts = choice.facts(folder, days[-1])
    text_table.print_head(f"{args.scan}, where it traded off-exchange", facts["sources"], facts["simulated"])
    header = ["session", "ticker", "control", "value area", "prints' mean", "lit mean", "off-exchange shares"]
    shown = []
    for day, ticker in pairs:
        own = tick_flows.levels_of(folder / str(day) / files.TABLES["trf_profile"].path).get(ticker)
        of = rows.filter(pl.col("date") == day, pl.col("ticker") == ticker)
        total = sum(of[name].sum() for name in ("buy", "sell", "neutral"))
        if own is None:
            continue
        low, high, from_, to, vwap, lit = (glossary.written("price", value) for value in own)
        shares = glossary.written("shares", float(total))
        shown.append([str(day), ticker, f"{low} to {high}", f"{from_} to {to}", vwap, lit, shares])
    print(text_table.aligned(header, shown, {4, 5, 6}))
    print(f"{LIMIT}\n{glossary.DISCLAIMER}")
    return DONE


def _draw(args: argparse.Namespace, folder: Path, rows) -> int:  # type: ignore[no-untyped-def]
    import polars as pl

    from ..session import tick_flows
    from ..show.figures import profile_figure
    from ..tables import contracts

    [(day, ticker)] = set(rows.select("date", "ticker").iter_rows())
    own = tick_flows.levels_of(folder / str(day) / files.TABLES["trf_profile"].path)[ticker]
    place = folder / str(day)
    blocks = contracts.read_if_there("trf_blocks", place / files.BLOCKS).filter(pl.col("ticker") == ticker)
    close = contracts.read("features", place / files.FEATURES).filter(pl.col("ticker") == ticker)["close"].to_list()
    title = f"{ticker} {day}: where it traded off-exchange"
    simulated = choice.facts(folder, day)["simulated"]
    profile_figure.draw(rows, own, blocks, close[0] if close else None, title, simulated, args.png)
    print(args.png)
    return DONE
