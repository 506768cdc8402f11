"""What one column is: its type, unit and null rule, its words, its formula, and where a person sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Kind = Literal[
    "shares", "fraction", "percent", "ratio", "score", "signed", "count", "date", "text", "price", "money", "change",
    "points",
]  # fmt: skip
"""How a value is written; a column's follows from its unit unless it says another."""
NUMERIC: frozenset[Kind] = frozenset(
    {
        "shares", "fraction", "percent", "ratio", "score", "signed", "count", "price", "money", "change", "points"
    }
)  # fmt: skip

UNITS: Mapping[str, tuple[str, Kind]] = {
    "shares": ("float64", "shares"),
    "fraction": ("float64", "fraction"),
    "fraction squared": ("float64", "score"),
    "percent": ("float64", "percent"),
    "percentage points": ("float64", "signed"),
    "ratio": ("float64", "ratio"),
    "new shares per old": ("float64", "ratio"),
    "robust standard deviations": ("float64", "signed"),
    "standard deviations": ("float64", "signed"),
    "natural logarithm": ("float64", "signed"),
    "score": ("float64", "score"),
    "USD a share": ("float64", "price"),
    "USD": ("float64", "money"),
    "sessions": ("int64", "count"),
    "weeks": ("int64", "count"),
    "trades": ("int64", "count"),
    "place": ("int64", "count"),
    "count": ("int64", "count"),
    "degrees of freedom": ("int64", "count"),
    "tickers": ("float64", "score"),
    "correlation": ("float64", "signed"),
    "t": ("float64", "signed"),
    "basis points": ("float64", "signed"),
    "ns since 1970 UTC": ("int64", "count"),
    "seconds": ("float64", "score"),
    "date": ("date", "date"),
    "text": ("string", "text"),
    "truth": ("bool", "text"),
}
"""Type of a column of each unit, and how it is written."""

Place = Literal["digest", "message", "terminal"]
"""Where a column of the page may stand too: among the reasons of the digest, in the picture that goes with a message,
among what the terminal shows unasked."""

SETTINGS: Mapping[str, str] = {
    "ma": "history.ma",
    "window": "history.window",
    "bot": "signal.bot",
    "sell": "signal.sell",
}
"""What a sentence's placeholders are called where no run's numbers are known: the keys of the configuration."""


@dataclass(frozen=True)
class Column:
    """A column of a table or of the page alone.

    `null`: it may be null. `since`, `fill`, `was`: how it came into the table, as `contract` has them.
    `type` and `kind` follow from `unit` where they are empty.
    Shown are those with a place: `at` is the group of the page and the place in it, `heading` stands under `label`
    (the unit where it says nothing else), `essential` ones are there before any are chosen, `also` says where else.
    `unknown_by` are the flags that explain a null, most telling first; `unknown` is the reason where none of them
    stands.
    """

    name: str
    unit: str
    sentence: str
    formula: str = ""
    null: bool = field(default=False, kw_only=True)
    since: int = field(default=1, kw_only=True)
    fill: object = field(default=None, kw_only=True)
    was: str | None = field(default=None, kw_only=True)
    type: str = field(default="", kw_only=True)
    kind: Kind = field(default="text", kw_only=True)
    label: str = field(default="", kw_only=True)
    heading: str = field(default="", kw_only=True)
    at: tuple[str, int] | None = field(default=None, kw_only=True)
    essential: bool = field(default=False, kw_only=True)
    also: tuple[Place, ...] = field(default=(), kw_only=True)
    unknown_by: tuple[str, ...] = field(default=(), kw_only=True)
    unknown: str = field(default="The value is not known.", kw_only=True)

    def __post_init__(self) -> None:
        kind_of_type, kind = UNITS[self.unit]
        object.__setattr__(self, "type", self.type or kind_of_type)
        if self.kind == "text":
            object.__setattr__(self, "kind", kind)
        if not self.heading and self.kind in NUMERIC:
            object.__setattr__(self, "heading", self.unit)

    @property
    def group(self) -> str:
        return self.at[0] if self.at else ""

    @property
    def meaning(self) -> str:
        """Sentence and formula as they stand in files, whatever the run's numbers are."""
        text = self.sentence + (f" Formula: {self.formula}." if self.formula else "")
        return text.format(**SETTINGS)

    @property
    def about(self) -> dict[str, str]:
        """What travels with the column in a Parquet file."""
        return {"unit": self.unit, "meaning": self.meaning}

    def but(self, **changes: Any) -> Column:
        """The column as another table has it."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Table:
    """A table's columns in their order, its key, and the columns that older versions had (`contract`)."""

    key: tuple[str, ...]
    columns: tuple[Column, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)


def by_name(columns: Iterable[Column]) -> Mapping[str, Column]:
    return {column.name: column for column in columns}
