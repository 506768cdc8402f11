"""A morning on live vendors, who are well: what is asked, what is kept, what is asked never again."""

import hashlib
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from darkpool.market import sessions
from standin import Vendors

DAY = "2025-12-22"
OWN_FILE = "CNMSshvol20251222.txt"


@pytest.fixture(scope="module")
def morning(live_in, tmp_path_factory):
    """One finished session of three tickers; read only."""
    folder = tmp_path_factory.mktemp("morning")
    with Vendors(folder / "vendors") as vendors:
        live = live_in(folder, vendors)
        live.publish()
        live.run(finished=True)
        yield live
        assert not vendors.unexpected, [request.path for request in vendors.unexpected]


@pytest.fixture
def later(morning, tmp_path):
    """A copy of the finished morning, beside the same vendors, who have been asked nothing yet."""
    root = tmp_path / "project"
    shutil.copytree(morning.project.root, root)
    morning.vendors.requests.clear()
    yield replace(morning, project=replace(morning.project, root=root))
    morning.vendors.faults.clear()


def test_the_numbers_are_those_a_person_can_work_out(morning):
    row = morning.project.features()["AAPL"]
    assert (row["trf_volume"], row["regular_volume"], row["offex_ratio"]) == (600, 1000, 0.6)
    assert (row["trf_ma20"], row["trf_spike"], row["trf_percentile"]) == (500, 1.2, 1)
    assert row["offex_ratio_z"] == pytest.approx((0.6 - 0.3) / (1.4826 * 0.1))
    assert row["accum_score"] == pytest.approx(0.5 * 0.6 + 0.5 * 1.2)
    assert (row["history_sessions"], row["quality"]) == (5, "no_lit")
    assert morning.project.features()["BRK.B"]["trf_volume"] == 60_000
    assert morning.project.table("finra_trf")["symbol"].to_list() == ["AAPL", "BRK/B", "NA", "NEW"]


def test_answers_lie_where_the_archive_keeps_them_and_nothing_else_does(morning):
    kept = {path.relative_to(morning.root).as_posix() for path in morning.root.rglob("*") if path.is_file()}
    assert {name for name in kept if not name.startswith("receipts/")} == {
        *(f"finra/regsho/{morning.file_name(day)}" for day in morning.window),
        f"yahoo/daily/{DAY}.parquet",
        f"yahoo/splits/{DAY}.parquet",
        f"universe/emps2/{DAY}.csv",
    }
    asked = morning.regsho_rows(6)
    assert (morning.root / f"finra/regsho/{OWN_FILE}").read_bytes() == morning.vendors.finra.publish(DAY, asked)
    daily = pl.read_parquet(morning.root / f"yahoo/daily/{DAY}.parquet")
    assert daily.columns == ["symbol", "date", "open", "high", "low", "close", "adj_close", "volume"]
    assert daily["symbol"].unique().sort().to_list() == ["AAPL", "BRK-B", "NA"]
    splits = pl.read_parquet(morning.root / f"yahoo/splits/{DAY}.parquet")
    assert splits.columns == ["symbol", "ex_date", "ratio"]


def test_a_receipt_says_what_came_from_where_and_when(morning):
    for source, entries in (("finra", "files"), ("yahoo", "tickers")):
        receipt = morning.project.receipt(morning.archive, source)
        assert (receipt["source"], receipt["session"], receipt["state"]) == (source, DAY, "published")
        for entry in receipt[entries].values():
            content = (morning.root / entry["file"]).read_bytes()
            assert entry["sha256"] == hashlib.sha256(content).hexdigest()
            assert (entry["state"], entry["status"], entry["rows"]) == ("published", 200, 4 if source == "finra" else 6)
            assert entry["retrieved_at"] == "2025-12-23T11:00:00Z"
            assert entry["address"].startswith("https://")
            assert "crumb" not in entry["address"]
    assert set(morning.project.receipt(morning.archive, "yahoo")["tickers"]) == {"AAPL", "NA", "BRK.B"}


def test_a_finished_session_is_asked_for_never_again(later):
    before = later.project.digests("results", "resources")
    run = later.run(finished=True)
    assert run.rules == {"write_manifest": 1}
    assert not later.vendors.requests
    assert later.project.digests("results", "resources") == before


def test_deleted_results_are_rebuilt_byte_for_byte_without_asking(later):
    before = later.project.made("results", "resources")
    shutil.rmtree(later.project.root / "results")
    shutil.rmtree(later.project.root / ".snakemake")
    # In processes of their own, too, as Snakemake starts them where their scripts are to be kept.
    later.run(later.project.target(), "--skip-script-cleanup", finished=True)
    kept = list((later.project.root / ".snakemake/scripts").glob("*.py"))
    assert {path.name.partition(".")[2] for path in kept} >= {"build_features.py", "publish_table.py"}
    assert not later.vendors.requests
    assert later.project.made("results", "resources") == before


def test_offline_gives_the_same_numbers_and_leaves_the_archive_alone(later):
    before = later.project.digests("resources")
    features = later.project.features()
    shutil.rmtree(later.project.root / "results")
    later.settings = {**later.settings, "offline": True}
    later.run(finished=True)
    assert not later.vendors.requests
    assert later.project.features() == features
    assert later.project.digests("resources") == before


def test_a_ticker_added_later_is_asked_for_alone(later):
    before = later.project.features()
    later.tickers = [*later.tickers, "NEW"]
    later.run(finished=True)
    assert later.symbols_asked() == ["NEW"]
    assert not later.files_asked()
    after = later.project.features()
    assert after.pop("NEW")["trf_volume"] == 3000
    assert after == before
    assert len(list(later.root.glob("yahoo/daily/*.parquet"))) == 2


def test_answers_without_receipts_are_used_as_they_are(later):
    """Somebody copied them in: nobody is asked, and when they were retrieved is unknown."""
    before = later.project.features()
    shutil.rmtree(later.root / "receipts")
    shutil.rmtree(later.project.root / "results")
    later.run(finished=True)
    assert not later.vendors.requests
    assert later.project.features() == before
    assert later.project.table("yf_volume")["settled"].null_count() == 18


def test_an_answer_damaged_in_the_archive_is_asked_for_again_alone(later):
    before = later.project.features()
    path = later.root / f"finra/regsho/{OWN_FILE}"
    path.write_bytes(path.read_bytes()[:-20])
    later.run(finished=True)
    assert later.files_asked() == [OWN_FILE]
    assert not later.symbols_asked()
    assert later.project.features() == before


def test_a_correction_put_beside_the_first_answer_counts_and_is_flagged(later):
    first = (later.root / f"finra/regsho/{OWN_FILE}").read_bytes()
    corrected = first.replace(b"AAPL|60|0|600|", b"AAPL|60|0|660|")
    assert corrected != first
    (later.root / "finra/regsho/CNMSshvol20251222@20251230T120000Z.txt").write_bytes(corrected)
    later.run(finished=True)
    rows = later.project.features()
    assert (rows["AAPL"]["trf_volume"], rows["AAPL"]["quality"]) == (660, "no_lit,revised")
    assert (rows["NA"]["trf_volume"], rows["NA"]["quality"]) == (6000, "no_lit")
    assert not later.vendors.requests


def test_a_scans_own_file_adds_tickers_and_is_remembered(live):
    live.publish()
    live.universe = ["08_phase2_alerts.csv", "missing.csv"]
    own = live.project.folder() / "08_phase2_alerts.csv"
    own.parent.mkdir(parents=True)
    own.write_text("symbol,price\nNEW,1.5\nAAPL,270\n")
    live.run(finished=True)
    before = live.project.digests(f"results/emps2/{DAY}")
    assert set(live.project.features()) == {"AAPL", "NA", "BRK.B", "NEW"}
    assert own.read_text() == "symbol,price\nNEW,1.5\nAAPL,270\n"
    assert "NEW,08_phase2_alerts.csv" in (live.root / f"universe/emps2/{DAY}.csv").read_text()

    live.vendors.requests.clear()
    shutil.rmtree(live.project.root / "results")
    live.run(finished=True)
    assert not live.vendors.requests
    before.pop(str(own.relative_to(live.project.root)))
    assert live.project.digests(f"results/emps2/{DAY}") == before


def test_two_scans_on_one_archive_ask_for_a_ticker_once(live):
    live.publish()
    config = live.config
    config["scans"]["emps3"] = {"archive": live.archive, "tickers": ["NEW", "AAPL"]}
    live.project.finish(live.project.target(), f"results/emps3/{DAY}/all", config=config, DARKPOOL_NOW=live.now)
    assert sorted(live.symbols_asked()) == ["AAPL", "BRK-B", "NA", "NEW"]
    assert sorted(live.files_asked()) == [live.file_name(day) for day in live.window]
    assert sorted(path.parent.name for path in live.root.glob("universe/*/*.csv")) == ["emps2", "emps3"]


@pytest.mark.soak
def test_the_last_session_by_the_real_clock_with_all_waits_as_configured(live):
    """Nothing is set to hurry it: the pauses and the clock are those of every morning."""
    live.project.env = live.vendors.env
    live.now, live.day = None, str(sessions.last_completed(datetime.now(UTC)))
    live.publish()
    live.run()
    assert live.project.features(live.day)["AAPL"]["trf_volume"] == 600
    asked_on = datetime.fromisoformat(
        live.project.receipt(live.archive, "yahoo", live.day)["tickers"]["AAPL"]["retrieved_at"]
    ).astimezone(sessions.NEW_YORK)
    unsettled = str(asked_on.date()) == live.day
    assert live.project.states(live.day)["Yahoo"] == ("unsettled" if unsettled else "published")
    assert (live.project.folder(live.day) / "all").exists() is not unsettled


def test_a_volume_asked_for_on_its_own_day_is_not_final_and_asked_for_again_the_next(live):
    live.publish()
    live.now = "2025-12-22T19:00:00-05:00"
    live.run(finished=False)
    assert live.project.states() == {"FINRA": "published", "Yahoo": "unsettled", "Polygon": "absent"}
    assert "unsettled" in live.project.features()["AAPL"]["quality"].split(",")

    live.vendors.requests.clear()
    live.now = "2025-12-23T06:00:00-05:00"
    live.vendors.yahoo.bars("AAPL", {DAY: (10.0, 11.0, 9.0, 10.5, 1_200)})
    live.run(finished=True)
    assert sorted(live.symbols_asked()) == ["AAPL", "BRK-B", "NA"]
    assert not live.files_asked()
    row = live.project.features()["AAPL"]
    assert (row["regular_volume"], row["offex_ratio"], row["quality"]) == (1200, 0.5, "no_lit,revised")
    assert json.loads((live.project.folder() / "all").read_text())["date"] == DAY


def test_a_mark_that_is_not_the_last_session_is_said_on_its_rows(live):
    live.publish()
    mark = live.project.folder() / "05_volatility_filtered.csv"
    mark.parent.mkdir(parents=True)
    mark.write_text("ticker\nAAPL\n")
    live.now = "2025-12-24T06:00:00-05:00"
    live.run("latest", finished=True)
    assert all("stale_mark" in row["quality"].split(",") for row in live.project.features().values())
