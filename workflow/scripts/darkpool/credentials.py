"""Keys from the environment or from `.env` in the working folder, where the environment's own come first.

`which` tells that a key is there; `read` and `listed` are for the one function that sends it. `hidden` takes keys out
of a text again: a vendor may repeat one in its answer, and a library an address in its error.
"""

from __future__ import annotations

import base64
import os
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, quote_plus

FILE = Path(".env")
POLYGON = ("POLYGON_API_KEY", "MASSIVE_API_KEY")
"""Names of the one key of Polygon, now Massive; the first that is set counts."""
SECRETS = (*POLYGON, "FINRA_API_KEY", "FINRA_API_SECRET", "DARKPOOL_NOTIFY")
HIDDEN = "(hidden)"
SHORTEST = 6
"""Characters below which a secret is not looked for in texts: it would be found in words."""

_handed_out: set[str] = set()


def which(names: Sequence[str]) -> str | None:
    """The first of `names` that is set; None when none is."""
    written = _written()
    return next((name for name in names if os.environ.get(name, "").strip() or written.get(name)), None)


def read(name: str) -> str:
    """The key called `name`.

    Raises ValueError, without the key, when there is none or when it cannot be sent in a header.
    """
    key = setting(name)
    if not key:
        raise ValueError(f"{name} is not set, neither in the environment nor in {FILE}")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError(f"{name} holds characters that no key has: set it again, on one line and without blanks")
    remember(key)
    return key


def setting(name: str) -> str:
    """The value called `name`, empty where there is none."""
    return os.environ.get(name, "").strip() or _written().get(name, "")


def listed(name: str) -> list[str]:
    """The addresses called `name`, separated by blanks, or by a comma before the next scheme."""
    addresses = [part for part in re.split(r"\s+|,(?=\s*[A-Za-z][\w+.-]*://)", setting(name)) if part.strip(",")]
    addresses = [address.strip(",") for address in addresses]
    for address in addresses:
        remember(address)
        # The parts of an address are its secrets: user, password, token, path.
        for part in re.split(r"[/:@?&=]+", address.partition("://")[2]):
            if len(part) > 2 * SHORTEST and re.search(r"\d", part) and "." not in part:
                remember(part)
    return addresses


def remember(*secrets: str) -> None:
    """Let `hidden` know these, and what a pair is in the header of basic authentication."""
    _handed_out.update(_spelt(*secrets))


def _spelt(*secrets: str) -> set[str]:
    found = [secret for secret in secrets if len(secret) >= SHORTEST]
    if len(secrets) == 2:
        found.append(base64.b64encode(":".join(secrets).encode()).decode())
    return {spelling for secret in found for spelling in (secret, quote(secret, safe=""), quote_plus(secret))}


def hidden(text: str) -> str:
    """`text` without the secrets that are set, and those that this process was given."""
    known = set(_handed_out)
    with suppress(ValueError):
        known |= {spelling for name in SECRETS for spelling in _spelt(setting(name))}
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def check() -> None:
    """Raise ValueError when `.env` is there and cannot be trusted to hold secrets."""
    _written()


def _written() -> dict[str, str]:
    try:
        _refuse_shared(FILE.stat())
        lines = FILE.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{FILE} cannot be read ({type(error).__name__}); expected lines NAME=value") from None
    pairs = (line.strip().removeprefix("export ").partition("=") for line in lines if not line.lstrip().startswith("#"))
    return {name.strip(): _unquoted(value.strip()) for name, equals, value in pairs if equals}


def _refuse_shared(about: os.stat_result) -> None:
    """A file that another user can read, or owns and so can open to everybody, is no place for a key."""
    mode = stat.S_IMODE(about.st_mode)
    if mode & 0o077:
        raise ValueError(
            f"{FILE} can be read by other users of this machine (mode {mode:03o}). Close it: chmod 600 {FILE}. Where "
            "the file system keeps no modes, remove it and set the keys in the environment. A key that others could "
            "read is better renewed at its vendor"
        )
    if os.geteuid() not in (0, about.st_uid):
        raise ValueError(
            f"{FILE} belongs to another user (id {about.st_uid}), who can read and change it. Make it your own: "
            f"cp {FILE} {FILE}.own && chmod 600 {FILE}.own && mv -f {FILE}.own {FILE}"
        )


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1].strip()
    return value.partition(" #")[0].strip()
