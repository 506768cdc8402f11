"""One number has one text, wherever it is written; the CSV alone has it in full.

The page's script is held to the same words by tests/browser.
"""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest

from darkpool.cli import text_table
from darkpool.message import digest
from darkpool.show.figures import summary_picture, table_picture
from darkpool.show.page import rows_csv
from darkpool.show.page.values import cell
from darkpool.tables import columns, glossary
from unit.show.test_page_view import context, features

HOSTILE = {
    "offex_ratio": (0.2665, 0.26649999, 0.00049999, 1e-9, 0.99949, 0.0625, 12345.678),
    "trf_spike": (0.005, 0.015, 999.995, 999.9949, 0.125, 1e6),
    "offex_ratio_z": (-0.0, -0.004, 0.005, 2.675, -2.5, 1e-9, -123456.785),
    "trf_volume": (0.5, 0.25, 999.5, 999_499.0, 999_949.999, 999_999.5, 12_345_678.0, 9.9995e11),
}
CASES = [(name, value) for name, values in HOSTILE.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_page_terminal_digest_and_both_pictures_say_the_same(name, value, tmp_path, drawn, capsys):
    frame = features({"ticker": "AAA", name: value})
    [record] = frame.iter_rows(named=True)
    text = cell(name, record).text
    text_table.print_features(["ticker", name], [record])
    assert capsys.readouterr().out.split()[-1] == text
    table_picture.draw(frame, context(), tmp_path / "wide.png")
    assert text in drawn["texts"]
    if name != "trf_volume":  # the message has no column of shares
        summary_picture.draw(frame, context(), tmp_path / "message.png")
        assert text in drawn["texts"]
        facts = {"sources": [], "notes": [], "simulated": False}
        sent = digest.compose("emps2", date(2025, 12, 22), frame, facts, since={}, link="", complete=True)
        shown = name in columns.also("digest")
        assert (f" {text}" in sent.text) or not shown
    [row] = csv.DictReader(io.StringIO(rows_csv.render_csv(frame)))
    assert float(row[name]) == value


@pytest.mark.parametrize("name", HOSTILE)
def test_unknown_is_a_dash_everywhere_and_empty_in_the_csv(name, tmp_path, drawn, capsys):
    frame = features({"ticker": "AAA", name: None})
    [record] = frame.iter_rows(named=True)
    assert cell(name, record).text == glossary.UNKNOWN
    text_table.print_features(["ticker", name], [record])
    assert capsys.readouterr().out.split()[-1] == glossary.UNKNOWN
    [row] = csv.DictReader(io.StringIO(rows_csv.render_csv(frame)))
    assert row[name] == ""


def test_what_rounds_to_zero_has_no_sign_and_what_is_negative_the_sign_of_all():
    kinds = ("fraction", "percent", "ratio", "signed", "points", "change", "shares")
    for kind in kinds:
        assert not {"-", glossary.MINUS, "+"} & set(glossary.written(kind, -1e-9)), kind
        assert not {"-", glossary.MINUS, "+"} & set(glossary.written(kind, -0.0)), kind
        assert glossary.written(kind, -5.0).startswith(glossary.MINUS), kind
