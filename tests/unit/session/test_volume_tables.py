"""From the archive of a session to its volume tables, with what is missing said and not invented."""

import json
import math
import tempfile
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.market import sessions
from darkpool.session import volume_tables
from darkpool.tables import contracts, facts
from parquet_bytes import parquet
from standin import regsho_file

DAY = date(2025, 12, 22)
WINDOW = sessions.window(DAY, 1)
NOON = datetime(2025, 12, 23, 12, tzinfo=UTC)
ROWS = {
    "A": (1, 0, 30, "B,Q,N"),
    "BRK/B": (1, 0, 20, "Q"),
    "NA": (0, 0, 2.5, "N"),
    "SPXW": (0, 0, 9, "Q"),
    "TPC": (0, 0, 7, "Q"),
    "TpC": (0, 0, 5, "Q"),
}
VOLUMES = {"A": 100.0, "BRK-B": 40.0, "NA": 10.0, "T-PC": 50.0, "TPC": 70.0}
TICKERS = ["A", "BRK.B", "NA", "TPC", "TpC"]


@pytest.fixture
def archive(tmp_path) -> Archive:
    return Archive(tmp_path)


def keep_finra(archive: Archive, rows=ROWS, day: date = DAY, prefix: str = "CNMS") -> None:
    archive.keep(layout.regsho(prefix, day), rows if isinstance(rows, bytes) else regsho_file(day, rows), NOON)


def keep_yahoo(archive: Archive, volumes: dict[str, float] = VOLUMES, splits: tuple[Any, ...] = ()) -> None:
    rows = [(symbol, DAY, volume) for symbol, volume in volumes.items()]
    archive.keep(
        layout.yahoo_daily(DAY), parquet(rows, {"symbol": pl.String, "date": pl.Date, "volume": pl.Float64}), NOON
    )
    schema = {"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}
    archive.keep(layout.yahoo_splits(DAY), parquet(list(splits), schema), NOON)


def build(archive: Archive, **changes: Any) -> tuple[dict[str, pl.DataFrame], dict[str, str]]:
    request: dict[str, Any] = {
        "window": WINDOW,
        "tickers": TICKERS,
        "unmapped": [],
        "prefixes": ["CNMS"],
        "excluded": ["SPXW"],
        "offline": True,
        **changes,
    }
    built, metadata = volume_tables.volumes(Archive(archive.root), changes.pop("scan", "emps2"), **request)
    for name, frame in built.items():
        contracts.write(name, frame, archive.path(f"{name}.parquet"), **metadata)
    return {name: contracts.read(name, archive.path(f"{name}.parquet")) for name in built}, metadata


def of_day(merged: pl.DataFrame) -> dict[str, tuple[Any, ...]]:
    rows = merged.filter(pl.col("date") == DAY).drop("date")
    return {ticker: rest for ticker, *rest in map(list, rows.iter_rows())}  # type: ignore[misc]


def test_every_vendors_spelling_meets_in_ours(archive) -> None:
    keep_finra(archive)
    keep_yahoo(archive)
    built, metadata = build(archive)
    assert of_day(built["merged"]) == {
        "A": [30.0, 100.0, 0.3, ""],
        "BRK.B": [20.0, 40.0, 0.5, ""],
        "NA": [2.5, 10.0, 0.25, ""],
        "TPC": [7.0, 70.0, 0.1, ""],
        "TpC": [5.0, 50.0, 0.1, ""],
    }
    assert built["merged"].height == len(TICKERS) * len(WINDOW)
    assert [source["state"] for source in json.loads(metadata["sources"])] == ["published", "published"]
    assert json.loads(metadata["notes"]) == []


def test_the_session_file_is_whole_but_for_what_is_excluded(archive) -> None:
    keep_finra(archive)
    keep_yahoo(archive)
    built, _ = build(archive, tickers=["A", "SPXW"])
    assert built["finra_trf"]["symbol"].to_list() == ["A", "BRK/B", "NA", "TPC", "TpC"]
    assert of_day(built["merged"])["SPXW"] == [None, None, None, "no_regular,no_trf"]


@pytest.mark.parametrize("written", ["BRK.B", "BRK/B"])
def test_an_excluded_ticker_is_kept_out_in_either_spelling(written: str, archive) -> None:
    keep_finra(archive)
    built, _ = build(archive, excluded=[written])
    assert "BRK/B" not in built["finra_trf"]["symbol"].to_list()
    assert of_day(built["merged"])["BRK.B"][0] is None


def test_nothing_in_the_archive_is_nulls_and_absent_and_no_error(archive) -> None:
    built, metadata = build(archive)
    assert built["finra_trf"].height == 0
    assert built["yf_volume"].height == 0
    assert set(built["merged"]["quality"]) == {"no_regular,no_trf"}
    assert [source["state"] for source in json.loads(metadata["sources"])] == ["absent", "absent"]


def test_a_damaged_file_is_truncated_and_said(archive) -> None:
    keep_finra(archive, regsho_file(DAY, ROWS)[:90])
    keep_yahoo(archive)
    built, metadata = build(archive)
    assert built["finra_trf"].height == 0
    assert of_day(built["merged"])["A"] == [None, 100.0, None, "no_trf"]
    finra = json.loads(metadata["sources"])[0]
    assert finra["state"] == "truncated"
    assert "CNMSshvol20251222.txt" in finra["reason"]
    assert any("Not usable: CNMSshvol20251222.txt" in note for note in json.loads(metadata["notes"]))


def test_an_odd_row_of_another_symbol_costs_nothing_and_is_said(archive) -> None:
    keep_finra(archive, regsho_file(DAY, {**ROWS, "ZZ WS": (1, 0, 100, "Q")}))
    keep_yahoo(archive)
    built, metadata = build(archive)
    assert built["finra_trf"]["symbol"].to_list() == sorted(set(ROWS) - {"SPXW"})
    assert of_day(built["merged"])["A"] == [30.0, 100.0, 0.3, ""]
    assert json.loads(metadata["sources"])[0]["state"] == "published"
    [note] = json.loads(metadata["notes"])
    assert note.startswith("Not usable: CNMSshvol20251222.txt, line ")
    assert "Symbol is 'ZZ WS', expected" in note


def test_an_odd_row_of_a_followed_ticker_is_unknown_and_said(archive) -> None:
    keep_finra(archive, regsho_file(DAY, {**ROWS, "A": (31, 0, 30, "Q")}))
    keep_yahoo(archive)
    built, metadata = build(archive)
    assert "A" not in built["finra_trf"]["symbol"].to_list()
    assert of_day(built["merged"])["A"] == [None, 100.0, None, "no_trf"]
    assert of_day(built["merged"])["BRK.B"] == [20.0, 40.0, 0.5, ""]
    assert json.loads(metadata["sources"])[0]["state"] == "published"
    [note] = json.loads(metadata["notes"])
    assert "ShortVolume 31 of A exceeds TotalVolume 30" in note


def test_more_than_ten_odd_rows_are_damage_for_the_day_and_for_its_window(archive) -> None:
    keep_finra(archive, regsho_file(DAY, {**ROWS, **{f"Z{i}": (1, 0, 0, "Q") for i in range(11)}}))
    keep_yahoo(archive)
    built, metadata = build(archive)
    assert built["finra_trf"].height == 0
    assert of_day(built["merged"])["A"] == [None, 100.0, None, "no_trf"]
    source = json.loads(metadata["sources"])[0]
    assert source["state"] == "damaged"
    assert "11 odd rows, more than 10 rows" in source["reason"]


def test_a_row_that_finra_took_back_is_unknown_and_revised(archive) -> None:
    keep_finra(archive)
    archive.keep(layout.regsho("CNMS", DAY), regsho_file(DAY, {s: r for s, r in ROWS.items() if s != "A"}), NOON)
    keep_yahoo(archive)
    built, _ = build(archive)
    assert "A" not in built["finra_trf"]["symbol"].to_list()
    assert of_day(built["merged"])["A"] == [None, 100.0, None, "no_trf,revised"]
    assert of_day(built["merged"])["BRK.B"] == [20.0, 40.0, 0.5, ""]


def test_an_earlier_session_without_its_file_is_a_gap(archive) -> None:
    keep_finra(archive)
    keep_yahoo(archive)
    earlier = build(archive)[0]["merged"].filter(pl.col("date") == WINDOW[0])
    assert earlier["trf_volume"].null_count() == len(TICKERS)


def test_splits_travel_with_the_tables(archive) -> None:
    keep_finra(archive)
    keep_yahoo(archive, splits=(("T-PC", date(2025, 12, 23), 2.0),))
    built, metadata = build(archive)
    assert of_day(built["merged"])["TpC"][:3] == [5.0, 25.0, 0.2]
    assert facts.splits(metadata).rows() == [("TpC", date(2025, 12, 23), 2.0)]
    assert facts.splits(contracts.metadata(archive.path("merged.parquet"))).height == 1


def test_what_could_not_be_mapped_is_said(archive) -> None:
    keep_finra(archive)
    _, metadata = build(archive, tickers=["A", "ECCA.CL"], unmapped=["x.csv, line 3: '^VIX' is no ticker"])
    notes = json.loads(metadata["notes"])
    assert "No spelling at Yahoo is known for ECCA.CL." in notes
    assert "Not a ticker, left out: x.csv, line 3: '^VIX' is no ticker." in notes


def test_simulated_answers_belong_to_the_demo_alone(archive) -> None:
    keep_finra(archive)
    keep_yahoo(archive)
    archive.write_receipt("finra", DAY, {"files": {}, "simulated": True})
    with pytest.raises(volume_tables.SimulatedArchive, match="simulated answers for 2025-12-22; only the scan demo"):
        volume_tables.is_simulated(archive, "emps2", DAY)
    assert volume_tables.is_simulated(archive, "demo", DAY)


def test_what_tables_say_adds_up_and_nothing_is_said_twice() -> None:
    finra, polygon = {"source": "FINRA"}, {"source": "Polygon"}
    told = facts.unpack(facts.merge(facts.pack([finra], ["a"], True), facts.pack([finra, polygon], ["a", "b"])))
    assert told == {"sources": [finra, polygon], "notes": ["a", "b"], "simulated": True}


def test_the_same_archive_gives_the_same_bytes(archive) -> None:
    keep_finra(archive)
    keep_yahoo(archive)
    build(archive)
    before = {name: archive.path(f"{name}.parquet").read_bytes() for name in ("finra_trf", "yf_volume", "merged")}
    build(archive)
    assert {name: archive.path(f"{name}.parquet").read_bytes() for name in before} == before


def test_an_older_mark_is_said_on_every_row(archive) -> None:
    keep_finra(archive)
    keep_yahoo(archive)
    built, _ = build(archive, flags=["stale_mark"])
    assert all("stale_mark" in quality.split(",") for quality in built["merged"]["quality"])


CLEAR, DOUBTFUL = (2.0, 3.0, 1.5, 1.05, 0.5, 0.1, 20.0, 1 / 30, 1.0), (1.253, 0.0, None, 1e5, -1.0)
DAYS = sessions.window(DAY, 12)
ANY_DAY = st.one_of(st.sampled_from(DAYS), st.dates(DAYS[0], date(2027, 12, 31)))
NAMED = st.dictionaries(
    st.sampled_from([*VOLUMES]),
    st.lists(st.tuples(ANY_DAY, st.sampled_from(CLEAR + DOUBTFUL)), max_size=4),
)


@given(NAMED, st.dictionaries(st.sampled_from([*VOLUMES]), st.integers(0, 10**7), min_size=1), st.randoms())
@settings(max_examples=60, deadline=None)
def test_whatever_splits_are_named_a_volume_is_what_was_traded_or_null_and_why(named, traded, shuffle) -> None:
    """Yahoo adjusts for what it names and gives whole shares; splits on any day, in any order, of any symbol."""
    rows = [(symbol, day, ratio) for symbol, events in named.items() for day, ratio in events]
    shuffle.shuffle(rows)
    by_day: dict[tuple[str, date], set[float | None]] = {}
    for symbol, day, ratio in rows:
        by_day.setdefault((symbol, day), set()).add(ratio)
    unclear = {key for key, ratios in by_day.items() if len(ratios - {1.0}) > 1 or ratios & set(DOUBTFUL)}
    bars, expected = [], {}
    for symbol, volume in traded.items():
        for day in DAYS:
            later = {key: ratios - {1.0} for key, ratios in by_day.items() if key[0] == symbol and key[1] > day}
            factor = math.prod(next(iter(r)) or 1.0 for key, r in later.items() if r and key not in unclear)
            given = float(round(volume * factor))
            bars.append((symbol, day, given))
            is_rounded = factor < 1 and given < 50
            doubt = "split_unclear" if later.keys() & unclear else "rounded_volume" if is_rounded else ""
            expected[symbol, day] = (None if doubt else volume, doubt, 0.5 / factor)
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(folder)
        types = {"symbol": pl.String, "date": pl.Date, "volume": pl.Float64}
        archive.keep(layout.yahoo_daily(DAY), parquet(bars, types), NOON)
        schema = {"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}
        archive.keep(layout.yahoo_splits(DAY), parquet(rows, schema), NOON)
        merged = build(archive, window=DAYS)[0]["merged"]
    found = {
        (ticker, day): rest
        for ticker, day, *rest in merged.select("ticker", "date", "regular_volume", "quality").rows()
    }
    spelled = {"BRK-B": "BRK.B", "T-PC": "TpC"}
    for (symbol, day), (volume, doubt, half) in expected.items():
        value, quality = found[spelled.get(symbol, symbol), day]
        assert quality == ",".join(filter(None, ["no_trf", doubt]))
        assert value == (None if volume is None else pytest.approx(volume, abs=half + 1e-6))


def test_a_ticker_in_small_letters_is_asked_about_once() -> None:
    empty = "09.csv is empty: the scan found nothing"
    assert volume_tables.notes(["qqq", "SPY", "TpC"], [empty], []) == [
        "No vendor has a ticker spelled qqq; did you mean QQQ? (case is identity).",
        f"{empty}.",
    ]
