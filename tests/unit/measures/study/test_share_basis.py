"""Prices as traded on one share basis: a split that nobody named makes a return unknown, never a fake one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool.measures.study import share_basis, study

NAN = float("nan")


def quiet(count: int = 30, price: float = 100.0, shares: float = 1e6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Open, close and volume of one name that goes nowhere."""
    return tuple(np.full((count, 1), value) for value in (price, price, shares))  # type: ignore[return-value]


def split(prices, row: int, ratio: float, busy: float = 1.0):
    """The same name, of which `ratio` new shares come per old one from the session in `row` on."""
    opened, close, volume = (part.copy() for part in prices)
    for price in (opened, close):
        price[row:] /= ratio
    volume[row:] *= ratio
    volume[row] *= busy
    return opened, close, volume


def found(prices, splits=None, asked=False, horizon: int = 1) -> tuple[np.ndarray, share_basis.Basis]:
    """Returns of the one name, and its basis."""
    opened, close, volume = prices
    named = np.ones(close.shape) if splits is None else splits
    basis = share_basis.basis(opened, close, volume, named, np.full(close.shape, asked))
    adjusted = close * basis.factor
    return study.returns(study.Prices(opened * basis.factor, adjusted, adjusted, basis.part), horizon)[:, 0], basis


@pytest.mark.parametrize("ratio", [2.0, 3.0, 1.5, 4 / 3, 1.25, 5.0, 10.0, 1 / 10, 1 / 30, 0.5, 20.0])
@pytest.mark.parametrize("night", [0.97, 1.0, 1.03])
@pytest.mark.parametrize("busy", [0.3, 1.0, 2.5])
def test_a_step_that_may_be_a_split_makes_the_return_across_it_unknown(ratio, night, busy):
    opened, close, volume = split(quiet(), 15, ratio, busy)
    opened[15:], close[15:] = opened[15:] * night, close[15:] * night
    gained, basis = found((opened, close, volume), horizon=5)
    # Entered at the open of t + 1, left at the close of t + 5: the step into row 15 lies between for t = 10 to 13.
    assert np.isnan(gained[10:14]).all()
    assert basis.steps == 1
    for other in (*gained[:10], *gained[14:25]):
        assert abs(other) < 0.04


@pytest.mark.parametrize(
    ("ratio", "busy"), [(2.0, 10.0), (1.6, 8.0), (0.5, 12.0), (1.1, 1.0), (1.45, 6.0), (1.07, 1.0)]
)
def test_a_move_on_news_or_off_every_ratio_is_a_return(ratio, busy):
    """Dollars multiply with news: the crash of a half and the jump to twice are real."""
    gained, basis = found(split(quiet(), 15, ratio, busy), horizon=5)
    assert gained[12] == pytest.approx(1 / ratio - 1)
    assert basis.steps == 0


def test_a_step_of_three_is_never_believed_however_busy():
    gained, _ = found(split(quiet(), 15, 1 / 10, 500.0), horizon=5)
    assert np.isnan(gained[10:14]).all()


def test_a_split_that_is_known_is_undone_exactly():
    prices = split(quiet(), 15, 2.0)
    splits = np.ones((30, 1))
    splits[15] = 2.0
    for asked in (True, False):
        gained, basis = found(prices, splits, asked, horizon=5)
        assert gained[:25] == pytest.approx(np.zeros(25))
        assert basis.steps == 0


def test_where_yahoo_was_asked_a_crash_is_a_crash():
    gained, basis = found(split(quiet(), 15, 2.0), asked=True, horizon=5)
    assert gained[12] == pytest.approx(-0.5)
    assert basis.steps == 0


@pytest.mark.parametrize("asked", [True, False])
def test_a_known_split_that_the_price_does_not_show_or_nobody_vouches_for_leaves_no_return(asked):
    for ratio in (2.0, 0.1, NAN):
        splits = np.ones((30, 1))
        splits[15] = ratio
        gained, _ = found(quiet(), splits, asked, horizon=5)
        assert np.isnan(gained[10:14]).all()
        assert gained[9] == pytest.approx(0.0)
        assert gained[14] == pytest.approx(0.0)


def test_a_split_in_a_gap_is_seen_at_the_next_price_and_an_old_gap_is_no_step():
    opened, close, volume = split(quiet(40), 15, 4.0)
    for part in (opened, close, volume):
        part[13:16] = NAN
    gained, basis = found((opened, close, volume), horizon=10)
    assert np.isnan(gained[6:15]).all()
    assert basis.steps == 1
    for part in (opened, close, volume):
        part[2:16] = NAN
    assert found((opened, close, volume))[1].steps == 0


def test_a_split_that_is_known_in_a_gap_is_undone():
    opened, close, volume = split(quiet(40), 15, 4.0)
    splits = np.ones((40, 1))
    splits[15] = 4.0
    for part in (opened, close, volume):
        part[13:16] = NAN
    gained, _ = found((opened, close, volume), splits, horizon=10)
    assert gained[8] == pytest.approx(0.0)  # enters before the gap, leaves after it


def test_no_price_before_the_entry_decides_whether_a_return_is_known():
    random = np.random.default_rng(4)
    close = 50 * np.exp(np.cumsum(random.normal(0, 0.05, (40, 6)), axis=0))
    opened, volume = np.vstack([close[:1], close[:-1]]), np.full(close.shape, 1e6)
    close[20:, 2] /= 2
    opened[20:, 2] /= 2

    def returns(opened, close):
        basis = share_basis.basis(opened, close, volume, np.ones(close.shape), np.zeros(close.shape, bool))
        adjusted = close * basis.factor
        return study.returns(study.Prices(opened * basis.factor, adjusted, adjusted, basis.part), 5)

    before = returns(opened, close)
    assert np.isnan(before[15:19, 2]).all()
    for session in (10, 18, 19, 20):
        moved_open, moved = opened.copy(), close.copy()
        moved[session] *= 7
        moved_open[session] *= 7
        after = returns(moved_open, moved)
        np.testing.assert_array_equal(after[session:], before[session:])
        assert not np.array_equal(after[:session], before[:session], equal_nan=True)


@given(
    st.lists(st.sampled_from([NAN, 0.001, 1.0, 2.0, 30.0, 1e14]), min_size=12, max_size=12),
    st.lists(st.sampled_from([NAN, 0.0, 1.0, 5e5, 1e14]), min_size=12, max_size=12),
    st.lists(st.sampled_from([1.0, 1.0, 2.0, 0.1, NAN]), min_size=12, max_size=12),
)
def test_whatever_the_prices_no_return_is_a_step_of_three_that_nobody_named(prices, volumes, splits):
    """And nothing warns: pytest makes a warning an error here."""
    close, volume, named = (np.array(part).reshape(12, 1) for part in (prices, volumes, splits))
    gained, basis = found((close, close, volume), named)
    assert np.isfinite(basis.factor).all()
    assert (np.diff(basis.part[:, 0]) >= 0).all()
    gained, _ = found((close, close, volume), named, horizon=2)
    known = gained[np.isfinite(gained)]
    assert ((known > 1 / 3 - 1 - 1e-9) & (known < 2 + 1e-9)).all()
