"""A session's features: how unusual its volume is, what the lit market says of it, and its newest FINRA week."""

from datetime import date
from typing import TYPE_CHECKING

from darkpool import carried, estimate, features, minutes, otc_weekly, sources, tables
from darkpool.archive import Archive
from darkpool.logbook import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    inputs: dict[str, str],
    outputs: dict[str, str],
    session: date,
    archive: Archive,
    tickers: list[str],
    offline: bool,
    history: dict[str, int],
    weights: dict[str, float],
    signal: dict[str, float],
    transfer_sd: float,
) -> None:
    lit, trf = tables.read("lit_flow", inputs["lit_flow"]), tables.read("trf_flow", inputs["trf_flow"])
    merged, about_lit = tables.metadata(inputs["merged"]), tables.metadata(inputs["lit_flow"])
    volumes = features.compute(
        tables.read("merged", inputs["merged"]), carried.splits(merged), session, history, weights
    )
    signed = minutes.signed(minutes.unpack(tables.metadata(inputs["lit_flow"])))
    dark = estimate.dark_flow(volumes, lit, transfer_sd, signed)
    weekly = otc_weekly.table(archive, session, tickers)
    state = sources.weekly(archive, session, weekly.table, offline)
    about = carried.merge(merged, about_lit, carried.pack(state, weekly.notes))
    directed = estimate.add(volumes, lit, trf, dark, signal, carried.flags(about_lit))
    tables.write("dark_flow", dark, outputs["dark_flow"], **about)
    tables.write("otc_weekly", weekly.table, outputs["otc_weekly"], **about)
    tables.write("features", otc_weekly.add(directed, weekly), outputs["features"], **about)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            dict(snakemake.input.items()),
            dict(snakemake.output.items()),
            date.fromisoformat(snakemake.wildcards.date),
            Archive(snakemake.params.archive),
            list(snakemake.params.weekly_tickers),
            snakemake.params.offline,
            dict(snakemake.params.history),
            dict(snakemake.params.weights),
            dict(snakemake.params.signal),
            snakemake.params.transfer_sd,
        )
