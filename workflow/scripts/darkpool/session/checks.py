"""What a session's sources say of one another: every comparison that the archive has both sides of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from ..archive import layout
from ..archive.store import Archive
from ..market import conditions, sessions, symbols, venues
from ..measures import minute_bars, reconcile, weekly
from ..measures.ticks import eligibility, tick_arrays, tick_file
from ..vendors.finra import off_exchange, otc_weekly

NANOSECONDS = 1_000_000_000


def compare(
    archive: Archive,
    session: date,
    tickers: Sequence[str],
    merged: pl.DataFrame,
    prefixes: Sequence[str],
    source: str,
) -> pl.DataFrame:
    """Rows of `reconcile.SCHEMA` for `tickers`; `merged` is that table, `source` the configuration's `lit.source`."""
    today = merged.filter(pl.col("date") == session)
    trf = dict(today.select("ticker", "trf_volume").iter_rows())
    regular = dict(today.select("ticker", "regular_volume").iter_rows())
    prints, everything, bars = _ticks(archive, session, tickers, source)
    checks = [
        reconcile.trf_prints(session, prints, {t: trf.get(t) for t in prints}),
        reconcile.yahoo_polygon(session, {t: regular.get(t) for t in everything}, everything),
        reconcile.minute_bars(session, bars, {t: regular.get(t) for t in bars}),
        _facilities(archive, session, tickers),
        *_weeks(archive, session, tickers, prefixes),
    ]
    return reconcile.stack(checks)


def _ticks(archive: Archive, session: date, tickers: Sequence[str], source: str) -> tuple[dict[str, float | None], ...]:
    """FINRA prints from open to close, all trades of the day, and minute bars added up, by ticker."""
    start, end = (int(moment(session).timestamp()) * NANOSECONDS for moment in (sessions.opens, sessions.closes))
    policy, known = conditions.load(), venues.load()
    prints: dict[str, float | None] = {}
    everything: dict[str, float | None] = {}
    bars: dict[str, float | None] = {}
    for ticker in tickers:
        files = layout.tick_files(archive, session, ticker, source)
        try:
            if (path := files.get("polygon/trades")) is not None:
                trades = tick_arrays.read_trades(path)
                regular = eligibility.volume_by_venue(trades, policy, known, (start, end))
                prints[ticker] = regular.finra_prints + regular.adf + regular.otc
                everything[ticker] = sum(eligibility.volume_by_venue(trades, policy, known))
            if (path := next((files[kind] for kind in layout.BARS if kind in files), None)) is not None:
                bars[ticker] = float(minute_bars.read_bars(path, (start, end)).frame["v"].sum())
        except tick_file.TickError:
            continue  # said already where the flows are made
    return prints, everything, bars


def _facilities(archive: Archive, session: date, tickers: Sequence[str]) -> pl.DataFrame:
    """The facilities' files against the consolidated one, where somebody fetched both."""
    spelled = {symbol: ticker for ticker in tickers if (symbol := symbols.to_finra(ticker))}
    by_facility: dict[str, Mapping[str, float]] = {}
    for prefix in (*reconcile.FACILITIES, "CNMS"):
        frame = off_exchange.read_session(archive, session, [prefix], list(spelled)).frame
        if frame is not None:
            volumes = dict(frame.select("symbol", "trf_volume").iter_rows())
            by_facility[prefix] = {spelled[symbol]: volume for symbol, volume in volumes.items()}
    consolidated = by_facility.pop("CNMS", {})
    return reconcile.facilities(session, by_facility, consolidated) if by_facility else reconcile.stack([])


def _weeks(archive: Archive, session: date, tickers: Sequence[str], prefixes: Sequence[str]) -> list[pl.DataFrame]:
    """The daily files of each newest visible week against its ATS and non-ATS volume."""
    found = otc_weekly.table(archive, session, tickers).table
    spelled = {symbol: ticker for ticker in tickers if (symbol := symbols.to_finra(ticker))}
    checks = []
    for monday, days in weekly.sessions_by_week(found["week_start_date"]).items():
        rows = found.filter(pl.col("week_start_date") == monday)
        volumes: dict[str, Any] = dict(rows.select("ticker", "off_exchange_volume").iter_rows())
        daily = off_exchange.read_window(archive, days, prefixes, list(spelled)).frame
        daily = daily.with_columns(pl.col("symbol").replace_strict(spelled, return_dtype=pl.String).alias("ticker"))
        daily = daily.filter(pl.col("ticker").is_in(list(volumes)))
        checks.append(reconcile.weekly_sum(monday, days, daily, volumes))
    return checks
