"""A session's features as a page, a picture and a spreadsheet."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkpool.files import write_atomic
from darkpool.show import spreadsheet
from darkpool.show.figures import summary_picture
from darkpool.show.page import page_context, page_html, rows_csv
from darkpool.step_log import logged
from darkpool.tables import contracts

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


WRITERS = {
    "html": lambda frame, context, tables, path: write_atomic(
        path, page_html.render_html(frame, context, tables).encode()
    ),
    "png": lambda frame, context, tables, path: summary_picture.draw(frame, context, path, blocks=tables.blocks),
    "svg": lambda frame, context, tables, path: summary_picture.draw(frame, context, path, blocks=tables.blocks),
    "csv": lambda frame, _, __, path: write_atomic(path, rows_csv.render_csv(frame).encode()),
    "xlsx": lambda frame, context, _, path: write_atomic(
        path, spreadsheet.to_xlsx(frame, "features", context.simulated)
    ),
}


def main(
    features: list[str],
    behind: dict[str, Any],
    outputs: dict[str, Path],
    scan: str,
    session: date,
    drawn: list[str],
    **settings: Any,
) -> None:
    frame = contracts.stacked("features", features)
    *earlier, own = (contracts.metadata(path) for path in features)
    context = page_context.context(
        own,
        scan,
        session,
        tickers=drawn,
        earlier={
            date.fromisoformat(Path(path).parent.name): told for path, told in zip(features[:-1], earlier, strict=True)
        },
        files=[target.name for kind, target in outputs.items() if kind != "html"],
        **settings,
    )
    tables = page_context.behind(frame, **behind)
    for kind, target in outputs.items():
        WRITERS[kind](frame, context, tables, target)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            list(snakemake.input.features),
            {
                "checks": snakemake.input.checks,
                "weeks": list(snakemake.input.weekly),
                "merged": snakemake.input.merged,
                "blocks": list(snakemake.input.blocks),
                "profiles": list(snakemake.input.profiles),
                "market": list(snakemake.input.market),
                "lit": list(snakemake.input.lit),
            },
            {kind: Path(target) for kind, target in snakemake.output.items()},
            snakemake.wildcards.scan,
            date.fromisoformat(snakemake.wildcards.date),
            list(snakemake.params.drawn),
            mode=snakemake.params.mode,
            signal=dict(snakemake.params.signal),
            history=dict(snakemake.params.history),
        )
