"""What Polygon's grouped daily call answers: a session's bar of every name of the market, held against the question.

`T` is the name, `o h l c` USD a share and `vw` their average by volume, `v` shares, `n` trades, `t` the *end* of the
bar in ms UTC. Prices are as traded: adjusted ones would change with every later split, and are refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pyarrow.parquet as pq

from ... import listing
from ..failure import Failure
from .page import ADJUSTED, MILLISECOND, MOST, day_window, message

MOST_ODD = 10
"""Rows that are refused one by one; an answer with more of them is none."""
PRICES = ("o", "h", "l", "c")
MOST_LETTERS = 32
"""Of a name: nothing that trades has so long a one."""
_KNOWN: Mapping[str, type[pl.DataType]] = {
    "T": pl.String, "v": pl.Float64, "vw": pl.Float64, "o": pl.Float64, "c": pl.Float64, "h": pl.Float64,
    "l": pl.Float64, "t": pl.Int64, "n": pl.Int64,
}  # fmt: skip
READ: Mapping[str, type[pl.DataType]] = {"symbol": pl.String, **dict.fromkeys(("open", "close", "volume"), pl.Float64)}
"""What `prices` gives: symbols in Polygon's spelling, USD a share as traded, and shares."""


class Market(NamedTuple):
    """`rows` as sent, a row a name in byte order; `refused`: what was wrong with those left out, None where nothing."""

    rows: pl.DataFrame
    refused: str | None


class _Repeating(dict[str, Any]):
    """An object that names a field twice, of which readers of JSON take the one or the other."""


def read(body: bytes, session: date) -> Market:
    """The rows of an answer about `session`; none where the vendor has none.

    Raises Failure: `outage` where it answers another question or is no answer, `truncated` where it is not all of one,
    `damaged` with more than ten odd rows, or no other ones.
    """
    rows = _results(_content(body))
    start, end = (moment * MILLISECOND for moment in day_window(session))
    elsewhere = [
        row for row in rows if isinstance(row, dict) and _is_whole(row.get("t")) and not start <= row["t"] < end
    ]
    if elsewhere:
        raise Failure(
            "outage",
            f"asked for {session}, answered with {len(elsewhere)} rows of other days ({elsewhere[0].get('T')!r}, "
            f"t {elsewhere[0]['t']})",
        )
    sound: dict[str, dict[str, Any]] = {}
    odd: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        what = _odd(row)
        name = row["T"] if not what else f"row {number}"
        if what:
            odd[name] = what
        elif sound.setdefault(name, row) != row:
            odd[name] = "two bars that differ, expected one"
    kept = [sound[name] for name in sorted(sound.keys() - odd.keys())]
    if len(odd) > MOST_ODD or (odd and not kept):
        raise Failure("damaged", f"{len(odd)} of {len(rows)} rows are odd: {_told(odd)}")
    return Market(_frame(kept), f"{len(odd)} odd rows refused: {_told(odd)}" if odd else None)


def prices(path: Path, session: date) -> pl.DataFrame:
    """Columns `READ` of a file of the archive, which somebody may have copied in; a name that comes twice has no price.

    Raises ValueError, naming the file, where its rows are not the session's or no such numbers; ArrowException, OSError
    for what is no Parquet file.
    """
    with pq.ParquetFile(path) as file:
        held = set(file.schema_arrow.names)
        missing = {"T", "o", "c", "v", "t"} - held
        if missing:
            raise ValueError(f"{path}: columns {', '.join(sorted(missing))} are missing")
        table = pl.from_arrow(file.read(columns=["T", "o", "c", "v", "t"]))
    assert isinstance(table, pl.DataFrame)
    wrong = [name for name in ("o", "c", "v") if not table.schema[name].is_numeric()]
    wrong += [name for name in ("t",) if not table.schema[name].is_integer()]
    if wrong or table.schema["T"] != pl.String:
        named = wrong[0] if wrong else "T"
        raise ValueError(f"{path}: column {named} is {table.schema[named]}, expected {_KNOWN[named].__name__}")
    start, end = (moment * MILLISECOND for moment in day_window(session))
    outside = table.filter(pl.col("t").is_between(start, end, closed="left").not_())
    if outside.height:
        raise ValueError(f"{path}: {outside.height} rows of other days than {session} (t {outside['t'][0]})")
    open_, close, volume = (pl.col(name).cast(pl.Float64) for name in ("o", "c", "v"))
    is_price = [price.is_finite() & (price > 0) & (price < MOST) for price in (open_, close)]
    return (
        table.unique(maintain_order=True)
        .filter(pl.col("T").is_not_null() & pl.col("T").is_unique())
        .select(
            pl.col("T").alias("symbol"),
            pl.when(is_price[0]).then(open_).alias("open"),
            pl.when(is_price[1]).then(close).alias("close"),
            pl.when(volume.is_finite() & (volume >= 0) & (volume < MOST)).then(volume).alias("volume"),
        )
        .sort("symbol")
    )


def _content(body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(body, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        began = body[:15].decode("ascii", "replace").strip()
        raise Failure("outage", f"the answer is no JSON, it begins with {began!r}") from None
    if not isinstance(content, dict) or not {"status", "results", "resultsCount"} & content.keys():
        raise Failure("outage", "the answer is JSON, but no page: expected an object with status and results")
    if isinstance(content, _Repeating):
        raise Failure("outage", "the answer names a field twice")
    status = content.get("status", "OK")
    if status not in ("OK", "DELAYED"):
        raise Failure("outage", f"the answer's status is {str(status)[:40]}: {message(body)}")
    return content


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Repeating(found)


def _results(content: Mapping[str, Any]) -> list[Any]:
    """The rows, all that there are and as traded."""
    rows = content.get("results")
    if rows is None:
        rows = []
    if not isinstance(rows, list):
        raise Failure("outage", f"results are {type(rows).__name__}, expected a list of rows")
    counts = {name: content[name] for name in ("resultsCount", "queryCount") if content.get(name) is not None}
    for name, count in counts.items():
        if not _is_whole(count) or count < 0:
            raise Failure("outage", f"{name} is {str(count)[:40]}, expected a whole number")
    if counts.get("resultsCount", len(rows)) != len(rows):
        raise Failure("truncated", f"resultsCount is {counts['resultsCount']}, {len(rows)} rows came")
    if counts.get("queryCount", len(rows)) < len(rows):
        raise Failure("outage", f"queryCount is {counts['queryCount']}, fewer than the {len(rows)} rows that came")
    if content.get("next_url"):
        raise Failure("truncated", "the answer names a further page, which the grouped call has none of")
    if rows and content.get(ADJUSTED) is not False:
        said = json.dumps(content.get(ADJUSTED))[:40] if ADJUSTED in content else "missing"
        raise Failure("outage", f"{ADJUSTED} is {said}, asked for false: prices as traded")
    return rows


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _is_number(value: object) -> bool:
    """A JSON number that can be an amount: finite, not negative, below what is ever traded."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < MOST and math.isfinite(value)


def _odd(row: object) -> str | None:
    """What is wrong with a row, None where nothing is."""
    if not isinstance(row, dict):
        return f"{json.dumps(row)[:40]}, expected an object"
    name = row.get("T")
    if not isinstance(name, str) or not name.isascii() or not name.isprintable() or not 0 < len(name) <= MOST_LETTERS:
        return f"T is {name!r:.60}, expected a symbol"
    if isinstance(row, _Repeating):
        return f"{name} names a field twice"
    for field in PRICES:
        if not _is_number(row.get(field)) or not row[field] > 0:
            return f"{field} of {name} is {row.get(field)!r:.40}, expected a price"
    if not _is_number(row.get("v")):
        return f"v of {name} is {row.get('v')!r:.40}, expected a volume"
    if row.get("vw") is not None and not _is_number(row["vw"]):
        return f"vw of {name} is {row['vw']!r:.40}, expected a price"
    if row.get("n") is not None and not (_is_whole(row["n"]) and row["n"] >= 0):
        return f"n of {name} is {row['n']!r:.40}, expected a count"
    if not _is_whole(row.get("t")):
        return f"t of {name} is {row.get('t')!r:.40}, expected milliseconds"
    return None


def _told(odd: Mapping[str, str]) -> str:
    lines = [what if name.startswith("row ") else f"{name}: {what}" for name, what in odd.items()]
    return "; ".join(listing.few(lines))


def _frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows with the vendor's own fields, those that nobody knows behind the known ones."""
    if not rows:
        return pl.DataFrame(schema=dict(_KNOWN))
    names = {name for row in rows for name in row}
    ordered = [*(name for name in _KNOWN if name in names), *sorted(names - _KNOWN.keys())]
    return pl.DataFrame({_text(name): _column([row.get(name) for row in rows], _KNOWN.get(name)) for name in ordered})


def _column(values: Sequence[Any], kind: type[pl.DataType] | None) -> pl.Series:
    """A column of this kind; of a field that nobody knows of its own where all values are of one, else of JSON."""
    kinds = {type(value) for value in values if value is not None}
    if kind is None and kinds in ({bool}, {str}):
        kind = pl.Boolean if kinds == {bool} else pl.String
    elif kind is None and kinds <= {int, float} and all(value is None or abs(value) < MOST for value in values):
        kind = pl.Int64 if kinds == {int} else pl.Float64
    if kind is None:
        return pl.Series([None if value is None else json.dumps(value) for value in values], dtype=pl.String)
    if kind == pl.Float64:
        values = [None if value is None else float(value) for value in values]
    elif kind == pl.String:
        values = [None if value is None else _text(value) for value in values]
    return pl.Series(values, dtype=kind)


def _text(text: str) -> str:
    """Without halves of a character, which JSON may hold and no file may."""
    return text.encode("utf-8", "backslashreplace").decode()
