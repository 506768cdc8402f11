"""What a run is asked for is read from its targets once, and is the same text in every job."""

import os
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool.archive.store import RUN
from darkpool.plan import engine, request
from darkpool.plan.request import Request, RequestError, Target

ARCHIVES = {"emps2": "resources/archive", "x_emps2": "resources/archive", "demo": "resources/demo"}
DAY = "2025-12-22"
NOW = datetime(2025, 12, 23, 11, tzinfo=UTC)


def made(*targets, **more):
    return request.made(
        [Target(name) if isinstance(name, str) else name for name in targets], ARCHIVES, "daily", "1", NOW, **more
    )


@pytest.mark.parametrize(
    ("target", "sessions"),
    [
        (f"results/emps2/{DAY}/all", [("emps2", DAY)]),
        (f"results/x_emps2/{DAY}/plots/T%70C.png", [("x_emps2", DAY)]),
        (f"draw_plots_emps2_{DAY}", [("emps2", DAY)]),
        (f"draw_plots_x_emps2_{DAY}", [("x_emps2", DAY)]),
        (f"dark_draw_plots_demo_{DAY}", [("demo", DAY)]),
        (f"/elsewhere/results/emps2/{DAY}/all", [("emps2", DAY)]),
        (Target("build_features", {"scan": "demo", "date": DAY}), [("demo", DAY)]),
        (Target("fetch_yahoo", {"archive": "resources/archive", "session": DAY}), [("emps2", DAY), ("x_emps2", DAY)]),
        (f"resources/archive/receipts/finra/{DAY}.json", [("emps2", DAY), ("x_emps2", DAY)]),
        ("results/emps2/index.html", []),
        (f"results/emps3/{DAY}/all", []),
        (f"results/emps2/{DAY}1/all", []),
        (f"logs/emps2/{DAY}/build_volumes.log", []),
        ("latest", []),
    ],
)
def test_a_target_names_its_session_by_folder_by_wildcards_or_by_the_rule_of_its_plots(target, sessions):
    assert list(made(target).sessions) == sessions


def test_who_names_nothing_or_latest_asks_for_the_last_marked_session():
    assert request.asks_for_latest([])
    assert request.asks_for_latest([Target("latest"), Target(f"results/demo/{DAY}/all")])
    assert not request.asks_for_latest([Target("results/demo/index.html")])
    found = made("latest", last_marked=("emps2", DAY))
    assert (found.sessions, found.manifests, found.marked) == ((("emps2", DAY),), (("emps2", DAY),), ("emps2", DAY))


def test_a_session_that_is_named_is_no_mark_and_what_daily_sh_says_is_one():
    named = made("latest", f"results/emps2/{DAY}/merged.parquet", last_marked=("emps2", DAY))
    assert named.marked is None
    assert made(f"results/emps2/{DAY}/all", told=f"emps2/{DAY}").marked == ("emps2", DAY)


@pytest.mark.parametrize(
    ("targets", "options", "sessions"),
    [
        ([], {"is_main": True, "is_imported": False}, [("emps2", "2025-12-19")]),
        ([Target("latest")], {"is_main": True, "is_imported": False}, [("emps2", "2025-12-19")]),
        ([], {"is_main": True, "is_imported": True}, []),
        ([], {"is_main": False, "is_imported": False}, []),
        (None, {"is_main": True, "is_imported": False}, []),
        ([Target(f"results/demo/{DAY}/all")], {"is_main": True, "is_imported": True}, [("demo", DAY)]),
    ],
)
def test_only_a_command_of_this_workflow_means_the_last_marked_session_by_naming_nothing(targets, options, sessions):
    found = request.of_run(targets, ARCHIVES, "daily", NOW, {}, lambda: ("emps2", "2025-12-19"), **options)
    assert list(found.sessions) == sessions


def test_a_main_process_hears_nothing_of_the_request_that_stands_in_its_environment():
    stale = made(f"results/emps2/{DAY}/all").text()
    targets = [Target(f"results/demo/{DAY}/all")]
    found = request.of_run(
        targets,
        ARCHIVES,
        "daily",
        NOW,
        {request.VARIABLE: stale},
        lambda: ("emps2", DAY),
        is_main=True,
        is_imported=False,
    )
    assert found.sessions == (("demo", DAY),)


def test_only_manifests_that_are_targets_are_waited_for():
    found = made(f"results/emps2/{DAY}/all", "results/emps2/2025-12-19/features.parquet")
    assert found.manifests == (("emps2", DAY),)
    assert len(found.sessions) == 2


pairs = st.tuples(st.text(min_size=1), st.text())
sorted_pairs = st.lists(pairs, unique=True).map(sorted).map(tuple)
requests = st.builds(
    Request,
    mode=st.sampled_from(["single", "daily", "weekly"]),
    run=st.text(),
    at=st.datetimes(timezones=st.just(UTC)),
    sessions=sorted_pairs,
    manifests=sorted_pairs,
    marked=st.none() | pairs,
)


@given(requests)
def test_a_request_comes_back_from_the_environment_as_it_was(one):
    assert request.parse(one.text()) == one
    assert "\n" not in one.text()


def test_all_that_finra_has_fits_into_one_variable_of_the_environment():
    days = [
        f"{year}-{month:02}-{day:02}" for year in range(2009, 2026) for month in range(1, 13) for day in range(1, 21)
    ]
    sessions = tuple(("emps2", day) for day in days)
    assert len(sessions) > 4000
    assert len(Request("daily", "1", NOW, sessions, sessions).text()) < 128 * 1024


@given(st.text() | requests.map(lambda one: one.text()[1:]))
def test_what_is_no_request_is_refused_by_the_variable_s_name(text):
    with pytest.raises(RequestError, match=request.VARIABLE):
        request.parse(text)


def test_a_job_s_own_session_is_in_its_request_whatever_was_handed_on():
    own = made(f"draw_plots_demo_{DAY}")
    assert request.of_job({}, own) == own
    handed = made(f"results/emps2/{DAY}/all")
    assert request.of_job({request.VARIABLE: handed.text()}, own).sessions == (("demo", DAY), ("emps2", DAY))


def test_what_is_handed_on_names_no_secret_and_no_variable_that_is_not_set():
    environment = {"POLYGON_API_KEY": "k", "DARKPOOL_NOW": "now", "DARKPOOL_NOTIFY": "mailto://a"}
    names = made(f"results/emps2/{DAY}/all").hand_on(environment)
    assert set(names) == {request.VARIABLE, RUN, "DARKPOOL_NOW"}
    assert set(names) <= set(environment)


def test_every_run_of_a_process_has_an_id_of_its_own_and_those_of_a_morning_share_one():
    first = request.run_id({}, NOW)
    later = NOW.replace(microsecond=1)
    assert request.run_id({RUN: first}, later) not in ("", first)
    assert request.run_id({RUN: "7@morning"}, later) == "7@morning"
    assert first.startswith(f"{os.getpid()}@")


class Caller:
    """As Snakemake's DAGApi, which holds the targets while the workflow is read."""

    def __init__(self, **settings):
        nothing = {"targets": [], "forcerun": [], "until": [], "target_jobs": []}
        self.dag_settings = SimpleNamespace(**nothing | settings)

    def targets(self):
        return engine.targets()


def test_targets_are_files_rules_jobs_and_what_is_forced():
    job = SimpleNamespace(rulename="build_volumes", wildcards_dict={"scan": "demo"})
    found = Caller(targets={"latest"}, forcerun=["write_manifest", "results/a"], target_jobs=[job]).targets()
    assert found == [Target("latest"), Target("results/a"), Target("build_volumes", {"scan": "demo"})]
    assert engine.targets() is None


def test_a_snakemake_that_is_built_otherwise_is_an_error_that_names_what_is_missing():
    caller = Caller()
    del caller.dag_settings.target_jobs
    with pytest.raises(engine.EngineError, match=r"not where 9\.27\.1 has them.*target_jobs"):
        caller.targets()
    with pytest.raises(engine.EngineError, match=r"not where 9\.27\.1 has them.*forcefiles"):
        engine.force(object(), ["a"])


def test_a_file_is_forced_by_its_name():
    graph = SimpleNamespace(forcefiles=set())
    engine.force(graph, ["a", "b"])
    assert graph.forcefiles == {"a", "b"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("results/emps2/20251222/all", "did you mean results/emps2/2025-12-22/all?"),
        ("results/emps2/2025-12-22", "did you mean results/emps2/2025-12-22/all?"),
        ("./results/emps2/2025/1/2/all", None),
        ("results/emps2/2025-1-2/table.html", "did you mean results/emps2/2025-01-02/table.html?"),
        ("results/EMPS2/2025-12-22/all", "no scan EMPS2 in the configuration; the scans are demo, emps2; "
         "did you mean results/emps2/2025-12-22/all?"),
        ("results/zzz/index.html", "no scan zzz in the configuration; the scans are demo, emps2"),
        ("results/emps2/2025-12-22/all", None),
        ("results/emps2/index.html", None),
        ("latest", None),
    ],
)  # fmt: skip
def test_a_target_that_is_nearly_right_is_told_what_would_be(name, words):
    if words is None:
        request.require_places([Target(name)], ["emps2", "demo"])
        return
    with pytest.raises(request.RequestError) as refused:
        request.require_places([Target(name)], ["emps2", "demo"])
    assert str(refused.value).startswith(f"{name}: ")
    assert str(refused.value).endswith(words)


def test_a_target_taken_for_a_configuration_is_said_with_the_right_line():
    request.require_no_target(["config.yaml", "/project/my.yaml"])
    with pytest.raises(request.RequestError, match=f"snakemake --cores 4 results/emps2/{DAY}/all --configfile my.yaml"):
        request.require_no_target(["my.yaml", f"/project/results/emps2/{DAY}/all"])
