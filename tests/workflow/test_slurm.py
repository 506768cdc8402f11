"""A real Slurm, controller and two nodes, signs what this machine signs; what goes wrong there is told, and made good.

The demo, and a scan of 45 tickers whose answers lie in the archive, each by `--profile profiles/slurm`.
"""

import shutil
import signal
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml

import canaries
import slurm_cluster
from darkpool.market import sessions
from mornings import PATIENCE
from standin import Vendors, nanoseconds

DAY = "2025-12-22"
TICKERS = [f"T{number:02}" for number in range(45)]
PARTS = 2
SETTINGS = {
    "finra": {"weekly": False},
    "lit": {"source": "trades", "min_lit_volume": 100, "calls_per_minute": 0, "parts": PARTS},
    "history": {"ma": 3, "min_sessions": 3, "window": 5},
    "market": {"show": 0},
    "plots": {"most": 0},
}
WINDOW = sessions.window(date.fromisoformat(DAY), SETTINGS["history"]["window"])
LIT = ("lit_flow", "trf_flow", "trf_blocks", "trf_profile")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """One for the file; every test finds both nodes idle."""
    slurm_cluster.require()
    with slurm_cluster.started(tmp_path_factory.mktemp("slurm")) as found:
        yield found


@pytest.fixture(autouse=True)
def _both_nodes(cluster):
    yield
    cluster.recover()


def command(project, *arguments):
    """The command of docs/scale.md, started; its configuration is the folder's own."""
    line = ["snakemake", "--profile", "profiles/slurm", "--local-cores", "2", *arguments]
    with tempfile.NamedTemporaryFile("w", dir=project.root.parent, suffix=".said", delete=False) as out:
        process = subprocess.Popen(
            line, cwd=project.root, stdout=out, stderr=subprocess.STDOUT,
            env=project.environment(PATH=slurm_cluster.path(), PYTHONPATH=slurm_cluster.path_of_executor()),
        )  # fmt: skip
    process.said = Path(out.name)
    return process


def said_by(process):
    return process.said.read_text()


def finished(process):
    """Exit status and all that was said."""
    try:
        process.wait(PATIENCE)
    finally:
        process.kill()
    return process.returncode, said_by(process)


def configure(project, config):
    """`config` over config.yaml, in the file itself: what a command would be told, a job on a node reads."""
    path = project.root / "config.yaml"
    whole = yaml.safe_load(path.read_text())
    for key, value in config.items():
        whole[key] = {**whole[key], **value} if isinstance(value, dict) and key in whole and key != "scans" else value
    path.write_text(yaml.safe_dump(whole))


def trade(number, price, size, **fields):
    stamp = nanoseconds(DAY, f"10:00:{number:02}")
    times = {"sip_timestamp": stamp + 1000, "participant_timestamp": stamp}
    return {**times, "sequence_number": number, "price": price, "size": size, "exchange": 11, "tape": 3, **fields}


def set_the_tape(vendors, number, ticker):
    """`number` more trades bought than the three that are sold, and one FINRA print, at 9.99 x 10.01."""
    days = dict.fromkeys(WINDOW, (10.0, 11.0, 9.0, 10.5, 1000))
    vendors.yahoo.bars(ticker, days)
    lit = [trade(at, 10.01 if at > 3 else 9.99, 50) for at in range(1, 5 + number % 40)]
    vendors.polygon.trades(ticker, DAY, [*lit, trade(59, 9.99, 500, exchange=4, trf_id=202)])
    sides = {
        "bid_price": 9.99,
        "ask_price": 10.01,
        "bid_size": 1,
        "ask_size": 1,
        "bid_exchange": 11,
        "ask_exchange": 11,
    }
    stamp = nanoseconds(DAY, "09:59:00")
    quote = {"sip_timestamp": stamp, "participant_timestamp": stamp, "sequence_number": 1, "tape": 3, **sides}
    vendors.polygon.quotes(ticker, DAY, [quote])


@pytest.fixture(scope="module")
def scan(cluster, live_in, tmp_path_factory):
    """A project whose archive has the answers for 45 tickers, asked once; from here on it is offline."""
    folder = tmp_path_factory.mktemp("scan")
    with Vendors(folder / "vendors") as vendors:
        live = live_in(folder, vendors)
        for number, day in enumerate(WINDOW, start=1):
            vendors.finra.publish(day, dict.fromkeys(TICKERS, (number, 0, 100 * number, "B,Q,N")))
        for number, ticker in enumerate(TICKERS):
            set_the_tape(vendors, number, ticker)
        # From a file: each configured ticker would have its plot.
        live.tickers, live.universe, live.settings = TICKERS[:1], ["scan.csv"], SETTINGS
        for folder in (live.project.folder(), live.project.root / "universe"):
            folder.mkdir(parents=True)
            (folder / "scan.csv").write_text("\n".join(["ticker", *TICKERS, ""]))
        receipts = [f"{live.archive}/receipts/{source}/{DAY}.json" for source in ("finra", "yahoo", "polygon")]
        project = live.project
        project.env["DARKPOOL_NOW"] = live.now
        configure(project, live.config)
        # No job's environment has the key; the step that asks here has it.
        vendors.polygon.key = canaries.POLYGON
        code, said = finished(command(project, "--", *receipts))
        assert code == 0, said
        asked = {
            ticker: kinds["trades"]["state"]
            for ticker, kinds in project.receipt(live.archive, "polygon")["tickers"].items()
        }
        assert asked == dict.fromkeys(TICKERS, "published")
        assert not vendors.unexpected
        assert not cluster.jobs("pending", "running")
        configure(project, {"offline": True})
        yield project


@pytest.fixture(scope="module")
def by_hand(scan, tmp_path_factory):
    """What this machine alone makes of the scan, begun while the nodes are at work."""
    here = replace(scan, root=tmp_path_factory.mktemp("here") / "project")
    shutil.copytree(scan.root, here.root)
    shutil.rmtree(here.folder())
    shutil.copytree(scan.root / "universe", here.folder())

    def make():
        here.finish(here.target())
        return here

    with ThreadPoolExecutor(1) as meanwhile:
        yield meanwhile.submit(make)


def test_the_demo_on_two_nodes_is_the_demo_of_this_machine_and_no_key_lies_on_the_cluster(
    cluster, copy_project, tmp_path
):
    here, there = copy_project(tmp_path / "here"), copy_project(tmp_path / "there")
    for project in (here, there):
        project.scan = "demo"
        configure(project, {"lit": {"parts": PARTS}})
    with ThreadPoolExecutor(1) as meanwhile:
        local = meanwhile.submit(here.finish, here.target())
        code, said = finished(command(there, there.target()))
        local.result()
    assert code == 0, said
    jobs = cluster.jobs()
    assert sorted(jobs.values()) == [
        f"rule_classify_lit_wildcards_demo_{DAY}_{part}-of-{PARTS}" for part in range(1, PARTS + 1)
    ]
    assert there.made("results", "resources") == here.made("results", "resources")
    scripts = [cluster.ask("scontrol", "write", "batch_script", job, "-") for job in jobs]
    assert all("--target-jobs 'classify_lit:" in script for script in scripts)
    environments = [path for path in cluster.kept() if path.name == "environment"]
    assert len(environments) == PARTS
    assert all(b"DARKPOOL_REQUEST=" in path.read_bytes() for path in environments)
    told = {*scripts, *(path.read_bytes().decode(errors="replace") for path in cluster.kept())}
    assert [text for text in told if canaries.in_text(text)] == []


def missing_parts(scan):
    """Numbers of the parts that a run of `lit_flow` still has to sign."""
    parts = scan.folder() / ".parts"
    return [
        n for n in range(1, PARTS + 1) if not all((parts / f"{n}-of-{PARTS}.{name}.parquet").exists() for name in LIT)
    ]


def test_a_job_that_is_killed_on_its_node_is_named_and_the_others_are_finished(cluster, scan):
    process = command(scan, scan.target())
    doomed = f"_{PARTS}-of-{PARTS}"

    def running():
        assert process.poll() is None, finished(process)
        return [job for job, comment in cluster.jobs("running").items() if comment.endswith(doomed)]

    slurm_cluster.wait(running, "the last part on a node", PATIENCE)
    (job,) = running()
    slurm_cluster.wait(lambda: cluster.processes(job), "the job's processes")
    for one in cluster.processes(job):
        slurm_cluster.kill(one)
    code, said = finished(process)
    assert code == 1, said
    assert f"SLURM-job '{job}' failed, SLURM status is: 'FAILED'" in said
    assert f"/.parts/{PARTS}-of-{PARTS}.lit_flow.parquet" in said.split("Error in rule classify_lit", 1)[1]
    assert not (scan.folder() / "all").exists()
    assert missing_parts(scan) == [PARTS]


def test_a_submission_that_is_refused_is_told_with_its_reason_and_part(scan):
    parts = missing_parts(scan)
    code, said = finished(command(scan, "--set-resources", "classify_lit:mem_mb=900000", "--", scan.target()))
    assert code == 1, said
    assert said.count("SLURM sbatch failed") == len(parts) > 0
    assert "Memory specification can not be satisfied" in said
    errors = said.split("Error in rule classify_lit")[1:]
    assert all(any(f"/.parts/{part}-of-{PARTS}.lit_flow" in error for error in errors) for part in parts)
    assert missing_parts(scan) == parts


def test_a_run_whose_nodes_are_drained_says_what_waits_and_a_stopped_one_leaves_no_job(cluster, scan):
    for node in slurm_cluster.NODES:
        cluster.update(node, "drain")
    process, part = command(scan, scan.target()), missing_parts(scan)[0]

    def told():
        assert process.poll() is None, finished(process)
        return f"classify_lit emps2_{DAY}_{part}-of-{PARTS} waits as Slurm job " in said_by(process)

    slurm_cluster.wait(told, "the word that a part waits", PATIENCE)
    assert "DRAINED" in said_by(process)
    process.send_signal(signal.SIGINT)
    code, said = finished(process)
    assert code == 1, said
    slurm_cluster.wait(lambda: not cluster.jobs("pending", "running"), "no job left")


def test_the_next_run_on_the_node_that_is_left_makes_what_is_missing_and_it_is_this_machine_s(cluster, scan, by_hand):
    cluster.update("n1", "drain")
    parts, before = missing_parts(scan), set(cluster.jobs())
    code, said = finished(command(scan, scan.target()))
    assert code == 0, said
    made = {job: comment for job, comment in cluster.jobs().items() if job not in before}
    assert sorted(made.values()) == [f"rule_classify_lit_wildcards_emps2_{DAY}_{part}-of-{PARTS}" for part in parts]
    assert {cluster.ask("squeue", "-h", "-t", "all", "-j", job, "-o", "%N").strip() for job in made} == {"n2"}
    assert scan.made("results") == by_hand.result().made("results")
    assert scan.table("lit_flow")["ticker"].to_list() == TICKERS
