"""What the morning was asked to do: its own arguments, those handed on to Snakemake, and the configuration of both."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, MutableMapping, Sequence
from datetime import time
from pathlib import Path
from typing import Any, NamedTuple

from .. import credentials, settings
from ..plan import configuration
from . import schedule

CORES = "4"
EPILOG = """anything else is handed on to snakemake: --dry-run, --cores 2, --configfile other.yaml, --config mode=single

exit status: 0 done or nothing to do; 75 try again later (not published yet, outage, another run); 1 a fault
"""


class Invocation(NamedTuple):
    """`handed_on` are Snakemake's arguments, `overrides` what they say about the configuration."""

    scan: str
    weekly: bool
    at: time | None
    handed_on: list[str]
    is_dry: bool
    overrides: Mapping[str, Any]


class Usage(ValueError):
    """The arguments cannot be understood."""


def parser() -> argparse.ArgumentParser:
    """What daily.sh takes itself."""
    parser = argparse.ArgumentParser(
        prog="daily.sh",
        description="The last-marked session, and what earlier mornings left open.",
        epilog=EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scan", default="emps2", help="scan of the configuration (default: emps2)")
    parser.add_argument("--weekly", action="store_true", help="the Sunday run: mode weekly")
    parser.add_argument(
        "--at",
        metavar="HH:MM",
        help="New York time: act once a morning, at the first call after it; for cron",
    )
    return parser


def parse(arguments: Sequence[str], caller: Path) -> Invocation:
    """Read the command line; relative files in it are those of the folder `caller`, where they are there.

    Raises Usage; SystemExit for --help.
    """
    known, rest = parser().parse_known_args(list(arguments))
    try:
        at = schedule.at_time(known.at) if known.at else None
    except ValueError as error:
        raise Usage(str(error)) from None
    if not rest:
        return Invocation(known.scan, known.weekly, at, ["--cores", CORES], False, {})
    return Invocation(known.scan, known.weekly, at, *_of_snakemake(rest, caller))


def _of_snakemake(arguments: list[str], caller: Path) -> tuple[list[str], bool, Mapping[str, Any]]:
    """As Snakemake itself reads them: what it would refuse is refused before anything is touched."""
    from snakemake.cli import get_argument_parser, parse_config
    from snakemake.settings.types import ConfigSettings

    try:
        read = get_argument_parser().parse_args(arguments)
    except SystemExit:
        raise Usage(f"snakemake does not take {' '.join(arguments)}") from None
    if read.targets:
        raise Usage(f"{read.targets[0]}: the morning finds its own sessions; for another one: make run DATE=YYYY-MM-DD")
    handed_on = list(arguments)
    configfiles = []
    for path in map(Path, read.configfile or []):
        there = caller / path
        configfiles.append(there if there.is_file() else path)
        if there.is_file():
            old, new = str(path), str(there)
            handed_on = [new if part == old else part.replace(f"={old}", f"={new}") for part in handed_on]
    try:
        overrides = ConfigSettings(config=parse_config(read.config), configfiles=configfiles).overwrite_config
    except Exception as error:  # Snakemake has many kinds of error for a file that is not there or no YAML
        raise Usage(f"the configuration asked for cannot be read: {error}") from None
    if read.cores is None and read.jobs is None:
        handed_on += ["--cores", CORES]
    return handed_on, bool(read.dryrun), overrides


def settled(project: Path, call: Invocation) -> settings.Settings:
    """The configuration as the run will see it, checked; raises settings.ConfigError."""
    config = settings.load(project / "config.yaml")
    if not isinstance(config, dict):
        raise settings.ConfigError("config: config.yaml is no mapping of keys")
    _merge(config, call.overrides)
    found = configuration.settled(config, configuration.schema(project), "weekly" if call.weekly else None)
    if call.scan not in found.scans:
        raise settings.ConfigError(f"config: no scan {call.scan}; the scans are {', '.join(found.scans)}")
    return found


def _merge(into: MutableMapping[str, Any], other: Mapping[str, Any]) -> None:
    """Mappings merge, everything else is replaced, as Snakemake does it."""
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), MutableMapping):
            _merge(into[key], value)
        else:
            into[key] = value


def complete_environment(project: Path) -> None:
    """Give this process, and what it starts, what cron leaves out; whatever is set already stays."""
    for name in credentials.HANDED_ON:
        if (value := credentials.setting(name)) and not os.environ.get(name):
            os.environ[name] = value
    home = Path(os.path.expanduser("~"))
    if "XDG_CACHE_HOME" not in os.environ and not os.access(home, os.W_OK):
        os.environ["XDG_CACHE_HOME"] = str(project / ".snakemake" / "cache")
    os.environ.pop("PYTHONPATH", None)
