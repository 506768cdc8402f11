"""The examples in the package's docstrings are true."""

import doctest
import importlib
from pathlib import Path

import pytest

import darkpool

MODULES = sorted(path.stem for path in Path(darkpool.__file__).parent.glob("*.py") if not path.stem.startswith("__"))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_a_module_are_true(name):
    assert doctest.testmod(importlib.import_module(f"darkpool.{name}")).failed == 0
