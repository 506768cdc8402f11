"""A CONNECT proxy on loopback that ends TLS itself, with certificates of a throw-away authority.

It knows HTTP and nothing of the vendors: a `Front` decides who may be reached and what is answered.
"""

import ssl
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR, socket
from typing import Literal, NamedTuple, Protocol

import trustme

Door = Literal["open", "refuse", "tls"]

DRIPS = 10
WITHOUT_BODY = (204, 304)


class Request(NamedTuple):
    """One request as it arrived.

    `path` includes the query, exactly as sent; for plain HTTP and for CONNECT it is the whole target. `headers` ignores
    case. `time` is the monotonic clock in seconds: only differences mean something.
    """

    host: str
    method: str
    path: str
    headers: Message
    time: float
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What goes back, and how badly.

    `delay` seconds pass before the first byte, `drip` seconds while the body is sent in pieces. With `cut_at`, the
    connection closes after that many bytes of a body whose whole length was promised; with `drop`, before any byte.
    """

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    cut_at: int | None = None
    drop: bool = False


class Front(Protocol):
    """Who stands behind the proxy."""

    def door(self, request: Request) -> Door:
        """Whether the host of a CONNECT is reachable: `tls` shows the certificate of another name."""

    def answer(self, request: Request) -> Answer:
        """The answer to a request inside a tunnel."""

    def turn_away(self, request: Request) -> Answer:
        """The answer to a request in plain HTTP, which no vendor takes."""


class Proxy(ThreadingHTTPServer):
    """The proxy, serving on 127.0.0.1 at a free port from `start` to `stop`.

    `failures` holds the exceptions of the stand-ins themselves, which clients see as status 500.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, front: Front) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.front = front
        self.failures: list[Exception] = []
        self.stopped = threading.Event()
        self._authority = trustme.CA()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._open: set[socket] = set()
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """The value for HTTPS_PROXY."""
        return f"http://127.0.0.1:{self.server_port}"

    def write_certificate(self, path: Path) -> None:
        """Write the authority's certificate (PEM), the only one a client needs to trust."""
        self._authority.cert_pem.write_to_path(str(path))

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening and end every open connection, also those in the middle of a slow answer."""
        self.stopped.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._open:
                _hang_up(connection)

    def secure(self, connection: socket, name: str) -> ssl.SSLSocket:
        """The connection as TLS, with a certificate for `name`.

        Raises ssl.SSLError where the client does not accept the certificate.
        """
        with self._lock:
            if name not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.set_alpn_protocols(["http/1.1"])
                self._authority.issue_cert(name).configure_cert(context)
                self._contexts[name] = context
        return self._contexts[name].wrap_socket(connection, server_side=True)

    def keep(self, connection: socket) -> None:
        with self._lock:
            self._open.add(connection)

    def forget(self, connection: socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the game: say nothing."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Proxy
    host = ""

    def setup(self) -> None:
        super().setup()
        self.server.keep(self.request)

    def finish(self) -> None:
        self.server.forget(self.request)
        _hang_up(self.request)
        super().finish()
        self.request.close()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_CONNECT(self) -> None:
        self.host, _, _ = self.path.rpartition(":")
        door = self.server.front.door(self._read_request(self.path))
        if door == "refuse":
            self._send(Answer(502, b"Bad Gateway\n"))
            self.close_connection = True
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.server.forget(self.request)
        self.request = self.server.secure(self.request, "another-name.invalid" if door == "tls" else self.host)
        self.setup()
        # http.client asks for its tunnel in HTTP/1.0, which would close it after this answer
        self.close_connection = False

    def _exchange(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            self._send(self._guard(self.server.front.answer))
        else:
            self.host = self.headers.get("Host", "").partition(":")[0]
            self._send(self._guard(self.server.front.turn_away))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _exchange

    def _guard(self, answer: Callable[[Request], Answer]) -> Answer:
        request = self._read_request(self.path)
        try:
            return answer(request)
        except Exception as error:
            self.server.failures.append(error)
            return Answer(500, traceback.format_exc().encode(), {"Content-Type": "text/plain"})

    def _read_request(self, path: str) -> Request:
        return Request(self.host, self.command, path, self.headers, time.monotonic(), self._read_body())

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _send(self, answer: Answer) -> None:
        if answer.delay:
            self.server.stopped.wait(answer.delay)
        if answer.drop or self.server.stopped.is_set():
            self.close_connection = True
            return
        bare = self.command == "HEAD" or answer.status in WITHOUT_BODY
        body = b"" if bare else answer.body[: answer.cut_at]
        head = _head(answer, self.responses.get(answer.status, ("",))[0])
        if answer.drip:
            self.wfile.write(head)
            self._drip(body, answer.drip)
        else:
            self.wfile.write(head + body)
        if answer.cut_at is not None:
            self.close_connection = True

    def _drip(self, body: bytes, seconds: float) -> None:
        step = max(1, -(-len(body) // DRIPS))
        for start in range(0, len(body), step):
            if self.server.stopped.wait(seconds / DRIPS):
                return
            self.wfile.write(body[start : start + step])


def _head(answer: Answer, reason: str) -> bytes:
    headers = {**answer.headers}
    if answer.status not in WITHOUT_BODY:
        headers["Content-Length"] = str(len(answer.body))
    lines = [f"HTTP/1.1 {answer.status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _hang_up(connection: socket) -> None:
    # not SSLSocket.shutdown, which takes the TLS state away from a thread that may be reading
    with suppress(OSError):
        socket.shutdown(connection, SHUT_RDWR)
