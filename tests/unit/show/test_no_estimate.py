"""Why a session has no estimate, said once."""

from __future__ import annotations

import polars as pl
import pytest

from browser import made
from browser.made import TARGET, row
from darkpool.show import no_estimate
from darkpool.show.page import rows, values

NOTHING = {"lit_buy_ratio": None, "opinions": "none", "quality": "no_lit"}
BARS = {"classification_method": "BARS", "quality": "bars_only"}


def features(*of: dict) -> pl.DataFrame:
    return made.features([row(TARGET, f"T{i}", **given) for i, given in enumerate(of)])


def test_a_session_that_trades_signed_has_nothing_to_say():
    assert no_estimate.sentence(features({}, NOTHING), TARGET) == ""
    assert no_estimate.sentence(features({}).clear(), TARGET) == ""


@pytest.mark.parametrize(
    ("of", "begins"),
    [
        ([NOTHING, NOTHING], "No estimate of bought and sold, for neither trades nor minute bars"),
        ([NOTHING, BARS, BARS], "Bought and sold are unknown for 1 of 3 tickers, and rest on minute bars"),
        ([BARS, BARS], "Bought and sold rest on minute bars, which hold the off-exchange prints too"),
    ],
)
def test_it_is_one_sentence_with_what_would_bring_it(of, begins):
    said = no_estimate.sentence(features(*of), TARGET)
    assert said.startswith(begins)
    assert said.count(". ") == 0
    assert "POLYGON_API_KEY" in said
    # Yahoo keeps 30 days, the session's own the first: asked on the last of them it still has it.
    assert ("until 2026-01-20" in said) == (NOTHING in of)


@pytest.mark.parametrize(
    ("state", "is_said"), [("published", True), ("absent", True), ("blocked", False), ("outage", False)]
)
def test_a_source_in_trouble_is_the_reason_itself(state, is_said):
    heard = [{"source": "Yahoo", "state": "outage"}, {"source": "Polygon", "state": state}]
    assert bool(no_estimate.sentence(features(NOTHING), TARGET, heard)) == is_said


def test_what_is_true_of_every_row_marks_none():
    assert rows.said_once(features({"quality": "revised,unsettled"}, {"quality": "unsettled"})) == {
        "simulated",
        "unsettled",
    }
    assert rows.said_once(features({"quality": "unsettled"})) == {"simulated"}
    assert rows.said_once(features(NOTHING, BARS)) == {"simulated", "no_lit", "bars_only", "no_quotes"}
    marked = [
        found.is_marked for found in rows.of_session(features(NOTHING, {**BARS, "quality": "bars_only,no_trf"}), [])
    ]
    assert marked == [False, True]


def test_a_column_is_empty_where_no_row_knows_it():
    lacking = rows.empty(features(NOTHING, NOTHING))
    assert {"signal", "estimated_bought", "lit_buy_ratio", "classification_method", "opinions"} <= set(lacking)
    assert "trf_volume" not in lacking
    assert "quality" not in lacking
    assert "estimated_bought" not in rows.empty(features(NOTHING, BARS))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("offex_ratio_z", 2.0, "high"), ("offex_ratio_z", -2.0, "low"), ("offex_ratio_z", 1.999, ""),
        ("trf_percentile", 0.95, "high"), ("trf_percentile", 0.05, "low"), ("trf_percentile", 0.5, ""),
        ("volume_z", 2.0, "high"), ("volume_z", -2.0, "low"), ("volume_z", -1.99, ""),
        ("offex_ratio_change", 0.1, "high"), ("offex_ratio_change", -0.1, "low"), ("offex_ratio_change", 0.09, ""),
        ("trf_spike", 20.0, ""),
    ],
)  # fmt: skip
def test_what_is_far_out(name, value, expected):
    assert values.far(name, {"volume_z": None, name: value}) == expected


@pytest.mark.parametrize(("z", "expected"), [(2.0, "high"), (-2.0, "low"), (1.99, ""), (None, "")])
def test_a_volume_is_far_out_where_its_z_is(z, expected):
    assert values.far("trf_volume", {"trf_volume": 1e6, "volume_z": z}) == expected


@pytest.mark.parametrize("z", [0.0, 1.5, -3.0])
def test_a_percentile_is_not_far_out_where_the_markets_day_is_known(z):
    """On a quiet day of the whole market every volume is the lowest of its window, and none is unusual."""
    assert values.far("trf_percentile", {"volume_z": z, "trf_percentile": 0.0}) == ""


def test_the_buy_ratio_is_a_point_in_the_band_of_the_volume():
    given = row(TARGET, "A", trf_volume=1e6, lit_buy_ratio=0.7)
    assert values.cell("lit_buy_ratio", given).band == (70.0, 60.0, 80.0, "BOT firm")
    assert values.cell("estimated_bought", given).beside == "600.0K to 800.0K"
    unknown = given | {"bought_low": None, "bought_high": None, "strength": "weak"}
    assert values.cell("lit_buy_ratio", unknown).band == (70.0, None, None, "BOT weak")
    assert values.cell("estimated_bought", unknown).beside == ""
    assert values.cell("signal", unknown).beside == "weak"
