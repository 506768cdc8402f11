"""The page in a real browser, beside a plain static table of the same rows in the same run.

    python tests/benchmarks/browser.py            1,000 rows × 10 sessions
    python tests/benchmarks/browser.py --rows 100

Each page is opened `--rounds` times and the fastest round counts. First paint and laid out are counted from the
opening; sort, filter and session until the next frame is drawn, the rows below the first screenful following in slices
(`all rows`: until the last stands). The plain table has the same rows, columns and width, no style and no script; its
sort is the least a script could do: the same rows put into another order. Nothing here is a test: the figures are
ratios within one run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "workflow" / "scripts"
OPENED = """() => new Promise(done => {
  const tell = () => requestAnimationFrame(() => setTimeout(() => {
    const paint = performance.getEntriesByName('first-contentful-paint')[0];
    done({first: paint ? paint.startTime : NaN, laid: performance.now()});
  }));
  if (document.readyState === 'complete') tell(); else addEventListener('load', tell);
})"""
ACT = """([act, rows]) => new Promise(done => {
  const began = performance.now();
  const body = document.querySelector('tbody');
  new Function('body', act)(body);
  requestAnimationFrame(() => setTimeout(() => {
    const frame = performance.now() - began;
    const wait = () => {
      if (!rows || body.rows.length >= rows) requestAnimationFrame(() => done({frame, all: performance.now() - began}));
      else setTimeout(wait);
    };
    wait();
  }));
})"""
PLAIN_SORT = """
const key = row => Number(row.cells[5].textContent.replace(/[^0-9.]/g, '')) || 0;
body.append(...Array.from(body.rows).sort((a, b) => key(a) - key(b)));
"""
PLAIN_FILTER = "for (const row of body.rows) row.hidden = !row.cells[0].textContent.includes('T00');"
SORT = "document.querySelector('th[data-name=trf_volume] .sort').click()"
FILTER = """
const field = document.querySelector('#filter'); field.value = 'T00'; field.dispatchEvent(new Event('input'));
"""
SWITCH = "document.querySelector('#days button').click()"
DETAILS = "body.rows[3].cells[4].click()"


def plain(frame: Any) -> str:
    """The target session's rows as the least table that shows them."""
    from html import escape

    from browser import made
    from darkpool.show.page import values
    from darkpool.show.page.rows import ranked
    from darkpool.tables import glossary

    rows = ranked(frame.filter(frame["date"] == made.TARGET)).iter_rows(named=True)
    names = [name for name in glossary.COLUMNS if name not in ("ticker", "quality")]
    body = "".join(
        f"<tr><th>{escape(record['ticker'])}"
        + "".join(f"<td>{escape(values.cell(name, record).text)}" for name in names)
        + f"<td>{escape(record['quality'])}"
        for record in rows
    )
    head = "".join(f"<th>{escape(column.label)}" for column in glossary.COLUMNS.values())
    return f"<!doctype html><meta charset=utf-8><title>plain</title><table><thead><tr>{head}<tbody>{body}</table>"


def measure(browser: Any, path: Path, acts: dict[str, tuple[str, int]]) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 1280, "height": 860}, bypass_csp=True)
    opened = context.new_page()
    opened.goto(path.as_uri(), wait_until="commit")
    found = opened.evaluate(OPENED)
    figures = {"first paint": found["first"], "laid out": found["laid"]}
    opened.wait_for_timeout(500)
    for name, (act, rows) in acts.items():
        took = opened.evaluate(ACT, [act, rows])
        figures[name] = took["frame"]
        if rows:
            figures[f"{name}, all rows"] = took["all"]
        opened.wait_for_timeout(300)
    context.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    sys.path[:1] = [str(PACKAGE), str(TESTS)]  # in place of this folder, whose `browser` is this file
    from playwright.sync_api import sync_playwright

    from browser import made
    from browser.conftest import QUIET, chromium_path

    where = chromium_path()
    if where is None:
        print("no Chromium: install it (Debian: apt-get install chromium), or name one in CHROMIUM")
        return
    frame = made.many(options.rows, options.sessions)
    pages = {"plain": plain(frame), "page": made.html(frame)}
    count = options.rows
    acts = {
        "plain": {"sort": (PLAIN_SORT, 0), "filter": (PLAIN_FILTER, 0)},
        "page": {"sort": (SORT, count), "session": (SWITCH, count), "details": (DETAILS, 0), "filter": (FILTER, 0)},
    }
    best: dict[str, dict[str, float]] = {name: {} for name in pages}
    with tempfile.TemporaryDirectory(prefix="browser-") as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=where, args=QUIET)
        for kind, html in pages.items():
            Path(name, f"{kind}.html").write_text(html, encoding="utf-8")
        for _ in range(options.rounds):
            for kind in pages:
                for what, took in measure(browser, Path(name, f"{kind}.html"), acts[kind]).items():
                    best[kind][what] = min(took, best[kind].get(what, took))
        browser.close()
    print(f"{options.rows:,} rows × {options.sessions} sessions, best of {options.rounds}; ms beside the plain table's")
    print(f"{'':22}{'plain':>9}{'page':>9}{'ratio':>8}")
    print(f"{'size, MB':22}{len(pages['plain']) / 1e6:9.2f}{len(pages['page']) / 1e6:9.2f}")
    for what, took in best["page"].items():
        against = best["plain"].get(what.split(",")[0])
        told = f"{against:9.0f}{took:9.0f}{took / against:8.2f}" if against else f"{'':9}{took:9.0f}"
        print(f"{what:22}{told}")


if __name__ == "__main__":
    main()
