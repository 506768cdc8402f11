"""Student's t with whole degrees of freedom: two-sided p and quantile, without a library that takes a second to load.

Abramowitz and Stegun 26.7.3 and 26.7.4: with whole degrees the probability is a finite sum of powers of a cosine.
"""

from __future__ import annotations

import math


def within(t: float, degrees: int) -> float:
    """Probability that |T| is at most |`t`|, `degrees` of freedom at least 1.

    >>> round(within(2.776445, 4), 6)
    0.95
    """
    if degrees < 1:
        raise ValueError(f"degrees of freedom are {degrees}, expected at least 1")
    angle = math.atan2(abs(t), math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    # The k-th term is the one before times cos^2 (2k - 1) / (2k), or 2k / (2k + 1) for odd degrees.
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for k in range(1, (degrees - odd) // 2 + 1):
        total += term
        term *= cosine**2 * (2 * k / (2 * k + 1) if odd else (2 * k - 1) / (2 * k))
    probability = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return min(1.0, probability)


def two_sided(t: float, degrees: int) -> float:
    """Probability of a T at least as far from 0 as `t`, to about 1e-15."""
    return max(0.0, 1.0 - within(t, degrees))


def quantile(confidence: float, degrees: int) -> float:
    """The t within which |T| lies with probability `confidence`, 0 to below 1."""
    if not 0 <= confidence < 1:
        raise ValueError(f"confidence is {confidence}, expected at least 0 and below 1")
    low, high = 0.0, 1.0
    while within(high, degrees) < confidence:
        low, high = high, 2 * high
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if within(middle, degrees) < confidence else (low, middle)
    return high
