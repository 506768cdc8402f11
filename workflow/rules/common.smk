"""Configuration checked, the sessions asked for, and the input functions the rules share."""

import os
import re
from functools import cache
from pathlib import Path

from workflow.scripts.darkpool import (
    clock,
    due,
    layout,
    marked,
    provenance,
    sessions,
    settings,
    universe,
    watchlist,
)
from workflow.scripts.darkpool.archive import Archive, file_name

SCRIPTS = Path(workflow.basedir, "workflow/scripts")
NOW = clock.now()

try:
    settings.check(config, settings.load(Path(workflow.basedir, "workflow/schemas/config.schema.yaml")))
except settings.ConfigError as error:
    raise WorkflowError(str(error)) from None

ARCHIVES = {scan: os.path.normpath(entry["archive"]) for scan, entry in config["scans"].items()}
LIVE = sorted({folder for scan, folder in ARCHIVES.items() if scan != settings.DEMO})
PREFIXES = config["finra"]["files"]
TABLE = "results/{scan}/{date}/"


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
        return universe.Universe(tuple(universe.Member(t, settings.DEMO) for t in watchlist.tickers(session_of(date))))
    entry, folder = config["scans"][scan], Path("results", scan, date)
    try:
        return universe.resolve(
            scan, session_of(date), entry.get("tickers", []), entry.get("universe", []), folder, Archive(ARCHIVES[scan])
        )
    except universe.UniverseError as error:
        raise WorkflowError(str(error)) from None


def tickers_of(wildcards):
    return universe_of(wildcards.scan, wildcards.date).tickers


def followed(wildcards):
    """Universe of every scan asked for that shares the archive: a vendor is asked once for all of them."""
    return {
        scan: [list(member) for member in universe_of(scan, wildcards.session).members]
        for scan, folder in ARCHIVES.items()
        if folder == wildcards.archive and (scan, wildcards.session) in requested()
    }


def answers(wildcards):
    """What the vendors said of the session: receipts, or the archive's own files where nobody is asked."""
    folder = ARCHIVES[wildcards.scan]
    if wildcards.scan == settings.DEMO or not config["offline"]:
        return [f"{folder}/receipts/{source}/{wildcards.date}.json" for source in ("finra", "yahoo")]
    archive, session = Archive(folder), session_of(wildcards.date)
    return [str(path) for path in layout.volume_answers(archive, session, window_of(wildcards.date), PREFIXES)]


def plots(scan, date):
    return [f"results/{scan}/{date}/plots/{file_name(ticker)}.png" for ticker in universe_of(scan, date).tickers]


def published(wildcards):
    """Everything a person looks at."""
    kinds = ["html", "png", *(["csv"] if config["export"]["csv"] else [])]
    return [TABLE.format(**wildcards) + f"table.{kind}" for kind in kinds] + plots(wildcards.scan, wildcards.date)


def latest_date():
    return str(marked.last_marked(Path("results/emps2"), NOW, config["marked"]))


def latest_manifest(wildcards):
    return f"results/emps2/{latest_date()}/all"


@cache
def requested():
    """Scan and date of every session among the targets: their plots are rules of their own, one file per ticker."""
    targets = sorted(workflow.dag_settings.targets) if workflow.dag_settings else []
    found = [re.match(r"results/([^/]+)/(\d{4}-\d{2}-\d{2})/", os.path.relpath(target)) for target in targets]
    pairs = {match.groups() for match in found if match and match[1] in ARCHIVES}
    if not targets or "latest" in targets:
        pairs.add(("emps2", latest_date()))
    return sorted(pairs)


def unfinished():
    """Receipts among the targets' inputs that leave something to ask; they are made again whatever their file times."""
    for scan, date in requested():
        if scan == settings.DEMO or config["offline"]:
            continue
        archive = Archive(ARCHIVES[scan])
        files = [layout.regsho_name(prefix, day) for day in window_of(date) for prefix in PREFIXES]
        if due.finra(archive, session_of(date), files):
            yield f"{ARCHIVES[scan]}/receipts/finra/{date}.json"
        if due.yahoo(archive, session_of(date), universe_of(scan, date).tickers):
            yield f"{ARCHIVES[scan]}/receipts/yahoo/{date}.json"


def code(script):
    """Hash of a script and of the modules it imports: an edit there, and only there, makes its rule run again."""
    return provenance.code_id(SCRIPTS / script, SCRIPTS / "darkpool")


if workflow.dag_settings:
    workflow.dag_settings.forcerun = {*workflow.dag_settings.forcerun, *unfinished()}
