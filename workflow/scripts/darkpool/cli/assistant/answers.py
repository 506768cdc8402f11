"""What the server answers, from the sessions' own folders: rows as the tables hold them, with all that qualifies them.

Every answer names its session, the states of its sources, what is not complete, and that bought and sold are inferred.
Vendors' words stand under `vendor_words` alone: they are data, and no instruction to anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from ...history import connection, lag, query
from ...measures.prints import levels
from ...message import delivery
from ...session import files, latest, selection
from ...session.selection import NotThere, NotUnderstood
from ...show import elsewhere, study_words
from ...show.index import session_states
from ...show.page.rows import ranked
from ...show.sign_methods import METHODS
from ...tables import columns, contracts, facts, glossary, study_table
from .. import choice
from . import bounds

_SAFE_FUNCTIONS = frozenset({"generate_series", "range", "unnest", "repeat", "summary"})


class Answers:
    """The sessions of one scan below `results`. Every method raises NotThere or NotUnderstood with the reason."""

    def __init__(self, results: Path, scan: str) -> None:
        self._folder, self._scan = results / scan, scan

    def _day(self, text: str) -> date:
        return selection.days(bounds.asked("session", text), self._folder)[-1]

    def _about(self, day: date, extra: Sequence[str] = ()) -> dict[str, Any]:
        """What stands before every answer about a session."""
        told = facts.unpack(contracts.metadata(self._folder / str(day) / files.FEATURES))
        complete = (self._folder / str(day) / files.MANIFEST).is_file()
        first = [] if complete else [f"The session {day} is not complete: an answer is not final yet."]
        first += [glossary.SIMULATED_SENTENCE] if told["simulated"] else []
        sources = [
            {
                "source": glossary.source(one["source"]), "state": one["state"],
                "vendor_words": bounds.foreign(one["reason"]),
            }
            for one in told["sources"]
        ]  # fmt: skip
        return {
            "caveats": [*first, *extra, glossary.DISCLAIMER], "scan": self._scan, "session": str(day),
            "complete": complete, "simulated": told["simulated"], "sources": sources,
        }  # fmt: skip

    def sessions(self, limit: int, offset: int) -> dict[str, Any]:
        found = session_states.read(self._folder) if self._folder.is_dir() else []
        if not found:
            selection.days(":", self._folder)  # says how to make one
        newest_first = found[::-1]
        rows = [
            {
                "session": str(one.day), "state": one.state, "vendor_words": bounds.foreign(one.reason) or None,
                "tickers": one.said.height, "simulated": one.simulated,
            }
            for one in newest_first
        ]  # fmt: skip
        return {"scan": self._scan, "states": _words(glossary.SESSION_STATES), **_page(rows, limit, offset)}

    def session(self, session: str, tickers: str, signal: str, flag: str, limit: int, offset: int) -> dict[str, Any]:
        day = self._day(session)
        frame = ranked(choice.read(self._folder, [day]))
        if tickers:
            frame = self._of(frame, bounds.asked("tickers", tickers))
        if signal:
            if signal not in glossary.SIGNALS:
                raise NotUnderstood(f"signal is {signal!r}; BOT or SELL was expected")
            frame = frame.filter(pl.col("signal") == signal)
        if flag:
            if flag not in glossary.FLAGS:
                raise NotUnderstood(f"no flag {flag!r}; the flags are {', '.join(glossary.FLAGS)}")
            frame = frame.filter(pl.col("quality").str.split(",").list.contains(flag))
        return {
            **self._about(day), "stands_out": latest.stands_out(self._folder, day),
            **_page(_rows(frame), limit, offset), **_qualified(frame),
        }  # fmt: skip

    def _of(self, frame: pl.DataFrame, text: str) -> pl.DataFrame:
        wanted = selection.tickers(text)
        there = set(frame["ticker"])
        if lost := [selection.missing(ticker, there) for ticker in wanted if ticker not in there]:
            raise NotThere("; ".join(lost))
        return frame.filter(pl.col("ticker").is_in(wanted))

    def ticker(self, ticker: str, last: int) -> dict[str, Any]:
        [name] = selection.tickers(bounds.asked("ticker", ticker))[:1]
        days = selection.days(":", self._folder)[-bounds.count("last", last) :]
        frame = choice.read(self._folder, days)
        if name not in set(frame["ticker"]):
            raise NotThere(selection.missing(name, set(frame["ticker"])))
        rows = frame.filter(pl.col("ticker") == name).sort("date")
        return {**self._about(days[-1]), **_page(_rows(rows), bounds.MOST_ROWS, 0), **_qualified(rows)}

    def plot(self, ticker: str, session: str) -> Path:
        day = self._day(session)
        [name] = selection.tickers(bounds.asked("ticker", ticker))[:1]
        from ...archive.store import file_name

        path = self._folder / str(day) / files.PLOTS / f"{file_name(name)}.png"
        if not path.is_file():
            raise NotThere(f"no plot of {name} for {day}; python -m darkpool plots --symbols {name} draws one")
        return path

    def market(self, session: str, limit: int, offset: int) -> dict[str, Any]:
        day = self._day(session)
        rows = self._table("market", day)
        listed = pl.concat([elsewhere.ranked(rows, rows.height), elsewhere.newest(rows, 50)])
        return {
            **self._about(day, [elsewhere.day(rows)]), **_page(_rows(listed), limit, offset),
            **_qualified(listed, "market"),
        }  # fmt: skip

    def blocks(self, session: str, tickers: str, limit: int, offset: int) -> dict[str, Any]:
        day = self._day(session)
        rows = self._table("trf_blocks", day)
        if tickers:
            rows = self._of(rows, bounds.asked("tickers", tickers))
        rows = rows.sort("notional", "ticker", "rank", descending=[True, False, False])
        return {**self._about(day), **_page(_rows(rows), limit, offset), "units": _units("trf_blocks")}

    def profile(self, session: str, ticker: str, limit: int, offset: int) -> dict[str, Any]:
        day = self._day(session)
        rows = self._of(self._table("trf_profile", day), bounds.asked("ticker", ticker))
        path = self._folder / str(day) / files.TABLES["trf_profile"].path
        found = levels.read(path).get(rows["ticker"][0])
        return {
            **self._about(day, [glossary.LEVEL_SENTENCE]),
            "levels": found._asdict() if found else None, **_page(_rows(rows), limit, offset),
            "units": _units("trf_profile"),
        }  # fmt: skip

    def _table(self, name: str, day: date) -> pl.DataFrame:
        path = self._folder / str(day) / files.TABLES[name].path
        if not path.is_file():
            raise NotThere(f"the session {day} has no table {name}: nothing was at hand for it")
        return contracts.read(name, path)

    def study(self) -> dict[str, Any]:
        told = self._studied(files.STUDY)
        if told is None:
            raise NotThere(f"no study of {self._scan} is there; python -m darkpool study --scan {self._scan} makes it")
        market = self._studied(files.MARKET_STUDY)
        return {"scan": self._scan, **told, "whole_market": market, "units": _units("study")}

    def _studied(self, name: str) -> dict[str, Any] | None:
        told = study_table.read(self._folder / name)
        return told and {
            "first": told.first, "last": told.last, "tickers": told.tickers, "simulated": told.simulated,
            "sentences": [*study_words.sentences(told), study_words.limit(told)], "rows": _rows(told.rows),
        }  # fmt: skip

    def explain(self, name: str) -> dict[str, Any]:
        name = bounds.asked("name", name)
        found = [one for one in explanations() if one["name"] == name]
        if not found:
            from difflib import get_close_matches

            alike = get_close_matches(name, [one["name"] for one in explanations()], n=5, cutoff=0.5)
            meant = f"; did you mean {', '.join(dict.fromkeys(alike))}?" if alike else ""
            raise NotThere(f"nothing is called {name!r}{meant}")
        return {"found": found}

    def query(self, sql: str, limit: int) -> dict[str, Any]:
        import duckdb

        sql = bounds.asked("sql", sql, bounds.LONGEST_SQL)
        most = bounds.count("limit", limit)
        query.check(sql)
        for function in query.table_functions(sql):
            if function not in _SAFE_FUNCTIONS:
                raise query.NotReading(f"the table function {function} is not open here; ask tables and views")
        with connection.connect(self._folder) as con:
            try:
                rows = con.sql(sql).limit(most + 1).pl()
                simulated = bool(con.execute("SELECT coalesce(bool_or(simulated), false) FROM runs").fetchall()[0][0])
            except duckdb.Error as error:
                raise NotUnderstood(str(error).splitlines()[0]) from None
        shown = [[bounds.cell(value) for value in row] for row in rows.head(most).iter_rows()]
        caveats = [glossary.SIMULATED_SENTENCE] * simulated + [glossary.DISCLAIMER]
        lagging = lag.of_store(self._folder)
        return {
            "caveats": [*([lagging] if lagging else []), *caveats], "scan": self._scan, "columns": rows.columns,
            "rows": shown, "more": rows.height > most,
        }  # fmt: skip

    def briefing(self) -> str:
        """The newest session's message as text."""
        message = delivery.compose(self._folder, self._day(selection.LATEST))
        return bounds.told(f"{message.title}\n\n{message.text}")


def explanations() -> list[dict[str, str]]:
    """Every column, flag, state, method and signal with its words."""
    found = [
        {
            "name": column.name, "kind": f"column of {table}", "unit": column.unit,
            "words": glossary.filled(column.sentence), "formula": glossary.filled(column.formula),
        }
        for table, of in columns.TABLES.items()
        for column in of.columns
    ]  # fmt: skip
    kinds: Mapping[str, Mapping[str, glossary.Term]] = {
        "flag": glossary.FLAGS, "state of a source": glossary.STATES, "state of a session": glossary.SESSION_STATES,
        "signal": glossary.SIGNALS, "strength": glossary.STRENGTHS, "opinion": glossary.OPINIONS, "method": METHODS,
    }  # fmt: skip
    for kind, terms in kinds.items():
        found += [
            {"name": code or "neutral", "kind": kind, "unit": "", "words": term.sentence, "formula": ""}
            for code, term in terms.items()
        ]
    return found


def _words(terms: Mapping[str, glossary.Term]) -> dict[str, str]:
    return {code: term.sentence for code, term in terms.items()}


def _units(table: str) -> dict[str, str]:
    return {column.name: column.unit for column in columns.TABLES[table].columns}


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows as the table holds them; dates as text, other texts bounded."""
    return [
        {name: bounds.cell(value) if not isinstance(value, dict | list) else value for name, value in row.items()}
        for row in frame.iter_rows(named=True)
    ]


def _qualified(frame: pl.DataFrame, table: str = "features") -> dict[str, Any]:
    """Units of the columns, and the words of the flags that stand in the rows: why a value is null."""
    flags = sorted({flag for quality in frame["quality"] for flag in glossary.flags_of(quality)})
    return {
        "units": _units(table),
        "flags": {flag: glossary.term(glossary.FLAGS, flag).sentence for flag in flags},
    }


def _page(rows: list[dict[str, Any]], limit: int, offset: int) -> dict[str, Any]:
    bounds.count("limit", limit)
    if offset < 0:
        raise NotUnderstood(f"offset is {offset}; 0 or more was expected")
    end = offset + limit
    return {"total": len(rows), "rows": rows[offset:end], "next_offset": end if end < len(rows) else None}
