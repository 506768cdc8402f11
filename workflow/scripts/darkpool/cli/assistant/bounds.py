"""What goes in and out of the server is bounded: no path of the machine, no key, no control character, no flood."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from ... import credentials
from ...session.selection import NotUnderstood

LONGEST, LONGEST_SQL, LONGEST_WORDS = 200, 4_000, 300
MOST_ROWS = 200
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_ABSOLUTE = re.compile(r"(?<![\w.:/])(?:/|[A-Za-z]:\\)(?:[\w.@%+~-]+[/\\])+[\w.@%+~-]*")


def asked(name: str, text: str, longest: int = LONGEST) -> str:
    """An argument as given; raises NotUnderstood for one that is too long or holds control characters."""
    if len(text) > longest:
        raise NotUnderstood(f"{name} has {len(text):,} characters; at most {longest:,} are taken")
    if _CONTROLS.search(text.replace("\n", " ").replace("\t", " ") if longest == LONGEST_SQL else text):
        raise NotUnderstood(f"{name} holds control characters; plain text was expected")
    return text


def count(name: str, number: int, most: int = MOST_ROWS) -> int:
    """A number of rows; raises NotUnderstood outside of 1 to `most`."""
    if not 1 <= number <= most:
        raise NotUnderstood(f"{name} is {number}; 1 to {most} were expected")
    return number


def told(text: str) -> str:
    """A message of ours: without keys, and without any place of this machine."""
    text = credentials.hidden(text)
    for place in {str(Path.cwd()), str(Path.home())} - {"/"}:
        text = text.replace(place, "…")
    return _ABSOLUTE.sub("…", text)


def foreign(text: str | None) -> str | None:
    """Words of a vendor or a file: one line, bounded, without what could steer a reader."""
    if text is None:
        return None
    line = _CONTROLS.sub(" ", told(text))
    return line if len(line) <= LONGEST_WORDS else line[: LONGEST_WORDS - 1] + "…"


def cell(value: Any) -> Any:
    """A value of a query's row as JSON takes it."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return foreign(str(value))
