"""The parts of a session's flows into `lit_flow`, `trf_flow`, `trf_blocks` and `trf_profile`."""

from datetime import date
from typing import TYPE_CHECKING

from darkpool.archive.store import Archive
from darkpool.measures.prints import levels
from darkpool.session import minutes, tick_flows
from darkpool.step_log import logged
from darkpool.tables import contracts, facts

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    parts: dict[str, list[str]], merged: str, outputs: dict[str, str], session: date, root: str, offline: bool
) -> None:
    flows = tick_flows.gather(parts, session, contracts.read("merged", merged))
    state = tick_flows.state(session, flows, Archive(root), offline)
    about = facts.pack([state], flows.findings.notes(), flags=flows.findings.flags)
    contracts.write("lit_flow", flows.lit, outputs["lit_flow"], **about, **minutes.pack(flows.minutes))
    contracts.write("trf_flow", flows.trf, outputs["trf_flow"], **about)
    contracts.write("trf_blocks", flows.blocks, outputs["trf_blocks"], **about)
    contracts.write("trf_profile", flows.profile, outputs["trf_profile"], **about, **levels.pack(flows.levels))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            {name: list(snakemake.input[name]) for name in dict(snakemake.output.items())},
            snakemake.input.merged,
            dict(snakemake.output.items()),
            date.fromisoformat(snakemake.wildcards.date),
            snakemake.params.archive,
            snakemake.params.offline,
        )
