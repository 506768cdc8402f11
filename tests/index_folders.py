"""Sessions of a scan as an index reads them: features and the window, with numbers a reader can follow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from darkpool.market import sessions
from darkpool.tables import contracts

FINAL = {"FINRA": "published", "Yahoo": "published"}
CONFIG = {
    "mode": "daily",
    "signal": {"bot": 1.25, "sell": 0.8},
    "history": {"ma": 20, "min_sessions": 20, "window": 60},
}
LOG = {"BOT": 0.5, "SELL": -0.5, "": 0.0}


def put(
    folder: Path,
    day: str,
    signals: Mapping[str, str | None],
    *,
    ratios: Mapping[str, list[float | None]] | None = None,
    states: Mapping[str, str] = FINAL,
    manifest: bool = True,
    page: bool = True,
    simulated: bool = False,
    **columns: Any,
) -> Path:
    """A session's folder. `signals` by ticker, None where there is no estimate; `ratios` are the last of the window.

    Without `ratios` every session of a window of three has 0.4. `columns` are further ones of features, by ticker.
    """
    session, place = date.fromisoformat(day), folder / day
    window = sessions.window(session, 2)
    told = [
        {"source": name, "state": state, "reason": None if state == "published" else f"{name} said so",
         "retrieved_at": f"{day}T23:00:00Z", "detail": ""}
        for name, state in states.items()
    ]  # fmt: skip
    about = {"sources": json.dumps(told), "notes": "[]", "simulated": json.dumps(simulated), "splits": "[]"}
    found = {ticker: (ratios or {}).get(ticker, [0.4, 0.4, 0.4]) for ticker in signals}
    rows = []
    for ticker, signal in signals.items():
        known = signal is not None
        rows.append({
            "date": session, "ticker": ticker, "offex_ratio": found[ticker][-1], "trf_volume": 1000.0,
            "regular_volume": 2500.0, "trf_spike": 1.0, "accum_score": 0.7, "history_sessions": 60,
            "signal": signal or "", "strength": "weak" if signal else "", "estimated_bought": 500.0 if known else None,
            "log_ratio": None if signal is None else LOG[signal],
            "classification_method": "NBBO" if known else "NONE", "opinions": "lit_only" if known else "none",
            "quality": "" if known else "no_lit", **{name: values.get(ticker) for name, values in columns.items()},
        })  # fmt: skip
    spans = [
        {
            "date": at,
            "ticker": ticker,
            "trf_volume": 1000.0,
            "regular_volume": 2500.0,
            "offex_ratio": ratio,
            "quality": "",
        }
        for ticker, values in found.items()
        for at, ratio in zip(window, values, strict=True)
    ]
    for name, content in (("features", rows), ("merged", spans)):
        ordered = sorted(content, key=lambda row: (row["date"], row["ticker"]))
        frame = contracts.frame(
            name, {key: [row.get(key) for row in ordered] for key in contracts.CONTRACTS[name].names}
        )
        contracts.write(name, frame, place / f"{name}.parquet", **about)
    if page:
        (place / "table.html").write_text("the page")
    if manifest:
        vouch(place)
    return place


def vouch(place: Path) -> None:
    """The manifest of the features as they are now."""
    digest = hashlib.sha256((place / "features.parquet").read_bytes()).hexdigest()
    outputs = [{"path": "features.parquet", "sha256": digest}]
    (place / "all").write_text(json.dumps({"mode": "daily", "config": CONFIG, "outputs": outputs}))
