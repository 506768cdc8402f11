"""The manifest of a session, once FINRA's and Yahoo's answers are final, and with it what stands beside it."""

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkpool import clock
from darkpool.archive.store import Archive
from darkpool.files import write_atomic
from darkpool.history import beside
from darkpool.measures import reconcile
from darkpool.session import files, manifest, sources
from darkpool.step_log import logged
from darkpool.tables import contracts, facts

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    target: Path,
    outputs: list[Path],
    features: list[Path],
    root: str,
    session: date,
    around: dict[str, Any],
    **request: Any,
) -> None:
    """Whatever becomes of the manifest, the store, the index and latest.json say the same as the session's page."""
    try:
        told = facts.unpack(contracts.metadata(target.parent / files.FEATURES))
        print(f"{session}: {sources.sentence(told['sources'])}", file=sys.stderr)
        sources.require_final(told["sources"], session, request["config"]["mode"])
        checks = contracts.read("reconciliation", target.parent / files.RECONCILIATION)
        told["reconciliation"] = reconcile.summary(checks)
        write_atomic(target, manifest.build(target.parent, outputs, features, Archive(root), session, told, **request))
    finally:
        for fault in beside.update(target.parent.parent, session, Path(root), now=clock.now(), **around):
            print(f"warning: {fault}", file=sys.stderr)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            Path(snakemake.output[0]),
            [Path(path) for path in [*snakemake.input.tables, *snakemake.params.published]],
            [Path(path) for path in snakemake.input.features],
            snakemake.params.archive,
            date.fromisoformat(snakemake.wildcards.date),
            {
                "on_page": [date.fromisoformat(day) for day in snakemake.params.on_page],
                "trades": snakemake.params.trades,
                "mode": snakemake.params.config["mode"],
                "code": snakemake.params.code,
            },
            scan=snakemake.wildcards.scan,
            window=list(snakemake.params.window),
            tickers=list(snakemake.params.tickers),
            config=dict(snakemake.params.config),
        )
