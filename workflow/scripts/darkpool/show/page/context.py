"""What a page says besides its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from ...settings import History, Signal
from ...tables import glossary
from ...tables.facts import Source

if TYPE_CHECKING:
    import polars as pl

    from ...measures.prints.levels import Over


@dataclass(frozen=True)
class Behind:
    """Tables that lie behind a page's rows, each None where it is not there.

    `weekly`: the table of that name, with the columns of `weekly.LABELS` where they are known; a section of its own,
    newest week first. `checks`: as `reconcile.SCHEMA`; alarms first, the others closed. `merged`: the ratios of the
    window. `lit`: lit_flow of the sessions. `blocks`, `profile`: trf_blocks and trf_profile of the session. `levels`:
    those of the sessions on the page. `splits`: ticker, ex_date, ratio? of the window. `market`: the table of that
    name, of which ten names stand on the page.
    """

    weekly: pl.DataFrame | None = None
    checks: pl.DataFrame | None = None
    merged: pl.DataFrame | None = None
    lit: pl.DataFrame | None = None
    blocks: pl.DataFrame | None = None
    profile: pl.DataFrame | None = None
    levels: Over | None = None
    splits: pl.DataFrame | None = None
    market: pl.DataFrame | None = None


NOTHING = Behind()


@dataclass(frozen=True)
class PageContext:
    """What a page says besides its rows.

    `sources` are mappings of source, state, reason, retrieved_at (UTC, ISO 8601) and detail; what is unknown is null.
    `thresholds` are those of the signal, `ma` and `window` are sessions, `notes` are sentences shown above the table.
    `plots` gives the path of a ticker's plot, relative to the page, where the page may link to one; `files` are names
    of files beside it, and with any the index lies above it. `told`: sources and notes of earlier sessions.
    """

    scan: str
    session: date
    mode: str
    simulated: bool
    sources: Sequence[Source] = field(default_factory=list)
    thresholds: dict[str, float] = field(default_factory=lambda: asdict(Signal()))
    ma: int = History.ma
    window: int = History.window
    notes: list[str] = field(default_factory=list)
    plots: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[str] = ()
    told: Mapping[date, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def neutral_strip(self) -> tuple[float, float]:
        """Between which buy ratios no signal stands, in percent."""
        sell, bot = (100 * edge / (1 + edge) for edge in (self.thresholds["sell"], self.thresholds["bot"]))
        return round(sell, 1), round(bot, 1)

    def filled(self, text: str) -> str:
        """The sentence with this run's numbers in place of its placeholders."""
        bot, sell = self.thresholds["bot"], self.thresholds["sell"]
        return glossary.filled(text, ma=self.ma, window=self.window, bot=bot, sell=sell)
