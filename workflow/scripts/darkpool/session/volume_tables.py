"""The volume tables of one session, from the archive's answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from .. import listing
from ..archive import layout
from ..archive.store import Archive
from ..market import symbols
from ..measures import volume
from ..settings import DEMO
from ..tables import facts
from ..vendors.finra import off_exchange as finra
from ..vendors.simulated import marks
from ..vendors.simulated.marks import SimulatedArchive
from ..vendors.yahoo import consolidated
from . import sources
from .universe import EMPTY

RECEIPTS = ("finra", "yahoo", "polygon", "finra_weekly")


def volumes(
    archive: Archive,
    scan: str,
    *,
    window: Sequence[date],
    tickers: Sequence[str],
    unmapped: Sequence[str],
    prefixes: Sequence[str],
    excluded: Sequence[str],
    offline: bool,
    flags: Sequence[str] = (),
) -> tuple[dict[str, pl.DataFrame], dict[str, str]]:
    """`finra_trf`, `yf_volume` and `merged` of the window's last session.

    The second value is what the tables say about themselves: states of the sources, splits, closes, notes, as JSON
    texts. `flags` stand on every row.
    Raises SimulatedArchive.
    """
    session = window[-1]
    is_demo = is_simulated(archive, scan, session, window, tickers)
    at_finra = {t: s for t in tickers if (s := symbols.to_finra(t)) and t not in excluded and s not in excluded}
    at_yahoo = {ticker: symbol for ticker in tickers if (symbol := symbols.to_yahoo(ticker))}

    own = finra.read_session(archive, session, prefixes)
    trf = finra.read_window(archive, window, prefixes, at_finra.values())
    spelling = pl.DataFrame(
        {"ticker": list(at_finra), "symbol": list(at_finra.values())}, schema={"ticker": pl.String, "symbol": pl.String}
    )
    # What FINRA took back is unknown and has changed.
    trf_volumes = pl.concat([trf.frame, trf.withdrawn.with_columns(revised=pl.lit(True))], how="diagonal")
    off_exchange = trf_volumes.join(spelling, on="symbol").select("date", "ticker", "trf_volume", "revised")
    yahoo = consolidated.read(archive, session, at_yahoo, window, off_exchange)

    answered = dict(yahoo.bars.filter(pl.col("date") == session).select("ticker", "settled").iter_rows())
    states = [
        sources.finra(archive, session, prefixes, offline, own.damage if own.frame is None else None),
        sources.yahoo(archive, session, tickers, answered, offline, yahoo.faults),
    ]
    on_every_row = dict.fromkeys([*flags, *(["simulated"] if is_demo else [])], True)
    tables = {
        "finra_trf": _finra_trf(own.frame, session, excluded),
        "yf_volume": yahoo.bars.drop("close", "rounded", "revised"),
        "merged": volume.merge(tickers, window, off_exchange, yahoo.bars, on_every_row),
    }
    odd = dict.fromkeys([*(f"{name}, {row.what}" for name, row in own.odd), *trf.odd])
    kept_universe = archive.damaged(layout.universe(scan, session)).values()
    told = notes(tickers, unmapped, [*trf.damaged.values(), *odd, *yahoo.faults, *kept_universe])
    told += listing.few([f"Not known: {doubt}." for doubt in yahoo.doubts])
    closes = yahoo.bars.filter(pl.col("date").is_in(list(window))).select(list(facts.CLOSE_SCHEMA)).drop_nulls()
    splits = yahoo.splits.select(list(facts.SPLIT_SCHEMA))
    return tables, facts.pack(states, told, is_demo, splits, closes=closes)


def _finra_trf(frame: pl.DataFrame | None, session: date, excluded: Sequence[str]) -> pl.DataFrame:
    """The session's file, every symbol; no row where FINRA's answer is missing."""
    if frame is None:
        frame = pl.DataFrame(
            schema={
                "symbol": pl.String,
                "trf_volume": pl.Float64,
                "short_volume": pl.Float64,
                "short_exempt_volume": pl.Float64,
                "facilities": pl.String,
                "revised": pl.Boolean,
            }
        )
    kept_out = [spelled for ticker in excluded for spelled in (ticker, symbols.to_finra(ticker)) if spelled]
    return frame.filter(~pl.col("symbol").is_in(kept_out)).drop("revised").with_columns(pl.lit(session).alias("date"))


def is_simulated(
    archive: Archive, scan: str, session: date, window: Sequence[date] = (), tickers: Sequence[str] = ()
) -> bool:
    """Whether the session's answers are simulated, by receipt or file; raises SimulatedArchive outside the demo."""
    found = any((archive.receipt(source, session) or {}).get("simulated") for source in RECEIPTS)
    if found and scan != DEMO:
        raise SimulatedArchive(
            f"{archive.root} holds simulated answers for {session}; only the scan {DEMO} may use them"
        )
    return marks.found(scan, marks.files_of(archive, session, window or [session], tickers)) or found


def notes(tickers: Sequence[str], unmapped: Sequence[str], faults: Sequence[str]) -> list[str]:
    """What a reader must know besides the rows: what could not be mapped, what could not be read."""
    spellings = {"FINRA": symbols.to_finra, "Yahoo": symbols.to_yahoo, "Polygon": symbols.to_polygon}
    nowhere = [ticker for ticker in tickers if not any(spell(ticker) for spell in spellings.values())]
    told = [f"No vendor has a ticker spelled {ticker}{_meant(ticker)}." for ticker in nowhere]
    for vendor, spell in spellings.items():
        missing = [ticker for ticker in tickers if ticker not in nowhere and spell(ticker) is None]
        if missing:
            told.append(f"No spelling at {vendor} is known for {listing.named(missing)}.")
    told += [f"{text}." if text.endswith(EMPTY.format("")) else f"Not a ticker, left out: {text}." for text in unmapped]
    told += [f"Not usable: {text}." for text in faults]
    return told


def _meant(ticker: str) -> str:
    """A ticker in small letters is most often a slip: case is identity, TpC is another share than TPC."""
    capital = ticker.upper()
    return f"; did you mean {capital}? (case is identity)" if symbols.to_finra(capital) else ""
