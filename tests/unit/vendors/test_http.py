import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool.vendors import http as web

Step = Callable[[BaseHTTPRequestHandler], None]

MOMENT = datetime(2025, 12, 23, 11, tzinfo=UTC)


@contextmanager
def server(*steps: Step) -> Iterator[tuple[str, list[BaseHTTPRequestHandler]]]:
    """A loopback server that answers the n-th request with the n-th step, the last one from then on."""
    seen: list[BaseHTTPRequestHandler] = []
    stopping = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        stop = stopping

        def do_GET(self) -> None:
            seen.append(self)
            steps[min(len(seen), len(steps)) - 1](self)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}", seen
    finally:
        stopping.set()
        http.shutdown()
        http.server_close()
        thread.join()


def says(status: int = 200, body: bytes = b"whole", promised: int | None = None, **headers: str) -> Step:
    def step(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body) if promised is None else promised))
        handler.end_headers()
        handler.wfile.write(body)

    return step


def drops(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def drips(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    while not handler.stop.wait(0.02):  # type: ignore[attr-defined]
        handler.wfile.write(b"x")


def hangs(handler: BaseHTTPRequestHandler) -> None:
    handler.stop.wait(30)  # type: ignore[attr-defined]


def cut_chunks(handler: BaseHTTPRequestHandler) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"5\r\nwhole\r\nff\r\nhalf")
    handler.close_connection = True


@pytest.fixture(autouse=True)
def quick_and_direct(monkeypatch):
    monkeypatch.setenv("DARKPOOL_BACKOFF", "0.001")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_an_answer_carries_status_headers_body_and_its_moment(monkeypatch):
    monkeypatch.setenv("DARKPOOL_NOW", MOMENT.isoformat())
    with server(says(200, b"rows", ETag='"abc"')) as (url, seen), web.Client() as client:
        answer = client.get(url + "/file.txt", params={"a": "BRK/B"})
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b"rows", '"abc"')
    assert answer.url == url + "/file.txt?a=BRK%2FB"
    assert answer.retrieved_at == MOMENT
    assert seen[0].headers["User-Agent"] == web.USER_AGENT


CUT = says(200, b"half", promised=9)


@pytest.mark.parametrize("trouble", [says(503), says(500), says(429), drops, CUT, cut_chunks])
def test_a_passing_trouble_is_asked_again(trouble):
    with server(trouble, says(200)) as (url, seen), web.Client() as client:
        assert client.get(url).body == b"whole"
    assert len(seen) == 2


@pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 403, 404])
def test_a_clear_answer_is_not_asked_again(status):
    body = b"" if status == 204 else b"clear"
    with server(says(status, body)) as (url, seen), web.Client() as client:
        answer = client.get(url)
    assert (answer.status, answer.body, len(seen)) == (status, body, 1)


def test_a_status_that_stays_is_the_answer_after_the_last_attempt():
    with server(says(503, b"sorry")) as (url, seen), web.Client() as client:
        answer = client.get(url)
    assert (answer.status, answer.body, len(seen)) == (503, b"sorry", web.ATTEMPTS)


def test_a_cut_off_body_is_never_an_answer():
    with server(CUT) as (url, seen), web.Client() as client, pytest.raises(web.Outage, match="cut"):
        client.get(url)
    assert len(seen) == web.ATTEMPTS


def test_a_cut_off_chunked_body_is_never_an_answer():
    with server(cut_chunks) as (url, _), web.Client() as client, pytest.raises(web.Outage, match="cut"):
        client.get(url)


def test_a_compressed_body_is_decoded_and_its_length_is_the_wires():
    body = b"a line\n" * 1000
    with server(says(200, gzip.compress(body), Content_Encoding="gzip")) as (url, _), web.Client() as client:
        assert client.get(url).body == body


def test_a_server_that_is_not_there_is_an_outage():
    with socket.socket() as taken:  # nobody else gets the port, and nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with web.Client() as client, pytest.raises(web.Outage, match="connection refused"):
            client.get(url)


def test_a_dropped_connection_is_an_outage():
    with server(drops) as (url, _), web.Client() as client, pytest.raises(web.Outage, match="connection dropped"):
        client.get(url)


def test_a_silent_server_meets_the_read_time_out():
    with (
        server(hangs) as (url, seen),
        web.Client(attempts=2, timeout=(30, 0.05)) as client,
    ):
        with pytest.raises(web.Outage, match="time-out while reading"):
            client.get(url)
        # The client has gone before a busy server has looked at its second request.
        deadline = time.monotonic() + 60
        while len(seen) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(seen) == 2


def test_a_dripping_server_meets_the_total_limit():
    with (
        server(drips) as (url, seen),
        web.Client(total_seconds=0.2) as client,
        pytest.raises(web.Outage, match=r"longer than 0\.2 s"),
    ):
        client.get(url)
    assert len(seen) == 1


def test_an_answer_above_the_size_limit_is_refused_while_it_comes():
    with (
        server(says(200, b"x" * 1001)) as (url, seen),
        web.Client(max_bytes=1000) as client,
        pytest.raises(web.Outage, match="larger than 1000 bytes"),
    ):
        client.get(url)
    assert len(seen) == 1


def test_a_small_body_that_unpacks_above_the_limit_is_refused():
    bomb = gzip.compress(b"\0" * 100_000)
    with (
        server(says(200, bomb, Content_Encoding="gzip")) as (url, _),
        web.Client(max_bytes=10_000) as client,
        pytest.raises(web.Outage, match="larger"),
    ):
        client.get(url)


def test_a_redirect_is_followed():
    with server(says(302, b"", Location="/there"), says(200)) as (url, _), web.Client() as client:
        answer = client.get(url)
    assert (answer.status, answer.url) == (200, url + "/there")


def test_a_redirect_to_itself_ends():
    with (
        server(says(302, b"", Location="/again")) as (url, seen),
        web.Client() as client,
        pytest.raises(web.Outage, match="redirects"),
    ):
        client.get(url)
    assert len(seen) == web.MAX_REDIRECTS + 1


NO_ADDRESS = [
    "https://[", "http://[::1", "http://127.0.0.1:port/", "http://127.0.0.1:99999/", "http://127.0.0.1:-1/",
    "http://127.0.0.1:0/", "http://:80/", "http:///", "http://exa\0mple.com/", "http://exa mple.com/", "\x80\xff://",
    "http://[v1.x]/", "http://127.0.0.1:1\xb2/",
]  # fmt: skip


@pytest.mark.parametrize("address", NO_ADDRESS)
@pytest.mark.parametrize("follows", [True, False])
def test_a_redirect_to_an_address_that_is_none_is_an_outage_or_left_alone(address, follows):
    with server(says(302, b"", Location=address)) as (url, _), web.Client(attempts=1) as client:
        try:
            answer = client.get(url, allow_redirects=follows)
        except web.Outage as outage:
            assert outage.reason  # noqa: PT017
        else:
            assert answer.status == 302


def test_a_redirect_to_half_an_address_is_named_and_not_asked_again():
    for address in ("https://[", "http://127.0.0.1:port/", "http://127.0.0.1:99999/", "http://127.0.0.1:0/"):
        with server(says(302, b"", Location=address)) as (url, seen), web.Client() as client:
            with pytest.raises(web.Outage, match="redirected to an address that is none"):
                client.get(url)
            assert len(seen) == 1


@given(st.sampled_from(["http://[", "http://127.0.0.1:", "https://[::"]), st.text(st.characters(max_codepoint=255)))
@settings(max_examples=40, deadline=None)
def test_whatever_a_redirect_says_the_end_is_an_answer_or_an_outage(begin, rest):
    address = (begin + rest).replace("\r", "").replace("\n", "")
    with server(says(302, b"", Location=address)) as (url, _), web.Client(attempts=1) as client:
        try:
            client.get(url)
        except web.Outage as outage:
            assert address not in outage.reason or not rest  # noqa: PT017


@pytest.mark.parametrize(
    "headers",
    [{"Content_Encoding": "gzip"}, {"Content_Type": "text/plain; charset=none"}, {"Set_Cookie": "\x80=;;=;Max-Age=x"}],
)
def test_strange_headers_are_an_answer_or_an_outage(headers):
    with server(says(200, **headers)) as (url, _), web.Client(attempts=1) as client:
        try:
            assert client.get(url).body == b"whole"
        except web.Outage as outage:
            assert "cut" in outage.reason  # noqa: PT017


def test_a_length_in_other_digits_is_none(monkeypatch):
    def strange(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: \xb2\r\n\r\nwhole")

    with server(strange) as (url, _), web.Client(attempts=1) as client:
        assert client.get(url).body == b"whole"


@pytest.mark.parametrize("options", [{"headers": {"X-Key": "a\nb"}}, {"auth": 7}])
def test_a_request_that_is_none_is_a_fault_of_ours(options):
    with server(says(200)) as (url, seen), web.Client() as client:
        with pytest.raises((ValueError, TypeError)):
            client.post(url, **options)
        assert not seen


def test_a_clock_that_is_none_is_a_fault_of_ours(monkeypatch):
    monkeypatch.setenv("DARKPOOL_NOW", "noon")
    with server(says(200)) as (url, _), web.Client() as client, pytest.raises(ValueError, match="DARKPOOL_NOW"):
        client.get(url)


def test_a_key_does_not_follow_a_redirect_to_another_host():
    with server(says(200)) as (other, elsewhere):
        there = other.replace("127.0.0.1", "localhost")
        with server(says(302, b"", Location=there)) as (url, seen), web.Client() as client:
            client.get(url, headers={"Authorization": "Bearer key"})
    assert seen[0].headers["Authorization"] == "Bearer key"
    assert elsewhere[0].headers["Authorization"] is None


def test_a_netrc_file_does_not_replace_our_key(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password secret\n", encoding="ascii")
    monkeypatch.setenv("NETRC", str(netrc))
    with server(says(200)) as (url, seen), web.Client() as client:
        client.get(url, headers={"Authorization": "Bearer key"})
    assert seen[0].headers["Authorization"] == "Bearer key"


def test_the_wait_a_server_asks_for_is_kept():
    slept: list[float] = []
    with server(says(429, Retry_After="17"), says(200)) as (url, _), web.Client(sleep=slept.append) as client:
        assert client.get(url).status == 200
    assert slept == [17]


def test_without_a_wish_the_waits_grow_and_carry_jitter(monkeypatch):
    monkeypatch.setenv("DARKPOOL_BACKOFF", "2")
    slept: list[float] = []
    with server(says(503)) as (url, _), web.Client(sleep=slept.append) as client:
        client.get(url)
    assert [least <= wait <= least + 2 for least, wait in zip([2, 4, 8], slept, strict=True)] == [True] * 3


def test_a_wait_above_a_minute_is_left_to_the_caller():
    with server(says(429, Retry_After="3600")) as (url, seen), web.Client() as client:
        assert client.get(url).status == 429
    assert len(seen) == 1


def test_a_wait_past_the_total_limit_is_not_begun():
    with server(says(429, Retry_After="30")) as (url, seen), web.Client(total_seconds=5) as client:
        assert client.get(url).status == 429
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("Mon, 22 Dec 2025 12:00:30 GMT", 30.0), ("Mon, 22 Dec 2025 11:00:00 GMT", 0.0), ("soon", None)],
)
def test_a_retry_after_is_a_number_or_a_date(value, seconds):
    assert web.retry_after({"Retry-After": value}, datetime(2025, 12, 22, 12, tzinfo=UTC)) == seconds


@given(st.text(max_size=30))
def test_any_retry_after_is_a_wait_or_nothing(value):
    asked = web.retry_after({"Retry-After": value}, datetime(2025, 12, 22, 12, tzinfo=UTC))
    assert asked is None or asked >= 0


def test_an_outage_never_says_what_was_in_the_query():
    with server(drops) as (url, _), web.Client() as client, pytest.raises(web.Outage) as caught:
        client.get(url, params={"apiKey": "secret"})
    assert "secret" not in str(caught.value)


def test_an_address_that_is_none_is_a_fault_of_ours_and_not_an_outage():
    with web.Client() as client, pytest.raises(ValueError, match=r"(?i)url"):
        client.get("no-address")


def test_calls_keep_their_distance_over_all_threads():
    slept: list[float] = []
    pace = web.Pace(1000, slept.append)
    threads = [threading.Thread(target=pace.wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slept) == pytest.approx([0, 1000, 2000, 3000], abs=100)


def test_a_certificate_nobody_vouches_for_is_refused():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    http = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    http.socket = context.wrap_socket(http.socket, server_side=True)
    http.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        with web.Client() as client, pytest.raises(web.Outage, match="TLS"):
            client.get(f"https://127.0.0.1:{http.server_port}/")
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
