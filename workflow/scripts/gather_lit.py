"""The parts of a session's flows into `lit_flow` and `trf_flow`."""

from datetime import date
from typing import TYPE_CHECKING

from darkpool import carried, minutes, session_flow, tables
from darkpool.archive import Archive
from darkpool.logbook import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(parts: dict[str, list[str]], outputs: dict[str, str], session: date, root: str, offline: bool) -> None:
    flows = session_flow.gather(parts["lit"], parts["trf"])
    state = session_flow.state(session, flows, Archive(root), offline)
    about = carried.pack([state], flows.findings.notes(), flags=flows.findings.flags)
    tables.write("lit_flow", flows.lit, outputs["lit_flow"], **about, **minutes.pack(flows.minutes))
    tables.write("trf_flow", flows.trf, outputs["trf_flow"], **about)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            {"lit": list(snakemake.input.lit), "trf": list(snakemake.input.trf)},
            dict(snakemake.output.items()),
            date.fromisoformat(snakemake.wildcards.date),
            snakemake.params.archive,
            snakemake.params.offline,
        )
