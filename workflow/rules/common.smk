"""Configuration checked, the sessions asked for, and the input functions the rules share."""

import logging
import math
import os
import re
import sys
from datetime import timedelta
from functools import cache
from pathlib import Path

from workflow.scripts.darkpool import (
    clock,
    credentials,
    due,
    finra_files,
    layout,
    listing,
    marked,
    provenance,
    sessions,
    settings,
    universe,
    watchlist,
)
from workflow.scripts.darkpool.archive import Archive, file_name
from workflow.scripts.darkpool.plan import code_hash, progress

SCRIPTS = Path(workflow.basedir, "workflow/scripts")
NOW = clock.now()
# What one job learns of a vendor that is down the other jobs of this run need not find out again.
os.environ.setdefault("DARKPOOL_RUN", f"{os.getpid()}@{NOW:%Y%m%dT%H%M%SZ}")

try:
    SCHEMA = settings.load(Path(workflow.basedir, "workflow/schemas/config.schema.yaml"))
    settings.check(config, SCHEMA)
    config["mode"] = settings.mode(config)
    settings.check(config, SCHEMA)
    ODD_LINES = credentials.check()
except ValueError as error:
    raise WorkflowError(str(error)) from None
if workflow.is_main_process:
    for line in listing.few(ODD_LINES):
        print(f"warning: {line}", file=sys.stderr)

logging.getLogger("snakemake.logging").addHandler(progress.TimeLeft())

ARCHIVES = {settings.DEMO: "resources/demo"} | {
    scan: os.path.normpath(entry["archive"]) for scan, entry in config["scans"].items()
}
LIVE = sorted({folder for scan, folder in ARCHIVES.items() if scan != settings.DEMO})
WEEKLY = config["mode"] == "weekly"
WEEKS = config["backfill_count"] if WEEKLY else 1
WEEKS_AGAIN = config["finra"].get("weeks_again", 0)
PREFIXES = config["finra"]["files"]
PAGES = {
    kind: f"results/{{scan}}/{{date}}/table.{kind}"
    for kind in ("html", "png", "svg", "csv", "xlsx")
    if config["export"].get(kind, kind != "svg")
}
PAGE_WORDS = {
    "html": "page of the session",
    "png": "table as a picture",
    "svg": "table as a drawing",
    "csv": "table for a program",
    "xlsx": "table for a spreadsheet",
}
PICTURES = ["png", "svg"] if config["export"].get("svg", False) else ["png"]
TABLES = [
    f"results/{{scan}}/{{date}}/{table}.parquet"
    for table in "finra_trf yf_volume merged lit_flow trf_flow dark_flow otc_weekly features reconciliation".split()
]
WEEKLY_TABLE = ["results/{scan}/{date}/weekly.parquet"] if WEEKLY else []
TABLES += WEEKLY_TABLE


report: "../report/workflow.rst"


wildcard_constraints:
    scan="|".join(map(re.escape, ARCHIVES)),
    date=r"\d{4}-\d{2}-\d{2}",
    session=r"\d{4}-\d{2}-\d{2}",
    archive="|".join(map(re.escape, LIVE)),


@cache
def session_of(date):
    """The session a target names; any other day, or one that has not ended, stops before the first job."""
    try:
        return sessions.require_completed(date, NOW)
    except sessions.NotASession as error:
        raise WorkflowError(str(error)) from None


@cache
def window_of(date):
    """The session and the sessions its history needs, oldest first."""
    return sessions.window(session_of(date), config["history"]["window"])


@cache
def universe_of(scan, date):
    """What the scan follows on that day."""
    if scan == settings.DEMO:
        return universe.of_pairs((ticker, settings.DEMO) for ticker in watchlist.tickers(session_of(date)))
    entry, folder = config["scans"][scan], Path("results", scan, date)
    try:
        return universe.resolve(
            scan, session_of(date), entry.get("tickers", []), entry.get("universe", []), folder, Archive(ARCHIVES[scan])
        )
    except universe.UniverseError as error:
        raise WorkflowError(str(error)) from None


def tickers_of(wildcards):
    return universe_of(wildcards.scan, wildcards.date).tickers


@cache
def on_page(scan, date):
    """Sessions on the page of a target, oldest first: in mode daily those before it too, each with its own tables."""
    count = config["backfill_count"] if config["mode"] == "daily" else 1
    return [str(day) for day in sessions.window(session_of(date), count - 1)]


def features_on_page(wildcards):
    return [f"results/{wildcards.scan}/{day}/features.parquet" for day in on_page(wildcards.scan, wildcards.date)]


def lit_on_page(wildcards):
    return [f"results/{wildcards.scan}/{day}/lit_flow.parquet" for day in on_page(wildcards.scan, wildcards.date)]


def wanted(wildcards, output):
    """Per session that this run needs of the archive: its window, and the universe of every scan that follows it.

    A vendor is asked once for all of them. `output` tells Snakemake that this is no reason to make the output again.
    """
    pairs = {(scan, day) for scan, date in requested() for day in [*on_page(scan, date), wildcards.session]}
    found = {}
    for scan, day in sorted(pairs):
        if ARCHIVES[scan] == wildcards.archive:
            entry = found.setdefault(day, {"window": window_of(day), "followed": {}})
            entry["followed"][scan] = [list(member) for member in universe_of(scan, day).members]
    return found


def require_files(archive, session):
    """The files of the configuration make a whole for the session, and FINRA has them or the archive does."""
    try:
        finra_files.require_whole(PREFIXES, session)
        finra_files.require_published(PREFIXES, session, lambda prefix: archive.answers(layout.regsho(prefix, session)))
    except finra_files.FilesError as error:
        raise WorkflowError(str(error)) from None


def answers(wildcards):
    """What the vendors said of the session: receipts, or the archive's own files where nobody is asked."""
    scan, date, folder = wildcards.scan, wildcards.date, ARCHIVES[wildcards.scan]
    archive, window = Archive(folder), window_of(date)
    if scan != settings.DEMO and (scan, date) in requested():
        require_files(archive, window[-1])
    if config["offline"] and scan != settings.DEMO:
        return [str(path) for path in layout.volume_answers(archive, window[-1], window, PREFIXES)]
    receipts = {source: f"{folder}/receipts/{source}/{date}.json" for source in layout.VOLUME_SOURCES}
    universe_name = layout.universe(scan, window[-1])
    if scan == settings.DEMO:
        if layout.is_damaged(archive, [*layout.volume_names(window[-1], window, PREFIXES), universe_name]):
            workflow.dag.forcefiles.update(receipts.values())
    else:
        names = layout.regsho_names(PREFIXES, window)
        left = {
            "finra": due.finra(archive, window[-1], names),
            "yahoo": due.yahoo(archive, window[-1], tickers_of(wildcards))
            or not archive.answers(universe_name)
            or archive.damaged(universe_name),
        }
        # A receipt that leaves something to ask is made again, whatever its file time.
        workflow.dag.forcefiles.update(receipts[source] for source in left if left[source])
    return list(receipts.values())


def plots(scan, date):
    """Ticker, kind and path of every plot of a session."""
    return [
        (ticker, kind, f"results/{scan}/{date}/plots/{file_name(ticker)}.{kind}")
        for ticker in universe_of(scan, date).tickers
        for kind in PICTURES
    ]


def overviews(scan, date):
    """Kind and path of the figure of the whole watchlist."""
    return [(kind, f"results/{scan}/{date}/overview.{kind}") for kind in PICTURES]


def published(wildcards):
    """Everything a person looks at."""
    drawn = [*plots(wildcards.scan, wildcards.date), *overviews(wildcards.scan, wildcards.date)]
    return [path.format(**wildcards) for path in PAGES.values()] + [path for *_, path in drawn]


def latest_date():
    return str(marked.last_marked(Path("results/emps2"), NOW, config["marked"]))


def flags_of(wildcards):
    """`stale_mark` where the session is reached as the last-marked date though a newer one has completed.

    A session that is named, or stands on the page of a later one, is no mark; daily.sh names all, and tells which one is.
    """
    this, told = f"{wildcards.scan}/{wildcards.date}", os.environ.get("DARKPOOL_LAST_MARKED")
    named = this in " ".join(sys.argv[1:])
    asked = wildcards.scan == "emps2" and (wildcards.scan, wildcards.date) in requested() and not named
    is_stale = session_of(wildcards.date) != sessions.last_completed(NOW)
    return ["stale_mark"] if is_stale and (this == told if told else asked) else []


def latest_manifest(wildcards):
    return f"results/emps2/{latest_date()}/all"


def ticks(wildcards):
    """Trades, quotes and minute bars of the session: a receipt, or the archive's own files where nobody is asked."""
    folder, session = ARCHIVES[wildcards.scan], session_of(wildcards.date)
    source = config["lit"]["source"]
    if source == "none":
        return []
    archive = Archive(folder)
    if wildcards.scan == settings.DEMO or not config["offline"]:
        receipt = f"{folder}/receipts/polygon/{wildcards.date}.json"
        tickers = tickers_of(wildcards)
        if wildcards.scan == settings.DEMO:
            is_open = any(layout.damaged_ticks(archive, session, ticker, source) for ticker in tickers)
        else:
            is_open = due.ticks(archive, session, tickers, source)
        if is_open:
            workflow.dag.forcefiles.add(receipt)
        return [receipt]
    return [
        str(path)
        for ticker in tickers_of(wildcards)
        for path in layout.tick_files(archive, session, ticker, source).values()
    ]


def is_late(scan, date):
    """Whether the session is finished, so that weeks which come now come too late for it; mode weekly shows them."""
    return not WEEKLY and Path("results", scan, date, "all").is_file()


def weeks(wildcards):
    """FINRA's weekly data of the session: a receipt where it is asked for, and else what the archive holds.

    A finished session is asked again for what FINRA failed to tell it, and not for weeks that had not come by its
    morning: it could not see them.
    """
    scan, date, folder = wildcards.scan, wildcards.date, ARCHIVES[wildcards.scan]
    archive, session = Archive(folder), session_of(date)
    receipt = f"{folder}/receipts/finra_weekly/{date}.json"
    if scan == settings.DEMO:
        mondays = layout.otc_weekly_mondays(archive, session, WEEKS)
        if layout.is_damaged(archive, map(layout.otc_weekly, mondays)):
            workflow.dag.forcefiles.add(receipt)
        return {"weekly": receipt}
    if (WEEKLY or config["finra"].get("weekly", True)) and not config["offline"]:
        is_open = due.weekly(archive, session, WEEKS, late=is_late(scan, date))
        if is_open or (WEEKS_AGAIN and (scan, date) in requested()):
            workflow.dag.forcefiles.add(receipt)
        return {"weekly": receipt}
    return {"weekly": [str(path) for path in layout.otc_weekly_answers(archive, session, WEEKS)]}


def flows_of_weeks(wildcards):
    """Flows of the sessions of the weeks on the page, as far as the archive holds anything to make them of."""
    scan, session, archive = wildcards.scan, session_of(wildcards.date), Archive(ARCHIVES[wildcards.scan])
    mondays = {monday for monday, _ in due.weeks(session, WEEKS)}
    days = [day for monday in sorted(mondays) for day in sessions.between(monday, monday + timedelta(days=6))]
    there = [day for day in days if scan == settings.DEMO or layout.has_ticks(archive, day)]
    return [f"results/{scan}/{day}/lit_flow.parquet" for day in there]


def weekly_tickers(wildcards):
    """The universe less what is kept out of every FINRA table."""
    return [ticker for ticker in tickers_of(wildcards) if ticker not in config["excluded_finra_tickers"]]


def lit_settings():
    """The part of the configuration that decides how lit trades are signed."""
    return {key: value for key, value in config["lit"].items() if key != "calls_per_minute"}


@cache
def requested():
    """Scan and date of every session the command names: its plots are a rule of their own, one file per ticker.

    Snakemake knows its targets only after the rules, so they are read where they were written.
    """
    command = " ".join(sys.argv[1:])
    scans = "|".join(map(re.escape, ARCHIVES))
    found = set(re.findall(rf"\b({scans})[/_](\d{{4}}-\d{{2}}-\d{{2}})\b", command))
    if not found or re.search(r"\blatest\b", command):
        found.add(("emps2", latest_date()))
    return sorted(found)


def asked_for(wildcards):
    """Manifests of the scan that the same command names; the index of what is already there needs none."""
    named = re.findall(rf"\bresults/{re.escape(wildcards.scan)}/\d{{4}}-\d{{2}}-\d{{2}}/all\b", " ".join(sys.argv[1:]))
    return sorted(set(named))


def code(script):
    """Hash of a script and of the modules it imports: an edit there, and only there, makes its rule run again."""
    return code_hash.code_id(SCRIPTS / script, SCRIPTS / "darkpool")


# A part costs a process, so a small universe is one part; which tickers share a part changes no number.
scattergather:
    parts=max(1, min(workflow.cores or 1, max(math.ceil(len(universe_of(*pair).tickers) / 20) for pair in requested()))),
