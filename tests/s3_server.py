"""A real S3 server on loopback, and a relay before it that cuts connections or lets them stall."""

from __future__ import annotations

import re
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import canaries

BUCKET = "flatfiles"
START_SECONDS = 20


def put(folder: Path, kind: str, day: str, content: bytes) -> Path:
    """A day's file in the folder that the server serves."""
    path = folder / BUCKET / f"us_stocks_sip/{kind}_v1/{day[:4]}/{day[5:7]}/{day}.csv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@contextmanager
def serving(folder: Path, *more: str) -> Iterator[str]:
    """The address of a server of `folder`, whose sub-folders are buckets; it is stopped in the end.

    `more` are options of the server, as --cert and --key.
    """
    program = shutil.which("rclone", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("no rclone beside this Python: make .venv/.development")
    (folder / BUCKET).mkdir(parents=True, exist_ok=True)
    pair = f"{canaries.S3_ID},{canaries.S3_SECRET}"
    command = [program, "serve", "s3", "--addr", "127.0.0.1:0", "--auth-key", pair, "-v",
               "--dir-cache-time", "0s", "--config", "/dev/null", *more, str(folder)]  # fmt: skip
    log = folder.with_name(f"{folder.name}.log")
    with log.open("wb") as file, subprocess.Popen(command, stderr=file, stdout=file) as process:
        try:
            yield _address(log, process)
        finally:
            process.terminate()
            process.wait(timeout=START_SECONDS)


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"https?://127\.0\.0\.1:\d+", log.read_text()):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"the S3 server did not start: {log.read_text()}")


class Relay:
    """Hands bytes on to `address`; of a connection's answer no more than `most` bytes, then it ends or, with `stall`,
    stays open and silent. With `proxy` it is what HTTPS_PROXY names: whatever host is asked for is there.
    """

    def __init__(self, address: str, most: int, *, stall: bool = False, proxy: bool = False) -> None:
        host, port = address.partition("://")[2].split(":")
        self.asked: list[str] = []
        self._proxy = proxy
        self._target, self._most, self._stall = (host, int(port)), most, stall
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self._proxy:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += client.recv(4_096)
                self.asked.append(head.split(b" ")[1].decode())
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            server = socket.create_connection(self._target)
            self._open += [client, server]
            threading.Thread(target=self._relay, args=(client, server), daemon=True).start()

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        left = self._most
        try:
            while left > 0:
                for ready in select.select([client, server], [], [])[0]:
                    piece = ready.recv(min(65_536, left) if ready is server else 65_536)
                    if not piece:
                        return
                    (client if ready is server else server).sendall(piece)
                    left -= len(piece) if ready is server else 0
            if self._stall:
                return
        except (OSError, ValueError):  # the other side closed it meanwhile
            return
        finally:
            if not self._stall:
                client.close()
                server.close()
