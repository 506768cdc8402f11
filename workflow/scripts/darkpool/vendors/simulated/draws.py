"""Draws of the demo: a number for each key and label, the same whatever else is drawn.

They come from SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators"), a hash of key
and counter: every ticker and date has its own number without drawing those before it.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]


@cache
def key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def uniform(keys: Keys, label: str) -> Floats:
    """A number in (0, 1) for each key, another one for each label."""
    mixed = keys ^ np.uint64(key(label))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    uniform: Floats = ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return uniform


def normal(keys: Keys, label: str) -> Floats:
    """A standard normal number for each key (Box & Muller 1958)."""
    radius = np.sqrt(-2 * np.log(uniform(keys, label + " radius")))
    angle = 2 * np.pi * uniform(keys, label + " angle")
    normal: Floats = radius * np.cos(angle)
    return normal
