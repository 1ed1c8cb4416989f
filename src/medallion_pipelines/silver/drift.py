"""Drift: what the source sends that the contract does not describe, with counts and an example."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


@dataclass(frozen=True)
class Drift:
    """One finding. `kind`: unknown_field (`example` is a record) or type (`example` is a value)."""

    kind: str
    field: str
    records: int
    example: str | None

    def __str__(self) -> str:
        if self.kind == "type":
            return f"{self.records} records hold a {self.field} of another type, such as {self.example!r}."
        return f"{self.records} records have a field the contract does not know: {self.field}."


def drift(staged: DataFrame) -> list[Drift]:
    """The drift in a staged batch: one row per field, whatever the number of records."""
    unknown = staged.select(
        F.lit("unknown_field").alias("kind"), F.explode("_unknown").alias("field"), F.col("_record").alias("example")
    )
    errors = staged.select(F.explode("_errors").alias("error")).where("error.rule = 'type'")
    types = errors.select(
        F.lit("type").alias("kind"), F.col("error.column").alias("field"), F.col("error.value").alias("example")
    )
    found = (
        unknown.unionAll(types)
        .groupBy("kind", "field")
        .agg(F.count(F.lit(1)).alias("records"), F.substring(F.min("example"), 1, 500).alias("example"))
        .orderBy("kind", "field")
    )
    return [Drift(row.kind, row.field, row.records, row.example) for row in found.collect()]
