"""The tables of the history's store: their shape, how an older store grows into it, and which sessions they hold.

Each table of the store that comes from a session's table has the version of its contract, kept in `contracts`; a store
without it is of the first version. An older store keeps its rows: they get the columns of today, as `contract` reads
older files. Rows that cannot be read so are taken from the folders again, and where those have none it is a loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import NamedTuple

import duckdb

from ..tables.contract import FIRST, Column, Contract, ContractError, Newer

CONTRACTS = "contracts"
_OLD = "before_it_grew"

Holdings = Mapping[str, frozenset[date]]
"""Sessions of which a table of the store has rows, by table."""


class Table(NamedTuple):
    """A table of the store: type and meaning of its columns, the one that names the session, and where it comes from.

    `session` is None for a table that holds nothing of a session's folder. `copies`: columns that stand twice, by new
    name. `source` is the name of the session's table. Without columns it is a view, and a table of that name goes.
    `comment`: what it holds, and of which file.
    """

    columns: Mapping[str, tuple[str, str]]
    session: str | None = None
    source: str | None = None
    contract: Contract | None = None
    copies: Mapping[str, str] = {}
    comment: str = ""

    @property
    def version(self) -> int:
        return self.contract.version if self.contract else FIRST

    def is_like(self, there: Mapping[str, str]) -> bool:
        """Whether a table with these types by column, in their order, is this one."""
        return list(there.items()) == [(name, kind) for name, (kind, _) in self.columns.items()]


VERSIONS = Table({
    "table_name": ("VARCHAR NOT NULL", "table of the store"),
    "source": ("VARCHAR NOT NULL", "table of a session's folder that it holds"),
    "version": ("BIGINT NOT NULL", "version of that table's contract"),
}, comment="versions of the contracts of the tables of this store")  # fmt: skip


def bare(kind: str) -> str:
    return kind.removesuffix(" NOT NULL")


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def create(con: duckdb.DuckDBPyConnection, name: str, table: Table) -> None:
    """A table; what it holds and what its columns mean can be read in `duckdb_tables()` and `duckdb_columns()`."""
    described = ", ".join(f'"{column}" {kind}' for column, (kind, _) in table.columns.items())
    con.execute(f"CREATE TABLE {name} ({described})")
    con.execute(f"COMMENT ON TABLE {name} IS {quoted(table.comment)}")
    for column, (_, meaning) in table.columns.items():
        con.execute(f'COMMENT ON COLUMN {name}."{column}" IS {quoted(meaning)}')


def is_today(con: duckdb.DuckDBPyConnection, shape: Mapping[str, Table]) -> bool:
    """Whether the store has every table of `shape` as it is, of the versions of today."""
    there = _tables(con)
    return all(table.is_like(there.get(name, {})) for name, table in shape.items()) and versions(con) == _versions(
        shape
    )


def versions(con: duckdb.DuckDBPyConnection) -> dict[str, int] | None:
    """The version of each table's contract; None in a store from before there were versions."""
    if CONTRACTS not in _tables(con):
        return None
    return dict(con.execute(f"SELECT table_name, version FROM {CONTRACTS}").fetchall())


def refuse_newer(con: duckdb.DuckDBPyConnection, shape: Mapping[str, Table], where: str) -> None:
    """Raises Newer where a later state of the project has written into the store."""
    for name, version in (versions(con) or {}).items():
        known = _versions(shape).get(name, 0)
        if version > known:
            raise Newer(where, name, version, known)


def holdings(con: duckdb.DuckDBPyConnection, shape: Mapping[str, Table]) -> dict[str, frozenset[date]]:
    """What the store holds, as far as its tables say of which session a row is."""
    there = _tables(con)
    return {
        name: frozenset(day for (day,) in con.execute(f"SELECT DISTINCT {table.session} FROM {name}").fetchall())
        for name, table in shape.items()
        if table.session and table.session in there.get(name, {})
    }


def grow(con: duckdb.DuckDBPyConnection, shape: Mapping[str, Table]) -> bool:
    """Give the store the tables of `shape`, with the rows that it has; whether it was another.

    Other tables are somebody's own and stay.
    """
    if is_today(con, shape):
        return False
    there, found, views = _tables(con), versions(con) or {}, _views(con)
    for name, table in shape.items():
        version = found.get(name, FIRST)
        if table.is_like(there.get(name, {})) and version == table.version:
            continue
        if name in views:
            con.execute(f"DROP VIEW {name}")
        if not table.columns:
            con.execute(f"DROP TABLE {name}")
            continue
        if name not in there:
            create(con, name, table)
            continue
        values = _values(table, there[name], version)
        con.execute(f"ALTER TABLE {name} RENAME TO {_OLD}")
        create(con, name, table)
        # Rows that do not fit are the folders' to give again; where they cannot, the load that grows the store refuses.
        with suppress(duckdb.ConstraintException, duckdb.ConversionException):
            con.execute(f"INSERT INTO {name} SELECT {', '.join(values)} FROM {_OLD}" if values else "SELECT 1")
        con.execute(f"DROP TABLE {_OLD}")
    con.execute(f"DELETE FROM {CONTRACTS}")
    for name, version in _versions(shape).items():
        con.execute(f"INSERT INTO {CONTRACTS} VALUES (?, ?, ?)", [name, shape[name].source, version])
    return True


def _versions(shape: Mapping[str, Table]) -> dict[str, int]:
    return {name: table.version for name, table in shape.items() if table.contract}


def _tables(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Type and null rule of every column of every table of the store, in its order."""
    rows = con.execute(
        "SELECT table_name, column_name, data_type || if(is_nullable, '', ' NOT NULL') "
        "FROM duckdb_columns() WHERE NOT internal "
        "AND table_name NOT IN (SELECT view_name FROM duckdb_views()) ORDER BY table_name, column_index"
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        found.setdefault(table, {})[column] = kind
    return found


def _views(con: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()}


def _values(table: Table, there: Mapping[str, str], version: int) -> list[str] | None:
    """SQL for each column of `table`, from the columns that are `there`; None where they cannot tell what they are."""
    columns = dict(table.columns)
    if table.contract is None:
        if any(name not in there and kind.endswith("NOT NULL") for name, (kind, _) in columns.items()):
            return None
        return [f'"{name}"' if name in there else "NULL" for name in columns]
    of_contract = {column.field.name: column for column in table.contract.columns}
    beside = set(table.columns) - set(of_contract)
    try:
        sources = table.contract.sources([name for name in there if name not in beside], version)
    except ContractError:
        return None
    value_of = {name: f'"{name}"' for name in beside if name in there}
    for name, source in sources.items():
        value_of[name] = _value(of_contract[name], source, bare(columns[name][0]))
        if source and version >= of_contract[name].since and bare(there[source]) != bare(columns[name][0]):
            return None
    value_of |= {new: value_of[old] for new, old in table.copies.items()}
    return [value_of[name] for name in columns] if set(columns) <= set(value_of) else None


def _value(column: Column, source: str | None, kind: str) -> str:
    if source is not None:
        return f'CAST("{source}" AS {kind})'
    if column.fill is None:
        return f"CAST(NULL AS {kind})"
    return f"CAST({quoted(str(column.fill))} AS {kind})"
