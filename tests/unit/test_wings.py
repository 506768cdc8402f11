"""The house: a wing imports only wings named before it, no folder holds a crowd, and no module is a wall of text."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "workflow/scripts/darkpool"
GROUND = "ground"
"""What stands in no wing: modules of the package itself."""
WINGS = (
    GROUND, "market", "tables", "archive", "measures", "vendors", "session", "plan", "show", "history", "message",
    "morning", "doctor", "cli",
)  # fmt: skip
MOST_MODULES, MOST_LINES = 12, 350
ENTRANCES = {"__main__.py"}
"""Modules of the ground that lead into the house, and may name any wing."""
MODULES = sorted(PACKAGE.rglob("*.py"))


def wing(place: tuple[str, ...]) -> str:
    """The wing of a module or package, by its path below the package."""
    return place[0] if place and (PACKAGE / place[0]).is_dir() else GROUND


def below_package(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Those of the dotted names that are the package's, by their path below it."""
    parts = [tuple(name.split(".")) for name in names]
    return [found[1:] for found in parts if found[0] == PACKAGE.name]


def imported(module: Path, source: str) -> Iterator[tuple[int, str]]:
    """Line and wing of every import of the package in a module's source, wherever it stands, for types alone too."""
    folder = module.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (*folder[: len(folder) + 1 - node.level], *(node.module or "").split("."))
            named = [base] if node.module else [(*base[:-1], alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            named = below_package(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            named = [
                tuple(alias.name.split("."))[1:] for alias in node.names if alias.name.split(".")[0] == PACKAGE.name
            ]
        else:
            continue
        yield from ((node.lineno, wing(name)) for name in named)


def upstream(module: Path, source: str) -> list[str]:
    """What a module imports of wings that come after its own."""
    own = wing(module.relative_to(PACKAGE).parts[:-1])
    return [
        f"{module.relative_to(PACKAGE)}, line {line}: {own} imports {other}, which comes after it"
        for line, other in imported(module, source)
        if WINGS.index(other) > WINGS.index(own)
    ]


def test_every_folder_of_the_package_is_a_wing():
    found = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert found == set(WINGS) - {GROUND}


def test_a_wing_imports_only_wings_named_before_it():
    everything = [module for module in MODULES if module.name not in ENTRANCES]
    assert [told for module in everything for told in upstream(module, module.read_text())] == []


@pytest.mark.parametrize(
    "line",
    [
        "from ..session import files",
        "from ...session import files",
        "from ..cli.main import main",
        "from ..vendors.yahoo.client import fetch",
        "import darkpool.show.page",
        "from darkpool import doctor",
        "from darkpool.plan import request",
        "def late():\n    from ..session import files",
    ],
)
def test_an_import_of_a_later_wing_is_seen_however_it_is_written(line):
    folder = PACKAGE / ("measures/deep" if "..." in line else "measures")
    (told,) = upstream(folder / "made_up.py", line)
    assert "measures imports" in told


@pytest.mark.parametrize(
    "line",
    ["from . import ticks", "from ..market import symbols", "from .. import clock", "import json"],
)
def test_an_import_of_an_earlier_wing_or_of_a_library_is_none(line):
    assert upstream(PACKAGE / "measures/made_up.py", line) == []


def test_no_folder_holds_a_crowd_of_modules():
    folders = {module.parent for module in MODULES}
    counts = {
        str(folder.relative_to(PACKAGE)): len([path for path in folder.glob("*.py") if path.name != "__init__.py"])
        for folder in folders
    }
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}


DATA = {"tables/columns.py", "tables/glossary.py"}
"""Modules that are lists of words or columns, as long as there are any."""


def test_no_module_is_longer_than_can_be_read_at_a_sitting():
    lengths = {str(module.relative_to(PACKAGE)): len(module.read_text().splitlines()) for module in MODULES}
    long = {module for module, length in lengths.items() if length > MOST_LINES}
    assert long - DATA == set()


def test_no_module_is_excused_that_need_not_be():
    lengths = {name: len((PACKAGE / name).read_text().splitlines()) for name in DATA}
    assert {name: length for name, length in lengths.items() if length <= MOST_LINES} == {}
