"""What the reconciliation promises."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool.market import sessions, venues
from darkpool.measures import minute_bars, reconcile
from darkpool.measures.ticks import eligibility, tick_arrays
from darkpool.vendors.finra import regsho
from unit.measures.ticks.test_ticks import HOURS, LIT, POLICY, TRF, trade, trades_file

SESSION, MONDAY = date(2025, 12, 22), date(2025, 11, 17)
VENUES = venues.load()
WEEK = [date(2025, 11, day) for day in range(17, 22)]


def verdicts(checks: pl.DataFrame) -> dict[str, str]:
    assert dict(checks.schema) == dict(reconcile.SCHEMA)
    return dict(zip(checks["ticker"], checks["verdict"], strict=True))


def daily(*rows: tuple) -> pl.DataFrame:
    schema = {"date": pl.Date, "ticker": pl.String, "trf_volume": pl.Float64}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def test_a_pair_within_its_band_is_ok_and_one_outside_an_alarm():
    compared = reconcile.trf_prints(SESSION, {"A": 96.0, "B": 94.0, "C": 105.0}, dict.fromkeys("ABC", 100.0))
    assert verdicts(compared) == {"A": "ok", "B": "alarm", "C": "ok"}
    assert compared.row(0, named=True) | {"why": ""} == {
        "check": "trf_prints", "date": SESSION, "ticker": "A", "left_name": "FINRA prints on the tape", "left": 96.0,
        "right_name": "FINRA daily file", "right": 100.0, "ratio": 0.96, "low": 0.95, "high": 1.05, "verdict": "ok",
        "why": "",
    }  # fmt: skip


def test_a_missing_side_is_not_comparable_and_named():
    compared = reconcile.yahoo_polygon(SESSION, {"A": 1.0, "B": None}, {"B": 1.0})
    assert verdicts(compared) == dict.fromkeys("AB", "not comparable")
    assert [why.split(".")[0] for why in compared["why"]] == [
        "Not there: Polygon trades of the whole day", "Not there: Yahoo daily, as traded",
    ]  # fmt: skip
    assert compared["ratio"].to_list() == [None, None]


def test_volume_against_none_at_all_is_an_alarm():
    compared = reconcile.trf_prints(SESSION, {"A": 5.0, "B": 0.0}, {"A": 0.0, "B": 0.0})
    assert verdicts(compared) == {"A": "alarm", "B": "ok"}
    assert compared["ratio"].to_list() == [None, None]


def test_the_week_is_summed_when_every_session_is_there():
    compared = reconcile.weekly_sum(MONDAY, WEEK, daily(*((day, "A", 18.0) for day in WEEK)), {"A": 100.0})
    assert (compared["left"][0], compared["ratio"][0], compared["verdict"][0]) == (90.0, 0.9, "ok")


def test_a_partial_week_is_not_compared():
    rows = [(day, "A", 18.0) for day in WEEK[:3]] + [(WEEK[3], "A", None), (date(2025, 11, 24), "A", 18.0)]
    compared = reconcile.weekly_sum(MONDAY, WEEK, daily(*rows), {"A": 60.0, "B": 1.0})
    assert verdicts(compared) == dict.fromkeys("AB", "not comparable")
    assert compared["left"].to_list() == [None, None]
    assert [why.split(".")[0] for why in compared["why"]] == [
        "FINRA's daily files hold 3 of the week's 5 sessions", "FINRA's daily files hold 0 of the week's 5 sessions",
    ]  # fmt: skip


def test_a_week_counted_twice_raises_the_alarm():
    compared = reconcile.weekly_sum(MONDAY, WEEK, daily(*((day, "A", 18.0) for day in WEEK)), {"A": 200.0})
    assert verdicts(compared) == {"A": "alarm"}


FILES = {"FNSQ": {"A": 60.0, "B": 5.0}, "FNYX": {"A": 39.999_99}, "FNQC": {}, "FNRA": {}}


def test_facilities_add_up_to_the_consolidated_file():
    compared = reconcile.facilities(SESSION, FILES, {"A": 100.0, "B": 6.0})
    assert verdicts(compared) == {"A": "ok", "B": "alarm"}
    assert compared["left"].to_list() == pytest.approx([99.999_99, 5.0])


def test_without_one_facilitys_file_there_is_no_sum():
    compared = reconcile.facilities(SESSION, {k: v for k, v in FILES.items() if k != "FNQC"}, {"A": 100.0})
    assert verdicts(compared) == dict.fromkeys("AB", "not comparable")
    assert compared["why"][0].startswith("Not there: FNQC.")


def test_an_unknown_volume_at_one_facility_is_not_taken_for_zero():
    compared = reconcile.facilities(SESSION, {**FILES, "FNRA": {"A": None}}, {"A": 100.0, "B": 5.0})
    assert verdicts(compared) == {"A": "not comparable", "B": "ok"}


def test_minute_bars_may_fall_short_of_the_day_and_never_exceed_it():
    compared = reconcile.minute_bars(SESSION, {"A": 70.0, "B": 103.0, "C": 49.0}, dict.fromkeys("ABC", 100.0))
    assert verdicts(compared) == {"A": "ok", "B": "alarm", "C": "alarm"}


def test_case_is_identity():
    compared = reconcile.trf_prints(SESSION, {"TPC": 1.0, "NA": 1.0}, {"TpC": 1.0, "NA": 1.0})
    assert verdicts(compared) == {"NA": "ok", "TPC": "not comparable", "TpC": "not comparable"}


def test_every_band_holds_what_it_expects_and_says_why():
    for band in reconcile.BANDS.values():
        assert 0 < band.low < band.high
        assert band.why.endswith(".")


def test_checks_are_stacked_in_order_and_counted():
    compared = reconcile.stack(
        [
            reconcile.trf_prints(SESSION, {"B": 1.0, "A": 9.0}, {"B": 1.0, "A": 1.0}),
            reconcile.minute_bars(SESSION, {"A": 1.0}, {}),
        ]
    )
    assert compared.select("check", "ticker").rows() == [("minute_bars", "A"), ("trf_prints", "A"), ("trf_prints", "B")]
    assert reconcile.counts(compared) == {"ok": 1, "alarm": 1, "not comparable": 1}
    assert list(reconcile.summary(compared)) == sorted(set(compared["check"]))
    assert sum(sum(verdicts.values()) for verdicts in reconcile.summary(compared).values()) == compared.height
    assert reconcile.counts(reconcile.stack([])) == {"ok": 0, "alarm": 0, "not comparable": 0}


positive = st.floats(1e-3, 1e12)


@given(positive, positive, st.floats(1e-3, 1e3))
def test_a_verdict_does_not_depend_on_the_unit(left, right, unit):
    low, high = 0.95, 1.05
    if min(abs(left / right - low), abs(left / right - high)) > 1e-9:
        assert reconcile.verdict(left, right, low, high) == reconcile.verdict(unit * left, unit * right, low, high)


def test_volume_by_venue_counts_what_may_not_be_signed_and_no_repeats(tmp_path):
    rows = [
        trade(size=1.0), trade(size=2.0, conditions=[2]), trade(size=4.0, conditions=[15]),
        trade(size=8.0, correction=1), trade(size=16.0, exchange=TRF, trf_id=202, conditions=[33]),
        trade(size=32.0, exchange=TRF), trade(size=64.0, participant_timestamp=HOURS[1]),
        trade(size=128.0, exchange=LIT, price=None), trade(size=-256.0), trade(size=512.0, exchange=62),
        trade(size=1024.0, exchange=77),
    ]  # fmt: skip
    tape = tick_arrays.read_trades(trades_file(tmp_path, *rows))
    assert eligibility.volume_by_venue(tape, POLICY, VENUES, HOURS) == (131.0, 16.0, 32.0, 512.0, 1024.0)
    assert eligibility.volume_by_venue(tape, POLICY, VENUES) == (195.0, 16.0, 32.0, 512.0, 1024.0)


def finra_shares(path: Path, session: date) -> dict[str, float]:
    frame = regsho.parse(path.read_bytes(), path.name, session).frame
    return dict(zip(frame["symbol"], frame["trf_volume"], strict=True))


REAL = [
    (date(2013, 10, 7), ["AIG", "BAC"]), (date(2013, 10, 8), ["AIG", "BAC"]), (date(2013, 10, 9), ["AIG", "BAC"]),
    (date(2018, 1, 2), ["XXX"]),
]  # fmt: skip


@pytest.mark.real_data
@pytest.mark.parametrize(("session", "symbols"), REAL)
def test_prints_of_a_real_tape_are_finras_volume(real_data, session, symbols):
    hours = tuple(int(moment.timestamp()) * 10**9 for moment in (sessions.opens(session), sessions.closes(session)))
    finra = finra_shares(real_data / f"archive/finra/regsho/CNMSshvol{session:%Y%m%d}.txt", session)
    prints, whole = {}, {}
    for symbol in symbols:
        tape = tick_arrays.read_trades(real_data / f"archive/polygon/trades/{session}/{symbol}.parquet")
        volume = eligibility.volume_by_venue(tape, POLICY, VENUES, hours)
        prints[symbol] = volume.finra_prints + volume.adf
        whole[symbol] = sum(eligibility.volume_by_venue(tape, POLICY, VENUES))
    compared = reconcile.trf_prints(session, prints, {symbol: finra[symbol] for symbol in symbols})
    assert set(verdicts(compared).values()) == {"ok"}
    assert compared["ratio"].to_list() == pytest.approx([1.0] * len(symbols), abs=1e-3)
    yahoo = pl.read_parquet(real_data / f"archive/yahoo/daily/{session}.parquet").filter(pl.col("date") == session)
    of_yahoo = {symbol: float(shares) for symbol, shares in yahoo.select("symbol", "volume").iter_rows()}
    assert set(verdicts(reconcile.yahoo_polygon(session, of_yahoo, whole)).values()) == {"ok"}


@pytest.mark.real_data
def test_real_facilities_add_up_for_every_symbol(real_data):
    session = date(2020, 1, 2)
    files = {
        prefix: finra_shares(real_data / f"finra_families/{prefix}shvol20200102.txt", session)
        for prefix in (*reconcile.FACILITIES, "CNMS")
    }
    compared = reconcile.facilities(session, files, files["CNMS"])
    assert reconcile.counts(compared) == {"ok": compared.height, "alarm": 0, "not comparable": 0}
    assert compared.height > 8_000


@pytest.mark.real_data
def test_real_minute_bars_fall_short_of_the_day(real_data):
    path = real_data / f"archive/yahoo/minute_bars/{SESSION}/SPY.parquet"
    bars = minute_bars.read_bars(path, sessions.trading_hours(SESSION)).frame["v"].sum()
    yahoo = pl.read_parquet(real_data / f"archive/yahoo/daily/{SESSION}.parquet")
    volume = float(yahoo.filter((pl.col("symbol") == "SPY") & (pl.col("date") == SESSION))["volume"][0])
    compared = reconcile.minute_bars(SESSION, {"SPY": bars}, {"SPY": volume})
    assert verdicts(compared) == {"SPY": "ok"}
    assert 0.6 < compared["ratio"][0] < 0.8
