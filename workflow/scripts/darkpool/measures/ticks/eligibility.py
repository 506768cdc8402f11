"""Which trades may be signed, by time, condition and venue, and what is left out and why."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...market import code_list, conditions, venues
from .tick_arrays import Trades
from .tick_file import Flags, Floats, Integers, Positions

REASONS = ("bad_price_or_size", "correction", "no_volume_condition", "outside_hours", "condition")
"""Why a trade is not eligible, in the order in which they apply."""


class ByVenue(NamedTuple):
    """Per trade where it was made: a lit exchange, a FINRA print (a trade reporting facility's), an ADF print (FINRA's
    without a facility), an OTC equity's print, or a venue that nobody knows."""

    lit: Flags
    finra_prints: Flags
    adf: Flags
    otc: Flags
    unknown: Flags


class VenueVolume(NamedTuple):
    """Shares by venue, as `ByVenue` tells them apart."""

    lit: float
    finra_prints: float
    adf: float
    otc: float
    unknown: float


def reasons(trades: Trades, hours: tuple[int, int], policy: conditions.Policy) -> npt.NDArray[np.uint8]:
    """Per trade 0 where it is eligible, else 1 + the index in `REASONS` of the first reason that applies.

    `hours` is the half-open interval, ns UTC, in which trades count.
    """
    no_volume, unsigned = _conditions(trades, policy)
    start, end = hours
    # From the last reason to the first, so that the first stays.
    found = np.zeros(len(trades), np.uint8)
    found[unsigned] = 5
    found[(trades.time < start) | (trades.time >= end)] = 4
    found[no_volume] = 3
    found[trades.correction != 0] = 2
    good = (trades.price > 0) & (trades.size > 0) & (trades.price < np.inf) & (trades.size < np.inf)
    found[~good] = 1
    return found


def _conditions(trades: Trades, policy: conditions.Policy) -> tuple[Positions, Positions]:
    """Positions of the trades with a no-volume condition, and of those that may not be signed."""
    flags = _code_flags(trades.codes, policy)

    def positions(flag: np.uint8) -> Positions:
        return np.searchsorted(trades.offsets, np.flatnonzero(flags & flag), side="right") - 1

    return positions(conditions.NO_VOLUME), positions(conditions.UNSIGNED)


def _code_flags(codes: Integers, policy: conditions.Policy) -> npt.NDArray[np.uint8]:
    # Seen as unsigned, a negative code is a large one, and so unknown.
    unsigned = codes.view(f"u{codes.dtype.itemsize}")
    if codes.dtype.itemsize > 1:
        unsigned = np.minimum(unsigned, code_list.LARGEST)
    flags: npt.NDArray[np.uint8] = policy.flags[unsigned]
    return flags


def unknown_conditions(trades: Trades, policy: conditions.Policy) -> tuple[int, ...]:
    """Condition codes that the policy does not name, ascending."""
    flags = _code_flags(trades.codes, policy)
    return tuple(np.unique(trades.codes[flags == conditions.UNKNOWN]).tolist())


def by_venue(trades: Trades, known: venues.Venues) -> ByVenue:
    """Per trade the kind of its venue by the list `known`."""
    kind = known.of(trades.exchange)
    finra = kind == venues.FINRA
    facility = trades.trf_id != 0
    return ByVenue(
        kind == venues.LIT,
        finra & facility,
        finra & ~facility,
        kind == venues.OTC,
        kind == venues.UNKNOWN,
    )


def unknown_venues(trades: Trades, unknown: Flags) -> dict[int, float]:
    """Shares by id of the trades at venues that the list does not name, ascending; `unknown` as in `ByVenue`."""
    ids, at = np.unique(trades.exchange[unknown], return_inverse=True)
    shares = np.bincount(at, weights=shares_of(trades.size[unknown]), minlength=len(ids))
    return dict(zip(ids.tolist(), shares.tolist(), strict=True))


def shares_of(size: Floats) -> Floats:
    """Sizes, with 0 for what is no number of shares at all."""
    return np.where((size > 0) & (size < np.inf), size, 0.0)


def volume_by_venue(
    trades: Trades, policy: conditions.Policy, known: venues.Venues, hours: tuple[int, int] | None = None
) -> VenueVolume:
    """Shares that count in volume, whether or not they may be signed: no repeats, no corrections.

    `hours` is the half-open interval, ns UTC, in which trades count; None is the whole day. What FINRA's daily file
    adds up is the prints from open to close of the session, not those of the hours in which trades are signed.
    """
    counts = (trades.correction == 0) & (trades.size > 0) & (trades.size < np.inf)
    counts[_conditions(trades, policy)[0]] = False
    if hours is not None:
        counts &= (trades.time >= hours[0]) & (trades.time < hours[1])
    return VenueVolume(*(float(trades.size[counts & venue].sum()) for venue in by_venue(trades, known)))
