"""Every symbol of FINRA's file against its own sessions: what is unusual in the whole market."""

from datetime import date
from typing import TYPE_CHECKING

from darkpool.archive.store import Archive
from darkpool.session import market_tables
from darkpool.step_log import logged
from darkpool.tables import contracts, facts

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    merged: str,
    target: str,
    archive: Archive,
    window: list[date],
    tickers: list[str],
    prefixes: list[str],
    excluded: list[str],
) -> None:
    about = contracts.metadata(merged)
    rows = market_tables.screened(
        archive, window, prefixes, excluded, tickers, facts.splits(about), facts.unpack(about)
    )
    contracts.write("market_screen", rows, target, **facts.of_same(about))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.input.merged,
            snakemake.output[0],
            Archive(snakemake.params.archive),
            list(snakemake.params.window),
            list(snakemake.params.tickers),
            list(snakemake.params.prefixes),
            list(snakemake.params.excluded),
        )
