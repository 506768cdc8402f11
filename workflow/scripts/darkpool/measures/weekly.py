"""FINRA's weeks with the lit market's opinion of them: bought and sold off-exchange by week, estimated.

FINRA does not publish trade direction for off-exchange volume. Bought and sold are inferred estimates.

The lit ratio of a week is that of the signed lit volume added up over those of its sessions that are there; how many
there are stands beside it. A weekly number is never a daily one: it covers all hours of Monday to Friday, was published
weeks later, and stands on rows of its own.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import polars as pl

from ..market import sessions
from ..tables import contracts
from . import estimate, trust

KEY = ["week_start_date", "ticker"]
LABELS: Mapping[str, pl.DataType] = {
    "week_start_date": pl.Date(),
    "ticker": pl.String(),
    "published_date": pl.Date(),
    "restated": pl.Boolean(),
    "ats_share": pl.Float64(),
    "methods": pl.String(),
}
"""What a reader of a week must know besides the table's columns."""


def sessions_by_week(mondays: Iterable[date]) -> dict[date, list[date]]:
    """The XNYS sessions of each FINRA week, ascending.

    >>> [day.day for day in sessions_by_week([date(2025, 11, 24)])[date(2025, 11, 24)]]
    [24, 25, 26, 28]
    """
    return {monday: sessions.between(monday, monday + timedelta(days=6)) for monday in sorted(set(mondays))}


def table(
    weeks: pl.DataFrame,
    lit_flows: pl.DataFrame,
    sessions_of: Mapping[date, Sequence[date]],
    thresholds: Mapping[str, float],
    min_lit_volume: float,
    transfer_sd: float,
    minutes: Mapping[tuple[date, str], trust.ByMinute] | None = None,
) -> pl.DataFrame:
    """Table `weekly`: `weeks` (as `otc_weekly.weeks` gives them) split by the week's lit buy ratio.

    `lit_flows` holds rows of the table `lit_flow`, of any sessions; `sessions_of` the XNYS sessions of every week;
    `thresholds` bot and sell of the signal. The ratio is null below `min_lit_volume` signed shares of the week.
    `minutes` of the sessions and tickers whose signing has a known error: a week's interval and band are null where one
    of its sessions is not among them; `transfer_sd` of the band.
    Raises ValueError for a week without its sessions, and for a session that stands twice in `lit_flows`.
    """
    without = sorted(set(weeks["week_start_date"]) - set(sessions_of))
    if without:
        raise ValueError(f"sessions_of lacks the week {without[0]}; expected every week of the table")
    twice = lit_flows.filter(pl.struct("date", "ticker").is_duplicated())
    if twice.height:
        raise ValueError(
            f"lit_flows holds {twice['ticker'][0]} on {twice['date'][0]} twice; expected one row per session and ticker"
        )
    answered = _answered(lit_flows, sessions_of)
    lit = answered.group_by(KEY).agg(
        pl.col("lit_buy_volume", "lit_sell_volume").sum(), pl.len().cast(pl.Int64).alias("sessions_with_lit")
    )  # fmt: skip
    signed = pl.col("lit_buy_volume") + pl.col("lit_sell_volume")
    ratio = pl.when((signed > 0) & (signed >= min_lit_volume)).then(pl.col("lit_buy_volume") / signed)
    rows = weeks.join(lit, on=KEY, how="left").sort(KEY).with_columns(ratio.alias("lit_buy_ratio"))
    shares = estimate.split("finra_off_exchange_volume", "lit_buy_ratio")
    bought, sold = rows.select(bought=shares[0], sold=shares[1])
    buy_ratio = [b / s if b is not None and s else None for b, s in zip(bought, sold, strict=True)]
    columns: dict[str, Sequence[object] | pl.Series] = {name: rows[name] for name in rows.columns}
    columns |= {
        "sessions_in_week": [len(sessions_of[monday]) for monday in rows["week_start_date"]],
        "sessions_with_lit": rows["sessions_with_lit"].fill_null(0),
        "estimated_bought": bought,
        "estimated_sold": sold,
        **_bands(rows, answered, minutes or {}, transfer_sd),
        "buy_ratio": buy_ratio,
        "log_ratio": [math.log(ratio) if ratio else None for ratio in buy_ratio],
        "signal": [estimate.signal(b, s, thresholds) for b, s in zip(bought, sold, strict=True)],
        "finra_period_type": ["weekly"] * rows.height,
    }
    return contracts.frame("weekly", columns)


def _answered(lit_flows: pl.DataFrame, sessions_of: Mapping[date, Sequence[date]]) -> pl.DataFrame:
    """The rows of sessions of these weeks for which some source answered, with the Monday of their week."""
    days = [(monday, day) for monday, found in sessions_of.items() for day in found]
    week_of = pl.DataFrame(days, schema={"week_start_date": pl.Date, "date": pl.Date}, orient="row")
    return lit_flows.filter(pl.col("source") != "none").join(week_of, on="date")


def _bands(
    rows: pl.DataFrame,
    answered: pl.DataFrame,
    minutes: Mapping[tuple[date, str], trust.ByMinute],
    transfer_sd: float,
) -> dict[str, list[float | None]]:
    """Interval of each week's lit buy ratio and band of what was bought, from the minutes of its sessions."""
    found: dict[str, list[float | None]] = {
        name: [] for name in ("lit_buy_low", "lit_buy_high", "bought_low", "bought_high")
    }
    days: dict[tuple[date, str], list[date]] = {}
    for monday, ticker, day in answered.select(*KEY, "date").sort("date").iter_rows():
        days.setdefault((monday, ticker), []).append(day)
    names = ("finra_off_exchange_volume", "lit_buy_ratio")
    for monday, ticker, volume, ratio in rows.select(*KEY, *names).iter_rows():
        parts = [minutes.get((day, ticker)) for day in days.get((monday, ticker), [])]
        known = [part for part in parts if part is not None]
        week = trust.end_to_end(known) if known and len(known) == len(parts) else None
        lit = week and trust.signing(week, ratio)
        band = (
            trust.transfer(ratio, lit.completed, lit.variance, week.signed, volume, transfer_sd)
            if week and lit
            else None
        )
        ends = (lit.low, lit.high) if lit else (None, None)
        shares = (volume * band[0], volume * band[1]) if band else (None, None)
        for values, value in zip(found.values(), (*ends, *shares), strict=True):
            values.append(value)
    return found


def labels(weeks: pl.DataFrame, lit_flows: pl.DataFrame, sessions_of: Mapping[date, Sequence[date]]) -> pl.DataFrame:
    """What the table does not hold and a reader must know; the columns of `LABELS`, a row per week and ticker.

    `published_date`, `restated`, `ats_share?` (fraction of the off-exchange volume), and `methods`: how the lit trades
    of the week's sessions were signed, comma-separated, empty where none were.
    """
    methods = (
        _answered(lit_flows, sessions_of)
        .group_by(KEY)
        .agg(pl.col("classification_method").unique().sort().str.join(",").alias("methods"))
    )
    volume = pl.col("finra_off_exchange_volume")
    share = pl.when(volume > 0).then(pl.col("ats_volume") / volume)
    return (
        weeks.join(methods, on=KEY, how="left")
        .with_columns(share.alias("ats_share"), pl.col("methods").fill_null(""))
        .select(list(LABELS))
        .sort(KEY)
    )


def about(labels: pl.DataFrame) -> dict[str, str]:
    """`labels` as the part of the table's metadata that carries them."""
    return {"labels": labels.write_json()}


def labelled(table: pl.DataFrame, metadata: Mapping[str, str]) -> pl.DataFrame:
    """The table with the columns of `LABELS` that its metadata carries."""
    rows = json.loads(metadata["labels"])
    found = pl.read_json(io.StringIO(json.dumps(rows)), schema=dict(LABELS)) if rows else pl.DataFrame(schema=LABELS)
    return table.join(found, on=KEY, how="left").sort(KEY)


def flow(table: pl.DataFrame) -> pl.DataFrame:
    """The columns of a plot by week: `date` is the Monday, `classification_method` says weekly."""
    return table.select(
        pl.col("week_start_date").alias("date"), "ticker", "log_ratio", "finra_off_exchange_volume",
        pl.col("finra_period_type").alias("classification_method"), "signal", "lit_buy_low", "lit_buy_high",
        (pl.col("bought_low") / pl.col("finra_off_exchange_volume")).alias("band_low"),
        (pl.col("bought_high") / pl.col("finra_off_exchange_volume")).alias("band_high"),
    ).sort("ticker", "date")  # fmt: skip
