"""A small flat file of the tape, as the vendor lays it out, for tests of whoever reads one."""

from __future__ import annotations

import gzip
from collections.abc import Iterable

Row = dict[str, object]
OPEN = 1_766_413_800_000_000_000
"""2025-12-22 09:30 New York, ns since 1970 UTC."""
SECOND = 1_000_000_000


def trade(ticker: str = "A", second: float = 0.0, **fields: object) -> Row:
    moment = OPEN + round(second * SECOND)
    usual = {
        "ticker": ticker, "conditions": "", "correction": 0, "exchange": 11, "id": 7, "participant_timestamp": moment,
        "price": 10.0, "sequence_number": 1, "sip_timestamp": moment + 1000, "size": 100, "tape": 1, "trf_id": 0,
        "trf_timestamp": 0,
    }  # fmt: skip
    return usual | fields


def quote(ticker: str = "A", second: float = -1.0, bid: float = 9.99, ask: float = 10.01, **fields: object) -> Row:
    moment = OPEN + round(second * SECOND)
    usual = {
        "Ticker": ticker, "ask_exchange": 11, "ask_price": ask, "ask_size": 1, "bid_exchange": 12, "bid_price": bid,
        "bid_size": 1, "conditions": "1", "indicators": "604", "participant_timestamp": moment, "sequence_number": 1,
        "sip_timestamp": moment + 1000, "tape": 1, "trf_timestamp": 0,
    }  # fmt: skip
    return usual | fields


def csv(rows: Iterable[Row], columns: Iterable[str] | None = None) -> bytes:
    """Lines under a header of the first row's columns, unless others are given; a text with a comma is quoted."""
    rows = list(rows)
    names = list(columns or rows[0])
    fields = [[f'"{row[name]}"' if "," in str(row[name]) else str(row[name]) for name in names] for row in rows]
    return "".join(f"{','.join(line)}\n" for line in [names, *fields]).encode()


def packed(rows: Iterable[Row]) -> bytes:
    return gzip.compress(csv(rows), mtime=0)
