"""What stands above the rows: whether the data is simulated, the state of each source, how many signals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from ...tables import glossary
from .context import PageContext
from .explanations import key

NEW_YORK = ZoneInfo("America/New_York")
NO_ANSWER = ("outage", "blocked", "not_yet")
"""States of a source that has told nothing of the session."""


def is_simulated(features: pl.DataFrame, context: PageContext) -> bool:
    """Whether the page must say so: by the run's own word, or because a row carries the flag."""
    flagged = features["quality"].str.split(",").list.contains("simulated").any()
    return context.simulated or bool(flagged)


def counts(features: pl.DataFrame) -> dict[str, int]:
    """Number of tickers by what the estimate says of them: BOT, SELL, neutral, no estimate."""
    told = {"BOT": 0, "SELL": 0, "neutral": 0, "no estimate": 0}
    for signal, bought in features.select("signal", "estimated_bought").iter_rows():
        told[signal or ("neutral" if bought is not None else "no estimate")] += 1
    return told


def state(source: Mapping[str, Any]) -> str:
    """The code of a source's state; "unknown" where nothing says it."""
    return str(source.get("state") or "unknown")


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
    """The state of each source in words, those in trouble first: source (the one asked), feeds, state, tone, entry (its
    explanation), reason, detail, fetched."""
    return in_words(context.sources)


def in_words(sources: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What `sources` gives, of any sources."""
    told = []
    for source in sources:
        term = glossary.term(glossary.STATES, state(source))
        told.append(
            {
                "source": glossary.source(source.get("asked") or source["source"]),
                "feeds": glossary.FEEDS.get(source["source"], ""),
                "state": term.label,
                "tone": term.tone,
                "entry": key("state", term.code),
                "reason": str(source.get("reason") or ""),
                "detail": str(source.get("detail") or ""),
                "fetched": fetched(source.get("retrieved_at"), term.code),
            }
        )
    return sorted(told, key=lambda source: source["tone"] != "warn")
