"""Finished sessions are asked for again: a correction lies beside what it corrects, a worse answer changes nothing."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from darkpool import clock
from darkpool.archive import layout, open_requests
from darkpool.archive.store import Archive
from darkpool.market import sessions
from darkpool.morning import lookback
from darkpool.session import universe
from darkpool.vendors.finra import daily_fetch, off_exchange, weekly_fetch
from darkpool.vendors.yahoo import bars_fetch, chart, consolidated, daily_files
from standin import Vendors, regsho_file, weekly_rows

DAYS = [date(2025, 12, 19), date(2025, 12, 22), date(2025, 12, 23)]
"""Friday, Monday, Tuesday: three finished sessions, each with a window of four."""
BACK = 3
OLDEST = sessions.window(DAYS[0], BACK)[0]
ALL = sessions.window(DAYS[-1], BACK + 2)
LATER = "2025-12-29T06:00:00-05:00"
STAMP = "20251229T110000Z"
TICKERS = ("AAPL", "NA")
ROWS = {"AAPL": (1, 0, 30, "B,Q,N"), "NA": (1, 0, 20, "N")}


@dataclass
class Scene:
    """Three finished sessions beside the vendors who told of them."""

    archive: Archive
    vendors: Vendors
    before: dict[str, bytes] = field(default_factory=dict)

    def kept(self) -> dict[str, bytes]:
        files = (path for path in self.archive.root.rglob("*") if path.is_file() and path.name != ".lock")
        return {self.archive.relative(path): path.read_bytes() for path in files}

    def recheck(self, following: date | None = None) -> list[date]:
        return lookback.recheck(
            Archive(self.archive.root), "emps2", DAYS, prefixes=["CNMS"], window=BACK, following=following
        )

    def added(self) -> set[str]:
        """What lies beside now; what lay there must be as it was, receipts aside."""
        after = self.kept()
        answers = {name: content for name, content in self.before.items() if not name.startswith("receipts/")}
        assert {name: after[name] for name in answers} == answers
        return after.keys() - self.before.keys()

    def receipts_changed(self) -> set[str]:
        after = self.kept()
        return {name.removeprefix("receipts/") for name in self.before if after[name] != self.before[name]}

    def traded(self, day: date, ticker: str = "AAPL") -> dict[date, tuple[float, bool]]:
        """Volume as traded and `revised`, by session of the window of `day`."""
        bars = consolidated.read(
            Archive(self.archive.root), day, {ticker: ticker}, sessions.window(day, BACK)
        ).bars.select("date", "regular_volume", "revised")
        return {row[0]: row[1:] for row in bars.iter_rows()}

    def asked(self, part: str) -> int:
        return sum(part in request.path for request in self.vendors.requests if request.method == "GET")


def bars(volume: float, days: list[date] = ALL) -> dict[date, tuple[float, ...]]:
    return dict.fromkeys(days, (10.0, 12.0, 9.0, 11.0, volume))


QUICK = {"DARKPOOL_BACKOFF": "0.001", "DARKPOOL_FINRA_PAUSE": "0", "DARKPOOL_YAHOO_PAUSE": "0"}


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> Iterator[tuple[Vendors, Path]]:
    """The vendors, and an archive of what they told of three mornings."""
    folder = tmp_path_factory.mktemp("told")
    with Vendors(folder / "vendors") as vendors, pytest.MonkeyPatch.context() as patch:
        for name, value in {**vendors.variables, **QUICK}.items():
            patch.setenv(name, value)
        archive = Archive(folder / "archive")
        publish(vendors)
        for day in DAYS:
            patch.setenv("DARKPOOL_NOW", f"{sessions.following(day)}T06:00:00-05:00")
            window = sessions.window(day, BACK)
            listed = universe.to_csv(universe.of_pairs((ticker, "config") for ticker in TICKERS))
            archive.keep(layout.universe("emps2", day), listed, clock.now())
            archive.write_receipt("finra", day, daily_fetch.fetch(Archive(archive.root), day, window, ["CNMS"]))
            told = bars_fetch.fetch(Archive(archive.root), {day: bars_fetch.Request(window, TICKERS)})
            archive.write_receipt("yahoo", day, told[day])
        yield vendors, archive.root


def publish(vendors: Vendors) -> None:
    for day in ALL:
        vendors.finra.publish(day, ROWS)
    for number, ticker in enumerate(TICKERS, start=1):
        vendors.yahoo.bars(ticker, bars(1000 * number))


@pytest.fixture
def scene(told, tmp_path, monkeypatch) -> Iterator[Scene]:
    vendors, root = told
    vendors.reset()
    publish(vendors)
    for name, value in {**vendors.variables, **QUICK, "DARKPOOL_NOW": LATER}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("darkpool.vendors.yahoo.client.RATE_LIMIT_PATIENCE", 0.01)
    shutil.copytree(root, tmp_path / "archive")
    found = Scene(Archive(tmp_path / "archive"), vendors)
    found.before = found.kept()
    yield found
    assert not vendors.unexpected


def test_answers_that_stand_change_no_byte_and_cost_a_question_each(scene) -> None:
    assert scene.recheck() == []
    assert scene.kept() == scene.before
    conditional = [request for request in scene.vendors.requests if "regsho" in request.path]
    assert len(conditional) == len(DAYS)
    assert all(request.headers["If-None-Match"] for request in conditional)
    assert scene.asked("/chart/") == len(TICKERS)


class TestTheSessionThatFollows:
    """Yahoo's answer to the look-back holds the window of the session to come: it is not asked twice a morning."""

    SESSION = date(2025, 12, 24)
    WINDOW = sessions.window(SESSION, BACK)

    def fetch(self, scene, *tickers: str) -> dict[str, Any]:
        wanted = {self.SESSION: bars_fetch.Request(self.WINDOW, tickers)}
        return bars_fetch.fetch(Archive(scene.archive.root), wanted)[self.SESSION]

    def alone(self, scene) -> dict[str, Any]:
        """What the session's own question brings, in an archive that has had no look-back."""
        shutil.copytree(scene.archive.root, scene.archive.root.with_name("alone"))
        other = Archive(scene.archive.root.with_name("alone"))
        return bars_fetch.fetch(other, {self.SESSION: bars_fetch.Request(self.WINDOW, TICKERS)})[self.SESSION]

    def test_it_finds_its_answers_and_asks_nothing_more(self, scene) -> None:
        for number, ticker in enumerate(TICKERS, start=1):
            scene.vendors.yahoo.bars(ticker, bars(1000 * number, [*ALL, self.SESSION]))
        expected = self.alone(scene)
        asked = scene.asked("/chart/")
        assert scene.recheck(self.SESSION) == []
        assert scene.asked("/chart/") == asked + len(TICKERS)
        assert self.fetch(scene, *TICKERS) == scene.archive.receipt("yahoo", self.SESSION)
        assert scene.asked("/chart/") == asked + len(TICKERS)
        found = self.fetch(scene, *TICKERS)
        for name in ("state", "session", "source"):
            assert found[name] == expected[name]
        aside = ("address", "retrieved_at")
        assert {t: {k: v for k, v in e.items() if k not in aside} for t, e in found["tickers"].items()} == {
            t: {k: v for k, v in e.items() if k not in aside} for t, e in expected["tickers"].items()
        }
        assert scene.traded(self.SESSION) == dict.fromkeys(self.WINDOW, (1000, False))

    def test_a_ticker_that_is_new_that_day_is_asked_for_alone(self, scene) -> None:
        days = [*ALL, self.SESSION]
        for ticker in (*TICKERS, "NEW"):
            scene.vendors.yahoo.bars(ticker, bars(1000, days))
        scene.recheck(self.SESSION)
        before = scene.asked("/chart/")
        receipt = self.fetch(scene, *TICKERS, "NEW")
        assert scene.asked("/chart/NEW") == scene.asked("/chart/") - before == 1
        assert receipt["state"] == "published"
        assert sorted(receipt["tickers"]) == ["AAPL", "NA", "NEW"]

    def test_an_answer_without_a_bar_of_it_is_none_of_its_answers(self, scene) -> None:
        scene.recheck(self.SESSION)
        assert scene.kept() == scene.before

    def test_what_the_archive_holds_of_it_is_left_alone(self, scene) -> None:
        for ticker in TICKERS:
            scene.vendors.yahoo.bars(ticker, bars(1000, [*ALL, self.SESSION]))
        self.fetch(scene, "NA")
        scene.before = scene.kept()
        scene.recheck(self.SESSION)
        assert not scene.added() & {layout.yahoo_daily(self.SESSION)}
        assert scene.archive.receipt("yahoo", self.SESSION) is None

    def test_its_own_new_york_day_is_too_early(self, scene, monkeypatch) -> None:
        for ticker in TICKERS:
            scene.vendors.yahoo.bars(ticker, bars(1000, [*ALL, self.SESSION]))
        monkeypatch.setenv("DARKPOOL_NOW", f"{self.SESSION}T18:00:00-05:00")
        scene.recheck(self.SESSION)
        assert scene.archive.receipt("yahoo", self.SESSION) is None


class TestFinra:
    def correct(self, scene, day: date = DAYS[1]) -> bytes:
        return scene.vendors.finra.publish(day, {**ROWS, "AAPL": (1, 0, 33, "B,Q,N")})

    def test_a_correction_lies_beside_and_is_flagged(self, scene) -> None:
        content = self.correct(scene)
        assert scene.recheck() == DAYS[1:]
        assert scene.added() == {f"finra/regsho/CNMSshvol20251222@{STAMP}.txt"}
        assert scene.kept()[f"finra/regsho/CNMSshvol20251222@{STAMP}.txt"] == content
        frame = off_exchange.read_session(Archive(scene.archive.root), DAYS[1], ["CNMS"]).frame
        assert frame is not None
        assert frame.select("symbol", "trf_volume", "revised").rows() == [("AAPL", 33.0, True), ("NA", 20.0, False)]

    def test_receipts_of_the_sessions_whose_window_holds_it_change_and_leave_nothing_due(self, scene) -> None:
        self.correct(scene)
        scene.recheck()
        assert scene.receipts_changed() == {"finra/2025-12-22.json", "finra/2025-12-23.json"}
        for day in DAYS:
            names = [layout.regsho_name("CNMS", one) for one in sessions.window(day, BACK)]
            assert open_requests.finra(Archive(scene.archive.root), day, names) == []
        entry = (scene.archive.receipt("finra", DAYS[1]) or {})["files"]["CNMSshvol20251222.txt"]
        assert (entry["state"], entry["retrieved_at"]) == ("published", "2025-12-29T11:00:00Z")

    def test_the_next_morning_it_is_not_told_again(self, scene) -> None:
        self.correct(scene)
        scene.recheck()
        after = scene.kept()
        assert scene.recheck() == []
        assert scene.kept() == after

    def test_without_a_tag_the_content_decides(self, scene) -> None:
        for day in DAYS:
            receipt = scene.archive.receipt("finra", day)
            for entry in receipt["files"].values():
                entry["etag"] = None
            scene.archive.write_receipt("finra", day, receipt)
        scene.before = scene.kept()
        assert scene.recheck() == []
        assert scene.kept() == scene.before
        self.correct(scene)
        assert scene.recheck() == DAYS[1:]

    def test_the_same_numbers_in_other_bytes_are_no_correction(self, scene) -> None:
        content = regsho_file(DAYS[1], ROWS).replace(b"\r\n", b"\n")
        scene.vendors.finra.publish(DAYS[1], content)
        assert scene.recheck() == []
        assert scene.kept() == scene.before

    @pytest.mark.parametrize(
        "worse",
        [
            {"kind": "status", "status": 403},
            {"kind": "status", "status": 500},
            {"kind": "status", "status": 429, "retry_after": 0},
            {"kind": "status", "status": 404},
            {"kind": "empty"},
            {"kind": "html"},
            {"kind": "cut"},
            {"kind": "drop"},
            {"kind": "refuse"},
            {"kind": "tls"},
            {"kind": "body", "body": regsho_file(DAYS[1], ROWS)[:-6]},
            {"kind": "body", "body": regsho_file(DAYS[1], {})},
            {"kind": "body", "body": regsho_file(date(2024, 12, 23), ROWS)},
        ],
        ids=lambda fault: "-".join(str(value)[:12] for value in fault.values()),
    )
    def test_a_worse_answer_changes_nothing_and_is_told(self, worse, scene, capfd) -> None:
        self.correct(scene)
        scene.vendors.faults.add(host="cdn.finra.org", **worse)
        assert scene.recheck() == []
        assert {name for name in scene.added() if not name.startswith("rejected/")} == set()
        assert scene.receipts_changed() == set()
        assert "what is there stands" in capfd.readouterr().err

    def test_a_row_withdrawn_is_a_correction(self, scene) -> None:
        scene.vendors.finra.publish(DAYS[1], {name: row for name, row in ROWS.items() if name != "AAPL"})
        assert scene.recheck() == DAYS[1:]
        found = off_exchange.read_session(Archive(scene.archive.root), DAYS[1], ["CNMS"])
        assert found.frame is not None
        assert found.frame["symbol"].to_list() == ["NA"]
        assert found.withdrawn == {"AAPL"}

    def test_a_row_that_has_become_odd_is_a_correction(self, scene) -> None:
        scene.vendors.finra.publish(DAYS[1], regsho_file(DAYS[1], ROWS | {"AAPL": (9, 0, 3, "Q")}))
        assert scene.recheck() == DAYS[1:]
        found = off_exchange.read_session(Archive(scene.archive.root), DAYS[1], ["CNMS"])
        assert [row.symbol for _, row in found.odd] == ["AAPL"]
        assert found.withdrawn == {"AAPL"}

    def test_a_file_withdrawn_stays(self, scene) -> None:
        scene.vendors.finra.withdraw(DAYS[1])
        assert scene.recheck() == []
        assert scene.kept() == scene.before

    def test_a_file_damaged_on_disk_is_whole_again_and_nothing_else_changes(self, scene) -> None:
        path = scene.archive.path(layout.regsho("CNMS", DAYS[0]))
        whole = path.read_bytes()
        path.write_bytes(whole[:40])
        assert scene.recheck() == []
        assert path.read_bytes() == whole
        (aside,) = scene.archive.path("rejected/finra/regsho").glob("*.txt")
        assert aside.read_bytes() == whole[:40]
        assert off_exchange.read_session(Archive(scene.archive.root), DAYS[0], ["CNMS"])[0] is not None

    def test_a_vendor_that_is_down_is_not_asked_for_every_day(self, scene) -> None:
        fault = scene.vendors.faults.add(kind="status", status=503, host="cdn.finra.org")
        scene.recheck()
        assert fault.hits == daily_fetch.GIVE_UP_AFTER * lookback.ATTEMPTS


class TestYahoo:
    def test_a_correction_lies_beside_in_every_window_that_holds_it(self, scene) -> None:
        scene.vendors.yahoo.bars("AAPL", bars(1100, [DAYS[1]]))
        assert scene.recheck() == DAYS[1:]
        assert scene.added() == {f"yahoo/daily/{day}@{STAMP}.parquet" for day in DAYS[1:]}
        assert scene.receipts_changed() == {"yahoo/2025-12-22.json", "yahoo/2025-12-23.json"}
        for day in DAYS[1:]:
            assert scene.traded(day)[DAYS[1]] == (1100.0, True)
            assert scene.traded(day)[DAYS[0]] == (1000.0, False)
            assert open_requests.yahoo(Archive(scene.archive.root), day, TICKERS) == []
        assert scene.traded(DAYS[2], "NA")[DAYS[1]] == (2000.0, False)

    def test_only_the_ticker_that_changed_is_kept_again(self, scene) -> None:
        scene.vendors.yahoo.bars("AAPL", bars(1100, [DAYS[2]]))
        scene.recheck()
        frame = pl.read_parquet(scene.archive.path(f"yahoo/daily/2025-12-23@{STAMP}.parquet"))
        assert frame["symbol"].unique().to_list() == ["AAPL"]
        entries = (scene.archive.receipt("yahoo", DAYS[2]) or {})["tickers"]
        assert entries["AAPL"]["file"] == f"yahoo/daily/2025-12-23@{STAMP}.parquet"
        assert entries["NA"]["file"] == "yahoo/daily/2025-12-23.parquet"

    def test_the_next_morning_it_is_not_told_again(self, scene) -> None:
        scene.vendors.yahoo.bars("AAPL", bars(1100, [DAYS[1]]))
        scene.recheck()
        after = scene.kept()
        assert scene.recheck() == []
        assert scene.kept() == after

    @pytest.mark.parametrize("ratio", [2, 0.1, 1.5])
    def test_a_split_since_changes_every_number_of_yahoos_and_nothing_here(self, ratio: float, scene) -> None:
        for number, ticker in enumerate(TICKERS, start=1):
            scene.vendors.yahoo.bars(ticker, bars(round(1000 * number * ratio)))
            scene.vendors.yahoo.split(ticker, "2025-12-26", ratio)
        assert scene.recheck() == []
        assert scene.kept() == scene.before

    def test_an_adjusted_volume_that_was_rounded_is_no_correction(self, scene) -> None:
        """1001 shares as 100.1, which Yahoo gives as 100: ten shares of doubt, not a correction."""
        scene.vendors.yahoo.bars("AAPL", bars(1001))
        assert scene.recheck() == DAYS
        scene.before = scene.kept()
        scene.vendors.yahoo.bars("AAPL", bars(100))
        scene.vendors.yahoo.split("AAPL", "2025-12-26", 0.1)
        assert scene.recheck() == []
        assert scene.kept() == scene.before

    def test_a_correction_after_a_split_is_still_seen(self, scene) -> None:
        scene.vendors.yahoo.bars("AAPL", {**bars(2000), **bars(2500, [DAYS[2]])})
        scene.vendors.yahoo.split("AAPL", "2025-12-26", 2)
        assert scene.recheck() == [DAYS[2]]
        assert scene.traded(DAYS[2]) == {
            **dict.fromkeys(sessions.window(DAYS[2], BACK), (1000.0, False)),
            DAYS[2]: (1250.0, True),
        }

    def test_a_split_named_before_the_volumes_are_adjusted_is_not_believed(self, scene, capfd) -> None:
        """Yahoo names a 2:1 split this morning and adjusts its volumes this afternoon."""
        scene.vendors.yahoo.split("AAPL", "2025-12-29", 2)
        assert scene.recheck() == []
        assert scene.kept() == scene.before
        assert "no split explains" in capfd.readouterr().err

    def test_volumes_adjusted_before_the_split_is_named_are_not_believed(self, scene) -> None:
        scene.vendors.yahoo.bars("AAPL", bars(2000))
        assert scene.recheck() == []
        assert scene.kept() == scene.before

    def test_volumes_adjusted_after_the_split_was_named_are_taken(self, scene) -> None:
        """What is there says nothing of what was traded: the split was known, and not yet in the volumes."""
        for day in DAYS:
            answer = chart.DailyAnswer(
                "published",
                bars=pl.read_parquet(scene.archive.path(layout.yahoo_daily(day))).filter(pl.col("symbol") == "AAPL"),
                splits=pl.DataFrame(
                    {"symbol": ["AAPL"], "ex_date": [date(2025, 12, 26)], "ratio": [2.0]},
                    schema=chart.SPLITS,
                ),
                retrieved_at=sessions.closes(DAYS[-1]),
            )
            daily_files.write(scene.archive, day, [answer], repeat=True)
        assert scene.traded(DAYS[1])[DAYS[1]] == (None, True)
        scene.vendors.yahoo.bars("AAPL", bars(2000))
        scene.vendors.yahoo.split("AAPL", "2025-12-26", 2)
        assert scene.recheck() == DAYS
        assert scene.traded(DAYS[1])[DAYS[1]][0] == 1000.0

    def test_a_second_ratio_of_one_day_leaves_what_is_known(self, scene, capfd) -> None:
        """The stand-in's events are one a moment: the same day twice."""
        scene.vendors.yahoo.split("AAPL", "2025-12-26", 2)
        scene.vendors.yahoo.bars("AAPL", bars(2000))
        events = scene.vendors.yahoo._splits["AAPL"]
        events[next(iter(events)) + 60] = Fraction(3)
        assert scene.recheck() == []
        assert scene.kept() == scene.before
        assert "the split on 2025-12-26: ratios of 2 and 3 on one day; what is there stands" in capfd.readouterr().err

    def test_a_doubt_that_is_gone_is_news_once(self, scene) -> None:
        """Two ratios on one day when the session was made; one of them, and the volumes adjusted for it, since."""
        splits = pl.DataFrame(
            {"symbol": ["AAPL"] * 2, "ex_date": [date(2025, 12, 26)] * 2, "ratio": [2.0, 3.0]},
            schema=chart.SPLITS,
        )
        for day in DAYS:
            kept = pl.read_parquet(scene.archive.path(layout.yahoo_daily(day))).filter(pl.col("symbol") == "AAPL")
            told = chart.DailyAnswer("published", bars=kept, splits=splits, retrieved_at=sessions.closes(DAYS[-1]))
            daily_files.write(scene.archive, day, [told], repeat=True)
        assert scene.traded(DAYS[1])[DAYS[1]][0] is None
        scene.vendors.yahoo.bars("AAPL", bars(3000))
        scene.vendors.yahoo.split("AAPL", "2025-12-26", 3)
        assert scene.recheck() == DAYS
        assert scene.traded(DAYS[1])[DAYS[1]][0] == 1000.0
        assert scene.recheck() == []

    def test_a_split_of_the_window_learnt_late_is_kept_though_no_volume_changes(self, scene) -> None:
        """The basis of the trailing mean hangs on it."""
        scene.vendors.yahoo.bars("AAPL", bars(2000, [day for day in ALL if day < DAYS[1]]))
        scene.vendors.yahoo.split("AAPL", DAYS[1], 2)
        assert scene.recheck() == DAYS[1:]
        assert set(scene.traded(DAYS[2]).values()) == {(1000.0, False)}

    def test_a_volume_that_is_gone_or_zero_is_no_correction(self, scene) -> None:
        scene.vendors.yahoo.bars("AAPL", {DAYS[1]: None})
        scene.vendors.yahoo.bars("NA", bars(0, [DAYS[1]]))
        assert scene.recheck() == []
        assert scene.kept() == scene.before

    def test_a_volume_that_was_missing_is_taken(self, scene) -> None:
        path = scene.archive.path(layout.yahoo_daily(DAYS[2]))
        path.write_bytes(b"PAR1 and no end")
        scene.before = scene.kept()
        assert scene.recheck() == [DAYS[2]]
        assert scene.traded(DAYS[2])[DAYS[2]] == (1000.0, False)

    @pytest.mark.parametrize(
        "worse",
        [
            {"kind": "status", "status": 403},
            {"kind": "status", "status": 404},
            {"kind": "status", "status": 429},
            {"kind": "status", "status": 503},
            {"kind": "empty"},
            {"kind": "html"},
            {"kind": "cut"},
            {"kind": "drop"},
        ],
        ids=lambda fault: "-".join(map(str, fault.values())),
    )
    def test_a_worse_answer_changes_nothing_and_is_told(self, worse, scene, capfd) -> None:
        scene.vendors.faults.add(path_contains="/chart/", **worse)
        assert scene.recheck() == []
        assert scene.kept() == scene.before
        assert "Yahoo, no answer for 2 of 2 tickers" in capfd.readouterr().err

    def test_an_evening_volume_is_left_to_the_run_that_waits_for_it(self, scene, monkeypatch) -> None:
        monkeypatch.setenv("DARKPOOL_NOW", "2025-12-23T19:00:00-05:00")
        scene.vendors.yahoo.bars("AAPL", bars(1100, [DAYS[2]]))
        assert scene.recheck() == []
        assert scene.kept() == scene.before


def test_the_demo_asks_nobody(scene) -> None:
    assert lookback.recheck(scene.archive, "demo", DAYS, prefixes=["CNMS"], window=BACK) == []
    assert lookback.recheck(scene.archive, "emps2", [], prefixes=["CNMS"], window=BACK) == []
    assert not scene.vendors.requests


class TestWeeks:
    T1_WEEK = date(2025, 12, 1)

    @pytest.fixture
    def weekly(self, scene, monkeypatch, tmp_path) -> Callable[[], list[date]]:
        monkeypatch.chdir(tmp_path)
        for name in ("FINRA_API_KEY", "FINRA_API_SECRET"):
            monkeypatch.delenv(name, raising=False)
        for monday, tier in {week for day in DAYS for week in open_requests.weeks(day, 1)}:
            symbol = {"T1": "AAPL", "T2": "NA", "OTC": "NSRGY"}[tier]
            scene.vendors.finra_api.publish(weekly_rows(monday, {"OTC": "OTCE"}.get(tier, tier), {symbol: (100, 200)}))
        for day in DAYS:
            monkeypatch.setenv("DARKPOOL_NOW", f"{sessions.following(day)}T06:00:00-05:00")
            receipt = weekly_fetch.fetch(Archive(scene.archive.root), day, TICKERS, 1)
            scene.archive.write_receipt("finra_weekly", day, receipt)
        monkeypatch.setenv("DARKPOOL_NOW", LATER)
        scene.vendors.requests.clear()
        scene.before = scene.kept()
        return lambda: lookback.recheck_weeks(Archive(scene.archive.root), DAYS)

    def test_weeks_that_stand_change_no_byte_and_are_asked_for_once(self, weekly, scene) -> None:
        assert weekly() == []
        assert scene.kept() == scene.before
        assert len(scene.vendors.requests) == len({week for day in DAYS for week in open_requests.weeks(day, 1)})

    def test_a_restated_week_lies_beside_and_names_the_sessions_that_see_it(self, weekly, scene) -> None:
        sees = [day for day in DAYS if (self.T1_WEEK, "T1") in open_requests.weeks(day, 1)]
        assert sees == DAYS[1:]
        scene.vendors.finra_api.restate(self.T1_WEEK, "AAPL", "OTC_W_SMBL", 250, updated="2025-12-26")
        assert weekly() == sees
        assert scene.added() == {f"finra/otc_weekly/2025-12-01@{STAMP}.json"}
        assert scene.receipts_changed() == {f"finra_weekly/{day}.json" for day in sees}
        scene.before = scene.kept()
        assert weekly() == []
        assert scene.kept() == scene.before

    @pytest.mark.parametrize("status", [403, 429, 504])
    def test_a_refusal_changes_nothing(self, status: int, weekly, scene, capfd) -> None:
        scene.vendors.faults.add(kind="status", status=status, retry_after=0, host="api.finra.org")
        assert weekly() == []
        assert scene.kept() == scene.before
        assert "asked again" in capfd.readouterr().err

    def test_weeks_withdrawn_stay(self, weekly, scene) -> None:
        scene.vendors.finra_api.withdraw(self.T1_WEEK, "T1")
        assert weekly() == []
        assert scene.kept() == scene.before


def test_one_factor_for_all_is_another_basis_and_single_changes_are_not() -> None:
    def pairs(*rows: tuple[Any, ...]) -> pl.DataFrame:
        names = ["regular_volume", "split_factor", "older_volume", "older_factor", "differs"]
        return pl.DataFrame(list(rows), schema=names, orient="row")

    same, doubled = (1000.0, 1.0, 1000.0, 1.0, False), (2000.0, 1.0, 1000.0, 1.0, True)
    assert lookback.is_another_basis(pairs(doubled, doubled, doubled, same))
    assert not lookback.is_another_basis(pairs(same, doubled, doubled, doubled))
    assert not lookback.is_another_basis(pairs(doubled, doubled, same, same))
    assert not lookback.is_another_basis(pairs(doubled, doubled, (2100.0, 1.0, 1000.0, 1.0, True), same))
    assert not lookback.is_another_basis(pairs(*[(1000.0, 2.0, 500.0, 2.0, True)] * 4))
