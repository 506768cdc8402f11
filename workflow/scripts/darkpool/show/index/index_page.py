"""A scan's index: one page over every session on disk. The folders are the truth, and the same folders the same bytes.

No clock enters: the newest session on disk stands where others would say today.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import polars as pl

from ...archive.store import file_name, sha256, write_atomic
from ...market import sessions
from ...session import files, sources
from ...session.selection import NotThere
from ...tables import contracts, glossary
from ..page import view
from . import signal_history

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).with_name("templates")
TEMPLATE, STYLE, SCRIPT = _TEMPLATES / "index.html.j2", _TEMPLATES / "index.css", _TEMPLATES / "index.js"
LOOKED_AT = 60
"""Sessions in which a streak is looked for."""
LEAST_STREAK = 3
TAPE_LENGTH = 10
MOVING_SESSIONS = 5
MOST_MOVERS = 8
OPEN_MONTHS = 2
MOST_OPEN = 12
SHOWN = (
    "signal", "streak", "accum_score", "offex_ratio", "change", "trf_spike", "offex_ratio_z", "log_ratio", "ratios",
    "tape", "quality",
)  # fmt: skip
DECISIVE = ("signal", "estimated_bought")
IN_FEATURES = frozenset(glossary.COLUMNS) - {"quality"}
SAID = {"date": pl.Date, "ticker": pl.String, "signal": pl.String, "estimated": pl.Boolean}
TOLD = {"sources": "[]", "notes": "[]", "simulated": "false"}


@dataclass(frozen=True)
class Session:
    """A session's folder: its state, why, and what its tickers say; `said`: ticker, signal, estimated."""

    day: date
    state: str
    reason: str = ""
    has_page: bool = False
    simulated: bool = False
    told: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    said: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SAID))


class Spark(NamedTuple):
    """A line of values as the path of an SVG of 100 by 20; `last` is the place of the newest value."""

    path: str
    last: tuple[float, float] | None
    words: str


def write(folder: Path) -> Path:
    """Write the index of the scan whose sessions are in `folder` (results/<scan>); returns its path.

    A session that cannot be read is shown as damaged, with the reason, and stops nothing. Raises NotThere where there
    is no such folder.
    """
    if not folder.is_dir():
        raise NotThere(f"{folder} is not there; the folder of a scan was expected, as results/emps2")
    target = folder / files.INDEX
    write_atomic(target, render(folder).encode())
    return target


def _places(folder: Path) -> list[Path]:
    """Folders of the scan that are named by a session and hold its features, ascending."""
    found = []
    for path in sorted(folder.glob(f"????-??-??/{files.FEATURES}")):
        try:
            is_one = sessions.is_session(date.fromisoformat(path.parent.name))
        except ValueError:
            continue
        if is_one:
            found.append(path.parent)
    return found


def read(folder: Path) -> list[Session]:
    """Every session on disk, ascending."""
    return [_session(place) for place in _places(folder)]


def _session(place: Path) -> Session:
    day, has_page = date.fromisoformat(place.name), (place / files.PAGE).is_file()
    try:
        told, said = _features(place / files.FEATURES, day)
    except (ValueError, KeyError, OSError) as error:
        return Session(day, "damaged", str(error), has_page)
    settings, vouched = _manifest(place)
    mode = "weekly" if (place / files.WEEKS).is_file() else "daily"
    waiting = [source for source in told["sources"] if sources.holds_up(source, mode)]
    if vouched:
        state, reason = "complete", ""
    elif waiting:
        state, reason = "waiting", "; ".join(_why(source) for source in waiting)
    elif vouched is None:
        state, reason = ("unfinished" if has_page else "tables"), ""
    else:
        state, reason = "outdated", ""
    return Session(day, state, reason, has_page, told["simulated"], told, settings, said)


def _why(source: Mapping[str, Any]) -> str:
    state = glossary.term(glossary.STATES, str(source["state"])).label
    return f"{source['source']} {state}" + (f" ({source['reason']})" if source.get("reason") else "")


def _features(path: Path, day: date) -> tuple[dict[str, Any], pl.DataFrame]:
    """What the table tells of its sources, and the signal of each ticker: three columns."""
    frame = contracts.columns("features", path, ["ticker", *DECISIVE])
    about = contracts.metadata(path)
    told = {name: json.loads(about.get(name, default)) for name, default in TOLD.items()}
    said = frame.select(
        pl.lit(day, dtype=pl.Date).alias("date"),
        "ticker",
        "signal",
        pl.col("estimated_bought").is_not_null().alias("estimated"),
    )
    return told, said


def _manifest(place: Path) -> tuple[Mapping[str, Any], bool | None]:
    """The configuration of the manifest, and whether it vouches for the features; None where there is no manifest."""
    try:
        content = json.loads((place / files.MANIFEST).read_bytes())
        digests = {entry["path"]: entry["sha256"] for entry in content["outputs"]}
        config = content["config"]
    except FileNotFoundError:
        return {}, None
    except (ValueError, KeyError, TypeError):
        return {}, False
    return config, digests.get(files.FEATURES) == sha256(place / files.FEATURES)


def render(folder: Path) -> str:
    """The page. It asks the network for nothing, runs without its script, and holds no clock."""
    found = read(folder)
    states = {session.day: session.state for session in found}
    readable = [session for session in found if session.state != "damaged"]
    newest = readable[-1] if readable else None
    # While the newest session waits for its answers it has little to say: the one before it is shown in its place.
    shown = next((session for session in reversed(readable) if session.state != "waiting"), newest)
    context = _context(folder, newest, found)
    script, script_hash = _script()
    return (
        _environment()
        .get_template(TEMPLATE.name)
        .render(
            scan=folder.name,
            newest=newest,
            context=context,
            sources=view.sources(context) if context else [],
            simulated=any(session.simulated for session in found),
            sessions={session.day: session for session in found},
            counts={session.day: _counts(session) for session in readable},
            states={state: list(states.values()).count(state) for state in glossary.SESSION_STATES},
            months=signal_history.calendar(states),
            open_months=OPEN_MONTHS,
            missing=signal_history.missing(states),
            open_ones=_open_ones(found, folder),
            shown=shown,
            overview=_overview(folder, shown, readable) if shown else None,
            movers=_movers(folder, [session for session in readable if shown and session.day <= shown.day]),
            least_streak=LEAST_STREAK,
            looked_at=LOOKED_AT,
            columns=_columns(),
            most_open=MOST_OPEN,
            inferred=view.INFERRED,
            cell=view.cell,
            glossary=glossary,
            numeric=glossary.NUMERIC,
            script=script,
            script_hash=script_hash,
        )
    )


def _context(folder: Path, newest: Session | None, found: Sequence[Session]) -> view.PageContext | None:
    """What the newest session's page says of itself; the settings are those of the newest manifest there is."""
    if newest is None:
        return None
    settings = next((session.settings for session in reversed(found) if session.settings), {})
    history = settings.get("history", {})
    default = view.PageContext("", newest.day, "", False)
    return view.PageContext(
        scan=folder.name,
        session=newest.day,
        mode=str(settings.get("mode", "")),
        simulated=newest.simulated,
        sources=newest.told["sources"],
        notes=newest.told["notes"],
        thresholds=settings.get("signal", default.thresholds),
        ma=history.get("ma", default.ma),
        window=history.get("window", default.window),
    )


def _counts(session: Session) -> dict[str, int]:
    said = session.said.select(
        pl.when(pl.col("signal") != "")
        .then("signal")
        .otherwise(pl.when("estimated").then(pl.lit(signal_history.NEUTRAL)).otherwise(pl.lit(signal_history.UNKNOWN)))
        .alias("code")
    )["code"]
    return {
        code: int((said == code).sum())
        for code in (signal_history.BOT, signal_history.SELL, signal_history.NEUTRAL, signal_history.UNKNOWN)
    }


def _open_ones(found: Sequence[Session], folder: Path) -> list[tuple[date, str, str, str]]:
    """Sessions that need somebody, newest first: day, state, why, and the command that would mend it."""
    states = {session.day: session for session in found}
    days = [*signal_history.missing({day: session.state for day, session in states.items()})]
    days += [day for day, one in states.items() if glossary.term(glossary.SESSION_STATES, one.state).tone == "warn"]
    told = []
    for day in sorted(days, reverse=True):
        one = states.get(day)
        command = f"snakemake --cores 4 results/{folder.name}/{day}/all"
        told.append((day, one.state if one else signal_history.MISSING, one.reason if one else "", command))
    return told


class Moved(NamedTuple):
    """The movers of a session, beside how many tickers could be compared with the session before."""

    day: date
    before: date
    rows: list[tuple[signal_history.Mover, dict[str, Any]]]
    compared: int


def _movers(folder: Path, readable: Sequence[Session]) -> list[Moved]:
    """Movers of the last sessions on disk, newest first; each against the session before it, from its own window."""
    told = []
    for session in reversed(readable[-MOVING_SESSIONS:]):
        place = folder / str(session.day)
        try:
            merged = contracts.columns("merged", place / files.MERGED, ["date", "ticker", "offex_ratio"])
            features = contracts.columns(
                "features", place / files.FEATURES, ["ticker", "trf_spike", "signal", "quality", *DECISIVE[1:]]
            )
        except (ValueError, OSError):
            continue
        found = signal_history.changes(merged, session.day)
        rows = {row["ticker"]: row for row in features.iter_rows(named=True)}
        shown = [
            (mover, rows[mover.ticker]) for mover in signal_history.movers(found, MOST_MOVERS) if mover.ticker in rows
        ]
        told.append(Moved(session.day, sessions.previous(session.day), shown, len(found)))
    return told


class Overview(NamedTuple):
    """The watchlist of a session: a row per ticker, plots, streaks, what became of those it ended, tape and scale."""

    rows: list[dict[str, Any]]
    links: dict[str, str]
    streaks: list[signal_history.Streak]
    ended: list[tuple[signal_history.Streak, str]]
    tape: list[date]
    top: float
    days: int


def _overview(folder: Path, shown: Session, readable: Sequence[Session]) -> Overview:
    place = folder / str(shown.day)
    features = view.ranked(contracts.read("features", place / files.FEATURES))
    try:
        merged = contracts.columns("merged", place / files.MERGED, ["date", "ticker", "offex_ratio"])
    except (ValueError, OSError):
        merged = pl.DataFrame(schema={"date": pl.Date, "ticker": pl.String, "offex_ratio": pl.Float64})
    days = sessions.window(shown.day, LOOKED_AT - 1)
    first = max(readable[0].day, days[0])
    days = [day for day in days if day >= first]
    said = pl.concat([session.said for session in readable if session.day >= days[0]])
    tapes = signal_history.tapes(said, days, features["ticker"].to_list())
    changes = {mover.ticker: mover.change for mover in signal_history.changes(merged, shown.day)}
    window = merged["date"].unique().sort().to_list()
    greatest = merged["offex_ratio"].max()
    top = min(1.0, greatest) if isinstance(greatest, float) and greatest > 0 else 1.0
    ratios = _ratios(merged, window)
    links = _links(shown, place, features["ticker"].to_list())
    rows = []
    for record in features.iter_rows(named=True):
        ticker = record["ticker"]
        tape = tapes[ticker]
        one = signal_history.streak(ticker, tape, days)
        rows.append(
            {
                "ticker": ticker,
                "link": links.get(ticker, ""),
                "cells": {name: view.cell(name, record) for name in SHOWN if name in IN_FEATURES},
                "muted": view.is_muted(record["quality"]),
                "streak": one.length if one else None,
                "change": changes.get(ticker),
                "spark": spark(ratios.get(ticker, [None] * len(window)), top),
                "tape": tape[-TAPE_LENGTH:],
                "flags": [glossary.term(glossary.FLAGS, flag) for flag in glossary.flags_of(record["quality"])],
            }
        )
    ended = [(one, tapes[one.ticker][-1]) for one in signal_history.ended(tapes, days, LEAST_STREAK)]
    return Overview(
        rows, links, signal_history.streaks(tapes, days, LEAST_STREAK), ended, days[-TAPE_LENGTH:], top, len(window)
    )


def _links(shown: Session, place: Path, tickers: Sequence[str]) -> dict[str, str]:
    """Where each ticker leads, relative to the index: its row on the session's page, or without a page its plot."""
    if shown.has_page:
        return {ticker: f"{place.name}/table.html#row={quote(ticker, safe='')}" for ticker in tickers}
    there = {path.name for path in place.glob("plots/*.png")}
    names = {ticker: f"{file_name(ticker)}.png" for ticker in tickers}
    return {ticker: f"{place.name}/plots/{quote(name)}" for ticker, name in names.items() if name in there}


def _ratios(merged: pl.DataFrame, window: Sequence[date]) -> dict[str, list[float | None]]:
    place = {day: i for i, day in enumerate(window)}
    found: dict[str, list[float | None]] = {}
    for day, ticker, ratio in merged.iter_rows():
        found.setdefault(ticker, [None] * len(window))[place[day]] = ratio
    return found


def spark(values: Sequence[float | None], top: float) -> Spark:
    """The values from left to right on a scale from 0 to `top`; nulls are gaps, a value between two gaps is a dot."""
    step = 96 / max(len(values) - 1, 1)
    points = [
        None if value is None else (2 + i * step, 18 - 16 * min(value, top) / top) for i, value in enumerate(values)
    ]
    path, previous = [], None
    for i, point in enumerate(points):
        if point is not None:
            path.append(f"{'M' if previous is None else 'L'}{point[0]:.4g} {point[1]:.3g}")
            if previous is None and (i + 1 == len(points) or points[i + 1] is None):
                path.append("h0")
        previous = point
    known = [value for value in values if value is not None]
    words = (
        f"from {glossary.written('fraction', min(known))} to {glossary.written('fraction', max(known))} "
        f"over {len(known)} of {len(values)} sessions"
        if known
        else "no value in this window"
    )
    return Spark("".join(path), points[-1] if points else None, words)


def _columns() -> list[glossary.Column]:
    return [(glossary.INDEX_COLUMNS.get(name) or glossary.COLUMNS[name]) for name in ("ticker", *SHOWN)]


@cache
def _environment() -> Environment:
    from jinja2 import DictLoader, Environment, StrictUndefined

    return Environment(
        loader=DictLoader({path.name: path.read_text(encoding="utf-8") for path in (TEMPLATE, STYLE)}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _script() -> tuple[str, str]:
    """The page's script and its hash for the content security policy, so that no other script can run."""
    text = SCRIPT.read_text(encoding="utf-8")
    return text, base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
