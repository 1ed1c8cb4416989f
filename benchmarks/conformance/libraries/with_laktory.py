"""laktory: a sink of mode MERGE with `merge_cdc_options`, as in its documentation on change data capture.

It has no list of tracked columns. All stored ones are, the sequence among them, as in Lakeflow; where a
scenario tracks the values alone, `include_columns` stores the values alone.
"""

from __future__ import annotations

import os

os.environ.setdefault("LAKTORY_LOG_LEVEL", "WARNING")

from harness import play
from laktory import models
from on_spark import Scenario, SparkTarget
from pyspark.sql import DataFrame


class Target(SparkTarget):
    def __init__(self, scenario: Scenario, name: str) -> None:
        super().__init__(scenario, name)
        self.path = f"{self.spark.conf.get('spark.sql.warehouse.dir')}/{name}"
        stored = {"include_columns": self.values} if self.by_values else {"exclude_columns": ["deleted"]}
        self.sink = models.FileDataSink(
            path=self.path,
            format="DELTA",
            mode="MERGE",
            merge_cdc_options=models.DataSinkMergeCDCOptions(
                scd_type=self.type,
                primary_keys=self.keys,
                order_by="at",
                delete_where="deleted = true",
                ignore_null_updates=self.ignore_null_updates,
                **stored,
            ),
        )

    def apply_frame(self, changes: DataFrame) -> None:
        self.sink.write(changes)

    def table(self) -> DataFrame:
        frame = self.spark.read.format("delta").load(self.path.removeprefix("file:"))
        return frame.withColumnsRenamed({"__start_at": "from", "__end_at": "to"})


if __name__ == "__main__":
    play(Target, "laktory", "pyspark", "delta-spark")
