"""A morning on which a vendor is late, broken or unwilling: said everywhere, held against `all`, and healed later."""

import shutil
import subprocess

import pytest

from standin import weekly_rows

DAY = "2025-12-22"
OWN_FILE = "CNMSshvol20251222.txt"
SHORT = {"ma": 3, "min_sessions": 3, "window": 5}


def page(live):
    return (live.project.folder() / "table.html").read_text()


def heals(live, files, symbols):
    """The vendor is well again: the same command asks for what is missing, and for that alone."""
    live.vendors.faults.clear()
    live.vendors.requests.clear()
    live.publish()
    live.run(finished=True)
    assert sorted(live.files_asked()) == sorted(files)
    assert sorted(live.symbols_asked()) == sorted(symbols)
    row = live.project.features()["AAPL"]
    assert (row["trf_volume"], row["offex_ratio"], row["trf_spike"]) == (600, 0.6, 1.2)
    assert row["quality"] == "no_lit"
    assert live.project.states() == {"FINRA": "published", "Yahoo": "published", "Polygon": "absent"}


def test_a_file_not_published_yet_is_said_and_asked_for_alone_later(live):
    live.publish_finra(live.window[:-1])
    live.publish_yahoo()
    live.now = "2025-12-22T17:30:00-05:00"
    live.run(finished=False)
    assert live.project.states()["FINRA"] == "not_yet"

    live.now = "2025-12-23T06:00:00-05:00"
    run = live.run(finished=False)
    assert [line for line in run.lines if "FINRA is not_yet" in line and "2025-12-22" in line]
    assert live.project.states() == {"FINRA": "not_yet", "Yahoo": "published", "Polygon": "absent"}
    assert live.project.receipt(live.archive, "finra")["state"] == "not_yet"
    row = live.project.features()["AAPL"]
    assert (row["trf_volume"], row["regular_volume"], row["offex_ratio"]) == (None, 1000, None)
    assert "no_trf" in row["quality"].split(",")
    assert live.project.table("finra_trf").height == 0
    assert "not_yet" in page(live)
    assert (live.project.folder() / "plots/AAPL.png").stat().st_size > 1000
    assert not list(live.root.glob(f"finra/regsho/*{OWN_FILE[-12:]}"))

    heals(live, [OWN_FILE], [])


@pytest.mark.soak
def test_a_file_that_no_one_published_is_absent_once_the_grace_is_over(live):
    live.publish_finra(live.window[:-1])
    live.publish_yahoo()
    live.now = "2026-01-05T06:00:00-05:00"
    live.run(finished=True)
    assert live.project.states()["FINRA"] == "absent"
    assert live.project.manifest()["sources"][0]["state"] == "absent"
    live.vendors.requests.clear()
    assert live.run(finished=True).rules == {"write_manifest": 1}
    assert not live.vendors.requests


@pytest.mark.parametrize(
    ("fault", "state", "most"),
    [
        pytest.param({"kind": "status", "status": 403}, "blocked", 2, marks=pytest.mark.soak),
        pytest.param({"kind": "status", "status": 500}, "outage", 8, marks=pytest.mark.soak),
        ({"kind": "refuse"}, "outage", 8),
        pytest.param({"kind": "html"}, "outage", 6, marks=pytest.mark.soak),
    ],
    ids=["blocked", "server error", "not reached", "a page in place of the file"],
)
def test_a_finra_that_fails_is_named_not_hammered_and_heals(live, fault, state, most):
    live.publish()
    live.vendors.faults.add(host="cdn.finra.org", **fault)
    run = live.run(finished=False)
    assert [line for line in run.lines if f"FINRA is {state}" in line]
    assert live.project.states()["FINRA"] == state
    assert state in page(live)
    assert 0 < len(live.asked("finra.org")) <= most
    assert not list(live.root.glob("finra/regsho/*.txt"))
    heals(live, [live.file_name(day) for day in live.window], [])


def cut_short(content):
    return content[: content.index(b"BRK/B") - 2] + b"\r\n"


def with_another_trailer(content):
    return content.replace(b"\r\n4\r\n", b"\r\n5\r\n")


@pytest.mark.parametrize("damage", [cut_short, pytest.param(with_another_trailer, marks=pytest.mark.soak)])
def test_a_file_that_is_not_whole_is_kept_aside_and_never_used(live, damage):
    live.publish()
    whole = live.vendors.finra.publish(DAY, live.regsho_rows(6))
    live.vendors.finra.publish(DAY, damage(whole))
    run = live.run(finished=False)
    assert [line for line in run.lines if "FINRA is truncated" in line and OWN_FILE in line]
    assert live.project.features()["AAPL"]["trf_volume"] is None
    assert not (live.root / "finra/regsho" / OWN_FILE).exists()
    (aside,) = live.root.glob("rejected/finra/regsho/*.txt")
    assert aside.read_bytes() == damage(whole)
    (reason,) = live.root.glob("rejected/finra/regsho/*.reason")
    assert OWN_FILE in reason.read_text()
    heals(live, [OWN_FILE], [])


def test_what_passes_by_itself_is_waited_for(live):
    live.publish()
    faults = [
        live.vendors.faults.add(kind="status", status=429, retry_after=0, host="cdn.finra.org", times=1),
        live.vendors.faults.add(kind="cut", path_contains=OWN_FILE, times=1),
        live.vendors.faults.add(kind="drop", path_contains="20251219", times=1),
        live.vendors.faults.add(kind="slow", seconds=2, path_contains="20251218", times=1),
        live.vendors.faults.add(kind="status", status=503, path_contains="/chart/NA", times=1),
        live.vendors.faults.add(kind="status", status=429, path_contains="/chart/AAPL", times=1),
        live.vendors.faults.add(kind="slow", seconds=2, drip=True, path_contains="/chart/BRK-B", times=1),
    ]
    live.run(finished=True)
    assert [fault.hits for fault in faults] == [1] * 7
    assert live.project.states() == {"FINRA": "published", "Yahoo": "published", "Polygon": "absent"}
    assert {row["quality"] for row in live.project.features().values()} == {"no_lit"}


def test_a_yahoo_that_is_down_is_named_and_heals_without_asking_finra(live):
    live.publish()
    live.vendors.faults.add(kind="status", status=503, host="yahoo.com")
    run = live.run(finished=False)
    assert [line for line in run.lines if "Yahoo is outage" in line]
    assert live.project.states() == {"FINRA": "published", "Yahoo": "outage", "Polygon": "absent"}
    row = live.project.features()["AAPL"]
    assert (row["trf_volume"], row["regular_volume"], row["trf_spike"]) == (600, None, 1.2)
    assert "outage" in page(live)
    heals(live, [], ["AAPL", "BRK-B", "NA"])


def test_a_ticker_yahoo_does_not_know_holds_up_nobody(live):
    """NOPE is unknown to Yahoo, EMPT known without a bar."""
    live.publish()
    live.vendors.yahoo.bars("EMPT", {})
    live.tickers = ["AAPL", "NOPE", "EMPT"]
    live.run(finished=True)
    entries = live.project.receipt(live.archive, "yahoo")["tickers"]
    assert {ticker: entry["state"] for ticker, entry in entries.items()} == {
        "AAPL": "published",
        "NOPE": "absent",
        "EMPT": "absent",
    }
    rows = live.project.features()
    for ticker in ("NOPE", "EMPT"):
        assert rows[ticker]["regular_volume"] is None
        assert {"no_regular", "no_trf"} <= set(rows[ticker]["quality"].split(","))
    assert rows["AAPL"]["quality"] == "no_lit"

    live.vendors.requests.clear()
    assert live.run(finished=True).rules == {"write_manifest": 1}
    assert not live.vendors.requests


@pytest.mark.soak
def test_one_ticker_that_fails_is_marked_and_asked_for_alone_the_next_time(live):
    live.publish()
    live.vendors.faults.add(kind="status", status=500, path_contains="/chart/NA")
    live.run(finished=True)
    assert live.project.receipt(live.archive, "yahoo")["tickers"]["NA"]["state"] == "outage"
    assert "no_regular" in live.project.features()["NA"]["quality"].split(",")
    heals(live, [], ["NA"])
    assert live.project.features()["NA"]["offex_ratio"] == 0.6


@pytest.mark.soak
def test_a_vendor_that_fails_leaves_a_finished_session_alone(live):
    live.publish()
    live.run(finished=True)
    before = live.project.digests("results")
    live.vendors.faults.add(kind="refuse")
    shutil.rmtree(live.project.root / "results")
    live.run(finished=True)
    assert live.project.digests("results") == before


WEEKS = {"lit": {"source": "none"}, "history": SHORT, "finra": {"weekly": True}, "backfill_count": 1}


@pytest.mark.soak
def test_weeks_that_cannot_be_fetched_hold_up_the_mode_that_is_made_of_them_alone(live):
    live.publish()
    live.settings = WEEKS
    for monday, tier, symbol in (
        ("2025-12-01", "T1", "AAPL"),
        ("2025-11-17", "T2", "NA"),
        ("2025-11-17", "OTCE", "NEW"),
    ):
        live.vendors.finra_api.publish(weekly_rows(monday, tier, {symbol: (100, 200)}))
    live.vendors.faults.add(kind="status", status=504, host="api.finra.org")
    live.run(finished=True, FETCH_MODE="daily")
    assert live.project.states()["FINRA weekly"] == "outage"
    assert "outage" in page(live)

    (live.project.folder() / "all").unlink()
    run = live.run(finished=False, FETCH_MODE="weekly")
    assert [line for line in run.lines if "FINRA weekly is outage" in line]

    live.vendors.faults.clear()
    live.run(finished=True, FETCH_MODE="weekly")
    assert live.project.states()["FINRA weekly"] == "published"
    (volume,) = live.project.table("weekly").filter(ticker="AAPL")["finra_off_exchange_volume"]
    assert volume == 300


@pytest.mark.soak
def test_ticks_damaged_on_disk_are_asked_for_again_and_kept_beside(live):
    live.publish()
    live.tickers, live.settings = ["AAPL"], {**live.settings, "lit": {"min_lit_volume": 100, "calls_per_minute": 0}}
    bars = {"10:00": (10.0, 10.2, 9.9, 10.1, 900), "10:01": (10.1, 10.2, 9.9, 10.0, 300)}
    live.vendors.polygon.entitled = {"minute_bars"}
    live.vendors.polygon.minute_bars("AAPL", DAY, bars)
    live.run(finished=True)
    assert live.project.features()["AAPL"]["lit_buy_ratio"] == 0.75
    path = live.root / f"polygon/minute_bars/{DAY}/AAPL.parquet"
    damaged = path.read_bytes()[:-20]
    path.write_bytes(damaged)
    live.run(finished=True)
    assert live.project.features()["AAPL"]["lit_buy_ratio"] == 0.75
    assert path.read_bytes() == damaged
    assert len(list(path.parent.glob("AAPL@*.parquet"))) == 1


@pytest.fixture
def small_disk(live):
    """The archive on a disk of its own, of one megabyte."""
    live.root.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(live.root)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield live.root
    subprocess.run(["umount", "-l", str(live.root)], check=True)


@pytest.mark.soak
@pytest.mark.parametrize("trouble", ["No space left", "Read-only"])
def test_an_archive_that_cannot_be_written_ends_the_run_and_heals(live, small_disk, trouble):
    live.publish()
    if trouble == "Read-only":
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    else:
        (small_disk / "ballast").write_bytes(bytes(2**20 - 3 * 4096))
    run = live.run()
    assert run.code == 1
    assert trouble in run.said
    assert not (live.project.folder() / "all").exists()
    if trouble == "Read-only":
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    else:
        (small_disk / "ballast").unlink()
    live.run(finished=True)
    assert live.project.features()["AAPL"]["offex_ratio"] == 0.6
    assert not [path for path in small_disk.rglob(".*") if path.name != ".lock"]
