"""Yahoo's volumes and splits of the market's names that will be shown, into the archive and a receipt."""

from datetime import date
from typing import TYPE_CHECKING

from darkpool.archive.store import Archive
from darkpool.session import market_tables
from darkpool.step_log import logged
from darkpool.tables import contracts
from darkpool.vendors.yahoo import market_fetch

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(root: str, screens: list[str], session: date, window: list[date], confirm: int) -> None:
    archive = Archive(root)
    names = {name for path in screens for name in market_tables.names(contracts.read("market_screen", path), confirm)}
    with archive.sole_asker("yahoo"):
        receipt = market_fetch.fetch(archive, session, window, sorted(names))
        archive.write_receipt(market_fetch.SOURCE, session, receipt)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.wildcards.archive,
            list(snakemake.input),
            date.fromisoformat(snakemake.wildcards.session),
            list(snakemake.params.window),
            snakemake.params.confirm,
        )
