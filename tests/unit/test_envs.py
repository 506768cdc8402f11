"""The conda environment of the rules is the one that pyproject describes."""

import re
import tomllib
from pathlib import Path

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
