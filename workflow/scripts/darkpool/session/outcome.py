"""What became of a session, from its files: its sources' states, its manifest, and what Snakemake reached.

Snakemake ends 0 or 1 and says the rest in words that change; the files say it in ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..tables import facts
from . import files, sources

DONE, FAULT, LATER = 0, 1, 75
"""Exit status: done or nothing to do, a fault that somebody has to mend, try again later."""

Mark = tuple[int, int] | None


class Verdict(NamedTuple):
    """A session's outcome: its part of the exit status, one word, states by source, and why where it is not done."""

    status: int
    outcome: str
    states: Mapping[str, str]
    reason: str | None


def mark(path: Path) -> Mark:
    """What tells whether a file was written anew; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def facts_of(folder: Path) -> facts.SessionFacts | None:
    """What the session's tables say of their sources; None where there are none that can be read."""
    from ..tables import contracts

    try:
        return facts.unpack(contracts.metadata(folder / files.FEATURES))
    except (OSError, ValueError, KeyError):
        return None


def states(told: facts.SessionFacts | None) -> dict[str, str]:
    return {source["source"]: source["state"] for source in told["sources"]} if told else {}


def judge(folder: Path, ended: int, reached_manifest: bool, mode: str) -> Verdict:
    """The verdict on the session whose results are in `folder` after Snakemake `ended` a run in `mode`.

    `reached_manifest`: its manifest was at least tried, which needs everything before it. So a manifest that is missing
    because an answer is not final is told apart from one that is missing because something before it failed, whatever
    states an earlier run left in the tables.
    """
    told = facts_of(folder)
    found = states(told)
    stands = (folder / files.MANIFEST).is_file()
    if ended < 0:
        return Verdict(LATER, "interrupted", found, f"Snakemake was ended by signal {-ended}")
    if stands and ended == 0:
        return Verdict(DONE, "done", found, None)
    if reached_manifest and not stands and told is not None:
        open_ones = [source for source in told["sources"] if sources.holds_up(source, mode)]
        if open_ones:
            reason = "; ".join(map(sources.described, open_ones))
            is_fault = any(sources.is_for_its_owner(source) for source in open_ones)
            return Verdict(FAULT if is_fault else LATER, "not_final", found, reason)
    if stands:
        return Verdict(FAULT, "fault", found, "the session is complete, but a step after its manifest failed")
    return Verdict(FAULT, "fault", found, "a step failed before the manifest")


def status(told: Mapping[str, Any] | None, *, is_complete: bool, mode: str) -> int:
    """The exit status that the files of a session stand for; `told` is what its tables say.

    One that is not complete though nothing holds it up is to be run again.
    """
    if is_complete:
        return DONE
    waiting = [source for source in told["sources"] if sources.holds_up(source, mode)] if told else []
    return FAULT if any(sources.is_for_its_owner(source) for source in waiting) else LATER


def exit_status(statuses: Iterable[int]) -> int:
    """The worst of them: a fault before something to try again later before done."""
    found: Sequence[int] = list(statuses)
    return next((status for status in (FAULT, LATER) if status in found), DONE)
