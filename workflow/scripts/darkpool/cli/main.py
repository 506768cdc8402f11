"""The command line: what the sessions on disk say, in the terminal and in files for other programs.

It reads the sessions' own folders, so that it always shows what is there; `query` alone reads the history in DuckDB.
Libraries are imported where they are needed: help and a mistyped command cost no more than Python itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .. import terminal
from ..session.selection import NotUnderstood
from ..tables import glossary
from . import backfill, doctor, exports, history, morning, profile, study, tables
from .assistant import command as assistant
from .command import FAULT, USAGE, Commands, Run

EXAMPLES = """examples:
  python -m darkpool table --dates 2025-12-22 --tickers TQQQ,SPY
  python -m darkpool show TQQQ --last 10
  python -m darkpool plots --symbols TQQQ,SPY --to pictures
  python -m darkpool export --dates 2025-12 --columns ticker,offex_ratio,log_ratio --to december.xlsx
  python -m darkpool digest --dates 2025-12-22 --send
  python -m darkpool index --scan emps2
  python -m darkpool query "select date, log_ratio from features where ticker = 'TQQQ' order by date"

exit status: 0 done, 1 nothing found or a fault, 2 wrong usage
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given[:1] == ["morning"]:  # hands on what it does not know itself, as argparse's commands cannot
        from ..morning import unattended

        return unattended.main(given[1:])
    with terminal.harmless():
        args = parser().parse_args(given)
        try:
            run: Run = args.run
            return run(args)
        except NotUnderstood as error:
            return _ended(error, USAGE)
        except (ValueError, OSError, RuntimeError) as error:
            return _ended(error, FAULT)


def _ended(error: object, status: int) -> int:
    print(f"error: {error}", file=sys.stderr)
    return status


def parser() -> argparse.ArgumentParser:
    """Every command with its arguments."""
    whole = argparse.ArgumentParser(
        prog="python -m darkpool",
        description="Off-exchange volume of the sessions on disk. " + glossary.DISCLAIMER,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = Commands(whole)
    for group in (tables, profile, exports, study, backfill, history, morning, doctor, assistant):
        group.add_to(commands)
    return whole
