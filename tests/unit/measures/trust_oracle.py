"""Intervals written from the reference text alone: plain numpy and loops, nothing of the package."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

C = 1.6448536269514722
UNSIGNED = {2, 5, 7, 8, 10, 12, 13, 15, 16, 17, 18, 19, 20, 21, 22, 25, 28, 29, 32, 33, 38, 52, 53}
NOBODY = (None,) * 6


class Tape(NamedTuple):
    """Eligible lit trades in their order, and the quote of each, NaN where there is none."""

    minute: np.ndarray
    price: np.ndarray
    size: np.ndarray
    bid: np.ndarray
    ask: np.ndarray


def book(folder: Path, symbol: str) -> Tape:
    """A limit order book's own record: the last quote before the trade's `sequence`, minutes from 09:30."""
    trades = pl.read_parquet(folder / f"{symbol}_trades.parquet").sort("sequence")
    quotes = pl.read_parquet(folder / f"{symbol}_quotes.parquet").sort("sequence")
    bid, ask = _quotes(quotes["sequence"], quotes["bid_price"], quotes["ask_price"], trades["sequence"])
    minute = (trades["timestamp"].to_numpy() - _new_york(2012, 6, 21, 9, 30)) // 60_000_000_000
    return Tape(minute, trades["price"].to_numpy(), trades["size"].to_numpy(), bid, ask)


def session(archive: Path, day: str, symbol: str) -> Tape:
    """A whole day of the archive from 09:30 to 16:15."""
    trades = pl.read_parquet(archive / f"polygon/trades/{day}/{symbol}.parquet")
    quotes = pl.read_parquet(archive / f"polygon/quotes/{day}/{symbol}.parquet")
    start = _new_york(*map(int, day.split("-")), 9, 30)
    order = ["participant_timestamp", "sequence_number"]
    trades = trades.sort(order)
    kept = [
        row["exchange"] != 4
        and start <= row["participant_timestamp"] < start + 405 * 60_000_000_000
        and row["price"] > 0
        and row["size"] > 0
        and not row.get("correction")
        and not UNSIGNED & set(row["conditions"] or ())
        for row in trades.iter_rows(named=True)
    ]
    trades, quotes = trades.filter(pl.Series(kept)), quotes.sort(order)
    time = trades["participant_timestamp"]
    bid, ask = _quotes(quotes["participant_timestamp"], quotes["bid_price"], quotes["ask_price"], time)
    price, size = trades["price"].to_numpy(), trades["size"].to_numpy().astype(float)
    return Tape((time.to_numpy() - start) // 60_000_000_000, price, size, bid, ask)


def _new_york(*moment: int) -> int:
    local = datetime(*moment, tzinfo=ZoneInfo("America/New_York"))
    return int((local - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000_000


def _quotes(at: pl.Series, bid: pl.Series, ask: pl.Series, wanted: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    last = np.searchsorted(at.to_numpy(), wanted.to_numpy(), side="left") - 1
    found = (np.where(last >= 0, side.to_numpy()[np.maximum(last, 0)], np.nan) for side in (bid, ask))
    return tuple(found)


def signs(tape: Tape) -> tuple[list[int], list[int]]:
    """Sides by the default rule, and by Lee and Ready, trade by trade."""
    default, lee_ready = [], []
    before = carried = None
    for price, bid, ask in zip(tape.price.tolist(), tape.bid.tolist(), tape.ask.tolist(), strict=True):
        tick = 0 if before is None else (price > before) - (price < before)
        carried = tick or carried
        if bid > 0 and ask >= bid:
            middle = 0.5 * (bid + ask)
            default.append(int(price >= ask) - int(price <= bid))
            lee_ready.append(int(price > middle) - int(price < middle) or (carried or 0))
        else:
            default.append(int(tick))
            lee_ready.append(int(carried or 0))
        before = price
    return default, lee_ready


def hac(minute, size, side, count: int) -> float:
    bought, sold = [0.0] * count, [0.0] * count
    for k, shares, sign in zip(minute, size, side, strict=True):
        if sign > 0:
            bought[k] += shares
        elif sign < 0:
            sold[k] += shares
    total = math.fsum(bought) + math.fsum(sold)
    if not total:
        return 0.0
    ratio = math.fsum(bought) / total
    u = [b - ratio * (b + s) for b, s in zip(bought, sold, strict=True)]
    lags = math.floor(4 * (count / 100) ** (2 / 9))
    value = math.fsum(x * x for x in u)
    for j in range(1, lags + 1):
        value += 2 * (1 - j / (lags + 1)) * math.fsum(u[k] * u[k - j] for k in range(j, count))
    return max(0.0, value) / total**2


def intervals(tape: Tape, count: int, off_exchange: float | None, tau: float = 0.05) -> tuple:
    """r1, r2, lit low and high, estimate low and high of the default method; all None below 30 minutes."""
    default, again = signs(tape)
    quoted = [bid > 0 and ask >= bid for bid, ask in zip(tape.bid, tape.ask, strict=True)]
    sums = {1: 0.0, -1: 0.0, 0: 0.0}
    for side, size in zip(default, tape.size, strict=True):
        sums[side] += size
    bought, sold, neutral = sums[1], sums[-1], sums[0]
    unsigned = [(k, z, a) for k, z, d, a in zip(tape.minute, tape.size, default, again, strict=True) if d == 0]
    more_bought = math.fsum(z for _, z, a in unsigned if a > 0)
    more_sold = math.fsum(z for _, z, a in unsigned if a < 0)
    ticked = math.fsum(z for z, d, q in zip(tape.size, default, quoted, strict=True) if d and not q)
    full = {k for k, d in zip(tape.minute, default, strict=True) if d}
    if len(full) < 30 or ticked > 0.1 * (bought + sold):
        return NOBODY
    r1 = bought / (bought + sold)
    r2 = (bought + more_bought) / (bought + sold + more_bought + more_sold)
    total = bought + sold + neutral
    half = C * neutral / total * math.sqrt(hac(*zip(*unsigned, strict=True), count)) if neutral else 0.0
    low = max(bought / total, min(r1, r2) - half)
    high = min((bought + neutral) / total, max(r1, r2) + half)
    if not off_exchange:
        return r1, r2, low, high, None, None
    s = math.sqrt(hac(tape.minute, tape.size, default, count) * (1 + (bought + sold) / off_exchange) + tau**2)
    return r1, r2, low, high, max(0.0, min(r1, r2) - C * s), min(1.0, max(r1, r2) + C * s)
