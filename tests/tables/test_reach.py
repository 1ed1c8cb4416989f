"""What keys span: conditions that are true for every row with one of the keys, and that skip files."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.tables import Field, Shape, reach

KEYS = {  # by type: some keys, in SQL
    "BIGINT": ["-9223372036854775808", "7", "9223372036854775807"],
    "DECIMAL(38,10)": ["-1234567890123456789012345678.0123456789", "0"],
    "DATE": ["DATE'0001-01-01'", "DATE'2024-02-29'", "DATE'9999-12-30'"],
    "TIMESTAMP": ["TIMESTAMP'1969-12-31 23:59:59.999999Z'", "TIMESTAMP'2024-02-29 00:00:00Z'"],
    "TIMESTAMP_NTZ": ["TIMESTAMP_NTZ'2024-02-29 12:00:00.000001'", "TIMESTAMP_NTZ'2024-03-01 00:00:00'"],
    "STRING": ["''", "'it''s'", "'${x} \\\\ `'", "'\u00e9\U0001f6eb'", "' a '"],
}


@pytest.mark.parametrize("of", KEYS)
def test_every_key_is_in_its_span_and_what_lies_outside_is_not(spark: SparkSession, of: str) -> None:
    keys = KEYS[of]
    rows = spark.sql(" UNION ALL ".join(f"SELECT CAST({key} AS {of}) AS k" for key in keys))
    few = reach(rows, {"k": of})
    assert few is not None
    assert few["k"].every
    assert rows.where(few["k"].holds("k", of)).count() == len(keys)

    one = reach(rows.limit(1), {"k": of})
    assert one is not None
    assert rows.where(one["k"].holds("k", of)).count() == 1


def test_many_keys_span_a_range_and_a_day_spans_its_timestamps(spark: SparkSession) -> None:
    days = spark.sql("SELECT explode(sequence(DATE'2024-01-01', DATE'2024-01-31')) AS day")
    spans = reach(days, {"day": "DATE"})
    assert spans is not None
    assert (spans["day"].every, spans["day"].values) == (False, ("2024-01-01", "2024-01-31"))
    moments = spark.sql(
        "SELECT at FROM VALUES (TIMESTAMP'2023-12-31 23:59:59.999999'), (TIMESTAMP'2024-01-01 00:00:00'), "
        "(TIMESTAMP'2024-01-31 23:59:59.999999'), (TIMESTAMP'2024-02-01 00:00:00') AS t(at)"
    )
    held = moments.where(spans["day"].holds("at", "TIMESTAMP")).select(F.dayofmonth("at").alias("day"))
    assert sorted(row.day for row in held.collect()) == [1, 31]


def test_a_day_that_no_timestamp_knows_has_no_condition_on_one(spark: SparkSession) -> None:
    spans = reach(spark.sql("SELECT DATE'+300000-01-01' AS day"), {"day": "DATE"})
    assert spans is not None
    assert spans["day"].holds("at", "TIMESTAMP") is None
    assert spark.sql("SELECT DATE'+300000-01-01' AS d").where(spans["day"].holds("d", "DATE")).count() == 1


def test_no_key_spans_nothing_and_a_type_without_an_order_or_another_type_has_no_condition(
    spark: SparkSession,
) -> None:
    nothing = spark.sql("SELECT 1L AS k, X'00' AS b WHERE false")
    assert reach(nothing, {"k": "BIGINT"}) is None
    some = reach(spark.sql("SELECT 1L AS k, X'00' AS b"), {"k": "BIGINT", "b": "BINARY"})
    assert some is not None
    assert list(some) == ["k"]
    assert some["k"].holds("k", "STRING") is None


def test_delta_skips_the_files_outside(lakehouse: Lakehouse) -> None:
    tables, spark = lakehouse.tables, lakehouse.spark
    tables.create("silver.days", Shape([Field("month", "INT"), Field("day", "INT")]))
    for month, day in [(1, 31), (1, 15), (2, 1), (12, 31)]:
        tables.append(spark.sql(f"SELECT {month} AS month, {day} AS day"), "silver.days")
    keys = spark.sql("SELECT * FROM VALUES (1, 31), (2, 1) AS t(month, day)")
    spans = reach(keys, {"month": "INT", "day": "INT"})
    assert spans is not None
    rows = tables.read("silver.days")
    for name, span in spans.items():
        rows = rows.where(span.holds(name, "INT"))
    assert len(rows.inputFiles()) == 2
