"""The unattended mornings: digest, cron, and the name of the run itself."""

from __future__ import annotations

import argparse
import sys

from ..project import PROJECT
from ..session import selection
from ..session.selection import LATEST
from . import choice
from .choice import DATES_HELP
from .command import DONE, FAULT, Commands


def add_to(commands: Commands) -> None:
    digest = commands.add("digest", _digest, "the morning's message of a session, printed, or sent with --send")
    digest.add_argument("--dates", default=LATEST, help=DATES_HELP)
    digest.add_argument("--send", action="store_true", help="send it to the addresses in DARKPOOL_NOTIFY, once")

    cron = commands.add("cron", _cron, "the crontab lines of the unattended run")
    cron.add_argument("--install", action="store_true", help="put them into your crontab, whose other lines stay")

    commands.name("morning", "the unattended run that workflow/scripts/daily.sh starts")


def _digest(args: argparse.Namespace) -> int:
    from ..message import delivery

    folder = choice.scan_folder(args)
    failed = False
    for number, day in enumerate(selection.days(args.dates, folder)):
        message = delivery.compose(folder, day)
        print(("\n" if number else "") + message.title + "\n\n" + message.text, end="")
        if args.send:
            outcome = delivery.announce(folder, day)
            failed |= outcome.startswith("failed")
            print(f"message: {outcome}", file=sys.stderr)
    return FAULT if failed else DONE


def _cron(args: argparse.Namespace) -> int:
    from ..morning import crontab

    lines = crontab.lines(PROJECT)
    print("\n".join(lines))
    if args.install:
        installed = "installed" if crontab.install(lines) else "installed already"
        print(f"{installed}; crontab -l shows it", file=sys.stderr)
    return DONE
