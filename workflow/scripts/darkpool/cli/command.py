"""What a command is: a function of its arguments, and the exit status it ends with."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

DONE, FAULT, USAGE = 0, 1, 2

Run = Callable[[argparse.Namespace], int]


class Commands:
    """The commands of a parser; all of them know the scan, the folder of the scans and the configuration."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._parsers = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
        self._common = argparse.ArgumentParser(add_help=False)
        add = self._common.add_argument
        add("--scan", default="emps2", help="scan to read (default: emps2)")
        add("--results", type=Path, default=Path("results"), help="folder of the scans (default: results)")
        add("--config", type=Path, default=Path("config.yaml"), help="configuration (default: config.yaml)")

    def add(self, name: str, run: Run, help_: str) -> argparse.ArgumentParser:
        """A command that `run` does; returns its parser, for arguments of its own."""
        added = self._parsers.add_parser(name, parents=[self._common], help=help_, description=help_)
        added.set_defaults(run=run)
        return added

    def name(self, name: str, help_: str) -> None:
        """Name a command that reads its arguments itself."""
        self._parsers.add_parser(name, add_help=False, help=help_)
