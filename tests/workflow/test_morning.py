"""The unattended morning, as a scheduler calls it: nothing in the environment, any folder, any machine's zone."""

import json
import os
import shutil
import subprocess

import polars as pl
import pytest

from mornings import Mornings, link_environment

DAY = "2025-12-22"
BEFORE = "2025-12-19"
OWN_FILE = "CNMSshvol20251222.txt"


@pytest.fixture
def mornings(live):
    """daily.sh beside the stand-ins, which its `.env` leads to; the scan has marked 2025-12-22 and nothing else."""
    root = live.project.root
    link_environment(root)
    vendors = {name: value for name, value in live.vendors.variables.items() if value}
    (root / ".env").write_text("".join(f"{name}={value}\n" for name, value in vendors.items()))
    (root / ".env").chmod(0o600)
    hurried = {name: value for name, value in live.project.env.items() if name.startswith("DARKPOOL_")}
    config = {**live.config, "mode": "single", "morning": {"look_back": 0}}
    wrapper = Mornings(root, hurried, live.now, config)
    wrapper.mark(DAY)
    live.publish()
    return wrapper


def test_a_morning_ends_0_and_tells_everybody(mornings, live):
    call = mornings.run()
    assert (call.code, call.said) == (0, "")
    summary = call.summary
    assert {**summary, "seconds": 0} == {
        "schema": 1, "scan": "emps2", "action": "run", "date": DAY, "mode": "single", "stale_mark": False,
        "sessions": [{
            "date": DAY, "outcome": "done", "reason": None,
            "states": {"FINRA": "published", "Yahoo": "published", "Polygon": "absent"},
        }],
        "changed": [], "message": "failed: address 1 (json): connection refused",
        "log": "results/emps2/logs/2025-12-23T060000.log", "reason": None,
        "exit_status": 0, "written_at": "2025-12-23T11:00:00Z", "seconds": 0,
    }  # fmt: skip
    assert live.project.features()["AAPL"]["offex_ratio"] == 0.6
    latest = mornings.latest()
    assert (latest["date"], latest["complete"], latest["exit_status"]) == (DAY, True, 0)
    assert latest["states"]["FINRA"] == "published"
    assert pl.read_parquet(mornings.results / latest["paths"]["features"]).height == 3
    assert (mornings.results / latest["paths"]["history"]).is_file()
    assert "picture" in latest["paths"]
    assert "weekly" not in latest["paths"]
    log = (mornings.root / summary["log"]).read_text()
    assert "last-marked session 2025-12-22" in log
    assert json.loads(log.splitlines()[-1])["date"] == DAY

    # once more, from another folder and through a link: nobody is asked, nothing changes
    before = live.project.digests("results/emps2/2025-12-22", "resources")
    live.vendors.requests.clear()
    link = mornings.root.parent / "linked"
    link.symlink_to(mornings.script)
    done = subprocess.run(
        [link, *mornings.command()[1:]],
        cwd=mornings.root.parent, env=mornings.environment(TZ="Asia/Tokyo"), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not live.vendors.requests
    assert live.project.digests("results/emps2/2025-12-22", "resources") == before


def test_a_dry_run_is_dry(mornings, live):
    before = live.project.digests(".")
    call = mornings.run("--dry-run")
    assert call.code == 0, call.said
    assert (call.summary["action"], call.outcomes) == ("dry-run", {DAY: "dry-run"})
    assert "fetch_regsho" in call.said
    assert "localrule" not in call.said
    assert len(call.said.splitlines()) < 60, call.said  # a count of jobs by rule, and not a paragraph a job
    assert not live.vendors.requests
    after = live.project.digests(".")
    assert {name for name in after if after[name] != before.get(name) and not name.startswith(".snakemake/")} == set()
    assert not (mornings.root / ".morning.lock").exists()


def test_what_is_not_there_yet_is_tried_again_and_done_once(mornings, live):
    """Fired every hour from 05:59 on."""
    at = ("--at", "06:00")
    live.vendors.finra.withdraw(DAY)
    mornings.now = "2025-12-23T06:00:00-05:00"
    call = mornings.run(*at)
    assert (call.code, call.outcomes) == (75, {DAY: "not_final"})
    assert "2025-12-22: FINRA is not_yet" in call.said
    assert len(call.said.splitlines()) == 1
    assert "not_yet" in (mornings.results / DAY / "table.html").read_text()
    latest = mornings.latest()
    assert (latest["complete"], latest["exit_status"], latest["states"]["FINRA"]) == (False, 75, "not_yet")
    assert "features" in latest["paths"]
    assert "manifest" not in latest["paths"]

    live.publish()
    mornings.now = "2025-12-23T07:00:00-05:00"
    live.vendors.requests.clear()
    assert mornings.run(*at).outcomes == {DAY: "done"}
    assert live.files_asked() == [OWN_FILE]

    live.vendors.requests.clear()
    for now in ("2025-12-23T08:00:00-05:00", "2025-12-24T05:59:00-05:00"):
        mornings.now = now
        call = mornings.run(*at)
        assert (call.code, call.said, call.summary["action"]) == (0, "", "wait")
    assert not live.vendors.requests
    assert len(mornings.logs()) == 2


@pytest.mark.soak
def test_a_key_or_machine_that_is_refused_is_a_fault(mornings, live):
    live.vendors.faults.add(kind="status", status=403, host="cdn.finra.org")
    call = mornings.run()
    assert (call.code, call.outcomes) == (1, {DAY: "not_final"})
    assert "FINRA is blocked" in call.said
    assert "the whole log: " in call.said


@pytest.mark.soak
def test_a_fault_is_no_outage_whatever_an_earlier_run_left_in_the_tables(mornings, live):
    outage = live.vendors.faults.add(kind="refuse", host="cdn.finra.org")
    call = mornings.run()
    assert (call.code, call.summary["sessions"][0]["states"]["FINRA"]) == (75, "outage")
    assert outage.hits
    mornings.config = {
        **mornings.config,
        "scans": {"emps2": {**live.config["scans"]["emps2"], "universe": ["own_scan.csv"]}},
    }
    call = mornings.run()
    assert (call.code, call.outcomes) == (1, {DAY: "fault"})
    assert "own_scan.csv" in call.said
    assert "no column ticker or symbol" in call.said
    assert "Traceback" not in call.said


def test_what_cannot_be_understood_is_a_fault_before_anything_is_asked(mornings, live):
    call = mornings.run("--config", "mode=hourly")
    assert (call.code, call.summary["exit_status"]) == (1, 1)
    assert '"hourly" was given, allowed is single, daily, weekly' in call.said
    assert "Traceback" not in call.said
    assert '"hourly" was given' in (mornings.results / "logs" / mornings.logs()[0]).read_text()
    assert not live.vendors.requests


@pytest.mark.soak
def test_mornings_that_were_missed_are_caught_up_oldest_first(mornings, live):
    """2025-12-18 is finished already, 17 was never marked, 16 was marked before there was an answer for it."""
    mornings.mark("2025-12-18")
    mornings.now = "2025-12-19T06:00:00-05:00"
    assert mornings.run().outcomes == {"2025-12-18": "done"}
    mornings.mark("2025-12-16", BEFORE)
    (mornings.results / "2025-12-17").mkdir()
    mornings.now = "2025-12-23T06:00:00-05:00"
    call = mornings.run()
    assert call.code == 0, call.said
    assert list(call.outcomes) == ["2025-12-16", BEFORE, DAY]
    assert mornings.latest()["date"] == DAY
    store = subprocess.run(
        [mornings.root / ".venv/bin/python", "-m", "darkpool", "query", "--csv", "select session from runs order by 1"],
        cwd=mornings.root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert store.stdout.split()[1:] == ["2025-12-16", "2025-12-18", BEFORE, DAY]


@pytest.mark.soak
def test_an_answer_that_came_later_makes_finished_sessions_anew(mornings, live):
    """The correction is of the 19th, which the windows of both hold."""
    mornings.mark(BEFORE)
    assert mornings.run().outcomes == {BEFORE: "done", DAY: "done"}
    first = (live.root / "finra/regsho/CNMSshvol20251219.txt").read_bytes()
    assert b"AAPL|50|0|500|" in first
    corrected = first.replace(b"AAPL|50|0|500|", b"AAPL|50|0|600|")
    (live.root / "finra/regsho/CNMSshvol20251219@20251222T120000Z.txt").write_bytes(corrected)
    call = mornings.run()
    assert call.outcomes == {BEFORE: "done", DAY: "done"}
    assert live.project.features(BEFORE)["AAPL"]["trf_volume"] == 600
    assert "revised" in live.project.features(BEFORE)["AAPL"]["quality"]
    assert live.project.features()["AAPL"]["trf_ma20"] == (400 + 600 + 600) / 3
    assert mornings.run().outcomes == {DAY: "done"}


@pytest.mark.soak
def test_a_mark_older_than_the_last_session_is_used_and_said(mornings, live):
    (mornings.results / DAY / "own_scan.csv").unlink()
    mornings.mark(BEFORE)
    call = mornings.run()
    assert (call.code, call.summary["date"], call.summary["stale_mark"]) == (0, BEFORE, True)
    assert mornings.latest()["stale_mark"] is True
    assert "stale_mark" in live.project.features(BEFORE)["AAPL"]["quality"]


def test_without_its_environment_it_says_what_to_do(mornings):
    (mornings.root / ".venv").unlink()
    call = mornings.run()
    assert (call.code, call.out) == (1, "")
    assert "run `make demo` once in" in call.said


def test_logs_are_kept_for_a_while_and_other_files_for_ever(mornings):
    logs = mornings.results / "logs"
    logs.mkdir()
    for name in ("2025-12-18T060000.log", "2025-12-19T060000.log", "mine.log"):
        (logs / name).write_text("x")
    mornings.config = {**mornings.config, "offline": True, "morning": {"keep_logs": 2, "look_back": 0}}
    assert mornings.run("--until", "build_volumes").code == 1
    assert mornings.logs() == ["2025-12-19T060000.log", "2025-12-23T060000.log", "mine.log"]


@pytest.fixture
def small_disk(mornings):
    """results/ on a file system of its own, 200 kB small; gone afterwards."""
    place = mornings.root / "results"
    shutil.rmtree(place)
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "darkpool", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a file system can only be mounted by root")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="a file system can only be mounted by root")
def test_a_full_disk_and_a_read_only_one_are_faults_that_heal(mornings, small_disk, live):
    call = mornings.run()
    assert call.code == 1
    assert "No space left on device" in call.said
    assert not (mornings.results / DAY / "all").exists()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    call = mornings.run()
    assert call.code == 1
    assert "Read-only file system" in call.said
    assert call.summary["exit_status"] == 1
    subprocess.run(["mount", "-o", "remount,rw,size=50m", small_disk], check=True)
    call = mornings.run()
    assert call.code == 0, call.said
    assert live.project.features()["AAPL"]["offex_ratio"] == 0.6
