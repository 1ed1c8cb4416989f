"""Spark sessions, classic and Connect."""

import sys

import pytest

from medallion_pipelines import session
from medallion_pipelines.settings import Settings


@pytest.mark.engine
def test_a_session_keeps_time_in_utc_and_work_small(spark):
    names = (
        "spark.sql.session.timeZone",
        "spark.databricks.delta.snapshotPartitions",
        "spark.sql.catalogImplementation",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism",
    )
    assert [spark.conf.get(name) for name in names[:3]] == ["UTC", "1", "in-memory"]
    assert 2 <= int(spark.conf.get(names[3])) <= 4


@pytest.mark.engine
def test_a_session_reads_and_writes_delta(spark, tmp_path):
    place = f"delta.`{tmp_path / 'numbers'}`"

    spark.sql(f"CREATE TABLE {place} USING DELTA AS SELECT id FROM range(3)")
    spark.sql(f"MERGE INTO {place} t USING (SELECT 2 AS id) s ON t.id = s.id WHEN MATCHED THEN DELETE")

    assert sorted(row.id for row in spark.sql(f"SELECT id FROM {place}").collect()) == [0, 1]


@pytest.mark.engine
def test_python_functions_run_on_this_python(spark):
    from pyspark.sql import functions as F

    version = F.udf(lambda _: ".".join(map(str, sys.version_info[:3])), "string")

    assert spark.range(1).select(version("id")).first()[0] == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.engine
def test_a_refused_query_raises_and_writes_nothing_to_the_terminal(spark, capfd):
    from pyspark.errors import AnalysisException

    with pytest.raises(AnalysisException, match="UNRESOLVED_COLUMN"):
        spark.sql("SELECT nope FROM range(1)").collect()

    assert capfd.readouterr() == ("", "")


@pytest.mark.engine
def test_a_failing_task_writes_its_trace_to_the_log_only(spark, capfd):
    with pytest.raises(Exception, match="on purpose"):
        spark.sql("SELECT raise_error('on purpose')").collect()

    assert capfd.readouterr() == ("", "")
    log = session.log_file()  # of this process; with workers that share a server, it is another's
    assert log is None or "on purpose" in log.read_text()


@pytest.mark.engine
def test_the_active_session_is_used_where_there_is_one(spark):
    assert session.get_session(Settings()) is spark
    assert session.local_session() is spark
