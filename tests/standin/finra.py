"""FINRA's delivery network: the daily Reg SHO short sale volume files."""

import hashlib
from collections.abc import Mapping
from decimal import Decimal

from .faults import plain_page
from .newyork import Day, to_date
from .proxy import Answer, Request

HEADER = "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market"

ACCESS_DENIED = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message>'
    b"<RequestId>0000000000000000</RequestId><HostId>standin</HostId></Error>"
)

Shares = int | float | Decimal | str
Row = tuple[Shares, Shares, Shares, str]


def regsho_file(day: Day, rows: Mapping[str, Row]) -> bytes:
    """A file as published: CRLF, byte order, and the number of rows as the trailer.

    `rows` maps FINRA's symbol to (short, short exempt, total, market). Whole numbers are written as until 2026-02-20,
    floats with six decimals as since, strings and Decimals as they are.
    """
    stamp = f"{to_date(day):%Y%m%d}"
    lines = [
        "|".join([stamp, symbol, *map(_spell, shares), market]) for symbol, (*shares, market) in sorted(rows.items())
    ]
    return "".join(f"{line}\r\n" for line in [HEADER, *lines, len(lines)]).encode("ascii")


class Finra:
    """cdn.finra.org. What is not published is answered as the bucket does: 403 and an XML `AccessDenied`."""

    hosts = ("cdn.finra.org",)

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}

    def publish(self, day: Day, rows: Mapping[str, Row] | bytes, prefix: str = "CNMS") -> bytes:
        """Publish a session's file, in place of an earlier one; return its bytes.

        `rows` as for `regsho_file`, or the bytes themselves (a cut file, another trailer).
        """
        content = rows if isinstance(rows, bytes) else regsho_file(day, rows)
        self._files[_path(day, prefix)] = content
        return content

    def withdraw(self, day: Day, prefix: str = "CNMS") -> None:
        self._files.pop(_path(day, prefix), None)

    def answer(self, request: Request) -> Answer:
        if request.method not in ("GET", "HEAD"):
            return plain_page(405)
        content = self._files.get(request.path.partition("?")[0])
        if content is None:
            return Answer(403, ACCESS_DENIED, {"Content-Type": "application/xml"})
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        if request.headers.get("If-None-Match") == etag:
            return Answer(304, b"", {"ETag": etag})
        return Answer(200, content, {"Content-Type": "text/plain", "ETag": etag})

    def refusal(self, status: int) -> Answer | None:
        return None


def _path(day: Day, prefix: str) -> str:
    return f"/equity/regsho/daily/{prefix}shvol{to_date(day):%Y%m%d}.txt"


def _spell(shares: Shares) -> str:
    return f"{shares:.6f}" if isinstance(shares, float) else str(shares)
