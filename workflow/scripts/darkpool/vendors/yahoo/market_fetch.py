"""Yahoo's bars and splits of the market's names that will be shown, into the archive, and read back as confirmations.

FINRA's file says how many shares; whether a split stands behind a strange number only Yahoo can tell. A name is asked
for once: what Yahoo cannot tell stays unconfirmed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import polars as pl

from ... import clock
from ...archive import layout
from ...archive.receipts import Entry
from ...archive.store import Archive
from ...archive.ticker_states import day_state
from ...market import splits, symbols
from ...measures.volume import as_traded
from ...states import FINAL_STATES
from ..entries import asked_on_its_own_day, new_entry, of_file, unsettled
from . import bars_fetch, client, consolidated, daily_files

SOURCE = "yahoo_market"
HELD = frozenset({"published", "unsettled"})


class Confirmed(NamedTuple):
    """What Yahoo says of the names it was asked for.

    `rows`: ticker, regular_volume? (as traded), close? (USD, as traded), change_pct?, rounded, settled; a row a name
    with a bar of the session. `splits`: ticker, ex_date, ratio? (null where nobody can vouch for it).
    """

    rows: pl.DataFrame
    splits: pl.DataFrame


def open_names(archive: Archive, session: date, names: Sequence[str]) -> list[str]:
    """Names (our spelling) that no final answer is there for."""
    entries = (archive.receipt(SOURCE, session) or {"tickers": {}})["tickers"]
    return [name for name in names if entries.get(name, {}).get("state") not in FINAL_STATES]


def fetch(archive: Archive, session: date, window: Sequence[date], names: Sequence[str]) -> dict[str, Any]:
    """Ask for what is open of `names`, keep what comes, and return the session's receipt."""
    entries: dict[str, Entry] = dict((archive.receipt(SOURCE, session) or {"tickers": {}})["tickers"])
    for name in (layout.yahoo_market(session), layout.yahoo_market_splits(session)):
        archive.set_aside(name, clock.now())
    spelled = {symbol: name for name in open_names(archive, session, names) if (symbol := symbols.to_yahoo(name))}
    given_up = archive.given_up("yahoo")
    answers = {} if given_up or not spelled else client.fetch_daily(sorted(spelled), window[0], session, session)
    windows = {symbol: bars_fetch.cut(answer, window) for symbol, answer in answers.items()}
    whole = [answer for answer in windows.values() if answer.bars.height and answer.retrieved_at]
    path = None
    if whole:
        names_of = layout.yahoo_market(session), layout.yahoo_market_splits(session)
        path = daily_files.write_as(archive, names_of, whole)
    for symbol, name in spelled.items():
        found = windows.get(symbol)
        if found is None:
            entries[name] = new_entry("outage", f"not asked after: {given_up}")
            continue
        entries[name] = bars_fetch.entry_of(archive, found, path if found.bars.height else None)
        if asked_on_its_own_day(entries[name], session):
            entries[name] = unsettled(entries[name])
    state = day_state([entries[name] for name in names if name in entries])
    files = {
        archive.relative(kept): of_file(archive, kept, None)
        for name in (layout.yahoo_market(session), layout.yahoo_market_splits(session))
        for kept in archive.answers(name)
    }
    return {"source": SOURCE, "session": str(session), "state": state, "tickers": entries, "files": files}


def read(
    archive: Archive, session: date, window: Sequence[date], off_exchange: Mapping[str, Mapping[date, float]]
) -> Confirmed:
    """What the archive holds of the session's confirmations; of several answers about a name the newest.

    `off_exchange`: FINRA's volumes by name and day, whose step contradicts a split that Yahoo's volumes do not show.
    """
    entries = (archive.receipt(SOURCE, session) or {"tickers": {}})["tickers"]
    held = [name for name, entry in entries.items() if entry.get("state") in HELD]
    ours = pl.DataFrame(
        [(name, symbols.to_yahoo(name)) for name in held],
        schema={"ticker": pl.String, "symbol": pl.String},
        orient="row",
    )
    faults: list[str] = []
    bars, _ = daily_files.read(archive.answers(layout.yahoo_market(session)), daily_files.BARS, ours, faults)
    answers = archive.answers(layout.yahoo_market_splits(session))
    named, lost = daily_files.read(answers, daily_files.SPLITS, ours, faults)
    bars = bars.filter(pl.col("date").is_in(list(window)))
    if lost or not answers:
        bars = bars.clear()  # a volume is worth nothing without the splits it was adjusted for
    newest = bars.group_by("ticker").agg(pl.col("answer").max())
    bars = bars.join(newest, on=["ticker", "answer"])
    judged = {}
    for (ticker,), group in named.filter(pl.col("ticker").is_in(bars["ticker"].to_list())).group_by("ticker"):
        known = splits.judged(
            list(group.sort("answer").unique("ex_date", keep="last").select("ex_date", "ratio").iter_rows())
        )
        volumes = dict(bars.filter(pl.col("ticker") == ticker).select("date", "volume").iter_rows())
        finra = off_exchange.get(str(ticker), {})
        judged[str(ticker)] = [
            split._replace(ratio=None, doubt="its volumes step by its ratio as if they were not adjusted")
            if splits.leaves_its_step(split, volumes, finra, [other for other in known if other is not split])
            else split
            for split in known
        ]
    events = consolidated.split_frame(judged).select("ticker", "ex_date", "ratio")
    traded = as_traded(bars, events).with_columns(close=pl.col("close") * pl.col("split_factor"), given=pl.col("close"))
    before = window[-2] if len(window) > 1 else None
    today = traded.filter(pl.col("date") == session).select("ticker", "regular_volume", "close", "rounded", "given")
    earlier = traded.filter(pl.col("date") == before).select("ticker", then="given")
    unclear = events.filter(pl.col("ratio").is_null())["ticker"].to_list()
    # Both closes as given are on one basis, that of the day of asking.
    change = pl.when(~pl.col("ticker").is_in(unclear)).then(100 * (pl.col("given") / pl.col("then") - 1))
    settled = {name: entries[name].get("state") == "published" for name in held}
    rows = today.join(earlier, on="ticker", how="left").with_columns(
        change_pct=change,
        settled=pl.col("ticker").replace_strict(settled, default=False, return_dtype=pl.Boolean),
    )
    return Confirmed(rows.drop("given", "then").sort("ticker"), events)
