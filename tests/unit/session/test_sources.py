"""Every state of a source has a name, and the manifest waits for those that are not final."""

from datetime import date
from typing import Any

import pytest

from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.files import write_atomic
from darkpool.session import sources
from darkpool.states import FINAL_STATES, STATES
from darkpool.vendors.finra.regsho import RegshoError

DAY = date(2025, 12, 22)
NAME = layout.regsho_name("CNMS", DAY)
MOMENT = "2025-12-23T11:00:00Z"


@pytest.fixture
def archive(tmp_path) -> Archive:
    return Archive(tmp_path)


def entry(state: str, reason: str | None = None, retrieved_at: str | None = MOMENT) -> dict[str, Any]:
    return {"state": state, "reason": reason, "file": None, "sha256": None, "retrieved_at": retrieved_at}


def test_a_key_that_was_refused_was_polygons(archive) -> None:
    archive.write_receipt("polygon", DAY, {"state": "blocked", "reason": "HTTP 401", "tickers": {}})
    assert "asked" not in sources.lit(archive, DAY, {"none": 2}, False)


@pytest.mark.parametrize(
    ("receipt", "by_source", "asked"),
    [
        (
            {"minute_bars": {"file": "yahoo/minute_bars/2025-12-22/A.parquet"}},
            {"consolidated_bars": 1},
            "yahoo_minute_bars",
        ),
        ({"minute_bars": {"reason": "no key: Yahoo keeps"}, "trades": None}, {"none": 2}, "yahoo_minute_bars"),
        ({"minute_bars": {"file": "polygon/minute_bars/2025-12-22/A.parquet"}}, {"consolidated_bars": 1}, None),
        ({"minute_bars": {"address": "https://vendor/v2/aggs/ticker/A/range/1/minute"}}, {"none": 1}, None),
        ({"trades": {"state": "blocked"}, "minute_bars": {"reason": "x"}}, {"none": 1}, None),
        ({}, {"none": 1}, "lit"),
        (None, {"trades_quotes": 1, "consolidated_bars": 1}, None),
        (None, {"consolidated_bars": 1}, "yahoo_minute_bars"),
        (None, {"none": 2}, "lit"),
    ],
)
def test_the_lit_side_names_who_was_asked(archive, receipt, by_source, asked) -> None:
    if receipt is not None:
        kinds = {kind: found and {**entry("absent"), **found} for kind, found in receipt.items()}
        archive.write_receipt("polygon", DAY, {"state": "absent", "reason": None, "tickers": {"A": kinds}})
    source = sources.lit(archive, DAY, by_source, False)
    assert source["source"] == "Polygon"
    assert source.get("asked") == asked


class TestFinra:
    def told(self, archive: Archive, offline: bool = False, damage=None, prefixes=("CNMS",)) -> tuple:
        source = sources.finra(archive, DAY, prefixes, offline, damage)
        assert source["source"] == "FINRA"
        return source["state"], source["reason"], source["retrieved_at"]

    def keep(self, archive: Archive, prefix: str = "CNMS") -> None:
        write_atomic(archive.path(layout.regsho(prefix, DAY)), b"x")

    def test_a_file_with_its_receipt_is_published_at_its_moment(self, archive) -> None:
        self.keep(archive)
        archive.write_receipt("finra", DAY, {"files": {NAME: entry("published")}})
        assert self.told(archive) == ("published", None, MOMENT)

    def test_a_file_copied_in_is_published_at_an_unknown_moment(self, archive) -> None:
        self.keep(archive)
        assert self.told(archive) == ("published", None, None)

    @pytest.mark.parametrize("state", sorted(STATES - {"published"}))
    def test_the_receipt_says_why_there_is_none(self, state: str, archive) -> None:
        archive.write_receipt("finra", DAY, {"files": {NAME: entry(state, "because")}})
        assert self.told(archive) == (state, "because", MOMENT)

    @pytest.mark.parametrize("state", ["truncated", "damaged"])
    def test_a_file_that_cannot_be_used_says_how(self, state: str, archive) -> None:
        self.keep(archive)
        assert self.told(archive, damage=RegshoError("line 7", state))[:2] == (state, "line 7")

    def test_offline_what_is_not_there_is_absent(self, archive) -> None:
        state, reason, _ = self.told(archive, offline=True)
        assert state == "absent"
        assert NAME in reason

    def test_one_missing_part_decides_for_the_sum(self, archive) -> None:
        self.keep(archive, "FNSQ")
        entries = {
            layout.regsho_name("FNSQ", DAY): entry("published"),
            layout.regsho_name("FNYX", DAY): entry("not_yet", "later"),
        }
        archive.write_receipt("finra", DAY, {"files": entries})
        assert self.told(archive, prefixes=("FNSQ", "FNYX"))[:2] == ("not_yet", "later")


class TestYahoo:
    def told(self, archive: Archive, answered: dict[str, bool | None], offline=False, faults=()) -> dict[str, Any]:
        return sources.yahoo(archive, DAY, ["AAPL", "NA"], answered, offline, faults)

    def receipt(self, archive: Archive, **states: str) -> None:
        archive.write_receipt("yahoo", DAY, {"tickers": {t: entry(s, f"{s} it is") for t, s in states.items()}})

    def test_one_ticker_without_volume_is_said_and_does_not_hold_up_the_day(self, archive) -> None:
        self.receipt(archive, AAPL="published", NA="outage")
        told = self.told(archive, {"AAPL": True})
        assert (told["state"], told["reason"], told["retrieved_at"]) == ("published", None, MOMENT)
        assert told["detail"] == "1 of 2 tickers; without volume: NA"

    def test_a_volume_that_still_changes_does(self, archive) -> None:
        self.receipt(archive, AAPL="published", NA="published")
        told = self.told(archive, {"AAPL": True, "NA": False})
        assert told["state"] == "unsettled"
        assert "run again" in told["reason"]

    def test_an_unknown_moment_is_no_reason_to_wait(self, archive) -> None:
        self.receipt(archive, AAPL="published", NA="published")
        assert self.told(archive, {"AAPL": None, "NA": None})["state"] == "published"

    @pytest.mark.parametrize("state", ["not_yet", "outage", "truncated", "unsettled", "blocked", "absent"])
    def test_a_day_on_which_no_ticker_was_answered_has_their_state(self, state: str, archive) -> None:
        self.receipt(archive, AAPL=state, NA=state)
        told = self.told(archive, {})
        assert told["state"] == state
        assert told["reason"] == f"AAPL: {state} it is; NA: {state} it is"

    def test_a_block_holds_up_the_day(self, archive) -> None:
        self.receipt(archive, AAPL="published", NA="blocked")
        assert self.told(archive, {"AAPL": True})["state"] == "blocked"

    def test_answers_that_cannot_be_read_are_truncated(self, archive) -> None:
        told = self.told(archive, {}, faults=["splits are missing"])
        assert (told["state"], told["reason"]) == ("truncated", "splits are missing")

    @pytest.mark.parametrize(("answered", "state"), [({"AAPL": None}, "published"), ({}, "absent")])
    def test_offline_the_archive_alone_decides(self, answered: dict, state: str, archive) -> None:
        self.receipt(archive, AAPL="outage", NA="outage")
        assert self.told(archive, answered, offline=True)["state"] == state

    def test_other_scans_tickers_say_nothing(self, archive) -> None:
        self.receipt(archive, AAPL="published", OTHER="blocked")
        assert self.told(archive, {"AAPL": True})["state"] == "published"


@pytest.mark.parametrize("state", sorted(STATES))
@pytest.mark.parametrize("name", ["FINRA", "Yahoo"])
def test_the_manifest_waits_for_final_answers_naming_source_and_state(name: str, state: str) -> None:
    other = {"source": "Yahoo" if name == "FINRA" else "FINRA", "state": "published", "reason": None}
    both = [{"source": name, "state": state, "reason": "so it is"}, other]
    if state in FINAL_STATES:
        sources.require_final(both, DAY, "daily")
        return
    with pytest.raises(sources.NotFinal, match=rf"2025-12-22 is not complete: {name} is {state} \(so it is\)"):
        sources.require_final(both, DAY, "daily")


@pytest.mark.parametrize("mode", ["single", "daily", "weekly"])
@pytest.mark.parametrize(
    ("name", "holding"),
    [("Polygon", {"blocked"}), ("FINRA weekly", {"weekly": {"outage", "blocked", "truncated", "damaged"}})],
    ids=["Polygon", "FINRA weekly"],
)
@pytest.mark.parametrize("state", sorted(STATES))
def test_what_else_holds_up_is_a_refused_key_and_in_mode_weekly_the_weeks(name, holding, mode, state) -> None:
    states = holding.get(mode, set()) if isinstance(holding, dict) else holding
    told = [
        *({"source": final, "state": "published", "reason": None} for final in ("FINRA", "Yahoo")),
        {"source": name, "state": state, "reason": "so it is"},
    ]
    if state in states:
        with pytest.raises(sources.NotFinal, match=rf"complete: {name} is {state} \(so it is\)"):
            sources.require_final(told, DAY, mode)
    else:
        sources.require_final(told, DAY, mode)


def test_the_log_names_every_source_with_its_state() -> None:
    both = [
        {"source": "FINRA", "state": "published", "reason": None},
        {"source": "Yahoo", "state": "outage", "reason": "HTTP 503"},
    ]
    assert sources.sentence(both) == "FINRA published, Yahoo outage (HTTP 503)"
