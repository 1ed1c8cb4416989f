"""SCD type 2 as a function of events: each version of a key with when it began and ended."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from medallion_pipelines.silver.changes.events import DELETE, UPSERT, rank
from medallion_pipelines.silver.order import comparable

INSERT_ROW, UPDATE_ROW, DELETE_ROW = "insert", "update", "delete"


def history(
    events: DataFrame, keys: Sequence[str], tracked: Sequence[str], *, ignore_null_updates: bool
) -> DataFrame:
    """What has to happen to a history table so that it shows some keys' events, of which these are all.

    `events` are event frames; the table's own rows of the keys are among them, their `_row` set and
    `_operation` NULL where the memory has their event, too. Returns the keys, `_action` (insert, update,
    delete), `_start`, `_end`, `_values`, a row per table row that differs.

    At one sequence a key has one event: a delete if there is one, else the one of the greatest content.
    A version begins where a tracked column changes, and after a delete; it ends where the next event
    begins another or deletes. (Lakeflow's AUTO CDC, save for the rule of ties, which it leaves open.)
    """
    in_order = Window.partitionBy(*keys).orderBy("_sequence")
    same_time = in_order.rangeBetween(Window.currentRow, Window.currentRow)
    ranked = Window.partitionBy(*keys).orderBy("_sequence", *(r.desc_nulls_last() for r in rank(events)))
    so_far = in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    counted = events.select(
        "*",
        (~F.lag("_sequence").over(ranked).eqNullSafe(F.col("_sequence"))).alias("_wins"),
        F.first("_row", ignorenulls=True).over(same_time).alias("_there"),
    ).where("_wins")
    if ignore_null_updates:
        counted = _filled(counted, keys)
    values = counted.schema["_values"].dataType
    assert isinstance(values, StructType)
    told = [(f.name, f.dataType.simpleString()) for f in values.fields if f.name in set(tracked)]
    content = F.expr(comparable(told, "_values.")) if told else F.lit(0)
    is_upsert = F.col("_operation") == UPSERT
    begun = counted.select("*", content.alias("_content")).select(
        "*",
        F.coalesce(
            is_upsert
            & ~(
                F.coalesce(F.lag("_operation").over(in_order) == UPSERT, F.lit(False))
                & F.lag("_content").over(in_order).eqNullSafe(F.col("_content"))
            ),
            F.lit(False),
        ).alias("_begins"),
    )
    edge = F.col("_begins") | F.coalesce(F.col("_operation") == DELETE, F.lit(False))
    first = F.struct(F.col("_sequence").alias("start"), F.col("_there").alias("there"))
    runs = begun.select(
        *keys,
        "_sequence",
        "_values",
        "_there",
        "_begins",
        is_upsert.alias("_is_upsert"),
        F.last(F.when(F.col("_begins"), first), ignorenulls=True).over(so_far).alias("_first"),
        F.lead("_sequence").over(in_order).alias("_next"),
        F.coalesce(F.lead(edge).over(in_order), F.lit(True)).alias("_last"),
    )
    return _differing(runs, keys, values)


def _differing(runs: DataFrame, keys: Sequence[str], values: StructType) -> DataFrame:
    """A row per table row to insert, update or delete."""
    there = F.col("_first.there")
    parts = [(f.name, f.dataType.simpleString()) for f in values.fields]

    def all_of(prefix: str) -> Column:
        return F.expr(comparable(parts, prefix)) if parts else F.lit(0)

    same = there["end"].eqNullSafe(F.col("_next")) & all_of("_values.").eqNullSafe(
        all_of("_first.there.values.")
    )
    version = F.struct(
        F.when(there.isNull(), F.lit(INSERT_ROW)).when(~same, F.lit(UPDATE_ROW)).alias("action"),
        F.col("_first.start").alias("start"),
        F.col("_next").alias("end"),
        F.col("_values").alias("values"),
    )
    no_longer = F.struct(
        F.lit(DELETE_ROW).alias("action"),
        F.col("_sequence").alias("start"),
        F.lit(None).cast(runs.schema["_next"].dataType).alias("end"),
        F.lit(None).cast(values).alias("values"),
    )
    actions = F.array(
        F.when(F.col("_is_upsert") & F.col("_last"), version),
        F.when(F.col("_there").isNotNull() & ~F.col("_begins"), no_longer),
    )
    return (
        runs.select(*keys, F.explode(F.array_compact(actions)).alias("_do"))
        .where("_do.action IS NOT NULL")
        .select(
            *keys,
            F.col("_do.action").alias("_action"),
            F.col("_do.start").alias("_start"),
            F.col("_do.end").alias("_end"),
            F.col("_do.values").alias("_values"),
        )
    )


def _filled(events: DataFrame, keys: Sequence[str]) -> DataFrame:
    """NULLs take the value before them in sequence, never from before a delete."""
    so_far = (
        Window.partitionBy(*keys)
        .orderBy("_sequence")
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    values = events.schema["_values"].dataType
    assert isinstance(values, StructType)
    lives = events.withColumn("_life", F.count_if(F.col("_operation") == DELETE).over(so_far))
    life = (
        Window.partitionBy(*keys, "_life")
        .orderBy("_sequence")
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    filled = F.struct(
        *(
            F.last(F.col("_values").getField(name), ignorenulls=True).over(life).alias(name)
            for name in values.names
        )
    )
    upsert = F.col("_operation") == UPSERT
    return lives.withColumn("_values", F.when(upsert, filled)).drop("_life")
