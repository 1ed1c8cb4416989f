"""pytest fixtures for a product's own tests.

Put `pytest_plugins = ["medallion_pipelines.testing"]` into the conftest.py at the top of your tests.
`pytest --spark-connect` (or MEDALLION_TEST_CONNECT=1) runs on Spark Connect, MEDALLION_TEST_MASTER
names another master, say local-cluster[2,1,1024].
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from medallion_pipelines.session import local_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--spark-connect",
        action="store_true",
        default=os.environ.get("MEDALLION_TEST_CONNECT", "0") not in ("", "0"),
        help="run on Spark Connect instead of classic Spark",
    )


@pytest.fixture(scope="session")
def spark(request: pytest.FixtureRequest) -> Iterator[SparkSession]:
    """One Spark session with Delta for all tests."""
    session = local_session(
        connect=request.config.getoption("--spark-connect"),
        master=os.environ.get("MEDALLION_TEST_MASTER", "local[2]"),
        app_name="tests",
    )
    yield session
    session.stop()
