"""How a value becomes what stands in a cell: text, exact value, explanation; what is unknown says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...measures.stands_out import FAR_BY, FAR_OUT, INSTEAD
from ...tables import glossary
from ...tables.column import Column
from ...tables.columns import CHECK_COLUMNS, COLUMNS, WEEK_COLUMNS
from ..sign_methods import METHODS
from .explanations import key

BARRED = ("offex_ratio",)
"""Columns whose cells carry their fraction as a bar too."""


class Band(NamedTuple):
    """The buy ratio as a point in its band, in percent of the volume; the band's ends are null where it is unknown."""

    at: float
    low: float | None
    high: float | None
    look: str


class Cell(NamedTuple):
    """One value as shown: its text, its exact value, the entry that explains it, and what else the cell carries.

    `bar`: percent; `beside`: small words after the text; `far`: high or low where the value is far out; `band`.
    """

    text: str
    value: str
    kind: str = ""
    entry: str = ""
    bar: float | None = None
    beside: str = ""
    far: str = ""
    band: Band | None = None


def _unknown(column: Column, flags: list[str], table: str = "") -> Cell:
    flag = next((flag for flag in column.unknown_by if flag in flags), None)
    entry = key(f"{table}flag", flag) if flag else key(f"{table}why", column.name)
    return Cell(glossary.UNKNOWN, "", "unknown", entry)


def _exact(value: object) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def _signal(signal: str, strength: str = "") -> Cell:
    label = glossary.term(glossary.SIGNALS, signal).label
    beside = glossary.term(glossary.STRENGTHS, strength).label if signal and strength else ""
    return Cell(label, signal, "signal", key("signal", signal or "neutral"), beside=beside)


def far(name: str, record: Mapping[str, Any]) -> str:
    """Whether the cell of column `name` in a row is far out: high, low or neither."""
    measured = FAR_BY.get(name, name)
    if measured not in FAR_OUT or (name in INSTEAD and record[INSTEAD[name]] is not None):
        return ""
    (low, high), value = FAR_OUT[measured], record[measured]
    if value is None:
        return ""
    return "low" if value <= low else "high" if value >= high else ""


def _percent(value: float) -> float:
    return round(min(100 * value, 100), 1)


def _band(record: Mapping[str, Any]) -> Band:
    volume, ends = record.get("trf_volume"), (record.get("bought_low"), record.get("bought_high"))
    low, high = (None if end is None or not volume else _percent(end / volume) for end in ends)
    look = " ".join(filter(None, (record.get("signal"), record.get("strength")))) or "neutral"
    return Band(_percent(record["lit_buy_ratio"]), low, high, look)


def _beside(name: str, record: Mapping[str, Any]) -> str:
    """The band of what was bought, beside it."""
    if name != "estimated_bought" or record["bought_low"] is None or record["bought_high"] is None:
        return ""
    return f"{glossary.shares(record['bought_low'])} to {glossary.shares(record['bought_high'])}"


def cell(name: str, record: Mapping[str, Any]) -> Cell:
    """The cell of column `name` in a row of `features`; a null, and a signal nothing is known of, say why."""
    column, value, flags = COLUMNS[name], record[name], glossary.flags_of(record["quality"])
    if name == "signal":
        told = value or record["estimated_bought"] is not None
        return _signal(value, record.get("strength", "")) if told else _unknown(column, flags)
    if name == "classification_method":
        return Cell(glossary.term(METHODS, value).label, value, "term", key("method", value))
    if name == "opinions":
        if value == "none":
            return _unknown(column, flags)
        return Cell(glossary.term(glossary.OPINIONS, value).label, value, "term", key("opinion", value))
    if name == "strength" and value:
        return Cell(glossary.term(glossary.STRENGTHS, value).label, value, "term", key("strength", value))
    text = glossary.written(column.kind, value or None if name == "strength" else value)
    if text == glossary.UNKNOWN:
        return _unknown(column, flags)
    return Cell(
        text,
        _exact(value),
        bar=_percent(value) if name in BARRED else None,
        beside=_beside(name, record),
        far=far(name, record),
        band=_band(record) if name == "lit_buy_ratio" else None,
    )


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
        return Cell(glossary.term(glossary.CHECKS, value).label, value, "term", key("check", value))
    if name == "verdict":
        verdict = glossary.term(glossary.VERDICTS, value)
        return Cell(verdict.label, value, f"verdict {verdict.tone}", key("verdict", value))
    if value is None:
        return _unknown(CHECK_COLUMNS[name], [], "check-")
    if name in ("ratio", "low", "high"):
        return Cell(glossary.in_band(value, record["low"], record["high"]), _exact(value))
    if name in ("left", "right"):
        return Cell(glossary.exact_shares(value), _exact(value))
    return Cell(str(value), str(value), "words" if name == "why" else "")
