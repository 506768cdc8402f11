"""A session's features from its merged volumes."""

from datetime import date
from typing import TYPE_CHECKING, Any

from darkpool import features, session_tables, tables
from darkpool.logbook import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(merged: str, output: str, session: date, history: dict[str, int], weights: dict[str, float]) -> None:
    metadata: dict[str, Any] = tables.metadata(merged)
    splits = session_tables.splits_of(metadata)
    frame = features.compute(tables.read("merged", merged), splits, session, history, weights)
    tables.write("features", frame, output, **session_tables.about(metadata))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.input.merged,
            snakemake.output.features,
            date.fromisoformat(snakemake.wildcards.date),
            dict(snakemake.params.history),
            dict(snakemake.params.weights),
        )
