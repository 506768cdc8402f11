"""What stands out in a session is said in words: who, what is unusual, and against what."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from darkpool.measures import stands_out, streaks

USUAL: dict[str, Any] = {
    "trf_volume": 500.0, "regular_volume": 1000.0, "offex_ratio": 0.5, "trf_spike": 1.0, "trf_percentile": 0.5,
    "offex_ratio_z": 0.0, "history_sessions": 60, "signal": "", "strength": "",
    "volume_z": None, "volume_multiple": None, "change_pct": None,
}  # fmt: skip
UNKNOWN = {**dict.fromkeys(USUAL), "history_sessions": 0, "signal": "", "strength": ""}


def table(**rows: dict[str, Any]) -> pl.DataFrame:
    whole = [{**USUAL, "ticker": ticker, **row} for ticker, row in rows.items()]
    return pl.DataFrame(whole, infer_schema_length=None)


def said(**rows: dict[str, Any]) -> list[str]:
    return stands_out.sentences(table(**rows))


def test_a_line_names_the_ticker_what_is_unusual_and_against_what() -> None:
    first, session = said(
        TLT={"trf_percentile": 1.0, "trf_spike": 2.0, "offex_ratio": 0.473, "offex_ratio_z": 2.4, "change_pct": 0.312},
        SPY={"trf_volume": 100.0, "trf_spike": 0.9},
    )
    assert first == (
        "TLT: highest off-exchange volume of 61 sessions, 2.00× its mean, "
        "off-exchange ratio 47.3%, +2.40 σ from its own median, price +0.31%"
    )
    assert session == (
        "The session: 1 of 2 tickers stand out, 30.0% of the volume of 2 was off-exchange, "
        "off-exchange volume above its mean in 1 of 2."
    )


def test_low_volumes_and_firm_signals_stand_out_and_a_weak_signal_does_not() -> None:
    lines = said(
        A={"trf_percentile": 0.05, "trf_spike": 0.25},
        B={"trf_percentile": 0.0, "trf_spike": 0.5},
        C={"signal": "SELL", "strength": "firm"},
        D={"signal": "BOT", "strength": "weak"},
    )
    assert lines[:-1] == [
        "A: off-exchange volume below that of 95.0% of its last 60 sessions, 0.25× its mean",
        "B: lowest off-exchange volume of 61 sessions, 0.50× its mean",
        "C: volume 1.00× its mean, firm SELL signal",
    ]
    assert lines[-1].endswith("1 BOT, 1 SELL.")
    (leaning, _) = said(E={"trf_percentile": 1.0, "trf_spike": 2.0, "signal": "BOT", "strength": "weak"})
    assert leaning == "E: highest off-exchange volume of 61 sessions, 2.00× its mean, leans BOT"


def test_more_reasons_come_before_a_farther_ratio_and_five_lines_are_the_most() -> None:
    rows = {f"T{i}": {"offex_ratio_z": 2.0 + i} for i in range(6)}
    lines = said(**rows, BOTH={"offex_ratio_z": -2.0, "trf_percentile": 1.0})
    assert [line.partition(":")[0] for line in lines] == ["BOTH", "T5", "T4", "T3", "T2", "The session"]
    assert lines[-1].startswith("The session: 7 of 7 tickers stand out")


def test_where_the_market_is_known_its_own_day_is_no_news_and_the_multiple_is_said() -> None:
    lines = said(
        DAY={"trf_percentile": 1.0, "volume_z": 1.9, "volume_multiple": 1.2, "trf_spike": 1.8},
        OWN={"trf_percentile": 1.0, "volume_z": 4.2, "volume_multiple": 3.9, "trf_spike": 2.5},
        LOW={"trf_percentile": 0.3, "volume_z": -2.0, "volume_multiple": 0.4, "trf_spike": 0.6},
        Z={"trf_percentile": 0.3, "volume_z": 2.0, "trf_spike": 1.2},
    )
    assert lines[:-1] == [
        "OWN: highest off-exchange volume of 61 sessions, 3.90× its normal (+4.20 σ)",
        "LOW: off-exchange volume 0.40× its normal (−2.00 σ)",
        "Z: off-exchange volume +2.00 σ from its normal, volume 1.20× its mean",
    ]


def test_nothing_unusual_and_nothing_known_are_different_sentences() -> None:
    usual, unknown = said(SPY={"offex_ratio_z": 1.99, "trf_percentile": 0.949})[0], said(SPY=UNKNOWN)
    assert usual.startswith("Nothing unusual: ")
    assert unknown == [
        "Nothing can be said to stand out: no ticker has a volume and a history to compare it with.",
        "The session: 0 of 1 tickers stand out.",
    ]


DAYS = [date(2025, 12, 17), date(2025, 12, 18), date(2025, 12, 19), date(2025, 12, 22)]


def signals(**by_day: str) -> pl.DataFrame:
    """B, S or a dot for no signal, by ticker and session, the first of DAYS first; a blank is a session not at hand."""
    name = {"B": "BOT", "S": "SELL", ".": ""}
    rows = [
        {"date": day, "ticker": ticker, "signal": name[code]}
        for ticker, codes in by_day.items() for day, code in zip(DAYS, codes, strict=True) if code != " "
    ]  # fmt: skip
    return pl.DataFrame(rows, schema={"date": pl.Date, "ticker": pl.String, "signal": pl.String})


def test_a_signal_is_new_or_has_stood_for_so_many_sessions_of_the_page() -> None:
    def since(**by_day: str) -> dict[str, str]:
        rows = signals(**by_day)
        return streaks.words(rows.filter(pl.col("date") == DAYS[-1]), rows.filter(pl.col("date") < DAYS[-1]))

    assert since(A="SBBB", B=".SSB", C="BBBB", D="BBB.") == {"A": "day 3", "B": "NEW", "C": "day 4 or more"}
    # A session that is not at hand ends the looking: what is before it says nothing.
    assert since(A="B BB") == {"A": "day 2 or more"}
    assert since(A="BB B") == {}
    # One that is at hand without the ticker ends its streak.
    assert since(A="B BB", B="....") == {"A": "day 2"}


def test_a_signals_line_says_how_long_it_has_stood_and_one_session_alone_says_nothing_of_it() -> None:
    rows = table(A={"date": DAYS[-1], "signal": "BOT", "strength": "firm"})
    before = signals(A=".SB ")
    assert stands_out.sentences(rows, None, before)[0] == "A: volume 1.00× its mean, firm BOT signal, day 2"
    assert stands_out.sentences(rows, None, before.filter(pl.col("date") < DAYS[2]))[0].endswith("firm BOT signal")


PERHAPS = st.none() | st.floats(-1e9, 1e9)


@given(st.lists(st.tuples(PERHAPS, st.none() | st.floats(0, 1), st.none() | st.floats(0, 1e9)), min_size=1, max_size=9))
def test_whatever_is_null_never_stands_out(rows: list[tuple[float | None, float | None, float | None]]) -> None:
    named = {
        f"T{i}": {"offex_ratio_z": z, "trf_percentile": place, "trf_spike": spike}
        for i, (z, place, spike) in enumerate(rows)
    }
    lines = said(**named)
    unusual = sum((z is not None and abs(z) >= 2) or (p is not None and not 0.05 < p < 0.95) for z, p, _ in rows)
    assert len(lines) == min(max(unusual, 1), 5) + 1
    assert f"{unusual} of {len(rows)} tickers" in lines[-1]


def block(ticker: str = "A", **changes: Any) -> dict[str, Any]:
    """250,000 shares at 13:30:05 in New York."""
    usual = {
        "ticker": ticker, "rank": 1, "time": 1_766_428_205_123_456_789, "price": 48.59, "size": 250_000.0,
        "notional": 12_147_500.0, "share_of_trf": 0.027, "excluded": "",
    }  # fmt: skip
    return usual | changes


def with_blocks(*blocks: dict[str, Any], **rows: dict[str, Any]) -> list[str]:
    return stands_out.sentences(table(**rows), pl.DataFrame(blocks, infer_schema_length=None))


WORDS = "largest print 250.0K shares at 48.59, $12.1M, 2.7% of its off-exchange volume, at 13:30:05 New York"


def test_the_sessions_largest_block_stands_at_its_tickers_line_or_in_its_own() -> None:
    lines = with_blocks(block(), block("B", notional=1e6), A={"trf_percentile": 1.0}, B={})
    assert lines[0] == f"A: highest off-exchange volume of 61 sessions, 1.00× its mean, {WORDS}"
    nothing, own, _ = with_blocks(block(), A={})
    assert (nothing.startswith("Nothing unusual"), own) == (True, f"A: {WORDS}")


def test_a_print_that_is_no_block_a_corrected_one_and_a_sixth_line_are_not_told() -> None:
    small = block(size=9_999.0, notional=199_999.0)
    assert not any("largest print" in line for line in with_blocks(small, A={}))
    for edge in ({"size": 10_000.0, "notional": 1.0}, {"size": 1.0, "notional": 200_000.0}):
        assert any("largest print" in line for line in with_blocks(block(**edge), A={}))
    assert not any("largest print" in line for line in with_blocks(block(excluded="correction"), A={}))
    rows = {f"T{i}": {"offex_ratio_z": 3.0} for i in range(5)}
    assert not any("largest print" in line for line in with_blocks(block("Z"), **rows, Z={}))


def test_a_block_beside_an_unknown_volume_has_no_part_of_it() -> None:
    _, own, _ = with_blocks(block(share_of_trf=None), A={})
    assert own == "A: largest print 250.0K shares at 48.59, $12.1M, at 13:30:05 New York"
