"""What the page's script works on: every session's rows, what lies behind them, and the words, as one JSON text.

It stands in the page as data, never as code: no character of it can end the element it stands in.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from ...market.sessions import NEW_YORK
from ...measures.prints.levels import Over, price_line
from ...tables import contracts, glossary
from ...tables.column import NUMERIC
from ...tables.columns import CHECK_COLUMNS, COLUMNS
from .. import blocks as block_words
from .. import profile_grid
from .rows import empty, said_once

BEHIND = (
    "lit_buy_volume",
    "lit_sell_volume",
    "lit_neutral_volume",
    "lit_volume_coverage_pct",
    "lit_trades",
    "excluded_volume",
    "source",
)
"""Columns of lit_flow that a row's details show."""
ESCAPED = {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def text(data: Any) -> str:
    """`data` as JSON that may stand in an HTML script element."""
    found = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character, escape in ESCAPED.items():
        found = found.replace(character, escape)
    return found


def values(column: pl.Series) -> list[Any] | dict[str, list[Any]]:
    """A column's values; texts and dates as the different ones and where they stand.

    Numbers are exact and what is no finite number is null; whole numbers have no decimals.
    """
    if column.dtype in (pl.String, pl.Date):
        texts = column.cast(pl.String).to_list()
        words = sorted({word for word in texts if word is not None})
        places = {word: place for place, word in enumerate(words)} | {None: None}
        return {"words": words, "at": [places[word] for word in texts]}
    numbers = column.to_list()
    if column.dtype.is_float():
        numbers = [None if value is None or not math.isfinite(value) else value for value in numbers]
        if all(value is None or (value.is_integer() and abs(value) < 2.0**53) for value in numbers):
            return [None if value is None else int(value) for value in numbers]
    return numbers


def behind(rows: pl.DataFrame, lit: pl.DataFrame) -> dict[str, Any]:
    """Columns of lit_flow for the rows of a session, in their order; null where lit_flow has no such row."""
    joined = rows.select("date", "ticker").join(lit, on=["date", "ticker"], how="left", maintain_order="left")
    reasons = [found or {} for found in joined["excluded_reasons"].to_list()]
    codes = [*glossary.EXCLUDED, *sorted({code for found in reasons for code in found} - set(glossary.EXCLUDED))]
    excluded = {code: values(pl.Series([found.get(code) for found in reasons], dtype=pl.Float64)) for code in codes}
    return {**{name: values(joined[name]) for name in BEHIND}, "excluded": excluded}


def ratios(merged: pl.DataFrame) -> dict[str, Any]:
    """Off-exchange ratios of the window's sessions, oldest first, by ticker; unknown is null.

    Exact, since they are read as well as drawn: what is rounded twice can differ from the cell beside it.
    """
    days = merged["date"].unique().sort()
    wide = (
        merged.select("date", "ticker", "offex_ratio")
        .pivot(on="date", on_columns=days, index="ticker", values="offex_ratio", maintain_order=True)
        .sort("ticker")
    )
    of = {ticker: values(pl.Series(row, dtype=pl.Float64)) for ticker, *row in wide.iter_rows()}
    return {"days": [str(day) for day in days], "of": of}


MOST_BLOCKS = 10
"""Of a ticker on the page; all of them stand in the table, the store and on the command line."""


def blocks(frame: pl.DataFrame) -> dict[str, Any]:
    """The largest prints in words (`show.blocks`), by ticker, under one header."""
    of: dict[str, list[list[str]]] = {}
    for row in block_words.in_words(frame.filter(pl.col("rank") <= MOST_BLOCKS)):
        of.setdefault(row[1], []).append(row[2:])
    return {"header": block_words.HEADER[2:], "numeric": [i - 2 for i in block_words.NUMERIC], "of": of}


MOST_PROFILES = 20
"""Heat maps on a page, those of its first rows; each may have thousands of cells."""


def profiles(frame: pl.DataFrame, tickers: Sequence[str]) -> dict[str, Any]:
    """Where the first tickers that have a profile traded: bins, cells and the price line, by ticker.

    `low` is the lowest price and `width` that of a bin, USD; `first` the minute of the New York day that the first five
    minutes begin with. `cells` are columns of equal length: five minutes, bin, and shares or prints. `line`: five
    minutes and price.
    """
    by_ticker = frame.partition_by("ticker", as_dict=True)
    shown = [ticker for ticker in tickers if (ticker,) in by_ticker][:MOST_PROFILES]
    return {ticker: _profile(by_ticker[(ticker,)]) for ticker in shown}


def _profile(cells: pl.DataFrame) -> dict[str, Any]:
    own = cells.filter(pl.sum_horizontal("buy", "sell", "neutral") > 0)
    grid = profile_grid.of(cells)
    line = price_line(cells).filter(pl.col("start").is_between(own["start"].min(), own["start"].max()))
    names = ("buy", "sell", "neutral", "away", "late", "prints")
    five, bins = grid.places(own["start"].to_numpy(), own["price_low"].to_numpy())
    at = grid.places(line["start"].to_numpy(), line["price"].to_numpy())[0]
    return {
        "low": grid.low, "width": grid.width, "first": grid.minute, "columns": grid.columns, "bins": grid.bins,
        "cells": {"five": five.tolist(), "bin": bins.tolist(), **{name: values(own[name]) for name in names}},
        "line": [at.tolist(), values(line["price"])],
    }  # fmt: skip


def levels(found: Over, blocks: pl.DataFrame | None) -> dict[str, Any]:
    """Levels over the sessions by ticker: their columns, and the largest prints as date, price and shares.

    `times`: the session's own largest prints of trf_blocks as minute of the New York day and price.
    """
    prints = found.prints.partition_by("ticker", as_dict=True)
    local = pl.from_epoch("time", time_unit="ns").dt.replace_time_zone("UTC").dt.convert_time_zone(str(NEW_YORK))
    minute = local.dt.hour().cast(pl.Float64) * 60 + local.dt.minute() + local.dt.second() / 60
    times: dict[str, list[list[float]]] = {}
    printed = contracts.frame("trf_blocks", {}) if blocks is None else blocks
    signed = printed.filter(pl.col("excluded") == "", pl.col("rank") <= MOST_BLOCKS)
    for ticker, at, price in signed.select("ticker", minute.round(2), "price").iter_rows():
        times.setdefault(ticker, []).append([at, price])
    return {
        ticker: {
            "days": [str(day) for day in rows["date"]],
            **{name: values(rows[name]) for name in ("control", "value_low", "value_high", "close")},
            "prints": [
                [str(day), price, size]
                for day, price, size in prints[(ticker,)].select("date", "price", "size").iter_rows()
            ]
            if (ticker,) in prints
            else [],
            "times": times.get(ticker, []),
        }
        for (ticker,), rows in found.days.partition_by("ticker", as_dict=True).items()
    }


def splits(frame: pl.DataFrame, days: Iterable[date]) -> dict[str, list[list[Any]]]:
    """Splits between the sessions on the page, by ticker: ex-date and ratio, null where nobody can vouch for it."""
    first, last = min(days), max(days)
    inside = frame.filter(pl.col("ex_date") > first, pl.col("ex_date") <= last).sort("ticker", "ex_date")
    found: dict[str, list[list[Any]]] = {}
    for ticker, day, ratio in inside.select("ticker", "ex_date", "ratio").iter_rows():
        found.setdefault(ticker, []).append([str(day), ratio])
    return found


def checks(frame: pl.DataFrame) -> dict[str, Any]:
    """The reconciliation by columns."""
    return {name: values(frame[name]) for name in CHECK_COLUMNS}


def columns(entry: Mapping[str, str], filled: Any) -> list[dict[str, Any]]:
    """The columns of a session's rows as the script needs them; `entry`: the explanation of a null, by column."""
    return [
        {
            "name": column.name,
            "label": filled(column.label),
            "unit": column.heading,
            "kind": column.kind,
            "group": column.group,
            "numeric": column.kind in NUMERIC,
            "unknownBy": list(column.unknown_by),
            "why": entry.get(column.name, ""),
            "essential": column.essential,
        }
        for column in COLUMNS.values()
    ]


def terms(kinds: Mapping[str, Mapping[str, glossary.Term]], used: Mapping[str, Iterable[str]], key: Any) -> Any:
    """Per kind and code: label, tone and the explanation's key; `used` codes that nobody described included."""
    return {
        kind: {
            code: [glossary.term(known, code).label, glossary.term(known, code).tone, key(kind, code or "neutral")]
            for code in [*known, *sorted(set(used.get(kind, ())) - set(known))]
        }
        for kind, known in kinds.items()
    }


def session(day: date, rows: pl.DataFrame, sources: Sequence[Any], notes: Sequence[str]) -> dict[str, Any]:
    """One session: its rows by columns, in the page's order, what its sources say, and what is true of every row."""
    return {
        "date": str(day),
        "day": f"{day:%a}",
        "rows": rows.height,
        "empty": empty(rows),
        "saidOnce": sorted(said_once(rows)),
        "columns": {name: values(rows[name]) for name in COLUMNS},
        "sources": list(sources),
        "notes": list(notes),
    }
