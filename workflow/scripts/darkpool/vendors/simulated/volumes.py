"""The demo's vendors, daily lane: what FINRA and Yahoo would have said, drawn from a seed. Everything is SIMULATED.

What a date holds is a function of seed, ticker and date alone: never of the session asked for, of the other tickers
or of the clock. So windows that overlap share their files, and the same seed gives the same bytes.

A day's volume is the ticker's own level times a slow wave, the weekday's habit, noise and now and then a spike. Draws
come from SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators"), a hash of key and
counter: every ticker and date has its own number without drawing those before it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ... import clock, settings
from ...archive import integrity, layout
from ...archive.store import Archive, iso
from ...archive.universe_file import Member, to_csv
from ...files import sha256, write_atomic
from ...market import sessions, symbols
from ..finra import regsho
from ..yahoo import bars_fetch
from . import marks as simulated
from . import watchlist

MARKET_SIZE = 400
LISTING_LIFE = 70
"""Sessions for which a new listing stays in FINRA's files: longer than the longest window that looks back at it."""
SPLIT_EVERY = 45
"""Sessions between two splits of the splitting ticker: fewer than a window, so that each holds one."""
FRACTIONAL_FROM = date(2026, 2, 23)
"""First day on which FINRA's volumes carry fractions of a share."""
MICRO = 1_000_000
ASKED_AT = time(10, 0, tzinfo=UTC)

EARLY_CLOSE_VOLUME = 0.45
WEEKDAY_HABIT = (0.0, 0.04, 0.05, 0.03, 0.10)
LARGEST_MOVE = 1.6
"""Bound of the logarithm of a day's volume over its level: a fivefold day is the largest."""
RATIO_RANGE = (0.26, 0.59)
GAP_CHANCE = 0.04

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]
Entry = dict[str, Any]

BARS = pa.schema(
    [("symbol", pa.string()), ("date", pa.date32())]
    + [(name, pa.float64()) for name in ("open", "high", "low", "close", "volume")]
)
SPLITS = pa.schema([("symbol", pa.string()), ("ex_date", pa.date32()), ("ratio", pa.float64())])


class Profile(NamedTuple):
    """What a ticker is like: shares a day, dollars a share, off-exchange share of the volume."""

    level: float
    price: float
    ratio: float


PROFILES = {
    "BRK.B": Profile(3_600_000, 482.0, 0.45),
    "NA": Profile(1_800_000, 22.4, 0.38),
    "TPC": Profile(1_300_000, 64.1, 0.33),
    "TpC": Profile(2_400, 19.6, 0.42),
    "PENNY": Profile(14_000_000, 11.5, 0.47),
    "WIDER": Profile(900_000, 212.0, 0.52),
    "SPLYT": Profile(4_200_000, 140.0, 0.41),
    "ZZUNK": Profile(1_100_000, 7.3, 0.44),
    "NOQTE": Profile(2_500_000, 35.2, 0.50),
    "BARSO": Profile(5_000_000, 88.0, 0.36),
    "NOLIT": Profile(950_000, 61.0, 0.41),
}
SPORADIC = frozenset({"TpC"})
"""Tickers that on some days do not trade off-exchange at all, so that FINRA's file has no row for them."""


class Day(NamedTuple):
    """One date, arrays of length n, one entry a ticker; prices and shares as traded.

    `regular` and `trf` are consolidated and off-exchange shares, `short` and `exempt` parts of `trf`; `trf` is 0 where
    the ticker did not trade off-exchange. Whole shares, from 2026-02-23 on millionths in `trf`, `short` and `exempt`.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    regular: Floats
    trf: Floats
    short: Floats
    exempt: Floats


def daily(archive: Archive, session: date, window: Sequence[date], seed: int) -> None:
    """Write what FINRA and Yahoo would have said of the session and its `window` (ascending, the session last).

    FINRA's file of every date, Yahoo's bars and splits, the universe and two receipts. A file that is there is left
    alone. Raises sessions.NotASession for a day that does not trade, ValueError for a window without the session.
    """
    if not window or window[-1] != session:
        raise ValueError(f"the window of {session} should end with it, not with {window[-1] if window else 'nothing'}")
    tickers = watchlist.tickers(session)
    members = [Member(ticker, settings.DEMO) for ticker in tickers]
    once(archive, layout.universe(settings.DEMO, session), lambda: to_csv(members))
    archive.write_receipt("finra", session, _say_finra(archive, session, window, seed))
    archive.write_receipt("yahoo", session, _say_yahoo(archive, session, window, tickers, seed))


def market(day: date) -> list[str]:
    """Every ticker that trades on `day`, in our spelling: the standing ones, and the last 70 sessions' listings."""
    newest = sessions.index(day)
    return [*_standing(), *(watchlist.listed_on(index) for index in range(newest - LISTING_LIFE + 1, newest + 1))]


@cache
def _standing() -> tuple[str, ...]:
    """The watchlist's, the spellings that careless parsers lose, and invented names to the market's size."""
    names = dict.fromkeys([*watchlist.STANDING, "NAN", "TRUE", "SPXW"])
    endings = ("pA", ".A", "pD", ".WS", "w", ".U", "r")
    number = 0
    while len(names) < MARKET_SIZE:
        name = _invented(number)
        names[name] = None
        if number % 8 == 0:
            names[name[:3] + endings[number // 8 % len(endings)]] = None
        number += 1
    return tuple(names)


def _invented(number: int) -> str:
    """A name of five letters, consonants and vowels in turn."""
    rest, name = number * 7919, ""
    for letters in ("BCDFGHJKLMNPQRSTVWXYZ", "AEIOU") * 2 + ("BCDFGHJKLMNPQRSTVWXYZ",):
        rest, letter = divmod(rest, len(letters))
        name += letters[letter]
    return name


def splits(until: int, since: int = 0) -> list[tuple[int, float]]:
    """Splits of the splitting ticker with since < number of the ex-date <= until: that number, new shares per old."""
    first = since // SPLIT_EVERY + 1
    return [(k * SPLIT_EVERY, 2.0 if k % 2 == 0 else 0.5) for k in range(first, until // SPLIT_EVERY + 1)]


def _share_basis(tickers: Sequence[str], index: int) -> Floats:
    """Shares that stand for one share of the level, per ticker: 2 after a 2:1 split, 1 again after the 1:2."""
    split = 2.0 if index // SPLIT_EVERY % 2 == 0 else 1.0
    return np.where(np.array(tickers) == watchlist.SPLITTING, split, 1.0)


@cache
def key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def uniform(keys: Keys, label: str) -> Floats:
    """A number in (0, 1) for each key, another one for each label."""
    mixed = keys ^ np.uint64(key(label))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    uniform: Floats = ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return uniform


def _normal(keys: Keys, label: str) -> Floats:
    """A standard normal number for each key (Box & Muller 1958)."""
    radius = np.sqrt(-2 * np.log(uniform(keys, label + " radius")))
    angle = 2 * np.pi * uniform(keys, label + " angle")
    normal: Floats = radius * np.cos(angle)
    return normal


def _profiles(tickers: Sequence[str], keys: Keys, seed: int) -> tuple[Floats, Floats, Floats]:
    """Level, price and ratio per ticker: the watchlist's own, the others drawn."""
    level = 10 ** (4.0 + 3.2 * uniform(keys, f"{seed} level"))
    price = np.exp(1.8 + 3.4 * uniform(keys, f"{seed} price"))
    ratio = 0.32 + 0.2 * uniform(keys, f"{seed} ratio")
    for i, ticker in enumerate(tickers):
        if ticker in PROFILES:
            level[i], price[i], ratio[i] = PROFILES[ticker]
        elif ticker.startswith("NW"):
            level[i], price[i] = 1_500_000, 31.0
    return level, price, ratio


def as_traded(tickers: Sequence[str], day: date, seed: int) -> Day:
    """The date's prices and volumes of `tickers`; each ticker's are the same whatever others are asked for."""
    index = sessions.index(day)
    keys = np.array([key(ticker) for ticker in tickers], np.uint64)
    level, price, ratio = _profiles(tickers, keys, seed)
    basis = _share_basis(tickers, index)
    today = f"{seed} {day}"

    wave = np.sin(2 * np.pi * (index / (80 + 60 * uniform(keys, f"{seed} period")) + uniform(keys, f"{seed} phase")))
    spike = np.where(uniform(keys, f"{today} spike") < 0.06, 0.7 + 0.7 * uniform(keys, f"{today} height"), 0.0)
    move = 0.22 * wave + WEEKDAY_HABIT[day.weekday()] + 0.24 * _normal(keys, f"{today} volume") + spike
    length = EARLY_CLOSE_VOLUME if sessions.is_early_close(day) else 1.0
    regular = np.rint(level * basis * length * np.exp(np.clip(move, -LARGEST_MOVE, LARGEST_MOVE))) + 100

    # A spike off-exchange is part of why a day stands out, so the ratio rises with it.
    ratio = ratio + 0.03 * wave + 0.04 * _normal(keys, f"{today} ratio") + 0.06 * spike
    trf = _shares(regular * np.clip(ratio, *RATIO_RANGE), keys, day, today)
    trf[np.array([t in SPORADIC for t in tickers], bool) & (uniform(keys, f"{today} gap") < GAP_CHANCE)] = 0.0
    short = np.minimum(_shares(trf * (0.3 + 0.35 * uniform(keys, f"{today} short")), keys, day, f"{today} short"), trf)
    exempt = np.floor(short * 0.015 * uniform(keys, f"{today} exempt"))

    before = f"{seed} {sessions.previous(day)}"
    centre = price / basis * np.exp(0.12 * wave)
    close = np.round(centre * np.exp(0.011 * _normal(keys, f"{today} close")), 2)
    overnight = 0.011 * _normal(keys, f"{before} close") + 0.003 * _normal(keys, f"{today} open")
    open_ = np.round(centre * np.exp(overnight), 2)
    reach = 0.002 + 0.01 * uniform(keys, f"{today} reach")
    high = np.round(np.maximum(open_, close) * (1 + reach), 2)
    low = np.round(np.minimum(open_, close) * (1 - reach), 2)
    return Day(open_, high, low, close, regular, trf, short, exempt)


def _shares(volume: Floats, keys: Keys, day: date, label: str) -> Floats:
    """Whole shares; from the fractional era on most tickers carry millionths."""
    whole = np.floor(volume)
    if day < FRACTIONAL_FROM:
        return whole
    parts = np.floor(MICRO * uniform(keys, f"{label} millionths"))
    fractional = (volume > 0) & (uniform(keys, f"{label} fractional") < 0.93)
    return np.where(fractional, whole + parts / MICRO, whole)


def regsho_file(day: date, seed: int) -> bytes:
    """FINRA's consolidated file of the date, in its own layout."""
    tickers = market(day)
    facilities = ("Q", "Q,N", "B,Q,N")
    traded = as_traded(tickers, day, seed)
    lines = []
    columns = (column.tolist() for column in (traded.regular, traded.trf, traded.short, traded.exempt))
    for ticker, volume, trf, short, exempt in zip(tickers, *columns, strict=True):
        if trf > 0:
            where = facilities[(volume > 30_000) + (volume > 200_000)]
            lines.append(f"{_finra(ticker)}|{_plain(short)}|{_plain(exempt)}|{_plain(trf)}|{where}")
    # By symbol alone: "|" sorts after letters and would put BRKA before BRK.
    lines.sort(key=lambda line: line.partition("|")[0].encode())
    rows = [f"{day:%Y%m%d}|{line}" for line in lines]
    return "\r\n".join([regsho.HEADER.decode(), *rows, str(len(rows)), ""]).encode("ascii")


def _plain(shares: float) -> str:
    return str(int(shares)) if shares == int(shares) else f"{shares:.6f}"


@cache
def _finra(ticker: str) -> str:
    symbol = symbols.to_finra(ticker)
    if symbol is None:
        raise ValueError(f"{ticker} has no spelling at FINRA; expected one, as BRK/B for BRK.B")
    return symbol


def bars(tickers: Iterable[str], window: Sequence[date], seed: int) -> pa.Table:
    """Yahoo's daily bars of the window (BARS), adjusted for splits to the morning after its last session."""
    known = [ticker for ticker in tickers if ticker != watchlist.UNKNOWN_TO_YAHOO]
    asked = sessions.index(window[-1]) + 1
    newest_basis = _share_basis(known, asked)
    first = np.array([_listed(ticker, asked) for ticker in known])
    names = [symbols.to_yahoo(ticker) for ticker in known]
    rows: list[tuple[int, date, list[float]]] = []
    for day in window:
        index = sessions.index(day)
        factor = newest_basis / _share_basis(known, index)
        traded = as_traded(known, day, seed)
        prices = [column / factor for column in (traded.open, traded.high, traded.low, traded.close)]
        values = np.column_stack([*prices, np.rint(traded.regular * factor)]).tolist()
        rows += [(i, day, values[i]) for i in np.flatnonzero(first <= index).tolist()]
    rows.sort(key=lambda row: row[:2])
    columns = [[names[i] for i, _, _ in rows], [day for _, day, _ in rows]]
    return pa.table(columns + [list(column) for column in zip(*(v for _, _, v in rows), strict=True)], schema=BARS)


def _listed(ticker: str, asked: int) -> int:
    """Number of the ticker's first session; 0 for those that were always there."""
    recent = range(asked - 1 - LISTING_LIFE, asked)
    return next((index for index in recent if watchlist.listed_on(index) == ticker), 0)


def split_table(window: Sequence[date]) -> pa.Table:
    """Yahoo's splits (SPLITS) after the window's first day, up to the morning after its last session."""
    days = [*window, sessions.following(window[-1])]
    first = sessions.index(window[0])
    found = splits(first + len(days) - 1, first)
    symbol = symbols.to_yahoo(watchlist.SPLITTING)
    columns = [[symbol] * len(found), [days[index - first] for index, _ in found], [ratio for _, ratio in found]]
    return pa.table(columns, schema=SPLITS)


def asked_at(session: date) -> datetime:
    """When the simulated vendors were asked: 10:00 UTC of the next session's day."""
    return datetime.combine(sessions.following(session), ASKED_AT)


def once(archive: Archive, relative: str, content: Callable[[], bytes]) -> Path:
    """The file, written unless it is there whole.

    Runs beside each other write the same bytes, so neither needs a lock but to set a damaged file aside.
    """
    path = archive.path(relative)
    if relative in map(archive.relative, archive.damaged(integrity.first_name(relative))):
        with archive.sole_asker(settings.DEMO):
            Archive(archive.root).set_aside(integrity.first_name(relative), clock.now())
    if not path.exists():
        write_atomic(path, content())
        archive.restore(path)
    return path


def parquet(table: pa.Table, marks: Mapping[bytes, bytes] | None = None) -> bytes:
    """The table as a file that says it is simulated; `marks` are those of ticks."""
    sink = io.BytesIO()
    marked = table.replace_schema_metadata({**(table.schema.metadata or {}), **simulated.MARK, **(marks or {})})
    pq.write_table(marked, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def entry(session: date, address: str, **more: Any) -> Entry:
    """A receipt's entry for an answer of the morning after `session`; `more` overrides."""
    return {
        "state": "published",
        "reason": None,
        "file": None,
        "sha256": None,
        "rows": None,
        "address": f"simulated://{address}",
        "status": 200,
        "etag": None,
        "retrieved_at": iso(asked_at(session)),
        **more,
    }


def _say_finra(archive: Archive, session: date, window: Sequence[date], seed: int) -> dict[str, Any]:
    files = {}
    for day in window:
        name, relative = layout.regsho_name(settings.CONSOLIDATED, day), layout.regsho(settings.CONSOLIDATED, day)
        path = once(archive, relative, lambda day=day: regsho_file(day, seed))  # type: ignore[misc]
        content = path.read_bytes()
        files[name] = entry(
            day,
            f"finra/{name}",
            file=relative,
            sha256=hashlib.sha256(content).hexdigest(),
            rows=max(0, len(content.splitlines()) - 2),
        )
    return receipt("finra", session, seed, files=files)


def _say_yahoo(
    archive: Archive, session: date, window: Sequence[date], tickers: Sequence[str], seed: int
) -> dict[str, Any]:
    relative = layout.yahoo_daily(session)
    path = once(archive, relative, lambda: parquet(bars(tickers, window, seed)))
    once(archive, layout.yahoo_splits(session), lambda: parquet(split_table(window)))
    digest, found = sha256(path), pq.read_table(path, columns=["symbol"]).column(0).to_pylist()
    entries = {}
    for ticker in tickers:
        symbol = symbols.to_yahoo(ticker)
        rows = found.count(symbol)
        told: Entry = {"file": relative, "sha256": digest, "rows": rows}
        if not rows:
            told = {"state": "absent", "status": 404, "reason": f"SIMULATED: Yahoo knows no data for {symbol}"}
        entries[ticker] = entry(session, f"yahoo/{symbol}", **told)
    files = bars_fetch.files_of(archive, session, entries)
    return receipt("yahoo", session, seed, tickers=entries, files=files)


def receipt(source: str, session: date, seed: int, **entries: dict[str, Entry]) -> dict[str, Any]:
    """A receipt that says it is simulated, and from which seed."""
    return {"source": source, "session": str(session), "state": "published", "simulated": True, "seed": seed, **entries}
