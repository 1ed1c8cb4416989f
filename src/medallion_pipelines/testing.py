"""pytest fixtures for a product's own tests.

Put `pytest_plugins = ["medallion_pipelines.testing"]` into the conftest.py at the top of your tests.
`pytest --spark-connect` (or MEDALLION_TEST_CONNECT=1) runs on Spark Connect; the workers of pytest-xdist
(`-n 2`) then share one server, so that one JVM warms up and not one each; they share its catalog, too, so
tables outside the `lakehouse` fixture need names of their own. MEDALLION_TEST_MASTER names
another master, say local-cluster[2,1,1024].
"""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import pytest

from medallion_pipelines.session import connect_server, local_session, remote_session
from medallion_pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession
    from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

    from medallion_pipelines.lakehouse import Lakehouse

# Small data: interpreting a query beats compiling it, and Hadoop starts a process per file it writes,
# which Java's VFORK makes cheaper (measured together: half the time).
QUICK_JVM = {
    "spark.driver.extraJavaOptions": "-Djdk.lang.Process.launchMechanism=VFORK -XX:+UseSerialGC",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--spark-connect",
        action="store_true",
        default=os.environ.get("MEDALLION_TEST_CONNECT", "0") not in ("", "0"),
        help="run on Spark Connect instead of classic Spark",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--spark-connect"):  # workers inherit it; it has to be there before they start
        os.environ.setdefault("SPARK_CONNECT_AUTHENTICATE_TOKEN", str(uuid.uuid4()))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Tell a worker of pytest-xdist where the server is that all of them share."""
    if node.config.getoption("--spark-connect"):
        node.workerinput["spark_remote"] = _server()


@cache
def _server() -> str:
    return connect_server(master=_master(), extra_conf=QUICK_JVM)


def _master() -> str:
    return os.environ.get("MEDALLION_TEST_MASTER", "local[2]")


@pytest.fixture(scope="session")
def spark(request: pytest.FixtureRequest) -> Iterator[SparkSession]:
    """One Spark session with Delta for all tests."""
    shared = getattr(request.config, "workerinput", {}).get("spark_remote")
    if shared:
        session = remote_session(shared)
    else:
        connect = request.config.getoption("--spark-connect")
        session = local_session(connect=connect, master=_master(), app_name="tests", extra_conf=QUICK_JVM)
    yield session
    session.stop()


@pytest.fixture
def lakehouse(spark: SparkSession, tmp_path: Path) -> Iterator[Lakehouse]:
    """An empty lakehouse of the test's own, as `empty_lakehouse` makes it."""
    with empty_lakehouse(spark, tmp_path) as made:
        yield made


@contextmanager
def empty_lakehouse(spark: SparkSession, home: Path) -> Iterator[Lakehouse]:
    """A lakehouse below `home`, for fixtures of your own: its landing zone, warehouse and schemas, which no
    other test sees.

    Its schemas have names of their own: in SQL write `{lakehouse.settings.gold}.orders`;
    `lakehouse.table("gold.orders")` knows them.
    """
    from medallion_pipelines.lakehouse import Lakehouse

    mark = uuid.uuid4().hex[:8]
    schemas = {layer: f"{layer}_{mark}" for layer in ("bronze", "silver", "gold", "ops")}
    landing = home / "landing"
    landing.mkdir()
    try:
        yield Lakehouse(Settings(warehouse=str(home / "warehouse"), landing=str(landing), **schemas), spark)
    finally:
        for schema in schemas.values():
            spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
