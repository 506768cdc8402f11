"""How often each rule names the side that really started the trade.

    python tests/benchmarks/accuracy.py ../shared/data/truth resources/demo/truth/2025-12-22

A folder holds one of two forms, told apart by what is in it:

* SYMBOL_trades.parquet (`sequence, price, size, side`, and `hidden` where known) and SYMBOL_quotes.parquet (`sequence,
  bid_price, ask_price`): a limit order book's own record; a trade's quote is the last one before its `sequence`.
* SYMBOL.parquet (`id, side`), the truth/SESSION folder of a simulated archive, whose trades and quotes lie beside it: a
  tape whose sides are known because it was made; eligible lit trades and FINRA prints of all symbols together.

`side` is 1 where the buyer started the trade and -1 where the seller did. Printed per rule: accuracy among the trades
that it signs, the share of trades that it signs, both also by volume, and the error of the buy ratio by volume
(estimated less true).

Then how often the interval of the lit buy ratio (nominal 90 %) holds the true ratio of windows of 5, 10 and 30 minutes
and of whole days, and how wide it is, with each quote as exact as the record and 1, 10 and 100 ms late. On made tapes
it says how the formulas behave; on a real record what they are worth.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow" / "scripts"))
sys.path.insert(0, str(Path(__file__).parents[1]))

import interval_coverage
from darkpool.market import conditions, sessions
from darkpool.measures import sign
from darkpool.measures.ticks import eligibility, tick_arrays

FORMS = (".2f", ".2f", ".2f", ".2f", "+.4f")


WINDOWS = {"5 min": 5, "10 min": 10, "30 min": 30, "day": 390}
LATE_MS = (0, 1, 10, 100)


class Tape(NamedTuple):
    """Trades in their order with their quotes and their true sides, arrays of equal length; `quotes` by time."""

    name: str
    time: np.ndarray
    quotes: tick_arrays.Quotes | None
    price: np.ndarray
    size: np.ndarray
    bid: np.ndarray
    ask: np.ndarray
    side: np.ndarray
    rules: tuple[str, ...]
    parts: dict[str, np.ndarray]  # trades scored together, by name; the rules see the whole tape


def book_tapes(folder: Path) -> Iterator[Tape]:
    for path in sorted(folder.glob("*_trades.parquet")):
        symbol = path.name.removesuffix("_trades.parquet")
        trades = pl.read_parquet(path).sort("sequence")
        book = pl.read_parquet(folder / f"{symbol}_quotes.parquet").sort("sequence")
        quotes = tick_arrays.Quotes(*(book[name].to_numpy() for name in ("sequence", "bid_price", "ask_price")))
        bid, ask, _ = tick_arrays.quote_before(quotes, trades["sequence"].to_numpy())
        timed = replace(quotes, time=book["timestamp"].to_numpy())
        parts = {"all": np.full(len(trades), True)}
        if "hidden" in trades.columns:
            hidden = trades["hidden"].to_numpy()
            parts |= {"displayed": ~hidden, "hidden": hidden}
        trades = trades.with_columns(time="timestamp")
        yield _tape(symbol, trades, bid, ask, timed, sign.RULES, parts)


def made_tapes(folder: Path) -> Iterator[Tape]:
    """Tapes of a simulated session, `folder` being its truth in the archive; eligible trades with a known side."""
    archive, session = folder.parents[1], folder.name
    hours = sessions.trading_hours(date.fromisoformat(session))
    for path in sorted(folder.glob("*.parquet")):
        trades_path, quotes_path = (archive / "polygon" / kind / session / path.name for kind in ("trades", "quotes"))
        eligible = eligibility.reasons(tick_arrays.read_trades(trades_path), hours, conditions.load()) == 0
        truth = pl.read_parquet(path).drop_nulls()
        trades = pl.read_parquet(trades_path).filter(pl.Series(eligible)).join(truth, on="id", validate="1:1")
        trades = trades.sort("participant_timestamp", "sequence_number")
        on_exchange = pl.col("exchange") != 4
        for name, kind, rules in (("lit", on_exchange, sign.RULES), ("prints", ~on_exchange, ("prints",))):
            chosen = trades.filter(kind)
            bid = ask = np.full(len(chosen), np.nan)
            quotes = None
            if quotes_path.exists():
                quotes = tick_arrays.read_quotes(quotes_path)
                bid, ask, _ = tick_arrays.quote_before(quotes, chosen["participant_timestamp"].to_numpy())
            chosen = chosen.with_columns(time="participant_timestamp")
            yield _tape(path.stem, chosen, bid, ask, quotes, rules, {name: np.full(len(chosen), True)})


def _tape(
    name: str,
    trades: pl.DataFrame,
    bid: np.ndarray,
    ask: np.ndarray,
    quotes: tick_arrays.Quotes | None,
    rules: tuple[str, ...],
    parts: dict,
) -> Tape:
    price, size, side = (trades[column].to_numpy() for column in ("price", "size", "side"))
    time = trades["time"].to_numpy()
    return Tape(name, time, quotes, price.astype(float), size.astype(float), bid, ask, side, rules, parts)


def _signed(tape: Tape, rule: str) -> np.ndarray:
    if rule == "prints":
        return sign.prints(tape.price, tape.bid, tape.ask)
    return sign.sign(rule, tape.price, tape.bid, tape.ask)  # type: ignore[arg-type]


def score(side: np.ndarray, size: np.ndarray, estimated: np.ndarray) -> list[float | None]:
    """Accuracy and coverage by trades, both by volume (percent), and the error of the buy ratio.

    What cannot be said because no trade is signed is None.
    """
    signed, right = estimated != 0, estimated == side
    coverage, volume_coverage = 100 * signed.mean(), 100 * size[signed].sum() / size.sum()
    if not signed.any():
        return [None, coverage, None, volume_coverage, None]
    volume = size[signed].sum()
    error = size[estimated > 0].sum() / volume - size[side > 0].sum() / size.sum()
    return [100 * right.sum() / signed.sum(), coverage, 100 * size[right].sum() / volume, volume_coverage, error]


def tapes(folder: Path) -> list[Tape]:
    found = list(made_tapes(folder) if folder.parent.name == "truth" else book_tapes(folder))
    if not found:
        raise SystemExit(f"{folder}: neither SYMBOL_trades.parquet nor the truth/SESSION folder of a simulated archive")
    return found


def scores(found: list[Tape], together: bool) -> Iterator[tuple[str, str, str, int, list[float | None]]]:
    """Name, part, rule, trades and score of each tape, or of all of them together."""
    groups: dict[tuple[str, str, str], list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    for tape in found:
        for rule in tape.rules:
            estimated = _signed(tape, rule)
            for part, chosen in tape.parts.items():
                name = f"{len({t.name for t in found})} made" if together else tape.name
                group = groups.setdefault((name, part, rule), [])
                group.append((tape.side[chosen], tape.size[chosen], estimated[chosen]))
    for (name, part, rule), group in groups.items():
        side, size, estimated = (np.concatenate(arrays) for arrays in zip(*group, strict=True))
        yield name, part, rule, len(side), score(side, size, estimated)


def intervals(found: list[Tape]) -> Iterator[tuple[str, int, int, float, float]]:
    """Window, ms that the quotes are late, windows, coverage and mean width, over all lit tapes with quotes."""
    lit = [tape for tape in found if tape.rules == sign.RULES and tape.quotes is not None]
    for late in LATE_MS:
        shifted = [_late(tape, late) for tape in lit]
        for name, minutes in WINDOWS.items():
            told = [one for tape in shifted for one in interval_coverage.by_window(tape, minutes, *_span(tape))]
            if told:
                held, widths = zip(*told, strict=True)
                yield name, late, len(told), float(np.mean(held)), float(np.mean(widths))


def _late(tape: Tape, milliseconds: int) -> interval_coverage.Known:
    """The tape with each quote seen so much later; as recorded where it is 0."""
    bid, ask = tape.bid, tape.ask
    if milliseconds and tape.quotes is not None:
        later = replace(tape.quotes, time=tape.quotes.time + milliseconds * 1_000_000)
        bid, ask, _ = tick_arrays.quote_before(later, tape.time)
    return interval_coverage.Known(tape.time, tape.price, tape.size, bid, ask, tape.side)


def _span(tape: interval_coverage.Known) -> tuple[int, int]:
    """From the minute of the first trade, 390 minutes."""
    start = int(tape.time[0] - tape.time[0] % interval_coverage.MINUTE)
    return start, start + 390 * interval_coverage.MINUTE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    head = ["accuracy %", "signed %", "by volume %", "signed vol %", "ratio error"]
    print("".join([f"{'symbol':<9}{'trades':<10}{'count':>9}  {'rule':<11}", *(f"{name:>13}" for name in head)]))
    held = {folder: tapes(folder) for folder in parser.parse_args().folders}
    for folder, found in held.items():
        for name, part, rule, count, result in scores(found, folder.parent.name == "truth"):
            cells = "".join(
                f"{'' if cell is None else format(cell, form):>13}" for cell, form in zip(result, FORMS, strict=True)
            )
            print(f"{name:<9}{part:<10}{count:9,}  {rule:<11}{cells}")
    print(f"\n{'interval of the lit buy ratio':<32}{'quotes late':>12}{'windows':>9}{'covers':>9}{'width':>8}")
    for folder, found in held.items():
        kind = "made tape" if folder.parent.name == "truth" else "real record"
        for name, late, count, covers, width in intervals(found):
            print(f"{kind + ', ' + name:<32}{f'{late} ms':>12}{count:>9,}{covers:>9.2f}{width:>8.3f}")


if __name__ == "__main__":
    main()
