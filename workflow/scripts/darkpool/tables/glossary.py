"""Every word a person reads: labels, columns with their formulas, flags, states, methods, reasons and the disclaimer.

Page, figures and README take their words from here, so that one thing has one name wherever it is shown.
Sentences may hold the placeholders `{ma}`, `{window}`, `{bot}` and `{sell}`; `filled` puts the run's values in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

DISCLAIMER = "FINRA does not publish trade direction for off-exchange volume. Bought and sold are inferred estimates."
SIMULATED = "SIMULATED"
SIMULATED_SENTENCE = "Every number here comes from simulated vendors. None of it is market data."
UNKNOWN = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"

Kind = Literal["shares", "fraction", "percent", "ratio", "score", "signed", "count", "date", "text"]
NUMERIC: frozenset[Kind] = frozenset({"shares", "fraction", "percent", "ratio", "score", "signed", "count"})


@dataclass(frozen=True)
class Column:
    """A column as shown: short label, unit for the header, meaning, formula, and why it may be null.

    `unknown_by` lists the flags that explain a null, most telling first; `unknown` is the reason where none stands.
    """

    name: str
    group: str
    label: str
    unit: str
    kind: Kind
    sentence: str
    formula: str = ""
    unknown_by: tuple[str, ...] = ()
    unknown: str = "The value is not known."


@dataclass(frozen=True)
class Term:
    """A code of a table with the words for it. `tone` is good, warn or plain: how much a reader should worry."""

    code: str
    label: str
    sentence: str
    tone: Literal["good", "warn", "plain"] = "plain"


GLANCE, MUCH, UNUSUAL = "At a glance", "How much", "How unusual"
FLOW, PRINTS, WEEK, QUALITY = "Bought or sold (inferred estimate)", "FINRA prints", "FINRA weekly", "Quality"
LIT = "Lit market behind it"

_NO_LIT = ("no_lit", "thin_lit")
_NO_WINDOW = ("no_trf", "split_unclear", "identity_break", "short_history")
_NO_ESTIMATE = ("no_trf", "no_lit", "thin_lit")
_NO_INTERVAL = ("no_lit", "thin_lit", "bars_only", "no_quotes")
_NO_BAND = ("no_trf", *_NO_INTERVAL)
_UNTRUSTED = (
    "How often the signs are wrong is not known: fewer than 30 minutes with signed trades, or more than a tenth of the "
    "signed volume without a quote."
)
_ONE_SIDED = "The estimate is one-sided: the whole volume counts as bought, or as sold, and no ratio can be formed."
_NO_WEEK = "No FINRA week with this ticker had been published by this session."
_LIT_RATIO = "lit buy volume / (lit buy volume + lit sell volume)"

_COLUMNS = (
    Column("ticker", "", "Ticker", "", "text", "The ticker in our spelling. Upper and lower case differ."),
    Column(
        "signal", GLANCE, "Signal", "estimate", "text",
        "BOT where clearly more was bought than sold, SELL where clearly less, neutral between. An inferred estimate.",
        "BOT if bought > {bot} × sold; SELL if bought < {sell} × sold",
        _NO_ESTIMATE, "There is no estimate to form a signal from.",
    ),
    Column(
        "strength", GLANCE, "Strength", "of signal", "text",
        "firm where the whole band of the estimate gives the signal; weak, where a part of it does not, only leans.",
        "firm if bought_low / trf_volume > {bot} / (1 + {bot}) or bought_high / trf_volume < {sell} / (1 + {sell})",
        (), "There is no signal whose strength could be told.",
    ),
    Column(
        "accum_score", GLANCE, "Score", "accum.", "score",
        "The order of this table: off-exchange ratio and spike, weighted. The spike dominates the sum.",
        "weight × offex_ratio + weight × trf_spike (0.5 and 0.5 unless accum_score says otherwise)",
        ("no_trf", "split_unclear", "rounded_volume", "no_regular", "identity_break", "short_history"),
        "One of the score's components is unknown.",
    ),
    Column(
        "offex_ratio", GLANCE, "Off-exch.", "% of volume", "fraction",
        "The part of the session's whole volume that traded off-exchange, dark pools and wholesalers together.",
        "trf_volume / regular_volume",
        ("no_trf", "split_unclear", "rounded_volume", "no_regular"), "The consolidated volume is zero.",
    ),
    Column(
        "trf_spike", GLANCE, "Spike", "× mean", "ratio",
        "Off-exchange volume against its own {ma}-session mean.",
        "trf_volume / trf_ma{ma}",
        _NO_WINDOW, "The mean is zero.",
    ),
    Column(
        "trf_volume", MUCH, "Off-exch. volume", "shares", "shares",
        "Off-exchange volume of the session: TotalVolume of FINRA's consolidated Reg SHO file, all facilities.",
        "", ("no_trf",), "FINRA's answer holds no volume for this ticker.",
    ),
    Column(
        "regular_volume", MUCH, "Total volume", "shares", "shares",
        "Consolidated volume of the session as traded: Yahoo's split-adjusted volume brought back.",
        "Yahoo volume / split factor", ("split_unclear", "rounded_volume", "no_regular"),
        "Yahoo's answer holds no volume for this ticker.",
    ),
    Column(
        "trf_ma20", MUCH, "{ma}-session mean", "shares", "shares",
        "Mean off-exchange volume of the last {ma} sessions, this one included, on this session's share basis.",
        "mean of trf_volume over {ma} sessions", _NO_WINDOW,
    ),
    Column(
        "trf_percentile", UNUSUAL, "Percentile", "% of window", "fraction",
        "The share of the {window} earlier sessions with less off-exchange volume than this one; ties count half.",
        "(earlier below today + ½ equal to today) / earlier", _NO_WINDOW,
    ),
    Column(
        "offex_ratio_z", UNUSUAL, "Ratio z", "robust σ", "signed",
        "How far the off-exchange ratio lies from its median over the {window} earlier sessions, in robust deviations.",
        "(offex_ratio − median) / (1.4826 × MAD)",
        ("no_trf", "split_unclear", "rounded_volume", "no_regular", "identity_break", "short_history"),
        "The earlier ratios do not vary, so that there is no scale.",
    ),
    Column(
        "history_sessions", UNUSUAL, "History", "sessions", "count",
        "Earlier sessions of the {window}-session window with an off-exchange volume, of this security.",
    ),
    Column(
        "estimated_bought", FLOW, "Bought", "shares", "shares",
        "Inferred estimate: off-exchange volume times the buy ratio of the lit market.",
        "trf_volume × lit_buy_ratio", _NO_ESTIMATE,
    ),
    Column(
        "estimated_sold", FLOW, "Sold", "shares", "shares",
        "Inferred estimate: what remains of the off-exchange volume.",
        "trf_volume − estimated_bought", _NO_ESTIMATE,
    ),
    Column(
        "bought_low", FLOW, "Bought from", "shares", "shares",
        "Least of the band of bought: signing, sampling and transfer. Transfer is set from 14 ticker-days whose prints "
        "are known; the band held 14 of 14.",
        "trf_volume × (min(r1, r2) − 1.645 s); s² = variance × (1 + signed / trf_volume) + lit.transfer_sd²",
        _NO_BAND, _UNTRUSTED,
    ),
    Column(
        "bought_high", FLOW, "Bought to", "shares", "shares",
        "Greatest of the band of bought: signing, sampling and transfer.",
        "trf_volume × (max(r1, r2) + 1.645 s)", _NO_BAND, _UNTRUSTED,
    ),
    Column(
        "lit_buy_ratio", FLOW, "Buy %", "% of signed", "fraction",
        "The bought part of the signed volume on lit exchanges, applied to the off-exchange volume.",
        _LIT_RATIO, _NO_LIT,
    ),
    Column(
        "lit_buy_low", FLOW, "Buy % from", "% of signed", "fraction",
        "Least of the interval of the lit buy ratio by its signing alone, nominally 90%, for exact quotes.",
        "min(r1, r2) − 1.645 × neutral part × standard error; r1 without the neutral trades, r2 with them (Lee-Ready)",
        _NO_INTERVAL, _UNTRUSTED,
    ),
    Column(
        "lit_buy_high", FLOW, "Buy % to", "% of signed", "fraction",
        "Greatest of the interval of the lit buy ratio by its signing alone, nominally 90%, for exact quotes.",
        "max(r1, r2) + 1.645 × neutral part × standard error", _NO_INTERVAL, _UNTRUSTED,
    ),
    Column(
        "buy_ratio", FLOW, "Buy ratio", "× sold", "ratio",
        "Estimated bought against estimated sold. FINRA's volume cancels out: it is the lit market's opinion.",
        "estimated_bought / estimated_sold", _NO_ESTIMATE, _ONE_SIDED,
    ),
    Column(
        "log_ratio", FLOW, "Log ratio", "ln", "signed",
        "Natural logarithm of the buy ratio: 0 is even, above is bought, below is sold.",
        "ln(buy_ratio)", _NO_ESTIMATE, _ONE_SIDED,
    ),
    Column(
        "classification_method", FLOW, "Method", "", "text",
        "How the lit trades were told apart into bought and sold.",
    ),
    Column(
        "lit_coverage_pct", FLOW, "Coverage", "% of trades", "percent",
        "The part of the eligible lit trades that the method could sign.",
        "100 × signed trades / eligible trades", _NO_LIT,
    ),
    Column(
        "trf_buy_ratio", PRINTS, "Prints buy %", "% of signed", "fraction",
        "The off-exchange prints signed by themselves, by their place in the spread: a second opinion. "
        "The rule comes from work on retail prints; most off-exchange volume is not retail.",
        "print buy volume / (print buy volume + print sell volume)",
        ("no_quotes", "no_lit"), "There are no trades with quotes, or too few signed prints.",
    ),
    Column(
        "opinions", PRINTS, "Opinions", "lit and prints", "text",
        "Whether the lit market and the off-exchange prints say the same (BOT, SELL or neutral).",
        "", ("no_lit", "thin_lit", "no_quotes"), "Neither the lit market nor the prints have an opinion.",
    ),
    Column(
        "ats_share", WEEK, "ATS share", "% of off-exch.", "fraction",
        "The part of the week's off-exchange volume that traded in alternative trading systems, the dark pools proper.",
        "ATS volume / (ATS + non-ATS volume)", (), _NO_WEEK,
    ),
    Column(
        "finra_week", WEEK, "Week", "Monday", "date",
        "Monday of the newest FINRA week that had been published by this session.", "", (), _NO_WEEK,
    ),
    Column("quality", QUALITY, "Flags", "", "text", "What a reader must know about the row; empty when all is well."),
)  # fmt: skip
COLUMNS: Mapping[str, Column] = {column.name: column for column in _COLUMNS}

PERIOD = "FINRA week"
_WEEK_LIT = ("no_lit",)
_WEEK_ESTIMATE = ("no_lit", "thin_lit")
_WEEK_INTERVAL = ("no_lit", "thin_lit", "bars_only")
_WEEK_UNTRUSTED = (
    "How often the signs are wrong is not known: a session of the week was signed without quotes or from bars, or "
    "fewer than 30 minutes have signed trades."
)

_WEEK_COLUMNS = (
    Column("ticker", "", "Ticker", "", "text", "The ticker in our spelling. Upper and lower case differ."),
    Column("week_start_date", PERIOD, "Week", "Monday", "date", "Monday of the FINRA week the row describes."),
    Column(
        "finra_period_type", PERIOD, "Period", "", "text",
        "What the volume covers: a whole week, all hours of Monday to Friday. Never to be read as a day.",
    ),
    Column(
        "signal", PERIOD, "Signal", "estimate", "text",
        "BOT where clearly more was bought than sold in the week, SELL where clearly less. An inferred estimate.",
        "BOT if bought > {bot} × sold; SELL if bought < {sell} × sold",
        _WEEK_ESTIMATE, "There is no estimate to form a signal from.",
    ),
    Column(
        "age_weeks", PERIOD, "Age", "weeks", "count",
        "How many weeks the row's week lies before that of the page's session.",
        "(Monday of the session − Monday of the week) / 7",
    ),
    Column(
        "published_date", PERIOD, "Published", "by FINRA", "date",
        "The day FINRA first published the row; by the tier's lag where FINRA does not say.",
        "Monday + 21 days (T1) or + 35 days (T2, OTC)", (), "The day of publication was not handed on to this page.",
    ),
    Column(
        "tier", PERIOD, "Tier", "FINRA's", "text",
        "T1 is published two weeks after the week's end, T2 and OTC (OTC equities) four.",
    ),
    Column(
        "finra_off_exchange_volume", MUCH, "Off-exch. volume", "shares a week", "shares",
        "Off-exchange volume of the whole week, ATS and non-ATS together, as traded.", "ATS + non-ATS volume",
    ),
    Column(
        "ats_share", MUCH, "ATS share", "% of off-exch.", "fraction",
        "The part of the week's off-exchange volume that traded in alternative trading systems, the dark pools proper.",
        "ATS volume / (ATS + non-ATS volume)", (), "FINRA has no ATS row for this ticker and week.",
    ),
    Column(
        "estimated_bought", FLOW, "Bought", "shares a week", "shares",
        "Inferred estimate: the week's off-exchange volume times the week's lit buy ratio.",
        "off-exchange volume × lit_buy_ratio", _WEEK_ESTIMATE,
    ),
    Column(
        "estimated_sold", FLOW, "Sold", "shares a week", "shares",
        "Inferred estimate: what remains of the week's off-exchange volume.",
        "off-exchange volume − estimated_bought", _WEEK_ESTIMATE,
    ),
    Column(
        "bought_low", FLOW, "Bought from", "shares a week", "shares",
        "Least of the band of bought: signing, sampling and transfer, from the minutes of the week's sessions.",
        "", _WEEK_INTERVAL, _WEEK_UNTRUSTED,
    ),
    Column(
        "bought_high", FLOW, "Bought to", "shares a week", "shares",
        "Greatest of the band of bought: signing, sampling and transfer.", "", _WEEK_INTERVAL, _WEEK_UNTRUSTED,
    ),
    Column(
        "lit_buy_ratio", FLOW, "Buy %", "% of signed", "fraction",
        "The bought part of the lit volume signed in those sessions of the week that are here.",
        "Σ lit buy volume / Σ (lit buy volume + lit sell volume)", _WEEK_ESTIMATE,
    ),
    Column(
        "lit_buy_low", FLOW, "Buy % from", "% of signed", "fraction",
        "Least of the interval of the week's lit buy ratio by its signing alone, nominally 90%, for exact quotes.",
        "", _WEEK_INTERVAL, _WEEK_UNTRUSTED,
    ),
    Column(
        "lit_buy_high", FLOW, "Buy % to", "% of signed", "fraction",
        "Greatest of the interval of the week's lit buy ratio by its signing alone.",
        "", _WEEK_INTERVAL, _WEEK_UNTRUSTED,
    ),
    Column(
        "buy_ratio", FLOW, "Buy ratio", "× sold", "ratio",
        "Estimated bought against estimated sold. FINRA's volume cancels out: it is the lit market's opinion.",
        "estimated_bought / estimated_sold", _WEEK_ESTIMATE, _ONE_SIDED,
    ),
    Column(
        "log_ratio", FLOW, "Log ratio", "ln", "signed",
        "Natural logarithm of the buy ratio: 0 is even, above is bought, below is sold.",
        "ln(buy_ratio)", _WEEK_ESTIMATE, _ONE_SIDED,
    ),
    Column(
        "lit_buy_volume", LIT, "Lit bought", "shares", "shares",
        "Lit volume signed as bought, added up over the week's sessions that are here.", "", _WEEK_LIT,
    ),
    Column(
        "lit_sell_volume", LIT, "Lit sold", "shares", "shares",
        "Lit volume signed as sold, added up over the week's sessions that are here.", "", _WEEK_LIT,
    ),
    Column(
        "sessions_with_lit", LIT, "With lit", "sessions", "count",
        "Sessions of the week for which lit trades or minute bars are here: what the lit ratio rests on.",
    ),
    Column("sessions_in_week", LIT, "In week", "sessions", "count", "Sessions of the exchange in this week."),
    Column(
        "methods", LIT, "Method", "", "text", "How the lit trades of the week's sessions were signed.",
        "", _WEEK_LIT, "The method was not handed on to this page.",
    ),
    Column("flags", QUALITY, "Flags", "", "text", "What a reader must know about the week; empty when all is well."),
)  # fmt: skip
WEEK_COLUMNS: Mapping[str, Column] = {column.name: column for column in _WEEK_COLUMNS}
"""Columns of a page's weeks: those of the table `weekly` and `WEEK_LABELS`."""
WEEK_LABELS = ("age_weeks", "ats_share", "flags", "methods", "published_date")
"""Columns of a page's weeks that the table `weekly` does not hold."""

WEEKS_TITLE = "Weeks"
WEEKS_SENTENCE = (
    "Weekly, not daily: each row is FINRA's off-exchange volume of a whole week, all hours, the newest that had been "
    "published by the session of this page. Bought and sold rest on the lit trades of those sessions of the week that "
    "are here. No share of a week stands in a daily row, and no daily share here."
)

_CHECK_COLUMNS = (
    Column("ticker", "", "Ticker", "", "text", "The ticker in our spelling. Upper and lower case differ."),
    Column("check", "Check", "Check", "", "text", "Which two numbers are held against each other."),
    Column("date", "Check", "Date", "or Monday", "date", "The session; for a check of a week, its Monday."),
    Column(
        "verdict", "Check", "Verdict", "", "text",
        "ok inside the band, alarm outside, not comparable where one side is missing.",
    ),
    Column(
        "ratio", "Ratio", "Ratio", "left / right", "ratio", "The left number against the right one.",
        "left / right", (), "One side is missing, or the right one is zero.",
    ),
    Column("low", "Ratio", "From", "expected", "ratio", "The least ratio of a sound pair."),
    Column("high", "Ratio", "To", "expected", "ratio", "The greatest ratio of a sound pair."),
    Column("left_name", "Compared", "Left", "", "text", "What the left number is."),
    Column("left", "Compared", "Left", "shares", "shares", "The left number.", "", (), "The left side is missing."),
    Column("right_name", "Compared", "Right", "", "text", "What the right number is."),
    Column("right", "Compared", "Right", "shares", "shares", "The right number.", "", (), "The right side is missing."),
    Column("why", "Expected bias", "Why", "", "text", "What is missing, and why the two numbers need not be equal."),
)  # fmt: skip
CHECK_COLUMNS: Mapping[str, Column] = {column.name: column for column in _CHECK_COLUMNS}
"""Columns of a page's reconciliation."""

CHECKS_TITLE = "Reconciliation"
CHECKS_SENTENCE = (
    "Numbers that two sources, or two files of one, tell about the same volume. No pair is equal; each has a band in "
    "which a sound pair lies, and a ratio outside of it is an alarm: one of the two is wrong."
)

LABELS: Mapping[str, str] = {
    "title": "Off-exchange volume",
    "ratio_axis": "Off-exchange ratio, % of volume",
    "volume_axis": "TRF volume, {unit}",
    "log_axis": "Log ratio of the lit market, ln(bought / sold), by method",
    "week_axis": "WEEKLY ln(bought / sold) by Monday; newest {week}, {age} weeks back",
    "week": "weekly estimate, area by weekly volume",
    "no_week_values": "no estimate for these weeks",
    "ratio": "off-exchange ratio",
    "volume": "TRF volume",
    "mean": "{ma}-session mean",
    "split": "split",
    "missing": "no FINRA value",
    "missing_today": "no FINRA value for this session",
    "prints": "prints' own opinion",
    "neutral": "neutral band",
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

METHODS: Mapping[str, Term] = _terms(
    Term(
        "NBBO", "NBBO", "Every eligible trade had a valid quote: bought at the ask or above, sold at the bid or below."
    ),
    Term("NBBO+TICK", "NBBO+TICK", "Quotes where there were valid ones, the tick rule for the trades that had none."),
    Term("TICK", "TICK", "The tick rule: bought above the previous price, sold below it, unsigned at it."),
    Term("TICK_CARRY", "TICK_CARRY", "The tick rule, carrying the last direction over unchanged prices."),
    Term("LEE_READY", "LEE_READY", "Lee and Ready: against the midpoint, the tick rule at it."),
    Term("EMO", "EMO", "Ellis, Michaely and O'Hara: at the quotes by the quote, elsewhere by the tick rule."),
    Term(
        "CLNV",
        "CLNV",
        "Chakrabarty, Li, Nguyen and Van Ness: near the quotes by the quote, elsewhere by the tick rule.",
    ),
    Term(
        "BARS",
        "BARS consolidated",
        "Minute bars, each signed whole by close against open. Consolidated: off-exchange prints are in them.",
        "warn",
    ),
    Term("NONE", "none", "No lit data, so nothing was signed."),
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

ESSENTIAL = frozenset(
    {
        "ticker", "signal", "strength", "accum_score", "offex_ratio", "trf_spike", "trf_volume", "regular_volume",
        "trf_percentile", "offex_ratio_z", "estimated_bought", "estimated_sold", "lit_buy_ratio", "log_ratio",
        "classification_method", "opinions", "quality",
    }
)  # fmt: skip
"""Columns of the page before any are chosen; the others are a click away, and in every row's details."""

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

_INDEX_COLUMNS = (
    Column(
        "change", GLANCE, "Change", "points", "signed",
        "Off-exchange ratio less that of the session before, in percentage points.",
        "100 × (offex_ratio − offex_ratio of the session before)",
        (), "The ratio of this session or of the one before is unknown.",
    ),
    Column(
        "streak", GLANCE, "In a row", "sessions", "count",
        "How many sessions in a row, the newest included, have the same signal. A session that is missing, or has no "
        "estimate, ends the row: nobody knows what it would have said.",
        "", (), "The newest session has no signal.",
    ),
    Column(
        "ratios", "Window", "Ratio", "window", "text",
        "The off-exchange ratio over the window of the newest session, oldest on the left. Every row has the same "
        "scale, from zero; a gap is a session without a value.",
    ),
    Column(
        "tape", "Window", "Signals", "newest right", "text",
        "The signal of each of the last sessions: B is BOT, S is SELL, n neutral, – no estimate, × a missing session.",
    ),
)  # fmt: skip
INDEX_COLUMNS: Mapping[str, Column] = {column.name: column for column in _INDEX_COLUMNS}
"""Columns of a scan's index that the table `features` does not hold."""

SOURCES: Mapping[str, str] = {
    "FINRA": "FINRA daily",
    "FINRA weekly": "FINRA weekly",
    "Polygon": "Polygon",
    "Yahoo": "Yahoo daily",
    "finra": "FINRA daily",
    "yahoo": "Yahoo daily",
    "polygon": "Polygon",
    "otc_weekly": "FINRA weekly",
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


def why_unknown(name: str, flags: list[str]) -> str:
    """Why a cell of the column `name` is null in a row with these flags, as a sentence."""
    column = COLUMNS[name]
    return next((FLAGS[flag].sentence for flag in column.unknown_by if flag in flags), column.unknown)


def shares(value: float) -> str:
    """Shares as a trader reads them: 945, 12.3K, 12.3M, 1.2B; fewer than ten keep a decimal if they have one."""
    size, sign = abs(value), MINUS if value < 0 else ""
    if size < 999.5:
        return sign + (f"{size:.1f}" if size < 10 and not size.is_integer() else f"{size:.0f}")
    for scale, letter in ((1e3, "K"), (1e6, "M"), (1e9, "B"), (1e12, "T")):
        if size / scale < 999.95 or letter == "T":
            return f"{sign}{size / scale:.1f}{letter}"
    raise AssertionError("the last scale takes every size")


def signed(value: float) -> str:
    """A signed number with two decimals; what rounds to zero has no sign."""
    text = f"{abs(value):.2f}"
    if float(text) == 0:
        return text
    return (MINUS if value < 0 else "+") + text


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
            return f"{100 * value:.1f}%" if value < 10 else f"{shares(100.0 * value)}%"
        case "percent":
            return f"{value:.1f}%"
        case "ratio":
            return (f"{value:.2f}" if value < 1000 else shares(float(value))) + TIMES
        case "signed":
            return signed(value)
        case "count":
            return f"{value:d}" if isinstance(value, int) else f"{value:.0f}"
    return f"{value:.2f}"


def in_band(ratio: float | None, low: float, high: float) -> str:
    """A ratio with the decimals that its band needs: three, or six where the band is that narrow."""
    return UNKNOWN if ratio is None else f"{ratio:.{6 if high - low < 1e-3 else 3}f}"


def exact_shares(value: float | None) -> str:
    """Shares to the last one, as reconciliation needs them; fractional ones with two decimals."""
    return UNKNOWN if value is None else f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def split_words(ratio: float) -> str:
    """A split's ratio (new shares per old) as people say it: 4 is `4:1`, 0.1 is `1:10`."""
    return f"{ratio:.4g}:1" if ratio >= 1 else f"1:{1 / ratio:.4g}"


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
        f"| `{c.name}` | {c.unit or c.kind} | {c.sentence}" + (f" `{c.formula}`" if c.formula else "") + " |"
        for c in columns.values()
    ]
    return "\n".join(["| column | unit | meaning |", "|---|---|---|", *(filled(row) for row in rows)]) + "\n"
