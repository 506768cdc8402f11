"""A run that cannot be computed stops before its first job: the schema, the keys together, the tickers, the mode."""

import copy
from pathlib import Path
from typing import Any

import pytest

from darkpool import settings
from darkpool.plan import configuration

PROJECT = Path(__file__).parents[3]
CONFIG, SCHEMA = settings.load(PROJECT / "config.yaml"), configuration.schema(PROJECT)


def with_tickers(*tickers: str) -> Any:
    config = copy.deepcopy(CONFIG)
    config["scans"]["emps2"]["tickers"] = list(tickers)
    return config


@pytest.mark.parametrize(
    ("tickers", "said"),
    [
        (["SPY-X1"], r"scans.emps2.tickers\[0\]: 'SPY-X1' is no ticker"),
        (["SPY", "SPY-X2"], r"scans.emps2.tickers\[1\]: 'SPY-X2' is no ticker"),
    ],
)
def test_what_is_no_ticker_is_refused_with_its_place(tickers: list[str], said: str) -> None:
    with pytest.raises(settings.ConfigError, match=said):
        configuration.settled(with_tickers(*tickers), SCHEMA)


def test_tickers_that_look_like_missing_values_are_tickers() -> None:
    written = ("NA", "NAN", "TRUE", "TpC", "TPC", "BRK/B", "BRK-B")
    assert configuration.settled(with_tickers(*written), SCHEMA).scans["emps2"].tickers == written


def test_the_mode_named_comes_before_the_environments_and_that_before_the_configurations(monkeypatch) -> None:
    monkeypatch.delenv("FETCH_MODE", raising=False)
    assert configuration.settled(CONFIG, SCHEMA).mode == "daily"
    monkeypatch.setenv("FETCH_MODE", "single")
    assert configuration.settled(CONFIG, SCHEMA).mode == "single"
    assert configuration.settled(CONFIG, SCHEMA, "weekly").mode == "weekly"
    monkeypatch.setenv("FETCH_MODE", "monthly")
    with pytest.raises(settings.ConfigError, match='mode: "monthly" was given, allowed is single, daily, weekly'):
        configuration.settled(CONFIG, SCHEMA)


@pytest.mark.parametrize("broken", [None, [], {}, {**CONFIG, "histori": {}}])
def test_a_configuration_without_its_shape_is_refused_not_read(broken: object) -> None:
    with pytest.raises(settings.ConfigError, match="config: "):
        configuration.settled(broken, SCHEMA)
