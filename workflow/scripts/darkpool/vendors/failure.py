"""No usable answer, as a vendor's client raises it."""

from __future__ import annotations

from ..states import State


class Failure(Exception):
    """`state` and `reason` as a receipt carries them; `status` of HTTP and `address` where there is one."""

    def __init__(self, state: State, reason: str, status: int | None = None, address: str | None = None) -> None:
        super().__init__(reason)
        self.state, self.reason, self.status, self.address = state, reason, status, address
