"""The examples in the package's docstrings are true."""

import doctest
import importlib
from pathlib import Path

import pytest

import darkpool

PACKAGE = Path(darkpool.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if not path.stem.startswith("__")
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_a_module_are_true(name):
    assert doctest.testmod(importlib.import_module(f"darkpool.{name}")).failed == 0
