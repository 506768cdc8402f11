"""Where in price and time it traded off-exchange."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..session import files
from ..session.selection import NotThere, NotUnderstood
from ..tables import glossary
from . import choice, text_table
from .command import DONE, Commands

if TYPE_CHECKING:
    import polars as pl


SESSIONS = 10
"""Whose levels are shown where no dates are named."""


def add_to(commands: Commands) -> None:
    profile = commands.add("profile", _profile, "where in price and time it traded off-exchange")
    choice.add_arguments(profile)
    profile.add_argument(
        "--levels", action="store_true", help="on one share basis, with the largest prints of them all"
    )
    profile.add_argument(
        "--png", type=Path, metavar="FILE", help="one ticker and session as a heat map; with --levels its sessions"
    )


def _profile(args: argparse.Namespace) -> int:
    from ..measures.prints import levels
    from ..session import selection

    folder = choice.scan_folder(args)
    days = selection.days(args.dates, folder)
    if args.levels and args.dates == selection.LATEST:
        days = [day for day in selection.on_disk(folder) if day <= days[-1]][-SESSIONS:]
    rows = choice.of_tickers(choice.read(folder, days, "trf_profile"), args.tickers)
    if rows.is_empty():
        raise NotThere("no ticker of these sessions has trades and quotes at hand, so nothing says where it traded")
    pairs = sorted(set(rows.select("date", "ticker").iter_rows()))
    if args.levels:
        return _levels(args, folder, days, sorted({ticker for _, ticker in pairs}))
    if args.png:
        if len(pairs) != 1:
            raise NotUnderstood(f"--png draws one ticker of one session; {len(pairs)} were chosen")
        return _draw(args, folder, rows)
    facts = choice.facts(folder, days[-1])
    text_table.print_head(f"{args.scan}, where it traded off-exchange", facts["sources"], facts["simulated"])
    header = ["session", "ticker", "control", "value area", "prints' mean", "lit mean", "off-exchange shares"]
    totals = {
        (day, ticker): total
        for day, ticker, total in rows.group_by("date", "ticker").agg(_shares().sum().alias("total")).iter_rows()
    }
    shown = []
    for day in sorted({day for day, _ in pairs}):
        found = levels.read(_table(folder, day))
        for ticker in [ticker for other, ticker in pairs if other == day and ticker in found]:
            low, high, from_, to, vwap, lit = (glossary.written("price", value) for value in found[ticker])
            shares = glossary.written("shares", float(totals[day, ticker]))
            shown.append([str(day), ticker, f"{low} to {high}", f"{from_} to {to}", vwap, lit, shares])
    print(text_table.aligned(header, shown, {4, 5, 6}))
    print(f"{glossary.LEVEL_SENTENCE}\n{glossary.DISCLAIMER}")
    return DONE


def _shares() -> pl.Expr:
    import polars as pl

    return pl.sum_horizontal("buy", "sell", "neutral")


def _table(folder: Path, day: date) -> Path:
    return folder / str(day) / files.TABLES["trf_profile"].path


def _levels(args: argparse.Namespace, folder: Path, days: Sequence[date], tickers: Sequence[str]) -> int:
    """The sessions' levels on the share basis of the last, as a table or a figure."""
    import polars as pl

    from ..measures.prints import levels
    from ..tables import contracts, facts

    found = {day: levels.read(_table(folder, day)) for day in days}
    own = {day: {ticker: one for ticker, one in of.items() if ticker in tickers} for day, of in found.items()}
    closes = choice.read(folder, days, "features").select("date", "ticker", "close")
    blocks = choice.read(folder, days, "trf_blocks").filter(pl.col("ticker").is_in(tickers))
    merged = contracts.metadata(folder / str(days[-1]) / files.TABLES["merged"].path)
    over = levels.over(own, closes, blocks, facts.splits(merged))
    simulated = any(choice.facts(folder, day)["simulated"] for day in days)
    if args.png:
        from ..show.figures import levels_figure

        if len(tickers) != 1:
            raise NotUnderstood(f"--png draws one ticker; {len(tickers)} were chosen")
        levels_figure.draw(tickers[0], over, simulated, args.png)
        print(args.png)
        return DONE
    heard = choice.facts(folder, days[-1])["sources"]
    text_table.print_head(f"{args.scan}, levels on the share basis of {days[-1]}, USD", heard, simulated)
    price = partial(glossary.written, "price")
    areas = [
        [ticker, str(day), price(control), f"{price(low)} to {price(high)}", price(close)]
        for ticker, day, control, low, high, close in over.days.iter_rows()
    ]
    print(text_table.aligned(["ticker", "session", "control", "value area", "close"], areas, {2, 4}))
    prints = [
        [ticker, str(rank), str(day), price(at), glossary.written("shares", size)]
        for ticker, rank, day, at, size in over.prints.iter_rows()
    ]
    print("\nlargest prints of them all")
    print(text_table.aligned(["ticker", "rank", "session", "price", "shares"], prints, {1, 3, 4}))
    print(f"{glossary.LEVEL_SENTENCE}\n{glossary.DISCLAIMER}")
    return DONE


def _draw(args: argparse.Namespace, folder: Path, rows: pl.DataFrame) -> int:
    from ..show.figures import heat_map, profile_figure

    [(day, ticker)] = set(rows.select("date", "ticker").iter_rows())
    blocks, features = folder / str(day) / files.BLOCKS, choice.read(folder, [day])
    shown = heat_map.days(_table(folder, day), blocks, features)[ticker]
    title = f"{ticker} {day}: where it traded off-exchange"
    simulated = choice.facts(folder, day)["simulated"]
    profile_figure.draw(shown, title, simulated, args.png)
    print(args.png)
    return DONE
