"""What a machine needs for local Spark: Java, Delta's jars, and for `s3a://` Hadoop's, fetched once and kept.

Importing this needs Python alone, so that `make` can ask before it installs anything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from medallion_pipelines.errors import SetupError

JAVA_NEEDED = 17
NO_PYSPARK = "Spark is not installed. Outside Databricks: pip install 'medallion-pipelines[local]'."
NO_S3A = (
    "Files at s3a:// are read with jars that are fetched only when asked for (690 MB): `make s3-extras`, or "
    "`medallion setup --s3`. A Spark of your own needs hadoop-aws of its Hadoop's version."
)


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
        first = text.partition("\n")[0]
        raise SetupError(f"Spark needs Java {JAVA_NEEDED} or newer; {origin} has {first}. {advice}")
    return version[0].split('"')[1]


def fetch_jars() -> list[Path]:
    """Delta's jars for the installed pyspark, fetched on first use and kept; whole or not at all."""
    folder = f"spark-{_spark_minor()}-delta-{_delta_version()}"
    coordinates = f"io.delta:delta-spark_{_spark_minor()}_2.13:{_delta_version()}"
    return _fetched(_jars() / folder, coordinates, "Delta's jars")


def fetch_s3_jars() -> list[Path]:
    """The jars for `s3a://`, of the Hadoop that the installed pyspark has, and with them AWS' whole SDK
    (690 MB): fetched when asked for, and kept."""
    version = _hadoop_version()
    if version is None:
        raise SetupError(
            f"The Spark in {_spark_home()} has no Hadoop of its own: add hadoop-aws to the one it uses."
        )
    return _fetched(_s3_folder(version), f"org.apache.hadoop:hadoop-aws:{version}", "The jars for S3")


def s3_jars() -> list[Path]:
    """The jars for `s3a://` that were fetched; empty if they were not."""
    version = _hadoop_version()
    return [] if version is None else sorted(_s3_folder(version).glob("*.jar"))


def check_spark_home() -> None:
    """An inherited SPARK_HOME of another version would start the wrong Spark: say so."""
    version = metadata.version("pyspark")
    if not any((_spark_home() / "jars").glob(f"spark-core_*-{version}.jar")):
        raise SetupError(
            f"SPARK_HOME ({_spark_home()}) is not Spark {version}, which is installed here as pyspark."
            " Unset SPARK_HOME."
        )


def cache_folder() -> Path:
    """Where jars and logs are kept: MEDALLION_CACHE, else the user's cache folder."""
    if own := os.environ.get("MEDALLION_CACHE"):
        return Path(own).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "medallion_pipelines")


def writable(folder: Path) -> Path:
    """The folder, made where it is missing; SetupError if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SetupError(
            f"{folder} cannot be written ({error.strerror}). Set MEDALLION_CACHE to a folder that can."
        ) from error
    return folder


def _fetched(folder: Path, coordinates: str, what: str) -> list[Path]:
    if not folder.is_dir():
        check_java()
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=writable(folder.parent)) as scratch:
            _resolve(Path(scratch), coordinates, what)
            try:
                (Path(scratch) / "jars").rename(folder)  # at once, so the folder is there only whole
            except OSError:
                if not folder.is_dir():  # else another process was quicker
                    raise
    return sorted(folder.glob("*.jar"))


def _resolve(scratch: Path, coordinates: str, what: str) -> None:
    """Have Spark's own Ivy fetch something into `scratch`/jars, without what Spark ships itself."""
    check_spark_home()
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
    name = coordinates.split(":")[1].split("_")[0]
    if done.returncode != 0 or not any((scratch / "jars").glob(f"*{name}*.jar")):
        output = (done.stderr + done.stdout).splitlines()
        hints = [line.strip() for line in output if re.search(r"not found|Exception|denied|No space", line)]
        raise SetupError(
            f"{what} ({coordinates}) could not be fetched from Maven.\n"
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


def _spark_home() -> Path:
    """Where the Spark is that pyspark will start."""
    if own := os.environ.get("SPARK_HOME"):
        return Path(own)
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        raise SetupError(NO_PYSPARK)
    return Path(found.origin).parent


def _jars() -> Path:
    return cache_folder() / "jars"


def _s3_folder(version: str) -> Path:
    return _jars() / f"hadoop-aws-{version}"


def _hadoop_version() -> str | None:
    """That of the Hadoop client which Spark ships, if it does: the jars for S3 must be of the same."""
    found = [jar.stem.rpartition("-")[2] for jar in (_spark_home() / "jars").glob("hadoop-client-api-*.jar")]
    return found[0] if found else None


def _spark_minor() -> str:
    try:
        return ".".join(metadata.version("pyspark").split(".")[:2])
    except metadata.PackageNotFoundError as error:
        raise SetupError(NO_PYSPARK) from error


def _delta_version() -> str:
    try:
        return metadata.version("delta-spark")
    except metadata.PackageNotFoundError as error:
        raise SetupError(NO_PYSPARK) from error


if __name__ == "__main__":  # `make` asks before it installs anything, with Python alone
    try:
        check_java()
    except SetupError as problem:
        sys.exit(f"error: {problem}")
