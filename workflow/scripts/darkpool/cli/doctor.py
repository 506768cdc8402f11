"""Whether everything is there that the mornings need: doctor."""

from __future__ import annotations

import argparse

from .command import DONE, FAULT, Commands


def add_to(commands: Commands) -> None:
    doctor = commands.add(
        "doctor", _doctor, "whether everything is there that the mornings need, and what to do where not"
    )
    doctor.add_argument("--offline", action="store_true", help="ask no vendor")
    doctor.add_argument("--archive", action="store_true", help="hash every file of the archives instead, with progress")
    doctor.add_argument("--json", action="store_true", help="print JSON")


def _doctor(args: argparse.Namespace) -> int:
    from ..doctor import finding, health

    found = []
    place = finding.Place(args.config, args.results, args.scan)
    for check in health.examine(place, offline=args.offline, archive=args.archive):
        found.append(check)
        if not args.json:
            print(check.line(), flush=True)
    if args.json:
        print(health.as_json(found))
    return FAULT if any(check.state == "fault" for check in found) else DONE
