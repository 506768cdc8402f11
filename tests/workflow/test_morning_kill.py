"""A run that is killed, wherever it stands, leaves nothing that the next one does not mend."""

import os
import random
import re
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from darkpool.morning import run_lock
from mornings import PATIENCE, Mornings, finished, link_environment, wait_for

DAY = "2025-12-22"
SHORT = {"ma": 3, "min_sessions": 3, "window": 5}
QUICK = {"mode": "single", "lit": {"source": "none"}, "history": SHORT, "finra": {"weekly": False}}
DEAD = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
KEPT = (f"results/demo/{DAY}", "resources/demo")


@pytest.fixture(scope="module")
def demo_in(copy_project):
    """A fresh copy of the project and its daily.sh, for the demo's scan."""

    def make(folder):
        project = copy_project(folder)
        link_environment(project.root)
        return project, Mornings(project.root, DEAD, "2025-12-23T06:00:00-05:00", QUICK, scan="demo")

    return make


@pytest.fixture(scope="module")
def undisturbed(demo_in, tmp_path_factory):
    """What a run leaves that nobody disturbs."""
    project, mornings = demo_in(tmp_path_factory.mktemp("undisturbed"))
    call = mornings.run()
    assert call.code == 0, call.said
    return project.digests(*KEPT)


def of_run(root: Path) -> list[psutil.Process]:
    """Every process that the wrapper's run has started, by the mark in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(run_lock.MARK) == str(root):
                found.append(process)
        except psutil.Error:
            continue
    return found


def kill_all(process, root):
    process.kill()
    while marked := of_run(root):
        for child in marked:
            with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
                child.kill()
        psutil.wait_procs(marked, timeout=10)


def kill_wrapper(process, root):
    """Its children go on, and write."""
    process.kill()


def kill_snakemake(process, root):
    for child in of_run(root):
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            if "snakemake" in child.cmdline():
                child.kill()


def terminate(process, root):
    process.terminate()


def hang_up(process, root):
    """The terminal that it was started from is closed."""
    process.send_signal(signal.SIGHUP)


GENTLE = [terminate, hang_up, kill_snakemake, kill_wrapper]


def jobs_begun(mornings):
    """How many jobs all runs so far have begun; they share a log, since they share a clock."""
    return sum(len(re.findall(rb"^(?:local)?rule ", log.read_bytes(), re.M)) for log in mornings.results.glob("logs/*"))


def disturb(mornings, how, jobs, seconds):
    """Start a run, disturb it so long after its so-manieth job begins (0: after its own beginning).

    Returns whether that came before its end. What it says of itself must be true.
    """
    if (mornings.results / DAY / "all").exists():  # there must be something to do
        shutil.rmtree(mornings.results / DAY)
    before = jobs_begun(mornings)
    process = mornings.start()
    deadline = time.monotonic() + PATIENCE
    while jobs_begun(mornings) < before + jobs and process.poll() is None:
        assert time.monotonic() < deadline, f"{jobs} jobs were not begun within {PATIENCE} s"
        time.sleep(0.02)
    time.sleep(seconds)
    if process.poll() is not None:
        assert finished(process).code == 0
        return False
    how(process, mornings.root)
    call = finished(process)
    if how in (terminate, hang_up) and call.code in (-signal.SIGTERM, -signal.SIGHUP):
        # It came before the wrapper listened, and so before it had begun anything.
        assert (call.out, call.said, jobs_begun(mornings)) == ("", "", before)
        return True
    if how in (terminate, hang_up, kill_snakemake):
        assert call.code in (0, 75), call.said
        assert call.summary["exit_status"] == call.code
        assert not of_run(mornings.root)
        return call.code == 75
    assert call.code in (0, -signal.SIGKILL), call.said  # 0: it ended between the look and the kill
    return call.code == -signal.SIGKILL


def chain(demo_in, undisturbed, folder, seed, disturbances):
    """Disturb one run after another, each where chance has it, then let one finish."""
    project, mornings = demo_in(folder)
    chance = random.Random(seed)
    moments = [(chance.randrange(6), chance.uniform(0, 1)) for _ in disturbances]
    hits = [disturb(mornings, how, *moment) for how, moment in zip(disturbances, moments, strict=True)]
    call = mornings.run()
    assert call.code == 0, (moments, call.said)
    assert call.outcomes == {DAY: "done"}
    assert project.digests(*KEPT) == undisturbed, moments
    assert not of_run(mornings.root)
    assert mornings.latest()["complete"]
    return hits


def test_a_run_killed_ten_times_is_in_the_end_as_one_that_nobody_disturbed(demo_in, undisturbed, tmp_path):
    hits = chain(demo_in, undisturbed, tmp_path, 20251222, [terminate, *[kill_all] * 10])
    assert sum(hits) >= 6


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(25))
def test_two_hundred_kills_leave_nothing_that_the_next_run_does_not_mend(
    demo_in, undisturbed, tmp_path, seed, record_property
):
    chance = random.Random(-seed)
    disturbances = [*[kill_all] * 8, *chance.sample(GENTLE, 2)]
    chance.shuffle(disturbances)
    hits = chain(demo_in, undisturbed, tmp_path, seed, disturbances)
    record_property("kills of the whole tree", disturbances.count(kill_all))
    record_property("disturbances", len(hits))
    record_property("before the run's end", sum(hits))


def test_an_orphan_that_still_writes_is_ended_before_the_next_run_begins(demo_in, tmp_path):
    """Its wrapper is gone, and with it the lock; it carries the run's mark and holds out against SIGTERM."""
    project, _ = demo_in(tmp_path)
    target = project.root / "written"
    command = f"trap '' TERM; while :; do echo x >> {target}; sleep 0.05; done"
    orphan = psutil.Popen(
        ["sh", "-c", command],
        cwd=project.root,
        env={**os.environ, **run_lock.mark(project.root)},
        start_new_session=True,
    )
    stranger = psutil.Popen(["sleep", "60"], cwd=project.root, start_new_session=True)
    try:
        wait_for(target.exists, orphan)
        assert run_lock.end_left_behind(project.root)
        assert orphan.wait(10) in (None, -signal.SIGKILL)
        size = target.stat().st_size
        time.sleep(0.3)
        assert target.stat().st_size == size
        assert stranger.is_running()
    finally:
        stranger.kill()
        stranger.wait()


def test_what_a_killed_run_had_begun_is_removed_and_nobody_elses_files_are(tmp_path):
    results, archive = tmp_path / "results/emps2", tmp_path / "resources/archive"
    ours = [
        results / DAY / ".features.parquet.k3_x9a0b",
        results / DAY / ".features.parquet.k3_x9a0b.darkpool-draft",
        results / DAY / "plots/.AAPL.png.abcdefgh",
        results / DAY / "plots/.AAPL.png.abcdefgh.darkpool-draft",
        results / DAY / ".parts/1-of-2.lit_flow.parquet",
        archive / "finra/regsho/.CNMSshvol20251222.txt.12345678",
        archive / "finra/regsho/.CNMSshvol20251222.txt.12345678.darkpool-draft",
        archive / "polygon/trades/2025-12-22/.T%70C.parquet.12345678",
        archive / "receipts/finra/.2025-12-22.json.12345678",
        archive / ".of_a_kind_to_come.12345678.darkpool-draft",
    ]
    theirs = [
        results / DAY / ".own_scan.csv.abcdefgh",
        results / DAY / "features.parquet",
        results / DAY / ".hidden",
        results / DAY / ".backup.20251222/notes.txt",
        results / DAY / ".parts/notes.txt",
        results / ".x.abcdefgh",
        archive / ".x.abcdefgh",
        archive / "finra/regsho/.notes.txt.abcdefgh",
        archive / "finra/regsho/.backup.20251222/CNMSshvol20251222.txt",
        archive / "finra/regsho/.CNMSshvol20251222.txt.abcdefgh/notes.txt",
        archive / "receipts/.2025-12-22.json.12345678",
    ]
    for path in (*ours, *theirs):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    assert sorted(run_lock.sweep(tmp_path, results, archive)) == sorted(ours)
    assert not [path for path in ours if path.exists()]
    assert all(path.exists() for path in theirs)
    assert run_lock.sweep(tmp_path, results, Path("/")) == []
