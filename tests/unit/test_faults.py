"""Every source x every failure x for once or for good: never a wrong number, never a lost file, and it heals.

A case runs the fetch function itself against the stand-ins: the morning before is in the archive already, today's
answer fails, and the next run finds the vendor well. The table is tests/fault_table.py.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from darkpool import credentials
from darkpool.archive.store import Archive
from darkpool.files import write_atomic
from darkpool.vendors import http
from darkpool.vendors.polygon import client as polygon
from darkpool.vendors.polygon import tick_fetch
from darkpool.vendors.yahoo import browser
from darkpool.vendors.yahoo import client as yahoo
from fault_table import (
    CASES,
    DAY,
    LOCAL_CASES,
    SOURCES,
    TIMES,
    Source,
    damage,
    fault,
    keep_friday,
    no_leftovers,
    nothing_lost,
    snapshot,
    variables,
)
from standin import Vendors

DEAD = "http://127.0.0.1:9"
NO_SUCH_NAME = f"http://{'a' * 64}.invalid:3128"
"""A label of 64 letters is no name: it is refused without asking anybody."""
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")


def test_the_table_is_as_large_as_it_was_promised() -> None:
    assert len(CASES) + len(LOCAL_CASES) >= 200


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[tuple[Vendors, Path]]:
    """The vendors, and an archive in which Friday is complete."""
    folder = tmp_path_factory.mktemp("world")
    with Vendors(folder / "vendors") as vendors:
        archive = Archive(folder / "archive")
        keep_friday(vendors, archive)
        yield vendors, archive.root


@dataclass
class Case:
    source: Source
    vendors: Vendors
    archive: Archive
    before: dict[str, bytes]

    def nothing_lost(self) -> None:
        nothing_lost(self.archive, self.before, self.source)

    def heals(self) -> None:
        """The vendor is well: one more run has the right numbers, and the one after it asks nobody."""
        self.vendors.faults.clear()
        receipt = self.source.fetch(self.archive)
        assert self.source.state(receipt) == "published"
        assert self.source.numbers(Archive(self.archive.root)) == self.source.good
        self.nothing_lost()
        no_leftovers(self.archive)
        asked = len(self.vendors.requests)
        assert self.source.fetch(self.archive) == receipt
        assert len(self.vendors.requests) == asked


@pytest.fixture
def case(world, tmp_path, monkeypatch) -> Iterator[Callable[[str], Case]]:
    vendors, root = world
    vendors.reset()
    for name in (*credentials.POLYGON, tick_fetch.WORKERS):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables(vendors).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(credentials, "FILE", tmp_path / ".env")

    def of(name: str) -> Case:
        source = SOURCES[name]
        shutil.copytree(root, tmp_path / "archive")
        source.publish(vendors)
        archive = Archive(tmp_path / "archive")
        return Case(source, vendors, archive, snapshot(archive))

    yield of
    assert not vendors.unexpected


def break_route(patch: pytest.MonkeyPatch, proxy: str, times: int | None) -> None:
    """Lead the first `times` attempts to a proxy that is not there; None leads all of them."""
    left = [times]

    def led_astray(attempt: Callable[..., Any]) -> Callable[..., Any]:
        def attempted(*given: Any) -> Any:
            if left[0] == 0:
                return attempt(*given)
            left[0] = left[0] and left[0] - 1
            with pytest.MonkeyPatch.context() as route:
                for name in PROXIES:
                    route.setenv(name, proxy)
                if proxy == NO_SUCH_NAME:
                    # requests asks Python to encode the name, and that fails in another way.
                    route.setattr(socket, "getaddrinfo", no_such_name)
                    for name in PROXIES:
                        route.setenv(name, proxy if attempt.__qualname__.startswith("_Run") else DEAD)
                return attempt(*given)

        return attempted

    patch.setattr(http.Client, "_once", led_astray(http.Client._once))
    patch.setattr(yahoo._Run, "ask", led_astray(yahoo._Run.ask))


def no_such_name(*_: Any, **__: Any) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def break_vendor(case: Case, failure: str, times: int | None, patch: pytest.MonkeyPatch) -> None:
    if failure in ("no such name", "no connection"):
        break_route(patch, NO_SUCH_NAME if failure == "no such name" else DEAD, times)
        return
    if failure == "slow":
        patch.setitem(http.Client.__init__.__kwdefaults__, "timeout", (30.0, 0.5))
        patch.setitem(http.Client.__init__.__kwdefaults__, "attempts", 2)
        patch.setattr(polygon, "ATTEMPTS", 2)
        patch.setattr(browser, "TIMEOUT", 0.5)
        patch.setattr(yahoo, "ROUNDS", 2)
    case.vendors.faults.add(times=times, **fault(case.source, failure))


@pytest.mark.parametrize(("name", "failure", "times", "state"), CASES)
def test_a_failure_has_its_state_loses_nothing_and_heals(name, failure, times, state, case, monkeypatch) -> None:
    of = case(name)
    with monkeypatch.context() as patch:
        break_vendor(of, failure, TIMES[times], patch)
        receipt = of.source.fetch(of.archive)
    assert of.source.state(receipt) == state
    numbers = of.source.numbers(Archive(of.archive.root))
    assert numbers == (of.source.good if state == "published" else {})
    of.nothing_lost()
    no_leftovers(of.archive)
    if state == "blocked" and "not in the plan" in json.dumps(receipt):
        of.archive.receipt_path(receipt["source"], DAY).unlink()
    of.heals()


@pytest.mark.parametrize(("name", "failure", "times"), LOCAL_CASES)
def test_a_disk_that_fails_loses_nothing_and_heals(name, failure, times, case, monkeypatch) -> None:
    of = case(name)
    if not failure.startswith(("disk", "read")):
        damaged(of, failure, vendor_is_down=times == "always")
    else:
        with monkeypatch.context() as patch:
            break_disk(of, failure, TIMES[times], patch)
            with pytest.raises(OSError, match=r"No space left|Read-only"):
                of.source.fetch(of.archive)
        assert of.source.numbers(Archive(of.archive.root)) in ({}, of.source.good)
        of.nothing_lost()
        no_leftovers(of.archive)
        assert of.archive.receipt(of.source.receipt_name, DAY) is None
    of.heals()


def damaged(of: Case, failure: str, vendor_is_down: bool) -> None:
    """Today's file is changed on disk: nothing is read from it, and with the vendor down that is said."""
    of.source.fetch(of.archive)
    path = of.source.files(of.archive)[-1]
    damage(path, failure)
    of.before = snapshot(of.archive)
    assert of.source.numbers(Archive(of.archive.root)) == {}
    if vendor_is_down:
        of.vendors.faults.add(kind="status", status=500, host=of.source.host, path_contains=of.source.path)
        assert of.source.state(of.source.fetch(of.archive)) == "damaged"
        assert of.source.numbers(Archive(of.archive.root)) == {}
        of.nothing_lost()


def break_disk(of: Case, failure: str, times: int | None, patch: pytest.MonkeyPatch) -> None:
    left = [times]
    code = {"disk full": errno.ENOSPC, "read-only": errno.EROFS}[failure]

    def strikes(path: Any) -> bool:
        if left[0] == 0 or not str(path).startswith(str(of.archive.root)):
            return False
        left[0] = left[0] and left[0] - 1
        return True

    def failing(real: Callable[..., Any], place: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **options: Any) -> Any:
            if strikes(place(*given, **options)):
                raise OSError(code, os.strerror(code))
            return real(*given, **options)

        return call

    if failure == "disk full":
        patch.setattr(os, "replace", failing(os.replace, lambda source, target: target))
    else:
        patch.setattr(tempfile, "mkstemp", failing(tempfile.mkstemp, lambda **options: options.get("dir")))
        patch.setattr(Path, "mkdir", failing(Path.mkdir, lambda path, *_, **__: "" if path.is_dir() else path))


def test_a_write_that_failed_leaves_no_part_of_a_file(tmp_path, monkeypatch) -> None:
    path = tmp_path / "kept"
    write_atomic(path, b"old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(OSError, match="full"):
        write_atomic(path, b"new")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("kept", b"old")]
