"""Simulated weekly off-exchange data that a session may see into the demo's archive."""

from datetime import date
from typing import TYPE_CHECKING

from darkpool.archive.store import Archive
from darkpool.step_log import logged
from darkpool.vendors.simulated import weekly_fetch

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(root: str, session: date, weeks: int, seed: int) -> None:
    weekly_fetch.fetch(Archive(root), session, weeks, seed)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.params.archive,
            date.fromisoformat(snakemake.wildcards.session),
            snakemake.params.weeks,
            snakemake.params.seed,
        )
