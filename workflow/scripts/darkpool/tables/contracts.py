"""The contract of every table: columns, types, units, meaning, keys and null rule, checked on each read and write.

Unit and meaning of a column travel as its metadata in the Parquet file; how a contract grows stands in `contract`.
A column is null-free unless it is declared with `nullable=True`. Volumes are shares as float64, for they are fractional
since 2026-02-23.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..files import write_atomic
from .contract import VERSION, Column, Contract, ContractError, Newer, Unreadable, version_of

__all__ = ["CONTRACTS", "ContractError", "columns", "frame", "metadata", "read", "rows", "write"]


def _column(name: str, kind: pa.DataType, unit: str, meaning: str, nullable: bool = False, **grown: Any) -> Column:
    """A column; `grown`: `since`, `fill` and `was` of one that came after the first version."""
    return Column(pa.field(name, kind, nullable, {"unit": unit, "meaning": meaning}), **grown)


def _day(name: str, meaning: str, nullable: bool = False, **grown: Any) -> Column:
    return _column(name, pa.date32(), "date", meaning, nullable, **grown)


def _text(name: str, meaning: str, **grown: Any) -> Column:
    return _column(name, pa.string(), "text", meaning, **grown)


def _shares(name: str, meaning: str, nullable: bool = False, **grown: Any) -> Column:
    return _column(name, pa.float64(), "shares", meaning, nullable, **grown)


def _number(name: str, unit: str, meaning: str, nullable: bool = True, **grown: Any) -> Column:
    return _column(name, pa.float64(), unit, meaning, nullable, **grown)


def _count(name: str, unit: str, meaning: str, nullable: bool = False, **grown: Any) -> Column:
    return _column(name, pa.int64(), unit, meaning, nullable, **grown)


DATE = _day("date", "XNYS session")
TICKER = _text("ticker", "ticker in our spelling; case is identity")
WEEK = _day("week_start_date", "Monday of the FINRA week")
TIER = _text("tier", "FINRA's tier: T1, T2, or OTC for OTC equities")
QUALITY = _text("quality", "flags, sorted and comma-separated; empty when all is well")
METHOD = _text(
    "classification_method",
    "how lit trades were signed: NBBO, NBBO+TICK, TICK, TICK_CARRY, LEE_READY, EMO, CLNV, BARS or NONE",
)
LIT_LOW = _number("lit_buy_low", "fraction", "lower end of lit_buy_ratio by its signing alone, nominally 90 %", since=2)
LIT_HIGH = _number(
    "lit_buy_high", "fraction", "upper end of lit_buy_ratio by its signing alone, nominally 90 %", since=2
)
BOUGHT_LOW = _shares("bought_low", "lower end of the shares bought: signing, sampling and transfer", True, since=2)
BOUGHT_HIGH = _shares("bought_high", "upper end of the shares bought: signing, sampling and transfer", True, since=2)


def _contract(key: tuple[str, ...], *columns: Column, dropped: Mapping[str, int] | None = None) -> Contract:
    return Contract(columns, key, dropped or {})


BY_TICKER = ("date", "ticker")
BY_WEEK = ("week_start_date", "ticker")

CONTRACTS: Mapping[str, Contract] = {
    "finra_trf": _contract(
        ("date", "symbol"),
        DATE,
        _text("symbol", "symbol in FINRA's spelling"),
        _shares("trf_volume", "off-exchange volume: FINRA's TotalVolume, as traded"),
        _shares("short_volume", "part of trf_volume marked short, exempt included; says nothing of direction"),
        _shares("short_exempt_volume", "part of short_volume marked short exempt"),
        _text("facilities", "facilities that reported: B, N, Q, D, O, comma-separated"),
    ),
    "yf_volume": _contract(
        BY_TICKER,
        DATE,
        TICKER,
        _shares("volume", "consolidated volume as Yahoo gave it: split-adjusted to the day of asking"),
        _number(
            "split_factor",
            "new shares per old",
            "product of the ratios of all splits with ex_date after the session; null where one is unclear",
        ),
        _shares(
            "regular_volume",
            "consolidated volume as traded: volume / split_factor; null where that is not known to 1 %",
            True,
        ),
        _column(
            "settled", pa.bool_(), "truth", "retrieved after the session's own New York day; null when unknown", True
        ),
    ),
    "merged": _contract(
        BY_TICKER,
        DATE,
        TICKER,
        _shares("trf_volume", "off-exchange volume, as traded", True),
        _shares("regular_volume", "consolidated volume, as traded", True),
        _number("offex_ratio", "fraction", "trf_volume / regular_volume"),
        QUALITY,
    ),
    "features": _contract(
        BY_TICKER,
        DATE,
        TICKER,
        _shares("trf_volume", "off-exchange volume, as traded", True),
        _shares("regular_volume", "consolidated volume, as traded", True),
        _number("offex_ratio", "fraction", "trf_volume / regular_volume"),
        _number(
            "trf_ma20",
            "shares",
            "mean off-exchange volume of the last history.ma sessions with this one, on its share basis",
        ),
        _number("trf_spike", "ratio", "trf_volume / trf_ma20"),
        _number("trf_percentile", "fraction", "share of the window's earlier sessions below today, ties counted half"),
        _number(
            "offex_ratio_z",
            "robust standard deviations",
            "(offex_ratio - median) / (1.4826 MAD) of the window's earlier sessions",
        ),
        _number("accum_score", "score", "weighted sum of offex_ratio and trf_spike"),
        _count("history_sessions", "sessions", "earlier sessions of the window with an off-exchange volume"),
        _number("lit_buy_ratio", "fraction", "buy / (buy + sell) of the signed lit volume"),
        LIT_LOW,
        LIT_HIGH,
        METHOD,
        _number("lit_coverage_pct", "percent", "signed trades of the eligible lit trades"),
        _shares("estimated_bought", "inferred estimate: off-exchange volume times lit_buy_ratio", True),
        _shares("estimated_sold", "inferred estimate: off-exchange volume less estimated_bought", True),
        BOUGHT_LOW,
        BOUGHT_HIGH,
        _number("buy_ratio", "ratio", "estimated_bought / estimated_sold"),
        _number("log_ratio", "natural logarithm", "ln(buy_ratio)"),
        _text("signal", "BOT, SELL or empty"),
        _text(
            "strength",
            "firm where the whole band gives the signal, else weak; empty without a signal",
            since=2,
            fill="",
        ),
        _number("trf_buy_ratio", "fraction", "buy / (buy + sell) of the FINRA prints signed by themselves"),
        _text("opinions", "agree, disagree, lit_only, trf_only or none: lit and FINRA prints compared"),
        _day("finra_week", "Monday of the newest FINRA week visible to the session", True),
        _number("ats_share", "fraction", "ATS part of the off-exchange volume of finra_week"),
        QUALITY,
    ),
    "lit_flow": _contract(
        BY_TICKER,
        DATE,
        TICKER,
        _shares("lit_buy_volume", "eligible lit volume signed as bought", True),
        _shares("lit_sell_volume", "eligible lit volume signed as sold", True),
        _shares("lit_neutral_volume", "eligible lit volume that the rule does not sign", True),
        _number("lit_buy_ratio", "fraction", "buy / (buy + sell); null below lit.min_lit_volume"),
        LIT_LOW,
        LIT_HIGH,
        _number(
            "lit_ratio_completed",
            "fraction",
            "buy / (buy + sell) with the neutral volume signed by Lee and Ready",
            since=2,
        ),
        _number(
            "lit_ratio_variance",
            "fraction squared",
            "Newey-West variance of the ratio over the session's minutes",
            since=2,
        ),
        _number("log_buy_sell", "natural logarithm", "ln(buy / sell)"),
        METHOD,
        _number("lit_coverage_pct", "percent", "signed trades of the eligible trades"),
        _number("lit_volume_coverage_pct", "percent", "(buy + sell) / (buy + sell + neutral) by volume"),
        _count("lit_trades", "trades", "eligible lit trades (bars: bars)", True),
        _shares("excluded_volume", "lit shares of the day that are not eligible", True),
        _column(
            "excluded_reasons",
            pa.map_(pa.string(), pa.float64()),
            "shares",
            "excluded shares by the first reason that applies",
        ),
        _text("source", "trades_quotes, trades, consolidated_bars or none"),
    ),
    "trf_flow": _contract(
        BY_TICKER,
        DATE,
        TICKER,
        _shares("trf_buy_volume", "FINRA prints in the upper 40 % of the spread"),
        _shares("trf_sell_volume", "FINRA prints in the lower 40 % of the spread"),
        _shares("trf_neutral_volume", "FINRA prints between, or without a valid quote"),
        _number("trf_buy_ratio", "fraction", "buy / (buy + sell); null below lit.min_lit_volume"),
        _number("trf_volume_coverage_pct", "percent", "(buy + sell) / (buy + sell + neutral) by volume"),
        _count("trf_prints", "trades", "eligible FINRA prints"),
        _text("source", "trades_quotes"),
    ),
    "reconciliation": _contract(
        ("check", "date", "ticker"),
        _text("check", "trf_prints, weekly_sum, facilities, yahoo_polygon or minute_bars"),
        _day("date", "session, or the Monday of the week"),
        TICKER,
        _text("left_name", "what is compared"),
        _shares("left", "its volume", True),
        _text("right_name", "with what"),
        _shares("right", "its volume", True),
        _number("ratio", "ratio", "left / right"),
        _number("low", "ratio", "lower end of the expected band", False),
        _number("high", "ratio", "upper end of the expected band", False),
        _text("verdict", "ok, alarm or not comparable"),
        _text("why", "the expected bias, and what is missing"),
    ),
    "dark_flow": _contract(
        BY_TICKER,
        DATE,
        TICKER,
        _shares("finra_off_exchange_volume", "off-exchange volume, as traded", True),
        _number("applied_lit_buy_ratio", "fraction", "the lit buy ratio applied to it"),
        _shares("estimated_dark_buy_volume", "inferred estimate of the shares bought", True),
        _shares("estimated_dark_sell_volume", "inferred estimate of the shares sold", True),
        BOUGHT_LOW,
        BOUGHT_HIGH,
        _text("finra_period_type", "daily"),
        _text("inference_version", "version of the inference"),
    ),
    "otc_weekly": _contract(
        BY_WEEK,
        WEEK,
        TICKER,
        TIER,
        _shares("ats_volume", "off-exchange volume of the week on ATSs, as traded", True),
        _shares("non_ats_volume", "off-exchange volume of the week outside ATSs, as traded", True),
        _shares("off_exchange_volume", "ats_volume + non_ats_volume, of all hours"),
        _count("ats_trades", "trades", "trades on ATSs", True),
        _count("non_ats_trades", "trades", "off-exchange trades outside ATSs", True),
        _day("published_date", "day FINRA first published the row, by the tier's lag where it does not say"),
        _day("last_update_date", "day FINRA last changed the row; published_date where it does not say"),
    ),
    "weekly": _contract(
        BY_WEEK,
        WEEK,
        TICKER,
        TIER,
        _shares("finra_off_exchange_volume", "off-exchange volume of the week, as traded"),
        _shares("lit_buy_volume", "lit volume signed as bought, over the week's sessions that have it", True),
        _shares("lit_sell_volume", "lit volume signed as sold, over the week's sessions that have it", True),
        _number("lit_buy_ratio", "fraction", "lit_buy_volume / (lit_buy_volume + lit_sell_volume)"),
        LIT_LOW,
        LIT_HIGH,
        _count("sessions_in_week", "sessions", "XNYS sessions of the week"),
        _count("sessions_with_lit", "sessions", "those of them with signed lit volume"),
        _shares("estimated_bought", "inferred estimate: off-exchange volume times lit_buy_ratio", True),
        _shares("estimated_sold", "inferred estimate: off-exchange volume less estimated_bought", True),
        BOUGHT_LOW,
        BOUGHT_HIGH,
        _number("buy_ratio", "ratio", "estimated_bought / estimated_sold"),
        _number("log_ratio", "natural logarithm", "ln(buy_ratio)"),
        _text("signal", "BOT, SELL or empty"),
        _text("finra_period_type", "weekly"),
    ),
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
    keys = zip(*(table.column(key).to_pylist() for key in contract.key), strict=True)
    in_bytes = [tuple(part.encode() if isinstance(part, str) else part for part in key) for key in keys]
    for index, (before, after) in enumerate(pairwise(in_bytes), start=1):
        if before == after:
            raise ContractError(
                f"{where}: table {name} holds {_row(table, contract, index)} twice; expected one row per "
                f"{', '.join(contract.key)}"
            )
        if before > after:
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
