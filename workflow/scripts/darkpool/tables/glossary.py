"""Every word a person reads: labels, flags, states, reasons and the disclaimer; columns have `columns`.

Page, figures and docs take their words from here, so that one thing has one name wherever it is shown.
Sentences may hold the placeholders `{ma}`, `{window}`, `{bot}` and `{sell}`; `filled` puts the run's values in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from .column import NUMERIC, Column, Kind
from .columns import CHECK_COLUMNS, COLUMNS, ESSENTIAL, FLOW, INDEX_COLUMNS, WEEK_COLUMNS, WEEK_LABELS

__all__ = [
    "CHECK_COLUMNS", "COLUMNS", "ESSENTIAL", "FLOW", "INDEX_COLUMNS", "NUMERIC", "WEEK_COLUMNS", "WEEK_LABELS",
    "Column",
]  # fmt: skip
"""The words of columns, handed on from the registry."""

DISCLAIMER = "FINRA does not publish trade direction for off-exchange volume. Bought and sold are inferred estimates."
SIMULATED = "SIMULATED"
SIMULATED_SENTENCE = "Every number here comes from simulated vendors. None of it is market data."
UNKNOWN = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Term:
    """A code of a table with the words for it. `tone` is good, warn or plain: how much a reader should worry."""

    code: str
    label: str
    sentence: str
    tone: Literal["good", "warn", "plain"] = "plain"


WEEKS_TITLE = "Weeks"
WEEKS_SENTENCE = (
    "Weekly, not daily: each row is FINRA's off-exchange volume of a whole week, all hours, the newest that had been "
    "published by the session of this page. Bought and sold rest on the lit trades of those sessions of the week that "
    "are here. No share of a week stands in a daily row, and no daily share here."
)

CHECKS_TITLE = "Reconciliation"
CHECKS_SENTENCE = (
    "Numbers that two sources, or two files of one, tell about the same volume. No pair is equal; each has a band in "
    "which a sound pair lies, and a ratio outside of it is an alarm: one of the two is wrong."
)

LABELS: Mapping[str, str] = {
    "title": "Off-exchange volume",
    "ratio_axis": "Off-exchange ratio, % of volume",
    "volume_axis": "Off-exchange volume, {unit}",
    "log_axis": "Log ratio of the lit market, ln(bought / sold), by method",
    "week_axis": "WEEKLY ln(bought / sold) by Monday; newest {week}, {age} weeks back",
    "week": "weekly estimate, area by weekly volume",
    "no_week_values": "no estimate for these weeks",
    "ratio": "off-exchange ratio",
    "volume": "off-exchange volume",
    "mean": "{ma}-session mean",
    "split": "split",
    "missing": "no FINRA value",
    "missing_today": "no FINRA value for this session",
    "prints": "prints' own opinion",
    "neutral": "neutral band",
    "band_signing": "signing",
    "band_transfer": "with transfer",
    "close_scale": "close to its own scale",
    "close": "close {low} to {high} USD",
    "basis": "on the share basis of {session}",
    "no_values": "no values in this window",
    "overview": "Watchlist",
    "distribution": "Off-exchange ratios of the watchlist, % of volume",
    "distribution_bars": "window: {count} values",
    "distribution_marks": "{session}: {count} values",
    "heat": "Ratio against each ticker's own window, robust σ",
    "heat_signs": "+ above +2, − below −2",
    "no_ticker": "No ticker in this session.",
    "own_scale": "scale of its own",
    "area": "area: {shares} shares",
    "areas": "{shares} shares",
}


def _terms(*terms: Term) -> Mapping[str, Term]:
    return {term.code: term for term in terms}


FLAGS: Mapping[str, Term] = _terms(
    Term(
        "bars_gap",
        "bars with a gap",
        "For half an hour or more no minute bar is there, while most other minutes have one: what is signed is a part "
        "of the session.",
        "warn",
    ),
    Term(
        "basis_break",
        "split in window",
        "A split took effect inside the window. Earlier volumes are brought to this session's share basis.",
    ),
    Term(
        "bars_only",
        "bars only",
        "Bought and sold come from minute bars. Those are consolidated: the off-exchange prints are in them.",
        "warn",
    ),
    Term(
        "excess_ratio",
        "ratio above 100%",
        "FINRA's off-exchange volume is above the consolidated volume. The ratio is shown as it is.",
        "warn",
    ),
    Term(
        "identity_break",
        "another security",
        "Volume and ratio changed at once by 50 times or more: the ticker stands for another security than before. "
        "The statistics use its own sessions alone.",
        "warn",
    ),
    Term(
        "no_lit",
        "no lit data",
        "No lit trades and no minute bars for this session, so nothing can be inferred.",
        "warn",
    ),
    Term(
        "no_quotes",
        "no quotes",
        "Trades without quotes: the tick rule alone signs them, and the prints have no opinion.",
    ),
    Term(
        "no_regular",
        "no total volume",
        "No consolidated volume for this ticker and session, or one of 0 beside FINRA's.",
        "warn",
    ),
    Term(
        "no_trf",
        "no FINRA volume",
        "FINRA's file does not list this ticker, its row was refused, or there is no file. Unknown, not zero.",
        "warn",
    ),
    Term(
        "restated",
        "week restated",
        "FINRA changed the weekly row after this session could have seen it. The changed row is used.",
    ),
    Term("revised", "revised", "A vendor answered twice and differently, or took it back. The newest answer is used."),
    Term(
        "rounded_volume",
        "rounded volume",
        "Yahoo gives whole shares adjusted for later reverse splits; here they hide more than 1 % of what was traded.",
        "warn",
    ),
    Term(
        "short_history",
        "short history",
        "Too few sessions with a value for mean, spike, percentile or z (history.min_sessions).",
    ),
    Term("simulated", "simulated", SIMULATED_SENTENCE, "warn"),
    Term(
        "split_unclear",
        "split unclear",
        "A split that nobody can vouch for: two ratios on one day, no share split, or one that Yahoo's volumes do not "
        "show yet.",
        "warn",
    ),
    Term(
        "stale_mark", "stale mark", "The scan's newest marked folder is older than the last completed session.", "warn"
    ),
    Term(
        "stale_quotes",
        "stale quotes",
        "More than 1% of the lit volume met a quote older than lit.max_quote_age, which is none: the tick rule signed "
        "it, or under lit.all_or_nothing the old quote did.",
        "warn",
    ),
    Term(
        "thin_lit",
        "thin lit volume",
        "Less lit volume could be signed than lit.min_lit_volume asks for, so nothing is inferred from it.",
        "warn",
    ),
    Term(
        "unsettled",
        "unsettled",
        "The consolidated volume was fetched on the session's own day and may still change.",
        "warn",
    ),
)

WEEK_FLAGS: Mapping[str, Term] = _terms(
    Term(
        "bars_only",
        "bars",
        "Sessions of the week were signed by minute bars. Those are consolidated: the off-exchange prints are in them.",
        "warn",
    ),
    Term("no_lit", "no lit data", "No lit data for any session of this week, so nothing can be inferred.", "warn"),
    Term(
        "partial_lit",
        "part of the week",
        "Lit data for some of the week's sessions only. The whole week's volume is split by what those sessions say.",
        "warn",
    ),
    Term(
        "restated",
        "restated",
        "FINRA changed the weekly row after this session could have seen it. The changed row is used.",
    ),
    Term(
        "thin_lit",
        "thin lit volume",
        "Less lit volume could be signed in this week than lit.min_lit_volume asks for, so nothing is inferred.",
        "warn",
    ),
)
"""Flags of a week; on the page only, since they follow from the table's own columns and its labels."""

CHECKS: Mapping[str, Term] = _terms(
    Term("facilities", "facilities", "FINRA's facility files, added up, against its consolidated file."),
    Term("minute_bars", "minute bars", "Minute bars, added up, against the daily volume as traded."),
    Term("trf_prints", "TRF prints", "FINRA prints on the tape against FINRA's daily file, open to close."),
    Term("weekly_sum", "weekly sum", "FINRA's daily files, added up over the week, against its weekly ATS + non-ATS."),
    Term("yahoo_polygon", "Yahoo and Polygon", "Yahoo's daily volume, as traded, against the day's Polygon trades."),
)

VERDICTS: Mapping[str, Term] = _terms(
    Term("ok", "ok", "The ratio lies inside the expected band.", "good"),
    Term("alarm", "alarm", "The ratio lies outside the expected band: one of the two sources is wrong.", "warn"),
    Term("not comparable", "not comparable", "One side is missing. Nothing is said about the other."),
)

STATES: Mapping[str, Term] = _terms(
    Term("published", "published", "The vendor's final answer is here.", "good"),
    Term("not_yet", "not yet", "The vendor has not published this session yet. Try again later.", "warn"),
    Term("holiday", "holiday", "The vendor publishes nothing for this day."),
    Term("outage", "outage", "The vendor could not be reached, or answered with an error.", "warn"),
    Term("blocked", "blocked", "The vendor refused to answer this machine, key or plan.", "warn"),
    Term("truncated", "truncated", "The answer was cut off and is not used.", "warn"),
    Term("damaged", "damaged", "The answer contradicts itself or has changed on disk, and is not used.", "warn"),
    Term("unsettled", "unsettled", "The answer was given on the session's own day and may still change.", "warn"),
    Term("absent", "absent", "The vendor has no answer for this session, or nothing was fetched."),
)

SIGNALS: Mapping[str, Term] = _terms(
    Term("BOT", "BOT", "Estimated bought above {bot} × estimated sold."),
    Term("SELL", "SELL", "Estimated bought below {sell} × estimated sold."),
    Term("", "neutral", "Estimated bought between {sell} and {bot} × estimated sold."),
)

STRENGTHS: Mapping[str, Term] = _terms(
    Term("firm", "firm", "The whole band of the estimate gives the signal.", "good"),
    Term("weak", "weak", "A part of the band, or a band that is not known, gives no signal: the estimate leans."),
)

INTERVAL_SENTENCE = "The interval covers signing alone: how far wrong signs of the lit trades can move the ratio."
BAND_SENTENCE = (
    "The band covers signing + sampling + transfer: wrong signs, one day's chance, and the lit market standing in for "
    "the off-exchange volume. Transfer is set from 14 ticker-days, and the band covered 14 of 14."
)
LEVEL_SENTENCE = "A level is where volume was, not where it will be."

SIGNAL_RULE = "BOT: estimated bought above {bot} × sold. SELL: below {sell} × sold."

OPINIONS: Mapping[str, Term] = _terms(
    Term("agree", "agree", "Lit market and off-exchange prints say the same."),
    Term("disagree", "disagree", "Lit market and off-exchange prints say different things.", "warn"),
    Term("lit_only", "lit only", "Only the lit market has an opinion."),
    Term("trf_only", "prints only", "Only the off-exchange prints have an opinion."),
    Term("none", UNKNOWN, "Neither has an opinion."),
)

STREAKS: Mapping[str, Term] = _terms(
    Term("new", "NEW", "The session before had another signal for the ticker, or none."),
    Term("continuing", "CONTINUING", "The session before had the same signal; day n counts sessions in a row on disk."),
    Term("first", "FIRST SEEN", "The session before is not on disk, so whether the signal is new is not known."),
)
"""How long a ticker has had its signal."""

EXCLUDED: Mapping[str, Term] = _terms(
    Term("bad_price_or_size", "bad price or size", "A price or size that is not positive."),
    Term("correction", "corrected", "Trades that were cancelled or corrected later."),
    Term("no_volume_condition", "no volume", "Prints that add no volume: official opens and closes, corrections."),
    Term("outside_hours", "outside hours", "Trades before lit.rth_start or at and after lit.rth_end."),
    Term("condition", "condition", "Trades whose sale condition says nothing of direction, auctions among them."),
)
"""Why lit shares of a session are not eligible; each trade counts under the first reason that applies."""

LIT_SOURCES: Mapping[str, Term] = _terms(
    Term("trades_quotes", "trades and quotes", "Polygon's trades, each against the quote before it."),
    Term("trades", "trades alone", "Polygon's trades without quotes, signed by the tick rule."),
    Term(
        "consolidated_bars",
        "minute bars",
        "Minute bars of Polygon or Yahoo. Consolidated: the off-exchange prints are in them.",
        "warn",
    ),
    Term("none", "nothing", "No trades and no minute bars, so nothing was signed.", "warn"),
)
"""Where a ticker's lit side comes from."""

KEYS: Mapping[str, str] = {
    "/": "go to the filter",
    "j k or \N{DOWNWARDS ARROW} \N{UPWARDS ARROW}": "next, previous row",
    "Enter": "open the row's details; again, or Esc, to close them",
    "[ ]": "older, newer session",
    "c": "choose columns",
    "?": "these keys",
}
"""Keys of the page, with what they do."""

SESSION_STATES: Mapping[str, Term] = _terms(
    Term("complete", "complete", "Every answer is final, and the manifest vouches for what is here.", "good"),
    Term(
        "waiting", "waiting", "A source's answer is still to come, or has failed. Run the session again later.", "warn"
    ),
    Term(
        "unfinished", "unfinished", "The answers are final, the manifest is not written. Run the session again.", "warn"
    ),
    Term("outdated", "outdated", "The tables were made again after the manifest. Run the session again.", "warn"),
    Term("damaged", "damaged", "The session's features cannot be read. Run the session again.", "warn"),
    Term("tables", "tables", "Tables alone, made as an earlier session of another session's page."),
    Term("missing", "missing", "A session of the exchange that nobody has run.", "warn"),
    Term("holiday", "holiday", "A weekday on which the exchange does not trade."),
    Term("weekend", "weekend", "Saturday and Sunday."),
)
"""What a scan's calendar says of a day."""
EARLY_CLOSE = Term("early", "early", "The exchange closes early, mostly at 13:00 New York.")

TAPE: Mapping[str, Term] = _terms(
    Term("BOT", "B", "BOT"),
    Term("SELL", "S", "SELL"),
    Term("neutral", "n", "neutral"),
    Term("no estimate", UNKNOWN, "no estimate"),
    Term("missing", "×", "the session is missing"),
)
"""What a session says of a ticker, one letter a session."""


SOURCES: Mapping[str, str] = {
    "FINRA": "FINRA daily",
    "FINRA weekly": "FINRA weekly",
    "Polygon": "Polygon",
    "Yahoo": "Yahoo daily",
    "finra": "FINRA daily",
    "yahoo": "Yahoo daily",
    "polygon": "Polygon",
    "otc_weekly": "FINRA weekly",
    "lit": "Lit market",
    "yahoo_minute_bars": "Yahoo minute bars",
    "polygon_minute_bars": "Polygon minute bars",
}

FEEDS: Mapping[str, str] = {
    "FINRA": "Off-exchange volume",
    "Yahoo": "Total volume, as traded",
    "Polygon": "Bought and sold, prints, opinions",
    "FINRA weekly": "ATS share and week",
}
"""What is made of each source."""

MUTED_BY = frozenset({"bars_only", "thin_lit"})
"""Flags under which the inferred columns of a row are shown muted."""


def filled(text: str, *, ma: int = 20, window: int = 60, bot: float = 1.25, sell: float = 0.80) -> str:
    """The sentence with the run's own numbers: sessions of the mean and of the window, thresholds of the signal."""
    return text.format(ma=ma, window=window, bot=f"{bot:.2f}", sell=f"{sell:.2f}")


def flags_of(quality: str) -> list[str]:
    """The flags of a `quality` cell."""
    return [flag for flag in quality.split(",") if flag]


def term(terms: Mapping[str, Term], code: str) -> Term:
    """The words for a code; a code nobody has described yet is shown as it is, as a warning."""
    return terms.get(code) or Term(code, code, "No description of this code is known here.", "warn")


def fixed(value: float, decimals: int) -> str:
    """A number rounded once, what lies exactly between two to the even one; what rounds to zero has no sign."""
    text = f"{abs(value):.{decimals}f}"
    return MINUS + text if value < 0 and float(text) else text


def shares(value: float) -> str:
    """Shares as a trader reads them: 945, 12.3K, 12.3M, 1.2B; fewer than ten keep a decimal if they have one."""
    size = abs(value)
    if size < 999.5:
        return fixed(value, 1 if size < 10 and not size.is_integer() else 0)
    for scale, letter in ((1e3, "K"), (1e6, "M"), (1e9, "B"), (1e12, "T")):
        if size / scale < 999.95 or letter == "T":
            return fixed(value / scale, 1) + letter
    raise AssertionError("the last scale takes every size")


def signed(value: float) -> str:
    """A signed number with two decimals; what rounds to zero has no sign."""
    text = fixed(value, 2)
    return "+" + text if value > 0 and float(text) else text


def written(kind: Kind, value: object) -> str:
    """A value of a column as page and figures write it; null and what is no finite number are the en dash."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return UNKNOWN
    if isinstance(value, date):
        return value.isoformat()
    if kind in ("text", "date") or not isinstance(value, int | float):
        return str(value)
    match kind:
        case "shares":
            return shares(float(value))
        case "fraction":
            return f"{fixed(100 * value, 1)}%" if value < 10 else f"{shares(100.0 * value)}%"
        case "percent":
            return f"{fixed(value, 1)}%"
        case "ratio":
            return (fixed(value, 2) if value < 1000 else shares(float(value))) + TIMES
        case "signed":
            return signed(value)
        case "points":
            return signed(100 * value)
        case "change":
            return signed(value) + "%"
        case "price":
            return fixed(value, 2 if value >= 1 else 4)
        case "money":
            return "$" + shares(float(value))
        case "count":
            return fixed(value, 0)
    return fixed(value, 2)


def in_band(ratio: float | None, low: float, high: float) -> str:
    """A ratio with the decimals that its band needs: three, or six where the band is that narrow."""
    return UNKNOWN if ratio is None else f"{ratio:.{6 if high - low < 1e-3 else 3}f}"


def exact_shares(value: float | None) -> str:
    """Shares to the last one, as reconciliation needs them; fractional ones with two decimals."""
    return UNKNOWN if value is None else f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def split_words(ratio: float) -> str:
    """A split's ratio (new shares per old) as people say it: 4 is `4:1`, 0.1 is `1:10`."""
    return f"{ratio:.4g}:1" if ratio >= 1 else f"1:{1 / ratio:.4g}"


def signal(code: str, strength: str = "") -> str:
    """A signal in a sentence: only a firm one is called so, a weak one leans."""
    label = term(SIGNALS, code).label
    return {"firm": f"firm {label} signal", "weak": f"leans {label}"}.get(strength, label)


def source(name: str) -> str:
    """A source as a person reads it, from its name in the tables."""
    return SOURCES.get(name, name)


def state(code: str) -> str:
    """A state of a source as a person reads it."""
    return term(STATES, code).label


def markdown(terms: Mapping[str, Term]) -> str:
    """A Markdown table of flags, states or methods for the README: code, label and meaning."""
    lines = [f"| `{term.code}` | {term.label} | {term.sentence} |" for term in terms.values() if term.code]
    return "\n".join(["| code | shown as | meaning |", "|---|---|---|", *(filled(line) for line in lines)]) + "\n"


def columns_markdown(columns: Mapping[str, Column] = COLUMNS) -> str:
    """A Markdown table of columns, those of `features` unless said, with unit, meaning and formula, for the README."""
    rows = [
        f"| `{c.name}` | {c.heading or c.kind} | {c.sentence}" + (f" `{c.formula}`" if c.formula else "") + " |"
        for c in columns.values()
    ]
    return "\n".join(["| column | unit | meaning |", "|---|---|---|", *(filled(row) for row in rows)]) + "\n"
