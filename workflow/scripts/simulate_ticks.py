"""Simulated trades, quotes and minute bars of a session into the demo's archive, and the truth apart from them."""

from datetime import date
from typing import TYPE_CHECKING

from darkpool.archive.store import Archive
from darkpool.step_log import logged
from darkpool.vendors.simulated import tick_fetch

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(root: str, session: date, seed: int) -> None:
    tick_fetch.fetch(Archive(root), session, seed)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake.params.archive, date.fromisoformat(snakemake.wildcards.session), snakemake.params.seed)
