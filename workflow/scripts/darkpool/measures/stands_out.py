"""What stands out in a session, in sentences and in order: who, what is unusual about it, and against what."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl

from ..market.sessions import NEW_YORK
from ..tables import glossary
from . import streaks

MOST = 5
FAR = 2.0
"""Robust standard deviations of the ratio from its own median, and standard deviations of the volume from its normal
with the market's own day taken out, that count as unusual."""
HIGH, LOW = 0.95, 0.05
"""Places of the volume among its own earlier sessions that count as unusual, where the market is not known."""
CHANGE = 0.1
"""Change of the ratio from the session before that counts as far: ten percentage points."""
FAR_OUT: Mapping[str, tuple[float, float]] = {
    "offex_ratio_change": (-CHANGE, CHANGE),
    "offex_ratio_z": (-FAR, FAR),
    "trf_percentile": (LOW, HIGH),
    "volume_z": (-FAR, FAR),
}
"""Columns with the values at and beyond which a cell is far out, low and high."""
FAR_BY: Mapping[str, str] = {"trf_volume": "volume_z"}
"""Columns whose cells are far out where another one's are."""
INSTEAD: Mapping[str, str] = {"trf_percentile": "volume_z"}
"""Columns whose cells are never far out in a row that knows the other one: it takes the market's own day out."""
FIRM = "firm"
BLOCK_SHARES, BLOCK_USD = 10_000, 200_000
"""A block trade by NYSE Rule 127.10: one or the other."""
SECOND = 1_000_000_000

Row = Mapping[str, Any]


def sentences(
    features: pl.DataFrame, blocks: pl.DataFrame | None = None, earlier: pl.DataFrame | None = None
) -> list[str]:
    """At most five lines, each a ticker, and one on the session as a whole; `features` are the rows of one session.

    `earlier` are the rows of the sessions before it on its page: whether a signal is new, or for how many of them it
    has stood.

    Null is unknown and stands out in nothing; a firm signal is a reason. Most reasons first, then the farther ratio,
    then the larger departure of the volume from its mean, then the name. The largest of the session's `blocks`
    (trf_blocks), by what it was worth, stands at its ticker's line, or in one of its own while there is room, where it
    is a block trade.
    """
    rows: list[Row] = list(features.iter_rows(named=True))
    reasons = [(row, _reasons(row)) for row in rows]
    found = sorted(((row, why) for row, why in reasons if why or row["strength"] == FIRM), key=_order)
    since = {} if earlier is None else streaks.words(features, earlier)
    lines = {row["ticker"]: [*why, *_beside(row, why, since)] for row, why in found[:MOST]}
    block = None if blocks is None else _largest(blocks)
    if block is not None and (block["ticker"] in lines or len(lines) < MOST):
        lines.setdefault(block["ticker"], []).append(_block(block))
    told = [f"{ticker}: {', '.join(reasons)}" for ticker, reasons in lines.items()]
    return [*(told if found else [_nothing(rows), *told]), _whole(rows, len(found))]


def _largest(blocks: pl.DataFrame) -> Row | None:
    """The print that was worth the most, where it is a block trade; a corrected one was none."""
    large = (pl.col("size") >= BLOCK_SHARES) | (pl.col("notional") >= BLOCK_USD)
    counted = blocks.filter(large, pl.col("excluded") != "correction").sort(
        "notional", "ticker", "rank", descending=[True, False, False]
    )
    return counted.row(0, named=True) if counted.height else None


def _block(block: Row) -> str:
    shares, price = glossary.written("shares", block["size"]), glossary.written("price", block["price"])
    said = f"largest print {shares} shares at {price}, {glossary.written('money', block['notional'])}"
    if block["share_of_trf"] is not None:
        said += f", {glossary.written('fraction', block['share_of_trf'])} of its off-exchange volume"
    moment = datetime.fromtimestamp(block["time"] // SECOND, UTC).astimezone(NEW_YORK)
    return f"{said}, at {moment:%H:%M:%S} New York"


def _order(found: tuple[Row, list[str]]) -> tuple[int, float, float, str]:
    row, reasons = found
    count = len(reasons) + (row["strength"] == FIRM)
    times = row["volume_multiple"] or row["trf_spike"]
    departure = abs(math.log(times)) if times else 0.0
    return -count, -abs(row["offex_ratio_z"] or 0.0), -departure, row["ticker"]


def _reasons(row: Row) -> list[str]:
    """What is unusual about the ticker's volume and ratio, the volume first, with how many times its normal it was.

    A volume that the whole market's day explains is not unusual, though it be the highest of its own sessions.
    """
    place, count, far = row["trf_percentile"], row["history_sessions"], row["volume_z"]
    found: list[str] = []
    if place is not None and place >= HIGH:
        found = [_placed("highest", "above", place, count)]
    elif place is not None and place <= LOW:
        found = [_placed("lowest", "below", 1 - place, count)]
    times = _times(row)
    if far is None:
        found = [", ".join([*found, *([times] if times else [])])] if found else []
    elif abs(far) < FAR:
        found = []
    else:
        known = row["volume_multiple"] is not None
        compared = f"{times} ({glossary.signed(far)} σ)" if known else f"{glossary.signed(far)} σ from its normal"
        # Without a place among its own sessions the volume itself is what the multiple is said of.
        found = [f"{found[0]}, {compared}" if found else f"off-exchange volume {compared}"]
    distance = row["offex_ratio_z"]
    if distance is not None and abs(distance) >= FAR:
        ratio = glossary.written("fraction", row["offex_ratio"])
        found.append(f"off-exchange ratio {ratio}, {glossary.signed(distance)} σ from its own median")
    return found


def _times(row: Row) -> str:
    """How large the volume is, as a multiple of what it is compared with; empty where that is not known."""
    if row["volume_multiple"] is not None:
        return f"{glossary.written('ratio', row['volume_multiple'])} its normal"
    return "" if row["trf_spike"] is None else f"{glossary.written('ratio', row['trf_spike'])} its mean"


def _placed(most: str, side: str, share: float, count: int) -> str:
    """`share` of the `count` sessions before lies on the other side."""
    if share == 1:
        return f"{most} off-exchange volume of {count + 1} sessions"
    return f"off-exchange volume {side} that of {glossary.written('fraction', share)} of its last {count} sessions"


def _beside(row: Row, told: list[str], since: Mapping[str, str]) -> Iterable[str]:
    """What a reader wants beside the reasons `told`, where it is known: volume, price, the signal and its age."""
    times = _times(row)
    if times and not any(times in reason for reason in told):
        yield f"volume {times}"
    if row["change_pct"] is not None:
        yield f"price {glossary.written('change', row['change_pct'])}"
    if row["signal"]:
        yield ", ".join(filter(None, [glossary.signal(row["signal"], row["strength"]), since.get(row["ticker"])]))


def _nothing(rows: list[Row]) -> str:
    if all(row[name] is None for row in rows for name in ("trf_percentile", "volume_z", "offex_ratio_z")):
        return "Nothing can be said to stand out: no ticker has a volume and a history to compare it with."
    return (
        "Nothing unusual: no off-exchange volume 2 σ from its normal or among the highest or lowest 5% of its own "
        "sessions, no ratio 2 σ from its own median, no firm signal."
    )


def _whole(rows: list[Row], unusual: int) -> str:
    """The session as a whole: its ratio over the tickers with both volumes, how many are unusual, the signals."""
    pairs = [(row["trf_volume"], row["regular_volume"]) for row in rows]
    known = [(off, all_) for off, all_ in pairs if off is not None and all_]
    total = sum(all_ for _, all_ in known)
    said = [f"{unusual} of {len(rows)} tickers stand out"]
    if total:
        ratio = glossary.written("fraction", sum(off for off, _ in known) / total)
        said.append(f"{ratio} of the volume of {len(known)} was off-exchange")
    spikes = [row["trf_spike"] for row in rows if row["trf_spike"] is not None]
    if spikes:
        said.append(f"off-exchange volume above its mean in {sum(spike > 1 for spike in spikes)} of {len(spikes)}")
    signals = [row["signal"] for row in rows]
    said += [f"{signals.count(code)} {glossary.SIGNALS[code].label}" for code in ("BOT", "SELL") if code in signals]
    return "The session: " + ", ".join(said) + "."
