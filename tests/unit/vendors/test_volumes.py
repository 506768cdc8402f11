import hashlib
import json
import os
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool.archive.store import Archive
from darkpool.market import sessions
from darkpool.vendors.simulated import daily_answers, daily_fetch, files, watchlist
from darkpool.vendors.simulated import volumes as simulate

BEFORE_FRACTIONS = date(2025, 12, 22)
AFTER_FRACTIONS = date(2026, 3, 27)
HALF_DAY = date(2025, 12, 24)
SEED = 7

some_session = st.sampled_from(sessions.between(date(2019, 1, 2), date(2026, 10, 30)))


def write(root: Path, session: date, earlier: int = 60, seed: int = SEED) -> Path:
    daily_fetch.fetch(Archive(root), session, sessions.window(session, earlier), seed)
    return root


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("demo")
    for session in (BEFORE_FRACTIONS, AFTER_FRACTIONS):
        write(root, session)
    return root


def fingerprints(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def finra_rows(root: Path, day: date) -> dict[str, list[str]]:
    """Symbol to the fields after it, read by hand."""
    body = (root / f"finra/regsho/CNMSshvol{day:%Y%m%d}.txt").read_bytes()
    lines = body.decode("ascii").split("\r\n")
    assert lines[-2:] == [str(len(lines) - 3), ""]
    fields = [line.split("|") for line in lines[1:-2]]
    assert {row[0] for row in fields} == {f"{day:%Y%m%d}"}
    return {row[1]: row[2:] for row in fields}


def yahoo_bars(root: Path, session: date) -> pl.DataFrame:
    return pl.read_parquet(root / f"yahoo/daily/{session}.parquet")


def receipt(root: Path, source: str, session: date) -> dict:
    return json.loads((root / f"receipts/{source}/{session}.json").read_text())


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    first = write(tmp_path / "a", BEFORE_FRACTIONS)
    second = write(tmp_path / "b", BEFORE_FRACTIONS)
    assert fingerprints(first) == fingerprints(second)


def test_another_process_writes_the_same_bytes(tmp_path):
    here = write(tmp_path / "a", BEFORE_FRACTIONS, earlier=3)
    program = (
        "import sys; from datetime import date; from darkpool.market import sessions\n"
        "from darkpool.vendors.simulated import daily_fetch\n"
        "from darkpool.archive.store import Archive\n"
        "day = date.fromisoformat(sys.argv[2])\n"
        "daily_fetch.fetch(Archive(sys.argv[1]), day, sessions.window(day, 3), int(sys.argv[3]))"
    )
    package = Path(simulate.__file__).parents[3]
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "b"), str(BEFORE_FRACTIONS), str(SEED)],
        check=True,
        env={**os.environ, "PYTHONPATH": str(package), "PYTHONHASHSEED": "42", "TZ": "Asia/Tokyo"},
    )
    assert fingerprints(here) == fingerprints(tmp_path / "b")


def test_another_seed_is_another_market(tmp_path):
    write(tmp_path / "a", BEFORE_FRACTIONS, earlier=0)
    write(tmp_path / "b", BEFORE_FRACTIONS, earlier=0, seed=SEED + 1)
    assert finra_rows(tmp_path / "a", BEFORE_FRACTIONS) != finra_rows(tmp_path / "b", BEFORE_FRACTIONS)


def test_a_date_is_the_same_whichever_session_asks_for_it(tmp_path):
    next_session = sessions.following(BEFORE_FRACTIONS)
    one = write(tmp_path / "a", BEFORE_FRACTIONS)
    other = write(tmp_path / "b", next_session)
    shared = fingerprints(one / "finra/regsho").items() & fingerprints(other / "finra/regsho").items()
    assert len(shared) == 60

    kept = fingerprints(one)
    write(one, next_session)
    assert fingerprints(one).items() >= kept.items()


def test_an_existing_file_is_left_alone(tmp_path):
    name = "finra/regsho/CNMSshvol20251222.txt"
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(b"header\r\nrow\r\n1\r\n")
    write(tmp_path, BEFORE_FRACTIONS, earlier=0)
    assert (tmp_path / name).read_bytes() == b"header\r\nrow\r\n1\r\n"
    told = receipt(tmp_path, "finra", BEFORE_FRACTIONS)["files"]["CNMSshvol20251222.txt"]
    assert told["sha256"] == hashlib.sha256(b"header\r\nrow\r\n1\r\n").hexdigest()
    assert told["rows"] == 1


@pytest.mark.parametrize("session", [BEFORE_FRACTIONS, AFTER_FRACTIONS])
def test_the_finra_file_is_laid_out_as_finra_lays_it_out(archive, session):
    body = (archive / f"finra/regsho/CNMSshvol{session:%Y%m%d}.txt").read_bytes()
    assert body.startswith(b"Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market\r\n")
    assert body.endswith(b"\r\n")
    assert body.count(b"\n") == body.count(b"\r\n")
    rows = finra_rows(archive, session)
    assert 400 <= len(rows) <= 600
    assert list(rows) == sorted(rows, key=str.encode)
    for short, exempt, total, market in rows.values():
        assert 0 <= float(exempt) <= float(short) <= float(total)
        assert float(total) > 0
        assert market in ("Q", "Q,N", "B,Q,N")


def test_every_session_of_the_window_has_its_file(archive):
    for session in (BEFORE_FRACTIONS, AFTER_FRACTIONS):
        window = sessions.window(session, 60)
        assert len(window) == 61
        assert all(finra_rows(archive, day) for day in window)


def test_volumes_turn_fractional_on_2026_02_23(archive):
    def fields(day):
        return [value for row in finra_rows(archive, day).values() for value in row[:3]]

    assert all(value.isdigit() for value in fields(date(2026, 2, 20)))
    after = fields(date(2026, 2, 23))
    assert {len(value.partition(".")[2]) for value in after} == {0, 6}
    totals = [row[2] for row in finra_rows(archive, date(2026, 2, 23)).values()]
    assert sum("." in total for total in totals) > 0.8 * len(totals)


def test_the_spellings_that_get_lost_are_there(archive):
    rows = finra_rows(archive, BEFORE_FRACTIONS)
    assert {"BRK/B", "NA", "NAN", "TRUE", "TPC", "SPXW"} <= rows.keys()
    assert {"WS", "U", "A"} <= {symbol.partition("/")[2] for symbol in rows}
    assert any(symbol.endswith("w") for symbol in rows)
    symbols = set(yahoo_bars(archive, BEFORE_FRACTIONS)["symbol"])
    assert {"BRK-B", "NA", "TPC", "T-PC"} <= symbols
    assert rows["TPC"] != finra_rows(archive, sessions.previous(BEFORE_FRACTIONS))["TpC"]


def test_tpc_now_and_then_does_not_trade_off_exchange(archive):
    days = sessions.window(BEFORE_FRACTIONS, 60) + sessions.window(AFTER_FRACTIONS, 60)
    there = sum("TpC" in finra_rows(archive, day) for day in days)
    assert 0.85 * len(days) < there < len(days)
    assert all("TPC" in finra_rows(archive, day) for day in days)


def test_yahoo_does_not_know_one_ticker(archive):
    assert "ZZUNK" not in set(yahoo_bars(archive, BEFORE_FRACTIONS)["symbol"])
    assert "ZZUNK" in finra_rows(archive, BEFORE_FRACTIONS)
    entry = receipt(archive, "yahoo", BEFORE_FRACTIONS)["tickers"]["ZZUNK"]
    assert (entry["state"], entry["file"], entry["rows"], entry["status"]) == ("absent", None, None, 404)
    assert "SIMULATED" in entry["reason"]


@given(some_session)
@settings(max_examples=25, deadline=None)
def test_the_watchlist_holds_the_ticker_listed_15_sessions_ago(session):
    tickers = watchlist.tickers(session)
    assert len(tickers) == len(set(tickers)) == 18
    assert tickers[:6] == list(watchlist.ORDINARY)
    listing = tickers[-1]
    days = sessions.window(session, 16)
    assert listing not in simulate.market(days[0])
    assert all(listing in simulate.market(day) for day in days[1:])
    assert set(tickers) <= set(simulate.market(session))


def test_the_new_listing_has_16_sessions_at_both_vendors(archive):
    listing = watchlist.tickers(BEFORE_FRACTIONS)[-1]
    window = sessions.window(BEFORE_FRACTIONS, 60)
    bars = yahoo_bars(archive, BEFORE_FRACTIONS).filter(symbol=listing)
    assert bars["date"].to_list() == window[-16:]
    assert [listing in finra_rows(archive, day) for day in window] == [False] * 45 + [True] * 16


@given(some_session)
@settings(max_examples=40, deadline=None)
def test_every_window_holds_a_split_inside_it(session):
    window = sessions.window(session, 60)
    found = daily_answers.split_table(window)
    inside = [day for day in found["ex_date"].to_pylist() if window[0] < day <= session]
    assert inside
    assert set(found["ratio"].to_pylist()) <= {2.0, 0.5}


def test_split_days_are_sessions_and_turn_the_traded_shares(archive):
    splits = pl.read_parquet(archive / f"yahoo/splits/{BEFORE_FRACTIONS}.parquet")
    window = sessions.window(BEFORE_FRACTIONS, 60)
    assert splits["symbol"].unique().to_list() == ["SPLYT"]
    assert all(map(sessions.is_session, splits["ex_date"]))
    bars = yahoo_bars(archive, BEFORE_FRACTIONS).filter(symbol="SPLYT")
    assert bars["date"].to_list() == window
    assert bars["close"].max() / bars["close"].min() < 1.5, "adjusted prices do not step at a split"
    for day, adjusted in bars.select("date", "volume").iter_rows():
        trf = float(finra_rows(archive, day)["SPLYT"][2])
        as_traded = adjusted / splits.filter(pl.col("ex_date") > day)["ratio"].product()
        assert 0.25 <= trf / as_traded <= 0.6


def test_yahoo_is_adjusted_for_a_split_of_the_morning_on_which_it_is_asked(tmp_path):
    ex_date = BEFORE_FRACTIONS
    while sessions.index(ex_date) % simulate.SPLIT_EVERY:
        ex_date = sessions.previous(ex_date)
    session = sessions.previous(ex_date)
    write(tmp_path, session, earlier=5)
    splits = pl.read_parquet(tmp_path / f"yahoo/splits/{session}.parquet")
    assert splits["ex_date"].to_list() == [ex_date]
    adjusted = yahoo_bars(tmp_path, session).filter(symbol="SPLYT", date=session)["volume"].item()
    as_traded = simulate.as_traded(["SPLYT"], session, SEED).regular[0]
    assert adjusted == pytest.approx(as_traded * splits["ratio"].item(), abs=1)


def test_off_exchange_ratios_are_believable(archive):
    bars = yahoo_bars(archive, AFTER_FRACTIONS).filter(pl.col("symbol").is_in(["PENNY", "WIDER", "NA", "TPC"]))
    ratios = [
        float(finra_rows(archive, day)[symbol][2]) / volume
        for symbol, day, volume in bars.select("symbol", "date", "volume").iter_rows()
    ]
    assert len(ratios) == 4 * 61
    assert min(ratios) >= 0.25
    assert max(ratios) <= 0.6
    assert max(ratios) - min(ratios) > 0.1


def test_volume_spikes_and_waves_over_the_window(archive):
    volumes = (
        yahoo_bars(archive, BEFORE_FRACTIONS)
        .group_by("symbol")
        .agg((pl.col("volume").max() / pl.col("volume").median()).alias("peak"))
    )
    assert volumes["peak"].max() > 2.5


def test_one_ticker_has_paid_a_dividend_inside_the_window_and_no_other_one(archive):
    """FJORD went without its 0.9 % on 2025-12-16: what was before is worth 0.991 of its close to who held it."""
    bars = yahoo_bars(archive, BEFORE_FRACTIONS).with_columns(kept=pl.col("adj_close") / pl.col("close"))
    paying = bars.filter(symbol="FJORD")
    before = pl.col("date") < date(2025, 12, 16)
    assert paying.filter(before)["kept"].to_list() == pytest.approx([0.991] * 56)
    assert paying.filter(~before)["kept"].to_list() == [1.0] * 5
    assert set(bars.filter(pl.col("symbol") != "FJORD")["kept"]) == {1.0}


def test_on_its_day_of_the_story_a_ticker_trades_as_in_none_of_its_window(archive):
    rows = [finra_rows(archive, day)["ALDER"] for day in sessions.window(BEFORE_FRACTIONS, 60)]
    volumes = [float(row[2]) for row in rows]
    assert volumes[-1] == max(volumes) > 2 * sorted(volumes)[30]


def test_a_half_day_trades_less(tmp_path):
    write(tmp_path, sessions.following(HALF_DAY), earlier=2)
    total = {
        day: sum(float(row[2]) for row in finra_rows(tmp_path, day).values())
        for day in (sessions.previous(HALF_DAY), HALF_DAY, sessions.following(HALF_DAY))
    }
    assert total[HALF_DAY] < 0.7 * min(total[sessions.previous(HALF_DAY)], total[sessions.following(HALF_DAY)])


def test_prices_are_in_order(archive):
    bars = yahoo_bars(archive, BEFORE_FRACTIONS)
    assert (bars["low"] <= bars.select(pl.min_horizontal("open", "close")).to_series()).all()
    assert (bars["high"] >= bars.select(pl.max_horizontal("open", "close")).to_series()).all()
    assert bars["low"].min() > 0
    assert (bars.schema["date"], bars.schema["volume"]) == (pl.Date, pl.Float64)
    assert (bars["volume"] == bars["volume"].round()).all()


def test_receipts_say_simulated_and_never_the_clock(archive):
    finra, yahoo = (receipt(archive, source, BEFORE_FRACTIONS) for source in ("finra", "yahoo"))
    assert finra["simulated"] is yahoo["simulated"] is True
    assert len(finra["files"]) == 61
    assert list(yahoo["tickers"]) == sorted(watchlist.tickers(BEFORE_FRACTIONS))
    for entry in [*finra["files"].values(), *yahoo["tickers"].values()]:
        assert entry["address"].startswith("simulated://")
        if entry["file"]:
            assert entry["sha256"] == hashlib.sha256((archive / entry["file"]).read_bytes()).hexdigest()
    own = finra["files"]["CNMSshvol20251222.txt"]
    assert own["retrieved_at"] == "2025-12-23T10:00:00Z"
    assert own["rows"] == len(finra_rows(archive, BEFORE_FRACTIONS))
    assert yahoo["tickers"]["NA"]["retrieved_at"] == "2025-12-23T10:00:00Z"


def test_asked_the_morning_after_a_weekend():
    assert files.asked_at(date(2025, 12, 19)) == datetime.fromisoformat("2025-12-22T10:00:00+00:00")


def test_the_universe_is_the_watchlist(archive):
    lines = (archive / f"universe/demo/{BEFORE_FRACTIONS}.csv").read_text().splitlines()
    assert lines[0] == "ticker,source"
    assert sorted(lines[1:]) == sorted(f"{ticker},demo" for ticker in watchlist.tickers(BEFORE_FRACTIONS))


def test_a_tickers_day_does_not_depend_on_its_company():
    together = simulate.as_traded(["PENNY", "NA", "WIDER"], BEFORE_FRACTIONS, SEED)
    alone = simulate.as_traded(["NA"], BEFORE_FRACTIONS, SEED)
    assert [column[1] for column in together] == [column[0] for column in alone]


def test_a_window_that_does_not_end_with_the_session_is_refused(tmp_path):
    with pytest.raises(ValueError, match="2025-12-22 should end with it, not with 2025-12-19"):
        daily_fetch.fetch(Archive(tmp_path), BEFORE_FRACTIONS, [date(2025, 12, 19)], SEED)


def test_the_watchlist_is_light():
    program = (
        "import sys; from darkpool.vendors.simulated import watchlist\n"
        "sys.exit('numpy' in sys.modules or 'polars' in sys.modules)"
    )
    package = Path(simulate.__file__).parents[3]
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": str(package)})
