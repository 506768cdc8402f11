"""Text on a terminal: what steers one is spelt out, so that a vendor's words or a file's name are shown, not obeyed.

Escape sequences move the cursor, clear and rename; marks of writing direction let a line read as another one does.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_STEERING = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_ANYWHERE = re.compile(f"[{_STEERING}]")
_IN_A_LINE = re.compile(f"[{_STEERING}\\t\\n]")


def shown(text: str) -> str:
    """`text` with what could steer a terminal spelt out; its lines and tabs stay.

    >>> shown("a\\x1b[2Jb"), shown("two\\nlines")
    ('a\\\\x1b[2Jb', 'two\\nlines')
    """
    return _ANYWHERE.sub(_spelt, text)


def one_line(text: str) -> str:
    """`text` as one cell of a table."""
    return _IN_A_LINE.sub(_spelt, text)


def _spelt(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


class _Shown:
    """A stream that writes what `shown` makes of a text."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(shown(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def harmless() -> Iterator[None]:
    """Let nothing that is printed steer the terminal."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_Shown, streams)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
