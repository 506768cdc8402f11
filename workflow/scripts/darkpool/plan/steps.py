"""Snakemake's own local executor, whose scripts run in a few processes that stay.

A step of 0.1 s costs 0.7 s of imports in a process of its own. Everything else is Snakemake's: which steps there are,
what they are given, their records. Imported inside Snakemake alone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections import deque
from concurrent.futures import Future
from pathlib import Path

from snakemake.exceptions import SpawnedJobError
from snakemake.executors import local
from snakemake.iocontainers import Snakemake
from snakemake_interface_executor_plugins.jobs import SingleJobExecutorInterface

from .. import credentials
from . import step_process, waiting

SCRIPTS = Path(__file__).parents[2]
START = f"import sys; sys.path.append({str(SCRIPTS)!r}); from darkpool.plan.step_process import main; main()"


class Process:
    """A `step_process` and this side of its two pipes: one for its steps, one that tells it that we live."""

    def __init__(self) -> None:
        self._steps, theirs = multiprocessing.Pipe()
        alive, self._life = os.pipe()
        handed = (theirs.fileno(), alive)
        command = [sys.executable, "-P", "-c", START, *map(str, handed)]
        self._process = subprocess.Popen(command, pass_fds=handed)
        theirs.close()
        os.close(alive)

    def run(self, step: step_process.Step) -> int | None:
        """Exit status of a step; None where the process ended before it, see `end`."""
        try:
            self._steps.send(step)
            status: int = self._steps.recv()
        except (EOFError, OSError):
            return None
        return status

    def end(self) -> int:
        """Let it end and wait for it: its exit status, negative where a signal ended it."""
        self._steps.close()
        status = self._process.wait()
        os.close(self._life)
        return status


class Executor(local.Executor):  # type: ignore[misc]
    """As many processes as steps that run at once; one that was ended costs the step it ran, as its own would have.

    Beside an executor of a cluster, whose jobs are given this process's environment, the keys of vendors are out of it
    from here on, and these steps alone have them.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._idle: deque[Process] = deque()
        self._withheld = {} if self.workflow.local_exec else credentials.withhold(os.environ)
        is_slurm = self.workflow.executor_plugin.name == "slurm"
        self._watch = waiting.Watch(Path.cwd()) if is_slurm else None

    def run_single_job(self, job: SingleJobExecutorInterface) -> Future[None]:
        script = self._script(job)
        future: Future[None]
        if script is None:
            future = super().run_single_job(job)
            return future
        rule, *given = self.job_args_and_prepare(job)[:8]
        handed = Snakemake(*given, self.workflow.globals["config"], rule.name, None, str(script.parent))
        step = step_process.Step(str(script), handed, os.getcwd(), {**os.environ, **self._withheld})
        future = self.pool.submit(self._run, rule.name, step)
        return future

    def _script(self, job: SingleJobExecutorInterface) -> Path | None:
        """The job's script where it is one of this project's and nothing is asked of a process of its own.

        That is asked by --sdm (another environment), --skip-script-cleanup (the script as it is started) and --debug.
        """
        settings = self.workflow.execution_settings
        apart = self.workflow.deployment_settings.deployment_method or settings.debug or not settings.cleanup_scripts
        if job.rule.script is None or apart or job.is_shadow or job.benchmark is not None:
            return None
        folder = Path(job.rule.basedir.get_path_or_uri(secret_free=False))
        script = Path(os.path.normpath(folder / job.rule.script))
        return script if script.suffix == ".py" and script.is_relative_to(SCRIPTS) else None

    def _run(self, rule: str, step: step_process.Step) -> None:
        try:
            process = self._idle.pop()
        except IndexError:
            process = Process()
        status = process.run(step)
        if status is None:
            ended = process.end()
            if ended != step_process.INTERRUPTED:
                how = f"was ended by {signal.Signals(-ended).name}" if ended < 0 else f"ended with status {ended}"
                print(f"error: the process of {rule} {how}", file=sys.stderr)
            raise SpawnedJobError
        self._idle.append(process)
        if status:
            raise SpawnedJobError

    def shutdown(self) -> None:
        super().shutdown()
        self._end()

    def cancel(self) -> None:
        super().cancel()
        self._end()

    def _end(self) -> None:
        if self._watch:
            self._watch.stop()
        while self._idle:
            self._idle.pop().end()
