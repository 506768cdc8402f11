"""What may become of a question to a vendor, in receipts and tables, pages and messages alike."""

from __future__ import annotations

from typing import Literal, get_args

State = Literal["published", "holiday", "absent", "not_yet", "outage", "blocked", "truncated", "damaged", "unsettled"]
STATES: frozenset[str] = frozenset(get_args(State))
FINAL_STATES: frozenset[str] = frozenset({"published", "holiday", "absent"})
"""Those that no further asking changes."""
