"""What a machine needs: Java, and Delta's jars."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from medallion_pipelines import machine as needs
from medallion_pipelines import session
from medallion_pipelines.errors import SetupError
from medallion_pipelines.settings import Settings

SOURCES = Path(__file__).parent.parent / "src"


def program(path, script):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with a cache of its own, its Java and Spark to be written by the test."""
    monkeypatch.setenv("MEDALLION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    monkeypatch.setenv("SPARK_HOME", str(tmp_path / "spark"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "MEDALLION_IVY_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    needs.check_java.cache_clear()
    program(tmp_path / "jdk/bin/java", "echo 'openjdk version \"17.0.1\" 2021-10-19' >&2")
    jars = tmp_path / "spark/jars"
    jars.mkdir(parents=True)
    (jars / f"spark-core_2.13-{metadata.version('pyspark')}.jar").touch()
    (jars / "hadoop-client-api-3.5.0.jar").touch()
    yield tmp_path
    needs.check_java.cache_clear()


def test_the_java_check_needs_python_alone():
    code = f"import sys; sys.path.insert(0, {str(SOURCES)!r})\n"
    code += "from medallion_pipelines.machine import check_java; check_java()"

    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_java_11_is_refused_by_name(machine):
    program(machine / "jdk/bin/java", "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2")

    with pytest.raises(SetupError) as refused:
        needs.check_java()

    assert str(refused.value).startswith(
        f'Spark needs Java 17 or newer; JAVA_HOME ({machine}/jdk) has openjdk version "11.0.2" 2019-01-15.'
    )


def test_java_8_with_its_old_numbering_is_refused(machine):
    program(machine / "jdk/bin/java", "echo 'java version \"1.8.0_452\"' >&2")

    with pytest.raises(SetupError, match=r"17 or newer; .* has java version \"1\.8\.0_452\""):
        needs.check_java()


def test_a_java_home_without_java_is_refused(machine, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(machine / "nowhere"))

    with pytest.raises(SetupError, match=r"JAVA_HOME \(.*/nowhere\) has none that runs\. Install Java 17"):
        needs.check_java()


def test_jars_are_fetched_once_without_what_spark_ships(machine):
    program(
        machine / "spark/bin/spark-submit",
        f"""echo "$@" >> {machine}/calls
        for word; do case $word in spark.jars.ivy=*) ivy=${{word#spark.jars.ivy=}};; esac; done
        mkdir -p "$ivy/jars" && touch "$ivy/jars/io.delta_delta-spark_4.2_2.13-4.4.0.jar" """,
    )

    first, second = needs.fetch_jars(), needs.fetch_jars()

    assert first == second
    assert [jar.name for jar in first] == ["io.delta_delta-spark_4.2_2.13-4.4.0.jar"]
    assert first[0].is_relative_to(machine / "cache" / "jars")
    (call,) = (machine / "calls").read_text().splitlines()
    minor = metadata.version("pyspark").rpartition(".")[0]
    assert f"--packages io.delta:delta-spark_{minor}_2.13:{metadata.version('delta-spark')}" in call
    assert "--exclude-packages *:hadoop-client-api,*:spark-core_2.13 " in call


def test_fetching_jars_goes_through_the_proxy_and_the_mirror_of_the_environment(machine, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("MEDALLION_IVY_SETTINGS", "/etc/ivy.xml")
    program(machine / "spark/bin/spark-submit", f'echo "$@" >> {machine}/calls; exit 1')

    with pytest.raises(SetupError):
        needs.fetch_jars()

    call = (machine / "calls").read_text()
    assert "-Dhttps.proxyHost=proxy.example -Dhttps.proxyPort=3128" in call
    assert "spark.jars.ivySettings=/etc/ivy.xml" in call


def test_jars_that_cannot_be_fetched_say_why_and_leave_nothing_behind(machine):
    program(
        machine / "spark/bin/spark-submit",
        """for word; do case $word in spark.jars.ivy=*) ivy=${word#spark.jars.ivy=};; esac; done
        mkdir -p "$ivy/jars" && touch "$ivy/jars/io.delta_delta-storage-4.4.0.jar"
        echo ':: io.delta#delta-spark_4.2_2.13;4.4.0: not found' >&2; exit 1""",
    )

    with pytest.raises(SetupError) as refused:
        needs.fetch_jars()

    assert ":: io.delta#delta-spark_4.2_2.13;4.4.0: not found\nCheck the network;" in str(refused.value)
    assert list((machine / "cache" / "jars").iterdir()) == []


def test_the_jars_for_s3_are_those_of_sparks_hadoop_and_come_when_asked_for(machine):
    program(
        machine / "spark/bin/spark-submit",
        f"""echo "$@" >> {machine}/calls
        for word; do case $word in spark.jars.ivy=*) ivy=${{word#spark.jars.ivy=}};; esac; done
        mkdir -p "$ivy/jars" && touch "$ivy/jars/org.apache.hadoop_hadoop-aws-3.5.0.jar" """,
    )

    before, fetched = needs.s3_jars(), needs.fetch_s3_jars()

    assert before == []
    assert [jar.name for jar in fetched] == ["org.apache.hadoop_hadoop-aws-3.5.0.jar"]
    assert needs.s3_jars() == needs.fetch_s3_jars() == fetched
    (call,) = (machine / "calls").read_text().splitlines()
    assert "--packages org.apache.hadoop:hadoop-aws:3.5.0 " in call
    assert "--exclude-packages *:hadoop-client-api,*:spark-core_2.13 " in call


def test_a_landing_zone_on_s3_without_its_jars_is_refused_before_spark_starts(machine, monkeypatch):
    monkeypatch.setattr(
        session, "_spark_session_class", lambda: SimpleNamespace(getActiveSession=lambda: None)
    )
    monkeypatch.delenv("SPARK_REMOTE", raising=False)

    with pytest.raises(SetupError) as refused:
        session.get_session(Settings(landing="s3a://bucket/landing"))

    assert str(refused.value).startswith(
        "The landing zone is s3a://bucket/landing. Files at s3a:// are read with"
    )
    assert "`make s3-extras`" in str(refused.value)


def test_a_spark_home_of_another_version_is_refused(machine):
    (machine / f"spark/jars/spark-core_2.13-{metadata.version('pyspark')}.jar").unlink()

    with pytest.raises(SetupError, match=r"SPARK_HOME \(.*/spark\) is not Spark .*\. Unset SPARK_HOME\."):
        needs.fetch_jars()


def test_a_cache_that_cannot_be_written_is_refused(machine, monkeypatch):
    (machine / "file").touch()
    monkeypatch.setenv("MEDALLION_CACHE", str(machine / "file"))

    with pytest.raises(
        SetupError, match=r"file/jars cannot be written \(Not a directory\)\. Set MEDALLION_CACHE"
    ):
        needs.fetch_jars()


def test_the_cache_follows_xdg_cache_home(machine, monkeypatch):
    monkeypatch.delenv("MEDALLION_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(machine / "xdg"))
    program(machine / "spark/bin/spark-submit", "exit 1")

    with pytest.raises(SetupError):
        needs.fetch_jars()

    assert [path.name for path in (machine / "xdg").iterdir()] == ["medallion_pipelines"]
