"""Snakemake's own local executor, whose scripts run in a few processes that stay: a backfill's many small steps.

A step of 0.1 s costs 0.7 s of imports in a process of its own. Everything else is Snakemake's: which steps there are,
what they are given, their records. It is found by its name where this folder is on PYTHONPATH, as `darkpool backfill`
puts it; no other run looks for it.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import connection
from pathlib import Path

from snakemake.exceptions import SpawnedJobError
from snakemake.executors import local
from snakemake.iocontainers import Snakemake
from snakemake_interface_executor_plugins.jobs import SingleJobExecutorInterface

common_settings = local.common_settings


class Executor(local.Executor):
    def __post_init__(self) -> None:
        super().__post_init__()
        # Spawned, since the main process has threads by now that a fork would lose.
        context = multiprocessing.get_context("spawn")
        self.resident = ProcessPoolExecutor(self.cores, mp_context=context, initializer=_end_with_parent)

    def run_single_job(self, job: SingleJobExecutorInterface) -> Future[None]:
        if job.rule.script is None:
            return super().run_single_job(job)
        rule, *given = self.job_args_and_prepare(job)[:8]
        folder = Path(rule.basedir.get_path_or_uri(secret_free=False))
        script = Path(os.path.normpath(folder / rule.script))
        handed = Snakemake(*given, self.workflow.globals["config"], rule.name, None, str(script.parent))
        return self.pool.submit(self._wait, self.resident.submit(run_script, str(script), handed))

    @staticmethod
    def _wait(step: Future[int]) -> None:
        if step.result():
            raise SpawnedJobError

    def shutdown(self) -> None:
        super().shutdown()
        self.resident.shutdown()

    def cancel(self) -> None:
        self.resident.shutdown(wait=False, cancel_futures=True)
        super().cancel()


def run_script(path: str, handed: Snakemake) -> int:
    """Run a rule's script as a process of its own would; its exit status."""
    folder = str(Path(path).parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        runpy.run_path(path, {"snakemake": handed}, "__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _end_with_parent() -> None:
    """What a killed Snakemake leaves behind must not go on writing."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_for, args=(parent.sentinel,), daemon=True).start()


def _wait_for(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
