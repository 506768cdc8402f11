"""Every vendor behind one proxy, and the environment that leads a program to them."""

import os
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from .faults import Faults, plain_page
from .finra import Finra
from .finra_api import FinraApi
from .polygon import Polygon
from .proxy import Answer, Door, Proxy, Request
from .yahoo import Yahoo

# somebody's own keys and certificates have no business in a test
REMOVED = ("POLYGON_API_KEY", "MASSIVE_API_KEY", "FINRA_API_KEY", "FINRA_API_SECRET", "SSL_CERT_DIR")


class Vendor(Protocol):
    """What stands behind some hosts: the normal answer, and its own body for a refusal where it has one."""

    @property
    def hosts(self) -> tuple[str, ...]: ...

    def answer(self, request: Request) -> Answer: ...

    def refusal(self, status: int) -> Answer | None: ...


class Vendors:
    """The stand-ins, running inside a `with` block.

        with Vendors(tmp_path) as v:
            v.finra.publish("2025-12-22", {"AAPL": (3_442_423, 71_150, 12_057_002, "B,Q,N")})
            v.yahoo.bars("AAPL", {"2025-12-22": (272.9, 273.9, 270.5, 271.0, 36_571_800)})
            v.faults.add(kind="status", status=503, host="cdn.finra.org", times=2)
            subprocess.run([...], env=v.env)

    requests     everything asked, in order. A CONNECT is in it only where it failed (unknown host, `refuse`, `tls`)
    unexpected   the part of it that no vendor here takes: unknown hosts, other ports, plain HTTP. All are answered 502,
                 nothing is passed on: `assert not v.unexpected` is the network guard

    An exception inside a stand-in reaches the client as status 500 and is raised at the end of the block.
    """

    def __init__(self, folder: Path) -> None:
        self.finra = Finra()
        self.finra_api = FinraApi()
        self.yahoo = Yahoo()
        self.polygon = Polygon()
        self.faults = Faults()
        self.requests: list[Request] = []
        self.unexpected: list[Request] = []
        self._folder = folder
        vendors: tuple[Vendor, ...] = (self.finra, self.finra_api, self.yahoo, self.polygon)
        self._vendors = {host: vendor for vendor in vendors for host in vendor.hosts}
        self._proxy: Proxy | None = None

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._proxy = Proxy(self)
        self._proxy.write_certificate(self._certificate)
        self._proxy.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._proxy is not None
        self._proxy.stop()
        if self._proxy.failures and error is None:
            raise self._proxy.failures[0]

    def reset(self) -> None:
        """Forget all that was published, asked and broken; the stand-ins keep running at their address."""
        for vendor in (self.finra, self.finra_api, self.yahoo, self.polygon):
            vendor.__init__()  # type: ignore[misc]
        self.faults.clear()
        self.requests.clear()
        self.unexpected.clear()

    @property
    def variables(self) -> dict[str, str]:
        """What to set in an environment so that requests, curl and yfinance come here."""
        if self._proxy is None:
            raise RuntimeError("the stand-ins have no address before `with Vendors(...)`")
        proxy, certificate = self._proxy.address, str(self._certificate)
        names = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
        return {
            **{name: proxy for upper in names for name in (upper, upper.lower())},
            # what listens on this machine is a test's own, and no vendor
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "REQUESTS_CA_BUNDLE": certificate,
            "CURL_CA_BUNDLE": certificate,
            "SSL_CERT_FILE": certificate,
            "XDG_CACHE_HOME": str(self._folder / "cache"),
        }

    @property
    def env(self) -> dict[str, str]:
        """A whole environment for a subprocess: this process's own with `variables`, without API keys."""
        kept = {name: value for name, value in os.environ.items() if name not in REMOVED}
        return {**kept, **self.variables}

    def door(self, request: Request) -> Door:
        if request.path not in {f"{host}:443" for host in self._vendors}:
            self.requests.append(request)
            self.unexpected.append(request)
            return "refuse"
        door = self.faults.at_the_door(request)
        if door != "open":
            self.requests.append(request)
        return door

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.faults.on_the_way(request, self._vendors[request.host].answer(request), self._refusal)

    def turn_away(self, request: Request) -> Answer:
        self.requests.append(request)
        self.unexpected.append(request)
        return plain_page(502)

    def _refusal(self, host: str, status: int) -> Answer | None:
        return self._vendors[host].refusal(status)

    @property
    def _certificate(self) -> Path:
        return self._folder / "authority.pem"
