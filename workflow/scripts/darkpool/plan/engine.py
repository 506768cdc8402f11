"""What Snakemake offers no official way to: targets before the rules are made, files to be made again, processes kept.

All are reached in its inside, here alone, by their names; tried on Snakemake 9.27.1. A test runs them on the installed
one, so that a version that names them otherwise fails there, and a run on it ends with EngineError.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from snakemake.exceptions import InputOpenException, WorkflowError

from .request import Target

TRIED_ON = "9.27.1"


class EngineError(ValueError):
    """This Snakemake is built otherwise than the one that was tried; names what is missing."""


class Refused(WorkflowError, InputOpenException):  # type: ignore[misc]
    """Stops a run with its sentence alone.

    Snakemake puts the file, the line and the frames of the rules around every error that has passed through them. It
    finds them in `__traceback__`, where this one shows none: what is wrong is what was asked for, not a rule. Around
    one that an input function raises it puts the rule and its wildcards, but for an InputOpenException, whose `iofile`
    it asks for instead: there it is raised again, as it is.
    """

    __traceback__ = property(lambda self: None, lambda self, frames: None)

    def _again(self) -> NoReturn:
        raise Refused(str(self)) from None

    iofile = property(_again, lambda self, file: None)


def targets() -> list[Target] | None:
    """Targets of the command, the API call or the job for which the workflow is being read.

    None where there are none to be known, as when the rules are only listed.

    Rules are made before Snakemake hands the workflow its targets (`Workflow.dag_settings` is None until then), so they
    are taken from its caller that holds them already (`DAGApi.dag_settings`).
    """
    frame = sys._getframe()
    while frame is not None:
        settings = getattr(frame.f_locals.get("self"), "dag_settings", None)
        if settings is not None:
            return _named(settings)
        frame = frame.f_back  # type: ignore[assignment]
    return None


def _named(settings: Any) -> list[Target]:
    try:
        more = [name for name in [*settings.forcerun, *settings.until] if os.sep in name]  # a rule there is no target
        jobs = [Target(job.rulename, dict(job.wildcards_dict)) for job in settings.target_jobs]
        return [Target(str(name)) for name in [*settings.targets, *more]] + jobs
    except AttributeError as error:
        raise EngineError(f"Snakemake's targets are not where {TRIED_ON} has them: {error}") from None


def force(dag: Any, paths: Iterable[str]) -> None:
    """Have the jobs that write `paths` run whatever their file times; called while the graph of jobs is made."""
    try:
        dag.forcefiles.update(paths)
    except AttributeError as error:
        raise EngineError(f"Snakemake's forced files are not where {TRIED_ON} has them: {error}") from None


def keep_processes() -> None:
    """Have this process run the scripts of local steps in a few processes that stay (`steps`).

    A plugin would have to be installed and asked for by every command and profile; this one is Snakemake's own `local`.
    """
    from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

    from . import steps

    try:
        ExecutorPluginRegistry().plugins["local"].executor = steps.Executor
    except (AttributeError, KeyError) as error:
        raise EngineError(f"Snakemake's local executor is not where {TRIED_ON} has it: {error}") from None
