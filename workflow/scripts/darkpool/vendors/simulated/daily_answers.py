"""What FINRA and Yahoo would have said of the demo's market: a daily file, daily bars, splits. All is SIMULATED."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache

import numpy as np
import pyarrow as pa

from ...market import sessions, symbols
from ..finra import regsho
from . import watchlist
from .volumes import LISTING_LIFE, as_traded, market, share_basis, splits

BARS = pa.schema(
    [("symbol", pa.string()), ("date", pa.date32())]
    + [(name, pa.float64()) for name in ("open", "high", "low", "close", "adj_close", "volume")]
)
DIVIDEND = 0.009
"""Part of its close that the paying ticker pays."""
PAID_FROM, PAID_EVERY = 44, 63
"""Number of a session without the dividend for the first time, and sessions between two such: a quarter of a year."""
SPLITS = pa.schema([("symbol", pa.string()), ("ex_date", pa.date32()), ("ratio", pa.float64())])


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
    newest_basis = share_basis(known, asked)
    first = np.array([_listed(ticker, asked) for ticker in known])
    names = [symbols.to_yahoo(ticker) for ticker in known]
    rows: list[tuple[int, date, list[float]]] = []
    for day in window:
        index = sessions.index(day)
        factor = newest_basis / share_basis(known, index)
        traded = as_traded(known, day, seed)
        prices = [column / factor for column in (traded.open, traded.high, traded.low, traded.close)]
        adjusted = prices[-1] * np.array([_kept(ticker, index, asked) for ticker in known])
        values = np.column_stack([*prices, adjusted, np.rint(traded.regular * factor)]).tolist()
        rows += [(i, day, values[i]) for i in np.flatnonzero(first <= index).tolist()]
    rows.sort(key=lambda row: row[:2])
    columns = [[names[i] for i, _, _ in rows], [day for _, day, _ in rows]]
    return pa.table(columns + [list(column) for column in zip(*(v for _, _, v in rows), strict=True)], schema=BARS)


def _kept(ticker: str, index: int, asked: int) -> float:
    """The part of a close that the dividends after that session, up to the day of asking, leave of it."""
    if ticker != watchlist.PAYING:
        return 1.0
    paid = (asked - PAID_FROM) // PAID_EVERY - (index - PAID_FROM) // PAID_EVERY
    return float((1 - DIVIDEND) ** paid)


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
