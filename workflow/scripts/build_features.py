"""A session's features: how unusual its volume is, and what the lit market says of its direction."""

from datetime import date
from typing import TYPE_CHECKING, Any

from darkpool import estimate, features, session_flow, session_tables, tables
from darkpool.archive import Archive
from darkpool.logbook import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    merged: str,
    lit_parts: list[str],
    trf_parts: list[str],
    outputs: dict[str, str],
    session: date,
    history: dict[str, int],
    weights: dict[str, float],
    signal: dict[str, float],
    lit_source: dict[str, Any],
) -> None:
    flows = session_flow.gather(lit_parts, trf_parts)
    metadata: dict[str, Any] = tables.metadata(merged)
    volumes = features.compute(
        tables.read("merged", merged), session_tables.splits_of(metadata), session, history, weights
    )
    dark = estimate.dark_flow(volumes, flows.lit)
    about = session_tables.about(metadata, flows.notes, session_flow.state(session, flows, **lit_source))
    tables.write("lit_flow", flows.lit, outputs["lit_flow"], **about)
    tables.write("trf_flow", flows.trf, outputs["trf_flow"], **about)
    tables.write("dark_flow", dark, outputs["dark_flow"], **about)
    tables.write("features", estimate.add(volumes, flows.lit, flows.trf, dark, signal), outputs["features"], **about)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.input.merged,
            list(snakemake.input.lit),
            list(snakemake.input.trf),
            dict(snakemake.output.items()),
            date.fromisoformat(snakemake.wildcards.date),
            dict(snakemake.params.history),
            dict(snakemake.params.weights),
            dict(snakemake.params.signal),
            {"archive": Archive(snakemake.params.archive), "offline": snakemake.params.offline},
        )
