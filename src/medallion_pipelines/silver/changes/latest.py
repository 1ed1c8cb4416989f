"""SCD type 1 as a function of events: what a key is now, put together from changes that bring a part each."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from medallion_pipelines.silver.changes.events import DELETE, UPSERT, rank, winner


def latest(events: DataFrame, keys: Sequence[str]) -> DataFrame:
    """The keys that are there after their events, of which these are all: keys and `_values`.

    At one sequence a key has one event: a delete if there is one, else the one of the greatest content.
    Each column has the value that the last event to carry it brought, since the last delete.
    """
    values = events.schema["_values"].dataType
    assert isinstance(values, StructType)
    once = winner(events, [*keys, "_sequence"], rank(events))
    whole = Window.partitionBy(*keys)
    deleted = F.max(F.when(F.col("_operation") == DELETE, F.col("_sequence"))).over(whole)
    alive = once.withColumn("_deleted", deleted).where(
        (F.col("_operation") == UPSERT)
        & (F.col("_deleted").isNull() | (F.col("_sequence") > F.col("_deleted")))
    )
    columns = [
        F.max_by(
            F.col("_values").getField(name),
            F.when(F.array_contains("_carried", F.lit(name.lower())), F.col("_sequence")),
        ).alias(name)
        for name in values.names
    ]
    grouped = alive.groupBy(*keys).agg(F.struct(*columns).alias("_values") if columns else F.lit(0))
    return grouped.select(*keys, F.col("_values") if columns else F.struct().alias("_values"))
