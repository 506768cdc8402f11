"""The largest off-exchange prints of a symbol and day: what traders call dark-pool blocks.

FINRA does not publish trade direction for off-exchange volume: a print's side is read off its place in the spread, by
the prints' own rule (`sign.prints`), and is an inferred estimate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import sign
from ..ticks.eligibility import REASONS
from ..ticks.tick_arrays import Nbbo, Trades
from ..ticks.tick_file import NO_TIME, Flags, Integers

MOST = 20
SIDES = {1: "buy", -1: "sell", 0: "neutral"}
UNKNOWN = "unknown"
SECOND = 1_000_000_000

QuoteBefore = Callable[[Integers], Nbbo]


def largest(
    trades: Trades, prints: Flags, reasons: npt.NDArray[np.uint8], quote_before: QuoteBefore | None
) -> list[dict[str, Any]]:
    """The columns of `trf_blocks` without date, ticker and share_of_trf, largest first; of one size the earlier.

    `prints` (n,) marks FINRA's, `reasons` (n,) is 0 where a trade is eligible (`eligibility.reasons`); prints that are
    not are told with their reason, but for one without a price or size, which has no notional. `quote_before` gives the
    quotes of times, None where there are no quotes: the side is then unknown, as it is without a valid quote.
    """
    there = np.flatnonzero(prints & (reasons != 1 + REASONS.index("bad_price_or_size")))
    size = trades.size[there]
    if len(there) > MOST:
        # All of the size of the last that counts: which of them do is settled by time.
        least = np.partition(size, len(size) - MOST)[len(size) - MOST]
        there = there[size >= least]
    order = np.lexsort((trades.sequence[there], trades.time[there], -trades.size[there]))
    chosen = there[order][:MOST]
    time, price = trades.time[chosen], trades.price[chosen]
    bid = ask = np.full(len(chosen), np.nan)
    if quote_before is not None:
        bid, ask, _ = quote_before(time)
    quoted = sign.valid(bid, ask)
    side = sign.prints(price, bid, ask)
    return [
        {
            "rank": rank,
            "time": int(trades.time[at]),
            "late_s": _late(trades, at),
            "price": float(trades.price[at]),
            "size": float(trades.size[at]),
            "notional": float(trades.price[at] * trades.size[at]),
            "bid": float(bid[i]) if quoted[i] else None,
            "ask": float(ask[i]) if quoted[i] else None,
            "side": SIDES[int(side[i])] if quoted[i] else UNKNOWN,
            "conditions": ",".join(map(str, trades.codes[trades.offsets[at] : trades.offsets[at + 1]].tolist())),
            "excluded": ("", *REASONS)[reasons[at]],
        }
        for rank, (i, at) in enumerate(enumerate(chosen), start=1)
    ]


def _late(trades: Trades, at: int) -> float | None:
    """Seconds from the execution to the report; None where one of the two is not known."""
    reported = int(trades.reported[at])
    return None if NO_TIME in (reported, trades.time[at]) else (reported - int(trades.time[at])) / SECOND
