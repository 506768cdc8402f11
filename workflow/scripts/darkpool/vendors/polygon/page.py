"""What Polygon answers: a page of rows, held against the question, and where the next one is."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

import polars as pl

from ...market.sessions import NEW_YORK

TRADES, QUOTES, MINUTE_BARS = KINDS = ("trades", "quotes", "minute_bars")
ORDERING = ("t", "participant_timestamp", "sip_timestamp", "sequence_number")
AMOUNTS = ("price", "size", "bid_price", "ask_price", *"ohlcv")
TICKER, ADJUSTED, ROW_TICKERS = "ticker", "adjusted", ("T", "sym", "symbol")
MOST = 1e15
"""Dollars or shares; nothing that is traded comes near it."""
NANOSECOND, MILLISECOND = 1_000_000_000, 1_000


class Question(NamedTuple):
    """What a page was asked for: trades, quotes or minute_bars of a symbol in Polygon's spelling."""

    kind: str
    symbol: str


@dataclass(frozen=True)
class Page:
    """Rows with the vendor's own fields, and the answer they came in; `address` is without secrets."""

    rows: pl.DataFrame
    address: str
    status: int
    etag: str | None
    retrieved_at: datetime


def day_window(session: date) -> tuple[int, int]:
    """The session's day in New York, half-open, in seconds since 1970 UTC."""
    midnights = (datetime.combine(day, clock_time(), NEW_YORK) for day in (session, session + timedelta(days=1)))
    start, end = (int(moment.timestamp()) for moment in midnights)
    return start, end


def read_page(body: bytes, asked: Question | None = None) -> tuple[pl.DataFrame, str | None]:
    """Rows of a page, every field as the vendor sent it, and path and query of the next page where there is one.

    An integer column with one fraction in it is float64. Raises ValueError when the body is no page, a row of it names
    a field twice, or it says that it answers another question than `asked`.
    """
    try:
        page = pl.read_json(io.BytesIO(body), infer_schema_length=None)
    except pl.exceptions.PolarsError:
        began = body[:15].decode("ascii", "replace").strip()
        raise ValueError(f"the answer is no JSON of rows, it begins with {began!r}") from None
    if page.height != 1 or not {"status", "results"} & set(page.columns):
        raise ValueError("the answer is JSON, but no page: expected an object with status and results")
    status = str(page["status"][0]) if "status" in page.columns else "OK"
    if status not in ("OK", "DELAYED"):
        raise ValueError(f"the page's status is {status}: {message(body)}")
    rows = _rows(page)
    twice = [name for name in ("status", "results", "next_url") if body.count(f'"{name}":'.encode()) > 1]
    # A frame with two columns of one name can be asked for its columns and for nothing else.
    twice += [name for name in rows.columns if rows.columns.count(name) > 1]
    twice = twice or [name for name in rows.columns if _is_named_twice(body, rows, name)]
    twice += [name for name in (TICKER, ADJUSTED) if name not in rows.columns and body.count(f'"{name}":'.encode()) > 1]
    if twice:
        raise ValueError(f"{twice[0]} is named twice")
    if asked:
        _require_the_answer(page, rows, asked)
    return rows, _following(page)


def _is_named_twice(body: bytes, rows: pl.DataFrame, name: str) -> bool:
    """Whether a row names a field twice, of which readers of JSON take the one or the other."""
    if name not in ORDERING and name not in AMOUNTS:
        return False
    key = f'"{name}":'.encode()
    nulls = body.count(key + b"null") + body.count(key + b" null")
    return body.count(key) > rows.height - rows[name].null_count() + nulls


def _require_the_answer(page: pl.DataFrame, rows: pl.DataFrame, asked: Question) -> None:
    """Raise ValueError where page or rows are of another symbol, or bars do not say whose they are and as traded."""
    answered = {str(page[TICKER][0])} if TICKER in page.columns and page[TICKER][0] is not None else set()
    for name in (TICKER, *ROW_TICKERS):
        if name in rows.columns:
            answered |= set(map(str, rows[name].drop_nulls().unique()))
    if others := sorted(answered - {asked.symbol}):
        raise ValueError(f"asked for {asked.symbol}, answered for {', '.join(others[:3])}")
    if asked.kind != MINUTE_BARS or not rows.height:
        return
    if not answered:
        raise ValueError(f"bars without their ticker, expected {asked.symbol}")
    adjusted = page[ADJUSTED][0] if ADJUSTED in page.columns else None
    if adjusted is not False:
        said = "missing" if adjusted is None else str(adjusted).lower()
        raise ValueError(f"{ADJUSTED} is {said}, asked for false: bars as traded")


def check(rows: pl.DataFrame, kind: str, session: date) -> None:
    """Raise ValueError when rows lie outside the day that was asked for, or what orders them is no whole number."""
    if rows.is_empty():
        return
    start, end = day_window(session)
    name, unit = ("t", MILLISECOND) if kind == MINUTE_BARS else ("sip_timestamp", NANOSECOND)
    if name not in rows.columns:
        raise ValueError(f"rows without {name}; they have {', '.join(sorted(rows.columns))}")
    for field in ORDERING:
        found = rows.schema.get(field, pl.Null())
        if not found.is_integer() and found != pl.Null:
            raise ValueError(f"{field} is {found}, expected whole numbers")
    outside = rows.filter(~pl.col(name).is_between(start * unit, end * unit, closed="left"))
    if outside.height:
        example = f"{name} {outside[name][0]}"
        raise ValueError(f"asked for {session}, answered with {outside.height} rows of other days ({example})")
    for field in set(AMOUNTS) & set(rows.columns):
        found = rows.schema[field]
        if not found.is_numeric() and found != pl.Null:
            raise ValueError(f"{field} is {found}, expected numbers")
        absurd = rows.filter(~pl.col(field).is_between(-MOST, MOST)) if found.is_numeric() else rows.clear()
        if absurd.height:
            raise ValueError(f"{field} is {absurd[field][0]}, expected less than {MOST:g}")
    if kind == MINUTE_BARS:
        # Identical rows are one; trades and quotes of one moment and sequence that differ are all real.
        starts = rows.unique()["t"]
        if starts.is_duplicated().any():
            twice = starts.filter(starts.is_duplicated())[0]
            raise ValueError(f"two different bars start at {twice}; one a minute is right")


def digest(rows: pl.DataFrame) -> bytes:
    """What tells a page from another: its rows in their order."""
    return hashlib.blake2b(rows.hash_rows().to_numpy().tobytes() if rows.height else b"").digest()


def _rows(page: pl.DataFrame) -> pl.DataFrame:
    kind = page.schema.get("results", pl.Null())
    inner = getattr(kind, "inner", None)
    if kind == pl.Null or (isinstance(inner, pl.Null) and not page["results"].list.len().sum()):
        return pl.DataFrame()
    if isinstance(inner, pl.Null) or inner == pl.Struct([]):
        raise ValueError("the rows of the results hold nothing")
    if not isinstance(inner, pl.Struct):
        raise ValueError(f"results are {kind}, expected a list of rows")
    rows = page["results"].explode()
    if rows.null_count():
        raise ValueError("a row of the results is null")
    return rows.struct.unnest()


def _following(page: pl.DataFrame) -> str | None:
    address = page["next_url"][0] if "next_url" in page.columns else None
    if address is None or (isinstance(address, str) and not address):
        return None
    if not isinstance(address, str):
        raise ValueError(f"next_url is {page.schema['next_url']}, expected an address")
    parts = urlsplit(address)
    if not parts.path.startswith(("/v2/", "/v3/")):
        raise ValueError(f"next_url leads to {parts.path!r}, which is no page")
    query = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name.lower() != "apikey"
    ]
    return parts.path + (f"?{urlencode(query)}" if query else "")


def message(body: bytes) -> str:
    """What the vendor says in the body of an error, one line; empty where it says nothing."""
    try:
        content: Any = json.loads(body)
        said = content.get("message") or content.get("error") or ""
    except (ValueError, AttributeError, RecursionError):
        return ""
    return " ".join(str(said).split())[:200]
