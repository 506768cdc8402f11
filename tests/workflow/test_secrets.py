"""Canary keys through the whole command, on good days and bad: they reach the vendor that they are for, and no file,
output or process list.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import canaries
from mornings import PATIENCE
from standin import Answer, Vendors, nanoseconds, weekly_rows

DAY = "2025-12-22"
MONDAY = date(2025, 11, 24)


class Phone(ThreadingHTTPServer):
    """Where the message goes; refuses with `status`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Ring)
        self.status, self.rang = 200, 0


class _Ring(BaseHTTPRequestHandler):
    server: Phone

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.rang += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


class ProcessList:
    """Watches the command lines of all processes while entered; `seen` holds them, `told` those with a canary."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.told: set[str] = set()
        self._ended = threading.Event()

    def __enter__(self) -> ProcessList:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            for line in self._lines():
                self.seen.add(line[:200])
                if canaries.in_text(line):
                    self.told.add(line)

    @staticmethod
    def _lines() -> list[str]:
        if not Path("/proc/self/cmdline").exists():
            done = subprocess.run(["ps", "-axo", "command"], capture_output=True, text=True, check=False)
            return done.stdout.splitlines()
        lines = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                lines.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        return lines


@dataclass
class Days:
    """What the runs said and left behind."""

    root: Path
    vendors: Vendors
    phone: Phone
    said: dict[str, str] = field(default_factory=dict)
    processes: ProcessList = field(default_factory=ProcessList)

    def commands(self) -> set[str]:
        return {line for line in self.processes.seen if "snakemake" in line or "/scripts/" in line}


def trade(number: int) -> dict[str, object]:
    stamp = nanoseconds(DAY, f"10:00:{number:02}")
    times = {"sip_timestamp": stamp + 1000, "participant_timestamp": stamp}
    return {**times, "sequence_number": number, "price": 10.01, "size": 50, "exchange": 11, "tape": 3}


def quotation(number: int) -> dict[str, object]:
    stamp = nanoseconds(DAY, f"09:59:{number:02}")
    sides = {
        "bid_price": 9.99,
        "ask_price": 10.01,
        "bid_size": 1,
        "ask_size": 1,
        "bid_exchange": 11,
        "ask_exchange": 11,
    }
    return {"sip_timestamp": stamp + 1, "participant_timestamp": stamp, "sequence_number": number, "tape": 3, **sides}


def furnish(vendors: Vendors) -> None:
    vendors.polygon.key, vendors.finra_api.secret = canaries.POLYGON, canaries.FINRA_SECRET
    vendors.polygon.trades("AAPL", DAY, [trade(number) for number in range(1, 9)])
    vendors.polygon.quotes("AAPL", DAY, [quotation(number) for number in range(1, 9)])
    for back in range(6):
        monday = MONDAY - timedelta(weeks=back)
        for tier in ("T1", "T2", "OTCE"):
            vendors.finra_api.publish(weekly_rows(monday, tier, {"AAPL" if tier == "T1" else "ZZZ": (30, 60)}))


def python(root: Path, env: dict[str, str], *argv: str) -> str:
    """`python -m darkpool` in the project, and all it says."""
    env = {**env, "PYTHONPATH": str(root / "workflow/scripts"), "DARKPOOL_NOW": "2025-12-23T06:00:00-05:00"}
    done = subprocess.run(
        [sys.executable, "-m", "darkpool", *argv], cwd=root, env=env, text=True, check=False, timeout=PATIENCE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.stdout


@pytest.fixture(scope="module")
def days(live_in, tmp_path_factory) -> Iterator[Days]:
    """One good morning, and bad ones of every kind; searched by the tests, changed by none."""
    folder = tmp_path_factory.mktemp("secrets")
    with Vendors(folder / "vendors") as vendors, Phone() as phone:
        threading.Thread(target=phone.serve_forever, args=(0.02,), daemon=True).start()
        live = live_in(folder, vendors)
        live.publish()
        furnish(vendors)
        live.tickers = ["AAPL"]
        live.settings = {"lit": {"min_lit_volume": 100, "calls_per_minute": 0}, "history": live.settings["history"]}
        live.project.env["DARKPOOL_BACKOFF"] = "0.001"
        root = live.project.root
        env = live.project.environment(
            DARKPOOL_NOTIFY=canaries.KEYS["DARKPOOL_NOTIFY"].replace(":9/", f":{phone.server_port}/")
        )
        found = Days(root, vendors, phone)

        def fetch(kind: str) -> None:
            """Run the two rules that hold a key on a new archive, after which the faults are over."""
            live.archive = f"resources/{kind}"
            receipts = [f"{live.archive}/receipts/{source}/{DAY}.json" for source in ("polygon", "finra_weekly")]
            found.said[kind] = live.run("--keep-going", *receipts).said
            vendors.faults.clear()

        with found.processes:
            found.said["good"] = live.run(finished=True).said
            found.said["digest"] = python(root, env, "digest", "--send")
            phone.status = 401
            (root / "results/emps2/.messages.json").unlink()
            found.said["refused digest"] = python(root, env, "digest", "--send")
            found.said["doctor"] = python(root, env, "doctor")

            vendors.polygon.key, vendors.finra_api.secret = "another", "another"
            fetch("unknown")
            furnish(vendors)
            vendors.faults.add(kind="status", status=403, host="api.polygon.io")
            vendors.faults.add(kind="status", status=429, retry_after=0, host="api.finra.org")
            fetch("limited")
            vendors.faults.add(kind="cut", host="api.finra.org")
            vendors.faults.add(kind="status", status=503, path_contains="/v3/quotes/")
            vendors.faults.add(kind="drop", path_contains="/v3/trades/")
            vendors.faults.add(kind="cut", path_contains="/v2/aggs/")
            fetch("broken")
            told = {"status": "ERROR", "message": f"Unknown API Key {canaries.POLYGON}, {canaries.PAIRS[0]}"}
            usual = vendors.finra_api.answer
            vendors.finra_api.answer = lambda request: (
                Answer(400, json.dumps(told).encode()) if request.host == "api.finra.org" else usual(request)
            )
            client = root / "workflow/scripts/darkpool/vendors/polygon/client.py"
            text = client.read_text()
            crashing = text.replace(
                "        return self._web.get(", "        raise KeyError(headers)\n        return self._web.get("
            )
            assert crashing != text
            client.write_text(crashing)
            fetch("repeated")
        yield found
        phone.shutdown()
        assert not vendors.unexpected, [request.path for request in vendors.unexpected]


def test_the_keys_were_sent_where_they_belong(days):
    sent = {
        (request.host, request.headers[name])
        for request in days.vendors.requests
        for name in ("Authorization", "X-API-KEY")
        if name in request.headers
    }
    basic = base64.b64encode(canaries.PAIRS[0].encode()).decode()
    assert ("api.polygon.io", f"Bearer {canaries.POLYGON}") in sent
    assert ("ews.fip.finra.org", f"Basic {basic}") in sent
    assert {host for host, _ in sent} == {"api.polygon.io", "ews.fip.finra.org", "api.finra.org"}
    assert days.phone.rang >= 2
    assert not [request.path for request in days.vendors.requests if canaries.in_text(request.path)]


def test_the_runs_were_what_they_should_be(days):
    """Else there would be nothing to find."""
    assert "message: sent" in days.said["digest"]
    assert "message: failed: address 1 (json): HTTP status 401" in days.said["refused digest"]
    assert "POLYGON_API_KEY from the environment" in days.said["doctor"]
    polygon = {kind: _receipt(days, kind, "polygon") for kind in ("unknown", "limited", "broken")}
    assert "does not know the key" in polygon["unknown"]
    assert "blocked" in polygon["limited"]
    assert "outage" in polygon["broken"]
    weekly = {kind: _receipt(days, kind, "finra_weekly") for kind in ("unknown", "limited", "broken")}
    assert "does not take the credentials" in weekly["unknown"]
    assert "429" in weekly["limited"]
    assert "cut" in weekly["broken"]
    assert "(hidden)" in _receipt(days, "repeated", "finra_weekly")
    assert "KeyError: {'Authorization': 'Bearer (hidden)'" in days.said["repeated"]


def _receipt(days: Days, kind: str, source: str) -> str:
    return (days.root / f"resources/{kind}/receipts/{source}/{DAY}.json").read_text()


def test_no_output_of_any_run_holds_a_key(days):
    assert len(days.said) == 8
    assert {kind: found for kind, said in days.said.items() if (found := canaries.in_text(said))} == {}


def test_no_file_under_the_work_tree_holds_a_key(days):
    files = list(canaries.files(days.root))
    suffixes = {path.suffix for path in files}
    assert {".parquet", ".json", ".log", ".html", ".csv", ".txt"} <= suffixes
    assert [path for path in files if ".snakemake" in path.parts]
    assert canaries.in_tree(days.root) == {}


def test_no_process_list_shows_a_key(days):
    assert days.commands()
    assert days.processes.told == set()


def test_an_env_file_that_others_can_read_stops_the_run_before_the_first_job(project):
    (project.root / ".env").write_text(f"POLYGON_API_KEY={canaries.POLYGON}\n")
    (project.root / ".env").chmod(0o644)
    run = project.run(project.target(), DARKPOOL_NOW="2025-12-23T06:00:00-05:00")
    assert run.code == 1
    assert not run.rules
    assert [line for line in run.lines if "chmod 600 .env" in line]
    assert "Traceback" not in run.said
    assert canaries.in_text(run.said) == set()
