"""What is still to be asked for, read from receipts; asking itself is in test_finra and test_daily_bars."""

from datetime import date
from typing import Any

import pytest

from darkpool.archive import open_requests
from darkpool.archive.store import Archive
from darkpool.files import sha256
from darkpool.states import FINAL_STATES, STATES

DAY = date(2025, 12, 22)
NAME = "CNMSshvol20251222.txt"


def entry(state: str, archive: Archive | None = None, file: str | None = None) -> dict[str, Any]:
    digest = sha256(archive.path(file)) if archive and file else None
    return {"state": state, "reason": None, "file": file, "sha256": digest, "retrieved_at": None}


def test_everything_is_due_before_the_first_asking(tmp_path) -> None:
    assert open_requests.finra(Archive(tmp_path), DAY, [NAME]) == [NAME]
    assert open_requests.yahoo(Archive(tmp_path), DAY, ["NA", "TpC"]) == ["NA", "TpC"]


@pytest.mark.parametrize("state", sorted(STATES))
def test_a_final_state_without_a_file_is_not_asked_again_and_any_other_is(state: str, tmp_path) -> None:
    archive = Archive(tmp_path)
    archive.write_receipt("finra", DAY, {"files": {NAME: entry(state)}})
    archive.write_receipt("yahoo", DAY, {"tickers": {"NA": entry(state)}})
    again = state not in FINAL_STATES
    assert open_requests.finra(archive, DAY, [NAME]) == [NAME] * again
    assert open_requests.yahoo(archive, DAY, ["NA"]) == ["NA"] * again


def test_case_is_identity(tmp_path) -> None:
    archive = Archive(tmp_path)
    archive.write_receipt("yahoo", DAY, {"tickers": {"TPC": entry("absent")}})
    assert open_requests.yahoo(archive, DAY, ["TPC", "TpC"]) == ["TpC"]


def test_an_edited_answer_is_due(tmp_path) -> None:
    archive = Archive(tmp_path)
    for name in ("yahoo/daily/2025-12-22.parquet", "yahoo/splits/2025-12-22.parquet"):
        archive.path(name).parent.mkdir(parents=True)
        archive.path(name).write_bytes(b"PAR1...PAR1")
    archive.write_receipt(
        "yahoo", DAY, {"tickers": {"NA": entry("published", archive, "yahoo/daily/2025-12-22.parquet")}}
    )
    assert open_requests.yahoo(archive, DAY, ["NA"]) == []
    archive.path("yahoo/daily/2025-12-22.parquet").write_bytes(b"PAR1,,,PAR1")
    assert open_requests.yahoo(archive, DAY, ["NA"]) == ["NA"]


@pytest.mark.parametrize(("today", "over"), [("2025-12-22", False), ("2025-12-29", False), ("2025-12-30", True)])
def test_grace_is_five_sessions_and_not_five_days(today: str, over: bool) -> None:
    """23, 24, 26, 29 and 30 December are the five sessions after the 22nd."""
    assert open_requests.grace_is_over(DAY, date.fromisoformat(today)) == over
