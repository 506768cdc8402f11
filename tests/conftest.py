"""What tests of every kind share."""

from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
pytest_plugins = ("canary_search", "soak_parts")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real market data; tests that use it carry the mark `real_data`."""
    folder = PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real market data: ../shared/data is not beside the project")
    return folder
