"""A session's files stand in one list, from which every other is derived, and the rules keep to it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import darkpool
from darkpool.cli import main
from darkpool.history import store_tables
from darkpool.session import files
from darkpool.tables import contracts

PACKAGE = Path(darkpool.__file__).parent
RULES = Path(darkpool.__file__).parents[2] / "rules"
LITERAL = re.compile(r"""results/\{scan\}/\{(?:date|day)\}/([^"'\s]*[^"'\s.,`:])""")
COMMANDS = {
    "export",
    "show",
    "plots",
    "table",
    "sessions",
    "index",
    "digest",
    "doctor",
    "morning",
    "backlog",
    "latest",
    "blocks",
    "market",
    "study",
    "profile",
}


def blocks() -> dict[str, str]:
    """The text of every rule by name; rules that are named as they are made draw the plots of a session."""
    parts = re.split(r"(?m)^ *rule\s*(\w*):\n", "\n".join(path.read_text() for path in sorted(RULES.glob("*.smk"))))
    found: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        found[name or "draw_plots"] = found.get(name or "draw_plots", "") + body
    return found


def section(body: str, name: str) -> str:
    return "".join(found[1] for found in re.findall(rf"(?ms)^( +){name}:\n(.*?)(?=^\1\w+:$|\Z)", body))


def generic(path: str) -> str:
    """A path as the list has it: whatever Snakemake or Python fills in is the ticker, the part or the kind."""
    path = re.sub(r"\{scatteritem\}|\{\{scatteritem\}\}", "{part}", path)
    return re.sub(r"\{file_name\(ticker\)\}", "{ticker}", path)


def test_every_table_has_a_contract_and_every_contract_is_of_a_file() -> None:
    assert set(files.TABLES) <= set(contracts.CONTRACTS)
    assert {name for name in contracts.CONTRACTS if f"{name}.parquet" not in files.BESIDE} == set(files.TABLES)
    assert all(file.path == f"{name}.parquet" for name, file in files.TABLES.items())


def test_no_file_and_no_name_of_the_history_stands_twice() -> None:
    for said in (
        [f.path for f in files.FILES],
        [f.store for f in files.FILES if f.store],
        [f.key for f in files.FILES if f.key],
    ):
        assert len(said) == len(set(said))


def test_rows_of_other_days_than_the_sessions_are_marked_where_the_contract_says_so() -> None:
    for name, file in files.TABLES.items():
        assert file.spans or "date" in contracts.CONTRACTS[name].key, name


@pytest.mark.parametrize("name", sorted(blocks()))
def test_a_rule_writes_what_the_list_says(name: str) -> None:
    """Literally, or of the list itself (`files`, `INPUTS`), where the configuration or the universe decides."""
    output = section(blocks()[name], "output")
    written = {generic(path) for path in LITERAL.findall(output)} - {"{page.path}"}
    listed = {file.path for file in files.FILES if file.rule == name}
    assert written <= listed
    assert written == listed or "INPUTS." in output


@pytest.mark.parametrize("name", sorted(blocks()))
def test_a_rule_that_reads_a_file_is_among_its_readers(name: str) -> None:
    for path in map(generic, LITERAL.findall(section(blocks()[name], "input"))):
        assert name in files.BY_PATH[path].readers, path


def test_readers_and_rules_are_there() -> None:
    known = set(blocks()) | COMMANDS
    for file in files.FILES:
        assert file.rule in known, file.path
        assert file.readers <= known, file.path
        assert file.readers or file.path == files.RECEIPT, file.path  # which tells Snakemake alone


def test_a_file_that_the_manifest_lists_is_read_by_its_rule() -> None:
    listed = {file.path for file in files.FILES if file.listed}
    assert listed | {files.FIGURES} == set(files.read_by("write_manifest"))


def test_no_other_module_names_a_sessions_file() -> None:
    """`all` and `plots` are words too, and templates link by themselves."""
    names = {file.path for file in files.FILES if "." in file.path and "{" not in file.path} | files.BESIDE
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name == "files.py" or path.parent.name == "__pycache__":
            continue
        tree = ast.parse(path.read_text())
        texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
        assert not texts & names, path


def test_what_a_session_has_follows_mode_and_configuration() -> None:
    daily = {file.path for file in files.made("daily", {"csv": True, "xlsx": False})}
    assert {"features.parquet", "table.html", "table.csv", "plots/{ticker}.png", "all"} <= daily
    assert not daily & {"weekly.parquet", "table.xlsx", "table.svg", "overview.svg"}
    assert "weekly.parquet" in files.tables("weekly", {})
    assert "market.parquet" in files.tables("daily", {"market": True})
    assert not {"market.parquet", "market.html"} & {file.path for file in files.made("daily", {"market": False})}
    assert list(files.pages({"csv": False, "xlsx": True, "svg": True})) == ["html", "png", "svg", "xlsx"]
    assert files.pictures({"csv": True}) == ["png"]
    assert files.pictures({"csv": True, "svg": True}) == ["png", "svg"]


@pytest.mark.parametrize("name", files.TABLES)
def test_every_table_can_be_exported_and_stands_in_the_history(name: str, capsys) -> None:
    assert main.main(["export", "--table", name, "--to", "-", "--results", "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err
    kept = {kept.source: store for store, kept in store_tables.KEPT.items()}
    assert kept.get(name) == files.TABLES[name].store


def test_what_the_design_promises_to_others_is_known_as_ours() -> None:
    assert {f"{name}.parquet" for name in files.TABLES} <= files.OURS
    assert {"table.html", "table.png", "table.csv", "overview.png", "plots", "all"} <= files.OURS
    assert not files.is_ours("09_final_universe.csv")
    assert files.is_ours(".DS_Store")


def test_drafts_of_every_file_but_those_that_go_with_their_run_are_looked_for() -> None:
    found = files.with_drafts(Path("d"))
    assert found[Path("d/plots")] == {"*.png", "*.svg"}
    assert {"features.parquet", ".history.json", "latest.json", "all"} <= found[Path("d")]
    assert files.swept(Path("d")) == [Path("d/.parts")]
