"""The morning's message: which tickers stand out and why, what is new, what was revised, what is not there yet.

Words are the glossary's. Whatever comes from a vendor or a file is text: it can be no markup, mention or line of its
own in any of the services that carry it.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from .. import listing
from ..measures.streaks import Streak
from ..session.sources import HOLDING
from ..show import elsewhere, no_estimate
from ..show.page import banners, values
from ..show.page.rows import ranked
from ..states import FINAL_STATES
from ..tables import columns, glossary

TOP = 5
"""Rows told in full, the first of the page."""
MOST_NAMES = 20
MOST_NOTES = 5
MOST_CHARACTERS = 240
_MARKUP = str.maketrans({"<": "‹", ">": "›", "@": "(at)", **dict.fromkeys("*_`[]~|\\", " ")})


@dataclass(frozen=True)
class Digest:
    """A message. Two have the same `fingerprint` where they differ in nothing but reasons, notes and the link."""

    title: str
    text: str
    html: str
    fingerprint: str


@dataclass(frozen=True)
class _Body:
    """The message in parts, written out as text and as HTML."""

    lead: list[str] = field(default_factory=list)
    rows: list[tuple[str, str]] = field(default_factory=list)
    lists: list[tuple[str, list[str]]] = field(default_factory=list)
    link: str = ""


def compose(
    scan: str,
    session: date,
    features: pl.DataFrame,
    facts: Mapping[str, Any],
    *,
    since: Mapping[str, Streak],
    link: str,
    complete: bool,
    stands_out: Sequence[str] = (),
    market: pl.DataFrame | None = None,
) -> Digest:
    """The digest of a session's `features`.

    `facts` is what the tables carry (sources, notes, simulated), `since` the streaks of its signals, `link` an address
    or path of the page, `complete` whether the manifest stands, `stands_out` the page's sentences, `market` the table
    of that name where it is there.
    """
    simulated = bool(facts["simulated"])
    open_ones = [source for source in facts["sources"] if source["state"] != "published"]
    counts = {label: number for label, number in banners.counts(features).items() if number}
    counted = ", ".join(f"{number} {label}" for label, number in counts.items()) or "no ticker"
    fresh = _by_signal(features, since, "new")
    waited_for = [
        f"{plain(glossary.source(source['source']))} {_state(source['state'])}"
        for source in open_ones
        if source["source"] in HOLDING and source["state"] not in FINAL_STATES
    ]
    lacking = "" if complete else (", ".join(waited_for) or "not complete") + "; "
    title = f"{scan} {session:%a} {session}: {lacking}{counted}"
    first = list(ranked(features).head(TOP).iter_rows(named=True))
    revised = [row["ticker"] for row in features.iter_rows(named=True) if "revised" in _flags(row)]
    rows = [(str(row["ticker"]), _why(row, since)) for row in first]
    lists = [
        ("What stands out", [plain(sentence) for sentence in stands_out]),
        ("Elsewhere in the market", [] if market is None else [plain(line) for line in _elsewhere(market)]),
        (glossary.STREAKS["new"].label, fresh),
        (glossary.STREAKS["continuing"].label, _by_signal(features, since, "continuing")),
        (glossary.STREAKS["first"].label, _by_signal(features, since, "first")),
        (glossary.FLAGS["revised"].label.capitalize(), _few(revised)),
        ("Sources", [_source(source) for source in open_ones]),
        ("Notes", [plain(note) for note in _notes(facts["notes"])]),
    ]
    body = _Body(
        lead=[
            *([glossary.SIMULATED + ": " + glossary.SIMULATED_SENTENCE] if simulated else []),
            *filter(None, [no_estimate.sentence(features, session, facts["sources"])]),
        ],
        rows=rows,
        lists=[(head, items) for head, items in lists if items],
        link=link,
    )
    states = sorted((source["source"], source["state"]) for source in facts["sources"])
    acted_on = [scan, str(session), complete, simulated, counts, rows, fresh, lists[3][1], lists[4][1], revised, states]
    return _written(title, body, simulated, acted_on)


def _elsewhere(market: pl.DataFrame) -> list[str]:
    """What kind of day it was for the market, and its first names."""
    return [elsewhere.day(market), *elsewhere.lines(market, elsewhere.IN_DIGEST)] if market.height else []


def without_tables(scan: str, session: date, states: Mapping[str, str], *, link: str) -> Digest:
    """The digest of a morning that left no tables; `states` by source, as far as they are known."""
    listed = [f"{plain(glossary.source(source))}: {_state(state)}" for source, state in states.items()]
    body = _Body(lead=["No table was made for this session."], lists=[("Sources", listed)] if listed else [], link=link)
    title = f"{scan} {session:%a} {session}: nothing to show"
    return _written(title, body, False, [scan, str(session), sorted(states.items())])


def plain(text: object) -> str:
    """`text` as one line that no service reads as markup, mention or control."""
    kept = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in str(text))
    line = " ".join(kept.translate(_MARKUP).split())
    return line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - 1] + "…"


def _written(title: str, body: _Body, simulated: bool, acted_on: Sequence[object]) -> Digest:
    if simulated:
        title = f"{glossary.SIMULATED}: {title}"
    digest = hashlib.sha256(json.dumps(acted_on, ensure_ascii=False).encode()).hexdigest()
    return Digest(title, _text(body), _html(body), digest)


def _text(body: _Body) -> str:
    parts = ["\n".join(body.lead)]
    parts.append("\n".join(f"{i}. {ticker}: {why}" for i, (ticker, why) in enumerate(body.rows, start=1)))
    parts += ["\n".join([f"{head}:", *(f"- {item}" for item in items)]) for head, items in body.lists]
    parts += [f"Page: {body.link}", glossary.DISCLAIMER]
    return "\n\n".join(part for part in parts if part) + "\n"


def _html(body: _Body) -> str:
    shown = html.escape
    parts = [f"<p><b>{shown(line)}</b></p>" for line in body.lead]
    if body.rows:
        rows = "".join(f"<li><b>{shown(ticker)}</b>: {shown(why)}</li>" for ticker, why in body.rows)
        parts.append(f"<ol>{rows}</ol>")
    for head, items in body.lists:
        parts.append(f"<p><b>{shown(head)}</b></p><ul>{''.join(f'<li>{shown(item)}</li>' for item in items)}</ul>")
    link = shown(body.link)
    is_address = re.match(r"https?://", body.link)
    parts.append(f'<p>Page: <a href="{link}">{link}</a></p>' if is_address else f"<p>Page: {link}</p>")
    return "\n".join([*parts, f"<p><i>{shown(glossary.DISCLAIMER)}</i></p>"]) + "\n"


def _why(row: Mapping[str, Any], since: Mapping[str, Streak]) -> str:
    """The signal, how long it has stood, the band of what was bought, and the columns that explain it."""
    streak, bought = since.get(row["ticker"]), values.cell("estimated_bought", row)
    reasons = []
    if values.cell("signal", row).kind != "unknown":
        signal = glossary.signal(row["signal"], row["strength"])
        reasons.append(f"{signal} {streak.words}" if streak else signal)
    if bought.beside:
        reasons.append(f"bought {bought.text}, {bought.beside}")
    for name in columns.also("digest"):
        cell = values.cell(name, row)
        if cell.kind != "unknown":
            reasons.append(f"{columns.COLUMNS[name].label} {cell.text}")
    flags = [glossary.term(glossary.FLAGS, flag) for flag in _flags(row) if flag != "simulated"]
    return ", ".join(reasons) + (f" ({', '.join(flag.label for flag in flags)})" if flags else "")


def _flags(row: Mapping[str, Any]) -> list[str]:
    return glossary.flags_of(row["quality"])


def _by_signal(features: pl.DataFrame, since: Mapping[str, Streak], code: str) -> list[str]:
    """Tickers whose signal has that standing, a line a signal, in the page's order."""
    lines = []
    order = ranked(features)
    for signal in (name for name in glossary.SIGNALS if name):
        names = [
            f"{ticker} day {since[ticker].day}" if code == "continuing" else ticker
            for ticker in order.filter(pl.col("signal") == signal)["ticker"]
            if ticker in since and since[ticker].code == code
        ]
        lines += [f"{glossary.SIGNALS[signal].label} {line}" for line in _few(names)]
    return lines


def _few(names: Sequence[str]) -> list[str]:
    """The names in one line, none where there are none."""
    return [listing.named(names, MOST_NAMES)] if names else []


def _notes(notes: Sequence[str]) -> list[str]:
    more = len(notes) - MOST_NOTES
    return [*notes[:MOST_NOTES], *([f"{more:,} more on the page."] if more > 0 else [])]


def _state(state: str) -> str:
    return plain(glossary.state(state))


def _source(source: Mapping[str, Any]) -> str:
    name = glossary.source(source.get("asked") or source["source"])
    reason = f". {plain(source['reason'])}" if source.get("reason") else ""
    return f"{plain(name)}: {_state(source['state'])}{reason}"
