"""The search for keys finds what is planted: in every spelling, in what is packed, and wherever a test may leave it."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import duckdb
import polars as pl
import pytest

import canaries
from darkpool import credentials
from darkpool.message import delivery

TESTS = Path(canaries.__file__).parent
EVERY = (*canaries.KEYS.values(), *canaries.STORE.values(), *canaries.PAIRS, f"{canaries.TOKEN}7")
SPEAK = {
    "as it is": str,
    "quoted": lambda key: quote(key, safe=""),
    "quoted in small letters": lambda key: quote(key, safe="").replace("%2B", "%2b").replace("%2F", "%2f"),
    "quoted but for slashes": quote,
    "quoted twice": lambda key: quote(quote(key, safe="")),
    "quoted as a form": quote_plus,
    "in JSON": json.dumps,
    "in JSON with slashes escaped": lambda key: json.dumps(key).replace("/", "\\/"),
    "in JSON, all signs escaped": lambda key: "".join(c if c.isalnum() else f"\\u{ord(c):04x}" for c in key),
    "in HTML": lambda key: "".join(c if c.isalnum() else f"&#{ord(c)};" for c in key),
    "in Python": repr,
    "in bytes of Python": lambda key: repr(key.encode()),
    **{
        f"in base64 after {begins!r}": lambda key, begins=begins: base64.b64encode(f"{begins}{key} …".encode()).decode()
        for begins in ("", "a", "ab", "abc")
    },
    "in base64 for addresses": lambda key: base64.urlsafe_b64encode(key.encode()).decode().rstrip("="),
}


@pytest.fixture
def aside() -> Iterator[Path]:
    """A folder that the suite's own search does not see, for keys that are planted."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.parametrize("speak", SPEAK.values(), ids=SPEAK)
@pytest.mark.parametrize("key", EVERY, ids=range(len(EVERY)))
def test_a_key_is_found_in_every_spelling_inside_of_anything(key, speak):
    assert canaries.in_text(f"a line before\nkey={speak(key)}&more=1")
    assert canaries.in_bytes(b"\x00\xff" + speak(key).encode() + b"\xff")


def test_what_is_found_is_named_and_not_repeated():
    assert canaries.in_text(canaries.POLYGON + canaries.FINRA_SECRET) == {"the key of Polygon", "FINRA's secret"}


def test_what_holds_no_key_holds_none():
    assert canaries.in_text("a canary in a mine, and the stand-in's token") == set()
    assert canaries.in_bytes(os.urandom(1_000_000)) == set()


def test_every_key_that_the_project_knows_has_a_canary():
    other_names = {names[1] for names in (credentials.POLYGON, credentials.S3_ID, credentials.S3_SECRET)}
    assert {*canaries.KEYS, *canaries.STORE} == set(credentials.SECRETS) - other_names
    assert delivery.ADDRESSES in canaries.KEYS


LEAK = f"refused {canaries.POLYGON}"
LEAKS_AMONG_OTHERS = ["0", *(f"{LEAK} {number}" for number in range(1000)), "~"]
"""Neither the smallest nor the largest, which Parquet writes out beside the data."""


def in_parquet(path: Path) -> None:
    pl.DataFrame({"reason": LEAKS_AMONG_OTHERS}).write_parquet(path, compression="zstd")


def in_a_struct(path: Path) -> None:
    pl.DataFrame({"about": [{"reasons": [reason]} for reason in LEAKS_AMONG_OTHERS]}).write_parquet(
        path, compression="zstd"
    )


def in_parquets_metadata(path: Path) -> None:
    pl.DataFrame({"n": [1]}).write_parquet(path, metadata={"sources": LEAK})


def in_duckdb(path: Path) -> None:
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE runs AS SELECT i % 7 AS n, i || ? AS reason FROM range(100000) t(i)", [LEAK])


def in_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(LEAK.encode()))


def in_a_sheet(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/sharedStrings.xml", LEAK * 10)


PACK = {
    "a.parquet": in_parquet, "b.parquet": in_a_struct, "c.parquet": in_parquets_metadata, "d.duckdb": in_duckdb,
    "e.csv.gz": in_gzip, "f.xlsx": in_a_sheet, ".hidden/g.log": lambda path: path.write_text(LEAK),
    f"{quote(canaries.POLYGON, safe='')}.txt": Path.touch,
}  # fmt: skip


UNREADABLE = (in_parquet, in_a_struct, in_duckdb, in_gzip, in_a_sheet)
"""What does not show it as it lies."""


@pytest.mark.parametrize(("name", "pack"), PACK.items(), ids=[*list(PACK)[:-1], "name of a file"])
def test_a_key_is_found_in_a_file_however_it_is_packed(aside, name, pack):
    path = aside / "project" / name
    path.parent.mkdir(parents=True)
    pack(path)
    if pack in UNREADABLE:
        assert canaries.in_bytes(path.read_bytes()) == set()
    assert canaries.in_tree(aside) == {f"project/{name}": {"the key of Polygon"}}


def test_a_damaged_file_is_searched_as_it_lies(aside):
    in_parquets_metadata(aside / "a.parquet")
    whole = (aside / "a.parquet").read_bytes()
    (aside / "a.parquet").write_bytes(whole[:-4])
    (aside / "b.gz").write_bytes(b"\x1f\x8b" + LEAK.encode())
    assert set(canaries.in_tree(aside)) == {"a.parquet", "b.gz"}


def test_the_users_own_file_may_hold_keys_and_no_other_may(aside):
    for name in (".env", ".env.own", "other.env"):
        (aside / name).write_text(LEAK)
    (aside / "link").symlink_to(aside / ".env")
    assert set(canaries.in_tree(aside)) == {".env.own", "other.env"}


CALM = """
import os, canaries
def test_calm(tmp_path):
    (tmp_path / ".env").write_text(os.environ["POLYGON_API_KEY"])
    assert {name: os.environ[name] for name in canaries.KEYS} == canaries.KEYS
"""
BEGIN = """
import os, subprocess, sys, pytest
KEY = os.environ["POLYGON_API_KEY"]
"""
LEAKS = {
    "prints": "def test_leaks(): print(KEY)",
    "logs": "import logging\ndef test_leaks(): logging.getLogger('x').warning('key %s', KEY)",
    "prints and reads it": "def test_leaks(capsys):\n    print(KEY)\n    capsys.readouterr()",
    "writes and reads it": "def test_leaks(capfd):\n    os.write(2, KEY.encode())\n    capfd.readouterr()",
    "prints in a fixture": "@pytest.fixture\ndef loud():\n    yield\n    print(KEY)\ndef test_leaks(loud): pass",
    "runs what prints": (
        "def test_leaks():\n"
        "    subprocess.run([sys.executable, '-c', 'import os; print(dict(os.environ))'], capture_output=True)"
    ),
    "runs what complains": (
        "def test_leaks():\n    subprocess.run([sys.executable, '-c', "
        "'import os, sys; sys.exit(os.environ[\"FINRA_API_SECRET\"])'], stderr=subprocess.PIPE, text=True)"
    ),
    "leaves a file": "def test_leaks(tmp_path): (tmp_path / 'a.log').write_text(KEY)",
    "leaves a file in a shared folder": (
        "@pytest.fixture(scope='module')\ndef folder(tmp_path_factory): return tmp_path_factory.mktemp('shared')\n"
        "def test_leaks(folder): (folder / 'a.log').write_text(KEY)\ndef test_later(folder): pass"
    ),
    "leaves a file and removes it in the end": (
        "@pytest.fixture\ndef path(tmp_path):\n    yield tmp_path / 'a.log'\n    (tmp_path / 'a.log').unlink()\n"
        "def test_leaks(path): path.write_text(KEY)"
    ),
}


def suite(folder: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with the plugin on these files; what the tests themselves printed is not shown again."""
    for number, text in enumerate(tests):
        (folder / f"test_{number}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "canary_search", "-p", "no:cacheprovider", "--show-capture=no"]
    return subprocess.run(
        [*command, "--basetemp", str(folder / "base"), "-q", "--tb=line", "-o", "addopts=", str(folder)],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(TESTS)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_suite_that_leaks_nothing_passes(aside):
    done = suite(aside, CALM)
    assert (done.returncode, done.stdout.splitlines()[-1].split(" in ")[0]) == (0, "1 passed"), done.stdout


def test_each_way_to_leak_fails_the_test_that_leaked_and_no_other(aside):
    done = suite(aside, CALM, *(BEGIN + text for text in LEAKS.values()))
    assert done.returncode == 1
    told = [line.split() for line in done.stdout.splitlines()]
    failed = {words[1].split("::")[0] for words in told if words[:1] in (["ERROR"], ["FAILED"])}
    assert failed == {f"test_{number}.py" for number in range(1, len(LEAKS) + 1)}
    assert "a.log holds the key of Polygon" in done.stdout
    assert "FINRA's secret" in done.stdout
