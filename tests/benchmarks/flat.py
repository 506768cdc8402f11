"""A flat file of the tape into the archive, beside `gzip -dc` of the same bytes.

    python tests/benchmarks/flat.py            5 M trades of 500 tickers, 50 of them wanted
    python tests/benchmarks/flat.py --quick    a tenth of it

The file is made on the spot. Each contender runs in a process of its own, in turn, `--rounds` times; the fastest round
of each is told, with the peak of resident memory of ours. Nothing here is a test: the figures are ratios of one run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from engine import PACKAGE, START, peak_megabytes, symbol

TRADES, TICKERS, EVERY = 5_000_000, 500, 10
NAME = "2025-12-22.csv.gz"


def make(folder: Path, trades: int) -> None:
    """Grouped by ticker, as the vendor's are so far; the largest with about a twentieth of the day."""
    import numpy as np
    import polars as pl

    random = np.random.default_rng(0)
    weights = 1 / (np.arange(TICKERS) + 4)
    counts = (trades * weights / weights.sum()).astype(int)
    plain = folder / NAME.removesuffix(".gz")
    with plain.open("wb") as file:
        for number, count in enumerate(counts):
            time_ = np.sort(random.integers(START, START + 23_400_000_000_000, count))
            off = random.random(count) < 0.35
            frame = pl.DataFrame({
                "ticker": [symbol(number)] * count,
                "conditions": random.choice(["", "37", "12,37"], count),
                "correction": np.zeros(count, int),
                "exchange": np.where(off, 4, random.integers(5, 20, count)),
                "id": 52_983_525_029_461 + np.arange(count),
                "participant_timestamp": time_,
                "price": np.round(100 + np.cumsum(random.normal(0, 0.01, count)), 2),
                "sequence_number": np.cumsum(random.integers(1, 9, count)),
                "sip_timestamp": time_ + 200_000,
                "size": random.integers(1, 400, count),
                "tape": np.full(count, 3),
                "trf_id": np.where(off, 202, 0),
                "trf_timestamp": np.where(off, time_ + 100, 0),
            })  # fmt: skip
            frame.write_csv(file, include_header=number == 0)
    subprocess.run(["gzip", "-6", str(plain)], check=True)


def ours(folder: Path) -> None:
    from darkpool.archive.store import Archive
    from darkpool.vendors.polygon import flat_file, flat_import

    wanted = [symbol(number) for number in range(EVERY // 2, TICKERS, EVERY)]
    with tempfile.TemporaryDirectory(prefix="flat-out-") as out, (folder / NAME).open("rb") as stream:
        began = time.perf_counter()
        file = flat_file.FlatFile(stream, NAME)
        found = flat_import.keep(Archive(out), file, wanted, flat_import.Answered(NAME, datetime.now(UTC)))
        told = {"seconds": time.perf_counter() - began, "peak": peak_megabytes(), "did": flat_import.summary(found)}
    print(json.dumps(told))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.path.insert(0, str(PACKAGE))
    if options.child:
        ours(options.child)
        return
    with tempfile.TemporaryDirectory(prefix="flat-") as name:
        folder = Path(name)
        make(folder, TRADES // 10 if options.quick else TRADES)
        bare, best = [], []
        for _ in range(options.rounds):
            began = time.perf_counter()
            subprocess.run(["gzip", "-dc", str(folder / NAME)], check=True, stdout=subprocess.DEVNULL)
            bare.append(time.perf_counter() - began)
            command = [sys.executable, __file__, "--child", name]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            best.append(json.loads(done.stdout))
    quickest = min(best, key=lambda told: told["seconds"])
    ratio = quickest["seconds"] / min(bare)
    print(
        f"{quickest['did']}: {quickest['seconds']:.2f} s, {ratio:.2f} x gzip -dc of the same bytes ({min(bare):.2f} s)"
    )
    print(f"peak {max(told['peak'] for told in best):.0f} MB")


if __name__ == "__main__":
    main()
