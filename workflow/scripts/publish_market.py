"""The whole market of a session: a table, a spreadsheet and a page of what is unusual outside of the watchlist."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from darkpool.archive.store import Archive
from darkpool.files import write_atomic
from darkpool.session import market_tables
from darkpool.show import elsewhere
from darkpool.show.market_page import market_html
from darkpool.step_log import logged
from darkpool.tables import contracts, facts

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    screen: str,
    features: str,
    outputs: dict[str, str],
    scan: str,
    archive: Archive,
    window: list[date],
    prefixes: list[str],
    market: dict[str, int],
) -> None:
    about = contracts.metadata(screen)
    followed = contracts.read("features", features).select("ticker", "regular_volume", "close", "change_pct")
    rows = market_tables.confirmed(
        contracts.read("market_screen", screen), archive, window, prefixes, facts.splits(about),
        followed.drop_nulls("regular_volume"),
    )  # fmt: skip
    contracts.write("market", rows, outputs["table"], **about)
    told: Any = facts.unpack(about)
    shown = pl.concat([elsewhere.ranked(rows, market["show"]), elsewhere.newest(rows, market["show"])])
    lines = market_tables.lines(archive, window, prefixes, shown)
    page = market_html.render(rows, scan, window[-1], told, show=market["show"], lines=lines)
    write_atomic(Path(outputs["html"]), page.encode())
    write_atomic(Path(outputs["csv"]), market_html.render_csv(rows).encode())


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.input.screen,
            snakemake.input.features,
            dict(snakemake.output.items()),
            snakemake.wildcards.scan,
            Archive(snakemake.params.archive),
            list(snakemake.params.window),
            list(snakemake.params.prefixes),
            dict(snakemake.params.market),
        )
