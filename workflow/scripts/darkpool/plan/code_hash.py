"""A hash of the code behind a rule: an edit there, and only there, makes the rule run again.

Hashed are a rule's script, every local module that it imports, directly or not, wherever the import stands, and every
file that one of them reads beside itself. Local are the package and what lies beside the script. Nothing leaves the
hash in silence: a local import that leads nowhere raises CodeError, and so does a file that cannot be told.

A module names a file that it reads by a path that begins with `Path(__file__)` and goes on in constants:
`Path(__file__).with_name("conditions.csv")`, or `_FOLDER / "page.css"` where `_FOLDER` is a path of that kind. A folder
that is used as a whole counts with all its files. A template's includes count too. What lies in `__pycache__` is no
source and left out.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

TEMPLATE = ".j2"
_NAMED_IN_TEMPLATE = re.compile(r"""{%-?\s*(?:include|import|extends|from)\s+["']([^"']+)["']""")
_CACHE = "__pycache__"
_HIDDEN = frozenset({"importlib", "importlib.import_module", "importlib.resources", "pkgutil", "runpy"})
"""What imports or reads by a name that only a run knows."""


class CodeError(ValueError):
    """What a rule's code needs cannot be told; names file, line and what would have been right."""


class _Source(NamedTuple):
    """A Python file and the package that its names are looked up in: `root` is the folder of its scripts."""

    path: Path
    root: Path
    package: str
    tree: ast.Module

    def fault(self, node: ast.AST, text: str) -> CodeError:
        return CodeError(f"{self.path.relative_to(self.root)}, line {getattr(node, 'lineno', 1)}: {text}")


def code_id(script: Path, package: Path) -> str:
    """Hash over names and contents of the script's closure, 12 hexadecimal digits. Raises CodeError."""
    digest = hashlib.sha256()
    for path in closure(script, package):
        name = os.path.relpath(path, package.parent)
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def closure(script: Path, package: Path) -> list[Path]:
    """The script and every local file that it reaches, sorted. `script` and `package` lie in one folder.

    Raises CodeError where an import of a local name cannot be resolved, or a file beside a module cannot be told.
    """
    reached: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            if path.suffix == ".py":
                content = path.read_bytes()
                needs = _needs(path, content, package)
                if not all(file.is_file() for file in needs):  # moved since, within one process
                    _needs.cache_clear()
                    needs = _needs(path, content, package)
                waiting.extend(needs)
            elif path.suffix == TEMPLATE:
                waiting.extend(_included(path))
    return sorted(reached)


@lru_cache(maxsize=1024)
def _needs(path: Path, content: bytes, package: Path) -> frozenset[Path]:
    """Files that a Python file imports or reads; `content` is what it holds."""
    source = _Source(path, package.parent, package.name, ast.parse(content, str(path)))
    if b"__import__" in content:
        raise source.fault(source.tree, "__import__ hides what is imported; write the import itself")
    read = _read(source) if b"__file__" in content else ()
    return frozenset(_imported(source)) | frozenset(read)


def _included(template: Path) -> list[Path]:
    names = _NAMED_IN_TEMPLATE.findall(template.read_text(encoding="utf-8"))
    missing = [name for name in names if not template.with_name(name).is_file()]
    if missing:
        raise CodeError(f"{template.name}: includes {missing[0]}, which is not beside it")
    return [template.with_name(name) for name in names]


# Imports


def _imported(source: _Source) -> Iterator[Path]:
    """Files of every import in the source; those for type checkers alone are resolved and left out."""
    nodes = list(_statements(source.tree))
    unused = {id(inner) for node in nodes if _is_typing_only(node) for inner in _statements(node, "body")}
    for node in nodes:
        found: list[Path] = []
        if isinstance(node, ast.Import):
            for alias in node.names:
                _refuse_hidden(source, node, alias.name)
                found += _module(source, node, alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            found = _from(source, node)
        if id(node) not in unused:
            yield from found


def _is_typing_only(node: ast.AST) -> bool:
    """Whether it is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in (
        getattr(node.test, "id", None),
        getattr(node.test, "attr", None),
    )


def _statements(node: ast.AST, *fields: str) -> Iterator[ast.stmt]:
    """The statements in a node, at any depth; no import stands in an expression."""
    for name in fields or ("body", "orelse", "finalbody", "handlers", "cases"):
        held = getattr(node, name, ())
        for inner in held if isinstance(held, list) else ():
            if isinstance(inner, ast.stmt):
                yield inner
            yield from _statements(inner)


def _from(source: _Source, node: ast.ImportFrom) -> list[Path]:
    """`from x import y`: the module x, and y where it is a module of the package x; else x must give y a value."""
    parts = (node.module or "").split(".") if node.module else []
    if node.level:
        here = list(source.path.parent.relative_to(source.root).parts)
        if node.level > len(here):
            raise source.fault(node, "the relative import leads out of the package")
        parts = here[: len(here) - node.level + 1] + parts
    for alias in node.names:
        _refuse_hidden(source, node, ".".join([*parts, alias.name]))
    found = _module(source, node, parts)
    if not found and not _is_local(source, parts):
        return []
    folder = source.root.joinpath(*parts)
    for alias in node.names:
        module = _file(folder / alias.name) if folder.is_dir() else None
        if module is not None or (folder / alias.name).is_dir():
            found += _module(source, node, [*parts, alias.name])
        elif alias.name != "*" and not _gives(_file(folder), alias.name):
            raise source.fault(node, f"{'.'.join(parts)} has no {alias.name}: no module and no name of that kind")
    return found


def _refuse_hidden(source: _Source, node: ast.AST, name: str) -> None:
    """Raise CodeError for what would read or import files that the source does not name."""
    if name in _HIDDEN or name.rpartition(".")[0] in _HIDDEN - {"importlib"}:
        raise source.fault(node, f"{name} hides what is read; import it plainly, name a file by Path(__file__)")


def _is_local(source: _Source, parts: list[str]) -> bool:
    if not parts:
        return False
    place = source.root / parts[0]
    return parts[0] == source.package or place.is_dir() or _file(place) is not None


def _module(source: _Source, node: ast.AST, parts: list[str]) -> list[Path]:
    """The file of a module and the `__init__` of every package above it; none where the module is no local one."""
    if not _is_local(source, parts):
        return []
    places = [source.root.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)]
    if _file(places[-1]) is None and not places[-1].is_dir():
        raise source.fault(node, f"no module {'.'.join(parts)}")
    return [file for file in map(_file, places) if file is not None]


def _file(place: Path) -> Path | None:
    """The file of the module or package at `place`; a package may do without."""
    return next((file for file in (place / "__init__.py", place.with_name(f"{place.name}.py")) if file.is_file()), None)


def _gives(module: Path | None, name: str) -> bool:
    names = _names(module, module.read_bytes()) if module is not None else frozenset()
    return bool({name, "*", "__getattr__"} & names)


@lru_cache(maxsize=1024)
def _names(module: Path, content: bytes) -> frozenset[str]:
    """Names that a module gives a value at import, wherever outside functions and classes."""
    found = {"__doc__", "__file__", "__name__"}
    waiting: list[ast.AST] = list(ast.parse(content, str(module)).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        waiting.extend(ast.iter_child_nodes(node))
    return frozenset(found)


# Files beside a module


def _read(source: _Source) -> Iterator[Path]:
    """Files that the source names by paths from `Path(__file__)` on."""
    parents = {child: node for node in ast.walk(source.tree) for child in ast.iter_child_nodes(node)}
    bases = {
        target.id: statement.value
        for statement in source.tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None
        for target in _targets(statement)
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
            continue
        if node.id == "__file__":
            start = parents[node]
            if not _is_path_of_file(start):
                raise source.fault(node, "__file__ is read otherwise than by Path(__file__)")
        elif node.id in bases and _place(source, bases[node.id], bases) is not None:
            start = node
        else:
            continue
        yield from _files(source, start, parents, bases)


def _targets(statement: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return statement.targets if isinstance(statement, ast.Assign) else [statement.target]


def _is_path_of_file(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Path"
        and [getattr(argument, "id", None) for argument in node.args] == ["__file__"]
    )


def _files(source: _Source, start: ast.AST, parents: dict[ast.AST, ast.AST], bases: dict[str, ast.expr]) -> list[Path]:
    """Files of the longest path that begins at `start`: one, or a folder's."""
    node, place = start, _place(source, start, bases)
    above = parents[node]
    while (longer := _place(source, above, bases)) is not None or _goes_on(above):
        node, place, above = above, longer or place, parents[above]
    assert place is not None
    if _CACHE in place.parts:
        return []
    is_joined = isinstance(above, ast.BinOp) and isinstance(above.op, ast.Div) and above.left is node
    if is_joined or _place(source, node, bases) is None:
        raise source.fault(start, f"which file from {place.name} on is read cannot be told; name it by constants")
    if place.is_file():
        return [place]
    targets = _targets(above) if isinstance(above, ast.Assign | ast.AnnAssign) and above in source.tree.body else []
    if targets and all(str(getattr(target, "id", "")).startswith("_") for target in targets):
        return []
    if place.is_dir() and source.root / source.package in place.parents:
        return [path for path in sorted(place.rglob("*")) if path.is_file() and _CACHE not in path.parts]
    raise source.fault(start, f"expected a file of the package or a folder in it, found {place.name}")


def _goes_on(node: ast.AST) -> bool:
    """Whether it is the middle of a path: `x.with_name` before its brackets."""
    return isinstance(node, ast.Attribute) and node.attr in ("absolute", "joinpath", "parents", "resolve", "with_name")


def _place(source: _Source, node: ast.AST, bases: dict[str, ast.expr]) -> Path | None:
    """What a path of constants from `Path(__file__)` on leads to; None for any other expression."""
    match node:
        case ast.Call() if _is_path_of_file(node):
            return source.path
        case ast.Name(id=name) if name in bases:
            return _place(source, bases[name], {key: value for key, value in bases.items() if key != name})
        case ast.Call(func=ast.Attribute(value=inner, attr="resolve" | "absolute"), args=[]):
            return _place(source, inner, bases)
        case ast.Attribute(value=inner, attr="parent"):
            base = _place(source, inner, bases)
            return None if base is None else base.parent
        case ast.Subscript(value=ast.Attribute(value=inner, attr="parents"), slice=ast.Constant(value=int(number))):
            base = _place(source, inner, bases)
            return None if base is None else base.parents[number]
        case ast.Call(
            func=ast.Attribute(value=inner, attr="with_name"), args=[ast.Constant(value=str(name))], keywords=[]
        ):
            base = _place(source, inner, bases)
            return None if base is None else base.with_name(name)
        case ast.BinOp(left=inner, op=ast.Div(), right=ast.Constant(value=str(name))):
            base = _place(source, inner, bases)
            return None if base is None else base / name
    return None
