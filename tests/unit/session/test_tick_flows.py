"""A session's flows: whatever parts they come in, the same rows, flags and notes."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from darkpool import settings
from darkpool.archive.store import Archive
from darkpool.market import sessions
from darkpool.measures.prints import levels
from darkpool.session import tick_flows
from darkpool.tables import contracts

SESSION = date(2025, 12, 22)
ROOT = Path(__file__).parents[3]
SETTINGS = settings.Lit().signing
START = int(datetime(2025, 12, 22, 10, tzinfo=sessions.NEW_YORK).timestamp()) * 10**9
SECOND = 10**9


def put(archive: Archive, kind: str, ticker: str, rows: list[dict]) -> Path:
    path = archive.path(f"{kind}/{SESSION}/{ticker}.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).write_parquet(path)
    return path


def trade(i: int, price: float, **more: object) -> dict:
    return {
        "participant_timestamp": START + i * SECOND, "sequence_number": i, "price": price, "size": 9_000.0,
        "exchange": 12, "conditions": [14], **more,
    }  # fmt: skip


def quote(i: int) -> dict:
    return {"participant_timestamp": START + i * SECOND, "sequence_number": i, "bid_price": 9.99, "ask_price": 10.01}


@pytest.fixture
def archive(tmp_path) -> Archive:
    """SOUND is well; ODD meets old quotes, an unknown venue and code, and rows twice; CUT is damaged, with bars."""
    made = Archive(tmp_path / "archive")
    trades = [trade(1, 10.01), trade(2, 9.99)]
    put(made, "polygon/trades", "SOUND", trades)
    put(made, "polygon/quotes", "SOUND", [quote(0)])
    odd = [*trades, trade(500, 10.5), trade(501, 10.5, exchange=77), trade(502, 10.5, exchange=12, conditions=[55])]
    put(made, "polygon/trades", "ODD", [*odd, odd[0]])
    put(made, "polygon/quotes", "ODD", [quote(0), quote(0)])
    cut = put(made, "polygon/trades", "CUT", trades)
    cut.write_bytes(cut.read_bytes()[:-9])
    opened = int(sessions.opens(SESSION).timestamp()) * 1_000
    bars = [{"t": opened + i * 60_000, "o": 1.0, "c": 2.0, "v": 100.0} for i in range(390) if not 60 <= i < 120]
    put(made, "polygon/minute_bars", "CUT", bars)
    return made


TICKERS = ["CUT", "NONE", "ODD", "SOUND"]


def in_parts(archive: Archive, folder: Path, count: int) -> tick_flows.Flows:
    paths: dict[str, list[str]] = {"lit_flow": [], "trf_flow": [], "trf_blocks": [], "trf_profile": []}
    for number in range(1, count + 1):
        tickers = tick_flows.part(TICKERS, f"{number}-of-{count}")
        flows = tick_flows.flows(archive, SESSION, tickers, SETTINGS, threads=count)
        for name, frame, about in (
            ("lit_flow", flows.lit, flows.pack_lit()), ("trf_flow", flows.trf, {}), ("trf_blocks", flows.blocks, {}),
            ("trf_profile", flows.profile, levels.pack(flows.levels)),
        ):  # fmt: skip
            paths[name].append(str(folder / f"{number}.{name}"))
            contracts.write(name, frame, paths[name][-1], **about)
    volumes = {"date": [SESSION], "ticker": ["ODD"], "trf_volume": [80_000.0]}
    return tick_flows.gather(paths, SESSION, pl.DataFrame(volumes))


def test_rows_flags_and_notes_do_not_depend_on_the_parts_or_the_threads(archive, tmp_path):
    whole = in_parts(archive, tmp_path, 1)
    for count in (2, 3, 4):
        parts = in_parts(archive, tmp_path, count)
        assert parts.lit.equals(whole.lit)
        assert parts.trf.equals(whole.trf)
        assert parts.blocks.equals(whole.blocks)
        assert parts.findings.notes() == whole.findings.notes()
        assert parts.findings.flags == whole.findings.flags == {"CUT": ["bars_gap"], "ODD": ["stale_quotes"]}


def test_what_a_reader_must_know_is_said_with_tickers_and_numbers(archive, tmp_path):
    damaged, *others = in_parts(archive, tmp_path, 2).findings.notes()
    assert damaged.startswith("CUT: not usable: ")
    assert f"polygon/trades/{SESSION}/CUT.parquet: no readable Parquet file" in damaged
    assert others == [
        "Trade conditions that the policy does not know were kept: 55.",
        "Venues that the list does not know do not count as lit: 77, 9,000 shares of ODD.",
        "Identical rows count once, so many were left out: ODD (1 quotes, 1 trades).",
    ]


def test_a_damaged_file_leaves_the_next_best_source(archive, tmp_path):
    source = dict(in_parts(archive, tmp_path, 1).lit.select("ticker", "source").iter_rows())
    assert source == {"CUT": "consolidated_bars", "NONE": "none", "ODD": "trades_quotes", "SOUND": "trades_quotes"}


def test_of_many_tickers_ten_are_named_and_the_others_counted():
    tickers = [f"T{i:02}" for i in range(13)]
    found = tick_flows.Findings(
        unusable={ticker: ["cut"] for ticker in tickers},
        venues={ticker: {"77": 1.0, "300": 0.5} for ticker in tickers},
        repeats={ticker: {"bars": 1_000} for ticker in tickers},
    )
    *named, venues, repeats = found.notes()
    assert named[:9] == [f"{ticker}: not usable: cut." for ticker in tickers[:9]]
    assert named[9:] == ["T09: not usable: cut. And 3 more like it."]
    first = ", ".join(tickers[:10])
    assert venues == (
        "Venues that the list does not know do not count as lit: "
        f"77, 13 shares of {first} and 3 more; 300, 6 shares of {first} and 3 more."
    )
    assert repeats.endswith("T09 (1,000 bars) and 3 more.")


def test_a_quote_is_old_after_what_the_configuration_says(archive):
    assert tick_flows.flows(archive, SESSION, ["ODD"], SETTINGS, 1).findings.flags == {"ODD": ["stale_quotes"]}
    longer = tick_flows.flows(archive, SESSION, ["ODD"], {**SETTINGS, "max_quote_age": 502.5}, 1)
    assert longer.findings.flags == {}
    assert longer.lit["classification_method"].to_list() == ["NBBO"]
