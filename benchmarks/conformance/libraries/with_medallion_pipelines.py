"""This library: `apply_changes`."""

from __future__ import annotations

from harness import play
from on_spark import SparkTarget
from pyspark.sql import DataFrame

from medallion_pipelines.silver import apply_changes


class Target(SparkTarget):
    """The sequence is stored, as by default, unless the scenario tracks the values alone."""

    def apply_frame(self, changes: DataFrame) -> None:
        apply_changes(
            changes,
            self.name,
            keys=self.keys,
            sequence_by="at",
            apply_as_deletes="deleted",
            except_column_list=["deleted"],
            ignore_null_updates=self.ignore_null_updates,
            stored_as_scd_type=self.type,
            track_history_column_list=self.values if self.by_values else None,
        )

    def table(self) -> DataFrame:
        return self.spark.table(self.name).withColumnsRenamed({"__START_AT": "from", "__END_AT": "to"})


if __name__ == "__main__":
    play(Target, "medallion-pipelines", "pyspark", "delta-spark")
