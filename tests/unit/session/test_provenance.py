"""A result says what it was made with."""

import sys

from darkpool.session import provenance


def test_versions_name_what_can_change_a_number() -> None:
    told = provenance.versions()
    assert set(provenance.LIBRARIES) <= told.keys()
    assert told["python"] == ".".join(map(str, sys.version_info[:3]))
