"""Pages of Polygon's answers, read by themselves."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool.vendors.polygon import page as polygon
from standin import nanoseconds
from unit.vendors.test_polygon_client import NOON, SESSION, trade


def test_a_key_in_a_next_url_is_dropped():
    body = json.dumps({"status": "OK", "results": [], "next_url": "https://x/v3/trades/A?cursor=abc&apiKey=secret"})
    assert polygon.read_page(body.encode())[1] == "/v3/trades/A?cursor=abc"


def answered(kind: str = "minute_bars", **page: object) -> bytes:
    bar = {"t": NOON // 10**6, "o": 1, "c": 2, "v": 3}
    results = [bar if kind == "minute_bars" else trade(NOON, 1)]
    return json.dumps({"status": "OK", "results": results, "ticker": "AAPL", "adjusted": False, **page}).encode()


def read(body: bytes, kind: str = "minute_bars", symbol: str = "AAPL") -> int:
    return polygon.read_page(body, polygon.Question(kind, symbol))[0].height


@pytest.mark.parametrize(
    ("page", "why"),
    [
        ({"ticker": "MSFT"}, "asked for AAPL, answered for MSFT"),
        ({"ticker": "aapl"}, "asked for AAPL, answered for aapl"),
        ({"ticker": None}, "bars without their ticker, expected AAPL"),
        ({"ticker": ""}, "asked for AAPL, answered for "),
        ({"ticker": 7}, "asked for AAPL, answered for 7"),
        ({"adjusted": True}, "adjusted is true, asked for false"),
        ({"adjusted": None}, "adjusted is missing, asked for false"),
        ({"adjusted": "false"}, "adjusted is false, asked for false"),
        ({"results": [{"t": NOON // 10**6, "T": "MSFT"}]}, "asked for AAPL, answered for MSFT"),
        ({"results": [], "ticker": "MSFT"}, "asked for AAPL, answered for MSFT"),
    ],
)
def test_bars_of_another_symbol_or_on_another_basis_are_refused(page, why):
    assert read(answered()) == 1
    with pytest.raises(ValueError, match=why):
        read(answered(**page))


def test_a_ticker_that_stands_there_twice_is_refused():
    with pytest.raises(ValueError, match="ticker is named twice"):
        read(answered().replace(b'"ticker": "AAPL"', b'"ticker": "MSFT","ticker":"AAPL"'))


def test_no_bars_need_not_say_on_which_basis_they_are():
    assert read(b'{"status":"OK","queryCount":0}') == 0
    assert read(answered(results=[], adjusted=True)) == 0


def test_trades_say_no_ticker_and_where_they_do_it_is_the_one_asked_for():
    told = json.dumps({"status": "OK", "results": [trade(NOON, 1)]}).encode()
    assert read(told, "trades") == 1
    assert read(answered("trades"), "trades") == 1
    with pytest.raises(ValueError, match="answered for AAPL"):
        read(answered("trades"), "trades", "MSFT")
    with pytest.raises(ValueError, match="answered for AAPL"):
        read(json.dumps({"status": "OK", "results": [trade(NOON, 1, ticker="AAPL")]}).encode(), "quotes", "MSFT")


def test_identical_bars_pass_and_two_different_ones_of_a_minute_do_not():
    bar = {"t": NOON // 10**6, "o": 1.0, "v": 3.0}
    polygon.check(pl.DataFrame([bar, bar]), "minute_bars", SESSION)
    with pytest.raises(ValueError, match=f"two different bars start at {NOON // 10**6}; one a minute is right"):
        polygon.check(pl.DataFrame([bar, {**bar, "v": 4.0}]), "minute_bars", SESSION)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no JSON"),
        (b"<!DOCTYPE html>", "no JSON"),
        (b'{"status":"OK","results":[{"a":1}', "no JSON"),
        (b"[]", "no page"),
        (b"{}", "no page"),
        (b'{"status":"OK","results":"many"}', "expected a list of rows"),
        (b'{"status":"OK","results":[1,2]}', "expected a list of rows"),
        (b'{"status":"OK","results":[null]}', "hold nothing"),
        (b'{"status":"OK","results":[{},{}]}', "hold nothing"),
        (b'{"status":"OK","results":[null,{"a":1}]}', "is null"),
        (b'{"status":"ERROR","error":"broken"}', "status is ERROR: broken"),
        (b'{"status":"OK","results":[],"next_url":"https://x/login"}', "no page"),
    ],
)
def test_what_is_no_page_is_refused(body, why):
    with pytest.raises(ValueError, match=why):
        polygon.read_page(body)


@pytest.mark.parametrize(
    "body", [b'{"status":"OK"}', b'{"status":"OK","results":[]}', b'{"status":"OK","results":null}']
)
def test_a_page_may_be_empty_in_three_ways(body):
    found, following = polygon.read_page(body)
    assert found.is_empty()
    assert following is None


def test_rows_of_another_day_are_refused():
    frame = pl.DataFrame({"sip_timestamp": [nanoseconds("2025-12-19", "12:00")]})
    with pytest.raises(ValueError, match="asked for 2025-12-22, answered with 1 rows of other days"):
        polygon.check(frame, "trades", SESSION)


@pytest.mark.parametrize("value", [f"{NOON}", NOON / 1])
def test_a_moment_that_is_no_whole_number_is_refused(value):
    frame = pl.DataFrame({"sip_timestamp": [NOON], "participant_timestamp": [value]})
    with pytest.raises(ValueError, match=r"participant_timestamp is .*, expected whole numbers"):
        polygon.check(frame, "trades", SESSION)


VALUES = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.text(max_size=8), st.lists(st.integers(0, 70), min_size=1, max_size=3)
)


FIELDS = st.lists(st.tuples(st.sampled_from("abcdefgh"), VALUES), unique_by=lambda pair: pair[0], max_size=6)


@settings(deadline=None)
@given(st.lists(FIELDS, min_size=1, max_size=12))
def test_no_field_is_lost_whichever_rows_have_it(written):
    kinds: dict[str, type] = {}
    said = []
    for fields in written:
        said.append({n: v for n, v in fields if kinds.setdefault(n, type(v)) is type(v)} | {"z": 1})
    found, _ = polygon.read_page(json.dumps({"status": "OK", "results": said}).encode())
    assert [{n: v for n, v in row.items() if v is not None} for row in found.to_dicts()] == said
