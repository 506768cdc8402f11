"""Which of FINRA's daily files make a whole: the consolidated one, or every facility's; and since when each is there.

A part of the facilities looks like an answer and is none: one of them alone carries most of the volume of one ticker
and little of another's. First days: the files' own catalogue and the first answers that anybody recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

CONSOLIDATED, OTC, DISPLAY = "CNMS", "FORF", "FNRA"
FACILITIES = ("FNSQ", "FNYX", "FNQC")
"""The trade reporting facilities: Nasdaq's in Carteret, NYSE's, Nasdaq's in Chicago."""
FIRST = {
    "CNMS": date(2018, 8, 1),
    "FNSQ": date(2009, 8, 3),
    "FNQC": date(2018, 9, 10),
    # Their first days are known by the year alone.
    "FNYX": date(2009, 1, 1),
    "FNRA": date(2009, 1, 1),
    "FORF": date(2009, 1, 1),
}


class FilesError(ValueError):
    """`finra.files` does not give a session's off-exchange volume, or FINRA never had the files."""


def of_day(prefixes: Sequence[str], day: date) -> list[str]:
    """The files of a list that a day has: Chicago's facility opened later than the others.

    >>> of_day(["FNSQ", "FNYX", "FNQC"], date(2018, 9, 7)), of_day(["CNMS", "FORF"], date(2018, 9, 7))
    (['FNSQ', 'FNYX'], ['CNMS', 'FORF'])
    """
    return [prefix for prefix in prefixes if prefix != "FNQC" or day >= FIRST[prefix]]


def require_whole(prefixes: Sequence[str], session: date) -> None:
    """Raise FilesError where `prefixes` are a part of the session's facilities, naming the lists that are whole."""
    needed = of_day(FACILITIES, session)
    parts = [prefix for prefix in prefixes if prefix in (*FACILITIES, DISPLAY)]
    missing = [prefix for prefix in needed if prefix not in parts]
    if parts and missing:
        since = FIRST["FNQC"]
        when = f"from {since} on" if session >= since else f"before {since}"
        consolidated = f"[{CONSOLIDATED}], " if session >= FIRST[CONSOLIDATED] else ""
        raise FilesError(
            f"config: finra.files: {', '.join(parts)} without {', '.join(missing)} is a part of the off-exchange "
            f"volume of {session}; {when} {consolidated}[{', '.join(needed)}] (with {DISPLAY} or without) and [{OTC}] "
            f"are whole, and {OTC} may be added to each"
        )


def require_published(prefixes: Sequence[str], session: date, is_kept: Callable[[str], bool]) -> None:
    """Raise FilesError where FINRA's archive begins after the session and `is_kept` knows no file of the prefix."""
    for prefix in of_day(prefixes, session):
        if session < FIRST[prefix] and not is_kept(prefix):
            older = [one for one in of_day(FACILITIES, session) if session >= FIRST[one]]
            others = f"; its files {', '.join(older)} go back further" if prefix == CONSOLIDATED and older else ""
            raise FilesError(
                f"FINRA has no {prefix} file of {session}: they begin on {FIRST[prefix]}{others}. A file of that day "
                "from elsewhere is used once it lies in the archive under finra/regsho/"
            )
