"""The words of the sign rules' table as terms of a page; apart from the rules, so that a word there signs nothing again."""

from __future__ import annotations

from collections.abc import Mapping

from ..measures import sign
from ..tables.glossary import Term

METHODS: Mapping[str, Term] = {
    method.code: Term(method.code, method.label, method.sentence, "warn" if method.is_warned_of else "plain")
    for method in sign.METHODS.values()
}
