"""A day's trades signed by their quotes as `classify_lit` does it, beside what other tools need for the same files.

    python tests/benchmarks/engine.py            10 M trades, 30 M quotes, 200 symbols
    python tests/benchmarks/engine.py --quick    a twentieth of it
    python tests/benchmarks/engine.py --skip pandas

The files are made on the spot in a temporary folder. Every contender runs in a process of its own, in turn, `--rounds`
times; the table gives each one's fastest round: wall time, processor time (which other work on the machine disturbs
less), both as ratios to the bare scan, and the peak of its resident memory. Three in ten rows share the time of the row
before; whole-day joins break such ties by chance (DuckDB) or by order (Polars), so their sums may differ a little.
Nothing here is a test: the figures are ratios within one run.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "workflow" / "scripts"
SYMBOLS, TRADES, QUOTES = 200, 10_000_000, 30_000_000
SESSION = date(2025, 12, 22)
START, END = 1_766_413_800_000_000_000, 1_766_438_100_000_000_000  # 09:30 to 16:15 New York
TRADE_FILES, QUOTE_FILES = f"polygon/trades/{SESSION}", f"polygon/quotes/{SESSION}"
"""Where an archive has them."""
DROPPED = (2, 5, 7, 8, 10, 12, 13, 15, 16, 17, 18, 19, 20, 21, 22, 25, 28, 29, 32, 33, 38, 52, 53)


# The tape


def symbol(number: int) -> str:
    """SAA, SAB, ..."""
    return f"S{chr(65 + number // 26)}{chr(65 + number % 26)}"


def make_symbol(folder: Path, number: int, trades: int, quotes: int) -> None:
    """One symbol's two files, sorted as the vendor sends them: a random walk in cents, a third FINRA prints."""
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(number)

    def moments(count: int):
        """Sorted times from an hour before the hours to an hour after them, in bursts of equal ones."""
        drawn = np.sort(random.integers(START - 3_600_000_000_000, END + 3_600_000_000_000, count))
        first_of_burst = np.where(random.random(count) < 0.3, 0, np.arange(count))
        return drawn[np.maximum.accumulate(first_of_burst)]

    quote_time = moments(quotes)
    mid = 10_000 + np.cumsum(random.integers(-1, 2, quotes))
    half = random.integers(1, 4, quotes)
    bid, ask = (mid - half) / 100, (mid + half) / 100
    bid[random.random(quotes) < 0.001] = 0.0
    write(
        pa.table(
            {
                "ask_exchange": pa.array(random.integers(1, 20, quotes), pa.int32()),
                "ask_price": ask,
                "ask_size": random.integers(1, 40, quotes) * 100.0,
                "bid_exchange": pa.array(random.integers(1, 20, quotes), pa.int32()),
                "bid_price": bid,
                "bid_size": random.integers(1, 40, quotes) * 100.0,
                "participant_timestamp": quote_time,
                "sequence_number": np.cumsum(random.integers(1, 4, quotes)),
                "sip_timestamp": quote_time + 200_000,
                "tape": pa.array(np.full(quotes, 3), pa.int32()),
            }
        ),
        folder, "polygon/quotes", number,
    )  # fmt: skip

    trade_time = moments(trades)
    at = np.maximum(np.searchsorted(quote_time, trade_time, side="left") - 1, 0)
    off_exchange = random.random(trades) < 0.35
    price = (mid[at] + random.choice([-1, 0, 1], trades) * half[at]) / 100
    price = np.where(off_exchange & (random.random(trades) < 0.5), price + 0.0025, price)
    odd_lot, dropped = random.random(trades) < 0.5, random.random(trades) < 0.02
    lengths = odd_lot.astype(np.int32) + dropped
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    codes = np.full(offsets[-1], 37, np.int32)
    codes[offsets[1:][dropped] - 1] = random.choice(DROPPED, dropped.sum())
    write(
        pa.table(
            {
                "conditions": pa.ListArray.from_arrays(offsets, codes),
                "correction": pa.array(np.zeros(trades), pa.int32()),
                "exchange": pa.array(np.where(off_exchange, 4, random.choice([8, 10, 11, 12, 19], trades)), pa.int32()),
                "participant_timestamp": trade_time,
                "price": price,
                "sequence_number": np.cumsum(random.integers(1, 4, trades)),
                "sip_timestamp": trade_time + 200_000,
                "size": random.integers(1, 400, trades).astype(np.float64),
                "tape": pa.array(np.full(trades, 3), pa.int32()),
                "trf_id": pa.array(np.full(trades, 202), pa.int32(), mask=~off_exchange),
            }
        ),
        folder, "polygon/trades", number,
    )  # fmt: skip


def write(table, folder: Path, kind: str, number: int) -> None:
    """As the spool of the product leaves a file: its compression, row groups, marks, order and checksums."""
    import pyarrow.parquet as pq

    from darkpool.archive import tick_marks
    from darkpool.vendors.polygon import spool

    table = table.replace_schema_metadata(tick_marks.marks(kind, SESSION, symbol(number)))
    pq.write_table(
        table, folder / kind / str(SESSION) / f"{symbol(number)}.parquet", compression="zstd", compression_level=1,
        row_group_size=2 * spool.SPAN_ROWS, write_page_checksum=True, sorting_columns=tick_marks.ordering(table.schema),
    )  # fmt: skip


def make_day(folder: Path, trades: int, quotes: int) -> None:
    """All symbols, the largest with about a twentieth of the day."""
    weights = [1 / (number + 4) for number in range(SYMBOLS)]
    total = sum(weights)
    for kind in (TRADE_FILES, QUOTE_FILES):
        (folder / kind).mkdir(parents=True)
    with ThreadPoolExecutor() as pool:
        jobs = [
            pool.submit(make_symbol, folder, number, int(trades * weight / total), int(quotes * weight / total))
            for number, weight in enumerate(weights)
        ]
        for job in jobs:
            job.result()


# The contenders: each takes the folder, signs lit trades and FINRA prints, and returns the lit shares bought and sold


def ours(folder: Path) -> tuple[float, float]:
    from darkpool.archive.store import Archive
    from darkpool.session import tick_flows
    from darkpool.settings import Lit

    tickers = sorted(path.stem for path in (folder / TRADE_FILES).iterdir())
    flow = tick_flows.flows(Archive(folder), SESSION, tickers, Lit().signing, os.cpu_count() or 1).lit
    return flow["lit_buy_volume"].sum(), flow["lit_sell_volume"].sum()


def bare_scan(folder: Path) -> tuple[float, float]:
    """The columns that `ours` reads, decoded and added up."""
    import duckdb

    for kind, columns in (
        (
            TRADE_FILES,
            "sum(len(conditions)), "
            + _sums("correction exchange participant_timestamp price sequence_number size trf_id"),
        ),
        (QUOTE_FILES, _sums("participant_timestamp sequence_number bid_price ask_price")),
    ):
        duckdb.sql(f"SELECT {columns} FROM read_parquet('{folder}/{kind}/*.parquet')").fetchall()
    return 0.0, 0.0


def _sums(columns: str) -> str:
    return ", ".join(f"sum({column})" for column in columns.split())


NBBO_SIGN = """
    CASE WHEN bid_price > 0 AND ask_price >= bid_price THEN (price >= ask_price)::int - (price <= bid_price)::int
         ELSE sign(price - previous)::int END
"""


PRINT_SIGN = """
    CASE WHEN NOT (bid_price > 0 AND ask_price >= bid_price) THEN 0
         WHEN ask_price = bid_price THEN sign(price - bid_price)::int
         ELSE ((price - bid_price) / (ask_price - bid_price) > 0.6 + 1e-9)::int
            - ((price - bid_price) / (ask_price - bid_price) < 0.4 - 1e-9)::int END
"""


def duckdb_asof(folder: Path) -> tuple[float, float]:
    import duckdb

    row = duckdb.sql(f"""
        WITH eligible AS (
            SELECT filename[-12:] AS symbol, participant_timestamp AS time, sequence_number, price, size,
                   exchange <> 4 AS lit
            FROM read_parquet('{folder}/{TRADE_FILES}/*.parquet', filename = true)
            WHERE (exchange <> 4 OR trf_id <> 0) AND coalesce(correction, 0) = 0 AND price > 0 AND size > 0
              AND participant_timestamp >= {START} AND participant_timestamp < {END}
              AND NOT list_has_any(conditions, {list(DROPPED)})
        ), ordered AS (
            SELECT *, lag(price) OVER (PARTITION BY symbol, lit ORDER BY time, sequence_number) AS previous
            FROM eligible
        ), quotes AS (
            SELECT filename[-12:] AS symbol, participant_timestamp AS time, bid_price, ask_price
            FROM read_parquet('{folder}/{QUOTE_FILES}/*.parquet', filename = true)
        ), signed AS (
            SELECT lit, size, CASE WHEN lit THEN {NBBO_SIGN} ELSE {PRINT_SIGN} END AS side
            FROM ordered ASOF LEFT JOIN quotes ON ordered.symbol = quotes.symbol AND ordered.time > quotes.time
        )
        SELECT sum(size) FILTER (lit AND side = 1), sum(size) FILTER (lit AND side = -1),
               sum(size) FILTER (NOT lit AND side = 1), sum(size) FILTER (NOT lit AND side = -1)
        FROM signed
    """).fetchall()[0]
    return row[0], row[1]


def _polars_frames(folder: Path):
    import polars as pl

    trades = (
        pl.scan_parquet(folder / TRADE_FILES / "*.parquet", include_file_paths="path")
        .filter(
            (pl.col("exchange") != 4) | (pl.col("trf_id").fill_null(0) != 0),
            pl.col("correction").fill_null(0) == 0,
            pl.col("price") > 0,
            pl.col("size") > 0,
            pl.col("participant_timestamp").is_between(START, END, closed="left"),
            pl.col("conditions").list.set_intersection(pl.lit(list(DROPPED), dtype=pl.List(pl.Int32))).list.len() == 0,
        )
        .select(
            pl.col("path").str.slice(-12).alias("symbol"),
            "participant_timestamp",
            "sequence_number",
            "price",
            "size",
            lit=pl.col("exchange") != 4,
        )
        .collect()
    )
    quotes = (
        pl.scan_parquet(folder / QUOTE_FILES / "*.parquet", include_file_paths="path")
        .select(
            pl.col("path").str.slice(-12).alias("symbol"),
            "participant_timestamp",
            "sequence_number",
            "bid_price",
            "ask_price",
        )
        .collect()
    )
    order = ["participant_timestamp", "sequence_number"]
    return trades.sort(order), quotes.sort(order)


def polars_whole_day(folder: Path) -> tuple[float, float]:
    import polars as pl

    trades, quotes = _polars_frames(folder)
    valid = (pl.col("bid_price") > 0) & (pl.col("ask_price") >= pl.col("bid_price"))
    by_quote = (pl.col("price") >= pl.col("ask_price")).cast(pl.Int8) - (pl.col("price") <= pl.col("bid_price")).cast(
        pl.Int8
    )
    by_tick = (pl.col("price") - pl.col("price").shift().over("symbol", "lit")).sign().fill_null(0).cast(pl.Int8)
    position = (pl.col("price") - pl.col("bid_price")) / (pl.col("ask_price") - pl.col("bid_price"))
    inside = (position > 0.6 + 1e-9).cast(pl.Int8) - (position < 0.4 - 1e-9).cast(pl.Int8)
    locked = (pl.col("price") - pl.col("bid_price")).sign().cast(pl.Int8)
    by_print = (
        pl.when(valid.not_()).then(0).when(pl.col("bid_price") == pl.col("ask_price")).then(locked).otherwise(inside)
    )
    on_exchange = pl.when(valid).then(by_quote).otherwise(by_tick)
    signed = trades.join_asof(
        quotes.drop("sequence_number"),
        on="participant_timestamp",
        by="symbol",
        allow_exact_matches=False,
        check_sortedness=False,
    ).with_columns(side=pl.when("lit").then(on_exchange).otherwise(by_print))
    sums = {
        (lit, side): size for lit, side, size in signed.group_by("lit", "side").agg(pl.col("size").sum()).iter_rows()
    }
    return sums[True, 1], sums[True, -1]


def pandas_whole_day(folder: Path) -> tuple[float, float]:
    """pandas' `merge_asof` and tclf's Lee-Ready of the lit trades; it has no NBBO rule, so its sums are its own."""
    import pandas as pd
    from tclf.classical_classifier import ClassicalClassifier

    trades, quotes = (frame.to_pandas() for frame in _polars_frames(folder))
    joined = pd.merge_asof(
        trades,
        quotes.drop(columns="sequence_number"),
        on="participant_timestamp",
        by="symbol",
        allow_exact_matches=False,
    )
    joined = joined[joined["lit"]]
    previous = joined.groupby("symbol")["price"].shift()
    features = pd.DataFrame(
        {
            "trade_price": joined["price"],
            "price_all_lag": previous.where(previous != joined["price"]).groupby(joined["symbol"]).ffill(),
            "bid_best": joined["bid_price"],
            "ask_best": joined["ask_price"],
        }
    )
    classifier = ClassicalClassifier(layers=[("quote", "best"), ("tick", "all")], strategy="const").fit(features)
    side = classifier.predict(features)
    return float(joined["size"][side == 1].sum()), float(joined["size"][side == -1].sum())


CONTENDERS: dict[str, tuple[str, Callable[[Path], tuple[float, float]]]] = {
    "scan": ("DuckDB, bare scan of the same columns", bare_scan),
    "ours": ("darkpool, symbol at a time", ours),
    "duckdb": ("DuckDB ASOF JOIN, whole day", duckdb_asof),
    "polars": ("Polars join_asof, whole day", polars_whole_day),
    "pandas": ("pandas merge_asof + tclf, whole day", pandas_whole_day),
}


# Measuring


def peak_megabytes() -> float:
    """Peak resident memory of this process since its own start (ru_maxrss would count the parent's before exec)."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except FileNotFoundError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def warm_imports(name: str) -> None:
    """Imports are start-up, not work: they stay outside the measured time."""
    modules = {
        "scan": ["duckdb"],
        "duckdb": ["duckdb"],
        "polars": ["polars"],
        "ours": ["darkpool.session.tick_flows", "darkpool.archive.store"],
    }
    for module in modules.get(name, ["polars", "pandas", "pyarrow", "tclf.classical_classifier"]):
        __import__(module)


def run_contender(name: str, folder: Path) -> None:
    sys.path.insert(0, str(PACKAGE))
    warm_imports(name)
    started, busy = time.perf_counter(), time.process_time()
    buy, sell = CONTENDERS[name][1](folder)
    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak_megabytes(), "buy": buy, "sell": sell}))


def measure(folder: Path, names: list[str], rounds: int) -> dict[str, dict]:
    best: dict[str, dict] = {}
    for _ in range(rounds):
        for name in names:
            command = [sys.executable, __file__, "--contender", name, "--folder", str(folder)]
            result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            if name not in best or result["seconds"] < best[name]["seconds"]:
                best[name] = result
    return best


def table(results: dict[str, dict]) -> str:
    scan, own = results["scan"], results["ours"]["seconds"]
    head = ["seconds", "/ scan", "/ ours", "cpu s", "/ scan", "peak MB"]
    lines = ["".join([f"{'contender':<40}", *(f"{name:>9}" for name in head), f"{'bought':>15}{'sold':>15}"])]
    for name, result in results.items():
        seconds, cpu = result["seconds"], result["cpu"]
        times = f"{seconds:9.2f}{seconds / scan['seconds']:9.2f}{seconds / own:9.2f}{cpu:9.2f}{cpu / scan['cpu']:9.2f}"
        sums = "" if name == "scan" else f"{result['buy']:15,.0f}{result['sell']:15,.0f}"
        lines.append(f"{CONTENDERS[name][0]:<40}{times}{result['peak']:9.0f}{sums}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the trades and quotes")
    parser.add_argument(
        "--skip", nargs="*", default=[], choices=["duckdb", "polars", "pandas"], help="contenders left out"
    )
    parser.add_argument("--rounds", type=int, default=3, help="times each contender runs")
    parser.add_argument("--folder", type=Path, help="keep the day here and use it again (default: a temporary folder)")
    parser.add_argument("--contender", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        run_contender(arguments.contender, arguments.folder)
        return
    divisor = 20 if arguments.quick else 1
    with tempfile.TemporaryDirectory(prefix="darkpool-engine-") as temporary:
        folder = arguments.folder or Path(temporary)
        if not (folder / TRADE_FILES).exists():
            folder.mkdir(parents=True, exist_ok=True)
            make_day(folder, TRADES // divisor, QUOTES // divisor)
        names = [name for name in CONTENDERS if name not in arguments.skip]
        print(f"{TRADES // divisor:,} trades, {QUOTES // divisor:,} quotes, {SYMBOLS} symbols, {os.cpu_count()} cores")
        print(table(measure(folder, names, arguments.rounds)))


if __name__ == "__main__":
    main()
