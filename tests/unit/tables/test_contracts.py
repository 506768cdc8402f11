"""A table is what its contract says, or is refused with file, column, date and ticker."""

import re
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from darkpool.tables import contracts
from darkpool.tables.contracts import ContractError

MONDAY, FRIDAY = date(2025, 12, 22), date(2025, 12, 19)


def merged(**columns: list) -> pl.DataFrame:
    sound = {
        "date": [FRIDAY, MONDAY, MONDAY],
        "ticker": ["AAPL", "AAPL", "NA"],
        "trf_volume": [1.0, 2.5, None],
        "regular_volume": [4.0, 5.0, None],
        "offex_ratio": [0.25, 0.5, None],
        "quality": ["", "", "no_regular,no_trf"],
    }
    return pl.DataFrame({**sound, **columns}, strict=False)


def put(path: Path, frame: pl.DataFrame) -> Path:
    """The frame as a file that nobody checked, with the contract's types where they fit."""
    schema = contracts.CONTRACTS["merged"].schema
    arrow = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    types = {field.name: field.type for field in schema}
    fields = []
    for field in arrow.schema:
        is_text = pa.types.is_large_string(field.type) or pa.types.is_string(field.type)
        wanted = types.get(field.name, field.type)
        fields.append((field.name, pa.string() if is_text else wanted))
    pq.write_table(arrow.cast(pa.schema(fields)), path)
    return path


def test_what_is_written_is_read_sorted_with_unknown_as_null(tmp_path) -> None:
    contracts.write("merged", merged().sample(fraction=1, shuffle=True, seed=1), tmp_path / "m.parquet", notes="[]")
    assert contracts.read("merged", tmp_path / "m.parquet").equals(merged())
    assert contracts.metadata(tmp_path / "m.parquet")["notes"] == "[]"
    assert contracts.rows(tmp_path / "m.parquet") == 3


def test_the_same_table_is_the_same_bytes(tmp_path) -> None:
    for name in ("a", "b"):
        contracts.write("merged", merged(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_unit_and_meaning_travel_with_every_column(tmp_path) -> None:
    contracts.write("merged", merged(), tmp_path / "m.parquet")
    schema = pq.read_schema(tmp_path / "m.parquet")
    assert schema.field("trf_volume").metadata[b"unit"] == b"shares"
    assert not schema.field("ticker").nullable
    assert schema.field("offex_ratio").nullable
    for name, contract in contracts.CONTRACTS.items():
        for field in contract.schema:
            assert field.metadata[b"unit"], (name, field.name)
            assert field.metadata[b"meaning"], (name, field.name)
        assert set(contract.key) <= set(contract.names)
        assert not any(contract.schema.field(key).nullable for key in contract.key)


def test_strings_are_never_null_and_ratios_are_fractions_unless_named_otherwise() -> None:
    for contract in contracts.CONTRACTS.values():
        for field in contract.schema:
            unit = field.metadata[b"unit"]
            assert not (pa.types.is_string(field.type) and field.nullable), field.name
            assert (unit == b"percent") == field.name.endswith("_pct"), field.name
            assert unit != b"shares" or pa.types.is_floating(field.type) or pa.types.is_map(field.type), field.name


def test_tickers_that_differ_by_case_alone_are_two_rows_in_byte_order(tmp_path) -> None:
    frame = merged(ticker=["TPC", "TpC", "TPC"], date=[MONDAY, MONDAY, FRIDAY])
    contracts.write("merged", frame, tmp_path / "m.parquet")
    assert contracts.read("merged", tmp_path / "m.parquet")["ticker"].to_list() == ["TPC", "TPC", "TpC"]


SPOILT = {
    "null": (merged(ticker=["AAPL", "AAPL", None]), r"column ticker is null at date 2025-12-22"),
    "null date": (merged(date=[None, MONDAY, MONDAY]), r"column date is null at .*ticker AAPL"),
    "null text": (merged(quality=["", None, ""]), r"column quality is null at date 2025-12-22, ticker AAPL"),
    "NaN": (
        merged(offex_ratio=[0.25, float("nan"), None]),
        r"column offex_ratio is nan at date 2025-12-22, ticker AAPL; expected a number or null",
    ),
    "infinite": (
        merged(trf_volume=[1.0, 2.0, float("inf")]),
        r"column trf_volume is inf at date 2025-12-22, ticker NA",
    ),
    "twice": (merged(ticker=["AAPL", "NA", "NA"]), r"holds date 2025-12-22, ticker NA twice"),
    "missing column": (merged().drop("offex_ratio"), r"offex_ratio"),
    "unknown column": (merged().with_columns(more=1), r"more"),
    "wrong type": (merged(trf_volume=["1", "2", "3"]), r"column trf_volume is (String|string), expected double"),
    "date as text": (merged(date=["2025-12-19", "2025-12-22", "2025-12-22"]), r"column date is \S+, expected date32"),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_a_table_that_breaks_its_contract_is_not_written(fault: str, tmp_path) -> None:
    frame, words = SPOILT[fault]
    with pytest.raises(ContractError, match=re.escape(str(tmp_path / "m.parquet")) + ".*merged.*" + words):
        contracts.write("merged", frame, tmp_path / "m.parquet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", [fault for fault in SPOILT if fault not in ("wrong type", "date as text")])
def test_nor_is_it_read(fault: str, tmp_path) -> None:
    frame, words = SPOILT[fault]
    path = put(tmp_path / "m.parquet", frame)
    with pytest.raises(ContractError, match=re.escape(str(path)) + ".*merged.*" + words):
        contracts.read("merged", path)


def test_a_file_with_another_type_is_refused(tmp_path) -> None:
    path = tmp_path / "m.parquet"
    pq.write_table(merged().to_arrow(compat_level=pl.CompatLevel.oldest()), path)
    with pytest.raises(ContractError, match=rf"{path}.*column ticker is large_string, expected string"):
        contracts.read("merged", path)


def test_an_unsorted_file_is_refused_with_the_row(tmp_path) -> None:
    path = put(tmp_path / "m.parquet", merged()[[1, 0, 2]])
    with pytest.raises(ContractError, match=r"m\.parquet.*date 2025-12-19, ticker AAPL follows date 2025-12-22"):
        contracts.read("merged", path)


def test_a_file_that_is_no_parquet_is_named(tmp_path) -> None:
    (tmp_path / "m.parquet").write_bytes(b"<html>")
    with pytest.raises(ContractError, match=r"m\.parquet: expected the table merged as Parquet"):
        contracts.read("merged", tmp_path / "m.parquet")


def test_whole_numbers_are_taken_as_shares_and_fractions_not_as_counts(tmp_path) -> None:
    contracts.write("merged", merged(trf_volume=[1, 2, 3]), tmp_path / "m.parquet")
    assert contracts.read("merged", tmp_path / "m.parquet")["trf_volume"].to_list() == [1.0, 2.0, 3.0]
    with pytest.raises(ContractError, match="column history_sessions"):
        contracts.frame("features", {"date": [MONDAY], "history_sessions": [1.5]})


def test_a_frame_from_columns_has_the_contracts_types_and_nulls() -> None:
    frame = contracts.frame("features", {"date": [MONDAY], "ticker": ["NA"], "trf_volume": [3]})
    assert frame.columns == contracts.CONTRACTS["features"].names
    assert frame.schema["trf_volume"] == pl.Float64
    assert frame.row(0, named=True)["offex_ratio"] is None
    assert contracts.frame("features", {"date": []}).height == 0


def test_excluded_volumes_by_reason_survive_the_file(tmp_path) -> None:
    names = contracts.CONTRACTS["lit_flow"].names
    row = dict.fromkeys(names)
    row |= {"date": MONDAY, "ticker": "NA", "classification_method": "NBBO", "source": "trades_quotes"}
    row |= {"lit_trades": 3, "excluded_reasons": {"condition": 200.0}}
    frame = contracts.frame("lit_flow", {name: [row[name]] for name in names})
    contracts.write("lit_flow", frame, tmp_path / "l.parquet")
    kept = contracts.read("lit_flow", tmp_path / "l.parquet")
    assert kept["excluded_reasons"].to_list() == [{"condition": 200.0}]
    assert kept["lit_buy_volume"].to_list() == [None]
