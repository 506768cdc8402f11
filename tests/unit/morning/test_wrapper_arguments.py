"""What daily.sh is asked to do is understood as Snakemake understands it, or refused in words."""

import os
from datetime import time
from pathlib import Path

import pytest

from darkpool import settings
from darkpool.morning import wrapper_arguments
from darkpool.session import outcome
from darkpool.tables.facts import pack

PROJECT = Path(__file__).parents[3]


def test_nothing_said_is_the_scan_emps2_with_four_cores(tmp_path):
    call = wrapper_arguments.parse([], tmp_path)
    assert call == ("emps2", False, None, ["--cores", "4"], False, {})
    assert wrapper_arguments.settled(PROJECT, call).morning.catch_up == 10


def test_what_is_not_ours_is_handed_on_as_it_was_written(tmp_path):
    call = wrapper_arguments.parse(
        ["--at", "06:00", "--cores", "2", "--weekly", "-n", "--config", "mode=single"], tmp_path
    )
    assert (call.at, call.weekly, call.is_dry, call.overrides) == (time(6), True, True, {"mode": "single"})
    assert call.handed_on == ["--cores", "2", "-n", "--config", "mode=single"]


def test_a_configfile_is_found_from_the_callers_folder_and_changes_what_we_read(tmp_path):
    (tmp_path / "other.yaml").write_text("marked: calendar\nlit: {source: none}\nmorning: {catch_up: 3}\n")
    call = wrapper_arguments.parse(["--configfile", "other.yaml"], tmp_path)
    assert call.handed_on[:2] == ["--configfile", str(tmp_path / "other.yaml")]
    config = wrapper_arguments.settled(PROJECT, call)
    assert (config.marked, config.lit.source, config.lit.method) == ("calendar", "none", "nbbo")
    assert config.morning == settings.Morning(look_back=5, look_back_weeks=4, catch_up=3, keep_logs=60)


def test_the_weekly_run_and_fetch_mode_decide_the_mode(tmp_path, monkeypatch):
    monkeypatch.setenv("FETCH_MODE", "single")
    assert wrapper_arguments.settled(PROJECT, wrapper_arguments.parse([], tmp_path)).mode == "single"
    assert wrapper_arguments.settled(PROJECT, wrapper_arguments.parse(["--weekly"], tmp_path)).mode == "weekly"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--at", "6"], "--at 6: expected a New York time HH:MM"),
        (["--at", "06:00:30"], "expected a New York time HH:MM"),
        (["--configfile", "nowhere.yaml"], "nowhere.yaml"),
        (["--no-such-option"], "snakemake does not take --no-such-option"),
        (["results/emps2/2025-12-22/all"], "make run DATE=YYYY-MM-DD"),
        (["--config", "scan"], "cannot be read"),
    ],
)
def test_what_cannot_be_understood_is_refused(arguments, said, tmp_path):
    with pytest.raises(wrapper_arguments.Usage, match=said):
        wrapper_arguments.parse(arguments, tmp_path)


def test_a_scan_that_is_not_configured_is_refused_with_those_that_are(tmp_path):
    with pytest.raises(settings.ConfigError, match="no scan emps9; the scans are emps2, demo"):
        wrapper_arguments.settled(PROJECT, wrapper_arguments.parse(["--scan", "emps9"], tmp_path))


def test_cron_leaves_out_what_may_stand_in_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("HTTPS_PROXY=http://proxy:3128\nPOLYGON_API_KEY=canary\nFETCH_MODE=daily\n")
    (tmp_path / ".env").chmod(0o600)
    for name in ("HTTPS_PROXY", "POLYGON_API_KEY"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("FETCH_MODE", "single")
    monkeypatch.setenv("PYTHONPATH", "x")
    monkeypatch.setenv("XDG_CACHE_HOME", "y")
    wrapper_arguments.complete_environment(tmp_path)
    assert os.environ["HTTPS_PROXY"] == "http://proxy:3128"
    assert os.environ["FETCH_MODE"] == "single"
    assert not os.environ["POLYGON_API_KEY"]
    assert "PYTHONPATH" not in os.environ


@pytest.mark.parametrize(
    ("finra", "polygon", "ended", "manifest", "stands", "expected"),
    [
        ("published", "absent", 0, True, True, (0, "done")),
        ("not_yet", "absent", 1, True, False, (75, "not_final")),
        ("outage", "absent", 1, True, False, (75, "not_final")),
        ("truncated", "absent", 1, True, False, (75, "not_final")),
        ("unsettled", "absent", 1, True, False, (75, "not_final")),
        ("blocked", "absent", 1, True, False, (1, "not_final")),
        ("published", "blocked", 1, True, False, (1, "not_final")),
        (
            "published",
            "outage",
            1,
            True,
            False,
            (1, "fault"),
        ),  # an outage of Polygon holds nothing up: something else did
        ("outage", "absent", 1, False, False, (1, "fault")),  # the outage is an earlier run's
        ("published", "absent", 1, True, True, (1, "fault")),  # the manifest stands, the history failed
        ("published", "absent", 0, True, False, (1, "fault")),
        ("outage", "absent", -9, False, False, (75, "interrupted")),
    ],
)
def test_a_verdict_is_read_from_the_files(finra, polygon, ended, manifest, stands, expected, tmp_path, monkeypatch):
    states = {"FINRA": finra, "Yahoo": "published", "Polygon": polygon}
    told = pack([{"source": name, "state": state, "reason": None} for name, state in states.items()], [])
    monkeypatch.setattr("darkpool.tables.contracts.metadata", lambda path: told)
    if stands:
        (tmp_path / "all").write_text("{}")
    judged = outcome.judge(tmp_path, ended, manifest, "single")
    assert (judged.status, judged.outcome) == expected
    assert judged.states == states


def test_the_worst_verdict_is_the_exit_status():
    assert [outcome.exit_status(found) for found in ([], [0, 0], [0, 75], [75, 1, 0])] == [0, 0, 75, 1]
