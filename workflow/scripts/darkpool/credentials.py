"""Keys from the environment or from `.env` in the working folder, where the environment's own come first.

`which` tells that a key is there; `read` is for the one function that sends it, and keeps it out of every message.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

FILE = Path(".env")
POLYGON = ("POLYGON_API_KEY", "MASSIVE_API_KEY")
"""Names of the one key of Polygon, now Massive; the first that is set counts."""


def which(names: Sequence[str]) -> str | None:
    """The first of `names` that is set; None when none is."""
    written = _written()
    return next((name for name in names if os.environ.get(name, "").strip() or written.get(name)), None)


def read(name: str) -> str:
    """The key called `name`.

    Raises ValueError, without the key, when there is none or when it cannot be sent in a header.
    """
    key = os.environ.get(name, "").strip() or _written().get(name, "")
    if not key:
        raise ValueError(f"{name} is not set, neither in the environment nor in {FILE}")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError(f"{name} holds characters that no key has: set it again, on one line and without blanks")
    return key


def _written() -> dict[str, str]:
    try:
        lines = FILE.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{FILE} cannot be read ({type(error).__name__}); expected lines NAME=value") from None
    pairs = (line.strip().removeprefix("export ").partition("=") for line in lines if not line.lstrip().startswith("#"))
    return {name.strip(): _unquoted(value.strip()) for name, equals, value in pairs if equals}


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1].strip()
    return value.partition(" #")[0].strip()
