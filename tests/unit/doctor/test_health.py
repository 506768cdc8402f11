"""The doctor on real files and real loopback vendors: each fault is found, named, and comes with what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

import canaries
from darkpool import credentials
from darkpool.archive import places
from darkpool.archive.store import Archive
from darkpool.cli import main
from darkpool.doctor import installation, network
from darkpool.market import sessions
from darkpool.message import delivery
from darkpool.project import PROJECT
from darkpool.tables import glossary
from darkpool.vendors.entries import new_entry
from darkpool.vendors.simulated import daily_fetch, tick_fetch, weekly_fetch
from standin import Answer, Vendors

SOURCE = Path(__file__).parents[3]
KEY, NOTIFY = canaries.POLYGON, canaries.NOTIFY
NOW = "2025-12-23T06:00:00-05:00"

Ask = Callable[..., tuple[int, dict[str, list[dict[str, str]]]]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's root on a machine of its own: no key, no crontab, the morning after 2025-12-22."""
    root = tmp_path / "project"
    root.mkdir()
    shutil.copyfile(SOURCE / "config.yaml", root / "config.yaml")
    monkeypatch.chdir(root)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(credentials, "_handed_out", set())
    for name in (*credentials.POLYGON, "FINRA_API_KEY", "FINRA_API_SECRET", delivery.ADDRESSES, "FETCH_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("DARKPOOL_NOW", raising=False)
    return root


@pytest.fixture
def ask(project: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """The doctor's exit status and findings by check."""

    def run(*argv: str, online: bool = False) -> tuple[int, dict[str, list[dict[str, str]]]]:
        status = main.main(["doctor", "--json", *([] if online else ["--offline"]), *argv])
        said = capsys.readouterr()
        assert said.err == ""
        assert KEY not in said.out
        found: dict[str, list[dict[str, str]]] = {}
        for check in json.loads(said.out)["checks"]:
            found.setdefault(check["name"], []).append(check)
            assert check["said"]
            assert check["state"] == "ok" or check["todo"] or check["name"] == "keys"
        return status, found

    return run


@pytest.fixture
def vendors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendors]:
    with Vendors(tmp_path / "vendors") as running:
        for name, value in running.variables.items():
            monkeypatch.setenv(name, value)
        yield running
        assert not running.unexpected


def test_a_new_machine_is_sound_and_lacks_a_run_and_a_schedule(ask):
    status, found = ask()
    assert status == 0
    assert {name: [check["state"] for check in checks] for name, checks in found.items()} == {
        "python": ["ok"], "dependencies": ["ok"], "config": ["ok"], "calendar": ["ok"], "keys": ["ok"],
        "message": ["ok"], "vendors": ["ok"], "clock": ["ok"], "disk": ["ok", "ok"], "last run": ["warn"],
        "schedule": ["warn"],
    }  # fmt: skip
    assert found["schedule"][0]["todo"] == "make cron shows the line"
    assert "in New York" in found["clock"][0]["said"]


def test_a_check_is_a_line_with_its_state_first(project, capsys):
    assert main.main(["doctor", "--offline"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12
    assert {line.split()[0] for line in lines} == {"ok", "warn"}
    assert [line for line in lines if " -> " in line] == [line for line in lines if line.startswith("warn")]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("scans: [", "not readable as YAML"),
        ("", "config: (top level)"),
        ("mode: hourly\n", "key"),
        (None, "mode: \"hourly\" was given"),
        ("across", "at most history.ma = 20"),
        ("a part", "finra.files: FNSQ, FNYX without FNQC is a part of the off-exchange volume"),
    ],
    ids=["no YAML", "empty", "incomplete", "a value", "two values", "a part of the facilities"],
)  # fmt: skip
def test_a_broken_configuration_is_a_fault_that_names_the_key(ask, project, broken, said):
    path = project / "config.yaml"
    whole = path.read_text()
    text = {
        None: whole.replace("mode: daily", "mode: hourly"),
        "across": whole.replace("min_sessions: 20", "min_sessions: 21"),
        "a part": whole.replace("files: [CNMS]", "files: [FNSQ, FNYX]"),
    }.get(broken, broken)
    assert text != whole
    path.write_text(text)
    status, found = ask()
    (check,) = found["config"]
    assert (status, check["state"]) == (1, "fault")
    assert said in check["said"]
    assert "config.schema.yaml" in check["todo"]


def test_a_configuration_that_is_not_there_and_a_scan_that_is_none(ask, project):
    _, found = ask("--scan", "nope")
    assert (found["config"][0]["state"], found["config"][0]["said"]) == ("fault", "no scan nope")
    (project / "config.yaml").unlink()
    status, found = ask()
    assert (status, found["config"][0]["todo"]) == (1, "run from the project's root")


def test_a_mode_in_the_environment_is_checked_too(ask, monkeypatch):
    monkeypatch.setenv("FETCH_MODE", "hourly")
    assert "hourly" in ask()[1]["config"][0]["said"]


def test_a_package_that_is_missing_is_a_fault_and_another_version_a_warning(ask, tmp_path, monkeypatch):
    there = 'polars==99.0 \\\n    --hash=sha256:00\nnot-there==1.0 ; python_version < "3"\n'
    (tmp_path / "requirements.txt").write_text(there)
    shutil.copytree(SOURCE / "workflow/schemas", tmp_path / "workflow/schemas")
    monkeypatch.setattr(installation, "PROJECT", tmp_path)
    status, found = ask()
    (check,) = found["dependencies"]
    assert (status, check["state"]) == (0, "warn")
    assert "for ==99.0" in check["said"]
    (tmp_path / "requirements.txt").write_text(there + "not-there-at-all==1.0 \\\n")
    status, found = ask()
    assert (status, found["dependencies"][0]["said"]) == (1, "not installed: not-there-at-all")


def test_keys_are_said_to_be_there_and_never_shown(ask, project, monkeypatch):
    (project / ".env").touch(mode=0o600)
    (project / ".env").write_text(f"POLYGON_API_KEY={KEY}\n")
    monkeypatch.setenv("FINRA_API_KEY", KEY)
    monkeypatch.setenv("FINRA_API_SECRET", KEY)
    (check,) = ask()[1]["keys"]
    assert check["state"] == "ok"
    assert check["said"] == (
        "POLYGON_API_KEY from .env; FINRA_API_KEY from the environment; FINRA_API_SECRET from the environment"
    )
    monkeypatch.delenv("FINRA_API_SECRET")
    assert ask()[1]["keys"][0]["said"] == "FINRA_API_KEY is set and FINRA_API_SECRET is not"


def test_one_key_of_the_store_of_flat_files_is_none_and_two_stand_for_polygons(ask, monkeypatch):
    monkeypatch.delenv("POLYGON_API_KEY", raising=False)
    monkeypatch.setenv("MASSIVE_S3_ACCESS_KEY_ID", "identity-31b7")
    assert ask()[1]["keys"][0]["said"] == "MASSIVE_S3_ACCESS_KEY_ID is set and POLYGON_S3_SECRET_ACCESS_KEY is not"
    monkeypatch.setenv("POLYGON_S3_SECRET_ACCESS_KEY", "secret-90ac")
    [said] = [check["said"] for check in ask()[1]["keys"]]
    assert "MASSIVE_S3_ACCESS_KEY_ID from the environment" in said
    assert "minute bars" not in said
    assert "31b7" not in said


def test_an_env_file_that_others_can_read_is_a_fault(ask, project):
    (project / ".env").write_text(f"POLYGON_API_KEY={KEY}\n")
    (project / ".env").chmod(0o644)
    status, found = ask()
    assert (status, found["keys"][0]["state"]) == (1, "fault")
    assert "chmod 600 .env" in found["keys"][0]["said"]


@pytest.mark.parametrize("content", ["\ufeffPOLYGON_API_KEY={}\n", "export POLYGON_API_KEY='{}'\r\n"])
def test_a_key_is_found_behind_a_byte_order_mark_and_an_export(ask, project, content):
    (project / ".env").touch(mode=0o600)
    (project / ".env").write_text(content.format(KEY), encoding="utf-8")
    (check,) = ask()[1]["keys"]
    assert (check["state"], check["said"]) == ("ok", "POLYGON_API_KEY from .env")


def test_a_line_of_the_env_file_that_means_nothing_is_a_warning_without_its_content(ask, project, capsys):
    (project / ".env").touch(mode=0o600)
    (project / ".env").write_text(f"POLYGON_API_KEY: {KEY}\n{KEY}\n")
    status, found = ask()
    assert (status, [check["state"] for check in found["keys"]]) == (0, ["warn", "warn", "ok"])
    assert found["keys"][1]["said"] == ".env, line 2 means nothing; expected NAME=value, as POLYGON_API_KEY=…"
    assert KEY not in str(found) + str(capsys.readouterr())


def test_a_key_with_a_blank_in_it_is_a_fault(ask, monkeypatch):
    monkeypatch.setenv("POLYGON_API_KEY", f"{KEY} {KEY}")
    status, found = ask()
    assert status == 1
    assert "without blanks" in found["keys"][0]["said"]


def test_addresses_of_the_message_are_counted_and_wrong_ones_named_by_number(ask, monkeypatch):
    monkeypatch.setenv(delivery.ADDRESSES, f"json://{NOTIFY}@127.0.0.1/ ntfy://127.0.0.1/{NOTIFY}")
    assert ask()[1]["message"][0]["said"].startswith("2 addresses")
    monkeypatch.setenv(
        delivery.ADDRESSES, f"json://127.0.0.1/ nothing://{NOTIFY} jsons://{NOTIFY}@127.0.0.1/?verify=no"
    )
    status, found = ask()
    assert status == 1
    assert found["message"][0]["said"].startswith(
        "address 2 (nothing): apprise does not know such an address; address 3 (jsons): the address turns"
    )


def test_vendors_that_answer_are_asked_once_each_with_no_key(ask, vendors, monkeypatch):
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    status, found = ask(online=True)
    assert status == 0
    hosts = ["cdn.finra.org", "query2.finance.yahoo.com", "api.finra.org", "api.polygon.io"]
    assert [check["said"] for check in found["vendors"]] == [f"{host} answers" for host in hosts]
    assert sorted(request.host for request in vendors.requests) == sorted(hosts)
    assert not [request for request in vendors.requests if KEY in str(request)]


@pytest.mark.parametrize(
    ("fault", "state", "said", "todo"),
    [
        ({"kind": "refuse"}, "fault", "does not answer: ", "check "),
        ({"kind": "tls"}, "fault", "TLS: the certificate is not trusted", "REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE"),
        ({"kind": "drop"}, "fault", "does not answer: ", "check "),
        ({"kind": "status", "status": 503}, "warn", "answers, with 503", "try again later"),
        ({"kind": "status", "status": 429}, "warn", "429", "wait an hour"),
    ],
    ids=["refused", "certificate", "dropped", "server error", "rate limit"],
)
@pytest.mark.parametrize("host", ["cdn.finra.org", network.YAHOO_HOST])
def test_a_vendor_that_does_not_answer_is_named(ask, vendors, host, fault, state, said, todo):
    vendors.faults.add(host=host, **fault)
    status, found = ask(online=True)
    (check,) = [check for check in found["vendors"] if host in check["said"]]
    assert (check["state"], status) == (state, 1 if state == "fault" else 0)
    assert said in check["said"]
    assert todo in check["todo"]


def test_no_network_at_all_is_a_fault_for_what_is_needed_and_a_warning_for_the_rest(ask, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    status, found = ask(online=True)
    assert status == 1
    assert [check["state"] for check in found["vendors"]] == ["fault", "fault", "warn"]


def test_a_vendor_that_never_answers_does_not_hold_the_others_up(ask, vendors, monkeypatch):
    monkeypatch.setattr(network, "TIMEOUT", 0.5)
    vendors.faults.add(kind="slow", seconds=60, host="cdn.finra.org")
    _, found = ask(online=True)
    assert [check["state"] for check in found["vendors"]] == ["fault", "ok", "ok"]
    assert "time-out" in found["vendors"][0]["said"]


@pytest.mark.parametrize(
    ("ahead", "state", "said"),
    [
        (timedelta(0), "ok", "the vendors' clocks"),
        (timedelta(minutes=5), "warn", "s behind the vendors' clocks"),
        (-timedelta(minutes=5), "warn", "s ahead of the vendors' clocks"),
        (timedelta(hours=5), "fault", "s behind the vendors' clocks"),
    ],
)
def test_a_clock_that_is_wrong_is_seen_by_the_vendors_own(ask, vendors, monkeypatch, ahead, state, said):
    def dated(_: Any) -> Answer:
        return Answer(403, b"", {"Date": format_datetime(datetime.now(UTC) + ahead, usegmt=True)})

    for vendor in (vendors.finra, vendors.yahoo, vendors.finra_api):
        monkeypatch.setattr(vendor, "answer", dated)
    _, found = ask(online=True)
    assert (found["clock"][0]["state"], said in found["clock"][0]["said"]) == (state, True)


def test_a_clock_set_by_hand_is_said(ask, monkeypatch):
    monkeypatch.setenv("DARKPOOL_NOW", NOW)
    (check,) = ask()[1]["clock"]
    assert check["said"] == "DARKPOOL_NOW sets the time to 2025-12-23 06:00 in New York"
    monkeypatch.setenv("DARKPOOL_NOW", "yesterday")
    status, found = ask()
    assert status == 1
    assert "DARKPOOL_NOW is 'yesterday'" in found["calendar"][0]["said"]


def test_a_calendar_that_ends_soon_is_a_fault(ask, monkeypatch):
    monkeypatch.setenv("DARKPOOL_NOW", f"{datetime.now(UTC).year + 1}-12-01T06:00:00-05:00")
    status, found = ask()
    assert (status, found["calendar"][0]["state"]) == (1, "fault")


def test_a_full_disk_is_a_fault_and_a_fuller_one_a_warning(ask, monkeypatch):
    usage = shutil.disk_usage(".")
    for free, state in ((1_000_000, "fault"), (1_000_000_000, "warn"), (10_000_000_000, "ok")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        assert [check["state"] for check in ask()[1]["disk"]] == [state, state]


def test_the_last_run_is_told_with_its_states(ask, project, monkeypatch):
    monkeypatch.setenv("DARKPOOL_NOW", NOW)
    scan = project / "results/emps2"
    for day in ("2025-12-19", "2025-12-22"):
        (scan / day).mkdir(parents=True)
    (scan / "2025-12-19/all").write_text("{}")
    latest = {"date": "2025-12-22", "states": {"FINRA": "not_yet", "Yahoo": "published"}, "exit_status": 75}
    (scan / "latest.json").write_text(json.dumps(latest))
    (check,) = ask()[1]["last run"]
    assert check["state"] == "warn"
    assert check["said"] == (
        "the newest finished session is 2025-12-19; the last run was for 2025-12-22 "
        f"({glossary.source('FINRA')} not yet, {glossary.source('Yahoo')} published), 2025-12-22 has completed since"
    )
    (scan / "2025-12-22/all").write_text("{}")
    assert ask()[1]["last run"][0]["state"] == "ok"
    (scan / "latest.json").write_text(json.dumps({**latest, "exit_status": 1}))
    assert "ended with a fault" in ask()[1]["last run"][0]["said"]
    (scan / "latest.json").write_text("{")
    assert ask()[1]["last run"][0]["said"] == "the newest finished session is 2025-12-22"


def test_the_crontab_line_of_this_project_is_recognised_and_no_other(ask, tmp_path):
    command = tmp_path / "bin/crontab"
    command.parent.mkdir()
    line = f"0 6 * * * {PROJECT}/workflow/scripts/daily.sh"
    for listed, state in ((f"# {line}", "warn"), ("0 6 * * * /another/project/daily.sh", "warn"), (line, "ok")):
        command.write_text(f"#!/bin/sh\nprintf '%s\\n' '{listed}'\n")
        command.chmod(0o755)
        assert ask()[1]["schedule"][0]["state"] == state
    command.write_text("#!/bin/sh\necho no crontab for you >&2; exit 1\n")
    assert ask()[1]["schedule"][0]["state"] == "warn"


def test_a_unit_of_systemd_is_recognised_too(ask, tmp_path):
    unit = tmp_path / ".config/systemd/user/darkpool.service"
    unit.parent.mkdir(parents=True)
    unit.write_text(f"[Service]\nExecStart={PROJECT}/workflow/scripts/daily.sh\n")
    (check,) = ask()[1]["schedule"]
    assert (check["state"], check["said"]) == ("ok", f"{unit} runs daily.sh of this project")


def test_a_check_that_breaks_is_a_finding_and_the_others_go_on(ask, monkeypatch):
    def broken(*_: Any) -> Any:
        raise RuntimeError(f"no idea, {KEY}")

    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    monkeypatch.setattr(shutil, "disk_usage", broken)
    status, found = ask()
    assert status == 1
    assert found["disk"][0]["said"] == "could not be checked: RuntimeError: no idea, (hidden)"
    assert "schedule" in found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's archive of a session."""
    root = tmp_path_factory.mktemp("made")
    session = date(2025, 12, 22)
    daily_fetch.fetch(Archive(root), session, sessions.window(session, 2), 7)
    tick_fetch.fetch(Archive(root), session, 7)
    weekly_fetch.fetch(Archive(root), session, 1, 7)
    return root


class TestArchive:
    """`doctor --archive` on the demo's archive, a small one of every kind of file."""

    FILES = (
        "finra/regsho/CNMSshvol20251222.txt",
        "finra/otc_weekly/*.json",
        "yahoo/daily/2025-12-22.parquet",
        "yahoo/splits/2025-12-22.parquet",
        "universe/demo/2025-12-22.csv",
        "polygon/trades/2025-12-22/PENNY.parquet",
        "polygon/quotes/2025-12-22/PENNY.parquet",
        "polygon/minute_bars/2025-12-22/BARSO.parquet",
    )

    @pytest.fixture
    def archive(self, made: Path, project: Path) -> Path:
        return Path(shutil.copytree(made, project / "resources/demo"))

    def examine(self, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
        status = main.main(["doctor", "--archive"])
        said = capsys.readouterr()
        return status, said.out, said.err

    def test_a_whole_archive_is_ok_and_how_far_it_is_is_told(self, archive, capsys) -> None:
        status, out, err = self.examine(capsys)
        assert status == 0, out
        count = sum(1 for kind in places.SOURCES for path in (archive / kind).rglob("*") if path.is_file())
        assert f"{count:,} files hashed" in out
        assert f"{count:,} of {count:,} files" in err

    @pytest.mark.parametrize("pattern", FILES)
    @pytest.mark.parametrize("kind", ["flipped", "cut", "emptied"])
    def test_a_damaged_file_is_named_and_it_ends_1(self, pattern, kind, archive, capsys) -> None:
        path = next(iter(sorted(archive.glob(pattern))))
        content = bytearray(path.read_bytes())
        if kind == "flipped":
            content[len(content) // 2] ^= 1
        path.write_bytes({"flipped": content, "cut": content[:-9], "emptied": b""}[kind])
        status, out, _ = self.examine(capsys)
        assert status == 1
        (line,) = [line for line in out.splitlines() if line.startswith("fault")]
        assert str(path.relative_to(archive)) in line

    def test_a_spoilt_receipt_is_named_and_the_others_are_examined(self, archive, capsys) -> None:
        (archive / "receipts/finra/2025-12-22.json").write_text("{")
        path = archive / "yahoo/daily/2025-12-22.parquet"
        path.write_bytes(b"")
        status, out, _ = self.examine(capsys)
        assert status == 1
        assert [name in out for name in ("receipts/finra/2025-12-22.json", "yahoo/daily/2025-12-22.parquet")] == [
            True
        ] * 2

    def test_a_file_that_is_gone_is_a_warning(self, archive, capsys) -> None:
        (archive / "universe/demo/2025-12-22.csv").unlink()
        status, out, _ = self.examine(capsys)
        assert status == 0
        (line,) = [line for line in out.splitlines() if line.startswith("warn")]
        assert "universe/demo/2025-12-22.csv" in line


def test_prices_of_the_whole_market_that_do_not_come_are_told(ask, project, monkeypatch):
    def found() -> dict[str, str]:
        [check] = ask("--config", "my.yaml")[1]["market"]
        return check

    config = (project / "config.yaml").read_text()
    (project / "my.yaml").write_text(config.replace("grouped: false", "grouped: true"))
    assert "market" not in ask()[1]
    assert "no key of Polygon is set" in found()["said"]
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    assert (found()["state"], found()["said"]) == ("ok", "the market's prices were not asked for yet")
    archive, day = Archive(project / "resources/archive"), date(2025, 12, 22)
    for state, verdict in (("published", "ok"), ("outage", "warn"), ("blocked", "warn")):
        entry = new_entry(state, None if state == "published" else "HTTP 503")
        archive.write_receipt("polygon_grouped", day, {"source": "polygon_grouped", "files": {"one": entry}})
        assert found()["state"] == verdict
        assert found()["said"].startswith(f"prices of 2025-12-22: {state}")
