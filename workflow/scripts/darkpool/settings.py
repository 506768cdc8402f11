"""The configuration, checked before anything runs: unknown keys, wrong types, values that contradict one another."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .market import symbols

DEMO = "demo"
"""The scan whose vendors are simulated; everything it shows says so."""
CONSOLIDATED = "CNMS"
TRANSFER_SD = 0.05
"""Of the off-exchange buy ratio around the lit one, our own measurement: with it the band of the estimate held the
prints' own ratio on 14 of 14 ticker-days, with .03 on 11, with none on 7."""


class ConfigError(ValueError):
    """The configuration cannot be used; names the key, what was given and what is allowed."""


def mode(config: Mapping[str, Any]) -> str:
    """The mode of a run: FETCH_MODE of the environment comes before the configuration's."""
    return os.environ.get("FETCH_MODE") or str(config["mode"])


def transfer_sd(config: Mapping[str, Any]) -> float:
    """`lit.transfer_sd` of a configuration, which may leave it out."""
    return float(config["lit"].get("transfer_sd", TRANSFER_SD))


def check(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Raise ConfigError for the first fault of `config` against its JSON `schema` and across its keys."""
    _require_plain(config)
    faults = sorted(
        _validator(schema).iter_errors(config), key=lambda fault: (list(map(str, fault.path)), fault.validator)
    )
    if faults:
        raise ConfigError("config: " + _describe(faults[0]))
    _check_across(config)


def _require_plain(config: Any) -> None:
    """Raise ConfigError for what YAML can say and JSON cannot: a part of itself, a key that is no text."""
    try:
        json.dumps(config, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"config: expected mappings, lists and plain values ({error})") from None
    todo = [config]
    while todo:
        part = todo.pop()
        if isinstance(part, Mapping):
            odd = [key for key in part if not isinstance(key, str)]
            if odd:
                raise ConfigError(f"config: the key {odd[0]!r} is no text: put it in quotes")
        todo += part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else []


def _validator(schema: Mapping[str, Any]) -> Any:
    """JSON Schema lets 20.0 pass for an integer, and YAML writes numbers that are none (.nan, .inf)."""
    from jsonschema import Draft202012Validator, validators

    def is_whole(_: object, value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    def is_number(_: object, value: object) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

    types = Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": is_whole, "number": is_number})
    return validators.extend(Draft202012Validator, type_checker=types)(schema)


def _describe(fault: Any) -> str:
    key = (
        "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault.path).lstrip(".")
        or "(top level)"
    )
    given = json.dumps(fault.instance, default=str)
    match fault.validator:
        case "additionalProperties":
            allowed = sorted(fault.schema.get("properties", {}))
            unknown = ", ".join(sorted(set(map(str, fault.instance)) - set(allowed)))
            return f"{key}: unknown key {unknown}; allowed are {', '.join(allowed)}"
        case "required":
            missing = ", ".join(sorted(set(fault.validator_value) - set(fault.instance)))
            return f"{key}: key {missing} is missing; needed are {', '.join(fault.validator_value)}"
        case "type":
            hint = ""
            if fault.validator_value == "string" and isinstance(fault.instance, bool | int | float | None):
                hint = " (YAML reads an unquoted ON, NO, TRUE, NULL or 16:15 so: put it in quotes)"
            return f"{key}: {given} was given, a value of type {fault.validator_value} is allowed{hint}"
        case "enum":
            values = ", ".join(map(str, fault.validator_value))
            about = f" ({fault.schema['description']})" if "description" in fault.schema else ""
            return f"{key}: {given} was given, allowed is {values}{about}"
        case _:
            about = f" ({fault.schema['description']})" if "description" in fault.schema else ""
            return f"{key}: {given} was given, but {fault.validator} is {fault.validator_value}{about}"


def _check_across(config: Mapping[str, Any]) -> None:
    history, lit = config["history"], config["lit"]
    least, mean, window = history["min_sessions"], history["ma"], history["window"]
    if least > mean:
        raise _refused("history.min_sessions", least, f"at most history.ma = {mean}")
    if mean > window + 1:
        raise _refused("history.ma", mean, f"at most history.window + 1 = {window + 1}")
    if lit["rth_start"] >= lit["rth_end"]:
        raise _refused("lit.rth_end", lit["rth_end"], f"a time after lit.rth_start = {lit['rth_start']}")
    files = config["finra"]["files"]
    parts = [prefix for prefix in files if prefix.startswith("FN")]
    if CONSOLIDATED in files and parts:
        raise _refused("finra.files", files, f"{CONSOLIDATED} or {', '.join(parts)}, whose sum it is,")
    archives: dict[str, str] = {}
    for scan, entry in config["scans"].items():
        other = archives.setdefault(os.path.abspath(entry["archive"]), scan)
        if DEMO in (scan, other) and scan != other:
            given = f"{entry['archive']}, the simulated archive of the scan {DEMO},"
            raise _refused(f"scans.{scan}.archive", given, "another folder")
        for i, text in enumerate(entry.get("tickers", [])):
            try:
                symbols.normalise(text)
            except ValueError as error:
                raise ConfigError(f"config: scans.{scan}.tickers[{i}]: {error}") from None


def _refused(key: str, given: object, allowed: str) -> ConfigError:
    return ConfigError(f"config: {key}: {given} was given, {allowed} is allowed")


def load(path: Path) -> Any:
    """A YAML file. Raises ConfigError where it is none."""
    return parse(path.read_bytes(), str(path))


def parse(content: bytes, name: str) -> Any:
    """A YAML document. Raises ConfigError, naming where it came from."""
    import yaml

    try:
        return yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{name}: not readable as YAML: {' '.join(str(error).split())}") from None
