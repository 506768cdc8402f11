"""The README's pictures, from the demo in a real Chromium: `make screenshots`."""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
SCAN, SESSION = ROOT / "results/demo", "2025-12-22"
PAGES = {"page.png": (SCAN / SESSION / "table.html", 760), "index.png": (SCAN / "index.html", 1280)}
FIGURES = {"overview.png": SCAN / SESSION / "overview.png", "plot.png": SCAN / SESSION / "plots/ALDER.png"}
WIDTH = 1280
MOST_BYTES = 400_000
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = ("/usr/bin/chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def browser() -> str:
    named = os.environ.get("CHROMIUM")
    found = [named] if named else [*PLACES, *filter(None, map(shutil.which, NAMES))]
    try:
        return next(path for path in found if Path(path).is_file())
    except StopIteration:
        sys.exit("no Chromium: install it (Debian: apt-get install chromium), or name one in CHROMIUM")


def keep(name: str, picture: Image.Image) -> None:
    """Few colours make a small file, and the pages have few."""
    sink = io.BytesIO()
    picture.convert("RGB").quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        sink, format="png", optimize=True
    )
    if len(sink.getvalue()) > MOST_BYTES:
        sys.exit(f"docs/{name} would have {len(sink.getvalue()):,} bytes; {MOST_BYTES:,} at most were expected")
    (DOCS / name).write_bytes(sink.getvalue())
    print(f"docs/{name}: {len(sink.getvalue()):,} bytes")


def main() -> None:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser())
        for name, (path, height) in PAGES.items():
            page = chromium.new_page(color_scheme="dark", viewport={"width": WIDTH, "height": height})
            page.goto(path.as_uri())
            keep(name, Image.open(io.BytesIO(page.screenshot())))
        chromium.close()
    for name, path in FIGURES.items():
        with Image.open(path) as picture:
            keep(name, picture)


if __name__ == "__main__":
    main()
