"""Stand-ins on loopback and an archive, for the tests that fetch."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from darkpool.archive.store import Archive
from standin import Vendors

MORNING = "2025-12-23T06:00:00-05:00"


@pytest.fixture
def well(tmp_path, monkeypatch) -> Iterator[Vendors]:
    """Vendors who are well, on the morning after 2025-12-22, asked without waiting and for nothing unexpected."""
    with Vendors(tmp_path / "vendors") as running:
        for name, value in running.variables.items():
            monkeypatch.setenv(name, value)
        for name, value in (("BACKOFF", "0.01"), ("FINRA_PAUSE", "0"), ("YAHOO_PAUSE", "0.001"), ("NOW", MORNING)):
            monkeypatch.setenv(f"DARKPOOL_{name}", value)
        yield running
        assert not running.unexpected


@pytest.fixture
def archive(tmp_path) -> Archive:
    return Archive(tmp_path / "archive")


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """A disk that is full after so many files; what is done on it must end with what the system says of that."""

    @contextmanager
    def after(writes: int) -> Iterator[None]:
        real, written = os.fsync, []

        def full(handle: int) -> None:
            if len(written) >= writes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written.append(handle)
            real(handle)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(OSError, match="No space left"):
                yield

    return after
