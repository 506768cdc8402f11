"""The tables of the store: which of a session's tables stand in it, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from ..session import files
from ..tables import contracts
from . import schema
from .archive_views import TRADE_TABLE, TRADES, TRADES_COMMENT, Trades


@dataclass(frozen=True)
class Kept:
    """How a table of a session's folder stands in the store.

    `spans` is true where its rows are of other days than the session's own: the store adds the column `session`.
    `optional` tables may be missing from a folder, `sparse` ones may have no row; `copies` are columns the store has
    twice, by new name.
    """

    source: str
    spans: bool = False
    optional: bool = False
    sparse: bool = False
    copies: Mapping[str, str] = field(default_factory=dict)

    @property
    def session(self) -> str:
        return "session" if self.spans else "date"

    @property
    def key(self) -> tuple[str, ...]:
        key = contracts.CONTRACTS[self.source].key
        return ("session", *key) if self.spans else key


COPIES = {"finra_otc_volume_raw": {"source": "tier"}}
KEPT: Mapping[str, Kept] = {
    file.store: Kept(name, file.spans, file.optional, file.sparse, COPIES.get(file.store, {}))
    for name, file in files.TABLES.items()
    if file.store
}
RUNS = "runs"

RUNS_COLUMNS = {
    "session": ("DATE NOT NULL", "XNYS session"),
    "scan": ("VARCHAR NOT NULL", "scan"),
    "mode": ("VARCHAR", "mode of the manifest; null without one"),
    "simulated": ("BOOLEAN NOT NULL", "whether the vendors were simulated"),
    "sources": ("JSON NOT NULL", "state of each source, as the tables carry it"),
    "inputs": ("JSON NOT NULL", "sha256 of the files that were loaded, by name"),
    "manifest": ("JSON", "the manifest `all`; null where there is none, or it is of other tables than these"),
}
_TYPES = {
    pa.date32(): "DATE",
    pa.string(): "VARCHAR",
    pa.float64(): "DOUBLE",
    pa.int64(): "BIGINT",
    pa.bool_(): "BOOLEAN",
    pa.map_(pa.string(), pa.float64()): "MAP(VARCHAR, DOUBLE)",
}


def shape(trades: Trades) -> dict[str, schema.Table]:
    """Every table of the store, and what must be a view."""
    shape = {
        name: schema.Table(
            _columns(kept),
            kept.session,
            kept.source,
            contracts.CONTRACTS[kept.source],
            kept.copies,
            f"{files.TABLES[kept.source].path} of each session: {files.TABLES[kept.source].words}",
        )
        for name, kept in KEPT.items()
    }
    runs = schema.Table(RUNS_COLUMNS, "session", comment=f"{files.MANIFEST} of each session, and what was loaded of it")
    shape |= {RUNS: runs, schema.CONTRACTS: schema.VERSIONS}
    return shape | {TRADES: schema.Table(TRADE_TABLE if trades == "table" else {}, comment=TRADES_COMMENT)}


def _columns(kept: Kept) -> dict[str, tuple[str, str]]:
    """Type and meaning of the columns of a table of the store."""
    fields = contracts.CONTRACTS[kept.source].schema
    columns = {"session": ("DATE NOT NULL", "session whose folder holds the row")} if kept.spans else {}
    for name in fields.names:
        about = fields.field(name)
        described = about.metadata or {}
        kind = _TYPES[about.type] + ("" if about.nullable else " NOT NULL")
        columns[name] = (kind, f"{described[b'unit'].decode()}: {described[b'meaning'].decode()}")
    return columns | {new: columns[old] for new, old in kept.copies.items()}
