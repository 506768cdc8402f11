"""The small inputs beside the project that once gave a wrong number, each through the whole command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).parents[3] / "shared/cases"
DAY = "2025-11-20"
Rows = dict[str, dict[str, Any]]


def quotes_end_early(rows: Rows) -> None:
    assert (rows["CTRL"]["lit_buy_ratio"], rows["CTRL"]["quality"]) == (0.5, "")
    for ticker in ("ENDS", "GAP"):
        assert rows[ticker]["lit_buy_ratio"] == pytest.approx(0.5, abs=0.02)
        assert (rows[ticker]["signal"], rows[ticker]["quality"]) == ("", "stale_quotes")


def otc_exchange_62(rows: Rows) -> None:
    assert (rows["OTCXY"]["lit_buy_ratio"], rows["OTCXY"]["estimated_bought"]) == (None, None)
    assert "no_lit" in rows["OTCXY"]["quality"].split(",")


RIGHT: dict[str, Callable[[Rows], None]] = {
    "quotes-end-early": quotes_end_early,
    "otc-exchange-62": otc_exchange_62,
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_case_that_once_went_wrong_gives_the_right_number_or_none_and_why(project, name):
    folder = CASES / name
    if not folder.is_dir():
        pytest.skip(f"no small inputs at {CASES}")
    config = json.loads((folder / "config.json").read_text())
    ((scan, entry),) = config["scans"].items()
    made = [sys.executable, str(folder / "make_archive.py"), entry["archive"]]
    subprocess.run(made, cwd=project.root, check=True)
    project.scan = scan
    project.finish(project.target(DAY), config=config)
    RIGHT[name](project.features(DAY))
