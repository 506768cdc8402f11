"""The contract of every table, from the registry of columns, checked on each read and write.

Unit and meaning of a column travel as its metadata in the Parquet file; how a contract grows stands in `contract`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..files import write_atomic
from . import columns as registry
from .column import Column as Entry
from .contract import VERSION, Column, Contract, ContractError, Newer, Unreadable, version_of

__all__ = ["CONTRACTS", "ContractError", "columns", "frame", "metadata", "read", "rows", "write"]


_TYPES = {
    "date": pa.date32(),
    "string": pa.string(),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "map": pa.map_(pa.string(), pa.float64()),
}


def _column(column: Entry) -> Column:
    field = pa.field(column.name, _TYPES[column.type], column.null, column.about)
    return Column(field, column.since, column.fill, column.was)


CONTRACTS: Mapping[str, Contract] = {
    name: Contract(tuple(map(_column, table.columns)), table.key, table.dropped)
    for name, table in registry.TABLES.items()
}


def _check(name: str, table: pa.Table, contract: Contract, where: str) -> None:
    if table.schema.names != contract.names:
        raise ContractError(f"{where}: table {name} has columns {table.schema.names}, expected {contract.names}")
    for field in contract.schema:
        found = table.schema.field(field.name).type
        if not found.equals(field.type):
            raise ContractError(f"{where}: table {name}, column {field.name} is {found}, expected {field.type}")
        column = table.column(field.name)
        if not field.nullable and column.null_count:
            at = _row(table, contract, pc.index(column.is_null(), True).as_py())
            raise ContractError(f"{where}: table {name}, column {field.name} is null at {at}; it may not be")
        if pa.types.is_floating(field.type) and pc.any(pc.invert(pc.is_finite(column))).as_py():
            first = pc.index(pc.fill_null(pc.is_finite(column), True), False).as_py()
            at, value = _row(table, contract, first), column[first]
            raise ContractError(
                f"{where}: table {name}, column {field.name} is {value} at {at}; expected a number or null"
            )
    _check_order(name, table, contract, where)


def _row(table: pa.Table, contract: Contract, index: int) -> str:
    return ", ".join(f"{key} {table.column(key)[index]}" for key in contract.key)


def _check_order(name: str, table: pa.Table, contract: Contract, where: str) -> None:
    falls, same = pl.lit(False), pl.lit(True)
    for key in map(pl.col, contract.key):
        falls |= same & (key < key.shift())  # Polars compares text by its bytes
        same &= key == key.shift()
    keys = pl.DataFrame(table.select(list(contract.key)))
    index = keys.select((falls | same).arg_true().first()).item()
    if index is None:
        return
    if keys.row(index) == keys.row(index - 1):
        raise ContractError(
            f"{where}: table {name} holds {_row(table, contract, index)} twice; expected one row per "
            f"{', '.join(contract.key)}"
        )
    raise ContractError(
        f"{where}: table {name} is not sorted by {', '.join(contract.key)} (byte order): "
        f"{_row(table, contract, index)} follows {_row(table, contract, index - 1)}"
    )


def write(name: str, frame: pl.DataFrame, path: Path | str, **metadata: str) -> None:
    """Write a table, sorted by its key, after checking it against its contract.

    `metadata` (text by text) is stored in the Parquet file beside the table's name and version. Raises ContractError.
    """
    contract = CONTRACTS[name]
    missing = set(contract.names) ^ set(frame.columns)
    if missing:
        raise ContractError(
            f"{path}: table {name}: columns {sorted(missing)} are missing or unknown; expected {contract.names}"
        )
    frame = frame.select(contract.names).sort(contract.key)
    own = {"table": name, "key": ",".join(contract.key), VERSION: str(contract.version)}
    described = own | metadata | own  # what was read with an older file and is handed on is not this file's version
    columns = [_arrow(frame[field.name], field, f"{path}: table {name}") for field in contract.schema]
    table = pa.table(columns, schema=_bare(contract.schema))
    _check(name, table, contract, str(path))
    table = pa.Table.from_arrays(table.columns, schema=contract.schema.with_metadata(described))
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    write_atomic(Path(path), sink.getvalue())


def _bare(schema: pa.Schema) -> pa.Schema:
    """The schema with every column nullable, so that a null is reported by `_check` with its key."""
    return pa.schema([field.with_nullable(True) for field in schema])


def _arrow(column: pl.Series, field: pa.Field, where: str) -> pa.Array:
    wrong = f"{where}, column {field.name} is {column.dtype}, expected {field.type}"
    if (column.dtype == pl.String) != pa.types.is_string(field.type) and column.dtype != pl.Null:
        raise ContractError(wrong)  # Arrow would read numbers and dates out of text, and text out of numbers
    try:
        return column.to_arrow().cast(field.type)
    except (pa.ArrowException, pl.exceptions.PolarsError, AttributeError, TypeError) as error:
        raise ContractError(f"{wrong}: {error}") from error


def read(name: str, path: Path | str) -> pl.DataFrame:
    """Read a table, of today's version or an older one, and check it against its contract.

    Raises Unreadable, which names file, column, date and symbol and the command that makes the table anew, and Newer.
    """
    return _read(name, Path(path), None)


def read_if_there(name: str, path: Path | str) -> pl.DataFrame:
    """As `read`; no row where there is no file, which a session from before the table has not."""
    try:
        return read(name, path)
    except FileNotFoundError:
        return frame(name, {})


def columns(name: str, path: Path | str, names: Sequence[str]) -> pl.DataFrame:
    """Some columns of a table, of which the file's version and columns alone are checked; raises as `read`."""
    return _read(name, Path(path), names)


def _read(name: str, path: Path, names: Sequence[str] | None) -> pl.DataFrame:
    contract = CONTRACTS[name]
    try:
        # Not read_table, which imports pandas first: 0.2 s of every step.
        with pq.ParquetFile(path) as file:
            version = version_of(file.schema_arrow.metadata)
            if version > contract.version:
                raise Newer(str(path), name, version, contract.version)
            sources = contract.sources(file.schema_arrow.names, version)
            if names is not None:
                sources = {column: sources[column] for column in names}
            table = file.read(columns=[held for held in sources.values() if held])
        table = contract.evolved(table, sources, version)
        if names is None:
            _check(name, table, contract, str(path))
    except Newer:
        raise
    except pa.ArrowException as error:
        raise Unreadable(f"{path}: expected the table {name} as Parquet: {error}", path) from None
    except ContractError as error:
        told = str(error)
        raise Unreadable(told if told.startswith(str(path)) else f"{path}: table {name}: {told}", path) from None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame.select(names) if names is not None else frame


def stacked(name: str, paths: Sequence[str]) -> pl.DataFrame:
    """One table of several sessions, stacked; no row where there is none."""
    return pl.concat([frame(name, {}), *(read(name, path) for path in paths)])


def metadata(path: Path | str) -> dict[str, str]:
    """What a table says about itself besides its columns."""
    found = pq.read_schema(path).metadata or {}
    return {key.decode(): value.decode() for key, value in found.items()}


def rows(path: Path | str) -> int:
    """Number of rows of a Parquet file, from its footer."""
    return int(pq.read_metadata(path).num_rows)


def frame(name: str, data: Mapping[str, Sequence[object] | pl.Series]) -> pl.DataFrame:
    """A frame of the contract's columns and types from column data; columns left out are null.

    Raises ContractError naming the column whose values are of another type.
    """
    schema = pl.Schema(CONTRACTS[name].schema)  # by way of one of Arrow's own tables: pandas, half a second
    height = len(next(iter(data.values()))) if data else 0
    columns = []
    for key, kind in schema.items():
        try:
            columns.append(pl.Series(key, data.get(key, [None] * height), dtype=kind))
        except (TypeError, pl.exceptions.PolarsError) as error:
            raise ContractError(f"table {name}, column {key}: expected {kind}: {error}") from None
    return pl.DataFrame(columns)
