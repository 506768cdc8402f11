"""Off-exchange volume of sessions, from the archive's answers of FINRA's daily files.

The newest whole answer of a file counts, and counts as a whole; what an older one said otherwise is `revised`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import NamedTuple

import polars as pl

from ...archive import layout
from ...archive.store import Archive
from ...market import finra_files
from . import parsed
from .regsho import VOLUMES, File, Odd, RegshoError

FACILITY_ORDER = "BQNDO"
"""As CNMS lists them; a letter that is not among them comes last."""


class Session(NamedTuple):
    """Off-exchange volumes of one session."""

    frame: pl.DataFrame | None
    """`symbol, trf_volume, short_volume, short_exempt_volume, facilities, revised` (byte order); None: no whole file"""
    damage: RegshoError | None
    """What is wrong with a newest answer that is there and cannot be used."""
    odd: tuple[tuple[str, Odd], ...] = ()
    """Refused rows of the files in use, each with its file's name."""
    withdrawn: frozenset[str] = frozenset()
    """Symbols without a volume that an older answer had: FINRA took them back."""


class Window(NamedTuple):
    """Off-exchange volumes of several sessions."""

    frame: pl.DataFrame
    """`date, symbol, trf_volume, revised`"""
    damaged: dict[date, str]
    """Files that could not be used."""
    odd: tuple[str, ...]
    """Refused rows of the symbols asked for."""
    withdrawn: pl.DataFrame
    """`date, symbol` of what FINRA took back."""


def read_session(
    archive: Archive, session: date, prefixes: Sequence[str], symbols: Iterable[str] | None = None
) -> Session:
    """A session's off-exchange volumes, summed over `prefixes` (CNMS, or the facilities' files).

    The newest whole answer of each file counts, and counts as a whole: a row that it lacks was withdrawn. Rows whose
    volume an older one gave otherwise carry `revised`. With `symbols` their rows alone.
    """
    parts: list[_Part] = []
    damage: RegshoError | None = None
    for prefix in finra_files.of_day(prefixes, session):
        answers, relative, is_replaced = [], layout.regsho(prefix, session), False
        newest: RegshoError | None = None
        for path in archive.answers(relative):
            try:
                answers.append((path.name, parsed.read(path, session)))
                newest, is_replaced = None, archive.is_replaced(path)
            except RegshoError as error:
                # In the archive there is no vendor that could be down.
                newest = error if error.state == "truncated" else RegshoError(str(error))
        for why in archive.damaged(relative).values():
            newest = RegshoError(why)
        damage = newest or damage
        if not answers:
            return Session(None, damage)
        part = _newest(prefix, answers)
        # What lies damaged, or lay so, was another answer than the one read here.
        if is_replaced or archive.lost(relative):
            part = part._replace(frame=part.frame.with_columns(revised=pl.lit(True)))
        parts.append(part)
    if not parts:
        return Session(None, None)
    frame, withdrawn = _sum_facilities(parts)
    odd = [(part.name, row) for part in parts for row in part.odd]
    if symbols is not None:
        wanted = set(symbols)
        frame = frame.filter(pl.col("symbol").is_in(list(wanted)))
        withdrawn &= wanted
        odd = [(name, row) for name, row in odd if row.symbol in wanted]
    return Session(frame, damage, tuple(odd), frozenset(withdrawn))


class _Part(NamedTuple):
    """The newest whole answer of one file, its rows with `revised`."""

    prefix: str
    name: str
    frame: pl.DataFrame
    odd: tuple[Odd, ...]
    withdrawn: frozenset[str]


def _newest(prefix: str, answers: Sequence[tuple[str, File]]) -> _Part:
    """The newest of `answers` (oldest first); `revised`: since a symbol came, one gave another volume or none."""
    name, newest = answers[-1]
    if len(answers) == 1:
        return _Part(prefix, name, newest.frame.with_columns(revised=pl.lit(False)), newest.odd, frozenset())
    stacked = pl.concat([one.frame.with_columns(answer=pl.lit(i)) for i, (_, one) in enumerate(answers)])
    is_revised = (pl.col("trf_volume").n_unique() > 1) | (pl.len() < len(answers) - pl.col("answer").min())
    revised = stacked.group_by("symbol").agg(revised=is_revised)
    withdrawn = revised.join(newest.frame, on="symbol", how="anti")["symbol"]
    frame = newest.frame.join(revised, on="symbol", how="left", maintain_order="left")
    return _Part(prefix, name, frame, newest.odd, frozenset(withdrawn))


def _sum_facilities(parts: Sequence[_Part]) -> tuple[pl.DataFrame, set[str]]:
    """The sum of the parts, and the symbols without one that an older answer had."""
    frame = pl.concat([part.frame for part in parts])
    withdrawn = {symbol for part in parts for symbol in part.withdrawn}
    if len(parts) > 1:
        frame = frame.filter(~pl.any_horizontal(pl.lit(False), *(_is_unknown(part) for part in parts)))
        frame = frame.group_by("symbol").agg(
            pl.col(VOLUMES).sum(), pl.col("facilities").str.join(","), pl.col("revised").any()
        )
        frame = frame.with_columns(
            pl.col("facilities").map_elements(_in_order, pl.String),
            pl.col("revised") | pl.col("symbol").is_in(list(withdrawn)),
        )
    columns = ["symbol", "trf_volume", "short_volume", "short_exempt_volume", "facilities", "revised"]
    return frame.select(columns).sort("symbol"), withdrawn - set(frame["symbol"])


def _is_unknown(part: _Part) -> pl.Expr:
    """Symbols whose row in one facility's file was refused: the sum of the others would be too small.

    A refused row that nobody can name may be that of any symbol which the file does not list.
    """
    listed = part.frame["symbol"]
    if part.prefix in finra_files.FACILITIES and any(row.symbol is None for row in part.odd):
        return ~pl.col("symbol").is_in(listed.implode())
    refused = {row.symbol for row in part.odd} - set(listed)
    return pl.col("symbol").is_in([symbol for symbol in refused if symbol])


def _in_order(facilities: str) -> str:
    return ",".join(
        sorted(set(facilities.split(",")), key=lambda one: (one not in FACILITY_ORDER, FACILITY_ORDER.find(one), one))
    )


def read_window(
    archive: Archive, sessions: Sequence[date], prefixes: Sequence[str], symbols: Iterable[str] | None = None
) -> Window:
    """Off-exchange volumes of `symbols`, or of every one; what is missing has no row."""
    wanted = None if symbols is None else list(symbols)
    frames, damaged, odd, withdrawn = [], {}, [], []
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda session: read_session(archive, session, prefixes, wanted), sessions))
    for session, one in zip(sessions, found, strict=True):
        if one.frame is not None:
            frames.append(one.frame.select(pl.lit(session).alias("date"), "symbol", "trf_volume", "revised"))
        if one.damage:
            damaged[session] = str(one.damage)
        odd += [f"{name}, {row.what}" for name, row in one.odd]
        withdrawn += [(session, symbol) for symbol in sorted(one.withdrawn)]
    schema = {"date": pl.Date, "symbol": pl.String, "trf_volume": pl.Float64, "revised": pl.Boolean}
    return Window(
        pl.concat(frames) if frames else pl.DataFrame(schema=schema),
        damaged,
        tuple(odd),
        pl.DataFrame(withdrawn, schema={"date": pl.Date, "symbol": pl.String}, orient="row"),
    )
