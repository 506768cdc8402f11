"""Every session of a scan on disk: its state, why, and what its tickers say. The folders are the truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from ...files import sha256
from ...market import sessions
from ...session import files, sources
from ...tables import contracts, glossary

DECISIVE = ("signal", "estimated_bought")
SAID = {"date": pl.Date, "ticker": pl.String, "signal": pl.String, "estimated": pl.Boolean}
FACTS = {"sources": "[]", "notes": "[]", "simulated": "false"}
"""What a table carries beside its rows, and what stands for it where it carries nothing, as JSON."""


@dataclass(frozen=True)
class Session:
    """A session's folder: its state, why, what its table carries, and what its tickers say.

    `facts` as FACTS; `said`: date, ticker, signal, estimated.
    """

    day: date
    state: str
    reason: str = ""
    has_page: bool = False
    simulated: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    said: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SAID))


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
        facts, said = _features(place / files.FEATURES, day)
    except (ValueError, KeyError, OSError) as error:
        return Session(day, "damaged", str(error), has_page)
    settings, vouched = _manifest(place)
    mode = "weekly" if (place / files.WEEKS).is_file() else "daily"
    waiting = [source for source in facts["sources"] if sources.holds_up(source, mode)]
    if vouched:
        state, reason = "complete", ""
    elif waiting:
        state, reason = "waiting", "; ".join(_why(source) for source in waiting)
    elif vouched is None:
        state, reason = ("unfinished" if has_page else "tables"), ""
    else:
        state, reason = "outdated", ""
    return Session(day, state, reason, has_page, facts["simulated"], facts, settings, said)


def _why(source: Mapping[str, Any]) -> str:
    state = glossary.term(glossary.STATES, str(source["state"])).label
    return f"{source['source']} {state}" + (f" ({source['reason']})" if source.get("reason") else "")


def _features(path: Path, day: date) -> tuple[dict[str, Any], pl.DataFrame]:
    """What the table says of its sources, and the signal of each ticker: three columns."""
    frame = contracts.columns("features", path, ["ticker", *DECISIVE])
    about = contracts.metadata(path)
    facts = {name: json.loads(about.get(name, default)) for name, default in FACTS.items()}
    said = frame.select(
        pl.lit(day, dtype=pl.Date).alias("date"),
        "ticker",
        "signal",
        pl.col("estimated_bought").is_not_null().alias("estimated"),
    )
    return facts, said


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
