"""The grid of five minutes and prices that a ticker's profile is drawn on, on the page and in a figure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from ..market.sessions import NEW_YORK
from ..measures.prints.levels import SECOND, STEP


@dataclass(frozen=True)
class Grid:
    """`first`: ns UTC at which the first five minutes begin; `low`: lowest price, `width`: that of a bin, USD."""

    first: int
    columns: int
    low: float
    width: float
    bins: int

    @property
    def minute(self) -> int:
        """Minute of the New York day that the grid begins with."""
        begin = datetime.fromtimestamp(self.first / SECOND, UTC).astimezone(NEW_YORK)
        return 60 * begin.hour + begin.minute

    @property
    def edges(self) -> list[float]:
        """Prices at which bins begin, and the end of the last one."""
        return [self.low + self.width * place for place in range(self.bins + 1)]

    def across(self, time: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Where moments (ns UTC) lie, in columns."""
        return (time - self.first) / STEP

    def places(
        self, start: npt.NDArray[np.int64], price_low: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Column and bin of cells by their start and lower price."""
        return (start - self.first) // STEP, np.round((price_low - self.low) / self.width).astype(np.int64)


def of(cells: pl.DataFrame) -> Grid:
    """The grid that holds every print of one ticker's rows of `trf_profile`; lit trades far from them lie outside."""
    own = cells.filter(pl.sum_horizontal("buy", "sell", "neutral") > 0)
    start, low = own["start"].to_numpy(), own["price_low"].to_numpy()
    width = float(np.median(own["price_high"].to_numpy() - low))
    columns, bins = (int(start.max()) - int(start.min())) // STEP + 1, round((low.max() - low.min()) / width) + 1
    return Grid(int(start.min()), columns, float(low.min()), width, bins)
