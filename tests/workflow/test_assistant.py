"""The protocol's own client asks every tool, over stdio and HTTP, and gets what the tables hold."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import polars as pl
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

import canaries
from documentation import ROOT

DAY, REAL_DAY = "2025-12-22", "2013-10-08"
ARCHIVE = ROOT.parent / "shared/data/archive"
QUESTION = re.compile(r"^\| .*\? \| `(\w+) (\{.*\})` \| `(.*)` \|$", re.MULTILINE)
TOOLS = {"sessions", "session", "ticker", "plot", "market", "blocks", "profile", "study", "explain", "query"}


@pytest.fixture(scope="module")
def demo(copy_project, tmp_path_factory):
    """The demo as `make demo` leaves it, with its study."""
    project = copy_project(tmp_path_factory.mktemp("assistant"))
    project.scan = "demo"
    del project.env["FETCH_MODE"]
    project.finish(project.target())
    subprocess.run([sys.executable, "-m", "darkpool", "study", "--scan", "demo"], cwd=project.root, check=True)
    return project


@pytest.fixture(scope="module")
def real(copy_project, tmp_path_factory):
    """A real session with trades and quotes."""
    if not ARCHIVE.is_dir():
        pytest.skip(f"no real market data at {ARCHIVE}")
    project = copy_project(tmp_path_factory.mktemp("real"))
    scan = {"archive": str(ARCHIVE), "tickers": ["BAC", "AIG"], "universe": []}
    project.finish(project.target(REAL_DAY), config={"offline": True, "scans": {"emps2": scan}})
    return project


def run(talk: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """In a thread: the browser's tests leave a running loop in theirs."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(talk())).result()


def server(project, *more: str) -> list[str]:
    return ["-m", "darkpool", "mcp", "--scan", project.scan, *more]


def ask(project, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """The results of some calls over stdio."""

    async def talk() -> list[Any]:
        parameters = StdioServerParameters(
            command=sys.executable, args=server(project), cwd=project.root, env=project.environment()
        )
        async with Client(stdio_client(parameters)) as client:
            return [await client.call_tool(name, given) for name, given in calls]

    return run(talk)


def one(project, name: str, **given: Any) -> dict[str, Any]:
    [result] = ask(project, (name, given))
    assert not result.is_error, result.content
    content: dict[str, Any] = result.structured_content
    return content


@pytest.fixture
def http(demo) -> Iterator[tuple[str, str]]:
    """Address and token of a server on loopback."""
    environment = demo.environment(DARKPOOL_MCP_TOKEN="")
    del environment["DARKPOOL_MCP_TOKEN"]
    running = subprocess.Popen(
        [sys.executable, *server(demo, "--http", "0")],
        cwd=demo.root,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    address = running.stderr.readline().split()[-1]
    token = running.stderr.readline().split()[-1]
    yield address, token
    running.terminate()
    running.wait(20)


def test_every_tool_says_that_it_reads_alone_and_what_it_returns(demo):
    async def talk() -> list[Any]:
        parameters = StdioServerParameters(command=sys.executable, args=server(demo), cwd=demo.root)
        async with Client(stdio_client(parameters)) as client:
            return (await client.list_tools()).tools

    tools = run(talk)
    assert {tool.name for tool in tools} == TOOLS
    for tool in tools:
        assert tool.annotations.read_only_hint is True
        assert tool.description
        if tool.name != "plot":
            assert tool.output_schema["properties"], tool.name
    [session] = [tool for tool in tools if tool.name == "session"]
    assert "Unit: shares" in json.dumps(session.output_schema)


def test_answers_equal_the_tables(demo):
    answer = one(demo, "session", limit=200)
    features = demo.table("features").to_dicts()
    told = {row["ticker"]: row for row in answer["rows"]}
    assert answer["total"] == len(features) == len(told)
    for row in features:
        for name, value in row.items():
            expected = str(value) if name in ("date", "finra_week") and value is not None else value
            assert told[row["ticker"]][name] == expected, (row["ticker"], name)
    assert answer["session"] == DAY
    assert answer["complete"] is True
    assert "inferred estimates" in answer["caveats"][-1]
    assert answer["units"]["trf_volume"] == "shares"
    assert answer["flags"]["no_lit"]
    market = one(demo, "market", limit=200)
    first = demo.table("market").filter(pl.col("rank") == 1).to_dicts()[0]
    assert market["rows"][0]["ticker"] == first["ticker"]
    assert market["rows"][0]["volume_z"] == first["volume_z"]
    blocks = one(demo, "blocks", limit=1)
    largest = demo.table("trf_blocks").sort("notional", descending=True).to_dicts()[0]
    assert (blocks["rows"][0]["ticker"], blocks["rows"][0]["size"]) == (largest["ticker"], largest["size"])


def test_a_real_session_is_answered_with_its_bands_and_what_is_missing(real):
    answer = one(real, "ticker", ticker="AIG")
    [row] = answer["rows"]
    own = real.features(REAL_DAY)["AIG"]
    for name in ("lit_buy_ratio", "lit_buy_low", "bought_low", "bought_high", "log_ratio", "trf_volume"):
        assert row[name] == own[name]
    assert answer["complete"] is (real.folder(REAL_DAY) / "all").is_file()
    assert answer["simulated"] is False
    prints = one(real, "blocks", tickers="AIG", limit=3)["rows"]
    expected = real.table("trf_blocks", REAL_DAY).filter(pl.col("ticker") == "AIG").sort("notional", descending=True)
    assert [row["notional"] for row in prints] == expected["notional"].head(3).to_list()


def test_a_profile_is_the_tables_with_its_levels(real):
    answer = one(real, "profile", ticker="AIG", limit=200)
    table = real.table("trf_profile", REAL_DAY).filter(pl.col("ticker") == "AIG")
    assert answer["total"] == table.height
    assert answer["rows"][0]["buy"] == table["buy"][0]
    found = answer["levels"]
    assert found["control_low"] == pytest.approx(47.8)
    row = real.features(REAL_DAY)["AIG"]
    assert row["point_of_control"] == pytest.approx((found["control_low"] + found["control_high"]) / 2)
    assert row["value_position"] is None  # no close of 2013 is in the archive


def test_pages_follow_each_other_and_end(demo):
    found, offset = [], 0
    while offset is not None:
        answer = one(demo, "session", limit=5, offset=offset)
        found += [row["ticker"] for row in answer["rows"]]
        offset = answer["next_offset"]
    assert len(found) == len(set(found)) == answer["total"]


def test_a_plot_comes_as_an_image(demo):
    [result] = ask(demo, ("plot", {"ticker": "BRK.B"}))
    [image] = result.content
    assert image.mime_type == "image/png"
    assert base64.b64decode(image.data) == (demo.folder() / "plots/BRK.B.png").read_bytes()


def test_the_documentation_asks_ten_questions_and_has_the_answers(demo):
    asked = QUESTION.findall((ROOT / "docs/assistant.md").read_text())
    assert len(asked) == 10
    results = ask(demo, *((name, json.loads(given)) for name, given, _ in asked))
    for (name, given, expected), result in zip(asked, results, strict=True):
        assert not result.is_error, (name, given, result.content)
        assert expected in json.dumps(result.structured_content, ensure_ascii=False), (name, given)


HOSTILE = [
    ("query", {"sql": "select * from read_parquet('/etc/passwd')"}, "read_parquet is not open here"),
    ("query", {"sql": "select * from glob('/**')"}, "glob is not open here"),
    ("query", {"sql": "select * from duckdb_settings()"}, "duckdb_settings is not open here"),
    ("query", {"sql": "copy features to 'x.csv'"}, "read-only"),
    ("query", {"sql": "drop table features; select 1"}, "statements were given"),
    ("query", {"sql": "select 1" + " " * 5000}, "at most 4,000"),
    ("query", {"sql": "select nothing from nowhere"}, "nowhere"),
    ("session", {"session": "../../etc"}, "is no date"),
    ("session", {"session": "x" * 300}, "at most 200"),
    ("session", {"signal": "BUY"}, "BOT or SELL"),
    ("session", {"flag": "nope"}, "no flag 'nope'"),
    ("session", {"limit": 100_000}, "1 to 200"),
    ("ticker", {"ticker": "AA\x00PL"}, "control characters"),
    ("ticker", {"ticker": "brk.b"}, "BRK.B"),
    ("plot", {"ticker": "../../../etc/passwd"}, "is no ticker"),
    ("explain", {"name": "trf_spikes"}, "did you mean trf_spike"),
    ("sessions", {"offset": -1}, "0 or more"),
]


@pytest.fixture(scope="module")
def refused(demo):
    """The answers to all of them, in one conversation: what one does must not reach the next."""
    return ask(demo, *((name, given) for name, given, _ in HOSTILE))


@pytest.mark.parametrize("number", range(len(HOSTILE)), ids=[f"{name}-{words}" for name, _, words in HOSTILE])
def test_a_hostile_or_mistaken_argument_gets_a_clear_error_and_nothing_of_the_machine(demo, refused, number):
    result, words = refused[number], HOSTILE[number][2]
    assert result.is_error
    text = " ".join(part.text for part in result.content)
    assert words in text
    assert str(demo.root) not in text
    assert "Traceback" not in text


def test_nothing_of_the_machine_is_in_any_answer(demo):
    calls = [
        ("sessions", {}), ("session", {"limit": 200}), ("ticker", {"ticker": "NA"}), ("market", {}), ("blocks", {}),
        ("study", {}), ("explain", {"name": "quality"}), ("query", {"sql": "select * from runs"}),
        ("query", {"sql": "select current_setting('home_directory'), current_setting('temp_directory')"}),
    ]  # fmt: skip
    said = "".join(str(result.structured_content) + str(result.content) for result in ask(demo, *calls))
    for secret in (str(demo.root), str(Path.home()) + "/", os.uname().nodename + "/", *canaries.KEYS.values()):
        assert secret not in said


def test_resources_and_the_prompt_say_what_they_must(demo):
    async def talk() -> tuple[str, str, str]:
        parameters = StdioServerParameters(command=sys.executable, args=server(demo), cwd=demo.root)
        async with Client(stdio_client(parameters)) as client:
            latest = (await client.read_resource("darkpool://latest")).contents[0].text
            words = (await client.read_resource("darkpool://glossary")).contents[0].text
            prompt = (await client.get_prompt("briefing")).messages[0].content.text
            return latest, words, prompt

    latest, words, prompt = run(talk)
    assert latest.startswith("SIMULATED: demo Mon 2025-12-22")
    assert "Elsewhere in the market" in latest
    assert {"offex_ratio", "no_lit", "BOT", "NBBO"} <= {entry["name"] for entry in json.loads(words)}
    assert "inferred estimates" in prompt


PLAIN = [(name, {}) for name in ("sessions", "session", "market", "blocks", "study")]


def test_over_http_the_answers_are_the_same_and_need_the_token(demo, http):
    address, token = http
    assert address.startswith("http://127.0.0.1:")
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": token}):
        refused = httpx2.post(address, headers=headers, json=ping, trust_env=False)
        assert (refused.status_code, refused.text) == (401, "a bearer token is needed\n")

    async def talk() -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, trust_env=False) as carrying,
            Client(streamable_http_client(address, http_client=carrying)) as client,
        ):
            assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
            return [await client.call_tool(*call) for call in PLAIN]

    over_http = [result.structured_content for result in run(talk)]
    assert over_http == [result.structured_content for result in ask(demo, *PLAIN)]
