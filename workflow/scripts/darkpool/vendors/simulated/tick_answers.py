"""What Polygon would have said of the demo's market: trades, quotes, minute bars, and beside them the true sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .markets import DOLLAR, MINUTE, SHARE, Market, character
from .tape import (
    AWAY_FROM_THE_QUOTE,
    CLOSING,
    LIT_EXCHANGES,
    OFFICIAL_CLOSE,
    OFFICIAL_OPEN,
    OPENING,
    OUT_OF_SEQUENCE,
    Quotes,
    Tape,
    draw_quotes,
    draw_tape,
)
from .volumes import FRACTIONAL_FROM, key

TRADES = pa.schema(
    [
        ("conditions", pa.list_(pa.int32())),
        ("correction", pa.int32()),
        ("exchange", pa.int32()),
        ("id", pa.string()),
        ("participant_timestamp", pa.int64()),
        ("price", pa.float64()),
        ("sequence_number", pa.int64()),
        ("sip_timestamp", pa.int64()),
        ("size", pa.float64()),
        ("tape", pa.int32()),
        ("trf_id", pa.int32()),
        ("trf_timestamp", pa.int64()),
    ]
)
QUOTES = pa.schema(
    [
        ("ask_exchange", pa.int32()),
        ("ask_price", pa.float64()),
        ("ask_size", pa.float64()),
        ("bid_exchange", pa.int32()),
        ("bid_price", pa.float64()),
        ("bid_size", pa.float64()),
        ("participant_timestamp", pa.int64()),
        ("sequence_number", pa.int64()),
        ("sip_timestamp", pa.int64()),
        ("tape", pa.int32()),
    ]
)
MINUTE_BARS = pa.schema(
    [("t", pa.int64())] + [(name, pa.float64()) for name in ("o", "h", "l", "c", "v", "vw")] + [("n", pa.int64())]
)
TRUTH = pa.schema([("id", pa.string()), ("side", pa.int8())])


def draw(market: Market, seed: int) -> dict[str, pa.Table]:
    """One ticker's day: tables `trades`, `quotes`, `minute_bars` in the vendor's form, and `truth` (id, side)."""
    seeded = key(f"{seed} {market.session} {market.ticker} ticks")
    rng = np.random.Generator(np.random.Philox(key=seeded))
    like = character(market.ticker)
    quotes = draw_quotes(rng, market, like)
    tape = draw_tape(rng, market, like, quotes)
    return {
        **_trade_tables(rng, tape, market),
        "quotes": _quote_table(rng, quotes, market),
        "minute_bars": _bar_table(tape),
    }


def _trade_tables(rng: np.random.Generator, tape: Tape, market: Market) -> dict[str, pa.Table]:
    n = len(tape.time)
    identifier = pc.cast(pa.array(np.arange(1, n + 1)), pa.string())
    on_exchange = tape.trf_id == 0
    present = tape.conditions != 0
    offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int32)
    columns = {
        "conditions": pa.ListArray.from_arrays(pa.array(offsets), pa.array(tape.conditions[present])),
        "correction": tape.correction,
        "exchange": tape.exchange,
        "id": identifier,
        "participant_timestamp": tape.time,
        "price": tape.price / DOLLAR,
        "sequence_number": 1_000 + np.cumsum(rng.integers(1, 5, n)),
        "sip_timestamp": tape.sip_time,
        "size": tape.size / SHARE,
        "tape": np.full(n, 1),
        "trf_id": pa.array(tape.trf_id, mask=on_exchange),
        "trf_timestamp": pa.array(tape.trf_time, mask=on_exchange),
    }
    trades = _table(columns, TRADES)
    if market.session >= FRACTIONAL_FROM:
        trades = trades.append_column("decimal_size", pc.cast(trades["size"], pa.string()))
    side = pa.array(tape.side.astype(np.int8), mask=tape.side == 0)
    return {"trades": trades, "truth": _table({"id": identifier, "side": side}, TRUTH)}


def _quote_table(rng: np.random.Generator, quotes: Quotes, market: Market) -> pa.Table:
    n = len(quotes.time)
    sizes = rng.integers(1, 20, (2, n)) * 100.0
    venues = np.array(LIT_EXCHANGES)[rng.integers(0, len(LIT_EXCHANGES), (2, n))]
    columns = {
        "ask_exchange": np.where(quotes.ask > 0, venues[0], 0),
        "ask_price": quotes.ask / DOLLAR,
        "ask_size": np.where(quotes.ask > 0, sizes[0], 0.0),
        "bid_exchange": venues[1],
        "bid_price": quotes.bid / DOLLAR,
        "bid_size": sizes[1],
        "participant_timestamp": quotes.time,
        "sequence_number": 1_000 + np.cumsum(rng.integers(1, 5, n)),
        "sip_timestamp": quotes.time + rng.integers(15_000, 400_000, n),
        "tape": np.full(n, 1),
    }
    return _table(columns, QUOTES)


def _table(columns: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    return pa.table([pa.array(columns[field.name]).cast(field.type) for field in schema], schema=schema)


def _bar_table(tape: Tape) -> pa.Table:
    """Minute bars of the whole tape, off-exchange prints among them; auctions, prints away from the quote and those out
    of sequence are in no bar, as with the vendor."""
    outside = [OPENING, CLOSING, OFFICIAL_OPEN, OFFICIAL_CLOSE, OUT_OF_SEQUENCE, *AWAY_FROM_THE_QUOTE]
    kept = (tape.correction == 0) & ~np.isin(tape.conditions, outside).any(axis=1)
    order = np.flatnonzero(kept)[np.argsort(tape.time[kept], kind="stable")]
    minute, price, size = tape.time[order] // MINUTE, tape.price[order] / DOLLAR, tape.size[order] / SHARE
    first = np.flatnonzero(np.diff(minute, prepend=-1))
    last = np.append(first[1:], len(minute))
    volume = np.add.reduceat(size, first)
    columns = {
        "t": minute[first] * 60_000,
        "o": price[first],
        "h": np.maximum.reduceat(price, first),
        "l": np.minimum.reduceat(price, first),
        "c": price[last - 1],
        "v": volume,
        "vw": np.add.reduceat(price * size, first) / volume,
        "n": last - first,
    }
    return _table(columns, MINUTE_BARS)
