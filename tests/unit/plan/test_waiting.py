"""What is said of jobs that wait on a cluster."""

import os
import stat
import sys
import time

import pytest

from darkpool.plan import waiting

DRAINED = "(Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions)"
LINE = "{number}|rule_classify_lit_wildcards_emps2_2025-12-22_{number}-of-9|{folder}|{reason}"


def line(number, folder="/project", reason=DRAINED):
    return LINE.format(number=number, folder=folder, reason=reason)


def test_a_job_that_waits_for_its_turn_or_belongs_to_another_folder_is_not_told(tmp_path):
    turns = [line(number, tmp_path, reason) for number, reason in enumerate(waiting.IN_TURN, start=1)]
    others = [line(7, "/other"), f"8|another job|{tmp_path}|{DRAINED}"]
    assert waiting.reasons("\n".join([*turns, *others, line(5, tmp_path)]), tmp_path) == {
        "5": f"classify_lit emps2_2025-12-22_5-of-9 waits as Slurm job 5: {DRAINED.strip('()')}"
    }
    assert waiting.reasons("", tmp_path) == {}


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """A command of that name, which says what its file holds and counts how often it was asked."""
    command = tmp_path / "bin/squeue"
    command.parent.mkdir()
    command.write_text(
        f"#!{sys.executable}\nwith open({str(tmp_path / 'asked')!r}, 'a') as asked:\n"
        f"    asked.write('.')\nwith open({str(tmp_path / 'listed')!r}) as listed:\n    print(listed.read(), end='')\n"
    )
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(waiting, "FIRST", 0.01)
    monkeypatch.setattr(waiting, "EVERY", 0.01)
    return tmp_path


def answer(folder, text):
    (folder / "draft").write_text(text)
    (folder / "draft").replace(folder / "listed")


def asked(folder, times):
    """Wait until it was asked so often again; the last but one has been answered, too."""
    count = folder / "asked"
    ends, before = time.monotonic() + 20, count.stat().st_size if count.exists() else 0
    while not count.exists() or count.stat().st_size < before + times:
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_a_reason_is_said_once_and_another_one_again(squeue, capfd):
    answer(squeue, "")
    watch = waiting.Watch(squeue)
    asked(squeue, 2)
    answer(squeue, line(3, squeue) + "\n")
    asked(squeue, 4)
    answer(squeue, line(3, squeue, "(PartitionDown)") + "\n")
    asked(squeue, 4)
    watch.stop()
    watch.join(20)
    part = "classify_lit emps2_2025-12-22_3-of-9 waits as Slurm job 3: "
    assert capfd.readouterr().err.splitlines() == [part + DRAINED.strip("()"), part + "PartitionDown"]
    assert not watch.is_alive()


def test_a_squeue_that_fails_is_asked_again_and_says_nothing(squeue, capfd):
    watch = waiting.Watch(squeue)  # what it would print is not there
    asked(squeue, 3)
    watch.stop()
    watch.join(20)
    assert capfd.readouterr().err == ""
