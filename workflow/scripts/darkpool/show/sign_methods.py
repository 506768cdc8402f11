"""The words of the sign rules as a page's terms; apart from the rules, so that no edit of the glossary signs anew."""

from __future__ import annotations

from collections.abc import Mapping

from ..measures import sign
from ..tables.glossary import Term

METHODS: Mapping[str, Term] = {
    method.code: Term(method.code, method.label, method.sentence, "warn" if method.is_warned_of else "plain")
    for method in sign.METHODS.values()
}
