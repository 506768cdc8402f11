"""From vendor to archive: the whole market's prices of a session, against the stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest

import canaries
from darkpool.archive import layout, open_requests
from darkpool.archive.store import Archive
from darkpool.files import sha256
from darkpool.market import sessions
from darkpool.vendors.polygon import grouped, grouped_fetch

DAY = date(2025, 12, 22)
RELATIVE = layout.polygon_grouped(DAY)
MARKET = {"AAPL": (270.0, 273.0, 269.0, 271.5, 3.5e7, 271.0, 40_000), "BRK.B": (500.0, 501.0, 499.0, 500.5, 1.5)}

Fetch = Callable[..., dict[str, Any]]


@pytest.fixture
def fetch(archive, well, monkeypatch) -> Fetch:
    monkeypatch.setenv("POLYGON_API_KEY", canaries.POLYGON)
    well.polygon.grouped(DAY, MARKET)

    def run(day: date = DAY) -> dict[str, Any]:
        receipt = grouped_fetch.fetch(archive, day, 0)
        archive.write_receipt(grouped_fetch.SOURCE, day, receipt)
        read = archive.receipt(grouped_fetch.SOURCE, day)
        assert read is not None
        assert read["state"] == read["files"][layout.polygon_grouped(day)]["state"]
        return read["files"][layout.polygon_grouped(day)]

    return run


def asked(well) -> list[str]:
    return [request.path for request in well.requests]


def is_open(archive: Archive) -> bool:
    return open_requests.grouped(Archive(archive.root), DAY)


def test_the_answer_is_kept_as_sent_and_never_asked_for_again(fetch, archive, well):
    assert is_open(archive)
    entry = fetch()
    path = archive.path(RELATIVE)
    assert asked(well) == [f"/v2/aggs/grouped/locale/us/market/stocks/{DAY}?adjusted=false"]
    assert (entry["state"], entry["rows"], entry["reason"], entry["status"]) == ("published", 2, None, 200)
    assert (entry["file"], entry["sha256"]) == (RELATIVE, sha256(path))
    assert "apikey" not in entry["address"].lower()
    assert canaries.in_tree(archive.root) == {}
    rows = pl.read_parquet(path)
    assert rows["T"].to_list() == ["AAPL", "BRK.B"]
    assert rows["future_field"].to_list() == [1, 1]
    assert grouped.prices(path, DAY).rows() == [("AAPL", 270.0, 271.5, 3.5e7), ("BRK.B", 500.0, 500.5, 1.5)]
    assert not is_open(archive)
    before = path.read_bytes()
    assert fetch() == entry
    assert len(asked(well)) == 1
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        ({"kind": "status", "status": 503}, "outage", "HTTP 503"),
        ({"kind": "status", "status": 429}, "outage", "rate limit"),
        ({"kind": "cut"}, "outage", ""),
        ({"kind": "drop"}, "outage", ""),
        ({"kind": "html"}, "outage", "the answer is no JSON, it begins with '<!DOCTYPE html>'; the body is kept in"),
        ({"kind": "empty"}, "outage", "the answer is no JSON"),
        ({"kind": "redirect", "headers": {"Location": "https://example.com/"}}, "outage", "HTTP 302"),
        ({"kind": "status", "status": 401}, "blocked", "does not know the key in POLYGON_API_KEY"),
    ],
)
def test_what_fails_is_a_state_and_asked_for_again(fetch, archive, well, fault, state, reason):
    well.faults.add(host="polygon.io", **fault)
    entry = fetch()
    assert (entry["state"], entry["file"]) == (state, None)
    assert reason in entry["reason"]
    assert not archive.path("polygon/grouped").exists()
    assert canaries.in_tree(archive.root) == {}
    assert is_open(archive)
    well.faults.clear()
    assert fetch()["state"] == "published"
    assert not is_open(archive)


def test_a_plan_without_it_is_told_and_not_asked_again(fetch, archive, well):
    well.polygon.entitled.remove("grouped")
    entry = fetch()
    assert (entry["state"], entry["status"]) == ("blocked", 403)
    assert entry["reason"].startswith("not in the plan: You are not entitled to this data.")
    assert entry["reason"].endswith("after an upgrade delete this receipt")
    assert not is_open(archive)
    fetch()
    assert len(asked(well)) == 1


def test_an_answer_about_something_else_is_kept_aside_and_asked_for_again(fetch, archive, well):
    row = {"T": "A", "o": 1, "h": 1, "l": 1, "c": 1, "v": 1, "t": 1766437200000}
    body = {"status": "OK", "adjusted": True, "resultsCount": 1, "results": [row]}
    well.faults.add(kind="body", host="polygon.io", body=json.dumps(body).encode(), times=1)
    entry = fetch()
    assert (entry["state"], entry["file"]) == ("outage", None)
    assert entry["reason"].startswith("adjusted is true, asked for false")
    [aside] = archive.path("rejected/polygon/grouped").glob("*.json")
    assert json.loads(aside.read_bytes()) == body
    draft = aside.with_name(f".{aside.name}.draft")
    assert layout.is_written(archive.root, draft, aside.name)
    assert layout.is_written(archive.root, draft, f"{aside.name}.reason")
    assert fetch()["state"] == "published"


def test_a_day_without_prices_is_not_yet_there_and_absent_five_sessions_later(fetch, archive, well, monkeypatch):
    well.polygon.grouped(DAY, {})
    entry = fetch()
    assert (entry["state"], entry["reason"]) == ("not_yet", f"Polygon has no prices of {DAY} yet")
    assert is_open(archive)
    monkeypatch.setenv("DARKPOOL_NOW", "2026-01-05T06:00:00-05:00")
    assert fetch()["state"] == "absent"
    assert not is_open(archive)


def test_what_came_on_the_sessions_own_day_may_change_and_is_asked_for_once_more(fetch, archive, well, monkeypatch):
    monkeypatch.setenv("DARKPOOL_NOW", "2025-12-22T18:00:00-05:00")
    assert fetch()["state"] == "unsettled"
    assert is_open(archive)
    monkeypatch.setenv("DARKPOOL_NOW", "2025-12-23T06:00:00-05:00")
    well.faults.add(kind="status", status=503, host="polygon.io")
    entry = fetch()
    assert entry["state"] == "unsettled"  # what is there stands
    assert entry["reason"].startswith("asked again: HTTP 503")
    well.faults.clear()
    well.polygon.grouped(DAY, {**MARKET, "AAPL": (270.0, 273.0, 269.0, 272.5, 3.6e7)})
    entry = fetch()
    assert entry["state"] == "published"
    assert entry["file"] == "polygon/grouped/2025-12-22@20251223T110000Z.parquet"
    newest = Archive(archive.root).newest(RELATIVE)
    assert newest is not None
    assert grouped.prices(newest, DAY).row(0) == ("AAPL", 270.0, 272.5, 3.6e7)
    assert archive.path(RELATIVE).is_file()


def test_a_vendor_that_is_down_is_found_out_once_a_run(fetch, archive, well, monkeypatch):
    monkeypatch.setenv("DARKPOOL_RUN", "this-run")
    well.faults.add(kind="status", status=503, host="polygon.io")
    assert fetch()["state"] == "outage"
    count = len(asked(well))
    before = sessions.previous(DAY)
    assert fetch(before)["reason"].startswith("not asked: Polygon failed for another session: HTTP 503")
    assert len(asked(well)) == count


def test_a_damaged_file_is_set_aside_and_asked_for_again(fetch, archive, well):
    entry = fetch()
    path = archive.path(RELATIVE)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert is_open(archive)
    well.faults.add(kind="status", status=503, host="polygon.io")
    broken = fetch()
    assert broken["state"] == "damaged"
    assert "asked again: outage" in broken["reason"]
    assert is_open(archive)
    well.faults.clear()
    again = fetch()
    assert (again["state"], again["sha256"]) == ("published", entry["sha256"])
    assert path.read_bytes() == whole
    path.unlink()
    assert is_open(archive)
    assert fetch()["state"] == "published"
    assert path.read_bytes() == whole


def test_a_file_that_was_copied_in_is_used_and_nobody_is_asked(fetch, archive, well):
    fetch()
    archive.receipt_path(grouped_fetch.SOURCE, DAY).unlink()
    entry = fetch()
    assert (entry["state"], entry["rows"], entry["retrieved_at"]) == ("published", 2, None)
    assert len(asked(well)) == 1
    archive.receipt_path(grouped_fetch.SOURCE, DAY).unlink()
    archive.path(RELATIVE).write_bytes(b"PAR1")
    assert fetch()["file"] == "polygon/grouped/2025-12-22@20251223T110000Z.parquet"
