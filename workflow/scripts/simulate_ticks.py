"""Simulated trades, quotes and minute bars of a session into the demo's archive, and the truth apart from them."""

from datetime import date
from typing import TYPE_CHECKING

from darkpool import simulate_ticks
from darkpool.archive import Archive
from darkpool.logbook import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(root: str, session: date, seed: int) -> None:
    simulate_ticks.session(Archive(root), session, seed)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake.params.archive, date.fromisoformat(snakemake.wildcards.session), snakemake.params.seed)
