"""mack: `type_2_scd_generic_upsert`. It takes one key column and no deletes, and has no type 1.

The table is made as its documentation says; the sequence is the effective time.
"""

from __future__ import annotations

import mack
from delta import DeltaTable
from harness import has_deletes, play
from on_spark import Scenario, SparkTarget
from pyspark.sql import DataFrame


class Target(SparkTarget):
    def __init__(self, scenario: Scenario, name: str) -> None:
        super().__init__(scenario, name)
        self.create("is_current BOOLEAN", "effective_time INT", "end_time INT")

    @staticmethod
    def lacks(scenario: Scenario) -> str | None:
        if scenario["type"] == 1:
            return "type 1"
        if len(scenario["keys"]) > 1:
            return "keys of more than one column"
        return "deletes" if has_deletes(scenario) else None

    def apply_frame(self, changes: DataFrame) -> None:
        mack.type_2_scd_generic_upsert(
            DeltaTable.forName(self.spark, self.name),
            changes.drop("deleted").withColumnRenamed("at", "effective_time"),
            *self.keys,
            self.values,
            "is_current",
            "effective_time",
            "end_time",
        )

    def table(self) -> DataFrame:
        return self.spark.table(self.name).withColumnsRenamed({"effective_time": "from", "end_time": "to"})


if __name__ == "__main__":
    play(Target, "mack", "pyspark", "delta-spark")
