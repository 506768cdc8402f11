"""The morning's message through apprise to real servers on loopback: sent once, never twice, and never in the way."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

import session_folders
from darkpool import credentials
from darkpool.cli import main
from darkpool.message import delivery
from darkpool.session import files
from darkpool.tables import contracts, glossary

DAY, BEFORE = date(2025, 12, 22), date(2025, 12, 19)
TOKEN = "tk_canary7f3a9c2e51"
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c626001000000ffff03000006000557bfabd40000000049454e44ae426082"
)


class Service(ThreadingHTTPServer):
    """A service that keeps what it is sent; `status` is its answer, `hang` never answers, `picky` refuses pictures."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.hang, self.picky, self.location = 200, False, False, ""
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.ended = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gave up waiting is part of the game."""


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.got.append((self.path, dict(self.headers), body))
        if self.server.hang:
            self.server.ended.wait()
            return
        has_picture = b"base64" in body or self.headers.get("X-Filename") or PICTURE in body
        status = 413 if self.server.picky and has_picture else self.server.status
        self.send_response(status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_PUT = do_GET = do_POST

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield running
        running.ended.set()
        running.shutdown()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """results/emps2 with two sessions and a picture."""
    monkeypatch.chdir(tmp_path)
    for name in (delivery.ADDRESSES, delivery.PAGES):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(credentials, "_handed_out", set())
    scan = Path("results/emps2")
    for day in (BEFORE, DAY):
        session_folders.write(scan, day)
        (scan / str(day) / "table.png").write_bytes(PICTURE)
    return scan


def signal(folder: Path, day: date, **signals: str) -> None:
    """Write the signals into the session's features, as estimates would have it."""
    path = folder / str(day) / "features.parquet"
    rows = contracts.read("features", path).to_dicts()
    for row in rows:
        row |= {"signal": signals.get(row["ticker"], ""), "estimated_bought": 1.0, "estimated_sold": 1.0}
        row["strength"] = "weak" if row["signal"] else ""
    columns = {name: [row[name] for row in rows] for name in contracts.CONTRACTS["features"].names}
    about = contracts.metadata(path)
    about = {name: about[name] for name in ("sources", "notes", "simulated", "splits")}
    contracts.write("features", contracts.frame("features", columns), path, **about)


def address(service: Service, kind: str = "json", more: str = "") -> str:
    return f"{kind}://user:{TOKEN}@127.0.0.1:{service.server_port}/topic{more}"


@pytest.fixture
def announce(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """`announce` to the addresses given; nothing may be printed, and no token said."""

    def run(*addresses: str, day: date = DAY, where: Path | None = None) -> str:
        monkeypatch.setenv(delivery.ADDRESSES, " ".join(addresses))
        outcome = delivery.announce(where or folder, day)
        assert capfd.readouterr() == ("", "")
        assert TOKEN not in outcome
        return outcome

    return run


def test_without_an_address_it_is_off(announce, folder):
    assert announce() == "off"
    assert not (folder / files.SENT).exists()


def test_the_digest_arrives_with_the_picture_and_is_sent_once(announce, service, folder):
    signal(folder, BEFORE, NA="BOT")
    signal(folder, DAY, NA="BOT", TPC="SELL")
    assert announce(address(service)) == "sent"
    ((path, headers, body),) = service.got
    told = json.loads(body)
    assert (path, headers["Authorization"]) == (
        "/topic",
        "Basic " + base64.b64encode(f"user:{TOKEN}".encode()).decode(),
    )
    assert told["title"] == "emps2 Mon 2025-12-22: 1 BOT, 1 SELL, 1 neutral"
    assert "BOT CONTINUING day 2" in told["message"]
    assert "NEW:\n- SELL TPC" in told["message"]
    assert "Page: results/emps2/2025-12-22/table.html" in told["message"]
    assert glossary.DISCLAIMER in told["message"]
    (picture,) = told["attachments"]
    assert (picture["filename"], base64.b64decode(picture["base64"])) == ("table.png", PICTURE)

    assert announce(address(service)) == "unchanged"
    assert len(service.got) == 1


def test_a_session_that_changed_is_told_again(announce, service, folder):
    assert announce(address(service)) == "sent"
    signal(folder, DAY, NA="BOT")
    assert announce(address(service)) == "sent"
    (folder / str(DAY) / "all").unlink()
    assert announce(address(service)) == "sent"
    assert [json.loads(body)["title"].partition(": ")[2] for _, _, body in service.got] == [
        "3 no estimate", "1 BOT, 2 neutral", "not complete; 1 BOT, 2 neutral"
    ]  # fmt: skip


def test_ntfy_takes_it_too(announce, service):
    assert announce(address(service, "ntfy")) == "sent"
    ((path, _, body),) = service.got
    told = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
    assert body == PICTURE
    assert (told["title"], told["filename"]) == ("emps2 Mon 2025-12-22: 3 no estimate", "table.png")
    assert glossary.DISCLAIMER in told["message"]


def test_a_service_without_pictures_still_gets_the_words(announce, service):
    service.picky = True
    assert announce(address(service)) == "sent"
    assert [len(json.loads(body)["attachments"]) for _, _, body in service.got] == [1, 0]


def test_a_picture_too_large_for_a_message_stays_at_home(announce, service, monkeypatch):
    monkeypatch.setattr(delivery, "LARGEST_PICTURE", 10)
    assert announce(address(service)) == "sent"
    assert [json.loads(body)["attachments"] for _, _, body in service.got] == [[]]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_a_service_that_refuses_is_named_by_number_and_asked_again_the_next_time(announce, service, status):
    service.status = status
    assert announce(address(service)) == f"failed: address 1 (json): HTTP status {status}"
    service.status = 200
    assert announce(address(service)) == "sent"


def test_only_the_service_that_failed_is_asked_again(announce, service):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = f"json://user:{TOKEN}@127.0.0.1:{taken.getsockname()[1]}/{TOKEN}"
        outcome = announce(address(service), dead)
        assert outcome.startswith("failed: address 2 (json): connection")
        assert announce(address(service), dead) == outcome
    assert len(service.got) == 1


def test_a_service_that_never_answers_keeps_nobody(announce, service, monkeypatch):
    """The other address is told all the same; nothing waits for the first."""
    monkeypatch.setattr(delivery, "PATIENCE", 4.0)
    service.hang = True
    with Service() as other:
        threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True).start()
        outcome = announce(address(service), address(other))
        other.shutdown()
    assert outcome == "failed: address 1 (json): no answer within 4 s"
    assert len(other.got) == 1


def test_a_redirect_is_not_followed_with_the_token(announce, service):
    with Service() as elsewhere:
        threading.Thread(target=elsewhere.serve_forever, args=(0.02,), daemon=True).start()
        service.status, service.location = 307, f"http://127.0.0.1:{elsewhere.server_port}/"
        for more in ("", "?redirect=yes"):
            assert announce(address(service, more=more)) == "failed: address 1 (json): HTTP status 307"
        elsewhere.shutdown()
    assert not elsewhere.got


def test_an_address_that_turns_certificates_off_is_refused(announce, service):
    outcome = announce(address(service, "jsons", "?verify=no"))
    assert outcome.startswith("failed: address 1 (jsons): the address turns the check of certificates off")
    assert not service.got


def test_a_server_with_a_certificate_of_its_own_making_is_refused(announce, service, tmp_path):
    import ssl

    import trustme

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    service.socket = context.wrap_socket(service.socket, server_side=True)
    assert announce(address(service, "jsons")) == "failed: address 1 (jsons): TLS: the certificate is not trusted"
    assert not service.got


@pytest.mark.parametrize(
    "nonsense", [TOKEN, f"nothing://{TOKEN}", f"://{TOKEN}", f"tgram://{TOKEN}", f"json://:{TOKEN}@"]
)
def test_an_address_nobody_knows_is_named_by_number(announce, nonsense):
    assert announce(nonsense).startswith("failed: address 1 (")


def test_what_is_remembered_may_be_lost_or_damaged(announce, service, folder):
    assert announce(address(service)) == "sent"
    for damage in (b"{", b"[]", b'{"2025-12-22": 3}', b"\xff"):
        (folder / files.SENT).write_bytes(damage)
        assert announce(address(service)) == "sent"
        assert announce(address(service)) == "unchanged"
    assert TOKEN not in (folder / files.SENT).read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_still_gets_its_message(announce, service, folder):
    folder.chmod(0o500)
    try:
        assert announce(address(service)) == "sent"
    finally:
        folder.chmod(0o700)


def test_a_morning_without_tables_is_told_with_the_states_of_the_last_run(announce, service, folder):
    day = date(2025, 12, 23)
    (folder / "latest.json").write_text(json.dumps({"date": str(day), "states": {"FINRA": "outage"}}))
    assert announce(address(service), day=day) == "sent"
    told = json.loads(service.got[0][2])
    assert told["title"] == "emps2 Tue 2025-12-23: nothing to show"
    assert f"- {glossary.source('FINRA')}: outage" in told["message"]


def test_a_damaged_table_is_a_failure_and_not_an_exception(announce, service, folder):
    (folder / str(DAY) / "features.parquet").write_bytes(b"PAR1")
    assert "features.parquet" in announce(address(service))
    assert not service.got


def test_an_env_file_that_others_can_read_is_a_failure_and_not_an_exception(announce, folder):
    Path(".env").write_text(f"{delivery.ADDRESSES}=json://{TOKEN}\n")
    Path(".env").chmod(0o644)
    assert "chmod 600 .env" in announce()


def test_the_link_is_the_address_of_the_pages_without_the_password_in_it(folder, monkeypatch):
    monkeypatch.setenv(delivery.PAGES, f"https://me:{TOKEN}@pages.example/scans/?x=1")
    told = delivery.compose(folder, DAY)
    assert "Page: https://pages.example/scans/emps2/2025-12-22/table.html\n" in told.text
    assert TOKEN not in told.text + told.html


def test_the_command_prints_the_digest_and_sends_it_on_request(folder, service, monkeypatch, capsys):
    assert main.main(["digest"]) == 0
    assert capsys.readouterr().out == "\n".join(
        [*delivery.compose(folder, DAY).title.splitlines(), "", delivery.compose(folder, DAY).text]
    )
    monkeypatch.setenv(delivery.ADDRESSES, address(service))
    assert main.main(["digest", "--dates", "2025-12-19", "--send"]) == 0
    assert "message: sent" in capsys.readouterr().err
    service.status = 401
    assert main.main(["digest", "--send"]) == 1
    said = capsys.readouterr()
    assert "message: failed: address 1 (json): HTTP status 401" in said.err
    assert TOKEN not in said.out + said.err


def test_the_process_ends_though_a_service_hangs_and_says_nothing_of_the_address(folder, service):
    """What a wrapper sees: one word, no warning of a library, no thread that holds it."""
    service.hang = True
    program = (
        "import datetime, pathlib; from darkpool.message import delivery as message; message.PATIENCE = 1.0;"
        "print(message.announce(pathlib.Path('results/emps2'), datetime.date(2025, 12, 22)))"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, timeout=300, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(delivery.__file__).parents[2]), delivery.ADDRESSES: address(service)},
    )  # fmt: skip
    assert done.stdout == "failed: address 1 (json): no answer within 1 s\n"
    assert TOKEN not in done.stderr
