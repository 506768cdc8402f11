"""The manifest vouches for every byte and knows no clock."""

import hashlib
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import canaries
from darkpool import settings
from darkpool.archive import layout
from darkpool.archive.store import Archive
from darkpool.session import manifest

DAY = date(2025, 12, 22)
NOON = datetime(2025, 12, 23, 12, tzinfo=UTC)
CONFIG = settings.load(Path(__file__).parents[3] / "config.yaml")


@pytest.fixture
def archive(tmp_path) -> Archive:
    kept = Archive(tmp_path / "archive")
    kept.keep(layout.regsho("CNMS", DAY), b"one", NOON)
    kept.keep(layout.regsho("CNMS", DAY), b"two", NOON)
    kept.keep(layout.yahoo_daily(DAY), b"three", NOON)
    kept.keep(layout.ticks("polygon/trades", DAY, "TpC"), b"four", NOON)
    kept.keep(layout.ticks("polygon/trades", DAY, "OTHER"), b"five", NOON)
    return kept


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "results" / "plots").mkdir(parents=True)
    pl.DataFrame({"a": [1, 2]}).write_parquet(tmp_path / "results" / "merged.parquet")
    (tmp_path / "results" / "plots" / "T%70C.png").write_bytes(b"png")
    return tmp_path / "results"


def build(folder: Path, archive: Archive, outputs: list[Path], config: Any = CONFIG) -> bytes:
    told = {"sources": [{"source": "FINRA", "state": "published"}], "notes": [], "simulated": False}
    return manifest.build(
        folder,
        outputs,
        [folder / "merged.parquet"],
        archive,
        DAY,
        told,
        scan="emps2",
        window=[DAY],
        tickers=["TpC", "NA"],
        config=config,
    )


def test_every_output_and_input_is_there_with_its_hash(folder, archive) -> None:
    told = json.loads(build(folder, archive, [folder / "plots" / "T%70C.png", folder / "merged.parquet"]))
    assert [(entry["path"], entry["rows"]) for entry in told["outputs"]] == [
        ("merged.parquet", 2),
        ("plots/T%70C.png", None),
    ]
    assert told["outputs"][1]["sha256"] == hashlib.sha256(b"png").hexdigest()
    assert told["outputs"][1]["bytes"] == 3
    assert [(entry["path"], entry["rows"]) for entry in told["covers"]] == [("results/merged.parquet", 2)]
    assert [entry["path"] for entry in told["inputs"]] == [
        "finra/regsho/CNMSshvol20251222.txt",
        "finra/regsho/CNMSshvol20251222@20251223T120000Z.txt",
        "polygon/trades/2025-12-22/T%70C.parquet",
        "yahoo/daily/2025-12-22.parquet",
    ]
    assert told["inputs"][1]["sha256"] == hashlib.sha256(b"two").hexdigest()
    assert (told["scan"], told["date"], told["tickers"]) == ("emps2", "2025-12-22", ["NA", "TpC"])
    assert told["sources"][0]["state"] == "published"
    assert {"polars", "pyarrow", "python", "darkpool"} <= told["versions"].keys()


def test_two_runs_on_the_same_answers_give_the_same_bytes(folder, archive, monkeypatch) -> None:
    outputs = [folder / "merged.parquet", folder / "plots" / "T%70C.png"]
    first = build(folder, archive, outputs)
    monkeypatch.setenv("DARKPOOL_NOW", "2031-01-01T00:00:00Z")
    assert build(folder, Archive(archive.root), outputs[::-1]) == first


def test_a_changed_byte_changes_the_manifest(folder, archive) -> None:
    outputs = [folder / "merged.parquet"]
    first = build(folder, archive, outputs)
    archive.path(layout.yahoo_daily(DAY)).write_bytes(b"thrEe")
    assert build(folder, archive, outputs) != first


def test_a_missing_output_is_an_error(folder, archive) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        build(folder, archive, [folder / "gone.png"])


def test_the_configuration_is_that_of_the_scan_without_its_place(folder, archive) -> None:
    told = manifest.relevant({**CONFIG, "finra": {**CONFIG["finra"], "weeks_again": 2}}, "emps2")
    assert told["history"] == CONFIG["history"]
    assert told["scan"] == {key: CONFIG["scans"]["emps2"][key] for key in ("tickers", "universe")}
    elsewhere = {**CONFIG, "scans": {"emps2": {**CONFIG["scans"]["emps2"], "archive": "/elsewhere"}}}
    assert manifest.relevant(elsewhere, "emps2") == told


def test_no_path_of_this_machine_and_no_secret_is_in_it(folder, archive, monkeypatch) -> None:
    monkeypatch.setenv("POLYGON_API_KEY", canaries.POLYGON)
    content = build(folder, archive, [folder / "merged.parquet"]).decode()
    assert str(archive.root) not in content
    assert canaries.in_text(content) == set()


def test_versions_name_what_can_change_a_number() -> None:
    told = manifest.versions()
    assert set(manifest.LIBRARIES) <= told.keys()
    assert told["python"] == ".".join(map(str, sys.version_info[:3]))
