"""Whether the scores say anything of the price that follows: the study of a scan."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..session import files
from ..session.selection import NotThere
from ..tables import columns, glossary
from . import choice
from .command import DONE, Commands


def add_to(commands: Commands) -> None:
    commands.add("study", _study, "whether the scores say anything of the price that follows")


SHOWN = (
    "feature", "horizon", "sessions", "tickers_median", "ic_mean", "ic_low", "ic_high", "placebo_p", "p_holm",
    "spread_bps", "verdict",
)  # fmt: skip


def _study(args: argparse.Namespace) -> int:
    from .. import settings
    from ..archive.store import Archive
    from ..history import beside, market_studied, studied

    folder = choice.scan_folder(args)
    config = settings.Settings.of(choice.config_file(args.config))
    if args.scan not in config.archives:
        raise NotThere(f"scan {args.scan} is not in {args.config}; scans there: {', '.join(sorted(config.archives))}")
    archive = Archive(config.archives[args.scan])
    _tell(args.scan, studied.write(folder, archive), folder / files.STUDY_FIGURE)
    if market_studied.is_wanted(archive, config.study.grouped):
        print()
        _tell(args.scan, market_studied.write(folder, archive), folder / files.MARKET_STUDY_FIGURE)
    beside.write_index(folder)
    return DONE


def _tell(scan: str, path: Path, figure: Path) -> None:
    """Draw and print the study at `path`."""
    from ..show import study_words
    from ..show.figures import study_figure
    from ..tables import study_table
    from . import text_table

    found = study_table.read(path)
    assert found is not None
    heading, facts = f"{study_words.title(found)}, {scan}", study_words.facts(found)
    about = f"{facts}. IC by sessions later; box: 95 % of the placebo"
    study_figure.draw(found.rows, found.placebo, heading, about, found.simulated, figure)
    if found.simulated:
        print(f"{glossary.SIMULATED}  {glossary.SIMULATED_SENTENCE}")
    print(f"{scan}{', the whole market' if found.panel == study_table.MARKET else ''}, {facts}\n")
    print(text_table.of_columns(SHOWN, columns.TABLES["study"], found.rows))
    for sentence in study_words.sentences(found):
        print(f"\n{sentence}")
    for fault in found.faults:
        print(f"\nleft out: {fault}")
    print(f"\n{study_words.limit(found)}\n{path}\n{figure}")
