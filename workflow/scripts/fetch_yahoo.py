"""Yahoo's daily volumes and splits of a session's universe into the archive, the universe itself, and the receipt."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from darkpool import daily_bars, layout, universe
from darkpool.archive import Archive
from darkpool.logbook import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(root: str, session: date, window: list[date], followed: dict[str, list[list[str]]]) -> None:
    archive = Archive(root)
    with archive.sole_asker("yahoo"):
        members = {scan: universe.of_pairs(pairs) for scan, pairs in followed.items()}
        for scan, found in members.items():
            archive.keep(layout.universe(scan, session), universe.to_csv(found), datetime.now(UTC))
        tickers = sorted({ticker for found in members.values() for ticker in found.tickers})
        archive.write_receipt("yahoo", session, daily_bars.fetch(archive, session, window, tickers))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.wildcards.archive,
            date.fromisoformat(snakemake.wildcards.session),
            list(snakemake.params.window),
            dict(snakemake.params.followed),
        )
