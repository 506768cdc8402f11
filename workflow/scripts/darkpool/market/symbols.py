"""Spelling of tickers at FINRA, Yahoo, Polygon and in our tables.

Ours is Polygon's dot form of the SIP symbol: `BRK.B`, `ABRpD`, `OXY.WS`. Case is identity: `TpC` (a preferred of T) and
`TPC` are two securities, so nothing here changes case. A spelling that no published convention covers maps to None,
for the caller to list; none is guessed.

    kind                    FINRA       ours, Polygon  Yahoo      FINRA's weekly data
    class share, voting     BRK/B       BRK.B          BRK-B      BRK.B
    preferred, with series  ABRpD       ABRpD          ABR-PD     ABR$D
    preferred, no series    TYp         TYp            TY-P       TY$
    warrant                 OXY/WS      OXY.WS         OXY-WT     OXY.W
    warrant, with class     VST/WS/A    VST.WS.A       VST-WTA    VST.W or VST.A, which others are too
    unit                    VYGG/U      VYGG.U         VYGG-UN    VYGG.U
    right                   CELGr       CELGr          CELG-RI    CELG.R
    when issued             IFFw        IFFw           IFF-WI     IFF.V, which is a voting class too
    called                  ECCA/CL     ECCA.CL        none; Polygon's is unknown too

Nasdaq's fifth-letter forms (`RGTIW`) are plain everywhere. Source: the CQS symbol convention (CMS, ACT and CQS
suffixes), the vendors' own listings, and for the weekly data (ACT) a published list of its 20,901 symbols.
"""

from __future__ import annotations

import re

MAX_LENGTH = 20

_SAFE = re.compile(r"[A-Za-z0-9]+(\.[A-Za-z0-9]+)*")
_CODE = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]|[0-9]{3}[A-Z0-9]{5}[0-9]", re.IGNORECASE)
_ROOT = r"(?P<root>[A-Z][A-Z0-9]*)"
_SIP = re.compile(_ROOT + r"(?:p[A-Z]?)?r?(?:\.[A-Z]{1,2})*w?")
# `.P` would meet the preferred without series at Yahoo, `.U` is the unit: neither is a class there.
_CLASS = r"(?P<share_class>[A-OQ-TV-Z])"
_OURS = re.compile(
    _ROOT
    + rf"(?:\.{_CLASS}|(?P<preferred>p)(?P<series>[A-Z]?)|(?P<warrant>\.WS)(?:\.(?P<warrant_class>[A-Z]))?"
    + r"|(?P<other>\.U|r|w))?"
)
_YAHOO = re.compile(
    _ROOT
    + rf"(?:-{_CLASS}|(?P<preferred>-P)(?P<series>[A-Z]?)|(?P<warrant>-WT)(?P<warrant_class>[A-Z])?"
    + r"|(?P<other>-UN|-RI|-WI))?"
)
_OTHER_TO_YAHOO = {".U": "-UN", "r": "-RI", "w": "-WI"}
NASDAQ_LENGTH = 5
_FIFTH_LETTERS = {"W": "warrant", "U": "unit", "R": "right", "P": "preferred"}
_WEEKLY_WARRANT, _WEEKLY_RIGHT = WEEKLY_TAKEN = "W", "R"
"""Letters that after a dot are warrants and rights in FINRA's weekly data, and so no class shares."""
_OTHER_FROM_YAHOO = {theirs: ours for ours, theirs in _OTHER_TO_YAHOO.items()}


def to_finra(ticker: str) -> str | None:
    """Our ticker in FINRA's spelling; None when it is no SIP symbol.

    >>> to_finra("BRK.B"), to_finra("TpC"), to_finra("aapl")
    ('BRK/B', 'TpC', None)
    """
    return ticker.replace(".", "/") if _SIP.fullmatch(ticker) else None


def from_finra(symbol: str) -> str | None:
    """FINRA's symbol in our spelling; None when it is no SIP symbol."""
    ticker = symbol.replace("/", ".")
    return ticker if "." not in symbol and _SIP.fullmatch(ticker) else None


def to_weekly(ticker: str) -> str | None:
    """Our ticker as FINRA's weekly data spell it; None where that spelling is unknown or would be another's too.

    >>> to_weekly("OXY.WS"), to_weekly("CELGr"), to_weekly("ABRpD"), to_weekly("TYp"), to_weekly("AAC.U")
    ('OXY.W', 'CELG.R', 'ABR$D', 'TY$', 'AAC.U')
    >>> to_weekly("BRK.B"), to_weekly("X.W"), to_weekly("VST.WS.A")
    ('BRK.B', None, None)
    """
    match = _OURS.fullmatch(ticker)
    if match is None:
        return None
    part = match.groupdict(default="")
    if part["preferred"]:
        return f"{part['root']}${part['series']}"
    if part["warrant"]:
        return None if part["warrant_class"] else f"{part['root']}.{_WEEKLY_WARRANT}"
    if part["other"] == "r":
        return f"{part['root']}.{_WEEKLY_RIGHT}"
    if part["other"] == "w" or part["share_class"] in WEEKLY_TAKEN:
        return None
    return ticker


def kind(ticker: str) -> str:
    """What the spelling of our ticker shows of its kind: share (funds among them), preferred, warrant, unit, right,
    other. Nasdaq says it by a fifth letter.

    >>> [kind(t) for t in ("AAPL", "BRK.B", "ABRpD", "OXY.WS", "VYGG.U", "CELGr", "RGTIW", "IFFw", "odd name")]
    ['share', 'share', 'preferred', 'warrant', 'unit', 'right', 'warrant', 'other', 'other']
    """
    match = _OURS.fullmatch(ticker)
    if match is None:
        return "other"
    part = match.groupdict(default="")
    if part["preferred"] or part["warrant"]:
        return "preferred" if part["preferred"] else "warrant"
    if part["other"]:
        return {".U": "unit", "r": "right"}.get(part["other"], "other")
    return _FIFTH_LETTERS.get(ticker[4], "share") if len(ticker) == NASDAQ_LENGTH and ticker.isalpha() else "share"


def to_polygon(ticker: str) -> str | None:
    """Our ticker in Polygon's spelling, which is ours; None where that is unknown (called, rights when issued)."""
    return ticker if _OURS.fullmatch(ticker) else None


def to_yahoo(ticker: str) -> str | None:
    """Our ticker in Yahoo's spelling, all upper case; None where Yahoo has none.

    >>> to_yahoo("BRK.B"), to_yahoo("TpC"), to_yahoo("TPC"), to_yahoo("ECCA.CL")
    ('BRK-B', 'T-PC', 'TPC', None)
    """
    match = _OURS.fullmatch(ticker)
    if match is None:
        return None
    part = match.groupdict(default="")
    if part["share_class"]:
        return f"{part['root']}-{part['share_class']}"
    if part["preferred"]:
        return f"{part['root']}-P{part['series']}"
    if part["warrant"]:
        return f"{part['root']}-WT{part['warrant_class']}"
    return part["root"] + _OTHER_TO_YAHOO.get(part["other"], "")


def from_yahoo(symbol: str) -> str | None:
    """Yahoo's symbol in our spelling; None for what is no US equity there (`^VIX`, `BTC-USD`)."""
    match = _YAHOO.fullmatch(symbol)
    if match is None:
        return None
    part = match.groupdict(default="")
    if part["share_class"]:
        return f"{part['root']}.{part['share_class']}"
    if part["preferred"]:
        return f"{part['root']}p{part['series']}"
    if part["warrant"]:
        return f"{part['root']}.WS" + (f".{part['warrant_class']}" if part["warrant_class"] else "")
    return part["root"] + _OTHER_FROM_YAHOO.get(part["other"], "")


def normalise(text: str) -> str:
    """What a person writes (`BRK/B`, `BRK-B`, ` BRK.B `) in our spelling, validated, case untouched.

    Raises ValueError when it is no ticker in any of the three spellings.
    """
    written = text.strip(" \t\r\n")
    ticker: str | None = written
    if "/" in written:
        ticker = from_finra(written)
    elif "-" in written:
        ticker = from_yahoo(written)
    if _CODE.fullmatch(written):
        raise ValueError(f"{written!r} is no ticker: it has the form of an ISIN, a FIGI or a CUSIP")
    if ticker is None:
        raise ValueError(f"{text[:40]!r} is no ticker: a class share is written BRK.B, BRK/B or BRK-B")
    return validate(ticker)


def validate(ticker: str) -> str:
    """The ticker itself, when it is safe as a file name and an address part.

    Raises ValueError when it is empty, longer than 20 characters, or holds anything but ASCII letters, digits and
    single dots between them.
    """
    if not ticker:
        raise ValueError("a ticker is empty")
    if len(ticker) > MAX_LENGTH:
        raise ValueError(f"{ticker[:40]!r} is no ticker: {len(ticker)} characters, at most {MAX_LENGTH}")
    if not _SAFE.fullmatch(ticker):
        raise ValueError(f"{ticker!r} is no ticker: letters, digits and single dots between them, as in BRK.B")
    return ticker
