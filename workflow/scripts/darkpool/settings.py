"""The configuration: every key with its type and default, checked before anything runs.

Refused are unknown keys, wrong types and values that contradict one another. A default stands here alone; a test holds
the schema's and config.yaml's against it.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

DEMO = "demo"
"""The scan whose vendors are simulated; everything it shows says so."""
DEMO_ARCHIVE = "resources/demo"
CONSOLIDATED = "CNMS"

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Scan:
    """Where a scan keeps what the vendors said, and what it follows: tickers, and files in the session's own folder."""

    archive: str = "resources/archive"
    tickers: tuple[str, ...] = ()
    universe: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finra:
    files: tuple[str, ...] = (CONSOLIDATED,)
    weekly: bool = True
    firms: bool = False
    weeks_again: int = 0
    auth: Literal["auto", "oauth", "x_api_key", "none"] = "auto"


@dataclass(frozen=True)
class History:
    """In sessions; `trades`: how history.duckdb holds the ticks."""

    ma: int = 20
    min_sessions: int = 20
    window: int = 60
    trades: Literal["view", "table"] = "view"

    @property
    def statistics(self) -> dict[str, int]:
        """What the numbers of a session hang on."""
        return {"ma": self.ma, "min_sessions": self.min_sessions, "window": self.window}


@dataclass(frozen=True)
class Market:
    """The whole market: names shown, confirmed at Yahoo, and followed the next session. `show` 0 turns it off."""

    show: int = 50
    confirm: int = 50
    follow: int = 0


@dataclass(frozen=True)
class Plots:
    """Tickers with a plot of their own; the configured ones have theirs in any case."""

    most: int = 100


@dataclass(frozen=True)
class Study:
    """Whether Polygon is asked, once a session, for the prices of the whole market."""

    grouped: bool = False


@dataclass(frozen=True)
class AccumScore:
    """Weights."""

    offex_ratio: float = 0.5
    trf_spike: float = 0.5


@dataclass(frozen=True)
class Flat:
    """The store of flat files of the whole tape: an S3 endpoint, and the proxy that leads to it where one does."""

    endpoint: str = "https://files.massive.com"
    bucket: str = "flatfiles"
    proxy: str | None = None


@dataclass(frozen=True)
class Lit:
    """Volumes in shares, `max_quote_age` in seconds; without `calls_per_minute` the plan's own limit.

    `parts`: jobs that the signing is cut into; None: as many as the universe's length gives (`plan.inputs`).

    `transfer_sd` is of the off-exchange buy ratio around the lit one, our own measurement: with it the band of the
    estimate held the prints' own ratio on 14 of 14 ticker-days, with .03 on 11, with none on 7.
    """

    source: Literal["auto", "trades", "flat", "minute_bars", "none"] = "auto"
    flat: Flat = field(default_factory=Flat)
    method: str = "nbbo"
    all_or_nothing: bool = False
    rth_start: str = "09:30"
    rth_end: str = "16:15"
    min_lit_volume: float = 10_000
    max_quote_age: float = 300
    transfer_sd: float = 0.05
    calls_per_minute: float | None = None
    parts: int | None = None

    @property
    def signing(self) -> dict[str, Any]:
        """What the flows of a ticker hang on: any other key makes none of them anew."""
        others = ("transfer_sd", "calls_per_minute", "parts", "flat")
        return {name: value for name, value in asdict(self).items() if name not in others}


@dataclass(frozen=True)
class Signal:
    """Ratios of bought to sold."""

    bot: float = 1.25
    sell: float = 0.80


@dataclass(frozen=True)
class Morning:
    """The unattended run: `keep_logs` are logs, everything else sessions or weeks."""

    look_back: int = 5
    look_back_weeks: int = 4
    catch_up: int = 10
    keep_logs: int = 60


@dataclass(frozen=True)
class Export:
    csv: bool = True
    xlsx: bool = False
    svg: bool = False


@dataclass(frozen=True)
class Settings:
    """A whole configuration, its keys as config.yaml names them."""

    scans: Mapping[str, Scan]
    mode: Literal["single", "daily", "weekly"] = "daily"
    backfill_count: int = 10
    marked: Literal["folder", "calendar"] = "folder"
    offline: bool = False
    finra: Finra = field(default_factory=Finra)
    excluded_finra_tickers: tuple[str, ...] = ("SPXW",)
    history: History = field(default_factory=History)
    market: Market = field(default_factory=Market)
    plots: Plots = field(default_factory=Plots)
    study: Study = field(default_factory=Study)
    accum_score: AccumScore = field(default_factory=AccumScore)
    lit: Lit = field(default_factory=Lit)
    signal: Signal = field(default_factory=Signal)
    export: Export = field(default_factory=Export)
    morning: Morning = field(default_factory=Morning)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Settings:
        """Of a configuration that `check` lets pass; what it leaves out has its default."""
        named = config["scans"]
        return _filled(cls, {**config, "scans": {scan: _filled(Scan, entry) for scan, entry in named.items()}})

    @property
    def wanted(self) -> dict[str, bool]:
        """What a session has beside what every one has, by the name of `files.File.when`."""
        return {**asdict(self.export), "market": self.market.show > 0}

    @property
    def archives(self) -> dict[str, str]:
        """The archive's folder of every scan, the demo's among them."""
        return {DEMO: DEMO_ARCHIVE} | {scan: os.path.normpath(entry.archive) for scan, entry in self.scans.items()}


def _filled(kind: type[Kind], given: Mapping[str, Any]) -> Kind:
    """A dataclass from a mapping of its fields: mappings become the dataclasses that stand there, lists tuples."""
    parts = {part.name: part.default_factory for part in fields(kind) if is_dataclass(part.default_factory)}  # type: ignore[arg-type]
    return kind(**{name: _value(parts.get(name), value) for name, value in given.items()})


def _value(kind: Any, value: Any) -> Any:
    if kind is not None:
        return _filled(kind, value)
    return tuple(value) if isinstance(value, list) else value


class ConfigError(ValueError):
    """The configuration cannot be used; names the key, what was given and what is allowed."""


def mode(config: Mapping[str, Any]) -> str:
    """The mode of a run: FETCH_MODE of the environment comes before the configuration's."""
    return os.environ.get("FETCH_MODE") or str(config["mode"])


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
            types = fault.validator_value if isinstance(fault.validator_value, list) else [fault.validator_value]
            return f"{key}: {given} was given, a value of type {' or '.join(types)} is allowed{hint}"
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


def _refused(key: str, given: object, allowed: str) -> ConfigError:
    return ConfigError(f"config: {key}: {given} was given, {allowed} is allowed")


def load(path: Path) -> Any:
    """A YAML file. Raises ConfigError where it is none."""
    return parse(path.read_bytes(), str(path))


def parse(content: bytes, name: str) -> Any:
    """A YAML document. Raises ConfigError, naming where it came from, and the line where that is known."""
    import yaml

    try:
        return yaml.safe_load(content)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        said = ": ".join(filter(None, (error.context, error.problem)))
        raise ConfigError(f"{name}{line}: not readable as YAML: {said}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{name}: not readable as YAML: {' '.join(str(error).split())}") from None
