"""What the words promise."""

from __future__ import annotations

import math
import string
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool import states
from darkpool.measures import reconcile, weekly
from darkpool.measures.ticks import eligibility
from darkpool.session import sources
from darkpool.show import sign_methods
from darkpool.tables import contracts, glossary

QUALITY = (
    "bars_gap basis_break bars_only excess_ratio identity_break no_lit no_quotes no_regular no_trf restated revised "
    "rounded_volume short_history simulated split_unclear stale_mark stale_quotes thin_lit unsettled"
)


def test_every_column_of_features_is_explained():
    assert set(glossary.COLUMNS) == set(contracts.CONTRACTS["features"].names) - {"date"}
    assert all(column.sentence for column in glossary.COLUMNS.values())


def test_every_column_of_the_weeks_and_of_the_checks_is_explained():
    of_weeks = {*contracts.CONTRACTS["weekly"].names, *weekly.LABELS, *glossary.WEEK_LABELS} - {"restated"}
    assert set(glossary.WEEK_COLUMNS) == of_weeks
    assert set(glossary.CHECK_COLUMNS) == set(reconcile.SCHEMA)
    assert set(glossary.CHECKS) == set(reconcile.BANDS)
    assert set(glossary.VERDICTS) == set(reconcile.VERDICTS)


def test_a_nullable_column_of_the_weeks_says_why_it_may_be_null():
    nullable = {field.name for field in contracts.CONTRACTS["weekly"].schema if field.nullable}
    columns = [glossary.WEEK_COLUMNS[name] for name in nullable]
    assert [c.name for c in columns if not c.unknown_by and c.unknown == glossary.Column.unknown] == []
    assert {flag for c in columns for flag in c.unknown_by} <= set(glossary.WEEK_FLAGS)


def test_every_number_says_its_unit():
    columns = [*glossary.COLUMNS.values(), *glossary.WEEK_COLUMNS.values(), *glossary.CHECK_COLUMNS.values()]
    assert [c.name for c in columns if c.kind in glossary.NUMERIC and not c.unit] == []


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.0, "0"), (12_057_002.0, "12,057,002"), (3.25, "3.25"), (1234.5, "1,234.50")]
)
def test_reconciliation_writes_shares_to_the_last_one(value, text):
    assert glossary.exact_shares(value) == text


def test_every_flag_of_the_contract_is_explained():
    assert " ".join(glossary.FLAGS) == QUALITY


def test_every_reason_for_excluded_shares_is_explained():
    assert tuple(glossary.EXCLUDED) == eligibility.REASONS


def test_where_the_lit_side_comes_from_has_one_name():
    assert {code: term.label for code, term in glossary.LIT_SOURCES.items()} == sources.LIT_SOURCES


def test_every_source_has_a_name_and_says_what_is_made_of_it():
    assert set(glossary.FEEDS) <= set(glossary.SOURCES)
    assert {*sources.HOLDING, "Polygon", "FINRA weekly"} == set(glossary.FEEDS)


def test_the_essential_columns_are_columns_and_the_ticker_is_one():
    assert {"ticker", "signal", "quality"} < glossary.ESSENTIAL < set(glossary.COLUMNS)


def test_every_state_is_explained():
    assert set(glossary.STATES) == states.STATES


def test_bars_are_said_to_be_consolidated():
    assert "consolidated" in glossary.FLAGS["bars_only"].sentence.lower()


def test_the_disclaimer_is_the_designs():
    assert glossary.DISCLAIMER == (
        "FINRA does not publish trade direction for off-exchange volume. Bought and sold are inferred estimates."
    )


def test_a_nullable_column_says_why_it_may_be_null():
    nullable = {field.name for field in contracts.CONTRACTS["features"].schema if field.nullable}
    silent = {c.name for c in glossary.COLUMNS.values() if not c.unknown_by and c.unknown == glossary.Column.unknown}
    assert nullable & silent == set()


def test_only_known_flags_explain_a_null():
    assert {flag for c in glossary.COLUMNS.values() for flag in c.unknown_by} <= set(glossary.FLAGS)


def test_sentences_take_the_runs_own_numbers():
    mean = glossary.COLUMNS["trf_ma20"]
    assert glossary.filled(mean.label, ma=30) == "30-session mean"
    assert glossary.filled(glossary.SIGNALS["BOT"].sentence, bot=1.5) == "Estimated bought above 1.50 × estimated sold."


def test_every_sentence_can_be_filled():
    terms = [
        t for group in (glossary.FLAGS, glossary.STATES, sign_methods.METHODS, glossary.SIGNALS) for t in group.values()
    ]
    sentences = [t.sentence for t in terms] + [c.sentence + c.formula + c.label for c in glossary.COLUMNS.values()]
    assert not [s for s in map(glossary.filled, sentences) if "{" in s]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (0.5, "0.5"), (945.0, "945"), (999.4, "999"), (999.5, "1.0K"), (12_345.0, "12.3K"),
        (999_949.0, "999.9K"), (999_950.0, "1.0M"), (12_345_678.0, "12.3M"), (1.23e9, "1.2B"), (4.5e12, "4.5T"),
    ],
)  # fmt: skip
def test_shares_are_written_as_a_trader_reads_them(value, text):
    assert glossary.written("shares", value) == text


@given(st.floats(min_value=0, max_value=1e15))
def test_shares_keep_their_size_within_five_percent_and_never_grow_past_seven_characters(value):
    text = glossary.shares(value)
    letter = text[-1] if text[-1] in string.ascii_uppercase else ""
    size = float(text.rstrip("KMBT")) * {"": 1, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}[letter]
    assert size == pytest.approx(value, rel=0.05, abs=0.5)
    assert len(text) <= 7


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("fraction", 0.297, "29.7%"),
        ("fraction", 1.234, "123.4%"),
        ("percent", 98.25, "98.2%"),
        ("ratio", 1.12, "1.12×"),
        ("ratio", 123_456.0, "123.5K×"),
        ("signed", 0.223, "+0.22"),
        ("signed", -0.223, "−0.22"),
        ("signed", -0.001, "0.00"),
        ("points", 0.174449, "+17.44"),
        ("points", -0.00001, "0.00"),
        ("change", -0.986590, "−0.99%"),
        ("change", 0.0, "0.00%"),
        ("price", 270.97, "270.97"),
        ("price", 0.05125, "0.0512"),
        ("money", 3_267_085_831.94, "$3.3B"),
        ("count", 60, "60"),
        ("score", 1.005, "1.00"),
        ("date", date(2025, 11, 24), "2025-11-24"),
        ("text", "NA", "NA"),
    ],
)
def test_a_value_is_written_by_its_kind(kind, value, text):
    assert glossary.written(kind, value) == text


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_the_unknown_is_a_dash_and_never_zero(value):
    assert glossary.written("shares", value) == "–"


def test_a_code_nobody_described_is_shown_as_it_is():
    assert glossary.term(glossary.FLAGS, "brand_new").label == "brand_new"
    assert glossary.term(glossary.FLAGS, "brand_new").tone == "warn"


@pytest.mark.parametrize(("ratio", "words"), [(4.0, "4:1"), (1.5, "1.5:1"), (0.1, "1:10"), (0.04, "1:25")])
def test_a_split_is_said_new_to_old(ratio, words):
    assert glossary.split_words(ratio) == words


GROUPS = {
    "flags": glossary.FLAGS, "states": glossary.STATES, "methods": sign_methods.METHODS, "signals": glossary.SIGNALS,
    "streaks": glossary.STREAKS, "verdicts": glossary.VERDICTS, "checks": glossary.CHECKS, "week": glossary.WEEK_FLAGS,
}  # fmt: skip


@pytest.mark.parametrize("group", GROUPS)
def test_no_two_codes_of_a_kind_share_a_label(group):
    labels = [term.label.casefold() for term in GROUPS[group].values()]
    assert sorted(set(labels)) == sorted(labels)


def test_no_two_columns_share_a_label():
    for columns in (glossary.COLUMNS, glossary.WEEK_COLUMNS):
        labels = [column.label.casefold() for column in columns.values()]
        assert sorted(set(labels)) == sorted(labels)


def test_a_state_has_one_name_wherever_a_person_reads_it():
    """Messages and the command line name sources and states as the page does."""
    assert [glossary.state(code) for code in ("not_yet", "published")] == ["not yet", "published"]
    assert glossary.state("brand_new") == "brand_new"
    assert glossary.source("FINRA weekly") == "FINRA weekly"
    assert all(glossary.source(name) for name in sources.HOLDING)
