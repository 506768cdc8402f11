"""Small faults put into what computes are noticed by the module's own unit tests; part of `make soak`.

cosmic-ray makes the mutants: comparisons, arithmetic, constants and conditions changed, one at a time, in a copy of the
project. Of each module SOAK_MUTANTS (40) are tried, drawn with a fixed seed, each at a place of its own. The rate is
reported; below 95 % the test fails and shows what lives. A test that takes too long has noticed.
"""

from __future__ import annotations

import ast
import contextlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
PACKAGE = "workflow/scripts/darkpool"
MODULES = (
    "market/splits",
    "measures/lit",
    "measures/minute_bars",
    "measures/screen",
    "measures/sign",
    "measures/trust",
    "measures/unusual",
    "measures/volume",
    "vendors/finra/regsho",
    "vendors/yahoo/consolidated",
)
LEAST = 0.95
SEED = 20251222
KINDS = re.compile(
    r"core/(ReplaceComparisonOperator_\w+_(Eq|NotEq|Lt|LtE|Gt|GtE)|ReplaceComparisonOperator_Is(Not)?_Is(Not)?"
    r"|ReplaceBinaryOperator_\w+|ReplaceUnaryOperator_USub_\w+|ReplaceUnaryOperator_Delete_\w+"
    r"|NumberReplacer|AddNot|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd)"
)


def own_tests(module: str) -> list[str]:
    """Files of the module's own unit tests, in its wing's folder: `test_NAME.py`, or NAME among other words."""
    wing, *_, name = module.split("/")
    found = sorted((PROJECT / "tests/unit" / wing).rglob("test_*.py"), key=lambda path: (len(path.stem), path))
    named = re.compile(rf"test_(\w+_)?{name}(_\w+)?")
    return [str(path.relative_to(PROJECT)) for path in found if named.fullmatch(path.stem)]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_is_tried_is_there_with_its_tests(module: str) -> None:
    assert (PROJECT / PACKAGE / f"{module}.py").is_file()
    assert own_tests(module)


@pytest.fixture
def in_copy() -> Iterator[None]:
    """Within a copy of the project that goes with the test.

    Not in pytest's own folder, which is searched for the suite's keys: the file that makes them up is in the copy.
    """
    unused = shutil.ignore_patterns(".*", "results", "resources", "logs", "__pycache__")
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = shutil.copytree(PROJECT, Path(folder) / "project", ignore=unused)
        with contextlib.chdir(copy):
            yield


@pytest.mark.soak(long=True)
@pytest.mark.usefixtures("in_copy")
@pytest.mark.parametrize("module", MODULES)
def test_faults_in_what_computes_are_noticed(
    module: str, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    mutating = pytest.importorskip("cosmic_ray.mutating", reason="cosmic-ray is not there: make soak installs it")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    options = "-x -q -p no:cacheprovider -p no:xdist --hypothesis-seed=0"
    command = f"{sys.executable} -m pytest {options} {' '.join(own_tests(module))}"
    started = time.monotonic()
    sound = subprocess.run(command.split(), capture_output=True, text=True, check=False)
    assert sound.returncode == 0, sound.stdout[-4000:]
    patience = 60 + 6 * (time.monotonic() - started)
    path = Path(f"{PACKAGE}/{module}.py")
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
        compiled.unlink()  # else a mutant of the same second and length is not seen
    chosen = sample(list(mutants(path)), int(os.environ.get("SOAK_MUTANTS") or 40))
    results = [mutating.mutate_and_test([mutant], command, patience) for mutant in chosen]
    living = [result.diff for result in results if not result.is_killed]
    record_property("mutants", len(chosen))
    record_property("noticed", len(chosen) - len(living))
    assert not [result.output for result in results if result.worker_outcome != "normal"]
    assert len(living) <= (1 - LEAST) * len(chosen), f"{len(living)} of {len(chosen)} live:\n" + "\n".join(living)


def mutants(path: Path) -> Iterator[Any]:
    """Every single change that cosmic-ray can make to the module, but for what `beside` leaves out."""
    from cosmic_ray.commands import init
    from cosmic_ray.work_db import WorkDB, use_db

    with use_db(":memory:", WorkDB.Mode.create) as found:
        init([path], found, {})
        unused = list(beside(path.read_text(encoding="utf-8")))
        for item in found.work_items:
            (mutant,) = item.mutations
            if KINDS.fullmatch(mutant.operator_name) and not any(a <= mutant.start_pos < b for a, b in unused):
                yield mutant


def beside(source: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where what computes nothing begins and ends: lines from 1, columns from 0.

    Annotations and f-strings; `strict=True` of a zip, a guard for lengths that are always the same.
    """
    for node in ast.walk(ast.parse(source)):
        guard = node.value if isinstance(node, ast.keyword) and node.arg == "strict" else None
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None), guard, node):
            if isinstance(part, ast.expr) and (part is not node or isinstance(node, ast.JoinedStr)):
                yield (part.lineno, part.col_offset), (part.end_lineno or 0, part.end_col_offset or 0)


def sample(found: list[Any], most: int) -> list[Any]:
    """At most so many, the same every time, no two of one place."""
    chance = random.Random(SEED)
    places: dict[tuple[int, int], list[Any]] = {}
    for mutant in sorted(found, key=lambda one: (one.start_pos, one.operator_name, one.occurrence)):
        places.setdefault(mutant.start_pos, []).append(mutant)
    chosen = chance.sample(sorted(places), min(most, len(places)))
    return [chance.choice(places[place]) for place in chosen]
