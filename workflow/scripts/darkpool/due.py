"""What still has to be asked for a session, read from its receipts: the fetch rules run again only for that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from . import layout, sessions
from .archive import FINAL_STATES, Archive, sha256

GRACE = 5
"""Sessions after its own during which a vendor may still be late."""


def finra(archive: Archive, session: date, files: Iterable[str]) -> list[str]:
    """Files of the window whose state is not final, and those that the archive has lost since."""
    receipt = archive.receipt("finra", session)
    if receipt is None:
        return list(files)
    entries = receipt["files"]
    return [name for name in files if _is_due(archive, entries.get(name), name.endswith(f"{session:%Y%m%d}.txt"))]


def yahoo(archive: Archive, session: date, tickers: Sequence[str]) -> list[str]:
    """Tickers that no answer has and whose state is not final, or whose volume was not settled."""
    receipt = archive.receipt("yahoo", session)
    if receipt is None:
        return list(tickers)
    entries = receipt["tickers"]
    damaged = {
        name for name in {entry["file"] for entry in entries.values() if entry["file"]}
        if not archive.path(name).is_file() or sha256(archive.path(name)) not in {e["sha256"] for e in entries.values()}
    }
    return [
        ticker for ticker in tickers
        if (entry := entries.get(ticker)) is None or entry["state"] not in FINAL_STATES or entry["file"] in damaged
    ]


def _is_due(archive: Archive, entry: dict[str, Any] | None, verify: bool) -> bool:
    if entry is None or entry["state"] not in FINAL_STATES:
        return True
    if not entry["file"]:
        return False
    path = archive.path(entry["file"])
    return not path.is_file() or (verify and sha256(path) != entry["sha256"])


def grace_is_over(session: date, today: date) -> bool:
    """Whether a vendor that still has nothing for `session` is taken at its word: five sessions later."""
    return len(sessions.between(session, today)) > GRACE
