"""A scan's index: one page over every session on disk. The folders are the truth, and the same folders the same bytes.

No clock enters: the newest session on disk stands where others would say today.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ...files import write_atomic
from ...session import files
from ...session.selection import NotThere
from ...tables import glossary, study_table
from .. import study_words
from ..page import banners, values
from ..page.context import PageContext
from ..page.sheet import INFERRED
from . import market_streaks, session_states, signal_history, watchlist
from .session_states import Session
from .watchlist import LEAST_STREAK, LOOKED_AT, SHOWN

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).with_name("templates")
TEMPLATE, STYLE, SCRIPT = _TEMPLATES / "index.html.j2", _TEMPLATES / "index.css", _TEMPLATES / "index.js"
OPEN_MONTHS = 2
MOST_OPEN = 12


def write(folder: Path, lagging: str = "") -> Path:
    """Write the index of the scan whose sessions are in `folder` (results/<scan>); returns its path.

    `lagging` is what is to be said of a store that lags behind the files.

    A session that cannot be read is shown as damaged, with the reason, and stops nothing. Raises NotThere where there
    is no such folder.
    """
    if not folder.is_dir():
        raise NotThere(f"{folder} is not there; the folder of a scan was expected, as results/emps2")
    target = folder / files.INDEX
    write_atomic(target, render(folder, lagging).encode())
    return target


def render(folder: Path, lagging: str = "") -> str:
    """The page. It asks the network for nothing, runs without its script, and holds no clock."""
    found = session_states.read(folder)
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
            lagging=lagging,
            newest=newest,
            context=context,
            sources=banners.sources(context) if context else [],
            simulated=any(session.simulated for session in found),
            sessions={session.day: session for session in found},
            counts={session.day: _counts(session) for session in readable},
            states={state: list(states.values()).count(state) for state in glossary.SESSION_STATES},
            months=signal_history.calendar(states),
            open_months=OPEN_MONTHS,
            missing=signal_history.missing(states),
            open_ones=_open_ones(found, folder),
            shown=shown,
            watchlist=watchlist.read(folder, shown, readable) if shown else None,
            movers=watchlist.movers(folder, [session for session in readable if shown and session.day <= shown.day]),
            market=market_streaks.read(folder, [session.day for session in readable]),
            studies=_studies(folder),
            least_market=market_streaks.LEAST,
            least_streak=LEAST_STREAK,
            looked_at=LOOKED_AT,
            columns=_columns(),
            most_open=MOST_OPEN,
            inferred=INFERRED,
            cell=values.cell,
            glossary=glossary,
            numeric=glossary.NUMERIC,
            script=script,
            script_hash=script_hash,
        )
    )


def _context(folder: Path, newest: Session | None, found: Sequence[Session]) -> PageContext | None:
    """What the newest session's page says of itself; the settings are those of the newest manifest there is."""
    if newest is None:
        return None
    settings = next((session.settings for session in reversed(found) if session.settings), {})
    history = settings.get("history", {})
    default = PageContext("", newest.day, "", False)
    return PageContext(
        scan=folder.name,
        session=newest.day,
        mode=str(settings.get("mode", "")),
        simulated=newest.simulated,
        sources=newest.facts["sources"],
        notes=newest.facts["notes"],
        thresholds=settings.get("signal", default.thresholds),
        ma=history.get("ma", default.ma),
        window=history.get("window", default.window),
    )


def _studies(folder: Path) -> list[dict[str, Any]]:
    """The studies of the scan that are there: the watchlist's, and the whole market's."""
    found = []
    for name, figure in ((files.STUDY, files.STUDY_FIGURE), (files.MARKET_STUDY, files.MARKET_STUDY_FIGURE)):
        if (told := study_table.read(folder / name)) is not None:
            found.append(
                {
                    "title": study_words.title(told),
                    "facts": study_words.facts(told),
                    "sentences": study_words.sentences(told),
                    "limit": study_words.limit(told),
                    "figure": figure if (folder / figure).is_file() else "",
                }
            )
    return found


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
    open_ones = []
    for day in sorted(days, reverse=True):
        one = states.get(day)
        command = f"snakemake --cores 4 results/{folder.name}/{day}/all"
        open_ones.append((day, one.state if one else signal_history.MISSING, one.reason if one else "", command))
    return open_ones


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
