"""Simulated answers of Yahoo for the market's names that will be shown, into the demo's archive."""

from datetime import date
from typing import TYPE_CHECKING

from darkpool.archive.store import Archive
from darkpool.session import market_tables
from darkpool.step_log import logged
from darkpool.tables import contracts
from darkpool.vendors.simulated import daily_fetch

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(root: str, screen: str, session: date, window: list[date], confirm: int, seed: int) -> None:
    names = market_tables.names(contracts.read("market_screen", screen), confirm)
    daily_fetch.fetch_market(Archive(root), session, window, names, seed)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.params.archive,
            snakemake.input[0],
            date.fromisoformat(snakemake.wildcards.session),
            list(snakemake.params.window),
            snakemake.params.confirm,
            snakemake.params.seed,
        )
