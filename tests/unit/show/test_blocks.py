"""A block in words."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from darkpool.show import blocks
from darkpool.tables import contracts

BLOCK: dict[str, Any] = {
    "date": date(2025, 12, 22), "ticker": "A", "rank": 1, "time": 1_766_428_205_123_456_789, "late_s": 0.02,
    "price": 48.594, "size": 250_000.0, "notional": 12_148_500.0, "bid": 48.50, "ask": 48.60, "side": "buy",
    "conditions": "41", "excluded": "", "share_of_trf": 0.027,
}  # fmt: skip


def said(**changes: Any) -> dict[str, str]:
    row = BLOCK | changes
    frame = contracts.frame("trf_blocks", {name: [value] for name, value in row.items()})
    return dict(zip(blocks.HEADER, blocks.in_words(frame)[0], strict=True))


def test_a_print_is_told_in_new_york_time_with_its_place_and_what_it_was_worth() -> None:
    assert said() == {
        "Date": "2025-12-22", "Ticker": "A", "Time": "13:30:05.123", "Price": "48.59", "Shares": "250,000",
        "Value": "$12.1M", "In the spread": "94%, buy", "Reported": "in time", "Of off-exch.": "2.7%", "Not signed": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"price": 48.60}, "100%, buy"),
        ({"price": 48.70}, "above the ask, buy"),
        ({"price": 48.0, "side": "sell"}, "below the bid, sell"),
        ({"bid": 48.6, "side": "neutral"}, "locked, neutral"),
        ({"bid": None, "ask": None, "side": "unknown"}, "no valid quote"),
    ],
)
def test_the_place_in_the_spread(changes, words) -> None:
    assert said(**changes)["In the spread"] == words


@pytest.mark.parametrize(
    ("late", "words"), [(None, "–"), (10.0, "in time"), (10.5, "10 s late"), (4000.0, "4,000 s late")]
)
def test_how_late_it_was_reported(late, words) -> None:
    assert said(late_s=late)["Reported"] == words


def test_why_it_may_not_be_signed() -> None:
    assert said(excluded="outside_hours", share_of_trf=None)["Not signed"] == "outside hours"
