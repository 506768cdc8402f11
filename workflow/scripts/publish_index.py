"""Every session of a scan on one page, from the folders on disk."""

from pathlib import Path
from typing import TYPE_CHECKING

from darkpool.history import beside
from darkpool.step_log import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(target: Path) -> None:
    beside.write_index(target.parent)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(Path(snakemake.output[0]))
