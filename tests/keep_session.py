"""Keep a session of today for every later version to read: python tests/keep_session.py v2, after `make demo`.

Three tickers and the window's last days of the demo: nothing of a vendor. A kept session is never edited.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import polars as pl

from darkpool.history import connection
from darkpool.tables import contracts

DEMO = Path("results/demo")
SESSION = "2025-12-22"
TICKERS = ("BRK.B", "BRK/B", "SPLYT", "TpC")
LAST_DAYS = 4


def main(version: str) -> None:
    place = Path("tests/kept", version)
    target = place / "demo" / SESSION
    for path in sorted((DEMO / SESSION).glob("*.parquet")):
        name = path.stem
        rows, about = contracts.read(name, path), contracts.metadata(path)
        rows = rows.filter(pl.col("symbol" if "symbol" in rows.columns else "ticker").is_in(TICKERS))
        day = "week_start_date" if "week_start_date" in rows.columns else "date"
        last = rows[day].unique().sort()[-LAST_DAYS:].to_list()
        rows = rows.filter(pl.col(day).is_in(last))
        if "labels" in about:
            kept = {(str(week), ticker) for week, ticker in rows.select("week_start_date", "ticker").iter_rows()}
            labels = [one for one in json.loads(about["labels"]) if (one["week_start_date"], one["ticker"]) in kept]
            about["labels"] = json.dumps(labels)
        contracts.write(name, rows, target / path.name, **about)
    manifest = json.loads((DEMO / SESSION / "all").read_text(encoding="utf-8")) | {"covers": [], "inputs": []}
    manifest["outputs"] = [
        {"path": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(target.glob("*.parquet"))
    ]
    (target / "all").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    with connection.connect(DEMO) as con:
        made = con.execute("SELECT sql FROM duckdb_tables() WHERE NOT internal ORDER BY table_name").fetchall()
    (place / "store.sql").write_text("".join(f"{sql}\n" for (sql,) in made), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
