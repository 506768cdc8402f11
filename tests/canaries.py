"""Keys that stand for the user's, in every spelling that a program may give them, and the search for them.

They are in the environment of the whole suite, and `canary_search` looks for them in all that it leaves behind.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import polars as pl

POLYGON, FINRA_KEY, FINRA_SECRET = "canary+poly/7d1=e8c2", "canary-finra-id-31b7", "canary+finra/secret=90ac"
S3_ID, S3_SECRET = "canary-flat-id-7f3a9c2e", "canary+flat/secret=51b0"
NOTIFY, TOPIC = "canary-notify-5fe2a81c", "canary-topic-77d0c3b9"
TOKEN = "standin-token-"
"""How every token of the stand-in begins."""
PAIRS = (f"{FINRA_KEY}:{FINRA_SECRET}", f"me:{NOTIFY}")
CREDENTIALS = {"FINRA_API_KEY": FINRA_KEY, "FINRA_API_SECRET": FINRA_SECRET}
KEYS = {
    "POLYGON_API_KEY": POLYGON,
    **CREDENTIALS,
    # Nobody listens there: a message fails, and what fails is what tells too much.
    "DARKPOOL_NOTIFY": f"json://me:{NOTIFY}@127.0.0.1:9/{TOPIC}",
}
STORE = {"POLYGON_S3_ACCESS_KEY_ID": S3_ID, "POLYGON_S3_SECRET_ACCESS_KEY": S3_SECRET}
"""Not in the environment of the suite: where they are set the store of flat files is asked."""
NO_KEYS = dict.fromkeys(KEYS, "")
"""For a command that is to find none: a variable that is empty is not set."""
ENV_FILE = ".env"
"""The one file that may hold them: the user's own."""

_PACKED = {".gz", ".xlsx", ".zip"}
_TEXTS = """
SELECT 'SELECT DISTINCT ' || string_agg('"' || column_name || '"', ', ') || ' FROM "' || table_name || '"'
FROM duckdb_columns() WHERE NOT internal AND data_type SIMILAR TO '.*(CHAR|BLOB|JSON|ENUM).*' GROUP BY table_name
"""
_innocent: set[bytes] = set()
"""Digests of what was found to hold none: of ten files that tests leave, nine are copies."""


def _in_base64(text: str) -> set[str]:
    """What `text` is in anything longer in base64: at three offsets, each without what depends on its neighbours."""
    plain = text.encode()
    spellings = set()
    for offset, begins in enumerate((0, 2, 3)):
        whole = (offset + len(plain)) * 8 // 6
        coded = base64.b64encode(b"\0" * offset + plain).decode()[begins:whole]
        spellings |= {coded, coded.translate(str.maketrans("+/", "-_"))}
    return spellings


def _spelt(key: str) -> re.Pattern[bytes]:
    """`key` as it is, in base64, or with any of its signs quoted for an address, JSON, Python or HTML, even twice."""
    loosely = ""
    for sign in key:
        code = f"{ord(sign):02x}"
        quoted = rf"\\*{re.escape(sign)}|%(?:25)*{code}|\\+(?:u00|x){code}|&#(?:x0*{code}|0*{ord(sign)});"
        loosely += sign if sign.isalnum() else f"(?:{quoted})"
    return re.compile("|".join([f"(?i:{loosely})", *map(re.escape, _in_base64(key))]).encode())


_NAMED = {
    "the key of Polygon": POLYGON, "the store's id": S3_ID, "the store's secret": S3_SECRET,
    "FINRA's id": FINRA_KEY, "FINRA's secret": FINRA_SECRET, "FINRA's token": TOKEN,
    "the password of the message's address": NOTIFY, "the topic of the message's address": TOPIC,
}  # fmt: skip
_PATTERNS = {name: _spelt(key) for name, key in _NAMED.items()}
# Few and fixed, so that what holds no key, which is nearly everything, is passed over at the speed of memory.
_STEMS = tuple(stem.encode() for word in ("canary", "standin") for stem in (word, *_in_base64(word)))


def in_bytes(content: bytes) -> set[str]:
    """Whose keys `content` holds."""
    if not any(stem in content for stem in _STEMS):
        return set()
    return {name for name, pattern in _PATTERNS.items() if pattern.search(content)}


def in_text(text: str) -> set[str]:
    return in_bytes(text.encode("utf-8", "replace"))


def in_file(path: Path) -> set[str]:
    """Whose keys a file's name or bytes hold, the bytes unpacked too where they are packed."""
    found = in_text(path.name)
    try:
        lying = path.read_bytes()
    except OSError:  # gone by now, or closed on purpose
        return found
    digest = hashlib.blake2b(path.suffix.encode() + lying).digest()
    if digest in _innocent:
        return found
    held = in_bytes(lying)
    # Tests damage files: those have been searched as they lie.
    with suppress(Exception):
        for content in _unpacked(path):
            held |= in_bytes(content)
        if not held:
            _innocent.add(digest)
    return found | held


def in_tree(root: Path) -> dict[str, set[str]]:
    """The files below `root` that hold keys, and whose; links are not followed, the user's `.env` is passed over."""
    return {str(path.relative_to(root)): found for path in files(root) if (found := in_file(path))}


def files(root: Path) -> Iterator[Path]:
    """What `in_tree` searches."""
    for folder, _, names in os.walk(root):
        paths = (Path(folder, name) for name in names if name != ENV_FILE)
        yield from (path for path in paths if path.is_file() and not path.is_symlink())


def _unpacked(path: Path) -> Iterator[bytes]:
    if path.suffix == ".parquet":
        yield str(pl.read_parquet_metadata(path)).encode()
        for column in pl.read_parquet(path):
            if column.dtype == pl.String:
                yield "\n".join(column.unique().drop_nulls().to_list()).encode()
            elif column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Categorical):
                yield str(column.to_list()).encode()
    elif path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as con:
            for (texts,) in con.execute(_TEXTS).fetchall():
                yield str(con.execute(texts).fetchall()).encode()
    elif path.suffix in _PACKED:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                yield from (packed.read(member) for member in packed.namelist())
        else:
            yield gzip.decompress(path.read_bytes())
