"""Sources against one another, on simulated vendors."""

from datetime import date

import polars as pl
import pytest

from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.market import sessions
from darkpool.session import checks as session_checks
from darkpool.session import volume_tables
from darkpool.vendors.simulated import daily_fetch, tick_fetch, watchlist

SESSION = date(2025, 12, 22)
WINDOW = sessions.window(SESSION, 3)
TICKERS = watchlist.tickers(SESSION)


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Archive:
    made = Archive(tmp_path_factory.mktemp("archive"))
    daily_fetch.fetch(made, SESSION, WINDOW, seed=7)
    tick_fetch.fetch(made, SESSION, seed=7)
    return made


def checks(archive: Archive, source: str = "auto") -> pl.DataFrame:
    tables, _ = volume_tables.volumes(
        archive,
        "demo",
        window=WINDOW,
        tickers=TICKERS,
        unmapped=[],
        prefixes=["CNMS"],
        excluded=[],
        offline=False,
    )
    return session_checks.compare(archive, SESSION, TICKERS, tables["merged"], ["CNMS"], source)


def verdicts(frame: pl.DataFrame, check: str) -> dict[str, str]:
    return dict(frame.filter(pl.col("check") == check).select("ticker", "verdict").iter_rows())


def test_prints_on_the_tape_add_up_to_finras_volume(archive):
    found = verdicts(checks(archive), "trf_prints")
    assert found["PENNY"] == found["BRK.B"] == "ok"
    assert set(found.values()) == {"ok"}
    assert "BARSO" not in found, "a ticker without trades has no prints to compare"


def test_what_yahoo_does_not_know_is_not_comparable(archive):
    found = verdicts(checks(archive), "yahoo_polygon")
    assert found.pop("ZZUNK") == "not comparable"
    assert set(found.values()) == {"ok"}


def test_a_vendor_that_is_wrong_by_two_alarms(archive, tmp_path):
    path = archive.path(layout.regsho("CNMS", SESSION))
    lines = path.read_text().split("\n")
    doubled = [line if not line.startswith("20251222|PENNY|") else _doubled(line) for line in lines]
    wrong = path.with_name(f"{path.stem}@20251223T120000Z.txt")
    wrong.write_text("\n".join(doubled))
    try:
        found = checks(Archive(archive.root))
    finally:
        wrong.unlink()
    assert verdicts(found, "trf_prints")["PENNY"] == "alarm"
    row = found.filter((pl.col("check") == "trf_prints") & (pl.col("ticker") == "PENNY")).row(0, named=True)
    assert row["ratio"] == pytest.approx(0.5, abs=0.01)


def _doubled(line: str) -> str:
    fields = line.split("|")
    fields[4] = str(2 * float(fields[4]))
    return "|".join(fields)


def test_without_ticks_nothing_of_them_is_compared(archive):
    assert checks(archive, source="none").is_empty()
