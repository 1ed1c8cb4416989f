"""koheesio: type 2 is `SCD2DeltaTableWriter`, type 1 `RowNumberDedup` and then `DeltaTableWriter` with MERGE.

The type 2 writer takes one key column, no deletes, and timestamps: a sequence n is n seconds after 1970. For
type 1 the clauses of the MERGE are the user's; these are what one would write by its documentation.
"""

from __future__ import annotations

from harness import has_deletes, play
from koheesio.spark.delta import DeltaTableStep
from koheesio.spark.transformations.row_number_dedup import RowNumberDedup
from koheesio.spark.writers import BatchOutputMode
from koheesio.spark.writers.delta import DeltaTableWriter, SCD2DeltaTableWriter
from on_spark import Scenario, SparkTarget
from pyspark.sql import DataFrame
from pyspark.sql import functions as F


class Target(SparkTarget):
    def __init__(self, scenario: Scenario, name: str) -> None:
        super().__init__(scenario, name)
        period = "STRUCT<effective_time: TIMESTAMP, end_time: TIMESTAMP, is_current: BOOLEAN>"
        self.create("at INT" if self.type == 1 else f"_scd2 {period}")

    @staticmethod
    def lacks(scenario: Scenario) -> str | None:
        if scenario["type"] == 1:
            return None
        if len(scenario["keys"]) > 1:
            return "keys of more than one column"
        return "deletes" if has_deletes(scenario) else None

    def apply_frame(self, changes: DataFrame) -> None:
        if self.type == 2:
            SCD2DeltaTableWriter(
                table=DeltaTableStep(table=self.name),
                df=changes.select(*self.columns, F.timestamp_seconds("at").alias("at")),
                merge_key=self.keys[0],
                scd2_columns=self.values,
                scd2_timestamp_col=F.col("at"),
                exclude_columns=["at"],
            ).execute()
            return
        latest = RowNumberDedup(df=changes, columns=self.keys, sort_columns=[F.col("at").desc()])
        new = "coalesce(source.{0}, target.{0})" if self.ignore_null_updates else "source.{0}"
        stored = [*self.columns, "at"]
        clauses = [
            {"clause": "whenMatchedDelete", "condition": "source.deleted AND source.at > target.at"},
            {
                "clause": "whenMatchedUpdate",
                "condition": "source.at > target.at",
                "set": {name: new.format(name) for name in stored},
            },
            {
                "clause": "whenNotMatchedInsert",
                "condition": "NOT source.deleted",
                "values": {name: f"source.{name}" for name in stored},
            },
        ]
        DeltaTableWriter(
            table=self.name,
            df=latest.transform(),
            output_mode=BatchOutputMode.MERGE,
            output_mode_params={
                "merge_builder": clauses,
                "merge_cond": " AND ".join(f"source.{key} = target.{key}" for key in self.keys),
            },
        ).execute()

    def table(self) -> DataFrame:
        frame = self.spark.table(self.name)
        if self.type == 1:
            return frame
        seconds = {"from": "_scd2.effective_time", "to": "_scd2.end_time"}
        return frame.select(*self.columns, *(F.unix_seconds(at).alias(name) for name, at in seconds.items()))


if __name__ == "__main__":
    play(Target, "koheesio", "pyspark", "delta-spark")
