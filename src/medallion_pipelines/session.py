"""Spark sessions: the machine's own with Delta, and whatever session is already there.

Nothing here imports pyspark before a session is wanted. The JVM's own output goes to a log file
(`log_file`), so that a terminal shows only what this package says.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import socket
import sys
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, cast

from medallion_pipelines import s3a
from medallion_pipelines.errors import SetupError
from medallion_pipelines.machine import (
    NO_PYSPARK,
    NO_S3A,
    cache_folder,
    check_java,
    check_spark_home,
    fetch_jars,
    s3_jars,
    writable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import SparkSession

    from medallion_pipelines.settings import Settings

KEPT_LOGS = 10


def get_session(settings: Settings) -> SparkSession:
    """The session to work with: Databricks' own, the active one, SPARK_REMOTE's, else a new local one."""
    spark_session = _spark_session_class()
    if "DATABRICKS_RUNTIME_VERSION" in os.environ:
        return spark_session.builder.getOrCreate()
    active = spark_session.getActiveSession()
    if active is not None:
        return active
    remote = os.environ.get("SPARK_REMOTE", "")
    if remote and not remote.startswith("local"):
        return remote_session(remote)
    if settings.landing.startswith("s3a://") and not s3_jars():
        raise SetupError(f"The landing zone is {settings.landing}. {NO_S3A}")
    return local_session(connect=bool(remote), master=remote or "local[*]", warehouse=settings.warehouse)


def local_session(
    *,
    connect: bool = False,
    master: str = "local[*]",
    app_name: str = "medallion",
    warehouse: str | Path | None = None,
    extra_conf: Mapping[str, str] | None = None,
) -> SparkSession:
    """Spark with Delta on this machine, or the session that is active already.

    `connect` starts a Spark Connect server on a free port and returns its client. Managed tables
    live below `warehouse`, by default a folder that goes when Python ends.
    """
    active = _spark_session_class().getActiveSession()
    if active is not None:
        return active
    conf = _configuration(master, app_name, warehouse) | dict(extra_conf or {})
    if not connect:
        return _start(conf)
    address = _start_connect(conf)
    os.environ["SPARK_LOCAL_REMOTE"] = "1"  # so that stop() ends the server, too
    return remote_session(address)


def connect_server(*, master: str = "local[*]", extra_conf: Mapping[str, str] | None = None) -> str:
    """Start a Spark Connect server with Delta that ends with this process; its address (`sc://host:port`).

    Processes started from this one inherit the token it asks for (SPARK_CONNECT_AUTHENTICATE_TOKEN).
    Raises SetupError where the process has a session already, which cannot become a server.
    """
    if _spark_session_class().getActiveSession() is not None:
        raise SetupError("A Spark session is active in this process: no server can be started beside it.")
    return _start_connect(_configuration(master, "server", None) | dict(extra_conf or {}))


def remote_session(address: str) -> SparkSession:
    """A client of a Spark Connect server (`sc://host:port`) that is there already."""
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    _quieten()
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"  # so that pyspark.sql.functions build Connect columns
    return cast("SparkSession", ConnectSession.builder.remote(address).getOrCreate())


def log_file() -> Path | None:
    """Where this process's JVM writes its log; None while there is no JVM of ours."""
    path = _log_path()
    return path if path.exists() else None


def _spark_session_class() -> type[SparkSession]:
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise SetupError(NO_PYSPARK) from error
    return SparkSession


def _configuration(master: str, app_name: str, warehouse: str | Path | None) -> dict[str, str]:
    if warehouse is None:
        warehouse = tempfile.mkdtemp(prefix="medallion-warehouse-")
        atexit.register(shutil.rmtree, warehouse, ignore_errors=True)
    partitions = str(max(2, min(4, os.cpu_count() or 2)))
    return {
        "spark.master": master,
        "spark.app.name": app_name,
        "spark.jars": ",".join(map(str, fetch_jars())),
        # runs are short and full of cold code: the collector with the least to compile, cheap processes
        # (Hadoop starts one per file it writes); together 15 % of a first run
        "spark.driver.extraJavaOptions": "-XX:+UseParallelGC -Djdk.lang.Process.launchMechanism=VFORK",
        "spark.driver.memory": os.environ.get("MEDALLION_DRIVER_MEMORY", "4g"),
        "spark.driver.host": "localhost",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": str(warehouse),
        "spark.sql.session.timeZone": "UTC",
        # Small data on one machine: as many tasks as cores, not Spark's and Delta's 200 and 50.
        "spark.sql.shuffle.partitions": partitions,
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": partitions,
        **s3a.configuration(s3_jars(), os.environ),
    }


def _start(conf: Mapping[str, str]) -> SparkSession:
    """A classic session, its JVM started with output to the log file."""
    check_java()
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    _quieten()
    remote = os.environ.pop("SPARK_REMOTE", None)  # else the session would want to be a client
    os.environ.pop("SPARK_CONNECT_MODE_ENABLED", None)  # left by a process that is one
    try:
        _launch(conf)
        builder = _spark_session_class().builder
        for key, value in conf.items():
            builder = builder.config(key, value)
        return builder.getOrCreate()
    finally:
        if remote is not None:
            os.environ["SPARK_REMOTE"] = remote


def _quieten() -> None:
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logging.getLogger(name).disabled = True  # the exception says it all, and is raised


def _launch(conf: Mapping[str, str]) -> None:
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkRuntimeError
    from pyspark.java_gateway import launch_gateway

    if SparkContext._gateway is not None:
        return
    check_spark_home()
    spark_conf = SparkConf(loadDefaults=False).setAll(list(conf.items()))
    path = _log_path()
    for old in sorted(writable(path.parent).glob("spark-*.log"), key=_age)[KEPT_LOGS:]:
        old.unlink(missing_ok=True)
    with path.open("wb") as log:
        try:
            output = {"stdout": log, "stderr": log}
            gateway = launch_gateway(spark_conf, output)  # type: ignore[no-untyped-call]
        except PySparkRuntimeError as error:
            tail = path.read_text(errors="replace").strip().splitlines()[-3:]
            lines = [f"The Java process did not start (log: {path}):", *tail]
            raise SetupError("\n  ".join(lines)) from error
    SparkContext._ensure_initialized(gateway=gateway)


def _start_connect(conf: Mapping[str, str]) -> str:
    """A Spark Connect server in the JVM, as `remote("local")` would start it; its address.

    Unlike there, the port is a free one, so two processes do not meet, and no static setting is
    applied a second time to the client, which would warn.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ.setdefault("SPARK_CONNECT_AUTHENTICATE_TOKEN", str(uuid.uuid4()))
    _start(
        {
            **conf,
            "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
            "spark.connect.grpc.binding.address": "localhost",
            "spark.connect.grpc.binding.port": str(port),
            "spark.sql.connect.serverStacktrace.enabled": "false",
            "spark.sql.artifact.isolation.enabled": "true",
            "spark.sql.artifact.isolation.alwaysApplyClassloader": "true",
        }
    )
    return f"sc://localhost:{port}"


def _log_path() -> Path:
    return cache_folder() / "logs" / f"spark-{os.getpid()}.log"


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except FileNotFoundError:  # another process cleared it away
        return 0.0
