"""FINRA's weekly off-exchange volume, ATS apart from non-ATS, as a session could have seen it.

Off-exchange volume of an issue is the row `ATS_W_SMBL` plus the row `OTC_W_SMBL` and nothing else: the rows by firm add
up to the same shares again. A row counts for a session when FINRA had published it before the next session's day. Rows
of tier T1 come 21 days after the week's Monday, T2 and OTC (FINRA's OTCE) 35, so an issue's newest week depends on its
tier. Source: FINRA, OTC transparency data, `otcMarket/weeklySummary`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import polars as pl

from ... import listing
from ...archive import layout, open_requests
from ...archive.store import Archive
from ...market import sessions, symbols
from ...measures.volume import add_flags
from ...tables import contracts

ATS, NON_ATS = SUMMARIES = ("ATS_W_SMBL", "OTC_W_SMBL")
FIRMS = ("ATS_W_SMBL_FIRM", "OTC_W_SMBL_FIRM")
TIERS = {"T1": "T1", "T2": "T2", "OTCE": "OTC"}
"""Our name of a tier by FINRA's; other codes stand on totals only."""

FIELDS: dict[str, tuple[str, pl.DataType]] = {
    "week_start_date": ("weekStartDate", pl.Date()),
    "tier": ("tierIdentifier", pl.String()),
    "kind": ("summaryTypeCode", pl.String()),
    "symbol": ("issueSymbolIdentifier", pl.String()),
    "issue_name": ("issueName", pl.String()),
    "product_type": ("productTypeCode", pl.String()),
    "shares": ("totalWeeklyShareQuantity", pl.Float64()),
    "trades": ("totalWeeklyTradeCount", pl.Int64()),
    "initial_published_date": ("initialPublishedDate", pl.Date()),
    "last_update_date": ("lastUpdateDate", pl.Date()),
}
"""Our name of a column: FINRA's name of the field, and our type."""
ROWS = {ours: kind for ours, (_, kind) in FIELDS.items()}

_ISSUE = ["week_start_date", "tier", "kind", "symbol"]
_SUFFIX = re.compile(
    r"(?P<root>[A-Z0-9]+)(?:/WS(?:/(?P<warrant_class>[A-Z]))?|/(?P<dotted>[A-Z/]+)|p(?P<series>[A-Z]?)|(?P<letter>[rw]))"
)


class OtcWeeklyError(ValueError):
    """A file is no array of weekly rows; names the file and what would have been right."""


class Weekly(NamedTuple):
    """The newest weeks of the universe that a session can see."""

    frame: pl.DataFrame
    """The columns of the table `otc_weekly`, `restated`, `revised`; one row per week and ticker, sorted by them."""
    unmatched: tuple[str, ...]
    """Tickers without a row in any week looked at."""
    faults: tuple[str, ...]
    """Files that are there and cannot be used, and rows in the wrong one."""
    looked_at: int
    """Weeks of the archive that were looked at."""

    @property
    def notes(self) -> list[str]:
        """What a reader must know besides the rows; an archive without any week is told as a state of the source."""
        missing = self.unmatched if self.looked_at else ()
        lines = [f"No row in FINRA's weekly data for {listing.named(missing)}."] if missing else []
        return [*lines, *(f"Not usable: {fault}." for fault in self.faults)]

    @property
    def table(self) -> pl.DataFrame:
        """The columns of the contract `otc_weekly`."""
        return self.frame.select(contracts.CONTRACTS["otc_weekly"].names)

    @property
    def restated(self) -> set[str]:
        """Tickers with a row that FINRA changed after the session could have seen it."""
        return set(self.frame.filter("restated")["ticker"])

    @property
    def revised(self) -> set[str]:
        """Tickers with a row whose value differs between the archive's answers."""
        return set(self.frame.filter("revised")["ticker"])


def parse(content: bytes, where: str) -> pl.DataFrame:
    """The summary rows of issues in one answer, columns as in `ROWS`; shares may be fractional.

    Rows by firm, totals, and rows without a symbol or a quantity are left out. Raises OtcWeeklyError, naming `where`.
    """
    if not content.lstrip().startswith(b"["):
        raise OtcWeeklyError(f"{where}: expected a JSON array of weeklySummary rows")
    schema = {theirs: pl.Float64() if kind.is_numeric() else pl.String() for theirs, kind in FIELDS.values()}
    try:
        frame = pl.read_json(io.BytesIO(content), schema=schema)
        twice = [theirs for theirs in schema if content.count(f'"{theirs}":'.encode()) > frame.height]
        if twice:
            raise OtcWeeklyError(f"{where}: a row names {twice[0]} twice")
        frame = frame.rename({theirs: ours for ours, (theirs, _) in FIELDS.items()}).filter(
            pl.col("kind").is_in(SUMMARIES)
            & pl.col("tier").is_in(list(TIERS))
            & (pl.col("shares") >= 0)
            & pl.col("symbol").is_not_null()
        )
        frame = frame.with_columns(pl.col("symbol").str.replace_all(r"\s+", " ").str.strip_chars()).filter(
            pl.col("symbol") != ""
        )
        if (frame["trades"] % 1 != 0).any():
            raise OtcWeeklyError(f"{where}: a number of trades is not whole")
        return frame.with_columns(
            pl.col("tier").replace_strict(TIERS, return_dtype=pl.String),
            pl.col("trades").cast(pl.Int64),
            *(pl.col(name).str.slice(0, 10).str.to_date("%Y-%m-%d") for name, kind in ROWS.items() if kind == pl.Date),
        )
    except pl.exceptions.PolarsError as error:
        raise OtcWeeklyError(f"{where}: not readable as weeklySummary rows ({str(error).splitlines()[0]})") from None


def merge(answers: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Rows of several answers, oldest first, each row from the newest answer that has it, and `revised`.

    An answer that has an issue replaces all that older answers say of it: a row under the issue's new name would count
    twice beside the one under the old name.
    `revised` is true where an older answer gave other shares or trades.
    """
    if not answers:
        return pl.DataFrame(schema={**ROWS, "revised": pl.Boolean})
    rows = pl.concat([frame.with_columns(pl.lit(number).alias("answer")) for number, frame in enumerate(answers)])
    rows = rows.unique([*_ISSUE, "issue_name", "product_type", "answer"], keep="last", maintain_order=True)
    sums = rows.group_by(*_ISSUE, "answer").agg(pl.col("shares", "trades").sum())
    revised = sums.group_by(_ISSUE).agg((pl.struct("shares", "trades").n_unique() > 1).alias("revised"))
    return rows.filter(pl.col("answer") == pl.col("answer").max().over(_ISSUE)).join(revised, on=_ISSUE).drop("answer")


def visible(rows: pl.DataFrame, next_session: date) -> pl.DataFrame:
    """The rows published before `next_session`, with `published_date` and `restated`.

    `published_date` is FINRA's, and where that is null the Monday plus the lag of the tier. A row that FINRA changed on
    `next_session` or later is used as it is now, and `restated`.
    """
    lag = pl.col("tier").replace_strict(open_requests.WEEKLY_LAGS, return_dtype=pl.Int64)
    expected = pl.col("week_start_date") + pl.duration(days=lag)
    return rows.with_columns(
        pl.coalesce("initial_published_date", expected).alias("published_date"),
        (pl.col("last_update_date") >= next_session).fill_null(False).alias("restated"),
    ).filter(pl.col("published_date") < next_session)


def by_issue(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per week, symbol and tier of visible `rows`: ATS and non-ATS apart, null where FINRA has no such row."""

    def total(column: str, kind: str) -> pl.Expr:
        chosen = pl.col(column).filter(pl.col("kind") == kind).drop_nulls()
        return pl.when(chosen.len() > 0).then(chosen.sum())

    return rows.group_by("week_start_date", "symbol", "tier").agg(
        total("shares", ATS).alias("ats_volume"),
        total("shares", NON_ATS).alias("non_ats_volume"),
        pl.col("shares").sum().alias("off_exchange_volume"),
        total("trades", ATS).alias("ats_trades"),
        total("trades", NON_ATS).alias("non_ats_trades"),
        pl.col("published_date").max(),
        pl.coalesce("last_update_date", "published_date").max().alias("last_update_date"),
        pl.col("restated").any(),
        pl.col("revised").any(),
    )


def spellings(ticker: str) -> tuple[str, ...]:
    """How FINRA's weekly data may spell our ticker, the surest first; empty when it is no SIP symbol.

    Today's is the ACT form (`symbols.to_weekly`); those of the SIP, of CMS and of Nasdaq's platform are known too. No
    form stands for two of our tickers: `.W` is the warrant and `.R` the right, never a class W or R, and they come
    last, since a row in another form is surely theirs.

    >>> spellings("BRK.B"), spellings("ABRpD"), spellings("TPC")
    (('BRK.B', 'BRK/B', 'BRK B'), ('ABR$D', 'ABRpD', 'ABR PRD'), ('TPC',))
    >>> spellings("OXY.WS")
    ('OXY/WS', 'OXY.WS', 'OXY WS', 'OXY+', 'OXY.W')
    """
    sip, act = symbols.to_finra(ticker), symbols.to_weekly(ticker)
    if sip is None:
        return ()
    match = _SUFFIX.fullmatch(sip)
    if match is None:
        return (sip,)
    root, series, letter, dotted = match["root"], match["series"], match["letter"], match["dotted"]
    known = [act] if act else []
    if series is not None:
        return (*known, sip, f"{root} PR{series}")
    if letter:
        return (sip, *({"r": (f"{root} RT", f"{root}^"), "w": (f"{root} WI", f"{root}#")}[letter]), *known)
    if dotted is None:
        of_class = match["warrant_class"] or ""
        return (sip, ticker, f"{root} WS{of_class}", f"{root}+{of_class}", *known)
    mark = (f"{root}=",) if dotted == "U" else ()
    by_dot = () if dotted in symbols.WEEKLY_TAKEN else (ticker,)
    return (*by_dot, sip, f"{root} {dotted.replace('/', '')}", *mark)


def trimmed(symbol: str) -> str:
    """A symbol of FINRA's without the blanks that pad it, as `parse` gives it.

    >>> trimmed("OXY.W  "), trimmed("BRK   B")
    ('OXY.W', 'BRK B')
    """
    return " ".join(symbol.split())


def newest(archive: Archive, session: date, tickers: Sequence[str], count: int = 1) -> Weekly:
    """The `count` newest weeks per ticker that `session` can see, from the archive's answers."""
    next_session, faults = sessions.following(session), list[str]()
    spelled = [(t, symbol, rank) for t in dict.fromkeys(tickers) for rank, symbol in enumerate(spellings(t))]
    names = pl.DataFrame(spelled, schema={"ticker": pl.String, "symbol": pl.String, "rank": pl.Int64}, orient="row")
    found: list[pl.DataFrame] = []
    have = dict.fromkeys(tickers, 0)
    mondays = layout.otc_weekly_mondays(archive, session, count)
    for monday in mondays:
        answers = archive.answers(layout.otc_weekly(monday))
        faults += archive.damaged(layout.otc_weekly(monday)).values()
        rows = merge([_only(monday, names, path, faults) for path in answers])
        if any(map(archive.is_replaced, answers)):
            rows = rows.with_columns(revised=pl.lit(True))
        week = by_issue(visible(rows, next_session)).join(names, on="symbol")
        # One row per ticker: its likeliest spelling, and of two tiers the one told last.
        week = week.sort("ticker", pl.col("rank"), "published_date", "tier", descending=[False, True, False, False])
        week = week.unique("ticker", keep="last", maintain_order=True).drop("rank")
        week = week.filter(pl.col("ticker").is_in([ticker for ticker, weeks in have.items() if weeks < count]))
        found.append(week)
        for ticker in week["ticker"]:
            have[ticker] += 1
        if all(weeks >= count for weeks in have.values()):
            break
    columns = [*contracts.CONTRACTS["otc_weekly"].names, "restated", "revised"]
    frame = pl.concat(found) if found else by_issue(visible(merge([]), next_session)).join(names, on="symbol")
    frame = frame.select(columns).sort("week_start_date", "ticker")
    return Weekly(frame, tuple(ticker for ticker, weeks in have.items() if not weeks), tuple(faults), len(mondays))


def _only(monday: date, names: pl.DataFrame, path: Path, faults: list[str]) -> pl.DataFrame:
    """The universe's rows of one answer; what is wrong with it is added to `faults`."""
    try:
        rows = parse(path.read_bytes(), str(path))
    except (OtcWeeklyError, OSError) as error:
        faults.append(str(error))
        return pl.DataFrame(schema=ROWS)
    strange = rows.filter(pl.col("week_start_date").ne_missing(monday))
    if strange.height:
        faults.append(f"{path}: {strange.height} rows of the week {strange['week_start_date'][0]}, expected {monday}")
    return rows.filter((pl.col("week_start_date") == monday) & pl.col("symbol").is_in(names["symbol"].implode()))


def table(archive: Archive, session: date, tickers: Sequence[str]) -> Weekly:
    """The newest visible week per ticker; its `.table` is the table `otc_weekly`."""
    return newest(archive, session, tickers)


def weeks(archive: Archive, session: date, tickers: Sequence[str], count: int) -> pl.DataFrame:
    """FINRA's side of the table `weekly`: the `count` newest weeks per ticker that `session` can see.

    week_start_date, ticker, tier, finra_off_exchange_volume, ats_volume?, non_ats_volume? (shares), published_date,
    restated, revised.
    """
    return newest(archive, session, tickers, count).frame.select(
        "week_start_date", "ticker", "tier", pl.col("off_exchange_volume").alias("finra_off_exchange_volume"),
        "ats_volume", "non_ats_volume", "published_date", "restated", "revised",
    )  # fmt: skip


def ats_share(otc_weekly: pl.DataFrame) -> pl.DataFrame:
    """ticker, finra_week, ats_share of the table `otc_weekly`; null where FINRA has no ATS row or no volume."""
    share = pl.when(pl.col("off_exchange_volume") > 0).then(pl.col("ats_volume") / pl.col("off_exchange_volume"))
    return otc_weekly.select("ticker", pl.col("week_start_date").alias("finra_week"), share.alias("ats_share"))


def add(features: pl.DataFrame, weekly: Weekly) -> pl.DataFrame:
    """`features` with `finra_week` and `ats_share` of the newest visible week, and the flags of its row."""
    joined = features.join(ats_share(weekly.table), on="ticker", how="left", maintain_order="left")
    told = (("restated", weekly.restated), ("revised", weekly.revised))
    flags = [{name for name, tickers in told if ticker in tickers} for ticker in joined["ticker"]]
    return joined.with_columns(add_flags(joined["quality"], flags))
