import json
from datetime import date

import polars as pl

from darkpool.show.page import page_context
from darkpool.tables import contracts

DAY, EARLIER = date(2025, 12, 22), date(2025, 12, 19)
METADATA = {
    "sources": json.dumps([{"source": "FINRA", "state": "published"}]),
    "notes": '["a note"]',
    "simulated": "true",
}


def features(day: date, *tickers: str) -> pl.DataFrame:
    count = len(tickers)
    text = {"classification_method": ["NBBO"] * count, "signal": ["BOT"] * count, "strength": ["weak"] * count}
    more = {"opinions": ["agree"] * count, "quality": [""] * count, "history_sessions": [0] * count}
    return contracts.frame(
        "features", {"date": [day] * count, "ticker": list(tickers), "trf_volume": [5.0] * count, **text, **more}
    )


def test_the_page_says_what_its_tables_say() -> None:
    context = page_context.context(
        METADATA,
        "demo",
        DAY,
        tickers=["AAPL", "TpC", "BRK.B"],
        mode="single",
        signal={"bot": 1.25, "sell": 0.8},
        history={"ma": 20, "min_sessions": 20, "window": 60},
    )
    assert context.simulated is True
    assert context.sources == [{"source": "FINRA", "state": "published"}]
    assert context.notes == ["a note"]
    assert (context.ma, context.window, context.mode) == (20, 60, "single")


def test_a_link_to_a_plot_survives_percent_signs_in_its_name() -> None:
    context = page_context.context(
        METADATA,
        "demo",
        DAY,
        tickers=["TpC"],
        mode="single",
        signal={"bot": 1, "sell": 1},
        history={"ma": 1, "window": 1},
    )
    assert context.plots == {"TpC": "plots/T%2570C.png"}


def test_sessions_are_stacked_for_the_page(tmp_path) -> None:
    for day in (EARLIER, DAY):
        contracts.write("features", features(day, "NA"), tmp_path / str(day))
    stacked = contracts.stacked("features", [str(tmp_path / str(day)) for day in (EARLIER, DAY)])
    assert stacked.select("date", "ticker").rows() == [(EARLIER, "NA"), (DAY, "NA")]


def test_a_ticker_that_a_session_lacks_is_a_gap_in_its_plot() -> None:
    frame = pl.concat([features(EARLIER, "TPC"), features(DAY, "TPC", "TpC")])
    told = page_context.flow(frame, ["TpC", "TPC"])
    rows = told.select("ticker", "date", "finra_off_exchange_volume", "classification_method", "signal").rows()
    assert rows == [
        ("TPC", EARLIER, 5.0, "NBBO", "BOT"),
        ("TPC", DAY, 5.0, "NBBO", "BOT"),
        ("TpC", EARLIER, None, "NONE", ""),
        ("TpC", DAY, 5.0, "NBBO", "BOT"),
    ]


def test_earlier_sessions_bring_their_own_states() -> None:
    context = page_context.context(
        METADATA,
        "demo",
        DAY,
        tickers=[],
        mode="daily",
        signal={"bot": 1, "sell": 1},
        history={"ma": 1, "window": 1},
        earlier={EARLIER: {**METADATA, "notes": '["an older note"]'}},
        files=["table.csv"],
    )
    assert context.told[EARLIER]["notes"] == ["an older note"]
