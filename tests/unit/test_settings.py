"""A configuration that cannot be used is refused in one line: key, what was given, what is allowed."""

import copy
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import yaml

from darkpool import settings
from darkpool.plan import configuration
from darkpool.settings import ConfigError, Scan, Settings

PROJECT = Path(__file__).parents[2]
SCHEMA = configuration.schema(PROJECT)


@pytest.fixture
def config() -> Any:
    return copy.deepcopy(settings.load(PROJECT / "config.yaml"))


def put(config: Any, key: str, value: object) -> Any:
    *parents, last = key.split("/")
    entry = config
    for parent in parents:
        entry = entry[parent]
    entry[last] = value
    return config


def refusal(config: Any) -> str:
    with pytest.raises(ConfigError) as error:
        settings.check(config, SCHEMA)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_projects_own_configuration_is_sound(config) -> None:
    settings.check(config, SCHEMA)


def described(schema: Any, path: str = "") -> list[str]:
    """Keys without a description, by path."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    missing = []
    for name, entry in schema.get("properties", {}).items():
        inner = SCHEMA["$defs"][entry["$ref"].rsplit("/", 1)[1]] if "$ref" in entry else entry
        if inner.get("type") != "object" and "description" not in inner:
            missing.append(f"{path}.{name}")
        missing += described(inner, f"{path}.{name}")
    return missing


def test_every_key_is_typed_and_described() -> None:
    assert described(SCHEMA) + described(SCHEMA["$defs"]["scan"]) == []


def leaves(kind: type, schema: Any, path: str = "") -> list[tuple[str, Any, Any, Any]]:
    """Path, type, default and schema of every key that is no mapping."""
    found = []
    assert sorted(schema["properties"]) == sorted(part.name for part in fields(kind)), path
    for name, hint in get_type_hints(kind).items():
        entry = schema["properties"][name]
        if is_dataclass(hint):
            found += leaves(hint, entry, f"{path}{name}/")
        elif name != "scans":
            default = getattr(kind(scans={}) if kind is Settings else kind(), name)
            found.append((path + name, hint, default, entry))
    return found


LEAVES = leaves(Settings, SCHEMA)
OF_SCAN = leaves(Scan, SCHEMA["$defs"]["scan"], "scan/")


@pytest.mark.parametrize(("key", "hint", "default", "entry"), LEAVES + OF_SCAN, ids=lambda value: str(value)[:30])
def test_schema_and_settings_say_the_same_of_a_key(key: str, hint: Any, default: Any, entry: Any) -> None:
    if "enum" in entry and get_args(hint):
        assert set(get_args(hint)) == set(entry["enum"])
    if key != "scan/archive":
        said = entry.get("default")
        assert (tuple(said) if isinstance(said, list) else said) == default


def test_the_shipped_configuration_is_the_defaults(config) -> None:
    assert Settings.of(config) == Settings(Settings.of(config).scans)
    assert config["scans"]["emps2"]["archive"] == Scan.archive
    assert Settings.of(config).archives["demo"] == settings.DEMO_ARCHIVE


def test_what_a_configuration_leaves_out_has_its_default_and_the_rest_is_kept(config) -> None:
    del config["morning"], config["lit"]["transfer_sd"], config["scans"]["demo"]
    config["lit"]["max_quote_age"], config["finra"]["files"] = 7, ["FNSQ", "FORF"]
    found = Settings.of(config)
    assert (found.morning.catch_up, found.lit.transfer_sd, found.lit.max_quote_age) == (10, 0.05, 7)
    assert found.finra.files == ("FNSQ", "FORF")
    assert found.archives == {"demo": "resources/demo", "emps2": "resources/archive"}


def test_a_key_that_changes_no_sign_makes_no_flow_anew(config) -> None:
    before = Settings.of(config).lit.signing
    assert Settings.of(put(config, "lit/calls_per_minute", 5)).lit.signing == before
    assert Settings.of(put(config, "lit/transfer_sd", 0.5)).lit.signing == before
    assert Settings.of(put(config, "lit/parts", 5)).lit.signing == before
    assert Settings.of(put(config, "lit/max_quote_age", 5)).lit.signing == {**before, "max_quote_age": 5}


@pytest.mark.parametrize(
    ("key", "allowed"),
    [("backfil_count", "backfill_count"), ("history/windw", "window"), ("scans/emps2/ticker", "tickers")],
)
def test_an_unknown_key_is_named_beside_those_allowed(key: str, allowed: str, config) -> None:
    said = refusal(put(config, key, 1))
    assert key.rsplit("/", maxsplit=1)[-1] in said
    assert "unknown key" in said
    assert allowed in said
    assert key.rpartition("/")[0].replace("/", ".") in said


@pytest.mark.parametrize("key", ["scans", "history/ma", "scans/emps2/archive", "signal/bot"])
def test_a_missing_key_is_named(key: str, config) -> None:
    *parents, last = key.split("/")
    entry = config
    for parent in parents:
        entry = entry[parent]
    del entry[last]
    assert f"key {last} is missing" in refusal(config)


WRONG = [
    ("backfill_count", "ten"),
    ("backfill_count", 10.0),
    ("backfill_count", 0),
    ("backfill_count", True),
    ("history/ma", 20.5),
    ("offline", "no"),
    ("offline", 0),
    ("marked", "newest"),
    ("mode", "monthly"),
    ("finra/files", "CNMS"),
    ("finra/files", []),
    ("finra/files", ["CNMS", "CNMS"]),
    ("finra/files", ["TRF"]),
    ("excluded_finra_tickers", ["SP XW"]),
    ("scans/emps2/tickers", ["AAPL", "../x"]),
    ("scans/emps2/universe", ["../09_final_universe.csv"]),
    ("scans/emps2/archive", ""),
    ("scans", {}),
    ("scans/..", {"archive": "x"}),
    ("accum_score/trf_spike", -0.5),
    ("accum_score/trf_spike", float("nan")),
    ("signal/bot", float("inf")),
    ("signal/sell", 0),
    ("signal/bot", None),
    ("lit/rth_end", "25:00"),
    ("lit/rth_end", "9:30"),
    ("lit/method", "NBBO"),
    ("lit/min_lit_volume", "10k"),
    ("lit/parts", 0),
    ("lit/parts", 2.5),
    ("lit/parts", "8"),
    ("history", None),
]


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_a_wrong_type_or_value_is_named_with_its_key(key: str, value: object, config) -> None:
    said = refusal(put(config, key, value))
    assert said.startswith("config: ")
    assert key.split("/", maxsplit=1)[0] in said
    assert "given" in said or "unknown" in said


@pytest.mark.parametrize(("written", "key"), [("[ON, AAPL]", "tickers[0]"), ("[AAPL, NULL]", "tickers[1]")])
def test_a_ticker_that_yaml_reads_as_something_else_gets_a_hint(written: str, key: str, config) -> None:
    said = refusal(put(config, "scans/emps2/tickers", yaml.safe_load(written)))
    assert key in said
    assert "put it in quotes" in said


def test_a_time_without_quotes_gets_the_hint_too(config) -> None:
    assert "put it in quotes" in refusal(put(config, "lit/rth_end", yaml.safe_load("16:15")))


def test_tickers_that_look_like_missing_values_are_tickers(config) -> None:
    settings.check(put(config, "scans/emps2/tickers", ["NA", "NAN", "TRUE", "TpC", "TPC", "BRK/B", "BRK-B"]), SCHEMA)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"history/min_sessions": 21}, "history.min_sessions: 21 was given, at most history.ma = 20"),
        ({"history/window": 18}, "history.ma: 20 was given, at most history.window [+] 1 = 19"),
        ({"lit/rth_start": "16:15"}, "lit.rth_end: 16:15 was given, a time after lit.rth_start"),
        ({"finra/files": ["CNMS", "FNSQ"]}, "CNMS or FNSQ, whose sum it is, is allowed"),
        ({"scans/emps2/archive": "resources/../resources/demo"}, "simulated archive of the scan demo"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(changes: dict, words: str, config) -> None:
    for key, value in changes.items():
        put(config, key, value)
    with pytest.raises(ConfigError, match=words):
        settings.check(config, SCHEMA)


def test_two_scans_may_share_a_live_archive(config) -> None:
    settings.check(put(config, "scans/emps3", {"archive": config["scans"]["emps2"]["archive"]}), SCHEMA)


def test_a_configuration_that_is_no_mapping_is_refused() -> None:
    assert "(top level)" in refusal(None)
