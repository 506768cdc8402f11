"""How often the interval of the lit buy ratio holds the true ratio, where every trade's aggressor is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkpool.measures import sign, trust

MINUTE = 60_000_000_000
BINS = 60
LEAST_SIGNED = 10


class Known(NamedTuple):
    """Lit trades in their order: time (ns), price, size, bid, ask, true side (1 bought, -1 sold); equal lengths."""

    time: NDArray[np.int64]
    price: NDArray[np.float64]
    size: NDArray[np.float64]
    bid: NDArray[np.float64]
    ask: NDArray[np.float64]
    side: NDArray[np.int8]


def by_window(tape: Known, minutes: int, start: int, end: int) -> Iterator[tuple[bool, float]]:
    """Whether each window's interval holds its true ratio, and its width; trades are signed in the whole day's order.

    `start`, `end` in ns. Windows with fewer than ten signed trades are left out. Reference: trust.md 2, a window as
    60 equal bins.
    """
    signed = sign.sign("nbbo", tape.price, tape.bid, tape.ask)
    again = sign.lee_ready(tape.price, tape.bid, tape.ask)
    step = minutes * MINUTE
    for first in range(start, end, step):
        at = np.flatnonzero((tape.time >= first) & (tape.time < first + step))
        if np.count_nonzero(signed[at]) < LEAST_SIGNED:
            continue
        bins = (tape.time[at] - first) * BINS // step
        neutral = np.flatnonzero(signed[at] == 0)
        edges = np.searchsorted(bins, np.arange(BINS + 1))
        flow = trust.by_minute(signed[at], tape.size[at], edges, (neutral, again[at][neutral]))
        bought, sold = flow.buy.sum(), flow.sell.sum()
        found = trust.signing(flow, float(bought / (bought + sold)), least_minutes=0)
        if found is None:
            continue
        true = tape.size[at][tape.side[at] > 0].sum() / tape.size[at].sum()
        yield bool(found.low <= true <= found.high), float(found.high - found.low)
