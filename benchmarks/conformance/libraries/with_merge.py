"""A bare MERGE INTO, to measure type 1 against: it wants one change of a key in a batch."""

from __future__ import annotations

from on_spark import Scenario, SparkTarget
from pyspark.sql import DataFrame


class Target(SparkTarget):
    def __init__(self, scenario: Scenario, name: str) -> None:
        super().__init__(scenario, name)
        self.create("at INT")

    def apply_frame(self, changes: DataFrame) -> None:
        changes.createOrReplaceTempView("changes")
        same = " AND ".join(f"t.{key} = c.{key}" for key in self.keys)
        stored = [*self.columns, "at"]
        self.spark.sql(
            f"MERGE INTO {self.name} t USING changes c ON {same}"
            " WHEN MATCHED AND c.deleted AND c.at > t.at THEN DELETE"
            f" WHEN MATCHED AND c.at > t.at THEN UPDATE SET {', '.join(f'{n} = c.{n}' for n in stored)}"
            f" WHEN NOT MATCHED AND NOT c.deleted THEN INSERT ({', '.join(stored)})"
            f" VALUES ({', '.join(f'c.{n}' for n in stored)})"
        ).collect()

    def table(self) -> DataFrame:
        return self.spark.table(self.name)
