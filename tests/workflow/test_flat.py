"""Flat files of the whole tape, by a real S3 server: late in the morning, there at noon, the same as by pages."""

import pytest

import canaries
import flat_tape
import s3_server
from flat_tape import quote, trade

SETTINGS = {
    "finra": {"weekly": False},
    "history": {"ma": 3, "min_sessions": 3, "window": 5},
}


@pytest.fixture
def store(live, tmp_path):
    """A session whose ticks are to come from the store; it holds nothing yet."""
    live.publish()
    live.tickers = ["AAPL", "NA"]
    (tmp_path / "s3").mkdir()
    with s3_server.serving(tmp_path / "s3") as address:
        live.settings = {**SETTINGS, "lit": {"source": "flat", "min_lit_volume": 100, "flat": {"endpoint": address}}}
        yield tmp_path / "s3"


def publish(folder):
    """AAPL: 300 shares bought and 100 sold on lit markets at 9.99 x 10.01, and 500 FINRA prints at the bid."""
    lit = [trade("AAPL", number, price=10.01, size=50, sequence_number=number) for number in range(1, 7)]
    lit += [trade("AAPL", number, price=9.99, size=50, sequence_number=number) for number in (7, 8)]
    other = [trade("AAPX", number, price=9.99, size=5_000) for number in range(1, 9)]
    printed = trade("AAPL", 9, price=9.99, size=500, exchange=4, trf_id=202, trf_timestamp=flat_tape.OPEN)
    s3_server.put(folder, "trades", "2025-12-22", flat_tape.packed([*lit, *other, printed]))
    s3_server.put(folder, "quotes", "2025-12-22", flat_tape.packed([quote("AAPL"), quote("AAPX", bid=1.0)]))


def test_what_is_not_there_at_six_is_taken_at_noon_and_signs_the_session(live, store):
    early = live.run(**canaries.STORE)
    assert early.code == 0, early.said
    assert live.project.states()["Polygon"] == "not_yet"
    assert live.project.features()["AAPL"]["quality"] == "no_lit"
    publish(store)
    live.now = "2025-12-23T12:00:00-05:00"
    noon = live.run(finished=True, **canaries.STORE)
    row = live.project.features()["AAPL"]
    assert (row["lit_buy_ratio"], row["classification_method"], row["lit_coverage_pct"]) == (0.75, "NBBO", 100)
    assert (row["estimated_bought"], row["signal"], row["trf_buy_ratio"]) == (450, "BOT", 0)
    assert live.project.features()["NA"]["quality"] == "no_lit"
    # Every request went to the store: neither Polygon's pages nor anybody's minute bars were asked for.
    assert not [*live.asked("polygon.io"), *live.asked("massive.com")]
    assert canaries.in_tree(live.project.root) == {}
    assert canaries.in_text(early.said + noon.said) == set()
    again = live.run(finished=True, **canaries.STORE)
    assert dict(again.rules) == {"write_manifest": 1}


def test_refused_keys_are_a_fault_in_one_line_that_does_not_show_them(live, store):
    publish(store)
    run = live.run(**{**canaries.STORE, "POLYGON_S3_SECRET_ACCESS_KEY": "not-the-secret-91ab"})
    assert run.code == 1
    assert live.project.states()["Polygon"] == "blocked"
    assert "Polygon is blocked (the store refuses the keys: AWS Error SIGNATURE_DOES_NOT_MATCH)" in run.said
    assert "not-the-secret-91ab" not in run.said
