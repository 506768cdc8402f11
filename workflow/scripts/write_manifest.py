"""The manifest of a session, once FINRA's and Yahoo's answers are final."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkpool import layout, manifest, provenance, session_page, sources, tables
from darkpool.archive import Archive, write_atomic
from darkpool.logbook import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(target: Path, outputs: list[Path], root: str, scan: str, window: list[date], tickers: list[str], config: dict[str, Any]) -> None:
    told = session_page.told(tables.metadata(target.parent / "features.parquet"))
    sources.require_final(told["sources"], window[-1])
    archive = Archive(root)
    inputs = layout.volume_answers(archive, window[-1], window, config["finra"]["files"])
    facts = {
        **told, "scan": scan, "date": str(window[-1]), "mode": config["mode"], "tickers": tickers,
        "config": manifest.relevant(config, scan), "versions": provenance.versions(),
    }
    write_atomic(target, manifest.build(target.parent, outputs, archive, inputs, facts))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            Path(snakemake.output[0]),
            [Path(path) for path in [*snakemake.input.tables, *snakemake.input.published]],
            snakemake.params.archive,
            snakemake.wildcards.scan,
            list(snakemake.params.window),
            list(snakemake.params.tickers),
            dict(snakemake.params.config),
        )
