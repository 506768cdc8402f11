"""One state for a source that answers per ticker."""

from darkpool.archive.ticker_states import day_state


def test_tickers_no_longer_asked_after_a_rate_limit_hold_up_the_day() -> None:
    answered = {"state": "published", "status": 200, "retrieved_at": "2025-12-23T11:00:00Z"}
    failed = {"state": "outage", "status": 503, "retrieved_at": "2025-12-23T11:00:00Z"}
    limited = {"state": "outage", "status": 429, "retrieved_at": "2025-12-23T11:00:00Z"}
    not_asked = {"state": "outage", "status": None, "retrieved_at": None}
    assert day_state([answered, failed]) == "published"
    assert day_state([answered, limited]) == "outage"
    assert day_state([answered, not_asked]) == "outage"
