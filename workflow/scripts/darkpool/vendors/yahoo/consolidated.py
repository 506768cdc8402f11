"""Yahoo's consolidated volume as the archive keeps it, put back to what was traded on the day.

Yahoo adjusts volume for splits to the day of asking, so every volume row belongs to the splits known when it was asked
for. A split that first appears beside a newer answer for the symbol is not applied to a row of an older one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import polars as pl

from ...archive import layout, open_requests
from ...archive.store import FIRST, Archive, retrieved
from ...market import splits
from ...market.sessions import NEW_YORK
from ...market.splits import Split
from ...measures.volume import as_traded
from ...tables.facts import SPLIT_SCHEMA
from . import daily_files

NEAREST = 5
"""Earlier answers that are asked whether they know a split, and as many of before its day: the split's own morning."""
SAME_PRICE = 1e-6
"""Part of a close by which two answers may differ and mean the same: Yahoo's prices have the digits of a float32."""

Days = dict[date, float]


class Consolidated(NamedTuple):
    bars: pl.DataFrame
    """date, ticker, volume, split_factor?, regular_volume?, close? (USD, as traded), rounded, settled, revised; one row
    per key, the newest answer. The factor is null over an unclear split, and with it what was traded."""
    splits: pl.DataFrame
    """ticker, ex_date, ratio? (new shares per old; null where nobody can know it), named? (the ratio that the volumes
    do not show yet), up to the day of asking."""
    faults: tuple[str, ...]
    """Files that are there and cannot be used, and rows that cannot."""
    doubts: tuple[str, ...] = ()
    """Splits that are unclear, with the reason."""


class Answer(NamedTuple):
    """One answer about one ticker: when it came, its volumes as given by date, and the splits named beside them."""

    moment: datetime
    volumes: Days
    splits: tuple[Split, ...]


def read(
    archive: Archive,
    session: date,
    spelling: Mapping[str, str],
    window: Sequence[date],
    off_exchange: pl.DataFrame | None = None,
) -> Consolidated:
    """Daily volumes for the session's `window`; `spelling` maps our tickers to Yahoo's symbols.

    `off_exchange` (date, ticker, trf_volume) is FINRA's opinion of a split that the volumes may not show.
    """
    faults: list[str] = []
    ours = _ours(spelling)
    daily_name, splits_name = layout.yahoo_daily(session), layout.yahoo_splits(session)
    named, lost = daily_files.read(archive.answers(splits_name), daily_files.SPLITS, ours, faults)
    # Of a split without a day nobody knows whether the session traded before it, nor the sessions before the session.
    undated = named.filter(pl.col("ex_date") == daily_files.NO_DAY)
    named = pl.concat([named, undated.with_columns(ex_date=pl.lit(session))])
    daily, _ = daily_files.read(archive.answers(daily_name), daily_files.BARS, ours, faults)
    faults += [*archive.damaged(splits_name).values(), *archive.damaged(daily_name).values()]
    lost += open_requests.broken_splits(archive, session)
    if daily.height and not archive.answers(splits_name):
        faults.append(f"{splits_name} is missing beside {daily_name}: volumes cannot be put back to as traded")
        daily = daily.clear()
    # A later answer brings all splits of its tickers along; one as old as the damaged splits has lost its own.
    daily = daily.filter(pl.col("answer") > max(lost)) if lost else daily
    bars = daily.filter(pl.col("date").is_in(list(window)))
    earlier = _Earlier(archive, session, window, ours.filter(pl.col("ticker").is_in(named["ticker"].to_list())))
    finra = _by_ticker(off_exchange, "trf_volume") if off_exchange is not None else {}
    by_answer: dict[datetime, dict[str, Sequence[Split]]] = {}
    newest: dict[str, Sequence[Split]] = {}
    for ticker, answers in _answers(bars, named).items():
        for number, answer in enumerate(answers):
            known = _vouched(ticker, answer, answers[:number], earlier, finra.get(ticker, {}))
            by_answer.setdefault(answer.moment, {})[ticker] = newest[ticker] = known
    parts = [
        as_traded(group, split_frame(by_answer.get(moment, {})))
        for (moment,), group in bars.group_by("answer", maintain_order=True)
    ]
    traded = pl.concat(parts) if parts else as_traded(bars, split_frame({}))
    traded = traded.with_columns(pl.col("close") * pl.col("split_factor"), given=pl.col("close"))
    settled = _settled(traded, archive, session)
    return Consolidated(
        _newest(traded.with_columns(settled), _replaced(archive, daily_name, splits_name)).sort("date", "ticker"),
        split_frame(newest).sort("ticker", "ex_date"),
        tuple(faults),
        tuple(
            f"the split of {ticker} on {split.ex_date}: {split.doubt}"
            for ticker, known in newest.items()
            for split in known
            if split.doubt
        ),
    )


def _replaced(archive: Archive, daily_name: str, splits_name: str) -> list[datetime]:
    """Moments of answers whose rows are not what the archive held: a damaged file was lost, or another took its place.

    An answer older than a lost one is read in its stead.
    """
    names = (daily_name, splits_name)
    replaced = [path for name in names for path in archive.answers(name) if archive.is_replaced(path)]
    older = [p for name in names if archive.lost(name) or archive.damaged(name) for p in archive.answers(name)]
    return [retrieved(path) or FIRST for path in [*replaced, *older]]


def _ours(spelling: Mapping[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        {"ticker": list(spelling), "symbol": list(spelling.values())}, schema={"ticker": pl.String, "symbol": pl.String}
    )


def split_frame(splits_of: Mapping[str, Sequence[Split]]) -> pl.DataFrame:
    rows = [(ticker, split.ex_date, split.ratio, split.named) for ticker, known in splits_of.items() for split in known]
    return pl.DataFrame(rows, schema={**SPLIT_SCHEMA, "named": pl.Float64}, orient="row")


def _by_ticker(frame: pl.DataFrame, column: str) -> dict[str, Days]:
    found: dict[str, Days] = {}
    for ticker, day, value in frame.select("ticker", "date", column).drop_nulls().iter_rows():
        found.setdefault(ticker, {})[day] = value
    return found


def _answers(bars: pl.DataFrame, named: pl.DataFrame) -> dict[str, list[Answer]]:
    """The answers of each ticker with a split, oldest first, each with the splits known before the ticker's next one.

    Of a day that several answers name a split for, the newest counts. A ticker whose splits came without a volume has
    one answer.
    """
    events = _events(named)
    volumes: dict[str, dict[datetime, Days]] = {}
    of_interest = bars.filter(pl.col("ticker").is_in(list(events)))
    for ticker, moment, day, volume in of_interest.select("ticker", "answer", "date", "volume").iter_rows():
        volumes.setdefault(ticker, {}).setdefault(moment, {})[day] = volume
    found = {}
    for ticker, named_at in sorted(events.items()):
        given = volumes.get(ticker) or {max(named_at): {}}
        moments = sorted(given)
        found[ticker] = [
            Answer(moment, given[moment], tuple(splits.judged(_known(named_at, following))))
            for moment, following in zip(moments, [*moments[1:], None], strict=True)
        ]
    return found


def _events(named: pl.DataFrame) -> dict[str, dict[datetime, list[tuple[date, float | None]]]]:
    """What each ticker's answers name, by ticker and moment."""
    events: dict[str, dict[datetime, list[tuple[date, float | None]]]] = {}
    for ticker, moment, day, ratio in named.select("ticker", "answer", "ex_date", "ratio").iter_rows():
        events.setdefault(ticker, {}).setdefault(moment, []).append((day, ratio))
    return events


def _known(
    named_at: Mapping[datetime, Sequence[tuple[date, float | None]]], until: datetime | None
) -> list[tuple[date, float | None]]:
    """What was named before `until`; of one day, by the newest answer that names it."""
    newest = {day: asked for asked in sorted(named_at) if until is None or asked < until for day, _ in named_at[asked]}
    return [(day, ratio) for asked in sorted(named_at) for day, ratio in named_at[asked] if newest.get(day) == asked]


def _vouched(
    ticker: str, answer: Answer, older: Sequence[Answer], earlier: _Earlier, off_exchange: Days
) -> tuple[Split, ...]:
    """The answer's splits, those in doubt that its volumes do not show yet.

    An earlier answer that does not name the split and has the same days decides, the nearest first; without one only a
    large step can be told (`splits.leaves_its_step`).
    """
    open_days: set[date] = {
        split.ex_date for split in answer.splits if split.ratio and any(d < split.ex_date for d in answer.volumes)
    }
    missing: dict[date, str] = {}
    ours = ((then.volumes, then.splits) for then in reversed(older))
    for volumes, named in chain(ours, earlier.of(ticker, answer.moment, frozenset(open_days))):
        if not open_days:
            break
        decided, absent = splits.not_shown(answer.volumes, answer.splits, volumes, named)
        missing |= dict.fromkeys(
            absent & open_days, "it is named, and an earlier answer has the same volumes without it"
        )
        open_days -= decided
    for split in answer.splits:
        others = [other for other in answer.splits if other.ex_date != split.ex_date]
        if split.ex_date in open_days and splits.leaves_its_step(split, answer.volumes, off_exchange, others):
            missing[split.ex_date] = "it is named, and the volumes step by its ratio as if they were not adjusted"
    return tuple(
        split._replace(ratio=None, doubt=missing[split.ex_date]) if split.ex_date in missing else split
        for split in answer.splits
    )


class _Earlier:
    """Answers that the archive has from before, under the names of earlier sessions of the window.

    Each file is read once, and only where an answer before it leaves a split open.
    """

    def __init__(self, archive: Archive, session: date, window: Sequence[date], ours: pl.DataFrame) -> None:
        self._archive, self._session, self._ours = archive, session, ours
        self._days = [day for day in reversed(window) if day != session]
        self._answers = cache(lambda day: archive.answers(layout.yahoo_daily(day)))
        self._named = cache(self._read_splits)
        self._volumes = cache(self._read_volumes)
        self._asked = cache(lambda day: _asked_at(archive, day))

    def of(
        self, ticker: str, moment: datetime, ex_dates: AbstractSet[date]
    ) -> Iterator[tuple[Days, tuple[Split, ...]]]:
        """Volumes and splits of the ticker's answers before the one of `moment` that do not name all of `ex_dates`.

        The nearest, and the nearest before each ex-date, newest first. Where one of the two moments is not known, an
        earlier session's answer is taken for the earlier one.
        """
        own = self._moment(self._session, layout.yahoo_daily(self._session)) if moment == FIRST else moment
        near: set[date] = set()
        for end in (self._session, *ex_dates):
            near |= set(islice((day for day in self._days if day < end and self._answers(day)), NEAREST))
        for day in sorted(near, reverse=True):
            for path in reversed(self._answers(day)):
                then = retrieved(path) or self._moment(day, self._archive.relative(path))
                named = self._named(day, retrieved(path) or FIRST)
                if named is None or (own and then and then >= own):
                    continue
                known = tuple(splits.judged(named.get(ticker, ())))
                if not ex_dates <= {split.ex_date for split in known} and ticker in self._volumes(path):
                    yield self._volumes(path)[ticker], known

    def _moment(self, day: date, file: str) -> datetime | None:
        return max((moment for name, moment in self._asked(day).values() if name == file), default=None)

    def _read_splits(self, day: date, moment: datetime) -> dict[str, list[tuple[date, float | None]]] | None:
        """By ticker, as known at `moment`; None where a file is lost or damaged: its answer decides nothing."""
        files = self._archive.answers(layout.yahoo_splits(day))
        beside = [file for file in files if (retrieved(file) or FIRST) <= moment]
        named, lost = daily_files.read(beside, daily_files.SPLITS, self._ours, [])
        lost += [broken for broken in open_requests.broken_splits(self._archive, day) if broken <= moment]
        if lost or not beside:
            return None
        return {ticker: _known(named_at, None) for ticker, named_at in _events(named).items()}

    def _read_volumes(self, path: Path) -> dict[str, Days]:
        return _by_ticker(daily_files.read([path], daily_files.VOLUMES, self._ours, [])[0], "volume")


def _asked_at(archive: Archive, session: date) -> dict[str, tuple[str, datetime]]:
    """File and moment of each ticker's answer, from the session's receipt; none where nobody told."""
    receipt = archive.receipt("yahoo", session) or {}
    return {
        ticker: (entry["file"], datetime.fromisoformat(entry["retrieved_at"]))
        for ticker, entry in receipt.get("tickers", {}).items()
        if entry.get("file") and entry.get("retrieved_at")
    }


def _settled(bars: pl.DataFrame, archive: Archive, session: date) -> pl.Series:
    """Whether each row was retrieved after its own New York day; null where the moment is unknown."""
    asked = {
        ticker: (retrieved(Path(file)) or FIRST, moment)
        for ticker, (file, moment) in _asked_at(archive, session).items()
    }
    values = []
    for ticker, day, answer in bars.select("ticker", "date", "answer").iter_rows():
        of_file, moment = asked.get(ticker, (None, None))
        if of_file != answer:
            moment = None if answer == FIRST else answer
        values.append(None if moment is None else moment.astimezone(NEW_YORK).date() > day)
    return pl.Series("settled", values, pl.Boolean)


def differs(newer: pl.Expr, newer_factor: pl.Expr, older: pl.Expr, older_factor: pl.Expr) -> pl.Expr:
    """Whether two volumes as traded, each with the split factor it was put back by, differ in value.

    Yahoo rounds adjusted volumes to whole shares: a difference that this explains is none.
    """
    rounding = 0.5 / pl.min_horizontal(newer_factor, older_factor) + 0.5 / pl.max_horizontal(newer_factor, older_factor)
    difference = (newer - older).abs()
    return pl.when(newer_factor == older_factor).then(difference > 0).otherwise(difference > rounding)


def _is_another(price: str) -> pl.Expr:
    """Whether a price differs from the older answer's by more than Yahoo's digits explain."""
    return (pl.col(price) / pl.col(f"older_{price}") - 1).abs() > SAME_PRICE


def _newest(bars: pl.DataFrame, replaced: Sequence[datetime]) -> pl.DataFrame:
    """The newest answer per ticker and date; `revised` where an older one meant another as-traded volume or close, or
    where the answer is of a `replaced` moment. A close told as before beside a
    new split is no correction.
    """
    newest = bars.sort("answer").unique(["ticker", "date"], keep="last", maintain_order=True)
    older = bars.select(
        "ticker",
        "date",
        pl.col("answer").alias("older"),
        pl.col("regular_volume").alias("older_volume"),
        pl.col("split_factor").alias("older_factor"),
        pl.col("close").alias("older_close"),
        pl.col("given").alias("older_given"),
    )
    columns = [pl.col(name) for name in ("regular_volume", "split_factor", "older_volume", "older_factor")]
    revised = (
        newest.join(older, on=["ticker", "date"])
        .filter(pl.col("older") < pl.col("answer"))
        .filter(
            differs(*columns).fill_null(pl.col("regular_volume").is_null() != pl.col("older_volume").is_null())
            | (_is_another("close") & _is_another("given")).fill_null(False)
        )
        .select("ticker", "date")
        .unique()
        .with_columns(pl.lit(True).alias("revised"))
    )
    return (
        newest.join(revised, on=["ticker", "date"], how="left")
        .with_columns(pl.col("revised").fill_null(False) | pl.col("answer").is_in(list(replaced)))
        .select("date", "ticker", "volume", "split_factor", "regular_volume", "close", "rounded", "settled", "revised")
    )
