"""The marks of simulated answers in the files themselves, so that they are known without their receipts.

Parquet carries the mark as metadata. FINRA's text layout has no room for one: its files are known by tickers that the
simulator invented, all in one file. Weekly rows are known by the names of invented firms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from ...archive import layout
from ...archive.store import Archive
from ...settings import DEMO
from . import watchlist

KEY = b"simulated"
MARK = {KEY: b"true"}
INVENTED = tuple(name for name in watchlist.BREAKING if name not in ("BRK.B", "NA", "TPC", "TpC"))
FIRM = b"SIMULATED ATS"


class SimulatedArchive(ValueError):
    """A scan other than the demo was pointed at simulated answers."""


def is_marked(path: Path) -> bool:
    """Whether the file says that it is simulated; one that cannot be read says nothing."""
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            return KEY in (pq.read_schema(path).metadata or {})
        content = path.read_bytes()
    except (OSError, ValueError):
        return False
    if path.suffix == ".txt":
        return all(f"|{name}|".encode() in content for name in INVENTED)
    return FIRM in content


def files_of(archive: Archive, session: date, window: Sequence[date], tickers: Iterable[str]) -> list[Path]:
    """Everything that a session's tables may be made of."""
    volumes = layout.volume_answers(archive, session, window, ("CNMS",))
    return [*volumes, *ticks_of(archive, session, tickers), *layout.otc_weekly_answers(archive, session)]


def ticks_of(archive: Archive, session: date, tickers: Iterable[str]) -> list[Path]:
    """The session's ticks and minute bars of `tickers`."""
    return [path for ticker in tickers for path in layout.tick_files(archive, session, ticker, "auto").values()]


def found(scan: str, files: Iterable[Path]) -> bool:
    """Whether one of `files` is simulated; raises SimulatedArchive outside the demo scan."""
    marked = next((path for path in files if is_marked(path)), None)
    if marked is not None and scan != DEMO:
        raise SimulatedArchive(f"{marked} holds simulated answers; only the scan {DEMO} may use them: remove it")
    return marked is not None
