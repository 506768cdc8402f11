"""The whole market of one session: the screen from FINRA's files, and what followed tickers take from it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from ..archive.store import Archive
from ..market import symbols
from ..measures import screen
from ..tables import contracts
from ..tables.facts import SessionFacts
from ..vendors.finra import off_exchange
from ..vendors.yahoo import market_fetch


def screened(
    archive: Archive,
    window: Sequence[date],
    prefixes: Sequence[str],
    excluded: Sequence[str],
    tickers: Sequence[str],
    splits: pl.DataFrame,
    told: SessionFacts,
) -> pl.DataFrame:
    """`market_screen` of the window's last session: a row per symbol of its file, none where there is no file.

    `splits` (ticker, ex_date, ratio?) are the known ones of the universe `tickers`; a null ratio is nobody's basis.
    """
    session = window[-1]
    own = off_exchange.read_session(archive, session, prefixes)
    if own.frame is None:
        return contracts.frame("market_screen", {})
    kept_out = [spelled for ticker in excluded for spelled in (ticker, symbols.to_finra(ticker)) if spelled]
    today = own.frame.filter(~pl.col("symbol").is_in(kept_out))
    earlier = off_exchange.read_window(archive, window[:-1], prefixes).frame
    followed = {symbol: ticker for ticker in tickers if (symbol := symbols.to_finra(ticker))}
    inside = splits.filter(pl.col("ex_date") > window[0], pl.col("ex_date") <= session)
    named = inside.with_columns(
        symbol=pl.col("ticker").replace_strict({t: s for s, t in followed.items()}, default=None)
    )
    named = named.filter(pl.col("symbol").is_not_null())
    unclear = named.filter(pl.col("ratio").is_null())["symbol"].to_list()
    rows = screen.screen(today, earlier, session, named.filter(pl.col("ratio").is_not_null()), unclear).rows
    return tickered(rows, session, set(followed), named, unclear, today, told)


def tickered(
    rows: pl.DataFrame,
    session: date,
    followed: set[str],
    splits: pl.DataFrame,
    unclear: Sequence[str],
    today: pl.DataFrame,
    told: SessionFacts,
) -> pl.DataFrame:
    """The screen's rows as the table has them: with tickers, flags, and who is followed; by ticker."""
    is_split = pl.col("symbol").is_in(splits["symbol"].unique().to_list())
    revised = today.filter("revised")["symbol"].to_list()
    flagged = rows.select(
        basis_break=is_split,
        revised=pl.col("symbol").is_in(revised),
        short_history=pl.col("earlier_sessions") < screen.LEAST_SESSIONS,
        simulated=pl.lit(told["simulated"]),
        split_unclear=pl.col("symbol").is_in(list(unclear)),
    )
    names = flagged.columns  # in the alphabet's order, as flags stand in a cell
    quality = flagged.select(
        pl.concat_str([pl.when(name).then(pl.lit(name)) for name in names], separator=",", ignore_nulls=True)
    ).to_series()
    return (
        rows.with_columns(
            date=pl.lit(session),
            ticker=_ours(rows["symbol"]),
            is_followed=pl.col("symbol").is_in(list(followed)),
            confirmed=pl.lit(False),
            quality=quality,
        )
        .select(contracts.CONTRACTS["market_screen"].names)
        .sort("ticker")
    )


def _ours(spelled: pl.Series) -> pl.Series:
    """Our tickers; FINRA's symbol where it has none, or where ours is another's symbol already."""
    taken = set(spelled)
    found: dict[str, str] = {}
    for symbol in spelled:
        ticker = symbols.from_finra(symbol)
        found[symbol] = ticker if ticker is not None and (ticker == symbol or ticker not in taken) else symbol
    return spelled.replace_strict(found, return_dtype=pl.String)


LOWEST, NEWEST = 20, 20
"""Names that are confirmed besides the most unusual: reverse splits hide at the list's end; the largest new ones."""


def names(screened: pl.DataFrame, confirm: int) -> list[str]:
    """Tickers whose splits and volumes are asked for: the first by rank, the last of it, the largest new names.

    Not the followed ones, which are asked for anyhow, nor names that Yahoo has no spelling of.
    """
    if not confirm:
        return []
    free = screened.filter(~pl.col("is_followed"))
    listed = free.filter(pl.col("rank").is_not_null()).sort("rank")
    new = free.filter("is_new").sort(["trf_volume", "symbol"], descending=[True, False]).head(NEWEST)
    chosen = pl.concat([listed.head(confirm), listed.tail(LOWEST), new])["ticker"].unique(maintain_order=True)
    return [ticker for ticker in chosen if symbols.to_yahoo(ticker)]


def confirmed(
    screened: pl.DataFrame,
    archive: Archive,
    window: Sequence[date],
    prefixes: Sequence[str],
    splits: pl.DataFrame,
    followed: pl.DataFrame,
) -> pl.DataFrame:
    """`market` of the window's last session: the screen with what Yahoo says of the names that were asked for.

    `splits` (ticker, ex_date, ratio?) are those of followed names, `followed` (ticker, regular_volume?, close?,
    change_pct?) what the session's own tables say of them. z, multiple and rank are taken anew on the known basis.
    """
    session = window[-1]
    earlier = off_exchange.read_window(archive, window[:-1], prefixes).frame
    found = market_fetch.read(archive, session, window, _by_day(screened, earlier, session))
    symbol_of = dict(screened.select("ticker", "symbol").iter_rows())
    events = pl.concat([splits.select("ticker", "ex_date", "ratio"), found.splits]).filter(
        pl.col("ticker").is_in(list(symbol_of)), pl.col("ex_date") > window[0], pl.col("ex_date") <= session
    )
    events = events.with_columns(symbol=pl.col("ticker").replace_strict(symbol_of, return_dtype=pl.String))
    unclear = events.filter(pl.col("ratio").is_null())["symbol"].to_list()
    known = events.filter(pl.col("ratio").is_not_null())
    again = screen.screen(screened, earlier, session, known, unclear).rows
    numbers = again.select("symbol", "volume_multiple", "volume_z", "rank")
    said = pl.concat(
        [followed.with_columns(rounded=pl.lit(False), settled=pl.lit(True)), found.rows], how="diagonal_relaxed"
    ).with_columns(confirmed=pl.lit(True))
    rows = (
        screened.drop("volume_multiple", "volume_z", "rank", "confirmed")
        .join(numbers, on="symbol", how="left", maintain_order="left")
        .join(said, on="ticker", how="left", maintain_order="left")
        .with_columns(pl.col("confirmed").fill_null(False), is_contradicted=pl.col("regular_volume") == 0)
        .with_columns(regular_volume=pl.when(pl.col("is_contradicted").not_()).then("regular_volume"))
        .with_columns(
            offex_ratio=pl.when(pl.col("regular_volume") > 0).then(pl.col("trf_volume") / pl.col("regular_volume"))
        )
    )
    asked = pl.col("confirmed")
    is_rounded, is_unclear = pl.col("rounded").fill_null(False), pl.col("symbol").is_in(unclear)
    flags = [
        pl.col("quality").str.split(","),
        *(
            pl.when(holds.fill_null(False)).then(pl.lit([name]))
            for name, holds in {
                "basis_break": pl.col("symbol").is_in(events["symbol"].to_list()),
                "excess_ratio": pl.col("offex_ratio") > 1,
                "no_regular": asked & pl.col("regular_volume").is_null() & ~is_rounded & ~is_unclear,
                "rounded_volume": is_rounded,
                "split_unclear": is_unclear,
                "unsettled": asked & ~pl.col("settled").fill_null(True),
            }.items()
        ),
    ]
    together = pl.concat_list([flag.fill_null(pl.lit([""])) for flag in flags]).list.unique().list.sort()
    quality = together.list.set_difference([""]).list.join(",")
    return rows.with_columns(quality=quality).select(contracts.CONTRACTS["market"].names).sort("ticker")


def lines(
    archive: Archive, window: Sequence[date], prefixes: Sequence[str], rows: pl.DataFrame
) -> dict[str, list[float | None]]:
    """Off-exchange volumes of the window by ticker of `rows` (ticker, symbol), as published; unknown ones are None."""
    found = off_exchange.read_window(archive, window, prefixes, rows["symbol"].to_list()).frame
    held = {(symbol, day): volume for symbol, day, volume in found.select("symbol", "date", "trf_volume").iter_rows()}
    return {
        ticker: [held.get((symbol, day)) for day in window]
        for ticker, symbol in rows.select("ticker", "symbol").iter_rows()
    }


def _by_day(screened: pl.DataFrame, earlier: pl.DataFrame, session: date) -> dict[str, dict[date, float]]:
    """FINRA's volumes of the names that may be asked for, by ticker and day."""
    of_interest = screened.filter(pl.col("is_core") | pl.col("is_new")).select("ticker", "symbol", "trf_volume")
    days = earlier.join(of_interest.select("ticker", "symbol"), on="symbol").select("ticker", "date", "trf_volume")
    today = of_interest.select("ticker", date=pl.lit(session), trf_volume="trf_volume")
    found: dict[str, dict[date, float]] = {}
    for ticker, day, volume in pl.concat([days, today]).iter_rows():
        found.setdefault(ticker, {})[day] = volume
    return found


def beside(features: pl.DataFrame, screened: pl.DataFrame) -> pl.DataFrame:
    """`features` with the `volume_multiple` and `volume_z` that the market's table has for each ticker."""
    found = screened.filter("is_followed").select("ticker", "volume_multiple", "volume_z")
    return features.drop("volume_multiple", "volume_z", strict=False).join(
        found, on="ticker", how="left", maintain_order="left"
    )
