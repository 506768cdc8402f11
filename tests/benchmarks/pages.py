"""Polygon's pages into sorted Parquet, beside what merely parsing the same JSON takes.

    python tests/benchmarks/pages.py            1 M trades and 1 M quotes, from memory
    python tests/benchmarks/pages.py --quick    a fifth of it
    python tests/benchmarks/pages.py --whole    also one symbol of 2 M trades and 8 M quotes by way of HTTPS

Pages are made on the spot, 50,000 rows each, one trade in a hundred up to ten seconds late and one in ten thousand by
hours. Every contender runs in a process of its own, in turn, `--rounds` times; the table gives each one's fastest round
and the peak of its resident memory. orjson and simdjson take part where they are installed. Nothing here is a test: the
figures are ratios within one run.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "workflow" / "scripts"
SESSION = date(2025, 12, 22)
START = 1_766_413_800_000_000_000  # 09:30 New York
HOURS = 23_400_000_000_000
PAGE = 50_000
BUDGET_MB = 500


def page(kind: str, number: int, count: int) -> bytes:
    """The page's body, as the vendor writes it: page `number` of `count`."""
    import numpy as np
    import polars as pl

    random = np.random.default_rng([number, len(kind)])
    span = HOURS // count
    sip = START + number * span + np.sort(random.integers(0, span, PAGE))
    delay = random.integers(20_000, 400_000, PAGE)
    delay = np.where(random.random(PAGE) < 0.01, random.integers(0, 10**10, PAGE), delay)
    delay = np.where(random.random(PAGE) < 0.0001, random.integers(0, 2 * 3_600 * 10**9, PAGE), delay)
    common = {
        "participant_timestamp": sip - delay,
        "sequence_number": number * PAGE + np.arange(PAGE),
        "sip_timestamp": sip,
        "tape": np.full(PAGE, 3),
    }
    price = random.integers(26_000, 28_000, PAGE) / 100
    if kind == "trades":
        own = {
            "conditions": random.integers(0, 60, (PAGE, 2)).tolist(),
            "decimal_size": [f"{size}.0" for size in random.integers(1, 500, PAGE).tolist()],
            "exchange": random.integers(1, 20, PAGE),
            "id": [str(52_983_525_029_461 + i) for i in range(PAGE)],
            "price": price,
            "size": random.integers(1, 500, PAGE),
        }
    else:
        own = {
            "ask_exchange": random.integers(1, 20, PAGE),
            "ask_price": price + 0.02,
            "ask_size": random.integers(1, 20, PAGE),
            "bid_exchange": random.integers(1, 20, PAGE),
            "bid_price": price,
            "bid_size": random.integers(1, 20, PAGE),
            "conditions": [[1]] * PAGE,
            "indicators": [[604]] * PAGE,
        }
    rows = pl.DataFrame({**own, **common}).write_json().encode()
    target = f',"next_url":"https://api.polygon.io/v3/{kind}/BIG?page={number + 1}"' if number + 1 < count else ""
    return b'{"results":' + rows + b',"status":"OK","request_id":"bench"' + target.encode() + b"}"


# The contenders


def with_json(body: bytes) -> Any:
    return json.loads(body)


def with_orjson(body: bytes) -> Any:
    import orjson  # type: ignore[import-not-found]

    return orjson.loads(body)


def with_simdjson(body: bytes) -> Any:
    import simdjson  # type: ignore[import-not-found]

    return simdjson.Parser().parse(body).as_dict()


def with_polars(body: bytes) -> Any:
    import polars as pl

    return pl.read_json(io.BytesIO(body), infer_schema_length=None)


PARSERS: dict[str, Callable[[bytes], Any]] = {
    "json": with_json,
    "orjson": with_orjson,
    "simdjson": with_simdjson,
    "polars": with_polars,
}


def run_parser(name: str, bodies: list[tuple[str, Path]]) -> float:
    parse, spent = PARSERS[name], 0.0
    for _, path in bodies:
        body = path.read_bytes()
        began = time.perf_counter()
        parse(body)
        spent += time.perf_counter() - began
    return spent


def run_pages(bodies: list[tuple[str, Path]], folder: Path) -> float:
    from darkpool.vendors.polygon import page as polygon
    from darkpool.vendors.polygon import spool, tick_files

    began = time.perf_counter()
    for kind in dict.fromkeys(kind for kind, _ in bodies):
        with spool.Spool(folder / kind, tick_files.TIMES[kind], "sequence_number") as pages:
            for path in (path for other, path in bodies if other == kind):
                rows, _ = polygon.read_page(path.read_bytes())
                polygon.check(rows, kind, SESSION)
                pages.add(rows)
            pages.write(folder / f"{kind}.parquet")
    return time.perf_counter() - began


def run_whole(folder: Path) -> float:
    from darkpool.archive.store import Archive
    from darkpool.vendors.polygon import tick_fetch

    began = time.perf_counter()
    receipt = tick_fetch.fetch(Archive(folder), SESSION, ["BIG"], calls_per_minute=0)
    kinds = receipt["tickers"]["BIG"]
    assert kinds["trades"]["state"] == kinds["quotes"]["state"] == "published", receipt
    return time.perf_counter() - began


def peak_mb() -> int:
    """Peak of resident memory of this process alone; ru_maxrss would count the parent's before the exec."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def child(contender: str, folder: Path, out: Path) -> None:
    bodies = [(path.stem.split("-")[0], path) for path in sorted(folder.glob("*.json"))]
    if contender == "whole":
        seconds = run_whole(out)
    elif contender == "pages":
        seconds = run_pages(bodies, out)
    else:
        seconds = run_parser(contender, bodies)
    print(json.dumps({"seconds": seconds, "peak": peak_mb(), "cpu": time.process_time()}))


def measure(contender: str, folder: Path, env: dict[str, str] | None = None) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="pages-out-") as out:
        command = [sys.executable, __file__, "--child", contender, str(folder), out]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=env, cwd=out)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(pages: int, rounds: int) -> None:
    there = [n for n in PARSERS if n in ("json", "polars") or importlib.util.find_spec(n)]
    with tempfile.TemporaryDirectory(prefix="pages-") as name:
        folder = Path(name)
        for kind in ("trades", "quotes"):
            for number in range(pages):
                (folder / f"{kind}-{number:04}.json").write_bytes(page(kind, number, pages))
        best: dict[str, dict[str, float]] = {}
        for _ in range(rounds):
            for contender in (*there, "pages"):
                result = measure(contender, folder)
                if contender not in best or result["seconds"] < best[contender]["seconds"]:
                    best[contender] = result
    rows = 2 * pages * PAGE
    fastest = min(best[name]["seconds"] for name in there)
    print(f"{rows:,} rows, {2 * pages} pages, best of {rounds}")
    print(f"{'':26}{'seconds':>9}{'rows/s':>12}{'ratio':>8}{'peak MB':>9}")
    for contender in sorted(best, key=lambda name: best[name]["seconds"]):
        what = "pages to sorted Parquet" if contender == "pages" else f"parse alone, {contender}"
        spent = best[contender]["seconds"]
        print(f"{what:26}{spent:9.2f}{rows / spent:12,.0f}{spent / fastest:8.2f}{best[contender]['peak']:9.0f}")


def whole(trades: int, quotes: int) -> None:
    """One large symbol, asked for as ever; the stand-in runs in this process, the fetch in another."""
    from standin import Answer, Request, Vendors

    counts = {"trades": trades // PAGE, "quotes": quotes // PAGE}

    def answer(request: Request) -> Answer:
        kind, number = request.path.split("/")[2], request.path.partition("page=")[2]
        return Answer(200, page(kind, int(number or 0), counts[kind]), {"Content-Type": "application/json"})

    with tempfile.TemporaryDirectory(prefix="pages-") as name, Vendors(Path(name)) as vendors:
        vendors.polygon.answer = answer  # type: ignore[method-assign]
        env = {**vendors.env, "POLYGON_API_KEY": "benchmark", "DARKPOOL_NOW": "2025-12-23T06:00:00-05:00"}
        result = measure("whole", Path(name), env)
    rows = PAGE * sum(counts.values())
    print(f"\none symbol by HTTPS, {trades:,} trades and {quotes:,} quotes: {result['seconds']:.0f} s, of which")
    print(f"{result['cpu']:.0f} s of the fetch's own processor time ({rows / result['cpu']:,.0f} rows/s), the rest the")
    print(f"stand-in's; peak {result['peak']:.0f} MB, {result['peak'] / BUDGET_MB:.2f} of the budget")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fifth of the rows")
    parser.add_argument("--whole", action="store_true", help="also one large symbol by way of HTTPS")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.path[:0] = [str(PACKAGE), str(TESTS)]
    if options.child:
        child(options.child[0], Path(options.child[1]), Path(options.child[2]))
        return
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    compare(4 if options.quick else 20, options.rounds)
    if options.whole:
        whole(*((400_000, 1_600_000) if options.quick else (2_000_000, 8_000_000)))


if __name__ == "__main__":
    main()
