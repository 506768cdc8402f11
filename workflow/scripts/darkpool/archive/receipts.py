"""What a receipt looks like: whoever edits one by hand is told what is wrong with it in one sentence by every reader.

A receipt holds entries by what was asked for: FINRA's by file, Yahoo's by ticker, the ticks' by ticker and kind,
FINRA's weeks by Monday and tier.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import Any, TypedDict

from ..states import STATES, State

GROUPS = ("files", "tickers", "weeks")
SHAPES = {
    "finra": ("files", 1),
    "yahoo": ("tickers", 1),
    "yahoo_market": ("tickers", 1),
    "polygon": ("tickers", 2),
    "polygon_grouped": ("files", 1),
    "finra_weekly": ("weeks", 2),
}
"""By source: where its entries stand, and how many names lead to one. A kind of ticks may be null: not asked yet."""
TEXTS, NUMBERS = ("reason", "file", "sha256", "retrieved_at", "etag", "address"), ("rows", "status")


class Before(TypedDict, total=False):
    """Of a damaged file: what its entry said before."""

    state: State
    reason: str | None


class Entry(TypedDict, total=False):
    """What a receipt says of one thing asked for; JSON on disk, where a name may be missing.

    What every entry has is null where there is nothing to say. `file` is a path in the archive, `sha256` its bytes',
    `rows` those that are the answer's, `retrieved_at` a moment (UTC, ISO 8601). What only some have: `before` and
    `replaces` (a sha256) where a file was damaged, `footer` of ticks, `absurd` and `absurd_since` of values that cannot
    be, `unknown_since` of a ticker that the vendor does not know.
    """

    state: State
    reason: str | None
    file: str | None
    sha256: str | None
    rows: int | None
    address: str | None
    status: int | None
    etag: str | None
    retrieved_at: str | None
    before: Before
    replaces: str | None
    footer: str
    absurd: bool
    absurd_since: str
    unknown_since: str


class _Lenient(dict[str, Any]):
    """An entry as it was read: a name that is missing is None."""

    def __missing__(self, name: str) -> None:
        return None


class ReceiptError(ValueError):
    """A file that is no receipt; the message names it, what is wrong, and what to do."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path} is no receipt: {what}; delete it and the source is asked again")


def read(path: Path) -> dict[str, Any]:
    """The receipt at `path`, its source being the name of the folder. Raises ReceiptError, FileNotFoundError."""
    try:
        receipt = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ReceiptError(path, f"not readable as JSON ({error})") from None
    for fault in _faults(path.parent.name, receipt):
        raise ReceiptError(path, fault)
    group, depth = SHAPES.get(path.parent.name, ("", 0))
    return {name: _with_entries(value, depth) if name == group else value for name, value in receipt.items()}


def _with_entries(value: Any, depth: int) -> Any:
    if depth == 0:
        return _Lenient(value) if value is not None else None
    return {name: _with_entries(inner, depth - 1) for name, inner in value.items()}


def _faults(source: str, receipt: object) -> Iterator[str]:
    if not isinstance(receipt, dict):
        yield f"{_kind(receipt)}, expected an object"
        return
    known = [group for group in GROUPS if group in receipt]
    group, depth = SHAPES.get(source, (known[0] if known else " or ".join(GROUPS), 0))
    if group not in receipt:
        yield f"{group} is missing"
    elif depth:
        yield from _of_group(group, receipt[group], depth)
    elif not isinstance(receipt[group], dict):
        yield f"{group} is {_kind(receipt[group])}, expected an object"


def _of_group(where: str, value: object, depth: int) -> Iterator[str]:
    """Faults of what stands at `where`, `depth` names above the entries."""
    if depth == 0:
        yield from _of_entry(where, value)
    elif not isinstance(value, dict):
        yield f"{where} is {_kind(value)}, expected an object"
    else:
        for name, inner in value.items():
            if where == "weeks" and not _is(date, name):
                yield f"weeks has {name[:40]!r}, expected the Monday of a week, YYYY-MM-DD"
            if inner is not None or depth > 1 or not where.startswith("tickers."):
                yield from _of_group(f"{where}.{name[:40]}", inner, depth - 1)


def _of_entry(where: str, entry: object) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield f"{where} is {_kind(entry)}, expected an entry"
        return
    for names, kind, expected in ((TEXTS, str, "a text or null"), (NUMBERS, int, "a whole number or null")):
        for name in names:
            if not isinstance(entry.get(name), kind | None) or isinstance(entry.get(name), bool):
                yield f"{where}.{name} is {_kind(entry[name])}, expected {expected}"
    state, file, moment = entry.get("state"), entry.get("file"), entry.get("retrieved_at")
    if not isinstance(state, str) or state not in STATES:
        yield f"{where}.state is {str(state)[:40]!r}, expected one of {', '.join(sorted(STATES))}"
    if isinstance(file, str) and not _is_inside(file):
        yield f"{where}.file is {file[:80]!r}, expected a path in the archive"
    if isinstance(moment, str) and not _is(datetime, moment):
        yield f"{where}.retrieved_at is {moment[:40]!r}, expected a moment as 2025-12-23T11:00:00Z"


def _is(kind: type[date], text: str) -> bool:
    try:
        kind.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_inside(file: str) -> bool:
    path = PurePosixPath(file)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in file


def _kind(value: object) -> str:
    """A JSON value's kind in words."""
    kinds = {type(None): "null", list: "an array", dict: "an object", str: "a text", bool: "true or false"}
    return kinds.get(type(value), "a number")
