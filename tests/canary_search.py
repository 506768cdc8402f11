"""A plugin of pytest: the canary keys are in the environment of every test, and in nothing that a test leaves behind.

Searched are the output of every child process where it is read, what pytest captures and `capsys` hands out, and
every file below pytest's folders: a test's own when its body ends, those of its module's fixtures with the module.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

import canaries

_FOLDERS: pytest.StashKey[Folders] = pytest.StashKey()


class Folders:
    """Pytest's folders of this process, each of which is searched once."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._searched: set[Path] = set()

    def search(self, *folders: Path) -> list[str]:
        """Search these, or those that have not been searched; one line a file that holds a key."""
        chosen = folders or [path for path in self._base.iterdir() if path not in self._searched]
        found = []
        for folder in chosen:
            if folder.is_dir() and not folder.is_symlink():
                self._searched.add(folder)
                told = canaries.in_tree(folder)
                found += [f"{folder.name}/{name} holds {', '.join(sorted(keys))}" for name, keys in told.items()]
        return found


def refuse(what: str, text: str | bytes | None) -> None:
    """Fail the test when `text` holds a key; the failure does not repeat it."""
    __tracebackhide__ = True
    found = canaries.in_bytes(text) if isinstance(text, bytes) else canaries.in_text(text or "")
    if found:
        pytest.fail(f"{what} holds {', '.join(sorted(found))}", pytrace=False)


@pytest.fixture(scope="session", autouse=True)
def keys_everywhere(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[None]:
    """The keys in the environment, and no output that a test can read without its being searched."""
    request.config.stash[_FOLDERS] = Folders(tmp_path_factory.getbasetemp())
    with pytest.MonkeyPatch.context() as patch:
        for name, value in canaries.KEYS.items():
            patch.setenv(name, value)
        patch.delenv("MASSIVE_API_KEY", raising=False)
        patch.setattr(subprocess.Popen, "communicate", _searched(subprocess.Popen.communicate))
        patch.setattr(pytest.CaptureFixture, "readouterr", _searched(pytest.CaptureFixture.readouterr))
        yield


def _searched(read: Callable[..., Any]) -> Callable[..., Any]:
    """`read`, which gives output and error output, and fails the test when one of them holds a key."""

    def reading(source: Any, *arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        both = read(source, *arguments, **options)
        for text in both:
            refuse(f"the output of {getattr(source, 'args', 'the test')!r:.200}", text)
        return both

    return reading


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """Before anything is torn down: a disk that a test mounted is still there."""
    folders, own = item.config.stash.get(_FOLDERS, None), getattr(item, "funcargs", {}).get("tmp_path")
    found = folders.search(own) if folders and own else []
    if folders and (nextitem is None or nextitem.path != item.path):
        found += folders.search()
    yield
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """The last report of a test holds all that was captured of it."""
    report = yield
    if report.when == "teardown" and report.passed:
        told = {name: canaries.in_text(content) for name, content in report.sections}
        found = [f"{name} holds {', '.join(sorted(keys))}" for name, keys in told.items() if keys]
        if found:
            report.outcome, report.longrepr = "failed", "\n".join(found)
    return report
