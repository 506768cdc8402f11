"""A session's features: how unusual its volume is, what the lit market says of it, and its newest FINRA week."""

from datetime import date
from typing import TYPE_CHECKING

from darkpool.archive.store import Archive
from darkpool.measures import estimate, unusual
from darkpool.measures.prints import levels
from darkpool.session import market_tables, minutes, sources
from darkpool.step_log import logged
from darkpool.tables import contracts, facts
from darkpool.vendors.finra import otc_weekly

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    inputs: dict[str, str],
    screens: list[str],
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
    lit, trf = contracts.read("lit_flow", inputs["lit_flow"]), contracts.read("trf_flow", inputs["trf_flow"])
    merged, about_lit = contracts.metadata(inputs["merged"]), contracts.metadata(inputs["lit_flow"])
    volumes = unusual.compute(
        contracts.read("merged", inputs["merged"]),
        facts.splits(merged),
        session,
        history,
        weights,
        facts.closes(merged),
    )
    signed = minutes.signed(minutes.unpack(contracts.metadata(inputs["lit_flow"])))
    dark = estimate.dark_flow(volumes, lit, transfer_sd, signed)
    screened = contracts.stacked("market_screen", screens)
    weekly = otc_weekly.table(archive, session, tickers)
    state = sources.weekly(archive, session, weekly.table, offline)
    about = facts.merge(merged, about_lit, facts.pack(state, weekly.notes))
    directed = estimate.add(volumes, lit, trf, dark, signal, facts.flags(about_lit))
    contracts.write("dark_flow", dark, outputs["dark_flow"], **about)
    contracts.write("otc_weekly", weekly.table, outputs["otc_weekly"], **about)
    located = levels.beside(directed, levels.read(inputs["trf_profile"]))
    features = market_tables.beside(otc_weekly.add(located, weekly), screened)
    contracts.write("features", features, outputs["features"], **about)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            {name: snakemake.input[name] for name in ("merged", "lit_flow", "trf_flow", "trf_profile")},
            list(snakemake.input.screen),
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
