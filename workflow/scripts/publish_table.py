"""A session's features as a page, a picture and a spreadsheet."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkpool import figures, page, session_page, tables
from darkpool.archive import write_atomic
from darkpool.logbook import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(path: str, html: str, png: str, csv: list[str], scan: str, session: date, **settings: Any) -> None:
    frame = tables.read("features", path)
    context = session_page.context(tables.metadata(path), scan, session, tickers=frame["ticker"].to_list(), **settings)
    write_atomic(Path(html), page.render_html(frame, context).encode())
    figures.table_png(frame, context, Path(png))
    for target in csv:
        write_atomic(Path(target), page.render_csv(frame).encode())


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            snakemake.input.features,
            snakemake.output.html,
            snakemake.output.png,
            list(snakemake.output.csv),
            snakemake.wildcards.scan,
            date.fromisoformat(snakemake.wildcards.date),
            mode=snakemake.params.mode,
            signal=dict(snakemake.params.signal),
            history=dict(snakemake.params.history),
        )
