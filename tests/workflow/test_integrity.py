"""Damage in the archive, met by the whole command: online it heals, offline it is said, and no wrong number is made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from darkpool.market import sessions
from standin import Vendors, nanoseconds

DAY, EARLIER = "2025-12-22", "2025-12-18"
OWN, OF_WINDOW = f"finra/regsho/CNMSshvol{DAY.replace('-', '')}.txt", "finra/regsho/CNMSshvol20251217.txt"
TRADES = {ticker: f"polygon/trades/{DAY}/{ticker}.parquet" for ticker in ("AAPL", "NA")}
TICKS = {"lit": {"source": "trades", "min_lit_volume": 100, "calls_per_minute": 0}}

Damage = Callable[[Path], None]


def a_digit(name: str, old: bytes, new: bytes) -> Damage:
    """One digit of a FINRA file is another one: its checks and its trailer hold."""

    def damage(root: Path) -> None:
        content = (root / name).read_bytes()
        assert old in content
        (root / name).write_bytes(content.replace(old, new, 1))

    return damage


def swapped(root: Path) -> None:
    """Two symbols' trades in each other's place, by renaming: not a byte of them has changed."""
    one, two = (root / name for name in TRADES.values())
    one.rename(root / "aside")
    two.rename(one)
    (root / "aside").rename(two)


def a_split(root: Path) -> None:
    """A split of AAPL that Yahoo never named, in a file that anybody can read."""
    row = {"symbol": ["AAPL"], "ex_date": [sessions.following(date.fromisoformat(DAY))], "ratio": [2.0]}
    path = root / f"yahoo/splits/{DAY}.parquet"
    pq.write_table(pa.table(row).cast(pq.read_schema(path).remove_metadata()), path)


def a_volume(root: Path) -> None:
    path = root / f"yahoo/daily/{DAY}.parquet"
    with pq.ParquetFile(path) as file:
        table = file.read()
    at = table.column_names.index("volume")
    pq.write_table(table.set_column(at, "volume", pa.array([v * 2 for v in table["volume"].to_pylist()])), path)


def a_ticker(root: Path) -> None:
    path = root / f"universe/emps2/{DAY}.csv"
    path.write_text(path.read_text().replace("NA", "NEW"))


def empty(name: str) -> Damage:
    return lambda root: (root / name).write_bytes(b"")


DAMAGES: dict[str, tuple[Damage, str]] = {
    "a digit of the day": (a_digit(OWN, b"|600|", b"|700|"), "FINRA"),
    "a digit of an earlier day": (a_digit(OF_WINDOW, b"|300|", b"|700|"), ""),
    "trades swapped": (swapped, "Polygon"),
    "a split put in": (a_split, "Yahoo"),
    "a volume doubled": (a_volume, "Yahoo"),
    "another ticker": (a_ticker, ""),
    "trades emptied": (empty(TRADES["AAPL"]), "Polygon"),
}
"""What is done, and the source whose state says so where nobody can be asked."""


@pytest.fixture(scope="module")
def morning(live_in, tmp_path_factory) -> Iterator[Any]:
    """A finished session with trades; read only."""
    folder = tmp_path_factory.mktemp("morning")
    with Vendors(folder / "vendors") as vendors:
        live = live_in(folder, vendors)
        live.settings = {**live.settings, **TICKS}
        live.publish()
        for number, ticker in enumerate(TRADES, start=1):
            rows = [
                {"exchange": 11, "id": str(i), "participant_timestamp": nanoseconds(DAY, f"10:0{i}"), "price": 10.0 + i,
                 "sip_timestamp": nanoseconds(DAY, f"10:0{i}") + 300, "sequence_number": i, "size": 100 * number}
                for i in range(4)
            ]  # fmt: skip
            vendors.polygon.trades(ticker, DAY, rows)
        vendors.polygon.trades("BRK.B", DAY, [])
        live.run(finished=True)
        yield live
        assert not vendors.unexpected, [request.path for request in vendors.unexpected]


@pytest.fixture
def live(morning, tmp_path) -> Iterator[Any]:
    shutil.copytree(morning.project.root, tmp_path / "project")
    morning.vendors.requests.clear()
    yield replace(morning, project=replace(morning.project, root=tmp_path / "project"))
    morning.vendors.faults.clear()


def archived(live: Any) -> dict[str, bytes]:
    return {
        path.relative_to(live.root).as_posix(): path.read_bytes()
        for path in live.root.rglob("*")
        if path.is_file() and path.suffix != ".log" and path.name != ".lock" and "rejected" not in path.parts
    }


def cases(*in_the_main_suite: str) -> list[Any]:
    """The damages, most of them for `make soak`."""
    marks = {name: () if name in in_the_main_suite else pytest.mark.soak for name in DAMAGES}
    return [pytest.param(name, marks=mark, id=name) for name, mark in marks.items()]


@pytest.mark.parametrize("name", cases("a digit of an earlier day", "trades swapped", "a split put in"))
def test_online_the_archive_is_as_it_was_and_what_lay_there_is_set_aside(name: str, live: Any) -> None:
    features, before = live.project.table("features"), archived(live)
    DAMAGES[name][0](live.root)
    damaged = {file: content for file, content in archived(live).items() if content != before[file]}
    assert damaged
    live.run(finished=True)
    assert archived(live) == before
    aside = [path.read_bytes() for path in (live.root / "rejected").rglob("*") if path.is_file()]
    assert all(content in aside for content in damaged.values())
    assert live.project.table("features").equals(features)
    assert set(live.project.states().values()) == {"published"}


@pytest.mark.parametrize("name", cases("a digit of the day", "trades emptied"))
def test_offline_it_is_never_used_never_touched_and_said(name: str, live: Any) -> None:
    row = live.project.features()["AAPL"]
    damage, source = DAMAGES[name]
    damage(live.root)
    before = archived(live)
    live.settings = {**live.settings, "offline": True}
    run = live.run(finished=source not in ("FINRA", "Yahoo"))
    assert archived(live) == before
    assert not (live.root / "rejected").exists()
    found = live.project.features()["AAPL"]
    told = json.dumps(pq.read_schema(live.project.folder() / "features.parquet").metadata[b"notes"].decode()) + run.said
    assert "is damaged" in told or source == "Polygon"
    if source:
        assert live.project.states()[source] == "damaged"
    expected = {
        "a digit of the day": {"trf_volume": None, "history_sessions": 5},
        "a digit of an earlier day": {"trf_volume": 600, "history_sessions": 4},
        "trades swapped": {"trf_volume": 600, "lit_buy_ratio": None},
        "trades emptied": {"trf_volume": 600, "lit_buy_ratio": None},
        "a split put in": {"trf_volume": 600, "regular_volume": None},
        "a volume doubled": {"trf_volume": 600, "regular_volume": None},
        "another ticker": {"trf_volume": 600, "regular_volume": 1000},
    }[name]
    assert {column: found[column] for column in expected} == expected
    assert row["regular_volume"] == 1000


def test_what_finra_says_otherwise_now_takes_the_name_and_is_revised(live: Any) -> None:
    rows = live.regsho_rows(6)
    a_digit(OWN, b"|600|", b"|700|")(live.root)
    live.vendors.finra.publish(DAY, {**rows, "AAPL": (60, 0, 900, "B,Q,N")})
    live.run(finished=True)
    row = live.project.features()["AAPL"]
    assert row["trf_volume"] == 900
    assert "revised" in row["quality"].split(",")
    assert b"|900|" in (live.root / OWN).read_bytes()
    assert b"|700|" in b"".join(path.read_bytes() for path in (live.root / "rejected").rglob("*.txt"))
    digests = live.project.digests(live.archive)
    live.run(finished=True)
    assert live.project.digests(live.archive) == digests


def test_damage_in_the_window_of_every_session_on_a_page_is_mended_once(live: Any) -> None:
    live.settings = {**live.settings, "mode": "daily", "backfill_count": 3, "lit": {"source": "none"}}
    for day in sessions.window(live.window[0], 3)[:-1]:
        live.vendors.finra.publish(day, live.regsho_rows(1))
    live.run(finished=True)
    before = archived(live)
    a_digit(OF_WINDOW, b"|300|", b"|700|")(live.root)
    live.vendors.requests.clear()
    live.run(finished=True)
    assert archived(live) == before
    assert live.files_asked() == [Path(OF_WINDOW).name]


def test_a_corrected_answer_that_is_damaged_leaves_the_first_one_and_says_so(live: Any) -> None:
    """Offline: what FINRA said first stands in, `revised`, and the session is not complete."""
    content = (live.root / OWN).read_bytes()
    later = OWN.replace(".txt", "@20251224T110000Z.txt")
    (live.root / later).write_bytes(content.replace(b"|600|", b"|650|"))
    live.vendors.finra.publish(DAY, {**live.regsho_rows(6), "AAPL": (60, 0, 650, "B,Q,N")})
    live.run(finished=True)
    assert live.project.features()["AAPL"]["trf_volume"] == 650
    (live.root / later).write_bytes(content.replace(b"|600|", b"|999|"))
    live.settings = {**live.settings, "offline": True}
    live.run(finished=False)
    row = live.project.features()["AAPL"]
    assert (row["trf_volume"], "revised" in row["quality"]) == (600, True)
    assert live.project.states()["FINRA"] == "damaged"


DEMO = ("finra/regsho/CNMSshvol20251222.txt", "yahoo/daily/2025-12-22.parquet", "yahoo/splits/2025-12-22.parquet",
        "universe/demo/2025-12-22.csv", "polygon/trades/2025-12-22/PENNY.parquet",
        "polygon/minute_bars/2025-12-22/BARSO.parquet")  # fmt: skip


def test_the_demos_simulator_writes_anew_what_is_damaged(project) -> None:
    project.scan = "demo"
    config = {"mode": "single"}
    project.finish(project.target(), config=config)
    root = project.root / "resources/demo"
    weeks = sorted((root / "finra/otc_weekly").glob("*.json"))[-1]
    before = project.digests("resources/demo", "results/demo")
    for name in [*DEMO, weeks.relative_to(root).as_posix()]:
        content = bytearray((root / name).read_bytes())
        content[len(content) // 2] ^= 1
        (root / name).write_bytes(content)
    project.finish(project.target(), config=config)
    after = project.digests("resources/demo", "results/demo")
    assert {name: digest for name, digest in after.items() if "/rejected/" not in name} == before
    assert len(list((root / "rejected").rglob("*.reason"))) == len(DEMO) + 1
