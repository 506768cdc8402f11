import hashlib
import json
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from darkpool.archive.store import Archive, file_name
from darkpool.market import sessions
from darkpool.measures import lit
from darkpool.vendors.simulated import markets, tick_fetch, watchlist
from darkpool.vendors.simulated import volumes as simulate

SESSION = date(2025, 12, 22)
HALF_DAY = date(2025, 12, 24)
FRACTIONAL = date(2026, 3, 27)
SEED = 7
QUOTED = ("BRK.B", "NA", "TPC", "PENNY", "WIDER", "SPLYT", "ZZUNK")
OFF_QUOTE = {2, 10, 22, 53}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    for session in (SESSION, HALF_DAY, FRACTIONAL):
        tick_fetch.fetch(Archive(folder), session, SEED)
    return folder


def path(root: Path, kind: str, ticker: str, session: date = SESSION) -> Path:
    return root / kind / str(session) / f"{file_name(ticker)}.parquet"


@cache
def trades(root: Path, ticker: str, session: date = SESSION) -> pl.DataFrame:
    """The trades with the true side, the quote strictly before each, and what sets each apart."""
    frame = pl.read_parquet(path(root, "polygon/trades", ticker, session))
    frame = frame.join(pl.read_parquet(path(root, "truth", ticker, session)), on="id")
    codes = pl.col("conditions").list
    frame = frame.with_columns(
        lit=pl.col("exchange") != 4,
        cancelled=pl.col("correction") != 0,
        auction=codes.contains(8) | codes.contains(25),
        official=codes.contains(15) | codes.contains(16),
        off_hours=codes.contains(12),
        odd=codes.contains(33) | pl.any_horizontal(codes.contains(code) for code in OFF_QUOTE),
    )
    quoted = path(root, "polygon/quotes", ticker, session)
    if not quoted.exists():
        return frame
    quote = pl.read_parquet(quoted).sort("participant_timestamp", "sequence_number")
    at = np.searchsorted(quote["participant_timestamp"].to_numpy(), frame["participant_timestamp"].to_numpy()) - 1
    return frame.with_columns(bid=quote["bid_price"].gather(at), ask=quote["ask_price"].gather(at))


def continuous(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("lit"), ~pl.any_horizontal("cancelled", "auction", "official", "off_hours"))


def prints(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(~pl.col("lit"), ~pl.any_horizontal("cancelled", "off_hours"))


def buying(frame: pl.DataFrame) -> float:
    return frame.filter(side=1)["size"].sum() / frame["size"].sum()


def day_of(ticker: str, session: date) -> tuple[float, float]:
    day = simulate.as_traded([ticker], session, SEED)
    return day.regular[0], day.trf[0]


def fingerprints(root: Path) -> dict[str, str]:
    files = sorted(file for file in root.rglob("*") if file.is_file())
    return {file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_the_same_seed_writes_the_same_bytes(root, tmp_path):
    for session in (SESSION, HALF_DAY, FRACTIONAL):
        tick_fetch.fetch(Archive(tmp_path), session, SEED)
    assert fingerprints(root) == fingerprints(tmp_path)


def test_files_that_are_there_are_left_alone(root, tmp_path):
    kept = path(tmp_path, "polygon/trades", "NA")
    kept.parent.mkdir(parents=True)
    kept.write_bytes(path(root, "polygon/trades", "TpC").read_bytes())
    before = kept.read_bytes()
    tick_fetch.fetch(Archive(tmp_path), SESSION, SEED)
    assert kept.read_bytes() == before
    quotes = path(tmp_path, "polygon/quotes", "NA")
    assert quotes.read_bytes() == path(root, "polygon/quotes", "NA").read_bytes()


def test_the_fields_are_the_vendors(root):
    schema = pl.read_parquet_schema(path(root, "polygon/trades", "NA"))
    assert list(schema) == [
        "conditions", "correction", "exchange", "id", "participant_timestamp", "price", "sequence_number",
        "sip_timestamp", "size", "tape", "trf_id", "trf_timestamp",
    ]  # fmt: skip
    assert schema["conditions"] == pl.List(pl.Int32)
    assert (schema["id"], schema["participant_timestamp"], schema["price"]) == (pl.String, pl.Int64, pl.Float64)
    assert list(pl.read_parquet_schema(path(root, "polygon/quotes", "NA"))) == [
        "ask_exchange", "ask_price", "ask_size", "bid_exchange", "bid_price", "bid_size", "participant_timestamp",
        "sequence_number", "sip_timestamp", "tape",
    ]  # fmt: skip
    assert list(pl.read_parquet_schema(path(root, "polygon/minute_bars", "NA"))) == ["t", *"ohlcv", "vw", "n"]
    assert list(pl.read_parquet_schema(path(root, "truth", "NA"))) == ["id", "side"]


def test_trades_carry_no_bid_ask_or_side(root):
    names = set(pl.read_parquet_schema(path(root, "polygon/trades", "NA")))
    assert not names & {"bid", "ask", "bid_price", "ask_price", "side"}


def test_case_and_class_survive_in_file_names(root):
    folder = root / "polygon/trades" / str(SESSION)
    assert {"T%70C.parquet", "TPC.parquet", "BRK.B.parquet", "NA.parquet"} <= {file.name for file in folder.iterdir()}


@pytest.mark.parametrize("session", [SESSION, HALF_DAY, FRACTIONAL])
@pytest.mark.parametrize("ticker", QUOTED)
def test_regular_hours_prints_add_up_to_finras_volume(root, ticker, session):
    found = prints(trades(root, ticker, session))
    assert found["size"].sum() == pytest.approx(day_of(ticker, session)[1], abs=1e-5)


@pytest.mark.parametrize("session", [SESSION, HALF_DAY, FRACTIONAL])
@pytest.mark.parametrize("ticker", QUOTED)
def test_all_trades_add_up_to_yahoos_volume(root, ticker, session):
    counted = trades(root, ticker, session).filter(~pl.col("cancelled"), ~pl.col("official"))
    assert counted["size"].sum() == pytest.approx(day_of(ticker, session)[0], abs=1)


def test_the_official_prices_repeat_the_auctions(root):
    frame = trades(root, "NA").filter(~pl.col("cancelled"))
    auctions, official = (frame.filter(pl.col(kind)).sort("participant_timestamp") for kind in ("auction", "official"))
    assert auctions["size"].to_list() == official["size"].to_list()
    assert auctions["price"].to_list() == official["price"].to_list()
    assert auctions["side"].null_count() == 2
    day = simulate.as_traded(["NA"], SESSION, SEED)
    assert auctions["price"].to_list() == [day.open[0], day.close[0]]


@pytest.mark.parametrize("ticker", QUOTED)
def test_a_lit_trade_at_the_quote_is_on_its_aggressors_side(root, ticker):
    frame = continuous(trades(root, ticker)).filter(pl.col("bid") < pl.col("ask"))
    at_ask, at_bid = frame.filter(pl.col("price") >= pl.col("ask")), frame.filter(pl.col("price") <= pl.col("bid"))
    assert at_ask["side"].unique().to_list() == [1]
    assert at_bid["side"].unique().to_list() == [-1]
    assert at_ask.height + at_bid.height > 0.8 * frame.height


def test_hidden_executions_trade_inside_the_spread(root):
    frame = continuous(trades(root, "WIDER"))
    inside = frame.filter((pl.col("price") > pl.col("bid")) & (pl.col("price") < pl.col("ask")))
    assert 0.08 * frame.height < inside.height < 0.2 * frame.height
    assert set(inside["side"]) == {1, -1}


def test_penny_wide_is_a_cent_and_wide_is_many(root):
    def spreads(ticker):
        quotes = pl.read_parquet(path(root, "polygon/quotes", ticker)).filter(pl.col("ask_price") > pl.col("bid_price"))
        return ((quotes["ask_price"] - quotes["bid_price"]) * 100).round()

    assert spreads("PENNY").median() == 1
    assert (spreads("PENNY") == 1).mean() > 0.95
    assert spreads("WIDER").median() > 15


def test_quotes_lock_everywhere_and_cross_where_they_should(root):
    for ticker in QUOTED:
        quotes = pl.read_parquet(path(root, "polygon/quotes", ticker))
        bid, ask = quotes["bid_price"], quotes["ask_price"]
        assert (bid == ask).any()
        assert ((bid > ask) & (ask > 0)).any() == (ticker in {"BRK.B", "WIDER", "SPLYT"})
        assert (ask == 0).any(), "a one-sided quote before the open"


def test_some_trades_share_the_moment_of_a_quote(root):
    moments = pl.read_parquet(path(root, "polygon/quotes", "NA"))["participant_timestamp"]
    assert continuous(trades(root, "NA"))["participant_timestamp"].is_in(moments.implode()).mean() > 0.04


def test_midpoint_prints_are_at_true_sub_penny_midpoints(root):
    frame = prints(trades(root, "PENNY")).filter(pl.col("ask") > pl.col("bid"), ~pl.col("odd"))
    ten_thousandths = (frame["price"] * 10_000).round().cast(pl.Int64)
    middle = ((frame["bid"] + frame["ask"]) * 5_000).round().cast(pl.Int64)
    assert 0.15 < (ten_thousandths == middle).mean() < 0.35
    assert frame.filter(ten_thousandths == middle)["price"].to_list()[0] * 1000 % 10 == pytest.approx(5)


def test_retail_prints_improve_the_quote_by_tenths_of_a_cent(root):
    frame = prints(trades(root, "PENNY")).filter(pl.col("ask") > pl.col("bid"), ~pl.col("odd"))
    better = pl.when(side=1).then(pl.col("ask") - pl.col("price")).otherwise(pl.col("price") - pl.col("bid"))
    tenths = (frame.select(better.alias("b"))["b"] * 1_000).round(6)
    assert tenths.is_between(0.999, 3.001).mean() > 0.3
    improved = tenths.filter(tenths.is_between(0.999, 3.001))
    assert ((improved - improved.round()).abs() < 1e-6).all()


def test_prices_are_whole_hundredths_of_a_cent(root):
    assert all(price == round(price, 4) for price in trades(root, "WIDER")["price"].to_list())


def test_prints_come_late_and_only_prints(root):
    frame = trades(root, "SPLYT")
    delay = (frame["sip_timestamp"] - frame["participant_timestamp"]) / 1e9
    assert frame.filter(delay < 0).is_empty()
    assert frame.filter(pl.col("lit"), delay > 0.5).is_empty()
    late = prints(frame.filter(delay > 2)).height / prints(frame).height
    assert 0.03 < late < 0.1
    assert frame["sip_timestamp"].is_sorted()
    assert not frame["participant_timestamp"].is_sorted()
    out_of_sequence = frame.filter(pl.col("conditions").list.contains(33), ~pl.col("cancelled"))
    assert out_of_sequence.height > 0
    assert ((out_of_sequence["sip_timestamp"] - out_of_sequence["participant_timestamp"]) >= 60e9).all()


def test_only_finra_prints_have_a_facility(root):
    frame = trades(root, "NA")
    assert frame.filter("lit").select(pl.col("trf_id", "trf_timestamp").is_null().all()).row(0) == (True, True)
    off_exchange = frame.filter(~pl.col("lit"))
    assert set(off_exchange["trf_id"]) == {201, 202, 203}
    assert off_exchange["trf_timestamp"].null_count() == 0


def test_odd_lots_are_marked(root):
    frame = trades(root, "NA").filter(~pl.col("auction"), ~pl.col("official"))
    assert (frame["conditions"].list.contains(37) == (frame["size"] < 100)).all()
    assert 0.1 < (frame["size"] < 100).mean() < 0.95


def test_cancelled_trades_stay_on_the_tape(root):
    frame = trades(root, "PENNY")
    assert set(frame["correction"]) == {0, 8}
    assert 5 < frame["cancelled"].sum() < 0.01 * frame.height


def test_trades_have_their_own_ids_and_growing_numbers_with_gaps(root):
    frame = trades(root, "NA")
    assert frame["id"].n_unique() == frame.height
    steps = frame["sequence_number"].diff().drop_nulls()
    assert steps.min() >= 1
    assert steps.max() > 1


def test_sizes_turn_fractional_on_finra_prints_alone(root):
    before, after = trades(root, "NA", SESSION), trades(root, "NA", FRACTIONAL)
    assert "decimal_size" not in before.columns
    assert (before["size"] == before["size"].round()).all()
    fractional = after.filter(pl.col("size") != pl.col("size").round())
    assert fractional.height > 100
    assert not fractional["lit"].any()
    assert (after["decimal_size"].cast(pl.Float64) == after["size"]).all()
    assert after["decimal_size"].str.contains(r"^\d+(\.\d{1,6})?$").all()


def test_the_hours_are_the_sessions_own(root):
    for session in (SESSION, HALF_DAY):
        frame = trades(root, "NA", session)
        opens, closes = (moment.timestamp() * 1e9 for moment in (sessions.opens(session), sessions.closes(session)))
        for part in (continuous(frame), prints(frame)):
            assert part["participant_timestamp"].min() >= opens
            assert part["participant_timestamp"].max() < closes
        off_hours = frame.filter("off_hours")["participant_timestamp"]
        assert off_hours.min() < opens
        assert off_hours.max() > closes


def test_minute_bars_hold_exchanges_and_prints_together(root):
    frame = trades(root, "NA").filter(~pl.any_horizontal("cancelled", "auction", "official", "odd"))
    bars = pl.read_parquet(path(root, "polygon/minute_bars", "NA"))
    assert bars["t"].is_sorted()
    assert (bars["t"] % 60_000 == 0).all()
    assert bars["v"].sum() == pytest.approx(frame["size"].sum())
    assert bars["n"].sum() == frame.height
    start = bars["t"][200]
    moment = pl.col("participant_timestamp") // 1_000_000
    minute = frame.filter(moment.is_between(start, start + 60_000, closed="left"))
    minute = minute.sort("participant_timestamp", maintain_order=True)
    bar = bars.row(200, named=True)
    price = minute["price"]
    assert (bar["o"], bar["h"], bar["l"], bar["c"]) == (price[0], price.max(), price.min(), price[-1])
    assert bar["vw"] == pytest.approx((price * minute["size"]).sum() / minute["size"].sum())


def test_what_a_ticker_has_is_what_the_receipt_says(root):
    receipt = json.loads((root / f"receipts/polygon/{SESSION}.json").read_text())
    assert receipt["simulated"] is True
    assert list(receipt["tickers"]) == sorted(watchlist.tickers(SESSION))
    for ticker, entries in receipt["tickers"].items():
        assert list(entries) == sorted(markets.KINDS)
        for kind, entry in entries.items():
            assert entry["address"].startswith("simulated://")
            assert entry["retrieved_at"] == "2025-12-23T10:00:00Z"
            file = path(root, f"polygon/{kind}", ticker)
            assert file.exists() == (entry["state"] == "published") == (entry["file"] is not None)
            if file.exists():
                assert root / entry["file"] == file
                assert entry["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
                assert entry["rows"] == pl.read_parquet(file).height
    there = {t: [k for k, e in kinds.items() if e["state"] == "published"] for t, kinds in receipt["tickers"].items()}
    assert there["NA"] == ["minute_bars", "quotes", "trades"]
    assert (there["NOQTE"], there["BARSO"], there["NOLIT"]) == (["minute_bars", "trades"], ["minute_bars"], [])
    assert not path(root, "truth", "BARSO").exists()


def test_a_page_holds_every_method_signal_and_disagreement(root):
    for session in (SESSION, HALF_DAY, FRACTIONAL):
        flows = {}
        for ticker in watchlist.tickers(session):
            files = [path(root, f"polygon/{kind}", ticker, session) for kind in markets.KINDS]
            found = [file if file.exists() else None for file in files]
            flows[ticker] = lit.classify_symbol(*found, sessions.trading_hours(session))
        methods = {flow.lit["classification_method"] for flow in flows.values()}
        assert methods == {"NBBO", "NBBO+TICK", "TICK", "BARS", "NONE"}
        assert flows["TpC"].lit["lit_buy_ratio"] is None
        assert flows["TpC"].lit["lit_trades"] > 0
        assert not any(flow.unknown_conditions for flow in flows.values())

        def mood(ratio):
            return "BOT" if ratio > 1.25 * (1 - ratio) else "SELL" if ratio < 0.8 * (1 - ratio) else ""

        both = [
            (mood(flow.lit["lit_buy_ratio"]), mood(flow.trf["trf_buy_ratio"]))
            for flow in flows.values()
            if flow.trf and flow.lit["lit_buy_ratio"] is not None
        ]
        assert {on_exchange for on_exchange, _ in both} == {"BOT", "SELL", ""}
        assert {on_exchange == off_exchange for on_exchange, off_exchange in both} == {True, False}


def test_the_inference_finds_the_true_pressure(root):
    for ticker in QUOTED:
        frame = trades(root, ticker)
        files = (path(root, f"polygon/{kind}", ticker) for kind in markets.KINDS)
        flow = lit.classify_symbol(*files, sessions.trading_hours(SESSION))
        assert flow.lit["lit_buy_ratio"] == pytest.approx(buying(continuous(frame)), abs=0.03)
        assert flow.trf["trf_buy_ratio"] == pytest.approx(buying(prints(frame)), abs=0.06)


def test_a_ticker_without_off_exchange_volume_has_no_prints(tmp_path):
    day = next(day for day in sessions.window(SESSION, 200) if day_of("TpC", day)[1] == 0)
    tick_fetch.fetch(Archive(tmp_path), day, SEED)
    frame = trades(tmp_path, "TpC", day)
    assert prints(frame).is_empty()
    assert continuous(frame).height > 5
