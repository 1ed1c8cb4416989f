"""A table gets another shape and other rows in one commit, and still refuses what its shape forbids."""

from __future__ import annotations

import pytest

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.tables import Field, Shape

KEY = "silver.things"


def test_a_table_that_is_remade_has_its_new_shape_and_rows_in_one_commit_and_refuses_what_is_missing(
    lakehouse: Lakehouse,
) -> None:
    tables, spark = lakehouse.tables, lakehouse.spark
    before = [Field("id", "INT", required=True), Field("old", "STRING")]
    tables.create(KEY, Shape(before))
    tables.append(spark.sql("SELECT 1 AS id, 'a' AS old"), KEY)
    at = tables.version(KEY)

    shape = Shape(
        [
            Field("id", "STRING", required=True, comment='it\'s the "id"'),
            Field("token-`x`", "BIGINT", required=True),
            Field("note", "STRING"),
        ],
        "things, anew",
        cluster_by=["id"],
        properties={"medallion.primary_key": "id"},
    )
    given = spark.sql("SELECT 7 AS `token-``x```, CAST(NULL AS STRING) AS note, 1 AS id")
    tables.remake(given, KEY, shape)
    assert tables.version(KEY) == at + 1
    assert tables.fields(KEY) == list(shape.fields)
    assert tables.property(KEY, "medallion.primary_key") == "id"
    assert [tuple(row) for row in tables.read(KEY).collect()] == [("1", 7, None)]
    assert [tuple(row) for row in tables.read(KEY, at).collect()] == [(1, "a")]

    lacking = spark.sql("SELECT '2' AS id, CAST(NULL AS BIGINT) AS `token-``x```, 'b' AS note")
    with pytest.raises(Exception, match="required_1"):
        tables.append(lacking, KEY)
    assert tables.version(KEY) == at + 1
    tables.drop_not_null(KEY, "token-`x`")
    assert [one.required for one in tables.fields(KEY)] == [True, False, False]
    assert all(commit.keeps_rows for commit in tables.history(KEY) if commit.version > at + 1)
    tables.append(lacking, KEY)
    assert sorted(tuple(row) for row in tables.read(KEY).select("id", "note").collect()) == [
        ("1", None), ("2", "b"),
    ]  # fmt: skip
