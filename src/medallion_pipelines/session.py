"""Spark sessions: the machine's own with Delta, and whatever session is already there.

Nothing here imports pyspark before a session is wanted. The JVM's own output goes to a log file
(`log_file`), so that a terminal shows only what this package says.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from medallion_pipelines.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import SparkSession

    from medallion_pipelines.settings import Settings

JAVA_NEEDED = 17
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
        return spark_session.builder.getOrCreate()
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
    check_java()
    conf = _configuration(master, app_name, warehouse) | dict(extra_conf or {})
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logging.getLogger(name).disabled = True  # the exception says it all, and is raised
    remote = os.environ.pop("SPARK_REMOTE", None)  # else the server, too, would want to be a client
    try:
        if not connect:
            return _start(conf)
        return _start_connect(conf)
    finally:
        if remote is not None:
            os.environ["SPARK_REMOTE"] = remote


def log_file() -> Path | None:
    """Where this process's JVM writes its log; None while there is no JVM of ours."""
    path = _log_path()
    return path if path.exists() else None


def fetch_jars() -> list[Path]:
    """Delta's jars for the installed pyspark, fetched on first use and kept; whole or not at all."""
    folder = _cache() / "jars" / f"spark-{_spark_minor()}-delta-{_delta_version()}"
    if not folder.is_dir():
        check_java()
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=_writable(folder.parent)) as scratch:
            _resolve(Path(scratch))
            try:
                (Path(scratch) / "jars").rename(folder)  # at once, so the folder is there only whole
            except OSError:
                if not folder.is_dir():  # else another process was quicker
                    raise
    return sorted(folder.glob("*.jar"))


@cache
def check_java() -> str:
    """The version of the Java that Spark will use; SetupError if there is none or it is too old."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else "java"
    origin = f"JAVA_HOME ({home})" if home else "PATH"
    advice = f"Install Java {JAVA_NEEDED} or newer (say, openjdk-17-jre-headless) and set JAVA_HOME or PATH."
    try:
        found = subprocess.run([java, "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(f"Spark needs Java, and {origin} has none that runs. {advice}") from error
    text = found.stderr + found.stdout
    version = re.search(r'version "(?:1\.)?(\d+)[^"]*"', text)
    if version is None or int(version[1]) < JAVA_NEEDED:
        raise SetupError(
            f"Spark needs Java {JAVA_NEEDED} or newer; {origin} has {text.splitlines()[0]}. {advice}"
        )
    return version[0].split('"')[1]


def _spark_session_class() -> type[SparkSession]:
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise SetupError(
            "pyspark is not installed. Outside Databricks: pip install 'medallion-pipelines[local]'."
        ) from error
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
    }


def _start(conf: Mapping[str, str]) -> SparkSession:
    """A classic session, its JVM started with output to the log file."""
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkRuntimeError
    from pyspark.java_gateway import launch_gateway

    if SparkContext._gateway is None:
        _check_spark_home()
        spark_conf = SparkConf(loadDefaults=False).setAll(list(conf.items()))
        path = _log_path()
        for old in sorted(_writable(path.parent).glob("spark-*.log"), key=_age)[KEPT_LOGS:]:
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
    builder = _spark_session_class().builder
    for key, value in conf.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _start_connect(conf: Mapping[str, str]) -> SparkSession:
    """A Spark Connect server in the JVM, as `remote("local")` would start it, and its client.

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
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    os.environ["SPARK_LOCAL_REMOTE"] = "1"  # so that stop() ends the server, too
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"  # so that pyspark.sql.functions build Connect columns
    return cast("SparkSession", ConnectSession.builder.remote(f"sc://localhost:{port}").getOrCreate())


def _resolve(scratch: Path) -> None:
    """Have Spark's own Ivy fetch Delta into `scratch`/jars, without what Spark ships itself."""
    _check_spark_home()
    coordinates = f"io.delta:delta-spark_{_spark_minor()}_2.13:{_delta_version()}"
    shipped = {re.sub(r"-\d[^/]*$", "", jar.stem) for jar in (_spark_home() / "jars").glob("*.jar")}
    nothing = scratch / "nothing.py"
    nothing.touch()
    command = [
        str(_spark_home() / "bin" / "spark-submit"),
        *("--master", "local[1]"),
        *("--packages", coordinates),
        *("--exclude-packages", ",".join(f"*:{name}" for name in sorted(shipped))),
        *("--conf", f"spark.jars.ivy={scratch}"),
        *("--driver-java-options", _proxy_options()),
    ]
    if ivy_settings := os.environ.get("MEDALLION_IVY_SETTINGS"):
        command += ["--conf", f"spark.jars.ivySettings={ivy_settings}"]
    environment = {key: value for key, value in os.environ.items() if key != "SPARK_REMOTE"}
    done = subprocess.run([*command, str(nothing)], capture_output=True, text=True, env=environment)
    if done.returncode != 0 or not any((scratch / "jars").glob("*delta-spark*.jar")):
        output = (done.stderr + done.stdout).splitlines()
        hints = [line.strip() for line in output if re.search(r"not found|Exception|denied|No space", line)]
        raise SetupError(
            f"Delta's jars ({coordinates}) could not be fetched from Maven.\n"
            + "".join(f"  {line}\n" for line in list(dict.fromkeys(hints))[:3])
            + "Check the network; behind a proxy set HTTPS_PROXY=http://host:port; for a Maven mirror name"
            " an Ivy settings file in MEDALLION_IVY_SETTINGS. Then try again: nothing half-done remains."
        )


def _proxy_options() -> str:
    """Java's words for HTTPS_PROXY and HTTP_PROXY, which it does not read itself."""
    options = []
    for scheme in ("https", "http"):
        value = os.environ.get(f"{scheme}_proxy") or os.environ.get(f"{scheme.upper()}_PROXY")
        if value:
            proxy = urlsplit(value if "//" in value else f"//{value}")
            options.append(f"-D{scheme}.proxyHost={proxy.hostname} -D{scheme}.proxyPort={proxy.port or 80}")
    return " ".join(options)


def _check_spark_home() -> None:
    """An inherited SPARK_HOME of another version would start the wrong Spark: say so."""
    version = metadata.version("pyspark")
    if not any((_spark_home() / "jars").glob(f"spark-core_*-{version}.jar")):
        raise SetupError(
            f"SPARK_HOME ({_spark_home()}) is not Spark {version}, which is installed here as pyspark."
            " Unset SPARK_HOME."
        )


def _spark_home() -> Path:
    import pyspark

    return Path(os.environ.get("SPARK_HOME") or Path(pyspark.__file__).parent)


def _spark_minor() -> str:
    return ".".join(metadata.version("pyspark").split(".")[:2])


def _delta_version() -> str:
    try:
        return metadata.version("delta-spark")
    except metadata.PackageNotFoundError as error:
        raise SetupError(
            "delta-spark is not installed. Outside Databricks: pip install 'medallion-pipelines[local]'."
        ) from error


def _cache() -> Path:
    """Where jars and logs are kept: MEDALLION_CACHE, else the user's cache folder."""
    if own := os.environ.get("MEDALLION_CACHE"):
        return Path(own).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "medallion_pipelines")


def _log_path() -> Path:
    return _cache() / "logs" / f"spark-{os.getpid()}.log"


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except FileNotFoundError:  # another process cleared it away
        return 0.0


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SetupError(
            f"{folder} cannot be written ({error.strerror}). Set MEDALLION_CACHE to a folder that can."
        ) from error
    return folder


if __name__ == "__main__":  # `make` asks before it installs anything, with Python alone
    try:
        check_java()
    except SetupError as problem:
        sys.exit(f"error: {problem}")
