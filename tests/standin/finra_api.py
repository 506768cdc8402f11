"""FINRA's Query API: a token, and the weekly summary by POST, by page.

Rows are passed on as published; `weekly_rows` makes whole weeks of them, with the firm rows and totals that add up to
the same shares again.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import canaries

from .newyork import Day, to_date
from .proxy import Answer, Request

MOST_ROWS = 5_000
USUAL_ROWS = 1_000
PARTITION = ("weekStartDate", "tierIdentifier")
LAGS = {"T1": 21, "T2": 35, "OTCE": 35}
TIERS = {"T1": "NMS Tier 1", "T2": "NMS Tier 2", "OTCE": "OTC Equity"}

Row = dict[str, Any]
Volumes = tuple[float | None, float | None]


def weekly_rows(
    monday: Day,
    tier: str,
    volumes: Mapping[str, Volumes],
    published: Day | None = None,
    updated: Day | None = None,
) -> list[Row]:
    """A tier's rows of a week: per issue the aggregates and rows by firm, and the market totals without a symbol.

    `volumes` maps FINRA's symbol to ATS and non-ATS shares, None for no such row. An ATS reports a third and another
    the rest; outside, a firm with a CRD number three quarters and `De Minimis Firms` the rest. A trade is 100 shares.
    Published by the lag of the tier and last updated on the day of publication, unless said.
    """
    day = published or to_date(monday) + timedelta(days=LAGS[tier])
    common = {
        "weekStartDate": str(monday), "summaryStartDate": str(monday), "tierIdentifier": tier,
        "tierDescription": TIERS[tier], "initialPublishedDate": str(day), "lastUpdateDate": str(updated or day),
        "lastReportedDate": None, "totalNotionalSum": None, "productTypeCode": None,
    }  # fmt: skip

    def row(kind: str, shares: float, symbol: str | None, firm: tuple[str | None, int | None, str | None]) -> Row:
        named = {"issueSymbolIdentifier": symbol, "issueName": symbol and f"{symbol} Common Stock"}
        mpid, crd, name = firm
        who = {"MPID": mpid, "firmCRDNumber": crd, "marketParticipantName": name}
        traded = {"totalWeeklyShareQuantity": shares, "totalWeeklyTradeCount": max(1, int(shares // 100))}
        return {**named, **common, **traded, "summaryTypeCode": kind, **who}

    rows, nobody = [], (None, None, None)
    for symbol, (ats, other) in volumes.items():
        if ats is not None:
            rows += [
                row("ATS_W_SMBL_FIRM", ats // 3, symbol, ("UBSA", None, "UBSA UBS ATS")),
                row("ATS_W_SMBL_FIRM", ats - ats // 3, symbol, ("SGMT", None, "SGMT SIGMA X2")),
                row("ATS_W_SMBL", ats, symbol, nobody),
            ]
        if other is not None:
            rows += [
                row("OTC_W_SMBL", other, symbol, nobody),
                row("OTC_W_SMBL_FIRM", other - other // 4, symbol, (None, 116797, "A WHOLESALER LLC")),
                row("OTC_W_SMBL_FIRM", other // 4, symbol, (None, None, "De Minimis Firms")),
            ]
    for kind, place in (("ATS_W_VOL_STATS", 0), ("OTC_W_VOL_STATS", 1)):
        rows.append(row(kind, sum(pair[place] or 0 for pair in volumes.values()), None, nobody))
    return rows


class FinraApi:
    """api.finra.org and the host of its tokens.

    key, secret       the credentials that are known; any others are 400 `invalid_client`
    open              whether data are given without credentials; a wrong token is 401 all the same
    expires_in        what a token's answer says, as it says it: 43169, or "1800"
    page_rows         rows after which a page is cut, as if it had reached 3 MB; None cuts at the limit alone
    stops_after       rows after which none come, whatever `Record-Total` promises; None gives all
    deaf_to           fields whose filters are ignored: rows of other weeks come
    totals            whether `Record-Total` is sent
    """

    hosts = ("api.finra.org", "ews.fip.finra.org")

    def __init__(self) -> None:
        self.key, self.secret = canaries.FINRA_KEY, canaries.FINRA_SECRET
        self.open = True
        self.expires_in: int | str = 43_169
        self.page_rows: int | None = None
        self.stops_after: int | None = None
        self.deaf_to: set[str] = set()
        self.totals = True
        self.tokens = 0
        self._valid: set[str] = set()
        self._rows: dict[tuple[str, str], list[Row]] = {}

    def publish(self, rows: Iterable[Row]) -> None:
        """Publish the partitions (week and tier) of `rows`, in place of earlier ones."""
        fresh: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            fresh.setdefault((row["weekStartDate"], row["tierIdentifier"]), []).append(row)
        self._rows |= fresh

    def withdraw(self, monday: Day, tier: str) -> None:
        """Take a tier's week back, as if it had not been published."""
        self._rows.pop((str(monday), tier), None)

    def restate(self, monday: Day, symbol: str, kind: str, shares: float, updated: Day) -> None:
        """Change the shares of a published row, and the day of its last update."""
        for (week, _), rows in self._rows.items():
            for row in rows:
                if (week, row["issueSymbolIdentifier"], row["summaryTypeCode"]) == (str(monday), symbol, kind):
                    row |= {"totalWeeklyShareQuantity": shares, "lastUpdateDate": str(updated)}

    def expire_tokens(self) -> None:
        """Every token given so far is refused from now on with 401."""
        self._valid.clear()

    def answer(self, request: Request) -> Answer:
        address = urlsplit(request.path)
        if request.host == "ews.fip.finra.org":
            return self._token(request, address.path, parse_qs(address.query))
        if request.method not in ("GET", "POST"):
            return _error(405)
        if not self._let_in(request):
            return _error(401)
        match address.path.strip("/").lower().split("/"):
            case ["data", "group", "otcmarket", "name", "weeklysummary"]:
                return self._data(json.loads(request.body) if request.method == "POST" else {})
            case ["partitions", "group", "otcmarket", "name", "weeklysummary"]:
                newest = [{"partitions": list(partition)} for partition in sorted(self._rows, reverse=True)]
                told = {"datasetGroup": "OTCMARKET", "datasetName": "WEEKLYSUMMARY"}
                return _json(200, {**told, "partitionFields": list(PARTITION), "availablePartitions": newest})
        return _error(404)

    def refusal(self, status: int) -> Answer | None:
        return _error(status) if status in (400, 401, 403, 429) else None

    def _token(self, request: Request, path: str, query: dict[str, list[str]]) -> Answer:
        if path != "/fip/rest/ews/oauth2/access_token" or query.get("grant_type") != ["client_credentials"]:
            return _error(404)
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            return _json(400, {"error_message": "Client credentials is required", "error": "invalid_client"})
        if base64.b64decode(given).decode() != f"{self.key}:{self.secret}":
            return _json(400, {"error_message": "Invalid Credentials", "error": "invalid_client"})
        self.tokens += 1
        token = f"{canaries.TOKEN}{self.tokens}"
        self._valid.add(token)
        return _json(200, {"access_token": token, "token_type": "Bearer", "scope": "x", "expires_in": self.expires_in})

    def _let_in(self, request: Request) -> bool:
        bearer = request.headers.get("Authorization")
        if bearer is not None:
            return bearer.removeprefix("Bearer ") in self._valid
        if "X-API-KEY" in request.headers:
            return (request.headers["X-API-KEY"], request.headers.get("X-API-SECRET")) == (self.key, self.secret)
        return self.open

    def _data(self, asked: dict[str, Any]) -> Answer:
        equal = {
            f["fieldName"]: [f["fieldValue"]] for f in asked.get("compareFilters", []) if f["compareType"] == "EQUAL"
        }
        missing = [name for name in PARTITION if name not in equal]
        if asked.get("sortFields") and missing:
            return _error(400, "Sorting is allowed only if all partitions keys are specified in EQUAL CompareFilter. "
                               f"Missing: {', '.join(missing)}")  # fmt: skip
        wanted = equal | {f["fieldName"]: f["values"] for f in asked.get("domainFilters", [])}
        wanted = {name: values for name, values in wanted.items() if name not in self.deaf_to}
        found = [
            row
            for partition in sorted(self._rows)
            for row in self._rows[partition]
            if all(row.get(name) in values for name, values in wanted.items())
        ]
        limit = min(int(asked.get("limit", USUAL_ROWS)), MOST_ROWS)
        offset = int(asked.get("offset", 0))
        page = found[: self.stops_after][offset : offset + min(limit, self.page_rows or limit)]
        headers = {
            "Record-Offset": str(offset), "Record-Limit": str(limit), "Record-Max-Limit": str(MOST_ROWS),
            "Total-Records-On-Page": str(len(page)), **({"Record-Total": str(len(found))} if self.totals else {}),
        }  # fmt: skip
        return _json(200, page, headers) if page else Answer(204, b"", headers)


def _error(status: int, message: str = "refused by the stand-in") -> Answer:
    told = {"statusCode": status, "statusDescription": "Refused", "requestId": "standin", "message": message}
    return _json(status, told)


def _json(status: int, content: object, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})})
