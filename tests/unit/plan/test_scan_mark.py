"""`latest` stands for the newest session that the scan itself has marked."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from darkpool.plan import scan_mark

NOW = datetime(2025, 12, 23, 11, tzinfo=UTC)  # Tuesday, 06:00 in New York


@pytest.fixture
def results(tmp_path) -> Path:
    return tmp_path / "emps2"


def mark(results: Path, day: str, *names: str) -> None:
    (results / day).mkdir(parents=True)
    for name in names:
        (results / day / name).write_text("x")


def latest(results: Path, now: datetime = NOW, mode: str = "folder") -> date:
    return scan_mark.last_marked(results, now, mode)


def test_the_newest_folder_that_the_scan_filled_is_taken(results) -> None:
    mark(results, "2025-12-18", "09_final_universe.csv")
    mark(results, "2025-12-19", "09_final_universe.csv", "all", "table.html")
    assert latest(results) == date(2025, 12, 19)


@pytest.mark.parametrize(
    ("day", "names"),
    [
        ("2025-12-22", ()),  # empty
        ("2025-12-22", ("all", "merged.parquet", "table.html", "table.png", "table.csv", "plots")),  # ours alone
        ("2025-12-22", (".DS_Store", ".snakemake_timestamp")),  # hidden
        ("2025-12-23", ("x.csv",)),  # today
        ("2025-12-24", ("x.csv",)),  # the future
        ("2026-07-04", ("x.csv",)),
        ("2025-12-20", ("x.csv",)),  # a Saturday
        ("2025-01-09", ("x.csv",)),  # a day of mourning
        ("2025-12-22 copy", ("x.csv",)),
        ("20251222", ("x.csv",)),
        ("2025-W52-1", ("x.csv",)),
        ("latest", ("x.csv",)),
    ],
)
def test_what_is_no_mark_is_passed_over(day: str, names: tuple[str, ...], results) -> None:
    mark(results, "2025-12-17", "08_phase2_alerts.csv")
    mark(results, day, *names)
    assert latest(results) == date(2025, 12, 17)


def test_a_file_with_the_name_of_a_session_is_no_folder(results) -> None:
    mark(results, "2025-12-17", "x.csv")
    (results / "2025-12-22").write_text("x")
    assert latest(results) == date(2025, 12, 17)


def test_without_a_mark_it_is_the_last_completed_session(results) -> None:
    assert latest(results) == date(2025, 12, 22)
    mark(results, "2025-12-20", "x.csv")
    assert latest(results) == date(2025, 12, 22)


def test_the_calendar_can_be_asked_for_instead(results) -> None:
    mark(results, "2025-12-17", "x.csv")
    assert latest(results, mode="calendar") == date(2025, 12, 22)


def test_today_is_new_yorks(results) -> None:
    mark(results, "2025-12-22", "x.csv")
    mark(results, "2025-12-19", "x.csv")
    late = datetime(2025, 12, 23, 4, 59, tzinfo=UTC)  # 23:59 of the 22nd in New York
    assert latest(results, late) == date(2025, 12, 19)
    assert latest(results, late.replace(hour=5)) == date(2025, 12, 22)
