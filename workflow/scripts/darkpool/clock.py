"""The time, in one place. DARKPOOL_NOW (ISO 8601 with offset) sets it for rehearsals and tests."""

from __future__ import annotations

import os
from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, aware, UTC, whole seconds."""
    set_by_hand = os.environ.get("DARKPOOL_NOW")
    if set_by_hand:
        try:
            moment = datetime.fromisoformat(set_by_hand)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise ValueError(
                f"DARKPOOL_NOW is {set_by_hand!r}; expected a moment with offset, as 2025-12-23T06:00:00-05:00"
            )
        return moment.astimezone(UTC).replace(microsecond=0)
    return datetime.now(UTC).replace(microsecond=0)
