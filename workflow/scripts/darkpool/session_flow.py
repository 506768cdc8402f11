"""The lit lane of one session: tick files of the archive into `lit_flow` and `trf_flow`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from . import carried, conditions, layout, listing, lit, sessions, sources, tables, ticks
from .archive import Archive


class Flows(NamedTuple):
    lit: pl.DataFrame
    trf: pl.DataFrame
    notes: list[str]


def part(tickers: Sequence[str], item: str) -> list[str]:
    """The tickers of one part, `item` being "2-of-5": every fifth, so that parts are alike in size."""
    number, count = map(int, item.split("-of-"))
    return sorted(tickers)[number - 1 :: count]


def flows(archive: Archive, session: date, tickers: Sequence[str], settings: Mapping[str, Any], threads: int) -> Flows:
    """`lit_flow` and `trf_flow` of `tickers` by the configuration's `lit`; the same whatever parts they come in."""
    hours = sessions.trading_hours(session, settings["rth_start"], settings["rth_end"])
    options = {
        "method": settings["method"],
        "all_or_nothing": settings["all_or_nothing"],
        "min_lit_volume": settings["min_lit_volume"],
        "policy": conditions.load(),
    }

    def one(ticker: str) -> tuple[lit.SymbolFlow, list[str]]:
        return _symbol(layout.tick_files(archive, session, ticker, settings["source"]), ticker, hours, options)

    with ThreadPoolExecutor(max(1, threads)) as pool:
        results = dict(zip(tickers, pool.map(one, tickers), strict=True))
    lit_rows = [{"date": session, "ticker": ticker, **flow.lit} for ticker, (flow, _) in results.items()]
    trf_rows = [{"date": session, "ticker": ticker, **flow.trf} for ticker, (flow, _) in results.items() if flow.trf]
    notes = [note for _, told in results.values() for note in told]
    unknown = sorted({code for flow, _ in results.values() for code in flow.unknown_conditions})
    if unknown:
        notes.append(f"Trade conditions that the policy does not know were kept: {listing.named(unknown)}.")
    return Flows(_frame("lit_flow", lit_rows), _frame("trf_flow", trf_rows), notes)


def _symbol(
    found: Mapping[str, Path], ticker: str, hours: tuple[int, int], options: Mapping[str, Any]
) -> tuple[lit.SymbolFlow, list[str]]:
    """One ticker by its best source; a damaged file is told and the next best taken."""
    bars = next((found[kind] for kind in layout.BARS if kind in found), None)
    trades, quotes = (found.get(kind) for kind in layout.TICKS)
    told: list[str] = []
    for attempt in ((trades, quotes, bars), (trades, None, bars), (None, None, bars), (None, None, None)):
        try:
            return lit.classify_symbol(*attempt, hours, **options), told
        except ticks.TickError as error:
            told.append(f"{ticker}: not usable: {error}.")
    raise AssertionError("no source at all cannot fail")


def _frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    columns = tables.CONTRACTS[name].names
    return tables.frame(name, {column: [row[column] for row in rows] for column in columns})


def gather(lit_parts: Sequence[str], trf_parts: Sequence[str]) -> Flows:
    """One session from the files of its parts."""
    notes = {note for path in lit_parts for note in carried.told(tables.metadata(path))["notes"]}
    return Flows(
        pl.concat([tables.read("lit_flow", path) for path in lit_parts]).sort("ticker"),
        pl.concat([tables.read("trf_flow", path) for path in trf_parts]).sort("ticker"),
        sorted(notes),
    )


def state(session: date, flows: Flows, archive: Archive, offline: bool) -> sources.Source:
    """The state of the lit source for the session, as a page shows it."""
    by_source = dict(flows.lit["source"].value_counts().iter_rows())
    return sources.lit(archive, session, by_source, offline)
