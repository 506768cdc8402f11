"""The demo's weekly data: ATS and non-ATS volume as FINRA would have published it, late. Everything is SIMULATED.

A week's volume is the sum of the simulated daily files and a little more, since FINRA's weekly data are not limited to
regular hours. As FINRA does, a week comes in two answers: T1 after three weeks, T2 and OTC after five. The second one
also restates one T1 row. Rows by firm and market totals lie among the issues, so that adding every row is wrong.

What an answer holds is a function of seed and week alone; the session decides only which answers there are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...archive import open_requests
from ...market import sessions, symbols
from ..finra import otc_weekly
from . import watchlist
from .volumes import FRACTIONAL_FROM, MICRO, Floats, as_traded, key, market, uniform

ANSWERS = (("T1",), ("T2", "OTC"))
"""Tiers that are published together, in the order of publication."""

TIER_BOUNDS = {"T1": 0.45, "T2": 0.97, "OTC": 1.0}
"""Upper bound per tier of an issue's draw. OTC is rare: the issues stand in a file of NMS stocks."""
CODES = {ours: theirs for theirs, ours in otc_weekly.TIERS.items()}
DESCRIPTIONS = {"T1": "NMS Tier 1", "T2": "NMS Tier 2", "OTC": "OTC Equity"}

EXTENDED_HOURS = (1.02, 1.10)
ATS_SHARE = (0.10, 0.25)
SHARES_PER_TRADE = (80, 240)
LATE_REPORT = 0.02
"""What a restated row has more of than it had at first."""

ATS_FIRMS = (("SIMA", None, "SIMA SIMULATED ATS"), ("SIMB", None, "SIMB SIMULATED ATS"))
OTHER_FIRMS = ((None, 990_001, "SIMULATED WHOLESALER LLC"), (None, None, "De Minimis Firms"))
NOBODY = (None, None, None)

Row = dict[str, Any]
Firm = tuple[str | None, int | None, str | None]


class Issue(NamedTuple):
    """One issue's week; shares by kind of summary row, in millionths, trades in the same order."""

    ticker: str
    symbol: str
    tier: str
    shares: tuple[int, int]
    trades: tuple[int, int]


@cache
def tier_of(ticker: str) -> str:
    """T1, T2 or OTC: the same for a ticker in every week and under every seed."""
    draw = float(uniform(np.array([key(ticker)], np.uint64), "weekly tier")[0])
    return next(name for name, bound in TIER_BOUNDS.items() if draw < bound)


def published(monday: date, tier: str) -> date:
    return monday + timedelta(days=open_requests.WEEKLY_LAGS[tier])


def answer(monday: date, tiers: tuple[str, ...], seed: int) -> bytes:
    """One answer of FINRA: a JSON array with the rows of `tiers`, and in the later one a restated row of T1."""
    issues = _issues(monday, seed)
    rows = [row for tier in tiers for row in _tier_rows([i for i in issues if i.tier == tier], monday, tier)]
    if tiers != ANSWERS[0]:
        rows += _restated(issues, monday, published(monday, tiers[0]), seed)
    return ("[" + ",\n".join(json.dumps(row) for row in rows) + "]\n").encode()


def _spelling(ticker: str) -> str:
    """As FINRA spells it; where that is unknown or ambiguous, as in the daily files."""
    return symbols.to_weekly(ticker) or ticker.replace(".", "/")


@lru_cache(maxsize=1)
def _issues(monday: date, seed: int) -> tuple[Issue, ...]:
    """Every issue that traded off-exchange in the week, in byte order of FINRA's symbol."""
    daily = _daily_sum(monday, seed)
    tickers = sorted(daily, key=lambda ticker: _spelling(ticker).encode())
    keys = np.array([key(ticker) for ticker in tickers], np.uint64)

    def drawn(label: str, bounds: tuple[float, float]) -> Floats:
        low, high = bounds
        return low + (high - low) * uniform(keys, f"{seed} {monday} weekly {label}")

    unit = 1 if monday >= FRACTIONAL_FROM else MICRO
    micro = np.array([daily[ticker] for ticker in tickers], np.float64)
    total = np.rint(micro * drawn("hours", EXTENDED_HOURS) / unit) * unit
    ats = np.floor(total * drawn("ATS", ATS_SHARE) / unit) * unit
    shares = np.column_stack([ats, total - ats])
    sizes = np.column_stack([drawn("ATS trade", SHARES_PER_TRADE), drawn("other trade", SHARES_PER_TRADE)])
    trades = np.ceil(shares / MICRO / sizes)
    return tuple(
        Issue(ticker, _spelling(ticker), tier_of(ticker), (a, b), (m, n))
        for ticker, (a, b), (m, n) in zip(
            tickers, shares.astype(np.int64).tolist(), trades.astype(np.int64).tolist(), strict=True
        )
    )


def _daily_sum(monday: date, seed: int) -> dict[str, int]:
    """Off-exchange millionths of a share per ticker, added up over the week's daily files."""
    total: dict[str, int] = {}
    for day in sessions.between(monday, monday + timedelta(days=6)):
        tickers = market(day)
        micro = np.rint(as_traded(tickers, day, seed).trf * MICRO).astype(np.int64)
        for ticker, shares in zip(tickers, micro.tolist(), strict=True):
            total[ticker] = total.get(ticker, 0) + shares
    return {ticker: shares for ticker, shares in total.items() if shares}


def _tier_rows(issues: Sequence[Issue], monday: date, tier: str) -> Iterable[Row]:
    """A tier's issues, the standing watchlist by firm too, and last the totals, which name no issue."""
    day = published(monday, tier)
    for issue in issues:
        for kind, shares, trades in zip(otc_weekly.SUMMARIES, issue.shares, issue.trades, strict=True):
            yield _row(kind, monday, issue.tier, day, shares, trades, issue)
        if issue.ticker in watchlist.STANDING:
            yield from _firm_rows(issue, monday, day)
    for place, kind in enumerate(("ATS_W_VOL_STATS", "OTC_W_VOL_STATS")):
        totals = sum(issue.shares[place] for issue in issues), sum(issue.trades[place] for issue in issues)
        yield _row(kind, monday, tier, day, *totals)


def _firm_rows(issue: Issue, monday: date, day: date) -> Iterable[Row]:
    """The issue once more, by firm: a quarter to the second firm of each kind, in whole shares."""
    for kind, firms, shares, trades in zip(
        otc_weekly.FIRMS, (ATS_FIRMS, OTHER_FIRMS), issue.shares, issue.trades, strict=True
    ):
        second = _whole(shares // 4)
        parts = ((shares - second, trades - trades // 4), (second, trades // 4))
        for firm, (part, count) in zip(firms, parts, strict=True):
            if part:
                yield _row(kind, monday, issue.tier, day, part, count, issue, firm)


def _restated(issues: Sequence[Issue], monday: date, day: date, seed: int) -> list[Row]:
    """The non-ATS row of one T1 issue, with what a firm had reported late.

    Never of the watchlist: which answers lie in the archive when an earlier session is read depends on the order of
    jobs, and of all that later answers hold, a restated row alone changes what an earlier session sees.
    """
    eligible = [
        i for i in issues if i.tier == "T1" and i.ticker not in watchlist.STANDING and not i.ticker.startswith("NW")
    ]
    if not eligible:
        return []
    draws = uniform(np.array([key(i.ticker) for i in eligible], np.uint64), f"{seed} {monday} late")
    issue = eligible[int(draws.argmax())]
    shares, trades = issue.shares[1], issue.trades[1] + 1
    shares += _whole(int(shares * LATE_REPORT)) + MICRO
    row = _row(otc_weekly.NON_ATS, monday, issue.tier, published(monday, issue.tier), shares, trades, issue)
    return [row | {"lastUpdateDate": str(day)}]


def _whole(micro: int) -> int:
    """Millionths without the fraction of a share."""
    return micro // MICRO * MICRO


def _row(
    kind: str,
    monday: date,
    tier: str,
    day: date,
    micro: int,
    trades: int,
    issue: Issue | None = None,
    firm: Firm = NOBODY,
) -> Row:
    """One row with the fields of `weeklySummary`, published on `day`."""
    mpid, crd, name = firm
    return {
        "issueSymbolIdentifier": issue and issue.symbol,
        "issueName": issue and f"{issue.ticker} SIMULATED",
        "tierIdentifier": CODES[tier],
        "tierDescription": DESCRIPTIONS[tier],
        "weekStartDate": str(monday),
        "summaryStartDate": str(monday),
        "initialPublishedDate": str(day),
        "lastUpdateDate": str(day),
        "lastReportedDate": None,
        "totalWeeklyShareQuantity": _quantity(micro),
        "totalWeeklyTradeCount": trades,
        "totalNotionalSum": None,
        "productTypeCode": None,
        "summaryTypeCode": kind,
        "MPID": mpid,
        "firmCRDNumber": crd,
        "marketParticipantName": name,
    }


def _quantity(micro: int) -> int | float:
    return micro / MICRO if micro % MICRO else micro // MICRO
