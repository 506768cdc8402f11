"""What stands on the page of a session: all that its template is filled with (`page_html` writes it)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

import polars as pl

from ...measures import stands_out
from ...tables import glossary
from ...tables.column import NUMERIC
from ...tables.columns import COLUMNS
from .. import elsewhere, no_estimate
from ..sign_methods import METHODS
from . import banners, data, explanations, rows
from .context import Behind, PageContext
from .sheet import INFERRED, sheet
from .values import BARRED

STATIC_ROWS = 300
"""Rows beside those of the page's session that stand in it as HTML too; more are left to its script and to the CSV."""


def content(features: pl.DataFrame, context: PageContext, behind: Behind) -> dict[str, Any]:
    """What the page's template is filled with; ValueError as `page_html.render_html`."""
    weekly, checks, market = behind.weekly, behind.checks, behind.market
    rows.check(features, context, weekly, checks)
    shown = [name for name in COLUMNS if name not in ("ticker", "quality")]
    days = {context.session, *features["date"]}
    order = rows.ranked(features)
    sessions = {day: order.filter(pl.col("date") == day) for day in sorted(days, reverse=True)}
    target = sessions[context.session]
    earlier = [day for day in sessions if day != context.session]
    is_small = features.height - target.height <= STATIC_ROWS
    weeks = None if weekly is None else rows.of_weeks(rows.ranked_weeks(weekly, features, context))
    used = _used(features, behind, context)
    return {
        "context": context,
        "simulated": banners.is_simulated(features, context),
        "sheets": {"sessions": sheet(""), "weeks": sheet("week-"), "checks": sheet("check-")},
        "rows": rows.of_session(target, shown),
        "empty": rows.empty(target),
        "no_estimate": no_estimate.sentence(target, context.session, context.sources),
        "earlier": [(day, rows.of_session(sessions[day], shown) if is_small else None) for day in earlier],
        "weeks": weeks,
        "reconciliation": None if checks is None else rows.of_checks(checks),
        "elsewhere": None if market is None else elsewhere.panel(market),
        "counts": banners.counts(target),
        "sources": banners.sources(context),
        "stands_out": stands_out.sentences(target, behind.blocks, features.filter(pl.col("date") < context.session)),
        "entries": explanations.entries(context, used),
        "marks": explanations.marks(context),
        "glossary": glossary,
        "methods": METHODS,
        "numeric": NUMERIC,
        "data": _data(sessions, context, used, behind),
        "static_rows": STATIC_ROWS,
    }


def _used(features: pl.DataFrame, behind: Behind, context: PageContext) -> dict[str, set[str]]:
    """The codes that stand on the page, by kind."""
    checks, lit = behind.checks, behind.lit
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
        "state": {banners.state(source) for source in heard},
    }


def _data(
    sessions: Mapping[date, pl.DataFrame],
    context: PageContext,
    used: Mapping[str, set[str]],
    behind: Behind,
) -> str:
    """What the page's script works on."""
    told = {context.session: {"sources": context.sources, "notes": context.notes}, **context.told}
    nothing: dict[str, list[Any]] = {"sources": [], "notes": []}
    entries = []
    for day, frame in sorted(sessions.items()):
        heard = told.get(day, nothing)
        entry = data.session(day, frame, banners.in_words(heard["sources"]), heard["notes"])
        entry["noEstimate"] = no_estimate.sentence(frame, day, heard["sources"])
        entries.append(entry | {"behind": None if behind.lit is None else data.behind(frame, behind.lit)})
    why = {column.name: explanations.key("why", column.name) for column in COLUMNS.values()}
    return data.text(
        {
            "target": str(context.session),
            "title": f"{glossary.LABELS['title']}, {context.scan}",
            "columns": data.columns(why, context.filled),
            "barred": BARRED,
            "farOut": stands_out.FAR_OUT,
            "farBy": stands_out.FAR_BY,
            "farInstead": stands_out.INSTEAD,
            "strip": context.neutral_strip,
            "words": {
                "band": glossary.BAND_SENTENCE,
                "interval": glossary.INTERVAL_SENTENCE,
                "level": glossary.LEVEL_SENTENCE,
            },
            "inferred": sorted(INFERRED),
            "mutedBy": sorted(glossary.MUTED_BY),
            "terms": data.terms(explanations.TERMS, used, explanations.key),
            "sessions": entries,
            "ratios": None if behind.merged is None else data.ratios(behind.merged),
            "blocks": None if behind.blocks is None else data.blocks(behind.blocks),
            "profiles": {}
            if behind.profile is None
            else data.profiles(behind.profile, sessions[context.session]["ticker"].to_list()),
            "levels": {}
            if behind.levels is None or behind.blocks is None
            else data.levels(behind.levels, behind.blocks),
            "splits": {} if behind.splits is None else data.splits(behind.splits, sessions),
            "checks": None if behind.checks is None else data.checks(behind.checks),
            "plots": {ticker: quote(path, safe="/%") for ticker, path in sorted(context.plots.items())},
        }
    )
