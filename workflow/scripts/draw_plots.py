"""One plot per ticker of a session's universe, and the overview of them all."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from darkpool import carried, features, figures, overview, session_page, tables, weekly
from darkpool.archive import file_name
from darkpool.logbook import logged
from darkpool.session import files

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
    kinds: list[str],
    history: dict[str, int],
    **settings: Any,
) -> None:
    metadata = tables.metadata(features_on_page[-1])
    context = session_page.context(metadata, scan, session, tickers=tickers, history=history, **settings)
    splits = carried.splits(tables.metadata(merged))
    volumes, rows = tables.read("merged", merged), tables.stacked("features", features_on_page)
    windows = features.trailing(volumes, splits, session, history)
    windows_of = windows.partition_by("ticker", as_dict=True)
    flow = session_page.flow(rows, tickers)
    flow_of = flow.partition_by("ticker", as_dict=True)
    by_week = weekly.flow(tables.stacked("weekly", weeks))
    scale = figures.shared_scale(windows, flow, by_week)
    for ticker in tickers:
        paths = [folder / files.PLOTS / f"{file_name(ticker)}.{kind}" for kind in kinds]
        weeks_of = by_week.filter(pl.col("ticker") == ticker)
        figures.ticker_plot(
            ticker, windows_of[(ticker,)], flow_of[(ticker,)], context, *paths, weekly=weeks_of, scale=scale
        )
    together = [folder / f"overview.{kind}" for kind in kinds]
    overview.overview(rows, volumes, context, *together, splits=splits, least=history["min_sessions"])


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.input.merged,
            list(snakemake.input.features),
            list(snakemake.input.weekly),
            Path(snakemake.params.folder),
            snakemake.params.scan,
            date.fromisoformat(snakemake.params.session),
            list(snakemake.params.tickers),
            list(snakemake.params.kinds),
            history=dict(snakemake.params.history),
            mode=snakemake.params.mode,
            signal=dict(snakemake.params.signal),
        )
