"""What a person may ask of the history: one statement that reads the store and the archive's files behind its views.

DuckDB's own parser says what a statement is. Its kind alone does not: a WITH clause may hold a COPY that writes a file,
and EXPLAIN ANALYZE runs what it explains. So the parsed tree is looked through, and only what is known to read passes.
The connection (`history.connect`) reaches no other file and no network besides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
"""Parts of a query that read; others are COPY_QUERY_NODE, INSERT_QUERY_NODE and their like."""
TABLE_FUNCTIONS = frozenset({
    "duckdb_columns", "duckdb_constraints", "duckdb_databases", "duckdb_functions", "duckdb_indexes", "duckdb_keywords",
    "duckdb_schemas", "duckdb_settings", "duckdb_tables", "duckdb_types", "duckdb_views", "generate_series", "glob",
    "json_each", "json_tree", "parquet_file_metadata", "parquet_kv_metadata", "parquet_metadata", "parquet_scan",
    "parquet_schema", "pragma_database_size", "pragma_storage_info", "pragma_table_info", "pragma_version",
    "query_table", "range", "read_json", "read_json_auto", "read_parquet", "repeat", "repeat_row", "summary", "unnest",
})  # fmt: skip
"""Others change the process, or take addresses in memory, or a statement as a text."""
ALLOWED = "SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN of one of these"


class NotReading(ValueError):
    """The statement does something else than read, or is none."""


def check(sql: str) -> None:
    """Raise NotReading unless `sql` is one statement that reads; what is not understood does not pass.

    Whether its tables and columns are there is not asked.
    """
    with duckdb.connect(":memory:") as parser:
        try:
            statements = parser.extract_statements(sql)
            kinds = [statement.type for statement in statements]
        except (duckdb.Error, ValueError) as error:  # a kind that the Python package has no name for is a ValueError
            raise NotReading(f"{error}; the history is read-only: {ALLOWED}") from None
        if len(statements) != 1:
            raise NotReading(f"{len(statements)} statements were given; expected one")
        (statement,), (kind,) = statements, kinds
        if kind == duckdb.StatementType.EXPLAIN:
            return check(_explained(statement.query, parser))
        if kind != duckdb.StatementType.SELECT:
            raise NotReading(f"a statement of the kind {kind.name}; the history is read-only: {ALLOWED}")
        (text,) = parser.execute("SELECT json_serialize_sql(?::VARCHAR)", [statement.query]).fetchall()[0]
    tree = json.loads(text)
    if tree["error"]:
        raise NotReading(f"{tree['error_message']}; the history is read-only: {ALLOWED}")
    for part in _parts(tree["statements"]):
        _check_part(part)


def table_functions(sql: str) -> set[str]:
    """Names of the table functions of a statement that `check` lets pass, at any depth."""
    with duckdb.connect(":memory:") as parser:
        (statement,) = parser.extract_statements(sql)
        text = statement.query
        if statement.type == duckdb.StatementType.EXPLAIN:
            text = _explained(text, parser)
        (told,) = parser.execute("SELECT json_serialize_sql(?::VARCHAR)", [text]).fetchall()[0]
    parts = _parts(json.loads(told)["statements"])
    return {
        str(part["function"].get("function_name")).lower() for part in parts if part.get("type") == "TABLE_FUNCTION"
    }


def _check_part(part: dict[str, Any]) -> None:
    kind = part.get("type")
    if isinstance(kind, str) and kind.endswith("_NODE") and kind not in NODES:
        named = kind.removesuffix("_NODE").removesuffix("_QUERY")
        raise NotReading(f"the statement holds a {named}; the history is read-only: {ALLOWED}")
    if kind == "TABLE_FUNCTION":
        name = str(part["function"].get("function_name")).lower()
        if name not in TABLE_FUNCTIONS:
            raise NotReading(f"the table function {name} is not among those that only read the history")


def _parts(tree: object) -> Iterator[dict[str, Any]]:
    """Every object in a tree of lists and objects."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _explained(sql: str, parser: duckdb.DuckDBPyConnection) -> str:
    """What an EXPLAIN explains: the statement behind ANALYZE, options in brackets and comments.

    A bracket is of the query where it can be, and of options else.
    """
    content = sql.encode()
    starts = [at for at, kind in duckdb.tokenize(sql) if kind.name != "comment"][1:]
    words = [re.match(rb"\w+|.?", content[at:], re.DOTALL)[0].lower() for at in starts]  # type: ignore[index]
    if words[:1] in ([b"analyze"], [b"analyse"]):
        starts, words = starts[1:], words[1:]
    if words[:1] == [b"("] and not _is_statement(content[starts[0] :].decode(), parser) and b")" in words:
        behind = words.index(b")") + 1
        starts = starts[behind:]
    if not starts:
        raise NotReading(f"EXPLAIN of nothing; expected {ALLOWED}")
    return content[starts[0] :].decode()


def _is_statement(sql: str, parser: duckdb.DuckDBPyConnection) -> bool:
    try:
        return bool(parser.extract_statements(sql))
    except (duckdb.Error, ValueError):
        return False
