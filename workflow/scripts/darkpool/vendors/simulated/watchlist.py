"""The demo's tickers: six ordinary invented ones, then those that break careless programs.

    ALDER to MAPLE  ordinary; each has a day now and then on which it is bought, and FJORD pays a dividend
    BRK.B           a class share, spelt differently by every vendor
    NA              a ticker that reads as "missing"
    TPC, TpC        two securities that differ by case alone; TpC trades too little for a lit opinion
    PENNY, WIDER    a spread of one cent, and one of many
    SPLYT           splits 2:1 and 1:2 in turn, at least once inside every window
    ZZUNK           Yahoo does not know it
    NOQTE           trades without quotes
    BARSO           minute bars only
    NOLIT           no lit data at all
    NW and letters  listed 15 sessions ago

Light on purpose: the workflow reads it before any job.
"""

from __future__ import annotations

from datetime import date

from ...market import sessions

ORDINARY = ("ALDER", "BIRCH", "CEDAR", "FJORD", "HAZEL", "MAPLE")
BREAKING = ("BRK.B", "NA", "TPC", "TpC", "PENNY", "WIDER", "SPLYT", "ZZUNK", "NOQTE", "BARSO", "NOLIT")
STANDING = (*ORDINARY, *BREAKING)
UNKNOWN_TO_YAHOO = "ZZUNK"
SPLITTING = "SPLYT"
PAYING = "FJORD"
SESSIONS_SINCE_LISTING = 15
FIRST_DAY = 21
DAYS_APART = 11
"""Sessions between two days of the story: each ordinary ticker has one in 66, so that no window holds two of one."""
LETTERS = 26


def tickers(session: date) -> list[str]:
    """The demo's tickers of a session, in our spelling and a fixed order; raises sessions.NotASession."""
    return [*STANDING, listed_on(sessions.index(session) - SESSIONS_SINCE_LISTING)]


def bought_on(index: int) -> str | None:
    """The ordinary ticker that is bought in size on the session of that number in the calendar, one in eleven.

    >>> [bought_on(index) for index in (4772, 4773, 4784)]
    [None, 'ALDER', 'BIRCH']
    """
    turn, rest = divmod(index - FIRST_DAY, DAYS_APART)
    return None if rest else ORDINARY[turn % len(ORDINARY)]


def listed_on(index: int) -> str:
    """The ticker listed on the session of that number in the calendar: one a session, its name coded from the number.

    >>> listed_on(0), listed_on(27)
    ('NWAAA', 'NWABB')
    """
    code = ""
    for _ in range(3):
        index, letter = divmod(index, LETTERS)
        code = chr(ord("A") + letter) + code
    return "NW" + code
