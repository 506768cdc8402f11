"""Signed lit shares by minute, carried in the metadata of `lit_flow`.

The interval of a week rests on the minutes of its sessions put end to end, and no column of a session's table holds
them; the band of an estimate by another method than the default rests on the shares that the default rule signed.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from datetime import date

import numpy as np

from ..measures.trust import ByMinute

KEY = "minutes"
Key = tuple[date, str]
_ARRAYS = ("default_buy", "default_sell", "neutral_buy", "neutral_sell", "buy", "sell")
_OWN = 2
"""The last arrays, which are the first where the method is the default: they then stand there once."""


def pack(flows: Mapping[Key, ByMinute]) -> dict[str, str]:
    """As a table's metadata: by session and ticker the arrays as packed float64, and the two sums."""
    days: dict[str, dict[str, dict[str, str | float]]] = {}
    for session, ticker in sorted(flows):
        days.setdefault(str(session), {})[ticker] = _packed(flows[session, ticker])
    return {KEY: json.dumps(days)}


def unpack(*metadata: Mapping[str, str]) -> dict[Key, ByMinute]:
    """By session and ticker, of several tables together; none of a table that carries none."""
    return {
        (date.fromisoformat(day), ticker): _unpacked(entry)
        for one in metadata
        for day, entries in json.loads(one.get(KEY, "{}")).items()
        for ticker, entry in entries.items()
    }


def signed(flows: Mapping[Key, ByMinute]) -> dict[str, float]:
    """Shares of one session that the default rule signed, by ticker."""
    return {ticker: flow.signed for (_, ticker), flow in flows.items()}


def _packed(flow: ByMinute) -> dict[str, str | float]:
    arrays = [getattr(flow, name) for name in _ARRAYS]
    if flow.buy is flow.default_buy and flow.sell is flow.default_sell:
        arrays = arrays[:-_OWN]
    shares = zlib.compress(np.stack(arrays).astype("<f8").tobytes(), 6)
    count = len(flow.buy)
    return {"minutes": count, "neutral": flow.neutral, "tick": flow.tick, "shares": base64.b64encode(shares).decode()}


def _unpacked(entry: Mapping[str, str | float]) -> ByMinute:
    shares = np.frombuffer(zlib.decompress(base64.b64decode(str(entry["shares"]))), "<f8")
    arrays = list(shares.reshape(-1, int(entry["minutes"])))
    if len(arrays) < len(_ARRAYS):
        arrays += arrays[:_OWN]
    return ByMinute(
        **dict(zip(_ARRAYS, arrays, strict=True)), neutral=float(entry["neutral"]), tick=float(entry["tick"])
    )
