"""The platform as it is synthesised with all its parts, once for all tests."""

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from simulator import Policies
from templates import Templates

from check import EVERYTHING


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Every part there is."""
    return Templates.of(tmp_path_factory.mktemp("all"), parts=EVERYTHING)


@pytest.fixture(scope="session")
def policies(platform: Templates) -> Policies:
    return Policies.of(platform)
