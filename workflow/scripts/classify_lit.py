"""Trades of a part of a session's universe into flows: one part of `lit_flow` and of the three tables of prints."""

from datetime import date
from typing import TYPE_CHECKING, Any

from darkpool.archive.store import Archive
from darkpool.measures.prints import levels
from darkpool.session import tick_flows
from darkpool.step_log import logged
from darkpool.tables import contracts
from darkpool.vendors.simulated import marks

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    root: str,
    scan: str,
    outputs: dict[str, str],
    session: date,
    tickers: list[str],
    settings: dict[str, Any],
    threads: int,
) -> None:
    archive = Archive(root)
    marks.found(scan, marks.ticks_of(archive, session, tickers))
    flows = tick_flows.flows(archive, session, tickers, settings, threads)
    contracts.write("lit_flow", flows.lit, outputs["lit_flow"], **flows.pack_lit())
    contracts.write("trf_flow", flows.trf, outputs["trf_flow"])
    contracts.write("trf_blocks", flows.blocks, outputs["trf_blocks"])
    contracts.write("trf_profile", flows.profile, outputs["trf_profile"], **levels.pack(flows.levels))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.params.archive,
            snakemake.wildcards.scan,
            dict(snakemake.output.items()),
            date.fromisoformat(snakemake.wildcards.date),
            tick_flows.part(snakemake.params.tickers, snakemake.wildcards.scatteritem),
            dict(snakemake.params.settings),
            snakemake.threads,
        )
