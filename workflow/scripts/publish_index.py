"""Every session of a scan on one page, from the folders on disk."""

from pathlib import Path
from typing import TYPE_CHECKING

from darkpool.show.index import index_page
from darkpool.step_log import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(target: Path) -> None:
    index_page.write(target.parent)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(Path(snakemake.output[0]))
