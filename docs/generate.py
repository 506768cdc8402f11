"""Tables of the documentation that the program can say itself: `make docs` writes them, --check says which are old.

A page holds such a table between `<!-- begin NAME -->` and `<!-- end NAME -->`; NAME is a key of `PARTS`. What is
around it is written by hand.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from darkpool.cli import main as command_line
from darkpool.measures import sign
from darkpool.morning import wrapper_arguments
from darkpool.plan.configuration import schema as settled_schema
from darkpool.session import files
from darkpool.show.sign_methods import METHODS
from darkpool.tables import columns, contracts, glossary
from darkpool.tables.column import Column

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
PART = re.compile(r"<!-- begin (?P<name>[a-z-]+) -->\n.*?<!-- end (?P=name) -->\n", re.DOTALL)
NOTHING = "\N{EN DASH}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a bar inside a cell does not end it."""
    lines = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    lines.insert(1, ["---"] * len(header))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def code(text: object) -> str:
    return f"`{text}`"


# Tables -----------------------------------------------------------------------------------------------------------


def every_table() -> str:
    """Each table's columns as the registry has them, with the version of the contract that brought them."""
    parts = []
    for name, known in columns.TABLES.items():
        key, version = ", ".join(map(code, known.key)), contracts.CONTRACTS[name].version
        parts.append(f"### `{name}`\n\nVersion {version}; one row per {key}.\n\n" + _columns(known.columns))
    return "\n".join(parts)


def _columns(listed: Iterable[Column]) -> str:
    return table(
        ("column", "type", "unit", "null", "since", "meaning"),
        ((code(c.name), c.type, c.unit, "may be" if c.null else "never", str(c.since), c.meaning) for c in listed),
    )


def older_files() -> str:
    """What a file of each older version has in place of the columns that came after it."""
    rows = []
    for name, known in columns.TABLES.items():
        for version in range(2, contracts.CONTRACTS[name].version + 1):
            instead: dict[str, list[str]] = {}
            for column in known.columns:
                if column.since == version:
                    instead.setdefault(_instead(column), []).append(code(column.name))
            gone = [code(column) for column, since in known.dropped.items() if since == version]
            told = [f"{words} {', '.join(names)}" for words, names in instead.items()]
            told += [f"passed over: {', '.join(gone)}"] if gone else []
            rows.append((code(name), str(version), "; ".join(told)))
    return table(("table", "version", "what a file of an older version has instead"), rows)


def _instead(column: Column) -> str:
    if column.was:
        return f"{code(column.was)} for"
    if column.fill is None:
        return "null in"
    return "empty in" if column.fill == "" else f"{code(column.fill)} in"


def session_files() -> str:
    made = {"always": "always", files.WEEKLY: "in mode weekly", files.MARKET: f"{code('market.show')} above 0"}
    return table(
        ("file", "what", "made by", "when"),
        (
            (code(file.path), file.words, code(file.rule), made.get(file.when, f"`export: {{{file.when}: true}}`"))
            for file in files.FILES
            if not file.path.startswith(".")
        ),
    )


# Configuration ----------------------------------------------------------------------------------------------------


def configuration() -> str:
    """Every key that the schema knows, with what the shipped `config.yaml` says."""
    schema = settled_schema(ROOT)
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    return table(("key", "shipped", "allowed", "meaning"), _keys(schema, schema["$defs"], shipped, ""))


def _keys(schema: Mapping[str, Any], named: Mapping[str, Any], shipped: object, path: str) -> Iterable[tuple[str, ...]]:
    for key, given in schema.get("properties", {}).items():
        entry = _entry(given, named)
        value = shipped.get(key) if isinstance(shipped, Mapping) else None
        if path == "" and key == "scans":
            yield from _keys(named["scan"], named, value["emps2"], "scans.<scan>.")
        elif "properties" in entry:
            yield from _keys(entry, named, value, f"{path}{key}.")
        else:
            said = _value(value) if value is not None else _default(entry)
            yield code(path + key), said, _allowed(entry, named), entry.get("description", "")


def _entry(given: Mapping[str, Any], named: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = named[given["$ref"].rsplit("/", 1)[1]] if "$ref" in given else given
    return found


def _default(entry: Mapping[str, Any]) -> str:
    return f"{_value(entry['default'])} without it" if "default" in entry else NOTHING


def _value(value: object) -> str:
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, list):
        return code(f"[{', '.join(map(str, value))}]")
    return code(value)


def _allowed(entry: Mapping[str, Any], named: Mapping[str, Any]) -> str:
    """What the schema allows, in words: alternatives, or the type with its bounds."""
    if "enum" in entry:
        return ", ".join(map(_value, entry["enum"]))
    if "items" in entry:
        return f"list of {_allowed(_entry(entry['items'], named), named)}"
    kind = entry.get("type", "anything")
    words = " or ".join(kind) if isinstance(kind, list) else kind
    bounds = [
        f"{word} {entry[bound]:g}"
        for bound, word in (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"))
        if bound in entry
    ]
    return " ".join([{"boolean": "`true`, `false`", "string": "text"}.get(words, words), *bounds])


# Command line -----------------------------------------------------------------------------------------------------


def commands() -> str:
    """Every command of `python -m darkpool`; what all of them take stands once."""
    known = subcommands(command_line.parser())
    options = {name: [_option(action) for action in parser._actions[1:]] for name, parser in known.items()}
    everywhere = [row for row in options["sessions"] if all(row in rows for rows in options.values())]
    parts = ["Every command takes:\n\n" + table(("option", "meaning"), everywhere)]
    for name, parser in known.items():
        parts.append(f"### `{name}`\n\n{_sentence(parser.description or '')}\n")
        if own := [row for row in options[name] if row not in everywhere]:
            parts.append(table(("option", "meaning"), own))
    return "\n".join(parts)


def subcommands(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """The commands below a parser that say what they take; `morning` hands everything on."""
    (action,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {name: below for name, below in action.choices.items() if below.add_help}


def morning() -> str:
    parser = wrapper_arguments.parser()
    return table(("option", "meaning"), (_option(action) for action in parser._actions[1:]))


def _option(action: argparse.Action) -> tuple[str, str]:
    taken = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    if action.choices:
        taken = "{" + ",".join(map(str, action.choices)) + "}"
    value = [] if action.nargs == 0 else [str(taken)]
    named = [" ".join([option, *value]) for option in action.option_strings] or value
    required = ["required"] if action.required and action.option_strings else []
    return ", ".join(map(code, named)), "; ".join([*required, (action.help or "").replace("%%", "%")])


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def make_targets() -> str:
    found = re.findall(r"^([a-z]+):.*?## (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    return table(("command", "what"), ((code(f"make {target}"), words) for target, words in found))


PARTS: Mapping[str, Callable[[], str]] = {
    "columns": glossary.columns_markdown,
    "week-columns": lambda: glossary.columns_markdown(glossary.WEEK_COLUMNS),
    "tables": every_table,
    "older-files": older_files,
    "flags": lambda: glossary.markdown(glossary.FLAGS),
    "week-flags": lambda: glossary.markdown(glossary.WEEK_FLAGS),
    "states": lambda: glossary.markdown(glossary.STATES),
    "session-states": lambda: glossary.markdown(glossary.SESSION_STATES),
    "streaks": lambda: glossary.markdown(glossary.STREAKS),
    "methods": lambda: glossary.markdown(METHODS),
    "sign-rules": lambda: sign.markdown() + "\n",
    "excluded": lambda: glossary.markdown(glossary.EXCLUDED),
    "checks": lambda: glossary.markdown(glossary.CHECKS),
    "files": session_files,
    "configuration": configuration,
    "commands": commands,
    "morning": morning,
    "make": make_targets,
}


def renewed(text: str) -> str:
    """A page with its parts as the program says them today; raises KeyError on a part that nobody makes."""
    return PART.sub(
        lambda found: f"<!-- begin {found['name']} -->\n{PARTS[found['name']]()}<!-- end {found['name']} -->\n", text
    )


def old() -> list[Path]:
    """Pages whose parts are not what the program says."""
    return [page for page in PAGES if page.read_text(encoding="utf-8") != renewed(page.read_text(encoding="utf-8"))]


def main(arguments: Sequence[str]) -> int:
    outdated = old()
    for page in outdated:
        name = page.relative_to(ROOT)
        if "--check" in arguments:
            print(f"{name}: a table is not what the program says; make docs writes it", file=sys.stderr)
        else:
            page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
            print(name)
    return int("--check" in arguments and bool(outdated))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
