"""What a sentence or a list of sentences names: the first few, and how many more. A page is read by a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MOST = 10
_WORD = re.compile(r"(?<!\S)[a-z]+(?=[:;,.]?(?:\s|$))")
_OF_A_KIND = 3
"""Words after which sentences are taken to be of one kind: names, numbers and paths are no words."""


def named(names: Iterable[object], most: int = MOST, separator: str = ", ") -> str:
    """The first `most` names, and the number of the others.

    >>> named(["SPY", "QQQ"]), named("ABCDE", most=2)
    ('SPY, QQQ', 'A, B and 3 more')
    """
    texts = list(map(str, names))
    more = len(texts) - most
    return separator.join(texts[:most]) + (f" and {more:,} more" if more > 0 else "")


def few(sentences: Sequence[str], most: int = MOST) -> list[str]:
    """The first `most` sentences of one kind; the last of them counts the others.

    >>> few(["Line 1 is odd.", "Line 2 is odd.", "Line 3 is odd."], most=1)
    ['Line 1 is odd. And 2 more like it.']
    """
    more = len(sentences) - most
    if more <= 0:
        return list(sentences)
    return [*sentences[: most - 1], f"{sentences[most - 1]} And {more:,} more like it."]


def few_of_each(sentences: Iterable[str], most: int = MOST) -> list[str]:
    """`few` of every kind of sentence, kinds in the order of their first; none twice.

    Two are of a kind where their first plain words are the same: they differ in what they name.

    >>> few_of_each(["Odd: a.csv, line 1.", "No row for X.", "Odd: a.csv, line 2."], most=1)
    ['Odd: a.csv, line 1. And 1 more like it.', 'No row for X.']
    """
    kinds: dict[tuple[str, ...], list[str]] = {}
    for sentence in dict.fromkeys(sentences):
        kinds.setdefault(tuple(_WORD.findall(sentence)[:_OF_A_KIND]), []).append(sentence)
    return [told for kind in kinds.values() for told in few(kind, most)]
