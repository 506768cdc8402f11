"""What the study of a scan found, in words: the verdicts, what is missing for one, and how unusual volume goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .. import listing
from ..measures.study import study
from ..tables import glossary, study_table
from ..tables.study_table import StudyTable

SEEN_IC, SEEN_T = 0.02, 3.0
"""The effect that the power statement speaks of, and the t at which it would count as seen."""
VERDICTS: Mapping[str, str] = {
    "too_little": "too little to say",
    "none": "nothing",
    "signal": "an effect, smaller than its cost",
    "net_of_cost": "an effect that pays its cost",
}
_OF_PANEL: Mapping[str, str] = {
    study_table.WATCHLIST: "the watchlist's own tickers and sessions",
    study_table.MARKET: "the whole market's core names, by Polygon's grouped daily prices",
}


def limit(told: StudyTable) -> str:
    """What a study is, and is not."""
    over = _OF_PANEL.get(told.panel, told.panel)
    return f"A rank correlation over {over}. It is no forecast, and what was found once may not be there again."


def facts(told: StudyTable) -> str:
    """Sessions and tickers of a study."""
    if not told.first:
        return "no session yet"
    return f"{told.first} to {told.last}, {told.tickers:,} ticker{'' if told.tickers == 1 else 's'}"


def title(told: StudyTable) -> str:
    """The heading of a study."""
    return "What the scores say of the price" + (" in the whole market" if told.panel == study_table.MARKET else "")


def label(feature: str) -> str:
    """A feature as the page calls it."""
    return glossary.COLUMNS[feature].label


def sentences(told: StudyTable) -> list[str]:
    """The study in order: what was found, what was not, what is missing, what it would take, what volume alone says."""
    every = list(told.rows.iter_rows(named=True))
    said = [_found(row) for row in every if row["verdict"] in ("signal", "net_of_cost")]
    nothing = [row for row in every if row["verdict"] == "none"]
    for name in dict.fromkeys(row["feature"] for row in nothing):
        when = _horizons(row["horizon"] for row in nothing if row["feature"] == name)
        said.append(f"{label(name)} says nothing of the price {when}.")
    short = [row for row in every if row["verdict"] == "too_little"]
    if short:
        said.append(_too_little(short, whole=len(short) == len(every)))
    said += _power(every)
    if told.panel == study_table.MARKET:
        said.append("Returns leave dividends out: Polygon's prices are as traded.")
    elif told.without_dividends or told.without_dividends is None:
        of = "" if told.without_dividends is None else f" of {listing.named(told.without_dividends)}"
        said.append(
            f"Returns{of} leave dividends out: Yahoo's adjusted close is not known for every close, on one basis."
        )
    if told.steps:
        steps = "1 step of a price overnight" if told.steps == 1 else f"{told.steps:,} steps of prices overnight"
        said.append(f"No return crosses {steps} that may be a split which nobody named.")
    said += _continued(told.continuation)
    return said


def _found(row: Mapping[str, Any]) -> str:
    direction = "higher" if row["ic_mean"] > 0 else "lower"
    pays = "which pays" if row["verdict"] == "net_of_cost" else "which does not pay"
    part = "fifth" if row["tickers_median"] >= study.LEAST_FOR_FIFTHS else "third"
    spread = "" if row["spread_bps"] is None else (
        f"; the highest {part} less the lowest made {glossary.signed(row['spread_bps'])} basis points, {pays} "
        f"the {row['cost_bps']:.0f} of trading"
    )  # fmt: skip
    return (
        f"{label(row['feature'])}: high values came before {direction} returns {_horizons([row['horizon']])} (IC "
        f"{glossary.signed(row['ic_mean'])}, {glossary.signed(row['ic_low'])} to {glossary.signed(row['ic_high'])})"
        f"{spread}."
    )


def _horizons(horizons: Iterable[int]) -> str:
    numbers = [str(horizon) for horizon in sorted(set(horizons))]
    listed = numbers[0] if len(numbers) == 1 else f"{', '.join(numbers[:-1])} or {numbers[-1]}"
    return f"{listed} session{'' if listed == '1' else 's'} later"


def _too_little(rows: Sequence[Mapping[str, Any]], whole: bool) -> str:
    """By horizon what the feature that has the most still lacks."""
    lacks = {}
    for horizon in sorted({row["horizon"] for row in rows}):
        least = min(study.missing(row) for row in rows if row["horizon"] == horizon)
        lacks[horizon] = _lack(*least)
    said = "; ".join(f"{_horizons([horizon])} {lack}" for horizon, lack in lacks.items())
    subject = "Too little to say anything" if whole else f"Too little for {len(rows)} of the questions"
    return f"{subject}. What is missing until it can be said: {said}."


def _lack(sessions: int, tickers: int) -> str:
    parts = [f"{sessions:,} session{'' if sessions == 1 else 's'}"] * bool(sessions)
    parts += [f"{tickers} ticker{'' if tickers == 1 else 's'}"] * bool(tickers)
    return " and ".join(parts)


def _power(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    tickers = max((row["tickers_median"] or 0.0 for row in rows), default=0.0)
    needed = study.sessions_needed(SEEN_IC, tickers, 1, SEEN_T)
    if needed is None:
        return []
    return [
        f"To see an IC of {SEEN_IC:.2f} (t above {SEEN_T:.0f}) one session later takes {needed:,} sessions of "
        f"{tickers:.0f} tickers that move independently of each other."
    ]


def _continued(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    known = [row for row in rows if row["ic_mean"] is not None]
    if not known:
        return []
    ics = ", ".join(glossary.signed(row["ic_mean"]) for row in known)
    sessions = ", ".join(str(row["horizon"]) for row in known)
    later = "session later" if sessions == "1" else "sessions later"
    said = f"Unusual volume goes on: rank correlation of today's z with the multiple {sessions} {later} {ics}"
    multiples = [row for row in known if row["multiple"] is not None]
    if multiples:
        times = ", ".join(glossary.written("ratio", row["multiple"]) for row in multiples)
        said += f"; names with a z of 4 or more then trade {times} their normal"
    return [f"{said}. That says nothing of the price."]
