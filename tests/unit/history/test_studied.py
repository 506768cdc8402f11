"""The study of a scan, from its folders and its archive to its table, its words and its figure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import index_folders
import market_rows
from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.cli import main
from darkpool.history import studied
from darkpool.market import sessions
from darkpool.session.selection import NotThere
from darkpool.show import study_words
from darkpool.tables import contracts, study_table
from parquet_bytes import parquet

FIRST = date(2025, 3, 3)
COUNT, TICKERS = 130, [f"T{number:02}" for number in range(12)]
BARS = {
    "symbol": pl.String, "date": pl.Date, "open": pl.Float64, "close": pl.Float64, "adj_close": pl.Float64,
    "volume": pl.Float64,
}  # fmt: skip
SPLITS = {"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}


def days(count: int = COUNT) -> list[date]:
    return sessions.between(FIRST, FIRST + timedelta(days=400))[:count]


def made(folder: Path, effect: float, count: int = COUNT, seed: int = 3) -> Archive:
    """A scan whose `offex_ratio_z` of a session moves the next one's price by `effect` of its own noise."""
    random = np.random.default_rng(seed)
    calendar = days(count)
    z = random.normal(size=(count, len(TICKERS)))
    move = random.normal(0, 0.02, z.shape)
    move[1:] += 0.02 * effect * z[:-1]
    close = 50 * np.exp(np.cumsum(move, axis=0))
    opened = np.vstack([close[:1], close[:-1]])
    scan = folder / "results" / "emps2"
    for number, day in enumerate(calendar):
        columns = {"offex_ratio_z": dict(zip(TICKERS, z[number].tolist(), strict=True))}
        index_folders.put(scan, str(day), dict.fromkeys(TICKERS), manifest=False, page=False, **columns)
    rows = [
        (ticker, day, opened[n, i], close[n, i], close[n, i], 1e6)
        for n, day in enumerate(calendar)
        for i, ticker in enumerate(TICKERS)
    ]
    archive = Archive(folder / "archive")
    moment = datetime(2026, 1, 2, 12, tzinfo=UTC)
    archive.keep(layout.yahoo_daily(calendar[-1]), parquet(rows, BARS), moment)
    archive.keep(layout.yahoo_splits(calendar[-1]), parquet([], SPLITS), moment)
    return Archive(archive.root)


def studied_in(folder: Path, archive: Archive) -> study_table.StudyTable:
    told = study_table.read(studied.write(folder / "results" / "emps2", archive))
    assert told is not None
    return told


def row(told: study_table.StudyTable, feature: str, horizon: int = 1) -> dict:
    return told.rows.filter(pl.col("feature") == feature, pl.col("horizon") == horizon).row(0, named=True)


def test_a_planted_effect_is_found_through_folders_and_archive(tmp_path):
    told = studied_in(tmp_path, made(tmp_path, 0.5))
    assert row(told, "offex_ratio_z")["verdict"] in ("signal", "net_of_cost")
    assert row(told, "offex_ratio_z")["ic_mean"] == pytest.approx(0.4, abs=0.1)
    assert row(told, "accum_score")["sessions"] == 0  # constant: it has no rank correlation
    assert told.without_dividends == []
    words = study_words.sentences(told)
    assert words[0].startswith("Ratio z: high values came before higher returns 1 session later (IC +0.")
    assert not any("dividends" in sentence for sentence in words)


def test_nothing_is_found_where_there_is_nothing(tmp_path):
    told = studied_in(tmp_path, made(tmp_path, 0.0))
    assert row(told, "offex_ratio_z")["verdict"] == "none"
    words = study_words.sentences(told)
    assert "Ratio z says nothing of the price 1 session later." in words


def test_two_studies_of_the_same_folders_are_the_same_bytes(tmp_path):
    archive = made(tmp_path, 0.3, 40)
    scan = tmp_path / "results" / "emps2"
    first = studied.write(scan, archive).read_bytes()
    assert studied.write(scan, Archive(archive.root)).read_bytes() == first


def test_no_price_up_to_the_close_of_the_session_counts(tmp_path):
    """What a trader could not have had: a price of the session itself, or of before, changes nothing."""
    archive = made(tmp_path, 0.3, 40)
    before = studied_in(tmp_path, archive)
    panel = studied.panel(tmp_path / "results" / "emps2", archive)
    first = panel.sessions[0]
    path = archive.path(layout.yahoo_daily(panel.sessions[-1]))
    bars = pl.read_parquet(path)
    factor = pl.when(pl.col("date") == first).then(3.0).otherwise(1.0)
    path.write_bytes(parquet(bars.with_columns(pl.col("open", "close", "adj_close") * factor).rows(), BARS))
    assert studied_in(tmp_path, Archive(archive.root)).rows.equals(before.rows)
    factor = pl.when((pl.col("date") == panel.sessions[1]) & (pl.col("symbol") == "T03")).then(3.0).otherwise(1.0)
    path.write_bytes(parquet(bars.with_columns(pl.col("open") * factor).rows(), BARS))
    assert not studied_in(tmp_path, Archive(archive.root)).rows.equals(before.rows)


def test_too_little_says_how_much_is_missing(tmp_path):
    told = studied_in(tmp_path, made(tmp_path, 0.3, 20))
    assert set(told.rows["verdict"]) == {"too_little"}
    [sentence] = [one for one in study_words.sentences(told) if one.startswith("Too little")]
    assert "1 session later 82 sessions" in sentence  # 101 are needed, 19 are there
    assert study_words.sentences(told)[-1] == (
        "To see an IC of 0.02 (t above 3) one session later takes 3,352 sessions of 12 tickers that move independently "
        "of each other."
    )


def test_without_yahoos_adjusted_close_the_returns_leave_dividends_out_and_say_so(tmp_path):
    archive = made(tmp_path, 0.3, 30)
    path = archive.path(layout.yahoo_daily(days(30)[-1]))
    bars = pl.read_parquet(path)
    path.write_bytes(parquet(bars.drop("adj_close").rows(), {k: v for k, v in BARS.items() if k != "adj_close"}))
    told = studied_in(tmp_path, Archive(archive.root))
    assert told.without_dividends is None
    assert any("leave dividends out" in one for one in study_words.sentences(told))


def test_a_close_that_lacks_its_adjustment_takes_dividends_from_its_own_ticker_alone(tmp_path):
    archive = made(tmp_path, 0.3, 30)
    path = archive.path(layout.yahoo_daily(days(30)[-1]))
    bars = pl.read_parquet(path)
    is_odd = (pl.col("symbol") == "T03") & (pl.col("date") == days(30)[4])
    paid = bars.with_columns(adj_close=pl.when(~is_odd).then(pl.col("close") * 0.98))
    path.write_bytes(parquet(paid.select(list(BARS)).rows(), BARS))
    found = studied.panel(tmp_path / "results" / "emps2", Archive(archive.root))
    assert found.without_dividends == ("T03",)
    closes = {ticker: found.prices.adj_close[5, at] for at, ticker in enumerate(found.tickers)}
    [traded] = bars.filter(pl.col("symbol") == "T03", pl.col("date") == found.sessions[5])["close"]
    assert closes["T03"] == pytest.approx(traded)
    [traded] = bars.filter(pl.col("symbol") == "T02", pl.col("date") == found.sessions[5])["close"]
    assert closes["T02"] == pytest.approx(0.98 * traded)
    words = study_words.sentences(studied_in(tmp_path, Archive(archive.root)))
    assert (
        "Returns of T03 leave dividends out: Yahoo's adjusted close is not known for every close, on one basis."
        in words
    )


def test_a_study_that_was_written_before_tickers_were_told_apart_is_read(tmp_path):
    told = studied_in(tmp_path, made(tmp_path, 0.3, 20))
    path = tmp_path / "study.parquet"
    study_table.write(told, path)
    for dividends, without in (("true", []), ("false", None)):
        about = {**contracts.metadata(path), "dividends": dividends}
        del about["without_dividends"]
        old = tmp_path / "old.parquet"
        contracts.write("study", told.rows.select(contracts.CONTRACTS["study"].names), old, **about)
        assert study_table.read(old).without_dividends == without


def test_unusual_volume_goes_on_by_the_screens_on_disk(tmp_path):
    """Twelve core names; who trades three times its normal does so the next session too."""
    archive = made(tmp_path, 0.0, 15)
    scan = tmp_path / "results" / "emps2"
    for number, day in enumerate(days(15)):
        rows = []
        for place in range(12):
            wave = np.sin((number + place) / 2)
            name = market_rows.name(f"N{place:02}", place + 1, volume_z=5 * wave, volume_multiple=float(np.exp(wave)))
            rows.append({**name, "date": day})
        columns = contracts.CONTRACTS["market_screen"].names
        frame = contracts.frame("market_screen", {column: [row[column] for row in rows] for column in columns})
        contracts.write("market_screen", frame, scan / str(day) / "market_screen.parquet")
    damaged = scan / str(days(15)[0]) / "market_screen.parquet"
    damaged.write_bytes(b"PAR1")
    told = studied_in(tmp_path, archive)
    [fault] = told.faults
    assert str(damaged) in fault
    found = told.continuation
    assert [one["horizon"] for one in found] == [1, 5, 10]
    assert found[0]["ic_mean"] > 0.5
    assert found[0]["multiple"] > 2
    assert any(one.startswith("Unusual volume goes on") for one in study_words.sentences(told))


def test_a_scan_without_a_session_says_so(tmp_path):
    (tmp_path / "results" / "emps2").mkdir(parents=True)
    with pytest.raises(NotThere, match=r"no session in .* can be studied"):
        studied.write(tmp_path / "results" / "emps2", Archive(tmp_path))


def test_a_study_that_cannot_be_read_is_none(tmp_path):
    assert study_table.read(tmp_path / "study.parquet") is None
    (tmp_path / "study.parquet").write_bytes(b"PAR1")
    assert study_table.read(tmp_path / "study.parquet") is None


def test_the_command_writes_table_and_figure_and_the_index_tells_the_verdict(tmp_path, monkeypatch, capsys):
    archive = made(tmp_path, 0.3, 20)
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(f"scans: {{emps2: {{archive: {archive.root}, tickers: [SPY]}}}}\n")
    assert main.main(["study"]) == 0
    out = capsys.readouterr().out
    assert "too_little" in out
    assert "Too little to say anything" in out
    scan = Path("results/emps2")
    assert (scan / "study.png").read_bytes().startswith(b"\x89PNG")
    text = (scan / "index.html").read_text()
    assert "What the scores say of the price" in text
    assert "Too little to say anything" in text
    assert 'href="study.png"' in text


def test_a_scan_that_the_configuration_does_not_know_is_named(tmp_path, monkeypatch, capsys):
    made(tmp_path, 0.3, 5)
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("scans: {other: {tickers: [SPY]}}\n")
    assert main.main(["study"]) == 1
    assert "scan emps2 is not in config.yaml" in capsys.readouterr().err
