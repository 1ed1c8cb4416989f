"""The platform as it is synthesised with all its parts, once for all tests."""

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from simulator import Policies
from templates import Templates

ALL = {
    "on_premises": True,
    "edge": True,
    "organization": True,
    "database": True,
    "data_exchange": True,
    "emr": True,
}


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Every part there is."""
    return Templates.of(tmp_path_factory.mktemp("all"), parts=ALL)


@pytest.fixture(scope="session")
def policies(platform: Templates) -> Policies:
    return Policies.of(platform)
