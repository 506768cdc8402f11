"""One question about FINRA's weekly data: what is asked for, and whether the rows that came answer it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from ..failure import Failure
from . import otc_weekly
from .client import Row

CODES = {ours: theirs for theirs, ours in otc_weekly.TIERS.items()}
QUANTITIES = ("totalWeeklyShareQuantity", "totalWeeklyTradeCount")
MOST = 1e15


class Query(NamedTuple):
    """One tier of one week: its summary rows, or the rows by firm of some symbols."""

    monday: date
    tier: str
    symbols: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        return otc_weekly.FIRMS if self.symbols else otc_weekly.SUMMARIES

    @property
    def body(self) -> dict[str, Any]:
        """The query as FINRA takes it."""
        partition = {"weekStartDate": str(self.monday), "tierIdentifier": CODES[self.tier]}
        domains: list[dict[str, Any]] = [{"fieldName": "summaryTypeCode", "values": list(self.kinds)}]
        if self.symbols:
            domains.append({"fieldName": "issueSymbolIdentifier", "values": list(self.symbols)})
        return {
            "compareFilters": [
                {"fieldName": name, "compareType": "EQUAL", "fieldValue": value} for name, value in partition.items()
            ],
            "domainFilters": domains,
        }


def check(rows: Iterable[Row], query: Query) -> None:
    """Raise Failure when a row is not of the week, tier and kind asked for, has no sane numbers, or the pages overlap.

    FINRA has been seen to ignore filters, and then answers with its oldest week.
    """
    asked: dict[str, Any] = {
        "weekStartDate": (str(query.monday),),
        "tierIdentifier": (CODES[query.tier],),
        "summaryTypeCode": query.kinds,
    }
    seen = set()
    for row in rows:
        for name, allowed in asked.items():
            # A moment may come in place of the day; a kind of rows by firm begins like that of a summary.
            said = str(row.get(name))[:10] if name == "weekStartDate" else row.get(name)
            if said not in allowed:
                raise Failure(
                    "outage",
                    f"FINRA answered with {name} {row.get(name)!r}, asked for {' or '.join(allowed)}: nothing was kept",
                    200,
                )
        if not isinstance(row.get("issueSymbolIdentifier"), str | None):
            raise Failure(
                "outage", "FINRA answered with an issueSymbolIdentifier that is no text: nothing was kept", 200
            )
        for name in QUANTITIES:
            if not _is_quantity(row.get(name)):
                raise Failure(
                    "outage",
                    f"FINRA's {name} of {row.get('issueSymbolIdentifier')!r} is {str(row[name])[:40]!r}, expected a "
                    "number, zero or more: nothing was kept",
                    200,
                )
        text = json.dumps(row, sort_keys=True)
        if text in seen and not query.symbols:
            raise Failure("truncated", f"FINRA's pages overlap: {row.get('issueSymbolIdentifier')!r} came twice", 200)
        seen.add(text)


def readable(content: bytes) -> None:
    """Raise Failure where the tables could not read the rows: kept, they would hide those that can be read."""
    try:
        otc_weekly.parse(content, "FINRA's answer")
    except otc_weekly.OtcWeeklyError as error:
        raise Failure("outage", f"{error}: nothing was kept", 200) from None


def _is_quantity(value: Any) -> bool:
    # A negative row left out, as a reader does with what it cannot use, would make its issue's sum a smaller number.
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < MOST)
