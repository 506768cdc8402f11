"""A session's sources against one another."""

from datetime import date
from typing import TYPE_CHECKING, Any

from darkpool.archive.store import Archive
from darkpool.session import checks
from darkpool.step_log import logged
from darkpool.tables import contracts

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(merged: str, output: str, root: str, session: date, **request: Any) -> None:
    frame = checks.compare(Archive(root), session, merged=contracts.read("merged", merged), **request)
    contracts.write("reconciliation", frame, output)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.input.merged,
            snakemake.output[0],
            snakemake.params.archive,
            date.fromisoformat(snakemake.wildcards.date),
            tickers=list(snakemake.params.tickers),
            prefixes=list(snakemake.params.prefixes),
            source=snakemake.params.source,
        )
