"""What a result was made with: a hash of the code behind a rule, and the versions of the libraries."""

from __future__ import annotations

import ast
import hashlib
import platform
import re
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

LIBRARIES = (
    "duckdb",
    "exchange-calendars",
    "jinja2",
    "matplotlib",
    "numpy",
    "polars",
    "pyarrow",
    "snakemake",
    "yfinance",
)
TEMPLATE = ".j2"


@cache
def _mentioned(path: Path, package: Path) -> frozenset[Path]:
    """Files of the package that a file of it needs: what a Python file imports, and what it or a template names."""
    if path.suffix == TEMPLATE:
        return frozenset(_data_files(re.findall(r"""["']([^"'\s]+)["']""", path.read_text(encoding="utf-8")), package))
    tree = ast.parse(path.read_bytes(), str(path))
    texts: list[str] = []
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.level == 1 or (node.module or "").split(".")[0] == package.name):
            base = (node.module or "").removeprefix(package.name).lstrip(".")
            modules |= {base} if base else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            modules |= {a.name.split(".", 1)[1] for a in node.names if a.name.startswith(f"{package.name}.")}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.append(node.value)
    found = _data_files(texts, package)
    found |= {file for name in modules if (file := package / f"{name.split('.')[0]}.py").is_file()}
    if package in path.parents or modules:
        found.add(package / "__init__.py")
    return frozenset(found)


def _data_files(texts: Iterable[str], package: Path) -> set[Path]:
    """Those of `texts` that are names of the package's files: templates, style sheets, data."""
    names = [text for text in texts if 3 < len(text) < 60 and "." in text]
    return {file for name in names for file in (package / name, package / "templates" / name) if file.is_file()}


def closure(script: Path, package: Path) -> list[Path]:
    """The script and every file of the package it reaches, sorted."""
    reached: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            if path.suffix in (".py", TEMPLATE):
                waiting.extend(_mentioned(path, package))
    return sorted(reached)


def code_id(script: Path, package: Path) -> str:
    """Hash over the contents of the script's closure: an edit there, and only there, makes its rule run again."""
    digest = hashlib.sha256()
    for path in closure(script, package):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def folders_id(scan: Path) -> str:
    """Hash over the sessions in a scan's folder: the manifest's content, and the size of what else an index is made of.

    It opens manifests alone, so that it costs little however many sessions there are.
    """
    digest = hashlib.sha256()
    for place in sorted(scan.glob("????-??-??")):
        digest.update(place.name.encode())
        for name in ("all", "features.parquet", "merged.parquet", "table.html"):
            path = place / name
            if path.is_file():
                told = path.read_bytes() if name == "all" else str(path.stat().st_size).encode()
                digest.update(name.encode() + b"\0" + told + b"\0")
    return digest.hexdigest()[:12]


def versions() -> dict[str, str]:
    """Versions that can change a result."""
    from . import __version__

    return {"darkpool": __version__, "python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
