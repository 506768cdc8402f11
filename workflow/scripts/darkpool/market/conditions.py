"""The trade condition policy: which prints count in volume, which may be signed, and why.

The list is data (conditions.csv); the codes are those of the vendor's trade conditions. A code that the list does not
name is kept and reported: dropping what nobody understands would hide it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from . import code_list
from .code_list import LARGEST

DEFAULT = Path(__file__).with_name("conditions.csv")
COLUMNS = ["code", "meaning", "counts_in_volume", "may_be_signed", "why", "source"]
ANSWERS = {"yes": True, "no": False}

NO_VOLUME, UNSIGNED, UNKNOWN = np.uint8(1), np.uint8(2), np.uint8(4)


class PolicyError(ValueError):
    """The policy file is not what it should be; the message names file, line and column."""


@dataclass(frozen=True)
class Policy:
    """Sets of condition codes: `known`, `no_volume` (repeats of other prints) and `unsigned` (never classified)."""

    known: frozenset[int]
    no_volume: frozenset[int]
    unsigned: frozenset[int]

    @cached_property
    def flags(self) -> npt.NDArray[np.uint8]:
        """uint8 array of 256: what holds of each code, as bits; the last entry stands for every larger code."""
        flags = np.full(LARGEST + 1, UNKNOWN)
        flags[sorted(self.known)] = 0
        flags[sorted(self.no_volume)] |= NO_VOLUME
        flags[sorted(self.unsigned)] |= UNSIGNED
        return flags


def load(path: Path | str = DEFAULT) -> Policy:
    """The policy in a CSV file of `COLUMNS`; raises PolicyError."""
    known: dict[int, tuple[bool, bool]] = {}
    for where, code, row in code_list.read(path, COLUMNS, "condition", "a code", PolicyError):
        known[code] = _answer(row, "counts_in_volume", where), _answer(row, "may_be_signed", where)
        if not (row["why"] or "").strip():
            raise PolicyError(f"{where}: column why is empty; every condition needs its reason")
    return Policy(
        frozenset(known),
        frozenset(code for code, (counts, _) in known.items() if not counts),
        frozenset(code for code, (_, signed) in known.items() if not signed),
    )


def _answer(row: dict[str, str], column: str, where: str) -> bool:
    if row[column] not in ANSWERS:
        raise PolicyError(f"{where}: column {column} is {row[column]!r}, expected yes or no")
    return ANSWERS[row[column]]
