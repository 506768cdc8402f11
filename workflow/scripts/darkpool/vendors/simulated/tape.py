"""The demo's vendors, lit lane: trades, quotes and minute bars of a session, with the aggressor known. All SIMULATED.

A midpoint walks from the day's open to its close, quotes stand around it, and every trade is placed against the last
quote strictly before it by a side drawn first: that side is the truth, kept apart from what the vendor would have said.
What makes real days hard is there: hidden executions inside the spread, locked and crossed moments, quotes of a trade's
own moment, off-exchange prints reported late, at true midpoints or a tenth of a cent better than the quote, auctions
and their official repeats, odd lots, other sessions' hours, cancelled trades.

Regular-hours FINRA prints add up to FINRA's volume of the day, all trades together to Yahoo's. Prices are counted in
hundredths of a cent and sizes in millionths of a share, whole numbers both, so that nothing is lost to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...archive import integrity, layout
from ...archive.store import Archive
from ...files import sha256
from ...market import sessions, symbols
from . import volumes as simulate
from . import watchlist

KINDS = ("trades", "quotes", "minute_bars")

CENT = 100
DOLLAR = 10_000
SHARE = simulate.MICRO
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
MILLISECOND = 1_000_000

FINRA_EXCHANGE = 4
LIT_EXCHANGES = (12, 11, 10, 19, 8, 15, 21)
FACILITIES = (202, 202, 202, 201, 203)
ODD_LOT, INTERMARKET_SWEEP, FORM_T, OUT_OF_SEQUENCE = 37, 14, 12, 33
OPENING, CLOSING, OFFICIAL_OPEN, OFFICIAL_CLOSE = 25, 8, 16, 15
AWAY_FROM_THE_QUOTE = (2, 10, 22, 53)
CANCELLED = 8

OFF_HOURS_SHARE, OPENING_SHARE, CLOSING_SHARE = 0.03, 0.02, 0.06
OFF_EXCHANGE_TRADES = 0.4
QUOTES_PER_TRADE = 3
REPEATED_SIDE = 0.3
LOCKED = 0.004
CROSSED = 0.004
BUYING, BALANCED, SELLING = 0.62, 0.50, 0.38

Numbers = npt.NDArray[np.int64]
Conditions = npt.NDArray[np.int32]

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


class Character(NamedTuple):
    """How a ticker trades: trades a day, narrowest and widest spread in cents, share of hidden executions.

    `crossed`: whether its quotes cross now and then. `available`: what the vendor's plan gives.
    """

    trades: int
    spread: tuple[int, int]
    hidden: float = 0.02
    crossed: bool = False
    available: tuple[str, ...] = KINDS


CHARACTERS = {
    "BRK.B": Character(18_000, (4, 24), 0.10, crossed=True),
    "NA": Character(15_000, (1, 2)),
    "TPC": Character(12_000, (1, 5), 0.05),
    "TpC": Character(120, (3, 9), 0.05),
    "PENNY": Character(40_000, (1, 1), 0.01),
    "WIDER": Character(10_000, (6, 40), 0.15, crossed=True),
    "SPLYT": Character(24_000, (1, 6), 0.05, crossed=True),
    "ZZUNK": Character(9_000, (1, 1)),
    "NOQTE": Character(14_000, (1, 3), available=("trades", "minute_bars")),
    "BARSO": Character(14_000, (1, 4), available=("minute_bars",)),
    "NOLIT": Character(0, (1, 1), available=()),
}
NEW_LISTING = Character(12_000, (1, 4), 0.04)


class Market(NamedTuple):
    """One ticker's day as the daily lane has it, prices as traded; `start` and `end` of regular hours, ns UTC."""

    ticker: str
    session: date
    start: int
    end: int
    open: float
    high: float
    low: float
    close: float
    regular: int
    trf: int
    """Off-exchange volume in millionths of a share."""
    lit_buying: float
    trf_buying: float
    """Probability that the aggressor of a lit trade, and of an off-exchange print, buys."""


class Quotes(NamedTuple):
    """Arrays of length n in order: `time` ns UTC, `bid` and `ask` in hundredths of a cent, 0 for a missing side."""

    time: Numbers
    bid: Numbers
    ask: Numbers


class Tape(NamedTuple):
    """Trades, arrays of length n: prices in hundredths of a cent, sizes in millionths of a share.

    `trf_time` and `trf_id` are 0 on exchanges; `conditions` (n, 3) is filled up with 0; `side` is the aggressor's,
    1 buyer, -1 seller, 0 where there is none (auctions).
    """

    time: Numbers
    sip_time: Numbers
    trf_time: Numbers
    price: Numbers
    size: Numbers
    exchange: Numbers
    trf_id: Numbers
    correction: Numbers
    conditions: Conditions
    side: Numbers


def session(archive: Archive, day: date, seed: int) -> None:
    """Write what Polygon would have said of the session, the truth, and the receipt.

    A ticker whose files are there is left alone. Raises sessions.NotASession for a day that does not trade.
    """
    tickers = watchlist.tickers(day)
    entries = {ticker: _say(archive, market, seed) for ticker, market in _markets(tickers, day, seed).items()}
    named = [entry["file"] for kinds in entries.values() for entry in kinds.values() if entry["file"]]
    files = {file: {"file": file, "footer": integrity.footer(archive.path(file))} for file in named}
    archive.write_receipt("polygon", day, simulate.receipt("polygon", day, seed, tickers=entries, files=files))


def truth_path(day: date, symbol: str) -> str:
    """Where the true aggressors lie in the archive."""
    return layout.ticks("truth", day, symbol)


def character(ticker: str) -> Character:
    return CHARACTERS.get(ticker, NEW_LISTING)


def _markets(tickers: list[str], day: date, seed: int) -> dict[str, Market]:
    start, end = (int(moment.timestamp()) * SECOND for moment in (sessions.opens(day), sessions.closes(day)))
    traded = simulate.as_traded(tickers, day, seed)
    regular = traded.regular.astype(np.int64)
    trf = np.rint(traded.trf * SHARE).astype(np.int64)
    markets = {}
    for i, ticker in enumerate(tickers):
        lit_buying, trf_buying = _pressure(i, ticker, day, seed)
        markets[ticker] = Market(
            ticker=ticker,
            session=day,
            start=start,
            end=end,
            open=float(traded.open[i]),
            high=float(traded.high[i]),
            low=float(traded.low[i]),
            close=float(traded.close[i]),
            regular=int(regular[i]),
            trf=int(trf[i]),
            lit_buying=lit_buying,
            trf_buying=trf_buying,
        )
    return markets


def _pressure(position: int, ticker: str, day: date, seed: int) -> tuple[float, float]:
    """Buying probability on exchanges and off them; each stands for a few sessions.

    The first three tickers take turns, so that every page holds all three signals and a ticker whose two differ.
    """
    moods = (BUYING, SELLING, BALANCED)
    index = sessions.index(day)
    if position < len(moods):
        mood, differ = position + index // 3, position == index // 2 % len(moods)
    else:
        key = np.array([simulate.key(ticker)], np.uint64)
        mood = int(len(moods) * simulate.uniform(key, f"{seed} {index // 4} mood")[0])
        differ = bool(simulate.uniform(key, f"{seed} {index // 4} differ")[0] < 0.3)
    return moods[mood % len(moods)], moods[(mood + differ) % len(moods)]


def _say(archive: Archive, market: Market, seed: int) -> dict[str, Any]:
    """Write a ticker's files and return its entries in the receipt, by kind."""
    symbol = symbols.to_polygon(market.ticker)
    if symbol is None:
        raise ValueError(f"{market.ticker} has no spelling at Polygon; expected one, as BRK.B")
    available = character(market.ticker).available
    names = {kind: layout.ticks(f"polygon/{kind}", market.session, symbol) for kind in available}
    if "trades" in names:
        names["truth"] = truth_path(market.session, symbol)
    drawn = cache(lambda: draw(market, seed))
    marks = {kind: integrity.marks(f"polygon/{kind}", market.session, symbol) for kind in available}
    paths = {
        kind: simulate.once(archive, name, lambda kind=kind: simulate.parquet(drawn()[kind], marks.get(kind)))  # type: ignore[misc]
        for kind, name in names.items()
    }
    absent = simulate.entry(market.session, f"polygon/{symbol}", state="absent", reason="SIMULATED: not in the plan")
    told = {
        kind: {
            "file": names[kind],
            "sha256": sha256(paths[kind]),
            "footer": integrity.footer(paths[kind]),
            "rows": pq.read_metadata(paths[kind]).num_rows,
        }
        for kind in available
    }
    published = {kind: {**absent, "state": "published", "reason": None, **file} for kind, file in told.items()}
    return {kind: published.get(kind, absent) for kind in KINDS}


def draw(market: Market, seed: int) -> dict[str, pa.Table]:
    """One ticker's day: tables `trades`, `quotes`, `minute_bars` in the vendor's form, and `truth` (id, side)."""
    key = simulate.key(f"{seed} {market.session} {market.ticker} ticks")
    rng = np.random.Generator(np.random.Philox(key=key))
    like = character(market.ticker)
    quotes = _quotes(rng, market, like)
    tape = _tape(rng, market, like, quotes)
    return {
        **_trade_tables(rng, tape, market),
        "quotes": _quote_table(rng, quotes, market),
        "minute_bars": _bar_table(tape),
    }


def _moments(rng: np.random.Generator, n: int, market: Market) -> Numbers:
    """`n` moments of regular hours in order, more of them near the open and the close."""
    u = np.sort(rng.random(n))
    through = 0.6 * u + 0.2 * (1 - np.cos(np.pi * u))
    return market.start + (through * (market.end - market.start - 1)).astype(np.int64)


def _quotes(rng: np.random.Generator, market: Market, like: Character) -> Quotes:
    n = QUOTES_PER_TRADE * like.trades
    time = _moments(rng, n, market)
    mid = _midpoints(rng, n, market)
    narrow, wide = like.spread
    # A spread stands for a while: five quotes in a row share one.
    spread = rng.integers(narrow, wide + 1, n // 5 + 1)[np.arange(n) // 5]
    odd = rng.random(n)
    spread = np.where(odd < LOCKED, 0, spread)
    if like.crossed:
        spread = np.where(odd > 1 - CROSSED, -1, spread)
    bid = np.floor(mid - spread / 2).astype(np.int64) * CENT
    ask = bid + spread * CENT
    before, after = _off_hours_quotes(rng, market, like)
    return Quotes(*(np.concatenate(parts) for parts in zip(before, (time, bid, ask), after, strict=True)))


def _midpoints(rng: np.random.Generator, n: int, market: Market) -> npt.NDArray[np.float64]:
    """A Brownian bridge from open to close within the day's range, in cents."""
    walk = np.cumsum(rng.standard_normal(n)) / np.sqrt(n)
    x = np.linspace(0, 1, n)
    bridge = walk - x * walk[-1]
    path = market.open + (market.close - market.open) * x + 0.8 * (market.high - market.low) * bridge
    cents: npt.NDArray[np.float64] = 100 * np.clip(path, market.low, market.high)
    return cents


def _off_hours_quotes(rng: np.random.Generator, market: Market, like: Character) -> tuple[Quotes, Quotes]:
    """Wide quotes before the open, the first of them one-sided, and after the close."""
    n = max(3, like.trades // 200)
    half = (like.spread[1] + 10) // 2 * CENT
    early = np.sort(rng.integers(market.start - 90 * MINUTE, market.start, n))
    late = np.sort(rng.integers(market.end, market.end + 60 * MINUTE, n))
    first, last = round(market.open * 100) * CENT, round(market.close * 100) * CENT
    asks = np.full(n, first + half)
    asks[0] = 0
    return Quotes(early, np.full(n, first - half), asks), Quotes(late, np.full(n, last - half), np.full(n, last + half))


def _before(quotes: Quotes, time: Numbers) -> tuple[Numbers, Numbers]:
    """Bid and ask of the last quote strictly before each moment."""
    at = np.searchsorted(quotes.time, time, side="left") - 1
    return quotes.bid[at], quotes.ask[at]


def _tape(rng: np.random.Generator, market: Market, like: Character, quotes: Quotes) -> Tape:
    """Every trade of the day in the order in which the tape carried it."""
    off_hours = round(OFF_HOURS_SHARE * market.regular)
    lit = market.regular - -(-market.trf // SHARE) - off_hours
    opening = round(OPENING_SHARE * lit)
    at_exchanges = min(like.trades - round(OFF_EXCHANGE_TRADES * like.trades), lit // 20)
    continuous = _lit(rng, market, like, quotes, at_exchanges, round((1 - OPENING_SHARE - CLOSING_SHARE) * lit))
    # The closing auction takes what rounding to lots left over.
    closing = lit - opening - int(continuous.size.sum()) // SHARE
    off_exchange = min(round(OFF_EXCHANGE_TRADES * like.trades), -(-market.trf // (20 * SHARE)))
    prints = _prints(rng, market, quotes, off_exchange)
    parts = [continuous, prints, _auctions(market, opening, closing), _off_hours(rng, market, off_hours)]
    parts.append(_cancelled(rng, _joined(parts)))
    tape = _joined(parts)
    return _taken(tape, np.lexsort((tape.time, tape.sip_time)))


def _joined(parts: list[Tape]) -> Tape:
    return Tape(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in Tape._fields})


def _taken(tape: Tape, rows: Numbers) -> Tape:
    return Tape(**{name: getattr(tape, name)[rows] for name in Tape._fields})


def _sides(rng: np.random.Generator, n: int, buying: float) -> Numbers:
    """Aggressors in a row, a buyer with probability `buying`; orders come in pieces, so sides repeat."""
    side = np.where(rng.random(n) < buying, 1, -1)
    fresh = np.where(rng.random(n) >= REPEATED_SIDE, np.arange(n), 0)
    repeated: Numbers = side[np.maximum.accumulate(fresh)]
    return repeated


def _sizes(rng: np.random.Generator, n: int, total: int) -> Numbers:
    """`n` sizes of at least one share, lognormal, that add up to at most `total` shares and nearly so."""
    if n == 0:
        return np.zeros(0, np.int64)
    weight = np.exp(1.1 * rng.standard_normal(n))
    size: Numbers = 1 + np.floor(weight / weight.sum() * (total - n)).astype(np.int64)
    return size


def _lit(rng: np.random.Generator, market: Market, like: Character, quotes: Quotes, n: int, volume: int) -> Tape:
    """Continuous trading on exchanges."""
    time = _moments(rng, n, market)
    inside = np.flatnonzero((quotes.time > market.start) & (quotes.time < market.end))
    # Some trades carry the moment of the quote that they caused; that quote is not theirs.
    own = rng.random(n) < 0.08
    time = np.sort(np.where(own, quotes.time[rng.choice(inside, n)], time))
    bid, ask = _before(quotes, time)
    side = _sides(rng, n, market.lit_buying)
    price = np.where(side > 0, ask, bid)

    kind = rng.random(n)
    spread = ask - bid
    hidden = (kind < like.hidden) & (spread > 0)
    at_a_cent = bid + CENT * np.maximum(1, np.floor(rng.random(n) * spread / CENT).astype(np.int64))
    between = np.where((rng.random(n) < 0.5) & (spread > CENT), at_a_cent, (bid + ask) // 2)
    price = np.where(hidden, between, price)
    price = np.where(kind > 0.99, price + side * CENT, price)

    size = _sizes(rng, n, volume)
    in_lots = (size >= 100) & (rng.random(n) < 0.6)
    size = np.where(in_lots, size // 100 * 100, size)
    conditions = np.zeros((n, 3), np.int32)
    conditions[:, 0] = np.where(rng.random(n) < 0.3, INTERMARKET_SWEEP, 0)
    conditions[:, 1] = np.where(size < 100, ODD_LOT, 0)
    nothing = np.zeros(n, np.int64)
    exchange = rng.choice(LIT_EXCHANGES, n)
    sip_time = time + rng.integers(15_000, 400_000, n)
    return Tape(time, sip_time, nothing, price, size * SHARE, exchange, nothing, nothing, conditions, side)


def _prints(rng: np.random.Generator, market: Market, quotes: Quotes, n: int) -> Tape:
    """Off-exchange prints of regular hours, which add up to FINRA's volume of the day."""
    time = _moments(rng, n, market)
    bid, ask = _before(quotes, time)
    side = _sides(rng, n, market.trf_buying)
    spread = np.maximum(ask - bid, 0)
    price = np.where(side > 0, ask, bid)

    kind = rng.random(n)
    tenths = np.maximum(1, np.floor(rng.uniform(0.05, 0.3, n) * spread / 10).astype(np.int64))
    better = price - side * np.where(spread > 0, 10 * tenths, 0)
    midpoint = (bid + ask) // 2
    away = np.rint(midpoint * (1 + 0.004 * rng.standard_normal(n))).astype(np.int64)
    price = np.select([kind < 0.45, kind < 0.68, kind > 0.97], [better, midpoint, away], price)

    delay = (rng.exponential(15 * MILLISECOND, n)).astype(np.int64) + MILLISECOND
    lateness = rng.random(n)
    delay = np.where(lateness < 0.06, rng.integers(2 * SECOND, 10 * SECOND, n), delay)
    delay = np.where(lateness > 0.996, rng.integers(1 * MINUTE, 20 * MINUTE, n), delay)

    size = _print_sizes(rng, n, market)
    conditions = np.zeros((n, 3), np.int32)
    conditions[:, 0] = np.where(kind > 0.97, rng.choice(AWAY_FROM_THE_QUOTE, n), 0)
    conditions[:, 1] = np.where(size < 100 * SHARE, ODD_LOT, 0)
    conditions[:, 2] = np.where(lateness > 0.996, OUT_OF_SEQUENCE, 0)
    trf_time = time + delay
    exchange = np.full(n, FINRA_EXCHANGE)
    facility = rng.choice(FACILITIES, n)
    sip_time = trf_time + rng.integers(15_000, 400_000, n)
    return Tape(time, sip_time, trf_time, price, size, exchange, facility, np.zeros(n, np.int64), conditions, side)


def _print_sizes(rng: np.random.Generator, n: int, market: Market) -> Numbers:
    """Sizes of the prints in millionths of a share; the largest takes the rest, so that they add up to `market.trf`."""
    size = _sizes(rng, n, market.trf // SHARE) * SHARE
    if market.session >= simulate.FRACTIONAL_FROM:
        size -= np.where(rng.random(n) < 0.15, rng.integers(1, SHARE, n), 0)
    if n:
        size[np.argmax(size)] += market.trf - size.sum()
    return size


def _auctions(market: Market, opening: int, closing: int) -> Tape:
    """Opening and closing auction, each followed by the official price, which repeats it and adds no volume."""
    time = np.repeat([market.start, market.end], 2) + np.array([1, 2, 3, 5]) * SECOND // 10
    price = np.repeat([round(market.open * DOLLAR), round(market.close * DOLLAR)], 2)
    size = np.repeat([opening, closing], 2) * SHARE
    nothing = np.zeros(4, np.int64)
    conditions = np.zeros((4, 3), np.int32)
    conditions[:, 0] = [OPENING, OFFICIAL_OPEN, CLOSING, OFFICIAL_CLOSE]
    exchange = np.full(4, LIT_EXCHANGES[0])
    return Tape(time, time + 50_000, nothing, price, size, exchange, nothing, nothing, conditions, nothing)


def _off_hours(rng: np.random.Generator, market: Market, volume: int) -> Tape:
    """Trades before the open and after the close, on exchanges and off them; in no regular-hours volume."""
    n = min(400, volume // 50)
    early = rng.random(n) < 0.4
    time = np.where(
        early,
        rng.integers(market.start - 90 * MINUTE, market.start - MINUTE, n),
        rng.integers(market.end + MINUTE, market.end + 60 * MINUTE, n),
    )
    centre = np.where(early, round(market.open * 100), round(market.close * 100)) * CENT
    side = _sides(rng, n, 0.5)
    price = centre + side * CENT * rng.integers(0, 5, n)
    off_exchange = rng.random(n) < 0.5
    conditions = np.zeros((n, 3), np.int32)
    conditions[:, 0] = FORM_T
    size = _sizes(rng, n, volume)
    if n:
        size[np.argmax(size)] += volume - size.sum()
    conditions[:, 1] = np.where(size < 100, ODD_LOT, 0)
    trf_time = np.where(off_exchange, time + 20 * MILLISECOND, 0)
    return Tape(
        time,
        np.maximum(time, trf_time) + 50_000,
        trf_time,
        price,
        size * SHARE,
        np.where(off_exchange, FINRA_EXCHANGE, rng.choice(LIT_EXCHANGES, n)),
        np.where(off_exchange, rng.choice(FACILITIES, n), 0),
        np.zeros(n, np.int64),
        conditions,
        side,
    )


def _cancelled(rng: np.random.Generator, tape: Tape) -> Tape:
    """Trades entered twice and cancelled once: the cancelled one stays on the tape, marked."""
    chosen = rng.choice(len(tape.time), len(tape.time) // 1000)
    twice = _taken(tape, chosen)
    trf_time = np.where(twice.trf_time > 0, twice.trf_time + MILLISECOND, 0)
    later = {"time": twice.time + MILLISECOND, "sip_time": twice.sip_time + MILLISECOND, "trf_time": trf_time}
    return twice._replace(**later, correction=np.full(len(chosen), CANCELLED))


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
    if market.session >= simulate.FRACTIONAL_FROM:
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
