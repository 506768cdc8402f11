"""The conda environment of the rules is the one that pyproject describes."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
CONDA_NAMES = {"duckdb": "python-duckdb", "matplotlib": "matplotlib-base", "snakemake": "snakemake-minimal"}


def by_name(requirements: list[str]) -> dict[str, str]:
    """Requirement without blanks and extras, split into name and version."""
    parts = [re.fullmatch(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?\s*(.*)", requirement) for requirement in requirements]
    return {part[1].lower(): part[2].replace(" ", "") for part in parts if part}


def test_conda_installs_what_pyproject_asks_for_and_nothing_else() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    environment = yaml.safe_load((PROJECT / "workflow/envs/workflow.yaml").read_text())
    wanted = by_name(project["dependencies"])
    assert by_name(environment["dependencies"]) == {
        "python": project["requires-python"],
        **{CONDA_NAMES.get(name, name): version for name, version in wanted.items()},
    }
    assert environment["channels"][0] == "conda-forge"


def test_every_environment_file_is_used_by_a_rule() -> None:
    rules = "".join(path.read_text() for path in (PROJECT / "workflow/rules").glob("*.smk"))
    for path in (PROJECT / "workflow/envs").iterdir():
        assert f"../envs/{path.name}" in rules, path.name


PINNED = sorted(PROJECT.glob("requirements*.txt"))


def pinned(path: Path) -> list[str]:
    """The packages of a file of pins, each with its hashes in one line."""
    text = re.sub(r"\s*\\\n\s*", " ", path.read_text())
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("path", PINNED, ids=lambda path: path.name)
def test_every_package_is_pinned_and_hashed_and_no_host_is_named(path: Path) -> None:
    lines = pinned(path)
    assert lines
    for line in lines:
        assert re.fullmatch(r"[a-z0-9.-]+(\[[a-z0-9,-]+\])?==\S+( ; .+?)?( --hash=sha256:[0-9a-f]{64})+", line), line
    assert "://" not in path.read_text()


def test_whatever_the_makefile_installs_is_checked_against_its_hashes() -> None:
    makefile = re.sub(r"\\\n\s*", " ", (PROJECT / "Makefile").read_text())
    installs = [line for line in makefile.splitlines() if re.search(r"pip install|uv tool|pipx|uvx", line)]
    assert len(installs) >= 5
    for line in installs:
        assert "--require-hashes" in line
        assert re.search(r"-r requirements[a-z-]*\.txt", line)


def test_uv_has_wheels_for_every_platform_of_the_project() -> None:
    """As many hashes as uv has wheels: Linux on two processors, macOS, Windows and more, and the source."""
    (line,) = pinned(PROJECT / "requirements-uv.txt")
    assert line.count("--hash=sha256:") >= 15


def test_make_requirements_makes_every_file_of_pins_and_make_audit_looks_at_each() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    names = {path.name for path in PINNED}
    assert set(re.findall(r"-o (requirements[a-z-]*\.txt)", makefile)) == names
    assert (
        set(re.findall(r"requirements[a-z-]*\.txt", re.findall(r"^PINNED := (.*)$", makefile, re.MULTILINE)[0]))
        == names
    )
