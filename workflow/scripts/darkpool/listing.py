"""What a sentence lists: the first few by name, and how many more; a page is read by a person, and drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MOST = 10


def named(names: Iterable[object], most: int = MOST, separator: str = ", ") -> str:
    """The first `most` names, and the number of the others.

    >>> named(["SPY", "QQQ"]), named("ABCDE", most=2)
    ('SPY, QQQ', 'A, B and 3 more')
    """
    texts = list(map(str, names))
    more = len(texts) - most
    return separator.join(texts[:most]) + (f" and {more:,} more" if more > 0 else "")


def few(sentences: Sequence[str], most: int = MOST) -> list[str]:
    """The first `most` sentences of one kind, and one that counts the others.

    >>> few(["Line 1 is odd.", "Line 2 is odd.", "Line 3 is odd."], most=1)
    ['Line 1 is odd.', 'And 2 more like it.']
    """
    more = len(sentences) - most
    return [*sentences[:most], *([f"And {more:,} more like it."] if more > 0 else [])]
