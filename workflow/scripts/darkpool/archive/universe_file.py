"""The universe of a session as the archive keeps it: a CSV of ticker and source, sorted."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import NamedTuple


class Member(NamedTuple):
    ticker: str  # our spelling
    source: str  # "config" or the name of the scan's file


def to_csv(members: Iterable[Member]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["ticker", "source"])
    writer.writerows(sorted(members))
    return text.getvalue().encode()
