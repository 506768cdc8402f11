"""The table a person reads: what stands on the page of a session (`page_html` writes it), and the same rows as CSV."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

import polars as pl

from ...measures import stands_out
from ...settings import History, Signal
from ...tables import glossary
from ...tables.column import NUMERIC, Column
from ...tables.columns import CHECK_COLUMNS, COLUMNS, FLOW, WEEK_COLUMNS, WEEK_LABELS
from ...tables.facts import Source
from .. import cells
from ..sign_methods import METHODS
from . import data

NEW_YORK = ZoneInfo("America/New_York")
STATIC_ROWS = 300
"""Rows beside those of the page's session that stand in it as HTML too; more are left to its script and to the CSV."""
TERMS = {
    "check": glossary.CHECKS,
    "excluded": glossary.EXCLUDED,
    "flag": glossary.FLAGS,
    "lit-source": glossary.LIT_SOURCES,
    "method": METHODS,
    "opinion": glossary.OPINIONS,
    "signal": glossary.SIGNALS,
    "state": glossary.STATES,
    "strength": glossary.STRENGTHS,
    "verdict": glossary.VERDICTS,
    "week-flag": glossary.WEEK_FLAGS,
}
COLUMN_SETS = {"": COLUMNS, "week-": WEEK_COLUMNS, "check-": CHECK_COLUMNS}
"""Columns of the page's tables by what stands before the names of their explanations."""
NO_ANSWER = ("outage", "blocked", "not_yet")
"""States of a source that has told nothing of the session."""
BARRED = ("offex_ratio", "lit_buy_ratio")
"""Columns whose cells carry their fraction as a bar too."""
INFERRED = frozenset({"signal"} | {name for name, column in COLUMNS.items() if column.group == FLOW})


@dataclass(frozen=True)
class PageContext:
    """What a page says besides its rows.

    `sources` are mappings of source, state, reason, retrieved_at (UTC, ISO 8601) and detail; what is unknown is null.
    `thresholds` are those of the signal, `ma` and `window` are sessions, `notes` are sentences shown above the table.
    `plots` gives the path of a ticker's plot, relative to the page, where the page may link to one; `files` are names
    of files beside it, and with any the index lies above it. `told`: sources and notes of earlier sessions.
    """

    scan: str
    session: date
    mode: str
    simulated: bool
    sources: Sequence[Source] = field(default_factory=list)
    thresholds: dict[str, float] = field(default_factory=lambda: asdict(Signal()))
    ma: int = History.ma
    window: int = History.window
    notes: list[str] = field(default_factory=list)
    plots: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[str] = ()
    told: Mapping[date, Mapping[str, Any]] = field(default_factory=dict)

    def filled(self, text: str) -> str:
        """The sentence with this run's numbers in place of its placeholders."""
        bot, sell = self.thresholds["bot"], self.thresholds["sell"]
        return glossary.filled(text, ma=self.ma, window=self.window, bot=bot, sell=sell)


class Cell(NamedTuple):
    """One value as shown: its text, its exact value, the entry that explains it, its bar in percent."""

    text: str
    value: str
    kind: str = ""
    entry: str = ""
    bar: float | None = None


class Row(NamedTuple):
    """One row as shown: `flags` are entry, label and tone; None where the table has no flags. `look` are classes."""

    ticker: str
    cells: list[Cell]
    flags: list[tuple[str, str, str]] | None
    quality: str = ""
    is_marked: bool = False
    look: str = ""


class Entry(NamedTuple):
    """An explanation that the page shows on hover or tap."""

    key: str
    title: str
    sentence: str
    formula: str = ""


def ranked(features: pl.DataFrame) -> pl.DataFrame:
    """`features`, newest session first, each by accumulation score, highest first and nulls last, then by ticker."""
    return features.sort("date", "accum_score", "ticker", descending=[True, True, False], nulls_last=True)


def is_simulated(features: pl.DataFrame, context: PageContext) -> bool:
    """Whether the page must say so: by the run's own word, or because a row carries the flag."""
    flagged = features["quality"].str.split(",").list.contains("simulated").any()
    return context.simulated or bool(flagged)


def is_muted(quality: str) -> bool:
    """Whether the inferred columns of a row with this `quality` rest on too little to be read like the others."""
    return not glossary.MUTED_BY.isdisjoint(glossary.flags_of(quality))


def _key(prefix: str, code: str) -> str:
    return f"{prefix}-{re.sub('[^A-Za-z0-9_-]', '_', code)}"


def _unknown(column: Column, flags: list[str], table: str = "") -> Cell:
    flag = next((flag for flag in column.unknown_by if flag in flags), None)
    entry = _key(f"{table}flag", flag) if flag else _key(f"{table}why", column.name)
    return Cell(glossary.UNKNOWN, "", "unknown", entry)


def _exact(value: object) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def _signal(signal: str) -> Cell:
    label = glossary.term(glossary.SIGNALS, signal).label
    return Cell(label, signal, "signal", _key("signal", signal or "neutral"))


def cell(name: str, record: Mapping[str, Any]) -> Cell:
    """The cell of column `name` in a row of `features`; a null, and a signal nothing is known of, say why."""
    column, value, flags = COLUMNS[name], record[name], glossary.flags_of(record["quality"])
    if name == "signal":
        return _signal(value) if value or record["estimated_bought"] is not None else _unknown(column, flags)
    if name == "classification_method":
        return Cell(glossary.term(METHODS, value).label, value, "term", _key("method", value))
    if name == "opinions":
        if value == "none":
            return _unknown(column, flags)
        return Cell(glossary.term(glossary.OPINIONS, value).label, value, "term", _key("opinion", value))
    if name == "strength" and value:
        return Cell(glossary.term(glossary.STRENGTHS, value).label, value, "term", _key("strength", value))
    text = glossary.written(column.kind, value or None if name == "strength" else value)
    if text == glossary.UNKNOWN:
        return _unknown(column, flags)
    bar = round(min(100 * value, 100), 1) if name in BARRED else None
    return Cell(text, _exact(value), "split" if name == "lit_buy_ratio" else "", bar=bar)


def week_flags(record: Mapping[str, Any]) -> list[str]:
    """What a reader must know about a row of the weeks, sorted; codes of `glossary.WEEK_FLAGS`."""
    there, whole = record["sessions_with_lit"], record["sessions_in_week"]
    holds = {
        "bars_only": "BARS" in (record["methods"] or "").split(","),
        "no_lit": not there,
        "partial_lit": 0 < there < whole,
        "restated": bool(record.get("restated")),
        "thin_lit": bool(there) and record["lit_buy_ratio"] is None,
    }
    return [flag for flag, it_does in holds.items() if it_does]


def week_cell(name: str, record: Mapping[str, Any]) -> Cell:
    """The cell of column `name` in a row of the weeks; what is unknown says why."""
    column, value, flags = WEEK_COLUMNS[name], record[name], week_flags(record)
    if name == "signal" and (value or record["estimated_bought"] is not None):
        return _signal(value)
    if name == "methods" and value:
        codes = value.split(",")
        return Cell(", ".join(glossary.term(METHODS, code).label for code in codes), value)
    text = glossary.written(column.kind, value or None if name in ("signal", "methods") else value)
    return _unknown(column, flags, "week-") if text == glossary.UNKNOWN else Cell(text, _exact(value))


def check_cell(name: str, record: Mapping[str, Any]) -> Cell:
    """The cell of column `name` in a row of the reconciliation; what is unknown says why."""
    value = record[name]
    if name == "check":
        return Cell(glossary.term(glossary.CHECKS, value).label, value, "term", _key("check", value))
    if name == "verdict":
        verdict = glossary.term(glossary.VERDICTS, value)
        return Cell(verdict.label, value, f"verdict {verdict.tone}", _key("verdict", value))
    if value is None:
        return _unknown(CHECK_COLUMNS[name], [], "check-")
    if name in ("ratio", "low", "high"):
        return Cell(glossary.in_band(value, record["low"], record["high"]), _exact(value))
    if name in ("left", "right"):
        return Cell(glossary.exact_shares(value), _exact(value))
    return Cell(str(value), str(value), "words" if name == "why" else "")


def _flag_terms(quality: str) -> list[glossary.Term]:
    return [glossary.term(glossary.FLAGS, flag) for flag in glossary.flags_of(quality)]


def is_marked(quality: str) -> bool:
    """Whether a row is marked beside its ticker: a flag of it is a warning that the page's head does not give."""
    return any(term.tone == "warn" and term.code != "simulated" for term in _flag_terms(quality))


def _row(record: Mapping[str, Any], shown: Iterable[str]) -> Row:
    return Row(
        ticker=record["ticker"],
        cells=[cell(name, record) for name in shown],
        flags=[(_key("flag", term.code), term.label, term.tone) for term in _flag_terms(record["quality"])],
        quality=record["quality"],
        is_marked=is_marked(record["quality"]),
        look="muted" if is_muted(record["quality"]) else "",
    )


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


def _week_rows(weeks: pl.DataFrame) -> list[Row]:
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
                flags=[(_key("week-flag", term.code), term.label, term.tone) for term in terms],
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


def _reconciliation(checks: pl.DataFrame) -> Reconciliation:
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


def _used(
    features: pl.DataFrame, checks: pl.DataFrame | None, lit: pl.DataFrame | None, context: PageContext
) -> dict[str, set[str]]:
    """The codes that stand on the page, by kind."""
    reasons = [] if lit is None else [found or {} for found in lit["excluded_reasons"].to_list()]
    heard = [*context.sources, *(source for told in context.told.values() for source in told["sources"])]
    return {
        "excluded": {code for found in reasons for code in found},
        "lit-source": set() if lit is None else set(lit["source"]),
        "check": set() if checks is None else set(checks["check"]),
        "verdict": set() if checks is None else set(checks["verdict"]),
        "flag": {flag for quality in features["quality"].unique() for flag in glossary.flags_of(quality)},
        "method": set(features["classification_method"]),
        "opinion": set(features["opinions"]),
        "strength": set(features["strength"]) - {""},
        "signal": set(features["signal"]),
        "state": {_state(source) for source in heard},
    }


def _state(source: Mapping[str, Any]) -> str:
    return str(source.get("state") or "unknown")


def _entries(context: PageContext, used: Mapping[str, set[str]]) -> list[Entry]:
    """Every explanation the page can show; `used` codes that nobody described are said to be so."""
    entries = []
    for table, columns in COLUMN_SETS.items():
        for column in columns.values():
            entries.append(Entry(_key(f"{table}column", column.name), column.label, column.sentence, column.formula))
            if column.unknown_by or column.unknown != Column.unknown:
                entries.append(Entry(_key(f"{table}why", column.name), f"{column.label}: unknown", column.unknown))
    for kind, terms in TERMS.items():
        for code in [*terms, *sorted(used.get(kind, set()) - set(terms))]:
            term = glossary.term(terms, code)
            entries.append(Entry(_key(kind, code or "neutral"), term.label, term.sentence))
    return [Entry(key, *(context.filled(text) for text in words)) for key, *words in entries]


def fetched(retrieved_at: str | None, state: str = "published") -> str:
    """When a source answered, or was asked in vain, in New York time; what is no time is shown as it came."""
    if not retrieved_at:
        return "nothing fetched" if state in NO_ANSWER else "time of fetching unknown"
    done = "asked" if state in NO_ANSWER else "fetched"
    try:
        moment = datetime.fromisoformat(retrieved_at)
    except ValueError:
        return f"{done} {retrieved_at}"
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{done} {moment.astimezone(NEW_YORK):%Y-%m-%d %H:%M} New York"


def sources(context: PageContext) -> list[dict[str, str]]:
    """The state of each source in words: source, state, tone, entry (its explanation), reason, detail, fetched."""
    return _in_words(context.sources)


def _in_words(sources: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    told = []
    for source in sources:
        state = glossary.term(glossary.STATES, _state(source))
        told.append(
            {
                "source": glossary.SOURCES.get(source["source"], source["source"]),
                "feeds": glossary.FEEDS.get(source["source"], ""),
                "state": state.label,
                "tone": state.tone,
                "entry": _key("state", state.code),
                "reason": str(source.get("reason") or ""),
                "detail": str(source.get("detail") or ""),
                "fetched": fetched(source.get("retrieved_at"), state.code),
            }
        )
    return told


def counts(features: pl.DataFrame) -> dict[str, int]:
    """Number of tickers by what the estimate says of them: BOT, SELL, neutral, no estimate."""
    told = {"BOT": 0, "SELL": 0, "neutral": 0, "no estimate": 0}
    for signal, bought in features.select("signal", "estimated_bought").iter_rows():
        told[signal or ("neutral" if bought is not None else "no estimate")] += 1
    return told


def _groups(columns: list[Column]) -> list[tuple[str, int]]:
    groups: list[tuple[str, int]] = []
    for column in columns:
        if groups and groups[-1][0] == column.group:
            groups[-1] = (column.group, groups[-1][1] + 1)
        else:
            groups.append((column.group, 1))
    return groups


class Sheet(NamedTuple):
    """A kind of table on the page: its columns, their groups, the places its style needs, its explanations' prefix."""

    columns: list[Column]
    groups: list[tuple[str, int]]
    layout: dict[str, list[int]]
    prefix: str


def _sheet(prefix: str) -> Sheet:
    columns = list(COLUMN_SETS[prefix].values())
    return Sheet(columns, _groups(columns), _layout(columns), prefix)


def _layout(columns: list[Column]) -> dict[str, list[int]]:
    """Positions (from 1) of columns that are text, that start a group, and that are inferred."""
    numbered = list(enumerate(columns, 1))
    return {
        "text": [i for i, column in numbered if column.kind == "text"],
        "starts": [i for i, column in numbered if i > 1 and column.group != columns[i - 2].group],
        "inferred": [i for i, column in numbered if column.name in INFERRED],
    }


def _data(
    sessions: Mapping[date, pl.DataFrame],
    context: PageContext,
    used: Mapping[str, set[str]],
    merged: pl.DataFrame | None,
    lit: pl.DataFrame | None,
    checks: pl.DataFrame | None,
) -> str:
    """What the page's script works on."""
    told = {context.session: {"sources": context.sources, "notes": context.notes}, **context.told}
    nothing: dict[str, list[Any]] = {"sources": [], "notes": []}
    entries = []
    for day, rows in sorted(sessions.items()):
        heard = told.get(day, nothing)
        entry = data.session(day, rows, _in_words(heard["sources"]), heard["notes"])
        entries.append(entry | {"behind": None if lit is None else data.behind(rows, lit)})
    why = {column.name: _key("why", column.name) for column in COLUMNS.values()}
    return data.text(
        {
            "target": str(context.session),
            "title": f"{glossary.LABELS['title']}, {context.scan}",
            "columns": data.columns(why, context.filled),
            "barred": BARRED,
            "inferred": sorted(INFERRED),
            "mutedBy": sorted(glossary.MUTED_BY),
            "terms": data.terms(TERMS, used, _key),
            "sessions": entries,
            "ratios": None if merged is None else data.ratios(merged),
            "checks": None if checks is None else data.checks(checks),
            "plots": {ticker: quote(path, safe="/%") for ticker, path in sorted(context.plots.items())},
        }
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


def content(
    features: pl.DataFrame,
    context: PageContext,
    *,
    weekly: pl.DataFrame | None = None,
    checks: pl.DataFrame | None = None,
    merged: pl.DataFrame | None = None,
    lit: pl.DataFrame | None = None,
) -> dict[str, Any]:
    """What the page's template is filled with; tables and ValueError as `page_html.render_html`."""
    check(features, context, weekly, checks)
    shown = [name for name in COLUMNS if name not in ("ticker", "quality")]
    days = {context.session, *features["date"]}
    order = ranked(features)
    sessions = {day: order.filter(pl.col("date") == day) for day in sorted(days, reverse=True)}
    target = sessions[context.session]
    earlier = [day for day in sessions if day != context.session]
    is_small = features.height - target.height <= STATIC_ROWS
    weeks = None if weekly is None else _week_rows(ranked_weeks(weekly, features, context))
    used = _used(features, checks, lit, context)
    return {
        "context": context,
        "simulated": is_simulated(features, context),
        "sheets": {"sessions": _sheet(""), "weeks": _sheet("week-"), "checks": _sheet("check-")},
        "rows": _rows(target, shown),
        "earlier": [(day, _rows(sessions[day], shown) if is_small else None) for day in earlier],
        "weeks": weeks,
        "reconciliation": None if checks is None else _reconciliation(checks),
        "counts": counts(target),
        "sources": sources(context),
        "stands_out": stands_out.sentences(target),
        "entries": _entries(context, used),
        "glossary": glossary,
        "methods": METHODS,
        "numeric": NUMERIC,
        "data": _data(sessions, context, used, merged, lit, checks),
        "static_rows": STATIC_ROWS,
    }


def _rows(rows: pl.DataFrame, shown: Sequence[str]) -> list[Row]:
    return [_row(record, shown) for record in rows.iter_rows(named=True)]


def render_csv(features: pl.DataFrame) -> str:
    """All columns and sessions of `features` in the page's order, as CSV.

    Nulls are empty. A text cell that a spreadsheet would run as a formula gets a single quote before it; numbers
    are never touched.
    """
    neutral = [cells.neutral(name) for name, kind in features.schema.items() if kind == pl.String]
    return ranked(features).with_columns(neutral).write_csv()
