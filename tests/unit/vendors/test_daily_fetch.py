"""FINRA's delivery network, asked through the stand-in: each answer is kept, named and never asked for twice."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from darkpool.archive import layout, open_requests
from darkpool.archive.store import Archive
from darkpool.market import sessions
from darkpool.vendors import http
from darkpool.vendors.finra import client as finra
from darkpool.vendors.finra import daily_fetch, off_exchange
from standin import Vendors, regsho_file

DAY = date(2025, 12, 22)
WINDOW = sessions.window(DAY, 2)
NAME = "CNMSshvol20251222.txt"
ROWS = {"AAPL": (1, 0, 30, "B,Q,N"), "NA": (1.5, 0, 2.25, "N")}

Fetch = Callable[..., dict[str, Any]]


@pytest.fixture
def vendors(well: Vendors) -> Vendors:
    for day in WINDOW:
        well.finra.publish(day, ROWS)
    return well


@pytest.fixture
def fetch(archive: Archive) -> Fetch:
    """What the rule does: ask, and write the receipt."""

    def run(window=WINDOW, prefixes=("CNMS",)) -> dict[str, Any]:
        receipt = daily_fetch.fetch(Archive(archive.root), window[-1], window, prefixes)
        archive.write_receipt("finra", window[-1], receipt)
        return receipt

    return run


def asked(vendors: Vendors) -> list[str]:
    return [request.path.rpartition("/")[2] for request in vendors.requests if request.method == "GET"]


def kept(archive: Archive) -> dict[str, bytes]:
    folder = archive.path("finra")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_window_is_kept_as_published_and_receipted(vendors, archive, fetch) -> None:
    receipt = fetch()
    assert receipt["state"] == "published"
    assert kept(archive) == {f"regsho/{layout.regsho_name('CNMS', day)}": regsho_file(day, ROWS) for day in WINDOW}
    entry = receipt["files"][NAME]
    assert entry["file"] == f"finra/regsho/{NAME}"
    assert (entry["rows"], entry["status"], entry["reason"]) == (2, 200, None)
    assert entry["retrieved_at"] == "2025-12-23T11:00:00Z"
    assert entry["etag"]
    assert entry["address"] == f"https://cdn.finra.org/equity/regsho/daily/{NAME}"
    assert asked(vendors)[0] == NAME


def test_a_second_run_asks_for_nothing(vendors, archive, fetch) -> None:
    first = fetch()
    before = len(vendors.requests)
    assert fetch() == first
    assert len(vendors.requests) == before
    assert open_requests.finra(Archive(archive.root), DAY, first["files"]) == []


def test_the_next_session_asks_for_its_own_file_alone(vendors, fetch, monkeypatch) -> None:
    fetch()
    later = sessions.window(date(2025, 12, 23), 2)
    vendors.finra.publish(later[-1], ROWS)
    monkeypatch.setenv("DARKPOOL_NOW", "2025-12-24T06:00:00-05:00")
    before = len(asked(vendors))
    assert fetch(later)["state"] == "published"
    assert asked(vendors)[before:] == ["CNMSshvol20251223.txt"]


def test_a_file_without_a_receipt_is_used_and_its_moment_unknown(vendors, archive, fetch) -> None:
    path = archive.path(layout.regsho("CNMS", DAY))
    path.parent.mkdir(parents=True)
    path.write_bytes(regsho_file(DAY, ROWS))
    entry = fetch()["files"][NAME]
    assert NAME not in asked(vendors)
    assert (entry["state"], entry["retrieved_at"], entry["rows"]) == ("published", None, 2)


@pytest.mark.parametrize(
    ("now", "state", "words"),
    [
        ("2025-12-22T17:00:00-05:00", "not_yet", "publishes the file of 2025-12-22 by 18:30"),
        ("2025-12-23T06:00:00-05:00", "not_yet", "no file for 2025-12-22 yet"),
        ("2025-12-29T06:00:00-05:00", "not_yet", "no file for 2025-12-22 yet"),  # the fourth session after it
        ("2025-12-30T06:00:00-05:00", "absent", "no file for 2025-12-22, five sessions after it"),
    ],
)
def test_what_is_not_there_is_not_yet_and_absent_in_the_end(now, state, words, vendors, fetch, monkeypatch) -> None:
    vendors.finra.withdraw(DAY)
    monkeypatch.setenv("DARKPOOL_NOW", now)
    entry = fetch()["files"][NAME]
    assert (entry["state"], entry["status"], entry["file"]) == (state, 403, None)
    assert words in entry["reason"]
    assert open_requests.finra(Archive(Path()), DAY, [NAME]) == [NAME]


def test_a_day_that_finra_never_had_is_asked_for_once(vendors, archive, fetch, monkeypatch) -> None:
    monkeypatch.setenv("DARKPOOL_NOW", "2026-02-02T06:00:00-05:00")
    vendors.finra.withdraw(WINDOW[0])
    receipt = fetch()
    assert receipt["state"] == "published"
    assert receipt["files"]["CNMSshvol20251218.txt"]["state"] == "absent"
    before = len(vendors.requests)
    fetch()
    fetch(sessions.window(date(2025, 12, 23), 3)[:-1])
    assert len(vendors.requests) == before
    assert open_requests.finra(Archive(archive.root), DAY, receipt["files"]) == []


def test_what_was_not_yet_there_is_asked_for_again_alone(vendors, archive, fetch) -> None:
    vendors.finra.withdraw(DAY)
    receipt = fetch()
    assert receipt["state"] == "not_yet"
    assert open_requests.finra(Archive(archive.root), DAY, receipt["files"]) == [NAME]
    vendors.finra.publish(DAY, ROWS)
    before = len(asked(vendors))
    assert fetch()["state"] == "published"
    assert asked(vendors)[before:] == [NAME]


def test_a_403_that_is_no_access_denied_is_a_block(vendors, archive, fetch) -> None:
    vendors.faults.add(kind="status", status=403, host="cdn.finra.org")
    receipt = fetch()
    assert receipt["state"] == "blocked"
    assert "refused with status 403" in receipt["files"][NAME]["reason"]
    assert len(asked(vendors)) == daily_fetch.GIVE_UP_AFTER
    assert receipt["files"]["CNMSshvol20251218.txt"]["reason"].startswith("not asked: FINRA failed 2 times in a row")
    assert kept(archive) == {}
    assert open_requests.finra(Archive(archive.root), DAY, receipt["files"]) == list(receipt["files"])


@pytest.mark.parametrize("fault", [{"status": 429, "retry_after": 0}, {"status": 503}, {"status": 500}])
def test_a_busy_server_is_waited_for(fault: dict, vendors, fetch) -> None:
    vendors.faults.add(kind="status", host="cdn.finra.org", times=2, **fault)
    assert fetch()["state"] == "published"
    assert asked(vendors).count(NAME) == 3


@pytest.mark.parametrize(("status", "words"), [(500, "status 500"), (429, "rate limit")])
def test_a_server_that_stays_down_is_an_outage_and_not_asked_sixty_times(
    status, words, vendors, archive, fetch
) -> None:
    vendors.faults.add(kind="status", status=status, host="cdn.finra.org", retry_after=0)
    receipt = fetch()
    assert receipt["state"] == "outage"
    assert words in receipt["files"][NAME]["reason"]
    assert len(asked(vendors)) == daily_fetch.GIVE_UP_AFTER * http.ATTEMPTS
    assert kept(archive) == {}


@pytest.mark.parametrize("kind", ["cut", "drop"])
def test_a_cut_connection_is_asked_again_and_an_outage_when_it_stays(kind, vendors, archive, fetch) -> None:
    fault = vendors.faults.add(kind=kind, host="cdn.finra.org", path_contains="20251222")
    entry = fetch()["files"][NAME]
    assert entry["state"] == "outage"
    assert fault.hits >= http.ATTEMPTS
    assert f"regsho/{NAME}" not in kept(archive)
    vendors.faults.clear()
    assert fetch()["state"] == "published"


def test_an_untrusted_certificate_is_refused(vendors, archive, fetch) -> None:
    vendors.faults.add(kind="tls", host="cdn.finra.org")
    assert "TLS" in fetch()["files"][NAME]["reason"]
    assert kept(archive) == {}


def test_a_slow_server_is_waited_for(vendors, fetch) -> None:
    vendors.faults.add(kind="slow", seconds=0.2, drip=True, host="cdn.finra.org", times=1)
    assert fetch()["state"] == "published"


SPOILT = {
    "cut": (regsho_file(DAY, ROWS)[:-6], "truncated", "cut off"),
    "trailer": (regsho_file(DAY, ROWS).replace(b"\r\n2\r\n", b"\r\n3\r\n"), "damaged", "promises 3 rows"),
    "empty": (b"", "truncated", "the file is empty"),
    "no rows": (regsho_file(DAY, {}), "damaged", "holds no row"),
    "html": (b"<!DOCTYPE html><html></html>", "outage", "line 1: expected 'Date"),
    "another day": (regsho_file(WINDOW[0], ROWS), "damaged", "line 2: Date of AAPL is '20251218', expected 20251222"),
    "negative": (regsho_file(DAY, {"A": (0, 0, -1, "Q")}), "damaged", "line 2: TotalVolume of A is '-1'"),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_a_spoilt_body_is_no_answer_and_lies_aside_with_its_reason(fault: str, vendors, archive, fetch) -> None:
    content, state, words = SPOILT[fault]
    vendors.faults.add(kind="body", body=content, host="cdn.finra.org", path_contains="20251222")
    receipt = fetch()
    entry = receipt["files"][NAME]
    assert (receipt["state"], entry["state"], entry["file"], entry["status"]) == (state, state, None, 200)
    assert words in entry["reason"]
    assert f"regsho/{NAME}" not in kept(archive)
    aside = archive.path(entry["reason"].rpartition(" ")[2])
    assert aside.read_bytes() == content
    assert words in aside.with_name(aside.name + ".reason").read_text()
    vendors.faults.clear()
    assert fetch()["state"] == "published"


def test_a_damaged_copy_is_asked_for_again_and_left_as_it_is(vendors, archive, fetch) -> None:
    path = archive.path(layout.regsho("CNMS", DAY))
    path.parent.mkdir(parents=True)
    path.write_bytes(regsho_file(DAY, ROWS)[:80])
    receipt = fetch()
    assert receipt["files"][NAME]["file"] == "finra/regsho/CNMSshvol20251222@20251223T110000Z.txt"
    assert path.read_bytes() == regsho_file(DAY, ROWS)[:80]
    assert off_exchange.read_session(Archive(archive.root), DAY, ["CNMS"])[0] is not None
    before = len(vendors.requests)
    fetch()
    assert len(vendors.requests) == before


def test_a_file_lost_from_the_archive_is_due_and_comes_back(vendors, archive, fetch) -> None:
    receipt = fetch()
    archive.path(layout.regsho("CNMS", WINDOW[0])).unlink()
    assert open_requests.finra(Archive(archive.root), DAY, receipt["files"]) == ["CNMSshvol20251218.txt"]
    archive.path(layout.regsho("CNMS", DAY)).write_bytes(b"edited")
    assert set(open_requests.finra(Archive(archive.root), DAY, receipt["files"])) == {"CNMSshvol20251218.txt", NAME}
    assert fetch()["state"] == "published"
    assert open_requests.finra(Archive(archive.root), DAY, receipt["files"]) == []


def test_a_correction_is_kept_beside_the_first_answer_and_flagged(vendors, archive, fetch, monkeypatch) -> None:
    fetch()
    before = kept(archive)
    vendors.finra.publish(DAY, {**ROWS, "AAPL": (1, 0, 31, "B,Q,N")})
    monkeypatch.setenv("DARKPOOL_NOW", "2025-12-24T06:00:00-05:00")
    with http.Client() as client:
        entry = daily_fetch.ask(Archive(archive.root), "CNMS", DAY, client)
        again = daily_fetch.ask(Archive(archive.root), "CNMS", DAY, client)
    assert entry["file"] == again["file"] == "finra/regsho/CNMSshvol20251222@20251224T110000Z.txt"
    after = kept(archive)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 1
    frame = off_exchange.read_session(Archive(archive.root), DAY, ["CNMS"]).frame
    assert frame is not None
    assert frame.select("symbol", "trf_volume", "revised").rows() == [("AAPL", 31.0, True), ("NA", 2.25, False)]


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (404, b"<Error><Code>NoSuchKey</Code></Error>", "not_yet"),
        (404, b"<Error>\n<Code> NoSuchKey </Code></Error>", "not_yet"),
        (404, b"<Error><Code>AccessDenied</Code></Error>", "outage"),
        (404, b"<html>nothing here</html>", "outage"),
        (404, b"", "outage"),
        (403, b"<Error><Code>AccessDenied</Code></Error>", "not_yet"),
        (403, b"<Error><Code>NoSuchKey</Code></Error>", "blocked"),
        (410, b"<Error><Code>NoSuchKey</Code></Error>", "outage"),
    ],
)
def test_only_what_s3_says_of_a_missing_file_means_that_it_is_not_there(status: int, body: bytes, state: str) -> None:
    answer = http.Answer(status, {}, body, "", datetime(2025, 12, 23, 11, tzinfo=UTC))
    for now, of_missing in (("2025-12-23T11:00", "not_yet"), ("2025-12-30T11:00", "absent")):
        found, reason = daily_fetch.refusal(answer, DAY, datetime.fromisoformat(now + "+00:00"))
        assert found == (of_missing if state == "not_yet" else state)
        assert reason


def test_a_stray_404_heals_by_itself(vendors, archive, fetch, monkeypatch) -> None:
    monkeypatch.setenv("DARKPOOL_NOW", "2026-02-02T06:00:00-05:00")
    vendors.faults.add(kind="status", status=404, host="cdn.finra.org", path_contains="20251222", times=1)
    receipt = fetch()
    assert receipt["state"] == "outage"
    assert open_requests.finra(Archive(archive.root), DAY, receipt["files"]) == [NAME]
    assert fetch()["state"] == "published"


def test_an_odd_row_is_told_in_the_receipt_and_the_others_are_kept(vendors, archive, fetch, capfd) -> None:
    content = vendors.finra.publish(DAY, {**ROWS, "ZZ WS": (1, 0, 100, "Q")})
    receipt = fetch()
    entry = receipt["files"][NAME]
    assert (receipt["state"], entry["state"], entry["rows"]) == ("published", "published", 2)
    assert entry["reason"].startswith("odd rows refused: line 4: Symbol is 'ZZ WS', expected")
    assert kept(archive)[f"regsho/{NAME}"] == content
    assert "ZZ WS" in capfd.readouterr().err
    before = len(vendors.requests)
    assert fetch() == receipt
    archive.receipt_path("finra", DAY).unlink()
    assert fetch()["files"][NAME]["reason"] == entry["reason"]
    assert len(vendors.requests) == before


def test_days_before_finras_archive_are_not_asked_for(vendors, fetch, monkeypatch) -> None:
    monkeypatch.setenv("DARKPOOL_NOW", "2018-08-04T06:00:00-04:00")
    window = sessions.window(date(2018, 8, 2), 2)
    for day in window[1:]:
        vendors.finra.publish(day, ROWS)
    receipt = fetch(window)
    assert receipt["files"]["CNMSshvol20180731.txt"]["state"] == "absent"
    assert receipt["files"]["CNMSshvol20180731.txt"]["reason"] == "FINRA's CNMS files begin on 2018-08-01"
    assert sorted(asked(vendors)) == ["CNMSshvol20180801.txt", "CNMSshvol20180802.txt"]


def test_parts_of_a_sum_are_each_asked_for(vendors, fetch) -> None:
    for day in WINDOW:
        vendors.finra.publish(day, ROWS, prefix="FNSQ")
    receipt = fetch(prefixes=("FNSQ", "FNYX"))
    assert receipt["state"] == "not_yet"
    assert receipt["files"]["FNSQshvol20251222.txt"]["state"] == "published"
    assert receipt["files"]["FNYXshvol20251222.txt"]["state"] == "not_yet"


def test_a_full_disk_ends_the_run_and_loses_nothing(vendors, archive, fetch, full_disk) -> None:
    with full_disk(2):
        fetch()
    before = kept(archive)
    assert len(before) == 2
    assert archive.receipt("finra", DAY) is None
    count = len(asked(vendors))
    assert fetch()["state"] == "published"
    assert asked(vendors)[count:] == ["CNMSshvol20251218.txt"]
    assert {name: kept(archive)[name] for name in before} == before


def test_a_folder_that_cannot_be_written_is_named(vendors, archive, fetch) -> None:
    archive.root.mkdir()
    (archive.root / "finra").write_text("in the way")
    with pytest.raises(OSError, match=str(archive.root / "finra")):
        fetch()


def test_no_pace_is_shorter_than_asked(monkeypatch) -> None:
    monkeypatch.delenv("DARKPOOL_FINRA_PAUSE", raising=False)
    assert finra.pause() == finra.PAUSE
    monkeypatch.setenv("DARKPOOL_FINRA_PAUSE", "1.5")
    assert finra.pause() == 1.5


def test_a_correction_copied_in_is_taken_up_without_asking(vendors, archive, fetch) -> None:
    receipt = fetch()
    later = archive.path("finra/regsho/CNMSshvol20251222@20251224T120000Z.txt")
    later.write_bytes(regsho_file(DAY, {**ROWS, "AAPL": (1, 0, 31, "B,Q,N")}))
    assert open_requests.finra(Archive(archive.root), DAY, receipt["files"]) == [NAME]
    before = len(vendors.requests)
    entry = fetch()["files"][NAME]
    assert len(vendors.requests) == before
    assert (entry["file"], entry["retrieved_at"]) == (archive.relative(later), None)
    assert open_requests.finra(Archive(archive.root), DAY, receipt["files"]) == []
