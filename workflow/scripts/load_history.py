"""A session's tables and manifest, loaded into the scan's history."""

import json
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from darkpool.files import write_atomic
from darkpool.history import archive_views, database
from darkpool.step_log import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(target: Path, session: date, archive: Path, trades: archive_views.Trades, on_page: list[date]) -> None:
    loaded = database.load(target.parent.parent, [session], archive, trades, beside=on_page)
    for day, reason in loaded.skipped.items():
        print(f"left out of the history: {day}: {reason}", file=sys.stderr)
    for path in loaded.set_aside:
        print(f"the history could not be read and was built anew; it is kept as {path}", file=sys.stderr)
    receipt = json.dumps(loaded.receipts[session], indent=1, sort_keys=True)
    write_atomic(target, (receipt + "\n").encode())


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(
            Path(snakemake.output[0]),
            date.fromisoformat(snakemake.wildcards.date),
            Path(snakemake.params.archive),
            snakemake.params.trades,
            [date.fromisoformat(day) for day in snakemake.params.on_page],
        )
