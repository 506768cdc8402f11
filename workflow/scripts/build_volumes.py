"""Off-exchange and consolidated volumes of a session's window, as traded, and their ratio."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkpool.archive.store import Archive
from darkpool.session import volume_tables
from darkpool.step_log import logged
from darkpool.tables import contracts

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(outputs: dict[str, Path], archive: str, scan: str, **request: Any) -> None:
    built, metadata = volume_tables.volumes(Archive(archive), scan, **request)
    for name, frame in built.items():
        contracts.write(name, frame, outputs[name], **metadata)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            {name: Path(path) for name, path in snakemake.output.items()},
            snakemake.params.archive,
            snakemake.wildcards.scan,
            window=list(snakemake.params.window),
            tickers=list(snakemake.params.tickers),
            unmapped=list(snakemake.params.unmapped),
            prefixes=list(snakemake.params.prefixes),
            excluded=list(snakemake.params.excluded),
            offline=snakemake.params.offline,
            flags=list(snakemake.params.flags),
        )
