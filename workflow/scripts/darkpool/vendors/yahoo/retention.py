"""How long Yahoo keeps one-minute bars: a module of its own, for a page that asks nobody says it too."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from ...market.sessions import NEW_YORK

KEPT = timedelta(days=30)


def still_kept(session: date, now: datetime) -> bool:
    """Whether Yahoo still has the session's minutes at `now` (aware)."""
    return now.astimezone(NEW_YORK).date() <= last_day(session)


def last_day(session: date) -> date:
    """The last day in New York on which Yahoo has the session's minutes."""
    return session + KEPT - timedelta(days=1)
