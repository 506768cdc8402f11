"""What the page and the plots of a session say besides their rows, gathered from what its tables carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from urllib.parse import quote

import polars as pl

from ...archive.store import file_name
from ...measures import weekly
from ...measures.prints import levels
from ...session import sources
from ...tables import contracts, glossary
from ...tables import facts as carried
from .context import Behind, PageContext


def context(
    metadata: Mapping[str, str],
    scan: str,
    session: date,
    *,
    tickers: Sequence[str],
    mode: str,
    signal: Mapping[str, float],
    history: Mapping[str, int],
    earlier: Mapping[date, Mapping[str, str]] | None = None,
    files: Sequence[str] = (),
) -> PageContext:
    """The context of a page, from the metadata of the session's `features`, and of those `earlier` on the page.

    `files`: what lies beside the page; one that has them lies in its session's folder, and the index above it.
    """
    facts = carried.unpack(metadata)
    return PageContext(
        scan=scan,
        session=session,
        mode=mode,
        simulated=facts["simulated"],
        sources=facts["sources"],
        thresholds={"bot": signal["bot"], "sell": signal["sell"]},
        ma=history["ma"],
        window=history["window"],
        notes=[*waiting(facts["sources"], scan, session, mode), *facts["notes"]],
        files=files,
        told={day: carried.unpack(other) for day, other in (earlier or {}).items()},
        plots={ticker: f"plots/{quote(file_name(ticker))}.png" for ticker in tickers},
    )


def waiting(heard: Sequence[carried.Source], scan: str, session: date, mode: str) -> list[str]:
    """What a session that is not complete waits for, what that means for its numbers, and what to do; else nothing."""
    held = [source for source in heard if sources.holds_up(source, mode)]
    if not held:
        return []
    names = ", ".join(
        f"{glossary.source(source['source'])} ({glossary.term(glossary.STATES, source['state']).label})"
        for source in held
    )
    if any(source["state"] == "blocked" for source in held):
        next_step = "make doctor says what to mend."
    else:
        next_step = "The scheduled morning asks again every hour."
    return [
        f"Not complete, waits for {names}. Numbers made of it are unknown, shown as {glossary.UNKNOWN}. {next_step} "
        f"By hand: snakemake --cores 4 results/{scan}/{session}/all"
    ]


def behind(
    features: pl.DataFrame,
    *,
    checks: str,
    weeks: Sequence[str],
    merged: str,
    lit: Sequence[str],
    blocks: Sequence[str],
    profiles: Sequence[str],
    market: Sequence[str],
) -> Behind:
    """The tables that stand on a session's page beside its rows, by their paths.

    `features` are the rows; `lit`, `blocks` and `profiles` of the sessions on the page, oldest first, `market` and
    `weeks` one or none.
    """
    splits = carried.splits(contracts.metadata(merged))
    printed = contracts.stacked("trf_blocks", blocks)
    found = {date.fromisoformat(Path(path).parent.name): levels.read(path) for path in profiles}
    session = max(found)
    return Behind(
        weekly=next(map(_weeks, weeks), None),
        checks=contracts.read("reconciliation", checks),
        merged=contracts.read("merged", merged),
        lit=contracts.stacked("lit_flow", lit),
        blocks=printed.filter(pl.col("date") == session),
        profile=contracts.read("trf_profile", profiles[-1]),
        levels=levels.over(found, features, printed, splits),
        splits=splits,
        market=next((contracts.read("market", path) for path in market), None),
    )


def _weeks(path: str) -> pl.DataFrame:
    return weekly.labelled(contracts.read("weekly", path), contracts.metadata(path))


def flow(features: pl.DataFrame, tickers: Sequence[str]) -> pl.DataFrame:
    """The directional columns of a plot, a row per session and ticker: a session without the ticker is a gap."""
    grid = pl.DataFrame({"ticker": list(tickers)}, schema={"ticker": pl.String}).join(
        features.select("date").unique(), how="cross"
    )
    return (
        grid.join(features, on=["date", "ticker"], how="left")
        .select(
            "date",
            "ticker",
            "log_ratio",
            "trf_buy_ratio",
            pl.col("trf_volume").alias("finra_off_exchange_volume"),
            pl.col("classification_method").fill_null("NONE"),
            pl.col("signal").fill_null(""),
            "lit_buy_low",
            "lit_buy_high",
            (pl.col("bought_low") / pl.col("trf_volume")).alias("band_low"),
            (pl.col("bought_high") / pl.col("trf_volume")).alias("band_high"),
        )
        .sort("ticker", "date")
    )
