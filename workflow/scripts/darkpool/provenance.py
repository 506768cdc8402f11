"""What a result was made with: a hash of the code behind a rule, and the versions of the libraries."""

from __future__ import annotations

import ast
import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("duckdb", "exchange-calendars", "jinja2", "matplotlib", "numpy", "polars", "pyarrow", "snakemake", "yfinance")


@cache
def _mentioned(path: Path, package: Path) -> frozenset[Path]:
    """Files of the package that a Python file imports or names in a string (templates, style sheets, data files)."""
    tree = ast.parse(path.read_bytes(), str(path))
    found: set[Path] = set()
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.level == 1 or (node.module or "").split(".")[0] == package.name):
            base = (node.module or "").removeprefix(package.name).lstrip(".")
            modules |= {base} if base else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            modules |= {a.name.split(".", 1)[1] for a in node.names if a.name.startswith(f"{package.name}.")}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and 3 < len(node.value) < 60 and "." in node.value:
            found |= {file for file in (package / node.value, package / "templates" / node.value) if file.is_file()}
    found |= {file for name in modules if (file := package / f"{name.split('.')[0]}.py").is_file()}
    if package in path.parents or modules:
        found.add(package / "__init__.py")
    return frozenset(found)


def closure(script: Path, package: Path) -> list[Path]:
    """The script and every file of the package it reaches, sorted."""
    reached: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            if path.suffix == ".py":
                waiting.extend(_mentioned(path, package))
    return sorted(reached)


def code_id(script: Path, package: Path) -> str:
    """Hash over the contents of the script's closure: an edit there, and only there, makes its rule run again."""
    digest = hashlib.sha256()
    for path in closure(script, package):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def versions() -> dict[str, str]:
    """Versions that can change a result."""
    from . import __version__

    return {"darkpool": __version__, "python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
