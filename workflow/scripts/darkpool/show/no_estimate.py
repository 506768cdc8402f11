"""Why a session has no estimate of bought and sold, or a weak one, and what would bring a better: one sentence.

The common case of somebody without a key, said once for the session and not as a warning on every row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import polars as pl

from ..vendors.yahoo import retention

FLAGS = frozenset({"no_lit", "bars_only", "no_quotes"})
"""What a row says of itself where the session has no trades at all."""
SETTLED = ("published", "absent")
"""States of the lit source beside which the reason is that nobody gives more."""
KEY = "a key of Polygon (POLYGON_API_KEY) whose plan holds them"


def is_without_trades(features: pl.DataFrame) -> bool:
    """Whether no row of the session was signed by trades; a session without rows has nothing to say."""
    return bool(features.height) and set(features["classification_method"]) <= {"NONE", "BARS"}


def sentence(features: pl.DataFrame, session: date, sources: Iterable[Mapping[str, Any]] = ()) -> str:
    """Why, and what would bring it; empty where trades signed a row, and where a source in trouble is the reason.

    `features` are the session's rows, `sources` the states of its sources (`facts.Source`).
    """
    in_trouble = any(source["source"] == "Polygon" and source["state"] not in SETTLED for source in sources)
    if in_trouble or not is_without_trades(features):
        return ""
    bars = int((features["classification_method"] == "BARS").sum())
    better = f"trades and quotes need {KEY}"
    kept = f"which it keeps for {retention.KEPT.days} days"
    yahoo = f"Yahoo's minute bars, {kept}, need none and can be had until {retention.last_day(session)}"
    count, lacking = features.height, features.height - bars
    if not bars:
        return (
            f"No estimate of bought and sold, for neither trades nor minute bars of this session are here: {better}; "
            f"{yahoo}."
        )
    if lacking:
        return (
            f"Bought and sold are unknown for {lacking} of {count} tickers, and rest on minute bars for the others, in "
            f"which no signal is firm: {better}; {yahoo}."
        )
    return (
        "Bought and sold rest on minute bars, which hold the off-exchange prints too, so that no signal is firm: "
        f"{better}."
    )
