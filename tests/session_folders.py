"""Small session folders as the workflow leaves them, with numbers a reader can follow."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from pathlib import Path

from darkpool.market import sessions
from darkpool.measures.prints import levels
from darkpool.tables import contracts

TICKERS = ("NA", "TPC", "TpC")
FIRST = date(2025, 12, 15)
SOURCES = [{"source": "FINRA", "state": "published"}, {"source": "Yahoo", "state": "published"}]
CONFIG = {
    "mode": "single",
    "backfill_count": 10,
    "signal": {"bot": 1.25, "sell": 0.8},
    "history": {"ma": 20, "min_sessions": 20, "window": 60},
}
NOTHING = {
    "classification_method": "NONE", "signal": "", "strength": "", "opinions": "none", "quality": "no_lit",
    "history_sessions": 0,
}  # fmt: skip


def volume(ticker: str, day: date) -> float:
    """Off-exchange volume of the small world: 1,000 for each place in the list, and the day of the month."""
    return 1000.0 * (1 + TICKERS.index(ticker)) + day.day


def write(folder: Path, day: date, *, simulated: bool = False, weekly: bool = True, manifest: bool = True) -> Path:
    """Every table of a session, and the manifest that vouches for them; returns the session's folder."""
    place = folder / str(day)
    window = sessions.window(day, 2)
    about = {"sources": json.dumps(SOURCES), "notes": "[]", "simulated": json.dumps(simulated), "splits": "[]"}
    quality = "no_lit,simulated" if simulated else "no_lit"

    def put(table: str, rows: list[dict], **carried: str) -> None:
        columns = {name: [row.get(name) for row in rows] for name in contracts.CONTRACTS[table].names}
        contracts.write(table, contracts.frame(table, columns), place / f"{table}.parquet", **about, **carried)

    here = [{"date": day, "ticker": ticker} for ticker in TICKERS]
    spans = [{"date": at, "ticker": ticker} for at in window for ticker in TICKERS]
    for row in spans:
        row |= {"trf_volume": volume(row["ticker"], row["date"]), "quality": quality}
        row |= {"regular_volume": 2 * row["trf_volume"], "offex_ratio": 0.5}
    put("merged", spans)
    put("yf_volume", [
        {**row, "volume": row["regular_volume"], "split_factor": 1.0, "settled": None} for row in spans
    ])  # fmt: skip
    put("finra_trf", [
        {"date": day, "symbol": ticker, "trf_volume": volume(ticker, day), "short_volume": 1.5,
         "short_exempt_volume": 0.0, "facilities": "B,Q"}
        for ticker in TICKERS
    ])  # fmt: skip
    put("lit_flow", [
        {**row, "classification_method": "NBBO", "source": "trades_quotes", "lit_buy_volume": 3.0,
         "excluded_reasons": {"condition": 7.0} if row["ticker"] == "NA" else {}}
        for row in here
    ])  # fmt: skip
    put("trf_flow", [
        {**here[0], "trf_buy_volume": 1.0, "trf_sell_volume": 2.0, "trf_neutral_volume": 0.0, "trf_prints": 3,
         "source": "trades_quotes"}
    ])  # fmt: skip
    put("trf_blocks", [
        {**here[0], "rank": 1, "time": 1_766_413_800_000_000_000, "price": 2.0, "size": 10_000.0, "notional": 20_000.0,
         "side": "unknown", "conditions": "", "excluded": ""}
    ])  # fmt: skip
    put("trf_profile", [
        {**here[0], "start": 1_766_413_800_000_000_000, "price_low": 2.0, "price_high": 2.01, "buy": 1.0, "sell": 2.0,
         "neutral": 0.0, "away": 0.0, "prints": 3, "late": 0.0, "lit_buy": 3.0, "lit_sell": 0.0, "lit_neutral": 0.0}
    ], **levels.pack({here[0]["ticker"]: levels.Levels(2.0, 2.01, 2.0, 2.01, 2.005, 2.005)}))  # fmt: skip
    market = {"symbol": "NA", "trf_volume": volume("NA", day), "earlier_sessions": 1, "is_core": False,
              "is_followed": True, "is_new": False, "confirmed": True, "quality": quality}  # fmt: skip
    put("market", [{**here[0], **market, "regular_volume": 2 * volume("NA", day), "offex_ratio": 0.5}])
    put("dark_flow", [
        {**row, "finra_off_exchange_volume": volume(row["ticker"], day), "finra_period_type": "daily",
         "inference_version": "1"}
        for row in here
    ])  # fmt: skip
    put("features", [
        {**row, **NOTHING, "trf_volume": volume(row["ticker"], day), "offex_ratio": 0.5, "quality": quality,
         "offex_ratio_z": float(TICKERS.index(row["ticker"])), "log_ratio": day.day / 100}
        for row in here
    ])  # fmt: skip
    put("reconciliation", [
        {**row, "check": "trf_prints", "left_name": "prints", "right_name": "file", "low": 0.95, "high": 1.05,
         "verdict": "not comparable", "why": "no prints"}
        for row in here
    ])  # fmt: skip
    if weekly:
        week = {"week_start_date": date(2025, 11, 17), "ticker": "NA", "tier": "T1"}
        put("otc_weekly", [
            {**week, "ats_volume": 1.0, "non_ats_volume": 2.0, "off_exchange_volume": 3.0,
             "published_date": date(2025, 12, 8), "last_update_date": day - timedelta(days=3)}
        ])  # fmt: skip
        put("weekly", [
            {**week, "finra_off_exchange_volume": 3.0, "sessions_in_week": 5, "sessions_with_lit": 0, "signal": "",
             "finra_period_type": "weekly"}
        ])  # fmt: skip
    if manifest:
        vouch(place)
    return place


def vouch(place: Path) -> None:
    """The manifest of the tables as they are now."""
    outputs = [
        {"path": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(place.glob("*.parquet"))
    ]
    (place / "all").write_text(json.dumps({"mode": "single", "config": CONFIG, "outputs": outputs}))
