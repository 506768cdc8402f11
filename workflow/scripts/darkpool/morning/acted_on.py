"""Which mornings were acted on, in the scan's folder. Without it a morning is acted on once more, and finds it done."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from ..archive.store import iso
from ..files import noted, write_atomic
from ..session import files


def read(results: Path) -> dict[str, Any]:
    """What the mornings so far have left; a file that is not there, or not ours, is a first morning."""
    return noted(results / files.STATE)


def remember(results: Path, kind: str, due: datetime | None, looked_back: str | None) -> None:
    """Keep of a morning of this kind (daily, weekly) when it was due, and the day on which it looked back."""
    state = read(results)
    done = dict(state.get(kind, {}))
    if due is not None:
        done["due"] = iso(due)
    if looked_back:
        done["looked_back"] = looked_back
    if done == state.get(kind, {}):
        return
    content = json.dumps({**state, kind: done}, indent=1, sort_keys=True) + "\n"
    write_atomic(results / files.STATE, content.encode())
