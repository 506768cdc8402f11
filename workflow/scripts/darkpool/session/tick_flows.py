"""The lit lane of one session: tick files of the archive into `lit_flow` and the three tables of prints."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from .. import listing
from ..archive import layout
from ..archive.store import Archive
from ..market import conditions, sessions, venues
from ..measures import lit
from ..measures.prints import levels
from ..measures.ticks import tick_file
from ..measures.trust import ByMinute
from ..tables import contracts
from ..tables.facts import Source
from . import minutes, sources


@dataclass(frozen=True)
class Findings:
    """What a reader must know of the ticks besides the rows, by ticker, so that parts can be put together.

    unusable    files that cannot be read, and why
    flags       stale_quotes, bars_gap
    conditions  codes that the policy does not name
    venues      shares by id of a venue that the list does not name
    repeats     identical rows that count once, by kind of file
    """

    unusable: dict[str, list[str]] = field(default_factory=dict)
    flags: dict[str, list[str]] = field(default_factory=dict)
    conditions: dict[str, list[int]] = field(default_factory=dict)
    venues: dict[str, dict[str, float]] = field(default_factory=dict)
    repeats: dict[str, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Mapping[str, tuple[lit.SymbolFlow, list[str]]]) -> Findings:
        """From the flow of each ticker and what was not usable of its files."""
        flows = {ticker: flow for ticker, (flow, _) in results.items()}
        return cls(
            {ticker: told for ticker, (_, told) in results.items() if told},
            {ticker: sorted(flow.flags) for ticker, flow in flows.items() if flow.flags},
            {ticker: list(flow.unknown_conditions) for ticker, flow in flows.items() if flow.unknown_conditions},
            {
                ticker: {str(venue): shares for venue, shares in flow.unknown_venues.items()}
                for ticker, flow in flows.items()
                if flow.unknown_venues
            },
            {ticker: dict(flow.repeats) for ticker, flow in flows.items() if flow.repeats},
        )

    def pack(self) -> dict[str, str]:
        """As a table's metadata."""
        return {"findings": json.dumps(asdict(self), sort_keys=True)}

    @classmethod
    def together(cls, parts: Iterable[Mapping[str, str]]) -> Findings:
        """Of the parts whose tables say `pack`."""
        whole = cls()
        for part in parts:
            for name, by_ticker in json.loads(part["findings"]).items():
                getattr(whole, name).update(by_ticker)
        return whole

    def notes(self) -> list[str]:
        """As sentences, whatever parts they came in."""
        told = [f"{ticker}: not usable: {why}." for ticker in sorted(self.unusable) for why in self.unusable[ticker]]
        told = listing.few(told)
        codes = sorted({code for of_ticker in self.conditions.values() for code in of_ticker})
        if codes:
            told.append(f"Trade conditions that the policy does not know were kept: {listing.named(codes)}.")
        ids = sorted({int(venue) for of_ticker in self.venues.values() for venue in of_ticker})
        if ids:
            named = listing.named(map(self._venue, ids), separator="; ")
            told.append(f"Venues that the list does not know do not count as lit: {named}.")
        if self.repeats:
            counts = {
                ticker: ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
                for ticker, kinds in sorted(self.repeats.items())
            }
            named = listing.named(f"{ticker} ({told_of})" for ticker, told_of in counts.items())
            told.append(f"Identical rows count once, so many were left out: {named}.")
        return told

    def _venue(self, number: int) -> str:
        shares = {ticker: by_venue.get(str(number)) for ticker, by_venue in self.venues.items()}
        there = {ticker: count for ticker, count in shares.items() if count is not None}
        return f"{number}, {math.fsum(there.values()):,.0f} shares of {listing.named(sorted(there))}"


class Flows(NamedTuple):
    lit: pl.DataFrame
    trf: pl.DataFrame
    blocks: pl.DataFrame
    profile: pl.DataFrame
    levels: Mapping[str, levels.Levels]
    """By ticker."""
    findings: Findings
    minutes: Mapping[minutes.Key, ByMinute]

    def pack_lit(self) -> dict[str, str]:
        """What a part of `lit_flow` says besides its rows."""
        return self.findings.pack() | minutes.pack(self.minutes)


def part(tickers: Sequence[str], item: str) -> list[str]:
    """The tickers of one part, `item` being "2-of-5": every fifth, so that parts are alike in size."""
    number, count = map(int, item.split("-of-"))
    return sorted(tickers)[number - 1 :: count]


def flows(archive: Archive, session: date, tickers: Sequence[str], settings: Mapping[str, Any], threads: int) -> Flows:
    """The flows of `tickers` by `Lit.signing` of the settings; the same whatever parts they come in.

    `trf_blocks` has no `share_of_trf` yet: `gather` knows the session's off-exchange volume.
    """
    hours = sessions.trading_hours(session, settings["rth_start"], settings["rth_end"])
    options = {
        "method": settings["method"],
        "all_or_nothing": settings["all_or_nothing"],
        "min_lit_volume": settings["min_lit_volume"],
        "max_quote_age": settings["max_quote_age"],
        "regular": tuple(int(moment(session).timestamp()) * lit.SECOND for moment in (sessions.opens, sessions.closes)),
        "policy": conditions.load(),
        "known": venues.load(),
    }

    def one(ticker: str) -> tuple[lit.SymbolFlow, list[str]]:
        source = settings["source"]
        flow, told = _symbol(layout.tick_files(archive, session, ticker, source), hours, options)
        return flow, [*layout.damaged_ticks(archive, session, ticker, source), *told]

    with ThreadPoolExecutor(max(1, threads)) as pool:
        results = dict(zip(tickers, pool.map(one, tickers), strict=True))
    lit_rows = [{"date": session, "ticker": ticker, **flow.lit} for ticker, (flow, _) in results.items()]
    trf_rows = [{"date": session, "ticker": ticker, **flow.trf} for ticker, (flow, _) in results.items() if flow.trf]
    blocks = [
        {"date": session, "ticker": ticker, **block, "share_of_trf": None}
        for ticker, (flow, _) in sorted(results.items())
        for block in flow.blocks
    ]
    cells = [
        flow.cells.select(pl.lit(session).alias("date"), pl.lit(ticker).alias("ticker"), pl.all())
        for ticker, (flow, _) in sorted(results.items())
        if flow.cells is not None
    ]
    by_minute = {(session, ticker): flow.minutes for ticker, (flow, _) in results.items() if flow.minutes is not None}
    return Flows(
        _frame("lit_flow", lit_rows),
        _frame("trf_flow", trf_rows),
        _frame("trf_blocks", blocks),
        contracts.frame("trf_profile", pl.concat(cells).to_dict() if cells else {}),
        {ticker: flow.levels for ticker, (flow, _) in results.items() if flow.levels},
        Findings.of(results),
        by_minute,
    )


def _symbol(
    found: Mapping[str, Path], hours: tuple[int, int], options: Mapping[str, Any]
) -> tuple[lit.SymbolFlow, list[str]]:
    """One ticker by its best source; a damaged file is told and the next best taken."""
    bars = next((found[kind] for kind in layout.BARS if kind in found), None)
    trades, quotes = (found.get(kind) for kind in layout.TICKS)
    told: list[str] = []
    for attempt in ((trades, quotes, bars), (trades, None, bars), (None, None, bars), (None, None, None)):
        try:
            return lit.classify_symbol(*attempt, hours, **options), told
        except tick_file.TickError as error:
            # The trades are tried with and without their quotes, and are to blame once.
            told += [str(error)] if str(error) not in told else []
    raise AssertionError("no source at all cannot fail")


def _frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    columns = contracts.CONTRACTS[name].names
    return contracts.frame(name, {column: [row[column] for row in rows] for column in columns})


def gather(parts: Mapping[str, Sequence[str]], session: date, merged: pl.DataFrame) -> Flows:
    """One session from the files of its parts, by table; of `merged` (date, ticker, trf_volume?) its rows count."""
    told = [contracts.metadata(path) for path in parts["lit_flow"]]
    lit_flow, trf_flow, blocks, cells = (
        pl.concat([contracts.read(name, path) for path in parts[name]])
        for name in ("lit_flow", "trf_flow", "trf_blocks", "trf_profile")
    )
    found = {ticker: one for path in parts["trf_profile"] for ticker, one in levels.read(path).items()}
    volume = merged.filter(pl.col("date") == session, pl.col("trf_volume") > 0).select("ticker", "trf_volume")
    shares = blocks.join(volume, on="ticker", how="left", maintain_order="left")
    return Flows(
        lit_flow.sort("ticker"),
        trf_flow.sort("ticker"),
        blocks.with_columns(share_of_trf=shares["size"] / shares["trf_volume"]).sort("ticker", "rank"),
        cells.sort("ticker", "start", "price_low"),
        found,
        Findings.together(told),
        minutes.unpack(*told),
    )


def state(session: date, flows: Flows, archive: Archive, offline: bool) -> Source:
    """The state of the lit source for the session, as a page shows it."""
    by_source = dict(flows.lit["source"].value_counts().iter_rows())
    return sources.lit(archive, session, by_source, offline)
