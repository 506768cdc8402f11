"""The registry says of every column everything once, and what derives from it says the same."""

import pytest

from darkpool.session import files
from darkpool.tables import columns, contracts
from darkpool.tables.column import Column


def test_every_table_of_a_session_has_its_columns_here():
    assert set(columns.TABLES) - {"study"} == set(files.TABLES)  # which stands beside the sessions


def test_the_words_in_a_file_name_the_configuration_and_not_one_runs_numbers():
    field = contracts.CONTRACTS["features"].schema.field("trf_ma20")
    assert b"the last history.ma sessions" in field.metadata[b"meaning"]
    assert (
        contracts.CONTRACTS["features"]
        .schema.field("offex_ratio")
        .metadata[b"meaning"]
        .endswith(b"Formula: trf_volume / regular_volume.")
    )
    meanings = [column.meaning for table in columns.TABLES.values() for column in table.columns]
    assert [text for text in meanings if "{" in text or not text.endswith(".")] == []


def test_no_sentence_stands_under_two_names_of_one_table():
    for name, table in columns.TABLES.items():
        sentences = [column.sentence for column in table.columns]
        assert sorted(set(sentences)) == sorted(sentences), name


def test_type_kind_and_heading_follow_from_the_unit():
    made = Column("made_up", "USD a share", "Made up.")
    assert (made.type, made.kind, made.heading, made.null, made.group) == ("float64", "price", "USD a share", False, "")
    assert Column("made_up", "text", "Made up.").heading == ""
    assert Column("made_up", "shares", "Made up.", heading="shares a week").heading == "shares a week"
    with pytest.raises(KeyError, match="furlongs"):
        Column("made_up", "furlongs", "Made up.")


def test_a_place_on_the_page_is_had_by_one_column_of_a_group():
    for shown in (columns.COLUMNS, columns.WEEK_COLUMNS, columns.CHECK_COLUMNS):
        places = [column.at for column in shown.values()]
        assert len(set(places)) == len(places)
        assert [column.name for column in shown.values() if not column.label] == []
