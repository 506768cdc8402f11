"""Plots of the tickers that have one, and the overview of all of a session's universe."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from darkpool.archive.store import file_name
from darkpool.measures import unusual, weekly
from darkpool.session import files
from darkpool.show.figures import heat_map, overview, panel, ticker_plot
from darkpool.show.page import page_context
from darkpool.step_log import logged
from darkpool.tables import contracts, facts

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    merged: str,
    profile: str,
    blocks: str,
    features_on_page: list[str],
    weeks: list[str],
    folder: Path,
    scan: str,
    session: date,
    tickers: list[str],
    drawn: list[str],
    kinds: list[str],
    history: dict[str, int],
    **settings: Any,
) -> None:
    metadata = contracts.metadata(features_on_page[-1])
    context = page_context.context(metadata, scan, session, tickers=drawn, history=history, **settings)
    splits = facts.splits(contracts.metadata(merged))
    volumes, rows = contracts.read("merged", merged), contracts.stacked("features", features_on_page)
    windows = unusual.trailing(volumes, splits, session, history, facts.closes(contracts.metadata(merged)))
    windows_of = windows.partition_by("ticker", as_dict=True)
    flow = page_context.flow(rows, tickers)
    flow_of = flow.partition_by("ticker", as_dict=True)
    by_week = weekly.flow(contracts.stacked("weekly", weeks))
    scale = panel.shared_scale(windows, flow, by_week)
    days = heat_map.days(profile, blocks, rows.filter(pl.col("date") == session))
    for ticker in drawn:
        paths = [folder / files.PLOTS / f"{file_name(ticker)}.{kind}" for kind in kinds]
        weeks_of = by_week.filter(pl.col("ticker") == ticker)
        ticker_plot.draw(
            ticker,
            windows_of[(ticker,)],
            flow_of[(ticker,)],
            context,
            *paths,
            weekly=weeks_of,
            scale=scale,
            day=days.get(ticker),
        )  # fmt: skip
    together = [folder / f"overview.{kind}" for kind in kinds]
    overview.draw(rows, volumes, context, *together, splits=splits, least=history["min_sessions"])


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.input.merged,
            snakemake.input.profile,
            snakemake.input.blocks,
            list(snakemake.input.features),
            list(snakemake.input.weekly),
            Path(snakemake.params.folder),
            snakemake.params.scan,
            date.fromisoformat(snakemake.params.session),
            list(snakemake.params.tickers),
            list(snakemake.params.drawn),
            list(snakemake.params.kinds),
            history=dict(snakemake.params.history),
            mode=snakemake.params.mode,
            signal=dict(snakemake.params.signal),
        )
