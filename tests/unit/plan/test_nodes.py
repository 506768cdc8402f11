"""What an executor with nodes sends there, and when the tests of a real one are left out."""

import re
from pathlib import Path

import pytest
import yaml

import slurm_cluster

PROJECT = Path(__file__).parents[3]
RULES = sorted((PROJECT / "workflow/rules").glob("*.smk"))


def blocks():
    """Text of every rule by its name; rules made in a loop have none."""
    for path in RULES:
        parts = re.split(r"^ *rule *(\w*):$", path.read_text(), flags=re.MULTILINE)[1:]
        yield from zip(parts[::2], parts[1::2], strict=True)


def test_the_signing_of_ticks_alone_leaves_the_machine_and_says_what_it_needs():
    rules = list(blocks())
    assert len(rules) > 20
    remote = {name: text for name, text in rules if "localrule: True" not in text}
    assert set(remote) == {"classify_lit"}
    assert re.search(r"resources:\s+mem_mb=\d+,\s+runtime=\d+,", remote["classify_lit"])


def test_the_profile_needs_no_accounting_and_names_memory_and_time():
    profile = yaml.safe_load((PROJECT / "profiles/slurm/config.yaml").read_text())
    assert (profile["executor"], profile["slurm-status-command"], profile["slurm-no-account"]) == (
        "slurm",
        "squeue",
        True,
    )
    assert {entry.partition("=")[0] for entry in profile["default-resources"]} == {"mem_mb", "runtime"}
    assert profile["latency-wait"] == 60


def test_without_slurm_its_tests_are_left_out_with_the_reason_and_where_it_is_needed_they_fail(monkeypatch):
    monkeypatch.setattr(slurm_cluster, "NEEDED", ("no-such-daemon",))
    monkeypatch.delenv("DARKPOOL_NEEDS_SLURM", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-daemon: apt-get install"):
        slurm_cluster.require()
    monkeypatch.setenv("DARKPOOL_NEEDS_SLURM", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-daemon: apt-get install"):
        slurm_cluster.require()
