"""FINRA's weekly off-exchange data that a session may see into the archive, and the receipt."""

from datetime import date
from typing import TYPE_CHECKING, Any

from darkpool.archive.store import Archive
from darkpool.session import universe
from darkpool.step_log import logged
from darkpool.vendors.finra import weekly_fetch

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(root: str, session: date, wanted: dict[str, Any], **request: Any) -> None:
    archive = Archive(root)
    tickers = universe.together(wanted["followed"])
    with archive.sole_asker("finra_weekly"):
        archive.write_receipt("finra_weekly", session, weekly_fetch.fetch(archive, session, tickers, **request))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        wanted = snakemake.params.wanted[snakemake.wildcards.session]
        asked = {name: snakemake.params[name] for name in ("weeks", "again", "late", "auth", "firms")}
        main(snakemake.wildcards.archive, date.fromisoformat(snakemake.wildcards.session), wanted, **asked)
