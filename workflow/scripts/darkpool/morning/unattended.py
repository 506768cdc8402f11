"""The unattended run behind `daily.sh`: which sessions, in what order, and what is said of them.

It decides, drives Snakemake session by session, reads what became of each from its files, and tells it in one line of
JSON, in a dated log, in `latest.json` and in the exit status.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

from .. import clock
from ..archive.store import RUN, Archive, iso
from ..credentials import which
from ..files import write_atomic
from ..market import sessions
from ..session import files, outcome
from ..session.outcome import DONE, FAULT, LATER, Verdict
from ..settings import DEMO, Settings
from . import open_sessions, run_lock, run_log, schedule, snakemake_process, wrapper_arguments
from .wrapper_arguments import Invocation

PROJECT = Path(__file__).resolve().parents[4]
LAST_MARKED = "DARKPOOL_LAST_MARKED"
"""Tells the workflow which session is reached as the last-marked date, though every target is named."""
NOTIFY = ("DARKPOOL_NOTIFY",)
"""In the scan's folder: which mornings were acted on. Without it a morning is acted on once more, and finds it done."""
SCHEMA = 1
ONE_RUN = f"{os.getpid()}@{time.time_ns()}"
"""All sessions of a morning are one run: a vendor that is down is found out once."""


@dataclass
class Report:
    """The line on stdout; `action` is run, wait (not due), busy (another run) or dry-run; `show` is a fault's log."""

    scan: str
    action: str = "run"
    date: str | None = None
    mode: str | None = None
    stale_mark: bool = False
    sessions: list[dict[str, Any]] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    message: str | None = None
    log: str | None = None
    reason: str | None = None
    exit_status: int = FAULT
    written_at: str | None = None
    began: float = 0.0
    show: list[str] = field(default_factory=list)

    def line(self) -> str:
        told = {name: value for name, value in vars(self).items() if name not in ("began", "show")}
        seconds = round(time.monotonic() - self.began, 1)
        return json.dumps({"schema": SCHEMA, **told, "seconds": seconds}, ensure_ascii=False)


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
        _leave_note(report)
    _say(report)
    with suppress(BrokenPipeError):
        print(report.line(), flush=True)
    return report.exit_status


def _act(call: Invocation, now: datetime, report: Report) -> None:
    """What `main` does, short of telling it."""
    results = Path("results", call.scan)
    kind = "weekly" if call.weekly else "daily"
    if call.at:
        due = iso(schedule.newest(now, call.at, call.weekly))
        if _state(results).get(kind, {}).get("due") == due:
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
        with _journal(results, now, config.morning.keep_logs, report) as log:
            morning = Morning(call, config, now, results, report, log)
            morning.tidy(was_killed)
            morning.run(_state(results).get(kind, {}).get("looked_back"))
            # What is to be tried again later has not been acted on.
            acted = call.at and report.exit_status != LATER
            morning.remember(kind, schedule.newest(now, call.at, call.weekly) if call.at and acted else None)


def _state(results: Path) -> dict[str, Any]:
    """What the mornings so far have left; a file that is not there, or not ours, is a first morning."""
    try:
        state = json.loads((results / files.STATE).read_bytes())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


@contextmanager
def _journal(results: Path, now: datetime, keep: int, report: Report) -> Iterator[IO[bytes]]:
    path = run_log.path(results, now)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as log:
        report.log = str(path)
        start = log.tell()
        try:
            yield log
        except snakemake_process.Stopped:
            raise
        except Exception:
            log.write(traceback.format_exc().encode())
            raise
        finally:
            log.write(f"{report.line()}\n".encode())
            run_log.rotate(results, keep)
            if report.exit_status == FAULT:
                with path.open("rb") as file:
                    file.seek(start)
                    report.show = file.read().decode(errors="replace").splitlines()[:-1]


def _leave_note(report: Report) -> None:
    """A fault before there is a log, a configuration say: cron's own mail may reach nobody."""
    results = Path("results", report.scan)
    with suppress(OSError, ValueError):
        if report.action == "run" and results.is_dir():
            path = run_log.path(results, clock.now())
            path.parent.mkdir(exist_ok=True)
            with path.open("a") as log:
                log.write(f"error: {report.reason}\n{report.line()}\n")


def _say(report: Report) -> None:
    """What went wrong, on stderr; for a fault also what of the log a person wants to see first."""
    if not report.reason:
        return
    print(f"{'error' if report.exit_status == FAULT else 'later'}: {report.reason}", file=sys.stderr)
    if report.show:
        for line in run_log.telling(report.show):
            print(f"  {line}", file=sys.stderr)
        print(f"the whole log: {PROJECT / str(report.log)}", file=sys.stderr)


def _command(call: Invocation, targets: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "snakemake", *call.handed_on, "--", *targets]


def _targets(scan: str, day: date) -> list[str]:
    """The manifest; the store, the index and latest.json come with it."""
    return [f"results/{scan}/{day}/{files.MANIFEST}"]


def _environment(call: Invocation, target: date) -> dict[str, str]:
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    more = {"PATH": beside, "PYTHONUTF8": "1", LAST_MARKED: f"{call.scan}/{target}", RUN: ONE_RUN}
    if call.weekly:
        more["FETCH_MODE"] = "weekly"
    return {**os.environ, **run_lock.mark(PROJECT), **more}


def _rehearse(call: Invocation, config: Settings, now: datetime, report: Report) -> None:
    """Snakemake's own dry run of what would be done now; nothing is written, nobody asked, nothing sent."""
    report.action = "dry-run"
    survey = _survey(call, config, now)
    report.date, report.stale_mark = str(survey.target), survey.is_stale
    days = (*survey.open, survey.target)
    targets = [target for day in days for target in _targets(call.scan, day)]
    environment = _environment(call, survey.target)
    ended = snakemake_process.run(_command(call, targets), PROJECT, environment, sys.stderr.buffer)
    report.exit_status = DONE if ended == 0 else FAULT
    report.sessions = [{"date": str(day), "outcome": "dry-run"} for day in days]


def _survey(call: Invocation, config: Settings, now: datetime) -> open_sessions.Backlog:
    """The Sunday run makes the weeks of one session; what daily mornings left open is theirs, in their mode."""
    count = 0 if call.weekly else config.morning.catch_up
    return open_sessions.survey(Path("results", call.scan), now, config.marked, count)


class Morning:
    """One run under the lock."""

    def __init__(
        self, call: Invocation, config: Settings, now: datetime, results: Path, report: Report, log: IO[bytes]
    ) -> None:
        self.call, self.config, self.now, self.results, self.report, self.log = call, config, now, results, report, log
        self.archive = Path(config.scans[call.scan].archive)
        self.is_live = call.scan != DEMO and not config.offline
        self.looked_back: str | None = None

    def say(self, text: str) -> None:
        self.log.write(f"{clock.now():%H:%M:%S} UTC  {text}\n".encode())

    def tidy(self, was_killed: bool) -> None:
        """Leave nothing of a run that was killed: processes that still write, Snakemake's lock, files half written."""
        ended = run_lock.end_left_behind(PROJECT)
        if ended:
            self.say(f"ended what an earlier run had left behind: processes {', '.join(map(str, ended))}")
        if run_lock.unlock(PROJECT):
            self.say("removed the lock of a Snakemake that was killed")
        if was_killed or ended:
            for path in run_lock.sweep(PROJECT, self.results, self.archive):
                self.say(f"removed {path}, which a killed run had begun")

    def _snakemake(self, arguments: list[str], target: date) -> int:
        command = [sys.executable, "-m", "snakemake", *arguments]
        ended = snakemake_process.run(command, PROJECT, _environment(self.call, target), self.log)
        if run_lock.end_left_behind(PROJECT):
            self.say("ended jobs that Snakemake had left behind")
        return ended

    def run(self, looked_back: str | None) -> None:
        """Every session in turn, oldest first, the last-marked one last; then everything that tells of it."""
        report = self.report
        survey = _survey(self.call, self.config, self.now)
        today = str(self.now.astimezone(sessions.NEW_YORK).date())
        # A morning that is tried again has looked back already; a call by hand always does.
        if self.is_live and not (self.call.at and looked_back == today):
            look_back = self._look_back_at_weeks if self.call.weekly else self._look_back
            report.changed = [str(day) for day in look_back(survey.target)]
            self.looked_back = today
        elif self.call.at:
            self.looked_back = looked_back
        days = sorted({*survey.open, *self._outdated(survey.target)})
        report.date, report.stale_mark = str(survey.target), survey.is_stale
        self.say(
            f"{self.call.scan}, mode {self.config.mode}: last-marked session {survey.target}"
            + (" (the mark is older than the last completed session)" if survey.is_stale else "")
            + (f"; before it {', '.join(map(str, days))}" if days else "")
        )
        verdicts: list[Verdict] = []
        stopped: snakemake_process.Stopped | None = None
        for day in (*days, survey.target):
            try:
                verdicts.append(self._session(day, survey.target))
            except snakemake_process.Stopped as error:
                stopped = error
                run_lock.end_left_behind(PROJECT)
                break
        report.exit_status = LATER if stopped else outcome.exit_status(judged.status for judged in verdicts)
        report.written_at = iso(clock.now())
        if report.exit_status != DONE:
            told = [f"{entry['date']}: {entry['reason']}" for entry in report.sessions if entry["reason"]]
            report.reason = "; ".join([*told, *([f"{stopped}; run again"] if stopped else [])])
        self._tell(survey, stopped is not None)

    def _outdated(self, target: date) -> list[date]:
        """Sessions before the target that are not as the archive says, by the files.

        Also what a run that was killed after its look-back left to do.
        """
        if self.call.weekly:
            return []
        config = self.config
        recent = [day for day in open_sessions.recent(self.now, config.morning.catch_up) if day < target]
        return open_sessions.outdated(
            self.results, Archive(self.archive), recent, config.finra.files, config.history.window
        )  # fmt: skip

    def _session(self, day: date, target: date) -> Verdict:
        """Run one session and judge it; also one whose run we were told to end is in the report."""
        folder = self.results / str(day)
        tried = Path("logs", self.call.scan, str(day), "write_manifest.log")
        before = outcome.mark(tried)
        self.say(f"session {day}")
        ended = self._snakemake([*self.call.handed_on, "--", *_targets(self.call.scan, day)], target)
        if ended and (pid := run_lock.started_by_hand(PROJECT)) is not None:
            judged = Verdict(LATER, "interrupted", {}, f"a snakemake started by hand (process {pid}) is at work")
        else:
            judged = outcome.judge(folder, ended, outcome.mark(tried) != before, self.config.mode)
            judged = self._with_history(judged, day)
        self.say(f"session {day}: {judged.outcome}" + (f", {judged.reason}" if judged.reason else ""))
        self.report.sessions.append(
            {"date": str(day), "outcome": judged.outcome, "states": judged.states, "reason": judged.reason}
        )  # fmt: skip
        return judged

    def _with_history(self, judged: Verdict, day: date) -> Verdict:
        """A session that is done, but that the store does not hold as it is, is a fault."""
        from ..history import lag  # a morning that is not due, or waits for another run, needs no database

        if judged.status == DONE and (lagging := lag.of(self.results, [day])):
            return judged._replace(status=FAULT, outcome="fault", reason=lag.sentence(self.results, lagging))
        return judged

    def _look_back(self, target: date) -> list[date]:
        """Ask again for the sessions just before the target; the ones whose answers changed."""
        from . import lookback

        archive = Archive(self.archive)
        before = sessions.window(target, self.config.morning.look_back)[:-1]
        days = [day for day in before if any(archive.receipt_path(s, day).is_file() for s in ("finra", "yahoo"))]
        if not days:
            return []
        self.say(f"looking back at {', '.join(map(str, days))}")
        with self._heard():
            changed = lookback.recheck(
                archive, self.call.scan, days,
                prefixes=self.config.finra.files, window=self.config.history.window, following=target,
            )  # fmt: skip
        return self._say_changed(changed)

    def _look_back_at_weeks(self, target: date) -> list[date]:
        """Ask again for FINRA's newest weeks; the target and the sessions just before it that see a restated one."""
        from . import lookback

        count = self.config.morning.look_back_weeks
        if not count:
            return []
        days = sessions.window(target, self.config.morning.look_back)
        self.say(f"looking back at FINRA's last {count} weeks per tier")
        with self._heard():
            changed = lookback.recheck_weeks(Archive(self.archive), days, weeks=count, auth=self.config.finra.auth)
        return self._say_changed(changed)

    def _say_changed(self, days: list[date]) -> list[date]:
        if days:
            self.say(f"answers changed: {', '.join(map(str, days))}")
        return days

    @contextmanager
    def _heard(self) -> Iterator[None]:
        """What our own modules say on stderr goes into the log."""
        terminal = sys.stderr
        with open(self.log.fileno(), "w", closefd=False) as text:
            sys.stderr = text
            try:
                yield
            finally:
                sys.stderr = terminal

    def _tell(self, survey: open_sessions.Backlog, was_stopped: bool) -> None:
        """latest.json first, since other programs wait for it; what fails after it is a warning."""
        from ..history import beside

        with self._heard():
            for fault in beside.tell(
                self.results, survey.target,
                mode=self.config.mode, exit_status=self.report.exit_status, now=clock.now(),
            ):  # fmt: skip
                self.say(f"warning: {fault}")
            if not was_stopped and which(NOTIFY):
                from ..message import delivery  # imported here: few mornings need it

                self.report.message = delivery.announce(self.results, survey.target)

    def remember(self, kind: str, due: datetime | None) -> None:
        """This morning was acted on: a fault counts as well, since asking again would not mend it."""
        state = _state(self.results)
        done = dict(state.get(kind, {}))
        if due is not None:
            done["due"] = iso(due)
        if self.looked_back:
            done["looked_back"] = self.looked_back
        if done == state.get(kind, {}):
            return
        content = json.dumps({**state, kind: done}, indent=1, sort_keys=True) + "\n"
        write_atomic(self.results / files.STATE, content.encode())
