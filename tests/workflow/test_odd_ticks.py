"""Odd ticks and bars, copied into an archive, through the whole command: the right number, or none and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from darkpool.market import sessions
from standin import nanoseconds

DAY = "2025-11-20"
N = 1_600
STEP = 14_400_000_000
START = nanoseconds(DAY, "09:30")
SHORT = {"ma": 3, "min_sessions": 3, "window": 5}


def put(root: Path, name: str, frame: pl.DataFrame) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)


def trades(venue: int = 12, prints: bool = True) -> pl.DataFrame:
    """Lit trades of 300 shares in turn at bid and ask of a climbing midpoint: half is bought; and prints between."""
    j = pl.int_range(N, eager=True)
    middle = 100 + 2 * j / N
    lit = pl.DataFrame(
        {
            "participant_timestamp": START + j * STEP + 1_000_000, "sequence_number": 2 * j + 2,
            "price": (middle + pl.select(pl.when(j % 2 == 1).then(0.01).otherwise(-0.01)).to_series()).round(4),
            "size": [300.0] * N, "exchange": [venue] * N, "trf_id": [None] * N, "id": j.cast(pl.String),
        },
        schema_overrides={"trf_id": pl.Int64},
    )  # fmt: skip
    own = lit.with_columns(
        pl.col("participant_timestamp") + 1_000_000, pl.col("sequence_number") + 10**7, price=middle.round(4),
        size=250.0, exchange=pl.lit(4, pl.Int64), trf_id=pl.lit(202, pl.Int64),
    )  # fmt: skip
    return pl.concat([lit, own] if prints else [lit])


def quotes(kept: Callable[[pl.Expr], pl.Expr] = lambda t: pl.lit(True)) -> pl.DataFrame:
    j = pl.int_range(N, eager=True)
    middle = 100 + 2 * j / N
    frame = pl.DataFrame(
        {
            "participant_timestamp": START + j * STEP, "sequence_number": 2 * j + 1,
            "bid_price": (middle - 0.01).round(4), "ask_price": (middle + 0.01).round(4),
        }
    )  # fmt: skip
    return frame.filter(kept(pl.col("participant_timestamp")))


MILLISECONDS = pl.col("t")


def bars(t: pl.Expr = MILLISECONDS) -> pl.DataFrame:
    """390 minutes, three bought and then one sold."""
    i = pl.int_range(390, eager=True)
    frame = pl.DataFrame({"t": START // 10**6 + i * 60_000, "o": [1.0] * 390, "v": [1_000.0] * 390})
    closes = pl.select(pl.when(i % 4 < 3).then(2.0).otherwise(0.5)).to_series()
    return frame.with_columns(t.alias("t"), c=closes)


def buys_twice(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([frame, frame.filter((pl.col("exchange") == 12) & (pl.col("sequence_number") % 4 == 0))])


def without_an_hour(frame: pl.DataFrame) -> pl.DataFrame:
    later = pl.col("t").is_between(nanoseconds(DAY, "10:00") // 10**6, nanoseconds(DAY, "10:59") // 10**6)
    return frame.filter(~later)


SEQUENCES_OF_ZERO = quotes().rename({"participant_timestamp": "sip_timestamp"}).with_columns(sequence_number=0)
TICKS = {
    "CTRL": (trades(), quotes()),
    "ENDS": (trades(), quotes(lambda t: t < nanoseconds(DAY, "10:00"))),
    "TWICE": (buys_twice(trades()), pl.concat([quotes(), quotes()[:7]])),
    "ZEROS": (trades(), pl.concat([SEQUENCES_OF_ZERO.with_columns(bid_price=1.0), SEQUENCES_OF_ZERO])),
    "OTCX": (trades(62, prints=False), quotes()),
    "NOWHERE": (trades(77), quotes()),
}
BARS = {
    "SECONDS": bars(MILLISECONDS // 1_000),
    "ZONED": bars(MILLISECONDS.cast(pl.Datetime("ms", "UTC")).dt.convert_time_zone("America/New_York")),
    "AGAIN": pl.concat([bars(), bars()]),
    "HOLED": without_an_hour(bars()),
    "NAIVE": bars(MILLISECONDS.cast(pl.Datetime("ms"))),
    "UNLIKE": pl.concat([bars(), bars()[:1].with_columns(v=2_000.0)]),
}


def fill(root: Path) -> None:
    names = sorted([*TICKS, *BARS])
    window = sessions.window(date.fromisoformat(DAY), SHORT["window"])
    for day in window:
        rows = [f"{day:%Y%m%d}|{name}|1000|0|400000|B,Q,N" for name in names]
        path = root / f"finra/regsho/CNMSshvol{day:%Y%m%d}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        header = "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market"
        path.write_bytes("\r\n".join([header, *rows, str(len(rows)), ""]).encode())
    daily = [(name, day, *[10.0] * 4, 880_000.0) for name in names for day in window]
    columns = ["symbol", "date", "open", "high", "low", "close", "volume"]
    put(root, f"yahoo/daily/{DAY}.parquet", pl.DataFrame(daily, schema=columns, orient="row"))
    splits = pl.DataFrame(schema={"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64})
    put(root, f"yahoo/splits/{DAY}.parquet", splits)
    for name, (tape, book) in TICKS.items():
        put(root, f"polygon/trades/{DAY}/{name}.parquet", tape)
        put(root, f"polygon/quotes/{DAY}/{name}.parquet", book)
    for name, frame in BARS.items():
        put(root, f"yahoo/minute_bars/{DAY}/{name}.parquet", frame)


@pytest.fixture(scope="module")
def odd(copy_project, tmp_path_factory):
    project = copy_project(tmp_path_factory.mktemp("odd"))
    fill(project.root / "resources/archive")
    scan = {"archive": "resources/archive", "tickers": [*TICKS, *BARS], "universe": []}
    config = {"offline": True, "scans": {"emps2": scan}, "history": SHORT}
    project.finish(project.target(DAY), config=config)
    return project


def row(odd, ticker: str) -> dict:
    return odd.features(DAY)[ticker]


def notes(odd) -> list[str]:
    return json.loads(pl.read_parquet_metadata(odd.folder(DAY) / "features.parquet")["notes"])


def test_a_sound_tape_is_half_bought(odd):
    found = row(odd, "CTRL")
    assert (found["lit_buy_ratio"], found["signal"], found["classification_method"]) == (0.5, "", "NBBO")
    assert found["quality"] == ""


def test_quotes_that_end_sign_nothing_afterwards_and_it_is_said(odd):
    found = row(odd, "ENDS")
    assert found["lit_buy_ratio"] == pytest.approx(0.5, abs=0.02)
    assert (found["signal"], found["classification_method"], found["quality"]) == ("", "NBBO+TICK", "stale_quotes")


def test_buys_that_stand_in_the_file_twice_count_once_and_are_told(odd):
    assert (row(odd, "TWICE")["lit_buy_ratio"], row(odd, "TWICE")["quality"]) == (0.5, "")
    (told,) = [note for note in notes(odd) if note.startswith("Identical rows")]
    assert "TWICE (7 quotes, 800 trades)" in told
    assert "AGAIN (390 bars)" in told


def test_quotes_numbered_zero_throughout_are_all_real_and_the_later_of_a_moment_counts(odd):
    assert (row(odd, "ZEROS")["lit_buy_ratio"], row(odd, "ZEROS")["classification_method"]) == (0.5, "NBBO")
    assert not [note for note in notes(odd) if "ZEROS" in note]


def test_an_otc_equity_has_no_lit_side_and_its_prints_are_finras(odd):
    found = row(odd, "OTCX")
    assert (found["lit_buy_ratio"], found["estimated_bought"]) == (None, None)
    assert "no_lit" in found["quality"].split(",")
    checks = odd.table("reconciliation", DAY).filter(pl.col("ticker") == "OTCX", pl.col("check") == "trf_prints")
    assert checks.select("left").item() == 480_000


def test_a_venue_that_nobody_knows_is_not_lit_and_told_with_its_shares(odd):
    assert row(odd, "NOWHERE")["lit_buy_ratio"] is None
    told = "Venues that the list does not know do not count as lit: 77, 480,000 shares of NOWHERE."
    assert told in notes(odd)


@pytest.mark.parametrize("ticker", ["SECONDS", "ZONED", "AGAIN"])
def test_bars_are_read_right_in_any_unit_that_tells_the_moment_and_once(odd, ticker):
    found = row(odd, ticker)
    assert (found["lit_buy_ratio"], found["quality"]) == (pytest.approx(293 / 390), "bars_only")


def test_an_hour_without_bars_is_a_flag(odd):
    assert row(odd, "HOLED")["quality"] == "bars_gap,bars_only"


@pytest.mark.parametrize(
    ("ticker", "why"), [("NAIVE", "column t is a time without a zone"), ("UNLIKE", "column t: two different bars")]
)
def test_bars_that_cannot_be_understood_give_no_number_and_name_file_and_column(odd, ticker, why):
    assert (row(odd, ticker)["lit_buy_ratio"], row(odd, ticker)["quality"]) == (None, "no_lit")
    (told,) = [note for note in notes(odd) if note.startswith(f"{ticker}: not usable: ")]
    assert f"yahoo/minute_bars/{DAY}/{ticker}.parquet: {why}" in told
