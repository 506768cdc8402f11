"""What a result was made with: the versions of the libraries, and a digest of the folders behind an index."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

from . import files

LIBRARIES = (
    "duckdb",
    "exchange-calendars",
    "jinja2",
    "matplotlib",
    "numpy",
    "polars",
    "pyarrow",
    "snakemake",
    "yfinance",
)


def folders_id(scan: Path) -> str:
    """Hash over the sessions in a scan's folder: manifest and features, and the size of what else an index is made of.

    It opens those two alone, so that it costs little however many sessions there are.
    """
    digest = hashlib.sha256()
    for place in sorted(scan.glob("????-??-??")):
        digest.update(place.name.encode())
        for name in files.read_by("index"):
            path = place / name
            if path.is_file():
                is_read = name in (files.MANIFEST, files.FEATURES)
                told = path.read_bytes() if is_read else str(path.stat().st_size).encode()
                digest.update(name.encode() + b"\0" + told + b"\0")
    return digest.hexdigest()[:12]


def versions() -> dict[str, str]:
    """Versions that can change a result."""
    from .. import __version__

    return {"darkpool": __version__, "python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
