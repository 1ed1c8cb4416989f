"""What dashboards and alerts ask, asked of Spark: it knows every function and column."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession
from scripts.bundle.__main__ import ROOT, checked

from medallion_pipelines.contracts import load_product
from medallion_pipelines.operations.promises import TABLE_STATUS
from medallion_pipelines.runlog import DRIFT, RUNS, TABLE_METRICS
from medallion_pipelines.shipped import product_folder
from medallion_pipelines.sql import quoted

OPS = {"runs": RUNS, "table_metrics": TABLE_METRICS, "drift": DRIFT, "table_status": TABLE_STATUS}


@pytest.fixture
def tables(spark: SparkSession) -> None:
    """The tables' columns, as views that are gone with the session."""
    columns = {name: {one.name: one.type for one in fields} for name, fields in OPS.items()}
    for table in load_product(product_folder("flights")).tables.values():
        if table.layer == "gold":
            columns[table.name] = {one.name: one.type for one in table.columns}
    for name, types in columns.items():
        ddl = ", ".join(f"{quoted(column)} {kind}" for column, kind in types.items())
        spark.createDataFrame([], ddl).createOrReplaceTempView(name)


@pytest.mark.engine
def test_spark_takes_every_query(spark: SparkSession, tables: None) -> None:
    for file in sorted((ROOT / "dashboards").glob("*.lvdash.json")):
        content = json.loads(file.read_text())
        shown = {
            field["name"]: query["query"]["datasetName"]
            for page in content["pages"]
            for item in page["layout"]
            for query in item["widget"].get("queries", [])
            for field in query["query"]["fields"]
        }
        for dataset in content["datasets"]:
            text = "".join(dataset["queryLines"])
            if "system." in text:  # only a workspace has these
                continue
            columns = spark.sql(text).columns
            asked = {name for name, of in shown.items() if of == dataset["name"]}
            assert asked <= set(columns), dataset["name"]
    for at, alert in checked(ROOT, "prod").each("alerts"):
        text = asked_of_view(alert)
        assert alert["evaluation"]["source"]["name"] in spark.sql(text).columns, at


def asked_of_view(alert: dict[str, Any]) -> str:
    return str(alert["query_text"]).replace("`flights_prod`.`ops`.", "")


@pytest.mark.engine
def test_a_table_that_left_the_product_is_no_longer_told_of(spark: SparkSession) -> None:
    standing = [  # product, table, as_of, checked_at
        ("p", "silver.here", "2020-01-02 00:00:00", "2020-01-02 00:30:00"),
        ("p", "silver.here", "2020-01-01 00:00:00", "2020-01-01 00:30:00"),
        ("p", "silver.gone", "2020-01-01 00:00:00", "2020-01-01 00:30:00"),
        ("q", "silver.other", "2019-01-01 00:00:00", "2019-01-01 00:30:00"),
    ]
    columns = "product STRING, `table` STRING, as_of STRING, checked_at STRING"
    spark.createDataFrame(standing, columns).selectExpr(
        "product", "`table`", "'succeeded' AS status", "1L AS rows", "0L AS quarantined",
        "timestamp(as_of) AS as_of", "3600L AS promised_seconds", "CAST(NULL AS STRING) AS broken",
        "timestamp(checked_at) AS checked_at",
    ).createOrReplaceTempView("table_status")  # fmt: skip
    freshness = dict(checked(ROOT, "prod").each("alerts"))["resources.alerts.freshness"]
    told = spark.sql(asked_of_view(freshness)).collect()
    assert [(row.table, row.age_over_promise > 1) for row in told] == [
        ("silver.other", True),
        ("silver.here", True),
    ]
    content = json.loads((ROOT / "dashboards" / "operations.lvdash.json").read_text())
    (counts,) = ("".join(one["queryLines"]) for one in content["datasets"] if one["name"] == "counts")
    assert spark.sql(counts).first().tables == 2


SYSTEM = {  # as Databricks documents them
    "usage": "workspace_id STRING, sku_name STRING, usage_start_time TIMESTAMP, usage_date DATE,"
    " usage_quantity DECIMAL(20, 4), custom_tags MAP<STRING, STRING>,"
    " usage_metadata STRUCT<job_id STRING, job_name STRING>",
    "list_prices": "sku_name STRING, price_start_time TIMESTAMP, price_end_time TIMESTAMP,"
    " pricing STRUCT<effective_list STRUCT<default DECIMAL(20, 4)>>",
    "jobs": "workspace_id STRING, job_id STRING, tags MAP<STRING, STRING>, change_time TIMESTAMP",
}


@pytest.mark.engine
def test_serverless_usage_which_has_no_tags_is_counted_by_its_job(spark: SparkSession) -> None:
    began = datetime.now(UTC) - timedelta(hours=1)
    tags = {"cost_center": "c", "job": "refine"}
    rows = {
        "usage": [
            ("1", "s", began, began.date(), Decimal(3), {}, ("7", "sales refine")),
            ("1", "s", began, began.date(), Decimal(5), {}, ("8", "another")),
            ("2", "s", began, began.date(), Decimal(9), {}, ("7", "of another workspace")),
        ],
        "list_prices": [("s", began, None, ((Decimal("0.5"),),))],
        "jobs": [("1", "7", {}, began - timedelta(days=1)), ("1", "7", tags, began), ("1", "8", {}, began)],
    }
    for name, schema in SYSTEM.items():
        spark.createDataFrame(rows[name], schema).createOrReplaceTempView(f"system_{name}")
    content = json.loads((ROOT / "dashboards" / "operations.lvdash.json").read_text())
    (cost,) = ("".join(one["queryLines"]) for one in content["datasets"] if one["name"] == "cost")
    found = spark.sql(re.sub(r"system\.\w+\.", "system_", cost)).collect()
    assert [(row.job, row.dbus, row.list_price) for row in found] == [("refine", 3, Decimal("1.50"))]
