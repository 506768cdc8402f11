"""What a session's folder holds: each file once, with the rule that makes it, who reads it, and what becomes of it.

A file that is not here is somebody else's: it marks the session, and nothing of this workflow touches it. Lists of a
session's files are derived from here; a rule names its own literally, and a test holds it against this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE = ".parquet"
WEEKLY, MARKET = "weekly", "market"
"""`when` of what the mode of this name alone makes, and of what is made with `market.show`."""


@dataclass(frozen=True)
class File:
    """A file under `results/{scan}/{date}/`, or one a ticker or part (`{ticker}`, `{part}`).

    `when` it is made: always, in mode weekly alone, or as the configuration says (`Settings.wanted`). `key`: its name
    in latest.json, where it is there. `listed`: the manifest names it. `swept`: it is gone when its run is, and with it
    what a killed run left.

    Tables alone: `exported` on demand; `spans`, its rows are of other days than the session's; `store`, its name in the
    history, None where it is not kept there; `optional`, a session may be without it; `sparse`, it may have no row.
    """

    path: str
    rule: str
    readers: frozenset[str]
    words: str
    when: str = "always"
    key: str | None = None
    listed: bool = True
    swept: bool = False
    exported: bool = False
    spans: bool = False
    store: str | None = None
    optional: bool = False
    sparse: bool = False

    @property
    def name(self) -> str:
        """The name of its folder or of the file itself, as a folder's listing shows it."""
        return self.path.partition("/")[0]

    @property
    def kind(self) -> str:
        return Path(self.path).suffix.removeprefix(".")

    def is_made(self, mode: str, wanted: Mapping[str, bool]) -> bool:
        """Whether a session that is asked for in `mode` has it; `wanted` as the configuration has it."""
        if self.when in ("always", WEEKLY):
            return self.when == "always" or mode == WEEKLY
        return wanted.get(self.when, False)


def _file(path: str, rule: str, readers: str, words: str, **more: Any) -> File:
    return File(path, rule, frozenset(readers.split()), words, **more)


def _table(name: str, rule: str, readers: str, words: str, *, store: str | None = "", **more: Any) -> File:
    """A table; its name in the history is its own, but where it is told."""
    return _file(
        name + TABLE, rule, f"write_manifest load_history export {readers}", words,
        key=name, exported=True, store=name if store == "" else store, **more,
    )  # fmt: skip


FILES = (
    _table("finra_trf", "build_volumes", "", "FINRA's file of the session", store="finra_trf_raw"),
    _table("yf_volume", "build_volumes", "", "consolidated volume of the window", store="yf_volume_raw", spans=True),
    _table(
        "merged", "build_volumes",
        "gather_lit build_features reconcile_sources screen_market publish_market publish_table draw_plots index show "
        "plots",
        "both volumes and their ratio, over the window", spans=True,
    ),
    _table(
        "lit_flow", "gather_lit", "build_features build_weekly publish_table plots", "lit trades, signed and added up",
        store="equity_lit_directional_flow",
    ),
    _table("trf_flow", "gather_lit", "build_features", "the off-exchange prints signed by themselves", sparse=True),
    _table(
        "trf_blocks", "gather_lit", "publish_table draw_plots blocks plots profile table digest latest",
        "the largest off-exchange prints",
        optional=True, sparse=True,
    ),
    _table(
        "trf_profile", "gather_lit", "build_features publish_table draw_plots plots profile",
        "off-exchange prints and lit trades by five minutes and price",
        optional=True, sparse=True,
    ),
    _table("dark_flow", "build_features", "", "estimate of bought and sold", store="darkpool_estimated_flow"),
    _table(
        "otc_weekly", "build_features", "", "newest FINRA week of each ticker",
        store="finra_otc_volume_raw", spans=True, optional=True, sparse=True,
    ),
    _table(
        "reconciliation", "reconcile_sources", "publish_table", "every two sources that say the same thing, compared",
        spans=True, optional=True, sparse=True,
    ),
    _table(
        "weekly", "build_weekly", "publish_table draw_plots index", "FINRA's weeks split by their lit buy ratio",
        when=WEEKLY, spans=True, optional=True, sparse=True,
    ),
    _table(
        "market_screen", "screen_market", "build_features publish_market study",
        "every symbol of FINRA's file, compared", when=MARKET, store=None, optional=True, sparse=True,
    ),
    _table(
        "market", "publish_market", "publish_table index digest market", "the whole market with what Yahoo confirms",
        when=MARKET, optional=True, sparse=True,
    ),
    _file(
        "market.html", "publish_market", "write_manifest publish_table index", "page of the market",
        when=MARKET, key="market_page",
    ),
    _file("market.csv", "publish_market", "write_manifest", "the market for a program", when=MARKET),
    _table(
        "features", "build_features",
        "publish_market publish_table draw_plots index show plots table sessions digest doctor morning latest "
        "study",
        "the session's numbers",
    ),
    _file("table.html", "publish_table", "write_manifest index backlog digest", "page of the session", key="page"),
    _file("table.png", "publish_table", "write_manifest digest", "what stands out, as a picture", key="picture"),
    _file("table.svg", "publish_table", "write_manifest", "table as a drawing", when="svg"),
    _file("table.csv", "publish_table", "write_manifest", "table for a program", when="csv", key="csv"),
    _file("table.xlsx", "publish_table", "write_manifest", "table for a spreadsheet", when="xlsx", key="xlsx"),
    _file("overview.png", "draw_plots", "write_manifest", "overview of the watchlist"),
    _file("overview.svg", "draw_plots", "write_manifest", "overview of the watchlist", when="svg"),
    _file("plots/{ticker}.png", "draw_plots", "write_manifest publish_table table", "plot of a ticker"),
    _file("plots/{ticker}.svg", "draw_plots", "write_manifest", "plot of a ticker", when="svg"),
    _file(".figures", "draw_plots", "write_manifest", "receipt of figures that no target names", listed=False),
    _file(
        "all", "write_manifest", "load_history publish_index index backlog digest doctor morning latest table",
        "manifest: every output and input with its hash", key="manifest", listed=False,
    ),
    _file(".history.json", "load_history", "", "receipt of the history", listed=False),
    _file(".parts/{part}.lit_flow.parquet", "classify_lit", "gather_lit", "a part's flow", listed=False, swept=True),
    _file(".parts/{part}.trf_flow.parquet", "classify_lit", "gather_lit", "a part's prints", listed=False, swept=True),
    _file(
        ".parts/{part}.trf_profile.parquet", "classify_lit", "gather_lit", "a part's profile",
        listed=False, swept=True,
    ),
    _file(
        ".parts/{part}.trf_blocks.parquet", "classify_lit", "gather_lit", "a part's largest prints",
        listed=False, swept=True,
    ),
)  # fmt: skip
"""Every file of a session, in the order in which they are told."""

BY_PATH: Mapping[str, File] = {file.path: file for file in FILES}
TABLES: Mapping[str, File] = {file.key: file for file in FILES if file.key and file.path == file.key + TABLE}
"""The session's tables by name; a part's are none."""

FEATURES, MERGED, WEEKS, RECONCILIATION, BLOCKS, MARKET_TABLE, SCREEN = (
    TABLES[name].path
    for name in ("features", "merged", "weekly", "reconciliation", "trf_blocks", "market", "market_screen")
)
MARKET_PAGE = BY_PATH["market.html"].path
PAGE, PICTURE = BY_PATH["table.html"].path, BY_PATH["table.png"].path
MANIFEST, RECEIPT = BY_PATH["all"].path, BY_PATH[".history.json"].path
FIGURES = BY_PATH[".figures"].path
PLOTS = BY_PATH["plots/{ticker}.png"].name

STORE, INDEX, LATEST, STATE, SENT = "history.duckdb", "index.html", "latest.json", ".morning.json", ".messages.json"
STUDY, STUDY_FIGURE = "study.parquet", "study.png"
MARKET_STUDY, MARKET_STUDY_FIGURE = "study_market.parquet", "study_market.png"
"""Whether the scores say anything of the price, on demand: of the watchlist, and of the whole market."""
FOLLOW = "follow.csv"
"""Tickers that a person follows, with the day since; theirs, though a command writes it."""
INDEX_NOTE = ".index.json"
"""What the index on disk was made of, so that it is made again only where that has changed."""
BESIDE = frozenset(
    {STORE, INDEX, LATEST, STATE, SENT, INDEX_NOTE, FOLLOW, STUDY, STUDY_FIGURE, MARKET_STUDY, MARKET_STUDY_FIGURE}
)
"""What stands beside the sessions, under `results/{scan}/`."""

OURS = frozenset(file.name for file in FILES)
"""Names in a session's folder that are this workflow's."""


def made(mode: str, wanted: Mapping[str, bool]) -> list[File]:
    """What a session that is asked for has; `mode` and `wanted` as the configuration has them."""
    return [file for file in FILES if file.is_made(mode, wanted)]


def tables(mode: str, wanted: Mapping[str, bool]) -> list[str]:
    """Paths of the tables of a session that is asked for."""
    return [file.path for file in made(mode, wanted) if file in TABLES.values()]


def pages(wanted: Mapping[str, bool]) -> dict[str, File]:
    """What `publish_table` makes, by kind."""
    return {file.kind: file for file in made("single", wanted) if file.rule == "publish_table"}


def of_market(wanted: Mapping[str, bool]) -> list[str]:
    """Paths of what `publish_market` makes for a person."""
    return [file.path for file in made("single", wanted) if file.rule == "publish_market" and not file.exported]


def pictures(wanted: Mapping[str, bool]) -> list[str]:
    """Kinds of picture that plots and overview are made in."""
    return [file.kind for file in made("single", wanted) if file.path.startswith("overview.")]


def read_by(reader: str) -> list[str]:
    """Paths of what a rule, command or module reads."""
    return [file.path for file in FILES if reader in file.readers]


def is_ours(name: str) -> bool:
    """Whether an entry of a session's folder is no mark: this workflow's, or hidden."""
    return name in OURS or name.startswith(".")


def with_drafts(folder: Path) -> dict[Path, set[str]]:
    """Folders in which a killed run may have left a draft, with the patterns of the names it would have been given.

    `folder` is a session's, or the scan's.
    """
    found = {folder: set(BESIDE)}
    for file in FILES:
        if not file.swept:
            place, _, name = file.path.rpartition("/")
            found.setdefault(folder / place, set()).add(name.replace("{ticker}", "*"))
    return found


def swept_names() -> list[str]:
    """Patterns of the paths, in a session's folder, of what goes with the run that made it."""
    return [file.path.replace("{part}", "*-of-*") for file in FILES if file.swept]


def swept(folder: Path) -> list[Path]:
    """Folders of a session that go with the run that filled them."""
    return sorted({folder / file.name for file in FILES if file.swept})
