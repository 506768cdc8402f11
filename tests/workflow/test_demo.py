"""The demo: the whole path on simulated vendors, from a clean copy, without any network."""

import csv
import hashlib
import html as html_text
import json
import os
import re
import shutil
from urllib.parse import unquote

import duckdb
import pyarrow.parquet as pq
import pytest

from darkpool.history import lag

DAY = "2025-12-22"
TABLES = [
    "dark_flow", "features", "finra_trf", "lit_flow", "market", "market_screen", "merged", "otc_weekly", "trf_blocks",
    "trf_flow", "trf_profile", "yf_volume",
]  # fmt: skip
PAGES = ["market.csv", "market.html", "overview.png", "table.csv", "table.html", "table.png"]
TARGET = f"results/demo/{DAY}/all"


@pytest.fixture(scope="module")
def demo(copy_project, tmp_path_factory):
    """A copy of the project in which the demo has run once. Tests leave it finished."""
    project = copy_project(tmp_path_factory.mktemp("demo"))
    project.scan = "demo"
    project.finish(TARGET)
    return project


def png_is_whole(content):
    return content.startswith(b"\x89PNG\r\n") and content.rstrip().endswith(b"IEND\xaeB`\x82")


def test_every_file_of_the_contract_is_made_without_a_network(demo):
    made = {str(path.relative_to(demo.folder())) for path in demo.folder().rglob("*") if path.is_file()}
    plots = {name for name in made if name.startswith("plots/")}
    assert {"all", *PAGES, *(f"{table}.parquet" for table in TABLES)} <= made
    assert not [path for path in demo.folder().rglob(".*") if path.is_file()]
    assert {f"plots/{name}.png" for name in ("BRK.B", "NA", "TPC", "T%70C", "ZZUNK")} <= plots
    assert len(plots) == len(demo.features())
    beside = {path.name for path in demo.folder().parent.iterdir() if path.is_file() and path.name[0] != "."}
    assert beside == {"history.duckdb", "index.html", "latest.json"}


def test_everything_a_person_sees_says_simulated(demo):
    assert "SIMULATED" in (demo.folder() / "table.html").read_text()
    assert demo.manifest()["simulated"] is True
    with (demo.folder() / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert all("simulated" in row["quality"].split(",") for row in rows)
    assert all(png_is_whole(path.read_bytes()) for path in demo.folder().rglob("*.png"))


def test_nothing_simulated_reaches_another_archive(demo):
    assert not (demo.root / "resources/archive").exists()
    assert all(demo.receipt("resources/demo", source)["simulated"] for source in ("finra", "yahoo", "polygon"))


def test_the_manifest_is_true_of_every_output_and_names_no_clock(demo):
    manifest = demo.manifest()
    listed = {entry["path"]: entry for entry in manifest["outputs"]}
    on_disk = {str(path.relative_to(demo.folder())) for path in demo.folder().rglob("*") if path.is_file()}
    assert set(listed) == on_disk - {"all"}
    for name, entry in listed.items():
        content = (demo.folder() / name).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        rows = pq.read_metadata(demo.folder() / name).num_rows if name.endswith(".parquet") else None
        assert entry["rows"] == rows
    for entry in manifest["inputs"]:
        content = (demo.root / "resources/demo" / entry["path"]).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert {source["source"]: source["state"] for source in manifest["sources"]} == demo.states()
    assert set(demo.states().values()) == {"published"}
    assert {"FINRA", "Yahoo", "Polygon"} <= set(demo.states())
    assert str(demo.root) not in json.dumps(manifest)


def test_case_and_na_survive_the_whole_path(demo):
    rows = demo.features()
    assert {"TPC", "TpC", "NA", "BRK.B"} <= set(rows)
    assert rows["TPC"]["trf_volume"] != rows["TpC"]["trf_volume"]
    assert rows["ZZUNK"]["regular_volume"] is None
    assert "no_regular" in rows["ZZUNK"]["quality"].split(",")
    finra = {row["symbol"]: row["trf_volume"] for row in demo.table("finra_trf").to_dicts()}
    assert finra["BRK/B"] == rows["BRK.B"]["trf_volume"]


def test_running_a_finished_session_again_executes_the_manifest_alone_and_changes_no_byte(demo):
    before = demo.digests("results", "resources")
    run = demo.finish(TARGET)
    assert run.rules == {"write_manifest": 1}
    assert demo.digests("results", "resources") == before


def test_asking_for_a_session_alone_leaves_nothing_beside_it_that_says_something_else(demo):
    scan = demo.folder().parent
    with duckdb.connect(scan / "history.duckdb", read_only=True) as store:
        held = store.execute(f"SELECT ticker, signal, quality FROM features WHERE date = '{DAY}'").fetchall()
        vouched = store.execute(f"SELECT manifest IS NOT NULL FROM runs WHERE session = '{DAY}'").fetchall()
    assert {row[0]: row[1:] for row in held} == {
        name: (row["signal"], row["quality"]) for name, row in demo.features().items()
    }
    assert vouched == [(True,)]
    latest = json.loads((scan / "latest.json").read_text())
    assert (latest["date"], latest["complete"], latest["exit_status"]) == (DAY, True, 0)
    assert all((scan / path).is_file() for path in latest["paths"].values())
    html = (scan / "index.html").read_text()
    assert "SIMULATED" in html
    assert f'href="{DAY}/table.html"' in html
    assert "lags behind" not in html


def test_no_link_of_page_or_index_leads_nowhere(demo):
    for page in (demo.folder() / "table.html", demo.folder().parent / "index.html"):
        html = page.read_text()
        ids, links = set(re.findall(r'\bid="([^"]+)"', html)), set(re.findall(r'\bhref="([^"]*)"', html))
        assert len(links) > 5
        for link in links - {""}:
            path, _, place = html_text.unescape(link).partition("#")
            if path and not path.startswith("data:"):
                assert (page.parent / unquote(path)).is_file(), (page.name, link)
            elif place and "=" not in place:
                assert place in ids, (page.name, link)


def test_what_stands_beside_the_sessions_comes_back_the_same_without_a_further_job(demo):
    scan = demo.folder().parent
    before = demo.digests(f"results/demo/{DAY}")
    index, latest = (scan / "index.html").read_bytes(), json.loads((scan / "latest.json").read_text())
    for name in ("index.html", "latest.json", "history.duckdb"):
        (scan / name).unlink()
    assert demo.finish(TARGET).rules == {"write_manifest": 1}
    assert demo.digests(f"results/demo/{DAY}") == before
    assert (scan / "index.html").read_bytes() == index
    again = json.loads((scan / "latest.json").read_text())
    assert {**again, "written_at": ""} == {**latest, "written_at": ""}
    assert lag.of(scan) == {}


def test_an_index_named_with_its_session_waits_for_it(demo):
    index = "results/demo/index.html"
    html = (demo.root / index).read_text()
    (demo.folder() / "all").unlink()
    assert demo.finish(TARGET, index).rules == {"write_manifest": 1, "publish_index": 1}
    assert (demo.root / index).read_text() == html


def test_figures_are_drawn_as_svg_too_where_the_configuration_says_so(demo):
    plan = demo.finish("--dry-run", TARGET, config={"export": {"svg": True}}).said
    for name in ("table.svg", "overview.svg", "plots/BRK.B.svg", "plots/T%70C.svg"):
        assert f"results/demo/{DAY}/{name}" in plan


def test_new_file_times_alone_make_nothing_run(demo):
    before = demo.digests("results", "resources")
    for top in ("results", "resources", "workflow", "Snakefile", "config.yaml"):
        for path in (demo.root / top, *(demo.root / top).rglob("*")):
            os.utime(path)
    run = demo.finish(TARGET)
    assert run.rules == {"write_manifest": 1}
    assert demo.digests("results", "resources") == before


@pytest.fixture
def foreign(demo):
    """Files of somebody else in the session's folder."""
    paths = [demo.folder() / name for name in ("01_scan.csv", "plots/mine.png", ".hidden")]
    for path in paths:
        path.write_text("not ours")
    yield paths
    for path in paths:
        path.unlink()


def test_a_deleted_plot_comes_back_the_same_and_foreign_files_stay(demo, foreign):
    before = demo.digests(f"results/demo/{DAY}")
    (demo.folder() / "plots/NA.png").unlink()
    run = demo.finish(TARGET)
    assert run.rules == {"draw_plots": 1, "write_manifest": 1}
    assert demo.digests(f"results/demo/{DAY}") == before
    assert not {entry["path"] for entry in demo.manifest()["outputs"]} & {"01_scan.csv", "plots/mine.png", ".hidden"}


@pytest.mark.parametrize(
    ("module", "runs", "rests"),
    [
        (
            "measures/unusual.py",
            {"build_features", "publish_table", "draw_plots"},
            {"build_volumes", "simulate_vendors"},
        ),
        ("show/page/values.py", {"publish_table", "draw_plots", "write_manifest"}, {"build_volumes", "build_features"}),
        ("vendors/simulated/volumes.py", {"simulate_vendors", "build_volumes"}, set()),
    ],
)
def test_edited_code_runs_its_own_rules_again_and_no_others(demo, module, runs, rests):
    path = demo.root / "workflow/scripts/darkpool" / module
    kept = path.read_text()
    try:
        path.write_text(kept.replace('"""', '"""Edited. ', 1))
        run = demo.finish(TARGET, "--dry-run")
    finally:
        path.write_text(kept)
    assert runs <= set(run.rules)
    assert not rests & set(run.rules)


def test_everything_made_can_be_deleted_and_comes_back_byte_for_byte(demo):
    """Without Snakemake's own notes as well."""
    before = demo.made("results", "resources")
    shutil.rmtree(demo.root / "results")
    shutil.rmtree(demo.root / ".snakemake")
    demo.finish(TARGET)
    assert demo.made("results", "resources") == before


@pytest.mark.soak
def test_a_second_copy_makes_the_same_bytes_with_one_core(demo, project):
    project.finish(TARGET, "--cores", "1")
    assert project.made("results", "resources") == demo.made("results", "resources")


@pytest.mark.parametrize(
    ("day", "closes"),
    [("2026-03-02", "since fractional shares"), pytest.param("2024-07-03", "an early close", marks=pytest.mark.soak)],
)
def test_other_sessions_are_simulated_as_well(demo, day, closes):
    demo.finish(f"results/demo/{day}/all")
    features = demo.features(day)
    assert demo.manifest(day)["date"] == day
    assert {str(row["date"]) for row in features.values()} == {day}
    assert features["NA"]["history_sessions"] == 60
    fractional = any(row["trf_volume"] % 1 for row in features.values() if row["trf_volume"])
    assert fractional == (day >= "2026-02-23")
