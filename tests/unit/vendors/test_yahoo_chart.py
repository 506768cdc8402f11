import json
import math
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool.market import sessions
from darkpool.vendors.yahoo import chart as yahoo
from darkpool.vendors.yahoo import minute_bars

FRIDAY, MONDAY, TUESDAY = date(2025, 12, 19), date(2025, 12, 22), date(2025, 12, 23)
NOW = datetime(2025, 12, 23, 11, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
FULL = (10.0, 12.0, 9.0, 11.0, 1000)


def open_of(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, 9, 30, tzinfo=NEW_YORK).timestamp())


def chart(rows: list[tuple[int, tuple[Any, ...]]], splits: dict[date, tuple[float, float]] | None = None, **meta: Any):
    """A chart as Yahoo sends it: (timestamp, (open, high, low, close, volume)) a row."""
    columns = zip(*(row for _, row in rows), strict=True)
    quote = dict(zip(("open", "high", "low", "close", "volume"), map(list, columns), strict=False))
    events = {
        str(open_of(day)): {"date": open_of(day), "numerator": new, "denominator": old}
        for day, (new, old) in (splits or {}).items()
    }
    result = {
        "meta": {"symbol": "AAPL", "exchangeTimezoneName": "America/New_York", "dataGranularity": "1d", **meta},
        "timestamp": [moment for moment, _ in rows],
        "events": {"splits": events},
        "indicators": {"quote": [quote]},
    }
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


def read(body: bytes, start: date = FRIDAY, end: date = MONDAY) -> tuple[list[tuple[date, float]], list[Any]]:
    bars, splits, _ = yahoo.read_chart(body, "AAPL", start, end)
    assert (bars.schema, splits.schema) == (yahoo.BARS, yahoo.SPLITS)
    return list(bars.select("date", "volume").iter_rows()), list(splits.iter_rows())


def judged(status: int | None, body: bytes = b"", failure: str = "", **headers: str) -> yahoo.DailyAnswer:
    exchange = yahoo.Exchange("address", status, headers, body, failure)
    return yahoo.judge(exchange, "AAPL", yahoo.Wanted(FRIDAY, MONDAY, MONDAY), NOW)


def test_a_chart_is_read_as_yahoo_wrote_it():
    bars, _, _ = yahoo.read_chart(chart([(open_of(FRIDAY), FULL)]), "AAPL", FRIDAY, MONDAY)
    assert bars.rows() == [("AAPL", FRIDAY, 10.0, 12.0, 9.0, 11.0, None, 1000.0)]


def test_an_unknown_volume_is_left_out_and_never_0():
    body = chart([(open_of(FRIDAY), FULL), (open_of(MONDAY), (10.0, 12.0, 9.0, 11.0, None))])
    assert read(body)[0] == [(FRIDAY, 1000.0)]


def test_a_row_without_any_price_is_left_out_even_if_its_volume_is_0():
    body = chart([(open_of(FRIDAY), FULL), (open_of(MONDAY), (None, None, None, None, 0))])
    assert read(body)[0] == [(FRIDAY, 1000.0)]


def test_a_genuine_day_without_volume_stays():
    assert read(chart([(open_of(MONDAY), (10.0, 10.0, 10.0, 10.0, 0))]))[0] == [(MONDAY, 0.0)]


def test_a_value_that_is_no_number_is_unknown():
    body = chart([(open_of(MONDAY), FULL)]).replace(b"12.0", b"NaN").replace(b"1000", b"Infinity")
    assert read(body)[0] == []


def test_the_live_row_of_a_day_replaces_the_one_before_it():
    body = chart([(open_of(MONDAY), FULL), (open_of(MONDAY) + 23_400, (10.0, 12.0, 9.0, 11.5, 1200))])
    assert read(body)[0] == [(MONDAY, 1200.0)]


def test_bars_outside_the_days_asked_for_are_left_out():
    body = chart([(open_of(day), FULL) for day in (date(2025, 12, 18), FRIDAY, MONDAY, TUESDAY)])
    assert [day for day, _ in read(body)[0]] == [FRIDAY, MONDAY]


def test_the_day_of_a_bar_is_new_yorks():
    late = int(datetime(2025, 12, 23, 0, 30, tzinfo=UTC).timestamp())
    assert read(chart([(late, FULL)]))[0] == [(MONDAY, 1000.0)]


def midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def test_a_bar_at_midnight_utc_is_of_that_date_and_no_other_moment_is():
    assert read(chart([(midnight(MONDAY), FULL)]))[0] == [(MONDAY, 1000.0)]
    assert read(chart([(midnight(TUESDAY) - 1, FULL)]))[0] == [(MONDAY, 1000.0)]
    assert read(chart([(midnight(TUESDAY) + 1, FULL)]))[0] == [(MONDAY, 1000.0)]
    assert read(chart([(midnight(TUESDAY), FULL)]))[0] == []


def test_a_split_at_midnight_utc_is_of_that_date():
    body = chart([(open_of(MONDAY), FULL)], {MONDAY: (2.0, 1.0)})
    assert read(body.replace(str(open_of(MONDAY)).encode(), str(midnight(MONDAY)).encode()))[1] == [
        ("AAPL", MONDAY, 2.0)
    ]


def test_the_zone_that_a_chart_names_changes_no_day():
    for zone in ("Asia/Tokyo", "UTC", "Nowhere/At_All"):
        assert read(chart([(open_of(MONDAY), FULL)], exchangeTimezoneName=zone))[0] == [(MONDAY, 1000.0)]


def test_bars_on_no_session_are_left_out_and_named():
    sunday, christmas = date(2025, 12, 21), date(2025, 12, 25)
    body = chart([(midnight(day), FULL) for day in (FRIDAY, sunday, MONDAY, christmas)])
    bars, _, dropped = yahoo.read_chart(body, "AAPL", FRIDAY, date(2025, 12, 26))
    assert (bars["date"].to_list(), dropped) == ([FRIDAY, MONDAY], (sunday, christmas))
    assert yahoo.read_chart(body, "AAPL", MONDAY, MONDAY).dropped == ()
    answer = judged(200, body)
    assert (answer.state, answer.reason) == ("published", "left out, for it is no session: the bar of 2025-12-21")


@given(st.sampled_from(sessions.between(date(2024, 1, 2), date(2025, 12, 31))), st.integers(0, 86_399))
@settings(deadline=None)
def test_any_moment_of_a_new_york_session_is_its_day(day, second):
    moment = int(datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).timestamp()) + second
    if moment % 86_400:
        assert read(chart([(moment, FULL)]), day, day)[0] == [(day, 1000.0)]


def test_absurd_values_are_told_from_what_is_no_chart():
    assert judged(200, chart([(open_of(MONDAY), FULL)], {MONDAY: (2.0, 0.0)})).absurd
    assert not judged(200, b"<html>").absurd
    assert not judged(200, chart([(open_of(MONDAY), FULL)], symbol="META")).absurd
    assert not judged(503).absurd


@pytest.mark.parametrize("ratio", [(1.0, 10_000.0), (10_000.0, 1.0)])
def test_the_largest_and_smallest_ratios_are_taken(ratio):
    assert read(chart([(open_of(MONDAY), FULL)], {MONDAY: ratio}))[1] == [("AAPL", MONDAY, ratio[0] / ratio[1])]


def test_every_split_after_the_first_day_is_kept_also_after_the_last_bar():
    splits = {FRIDAY: (3.0, 1.0), MONDAY: (1.0, 10.0), date(2026, 11, 19): (2.0, 1.0)}
    body = chart([(open_of(FRIDAY), FULL)], splits)
    assert read(body)[1] == [("AAPL", MONDAY, 0.1), ("AAPL", date(2026, 11, 19), 2.0)]


def test_a_split_stays_on_its_day_though_that_day_has_no_bar():
    body = chart([(open_of(FRIDAY), FULL), (open_of(TUESDAY), FULL)], {MONDAY: (2.0, 1.0)})
    assert read(body)[1] == [("AAPL", MONDAY, 2.0)]


def test_a_fractional_volume_is_kept():
    assert read(chart([(open_of(MONDAY), (10.0, 12.0, 9.0, 11.0, 1000.25))]))[0] == [(MONDAY, 1000.25)]


def test_a_chart_without_timestamps_has_no_bars():
    body = b'{"chart":{"result":[{"meta":{"symbol":"AAPL"},"indicators":{"quote":[{}]}}],"error":null}}'
    assert read(body) == ([], [])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no JSON"),
        (b"<!DOCTYPE html>", "no JSON, it begins with '<!DOCTYPE html>'"),
        (b"[]", "no chart"),
        (b'{"chart":{"result":null}}', "no chart"),
        (b'{"chart":{"result":[null]}}', "no chart"),
        (chart([(1, FULL)], symbol="META"), "asked for AAPL, answered for META"),
        (chart([(1, FULL)], symbol="aapl"), "asked for AAPL, answered for aapl"),
        (chart([(1, FULL)], symbol=None), "asked for AAPL, and the answer does not say whose it is"),
        (chart([(1, FULL)]).replace(b'"symbol"', b'"name"'), "asked for AAPL, and the answer does not say whose it is"),
        (chart([(1, FULL)]).replace(b'"meta"', b'"about"'), "asked for AAPL, and the answer does not say whose it is"),
        (chart([(1, FULL)], dataGranularity="1wk"), "answered with 1wk"),
        (chart([(1, FULL)]).replace(b'"volume": [1000]', b'"volume": []'), "0 of volume for 1 timestamps"),
        (chart([(1, FULL)]).replace(b'"volume"', b'"size"'), "0 of volume for 1 timestamps"),
        (chart([(1, FULL)]).replace(b"1000", b'"many"'), "chart of AAPL"),
        (chart([(1, FULL)], {MONDAY: (2.0, 0.0)}), "chart of AAPL"),
        (chart([(1, FULL)], {MONDAY: (0.0, 2.0)}), "on 2025-12-22 has the ratio 0, expected one from 0.0001 to 10000"),
        (chart([(1, FULL)], {MONDAY: (2.0, math.nan)}), "has the ratio nan"),
        (chart([(1, FULL)], {MONDAY: (math.inf, 1.0)}), "has the ratio inf"),
        (chart([(1, FULL)], {MONDAY: (1.0, 10_001.0)}), "has the ratio 9.999e-05"),
        (chart([(1, FULL)], {MONDAY: (10_001.0, 1.0)}), "has the ratio 10001"),
        (chart([(1, FULL)], {MONDAY: (True, 1.0)}), "True is no number"),
        (chart([(1, FULL)], {MONDAY: (2.0, True)}), "True is no number"),
        (chart([(1, FULL)], {MONDAY: (2.0, "1")}), "'1' is no number"),  # type: ignore[dict-item]
        (chart([(1, (10.0, 12.0, 9.0, 11.0, True))]), "volume holds true or false"),
        (chart([(1, (10.0, False, 9.0, 11.0, 5))]), "high holds true or false"),
        (chart([(True, FULL)]), "True is no number"),
    ],
)
def test_what_is_no_chart_is_refused_and_says_in_what(body, message):
    with pytest.raises(yahoo.Malformed, match=message):
        yahoo.read_chart(body, "AAPL", FRIDAY, MONDAY)


@pytest.mark.parametrize(
    ("meta", "why"),
    [
        ({"symbol": "META"}, "asked for AAPL, answered for META"),
        ({"symbol": None}, "does not say whose it is"),
        ({"dataGranularity": "5m"}, "asked for bars of 1m, answered with 5m"),
    ],
)
def test_minute_bars_of_another_symbol_or_step_are_refused(meta, why):
    def body(**more: Any) -> bytes:
        return chart([(open_of(MONDAY), FULL)], **{"dataGranularity": "1m", **more})

    assert minute_bars.read_chart(body(), "AAPL", MONDAY)["t"].to_list() == [open_of(MONDAY) * 1_000]
    with pytest.raises(yahoo.Malformed, match=why):
        minute_bars.read_chart(body(**meta), "AAPL", MONDAY)
    answer = minute_bars.judge(yahoo.Exchange("address", 200, {}, body(**meta)), "AAPL", MONDAY, NOW)
    assert (answer.state, answer.bars.height) == ("outage", 0)
    assert why in answer.reason


@pytest.mark.parametrize("symbol", ["META", None])
def test_a_chart_of_another_symbol_is_an_outage_of_that_ticker_and_gives_no_bar(symbol):
    exchange = yahoo.Exchange("address", 200, {}, chart([(open_of(MONDAY), FULL)], {MONDAY: (2.0, 1.0)}, symbol=symbol))
    answer = yahoo.judge(exchange, "AAPL", yahoo.Wanted(FRIDAY, MONDAY, MONDAY), NOW)
    assert (answer.state, answer.bars.height, answer.splits.height) == ("outage", 0, 0)
    assert answer.reason.startswith("chart of AAPL: ") or answer.reason.startswith("asked for AAPL")


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5), st.data()
)
def test_any_json_is_a_chart_or_refused(junk, data):
    whole = json.loads(chart([(open_of(MONDAY), FULL)], {MONDAY: (2.0, 1.0)}))
    result = whole["chart"]["result"][0]
    event = next(iter(result["events"]["splits"].values()))
    part, key = data.draw(
        st.sampled_from(
            [
                *((holder, name) for holder in (result, result["meta"], event) for name in holder),
                *((result["indicators"]["quote"][0], name) for name in yahoo.PRICES),
                (result["indicators"], "quote"),
                (whole["chart"], "result"),
            ]
        )
    )
    part[key] = junk
    try:
        bars, splits, _ = yahoo.read_chart(json.dumps(whole).encode(), "AAPL", FRIDAY, MONDAY)
    except yahoo.Malformed:
        return
    assert bars.filter(pl.col("volume").is_null()).is_empty()
    assert (splits["ratio"] > 0).all()


bar = st.tuples(*[st.none() | st.floats(0.01, 1e5)] * 4, st.none() | st.integers(0, 10**11))


@given(st.dictionaries(st.sampled_from(sessions.between(date(2025, 9, 1), date(2025, 12, 31))), bar))
def test_each_day_is_there_once_and_only_with_a_price_and_a_volume(days):
    body = chart([(open_of(day), row) for day, row in days.items()])
    known = {day: float(row[4]) for day, row in days.items() if row[4] is not None and any(row[:4])}
    assert read(body, date(2025, 9, 1), date(2025, 12, 31))[0] == sorted(known.items())


def test_the_sessions_bar_makes_an_answer_published():
    answer = judged(200, chart([(open_of(FRIDAY), FULL), (open_of(MONDAY), FULL)]))
    assert (answer.state, answer.reason, answer.bars.height, answer.status) == ("published", "", 2, 200)
    assert (answer.retrieved_at, answer.address) == (NOW, "address")


def test_bars_without_the_sessions_are_kept_and_not_yet():
    answer = judged(200, chart([(open_of(FRIDAY), FULL), (open_of(MONDAY), (None,) * 5)]))
    assert (answer.state, answer.bars["date"].to_list()) == ("not_yet", [FRIDAY])
    assert answer.reason == "no bar of 2025-12-22, the newest is of 2025-12-19"


def test_no_bar_at_all_is_not_yet():
    assert judged(200, chart([(open_of(MONDAY), (None,) * 5)])).state == "not_yet"


NO_DATA = (
    b'{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found, symbol may be delisted"}}}'
)
NO_RANGE = (
    b'{"chart":{"result":null,"error":{"code":"Bad Request","description":"Data doesn\'t exist for startDate = 1"}}}'
)
BAD_ASKING = b'{"chart":{"result":null,"error":{"code":"Bad Request","description":"Invalid input"}}}'


@pytest.mark.parametrize(
    ("status", "body", "state", "reason"),
    [
        (404, NO_DATA, "absent", "No data found"),
        (400, NO_RANGE, "absent", "Data doesn't exist"),
        (400, BAD_ASKING, "outage", "HTTP 400: Invalid input"),
        (404, b"<html>not Yahoo's</html>", "outage", "HTTP 404"),
        (403, NO_DATA, "blocked", "HTTP 403"),
        (429, b"Too Many Requests", "outage", "rate limit"),
        (401, b"", "outage", "HTTP 401"),
        (503, b"", "outage", "HTTP 503"),
        (999, b"", "outage", "HTTP 999"),
        (200, b"<html>Will be right back</html>", "outage", "no JSON"),
        (200, b"", "outage", "no JSON"),
    ],
)
def test_each_status_has_its_state(status, body, state, reason):
    answer = judged(status, body)
    assert (answer.state, answer.status) == (state, status)
    assert reason in answer.reason


def test_no_answer_is_an_outage_with_its_cause():
    answer = judged(None, failure="time-out")
    assert (answer.state, answer.reason, answer.status) == ("outage", "time-out", None)


def test_the_wait_that_yahoo_asks_for_is_known():
    assert judged(429, **{"Retry-After": "30"}).retry_after == 30


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([{"adjclose": [10.5]}], 10.5), ([{"adjclose": [None]}], None), ([{"adjclose": [-1]}], None),
        ([{"adjclose": [True]}], None), ([{"adjclose": ["10"]}], None), ([{"adjclose": [10**400]}], None),
        ([{"adjclose": [1.0, 2.0]}], None), ([{"adjclose": 5}], None), ([{}], None), ([], None), ({}, None), (7, None),
    ],
)  # fmt: skip
def test_an_odd_adjusted_close_is_none_and_costs_no_bar(given, kept):
    content = json.loads(chart([(open_of(FRIDAY), FULL)]))
    content["chart"]["result"][0]["indicators"]["adjclose"] = given
    bars, _, _ = yahoo.read_chart(json.dumps(content).encode(), "AAPL", FRIDAY, MONDAY)
    assert bars.select("close", "adj_close", "volume").rows() == [(11.0, kept, 1000.0)]
