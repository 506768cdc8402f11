"""The venues of trades: lit exchanges, FINRA's facilities, and FINRA's for OTC equities.

The list is data (venues.csv); the ids are those of the vendor's exchanges. 5 and 13 of the vendor's list are the tapes'
processors (SIP), where nothing trades, and not in ours. A venue that the list does not name is reported and not lit:
volume of which nobody knows where it traded says nothing of the lit market.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from . import code_list
from .code_list import LARGEST

DEFAULT = Path(__file__).with_name("venues.csv")
COLUMNS = ["id", "name", "kind", "source"]

UNKNOWN, LIT, FINRA, OTC = (np.uint8(number) for number in range(4))
KINDS = {"lit": LIT, "finra": FINRA, "otc": OTC}


class VenueError(ValueError):
    """The list of venues is not what it should be; the message names file, line and column."""


@dataclass(frozen=True)
class Venues:
    """Kinds of venues by the vendor's id."""

    kinds: Mapping[int, np.uint8]

    @cached_property
    def table(self) -> npt.NDArray[np.uint8]:
        """uint8 array of 256: the kind of each id; the last entry stands for every larger id."""
        table = np.full(LARGEST + 1, UNKNOWN)
        for number, kind in self.kinds.items():
            table[number] = kind
        return table

    def of(self, exchange: npt.NDArray[np.integer]) -> npt.NDArray[np.uint8]:
        """The kind of each of the ids `exchange` (n,), `UNKNOWN` where the list does not name it."""
        # Seen as unsigned, a negative id is a large one, and so unknown.
        unsigned = exchange.view(f"u{exchange.dtype.itemsize}")
        if exchange.dtype.itemsize > 1:
            unsigned = np.minimum(unsigned, LARGEST)
        kinds: npt.NDArray[np.uint8] = self.table[unsigned]
        return kinds


def load(path: Path | str = DEFAULT) -> Venues:
    """The venues in a CSV file of `COLUMNS`; raises VenueError."""
    kinds: dict[int, np.uint8] = {}
    for where, number, row in code_list.read(path, COLUMNS, "venue", "an id", VenueError):
        if not (row["name"] or "").strip():
            raise VenueError(f"{where}: column name is empty; every venue has its name")
        if row["kind"] not in KINDS:
            raise VenueError(f"{where}: column kind is {row['kind']!r}, expected {', '.join(KINDS)}")
        kinds[number] = KINDS[row["kind"]]
    return Venues(kinds)
