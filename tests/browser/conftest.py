"""A real Chromium for the pages: opened from disk, with nothing to reach and nothing to complain about."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = ("/usr/bin/chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]


def chromium_path() -> str | None:
    """Where a Chromium is: what CHROMIUM names, else Debian's, else one on PATH; None where there is none."""
    named = os.environ.get("CHROMIUM")
    found = [named] if named else [*PLACES, *filter(None, map(shutil.which, NAMES))]
    return next((path for path in found if Path(path).is_file()), None)


@cache
def axe_script() -> str:
    import axe_playwright_python

    return Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser, one a test process. Skips where there is none, and fails where DARKPOOL_NEEDS_BROWSER is 1."""
    path = chromium_path()
    if path is None:
        said = "no Chromium: install it (Debian: apt-get install chromium), or name one in CHROMIUM"
        if os.environ.get("DARKPOOL_NEEDS_BROWSER") == "1":
            pytest.fail(said)
        pytest.skip(said)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Open a file at a given width: `open_page(path, width=390)`.

    `address` follows the path (`#…` or `?…`); `javascript=False` and `reduced_motion`, `color_scheme`, `has_touch` and
    whatever else a browser context takes are handed on. When the test ends, no page may have written an error to the
    console, thrown, or asked anything but files and data addresses for anything.
    """
    contexts: list[Any] = []
    asked: list[str] = []
    said: list[str] = []

    def hear(message: Any) -> None:
        if message.type in ("error", "warning"):
            said.append(f"{message.type}: {message.text}")

    def opened(
        path: Path | str,
        width: int = 1280,
        height: int = 900,
        *,
        address: str = "",
        javascript: bool = True,
        **more: Any,
    ) -> Any:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, java_script_enabled=javascript, **more
        )
        contexts.append(context)
        context.on("request", lambda request: asked.append(request.url))
        context.on("console", hear)
        context.on("weberror", lambda error: said.append(f"thrown: {error.error}"))
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.goto(Path(path).resolve().as_uri() + address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


@pytest.fixture(scope="session")
def axe() -> Callable[[Any], list[str]]:
    """`axe(page)`: what axe-core finds serious or critical, one line a finding, with the first elements it means."""

    def findings(page: Any) -> list[str]:
        page.evaluate(axe_script())
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        return [
            f"{entry['impact']} {entry['id']}: {entry['help']}: {[node['html'][:160] for node in entry['nodes'][:3]]}"
            for entry in found
            if entry["impact"] in ("serious", "critical")
        ]

    return findings
