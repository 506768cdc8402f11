"""What the rules of a session wait for, by the request and by what lies in the archive."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from darkpool.market import sessions
from darkpool.plan import inputs
from darkpool.plan.request import Request
from darkpool.session import tick_flows
from darkpool.settings import Settings

DAY = "2025-12-22"
NOW = datetime(2025, 12, 23, 11, tzinfo=UTC)
CONFIG = {
    "scans": {
        "emps2": {"archive": "resources/archive/", "tickers": ["TQQQ", "SPXW"]},
        "emps3": {"archive": "resources/archive", "tickers": ["SPY"]},
    },
    "backfill_count": 3,
    "marked": "calendar",
    "history": {"window": 2},
}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def of(*named, config=CONFIG, mode="daily", marked=None):
    """Inputs of a request, with what is made again and what is handed on as lists."""
    found = inputs.Inputs(
        Settings.of(config), Request(mode, "1", NOW, named, marked=marked), lambda _: None, lambda _: None
    )
    found.again, found.handed = [], []
    found.make_again, found.hand_on = found.again.extend, found.handed.append
    return found


def test_a_vendor_is_asked_once_for_every_scan_and_session_of_the_request_and_for_no_other():
    both = of(("emps2", DAY), ("emps3", DAY)).wanted("resources/archive", DAY)
    assert list(both) == ["2025-12-18", "2025-12-19", DAY]
    assert both[DAY]["window"] == [date(2025, 12, 18), date(2025, 12, 19), date(2025, 12, 22)]
    assert both[DAY]["followed"]["emps3"] == [["SPY", "config"]]
    assert set(of(("emps3", DAY)).wanted("resources/archive", DAY)[DAY]["followed"]) == {"emps3"}
    assert of(("demo", DAY)).wanted("resources/archive", DAY) == {}


def test_a_day_without_a_session_is_refused_with_the_session_before():
    with pytest.raises(sessions.NotASession, match="previous session is 2025-12-19"):
        of().window("2025-12-20")


@pytest.mark.parametrize(("tickers", "parts"), [(1, 1), (50, 1), (51, 2), (101, 3), (400, 8), (1000, 8)])
def test_parts_of_the_lit_lane_hang_on_the_universe_alone(tickers, parts):
    scans = {"emps2": {"archive": "a", "tickers": [f"T{number}" for number in range(tickers)]}}
    found = of(config={**CONFIG, "scans": scans}).parts("lit_flow")("emps2", DAY)
    assert found == [f"results/emps2/{DAY}/.parts/{n}-of-{parts}.lit_flow.parquet" for n in range(1, parts + 1)]


@pytest.mark.parametrize(
    ("tickers", "parts", "made"), [(45, 6, 6), (45, 1, 1), (3, 6, 3), (400, 20, 20), (51, None, 2)]
)
def test_parts_are_as_many_as_the_configuration_says_and_none_is_empty(tickers, parts, made):
    scans = {"emps2": {"archive": "a", "tickers": [f"T{number}" for number in range(tickers)]}}
    one = of(config={**CONFIG, "scans": scans, "lit": {"parts": parts}})
    named = [Path(path).name.partition(".")[0] for path in one.parts("lit_flow")("emps2", DAY)]
    assert named == [f"{number}-of-{made}" for number in range(1, made + 1)]
    shared = [tick_flows.part(one.tickers("emps2", DAY), name) for name in named]
    assert all(shared)
    assert sorted(ticker for part in shared for ticker in part) == sorted(one.tickers("emps2", DAY))


def test_receipts_that_leave_something_to_ask_for_are_made_again():
    one = of(("emps2", DAY))
    assert one.answers("emps2", DAY) == [f"resources/archive/receipts/{name}/{DAY}.json" for name in ("finra", "yahoo")]
    assert set(one.again) == set(one.answers("emps2", DAY))
    demo = of(("demo", DAY))
    assert demo.ticks("demo", DAY) == [f"resources/demo/receipts/polygon/{DAY}.json"]
    assert demo.again == []


def test_offline_waits_for_the_archive_s_own_files_and_makes_nothing_again():
    one = of(("emps2", DAY), config={**CONFIG, "offline": True})
    Path("resources/archive/finra/regsho").mkdir(parents=True)
    Path("resources/archive/finra/regsho/CNMSshvol20251222.txt").write_text("")
    assert one.answers("emps2", DAY) == ["resources/archive/finra/regsho/CNMSshvol20251222.txt"]
    assert (one.ticks("emps2", DAY), one.weeks("emps2", DAY), one.again) == ([], {"weekly": []}, [])


def test_the_manifest_waits_for_every_figure_of_a_session_that_is_named():
    one = of(("emps2", DAY))
    assert one.to_publish("emps2", DAY) == one.published("emps2", DAY)
    assert one.again == [f"results/emps2/{DAY}/all"]
    assert one.handed == []


def test_a_session_that_nobody_named_joins_the_request_and_its_figures_have_one_receipt():
    one = of()
    pages = [f"results/emps2/{DAY}/{name}" for name in ("table.html", "table.png", "table.csv")]
    pages += [f"results/emps2/{DAY}/market.{kind}" for kind in ("html", "csv")]
    receipt = f"results/emps2/{DAY}/.figures"
    assert one.to_publish("emps2", DAY) == [*pages, receipt]
    assert [request.sessions for request in one.handed] == [(("emps2", DAY),)]
    assert one.again == [f"results/emps2/{DAY}/all", receipt]
    for figure in one.published("emps2", DAY):
        Path(figure).parent.mkdir(parents=True, exist_ok=True)
        Path(figure).touch()
    one.again.clear()
    assert one.to_publish("emps2", DAY)[-1] == receipt
    assert one.again == [f"results/emps2/{DAY}/all"]
    assert len(one.handed) == 1


def test_only_the_session_reached_as_the_last_marked_one_can_be_a_stale_mark():
    before = "2025-12-19"
    assert of(("emps2", before), marked=("emps2", before)).flags("emps2", before) == ["stale_mark"]
    assert of(("emps2", before)).flags("emps2", before) == []
    assert of(("emps2", DAY), marked=("emps2", DAY)).flags("emps2", DAY) == []


def test_what_is_kept_out_of_finra_s_tables_is_no_weekly_ticker():
    assert of().weekly_tickers("emps2", DAY) == ["TQQQ"]
    assert of().tickers("emps2", DAY) == ["TQQQ", "SPXW"]


def test_the_configured_tickers_have_their_plots_and_the_files_as_many_as_are_left(tmp_path, monkeypatch):
    folder = Path("results/emps2") / DAY
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("ticker\nZZ\nAA\nSPY\nMM\n")
    scans = {"emps2": {"archive": "resources/archive", "tickers": ["SPY", "QQQ"], "universe": ["a.csv"]}}
    for most, drawn in ((0, ["SPY", "QQQ"]), (3, ["SPY", "QQQ", "ZZ"]), (100, ["SPY", "QQQ", "ZZ", "AA", "MM"])):
        one = of(("emps2", DAY), config={**CONFIG, "scans": scans, "plots": {"most": most}})
        assert one.drawn("emps2", DAY) == drawn
        assert [ticker for ticker, *_ in one.plots("emps2", DAY)] == drawn
        assert one.tickers("emps2", DAY) == ["SPY", "QQQ", "ZZ", "AA", "MM"]
