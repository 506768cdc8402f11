"""Who is followed on a day: the configuration, the scan's files, and what was kept of them."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import market_rows
from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.market import symbols
from darkpool.session import universe
from darkpool.session.universe import Member, Universe, UniverseError

DAY = date(2025, 12, 22)
NOON = datetime(2025, 12, 23, 12, tzinfo=UTC)
FILE = "09_final_universe.csv"


@pytest.fixture
def archive(tmp_path) -> Archive:
    return Archive(tmp_path / "archive")


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


def resolve(
    archive: Archive, folder: Path, tickers: tuple[str, ...] = (), files: tuple[str, ...] = (FILE,)
) -> Universe:
    return universe.resolve("emps2", DAY, tickers, files, folder, archive)


def keep(archive: Archive, found: Universe) -> None:
    archive.keep(layout.universe("emps2", DAY), universe.to_csv(found), NOON)


def test_configured_tickers_come_first_and_none_twice(archive, folder) -> None:
    (folder / FILE).write_text("rank,Ticker,price\n1,NVDA,1\n2,AAPL,2\n3, BRK/B ,3\n")
    found = resolve(archive, folder, ("AAPL", "BRK-B"))
    assert found.members == (Member("AAPL", "config"), Member("BRK.B", "config"), Member("NVDA", FILE))
    assert found.unmapped == ()


def test_tickers_that_look_like_missing_values_are_read_as_written(archive, folder) -> None:
    (folder / FILE).write_text("symbol\nNA\nNAN\nTRUE\nTpC\nTPC\n1E5\n")
    assert resolve(archive, folder).tickers == ["NA", "NAN", "TRUE", "TpC", "TPC", "1E5"]


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbfticker\r\nNA\r\n\r\n", b'"ticker"\n"NA"\n', b"a, TICKER \n1,NA\n2\n"]
)
def test_files_as_spreadsheets_write_them_are_read(content: bytes, archive, folder) -> None:
    (folder / FILE).write_bytes(content)
    assert resolve(archive, folder).tickers == ["NA"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name,price\nNA,1\n", "no column ticker or symbol; the columns are name, price"),
        (b"ticker;price\nNA;1\n", "no column ticker or symbol; the columns are ticker;price"),
        (b"\nticker\nNA\n", "no column ticker or symbol; the columns are none"),
        ("ticker\nNA\n".encode("utf-16"), "no column ticker or symbol"),
        (b'ticker\n"' + b"x" * 200_000 + b"\n", "not readable as CSV"),
    ],
)
def test_a_file_without_the_column_is_refused_by_name(content: bytes, words: str, archive, folder) -> None:
    (folder / FILE).write_bytes(content)
    with pytest.raises(UniverseError, match=rf"{folder / FILE}.*{words}"):
        resolve(archive, folder, ("AAPL",))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf\r\n"])
def test_an_empty_file_is_a_day_without_hits_and_no_fault(content: bytes, archive, folder) -> None:
    (folder / FILE).write_bytes(content)
    found = resolve(archive, folder, ("AAPL",))
    assert (found.tickers, found.unmapped) == (["AAPL"], (f"{FILE} is empty: the scan found nothing",))
    with pytest.raises(UniverseError, match="the universe is empty"):
        resolve(archive, folder, ())


def test_what_is_no_ticker_is_left_out_and_said_with_its_line(archive, folder) -> None:
    (folder / FILE).write_text("ticker\nAAPL\n^VIX\n../etc\n")
    found = resolve(archive, folder)
    assert found.tickers == ["AAPL"]
    assert [text.split(":")[0] for text in found.unmapped] == [f"{FILE}, line 3", f"{FILE}, line 4"]


@pytest.mark.parametrize("head", ["symbol,ticker", "Symbol, Ticker ", "ticker,symbol"])
def test_of_two_columns_the_ticker_counts(head: str, archive, folder) -> None:
    row = {"symbol": "XNAS:AAPL", "ticker": "AAPL"}
    line = ",".join(row[name.strip().lower()] for name in head.split(","))
    (folder / FILE).write_text(f"{head}\n{line}\n")
    assert resolve(archive, folder).tickers == ["AAPL"]


@pytest.mark.parametrize(
    "text",
    [
        "Total", "TOTAL", "total", "Totals", "TOTALS", "Subtotal", "Sum", "sum", "Average", "AVERAGE", "Mean", "Median",
        "Count", "Grand Total", "Total:", "TOTAL (25)", "US0378331005", "us0378331005", "BBG000B9XRY4", "037833100",
        "25",
    ],
)  # fmt: skip
def test_a_total_below_the_column_and_another_code_are_no_tickers(text: str, archive, folder) -> None:
    (folder / FILE).write_text(f'ticker,volume\nAAPL,1\n"{text}",1\n')
    found = resolve(archive, folder)
    assert found.tickers == ["AAPL"]
    (told,) = found.unmapped
    assert told.startswith(f"{FILE}, line 3: {text!r} is no ticker")


def test_tickers_that_are_words_of_sums_in_capitals_stay(archive, folder) -> None:
    (folder / FILE).write_text("ticker\nSUM\nALL\nMAX\nMIN\n")
    assert resolve(archive, folder).tickers == ["SUM", "ALL", "MAX", "MIN"]


@given(st.from_regex(r"[A-Z]{2}[A-Z0-9]{9}[0-9]", fullmatch=True))
def test_whatever_has_the_form_of_an_isin_is_no_ticker(code: str) -> None:
    with pytest.raises(ValueError, match="no ticker: it has the form of an ISIN"):
        symbols.normalise(code)


@pytest.mark.parametrize("content", [None, "ticker\n", "ticker\n\n,\n"])
def test_an_empty_universe_is_refused_with_what_to_do(content: str | None, archive, folder) -> None:
    if content is not None:
        (folder / FILE).write_text(content)
    with pytest.raises(UniverseError, match=rf"universe is empty.*scans\.emps2\.tickers.*{FILE}"):
        resolve(archive, folder)


def test_a_rebuild_after_the_scans_files_are_gone_is_the_same(archive, folder) -> None:
    (folder / FILE).write_text("ticker\nNVDA\nTpC\n")
    before = resolve(archive, folder, ("AAPL",))
    keep(archive, before)
    (folder / FILE).unlink()
    after = resolve(Archive(archive.root), folder, ("AAPL",))
    assert set(after.members) == set(before.members)
    assert universe.to_csv(after) == universe.to_csv(before)


def test_a_file_that_is_there_counts_as_it_is_now(archive, folder) -> None:
    keep(archive, Universe((Member("NVDA", FILE), Member("TSLA", "config"))))
    (folder / FILE).write_text("ticker\nAMD\n")
    assert resolve(archive, folder, ("AAPL",)).tickers == ["AAPL", "AMD"]


def test_a_universe_copied_in_by_hand_is_used(archive, folder) -> None:
    archive.keep(layout.universe("emps2", DAY), b"ticker\r\nNA\r\nBRK.B\r\n", NOON)
    assert resolve(archive, folder).tickers == ["NA", "BRK.B"]


@pytest.mark.parametrize(("content", "words"), [(b"name\nNA\n", "no column ticker"), (b"ticker\n../x\n", "no ticker")])
def test_a_spoilt_kept_universe_is_named(content: bytes, words: str, archive, folder) -> None:
    path = archive.keep(layout.universe("emps2", DAY), content, NOON)
    with pytest.raises(UniverseError, match=rf"{path}.*{words}"):
        resolve(archive, folder)


def test_pairs_and_csv_carry_a_universe_unchanged(archive) -> None:
    found = universe.of_pairs([["NA", "config"], ["TpC", FILE]])
    keep(archive, found)
    assert tuple(universe.read_kept(archive, "emps2", DAY)) == found.members


class TestOfMarket:
    """`market.follow`: the first confirmed names of the session before."""

    def path(self, tmp_path: Path) -> Path:
        listed = [
            market_rows.name("XERS", 1, **market_rows.confirmed()),
            market_rows.name("VST", 2),
            market_rows.name("AAPL", 3, is_followed=True, **market_rows.confirmed()),
            market_rows.name("SLYV", 4, **market_rows.confirmed()),
        ]
        market_rows.put(tmp_path, DAY, listed)
        return tmp_path / str(DAY) / "market.parquet"

    def test_the_first_confirmed_names_come_in_with_the_reason(self, tmp_path, archive, folder) -> None:
        path = self.path(tmp_path)
        assert [member.ticker for member in universe.of_market(path, 1)] == ["XERS"]
        found = universe.resolve("emps2", DAY, ("SPY",), (), folder, archive, lambda: universe.of_market(path, 2))
        assert found.members[1:] == (Member("XERS", f"market of {DAY}"), Member("SLYV", f"market of {DAY}"))

    def test_a_universe_that_is_kept_wins(self, tmp_path, archive, folder) -> None:
        path = self.path(tmp_path)
        keep(
            archive, universe.resolve("emps2", DAY, ("SPY",), (), folder, archive, lambda: universe.of_market(path, 1))
        )

        def not_asked() -> list[Member]:
            raise AssertionError("the market is asked once")

        again = universe.resolve("emps2", DAY, ("SPY",), (), folder, archive, not_asked)
        assert again.tickers == ["SPY", "XERS"]

    def test_without_the_table_or_with_none_wanted_nothing_comes(self, tmp_path) -> None:
        assert universe.of_market(tmp_path / "market.parquet", 5) == []
        assert universe.of_market(self.path(tmp_path), 0) == []

    def test_a_table_that_cannot_be_read_is_named(self, tmp_path) -> None:
        path = tmp_path / "market.parquet"
        path.write_bytes(b"PAR1")
        with pytest.raises(UniverseError, match=r"market\.follow reads .*market\.parquet, which is no table"):
            universe.of_market(path, 1)


def test_a_followed_ticker_is_in_the_universe_from_its_day_on(archive, folder) -> None:
    assert universe.follow(folder.parent / "follow.csv", ["DSX", "TpC", "DSX"], DAY) == ["DSX", "TpC"]
    assert universe.follow(folder.parent / "follow.csv", ["DSX"], date(2025, 12, 23)) == []
    assert (folder.parent / "follow.csv").read_text() == "ticker,since\nDSX,2025-12-22\nTpC,2025-12-22\n"
    assert resolve(archive, folder, ("SPY",), ()).members[1:] == (
        Member("DSX", "follow.csv"),
        Member("TpC", "follow.csv"),
    )
    before = universe.resolve("emps2", date(2025, 12, 19), ("SPY",), (), folder, archive)
    assert before.tickers == ["SPY"]


@pytest.mark.parametrize(
    "content", ["name\nDSX\n", "ticker,since\nDSX,yesterday\n", "ticker,since\n!!,2025-12-22\n", "ticker,since\nDSX\n"]
)
def test_a_follow_file_that_nobody_wrote_is_refused_by_name(content, archive, folder) -> None:
    (folder.parent / "follow.csv").write_text(content)
    with pytest.raises(UniverseError, match=r"follow.csv: expected the columns ticker and since, as DSX,2025-12-22"):
        resolve(archive, folder, ("SPY",), ())
