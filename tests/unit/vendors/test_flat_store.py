"""The store of flat files, by a real S3 server: what comes, what does not, and what is said of it."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import trustme

import canaries
import flat_tape
import s3_server
from darkpool.archive import open_requests
from darkpool.archive.store import Archive
from darkpool.session import sources
from darkpool.settings import Flat
from darkpool.vendors.entries import new_entry
from darkpool.vendors.polygon import flat_import, flat_store, tick_entries, tick_fetch
from flat_tape import quote, trade

DAY = date(2025, 12, 22)
TICKERS = ["A", "NA", "GONE"]
TRADES = flat_tape.packed([trade("A", 1), trade("NA", 2), trade("A", 3), trade("OTHER", 4)])
QUOTES = flat_tape.packed([quote("A"), quote("NA")])


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store") / "s3"
    folder.mkdir()
    with s3_server.serving(folder) as address:
        yield folder, address


@pytest.fixture
def store(served, monkeypatch, tmp_path) -> tuple[Path, Flat]:
    """An empty bucket, its keys set, on the next day's noon; and nothing of the environment's."""
    folder, address = served
    for path in sorted((folder / s3_server.BUCKET).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    for name, key in canaries.STORE.items():
        monkeypatch.setenv(name, key)
    monkeypatch.setenv("DARKPOOL_NOW", "2025-12-23T12:00:00-05:00")
    monkeypatch.chdir(tmp_path)
    return folder, Flat(address)


def fetched(flat: Flat, root: Path, kind: str = "trades") -> tuple[dict[str, str], dict, str]:
    found, told = flat_import.fetch(Archive(root), DAY, kind, TICKERS, flat)
    return {ticker: entry["state"] for ticker, entry in found.items()}, found, told


def test_the_days_file_becomes_the_tickers_files(store, tmp_path):
    folder, flat = store
    s3_server.put(folder, "trades", "2025-12-22", TRADES)
    states, found, told = fetched(flat, tmp_path / "archive")
    assert states == {"A": "published", "NA": "published", "GONE": "absent"}
    assert told == "3 rows of 2 tickers kept, 1 tickers without a row"
    assert pl.read_parquet(tmp_path / "archive" / found["A"]["file"]).height == 2
    assert found["A"]["etag"]
    assert found["A"]["address"].endswith("/flatfiles/us_stocks_sip/trades_v1/2025/12/2025-12-22.csv.gz")
    assert canaries.in_text(str(found)) == set()


@pytest.mark.parametrize(("now", "state"), [("2025-12-23T06:00", "not_yet"), ("2026-01-02T06:00", "absent")])
def test_a_day_that_is_not_there_is_late_until_five_sessions_later(store, tmp_path, monkeypatch, now, state):
    folder, flat = store
    monkeypatch.setenv("DARKPOOL_NOW", f"{now}:00-05:00")
    for other in ("2025-11-21", "2025-12-19"):
        s3_server.put(folder, "trades", other, TRADES)
        states, found, _ = fetched(flat, tmp_path / "archive")
        assert set(states.values()) == {state}, found


def test_refused_keys_are_blocked_and_not_shown(store, tmp_path, monkeypatch):
    folder, flat = store
    s3_server.put(folder, "trades", "2025-12-22", TRADES)
    monkeypatch.setenv("POLYGON_S3_SECRET_ACCESS_KEY", "not-the-secret-91ab")
    states, found, told = fetched(flat, tmp_path / "archive")
    assert set(states.values()) == {"blocked"}, told
    assert "refuses the keys" in told
    assert not [key for key in (canaries.S3_ID, "not-the-secret-91ab") if key in told + str(found)]


def test_nobody_there_is_an_outage(store, tmp_path, monkeypatch):
    monkeypatch.setattr(flat_store, "ATTEMPTS", 1)
    states, _, told = fetched(Flat("http://127.0.0.1:9"), tmp_path / "archive")
    assert set(states.values()) == {"outage"}, told


@pytest.fixture
def large(store) -> bytes:
    """A file that does not pack well, larger than a connection's buffers."""
    folder, _ = store
    draw = random.Random(1)
    content = flat_tape.packed(trade("A", number / 50, id=draw.getrandbits(60)) for number in range(60_000))
    s3_server.put(folder, "trades", "2025-12-22", content)
    return content


def test_a_connection_that_is_cut_is_an_outage_and_keeps_nothing(store, large, tmp_path, monkeypatch):
    monkeypatch.setattr(flat_store, "ATTEMPTS", 1)
    with s3_server.Relay(store[1].endpoint, len(large) // 3) as relay:
        states, _, told = fetched(Flat(relay.address), tmp_path / "archive")
    assert set(states.values()) <= {"outage", "truncated"}, told
    assert not list((tmp_path / "archive").rglob("*.parquet"))


def test_one_that_stalls_is_an_outage_after_a_while(store, large, tmp_path, monkeypatch):
    monkeypatch.setattr(flat_store, "PATIENCE", 1.0)
    monkeypatch.setattr(flat_store, "ATTEMPTS", 1)
    with s3_server.Relay(store[1].endpoint, len(large) // 3, stall=True) as relay:
        states, _, told = fetched(Flat(relay.address), tmp_path / "archive")
    assert set(states.values()) == {"outage"}, told


def test_a_file_cut_in_the_store_is_truncated(store, large, tmp_path):
    folder, flat = store
    s3_server.put(folder, "trades", "2025-12-22", large[: len(large) // 2])
    states, _, told = fetched(flat, tmp_path / "archive")
    assert set(states.values()) == {"truncated"}, told
    assert "2025-12-22.csv.gz is cut off" in told
    assert not list((tmp_path / "archive").rglob("*.parquet"))


def test_a_file_of_another_day_or_kind_is_no_answer(store, tmp_path):
    folder, flat = store
    other = flat_tape.packed([trade("A", 86_400)])
    for content, said in ((QUOTES, "answered with quotes of 2025-12-22"), (other, "2025-12-23")):
        s3_server.put(folder, "trades", "2025-12-22", content)
        states, _, told = fetched(flat, tmp_path / "archive")
        assert set(states.values()) <= {"outage", "truncated"}, told
        assert said in told


def test_a_session_takes_both_files_once_and_a_late_one_when_it_is_there(store, tmp_path):
    folder, flat = store
    archive = Archive(tmp_path / "archive")

    def ask() -> dict:
        receipt = tick_fetch.fetch(archive, DAY, TICKERS, source="flat", flat=flat)
        archive.write_receipt("polygon", DAY, receipt)
        return receipt

    assert {kinds["trades"]["state"] for kinds in ask()["tickers"].values()} == {"not_yet"}
    assert open_requests.ticks(archive, DAY, TICKERS, "flat") == TICKERS
    s3_server.put(folder, "trades", "2025-12-22", TRADES)
    s3_server.put(folder, "quotes", "2025-12-22", QUOTES)
    receipt = ask()
    assert receipt["plan"] == "trades_quotes"
    assert {ticker: kinds["trades"]["state"] for ticker, kinds in receipt["tickers"].items()} == {
        "A": "published", "NA": "published", "GONE": "absent",
    }  # fmt: skip
    assert open_requests.ticks(archive, DAY, TICKERS, "flat") == []
    s3_server.put(folder, "trades", "2025-12-22", b"nobody asks for it")
    assert ask()["tickers"] == receipt["tickers"]


def test_the_vendors_own_address_is_asked_by_the_proxy_and_with_the_certificates_of_the_environment(
    store, tmp_path, monkeypatch
):
    """As every other vendor is: behind a proxy that ends TLS, the whole command needs nothing more."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    pair = authority.issue_cert("files.massive.com")
    pair.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for number, blob in enumerate(pair.cert_chain_pems):
        blob.write_to_path(str(tmp_path / "chain.pem"), append=number > 0)
    folder = tmp_path / "s3"
    s3_server.put(folder, "trades", "2025-12-22", TRADES)
    more = ("--cert", str(tmp_path / "chain.pem"), "--key", str(tmp_path / "key.pem"))
    with s3_server.serving(folder, *more) as address, s3_server.Relay(address, 1 << 30, proxy=True) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        monkeypatch.setattr(flat_store, "ATTEMPTS", 1)
        assert fetched(Flat(), tmp_path / "before")[2].startswith("outage")  # nobody vouches for the certificate
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
        states, found, told = fetched(Flat(), tmp_path / "archive")
    assert states == {"A": "published", "NA": "published", "GONE": "absent"}, told
    assert set(proxy.asked) == {"files.massive.com:443"}
    assert found["A"]["address"].startswith("https://files.massive.com/flatfiles/us_stocks_sip/")


def test_what_a_plan_refuses_by_page_is_taken_from_the_store(store, tmp_path):
    """One door's refusal closes no other: a plan may have the files and not the pages."""
    folder, flat = store
    archive = Archive(tmp_path / "archive")
    refused = new_entry("blocked", f"{open_requests.NOT_IN_PLAN}: quotes{open_requests.UPGRADE}", status=403)
    kinds = {**tick_entries.by_kind({}), "trades": refused, "quotes": refused}
    archive.write_receipt("polygon", DAY, {"state": "published", "tickers": {"A": kinds}, "files": {}})
    assert open_requests.ticks(archive, DAY, ["A"], "auto") == ["A"]
    s3_server.put(folder, "trades", "2025-12-22", TRADES)
    s3_server.put(folder, "quotes", "2025-12-22", QUOTES)
    receipt = tick_fetch.fetch(archive, DAY, ["A"], source="flat", flat=flat)
    assert [receipt["tickers"]["A"][kind]["state"] for kind in ("trades", "quotes")] == ["published"] * 2
    archive.write_receipt("polygon", DAY, receipt)
    assert open_requests.ticks(archive, DAY, ["A"], "auto") == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("flat", "no key: flat files need POLYGON_S3_ACCESS_KEY_ID and POLYGON_S3_SECRET_ACCESS_KEY"),
        ("trades", "no key: trades and quotes need POLYGON_API_KEY or MASSIVE_API_KEY"),
    ],
)
def test_where_the_keys_of_the_only_source_are_missing_the_page_says_which(store, tmp_path, monkeypatch, source, said):
    for name in ("POLYGON_S3_SECRET_ACCESS_KEY", "POLYGON_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    archive = Archive(tmp_path / "archive")
    archive.write_receipt("polygon", DAY, tick_fetch.fetch(archive, DAY, ["A"], source=source, flat=store[1]))
    told = sources.lit(archive, DAY, {"none": 1}, offline=False)
    assert (told["state"], told["reason"]) == ("absent", said)


def test_auto_asks_the_store_where_its_keys_are_set(store, monkeypatch):
    assert [open_requests.takes_flat(source) for source in ("auto", "flat", "trades", "minute_bars", "none")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    monkeypatch.delenv("POLYGON_S3_SECRET_ACCESS_KEY")
    assert not open_requests.takes_flat("auto")
