"""The study of the whole market: screens and Polygon's grouped prices to its table, its words and its figure."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import index_folders
import market_rows
from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.cli import main
from darkpool.history import market_studied
from darkpool.market import sessions
from darkpool.measures.study import study
from darkpool.show import study_words
from darkpool.tables import contracts, study_table
from darkpool.vendors.entries import new_entry
from darkpool.vendors.parquet_file import content
from darkpool.vendors.polygon import grouped_fetch
from parquet_bytes import parquet
from standin import nanoseconds

COUNT = 120
NAMES = ["BRK.B", "ABRpD", *(f"N{number:02}" for number in range(24))]
CALENDAR = sessions.between(date(2025, 3, 3), date(2026, 3, 3))
LATER = datetime(2026, 3, 4, 12, tzinfo=UTC)
BARS = {"symbol": pl.String, "date": pl.Date, "close": pl.Float64, "volume": pl.Float64}
SPLITS = {"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}


class Market:
    """A made market: `z` of a session moves the next one's price by `effect` of its own noise.

    `split`: name and new shares per old from the session in the middle on, which nobody names.
    """

    def __init__(self, folder: Path, effect: float = 0.0, count: int = COUNT, seed: int = 5) -> None:
        random = np.random.default_rng(seed)
        self.days = CALENDAR[:count]
        self.scan, self.archive = folder / "results" / "emps2", Archive(folder / "archive")
        self.z = random.normal(size=(count, len(NAMES)))
        move = random.normal(0, 0.02, self.z.shape)
        move[1:] += 0.02 * effect * self.z[:-1]
        self.close = 50 * np.exp(np.cumsum(move, axis=0))
        self.open = np.vstack([self.close[:1], self.close[:-1]])
        self.volume = 1e6 * np.exp(random.normal(0, 0.3, self.z.shape))

    def split(self, name: str, ratio: float, row: int) -> None:
        column = NAMES.index(name)
        for price in (self.open, self.close):
            price[row:, column] /= ratio
        self.volume[row:, column] *= ratio

    def screens(self, z: np.ndarray | None = None) -> Market:
        names = contracts.CONTRACTS["market_screen"].names
        for row, day in enumerate(self.days):
            screened = [
                {
                    **market_rows.name(name, 1, volume_z=float(value), volume_multiple=float(np.exp(value))),
                    "date": day, "symbol": name.replace(".", "/"), "trf_volume": 4e5,
                }
                for name, value in zip(NAMES, (self.z if z is None else z)[row], strict=True)
            ]  # fmt: skip
            odd = market_rows.name("QUIET", None, volume_z=40.0)
            rows = sorted([*screened, {**odd, "date": day}], key=lambda one: one["ticker"])
            frame = contracts.frame("market_screen", {column: [one[column] for one in rows] for column in names})
            contracts.write("market_screen", frame, self.scan / str(day) / "market_screen.parquet", simulated="false")
        return self

    def prices(self, days: list[date] | None = None) -> Market:
        for row, day in enumerate(self.days):
            if days is not None and day not in days:
                continue
            bars = {"T": [*NAMES, "OTHER"], "t": [nanoseconds(str(day), "16:00") // 10**6] * (len(NAMES) + 1)}
            columns = {"o": self.open, "c": self.close, "v": self.volume}
            bars |= {field: [*part[row].tolist(), 1.0] for field, part in columns.items()}
            path = self.archive.path(layout.polygon_grouped(day))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content(pl.DataFrame(bars)))
        self.archive = Archive(self.archive.root)
        return self

    def studied(self) -> study_table.StudyTable:
        told = study_table.read(market_studied.write(self.scan, Archive(self.archive.root)))
        assert told is not None
        return told

    def panel(self) -> market_studied.Panel:
        return market_studied.panel(self.scan, Archive(self.archive.root))


def row(told: study_table.StudyTable, feature: str, horizon: int = 1) -> dict:
    return told.rows.filter(pl.col("feature") == feature, pl.col("horizon") == horizon).row(0, named=True)


def test_a_planted_effect_is_found_in_the_whole_market(tmp_path):
    told = Market(tmp_path, effect=0.5).screens().prices().studied()
    assert set(told.rows["feature"]) == set(market_studied.FEATURES)
    for name in ("volume_z", "volume_multiple"):  # which rank the names alike
        found = row(told, name)
        assert found["verdict"] in ("signal", "net_of_cost")
        assert found["ic_mean"] == pytest.approx(0.4, abs=0.1)
        assert (found["sessions"], found["tickers_median"]) == (COUNT - 1, len(NAMES))
    assert row(told, "offex_ratio")["verdict"] == "none"
    assert (told.panel, told.tickers, told.faults) == ("market", len(NAMES), [])
    words = study_words.sentences(told)
    assert words[0].startswith("Multiple: high values came before higher returns 1 session later (IC +0.4")
    assert "Returns leave dividends out: Polygon's prices are as traded." in words
    assert "the whole market's core names" in study_words.limit(told)


def test_nothing_is_found_on_shuffled_sessions(tmp_path):
    market = Market(tmp_path, effect=0.5)
    shuffled = market.z[np.random.default_rng(11).permutation(COUNT)]
    told = market.screens(shuffled).prices().studied()
    assert set(told.rows.filter(pl.col("horizon") == 1)["verdict"]) == {"none"}


def test_the_ratio_is_of_the_sessions_own_volumes(tmp_path):
    market = Market(tmp_path, count=5).screens().prices()
    found = market.panel()
    place = [NAMES.index(ticker) for ticker in found.tickers]
    np.testing.assert_allclose(found.features["offex_ratio"], 4e5 / market.volume[:, place])
    assert found.tickers == sorted(NAMES, key=str.encode)
    np.testing.assert_allclose(found.features["volume_z"], market.z[:, place])


def test_two_studies_are_the_same_bytes_and_the_watchlists_is_another_file(tmp_path):
    market = Market(tmp_path, 0.3, 30).screens().prices()
    path = market_studied.write(market.scan, market.archive)
    first = path.read_bytes()
    assert market_studied.write(market.scan, Archive(market.archive.root)).read_bytes() == first
    assert path == market.scan / "study_market.parquet"
    assert contracts.read("study", path).select("feature", "horizon").is_duplicated().sum() == 0


def test_no_price_up_to_the_close_of_the_session_counts(tmp_path):
    market = Market(tmp_path, 0.3, 30).screens().prices()
    before = market.panel()
    for session in (3, 12):
        moved = Market(tmp_path, 0.3, 30)
        moved.open[session] *= 3
        moved.close[session] *= 3
        moved.prices()
        after = moved.panel()
        for horizon in (1, 5):
            one, other = (study.returns(found.prices, horizon) for found in (before, after))
            np.testing.assert_array_equal(one[session:], other[session:])
            assert not np.array_equal(one[:session], other[:session], equal_nan=True)
        for name in ("volume_z", "volume_multiple", "offex_ratio"):
            np.testing.assert_array_equal(before.features[name], after.features[name])


@pytest.mark.parametrize("ratio", [2.0, 0.1])
def test_a_split_that_nobody_named_is_no_return_and_one_that_yahoo_names_is_undone(tmp_path, ratio):
    plain = Market(tmp_path / "plain", 0.0, 40).screens().prices()
    market = Market(tmp_path / "split", 0.0, 40)
    market.split("BRK.B", ratio, 20)
    market.screens().prices()
    whole, found = plain.panel(), market.panel()
    column = found.tickers.index("BRK.B")
    true, gained = (study.returns(one.prices, 5)[:, column] for one in (whole, found))
    assert np.isnan(gained[15:19]).all()
    assert found.steps == 1
    known = [*range(15), *range(19, 35)]
    np.testing.assert_allclose(gained[known], true[known])
    told = market.studied()
    said = study_words.sentences(told)
    assert "No return crosses 1 step of a price overnight that may be a split which nobody named." in said
    window = market.days[10:30]
    bars = [("BRK-B", day, 1.0, 1.0) for day in window]
    market.archive.keep(layout.yahoo_market_splits(window[-1]), parquet([("BRK-B", window[10], ratio)], SPLITS), LATER)
    market.archive.keep(layout.yahoo_market(window[-1]), parquet(bars, BARS), LATER)
    found = market.panel()
    np.testing.assert_allclose(study.returns(found.prices, 5)[:35, column], true[:35])
    assert found.steps == 0


def test_a_crash_of_a_confirmed_name_is_a_return(tmp_path):
    market = Market(tmp_path, 0.0, 40)
    market.split("BRK.B", 2.0, 20)
    market.screens().prices()
    window = market.days[10:30]
    bars = [("BRK-B", day, 1.0, 1.0) for day in window]
    market.archive.keep(layout.yahoo_splits(window[-1]), parquet([], SPLITS), LATER)
    market.archive.keep(layout.yahoo_daily(window[-1]), parquet(bars, BARS), LATER)
    found = market.panel()
    gained = study.returns(found.prices, 5)[15:19, found.tickers.index("BRK.B")]
    assert (gained < -0.4).all()


def test_what_is_missing_is_said_with_its_state(tmp_path):
    market = Market(tmp_path, 0.3, 30).screens()
    market.prices(market.days[:20])
    entry = new_entry("outage", "HTTP 503")
    receipt = {"source": grouped_fetch.SOURCE, "state": "outage", "files": {"x": entry}}
    market.archive.write_receipt(grouped_fetch.SOURCE, market.days[25], receipt)
    market.archive.path(layout.polygon_grouped(market.days[3])).write_bytes(b"PAR1")
    wrong = market.archive.path(layout.polygon_grouped(market.days[4]))
    wrong.write_bytes(market.archive.path(layout.polygon_grouped(market.days[5])).read_bytes())
    screen = market.scan / str(market.days[7]) / "market_screen.parquet"
    screen.write_bytes(b"PAR1")
    told = market.studied()
    faults = "\n".join(told.faults)
    assert str(market.archive.path(layout.polygon_grouped(market.days[3]))) in faults
    assert f"{wrong}: 27 rows of other days than {market.days[4]}" in faults
    assert str(screen) in faults
    assert "sessions with a screen and no prices of the market (not asked for), 11: " in faults
    assert f"sessions with a screen and no prices of the market (outage), 1: {market.days[25]}" in faults
    assert set(told.rows["verdict"]) == {"too_little"}
    [sentence] = [one for one in study_words.sentences(told) if one.startswith("Too little to say anything")]
    assert "1 session later 85 sessions" in sentence  # 101 are needed; of 19 with a next one three lack something


def test_without_a_screen_or_a_price_it_is_too_little_and_says_how_much(tmp_path):
    market = Market(tmp_path, 0.3, 5)
    market.scan.mkdir(parents=True)
    told = market.studied()
    assert (told.first, told.tickers, set(told.rows["verdict"])) == ("", 0, {"too_little"})
    assert any("1 session later 101 sessions and 10 tickers" in one for one in study_words.sentences(told))
    assert study_words.facts(told) == "no session yet"


def test_the_command_and_the_index_tell_both(tmp_path, monkeypatch, capsys):
    market = Market(tmp_path, 0.3, 20).screens().prices()
    for day in market.days:
        index_folders.put(market.scan, str(day), {"AAPL": None}, manifest=False, page=False)
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(f"scans: {{emps2: {{archive: {market.archive.root}, tickers: [SPY]}}}}\n")
    assert main.main(["study"]) == 0
    out = capsys.readouterr().out
    assert "emps2, the whole market, 2025-03-03 to" in out
    assert "study_market.parquet" in out
    scan = Path("results/emps2")
    assert (scan / "study_market.png").read_bytes().startswith(b"\x89PNG")
    assert (scan / "study.parquet").is_file()
    text = (scan / "index.html").read_text()
    assert "What the scores say of the price in the whole market" in text
    assert 'href="study_market.png"' in text
    assert text.count('id="study"') == 1


def test_without_prices_the_market_is_studied_only_where_they_are_asked_for(tmp_path, monkeypatch, capsys):
    market = Market(tmp_path, 0.3, 3).screens()
    for day in market.days:
        index_folders.put(market.scan, str(day), {"AAPL": None}, manifest=False, page=False)
    monkeypatch.chdir(tmp_path)
    config = f"scans: {{emps2: {{archive: {market.archive.root}, tickers: [SPY]}}}}\n"
    Path("config.yaml").write_text(config)
    assert main.main(["study"]) == 0
    assert not (market.scan / "study_market.parquet").exists()
    Path("config.yaml").write_text(config + "study: {grouped: true}\n")
    assert main.main(["study"]) == 0
    assert "no prices of the market (not asked for), 3: " in capsys.readouterr().out
    assert (market.scan / "study_market.parquet").is_file()
