"""FINRA's daily files of a session's window into the archive, and the receipt."""

from datetime import date
from typing import TYPE_CHECKING

from darkpool.archive.store import Archive
from darkpool.step_log import logged
from darkpool.vendors.finra import daily_fetch

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(root: str, session: date, window: list[date], prefixes: list[str]) -> None:
    archive = Archive(root)
    with archive.sole_asker("finra"):
        archive.write_receipt("finra", session, daily_fetch.fetch(archive, session, window, prefixes))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.wildcards.archive,
            date.fromisoformat(snakemake.wildcards.session),
            list(snakemake.params.window),
            list(snakemake.params.prefixes),
        )
