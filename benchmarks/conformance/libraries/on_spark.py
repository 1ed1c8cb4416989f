"""A session like the library's own, and what all targets on Spark share."""

from __future__ import annotations

import os
import sys
import tempfile
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Row = dict[str, Any]
Scenario = dict[str, Any]


@cache
def session() -> SparkSession:
    """Spark with the Delta that is installed beside it; settings as in `medallion_pipelines.session`."""
    from delta import configure_spark_with_delta_pip
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    conf = {
        "spark.master": "local[*]",
        "spark.driver.memory": "4g",
        "spark.driver.host": "localhost",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": "-XX:+UseParallelGC -Djdk.lang.Process.launchMechanism=VFORK",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": tempfile.mkdtemp(prefix="conformance-"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
    }
    if ivy_settings := os.environ.get("MEDALLION_IVY_SETTINGS"):
        conf["spark.jars.ivySettings"] = ivy_settings
    builder = SparkSession.builder
    for key, value in conf.items():
        builder = builder.config(key, value)
    return configure_spark_with_delta_pip(builder).getOrCreate()


class SparkTarget:
    """A Delta table of a library on Spark; `apply_frame` is the library's."""

    def __init__(self, scenario: Scenario, name: str) -> None:
        self.spark, self.name, self.type = session(), name, scenario["type"]
        self.keys, self.values = list(scenario["keys"]), list(scenario["values"])
        self.columns = {**scenario["keys"], **scenario["values"]}
        self.by_values = scenario["tracked"] == "values"
        self.ignore_null_updates = scenario["ignore_null_updates"]

    @staticmethod
    def lacks(scenario: Scenario) -> str | None:  # noqa: ARG004
        return None

    def apply(self, batch: list[Row]) -> None:
        kinds = {**self.columns, "at": "INT", "deleted": "BOOLEAN"}
        rows = ({"deleted": change.get("delete", False), **change} for change in batch)
        values = (", ".join(_literal(row.get(name)) for name in kinds) for row in rows)
        names = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in kinds.items())
        listed = ", ".join(f"({one})" for one in values)
        self.apply_frame(self.spark.sql(f"SELECT {names} FROM VALUES {listed} AS t({', '.join(kinds)})"))

    def apply_frame(self, changes: DataFrame) -> None:
        """Apply a batch: keys, values, `at` (INT, the sequence) and `deleted` (BOOLEAN)."""
        raise NotImplementedError

    def table(self) -> DataFrame:
        """The table, for type 2 with `from` and `to`."""
        raise NotImplementedError

    def rows(self) -> list[Row]:
        bounds = ["`from`", "`to`"] if self.type == 2 else []
        return [row.asDict() for row in self.table().select(*self.columns, *bounds).collect()]

    def create(self, *more: str) -> None:
        """An empty table, for libraries that want one."""
        columns = ", ".join([*(f"{name} {kind}" for name, kind in self.columns.items()), *more])
        self.spark.sql(f"CREATE TABLE {self.name} ({columns}) USING delta")


def _literal(value: str | int | bool | None) -> str:
    return "NULL" if value is None else f"'{value}'"
