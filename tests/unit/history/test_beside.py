"""Whatever made a session, what stands beside it says the same: the store, the index and latest.json."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

import session_folders
from darkpool.cli import main
from darkpool.history import beside, database, lag

OLD, NEW = date(2025, 12, 19), date(2025, 12, 22)
NOW, LATER = datetime(2025, 12, 23, 11, tzinfo=UTC), datetime(2025, 12, 23, 12, tzinfo=UTC)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    folder = tmp_path / "results/emps2"
    session_folders.write(folder, OLD)
    session_folders.write(folder, NEW)
    return folder


def update(scan: Path, session: date = NEW, now: datetime = NOW, code: str = "c0de") -> list[str]:
    return beside.update(
        scan, session, scan.parents[1] / "archive", on_page=[OLD, NEW], trades="view", mode="single", code=code, now=now
    )


def latest(scan: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((scan / "latest.json").read_text())
    return found


def seen(scan: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in scan.iterdir() if path.is_file()}


def held(scan: Path) -> list[tuple[date, bool]]:
    with duckdb.connect(scan / "history.duckdb", read_only=True) as con:
        return con.execute("SELECT session, manifest IS NOT NULL FROM runs ORDER BY session").fetchall()


def test_store_index_and_latest_follow_a_session_and_are_not_made_twice(scan: Path) -> None:
    assert update(scan) == []
    assert held(scan) == [(OLD, True), (NEW, True)]
    assert (latest(scan)["date"], latest(scan)["complete"], latest(scan)["exit_status"]) == ("2025-12-22", True, 0)
    assert latest(scan)["paths"]["history"] == "history.duckdb"
    assert "2025-12-22" in (scan / "index.html").read_text()
    before = seen(scan)
    assert update(scan, now=LATER) == []
    assert {name: at for name, at in seen(scan).items() if "lock" not in name} == {
        name: at for name, at in before.items() if "lock" not in name
    }


def test_a_refused_manifest_is_told_everywhere(scan: Path) -> None:
    update(scan)
    (scan / "2025-12-22/all").unlink()
    update(scan, now=LATER)
    assert held(scan) == [(OLD, True), (NEW, False)]
    assert (latest(scan)["complete"], latest(scan)["exit_status"]) == (False, 75)
    assert latest(scan)["written_at"] == "2025-12-23T12:00:00Z"
    assert "manifest" not in latest(scan)["paths"]


def test_an_older_target_does_not_turn_latest_back(scan: Path) -> None:
    update(scan, NEW)
    before = latest(scan)
    update(scan, OLD, LATER)
    assert latest(scan) == before


def test_a_manifest_of_other_tables_is_not_called_complete(scan: Path) -> None:
    update(scan)
    shutil.copy(scan / "2025-12-19/all", scan / "2025-12-22/all")
    update(scan, now=LATER)
    assert latest(scan)["complete"] is False


def test_an_index_that_somebody_changed_or_other_code_wrote_is_written_again(scan: Path) -> None:
    update(scan)
    html = (scan / "index.html").read_bytes()
    (scan / "index.html").write_text("mine")
    update(scan)
    assert (scan / "index.html").read_bytes() == html
    (scan / ".index.json").write_text(json.dumps({**json.loads((scan / ".index.json").read_text()), "code": "01d"}))
    update(scan)
    assert json.loads((scan / ".index.json").read_text())["code"] == "c0de"


def test_a_store_that_cannot_be_brought_up_to_date_costs_nothing_else_and_is_told(scan: Path, capsys: Any) -> None:
    update(scan)
    with duckdb.connect(scan / "history.duckdb") as con:
        con.execute("UPDATE contracts SET version = 99")
    (scan / "2025-12-22/all").unlink()
    (fault,) = update(scan, now=LATER)
    assert "the session is not in the history" in fault
    assert latest(scan)["complete"] is False
    assert lag.of(scan) == {NEW: "changed since"}
    html = (scan / "index.html").read_text()
    assert "lags behind the files: 2025-12-22 changed since" in html
    place = ["--scan", "emps2", "--results", str(scan.parent)]
    for command in (["query", "select 1"], ["show", "NA"], ["sessions"]):
        main.main([*command, *place])
        assert "lags behind the files: 2025-12-22 changed since" in capsys.readouterr().err, command


def test_a_store_lags_by_what_it_lacks_and_by_what_has_changed(scan: Path) -> None:
    assert lag.of_store(scan) == ""  # there is none to lag
    assert lag.of(scan) == {OLD: "not in it", NEW: "not in it"}
    database.load(scan, [OLD], scan / "archive")
    assert lag.of(scan) == {}  # a store that is built anew holds every session on disk
    session_folders.write(scan, date(2025, 12, 23))
    session_folders.write(scan, OLD, simulated=True)
    assert lag.of(scan) == {OLD: "changed since", date(2025, 12, 23): "not in it"}
    assert lag.of(scan, [NEW]) == {}
    (scan / "history.duckdb").write_bytes(b"no store")
    assert set(lag.of(scan).values()) == {"the store cannot be read"}


def test_without_any_session_latest_names_the_one_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "emps2"
    folder.mkdir()
    assert beside.tell(folder, NEW, mode="daily", exit_status=1, now=NOW) == []
    told = latest(folder)
    assert (told["date"], told["complete"], told["exit_status"], told["paths"]) == ("2025-12-22", False, 1, {})


def test_a_folder_that_cannot_be_written_is_told_and_raises_nothing(scan: Path) -> None:
    """A folder in the lock's place stands for a file system that refuses; root may write everywhere."""
    (scan / beside.LOCK).mkdir()
    (scan / ".history.lock").mkdir()
    told = update(scan)
    assert [fault.partition(":")[0] for fault in told] == [
        "the session is not in the history", f"nothing in {scan} could be written",
    ]  # fmt: skip
    assert all("IsADirectoryError" in fault for fault in told)


@pytest.mark.parametrize("damage", [b"no table", None])
def test_an_earlier_session_of_the_page_that_is_not_readable_keeps_nothing_from_the_newest(
    scan: Path, damage: bytes | None
) -> None:
    (scan / str(NEW) / "all").unlink()  # refused: the sessions on the page are those that the caller names
    earlier = scan / str(OLD) / "features.parquet"
    if damage is None:
        earlier.unlink()
    else:
        earlier.write_bytes(damage)
    assert not [fault for fault in update(scan) if "latest.json" in fault]
    assert latest(scan)["on_page"] == ["2025-12-19", "2025-12-22"]
    assert latest(scan)["stands_out"][-1].startswith("The session: ")
