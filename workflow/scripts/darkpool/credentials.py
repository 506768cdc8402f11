"""Keys from the environment or from `.env` in the working folder, where the environment's own come first.

`which` tells that a key is there; `read` and `listed` are for the one function that sends it. `hidden` takes keys out
of a text again: a vendor may repeat one in its answer, and a library an address in its error.
"""

from __future__ import annotations

import base64
import codecs
import os
import re
import stat
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, quote_plus

FILE = Path(".env")
POLYGON = ("POLYGON_API_KEY", "MASSIVE_API_KEY")
"""Names of the one key of Polygon, now Massive; the first that is set counts."""
S3_ID = ("POLYGON_S3_ACCESS_KEY_ID", "MASSIVE_S3_ACCESS_KEY_ID")
S3_SECRET = ("POLYGON_S3_SECRET_ACCESS_KEY", "MASSIVE_S3_SECRET_ACCESS_KEY")
"""Names of the two keys of its store of flat files."""
FINRA = ("FINRA_API_KEY", "FINRA_API_SECRET")
NOTIFY = "DARKPOOL_NOTIFY"
SECRETS = (*POLYGON, *S3_ID, *S3_SECRET, *FINRA, NOTIFY)
HANDED_ON = (
    "FETCH_MODE", "POLYGON_MAX_WORKERS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "XDG_CACHE_HOME",
    *(name for upper in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY") for name in (upper, upper.lower())),
)  # fmt: skip
"""No secrets, but what a scheduler's bare environment lacks: they may stand in `.env` too."""
HIDDEN = "(hidden)"
SHORTEST = 6
"""Characters below which a secret is not looked for in texts: it would be found in words."""

_ENCODINGS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=(?P<value>.*)", re.DOTALL)
_QUOTED = re.compile(r"(?P<quote>['\"])(?P<value>.*?)(?P=quote)(?:\s*|\s+#.*)", re.DOTALL)

_handed_out: set[str] = set()
_withheld: dict[str, str] = {}


class Written(NamedTuple):
    """What the file says."""

    values: dict[str, str]
    odd: tuple[str, ...]
    """What means nothing in it, by the number of the line; never what stands there, which may be a secret."""


def which(names: Sequence[str]) -> str | None:
    """The first of `names` that is set; None when none is."""
    written = _written()
    return next((name for name in names if _given(name) or written.get(name)), None)


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
    return _given(name) or _written().get(name, "")


def _given(name: str) -> str:
    return (os.environ.get(name, "") or _withheld.get(name, "")).strip()


def listed(name: str) -> list[str]:
    """The addresses called `name`, separated by blanks, or by a comma before the next scheme."""
    return _addresses(setting(name))


def _addresses(text: str) -> list[str]:
    addresses = [part for part in re.split(r"\s+|,(?=\s*[A-Za-z][\w+.-]*://)", text) if part.strip(",")]
    addresses = [address.strip(",") for address in addresses]
    for address in addresses:
        remember(address)
        # The parts of an address are its secrets: user, password, token, path.
        for part in re.split(r"[/:@?&=]+", address.partition("://")[2]):
            if len(part) > 2 * SHORTEST and re.search(r"\d", part) and "." not in part:
                remember(part)
    return addresses


def withhold(environment: MutableMapping[str, str]) -> dict[str, str]:
    """Take the secrets out of `environment`, which a cluster would export to its jobs and keep in its files.

    All that were taken so far, for the steps that need them. This process finds and hides them as before, and `.env` is
    not touched.
    """
    taken = {name: environment.pop(name) for name in SECRETS if name in environment}
    remember(*(taken[name].strip() for name in FINRA if name in taken))
    for name, value in taken.items():
        remember(value.strip())
        if name == NOTIFY:
            _addresses(value)
    _withheld.update(taken)
    return dict(_withheld)


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


def check() -> list[str]:
    """What in `.env` means nothing, a sentence per line, without what stands there.

    Raises ValueError when the file is there and cannot be trusted to hold secrets.
    """
    return [f"{FILE}, {fault}" for fault in _read_file().odd]


def _written() -> dict[str, str]:
    return _read_file().values


def _read_file() -> Written:
    try:
        _refuse_shared(FILE.stat())
        return parsed(FILE.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return Written({}, ())
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{FILE} cannot be read ({type(error).__name__}); expected lines NAME=value") from None


def parsed(content: bytes) -> Written:
    """Lines `NAME=value` of a file in UTF-8 or UTF-16, with a byte order mark or without.

    `export` before the name, blanks around the equals sign, quotes around the value and a comment behind it are
    understood; of a name that comes twice the last counts. Raises UnicodeDecodeError.
    """
    values, odd = dict[str, str](), list[str]()
    for number, line in enumerate(content.decode(_encoding(content)).splitlines(), start=1):
        text = line.strip("\ufeff\u200b \t\r\n")
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        value = _value(match["value"]) if match else None
        if match is None or value is None:
            odd.append(f"line {number} means nothing; expected NAME=value, as {POLYGON[0]}=…")
            continue
        if not _is_known(match["name"], is_first=not values):
            odd.append(f"line {number} sets a name that nothing reads; the names are {', '.join(SECRETS)}")
        values[match["name"]] = value
    return Written(values, tuple(odd))


def _encoding(content: bytes) -> str:
    """UTF-8, or UTF-16 by its mark or, without one, by the zeros that plain letters have there."""
    marked = next((name for mark, name in _ENCODINGS.items() if content.startswith(mark)), None)
    if marked or b"\0" not in content[:2]:
        return marked or "utf-8"
    return "utf-16-be" if content.startswith(b"\0") else "utf-16-le"


def _is_known(name: str, is_first: bool) -> bool:
    """Whether a name is ours, or surely another program's: the first in the file is ours, and none is misspelt."""
    known = (*SECRETS, *HANDED_ON)
    if name in known or name.startswith("DARKPOOL_"):
        return True
    return not is_first and not get_close_matches(name.upper(), known, n=1, cutoff=0.85)


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


def _value(written: str) -> str | None:
    """What stands behind the equals sign, without quotes and comment; None where a quote has no other."""
    text = written.strip()
    if text.startswith(("'", '"')):
        match = _QUOTED.fullmatch(text)
        return match["value"].strip() if match else None
    return re.sub(r"\s#.*", "", written).strip()
