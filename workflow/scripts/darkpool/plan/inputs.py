"""What the rules of a session need: its window, its universe, its page, and what has been and is to be asked for.

Files are named here and looked at, never read for their numbers: the rules' scripts do that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import credentials
from ..archive import layout, open_requests
from ..archive.store import Archive, file_name
from ..market import finra_files, sessions
from ..session import files, selection
from ..session import universe as universes
from ..settings import DEMO, Settings
from ..vendors.polygon import grouped_fetch
from ..vendors.simulated import watchlist
from ..vendors.yahoo import market_fetch
from . import scan_mark
from .request import Request, Session

SMALL, MOST_PARTS = 50, 8
"""A part of the lit lane costs a process: tickers that are one part, and the most parts."""


def last_marked(config: Settings, now: datetime) -> tuple[str, str]:
    """The session that the target `latest` stands for."""
    return "emps2", str(scan_mark.last_marked(Path("results/emps2"), now, config.marked))


@dataclass
class Inputs:
    """The input functions of the rules, by scan and date. A date that is no completed session raises NotASession.

    `make_again` is told what is made again whatever its file time: receipts that leave something to be asked for, and
    manifests, since a file that is missing below one would go unnoticed. `hand_on` is told the request whenever it
    grows: by a session that no target names, because a rule of another workflow asks for it.
    """

    settings: Settings
    request: Request
    make_again: Callable[[Iterable[str]], object]
    hand_on: Callable[[Request], object]
    _drawn: frozenset[Session] = frozenset()
    _windows: dict[str, list[date]] = field(default_factory=dict)
    _universes: dict[Session, universes.Universe] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._drawn = frozenset(self.request.sessions)

    @cached_property
    def archives(self) -> dict[str, str]:
        return self.settings.archives

    @property
    def weekly(self) -> bool:
        return self.request.mode == "weekly"

    @property
    def weeks_shown(self) -> int:
        return self.settings.backfill_count if self.weekly else 1

    @property
    def pages(self) -> dict[str, files.File]:
        """What the session's table is written as, by kind of file."""
        return files.pages(self.settings.wanted)

    @property
    def pictures(self) -> list[str]:
        """Kinds of file that the figures are drawn as."""
        return files.pictures(self.settings.wanted)

    def archive(self, scan: str) -> Archive:
        return Archive(self.archives[scan])

    def window(self, day: str) -> list[date]:
        """The session and the sessions its history needs, oldest first."""
        if day not in self._windows:
            session = sessions.require_completed(day, self.request.at)
            self._windows[day] = sessions.window(session, self.settings.history.window)
        return self._windows[day]

    def session(self, day: str) -> date:
        return self.window(day)[-1]

    def universe(self, scan: str, day: str) -> universes.Universe:
        """What the scan follows on that day. Raises UniverseError where it follows nothing."""
        if (scan, day) not in self._universes:
            self._universes[scan, day] = self._resolved(scan, day)
        return self._universes[scan, day]

    def _resolved(self, scan: str, day: str) -> universes.Universe:
        session = self.session(day)
        if scan == DEMO:
            return universes.of_pairs((ticker, DEMO) for ticker in watchlist.tickers(session))
        entry, folder = self.settings.scans[scan], Path("results", scan, day)
        before = Path("results", scan, str(sessions.previous(session)), files.MARKET_TABLE)
        return universes.resolve(
            scan, session, entry.tickers, entry.universe, folder, self.archive(scan),
            lambda: universes.of_market(before, self.settings.market.follow),
        )  # fmt: skip

    def tickers(self, scan: str, day: str) -> list[str]:
        return self.universe(scan, day).tickers

    def weekly_tickers(self, scan: str, day: str) -> list[str]:
        """The universe less what is kept out of every FINRA table."""
        return [one for one in self.tickers(scan, day) if one not in self.settings.excluded_finra_tickers]

    def on_page(self, scan: str, day: str) -> list[str]:
        """Sessions on the page, oldest first: in mode daily those before it too, each with its own tables."""
        shown = selection.on_page(self.session(day), self.request.mode, self.settings.backfill_count)
        return [str(one) for one in shown]

    def table_on_page(self, name: str) -> Callable[[str, str], list[str]]:
        """Paths of a table of every session on the page, by scan and date."""
        return lambda scan, day: [f"results/{scan}/{one}/{name}.parquet" for one in self.on_page(scan, day)]

    def wanted(self, archive: str, day: str) -> dict[str, dict[str, Any]]:
        """Per session that this run needs of the archive: its window, and the universe of every scan that follows it.

        A vendor is asked once for all of them.
        """
        found: dict[str, dict[str, Any]] = {}
        pages = {(scan, one) for scan, target in self.request.sessions for one in [*self.on_page(scan, target), day]}
        for scan, one in sorted(pages):
            if self.archives[scan] == archive:
                entry = found.setdefault(one, {"window": self.window(one), "followed": {}})
                entry["followed"][scan] = [list(member) for member in self.universe(scan, one).members]
        return found

    def asks(self, scan: str) -> bool:
        """Whether vendors are asked for the scan; the demo's are simulated, and never offline."""
        return scan != DEMO and not self.settings.offline

    def answers(self, scan: str, day: str) -> list[str]:
        """What the vendors said of the session: receipts, or the archive's own files where nobody is asked."""
        archive, window, prefixes = self.archive(scan), self.window(day), self.settings.finra.files
        if (scan, day) in self.request.sessions:
            self._require_files(scan, day)
        if scan != DEMO and not self.asks(scan):
            return [str(file) for file in layout.volume_answers(archive, window[-1], window, prefixes)]
        receipts = {source: self._receipt(scan, source, day) for source in layout.VOLUME_SOURCES}
        followed = layout.universe(scan, window[-1])
        if scan == DEMO:
            if layout.is_damaged(archive, [*layout.volume_names(window[-1], window, prefixes), followed]):
                self.make_again(receipts.values())
        else:
            left = {
                "finra": open_requests.finra(archive, window[-1], layout.regsho_names(prefixes, window)),
                "yahoo": open_requests.yahoo(archive, window[-1], self.tickers(scan, day))
                or not archive.answers(followed)
                or archive.damaged(followed),
            }
            self.make_again(receipts[source] for source in left if left[source])
        return list(receipts.values())

    def _require_files(self, scan: str, day: str) -> None:
        """Raise FilesError unless FINRA's files make a whole, and FINRA or the archive has them."""
        if scan != DEMO:
            archive, session, prefixes = self.archive(scan), self.session(day), self.settings.finra.files
            finra_files.require_whole(prefixes, session)
            finra_files.require_published(
                prefixes, session, lambda prefix: bool(archive.answers(layout.regsho(prefix, session)))
            )

    def ticks(self, scan: str, day: str) -> list[str]:
        """Trades, quotes and minute bars: a receipt, or the archive's own files where nobody is asked."""
        archive, session, source = self.archive(scan), self.session(day), self.settings.lit.source
        if source == "none":
            return []
        if scan != DEMO and not self.asks(scan):
            found_files = [layout.tick_files(archive, session, ticker, source) for ticker in self.tickers(scan, day)]
            return [str(file) for found in found_files for file in found.values()]
        receipt = self._receipt(scan, "polygon", day)
        if scan == DEMO:
            is_open = any(layout.damaged_ticks(archive, session, ticker, source) for ticker in self.tickers(scan, day))
        else:
            is_open = bool(open_requests.ticks(archive, session, self.tickers(scan, day), source))
        self.make_again([receipt] if is_open else [])
        return [receipt]

    def weeks(self, scan: str, day: str) -> dict[str, str | list[str]]:
        """FINRA's weekly data of the session: a receipt where it is asked for, and else what the archive holds.

        A finished session is asked again for what FINRA failed to tell it, and not for weeks that had not come by its
        morning: it could not see them.
        """
        archive, session = self.archive(scan), self.session(day)
        receipt = self._receipt(scan, "finra_weekly", day)
        if scan == DEMO:
            mondays = layout.otc_weekly_mondays(archive, session, self.weeks_shown)
            is_damaged = layout.is_damaged(archive, map(layout.otc_weekly, mondays))
            self.make_again([receipt] if is_damaged else [])
            return {"weekly": receipt}
        if self.asks(scan) and (self.weekly or self.settings.finra.weekly):
            is_open = open_requests.weekly(archive, session, self.weeks_shown, late=self.is_late(scan, day))
            again = self.settings.finra.weeks_again and (scan, day) in self.request.sessions
            self.make_again([receipt] if is_open or again else [])
            return {"weekly": receipt}
        return {"weekly": [str(file) for file in layout.otc_weekly_answers(archive, session, self.weeks_shown)]}

    def _receipt(self, scan: str, source: str, day: str) -> str:
        return f"{self.archives[scan]}/receipts/{source}/{day}.json"

    def is_late(self, scan: str, day: str) -> bool:
        """Whether the session is finished: weeks that come now come too late for it, but mode weekly shows them."""
        return not self.weekly and Path("results", scan, day, files.MANIFEST).is_file()

    def flows_of_weeks(self, scan: str, day: str) -> list[str]:
        """Flows of the sessions of the weeks on the page, as far as the archive holds anything to make them of."""
        session, archive = self.session(day), self.archive(scan)
        mondays = {monday for monday, _ in open_requests.weeks(session, self.weeks_shown)}
        days = [one for monday in sorted(mondays) for one in sessions.between(monday, monday + timedelta(days=6))]
        held = [one for one in days if scan == DEMO or layout.has_ticks(archive, one)]
        return [f"results/{scan}/{one}/lit_flow.parquet" for one in held]

    def parts(self, name: str) -> Callable[[str, str], list[str]]:
        """Paths of the parts of a flow, by scan and date.

        They hang on the universe and `lit.parts` alone, so that every machine counts the same, and a run on other cores
        signs nothing again. Which tickers share a part changes no number; no part is without a ticker.
        """

        def of(scan: str, day: str) -> list[str]:
            tickers, wanted = len(self.tickers(scan, day)), self.settings.lit.parts
            count = max(1, min(tickers, wanted or MOST_PARTS, wanted or math.ceil(tickers / SMALL)))
            return [f"results/{scan}/{day}/.parts/{n}-of-{count}.{name}.parquet" for n in range(1, count + 1)]

        return of

    def screen(self, scan: str, day: str) -> list[str]:
        """The screen of the market that a session's features take their volume's z from; none where it is off."""
        return [f"results/{scan}/{day}/market_screen.parquet"] if self.settings.market.show else []

    def confirmations(self, scan: str, day: str) -> list[str]:
        """The receipt of what Yahoo confirms of the market's names, or nothing where it is not asked.

        It is asked again for what it failed to tell while the session has no manifest, and never after that.
        """
        if not self.settings.market.confirm or not (scan == DEMO or self.asks(scan)):
            return []
        receipt, archive, session = self._receipt(scan, market_fetch.SOURCE, day), self.archive(scan), self.session(day)
        if scan != DEMO and not Path("results", scan, day, files.MANIFEST).is_file():
            told = archive.receipt(market_fetch.SOURCE, session) or {"tickers": {}}
            self.make_again([receipt] if market_fetch.open_names(archive, session, list(told["tickers"])) else [])
        return [receipt]

    def grouped(self, scan: str, day: str) -> list[str]:
        """Receipts of the whole market's prices for the sessions on the page; none where they are not asked for.

        No table, page or manifest holds them: the study reads the archive.
        """
        has_key = credentials.which(credentials.POLYGON) is not None
        if not (self.settings.study.grouped and self.asks(scan) and has_key):
            return []
        receipts = {self._receipt(scan, grouped_fetch.SOURCE, one): one for one in self.on_page(scan, day)}
        archive = self.archive(scan)
        self.make_again(path for path, one in receipts.items() if open_requests.grouped(archive, self.session(one)))
        return list(receipts)

    def screens(self, archive: str, day: str) -> list[str]:
        """The screens whose names are asked for in one archive: those of the scans that the command asks for."""
        scans = [scan for scan, one in self.request.sessions if one == day and self.archives[scan] == archive]
        return [path for scan in sorted(set(scans)) for path in self.screen(scan, day)]

    def flags(self, scan: str, day: str) -> list[str]:
        """`stale_mark` where the session is reached as the last-marked date though a newer one has completed.

        A session that is named, or stands on the page of a later one, is no mark; daily.sh names all, and tells which
        one is.
        """
        is_stale = self.session(day) != sessions.last_completed(self.request.at)
        return ["stale_mark"] if is_stale and (scan, day) == self.request.marked else []

    def drawn(self, scan: str, day: str) -> list[str]:
        """Tickers with a plot: the configured ones, then the others in the universe's order, `plots.most` together."""
        members = self.universe(scan, day).members
        configured = [member.ticker for member in members if member.source == universes.CONFIGURED]
        others = [member.ticker for member in members if member.source != universes.CONFIGURED]
        return configured + others[: max(0, self.settings.plots.most - len(configured))]

    def plots(self, scan: str, day: str) -> list[tuple[str, str, str]]:
        """Ticker, kind and path of every plot of a session."""
        return [
            (ticker, kind, f"results/{scan}/{day}/{files.PLOTS}/{file_name(ticker)}.{kind}")
            for ticker in self.drawn(scan, day)
            for kind in self.pictures
        ]

    def overviews(self, scan: str, day: str) -> list[tuple[str, str]]:
        """Kind and path of the figure of the whole watchlist."""
        return [(kind, f"results/{scan}/{day}/overview.{kind}") for kind in self.pictures]

    def published(self, scan: str, day: str) -> list[str]:
        """Everything a person looks at."""
        drawn = [*self.plots(scan, day), *self.overviews(scan, day)]
        pages = [*(page.path for page in self.pages.values()), *files.of_market(self.settings.wanted)]
        return [f"results/{scan}/{day}/{page}" for page in pages] + [one for *_, one in drawn]

    def to_publish(self, scan: str, day: str) -> list[str]:
        """What the manifest waits for of that: all of it, or for figures without a rule of their own their receipt."""
        if (scan, day) not in self.request.sessions:
            self.request = self.request.with_session((scan, day))
            self.hand_on(self.request)
            self._require_files(scan, day)
        self.make_again([f"results/{scan}/{day}/{files.MANIFEST}"])
        published = self.published(scan, day)
        if (scan, day) in self._drawn:
            return published
        count = len(self.pages) + len(files.of_market(self.settings.wanted))
        figures, receipt = published[count:], f"results/{scan}/{day}/{files.FIGURES}"
        self.make_again([receipt] if not all(Path(figure).is_file() for figure in figures) else [])
        return [*published[:count], receipt]

    def marked_manifest(self) -> str:
        """The manifest of the last-marked session."""
        scan, day = last_marked(self.settings, self.request.at)
        if self.request.marked is None and (scan, day) not in self.request.sessions:
            self.request = replace(self.request, marked=(scan, day))
            self.hand_on(self.request)
        return f"results/{scan}/{day}/{files.MANIFEST}"

    def manifests(self, scan: str) -> list[str]:
        """Manifests of the scan that the same command names; the index of what is already there needs none."""
        return [f"results/{one}/{day}/{files.MANIFEST}" for one, day in self.request.manifests if one == scan]
