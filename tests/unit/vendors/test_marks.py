"""Simulated answers are known by themselves: copied anywhere without their receipts, no other scan uses them."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from darkpool import settings
from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.market import sessions
from darkpool.session import volume_tables
from darkpool.vendors.finra import regsho
from darkpool.vendors.simulated import daily_fetch, marks, tick_fetch, watchlist, weekly_fetch
from standin import regsho_file, weekly_rows

DAY = date(2025, 12, 22)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """The simulator's archive of one session, without its receipts."""
    archive = Archive(tmp_path_factory.mktemp("demo"))
    daily_fetch.fetch(archive, DAY, sessions.window(DAY, 2), 7)
    tick_fetch.fetch(archive, DAY, 7)
    weekly_fetch.fetch(archive, DAY, 1, 7)
    shutil.rmtree(archive.path("receipts"))
    return archive


def test_every_file_of_the_simulator_is_marked(demo: Archive) -> None:
    files = [path for path in demo.root.rglob("*") if path.is_file() and "universe" not in path.parts]
    assert {path.suffix for path in files} == {".parquet", ".txt", ".json"}
    assert [path for path in files if not marks.is_marked(path)] == []


@pytest.mark.parametrize("kind", [
    "finra/regsho", "yahoo/daily", "yahoo/splits", "polygon/trades", "polygon/minute_bars", "finra/otc_weekly",
])  # fmt: skip
def test_one_kind_of_simulated_files_in_another_archive_is_refused(demo: Archive, tmp_path: Path, kind: str) -> None:
    shutil.copytree(demo.path(kind), tmp_path / kind)
    archive = Archive(tmp_path)
    window, tickers = sessions.window(DAY, 2), watchlist.tickers(DAY)
    with pytest.raises(marks.SimulatedArchive, match=r"holds simulated answers; only the scan demo"):
        volume_tables.is_simulated(archive, "emps2", DAY, window, tickers)
    assert volume_tables.is_simulated(archive, settings.DEMO, DAY, window, tickers)


def test_a_simulated_file_of_an_earlier_session_is_refused_too(demo: Archive, tmp_path: Path) -> None:
    window = sessions.window(DAY, 2)
    name = layout.regsho("CNMS", window[0])
    (tmp_path / name).parent.mkdir(parents=True)
    shutil.copyfile(demo.path(name), tmp_path / name)
    with pytest.raises(marks.SimulatedArchive, match=Path(name).name):
        volume_tables.is_simulated(Archive(tmp_path), "emps2", DAY, window, [])


def test_what_vendors_said_is_never_taken_for_simulated(tmp_path: Path) -> None:
    rows = dict.fromkeys(("AAPL", *marks.INVENTED[1:]), (10, 0, 100, "B,Q,N"))
    (tmp_path / "a.txt").write_bytes(regsho_file(DAY, rows))
    (tmp_path / "b.json").write_text(json.dumps(weekly_rows("2025-12-01", "T1", {"AAPL": (30, 60)})))
    (tmp_path / "c.parquet").write_bytes(b"damaged")
    assert not any(marks.is_marked(path) for path in tmp_path.iterdir())
    assert not marks.is_marked(tmp_path / "missing.txt")


def test_the_mark_stands_in_no_readers_way(demo: Archive) -> None:
    file = demo.path(layout.regsho("CNMS", DAY))
    parsed = regsho.parse(file.read_bytes(), file.name, DAY).frame
    assert set(marks.INVENTED) <= set(parsed["symbol"])
