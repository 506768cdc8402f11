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


OF_REGULAR = ("regular_volume", "offex_ratio", "offex_ratio_z", "accum_score")


def without_regular(row: dict[str, Any], flags: str) -> None:
    """The day's own off-exchange volume and its statistics stand; what needs the consolidated volume is null."""
    assert [row[name] for name in OF_REGULAR] == [None] * 4
    assert (row["quality"], row["history_sessions"]) == (flags, 60)
    assert row["trf_spike"] == pytest.approx(1, abs=0.001)
    assert row["trf_percentile"] == pytest.approx(31 / 60)


def two_splits_one_day(rows: Rows) -> None:
    assert (rows["CTRL"]["offex_ratio"], rows["CTRL"]["quality"]) == (0.4, "no_lit")
    without_regular(rows["TWO"], "no_lit,split_unclear")


def split_named_not_applied(rows: Rows) -> None:
    assert (rows["CTRL"]["offex_ratio"], rows["CTRL"]["quality"]) == (0.4, "no_lit")
    without_regular(rows["FWD"], "no_lit,split_unclear")
    without_regular(rows["REV"], "no_lit,split_unclear")


def reverse_split_rounding(rows: Rows) -> None:
    assert (rows["CTRL"]["offex_ratio"], rows["CTRL"]["quality"]) == (0.4, "no_lit")
    without_regular(rows["CUM"], "no_lit,rounded_volume")
    without_regular(rows["CUMZERO"], "no_lit,rounded_volume")


def zero_volume(rows: Rows) -> None:
    assert (rows["CTRL"]["offex_ratio"], rows["CTRL"]["quality"]) == (0.4, "no_lit")
    without_regular(rows["ZERO"], "no_lit,no_regular")


def finra_one_odd_row(rows: Rows) -> None:
    row = rows["CTRL"]
    assert (row["trf_volume"], row["offex_ratio"], row["quality"]) == (400_000, 0.4, "no_lit")
    assert row["trf_ma20"] == 399_900


RIGHT: dict[str, Callable[[Rows], None]] = {
    "finra-one-odd-row": finra_one_odd_row,
    "quotes-end-early": quotes_end_early,
    "otc-exchange-62": otc_exchange_62,
    "reverse-split-rounding": reverse_split_rounding,
    "split-named-not-applied": split_named_not_applied,
    "two-splits-one-day": two_splits_one_day,
    "zero-volume": zero_volume,
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


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xef\xbb\xbfPOLYGON_API_KEY=abcdef123456\n", ("ok", "POLYGON_API_KEY from .env")),
        (b"POLYGON_API_KEY: abcdef123456\n", ("warn", "line 1")),
    ],
    ids=["byte order mark", "name: value"],
)
def test_the_case_of_the_env_file_is_read_or_warned_of(project, content, said):
    (project.root / ".env").write_bytes(content)
    (project.root / ".env").chmod(0o600)
    keys = {"POLYGON_API_KEY", "MASSIVE_API_KEY"}
    env = {name: value for name, value in project.env.items() if name not in keys}
    done = subprocess.run(
        [sys.executable, "-m", "darkpool", "doctor", "--offline"],
        cwd=project.root,
        env={**env, "PYTHONPATH": str(project.root / "workflow/scripts")},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.split()[1:2] == ["keys"]]
    state, words = said
    assert any(line.startswith(state) and words in line for line in lines), done.stdout + done.stderr
    assert "abcdef123456" not in done.stdout + done.stderr


def test_every_case_that_is_there_has_its_test():
    if not CASES.is_dir():
        pytest.skip(f"no small inputs at {CASES}")
    assert {path.name for path in CASES.iterdir() if path.is_dir()} <= {*RIGHT, "env-bom"}
