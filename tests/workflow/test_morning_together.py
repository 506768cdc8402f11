"""Two at once: the second says so and ends 75; whoever reads meanwhile sees all of a session or nothing."""

import shutil
import subprocess

import duckdb
import pytest

from mornings import PATIENCE, Mornings, finished, link_environment, wait_for

SHORT = {"ma": 3, "min_sessions": 3, "window": 5}
QUICK = {"mode": "single", "lit": {"source": "none"}, "history": SHORT, "finra": {"weekly": False}}
DEAD = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
COUNT = "select count(*), count(distinct session) from runs"


@pytest.fixture
def mornings(project):
    link_environment(project.root)
    return Mornings(project.root, DEAD, "2025-12-22T09:00:00-05:00", QUICK, scan="demo")


def by_hand_in(mornings, **pipes):
    """A Snakemake started by hand for 2025-12-22, once it has its own lock."""
    binaries = mornings.root / ".venv/bin"
    command = [f"{binaries}/snakemake", "--cores", "2", "results/demo/2025-12-22/all", *mornings.command()[-2:]]
    path = {"PATH": f"{binaries}:/usr/bin:/bin", "FETCH_MODE": "single"}
    process = subprocess.Popen(command, cwd=mornings.root, env=mornings.environment(**path), text=True, **pipes)
    locks = mornings.root / ".snakemake/locks"
    wait_for(lambda: locks.is_dir() and any(locks.iterdir()), process)
    return process


def test_a_second_run_says_who_is_at_work_and_tries_again_later(mornings):
    lock = mornings.root / ".morning.lock"
    first = mornings.start()
    wait_for(lambda: lock.is_file() and lock.read_text(), first)
    second = mornings.run()
    assert (second.code, second.summary["action"]) == (75, "busy")
    assert f"another morning is at work in {mornings.root} (process {first.pid})" in second.said
    assert finished(first).code == 0

    # the next session by hand, with a reader of the history at its side; the wrapper leaves both alone
    reader = duckdb.connect(mornings.results / "history.duckdb", read_only=True)
    assert reader.execute(COUNT).fetchall() == [(1, 1)]
    mornings.now = "2025-12-23T06:00:00-05:00"
    by_hand = by_hand_in(mornings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    call = mornings.run()
    assert call.code == 75, call.said
    assert f"a snakemake started by hand (process {by_hand.pid}) is at work" in call.said
    said, _ = by_hand.communicate(timeout=PATIENCE)
    assert by_hand.returncode == 0, said
    assert mornings.run().outcomes == {"2025-12-22": "done"}

    assert reader.execute(COUNT).fetchall() == [(1, 1)]
    reader.close()
    assert duckdb.connect(mornings.results / "history.duckdb", read_only=True).execute(COUNT).fetchall() == [(2, 2)]


@pytest.mark.soak
def test_a_hand_start_beside_a_morning_is_turned_away_and_changes_nothing(mornings, project):
    """The morning comes first: Snakemake's own lock stops the one by hand, whose end does not loosen it."""
    mornings.now = "2025-12-23T06:00:00-05:00"
    first = mornings.start()
    locks = mornings.root / ".snakemake/locks"
    wait_for(lambda: locks.is_dir() and any(locks.iterdir()), first)
    by_hand = by_hand_in(mornings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = by_hand.communicate(timeout=PATIENCE)
    assert by_hand.returncode == 1
    assert "cannot be locked" in said
    call = finished(first)
    assert (call.code, call.outcomes) == (0, {"2025-12-22": "done"})
    before = project.digests("results/demo/2025-12-22")
    assert mornings.run().code == 0
    assert project.digests("results/demo/2025-12-22") == before


@pytest.mark.soak
def test_a_snakemake_killed_by_hand_leaves_a_lock_that_the_next_morning_removes(mornings, project):
    mornings.now = "2025-12-23T06:00:00-05:00"
    assert mornings.run().code == 0
    before = project.digests("results/demo/2025-12-22")
    shutil.rmtree(mornings.results / "2025-12-22/plots")
    killed = by_hand_in(mornings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    killed.kill()
    killed.wait()
    assert any((mornings.root / ".snakemake/locks").iterdir())
    call = mornings.run()
    assert (call.code, call.outcomes) == (0, {"2025-12-22": "done"})
    assert project.digests("results/demo/2025-12-22") == before
