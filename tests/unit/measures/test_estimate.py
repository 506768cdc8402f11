"""What the lit side's own findings become in `quality`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from darkpool.measures import estimate, lit
from darkpool.tables import contracts
from unit.measures.test_lit import HOURS, QUOTES, TAPE, bars_file, quotes_file, trades_file

DAY = date(2025, 12, 22)
SIGNAL = {"bot": 1.25, "sell": 0.80}


def features(flow: lit.SymbolFlow, flags: dict[str, list[str]]) -> dict:
    row = pl.DataFrame({"date": [DAY], "ticker": ["A"], "trf_volume": [1_000.0], "quality": [""]})
    flows = contracts.frame("lit_flow", {"date": [DAY], "ticker": ["A"], **{name: [v] for name, v in flow.lit.items()}})
    trf = contracts.frame("trf_flow", {})
    dark = estimate.dark_flow(row, flows, 0.05)
    return estimate.add(row, flows, trf, dark, SIGNAL, flags).row(0, named=True)


def quality(flow: lit.SymbolFlow, **flags: list[str]) -> str:
    return features(flow, flags)["quality"]


@pytest.fixture
def of_trades(tmp_path: Path):
    def made(rows: list[tuple], quotes: bool = True, least: float = 0) -> lit.SymbolFlow:
        of_quotes = quotes_file(tmp_path, QUOTES) if quotes else None
        return lit.classify_symbol(trades_file(tmp_path, rows), of_quotes, None, HOURS, min_lit_volume=least)

    return made


def test_flags_of_the_lit_side_stand_with_the_others_and_on_their_ticker_alone(of_trades):
    flow = of_trades(TAPE, quotes=False, least=10_000)
    assert quality(flow, A=["stale_quotes", "bars_gap"], B=["other"]) == "bars_gap,no_quotes,stale_quotes,thin_lit"
    assert quality(of_trades(TAPE)) == ""


def test_trades_none_of_which_is_lit_are_no_lit_data(of_trades):
    otc = [(*row[:4], 62) for row in TAPE[:3]]
    assert quality(of_trades(otc)) == "no_lit,thin_lit"
    assert quality(of_trades([])) == "no_lit,thin_lit"
    assert features(of_trades(otc), {})["estimated_bought"] is None


def test_lit_trades_that_are_all_left_out_are_thin_and_not_missing(of_trades):
    assert quality(of_trades(TAPE[-1:])) == "thin_lit"


def test_a_day_without_any_source_is_no_lit_data_and_nothing_else():
    assert quality(lit.classify_symbol(None, None, None, HOURS)) == "no_lit"


def test_bars_say_that_they_are_bars(tmp_path):
    hours = (1_000_000_000, 2_000_000_000)
    flow = lit.classify_symbol(None, None, bars_file(tmp_path, [(1_000, 1.0, 2.0, 300.0)]), hours, min_lit_volume=0)
    assert quality(flow, A=["bars_gap"]) == "bars_gap,bars_only"
    assert quality(flow) == "bars_only"
