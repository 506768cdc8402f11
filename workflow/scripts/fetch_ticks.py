"""Trades, quotes and minute bars of a session's universe into the archive, and the receipt."""

from datetime import date
from typing import TYPE_CHECKING, Any

from darkpool.archive.store import Archive
from darkpool.session import universe
from darkpool.settings import Flat
from darkpool.step_log import logged
from darkpool.vendors.polygon import tick_fetch

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    root: str, session: date, wanted: dict[str, Any], source: str, flat: dict[str, Any], calls_per_minute: float
) -> None:
    archive = Archive(root)
    tickers = universe.together(wanted["followed"])
    with archive.sole_asker("polygon"):
        receipt = tick_fetch.fetch(
            archive, session, tickers, source=source, flat=Flat(**flat), calls_per_minute=calls_per_minute
        )
        archive.write_receipt("polygon", session, receipt)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.wildcards.archive,
            date.fromisoformat(snakemake.wildcards.session),
            snakemake.params.wanted[snakemake.wildcards.session],
            snakemake.params.source,
            snakemake.params.flat,
            snakemake.params.calls_per_minute,
        )
