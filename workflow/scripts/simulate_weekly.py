"""Simulated weekly off-exchange data that a session may see into the demo's archive."""

from datetime import date
from typing import TYPE_CHECKING

from darkpool import simulate_weekly
from darkpool.archive import Archive
from darkpool.logbook import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(root: str, session: date, weeks: int, seed: int) -> None:
    simulate_weekly.weeks(Archive(root), session, weeks, seed)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.params.archive,
            date.fromisoformat(snakemake.wildcards.session),
            snakemake.params.weeks,
            snakemake.params.seed,
        )
