"""What tests of every kind share."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

PROJECT = Path(__file__).parent.parent
pytest_plugins = ("canary_search", "soak_parts", "projects")

# How long an example takes says more of what else the machine is doing than of the product.
settings.register_profile("any-load", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-load")


@pytest.fixture(autouse=True)
def parsed_files(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of FINRA's files lies in the tests' own folder, one for them all."""
    from darkpool.vendors.finra import parsed

    monkeypatch.setattr(parsed, "FOLDER", tmp_path_factory.getbasetemp() / "parsed")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real market data; tests that use it carry the mark `real_data`."""
    folder = PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real market data: ../shared/data is not beside the project")
    return folder
