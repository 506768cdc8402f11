"""Open, close and dividend-adjusted close of many sessions, from all daily answers of an archive, on one share basis.

Each answer is adjusted for the splits that it names; what later answers name besides brings its prices to their basis.
Likewise for dividends: an answer knows those up to its own day, and what two answers say of one session is how far the
older one is behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pyarrow.parquet as pq

from ...archive import layout
from ...archive.store import Archive, retrieved
from ...market import sessions, splits
from . import daily_files

PRICES = ("open", "close", "adj_close")
SCHEMA: dict[str, Any] = {"date": pl.Date, "ticker": pl.String, **dict.fromkeys(PRICES, pl.Float64)}


class History(NamedTuple):
    """What the archive says of prices.

    `rows`: date, ticker, open?, close?, adj_close? (USD, on the basis of the newest answer; null before a split that
    nobody can vouch for, `adj_close` also where no answer leads from the newest dividends to the session). `faults`:
    answers that could not be read, with the reason.
    """

    rows: pl.DataFrame
    faults: tuple[str, ...]


def read(archive: Archive, spelling: Mapping[str, str]) -> History:
    """Prices of the tickers in `spelling` (ours to Yahoo's); of several answers about a session the newest counts."""
    ours = {symbol: ticker for ticker, symbol in spelling.items()}
    faults: list[str] = []
    parts, named = [], list[pl.DataFrame]()
    for session in _days(archive, faults):
        named += [_splits(path, session, ours, faults) for path in archive.answers(layout.yahoo_splits(session))]
        parts += [_bars(path, session, ours, faults) for path in archive.answers(layout.yahoo_daily(session))]
    bars, events = _stacked(parts, {**SCHEMA, "answer": _MOMENT}), _stacked(named, _EVENTS)
    bars = bars.filter(pl.col("date").is_in(_trading(bars["date"].unique().drop_nulls().to_list())))
    newest = bars.sort("answer").unique(["date", "ticker"], keep="last")
    factor = _factors(newest, events)
    rows = newest.with_columns(factor).with_columns(pl.col(*PRICES) / pl.col("factor"))
    rows = rows.join(_dividends(bars), on=["ticker", "date"], how="left").with_columns(
        adj_close=pl.col("close") * pl.col("dividends")
    )
    return History(rows.select(list(SCHEMA)).sort("date", "ticker"), tuple(faults))


class Splits(NamedTuple):
    """Splits that the archive's answers name. `rows`: ticker, ex_date, ratio? (null where nobody can vouch for it).
    `asked`: ticker, date, a row per session up to which an answer said which splits there were. `faults` as above."""

    rows: pl.DataFrame
    asked: pl.DataFrame
    faults: tuple[str, ...]


def read_splits(archive: Archive, spelling: Mapping[str, str]) -> Splits:
    """Splits of the tickers in `spelling` (ours to Yahoo's), of followed names and of the market's confirmed ones."""
    ours = {symbol: ticker for ticker, symbol in spelling.items()}
    faults: list[str] = []
    parts, named = [], list[pl.DataFrame]()
    for folder, of_bars, of_splits in (
        ("yahoo/daily", layout.yahoo_daily, layout.yahoo_splits),
        ("yahoo/market", layout.yahoo_market, layout.yahoo_market_splits),
    ):
        for session in _days(archive, faults, folder):
            before = len(faults)
            answers = archive.answers(of_splits(session))
            named += [_splits(path, session, ours, faults) for path in answers]
            if answers and len(faults) == before:  # bars without their splits say nothing of them
                parts += [_bars(path, session, ours, faults) for path in archive.answers(of_bars(session))]
    events = _stacked(named, _EVENTS)
    judged = [
        (str(ticker), split.ex_date, split.ratio)
        for (ticker,), group in events.group_by("ticker", maintain_order=True)
        for split in _judged(group)
    ]
    rows = pl.DataFrame(judged, {"ticker": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}, orient="row")
    asked = _stacked(parts, {**SCHEMA, "answer": _MOMENT}).select("ticker", "date").unique().drop_nulls()
    return Splits(rows.sort("ticker", "ex_date"), asked.sort("ticker", "date"), tuple(faults))


_MOMENT = pl.Datetime("us", "UTC")
_EVENTS: dict[str, Any] = {"ticker": pl.String, "ex_date": pl.Date, "ratio": pl.Float64, "answer": _MOMENT}


def _days(archive: Archive, faults: list[str], folder: str = "yahoo/daily") -> list[date]:
    """Sessions that the archive holds daily answers of, ascending."""
    found = set()
    for path in sorted(archive.path(folder).glob("*.parquet")):
        try:
            found.add(date.fromisoformat(path.name[:10]))
        except ValueError:
            faults.append(f"{path}: its name begins with no date, expected YYYY-MM-DD")
    return sorted(found)


def _trading(days: list[date]) -> list[date]:
    return [day for day in days if sessions.is_session(day)]


def _stacked(parts: list[pl.DataFrame], schema: Mapping[str, Any]) -> pl.DataFrame:
    return pl.concat(parts) if parts else pl.DataFrame(schema=dict(schema))


def _bars(path: Path, session: date, ours: Mapping[str, str], faults: list[str]) -> pl.DataFrame:
    try:
        with pq.ParquetFile(path) as file:
            held = [name for name in ("symbol", "date", *PRICES) if name in file.schema_arrow.names]
            table = pl.from_arrow(file.read(columns=held))
        assert isinstance(table, pl.DataFrame)
        days = daily_files.as_days(table["date"])
        frame = table.select(pl.col("symbol").cast(pl.String), days.alias("date"), *(_price(table, n) for n in PRICES))
    except daily_files.DAMAGED as error:
        faults.append(f"{path}: {str(error).splitlines()[0]}")
        return pl.DataFrame(schema={**SCHEMA, "answer": _MOMENT})
    return _of_ours(frame, ours, path, session).select(*SCHEMA, "answer")


def _price(table: pl.DataFrame, name: str) -> pl.Expr:
    if name not in table.columns:
        return pl.lit(None, pl.Float64).alias(name)
    price = pl.col(name).cast(pl.Float64, strict=False)
    return pl.when(price.is_finite() & (price > 0)).then(price).alias(name)


def _splits(path: Path, session: date, ours: Mapping[str, str], faults: list[str]) -> pl.DataFrame:
    try:
        frame, _ = daily_files.read_file(path, daily_files.SPLITS)
    except daily_files.DAMAGED as error:
        faults.append(f"{path}: {str(error).splitlines()[0]}")
        return pl.DataFrame(schema=_EVENTS)
    return _of_ours(frame, ours, path, session).select(list(_EVENTS))


def _of_ours(frame: pl.DataFrame, ours: Mapping[str, str], path: Path, session: date) -> pl.DataFrame:
    """With ticker and the moment of the answer; the first one of a session carries none, and counts as of its day."""
    ticker = pl.col("symbol").replace_strict(dict(ours), default=None, return_dtype=pl.String)
    moment = pl.lit(retrieved(path) or datetime.combine(session, time.max, UTC)).cast(_MOMENT)
    return frame.with_columns(ticker=ticker, answer=moment).filter(pl.col("ticker").is_not_null())


def _dividends(bars: pl.DataFrame) -> pl.DataFrame:
    """ticker, date, dividends: adj_close by close on the basis of each ticker's newest answer.

    From the newest answer back, each older one is scaled by the newest session that it shares with those after it.
    """
    known = bars.filter(pl.col("close").is_not_null(), pl.col("adj_close").is_not_null())
    known = known.with_columns(ratio=pl.col("adj_close") / pl.col("close")).sort("ticker", "answer", "date")
    chained: dict[str, dict[date, float]] = {}
    answers = known.group_by("ticker", "answer", maintain_order=True).agg("date", "ratio")
    for ticker, days, ratios in answers.reverse().select("ticker", "date", "ratio").iter_rows():
        held, own = chained.setdefault(ticker, {}), dict(zip(days, ratios, strict=True))
        shared = [day for day in own if day in held]
        if held and not shared:
            continue
        scale = held[max(shared)] / own[max(shared)] if shared else 1.0
        for day, ratio in own.items():
            held.setdefault(day, ratio * scale)
    rows = [(ticker, day, ratio) for ticker, held in chained.items() for day, ratio in held.items()]
    return pl.DataFrame(rows, {"ticker": pl.String, "date": pl.Date, "dividends": pl.Float64}, orient="row")


def _judged(named: pl.DataFrame) -> list[splits.Split]:
    """One ticker's splits, of several answers about a day the newest."""
    newest = named.sort("answer").unique("ex_date", keep="last")
    return splits.judged(list(newest.select("ex_date", "ratio").iter_rows()))


def _factors(rows: pl.DataFrame, events: pl.DataFrame) -> pl.Series:
    """What each row's prices are divided by: the ratios after its day that its own answer did not name."""
    judged: dict[str, list[splits.Split]] = {}
    named: dict[tuple[str, object], set[date]] = {}
    for (ticker,), group in events.group_by("ticker"):
        judged[str(ticker)] = _judged(group)
    for ticker, answer, ex_date in events.select("ticker", "answer", "ex_date").iter_rows():
        named.setdefault((ticker, answer), set()).add(ex_date)
    found: list[float | None] = []
    for day, ticker, answer in rows.select("date", "ticker", "answer").iter_rows():
        known = judged.get(ticker)
        if not known:
            found.append(1.0)
            continue
        told = named.get((ticker, answer), set())
        # A split that nobody can vouch for leaves no price before it, whoever named it.
        open_ones = [split for split in known if split.ratio is None or split.ex_date not in told]
        found.append(splits.factor(open_ones, day))
    return pl.Series("factor", found, pl.Float64)
