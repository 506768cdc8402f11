"""What the store shows of the archive: trades and FINRA's weeks, as views over the files or as a table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal

import duckdb

from . import schema

Trades = Literal["view", "table"]
TRADES = "equity_trades_raw"
WEEK_ANSWERS = "finra_otc_answers"
SUMMARY = "darkpool_daily_summary"
TRADE_COLUMNS = {
    "date": "DATE NOT NULL",
    "symbol": "VARCHAR NOT NULL",
    "conditions": "INTEGER[]",
    "correction": "INTEGER",
    "decimal_size": "DOUBLE",
    "exchange": "INTEGER",
    "id": "VARCHAR",
    "participant_timestamp": "BIGINT",
    "price": "DOUBLE",
    "sequence_number": "BIGINT",
    "sip_timestamp": "BIGINT",
    "size": "DOUBLE",
    "tape": "INTEGER",
    "trf_id": "INTEGER",
    "trf_timestamp": "BIGINT",
}
TRADE_TABLE = {name: (kind, "as /v3/trades names it") for name, kind in TRADE_COLUMNS.items()}
ANSWER_COLUMNS = {
    "issueSymbolIdentifier": "VARCHAR",
    "tierIdentifier": "VARCHAR",
    "weekStartDate": "DATE",
    "initialPublishedDate": "DATE",
    "lastUpdateDate": "DATE",
    "summaryTypeCode": "VARCHAR",
    "totalWeeklyShareQuantity": "DOUBLE",
    "totalWeeklyTradeCount": "DOUBLE",
}
WEEK_ANSWER_COLUMNS = {
    "week_start_date": "DATE",
    "symbol": "VARCHAR",
    "tier": "VARCHAR",
    "ats_volume": "DOUBLE",
    "non_ats_volume": "DOUBLE",
    "off_exchange_volume": "DOUBLE",
    "published_date": "DATE",
    "last_update_date": "DATE",
    "retrieved_at": "TIMESTAMP",
}
_PATTERNS = re.compile(r"'((?:[^']|'')*/(?:polygon/trades|finra/otc_weekly))/")
"""Folders in the texts of the views over the archive, as `_pattern` writes them."""
_ANSWER = r"(@[0-9TZ]+)?\.(parquet|json)$"
"""What follows the name that all answers of a thing share."""


def folders_read(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Folders of the archive that the store's views read, as their own texts name them.

    DuckDB compares texts, that of a pattern and those of the files that it finds: signs that a pattern has to mark
    stand in both.
    """
    views = con.execute(
        "SELECT sql FROM duckdb_views() WHERE NOT internal AND view_name IN (?, ?)", [TRADES, WEEK_ANSWERS]
    ).fetchall()
    patterns = {match.replace("''", "'") for (sql,) in views for match in _PATTERNS.findall(sql)}
    return sorted(patterns | {re.sub(r"\[([*?\[])\]", r"\1", folder) for folder in patterns})


def insert_trades(con: duckdb.DuckDBPyConnection, archive: Path, session: date) -> None:
    con.execute(f"DELETE FROM {TRADES} WHERE date = ?", [session])
    if not any((archive / "polygon/trades" / str(session)).glob("*.parquet")):
        return
    answers = _pattern(archive, f"polygon/trades/{session}/*.parquet")
    # A field the vendor left out of every row is missing from the file: the empty row set brings its column.
    con.execute(
        f"INSERT INTO {TRADES} SELECT {', '.join(TRADE_COLUMNS)} FROM "
        f"(({_nothing(TRADE_COLUMNS)}) UNION ALL BY NAME ({_trades(answers)}))"
    )


def _pattern(archive: Path, names: str) -> str:
    """A glob under the archive as an SQL text; what would be a wildcard in the archive's own path is none."""
    root = re.sub(r"([*?\[])", r"[\1]", str(archive.resolve()))
    return schema.quoted(f"{root}/{names}")


def _newest(pattern: str) -> str:
    """Condition that a row is of the newest answer of its name: NAME.EXT sorts before NAME@STAMP.EXT."""
    return f"filename IN (SELECT max(file) FROM glob({pattern}) GROUP BY regexp_replace(file, '{_ANSWER}', ''))"


def _trades(pattern: str) -> str:
    # `date` is computed from the file's name alone, so a condition on it keeps the other days' files shut.
    return (
        r"SELECT regexp_extract(filename, '(\d{4}-\d{2}-\d{2})/[^/]*$', 1)::DATE AS date, "
        rf"url_decode(regexp_extract(filename, '/([^/@]*){_ANSWER}', 1)) AS symbol, * EXCLUDE (filename) "
        f"FROM read_parquet({pattern}, union_by_name = true, filename = true) WHERE {_newest(pattern)}"
    )


def _week_answers(pattern: str) -> str:
    fields = ", ".join(f"{name}: '{kind}'" for name, kind in ANSWER_COLUMNS.items())
    volume = "sum(totalWeeklyShareQuantity) FILTER (summaryTypeCode = '{}')"
    return (
        "SELECT weekStartDate AS week_start_date, issueSymbolIdentifier AS symbol, tierIdentifier AS tier, "
        f"{volume.format('ATS_W_SMBL')} AS ats_volume, {volume.format('OTC_W_SMBL')} AS non_ats_volume, "
        "sum(totalWeeklyShareQuantity) AS off_exchange_volume, initialPublishedDate AS published_date, "
        "max(lastUpdateDate) AS last_update_date, "
        r"strptime(nullif(regexp_extract(filename, '@(\d{8}T\d{6})Z', 1), ''), '%Y%m%dT%H%M%S') AS retrieved_at "
        f"FROM read_json({pattern}, format = 'array', filename = true, columns = {{{fields}}}) "
        "WHERE summaryTypeCode IN ('ATS_W_SMBL', 'OTC_W_SMBL') AND issueSymbolIdentifier IS NOT NULL "
        "GROUP BY filename, week_start_date, symbol, tier, published_date"
    )


_SUMMARY = """
SELECT f.date, f.ticker, f.trf_volume AS finra_off_exchange_volume, f.regular_volume, f.offex_ratio,
    l.lit_buy_volume, l.lit_sell_volume, l.lit_neutral_volume, f.lit_buy_ratio, f.lit_buy_low, f.lit_buy_high,
    l.log_buy_sell, f.classification_method, f.lit_coverage_pct, d.applied_lit_buy_ratio, d.estimated_dark_buy_volume,
    d.estimated_dark_sell_volume, d.bought_low, d.bought_high, f.buy_ratio, f.log_ratio, f.signal, f.strength,
    f.trf_buy_ratio, f.opinions,
    d.finra_period_type, d.inference_version, f.quality
FROM features f LEFT JOIN equity_lit_directional_flow l USING (date, ticker)
    LEFT JOIN darkpool_estimated_flow d USING (date, ticker)
"""

TRADES_COMMENT = "polygon/trades/*/*.parquet of the archive, of each ticker and day the newest answer"


def create_views(con: duckdb.DuckDBPyConnection, archive: Path, trades: Trades) -> None:
    """Views over the archive follow its files as they are when asked; without any they are empty."""
    con.execute(f"CREATE OR REPLACE VIEW {SUMMARY} AS {_SUMMARY}")
    _comment(con, SUMMARY, "features.parquet, lit_flow.parquet and dark_flow.parquet of each session, side by side")
    if trades == "view":
        there = any((archive / "polygon/trades").glob("*/*.parquet"))
        select = _trades(_pattern(archive, "polygon/trades/*/*.parquet")) if there else _nothing(TRADE_COLUMNS)
        con.execute(f"CREATE OR REPLACE VIEW {TRADES} AS {select}")
        _comment(con, TRADES, TRADES_COMMENT)
    there = any((archive / "finra/otc_weekly").glob("*.json"))
    select = _week_answers(_pattern(archive, "finra/otc_weekly/*.json")) if there else _nothing(WEEK_ANSWER_COLUMNS)
    con.execute(f"CREATE OR REPLACE VIEW {WEEK_ANSWERS} AS {select}")
    _comment(con, WEEK_ANSWERS, "finra/otc_weekly/*.json of the archive, every answer")


def _comment(con: duckdb.DuckDBPyConnection, view: str, text: str) -> None:
    con.execute(f"COMMENT ON VIEW {view} IS {schema.quoted(text)}")


def _nothing(columns: Mapping[str, str]) -> str:
    return (
        "SELECT " + ", ".join(f"NULL::{schema.bare(kind)} AS {name}" for name, kind in columns.items()) + " WHERE false"
    )
