"""The weekly volume is what FINRA had published by the session's own morning, each share counted once."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.market import symbols
from darkpool.tables import contracts
from darkpool.vendors.finra import otc_weekly
from standin import weekly_rows

WEEK = date(2025, 11, 17)
FRIDAY, MONDAY = date(2025, 12, 19), date(2025, 12, 22)


def kept(archive: Archive, week: date, *answers: list[dict[str, Any]]) -> None:
    """Write answers of a week, the first without a stamp."""
    folder = archive.path("finra/otc_weekly")
    folder.mkdir(parents=True, exist_ok=True)
    for number, rows in enumerate(answers):
        name = f"{week}.json" if not number else f"{week}@2026010{number}T110000Z.json"
        (folder / name).write_text(json.dumps(rows))


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def volumes(weekly: otc_weekly.Weekly) -> Mapping[str, float]:
    return dict(weekly.table.select("ticker", "off_exchange_volume").iter_rows())


class TestVolume:
    def test_ats_and_non_ats_stand_apart_and_firm_rows_are_summed_nowhere(self, archive: Archive) -> None:
        kept(archive, WEEK, weekly_rows(WEEK, "T2", {"TQQQ": (300, 700)}))
        assert otc_weekly.table(archive, MONDAY, ["TQQQ"]).table.to_dicts() == [
            {
                "week_start_date": WEEK, "ticker": "TQQQ", "tier": "T2",
                "ats_volume": 300.0, "non_ats_volume": 700.0, "off_exchange_volume": 1000.0,
                "ats_trades": 3, "non_ats_trades": 7,
                "published_date": date(2025, 12, 22), "last_update_date": date(2025, 12, 22),
            }
        ]  # fmt: skip

    def test_an_issue_without_ats_trades_has_null_and_not_zero(self, archive: Archive) -> None:
        kept(archive, WEEK, weekly_rows(WEEK, "T2", {"NA": (None, 12.5)}))
        weekly = otc_weekly.table(archive, MONDAY, ["NA"])
        row = weekly.table.to_dicts()[0]
        assert (row["ats_volume"], row["ats_trades"], row["non_ats_volume"], row["off_exchange_volume"]) == (
            None, None, 12.5, 12.5,
        )  # fmt: skip
        assert otc_weekly.ats_share(weekly.table).to_dicts() == [
            {"ticker": "NA", "finra_week": WEEK, "ats_share": None}
        ]

    def test_the_ats_share_is_of_the_whole_off_exchange_volume(self, archive: Archive) -> None:
        kept(archive, WEEK, weekly_rows(WEEK, "T2", {"TQQQ": (300, 700)}))
        share = otc_weekly.ats_share(otc_weekly.table(archive, MONDAY, ["TQQQ"]).table)
        assert share["ats_share"].to_list() == [0.3]

    def test_finras_otce_is_our_otc(self, archive: Archive) -> None:
        kept(archive, WEEK, weekly_rows(WEEK, "OTCE", {"NSRGY": (1, 2)}))
        assert otc_weekly.table(archive, MONDAY, ["NSRGY"]).table["tier"].to_list() == ["OTC"]

    @given(
        st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=5),
        st.randoms(use_true_random=False),
    )
    def test_the_order_of_rows_changes_nothing(self, pairs: list[tuple[int, int]], shuffler: Any) -> None:
        rows = weekly_rows(WEEK, "T1", {f"S{n}": pair for n, pair in enumerate(pairs)})
        shuffler.shuffle(rows)
        parsed = otc_weekly.merge([otc_weekly.parse(json.dumps(rows).encode(), "here")])
        found = otc_weekly.by_issue(otc_weekly.visible(parsed, date(2026, 1, 1))).sort("symbol")
        assert found["off_exchange_volume"].to_list() == [float(a + b) for a, b in pairs]


class TestPointInTime:
    def test_a_week_published_on_the_next_session_is_not_seen(self, archive: Archive) -> None:
        kept(archive, WEEK, weekly_rows(WEEK, "T2", {"TQQQ": (300, 700)}))
        assert volumes(otc_weekly.table(archive, FRIDAY, ["TQQQ"])) == {}
        assert volumes(otc_weekly.table(archive, MONDAY, ["TQQQ"])) == {"TQQQ": 1000.0}

    @pytest.mark.parametrize(("tier", "first"), [("T1", date(2025, 12, 8)), ("T2", MONDAY), ("OTCE", MONDAY)])
    def test_without_a_date_of_its_own_the_lag_of_the_tier_holds(
        self, archive: Archive, tier: str, first: date
    ) -> None:
        rows = weekly_rows(WEEK, tier, {"X": (1, 2)})
        kept(archive, WEEK, [{**row, "initialPublishedDate": None, "lastUpdateDate": None} for row in rows])
        before = max(day for day in [date(2025, 12, 5), FRIDAY] if day < first)
        assert volumes(otc_weekly.table(archive, before, ["X"])) == {}
        told = otc_weekly.table(archive, first, ["X"])
        assert told.table["published_date"].to_list() == told.table["last_update_date"].to_list() == [first]
        assert told.restated == set()

    def test_t1_is_a_fortnight_ahead_of_t2(self, archive: Archive) -> None:
        for week in (date(2025, 11, 17), date(2025, 11, 24), date(2025, 12, 1)):
            rows = [*weekly_rows(week, "T1", {"AAPL": (1, 2)}), *weekly_rows(week, "T2", {"TQQQ": (3, 4)})]
            kept(archive, week, rows)
        newest = otc_weekly.table(archive, MONDAY, ["AAPL", "TQQQ"]).table
        assert dict(newest.select("ticker", "week_start_date").iter_rows()) == {
            "AAPL": date(2025, 12, 1), "TQQQ": date(2025, 11, 17),
        }  # fmt: skip

    def test_a_row_changed_after_the_session_is_used_and_restated(self, archive: Archive) -> None:
        rows = weekly_rows(WEEK, "T2", {"TQQQ": (300, 700), "SQQQ": (1, 2)})
        rows = [r | {"lastUpdateDate": "2025-12-23"} if r["issueSymbolIdentifier"] == "TQQQ" else r for r in rows]
        kept(archive, WEEK, rows)
        assert otc_weekly.table(archive, MONDAY, ["TQQQ", "SQQQ"]).restated == {"TQQQ"}
        assert otc_weekly.table(archive, date(2025, 12, 23), ["TQQQ", "SQQQ"]).restated == set()

    def test_the_weeks_of_a_ticker_are_the_newest_it_can_see(self, archive: Archive) -> None:
        for number, week in enumerate([date(2025, 11, 3), date(2025, 11, 10), WEEK, date(2025, 11, 24)]):
            kept(archive, week, weekly_rows(week, "T2", {"TQQQ": (number, 100)}))
        weeks = otc_weekly.weeks(archive, MONDAY, ["TQQQ"], 2)
        assert weeks.select("week_start_date", "finra_off_exchange_volume").rows() == [
            (date(2025, 11, 10), 101.0), (WEEK, 102.0),
        ]  # fmt: skip


class TestAnswers:
    def test_a_later_answer_adds_the_tier_that_came_later(self, archive: Archive) -> None:
        kept(archive, WEEK, weekly_rows(WEEK, "T1", {"AAPL": (1, 2)}), weekly_rows(WEEK, "T2", {"TQQQ": (3, 4)}))
        assert volumes(otc_weekly.table(archive, MONDAY, ["AAPL", "TQQQ"])) == {"AAPL": 3.0, "TQQQ": 7.0}

    def test_a_restated_row_replaces_that_row_alone_and_is_revised(self, archive: Archive) -> None:
        first = weekly_rows(WEEK, "T2", {"TQQQ": (300, 700), "SQQQ": (1, 2)})
        restated = weekly_rows(WEEK, "T2", {"TQQQ": (None, 800)}, updated="2026-01-05")
        kept(archive, WEEK, first, restated)
        weekly = otc_weekly.table(archive, MONDAY, ["TQQQ", "SQQQ"])
        assert volumes(weekly) == {"TQQQ": 1100.0, "SQQQ": 3.0}
        assert (weekly.restated, weekly.revised) == ({"TQQQ"}, {"TQQQ"})

    def test_an_issue_under_a_new_name_is_counted_once(self, archive: Archive) -> None:
        first = weekly_rows(WEEK, "T2", {"TQQQ": (300, 700)})
        kept(archive, WEEK, first, [{**row, "issueName": "Renamed", "productTypeCode": "UTP"} for row in first])
        weekly = otc_weekly.table(archive, MONDAY, ["TQQQ"])
        assert volumes(weekly) == {"TQQQ": 1000.0}
        assert weekly.revised == set()

    def test_two_rows_of_one_symbol_in_one_answer_are_both_its_volume(self, archive: Archive) -> None:
        rows = weekly_rows(WEEK, "T2", {"TQQQ": (300, 700)})
        kept(archive, WEEK, [*rows, *({**row, "productTypeCode": "UTP"} for row in rows)])
        assert volumes(otc_weekly.table(archive, MONDAY, ["TQQQ"])) == {"TQQQ": 2000.0}

    def test_the_same_row_twice_in_one_answer_counts_once(self, archive: Archive) -> None:
        rows = weekly_rows(WEEK, "T2", {"TQQQ": (300, 700)})
        kept(archive, WEEK, rows + rows)
        assert volumes(otc_weekly.table(archive, MONDAY, ["TQQQ"])) == {"TQQQ": 1000.0}

    def test_a_cut_off_answer_is_a_fault_and_the_older_one_stands(self, archive: Archive) -> None:
        kept(archive, WEEK, weekly_rows(WEEK, "T2", {"TQQQ": (300, 700)}), [])
        cut = archive.path(f"finra/otc_weekly/{WEEK}@20260101T110000Z.json")
        cut.write_text('[{"weekStartDate": "2025-11')
        weekly = otc_weekly.table(archive, MONDAY, ["TQQQ"])
        assert volumes(weekly) == {"TQQQ": 1000.0}
        assert str(cut) in weekly.faults[0]

    def test_rows_of_another_week_are_a_fault_and_not_used(self, archive: Archive) -> None:
        kept(archive, WEEK, weekly_rows("2025-11-10", "T2", {"TQQQ": (300, 700)}))
        weekly = otc_weekly.table(archive, MONDAY, ["TQQQ"])
        assert volumes(weekly) == {}
        assert "rows of the week 2025-11-10, expected 2025-11-17" in weekly.faults[0]

    @pytest.mark.parametrize("content", [b"", b"{}", b"null", b'"weekStartDate"', b"[{"])
    def test_what_is_no_array_of_rows_is_refused(self, content: bytes) -> None:
        with pytest.raises(otc_weekly.OtcWeeklyError, match="there"):
            otc_weekly.parse(content, "there")

    @given(st.binary(max_size=60), st.integers(0, 2_000))
    def test_no_damage_is_more_than_a_fault(self, noise: bytes, at: int) -> None:
        whole = json.dumps(weekly_rows(WEEK, "T2", {"TQQQ": (300, 700)})).encode()
        for damaged in (b"[" + noise, whole[:at] + noise + whole[at + len(noise) :]):
            with suppress(otc_weekly.OtcWeeklyError):
                assert otc_weekly.parse(damaged, "there").columns == list(otc_weekly.ROWS)

    def test_an_empty_archive_gives_an_empty_table_of_the_contract(self, archive: Archive, tmp_path: Path) -> None:
        weekly = otc_weekly.table(archive, MONDAY, ["TQQQ"])
        contracts.write("otc_weekly", weekly.table, tmp_path / "otc_weekly.parquet")
        assert contracts.read("otc_weekly", tmp_path / "otc_weekly.parquet").is_empty()
        assert weekly.unmatched == ("TQQQ",)

    def test_the_rules_inputs_are_the_files_that_are_read(self, archive: Archive) -> None:
        kept(archive, WEEK, weekly_rows(WEEK, "T1", {"AAPL": (1, 2)}), weekly_rows(WEEK, "T2", {"TQQQ": (3, 4)}))
        kept(archive, date(2025, 12, 29), [])
        assert [path.name for path in layout.otc_weekly_answers(archive, MONDAY)] == [
            "2025-11-17.json", "2025-11-17@20260101T110000Z.json",
        ]  # fmt: skip


class TestSymbols:
    @pytest.mark.parametrize(
        ("ticker", "theirs"),
        [("BRK.B", "BRK/B"), ("BRK.B", "BRK.B"), ("BRK.B", "BRK B"), ("ABRpD", "ABR$D"), ("ABRpD", "ABR PRD"),
         ("TYp", "TY$"), ("OXY.WS", "OXY+"), ("VST.WS.A", "VST+A"), ("VYGG.U", "VYGG="), ("CELGr", "CELG^"),
         ("IFFw", "IFF#"), ("NA", "NA"), ("TRUE", "TRUE"), ("TpC", "TpC"), ("TpC", "T$C"), ("OXY.WS", "OXY.W"),
         ("OXY.WS", "OXY.WS"), ("OXY.WS", "OXY/WS"), ("CELGr", "CELG.R"), ("CELGr", "CELGr"), ("AAC.U", "AAC.U"),
         ("VST.WS.A", "VST.WS.A"), ("MKC.V", "MKC.V"), ("X.W", "X/W"), ("X.R", "X/R"), ("ECCA.CL", "ECCA.CL"),
         ("OXY.WS", "OXY.W   "), ("BRK.B", " BRK.B"), ("BRK.B", "BRK    B"), ("ABRpD", "ABR$D\u00a0")],
    )  # fmt: skip
    def test_each_convention_is_recognised(self, archive: Archive, ticker: str, theirs: str) -> None:
        kept(archive, WEEK, weekly_rows(WEEK, "T2", {theirs: (1, 2)}))
        assert volumes(otc_weekly.table(archive, MONDAY, [ticker])) == {ticker: 3.0}

    def test_case_is_identity(self, archive: Archive) -> None:
        kept(archive, WEEK, weekly_rows(WEEK, "T2", {"TPC": (1, 2), "TpC": (3, 4)}))
        assert volumes(otc_weekly.table(archive, MONDAY, ["TPC", "TpC"])) == {"TPC": 3.0, "TpC": 7.0}

    def test_of_two_spellings_in_one_week_one_is_taken(self, archive: Archive) -> None:
        kept(archive, WEEK, weekly_rows(WEEK, "T2", {"BRK/B": (1, 2), "BRK.B": (3, 4)}))
        assert volumes(otc_weekly.table(archive, MONDAY, ["BRK.B"])) == {"BRK.B": 7.0}

    def test_a_class_w_or_r_never_takes_the_volume_of_a_warrant_or_a_right(self, archive: Archive) -> None:
        kept(archive, WEEK, weekly_rows(WEEK, "T2", {"OXY.W": (1, 2), "CELG.R": (3, 4)}))
        weekly = otc_weekly.table(archive, MONDAY, ["OXY.WS", "OXY.W", "CELGr", "CELG.R"])
        assert volumes(weekly) == {"OXY.WS": 3.0, "CELGr": 7.0}
        assert weekly.unmatched == ("OXY.W", "CELG.R")

    def test_beside_a_row_that_is_surely_the_warrant_the_doubtful_one_is_not_it(self, archive: Archive) -> None:
        kept(archive, WEEK, weekly_rows(WEEK, "T2", {"X.W": (100, 200), "X.WS": (1, 2), "X.A": (5, 6)}))
        weekly = otc_weekly.table(archive, MONDAY, ["X.WS", "X.W", "X.WS.A", "X.A"])
        assert volumes(weekly) == {"X.WS": 3.0, "X.A": 11.0}

    def test_a_padded_symbol_and_the_same_without_padding_are_one_row(self, archive: Archive) -> None:
        rows = weekly_rows(WEEK, "T2", {"OXY.W": (1, 2)})
        kept(archive, WEEK, [*rows, *({**row, "issueSymbolIdentifier": "OXY.W   "} for row in rows)])
        assert volumes(otc_weekly.table(archive, MONDAY, ["OXY.WS"])) == {"OXY.WS": 3.0}

    def test_what_matches_no_row_is_a_note_with_ten_names_at_most(self, archive: Archive) -> None:
        assert otc_weekly.table(archive, MONDAY, ["ZZZ"]).notes == []
        kept(archive, WEEK, weekly_rows(WEEK, "T2", {"TQQQ": (1, 2)}))
        assert otc_weekly.table(archive, MONDAY, ["TQQQ"]).notes == []
        assert otc_weekly.table(archive, MONDAY, ["TQQQ", "ZZZ"]).notes == ["No row in FINRA's weekly data for ZZZ."]
        (note,) = otc_weekly.table(archive, MONDAY, [f"Z{n}" for n in range(100, 125)]).notes
        assert note.endswith("Z108, Z109 and 15 more.")

    def test_tickers_without_a_row_are_listed(self, archive: Archive) -> None:
        kept(archive, WEEK, weekly_rows(WEEK, "T2", {"TQQQ": (1, 2)}))
        assert otc_weekly.table(archive, MONDAY, ["TQQQ", "ZZZ", "odd one"]).unmatched == ("ZZZ", "odd one")

    def test_no_two_tickers_share_a_spelling(self) -> None:
        kinds = [
            "X", *(f"X.{letter}" for letter in ascii_uppercase), *(f"Xp{letter}" for letter in ascii_uppercase), "Xp",
            "X.WS", *(f"X.WS.{letter}" for letter in ascii_uppercase), "Xr", "Xw", "X.CL", "XpA.CL", "X.A.CL", "X.WD",
            "XWS", "XU", "XW", "XR", "XRT", "XWI", "XPR",
        ]  # fmt: skip
        found = [spelling for ticker in kinds for spelling in otc_weekly.spellings(ticker)]
        assert len(found) == len(set(found))


ROOTS = st.from_regex(r"[A-Z]{1,5}", fullmatch=True)
SUFFIXES = st.sampled_from(
    ["", ".A", ".B", ".R", ".V", ".W", "p", "pA", "pW", "pR", ".WS", ".WS.A", ".WS.W", ".U", "r", "w", ".CL", ".WD"]
)
TICKERS = st.tuples(ROOTS, SUFFIXES).map("".join)


@given(st.lists(TICKERS, min_size=2, max_size=8, unique=True))
def test_whatever_the_universe_no_row_is_given_to_two_tickers(tickers: list[str]) -> None:
    found = [spelling for ticker in tickers for spelling in otc_weekly.spellings(ticker)]
    assert len(found) == len(set(found))


@given(
    ROOTS,
    st.sampled_from(
        [(".WS", ".W"), ("r", ".R"), ("pD", "$D"), ("p", "$"), (".U", ".U"), (".B", ".B"), (".V", ".V"), ("", "")]
    ),
    st.sampled_from(["", " ", "   ", "\t"]),
)
def test_every_kind_is_found_as_the_weekly_data_spell_it_padded_or_not(
    root: str, kind: tuple[str, str], pad: str
) -> None:
    ours, theirs = root + kind[0], root + kind[1]
    assert symbols.to_weekly(ours) == theirs
    rows = weekly_rows(WEEK, "T2", {theirs + pad: (1, 2)})
    (name,) = set(otc_weekly.parse(json.dumps(rows).encode(), "page")["symbol"])
    assert name == otc_weekly.trimmed(theirs + pad)
    assert name in otc_weekly.spellings(ours)


@pytest.mark.real_data
class TestRealWeek:
    def test_tqqq_is_296_630_891_and_not_double(self, real_data: Path) -> None:
        archive = Archive(real_data / "archive")
        assert otc_weekly.table(archive, FRIDAY, ["TQQQ"]).table.is_empty()
        seen = otc_weekly.table(archive, MONDAY, ["TQQQ"]).table.to_dicts()[0]
        assert (seen["ats_volume"], seen["non_ats_volume"], seen["off_exchange_volume"]) == (
            48_136_092, 248_494_799, 296_630_891,
        )  # fmt: skip
        assert (seen["tier"], seen["published_date"]) == ("T2", date(2025, 12, 22))

    def test_the_rows_by_firm_add_up_to_the_aggregates(self, real_data: Path) -> None:
        rows = pl.read_json(real_data / f"archive/finra/otc_weekly/{WEEK}.json", infer_schema_length=None)
        shares = dict(rows.group_by("summaryTypeCode").agg(pl.col("totalWeeklyShareQuantity").sum()).iter_rows())
        assert shares["ATS_W_SMBL"] == shares["ATS_W_SMBL_FIRM"]
        assert shares["OTC_W_SMBL"] == shares["OTC_W_SMBL_FIRM"]


def test_a_number_of_trades_that_is_not_whole_is_refused():
    row = {
        "weekStartDate": "2025-11-17", "tierIdentifier": "T1", "summaryTypeCode": "ATS_W_SMBL",
        "issueSymbolIdentifier": "AAPL", "totalWeeklyShareQuantity": 1.5, "totalWeeklyTradeCount": 0.5,
    }  # fmt: skip
    with pytest.raises(otc_weekly.OtcWeeklyError, match="trades is not whole"):
        otc_weekly.parse(json.dumps([row]).encode(), "page")
