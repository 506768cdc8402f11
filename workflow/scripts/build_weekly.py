"""The newest FINRA weeks that a session sees, split by the lit buy ratio of their sessions."""

from datetime import date
from typing import TYPE_CHECKING

from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.measures import weekly
from darkpool.session import minutes
from darkpool.step_log import logged
from darkpool.tables import contracts
from darkpool.vendors.finra import otc_weekly
from darkpool.vendors.simulated import marks

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    flows: list[str],
    output: str,
    archive: Archive,
    scan: str,
    session: date,
    tickers: list[str],
    count: int,
    signal: dict[str, float],
    min_lit_volume: float,
    transfer_sd: float,
) -> None:
    marks.found(scan, layout.otc_weekly_answers(archive, session, count))
    weeks = otc_weekly.weeks(archive, session, tickers, count)
    lit = contracts.stacked("lit_flow", flows)
    sessions_of = weekly.sessions_by_week(weeks["week_start_date"])
    labels = weekly.about(weekly.labels(weeks, lit, sessions_of))
    by_minute = minutes.unpack(*map(contracts.metadata, flows))
    table = weekly.table(weeks, lit, sessions_of, signal, min_lit_volume, transfer_sd, by_minute)
    contracts.write("weekly", table, output, **labels)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            list(snakemake.input.flows),
            snakemake.output[0],
            Archive(snakemake.params.archive),
            snakemake.wildcards.scan,
            date.fromisoformat(snakemake.wildcards.date),
            list(snakemake.params.tickers),
            snakemake.params.weeks,
            dict(snakemake.params.signal),
            snakemake.params.min_lit_volume,
            snakemake.params.transfer_sd,
        )
