"""A run's configuration, refused before the first job where it cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import settings
from ..market import symbols
from ..measures import sign
from ..settings import ConfigError, Settings

SCHEMA = "workflow/schemas/config.schema.yaml"
"""Relative to the project."""


def settled(config: Any, schema: Mapping[str, Any], mode: str | None = None) -> Settings:
    """The settings of a run in `mode`, by default FETCH_MODE of the environment and else the configuration's.

    Raises ConfigError for the first fault against the JSON `schema`, across the keys, or among the tickers.
    """
    settings.check(config, schema)
    config = {**config, "mode": mode or settings.mode(config)}
    settings.check(config, schema)
    for scan, entry in config["scans"].items():
        for number, ticker in enumerate(entry.get("tickers", ())):
            try:
                symbols.normalise(ticker)
            except ValueError as error:
                raise ConfigError(f"config: scans.{scan}.tickers[{number}]: {error}") from None
    return Settings.of(config)


def schema(project: Path) -> Any:
    """The JSON schema of the project; `lit.method` is one of the sign rules."""
    found = settings.load(project / SCHEMA)
    found["properties"]["lit"]["properties"]["method"]["enum"] = list(sign.RULES)
    return found
