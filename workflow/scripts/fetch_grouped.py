"""Polygon's prices of every name on a session into the archive, and the receipt."""

from datetime import date
from typing import TYPE_CHECKING

from darkpool.archive.store import Archive
from darkpool.step_log import logged
from darkpool.vendors.polygon import grouped_fetch

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(root: str, session: date, calls_per_minute: float | None) -> None:
    archive = Archive(root)
    with archive.sole_asker("polygon"):
        receipt = grouped_fetch.fetch(archive, session, calls_per_minute)
        archive.write_receipt(grouped_fetch.SOURCE, session, receipt)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.wildcards.archive,
            date.fromisoformat(snakemake.wildcards.session),
            snakemake.params.calls_per_minute,
        )
