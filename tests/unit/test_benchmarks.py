"""The benchmarks are run by hand; what they stand on is held here, so that they can be."""

import importlib.util
from pathlib import Path

from darkpool.archive.store import Archive
from darkpool.vendors.finra import off_exchange
from darkpool.vendors.simulated import marks

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_the_session_that_is_timed_is_one_that_any_scan_takes(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("timed_session", BENCHMARKS / "session.py")
    session = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(session)
    monkeypatch.setattr(marks, "MARK", dict(marks.MARK))
    tickers = session.make_archive(tmp_path)
    assert len(tickers) == 10
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".csv", ".parquet", ".txt"}
    assert not any(map(marks.is_marked, files))
    whole, damage, *_ = off_exchange.read_session(Archive(tmp_path), session.SESSION, ["CNMS"])
    assert damage is None
    assert set(tickers) - {"BRK.B"} <= set(whole["symbol"])
