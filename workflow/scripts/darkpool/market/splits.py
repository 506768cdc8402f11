"""Splits as a vendor names them: which are share splits, and which nobody can vouch for.

A split is (ticker, ex_date, ratio), ratio = new shares per old. Where it cannot be known the ratio is null: every
factor over such a split is null, and with it every volume that would be brought back by it (DESIGN 7, "Identity and
basis").
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from itertools import combinations
from statistics import median
from typing import NamedTuple

SMALLEST, LARGEST = 1e-4, 1e4
"""Ratios outside are no vendor's news but a fault of the vendor's."""
MOST_PARTS = 110
WITHIN = 1e-6

SAME_VOLUME = 1e-3
"""Part of a volume by which two answers may differ and still say the same."""
LEAST_ALIKE = 3
"""Days that must all differ by a split's factor, where there are so many: that is the split, not corrections."""
MOST_COMBINED = 4
"""Newly named splits of one ticker that are tried together: two at once are rare already."""

TELLING_RATIO = 10.0
LEAST_SESSIONS = 5
NEAR_STEP = 1.5


class Split(NamedTuple):
    ex_date: date
    ratio: float | None
    """New shares per old; None where it cannot be known."""
    doubt: str = ""
    """Why it cannot, in words."""
    named: float | None = None
    """The ratio as named, also where the volumes do not show it; None where what is named is no split or not one."""


def is_possible(ratio: float | None) -> bool:
    """Whether a vendor can mean it: a number from 1e-4 to 1e4."""
    return ratio is not None and SMALLEST <= ratio <= LARGEST


def is_share_split(ratio: float) -> bool:
    """Whether a positive ratio is a whole number, one part of a whole number, or n/m with n, m up to 110.

    >>> [is_share_split(ratio) for ratio in (2.0, 1 / 30, 1.05, 1.253)]
    [True, True, True, False]
    """
    if any(_is_near(value, round(value)) for value in (ratio, 1 / ratio) if value > 0.5):
        return True
    near = Fraction(ratio).limit_denominator(MOST_PARTS)
    return 0 < near.numerator <= MOST_PARTS and _is_near(ratio, near)


def _is_near(ratio: float, exact: Fraction | int) -> bool:
    return math.isclose(ratio, exact, rel_tol=0, abs_tol=WITHIN)


def judged(named: Sequence[tuple[date, float | None]]) -> list[Split]:
    """One ticker's splits as one answer names them, one a day, ascending; a ratio of 1 is no split."""
    by_day: dict[date, list[float | None]] = {}
    for ex_date, ratio in named:
        if ratio is None or math.isnan(ratio) or abs(ratio - 1) > WITHIN:
            by_day.setdefault(ex_date, []).append(ratio)
    return [_judged(day, ratios) for day, ratios in sorted(by_day.items())]


def _judged(day: date, ratios: list[float | None]) -> Split:
    impossible = [ratio for ratio in ratios if not is_possible(ratio)]
    if impossible:
        return Split(day, None, f"a ratio of {impossible[0]}, expected one from {SMALLEST:g} to {LARGEST:g}")
    known = sorted({ratio for ratio in ratios if ratio is not None})
    if known[-1] - known[0] > WITHIN:
        return Split(day, None, f"ratios of {' and '.join(f'{ratio:g}' for ratio in known)} on one day")
    if not is_share_split(known[0]):
        return Split(day, None, f"a ratio of {known[0]:g}, which is no share split")
    return Split(day, known[0], named=known[0])


def factor(splits: Sequence[Split], after: date, until: date = date.max) -> float | None:
    """Product of the ratios with after < ex_date <= until; None where one of them is not known."""
    product = 1.0
    for split in splits:
        if after < split.ex_date <= until:
            if split.ratio is None:
                return None
            product *= split.ratio
    return product


def not_shown(
    volumes: Mapping[date, float],
    splits: Sequence[Split],
    earlier: Mapping[date, float],
    splits_then: Sequence[Split],
) -> tuple[set[date], set[date]]:
    """Ex-dates on which an earlier answer with the same days decides, and those that the volumes do not show.

    `volumes` and `earlier` are as given, adjusted for `splits` and `splits_then`. Undecided is a split that the earlier
    answer names too, and one without a common day before it. Yahoo gives whole shares: half a share may be missing in
    either. A split is not shown where the earlier volumes, brought to the newer basis without it, are the newer ones.
    """
    known_then = {split.ex_date for split in splits_then}
    as_traded = {
        day: (volume / then, 0.5 / then)
        for day, volume in earlier.items()
        if volume > 0 and volumes.get(day) and (then := factor(splits_then, day))
    }
    common = [day for day in as_traded if factor(splits, day)]
    news = [
        split
        for split in splits
        if split.ratio and split.ex_date not in known_then and any(day < split.ex_date for day in common)
    ]
    missing: set[date] = set()
    for count in range(1, min(len(news), MOST_COMBINED) + 1):
        for some in combinations(news, count):
            days = [day for day in common if day < some[0].ex_date]
            without = math.prod(split.ratio or 1.0 for split in some)
            alike = 0
            for day in days:
                full = factor(splits, day) or 1.0
                shown = _is_alike(volumes[day], *as_traded[day], full)
                alike += not shown and _is_alike(volumes[day], *as_traded[day], full / without)
            if alike and alike >= min(LEAST_ALIKE, len(days)):
                missing |= {split.ex_date for split in some}
    return {split.ex_date for split in news}, missing


def _is_alike(volume: float, traded: float, rounding: float, basis: float) -> bool:
    return abs(volume - traded * basis) <= 0.5 + rounding * basis + SAME_VOLUME * volume


def leaves_its_step(
    split: Split, volumes: Mapping[date, float], off_exchange: Mapping[date, float], others: Sequence[Split]
) -> bool:
    """Whether volumes that should be adjusted for a split step at it by its whole ratio, as unadjusted ones do.

    `volumes` are as Yahoo gave them, `off_exchange` as traded, `others` the ticker's other splits. Only a ratio of 10
    or more, or of 1/10 or less, with 5 sessions on each side, can be told from a busy week; FINRA contradicts where its
    own step is nearer to that of a market that took the split and moved once more by its ratio.
    """
    ratio = split.ratio
    if ratio is None or not (ratio >= TELLING_RATIO or 1 / ratio >= TELLING_RATIO):
        return False
    step = _step(volumes, split.ex_date)
    if step is None or not 1 / NEAR_STEP <= step / ratio <= NEAR_STEP:
        return False
    last = max(volumes)
    on_basis = {day: volume * basis for day, volume in off_exchange.items() if (basis := factor(others, day, last))}
    own = _step(on_basis, split.ex_date)
    return own is None or abs(math.log(own / step)) <= abs(math.log(own / (step * ratio)))


def _step(volumes: Mapping[date, float], ex_date: date) -> float | None:
    """Median from the ex-date on over the median before it; None with fewer than 5 sessions on a side, or at 0."""
    before = [volume for day, volume in volumes.items() if day < ex_date]
    since = [volume for day, volume in volumes.items() if day >= ex_date]
    if min(len(before), len(since)) < LEAST_SESSIONS or not (median(before) > 0 and median(since) > 0):
        return None
    return median(since) / median(before)
