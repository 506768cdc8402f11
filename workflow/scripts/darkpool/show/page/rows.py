"""The rows of a page in their order, each as its cells, flags and look; and whether its tables can be shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import polars as pl

from ...tables import glossary
from ...tables.columns import CHECK_COLUMNS, COLUMNS, WEEK_COLUMNS, WEEK_LABELS
from .. import no_estimate
from .context import PageContext
from .explanations import key
from .values import Cell, cell, check_cell, week_cell, week_flags


class Row(NamedTuple):
    """One row as shown: `flags` are entry, label and tone; None where the table has no flags. `look` are classes."""

    ticker: str
    cells: list[Cell]
    flags: list[tuple[str, str, str]] | None
    quality: str = ""
    is_marked: bool = False
    look: str = ""


def is_muted(quality: str) -> bool:
    """Whether the inferred columns of a row with this `quality` rest on too little to be read like the others."""
    return not glossary.MUTED_BY.isdisjoint(glossary.flags_of(quality))


def _flag_terms(quality: str) -> list[glossary.Term]:
    return [glossary.term(glossary.FLAGS, flag) for flag in glossary.flags_of(quality)]


def said_once(features: pl.DataFrame) -> frozenset[str]:
    """Flags of a session's rows that mark none of them: what is true of every row, and what the page's head says.

    Where no row was signed by trades, that is the head's to say (`no_estimate`).
    """
    of_rows = [set(glossary.flags_of(quality)) for quality in features["quality"]]
    shared = set.intersection(*of_rows) if len(of_rows) > 1 else set()
    bare = no_estimate.FLAGS if no_estimate.is_without_trades(features) else frozenset()
    return frozenset({"simulated", *shared, *bare})


def is_marked(quality: str, said_once: frozenset[str]) -> bool:
    """Whether a row is marked beside its ticker: a flag of it is a warning, and not one that is `said_once`."""
    return any(term.tone == "warn" and term.code not in said_once for term in _flag_terms(quality))


def empty(features: pl.DataFrame) -> list[str]:
    """Columns of the page in which a session's rows hold nothing but the unknown; flags are never nothing."""
    records = list(features.iter_rows(named=True))
    return [
        name
        for name in COLUMNS
        if records and name not in ("ticker", "quality") and all(_is_empty(name, record) for record in records)
    ]


def _is_empty(name: str, record: Mapping[str, Any]) -> bool:
    return cell(name, record).kind == "unknown" or (name == "classification_method" and record[name] == "NONE")


def ranked(features: pl.DataFrame) -> pl.DataFrame:
    """`features`, newest session first, each by accumulation score, highest first and nulls last, then by ticker."""
    return features.sort("date", "accum_score", "ticker", descending=[True, True, False], nulls_last=True)


def _row(record: Mapping[str, Any], shown: Iterable[str], said: frozenset[str]) -> Row:
    return Row(
        ticker=record["ticker"],
        cells=[cell(name, record) for name in shown],
        flags=[
            (key("flag", term.code), term.label, "plain" if term.code in said else term.tone)
            for term in _flag_terms(record["quality"])
            if term.code != "simulated"
        ],
        quality=record["quality"],
        is_marked=is_marked(record["quality"], said),
        look="muted" if is_muted(record["quality"]) else "",
    )


def of_session(features: pl.DataFrame, shown: Sequence[str]) -> list[Row]:
    """Rows of `features` as they stand, with the columns `shown`."""
    said = said_once(features)
    return [_row(record, shown, said) for record in features.iter_rows(named=True)]


def ranked_weeks(weekly: pl.DataFrame, features: pl.DataFrame, context: PageContext) -> pl.DataFrame:
    """`weekly` with the age of each week: tickers in the order of the session's rows, newest week first.

    Columns of `columns.WEEK_LABELS` that are not there are null.
    """
    monday = context.session - timedelta(days=context.session.weekday())
    order = ranked(features.filter(pl.col("date") == context.session))["ticker"].to_list()
    place = pl.col("ticker").replace_strict(order, range(len(order)), default=len(order), return_dtype=pl.Int64)
    lacking = [pl.lit(None).alias(name) for name in WEEK_LABELS if name not in weekly.columns]
    age = ((pl.lit(monday) - pl.col("week_start_date")).dt.total_days() // 7).alias("age_weeks")
    return weekly.with_columns(lacking).with_columns(age).sort(
        place, "ticker", "week_start_date", descending=[False, False, True]
    )  # fmt: skip


def of_weeks(weeks: pl.DataFrame) -> list[Row]:
    """Rows of the weeks as they stand."""
    shown = [name for name in WEEK_COLUMNS if name not in ("ticker", "flags")]
    rows: list[Row] = []
    for record in weeks.iter_rows(named=True):
        flags = week_flags(record)
        terms = [glossary.term(glossary.WEEK_FLAGS, flag) for flag in flags]
        older = bool(rows) and rows[-1].ticker == record["ticker"]
        looks = ("muted" if is_muted(",".join(flags)) else "", "older" if older else "")
        rows.append(
            Row(
                ticker=record["ticker"],
                cells=[week_cell(name, record) for name in shown],
                flags=[(key("week-flag", term.code), term.label, term.tone) for term in terms],
                quality=",".join(flags),
                look=" ".join(filter(None, looks)),
            )
        )
    return rows


class Reconciliation(NamedTuple):
    """The checks as shown: those that alarm, the others, and how many there are of each."""

    alarms: list[Row]
    others: list[Row]
    told_alarms: str
    told_others: str


def of_checks(checks: pl.DataFrame) -> Reconciliation:
    """Newest first, each day by check and ticker."""
    checks = checks.sort("date", "check", "ticker", descending=[True, False, False])
    shown = [name for name in CHECK_COLUMNS if name != "ticker"]
    rows: dict[bool, list[Row]] = {True: [], False: []}
    for record in checks.iter_rows(named=True):
        cells = [check_cell(name, record) for name in shown]
        rows[record["verdict"] == "alarm"].append(Row(record["ticker"], cells, None))
    number = {code: int((checks["verdict"] == code).sum()) for code in glossary.VERDICTS}
    return Reconciliation(
        alarms=rows[True],
        others=rows[False],
        told_alarms=f"{number['alarm']} alarm{'' if number['alarm'] == 1 else 's'}",
        told_others=f"{number['ok']} ok, {number['not comparable']} not comparable",
    )


def check(
    features: pl.DataFrame,
    context: PageContext,
    weekly: pl.DataFrame | None = None,
    checks: pl.DataFrame | None = None,
) -> None:
    """Raise ValueError where a table lacks a column or holds a session or week later than the page's."""
    _require("features", features, "date", {"date", *COLUMNS}, context)
    if weekly is not None:
        _require("weekly", weekly, "week_start_date", set(WEEK_COLUMNS) - set(WEEK_LABELS), context)
    if checks is not None:
        _require("checks", checks, "date", set(CHECK_COLUMNS), context)


def _require(name: str, frame: pl.DataFrame, day: str, columns: set[str], context: PageContext) -> None:
    missing = columns - set(frame.columns)
    if missing:
        raise ValueError(f"{name}: columns {sorted(missing)} are missing")
    later = frame.filter(pl.col(day) > context.session)
    if later.height:
        found, ticker = later[day][0], later["ticker"][0]
        raise ValueError(f"{name}: {ticker} on {found} is later than the page's session {context.session}")
