"""Binds the rules' wildcards to darkpool.plan: the configuration checked, the request, the shared input functions."""

import logging
import os
import re
import sys
from dataclasses import asdict, replace
from pathlib import Path

from snakemake.utils import update_config

# Beside this file, wherever it is included from: another folder, or another workflow that imports this one.
ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=False)).resolve().parents[1]
SCRIPTS = ROOT / "workflow/scripts"
if str(SCRIPTS) not in sys.path:
    sys.path.insert(0, str(SCRIPTS))

from darkpool import clock, credentials, listing, settings, terminal
from darkpool.plan import code_hash, configuration, engine, inputs, progress, request
from darkpool.session import files, manifest

SAID = logging.getLogger("snakemake.logging")
QUIET = {kind.name for kind in workflow.output_settings.quiet or ()}
SAID.addHandler(progress.TimeLeft(alone=bool(QUIET), silent="ALL" in QUIET))
progress.keep_whole_log(SAID)

# The folder's own configuration where it has one, also when the Snakefile is taken from elsewhere (snakemake -s).
CONFIG = Path("config.yaml") if Path("config.yaml").is_file() else ROOT / "config.yaml"
try:
    settings.load(CONFIG)  # Snakemake would not say which line is no YAML
except ValueError as error:
    raise engine.Refused(terminal.shown(str(error))) from None


configfile: CONFIG


IS_IMPORTED = Path(workflow.main_snakefile).resolve() != ROOT / "Snakefile"
if IS_IMPORTED:
    given, config = config, settings.load(ROOT / "config.yaml")
    update_config(config, given)

try:
    request.require_no_target(workflow.config_settings.configfiles)
    SETTINGS = configuration.settled(config, configuration.schema(ROOT))
    ODD_LINES = credentials.check()
    NOW = clock.now()
    ARCHIVES = SETTINGS.archives
    REQUEST = request.of_run(
        engine.targets(),
        ARCHIVES,
        SETTINGS.mode,
        NOW,
        os.environ,
        lambda: inputs.last_marked(SETTINGS, NOW),
        is_main=workflow.is_main_process,
        is_imported=IS_IMPORTED,
    )
    SETTINGS = replace(SETTINGS, mode=REQUEST.mode)
    config["mode"] = REQUEST.mode  # as the manifest tells it
except ValueError as error:
    raise engine.Refused(terminal.shown(str(error))) from None
if workflow.is_main_process:
    engine.keep_processes()
    for line in listing.few(ODD_LINES):
        print(f"warning: {line}", file=sys.stderr)


def make_again(paths):
    """Whatever their file times; a job makes what it was started for, and nothing again."""
    if workflow.is_main_process:
        engine.force(workflow.dag, paths)


INPUTS = inputs.Inputs(SETTINGS, REQUEST, make_again, lambda grown: grown.hand_on(os.environ))
LIVE = sorted({folder for scan, folder in ARCHIVES.items() if scan != settings.DEMO})
TABLES = [f"results/{{scan}}/{{date}}/{path}" for path in files.tables(REQUEST.mode, SETTINGS.wanted)]
MARKET_TABLE = [path for path in TABLES if Path(path).name == files.MARKET_TABLE]
WEEKLY_TABLE = [path for path in TABLES if Path(path).name == files.WEEKS]


envvars:
    *REQUEST.hand_on(os.environ),


report: "../report/workflow.rst"


wildcard_constraints:
    scan="|".join(map(re.escape, ARCHIVES)),
    date=r"\d{4}-\d{2}-\d{2}",
    session=r"\d{4}-\d{2}-\d{2}",
    archive="|".join(map(re.escape, LIVE)),
    scatteritem=r"\d+-of-\d+",


def clean(ask):
    """`ask`, whose refusals stop the run with their sentence alone."""

    def asked(*values):
        try:
            return ask(*values)
        except ValueError as error:
            raise engine.Refused(terminal.shown(str(error))) from None

    return asked


def of_session(ask):
    """An input function of `ask`, which takes scan and date."""
    return lambda wildcards: clean(ask)(wildcards.scan, wildcards.date)


def archive_of(wildcards):
    return ARCHIVES[wildcards.scan]


def wanted(wildcards, output):
    """`output` tells Snakemake that this is no reason to make the output again."""
    return clean(INPUTS.wanted)(wildcards.archive, wildcards.session)


def code(script):
    """Hash of a script and of what it needs: an edit there, and only there, makes its rule run again."""
    return clean(code_hash.code_id)(SCRIPTS / script, SCRIPTS / "darkpool")
