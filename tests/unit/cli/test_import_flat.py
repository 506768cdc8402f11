"""`import-flat` puts a flat file's rows where the fetch would have put the pages', or nothing at all."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

import flat_tape
from darkpool.archive import tick_marks
from darkpool.archive.store import Archive
from darkpool.market import sessions
from darkpool.measures import lit
from flat_tape import quote, trade

DAY = date(2025, 12, 22)
CONFIG = """scans:
  emps2: {archive: resources/archive, tickers: [A, NA, GONE]}
  emps3: {archive: ./resources/archive, tickers: [B]}
"""
TRADES = [
    trade("B", 5, size=7),
    *(trade("A", second, price=10.01, size=40_000, sequence_number=number) for number, second in enumerate((3, 1), 1)),
    trade("NA", 2),
    trade("A", 9, price=9.99, size=20_000),
    trade("OTHER", 1),
]
QUOTES = [quote("A"), quote("NA")]


@pytest.fixture
def folder(project) -> Path:
    (project / "config.yaml").write_text(CONFIG)
    (project / "trades").mkdir()
    (project / "quotes").mkdir()
    (project / "trades/2025-12-22.csv.gz").write_bytes(flat_tape.packed(TRADES))
    (project / "quotes/2025-12-22.csv.gz").write_bytes(flat_tape.packed(QUOTES))
    return project


def files(archive: Path) -> list[str]:
    return sorted(str(path.relative_to(archive)) for path in archive.rglob("*.parquet"))


def test_the_universes_tickers_of_every_scan_with_the_archive_are_kept_and_no_other(run, folder):
    status, out, err = run("import-flat", "trades/2025-12-22.csv.gz", "quotes/2025-12-22.csv.gz")
    assert (status, err.count("4 tickers wanted")) == (0, 2)
    assert out.splitlines() == [
        "trades/2025-12-22.csv.gz: 5 rows of 3 tickers kept, 1 tickers without a row",
        "quotes/2025-12-22.csv.gz: 2 rows of 2 tickers kept, 2 tickers without a row",
    ]
    archive = folder / "resources/archive"
    assert files(archive) == [f"polygon/{kind}/2025-12-22/{name}.parquet" for kind, name in (
        ("quotes", "A"), ("quotes", "NA"), ("trades", "A"), ("trades", "B"), ("trades", "NA"))]  # fmt: skip
    receipt = json.loads((archive / "receipts/polygon/2025-12-22.json").read_bytes())
    assert (receipt["state"], receipt["plan"]) == ("published", "trades_quotes")
    states = {
        ticker: [kinds[kind] and kinds[kind]["state"] for kind in ("trades", "quotes", "minute_bars")]
        for ticker, kinds in receipt["tickers"].items()
    }
    assert states == {
        "A": ["published", "published", None],
        "B": ["published", "absent", None],
        "GONE": ["absent", "absent", None],
        "NA": ["published", "published", None],
    }
    assert receipt["tickers"]["A"]["trades"]["address"] == "2025-12-22.csv.gz"


def test_what_is_kept_is_a_file_of_the_archive_and_signs(run, folder):
    run("import-flat", "trades/2025-12-22.csv.gz", "quotes/2025-12-22.csv.gz")
    trades, quotes = (
        folder / f"resources/archive/polygon/{kind}/2025-12-22/A.parquet" for kind in ("trades", "quotes")
    )
    with pq.ParquetFile(trades) as file:
        assert tick_marks.check_ticks(trades, file.schema_arrow.metadata) is None
        assert tick_marks.is_ordered(file)
    assert pl.read_parquet(trades)["participant_timestamp"].is_sorted()
    flow = lit.classify_symbol(trades, quotes, None, sessions.trading_hours(DAY))
    assert (flow.lit["lit_buy_volume"], flow.lit["lit_sell_volume"]) == (80_000, 20_000)
    assert flow.lit["classification_method"] == "NBBO"
    assert not Archive(folder / "resources/archive").damaged("polygon/trades/2025-12-22/A.parquet")


def test_a_file_that_is_damaged_at_its_end_leaves_nothing(run, folder):
    whole = flat_tape.packed(TRADES)
    (folder / "trades/2025-12-22.csv.gz").write_bytes(whole[:-6])
    status, out, err = run("import-flat", "trades/2025-12-22.csv.gz")
    assert (status, out) == (1, "")
    assert "error: 2025-12-22.csv.gz is cut off" in err
    assert not list((folder / "resources/archive").rglob("*A*"))
    assert not (folder / "resources/archive/receipts/polygon/2025-12-22.json").exists()


def test_again_it_changes_nothing_and_a_replaced_file_stands_beside_the_first(run, folder):
    run("import-flat", "trades/2025-12-22.csv.gz")
    archive = folder / "resources/archive"
    before = {name: (archive / name).read_bytes() for name in files(archive)}
    run("import-flat", "trades/2025-12-22.csv.gz")
    assert {name: (archive / name).read_bytes() for name in files(archive)} == before
    (folder / "trades/2025-12-22.csv.gz").write_bytes(flat_tape.packed([*TRADES, trade("A", 11, size=1)]))
    status, _, _ = run("import-flat", "trades/2025-12-22.csv.gz")
    assert status == 0
    [later] = [name for name in files(archive) if name not in before]
    assert later.startswith("polygon/trades/2025-12-22/A@")
    assert pl.read_parquet(archive / later).height == 4
    assert {name: (archive / name).read_bytes() for name in before} == before
    # A file that has nothing of a ticker takes nothing of it away.
    (folder / "trades/2025-12-22.csv.gz").write_bytes(flat_tape.packed([trade("B", 5, size=7)]))
    run("import-flat", "trades/2025-12-22.csv.gz")
    receipt = json.loads((archive / "receipts/polygon/2025-12-22.json").read_bytes())
    assert receipt["tickers"]["A"]["trades"]["file"] == later


@pytest.mark.parametrize(
    ("arguments", "config", "said"),
    [
        (["--scan", "demo"], CONFIG, "scan demo is none that ticks are kept for; there are emps2, emps3"),
        ([], CONFIG + "offline: true\n", "offline: true in the configuration"),
    ],
)
def test_where_nothing_may_be_written_it_says_so(run, folder, arguments, config, said):
    (folder / "config.yaml").write_text(config)
    status, _, err = run("import-flat", *arguments, "trades/2025-12-22.csv.gz")
    assert status == 1
    assert said in err
