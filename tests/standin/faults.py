"""What goes wrong on the way to a vendor."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from .proxy import Answer, Door, Request

Kind = Literal["status", "cut", "slow", "drop", "html", "empty", "body", "redirect", "missing", "tls", "refuse"]

AT_THE_DOOR = ("tls", "refuse")

PAGE = b"<!DOCTYPE html>\n<html><head><title>Please wait</title></head><body>Something else is here.</body></html>\n"

NO_SUCH_KEY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
    b"<Message>The specified key does not exist.</Message></Error>"
)

Refusal = Callable[[str, int], Answer | None]


@dataclass
class Fault:
    """One fault, for the requests that match `host`, `path_contains` and `method`; None matches everything.

    host            the host itself or a domain above it: `yahoo.com` is every Yahoo host
    path_contains   part of the path with its query, as sent
    times           how often it strikes, None for always; `hits` counts

    kind
      status   the vendor's own body for `status` (503), a plain page where it has none; with `retry_after`, that header
      cut      the whole Content-Length promised, the connection closed after half of the body
      slow     the right answer, `seconds` late; with `drip`, begun at once and spread over `seconds`
      drop     the connection closed without a byte
      html     200 with an HTML page
      empty    200 without a body
      body     `status`, 200 unless given, with the bytes of `body` and `headers`
      redirect 302 with `headers`, which say where to
      missing  404 as S3 says that it has no such file
      tls      at CONNECT: the certificate of another name
      refuse   at CONNECT: the host cannot be reached (502 of the proxy)
    """

    kind: Kind
    host: str | None = None
    path_contains: str | None = None
    method: str | None = None
    times: int | None = None
    status: int | None = None
    retry_after: str | int | None = None
    seconds: float = 0.0
    drip: bool = False
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hits: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"no fault of kind {self.kind!r}: one of {', '.join(get_args(Kind))}")
        if self.kind in AT_THE_DOOR and (self.path_contains or self.method):
            raise ValueError(f"a {self.kind} fault strikes before there is a path or a method: match it by host alone")

    def matches(self, request: Request) -> bool:
        if self.times is not None and self.hits >= self.times:
            return False
        if (request.method == "CONNECT") != (self.kind in AT_THE_DOOR):
            return False
        return (
            (self.host is None or f".{request.host}".endswith(f".{self.host}"))
            and (self.path_contains is None or self.path_contains in request.path)
            and (self.method is None or self.method == request.method)
        )

    def spoil(self, request: Request, answer: Answer, refusal: Refusal) -> Answer:
        """What arrives instead of `answer`."""
        match self.kind:
            case "status":
                status = self.status or 503
                spoiled = refusal(request.host, status) or plain_page(status)
                if self.retry_after is None:
                    return spoiled
                return replace(spoiled, headers={**spoiled.headers, "Retry-After": str(self.retry_after)})
            case "cut":
                return replace(answer, cut_at=len(answer.body) // 2)
            case "slow":
                return replace(answer, drip=self.seconds) if self.drip else replace(answer, delay=self.seconds)
            case "drop":
                return replace(answer, drop=True)
            case "html":
                return Answer(200, PAGE, {"Content-Type": "text/html"})
            case "redirect":
                return Answer(302, b"", self.headers)
            case "missing":
                return Answer(404, NO_SUCH_KEY, {"Content-Type": "application/xml"})
            case _:
                return Answer(
                    self.status or 200, self.body, {"Content-Type": "application/octet-stream", **self.headers}
                )


class Faults:
    """The faults in force; of several that match a request, the oldest strikes."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self,
        *,
        kind: Kind,
        host: str | None = None,
        path_contains: str | None = None,
        method: str | None = None,
        times: int | None = None,
        status: int | None = None,
        retry_after: str | int | None = None,
        seconds: float = 0.0,
        drip: bool = False,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Fault:
        """Put a fault in force (the arguments are those of `Fault`) and return it, for its `hits`."""
        fault = Fault(kind, host, path_contains, method, times, status, retry_after, seconds, drip, body, headers or {})
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def at_the_door(self, request: Request) -> Door:
        fault = self._strike(request)
        if fault is None:
            return "open"
        return "tls" if fault.kind == "tls" else "refuse"

    def on_the_way(self, request: Request, answer: Answer, refusal: Refusal) -> Answer:
        fault = self._strike(request)
        return fault.spoil(request, answer, refusal) if fault else answer

    def _strike(self, request: Request) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.matches(request):
                    fault.hits += 1
                    return fault
        return None


def plain_page(status: int) -> Answer:
    """The page of a delivery network that does not let a request through; 403 says `Request blocked`."""
    said = "Request blocked." if status == 403 else "The request could not be satisfied."
    page = f"<html><head><title>ERROR</title></head><body><h1>{status} ERROR</h1><p>{said}</p></body></html>\n"
    return Answer(status, page.encode(), {"Content-Type": "text/html"})
