"""The page of the market: which names outside of the watchlist traded off-exchange as they never do, new names apart.

One self-contained file that works from a file: it asks the network for nothing, runs without its script, holds no
clock, and holds no more names than it shows.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import DictLoader, Environment, StrictUndefined

from ...market import symbols
from ...tables import glossary
from ...tables.columns import TABLES
from .. import cells, elsewhere
from ..page import banners, data

_TEMPLATES = Path(__file__).with_name("templates")
PAGE, STYLE, SCRIPT = _TEMPLATES / "market.html.j2", _TEMPLATES / "market.css", _TEMPLATES / "market.js"
COLUMNS = {column.name: column for column in TABLES["market"].columns}
SHOWN = ("volume_z", "volume_multiple", "trf_volume", "median_volume", "offex_ratio", "close", "change_pct")
LABELS: Mapping[str, str] = {
    "volume_z": "z", "volume_multiple": "Multiple", "trf_volume": "Off-exch. volume", "median_volume": "Median",
    "offex_ratio": "Off-exch.", "close": "Close", "change_pct": "Change",
}  # fmt: skip
HEADINGS: Mapping[str, str] = {
    "volume_z": "σ of ln", "volume_multiple": "× normal", "trf_volume": "shares", "median_volume": "shares",
    "offex_ratio": "% of volume", "close": "USD", "change_pct": "% of close",
}  # fmt: skip
KINDS: Mapping[str, str] = {
    "share": "share or fund", "preferred": "preferred", "warrant": "warrant", "unit": "unit", "right": "right",
    "other": "other",
}  # fmt: skip
SENTENCE = (
    "Every symbol of FINRA's daily file against its own up to 60 earlier sessions, in logarithms, the market's own "
    "day taken out. z is in standard deviations; the multiple is against the name's own median. A name is confirmed "
    "where Yahoo told its splits and volume."
)


def render(
    rows: pl.DataFrame,
    scan: str,
    session: date,
    told: Mapping[str, Any],
    *,
    show: int,
    lines: Mapping[str, Sequence[float | None]] | None = None,
) -> str:
    """The page of the table `market`, its first `show` names by rank and as many of the largest new ones.

    `lines`: off-exchange volumes of the window by ticker, the session last, unknown ones null.
    """
    listed, new = elsewhere.ranked(rows, show), elsewhere.newest(rows, show)
    shown = [*listed["ticker"], *new["ticker"]]
    doubts = {"listed": elsewhere.caveat(listed), "new": elsewhere.caveat(new)}
    script = SCRIPT.read_text(encoding="utf-8")
    return _environment().get_template(PAGE.name).render(
        scan=scan, session=session, simulated=told["simulated"], sources=banners.in_words(told["sources"]),
        sentence=elsewhere.day(rows), explained=SENTENCE, count=rows.height, core=int(rows["is_core"].sum()),
        listed=[_cells(row) for row in listed.iter_rows(named=True)],
        new=[_cells(row) for row in new.iter_rows(named=True)],
        doubts=doubts, shown=SHOWN, labels=LABELS, headings=HEADINGS, kinds=KINDS, glossary=glossary,
        data=data.text({"lines": {ticker: list((lines or {}).get(ticker, ())) for ticker in shown}}),
        css=STYLE.read_text(encoding="utf-8"), script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )  # fmt: skip


def render_csv(rows: pl.DataFrame) -> str:
    """All symbols as CSV: the ranked ones first, then the largest; nulls are empty, no cell is run as a formula."""
    neutral = [cells.neutral(name) for name, kind in rows.schema.items() if kind == pl.String]
    ordered = rows.sort(["rank", "trf_volume", "symbol"], descending=[False, True, False], nulls_last=True)
    return ordered.with_columns(neutral).write_csv()


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    kind = symbols.kind(row["ticker"])
    flags = [glossary.term(glossary.FLAGS, flag) for flag in glossary.flags_of(row["quality"]) if flag != "simulated"]
    return {
        "ticker": row["ticker"],
        "kind": kind,
        "followed": row["is_followed"],
        "confirmed": row["confirmed"],
        "flags": flags,
        "values": [(name, glossary.written(COLUMNS[name].kind, row[name]), row[name]) for name in SHOWN],
        "sessions": row["earlier_sessions"],
        "size": row["trf_volume"],
        "close": row["close"],
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=DictLoader({PAGE.name: PAGE.read_text(encoding="utf-8")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["exact"] = lambda value: "" if value is None else json.dumps(value)
    return environment
