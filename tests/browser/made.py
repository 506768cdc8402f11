"""Sessions made for the pages that the browser opens: small ones by hand, large ones by rule; no clock, no chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from darkpool.market import sessions
from darkpool.measures.prints import levels
from darkpool.measures.prints.levels import Levels
from darkpool.show.page import page_html
from darkpool.show.page.context import Behind, PageContext
from darkpool.tables import contracts

TARGET = date(2025, 12, 22)
FLAGS = ("", "", "basis_break", "bars_only,no_quotes", "no_quotes", "revised,unsettled", "")
METHODS = ("NBBO", "NBBO+TICK", "TICK", "BARS", "NBBO")


def row(day: date, ticker: str, **given: Any) -> dict[str, Any]:
    """A row of features whose columns agree with each other; `given` replaces any."""
    trf, total, ratio = given.get("trf_volume", 1e6), given.get("regular_volume", 4e6), given.get("lit_buy_ratio", 0.5)
    bought = None if trf is None or ratio is None else trf * ratio
    sold = None if bought is None else trf - bought
    share = bought / sold if bought and sold and sold > 0 else None
    both = trf is not None and total
    signal = "" if bought is None else "BOT" if bought > 1.25 * sold else "SELL" if bought < 0.8 * sold else ""
    return {
        "date": day, "ticker": ticker, "trf_volume": trf, "regular_volume": total,
        "offex_ratio": trf / total if both else None, "trf_ma20": 9e5,
        "trf_spike": None if trf is None else trf / 9e5, "trf_percentile": 0.5, "offex_ratio_z": 0.25,
        "accum_score": 0.5 * trf / total + 0.5 * trf / 9e5 if both else None, "history_sessions": 60,
        "lit_buy_ratio": ratio, "classification_method": "NBBO" if ratio is not None else "NONE",
        "lit_coverage_pct": None if ratio is None else 97.5, "estimated_bought": bought, "estimated_sold": sold,
        "buy_ratio": share, "log_ratio": math.log(share) if share else None,
        "lit_buy_low": None if ratio is None else max(0.0, ratio - 0.02),
        "lit_buy_high": None if ratio is None else min(1.0, ratio + 0.02),
        "bought_low": None if bought is None else trf * max(0.0, ratio - 0.1),
        "bought_high": None if bought is None else trf * min(1.0, ratio + 0.1), "signal": signal,
        "strength": "" if not signal else "firm" if ratio > 0.66 or ratio < 0.34 else "weak",
        "trf_buy_ratio": 0.48, "opinions": "agree", "finra_week": date(2025, 11, 24), "ats_share": 0.35, "quality": "",
        **given,
    }  # fmt: skip


def lit(features: pl.DataFrame) -> pl.DataFrame:
    """What may lie behind the rows: no lit data where the method is NONE, else 100,000 shares and two reasons."""
    rows = []
    for found in features.iter_rows(named=True):
        none = found["classification_method"] == "NONE"
        ratio = found["lit_buy_ratio"] or 0.5
        rows.append(
            {
                "date": found["date"], "ticker": found["ticker"],
                "lit_buy_volume": None if none else 90_000 * ratio,
                "lit_sell_volume": None if none else 90_000 - 90_000 * ratio,
                "lit_neutral_volume": None if none else 10_000.0, "lit_buy_ratio": found["lit_buy_ratio"],
                "lit_buy_low": found["lit_buy_low"], "lit_buy_high": found["lit_buy_high"],
                "lit_ratio_completed": found["lit_buy_ratio"],
                "lit_ratio_variance": None if found["lit_buy_ratio"] is None else 1e-4,
                "log_buy_sell": None, "classification_method": found["classification_method"],
                "lit_coverage_pct": found["lit_coverage_pct"], "lit_volume_coverage_pct": None if none else 90.0,
                "lit_trades": None if none else 1_234, "excluded_volume": None if none else 40_000.0,
                "excluded_reasons": {} if none else {"correction": 10_000.0, "outside_hours": 30_000.0},
                "source": "none" if none else "trades_quotes",
            }
        )  # fmt: skip
    return contracts.frame(
        "lit_flow", {name: [found[name] for found in rows] for name in contracts.CONTRACTS["lit_flow"].names}
    )


def merged(tickers: Sequence[str], target: date = TARGET) -> pl.DataFrame:
    """Ratios of the window: a wave a ticker, with one session unknown."""
    days = sessions.window(target, 60)
    found = [
        {
            "date": day, "ticker": ticker, "trf_volume": 1e6, "regular_volume": 2.5e6,
            "offex_ratio": None if i == 30 else 0.4 + 0.1 * math.sin(0.3 * i + j), "quality": "",
        }
        for i, day in enumerate(days)
        for j, ticker in enumerate(tickers)
    ]  # fmt: skip
    return contracts.frame("merged", {name: [r[name] for r in found] for name in contracts.CONTRACTS["merged"].names})


def features(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    return contracts.frame(
        "features", {name: [r.get(name) for r in rows] for name in contracts.CONTRACTS["features"].names}
    )


def many(tickers: int, days: int) -> pl.DataFrame:
    """Rows of many tickers and sessions, of every kind a page shows."""
    rows = []
    for at, day in enumerate(sessions.window(TARGET, days - 1)):
        for number in range(tickers):
            wave = math.sin(number * 12.9898 + at * 78.233) * 43758.5453
            part = wave - math.floor(wave)
            unknown, none = number % 17 == 5, number % 11 == 3
            flags = ",".join(["no_lit"] * none + ["no_trf"] * unknown) or FLAGS[number % 7]
            method = {} if none else {"classification_method": METHODS[number % 5]}
            rows.append(
                row(
                    day, f"T{number:04}", trf_volume=None if unknown else round(1e4 + 5e7 * part**3),
                    regular_volume=round(5e4 + 1.2e8 * part**3), lit_buy_ratio=None if none else 0.3 + 0.4 * part,
                    quality=flags, **method,
                )
            )  # fmt: skip
    return features(rows)


def context(**given: Any) -> PageContext:
    sources = [
        {
            "source": "FINRA",
            "state": "published",
            "reason": None,
            "retrieved_at": "2025-12-23T11:00:00Z",
            "detail": None,
        },
        {"source": "Yahoo", "state": "unsettled", "reason": "too early", "retrieved_at": None, "detail": None},
    ]
    told = {"scan": "emps2", "session": TARGET, "mode": "daily", "simulated": False, "sources": sources}
    return PageContext(**{**told, "files": ["table.csv"], **given})


def html(frame: pl.DataFrame, **given: Any) -> str:
    """The page of these rows with everything that may lie behind them."""
    tickers = frame.filter(pl.col("date") == TARGET)["ticker"].to_list()
    printed = blocks(tickers)
    found = {day: {tickers[0]: LEVELS} for day in frame["date"].unique().sort()[-3:]}
    split = pl.DataFrame({"ticker": [tickers[0]], "ex_date": [TARGET], "ratio": [2.0]})
    behind = Behind(
        merged=merged(tickers), lit=lit(frame), blocks=printed, profile=profile(tickers[0]), splits=split,
        levels=levels.over(found, frame, printed, split),
    )  # fmt: skip
    return page_html.render_html(frame, context(**given), behind)


LEVELS = Levels(48.50, 48.60, 48.40, 48.70, 48.59, None)


def profile(ticker: str) -> pl.DataFrame:
    """Three cells of one ticker: two in the first five minutes, 100 and 10,000 shares, one ten minutes later."""
    begin = 1_766_413_800_000_000_000  # 09:30
    rows = [
        {"start": begin, "price_low": 48.40, "buy": 100.0},
        {"start": begin, "price_low": 48.50, "buy": 6_000.0, "sell": 3_000.0, "neutral": 1_000.0, "late": 40.0},
        {"start": begin + 600_000_000_000, "price_low": 48.60, "sell": 1_000.0},
    ]
    shares = ("buy", "sell", "neutral", "away", "late", "lit_buy", "lit_sell", "lit_neutral")
    full = [
        {"date": TARGET, "ticker": ticker, **dict.fromkeys(shares, 0.0), "prints": 1, **row,
         "price_high": row["price_low"] + 0.1} for row in rows
    ]  # fmt: skip
    return contracts.frame("trf_profile", {name: [row[name] for row in full] for name in full[0]})


def blocks(tickers: Sequence[str]) -> pl.DataFrame:
    """Two prints of the first ticker, the second after hours."""
    rows = [
        {"ticker": tickers[0], "rank": rank, "time": 1_766_428_205_123_456_789 + rank, "price": 48.594,
         "size": 250_000.0 / rank, "notional": 12_148_500.0 / rank, "bid": 48.50, "ask": 48.60, "side": "buy",
         "conditions": "41", "excluded": excluded, "late_s": 12.0, "share_of_trf": 0.027}
        for rank, excluded in ((1, ""), (2, "outside_hours"))
    ]  # fmt: skip
    return contracts.frame(
        "trf_blocks", {name: [{"date": TARGET, **row}[name] for row in rows] for name in ("date", *rows[0])}
    )
