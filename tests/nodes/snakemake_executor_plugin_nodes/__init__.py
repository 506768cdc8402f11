"""A cluster without one: Snakemake's own remote executor, each job in a shell of its own as a node would start it.

A node has one core, and of the main process's environment only what it is given: paths, the clock, the vendors'
addresses. Snakemake finds the plugin by its name where this folder's parent is on PYTHONPATH.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncGenerator

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    auto_deploy_default_storage_provider=False,
)


class Executor(RemoteExecutor):
    def run_job(self, job: JobExecutorInterface) -> None:
        command = ["taskset", "-c", "0", "sh", "-c", self.format_job_exec(job)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DARKPOOL_", "FETCH_"))}
        process = subprocess.Popen(command, env=kept)
        self.report_job_submission(SubmittedJobInfo(job=job, external_jobid=str(process.pid), aux={"process": process}))

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> AsyncGenerator[SubmittedJobInfo, None]:
        for submitted in active_jobs:
            code = submitted.aux["process"].poll()
            if code is None:
                yield submitted
            elif code == 0:
                self.report_job_success(submitted)
            else:
                self.report_job_error(submitted)

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        for submitted in active_jobs:
            submitted.aux["process"].terminate()
