"""Spearman's rank correlation of a feature with a return over the tickers: by session, and of every pair of sessions.

Matrices have a row per session and a column per ticker; NaN is missing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

LEAST_TICKERS = 3
"""For the IC of a session."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.intp]


class _Order(NamedTuple):
    """Columns in ascending order (NaN last), and first and last position of each value's ties, all (rows, columns)."""

    order: Positions
    first: Positions
    last: Positions


def _ordered(values: Floats) -> _Order:
    """The order of every column."""
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, 0)
    at = np.broadcast_to(np.arange(len(values))[:, None], values.shape)
    new = np.ones(values.shape, bool)
    new[1:] = ordered[1:] != ordered[:-1]
    ends = np.ones(values.shape, bool)
    ends[:-1] = new[1:]
    first = np.maximum.accumulate(np.where(new, at, 0), axis=0)
    last = np.minimum.accumulate(np.where(ends, at, len(values))[::-1], axis=0)[::-1]
    return _Order(order, first, last)


def _positions(where: Positions, columns: int) -> Positions:
    """Positions in a flat matrix of `columns` columns of the rows `where` in every column."""
    return where * columns + np.arange(columns)


def _centred(counted: Flags, first: Positions, last: Positions) -> npt.NDArray[np.int32]:
    """Twice the average ranks less their mean among those that are `counted`, 0 for the others.

    `counted` (rows, columns) in ascending order of value. Without sorting anew: how many of those that count lie before
    a value, and how many up to its last tie. `first` and `last` by row, or flat positions by row and column.
    """
    upto = np.zeros((len(counted) + 1, counted.shape[1]), np.int32)
    np.cumsum(counted, axis=0, out=upto[1:], dtype=np.int32)
    if first.ndim == 1:
        twice = upto[first] + upto[last + 1]
    else:
        twice = upto.ravel().take(first) + upto.ravel().take(last + counted.shape[1])
    twice -= upto[-1]
    twice *= counted
    return twice


def _lengths(ranks: Floats, counted: npt.NDArray[np.integer]) -> Floats:
    """Length of the columns; NaN with fewer tickers than an IC needs, and where nothing differs."""
    length: Floats = np.sqrt(np.einsum("ij,ij->j", ranks, ranks))
    length[(counted < LEAST_TICKERS) | (length == 0)] = np.nan
    return length


def _unit_ranks(values: Floats, both: Flags) -> Floats:
    """Centred average ranks of every column among those that are in `both`, of length one; 0 for the others."""
    order = _ordered(np.where(both, values, np.nan))
    columns = values.shape[1]
    flat = [_positions(part, columns) for part in order]
    twice = _centred(both.ravel().take(flat[0]), flat[1], flat[2])
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order.order, twice, 0)
    return ranks / _lengths(ranks, both.sum(axis=0))


def daily_ic(feature: Floats, future: Floats) -> Floats:
    """Spearman's rank correlation of each session over the tickers that have both; NaN where there is none."""
    both = (np.isfinite(feature) & np.isfinite(future)).T
    ic: Floats = np.einsum("ij,ij->j", _unit_ranks(feature.T, both), _unit_ranks(future.T, both))
    return ic


def pairwise_ic(feature: Floats, future: Floats) -> Floats:
    """The IC of every session's feature (rows) with every session's return (columns), ranks taken anew for each pair.

    Complete panels are one product of matrices. Else the ranks among the tickers that have both follow from the order
    of all and a running count; 420 sessions of 500 tickers take seconds, where sorting each pair anew takes minutes.
    """
    has_feature, has_future = np.isfinite(feature).T, np.isfinite(future).T
    if has_feature.all() and has_future.all():
        pairs: Floats = _unit_ranks(feature.T, has_feature).T @ _unit_ranks(future.T, has_future)
        return pairs
    sessions = len(future)
    by_feature, by_future = _ordered(feature.T), _ordered(future.T)
    flat = [_positions(part, sessions) for part in by_future]
    back = _positions(np.argsort(by_future.order, axis=0), sessions)
    future_in_order = has_future.ravel().take(flat[0])
    masks, which = np.unique(has_future, axis=1, return_inverse=True)
    if masks.shape[1] == sessions:
        masks, which = has_future, np.arange(sessions)
    groups, group_of = np.unique(has_feature, axis=1, return_inverse=True)
    found = np.full((len(feature), sessions), np.nan)
    of_feature = np.zeros((len(has_feature), masks.shape[1]))
    for group, mask in enumerate(groups.T):
        counted = mask.take(by_future.order)
        counted &= future_in_order
        of_future = _centred(counted, flat[1], flat[2]).ravel().take(back).astype(np.float64)
        length = _lengths(of_future, counted.sum(axis=0))
        tickers = (masks & mask[:, None]).sum(axis=0)
        for row in np.flatnonzero(group_of == group):
            order, first, last = (part[:, row] for part in by_feature)
            of_feature[order] = _centred(masks[order] & mask[order][:, None], first, last)
            own = _lengths(of_feature, tickers)[which]
            beside = of_feature if masks is has_future else of_feature[:, which]
            found[row] = np.einsum("ij,ij->j", beside, of_future) / (own * length)
    return found
