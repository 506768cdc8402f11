"""Lit trades of a part of a session's universe into flows: one part of `lit_flow` and `trf_flow`."""

from datetime import date
from typing import TYPE_CHECKING, Any

from darkpool import session_flow, simulated, tables
from darkpool.archive import Archive
from darkpool.logbook import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    root: str, scan: str, lit: str, trf: str, session: date, tickers: list[str], settings: dict[str, Any], threads: int
) -> None:
    archive = Archive(root)
    simulated.found(scan, simulated.ticks_of(archive, session, tickers))
    flows = session_flow.flows(archive, session, tickers, settings, threads)
    tables.write("lit_flow", flows.lit, lit, **flows.pack_lit())
    tables.write("trf_flow", flows.trf, trf)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.params.archive,
            snakemake.wildcards.scan,
            snakemake.output.lit,
            snakemake.output.trf,
            date.fromisoformat(snakemake.wildcards.date),
            session_flow.part(snakemake.params.tickers, snakemake.wildcards.scatteritem),
            dict(snakemake.params.settings),
            snakemake.threads,
        )
