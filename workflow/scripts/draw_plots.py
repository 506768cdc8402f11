"""One plot per ticker of a session's universe."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from darkpool import carried, features, figures, session_page, tables, weekly
from darkpool.archive import file_name
from darkpool.logbook import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    merged: str,
    features_on_page: list[str],
    weeks: list[str],
    folder: Path,
    scan: str,
    session: date,
    tickers: list[str],
    history: dict[str, int],
    **settings: Any,
) -> None:
    metadata = tables.metadata(features_on_page[-1])
    context = session_page.context(metadata, scan, session, tickers=tickers, history=history, **settings)
    splits = carried.splits(tables.metadata(merged))
    windows = features.trailing(tables.read("merged", merged), splits, session, history)
    windows_of = windows.partition_by("ticker", as_dict=True)
    flow = session_page.flow(session_page.stacked("features", features_on_page), tickers)
    flow_of = flow.partition_by("ticker", as_dict=True)
    by_week = weekly.flow(session_page.stacked("weekly", weeks))
    for ticker in tickers:
        path = folder / f"{file_name(ticker)}.png"
        of_ticker = by_week.filter(pl.col("ticker") == ticker)
        figures.ticker_plot(ticker, windows_of[(ticker,)], flow_of[(ticker,)], context, path, weekly=of_ticker)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.input.merged,
            list(snakemake.input.features),
            list(snakemake.input.weekly),
            Path(snakemake.output[0]).parent,
            snakemake.params.scan,
            date.fromisoformat(snakemake.params.session),
            list(snakemake.params.tickers),
            history=dict(snakemake.params.history),
            mode=snakemake.params.mode,
            signal=dict(snakemake.params.signal),
        )
