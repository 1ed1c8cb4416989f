"""Values that one row may have and no other."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Column, Table
from medallion_pipelines.silver.links import Read
from medallion_pipelines.silver.order import order
from medallion_pipelines.silver.reasons import ERRORS, error
from medallion_pipelines.sql import quoted


def with_unique(
    rows: DataFrame, table: Table, read: Read, beside: Callable[[DataFrame], DataFrame | None]
) -> DataFrame:
    """Adds an error to each record whose value of a unique column belongs to another row already: to
    one in the table that stays `beside` the batch, else to the record of the batch that comes first by
    `order`."""
    for column in table.columns:
        if column.unique and table.primary_key != (column.name,):
            existing = read(table.key)
            clashing = _clash_in_batch(rows, table, column)
            staying = None if existing is None else beside(existing)
            if staying is not None:
                clashing = _clash_with_table(clashing, table, column, staying)
            value = F.col(quoted(column.name))
            reason = error(F.col("_clash"), "unique", column.name, "belongs to another row already", value)
            errors = F.array_compact(F.concat("_errors", F.array(reason))).cast(ERRORS)
            rows = clashing.withColumn("_errors", errors).drop("_clash")
    return rows


def _clash_in_batch(rows: DataFrame, table: Table, column: Column) -> DataFrame:
    """`_clash`: whether the value went to another record of the batch."""
    usable = _usable(column)
    # what takes no part is spread by its text, lest it all meet in one task
    spread = F.when(usable, F.lit(0)).otherwise(F.xxhash64("_record"))
    group = Window.partitionBy(quoted(column.name), spread).orderBy(
        order(table).asc(), F.col("_record").asc()
    )
    me = _me(table)
    another = F.row_number().over(group) > 1 if me is None else ~F.first(me).over(group).eqNullSafe(me)
    return rows.withColumn("_clash", usable & another)


def _clash_with_table(rows: DataFrame, table: Table, column: Column, existing: DataFrame) -> DataFrame:
    """`_clash` where the value is in the table, under another key."""
    value, me = F.col(quoted(column.name)), _me(table)
    holder = F.lit(True) if me is None else me
    # the column may have become unique after rows with the same value came in: join each value once
    held = (
        existing.where(value.isNotNull())
        .groupBy(value.alias("_held"))
        .agg(F.min(holder).alias("_least"), F.max(holder).alias("_greatest"))
    )
    joined = rows.join(held, value == F.col("_held"), "left")
    another = F.col("_held").isNotNull()
    if me is not None:
        another = another & ~(F.col("_least").eqNullSafe(me) & F.col("_greatest").eqNullSafe(me))
    clash = F.col("_clash") | (_usable(column) & another)
    return joined.withColumn("_clash", clash).drop("_held", "_least", "_greatest")


def _usable(column: Column) -> SparkColumn:
    return F.col(quoted(column.name)).isNotNull() & (F.size("_errors") == 0)


def _me(table: Table) -> SparkColumn | None:
    return F.struct(*(F.col(quoted(key)) for key in table.primary_key)) if table.primary_key else None
