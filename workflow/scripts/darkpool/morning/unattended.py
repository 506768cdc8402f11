"""The unattended run behind `daily.sh`: whether it is due, which sessions, and with what exit status it ends.

It decides, and has the sessions run and judged by their files (`morning_run`); what came of them is one line of JSON, a
dated log, `latest.json` and the exit status (`report`).
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from .. import clock
from ..archive.store import iso
from ..project import PROJECT
from ..session.outcome import DONE, FAULT, LATER
from ..settings import Settings
from . import acted_on, morning_run, run_lock, schedule, snakemake_process, wrapper_arguments
from .morning_run import Morning
from .report import Report
from .wrapper_arguments import Invocation


def main(arguments: Sequence[str]) -> int:
    """Run a morning from any folder; returns the exit status."""
    caller = Path.cwd()
    os.chdir(PROJECT)
    report = Report(scan="emps2", began=time.monotonic())
    try:
        call = wrapper_arguments.parse(arguments, caller)
        report.scan = call.scan
        with snakemake_process.stoppable():
            _act(call, clock.now(), report)
    except run_lock.Busy as error:
        report.action, report.exit_status, report.reason = "busy", LATER, str(error)
    except snakemake_process.Stopped as error:
        report.exit_status, report.reason = LATER, f"{error}; run again"
    except (ValueError, OSError, RuntimeError) as error:
        report.exit_status, report.reason = FAULT, str(error) or type(error).__name__
    except Exception as error:
        traceback.print_exc()
        report.exit_status, report.reason = FAULT, f"{type(error).__name__}: {error}"
    if report.exit_status == FAULT and report.log is None:
        report.leave_note()
    report.say()
    with suppress(BrokenPipeError):
        print(report.line(), flush=True)
    return report.exit_status


def _act(call: Invocation, now: datetime, report: Report) -> None:
    """What `main` does, short of telling it."""
    results = Path("results", call.scan)
    kind = "weekly" if call.weekly else "daily"
    if call.at:
        due = iso(schedule.newest(now, call.at, call.weekly))
        if acted_on.read(results).get(kind, {}).get("due") == due:
            report.action, report.exit_status = "wait", DONE
            return
    wrapper_arguments.complete_environment(PROJECT)
    config = wrapper_arguments.settled(PROJECT, call)
    report.mode = config.mode
    if call.is_dry:
        _rehearse(call, config, now, report)
        return
    with run_lock.sole_run(PROJECT) as was_killed:
        if (pid := run_lock.started_by_hand(PROJECT)) is not None:
            raise run_lock.Busy(f"a snakemake started by hand (process {pid}) is at work in {PROJECT}")
        with report.journal(results, now, config.morning.keep_logs) as log:
            morning = Morning(call, config, now, results, report, log)
            morning.tidy(was_killed)
            morning.run(acted_on.read(results).get(kind, {}).get("looked_back"))
            # What is to be tried again later has not been acted on.
            acted = call.at and report.exit_status != LATER
            morning.remember(kind, schedule.newest(now, call.at, call.weekly) if call.at and acted else None)


UNREAD = ("host", "reason", "rules")
"""What of Snakemake's dry run nobody reads: its count of jobs by rule says what would be done."""


def _rehearse(call: Invocation, config: Settings, now: datetime, report: Report) -> None:
    """Snakemake's own dry run of what would be done now; nothing is written, nobody asked, nothing sent."""
    report.action = "dry-run"
    backlog = morning_run.survey(call, config, now)
    report.date, report.stale_mark = str(backlog.target), backlog.is_stale
    days = (*backlog.open, backlog.target)
    environment = morning_run.environment(call, backlog.target)
    command = morning_run.command(call, days)
    command[command.index("--") : command.index("--")] = ["--quiet", *UNREAD]
    ended = snakemake_process.run(command, PROJECT, environment, sys.stderr.buffer)
    report.exit_status = DONE if ended == 0 else FAULT
    report.sessions = [{"date": str(day), "outcome": "dry-run"} for day in days]
