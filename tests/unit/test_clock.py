from datetime import UTC, datetime, timedelta

import pytest

from darkpool import clock


def test_the_time_can_be_set_for_a_rehearsal(monkeypatch) -> None:
    monkeypatch.setenv("DARKPOOL_NOW", "2025-12-23T06:00:00.5-05:00")
    assert clock.now() == datetime(2025, 12, 23, 11, tzinfo=UTC)
    assert clock.now().utcoffset() == timedelta(0)


@pytest.mark.parametrize("text", ["2025-12-23T06:00:00", "2025-12-23", "noon"])
def test_a_moment_that_is_no_moment_is_refused_by_name(text: str, monkeypatch) -> None:
    monkeypatch.setenv("DARKPOOL_NOW", text)
    with pytest.raises(ValueError, match=f"DARKPOOL_NOW is '{text}'.*offset"):
        clock.now()


def test_the_present_is_in_utc_and_in_whole_seconds(monkeypatch) -> None:
    monkeypatch.delenv("DARKPOOL_NOW", raising=False)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert clock.now().microsecond == 0
