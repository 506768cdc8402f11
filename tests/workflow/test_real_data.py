"""Real market data through the whole command: figures that were computed independently of the project."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.real_data

ARCHIVE = Path(__file__).parents[3] / "shared/data/archive"


@pytest.fixture(scope="module")
def real(copy_project, tmp_path_factory):
    """A copy of the project for the scans of these tests; nobody is asked, nothing is written beside the data."""
    if not ARCHIVE.is_dir():
        pytest.skip(f"no real market data at {ARCHIVE}")
    before = listing(ARCHIVE)
    project = copy_project(tmp_path_factory.mktemp("real"))
    yield project
    assert listing(ARCHIVE) == before


def listing(folder):
    """Size and modification time of every file below `folder`."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def finish(real, day, tickers, mode="single", **more):
    """Run a session of a scan of its own, so that sessions do not share what is asked for."""
    real.scan = "emps2"
    scan = {"archive": str(ARCHIVE), "tickers": tickers, "universe": []}
    config = {"offline": True, "scans": {"emps2": scan}, **more}
    real.finish(real.target(day), config=config, FETCH_MODE=mode)
    return real.features(day)


NUMBERS = ("trf_volume", "regular_volume", "offex_ratio", "trf_ma20", "trf_spike", "trf_percentile", "offex_ratio_z")
TO_ROUND = {"offex_ratio": 4, "trf_ma20": 2, "trf_spike": 4, "trf_percentile": 6, "offex_ratio_z": 6}


def as_computed(row):
    return [None if row[name] is None else round(row[name], TO_ROUND.get(name, 0)) for name in NUMBERS]


def test_the_full_market_of_2021_is_undone_of_the_splits_since(real):
    rows = finish(real, "2021-12-31", ["TQQQ", "NVDA", "GLD"])
    assert as_computed(rows["TQQQ"])[:5] == [8_946_799, 30_124_300, 0.2970, 13_471_438.75, 0.6641]
    assert as_computed(rows["TQQQ"])[5:] == [0, 1.019499]
    assert as_computed(rows["NVDA"])[:5] == [14_512_780, 26_653_000, 0.5445, 27_582_414.75, 0.5262]
    assert as_computed(rows["NVDA"])[6] == -0.603971
    assert as_computed(rows["GLD"])[:5] == [1_443_689, 7_039_300, 0.2051, 1_424_423.85, 1.0135]
    assert as_computed(rows["GLD"])[5:] == [0.619048, -0.292004]
    assert real.table("finra_trf", "2021-12-31").height > 10_000
    states = {source["source"]: source["state"] for source in real.manifest("2021-12-31")["sources"]}
    assert (states["FINRA"], states["Yahoo"], states["Polygon"]) == ("published", "published", "absent")


def test_the_two_months_of_2025(real):
    rows = finish(real, "2025-12-22", ["AAPL", "NVDA", "TSLA"])
    assert as_computed(rows["AAPL"])[:5] == [12_057_002, 36_571_800, 0.3297, 13_290_637.30, 0.9072]
    assert as_computed(rows["AAPL"])[5:] == [0.264706, 0.593897]
    assert as_computed(rows["TSLA"])[:5] == [48_288_288, 86_916_100, 0.5556, 43_232_389.05, 1.1169]
    assert rows["AAPL"]["classification_method"] == "NONE"
    assert rows["AAPL"]["estimated_bought"] is None


def test_three_sessions_are_too_few_for_a_mean_and_say_so(real):
    rows = finish(real, "2013-10-09", ["BAC", "AIG"])
    assert as_computed(rows["BAC"]) == [33_004_290, 94_549_594, 0.3491, None, None, None, None]
    assert rows["BAC"]["history_sessions"] == 2
    assert "short_history" in rows["BAC"]["quality"].split(",")


def flow(real, name, day):
    return {row["ticker"]: row for row in real.table(name, day).to_dicts()}


def test_the_lit_side_of_2013_is_signed_by_its_quotes(real):
    finish(real, "2013-10-08", ["AIG", "BAC"])
    lit, trf = flow(real, "lit_flow", "2013-10-08"), flow(real, "trf_flow", "2013-10-08")
    assert [lit["BAC"][c] for c in ("lit_buy_volume", "lit_sell_volume", "classification_method")] == [
        24_575_360,
        24_996_042,
        "NBBO",
    ]
    assert [lit["AIG"][c] for c in ("lit_buy_volume", "lit_sell_volume", "classification_method")] == [
        2_599_814,
        2_742_293,
        "NBBO+TICK",
    ]
    assert [trf["BAC"][c] for c in ("trf_buy_volume", "trf_sell_volume")] == [18_581_814, 13_012_983]
    assert [trf["AIG"][c] for c in ("trf_buy_volume", "trf_sell_volume")] == [1_277_530, 1_001_166]


BANDS = {
    "AIG": (0.486664531, 0.477961630, 0.473630316, 0.490995845, 0.389012736, 0.575613425),
    "BAC": (0.495756808, 0.493114027, 0.483809614, 0.505061221, 0.399307963, 0.589562871),
}


def test_the_bands_of_2013_are_the_references(real):
    """After the test before: r1, r2, lit low and high, estimate low and high."""
    features = finish(real, "2013-10-08", ["AIG", "BAC"])
    lit, dark = flow(real, "lit_flow", "2013-10-08"), flow(real, "dark_flow", "2013-10-08")
    for ticker, expected in BANDS.items():
        volume = dark[ticker]["finra_off_exchange_volume"]
        interval = [lit[ticker][f"lit_{name}"] for name in ("buy_ratio", "ratio_completed", "buy_low", "buy_high")]
        band = [dark[ticker][name] / volume for name in ("bought_low", "bought_high")]
        assert [*interval, *band] == pytest.approx(expected, rel=0, abs=1e-9)
        assert features[ticker]["strength"] == features[ticker]["signal"] == ""
        assert features[ticker]["bought_low"] == dark[ticker]["bought_low"]


@pytest.mark.soak
def test_the_tick_rule_alone_signs_little_and_says_something_else(real):
    finish(real, "2013-10-08", ["BAC"], lit={"method": "tick"})
    row = flow(real, "lit_flow", "2013-10-08")["BAC"]
    assert row["classification_method"] == "TICK"
    assert round(row["lit_buy_ratio"], 3) == 0.357
    assert round(row["lit_coverage_pct"]) == 4


def test_lit_market_and_finra_prints_disagree_where_they_do(real):
    rows = finish(real, "2018-01-02", ["XXX"])
    lit, trf = flow(real, "lit_flow", "2018-01-02")["XXX"], flow(real, "trf_flow", "2018-01-02")["XXX"]
    assert (lit["lit_buy_volume"], lit["lit_sell_volume"]) == (650_751, 797_018)
    assert (trf["trf_buy_volume"], trf["trf_sell_volume"]) == (491_673, 757_569)
    assert str(ARCHIVE.parent) not in json.dumps(real.manifest("2018-01-02"))
    assert round(rows["XXX"]["lit_buy_ratio"], 4) == 0.4495
    assert round(rows["XXX"]["trf_buy_ratio"], 4) == 0.3936
    assert (rows["XXX"]["signal"], rows["XXX"]["opinions"]) == ("", "disagree")


def test_the_week_is_seen_from_the_day_after_its_publication_and_not_before(real):
    """FINRA published TQQQ's week of 2025-11-17 on 2025-12-22: read on the morning of the 23rd, not of the 22nd."""
    finish(real, "2025-12-22", ["TQQQ"], mode="weekly", backfill_count=2)
    (week,) = real.table("weekly", "2025-12-22").to_dicts()
    assert (str(week["week_start_date"]), week["tier"]) == ("2025-11-17", "T2")
    assert week["finra_off_exchange_volume"] == 48_136_092 + 248_494_799 == 296_630_891
    (seen,) = real.table("otc_weekly", "2025-12-22").to_dicts()
    assert (seen["ats_volume"], seen["non_ats_volume"]) == (48_136_092, 248_494_799)
    assert str(seen["published_date"]) == "2025-12-22"
    finish(real, "2025-12-19", ["TQQQ"], mode="weekly", backfill_count=2)
    assert real.table("weekly", "2025-12-19").height == real.table("otc_weekly", "2025-12-19").height == 0
