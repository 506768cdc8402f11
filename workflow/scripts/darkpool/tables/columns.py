"""The registry: every column once, and the tables that they stand in.

Contracts, page, figures, spreadsheets, store and `docs/columns.md` derive from here. A column more is one entry and its
place in a table (`since` the table's next version); what a table says differently of a shared column is a `but`.
Sentences may hold the placeholders of `column.SETTINGS`. Volumes are shares as float64, for they are fractional since
2026-02-23.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .column import Column, Place, Table, by_name

PERIOD, GLANCE, PRICE = "FINRA week", "At a glance", "Price"
MUCH, UNUSUAL = "How much", "How unusual"
FLOW, PRINTS, WEEK, QUALITY = "Bought or sold (inferred estimate)", "FINRA prints", "FINRA weekly", "Quality"
LIT, WINDOW = "Lit market behind it", "Window"
CHECK, RATIO, COMPARED, BIAS = "Check", "Ratio", "Compared", "Expected bias"
GROUPS = (
    "", PERIOD, GLANCE, PRICE, MUCH, UNUSUAL, FLOW, PRINTS, LIT, WEEK, CHECK, RATIO, COMPARED, BIAS, WINDOW, QUALITY,
)  # fmt: skip
"""Groups of columns in the order in which they are shown."""

_NO_LIT = ("no_lit", "thin_lit")
_NO_WINDOW = ("no_trf", "split_unclear", "identity_break", "short_history")
_NO_REGULAR = ("split_unclear", "rounded_volume", "no_regular")
_NO_ESTIMATE = ("no_trf", "no_lit", "thin_lit")
_NO_INTERVAL = ("no_lit", "thin_lit", "bars_only", "no_quotes")
_NO_BAND = ("no_trf", *_NO_INTERVAL)
_UNTRUSTED = (
    "How often the signs are wrong is not known: fewer than 30 minutes with signed trades, or more than a tenth of the "
    "signed volume without a quote."
)
_ONE_SIDED = "The estimate is one-sided: the whole volume counts as bought, or as sold, and no ratio can be formed."
_NO_WEEK = "No FINRA week with this ticker had been published by this session."
_NO_PROFILE = ("no_lit", "bars_only", "no_quotes")
_NO_PRINT = "No print of the day may be signed."
_NO_PLACE = "The close is not known, or no print of the day may be signed."
_WEEK_LIT = ("no_lit",)
_WEEK_ESTIMATE = ("no_lit", "thin_lit")
_WEEK_INTERVAL = ("no_lit", "thin_lit", "bars_only")
_WEEK_UNTRUSTED = (
    "How often the signs are wrong is not known: a session of the week was signed without quotes or from bars, or "
    "fewer than 30 minutes have signed trades."
)

# fmt: off
DATE = Column("date", "date", "Session of the exchange (XNYS).")
TICKER = Column(
    "ticker", "text", "The ticker in our spelling. Upper and lower case differ.",
    label="Ticker", at=("", 0), essential=True, also=("terminal",),
)
FLAGS = Column(
    "quality", "text", "What a reader must know about the row; empty when all is well.",
    label="Flags", at=(QUALITY, 1), essential=True, also=("terminal",),
)
TRF_VOLUME = Column(
    "trf_volume", "shares",
    "Off-exchange volume of the session: TotalVolume of FINRA's consolidated Reg SHO file, all facilities.",
    null=True, label="Off-exch. volume", at=(MUCH, 1), essential=True, also=("terminal",),
    unknown_by=("no_trf",), unknown="FINRA's answer holds no volume for this ticker.",
)
REGULAR_VOLUME = Column(
    "regular_volume", "shares",
    "Consolidated volume of the session as traded: Yahoo's split-adjusted volume brought back.",
    "Yahoo volume / split factor", null=True, label="Total volume", at=(MUCH, 2),
    unknown_by=_NO_REGULAR, unknown="Yahoo's answer holds no volume for this ticker.",
)
OFFEX_RATIO = Column(
    "offex_ratio", "fraction",
    "The part of the session's whole volume that traded off-exchange, dark pools and wholesalers together.",
    "trf_volume / regular_volume", null=True, label="Off-exch.", heading="% of volume", at=(GLANCE, 4), essential=True,
    also=("digest", "message", "terminal"), unknown_by=("no_trf", *_NO_REGULAR),
    unknown="The consolidated volume is zero.",
)
LIT_BUY_VOLUME = Column(
    "lit_buy_volume", "shares", "Eligible lit volume signed as bought.", null=True, label="Lit bought",
)
LIT_SELL_VOLUME = Column(
    "lit_sell_volume", "shares", "Eligible lit volume signed as sold.", null=True, label="Lit sold",
)
LIT_BUY_RATIO = Column(
    "lit_buy_ratio", "fraction",
    "The bought part of the signed volume on lit exchanges, applied to the off-exchange volume.",
    "lit buy volume / (lit buy volume + lit sell volume)",
    null=True, label="Buy %", heading="% of signed", at=(FLOW, 5), essential=True,
    also=("digest", "message", "terminal"), unknown_by=_NO_LIT,
)
LIT_BUY_LOW = Column(
    "lit_buy_low", "fraction",
    "Least of the interval of the lit buy ratio by its signing alone, nominally 90%, for exact quotes.",
    "min(r1, r2) − 1.645 × neutral part × standard error; r1 without the neutral trades, r2 with them (Lee-Ready)",
    null=True, since=2, label="Buy % from", heading="% of signed", at=(FLOW, 6),
    unknown_by=_NO_INTERVAL, unknown=_UNTRUSTED,
)
LIT_BUY_HIGH = Column(
    "lit_buy_high", "fraction",
    "Greatest of the interval of the lit buy ratio by its signing alone, nominally 90%, for exact quotes.",
    "max(r1, r2) + 1.645 × neutral part × standard error",
    null=True, since=2, label="Buy % to", heading="% of signed", at=(FLOW, 7),
    unknown_by=_NO_INTERVAL, unknown=_UNTRUSTED,
)
METHOD = Column(
    "classification_method", "text", "How the lit trades were told apart into bought and sold.",
    label="Method", at=(FLOW, 10), also=("digest", "terminal"),
)
LIT_COVERAGE = Column(
    "lit_coverage_pct", "percent", "The part of the eligible lit trades that the method could sign.",
    "100 × signed trades / eligible trades",
    null=True, label="Coverage", heading="% of trades", at=(FLOW, 11), unknown_by=_NO_LIT,
)
BOUGHT = Column(
    "estimated_bought", "shares", "Inferred estimate: off-exchange volume times the buy ratio of the lit market.",
    "trf_volume × lit_buy_ratio", null=True, label="Bought", at=(FLOW, 1), essential=True, unknown_by=_NO_ESTIMATE,
)
SOLD = Column(
    "estimated_sold", "shares", "Inferred estimate: what remains of the off-exchange volume.",
    "trf_volume − estimated_bought", null=True, label="Sold", at=(FLOW, 2), unknown_by=_NO_ESTIMATE,
)
BOUGHT_LOW = Column(
    "bought_low", "shares",
    "Least of the band of bought: signing, sampling and transfer. Transfer is set from 14 ticker-days whose prints "
    "are known; the band held 14 of 14.",
    "trf_volume × (min(r1, r2) − 1.645 s); s² = variance × (1 + signed / trf_volume) + lit.transfer_sd²",
    null=True, since=2, label="Bought from", at=(FLOW, 3), unknown_by=_NO_BAND, unknown=_UNTRUSTED,
)
BOUGHT_HIGH = Column(
    "bought_high", "shares", "Greatest of the band of bought: signing, sampling and transfer.",
    "trf_volume × (max(r1, r2) + 1.645 s)",
    null=True, since=2, label="Bought to", at=(FLOW, 4), unknown_by=_NO_BAND, unknown=_UNTRUSTED,
)
BUY_RATIO = Column(
    "buy_ratio", "ratio",
    "Estimated bought against estimated sold. FINRA's volume cancels out: it is the lit market's opinion.",
    "estimated_bought / estimated_sold", null=True, label="Buy ratio", heading="× sold", at=(FLOW, 8),
    unknown_by=_NO_ESTIMATE, unknown=_ONE_SIDED,
)
LOG_RATIO = Column(
    "log_ratio", "natural logarithm",
    "Natural logarithm of the buy ratio: 0 is even, above is bought, below is sold.",
    "ln(buy_ratio)", null=True, label="Log ratio", heading="ln", at=(FLOW, 9), also=("terminal",),
    unknown_by=_NO_ESTIMATE, unknown=_ONE_SIDED,
)
SIGNAL = Column(
    "signal", "text",
    "BOT where clearly more was bought than sold, SELL where clearly less, neutral between. An inferred estimate.",
    "BOT if bought > {bot} × sold; SELL if bought < {sell} × sold",
    label="Signal", heading="estimate", at=(GLANCE, 1), essential=True, also=("terminal",),
    unknown_by=_NO_ESTIMATE, unknown="There is no estimate to form a signal from.",
)
TRF_BUY_RATIO = Column(
    "trf_buy_ratio", "fraction",
    "The off-exchange prints signed by themselves, by their place in the spread: a second opinion. "
    "The rule comes from work on retail prints; most off-exchange volume is not retail.",
    "print buy volume / (print buy volume + print sell volume)",
    null=True, label="Prints buy %", heading="% of signed", at=(PRINTS, 1),
    unknown_by=("no_quotes", "no_lit"), unknown="There are no trades with quotes, or too few signed prints.",
)
ATS_SHARE = Column(
    "ats_share", "fraction",
    "The part of the week's off-exchange volume that traded in alternative trading systems, the dark pools proper.",
    "ATS volume / (ATS + non-ATS volume)",
    null=True, label="ATS share", heading="% of off-exch.", at=(WEEK, 1), unknown=_NO_WEEK,
)
PERIOD_TYPE = Column("finra_period_type", "text", "What FINRA's volume covers: daily or weekly.")
MONDAY = Column(
    "week_start_date", "date", "Monday of the FINRA week the row describes.",
    label="Week", heading="Monday", at=(PERIOD, 1),
)
TIER = Column(
    "tier", "text", "T1 is published two weeks after the week's end, T2 and OTC (OTC equities) four.",
    label="Tier", heading="FINRA's", at=(PERIOD, 6),
)
PUBLISHED = Column(
    "published_date", "date",
    "The day FINRA first published the row; by the tier's lag where FINRA does not say.",
    "Monday + 21 days (T1) or + 35 days (T2, OTC)", label="Published", heading="by FINRA", at=(PERIOD, 5),
)
WEEK_VOLUME = Column(
    "finra_off_exchange_volume", "shares",
    "Off-exchange volume of the whole week, ATS and non-ATS together, as traded.", "ATS + non-ATS volume",
    label="Off-exch. volume", heading="shares a week", at=(MUCH, 1),
)
VOLUME_COVERAGE = Column(
    "lit_volume_coverage_pct", "percent", "The part of the eligible volume that could be signed.",
    "100 × (buy + sell) / (buy + sell + neutral)", null=True,
)

_NOT_SCREENED = "The market is not screened (market.show: 0), or the ticker has too few sessions to compare with."
VOLUME_MULTIPLE = Column(
    "volume_multiple", "ratio",
    "Off-exchange volume against the median of its own sessions, the market's own day taken out.",
    "exp(y − median of earlier y); y = ln(trf_volume) − the market's day", null=True, unknown_by=("split_unclear",),
    unknown=_NOT_SCREENED,
)
VOLUME_Z = Column(
    "volume_z", "standard deviations",
    "How far the off-exchange volume lies from its own sessions, as logarithms, the market's own day taken out.",
    "(y − mean of earlier y) / standard deviation of earlier y", null=True, unknown_by=("split_unclear",),
    unknown=_NOT_SCREENED,
)

BY_TICKER = ("date", "ticker")
BY_WEEK = ("week_start_date", "ticker")

_MARKET = (
    DATE,
    TICKER.but(sentence="The ticker in our spelling; FINRA's symbol where it has none."),
    Column("symbol", "text", "Symbol in FINRA's spelling."),
    TRF_VOLUME.but(null=False),
    Column("earlier_sessions", "sessions", "Sessions of the window before this one with an off-exchange volume."),
    Column(
        "median_volume", "shares", "Median off-exchange volume of those sessions, as FINRA published it.", null=True,
    ),
    VOLUME_MULTIPLE, VOLUME_Z,
    Column("rank", "place", "1 is the most unusual name of the core.", null=True),
    Column("is_core", "truth", "On at least 20 earlier sessions, with a median of 100,000 shares or more."),
    Column("is_followed", "truth", "In the scan's universe."),
    Column("is_new", "truth", "On fewer than 20 earlier sessions, with 100,000 shares or more today."),
    Column("confirmed", "truth", "Yahoo was asked for its splits and volume, and answered."),
    Column(
        "market_factor", "ratio",
        "The market's own day: how much more than its normal the core traded, the same in every row; null below 100 "
        "core names.",
        "exp(median of ln(trf_volume) − median of earlier ln(trf_volume) over the core)", null=True,
    ),
    FLAGS,
)

TABLES: Mapping[str, Table] = {
    "finra_trf": Table(("date", "symbol"), (
        DATE,
        Column("symbol", "text", "Symbol in FINRA's spelling."),
        TRF_VOLUME.but(null=False),
        Column(
            "short_volume", "shares",
            "Part of trf_volume marked short, exempt included; says nothing of direction.",
        ),
        Column("short_exempt_volume", "shares", "Part of short_volume marked short exempt."),
        Column("facilities", "text", "Facilities that reported: B, N, Q, D, O, comma-separated."),
    )),
    "yf_volume": Table(BY_TICKER, (
        DATE, TICKER,
        Column("volume", "shares", "Consolidated volume as Yahoo gave it: split-adjusted to the day of asking."),
        Column(
            "split_factor", "new shares per old",
            "Product of the ratios of all splits with ex_date after the session; null where one is unclear.", null=True,
        ),
        REGULAR_VOLUME,
        Column("settled", "truth", "Retrieved after the session's own New York day; null when unknown.", null=True),
    )),
    "merged": Table(BY_TICKER, (DATE, TICKER, TRF_VOLUME, REGULAR_VOLUME, OFFEX_RATIO, FLAGS)),
    "features": Table(BY_TICKER, (
        DATE, TICKER, TRF_VOLUME, REGULAR_VOLUME, OFFEX_RATIO,
        Column(
            "offex_ratio_change", "fraction", "Off-exchange ratio less that of the session before.",
            "offex_ratio − offex_ratio of the session before",
            null=True, since=3, kind="points", label="Change of ratio", heading="points", at=(UNUSUAL, 3),
            unknown_by=("no_trf", *_NO_REGULAR),
            unknown="The ratio of the session before is unknown, or was another security's.",
        ),
        Column(
            "close", "USD a share", "Yahoo's close as traded on the day.", "Yahoo close × split factor",
            null=True, since=3, label="Close", heading="USD", at=(PRICE, 1), essential=True,
            unknown_by=("split_unclear",), unknown="Yahoo's answer holds no close for this ticker.",
        ),
        Column(
            "change_pct", "percent", "From the close of the session before to this one, on one basis across splits.",
            "100 × (close / close of the session before − 1)",
            null=True, since=3, kind="change", label="Change", heading="% of close", at=(PRICE, 2), essential=True,
            also=("message",), unknown_by=("split_unclear",),
            unknown="A close, this session's or the one before's, is unknown, or was another security's.",
        ),
        Column(
            "offex_notional", "USD", "Off-exchange volume at the session's close.", "trf_volume × close",
            null=True, since=3, label="Off-exch. value", heading="USD", at=(MUCH, 4),
            unknown_by=("no_trf", "split_unclear"), unknown="The close is unknown.",
        ),
        Column(
            "trf_ma20", "shares",
            "Mean off-exchange volume of the last {ma} sessions, this one included, on this session's share basis.",
            "mean of trf_volume over {ma} sessions",
            null=True, label="{ma}-session mean", at=(MUCH, 3), unknown_by=_NO_WINDOW,
        ),
        Column(
            "trf_spike", "ratio",
            "Off-exchange volume against its own {ma}-session mean. The mean holds the session itself, so the spike "
            "saturates at {ma}.",
            "trf_volume / trf_ma20",
            null=True, label="Spike", heading="× mean", at=(GLANCE, 5), essential=True,
            also=("digest", "message", "terminal"), unknown_by=_NO_WINDOW, unknown="The mean is zero.",
        ),
        Column(
            "trf_percentile", "fraction",
            "The share of the {window} earlier sessions with less off-exchange volume than this one; ties count half.",
            "(earlier below today + ½ equal to today) / earlier",
            null=True, label="Percentile", heading="% of window", at=(UNUSUAL, 1), essential=True,
            also=("digest", "terminal"), unknown_by=_NO_WINDOW,
        ),
        Column(
            "offex_ratio_z", "robust standard deviations",
            "How far the off-exchange ratio lies from its median over the {window} earlier sessions, "
            "in robust deviations.",
            "(offex_ratio − median) / (1.4826 × MAD)",
            null=True, label="Ratio z", heading="robust σ", at=(UNUSUAL, 2), essential=True,
            also=("message", "terminal"), unknown_by=("no_trf", *_NO_REGULAR, "identity_break", "short_history"),
            unknown="The earlier ratios do not vary, so that there is no scale.",
        ),
        VOLUME_MULTIPLE.but(since=4, label="Multiple", heading="× normal", at=(UNUSUAL, 4)),
        VOLUME_Z.but(since=4, label="Volume z", heading="σ of ln", at=(UNUSUAL, 5)),
        Column(
            "accum_score", "score",
            "Off-exchange ratio plus spike, weighted: the order of this table. The spike dominates the sum.",
            "weight × offex_ratio + weight × trf_spike (0.5 and 0.5 unless accum_score says otherwise)",
            null=True, label="Score", heading="ratio + spike", at=(GLANCE, 3), essential=True, also=("terminal",),
            unknown_by=("no_trf", *_NO_REGULAR, "identity_break", "short_history"),
            unknown="One of the score's components is unknown.",
        ),
        Column(
            "history_sessions", "sessions",
            "Earlier sessions of the {window}-session window with an off-exchange volume, of this security.",
            label="History", at=(UNUSUAL, 6),
        ),
        LIT_BUY_RATIO, LIT_BUY_LOW, LIT_BUY_HIGH, METHOD, LIT_COVERAGE, BOUGHT, SOLD, BOUGHT_LOW, BOUGHT_HIGH,
        BUY_RATIO, LOG_RATIO, SIGNAL,
        Column(
            "strength", "text",
            "firm where the whole band of the estimate gives the signal; weak, where a part of it does not, "
            "only leans.",
            "firm if bought_low / trf_volume > {bot} / (1 + {bot}) or bought_high / trf_volume < {sell} / (1 + {sell})",
            since=2, fill="", label="Strength", heading="of signal", at=(GLANCE, 2),
            unknown="There is no signal whose strength could be told.",
        ),
        TRF_BUY_RATIO,
        Column(
            "opinions", "text",
            "Whether the lit market and the off-exchange prints say the same (BOT, SELL or neutral).",
            label="Opinions", heading="lit and prints", at=(PRINTS, 2),
            unknown_by=("no_lit", "thin_lit", "no_quotes"),
            unknown="Neither the lit market nor the prints have an opinion.",
        ),
        Column(
            "point_of_control", "USD a share",
            "Price at which most off-exchange shares of the day were printed: the middle of trf_profile's fullest bin.",
            "middle of the bin with most shares",
            null=True, since=5, label="Control", heading="USD", at=(PRINTS, 3), unknown_by=_NO_PROFILE,
            unknown=_NO_PRINT,
        ),
        Column(
            "value_position", "score",
            "Where the close lies against the value area, the prices that hold 70 % of the off-exchange prints' shares "
            "around the point of control: 0 is its lower end, 1 its upper one; below 0 and above 1 it closed outside.",
            "(close − lower end) / (upper end − lower end)",
            null=True, since=5, label="In value area", heading="0 to 1", at=(PRINTS, 4), unknown_by=_NO_PROFILE,
            unknown=_NO_PLACE,
        ),
        Column(
            "finra_week", "date", "Monday of the newest FINRA week that had been published by this session.",
            null=True, label="Week", heading="Monday", at=(WEEK, 2), unknown=_NO_WEEK,
        ),
        ATS_SHARE, FLAGS,
    )),
    "lit_flow": Table(BY_TICKER, (
        DATE, TICKER, LIT_BUY_VOLUME, LIT_SELL_VOLUME,
        Column("lit_neutral_volume", "shares", "Eligible lit volume that the rule does not sign.", null=True),
        LIT_BUY_RATIO, LIT_BUY_LOW, LIT_BUY_HIGH,
        Column(
            "lit_ratio_completed", "fraction", "The lit buy ratio with the neutral volume signed by Lee and Ready.",
            "buy / (buy + sell)", null=True, since=2,
        ),
        Column(
            "lit_ratio_variance", "fraction squared",
            "Newey-West variance of the ratio over the session's minutes.", null=True, since=2,
        ),
        Column(
            "log_buy_sell", "natural logarithm", "Lit volume bought against sold.", "ln(buy / sell)", null=True,
        ),
        METHOD, LIT_COVERAGE, VOLUME_COVERAGE,
        Column("lit_trades", "trades", "Eligible lit trades; of minute bars, bars.", null=True),
        Column("excluded_volume", "shares", "Lit shares of the day that are not eligible.", null=True),
        Column(
            "excluded_reasons", "shares", "Excluded shares by the first reason that applies.", type="map",
        ),
        Column("source", "text", "trades_quotes, trades, consolidated_bars or none."),
    )),
    "trf_flow": Table(BY_TICKER, (
        DATE, TICKER,
        Column("trf_buy_volume", "shares", "FINRA prints in the upper 40 % of the spread."),
        Column("trf_sell_volume", "shares", "FINRA prints in the lower 40 % of the spread."),
        Column("trf_neutral_volume", "shares", "FINRA prints between, or without a valid quote."),
        TRF_BUY_RATIO,
        VOLUME_COVERAGE.but(name="trf_volume_coverage_pct"),
        Column("trf_prints", "trades", "Eligible FINRA prints."),
        Column("source", "text", "trades_quotes."),
    )),
    "trf_blocks": Table((*BY_TICKER, "rank"), (
        DATE, TICKER,
        Column("rank", "place", "1 is the largest FINRA print of the ticker's day; of one size the earlier one."),
        Column("time", "ns since 1970 UTC", "When it was executed: participant time, SIP time where that is missing."),
        Column(
            "late_s", "seconds", "How long after its execution it was reported.",
            "SIP time − participant time", null=True,
        ),
        Column("price", "USD a share", "Its price, as traded."),
        Column("size", "shares", "Its shares, as traded."),
        Column("notional", "USD", "What it was worth.", "price × size"),
        Column("bid", "USD a share", "Best bid before it; null without a valid quote.", null=True),
        Column("ask", "USD a share", "Best ask before it; null without a valid quote.", null=True),
        Column(
            "side", "text",
            "buy in the upper 40 % of the spread, sell in the lower, neutral between, unknown without a valid quote. "
            "An inferred estimate.",
        ),
        Column("conditions", "text", "Codes of its sale conditions, comma-separated."),
        Column("excluded", "text", "Why it may not be signed; empty where it may."),
        Column(
            "share_of_trf", "fraction", "Its part of the session's off-exchange volume by FINRA's file.",
            "size / trf_volume", null=True,
        ),
    )),
    "trf_profile": Table((*BY_TICKER, "start", "price_low"), (
        DATE, TICKER,
        Column("start", "ns since 1970 UTC", "Begin of the five minutes, by the time of execution."),
        Column("price_low", "USD a share", "Lower end of the price's bin, in it."),
        Column(
            "price_high", "USD a share",
            "Upper end of the bin, which begins the next. The width is the smallest of 1, 2, 5 × 10^k cents that gives "
            "at most 60 bins over the day's prints.",
        ),
        Column("buy", "shares", "Off-exchange prints above the middle of the spread, by the prints' own rule."),
        Column("sell", "shares", "Off-exchange prints below the middle of the spread, by the same rule."),
        Column("neutral", "shares", "Off-exchange prints that the rule does not sign."),
        Column("away", "shares", "Of all of them, those more than 0.1 % and 2 cents outside of the quote."),
        Column("prints", "trades", "Off-exchange prints."),
        Column("late", "shares", "Of them, those reported more than 10 s after their execution."),
        Column("lit_buy", "shares", "Lit trades started by a buyer, by the method of lit_flow."),
        Column("lit_sell", "shares", "Lit trades started by a seller, by that method."),
        Column("lit_neutral", "shares", "Lit trades that the method does not sign."),
    )),
    "market_screen": Table(BY_TICKER, _MARKET),
    "market": Table(BY_TICKER, (
        *_MARKET[:-3],
        REGULAR_VOLUME.but(sentence="Consolidated volume as traded; null for names that are not confirmed."),
        OFFEX_RATIO.but(sentence="The part of the volume that traded off-exchange; null for names not confirmed."),
        Column("close", "USD a share", "Yahoo's close as traded; null for names that are not confirmed.", null=True),
        Column(
            "change_pct", "percent", "From the close of the session before to this one, on one basis across splits.",
            "100 × (close / close of the session before − 1)", null=True, kind="change",
        ),
        *_MARKET[-3:],
    )),
    "study": Table(("feature", "horizon"), (
        Column("feature", "text", "A column of features, or of the whole market, known at 06:00 of the next session."),
        Column("horizon", "sessions", "From the open of the next session to the close of the one so many after it."),
        Column("sessions", "count", "Sessions that have a rank correlation."),
        Column("tickers_median", "tickers", "Median tickers of those sessions.", null=True),
        Column("periods", "count", "Holding periods that do not overlap.", "floor(sessions / horizon)"),
        Column(
            "ic_mean", "correlation", "Mean over the sessions of the rank correlation of feature and return.", null=True
        ),
        Column("ic_low", "correlation", "Lower end of its 95 % interval, by equal-weighted cosines.", null=True),
        Column("ic_high", "correlation", "Upper end of that interval.", null=True),
        Column("ic_t", "t", "Mean by its standard error; null where the correlations do not vary.", null=True),
        Column("nu", "degrees of freedom", "Cosines averaged.", "max(4, floor(0.4 × n^(2/3)))", null=True),
        Column(
            "placebo_p", "fraction", "Part of the placebo's shifts of the sessions that do as well.",
            "(1 + as extreme) / (1 + shifts)",
        ),
        Column("placebo_shifts", "count", "Circular shifts of the sessions, the overlapping ones left out."),
        Column(
            "p_holm", "fraction",
            "Two-sided p of ic_t, corrected for the number of questions asked; null for too_little.", null=True,
        ),
        Column(
            "spread_bps", "basis points", "Return of the highest third (fifth from 50 tickers) less the lowest, of a "
            "holding period.", null=True,
        ),
        Column("spread_low", "basis points", "Lower end of its 95 % interval.", null=True),
        Column("spread_high", "basis points", "Upper end of the spread's interval.", null=True),
        Column("cost_bps", "basis points", "What trading costs in a holding period, four times 5 one way."),
        Column("net_bps", "basis points", "What is left of the spread.", "|spread_bps| − cost_bps", null=True),
        Column("verdict", "text", "too_little, none, signal, or net_of_cost."),
    )),
    "reconciliation": Table(("check", "date", "ticker"), (
        Column(
            "check", "text", "Which two numbers are held against each other.", label="Check", at=(CHECK, 1),
        ),
        Column(
            "date", "date", "The session; for a check of a week, its Monday.",
            label="Date", heading="or Monday", at=(CHECK, 2),
        ),
        TICKER,
        Column("left_name", "text", "What the left number is.", label="Left", at=(COMPARED, 1)),
        Column(
            "left", "shares", "The left number.", null=True, label="Left", at=(COMPARED, 2),
            unknown="The left side is missing.",
        ),
        Column("right_name", "text", "What the right number is.", label="Right", at=(COMPARED, 3)),
        Column(
            "right", "shares", "The right number.", null=True, label="Right", at=(COMPARED, 4),
            unknown="The right side is missing.",
        ),
        Column(
            "ratio", "ratio", "The left number against the right one.", "left / right",
            null=True, label="Ratio", heading="left / right", at=(RATIO, 1),
            unknown="One side is missing, or the right one is zero.",
        ),
        Column(
            "low", "ratio", "The least ratio of a sound pair.", label="From", heading="expected", at=(RATIO, 2),
        ),
        Column(
            "high", "ratio", "The greatest ratio of a sound pair.", label="To", heading="expected", at=(RATIO, 3),
        ),
        Column(
            "verdict", "text", "ok inside the band, alarm outside, not comparable where one side is missing.",
            label="Verdict", at=(CHECK, 3),
        ),
        Column(
            "why", "text", "What is missing, and why the two numbers need not be equal.", label="Why", at=(BIAS, 1),
        ),
    )),
    "dark_flow": Table(BY_TICKER, (
        DATE, TICKER,
        TRF_VOLUME.but(name="finra_off_exchange_volume"),
        LIT_BUY_RATIO.but(name="applied_lit_buy_ratio"),
        BOUGHT.but(name="estimated_dark_buy_volume"),
        SOLD.but(name="estimated_dark_sell_volume", formula="trf_volume − estimated_dark_buy_volume"),
        BOUGHT_LOW, BOUGHT_HIGH, PERIOD_TYPE,
        Column("inference_version", "text", "Version of the inference."),
    )),
    "otc_weekly": Table(BY_WEEK, (
        MONDAY, TICKER, TIER,
        Column("ats_volume", "shares", "Off-exchange volume of the week on ATSs, as traded.", null=True),
        Column("non_ats_volume", "shares", "Off-exchange volume of the week outside ATSs, as traded.", null=True),
        Column(
            "off_exchange_volume", "shares", "Off-exchange volume of the week, all hours.",
            "ats_volume + non_ats_volume",
        ),
        Column("ats_trades", "trades", "Trades on ATSs.", null=True),
        Column("non_ats_trades", "trades", "Off-exchange trades outside ATSs.", null=True),
        PUBLISHED,
        Column(
            "last_update_date", "date", "Day FINRA last changed the row; published_date where it does not say.",
        ),
    )),
    "weekly": Table(BY_WEEK, (
        MONDAY, TICKER, TIER, WEEK_VOLUME,
        LIT_BUY_VOLUME.but(
            sentence="Lit volume signed as bought, added up over the week's sessions that are here.",
            at=(LIT, 1), unknown_by=_WEEK_LIT,
        ),
        LIT_SELL_VOLUME.but(
            sentence="Lit volume signed as sold, added up over the week's sessions that are here.",
            at=(LIT, 2), unknown_by=_WEEK_LIT,
        ),
        LIT_BUY_RATIO.but(
            sentence="The bought part of the lit volume signed in those sessions of the week that are here.",
            formula="Σ lit buy volume / Σ (lit buy volume + lit sell volume)", unknown_by=_WEEK_ESTIMATE,
        ),
        LIT_BUY_LOW.but(
            sentence="Least of the interval of the week's lit buy ratio by its signing alone, nominally 90%, "
            "for exact quotes.",
            formula="", unknown_by=_WEEK_INTERVAL, unknown=_WEEK_UNTRUSTED,
        ),
        LIT_BUY_HIGH.but(
            sentence="Greatest of the interval of the week's lit buy ratio by its signing alone.",
            formula="", unknown_by=_WEEK_INTERVAL, unknown=_WEEK_UNTRUSTED,
        ),
        Column("sessions_in_week", "sessions", "Sessions of the exchange in this week.", label="In week", at=(LIT, 4)),
        Column(
            "sessions_with_lit", "sessions",
            "Sessions of the week for which lit trades or minute bars are here: what the lit ratio rests on.",
            label="With lit", at=(LIT, 3),
        ),
        BOUGHT.but(
            sentence="Inferred estimate: the week's off-exchange volume times the week's lit buy ratio.",
            formula="off-exchange volume × lit_buy_ratio", heading="shares a week", unknown_by=_WEEK_ESTIMATE,
        ),
        SOLD.but(
            sentence="Inferred estimate: what remains of the week's off-exchange volume.",
            formula="off-exchange volume − estimated_bought", heading="shares a week", unknown_by=_WEEK_ESTIMATE,
        ),
        BOUGHT_LOW.but(
            sentence="Least of the band of bought: signing, sampling and transfer, from the minutes of the week's "
            "sessions.",
            formula="", heading="shares a week", unknown_by=_WEEK_INTERVAL, unknown=_WEEK_UNTRUSTED,
        ),
        BOUGHT_HIGH.but(
            formula="", heading="shares a week", unknown_by=_WEEK_INTERVAL, unknown=_WEEK_UNTRUSTED,
        ),
        BUY_RATIO.but(unknown_by=_WEEK_ESTIMATE),
        LOG_RATIO.but(unknown_by=_WEEK_ESTIMATE),
        SIGNAL.but(
            sentence="BOT where clearly more was bought than sold in the week, SELL where clearly less. "
            "An inferred estimate.",
            at=(PERIOD, 3), unknown_by=_WEEK_ESTIMATE,
        ),
        PERIOD_TYPE.but(
            sentence="What the volume covers: a whole week, all hours of Monday to Friday. Never to be read as a day.",
            label="Period", at=(PERIOD, 2),
        ),
    )),
}

WEEK_LABELS: Mapping[str, Column] = by_name((
    Column(
        "age_weeks", "weeks", "How many weeks the row's week lies before that of the page's session.",
        "(Monday of the session − Monday of the week) / 7", label="Age", at=(PERIOD, 4),
    ),
    ATS_SHARE.but(at=(MUCH, 2), unknown="FINRA has no ATS row for this ticker and week."),
    Column(
        "flags", "text", "What a reader must know about the week; empty when all is well.",
        label="Flags", at=(QUALITY, 1),
    ),
    Column(
        "methods", "text", "How the lit trades of the week's sessions were signed.",
        label="Method", at=(LIT, 5), unknown_by=_WEEK_LIT, unknown="The method was not handed on to this page.",
    ),
    PUBLISHED.but(unknown="The day of publication was not handed on to this page."),
))
"""Columns of a page's weeks that the table `weekly` does not hold."""

INDEX_COLUMNS: Mapping[str, Column] = by_name((
    Column(
        "change", "percentage points", "Off-exchange ratio less that of the session before, in percentage points.",
        "100 × (offex_ratio − offex_ratio of the session before)",
        label="Change", heading="points", at=(GLANCE, 6),
        unknown="The ratio of this session or of the one before is unknown.",
    ),
    Column(
        "streak", "sessions",
        "How many sessions in a row, the newest included, have the same signal. A session that is missing, or has no "
        "estimate, ends the row: nobody knows what it would have said.",
        label="In a row", at=(GLANCE, 7), unknown="The newest session has no signal.",
    ),
    Column(
        "ratios", "text",
        "The off-exchange ratio over the window of the newest session, oldest on the left. Every row has the same "
        "scale, from zero; a gap is a session without a value.",
        label="Ratio", heading="window", at=(WINDOW, 1),
    ),
    Column(
        "tape", "text",
        "The signal of each of the last sessions: B is BOT, S is SELL, n neutral, – no estimate, × a missing session.",
        label="Signals", heading="newest right", at=(WINDOW, 2),
    ),
))
"""Columns of a scan's index that the table `features` does not hold."""
# fmt: on


def shown(columns: Iterable[Column]) -> Mapping[str, Column]:
    """Those with a place on the page, by name, in the order of the page."""
    placed = [(column.at, column) for column in columns if column.at]
    ordered = sorted(placed, key=lambda pair: (GROUPS.index(pair[0][0]), pair[0][1]))
    return by_name(column for _, column in ordered)


COLUMNS = shown(TABLES["features"].columns)
"""Columns of a session's rows."""
WEEK_COLUMNS = shown((*TABLES["weekly"].columns, *WEEK_LABELS.values()))
"""Columns of a page's weeks."""
CHECK_COLUMNS = shown(TABLES["reconciliation"].columns)
"""Columns of a page's reconciliation."""
ESSENTIAL = frozenset(name for name, column in COLUMNS.items() if column.essential)
"""Columns of the page before any are chosen; the others are a click away, and in every row's details."""


def also(place: Place) -> tuple[str, ...]:
    """Columns of a session's rows that stand in another place too, in the page's order."""
    return tuple(name for name, column in COLUMNS.items() if place in column.also)
