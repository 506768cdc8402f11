"""Trade by trade equal to tclf 0.0.9, an independent implementation, on cent prices under 100."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tclf.classical_classifier import ClassicalClassifier

from darkpool.measures import sign

LAYERS = {"tick": "tick", "tick_carry": "tick", "lee_ready": "lr", "emo": "emo", "clnv": "clnv"}
TRADES = 20_000


def previous_different(price):
    series = pd.Series(price)
    before = series.shift()
    return before.where(before != series).ffill().to_numpy()


def oracle(rule, price, bid, ask):
    before = pd.Series(price).shift().to_numpy() if rule == "tick" else previous_different(price)
    frame = pd.DataFrame({"trade_price": price, "price_all_lag": before, "bid_best": bid, "ask_best": ask})
    subset = "all" if LAYERS[rule] == "tick" else "best"
    if subset == "best":
        frame["price_best_lag"] = before
    classifier = ClassicalClassifier(layers=[(LAYERS[rule], subset)], strategy="const").fit(frame)
    return classifier.predict(frame).astype(np.int8)


def random_tape(random, spreads):
    """Prices within and around the quotes, in cents from 0.50 to 99.99, with runs of one price."""
    level = np.clip(random.integers(60, 9_900) + np.cumsum(random.integers(-2, 3, TRADES)), 60, 9_900)
    spread = random.choice(spreads, TRADES)
    bid = level - spread // 2
    ask = bid + spread
    price = np.clip(bid + random.integers(-2, np.abs(spread) + 3), 1, 9_999)
    price = np.where(random.random(TRADES) < 0.3, np.roll(price, 1), price)
    bid, ask = bid / 100, ask / 100
    missing = random.random(TRADES) < 0.05
    bid[missing], ask[missing] = np.nan, np.nan
    return price / 100, bid, ask


TAPES = {
    "usual spreads": [1, 2, 3, 4, 5],
    "spreads whose deciles fall on cents": [10, 20, 30, 50],
    "locked": [0, 1],
    "only locked": [0],
    "crossed": [-3, -1, 0, 2],
}


@pytest.mark.parametrize("tape", TAPES)
@pytest.mark.parametrize("rule", LAYERS)
@pytest.mark.parametrize("seed", range(3))
def test_every_trade_gets_tclfs_side(rule, tape, seed):
    price, bid, ask = random_tape(np.random.default_rng(seed), TAPES[tape])
    ours = sign.sign(rule, price, bid, ask)
    if rule == "emo":
        # tclf leaves a trade at the ask of a crossed quote unsigned; here a crossed quote is no quote, and the trade
        # falls back on the tick, as any trade without one.
        crossed = ask < bid
        bid, ask = np.where(crossed, np.nan, bid), np.where(crossed, np.nan, ask)
    theirs = oracle(rule, price, bid, ask)
    different = np.flatnonzero(ours != theirs)
    assert not len(different), [(price[i], bid[i], ask[i], ours[i], theirs[i]) for i in different[:5]]


def test_tclfs_emo_calls_a_price_near_the_ask_at_the_ask_where_prices_are_high():
    """Why the comparison ends at 100 dollars: its tolerance grows with the price, ours is none."""
    price, bid, ask = np.array([1500.02, 1500.01]), np.array([1499.98, 1499.98]), np.array([1500.02, 1500.02])
    assert oracle("emo", price, bid, ask).tolist() == [1, 1]
    assert sign.sign("emo", price, bid, ask).tolist() == [1, -1]
