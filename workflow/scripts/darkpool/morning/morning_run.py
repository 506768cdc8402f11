"""One run under the lock: it looks back, drives Snakemake session by session, and has everything tell of it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import IO

from .. import clock
from ..archive.store import RUN, Archive, iso
from ..credentials import which
from ..market import sessions
from ..project import PROJECT
from ..session import files, outcome
from ..session.outcome import DONE, FAULT, LATER, Verdict
from ..settings import DEMO, Settings
from . import acted_on, open_sessions, run_lock, snakemake_process
from .report import Report
from .wrapper_arguments import Invocation

LAST_MARKED = "DARKPOOL_LAST_MARKED"
"""Tells the workflow which session is reached as the last-marked date, though every target is named."""
NOTIFY = ("DARKPOOL_NOTIFY",)
ONE_RUN = f"{os.getpid()}@{time.time_ns()}"
"""All sessions of a morning are one run: a vendor that is down is found out once."""


def command(call: Invocation, days: Sequence[date]) -> list[str]:
    """Snakemake for the manifests of these sessions; the store, the index and latest.json come with them."""
    targets = [f"results/{call.scan}/{day}/{files.MANIFEST}" for day in days]
    return [sys.executable, "-m", "snakemake", *call.handed_on, "--", *targets]


def environment(call: Invocation, target: date) -> dict[str, str]:
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    more = {"PATH": beside, "PYTHONUTF8": "1", LAST_MARKED: f"{call.scan}/{target}", RUN: ONE_RUN}
    if call.weekly:
        more["FETCH_MODE"] = "weekly"
    return {**os.environ, **run_lock.mark(PROJECT), **more}


def survey(call: Invocation, config: Settings, now: datetime) -> open_sessions.Backlog:
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

    def _snakemake(self, day: date, target: date) -> int:
        ended = snakemake_process.run(command(self.call, [day]), PROJECT, environment(self.call, target), self.log)
        if run_lock.end_left_behind(PROJECT):
            self.say("ended jobs that Snakemake had left behind")
        return ended

    def run(self, looked_back: str | None) -> None:
        """Every session in turn, oldest first, the last-marked one last; then everything that tells of it."""
        report = self.report
        backlog = survey(self.call, self.config, self.now)
        today = str(self.now.astimezone(sessions.NEW_YORK).date())
        # A morning that is tried again has looked back already; a call by hand always does.
        if self.is_live and not (self.call.at and looked_back == today):
            look_back = self._look_back_at_weeks if self.call.weekly else self._look_back
            report.changed = [str(day) for day in look_back(backlog.target)]
            self.looked_back = today
        elif self.call.at:
            self.looked_back = looked_back
        days = sorted({*backlog.open, *self._outdated(backlog.target)})
        report.date, report.stale_mark = str(backlog.target), backlog.is_stale
        self.say(
            f"{self.call.scan}, mode {self.config.mode}: last-marked session {backlog.target}"
            + (" (the mark is older than the last completed session)" if backlog.is_stale else "")
            + (f"; before it {', '.join(map(str, days))}" if days else "")
        )
        verdicts: list[Verdict] = []
        stopped: snakemake_process.Stopped | None = None
        for day in (*days, backlog.target):
            try:
                verdicts.append(self._session(day, backlog.target))
            except snakemake_process.Stopped as error:
                stopped = error
                run_lock.end_left_behind(PROJECT)
                break
        report.exit_status = LATER if stopped else outcome.exit_status(judged.status for judged in verdicts)
        report.written_at = iso(clock.now())
        if report.exit_status != DONE:
            reasons = [f"{entry['date']}: {entry['reason']}" for entry in report.sessions if entry["reason"]]
            report.reason = "; ".join([*reasons, *([f"{stopped}; run again"] if stopped else [])])
        self._tell(backlog, stopped is not None)

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
        ended = self._snakemake(day, target)
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

    def _tell(self, backlog: open_sessions.Backlog, was_stopped: bool) -> None:
        """latest.json first, since other programs wait for it; what fails after it is a warning."""
        from ..history import beside

        with self._heard():
            for fault in beside.tell(
                self.results, backlog.target,
                mode=self.config.mode, exit_status=self.report.exit_status, now=clock.now(),
            ):  # fmt: skip
                self.say(f"warning: {fault}")
            if not was_stopped and which(NOTIFY):
                from ..message import delivery  # imported here: few mornings need it

                self.report.message = delivery.announce(self.results, backlog.target)

    def remember(self, kind: str, due: datetime | None) -> None:
        """This morning was acted on: a fault counts as well, since asking again would not mend it."""
        acted_on.remember(self.results, kind, due, self.looked_back)
