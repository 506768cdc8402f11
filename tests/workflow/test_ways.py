"""Every way to start the workflow asks for the same: a command, a job on a node, Python, another workflow.

Two scans with an archive each: emps2 follows AAPL and NA, own follows BRK.B. A job that took another scan's request
would draw, or ask for, what is not its own.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from darkpool.plan import engine, request
from mornings import PATIENCE
from standin import Vendors

DAY = "2025-12-22"
NODES = Path(__file__).parents[1] / "nodes"
OWN = f"results/own/{DAY}"
AT = "2025-12-23T06:00:00-05:00"
SCANS = {
    "emps2": {"archive": "resources/archive", "tickers": ["AAPL", "NA"]},
    "own": {"archive": "resources/own", "tickers": ["BRK.B"]},
}


@pytest.fixture(scope="module")
def stood(live_in, tmp_path_factory):
    """A project in which the scan own has finished its session, by the command line."""
    folder = tmp_path_factory.mktemp("ways")
    with Vendors(folder / "vendors") as vendors:
        live = live_in(folder, vendors)
        live.publish()
        live.project.env["DARKPOOL_NOW"] = live.now
        config = {**live.settings, "scans": SCANS}
        run = live.project.finish(f"{OWN}/all", config=config)
        yield replace(live, settings=config), run
        assert not vendors.unexpected, [one.path for one in vendors.unexpected]


@pytest.fixture
def way(stood, tmp_path):
    """A copy of it, with its configuration as a file: `config`. Nobody has been asked yet."""
    live, _ = stood
    project = replace(live.project, root=tmp_path / "project", scan="own", env=dict(live.project.env))
    shutil.copytree(live.project.root, project.root)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(live.settings))
    live.vendors.requests.clear()
    yield project
    assert not live.asked("finra.org") + live.asked("yahoo.com")


def pictures(project):
    return sorted(str(path.relative_to(project.folder())) for path in project.folder().rglob("*.png"))


WHOLE = ["overview.png", "plots/BRK.B.png", "table.png"]


def python(project, code, *arguments, cwd=None):
    """What a Python process says that runs `code` in the project's folder; it must end 0."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd or project.root,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_command_line_asks_for_what_it_names_and_for_no_other_scan(stood):
    live, run = stood
    assert (run.rules["fetch_yahoo"], run.rules["draw_plots"]) == (1, 1)
    assert pictures(replace(live.project, scan="own")) == WHOLE
    assert not (live.project.root / "resources/archive").exists()
    assert not (live.project.root / "results/emps2").exists()


API = """
import sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings
with SnakemakeApi(OutputSettings()) as api:
    for target in sys.argv[2:]:
        workflow = api.workflow(ResourceSettings(cores=2), ConfigSettings(configfiles=[Path(sys.argv[1])]))
        workflow.dag(DAGSettings(targets=[target])).execute_workflow()
"""


def test_a_picture_that_is_missing_is_drawn_through_the_python_api_too(way):
    (way.folder() / "plots/BRK.B.png").unlink()
    said = python(way, API, str(way.root.parent / "config.yaml"), f"{OWN}/all")
    assert pictures(way) == WHOLE
    assert "draw_plots_own" in said
    assert "emps2" not in said


def test_two_runs_of_one_process_are_two_requests(way):
    (way.folder() / "overview.png").unlink()
    python(way, API, str(way.root.parent / "config.yaml"), f"{OWN}/finra_trf.parquet", f"{OWN}/all")
    assert pictures(way) == WHOLE


def job(project, name, **variables):
    """Run one job as a node is told to; nothing else of the workflow."""
    return project.run(
        "--target-jobs", name, "--mode", "remote", "--force", "--nolock", "--configfile",
        str(project.root.parent / "config.yaml"), **variables,
    )  # fmt: skip


@pytest.mark.parametrize("handed", ["nothing", "the request", "that of another session"])
def test_a_job_on_a_node_draws_its_own_scan_whatever_was_handed_to_it(way, handed):
    (way.folder() / "plots/BRK.B.png").unlink()
    mine = {"mode": "single", "run": "1@x", "at": AT, "sessions": {"own": [DAY]}, "manifests": {}, "marked": None}
    other = {**mine, "sessions": {"emps2": ["2025-12-19"]}}
    told = {"nothing": {}, "the request": {request.VARIABLE: json.dumps(mine)}}
    variables = told.get(handed, {request.VARIABLE: json.dumps(other)})
    run = job(way, f"draw_plots_own_{DAY}:", **variables)
    assert run.code == 0, run.said
    assert set(run.rules) == {"draw_plots"}
    assert pictures(way) == WHOLE
    assert not (way.root / "results/emps2").exists()


def test_a_job_with_wildcards_is_its_own_session_s(way):
    run = job(way, f"build_volumes:scan=own,date={DAY}")
    assert (run.code, set(run.rules)) == (0, {"build_volumes"}), run.said
    assert {row["ticker"] for row in way.table("merged").to_dicts()} == {"BRK.B"}
    assert not (way.root / "resources/archive").exists()


def test_a_job_takes_the_mode_it_was_handed_and_not_the_node_s(way):
    told = {"mode": "weekly", "run": "1@x", "at": AT, "sessions": {"own": [DAY]}, "manifests": {}, "marked": None}
    variables = {request.VARIABLE: json.dumps(told), "FETCH_MODE": "single"}
    run = way.run(
        "--dry-run", "--target-jobs", f"write_manifest:scan=own,date={DAY}", "--mode", "remote", "--nolock",
        "--configfile", str(way.root.parent / "config.yaml"), **variables,
    )  # fmt: skip
    assert f"{OWN}/weekly.parquet" in run.said


def test_a_request_that_cannot_be_read_is_refused_in_a_sentence(way):
    run = job(way, f"draw_plots_own_{DAY}:", **{request.VARIABLE: "{'sessions'"})
    assert run.code == 1
    assert f"{request.VARIABLE} is \"{{'sessions'\"; expected what a main process" in run.said
    assert "Traceback" not in run.said


def on_nodes(project, *arguments):
    """Run on the executor of tests/nodes with --jobs and without --cores."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "snakemake",
            "--executor",
            "nodes",
            "--jobs",
            "3",
            "--seconds-between-status-checks",
            "1",
            "--latency-wait",
            "5",
            "--configfile",
            str(project.root.parent / "config.yaml"),
            "--",
            *arguments,
        ],
        cwd=project.root,
        env=project.environment(PATH=path, PYTHONPATH=str(NODES)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def test_jobs_on_nodes_without_cores_make_what_the_command_line_makes(way):
    before = way.digests(OWN)
    for name in ("merged.parquet", "features.parquet", "table.csv", "plots/BRK.B.png", "all"):
        (way.folder() / name).unlink()
    done = on_nodes(way, f"{OWN}/all")
    assert done.returncode == 0, done.stdout
    assert "Provided remote nodes: 3" in done.stdout
    assert way.digests(OWN) == before


def test_a_hundred_tickers_are_the_same_parts_on_nodes_with_other_cores(way):
    tickers = [f"T{number:03}" for number in range(101)]
    config = yaml.safe_load((way.root.parent / "config.yaml").read_text())
    config["scans"]["own"]["tickers"] = tickers
    config |= {"offline": True, "lit": {"source": "trades"}}
    (way.root.parent / "config.yaml").write_text(yaml.safe_dump(config))
    done = on_nodes(way, f"{OWN}/lit_flow.parquet")
    assert done.returncode == 0, done.stdout
    assert all(f".parts/{part}-of-3.lit_flow.parquet" in done.stdout for part in (1, 2, 3))
    assert way.table("lit_flow")["ticker"].to_list() == tickers
    again = way.finish("--cores", "1", f"{OWN}/lit_flow.parquet", config=config)
    assert "Nothing to be done" in again.said


def test_the_workflow_runs_from_another_folder_with_that_folder_s_results(way, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    shutil.copytree(way.root / "resources", folder / "resources")
    elsewhere = replace(way, root=folder)
    run = elsewhere.run("-s", str(way.root / "Snakefile"), f"{OWN}/all", "--configfile", str(tmp_path / "config.yaml"))
    assert run.code == 0, run.said
    assert pictures(elsewhere) == WHOLE
    assert (folder / OWN / "all").read_bytes() == (way.root / OWN / "all").read_bytes()


RULE = 'rule everything:\n    default_target: True\n    input:\n        "{target}",\n'
IMPORT = """
module darkpool:
    snakefile: "{snakefile}"
    config: {config}


use rule * from darkpool{named}
"""


@pytest.mark.parametrize(
    ("order", "named", "target"),
    [
        ("above", "", ()),
        ("below", " as dark_*", ()),
        ("below", " as dark_*", (f"{OWN}/all",)),
    ],
)
def test_another_workflow_imports_this_one_with_its_own_configuration(way, tmp_path, order, named, target):
    folder = tmp_path / "parent"
    shutil.copytree(way.root / "resources", folder / "resources")
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    parts = [
        RULE.format(target=f"{OWN}/all"),
        IMPORT.format(snakefile=way.root / "Snakefile", config=config, named=named),
    ]
    (folder / "Snakefile").write_text("\n".join(parts if order == "above" else reversed(parts)))
    parent = replace(way, root=folder)
    run = parent.run(*target)
    assert run.code == 0, run.said
    assert pictures(parent) == WHOLE
    assert (folder / OWN / "all").read_bytes() == (way.root / OWN / "all").read_bytes()
    assert not (folder / "resources/archive").exists()
    (folder / OWN / "plots/BRK.B.png").unlink()
    again = parent.run(*target)
    assert again.code == 0, again.said
    assert pictures(parent) == WHOLE


def test_the_installed_snakemake_is_the_one_whose_inside_was_tried():
    from importlib.metadata import version

    assert version("snakemake") == engine.TRIED_ON
