"""Simulated answers of the vendors for a session's window into the demo's archive."""

from datetime import date
from typing import TYPE_CHECKING

from darkpool.archive.store import Archive
from darkpool.step_log import logged
from darkpool.vendors.simulated import daily_fetch

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(root: str, session: date, window: list[date], seed: int) -> None:
    daily_fetch.fetch(Archive(root), session, window, seed)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.params.archive,
            date.fromisoformat(snakemake.wildcards.session),
            list(snakemake.params.window),
            snakemake.params.seed,
        )
