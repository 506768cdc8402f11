"""A morning on which a vendor is late, broken or unwilling: said everywhere, held against `all`, and healed later.

Every failure of every source by itself is in test_fault_table.py.
"""

import shutil

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
    assert "<summary>Lit market <b>absent</b></summary>" in page(live)  # nobody was asked (lit.source: none)
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


def test_a_finra_that_is_not_reached_is_named_not_hammered_and_heals(live):
    live.publish()
    live.vendors.faults.add(host="cdn.finra.org", kind="refuse")
    run = live.run(finished=False)
    assert [line for line in run.lines if "FINRA is outage" in line]
    assert live.project.states()["FINRA"] == "outage"
    assert "outage" in page(live)
    assert 0 < len(live.asked("finra.org")) <= 8
    assert not list(live.root.glob("finra/regsho/*.txt"))
    heals(live, [live.file_name(day) for day in live.window], [])


def cut_short(content):
    return content[: content.index(b"BRK/B") - 2] + b"\r\n"


def with_another_trailer(content):
    return content.replace(b"\r\n4\r\n", b"\r\n5\r\n")


def with_eleven_odd_rows(content):
    odd = "".join(f"20251222|ODD {i}|0|0|1|Q\r\n" for i in range(11))
    return content.replace(b"\r\n4\r\n", f"\r\n{odd}15\r\n".encode())


@pytest.mark.parametrize(
    ("damage", "state"),
    [
        (cut_short, "truncated"),
        pytest.param(with_another_trailer, "damaged", marks=pytest.mark.soak),
        pytest.param(with_eleven_odd_rows, "damaged", marks=pytest.mark.soak),
    ],
)
def test_a_file_that_is_not_whole_is_kept_aside_and_never_used(live, damage, state):
    live.publish()
    whole = live.vendors.finra.publish(DAY, live.regsho_rows(6))
    live.vendors.finra.publish(DAY, damage(whole))
    run = live.run(finished=False)
    assert [line for line in run.lines if f"FINRA is {state}" in line and OWN_FILE in line]
    assert live.project.features()["AAPL"]["trf_volume"] is None
    assert not (live.root / "finra/regsho" / OWN_FILE).exists()
    (aside,) = live.root.glob("rejected/finra/regsho/*.txt")
    assert aside.read_bytes() == damage(whole)
    (reason,) = live.root.glob("rejected/finra/regsho/*.reason")
    assert OWN_FILE in reason.read_text()
    heals(live, [OWN_FILE], [])


def test_odd_rows_are_refused_and_told_and_hold_nothing_up(live):
    """One of a symbol that nobody follows, and NA's, which is then unknown; ten are no damage yet."""
    live.publish()
    rows = live.regsho_rows(6) | {"ZZ WS": (0, 0, 1, "Q")} | {f"Z{i}": (2, 0, 1, "Q") for i in range(8)}
    live.vendors.finra.publish(DAY, rows | {"NA": (7, 0, 6, "Q")})
    live.run(finished=True)
    assert live.project.states()["FINRA"] == "published"
    features = live.project.features()
    assert [features[ticker]["trf_volume"] for ticker in ("AAPL", "NA", "BRK.B")] == [600, None, 60_000]
    assert [features[ticker]["quality"] for ticker in ("AAPL", "NA")] == ["no_lit", "no_lit,no_trf,short_history"]
    assert set(live.project.table("finra_trf")["symbol"]) == set(live.regsho_rows(6)) - {"NA"}
    told = live.project.receipt(live.archive, "finra")["files"][OWN_FILE]
    notes = live.project.manifest()["notes"]
    for words in ("Symbol is &#39;ZZ WS&#39;", "ShortVolume 7 of NA exceeds TotalVolume 6"):
        plain = words.replace("&#39;", "'")
        assert plain in told["reason"]
        assert [note for note in notes if OWN_FILE in note and plain in note]
        assert words in page(live)
    live.vendors.requests.clear()
    assert live.run(finished=True).rules == {"write_manifest": 1}
    assert not live.vendors.requests


def test_a_row_that_finra_took_back_is_unknown_and_revised(live):
    live.publish()
    live.run(finished=True)
    newer = live.vendors.finra.publish(DAY, {name: row for name, row in live.regsho_rows(6).items() if name != "AAPL"})
    (live.root / "finra/regsho" / "CNMSshvol20251222@20251223T120000Z.txt").write_bytes(newer)
    live.run(finished=True)
    features = live.project.features()
    assert features["AAPL"]["trf_volume"] is None
    assert features["AAPL"]["quality"] == "no_lit,no_trf,revised,short_history"
    assert (features["NA"]["trf_volume"], features["NA"]["quality"]) == (6_000, "no_lit")


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


UNKNOWN = b'{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found"}}}'


def test_a_ticker_that_yahoo_does_not_know_today_holds_nothing_up_and_heals(live):
    live.publish()
    live.day, live.now = "2025-12-19", "2025-12-20T06:00:00-05:00"
    live.run(finished=True)

    live.day, live.now = DAY, "2025-12-23T06:00:00-05:00"
    live.vendors.faults.add(kind="body", status=404, body=UNKNOWN, path_contains="/chart/NA?")
    live.run(finished=True)
    row = live.project.features()["NA"]
    assert (row["regular_volume"], row["quality"]) == (None, "no_lit,no_regular")
    assert live.project.states()["Yahoo"] == "published"
    entry = live.project.receipt(live.archive, "yahoo")["tickers"]["NA"]
    assert (entry["state"], entry["unknown_since"]) == ("outage", "2025-12-23T11:00:00Z")
    assert "since 2025-12-23, though it had bars in this window" in entry["reason"]

    live.vendors.faults.clear()
    live.vendors.requests.clear()
    live.run(finished=True)
    assert live.symbols_asked() == ["NA"]
    assert live.project.features()["NA"]["regular_volume"] == 10_000


def test_a_yahoo_that_knows_nobody_is_an_outage_and_heals(live):
    """Nobody ever asked for these tickers, and still they are not all gone at once."""
    live.publish()
    live.vendors.faults.add(kind="body", status=404, body=UNKNOWN, path_contains="/chart/")
    run = live.run(finished=False)
    assert [line for line in run.lines if "Yahoo is outage" in line and "no other ticker either" in line]
    heals(live, [], ["AAPL", "BRK-B", "NA"])


@pytest.mark.soak
def test_a_gate_that_leads_nowhere_is_an_outage_of_each_source_and_heals(live):
    live.publish()
    live.vendors.faults.add(kind="redirect", headers={"Location": "https://["}, host="finra.org")
    live.vendors.faults.add(kind="redirect", headers={"Location": "https://example.com:99999/"}, host="yahoo.com")
    live.run(finished=False)
    assert live.project.states() == {"FINRA": "outage", "Yahoo": "outage", "Polygon": "absent"}
    heals(live, [live.file_name(day) for day in live.window], ["AAPL", "BRK-B", "NA"])


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
    before = live.project.made("results")
    live.vendors.faults.add(kind="refuse")
    shutil.rmtree(live.project.root / "results")
    live.run(finished=True)
    assert live.project.made("results") == before


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
