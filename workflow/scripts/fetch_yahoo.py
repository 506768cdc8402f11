"""Yahoo's daily volumes and splits of the sessions' universes into the archive, the universes and the receipts."""

from datetime import date
from typing import TYPE_CHECKING, Any

from darkpool import clock
from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.session import universe
from darkpool.step_log import logged
from darkpool.vendors.yahoo import bars_fetch

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(root: str, wanted: dict[str, dict[str, Any]]) -> None:
    archive = Archive(root)
    requests = {}
    with archive.sole_asker("yahoo"):
        for day, entry in wanted.items():
            session = date.fromisoformat(day)
            for scan, pairs in entry["followed"].items():
                archive.keep(layout.universe(scan, session), universe.to_csv(universe.of_pairs(pairs)), clock.now())
            tickers = universe.together(entry["followed"])
            requests[session] = bars_fetch.Request(entry["window"], tickers)
        for session, receipt in bars_fetch.fetch(archive, requests).items():
            archive.write_receipt("yahoo", session, receipt)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake.wildcards.archive, dict(snakemake.params.wanted))
