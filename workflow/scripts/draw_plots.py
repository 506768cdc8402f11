"""One plot per ticker of a session's universe."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkpool import features, figures, session_page, session_tables, tables
from darkpool.archive import file_name
from darkpool.logbook import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    merged: str,
    features_path: str,
    folder: Path,
    scan: str,
    tickers: list[str],
    history: dict[str, int],
    **settings: Any,
) -> None:
    frame = tables.read("features", features_path)
    session: date = frame["date"][0]
    context = session_page.context(
        tables.metadata(features_path), scan, session, tickers=tickers, history=history, **settings
    )
    splits = session_tables.splits_of(tables.metadata(merged))
    windows = features.trailing(tables.read("merged", merged), splits, session, history).partition_by(
        "ticker", as_dict=True
    )
    flow = session_page.flow(frame).partition_by("ticker", as_dict=True)
    for ticker in tickers:
        figures.ticker_plot(ticker, windows[(ticker,)], flow[(ticker,)], context, folder / f"{file_name(ticker)}.png")


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.input.merged,
            snakemake.input.features,
            Path(snakemake.output[0]).parent,
            snakemake.params.scan,
            list(snakemake.params.tickers),
            history=dict(snakemake.params.history),
            mode=snakemake.params.mode,
            signal=dict(snakemake.params.signal),
        )
